//! What operators have in common on their way to the device's operations.

use crate::graph::Window;
use shared::op::{self, Weights};

/// A number that the device's operation has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerError {
    /// What the number counts.
    pub what: &'static str,
    /// How much.
    pub value: usize,
    /// The most.
    pub limit: usize,
}

/// An operation's place in the program, and its data.
#[derive(Debug, Clone, Copy)]
pub struct Lowering<'a> {
    /// Which of the node's inputs is read.
    pub part: usize,
    /// First channel of the output that is written.
    pub channel: usize,
    /// Weights, where the operation has some; else empty ones.
    pub weights: Weights<'a>,
}

/// A window as the device has it.
///
/// # Errors
/// [`LowerError`] where a side does not fit a byte.
pub fn window(window: Window) -> Result<op::Window, LowerError> {
    Ok(op::Window {
        kernel: byte_pair("a kernel", window.kernel)?,
        stride: byte_pair("a stride", window.stride)?,
        padding: byte_pair("a padding", window.padding)?,
        dilation: byte_pair("a dilation", window.dilation)?,
    })
}

/// Two numbers as bytes.
///
/// # Errors
/// [`LowerError`] where one does not fit.
pub fn byte_pair(what: &'static str, pair: [usize; 2]) -> Result<[u8; 2], LowerError> {
    let byte = |value: usize| {
        let limit = usize::from(u8::MAX);
        u8::try_from(value).map_err(|_| LowerError { what, value, limit })
    };
    Ok([byte(pair[0])?, byte(pair[1])?])
}

/// A number as 16 bits.
///
/// # Errors
/// [`LowerError`] where it does not fit.
pub fn u16_of(what: &'static str, value: usize) -> Result<u16, LowerError> {
    let limit = usize::from(u16::MAX);
    u16::try_from(value).map_err(|_| LowerError { what, value, limit })
}
