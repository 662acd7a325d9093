//! From a seed to the input of a generator, in integers only, so that a seed gives the same picture
//! on every machine.
//!
//! seed -> [`pcg::split_mix_64`] -> [`pcg::Pcg32`] -> [`normal`] or uniform int8 values at exponent
//! [`EXPONENT`]; behind the latent vector stands the one-hot label, with [`ONE`] for the class that
//! is asked for.

pub mod normal;
pub mod pcg;

use crate::arithmetic::{saturate, shift_round_half_even};
use pcg::{Pcg32, split_mix_64};
use serde::{Deserialize, Serialize};

/// Every input is int8 at this exponent: `real = q * 2^-5`, so `-4.0..=3.97`.
pub const EXPONENT: i8 = -5;

/// The element of the class that is asked for; the others are 0.
///
/// The largest value, not 1.0 at [`EXPONENT`]: the quantizer makes the weights of the label smaller
/// by the same factor. Trained label weights are several times those of the latent vector, and
/// share an exponent with them; measured on the reference network, the pictures gain 5 dB at int8.
pub const ONE: i8 = 127;

/// Half the number of steps of the uniform prior: 1.0 at [`EXPONENT`].
const UNIT: i8 = 32;

/// Number of steps from one end of a walk to the other.
pub const WALK_STEPS: u8 = 64;

/// `round(2^14 * cos(pi / 2 * i / 64))`: weights of a walk's start; read backwards, of its end.
#[rustfmt::skip]
const QUARTER_COSINE: [i16; WALK_STEPS as usize + 1] = [
    16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791, 15679,
    15557, 15426, 15286, 15137, 14978, 14811, 14635, 14449, 14256, 14053, 13842, 13623, 13395,
    13160, 12916, 12665, 12406, 12140, 11866, 11585, 11297, 11003, 10702, 10394, 10080, 9760,
    9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639, 6270, 5897, 5520, 5139,
    4756, 4370, 3981, 3590, 3196, 2801, 2404, 2006, 1606, 1205, 804, 402, 0,
];

/// The stream of [`Pcg32`] that latent vectors are drawn from. Any constant would do; a change
/// changes every picture.
const STREAM: u64 = 0x7468_756D_6267_656E;

/// The distribution that a generator's latent vector is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prior {
    /// Standard normal, rounded to 1/32 and clipped to 127/32.
    #[default]
    Normal,
    /// Uniform on `-1..1`, in steps of 1/32.
    Uniform,
}

impl Prior {
    /// The number that stands for it in a model image.
    pub const fn code(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Uniform => 1,
        }
    }

    /// The prior of a number; `None` for others than [`Prior::code`] gives.
    pub const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Normal),
            1 => Some(Self::Uniform),
            _ => None,
        }
    }
}

/// A point in latent space: everything that decides one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Chooses the latent vector.
    pub seed: u32,
    /// Which class to draw; `None` for an unconditional generator.
    pub label: Option<u8>,
}

/// What a generator is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Latent {
    /// The picture of one point.
    At(Point),
    /// A picture on the way between two points.
    Between {
        /// Step 0.
        from: Point,
        /// Step [`WALK_STEPS`].
        to: Point,
        /// `0..=WALK_STEPS`; more counts as `WALK_STEPS`.
        step: u8,
    },
}

impl Latent {
    /// Fills `out` with the latent vector, which has `latent_len` elements, and the one-hot label
    /// behind it; gives the numbers of the seed that come next, for what is drawn later.
    ///
    /// The label walks on the straight line; see [`Stream::fill`] for the latent vector. A label
    /// beyond `out` leaves zeros: the engine refuses it before.
    pub fn fill(&self, prior: Prior, latent_len: usize, out: &mut [i8]) -> Stream {
        let (latent, label) = out.split_at_mut(latent_len.min(out.len()));
        let mut stream = Stream::new(self);
        stream.fill(prior, latent);
        let Self::Between { from, to, .. } = *self else {
            label.fill(0);
            let [one, _] = self.labels();
            if let Some(one) = one.and_then(|l| label.get_mut(usize::from(l))) {
                *one = ONE;
            }
            return stream;
        };
        let step = stream.step;
        for (class, value) in label.iter_mut().enumerate() {
            let part = |point: Point, weight: u8| match point.label {
                Some(l) if usize::from(l) == class => i32::from(weight) * i32::from(ONE),
                _ => 0,
            };
            *value = saturate(shift_round_half_even(
                part(from, WALK_STEPS - step) + part(to, step),
                6,
            ));
        }
        stream
    }

    /// The labels asked for: one, or both ends of a walk.
    pub fn labels(&self) -> [Option<u8>; 2] {
        match *self {
            Self::At(point) => [point.label, point.label],
            Self::Between { from, to, .. } => [from.label, to.label],
        }
    }
}

/// The endless row of numbers that belong to a seed, or to a step of a walk between two: the latent
/// vector first, then what the program draws.
#[derive(Debug, Clone)]
pub struct Stream {
    from: Pcg32,
    /// The other end of a walk, and how far the walk is.
    to: Option<Pcg32>,
    step: u8,
}

impl Stream {
    /// The numbers from the first one on.
    pub fn new(latent: &Latent) -> Self {
        let generator = |point: Point| Pcg32::new(split_mix_64(u64::from(point.seed)), STREAM);
        match *latent {
            Latent::At(point) => Self {
                from: generator(point),
                to: None,
                step: 0,
            },
            Latent::Between { from, to, step } => Self {
                from: generator(from),
                to: Some(generator(to)),
                step: step.min(WALK_STEPS),
            },
        }
    }

