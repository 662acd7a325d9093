//! What host and device must agree on, and nothing else.
#![no_std]
#![forbid(unsafe_code)]
