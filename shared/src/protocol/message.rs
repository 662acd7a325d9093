//! What is said.

use super::Refusal;
use crate::image::PixelRange;
use crate::latent::Latent;
use serde::{Deserialize, Serialize};

/// The longest name in a [`Hello`], in bytes.
pub const NAME_LEN: usize = 32;

/// From the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Who is there: [`Reply::Hello`].
    Hello,
    /// Computes a picture, and shows nothing: a [`Reply::Layer`] for the input and each operation,
    /// [`Reply::Pixels`], then [`Reply::Picture`].
    Generate(Latent),
    /// Replays the image's golden vectors and shows the result: [`Reply::SelfTest`].
    SelfTest,
    /// Makes room for a model image of so many bytes: [`Reply::Begun`]. Drops an upload that was
    /// not finished, unless it is the same one: that goes on where it was.
    Begin {
        /// Length of the image in bytes.
        len: u32,
        /// The CRC-32 that its header states.
        crc: u32,
    },
    /// Bytes of the image, [`BLOCK_LEN`](super::BLOCK_LEN) but for the last block, in order:
    /// [`Reply::Written`].
    Block {
        /// Where they belong.
        offset: u32,
        /// The bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// Checks the image that was uploaded, runs its self-test, and makes it the one that runs:
    /// [`Reply::Finished`]. The upload is over then, also where the image is refused: sent again,
    /// it gets [`Refusal::NotBegun`].
    Finish,
    /// Forgets the upload: [`Reply::Aborted`].
    Abort,
    /// Goes on with the built-in model until the next reset, so that a slot with one bank can be
    /// written: [`Reply::Released`].
    Release,
    /// Which messages the device logs from now on: [`Reply::Log`].
    Log(LogLevel),
}

/// From the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Who is here.
    Hello(#[serde(borrow)] Hello<&'a str>),
    /// The input, or an operation's output, was computed.
    Layer {
        /// 0 for the input, else the operation's index and one.
        index: u16,
        /// CRC-32 of its elements.
        checksum: u32,
        /// Ticks of the board's counter that it took.
        ticks: u32,
    },
    /// Part of the picture's int8 elements: rows, columns, channels.
    Pixels {
        /// Where they belong.
        offset: u32,
        /// The elements, as bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// The picture is complete.
    Picture {
        /// Number of [`Reply::Layer`] before it.
        layers: u16,
        /// Number of its elements.
        len: u32,
        /// Ticks of the board's counter for all of it.
        ticks: u32,
    },
    /// All golden vectors gave what they should. A failure is [`Refusal::SelfTest`].
    SelfTest {
        /// Number of golden vectors.
        goldens: u16,
    },
    /// There is room for the image.
    Begun {
        /// Where the next block belongs: 0, or more for an upload that goes on.
        offset: u32,
    },
    /// A block is in the slot.
    Written {
        /// Where the next block belongs.
        offset: u32,
    },
    /// The image is checked and marked as good. The device starts with it now; a [`Request::Hello`]
    /// tells when.
    Finished {
        /// CRC-32 of the image.
        crc: u32,
    },
    /// The upload is forgotten.
    Aborted,
    /// The device starts with the built-in model now.
    Released,
    /// From now on.
    Log(LogLevel),
    /// Nothing was done.
    Refused(Refusal),
}

impl Reply<'_> {
    /// Whether it ends the answer to a request.
    pub const fn is_last(&self) -> bool {
        !matches!(self, Self::Layer { .. } | Self::Pixels { .. })
    }
}

/// Who is there. `S` is what names are kept in: borrowed on the line, owned by a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<S> {
    /// Name of the board, as `--board` takes it.
    pub board: S,
    /// Version of the firmware.
    pub firmware: S,
    /// Name of the model that runs, cut to [`NAME_LEN`].
    pub model: S,
    /// Where that model is.
    pub source: Source,
    /// What the slot holds.
    pub slot: SlotState,
    /// Banks of the slot: 2 keep the model that runs while another is uploaded, 1 does not, 0 is no
    /// slot.
    pub banks: u8,
    /// The longest image that a bank takes, in bytes.
    pub slot_capacity: u32,
    /// Length of the model's image in bytes.
    pub image_len: u32,
    /// The CRC-32 that the image states.
    pub image_crc: u32,
    /// Scratch memory that the model needs, in bytes.
    pub arena_len: u32,
    /// Scratch memory that the device has.
    pub arena_capacity: u32,
    /// Length of the latent vector.
    pub latent_len: u16,
    /// Number of classes; 0 for an unconditional model.
    pub classes: u8,
    /// Number of operations.
    pub ops: u16,
    /// Golden vectors in the image.
    pub goldens: u16,
    /// Rows of a picture.
    pub height: u16,
    /// Columns of a picture.
    pub width: u16,
    /// Channels of a picture.
    pub channels: u16,
    /// How its elements become grey levels.
    pub range: PixelRange,
}

impl<S> Hello<S> {
    /// The same with names of another type.
    pub fn map_names<T>(self, mut names: impl FnMut(S) -> T) -> Hello<T> {
        Hello {
            board: names(self.board),
            firmware: names(self.firmware),
            model: names(self.model),
            source: self.source,
            slot: self.slot,
            banks: self.banks,
            slot_capacity: self.slot_capacity,
            image_len: self.image_len,
            image_crc: self.image_crc,
            arena_len: self.arena_len,
            arena_capacity: self.arena_capacity,
            latent_len: self.latent_len,
            classes: self.classes,
            ops: self.ops,
            goldens: self.goldens,
            height: self.height,
            width: self.width,
            channels: self.channels,
            range: self.range,
        }
    }
}

/// Where a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// In the program.
    BuiltIn,
    /// In a bank of the slot.
    Bank(u8),
}

/// What the slot held at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotState {
    /// The board has no slot.
    Absent,
    /// No model was ever uploaded, or the last upload was not finished.
    Empty,
    /// Its newest model runs.
    Running,
    /// Its newest model is not run, for this reason.
    Refused(Refusal),
    /// It holds a model that was released.
    Released,
}

/// Which messages the device logs: this level and those above it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong.
    Error,
    /// What may be wrong.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// Also steps of a walk.
    Debug,
}

/// A frame's content that is no message of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame holds no message that is known here; device and host are of different versions")]
pub struct MalformedMessage {
    /// The number, where there is one.
    pub number: u8,
}

/// Reads a frame's content: the number, and a [`Request`] or a [`Reply`].
///
/// # Errors
/// [`MalformedMessage`] where it is none, or where bytes follow it.
pub fn decode<'a, T: Deserialize<'a>>(content: &'a [u8]) -> Result<(u8, T), MalformedMessage> {
    let (&number, message) = content
        .split_first()
        .ok_or(MalformedMessage { number: 0 })?;
    match postcard::take_from_bytes(message) {
        Ok((message, [])) => Ok((number, message)),
        Ok(_) | Err(_) => Err(MalformedMessage { number }),
    }
}

/// The first [`NAME_LEN`] bytes of a name, or less: characters stay whole.
pub fn short(name: &str) -> &str {
    let end = (0..=NAME_LEN.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end));
    name.get(..end.unwrap_or(0)).unwrap_or_default()
}
