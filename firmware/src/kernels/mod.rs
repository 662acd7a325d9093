//! The operations' arithmetic, on slices: one file an operation.
//!
//! Every kernel equals a slow oracle in `i64` to the bit (on every small shape and on random larger ones), never panics,
//! and writes exactly its output. Lengths that do not fit one another leave the outputs without weights unwritten; the
//! engine passes none such.

use shared::layer::{Kind, Region};

pub mod conv;
pub mod conv_transpose;
pub mod copy;
pub mod dense;
pub mod embedding;
mod slide;
mod sums;
pub mod table;
pub mod upsample;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod random;
#[cfg(test)]
mod testing;

/// Computes an operation from the elements of its input region `from` to those of its output region `to`.
pub fn run(kind: &Kind<'_>, from: &Region, to: &Region, input: &[i8], output: &mut [i8]) {
    match kind {
        Kind::Dense(layer) => dense::dense(layer, input, output),
        Kind::Table(layer) => table::table(layer.entries, input, output),
        Kind::Conv(layer) => conv::conv(layer, from, to, input, output),
        Kind::ConvTranspose(layer) => {
            conv_transpose::conv_transpose(layer, from, to, input, output);
        }
        Kind::Upsample(layer) => upsample::upsample(layer, from, input, output),
        Kind::Copy(layer) => copy::copy(layer, from, to, input, output),
        Kind::Embedding(layer) => embedding::embedding(layer, input, output),
    }
}