    /// Fills `out` with the next numbers.
    ///
    /// Normal ones walk on the arc `z0 cos t + z1 sin t`, which keeps the distribution; uniform
    /// ones on the straight line.
    pub fn fill(&mut self, prior: Prior, out: &mut [i8]) {
        let Some(to) = &mut self.to else {
            out.fill_with(|| next(&mut self.from, prior));
            return;
        };
        let back = WALK_STEPS - self.step;
        let (start, end) = match prior {
            Prior::Normal => (
                QUARTER_COSINE[usize::from(self.step)],
                QUARTER_COSINE[usize::from(back)],
            ),
            // 64 steps, weights in units of 2^-14.
            Prior::Uniform => (i16::from(back) << 8, i16::from(self.step) << 8),
        };
        out.fill_with(|| {
            let mixed = i32::from(next(&mut self.from, prior)) * i32::from(start)
                + i32::from(next(to, prior)) * i32::from(end);
            saturate(shift_round_half_even(mixed, 14))
        });
    }
}

/// The next number of one seed.
fn next(generator: &mut Pcg32, prior: Prior) -> i8 {
    match prior {
        Prior::Normal => normal::sample(generator),
        // The upper six bits: 0..=63, so -32..=31 fits.
        Prior::Uniform => (generator.next_u32() >> 26) as i8 - UNIT,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    fn filled(latent: Latent, prior: Prior) -> std::vec::Vec<i8> {
        let mut out = vec![99; 110];
        latent.fill(prior, 100, &mut out);
        out
    }

    fn at(seed: u32, label: u8) -> Point {
        Point {
            seed,
            label: Some(label),
        }
    }

    #[test]
    fn quarter_cosine_is_the_cosine() {
        for (i, &entry) in QUARTER_COSINE.iter().enumerate() {
            let exact = 16384.0 * libm::cos(core::f64::consts::FRAC_PI_2 * i as f64 / 64.0);
            assert!((f64::from(entry) - exact).abs() < 0.51, "entry {i}");
        }
    }

    #[test]
    fn known_latents_stay() {
        // From an implementation in Python that shares no code with this one. A change here changes
        // every picture of every model: it needs a new version of the image.
        let first = |seed| {
            let mut out = [0; 8];
            Latent::At(Point { seed, label: None }).fill(Prior::Normal, 8, &mut out);
            out
        };
        assert_eq!(first(0), [5, -14, -40, -16, 16, 4, -15, 26]);
        assert_eq!(first(1), [16, 65, 40, -16, 30, 45, -1, 12]);
        assert_eq!(first(u32::MAX), [-14, -21, -34, -18, -41, 5, 14, 22]);
    }

    #[test]
    fn the_ends_of_a_walk_are_its_points() {
        for prior in [Prior::Normal, Prior::Uniform] {
            let (from, to) = (at(1, 3), at(2, 8));
            let walk = |step| filled(Latent::Between { from, to, step }, prior);
            assert_eq!(walk(0), filled(Latent::At(from), prior));
            assert_eq!(walk(WALK_STEPS), filled(Latent::At(to), prior));
            assert_eq!(walk(255), walk(WALK_STEPS));
            assert_eq!((walk(32)[103], walk(32)[108]), (64, 64));
        }
    }

    #[test]
    fn a_walk_keeps_mean_and_variance() {
        let mut out = vec![0i8; 100_000];
        for step in [1, 17, 32, 50] {
            let (from, to) = (
                Point {
                    seed: 5,
                    label: None,
                },
                Point {
                    seed: 6,
                    label: None,
                },
            );
            Latent::Between { from, to, step }.fill(Prior::Normal, 100_000, &mut out);
            let n = out.len() as f64;
            let mean = out.iter().map(|&q| f64::from(q)).sum::<f64>() / n / 32.0;
            let variance = out.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>() / n / 1024.0;
            assert!(mean.abs() < 0.016, "step {step}: mean {mean}");
            assert!(
                (variance - 1.0).abs() < 0.024,
                "step {step}: variance {variance}"
            );
        }
    }

    #[test]
    fn neighbouring_seeds_are_uncorrelated() {
        let latents: std::vec::Vec<_> = (0..200)
            .map(|seed| filled(Latent::At(at(seed, 0)), Prior::Normal))
            .collect();
        for pair in latents.windows(2) {
            let dot: f64 = (0..100)
                .map(|i| f64::from(pair[0][i]) * f64::from(pair[1][i]) / 1024.0)
                .sum();
            assert!(dot.abs() < 55.0, "{dot}"); // 5.5 standard deviations of a sum of 100 products
        }
    }

    #[test]
    fn uniform_stays_in_its_cube_and_is_even() {
        let mut out = vec![0i8; 64_000];
        Latent::At(Point {
            seed: 9,
            label: None,
        })
        .fill(Prior::Uniform, 64_000, &mut out);
        let mut counts = [0u32; 64];
        for q in out {
            counts[(i32::from(q) + 32) as usize] += 1;
        }
        assert!(
            counts.iter().all(|&c| (840..1160).contains(&c)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_label_out_of_range_leaves_zeros() {
        let out = filled(Latent::At(at(1, 200)), Prior::Normal);
        assert!(out[100..].iter().all(|&q| q == 0));
    }
}
