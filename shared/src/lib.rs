//! What host and device must agree on, and nothing else.
//!
//! 1. Integers only: a seed gives the same latent vector, and a latent vector the same picture, on
//!    every machine.
//! 2. One arithmetic, written once ([`arithmetic`]).
//! 3. A model is a program over one arena ([`op`]), read in place from its image ([`image`]). An
//!    image is checked once, by [`image::Image::new_checked`]; holding an [`image::Image`] proves
//!    that every accessor succeeds.
//! 4. No heap, no recursion, no unsafe code, no panic on any input.
//!
//! The way of the data: seed -> [`latent`] -> the engine walks [`image`] -> picture; [`golden`]
//! vectors say what each layer must have given. [`protocol`] is what host and device say to each
//! other about it.
#![no_std]
#![forbid(unsafe_code)]

pub mod arithmetic;
pub mod checksum;
pub mod golden;
pub mod image;
pub mod latent;
pub mod op;
pub mod protocol;
