//! Why the device does not do what it is asked for.

use super::{BLOCK_LEN, FrameError};
use serde::{Deserialize, Serialize};

/// Why a request is refused, or a model in the slot is not run. The device goes on as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// No frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that holds no request that this device knows.
    #[error(
        "the device does not know this request; its firmware and this program are of different versions"
    )]
    Malformed,
    /// The model does not draw this label.
    #[error("the device's model does not take this label, expected {}", Labels(*.classes))]
    Label {
        /// Number of its classes.
        classes: u8,
    },
    /// The engine refused for another reason.
    #[error("the device's engine refused to run the model; see the device's log")]
    Engine,
    /// There is no model to run, neither in the slot nor built in.
    #[error("the device has no model to run; flash its firmware again")]
    NoModel,
    /// The board has no slot.
    #[error("this board has no model slot; build its firmware with the model instead")]
    NoSlot,
    /// The model in the slot's only bank runs; [`Request::Release`](super::Request::Release) stops
    /// it.
    #[error("the model in the slot's only bank is running; release it first")]
    InUse,
    /// The image is longer than a bank.
    #[error("the model has {len} bytes, the slot holds {capacity}; export a smaller one")]
    TooLong {
        /// What was asked for.
        len: u32,
        /// What there is room for.
        capacity: u32,
    },
    /// A block, or the end, of an upload that was not begun, was aborted, or was finished.
    #[error("no upload was begun, or it was aborted or cut off by a restart; begin again")]
    NotBegun,
    /// A block out of order.
    #[error("expected the block at offset {expected}")]
    Offset {
        /// Where the next block belongs.
        expected: u32,
    },
    /// A block of a wrong length.
    #[error("expected a block of {expected} bytes; all have {BLOCK_LEN} but the last")]
    BlockLen {
        /// Its length.
        expected: u16,
    },
    /// Blocks are missing.
    #[error("only {received} bytes of the model came; send the rest")]
    Incomplete {
        /// How many came.
        received: u32,
    },
    /// The flash memory failed.
    #[error("the device's flash memory cannot be written; it may be worn out")]
    Flash,
    /// What is in the bank is not what was announced.
    #[error("the model in the slot is not the one that was announced; upload it again")]
    Checksum,
    /// No model image.
    #[error("the slot's content is no model image; check it with `thumbgen inspect`")]
    Image,
    /// A model that wants more scratch memory than the device has.
    #[error(
        "the model needs an arena of {needed} bytes, the device has {available}; export a smaller one"
    )]
    Arena {
        /// What the image states.
        needed: u32,
        /// What the device has.
        available: u32,
    },
    /// A model that takes too long.
    #[error(
        "the model takes {millions} million steps a picture, the device allows {allowed}; export a smaller one"
    )]
    Work {
        /// Multiplications and elements written, in millions.
        millions: u32,
        /// The device's limit, in millions.
        allowed: u32,
    },
    /// An image without golden vectors cannot be tested.
    #[error("the model has no golden vectors, so the device cannot test it; export it again")]
    NoGoldens,
    /// The self-test found a difference.
    #[error("the model fails its self-test on the device: golden vector {golden}, {}", Place(*.op))]
    SelfTest {
        /// Index of the golden vector.
        golden: u16,
        /// Index of the operation; `None` for the input.
        op: Option<u16>,
    },
    /// A model whose self-test takes too long.
    #[error(
        "the model's golden vectors take {millions} million steps, the device allows {allowed}; export it with fewer"
    )]
    TestWork {
        /// Multiplications and elements written for all of them, in millions.
        millions: u32,
        /// The device's limit, in millions.
        allowed: u32,
    },
    /// A model with an operator that the device's program was built without.
    #[error(
        "the model needs operator {code}, which the device's program was built without; build it with `thumbgen firmware --operators all`"
    )]
    Operator {
        /// The operator's code.
        code: u8,
    },
}

impl Refusal {
    /// Whether the same request, sent again, may be accepted: it may have been damaged on its way.
    pub const fn is_noise(self) -> bool {
        matches!(self, Self::Frame(_))
    }
}

/// Which labels a model takes.
struct Labels(u8);

impl core::fmt::Display for Labels {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0.checked_sub(1) {
            Some(last) => write!(f, "0 to {last}"),
            None => f.write_str("none"),
        }
    }
}

/// An operation, or the input.
struct Place(Option<u16>);

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(op) => write!(f, "operation {op}"),
            None => f.write_str("the input"),
        }
    }
}
