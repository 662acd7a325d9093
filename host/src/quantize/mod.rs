//! From a float network to integers: the arithmetic of `shared::arithmetic`, exponents that are
//! powers of two.
//!
//! [`fold`] makes the folded network: batch normalisation goes into the weights beside it,
//! activations into the layers before them. [`label`] fits the weights that meet the label,
//! [`equalize`] makes hidden channels fill int8, both along the ways that [`flow`] finds.
//! [`calibrate`] draws the inputs that all is calibrated on; [`Prepared`] holds the result.
//!
//! [`choose`] is the one walk to integers. What there is to choose, either [`Prepared::quantize`]
//! searches, each node calibrated on what the quantized nodes before it give: [`exponents`]
//! searches the scales, [`weights`] rounds by the [`hessian`] of what the weights meet, which for
//! convolutions are [`patches`]. Or [`fixed`] has it from a scheme, for networks trained with
//! quantization in the loop. [`widths`] chooses 8 or 4 bits a layer for a flash budget,
//! [`simulate`] runs the result fast, [`oracle`] slowly and obviously, [`report`] says what it
//! costs.

pub mod calibrate;
pub mod choose;
pub mod equalize;
mod error;
pub mod exponents;
pub mod fixed;
pub mod flow;
pub mod fold;
pub mod hessian;
pub mod label;
pub mod linalg;
pub mod oracle;
pub mod patches;
pub mod prepared;
pub mod report;
pub mod rounding;
pub mod scheme;
pub mod simulate;
#[cfg(test)]
mod tests;
pub mod weights;
pub mod widths;

pub use error::QuantizeError;
pub use prepared::{Prepared, QuantizeOptions};
pub use scheme::Scheme;
pub use weights::Method;
