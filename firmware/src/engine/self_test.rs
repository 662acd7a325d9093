//! Replays an image's golden vectors and compares every layer's checksum.

use super::{Engine, EngineError, Observer};
use crate::text::{Hex, Plain, decimal};
use shared::checksum;
use shared::image::Turn;
use shared::latent::Latent;

/// The first layer that gave something else than its golden checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch<'a> {
    /// Index of the golden vector.
    pub golden: usize,
    /// Index of the operation; `None` for the input. For a step of a block it is the operation
    /// before its body.
    pub op: Option<usize>,
    /// Number of the step, of a block.
    pub step: Option<u16>,
    /// Name of the operation, or "input".
    pub name: &'a str,
    /// The checksum in the image.
    pub expected: u32,
    /// The checksum of what was computed.
    pub found: u32,
}

/// Why a self-test failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelfTestError<'a> {
    /// A layer differs.
    #[error(
        "golden vector {}: {} has checksum {}, expected {}; the image or this firmware is damaged, flash both again",
        decimal(.0.golden), Plain(.0.name), Hex(.0.found), Hex(.0.expected)
    )]
    Mismatch(Mismatch<'a>),
    /// The engine refused. Why is not in the message, but its source: those of [`EngineError`]
    /// would take 600 bytes of a device's flash, whose images are checked.
    #[error("the engine refuses a golden vector; report this as a bug")]
    Engine(#[from] EngineError),
}

impl<'a> Engine<'a> {
    /// Replays every golden vector of the image and gives their number.
    ///
    /// # Errors
    /// [`SelfTestError`] at the first layer that differs, or where the engine refuses.
    pub fn self_test(&self, arena: &mut [i8]) -> Result<usize, SelfTestError<'a>> {
        self.self_test_observed(arena, &mut ())
    }

    /// As [`Engine::self_test`]; the observer sees each layer, and neither beginnings nor ends of
    /// pictures: nobody asked for these pictures, so none is to be measured or told of.
    ///
    /// # Errors
    /// As [`Engine::self_test`].
    pub fn self_test_observed(
        &self,
        arena: &mut [i8],
        observer: &mut dyn Observer,
    ) -> Result<usize, SelfTestError<'a>> {
        let goldens = self.image().goldens();
        let count = goldens.len();
        for (index, golden) in goldens.enumerate() {
            let mut comparison = Comparison {
                checksums: golden.checksums(),
                block: None,
                difference: None,
                observer: &mut *observer,
            };
            self.generate(arena, Latent::At(golden.point), &mut comparison)?;
            if let Some(Difference {
                op,
                step,
                expected,
                found,
            }) = comparison.difference
            {
                let name = op
                    .and_then(|op| self.image().ops().nth(op))
                    .map_or("input", |op| op.name);
                return Err(SelfTestError::Mismatch(Mismatch {
                    golden: index,
                    op,
                    step,
                    name,
                    expected,
                    found,
                }));
            }
        }
        Ok(count)
    }
}

/// Where a picture's values left the golden ones.
struct Difference {
    op: Option<usize>,
    step: Option<u16>,
    expected: u32,
    found: u32,
}

struct Comparison<'o, I> {
    /// Those that are still to be met.
    checksums: I,
    observer: &'o mut dyn Observer,
    /// The operation before a block's body, and the checksum of this step so far.
    block: Option<(usize, checksum::Running)>,
    difference: Option<Difference>,
}

impl<I: Iterator<Item = u32>> Comparison<'_, I> {
    fn compare(&mut self, op: Option<usize>, step: Option<u16>, found: u32) {
        // A golden vector of a checked image has a checksum for each of them.
        let expected = self.checksums.next();
        if self.difference.is_none()
            && let Some(expected) = expected.filter(|&expected| expected != found)
        {
            self.difference = Some(Difference {
                op,
                step,
                expected,
                found,
            });
        }
    }
}

impl<I: Iterator<Item = u32>> Observer for Comparison<'_, I> {
    fn input(&mut self, input: &[i8]) {
        self.compare(None, None, checksum::of_activations(input));
    }

    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        self.observer.layer(turn, output);
        let Some(step) = turn.step else {
            let found = checksum::of_activations(output);
            return self.compare(Some(turn.index), None, found);
        };
        let (head, mut running) = self
            .block
            .take()
            .unwrap_or((turn.index, checksum::Running::new()));
        running.update(output);
        if step.last {
            self.compare(Some(head), Some(step.number), running.finish());
        } else {
            self.block = Some((head, running));
        }
    }
}
