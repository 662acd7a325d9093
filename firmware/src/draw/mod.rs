//! Drawing grey pictures on any embedded-graphics target: picture -> [`Scaled`] -> [`FromGrey`] ->
//! pixels.

mod grey;
mod scaled;

pub use grey::FromGrey;
pub use scaled::{Filter, Scaled};
