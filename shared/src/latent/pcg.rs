//! The pseudo-random generator behind every latent vector: PCG-XSH-RR 64/32.

/// PCG-XSH-RR 64/32 (`pcg32`): O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically
/// Good Algorithms for Random Number Generation", HMC-CS-2014-0905, section 6.3.
#[derive(Debug, Clone)]
pub struct Pcg32 {
    state: u64,
    increment: u64,
}

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

impl Pcg32 {
    /// As `pcg32_srandom` of the reference: a state, and which of 2^63 streams.
    pub const fn new(state: u64, stream: u64) -> Self {
        let increment = (stream << 1) | 1;
        let state = increment
            .wrapping_add(state)
            .wrapping_mul(MULTIPLIER)
            .wrapping_add(increment);
        Self { state, increment }
    }

    /// The next 32 bits, all values equally likely.
    pub const fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        // Truncations are the algorithm's.
        let xor_shifted = (((old >> 18) ^ old) >> 27) as u32;
        xor_shifted.rotate_right((old >> 59) as u32)
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014, variant 13 of the mixer): spreads seeds that differ in a few bits over the whole
/// state.
pub const fn split_mix_64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::rand_core::Rng;

    #[test]
    fn first_numbers_of_the_reference() {
        // Printed by `pcg32-demo` of the reference implementation for seed 42, stream 54.
        let mut generator = Pcg32::new(42, 54);
        let expected = [
            0xa15c_02b7,
            0x7b47_f409,
            0xba1d_3330,
            0x83d2_f293,
            0xbfa4_784b,
            0xcbed_606e,
        ];
        for value in expected {
            assert_eq!(generator.next_u32(), value);
        }
    }

    #[test]
    fn equals_the_maintained_crate() {
        for seed in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let mut ours = Pcg32::new(seed, 11);
            let mut theirs = rand_pcg::Pcg32::new(seed, 11);
            for _ in 0..1000 {
                assert_eq!(ours.next_u32(), theirs.next_u32());
            }
        }
    }

    #[test]
    fn split_mix_first_numbers() {
        // The published test vector: outputs for the state 1234567 (the state grows by the golden
        // gamma).
        assert_eq!(split_mix_64(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(
            split_mix_64(1_234_567u64.wrapping_add(0x9E37_79B9_7F4A_7C15)),
            3_203_168_211_198_807_973
        );
    }
}
