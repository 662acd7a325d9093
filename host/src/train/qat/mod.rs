//! Training with the quantization in the loop: a network of integers whose weights learn.
//!
//! [`TrainableIntegers`] is the phase: the graph of a quantized network, whose weights are places
//! in a list of parameters and whose exponents stay as they are. [`Student`] runs it: forwards it
//! computes what the device computes, to the byte, in the trainer's tensors; backwards rounding
//! counts as the identity and saturation as a constant (see [`crate::train::ops::round`]).
//! [`distill()`] lets the float network, the teacher, teach it on latents of its prior: no data, no
//! discriminator. The trainer takes a [`Student`] in the generator's place to go on against a
//! discriminator. Either way what comes out is a quantized network of the scheme that it started
//! with.

mod combine;
#[cfg(test)]
mod combine_tests;
pub mod distill;
mod linear;
mod phase;
mod student;
#[cfg(test)]
mod tests;

pub use combine::IntegerCombine;
pub use distill::{DistillOptions, Distilled, distill};
pub use linear::IntegerLinear;
pub use phase::{Parameters, TrainableIntegers};
pub use student::Student;
