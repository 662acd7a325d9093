//! What an image must be before it runs from the slot.

use crate::engine::{Engine, Observer, SelfTestError};
use shared::image::{Image, ImageError, OpFault};
use shared::protocol::Refusal;

/// What a device can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Scratch memory in bytes.
    pub arena: usize,
    /// The most work a picture, in millions of multiplications ([`shared::op::Operator::work`]),
    /// for models from the slot: a hostile one could compute for hours.
    pub million_steps: u32,
    /// The same for all golden vectors together: the device tests a model before it answers
    /// anybody.
    pub million_test_steps: u32,
}

impl Limits {
    /// Whether an image may run from the slot of a device with these limits; it need not be good.
    ///
    /// # Errors
    /// [`Refusal::Arena`], [`Refusal::Work`], [`Refusal::NoGoldens`], [`Refusal::TestWork`].
    pub fn check(&self, image: &Image<'_>) -> Result<(), Refusal> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        if image.arena_len() > self.arena {
            return Err(Refusal::Arena {
                needed: count(image.arena_len()),
                available: count(self.arena),
            });
        }
        let steps = image.work();
        // More than 2^32 is too much for every board, and a division of 64 bits takes a kilobyte of
        // flash.
        let millions = |steps| u32::try_from(steps).unwrap_or(u32::MAX).div_ceil(1_000_000);
        let allowed = self.million_steps;
        if millions(steps) > allowed {
            return Err(Refusal::Work {
                millions: millions(steps),
                allowed,
            });
        }
        let goldens = image.goldens().len();
        if goldens == 0 {
            return Err(Refusal::NoGoldens);
        }
        let (steps, allowed) = (
            steps.saturating_mul(goldens as u64),
            self.million_test_steps,
        );
        if millions(steps) > allowed {
            return Err(Refusal::TestWork {
                millions: millions(steps),
                allowed,
            });
        }
        Ok(())
    }
}

/// Checks bytes that are to be an image with this checksum, down to its self-test; gives its number
/// of golden vectors.
pub(super) fn check(
    bytes: &[u8],
    crc: u32,
    limits: &Limits,
    arena: &mut [i8],
    observer: &mut dyn Observer,
) -> Result<usize, Refusal> {
    let image = Image::new_checked(bytes).map_err(|error| match error {
        ImageError::Op {
            fault: OpFault::Code(code),
            ..
        } => Refusal::Operator { code },
        _ => Refusal::Image,
    })?;
    if image.crc() != crc {
        return Err(Refusal::Checksum);
    }
    limits.check(&image)?;
    Engine::new(image)
        .self_test_observed(arena, observer)
        .map_err(|error| refusal(&error))
}

/// A failed self-test as it is told over the line.
pub(crate) fn refusal(error: &SelfTestError<'_>) -> Refusal {
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    match error {
        SelfTestError::Mismatch(mismatch) => Refusal::SelfTest {
            golden: count(mismatch.golden),
            op: mismatch.op.map(count),
        },
        SelfTestError::Engine(_) => Refusal::Engine,
    }
}
