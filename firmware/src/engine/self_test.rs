//! Replays an image's golden vectors and compares every layer's checksum.

use super::{Engine, EngineError, Observer};
use crate::text::{Hex, Plain, decimal};
use shared::checksum;
use shared::golden::Golden;
use shared::latent::Latent;
use shared::layer::Op;

/// The first layer that gave something else than its golden checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch<'a> {
    /// Index of the golden vector.
    pub golden: usize,
    /// Index of the operation; `None` for the input.
    pub op: Option<usize>,
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
    /// The engine refused. Why is not in the message, but its source: those of [`EngineError`] would take 600 bytes of a
    /// device's flash, whose images are checked.
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

    /// As [`Engine::self_test`]; the observer sees each layer, and neither beginnings nor ends of pictures: nobody asked
    /// for these pictures, so none is to be measured or told of.
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
                golden,
                difference: None,
                observer: &mut *observer,
            };
            self.generate(arena, Latent::At(golden.point), &mut comparison)?;
            if let Some((op, expected, found)) = comparison.difference {
                let name = op
                    .and_then(|op| self.image().ops().nth(op))
                    .map_or("input", |op| op.name);
                return Err(SelfTestError::Mismatch(Mismatch {
                    golden: index,
                    op,
                    name,
                    expected,
                    found,
                }));
            }
        }
        Ok(count)
    }
}

struct Comparison<'a, 'o> {
    golden: Golden<'a>,
    observer: &'o mut dyn Observer,
    /// Operation, expected and found of the first difference.
    difference: Option<(Option<usize>, u32, u32)>,
}

impl Comparison<'_, '_> {
    fn compare(&mut self, op: Option<usize>, expected: Option<u32>, values: &[i8]) {
        let found = checksum::of_activations(values);
        // A golden vector of a checked image has a checksum for every operation.
        if self.difference.is_none()
            && let Some(expected) = expected.filter(|&expected| expected != found)
        {
            self.difference = Some((op, expected, found));
        }
    }
}

impl Observer for Comparison<'_, '_> {
    fn input(&mut self, input: &[i8]) {
        self.compare(None, self.golden.input(), input);
    }

    fn layer(&mut self, index: usize, op: &Op<'_>, output: &[i8]) {
        self.observer.layer(index, op, output);
        self.compare(Some(index), self.golden.output_of(index), output);
    }
}
