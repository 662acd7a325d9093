//! Talking to a device over a serial line, in the frames of [`shared::protocol`].
//!
//! [`open`] a port -> [`Client`] (frames, numbers, time limits, what is sent again) -> [`mod@upload`] of a model,
//! [`replay`] of golden vectors, pictures for `thumbgen sample`.
//!
//! The device is not trusted: any bytes from it give a typed error within a time limit.

mod client;
mod error;
mod port;
pub mod replay;
#[cfg(test)]
mod tests;
pub mod upload;

pub use client::{Client, DevicePicture, Layer};
pub use error::LinkError;
pub(crate) use port::READ_WAIT;
pub use port::{Port, open};
