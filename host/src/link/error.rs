//! Conversations with a device that went wrong.

use super::client::MAX_ELEMENTS;
use crate::system::failure::Class;
use shared::image::ImageError;
use shared::protocol::{Refusal, SlotState};
use std::io;
use std::time::Duration;

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The port cannot be opened.
    #[error(
        "cannot open {port}: {reason}; expected a serial port such as /dev/ttyACM0 or COM3, or tcp:HOST:PORT"
    )]
    Open {
        /// What was asked for.
        port: String,
        /// Why not.
        reason: String,
    },
    /// The port failed. What [`open`](super::open) opened names itself in the reason.
    #[error(
        "the connection to the device broke off ({0}); see that it is plugged in and which port it has now, then try again"
    )]
    Io(#[from] io::Error),
    /// The port took no bytes for as long as it may.
    #[error(
        "the device takes nothing of what is sent ({0}); see that no other program uses its port, reset it, then try again"
    )]
    Blocked(#[source] io::Error),
    /// Nothing came.
    #[error(
        "no answer from the device within {} s; is this its port, and does its firmware know this version of the protocol?",
        limit.as_secs_f32()
    )]
    Silent {
        /// How long was waited.
        limit: Duration,
    },
    /// An answer was begun again and again, or dripped.
    #[error(
        "the device did not come to the end of its answer within {} s; reset it, then try again",
        limit.as_secs_f32()
    )]
    Unfinished {
        /// How long was waited.
        limit: Duration,
    },
    /// A device whose pictures nobody can hold, or see.
    #[error(
        "the device says that its pictures have {height} x {width} x {channels} elements, expected 1 to {MAX_ELEMENTS}; flash its firmware again"
    )]
    Shape {
        /// Rows.
        height: u16,
        /// Columns.
        width: u16,
        /// Channels.
        channels: u16,
    },
    /// Answers were damaged again and again.
    #[error("the device's answers are damaged on the line; check the cable")]
    Damaged,
    /// The device speaks another version.
    #[error(
        "the device speaks version {found} of the protocol, this program version {}; update the older one",
        shared::protocol::VERSION
    )]
    Version {
        /// Its version.
        found: u8,
    },
    /// The device refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The device answers something else.
    #[error(
        "the device's answer is not {expected}; its firmware and this program are of different versions"
    )]
    Unexpected {
        /// What it should be.
        expected: &'static str,
    },
    /// The file is no model image.
    #[error("not a model image: {0}")]
    Image(#[from] ImageError),
    /// The device took the model, and runs another.
    #[error("the device took the model but does not run it ({})", State(*.slot))]
    NotRunning {
        /// What the slot holds.
        slot: SlotState,
    },
    /// Golden vectors of another model.
    #[error(
        "the device runs {model} with checksum {device:08x}, the golden vectors are of {golden_model} with {golden:08x}; name its folder with --model"
    )]
    OtherModel {
        /// Name of the device's model.
        model: String,
        /// Checksum of its image.
        device: u32,
        /// Name of the folder's model.
        golden_model: String,
        /// Checksum of the folder's image.
        golden: u32,
    },
}

impl LinkError {
    /// Whether the same question may be answered when it is asked again.
    pub(super) fn is_noise(&self) -> bool {
        match self {
            // A version that is none of ours may be a damaged marker.
            Self::Damaged | Self::Version { .. } => true,
            Self::Refused(refusal) => refusal.is_noise(),
            _ => false,
        }
    }

    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::OtherModel { .. } | Self::NotRunning { .. } => Class::Mismatch,
            Self::Refused(Refusal::SelfTest { .. }) => Class::Mismatch,
            Self::Refused(
                Refusal::TooLong { .. }
                | Refusal::Arena { .. }
                | Refusal::Work { .. }
                | Refusal::TestWork { .. },
            ) => Class::TooLarge,
            Self::Refused(Refusal::Label { .. }) | Self::Image(_) => Class::Input,
            _ => Class::Environment,
        }
    }
}

/// What a slot holds, in words.
struct State(SlotState);

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            SlotState::Absent => f.write_str("it has no slot"),
            SlotState::Empty => f.write_str("its slot is empty"),
            SlotState::Running => f.write_str("its slot holds another"),
            SlotState::Released => f.write_str("its slot was released"),
            SlotState::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}
