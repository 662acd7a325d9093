//! Tensors with something around them.

use super::{Kernel, Operands, State};
use shared::op::{Pad, PadMode};

impl Kernel for Pad {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let [height, width, channels] = from.shape();
        let origin = |at: u32, axis: usize, len: u16| {
            let before = self.before.get(axis).map_or(0, |&before| u32::from(before));
            self.mode.origin(at, before, u32::from(len))
        };
        let constant = match self.mode {
            PadMode::Constant(value) => value,
            PadMode::Edge | PadMode::Reflect => 0,
        };
        let mut pixels = output.chunks_exact_mut(usize::from(to.channels).max(1));
        for row in 0..u32::from(to.height) {
            let row = origin(row, 0, height);
            for column in 0..u32::from(to.width) {
                let Some(pixel) = pixels.next() else { return };
                let place = row.zip(origin(column, 1, width)).map(|(row, column)| {
                    let pixel = row.wrapping_mul(u32::from(width)).wrapping_add(column);
                    (pixel as usize).wrapping_mul(usize::from(channels))
                });
                for (channel, y) in (0u32..).zip(pixel.iter_mut()) {
                    let element =
                        place
                            .zip(origin(channel, 2, channels))
                            .and_then(|(place, channel)| {
                                input.get(place.wrapping_add(channel as usize))
                            });
                    *y = element.copied().unwrap_or(constant);
                }
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Pad {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let shape = problem.shape(0);
        // By walking: from the position outside to the one inside.
        let inside = |position: usize, axis: usize| -> Option<usize> {
            let (before, len) = (self.before[axis] as isize, shape[axis] as isize);
            let at = position as isize - before;
            match self.mode {
                _ if (0..len).contains(&at) => Some(at as usize),
                PadMode::Constant(_) => None,
                PadMode::Edge => Some(at.clamp(0, len - 1) as usize),
                PadMode::Reflect if at < 0 => Some(-at as usize),
                PadMode::Reflect => Some((len - 1 - (at - (len - 1))) as usize),
            }
        };
        problem.output(|[row, column, channel]| {
            match (
                inside(row, 0),
                inside(column, 1),
                inside(channel, 2),
                self.mode,
            ) {
                (Some(row), Some(column), Some(channel), _) => {
                    problem.at(0, [row, column, channel])
                }
                (.., PadMode::Constant(value)) => value,
                _ => unreachable!("edges and mirrors have an element everywhere"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    /// Every padding of up to 2 elements on each side of every small shape, in every mode.
    #[test]
    fn every_small_padding() {
        let mut pool = Pool::new(35);
        let mut count = 0;
        let sides = || (0..=2u16).flat_map(|before| (0..=2u16).map(move |behind| (before, behind)));
        for from in shapes(3) {
            let x = pool.tensor(&from);
            for ((top, bottom), (left, right)) in sides().flat_map(|a| sides().map(move |b| (a, b)))
            {
                for (front, back) in [(0, 0), (1, 0), (2, 1)] {
                    let before = [top, left, front];
                    let behind = [bottom, right, back];
                    let shape = [0, 1, 2].map(|i| from.shape()[i] + before[i] + behind[i]);
                    for mode in [PadMode::Constant(-77), PadMode::Edge, PadMode::Reflect] {
                        let deep = (0..3).any(|i| before[i].max(behind[i]) >= from.shape()[i]);
                        if mode == PadMode::Reflect && deep {
                            continue;
                        }
                        check_one(Pad { before, mode }, &from, &tensor(shape), &x);
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 13_000, "{count}");
    }

    proptest! {
        #[test]
        fn nothing_panics(before: [u16; 3], from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            for mode in [PadMode::Constant(1), PadMode::Edge, PadMode::Reflect] {
                must_not_panic(&Pad { before, mode }.into(), &[from], &to, &[&vec![1; x]], y);
            }
        }
    }
}
