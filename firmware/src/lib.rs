//! Kernels, engine, drawing and the app.
#![no_std]
