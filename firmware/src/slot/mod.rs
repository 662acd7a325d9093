//! The model slot: a region of flash memory for a model that can be replaced without building the
//! program again.
//!
//! ```text
//! bank    block 0: the record, written last   blocks 1..: the image, run in place
//! record  "TGMS"  length u32  CRC-32 of the image u32  sequence u32  CRC-32 of the 16 bytes before it u32, then 0xFF
//! ```
//! 1. The built-in model is always there to fall back on.
//! 2. A record is written only when the whole image lies in flash, was checked, fits the device and
//!    passed its self-test ([`Upload`]). Without its record an image does not count, so an upload
//!    may be cut anywhere.
//! 3. At each start ([`boot`]) the newest image that counts is checked and tested again before it
//!    runs; where it fails, the other bank's, then the built-in one.
//! 4. No bank is written while its model runs: [`boot`] lends the running bank to the engine and
//!    another to the upload, so the compiler sees to that. With two banks the old model runs until
//!    the new one is good, and stays behind as the next to fall back on. With one, the model that
//!    runs from it must be released first
//!    ([`Request::Release`](shared::protocol::Request::Release)); a cut upload then leaves the
//!    built-in one.
//!
//! What this does not promise: a flash cell that was half erased when the power went may read
//! differently every time; the checksums find it at one of the starts, not for certain at the
//! first.

mod bank;
mod boot;
mod check;
mod record;
#[cfg(any(test, feature = "oracle"))]
pub mod simulated;
#[cfg(test)]
mod tests;
mod upload;

pub use bank::{Bank, FlashError, NoBank};
pub use boot::{BootError, Running, Start, boot};
pub use check::Limits;
pub(crate) use check::refusal;
pub use record::Record;
pub use upload::{NoSlot, Slot, Upload};
