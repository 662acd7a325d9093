//! The operations' arithmetic, on slices: one file an operation.
//!
//! Every kernel equals a slow oracle in `i64` to the bit (tested in each file), never panics, and writes exactly its
//! output. Lengths that do not fit one another leave the outputs without weights unwritten; the engine passes none such.

pub mod conv;
pub mod conv_transpose;
pub mod copy;
pub mod dense;
pub mod embedding;
mod slide;
mod sums;
pub mod table;
pub mod upsample;
