//! What runs on the device, and on the host when it previews the device: kernels, engine, drawing
//! and the app.
//!
//! 1. No heap, no floating point, no unsafe code; the boards' programs (`src/bin`) alone touch
//!    hardware.
//! 2. A model is data: [`engine`] walks a checked image and calls [`kernels`]; nothing here knows a
//!    network.
//! 3. Memory is lent, never owned: the caller brings the arena of the size that the image states.
//! 4. What is on the screen is a function of an [`app::View`] and the image, so the host draws it
//!    equal to the pixel.
//! 5. A model may come over the serial line into a [`slot`]; it runs when it was checked, never
//!    before.
//! 6. No bytes from outside can stop the device: every input has an answer.
//!
//! The way of the data: event -> [`app::App`] -> [`app::View`] -> [`engine`] -> [`draw`] ->
//! [`panel`].
#![no_std]
#![forbid(unsafe_code)]

pub mod app;
pub mod draw;
pub mod engine;
pub mod kernels;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
pub mod panel;
pub mod slot;
pub mod text;
