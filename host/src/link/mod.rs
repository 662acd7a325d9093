//! Talking to a device over a serial line, in the frames of [`shared::protocol`].
//!
//! [`open`] a port -> [`Client`] (frames, numbers, time limits, what is sent again) ->
//! [`mod@upload`] of a model, [`replay`] of golden vectors, pictures for `thumbgen sample`.
//!
//! The device is not trusted: whatever it sends, for how long it sends, and whatever it does not
//! take, every question ends in an answer or a typed error within [`Limits`], and in memory that is
//! bounded before anything is allocated. What it calls itself is fit for a terminal.

mod client;
mod error;
mod port;
pub mod replay;
#[cfg(test)]
mod tests;
pub mod upload;

pub use client::{Client, DevicePicture, Layer, Limits};
pub use error::LinkError;
pub(crate) use port::READ_WAIT;
pub use port::{Port, open};
