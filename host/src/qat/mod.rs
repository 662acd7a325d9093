//! Training with the quantization in the loop: a network of integers whose weights learn.
//!
//! [`Student`] computes forwards what the device computes, to the byte, in the trainer's tensors; backwards rounding
//! counts as the identity and saturation as a constant (see [`crate::train::ops::round`]). [`distill()`] lets the float
//! network teach it, on latents of its prior: no data, no discriminator. The trainer takes a [`Student`] in the
//! generator's place to go on against a discriminator. Either way what comes out is a
//! [`crate::quantize::QuantizedNetwork`] of the scheme that it started with.

pub mod distill;
pub mod moves;
mod student;
#[cfg(test)]
mod tests;

pub use distill::{DistillOptions, Distilled, distill};
pub use student::Student;
