//! Seeded random numbers, for random graphs and for tests.

use shared::latent::pcg::{Pcg32, split_mix_64};

/// A source of seeded random floats.
pub struct Random(Pcg32);

impl Random {
    /// The same seed gives the same numbers on every machine.
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::new(split_mix_64(seed), 0x7379_6e74))
    }

    /// Uniform on `low..high`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits: exact in a float.
        let unit = (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        low + unit * (high - low)
    }

    /// Nearly normal, mean 0 and variance 1: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform(-0.5, 0.5)).sum()
    }

    /// One of `0..n`; 0 where there is nothing to choose from.
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of a remainder does not matter for tests.
        self.0.next_u32() as usize % n.max(1)
    }
}
