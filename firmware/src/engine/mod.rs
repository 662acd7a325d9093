//! The engine: walks an image's program over a lent arena.
//!
//! latent -> input region -> each operation in order -> output region, seen as a [`Picture`]. An
//! [`Observer`] sees the input and every operation's output, for checksums, counting and logs.

mod picture;
mod resident;
mod self_test;

pub use picture::Picture;
pub use self_test::{Mismatch, SelfTestError};

use crate::kernels::{self, Operands, State};
use core::ops::Range;
use shared::image::{Image, Turn};
use shared::latent::Latent;
use shared::op::{MAX_INPUTS, Op, Region};

/// Watches the engine at work.
pub trait Observer {
    /// A picture is about to be computed; nothing is refused after this.
    fn begin(&mut self, latent: Latent) {
        let _ = latent;
    }

    /// The input: latent vector and one-hot label.
    fn input(&mut self, input: &[i8]) {
        let _ = input;
    }

    /// An operation has written its output.
    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        let _ = (turn, output);
    }

    /// The picture is computed.
    fn end(&mut self) {}
}

/// Sees nothing.
impl Observer for () {}

/// Why the engine refuses to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The scratch memory is smaller than [`Image::arena_len`].
    #[error(
        "an arena of {found} bytes, but the model needs {needed}; choose a smaller model or a larger board"
    )]
    Arena {
        /// What the image states.
        needed: usize,
        /// What was lent.
        found: usize,
    },
    /// The model has no such class.
    #[error("label {label} is not one of the model's classes, expected 0 to {last}")]
    Label {
        /// The label asked for.
        label: u8,
        /// The last class.
        last: u8,
    },
    /// The model wants to be told what to draw.
    #[error("no label, but the model is conditional, expected one of 0 to {last}")]
    NoLabel {
        /// The last class.
        last: u8,
    },
    /// The model cannot be told what to draw.
    #[error("label {label}, but the model is unconditional, expected none")]
    Unconditional {
        /// The label asked for.
        label: u8,
    },
    /// An operation's regions share bytes, which a checked image excludes.
    #[error(
        "operation {op} has regions that overlap, which a checked image excludes; report this as a bug"
    )]
    Regions {
        /// Index of the operation.
        op: usize,
    },
}

/// Runs one model. Owns no memory but the image's description of 150 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Engine<'a> {
    image: Image<'a>,
}

impl<'a> Engine<'a> {
    /// An engine for an image.
    pub const fn new(image: Image<'a>) -> Self {
        Self { image }
    }

    /// The image.
    pub const fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// Computes a picture in `arena`, of which the first [`Image::arena_len`] bytes are used.
    ///
    /// # Errors
    /// [`EngineError`] where the arena is too small or a label is not accepted by the model; the
    /// arena is then as before.
    pub fn generate<'m>(
        &self,
        arena: &'m mut [i8],
        latent: Latent,
        observer: &mut impl Observer,
    ) -> Result<Picture<'m>, EngineError> {
        // One copy of the walk, whatever the observer: it is called a few times a picture.
        self.walk(arena, latent, observer)
    }

    fn walk<'m>(
        &self,
        arena: &'m mut [i8],
        latent: Latent,
        observer: &mut dyn Observer,
    ) -> Result<Picture<'m>, EngineError> {
        let (needed, found) = (self.image.arena_len(), arena.len());
        let arena = arena
            .get_mut(..needed)
            .ok_or(EngineError::Arena { needed, found })?;
        for label in latent.labels() {
            self.check_label(label)?;
        }
        observer.begin(latent);
        // Every region of a checked image lies within the arena.
        let input = arena
            .get_mut(bytes_of(self.image.input()))
            .unwrap_or_default();
        let stream = latent.fill(self.image.prior(), self.image.latent_len(), input);
        observer.input(input);
        let mut state = State { stream, step: 0 };
        for turn in self.image.schedule() {
            state.step = turn.step.map_or(0, |step| step.number);
            self.run(&turn.op, arena, &mut state)
                .ok_or(EngineError::Regions { op: turn.index })?;
            let output = self.image.region(turn.op.output);
            observer.layer(&turn, arena.get(bytes_of(output)).unwrap_or_default());
        }
        observer.end();
        let output = self.image.output();
        let data = arena.get(bytes_of(output)).unwrap_or_default();
        Ok(Picture::new(data, &output, self.image.pixel_range()))
    }

    /// `None` where the regions are not in the arena, or overlap and may not. Not inlined: its
    /// frame is not there while the next operation is decoded.
    #[inline(never)]
    fn run(&self, op: &Op<'_>, arena: &mut [i8], state: &mut State) -> Option<()> {
        let from = self.image.inputs_of(op);
        let to = self.image.region(op.output);
        let written = bytes_of(to);
        let (before, rest) = arena.split_at_mut_checked(written.start)?;
        let (output, behind) = rest.split_at_mut_checked(written.len())?;
        let mut inputs: [&[i8]; MAX_INPUTS] = [&[]; MAX_INPUTS];
        let mut in_place = false;
        for (index, (input, region)) in inputs.iter_mut().zip(from.iter()).enumerate() {
            let read = bytes_of(*region);
            if read.end <= written.start {
                *input = before.get(read)?;
            } else if let Some(start) = read.start.checked_sub(written.end) {
                *input = behind.get(start..)?.get(..read.len())?;
            } else if index == 0 && region.covers_the_same_bytes(&to) {
                in_place = true;
            } else {
                return None;
            }
        }
        let operands = Operands {
            from: &from,
            to: &to,
            inputs: inputs.get(..from.len())?,
        };
        if in_place {
            return kernels::run_in_place(&op.kind, &operands, output);
        }
        kernels::run(&op.kind, &operands, output, state);
        Some(())
    }

    fn check_label(&self, label: Option<u8>) -> Result<(), EngineError> {
        if self.image.accepts(label) {
            return Ok(());
        }
        let last = self.image.classes().saturating_sub(1);
        Err(match label {
            None => EngineError::NoLabel { last },
            Some(label) if self.image.classes() == 0 => EngineError::Unconditional { label },
            Some(label) => EngineError::Label { label, last },
        })
    }
}

fn bytes_of(region: Region) -> Range<usize> {
    region.offset as usize..region.end() as usize
}

#[cfg(test)]
pub(crate) mod tests;
