//! Random numbers of a picture's seed.

use super::{Kernel, Operands, State};
use shared::op::Noise;

impl Kernel for Noise {
    fn run(&self, _: &Operands<'_>, output: &mut [i8], state: &mut State) {
        state.stream.fill(self.prior, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Noise {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        state: &mut State,
    ) -> super::oracle::Vec<i8> {
        // One number at a time.
        let count = problem.to.len();
        (0..count)
            .map(|_| {
                let mut one = [0];
                state.stream.fill(self.prior, &mut one);
                one[0]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use shared::latent::{Latent, Point, Prior};
    use std::vec;

    #[test]
    fn every_small_region_is_filled() {
        for to in shapes(5) {
            for prior in [Prior::Normal, Prior::Uniform] {
                check(&Noise { prior }.into(), &[], &to, &[]);
            }
        }
    }

    /// The latent vector and two draws are one row of numbers, whatever it is cut into; so on a
    /// walk.
    #[test]
    fn numbers_go_on_behind_the_latent_vector() {
        let point = |seed| Point { seed, label: None };
        let walk = Latent::Between {
            from: point(7),
            to: point(8),
            step: 21,
        };
        for latent in [Latent::At(point(7)), walk] {
            let mut whole = vec![0; 60];
            latent.fill(Prior::Normal, 60, &mut whole);
            let mut found = vec![0; 60];
            let mut state = State {
                stream: latent.fill(Prior::Normal, 20, &mut found[..20]),
                step: 0,
            };
            for part in [20..45, 45..60] {
                let to = tensor([1, 1, part.len() as u16]);
                let operands = Operands {
                    from: &[],
                    to: &to,
                    inputs: &[],
                };
                let noise = Noise {
                    prior: Prior::Normal,
                };
                noise.run(&operands, &mut found[part], &mut state);
            }
            assert_eq!(found, whole);
        }
    }
}
