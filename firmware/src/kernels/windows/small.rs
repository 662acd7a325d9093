//! Every small problem of a window, for both convolutions.
//!
//! Every input of 1 to 4 rows and 1 to 4 columns, kernel of 1 to 5 by 1 to 5, stride of 1 to 3 by 1
//! to 3, padding of each of the four sides from 0 to less than the kernel, output padding less than
//! the stride, 1 or 2 channels in and out, and weights of 8 and 4 bits. Padding behind the last row
//! and column and output padding come in by the output's size, which is all that an operation says
//! of them; two of them that give one size give one problem. That leaves 394 axes of a convolution
//! and 760 of a transposed one, each for the rows with each for the columns: 394^2 * 8 = 1,241,888
//! and 760^2 * 8 = 4,620,800 problems. Nothing is left out by symmetry. Dilations and groups have
//! smaller kernels, see [`every_small_dilation`].
//!
//! Every problem runs without an activation, at shifts by which no output saturates, so that a
//! wrong accumulator shows. Activations and shifts that saturate come last in a kernel, when the
//! accumulator is there: no shape can meet them otherwise than by that number. So they are gone
//! through where they can differ: every accumulator that is possible here, at every shift and
//! activation, in [`every_rounding`]. That kernels do come to them last is checked by running all
//! nine on every problem whose axes are [`AxisCase::tiny`], and one of them, in turn, on every
//! fourth of the others.
//!
//! The oracle's accumulators are computed once for each input, kernel, stride and dilation: padding
//! and the output's size only choose among them, which is checked against the oracle's own choice
//! on every tiny problem. Weights, biases, shifts and inputs are drawn anew each time that they are
//! computed.
extern crate std;

use super::super::oracle::{Problem, outputs, requantize};
use super::super::testing::{ACTIVATIONS, LAYOUTS, Pool, guarded, tensor};
use super::Layer;
use shared::arithmetic::Activation;
use shared::op::{WeightShape, Weights, Window};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{thread, vec::Vec};

/// One axis of a problem. In order, those of one [`AxisCase::shape`] are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AxisCase {
    input: u16,
    kernel: u8,
    stride: u8,
    dilation: u8,
    padding: u8,
    output: u16,
}

impl AxisCase {
    /// What the oracle's accumulators depend on.
    fn shape(&self) -> [u16; 4] {
        let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(u16::from);
        [self.input, kernel, stride, dilation]
    }

    /// Whether problems of such axes run with every activation.
    fn tiny(&self) -> bool {
        let largest = self.input.max(u16::from(self.kernel));
        largest + u16::from(self.dilation) <= 4 && self.stride <= 2
    }

    /// Elements from the first tap to the last.
    fn span(&self) -> u8 {
        (self.kernel - 1) * self.dilation + 1
    }

    /// From one position of the output to the next, among those of [`AxisCase::all_of`].
    fn step(&self, transposed: bool) -> usize {
        if transposed {
            1
        } else {
            usize::from(self.stride)
        }
    }

    /// Where a position of the output lies among those of [`AxisCase::all_of`].
    fn place(&self, transposed: bool, position: usize) -> usize {
        let first = if transposed {
            self.padding
        } else {
            self.span() - 1 - self.padding
        };
        usize::from(first) + position * self.step(transposed)
    }

    /// The axis that has the positions of all these cases, which are of one shape. A convolution by
    /// strides leaves positions out of one that goes on by ones, and its padding says at which it
    /// starts; a transposed one has its first positions cut off by padding.
    fn all_of(cases: &[Self], transposed: bool) -> Self {
        let places = cases
            .iter()
            .map(|case| case.place(transposed, usize::from(case.output) - 1));
        let case = cases[0];
        let (stride, padding) = if transposed {
            (case.stride, 0)
        } else {
            (1, case.span() - 1)
        };
        Self {
            stride,
            padding,
            output: places.max().map_or(0, |last| last as u16 + 1),
            ..case
        }
    }
}

/// The window of two axes.
fn window_of(rows: AxisCase, columns: AxisCase) -> Window {
    Window {
        kernel: [rows.kernel, columns.kernel],
        stride: [rows.stride, columns.stride],
        padding: [rows.padding, columns.padding],
        dilation: [rows.dilation, columns.dilation],
    }
}

/// Every axis up to these sizes, with the sizes by their formulas: ONNX, operators Conv and
/// ConvTranspose.
fn axis_cases(
    transposed: bool,
    [inputs, kernels, strides]: [u8; 3],
    dilations: u8,
) -> Vec<AxisCase> {
    let mut cases = BTreeSet::new();
    for (input, kernel, stride, dilation) in (1..=u16::from(inputs))
        .flat_map(|input| (1..=kernels).map(move |kernel| (input, kernel)))
        .flat_map(|(input, kernel)| (1..=strides).map(move |stride| (input, kernel, stride)))
        .flat_map(|(input, kernel, stride)| {
            (1..=dilations).map(move |d| (input, kernel, stride, d))
        })
    {
        let span = (kernel - 1) * dilation + 1;
        for (padding, behind, output_padding) in (0..span)
            .flat_map(|padding| (0..span).map(move |behind| (padding, behind)))
            .flat_map(|(padding, behind)| (0..stride).map(move |extra| (padding, behind, extra)))
        {
            let [n, k, s] = [i32::from(input), i32::from(span), i32::from(stride)];
            let pads = i32::from(padding) + i32::from(behind);
            let output = if transposed {
                (n - 1) * s + k + i32::from(output_padding) - pads
            } else if n + pads >= k {
                (n + pads - k) / s + 1
            } else {
                0
            };
            if output >= 1 {
                cases.insert(AxisCase {
                    input,
                    kernel,
                    stride,
                    dilation,
                    padding,
                    output: output as u16,
                });
            }
        }
    }
    cases.into_iter().collect()
}

/// Which problems there are.
struct Problems {
    cases: Vec<AxisCase>,
    /// Channels in, channels out, groups.
    channels: &'static [[u16; 3]],
    /// One in so many pairs of cases is checked.
    one_in: usize,
}

/// How many problems were equal, and how many of another run with an activation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    pub problems: u64,
    pub activated: u64,
}

impl Problems {
    /// The cases of each shape, and the number of the first of them.
    fn shapes(&self) -> Vec<(usize, &[AxisCase])> {
        let shapes = self.cases.chunk_by(|a, b| a.shape() == b.shape());
        shapes
            .scan(0, |number, cases| {
                let first = *number;
                *number += cases.len();
                Some((first, cases))
            })
            .collect()
    }

    /// Whether two cases are taken together for rows and columns, and which pair they then are; by
    /// their numbers.
    fn pair(&self, rows: usize, columns: usize) -> Option<usize> {
        let sum = rows + columns;
        sum.is_multiple_of(self.one_in).then(|| sum / self.one_in)
    }

    /// Every problem, on every core. Data are the same on every machine: a shape of the rows has a
    /// seed of its own.
    fn run<L: Layer>(&self) -> Count {
        let shapes = self.shapes();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut count = Count::default();
            let mut memory = Vec::new();
            while let Some(&rows) = shapes.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut pool = Pool::new(rows.0 as u64);
                for &columns in &shapes {
                    self.of_shapes::<L>(rows, columns, &mut pool, &mut memory, &mut count);
                }
            }
            count
        };
        thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(2, usize::from);
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut all = Count::default();
            for thread in threads {
                let count = thread
                    .join()
                    .unwrap_or_else(|why| std::panic::resume_unwind(why));
                all.problems += count.problems;
                all.activated += count.activated;
            }
            all
        })
    }

    /// All problems of one shape of the rows with one of the columns.
    fn of_shapes<L: Layer>(
        &self,
        (first_row, rows): (usize, &[AxisCase]),
        (first_column, columns): (usize, &[AxisCase]),
        pool: &mut Pool,
        memory: &mut Vec<i8>,
        count: &mut Count,
    ) {
        let all_rows = AxisCase::all_of(rows, L::TRANSPOSED);
        let all_columns = AxisCase::all_of(columns, L::TRANSPOSED);
        let tiny = rows[0].tiny() && columns[0].tiny();
        let variants = self
            .channels
            .iter()
            .flat_map(|&channels| LAYOUTS.map(|layout| (channels, layout)));
        for (variant, ([inputs, channels, groups], layout)) in variants.enumerate() {
            let from = tensor([all_rows.input, all_columns.input, inputs]);
            let all = tensor([all_rows.output, all_columns.output, channels]);
            let window = window_of(all_rows, all_columns);
            let x = pool.tensor(&from);
            let data = pool.weights(layout, WeightShape::conv(&window, groups, &from, &all));
            let weights = data.weights(Activation::None);
            let problem = Problem {
                from: &[from],
                to: &all,
                inputs: &[&x],
                before: &[],
            };
            let sums = L::sums(window, groups, weights, &problem);
            let shifts = unsaturated(&sums, usize::from(channels));
            let plain = Weights {
                shifts: &shifts,
                ..weights
            };
            let plain = (plain, outputs(&plain, &sums));
            // Over the shapes, every activation meets every variant.
            let turn = first_row + first_column + variant;
            let activations = match tiny {
                true => &ACTIVATIONS[..],
                false => &ACTIVATIONS[turn % ACTIVATIONS.len()..][..1],
            };
            let activated: Vec<_> = activations
                .iter()
                .map(|&activation| data.weights(activation))
                .map(|weights| (weights, outputs(&weights, &sums)))
                .collect();
            for (row_number, &rows) in (first_row..).zip(rows) {
                for (column_number, &columns) in (first_column..).zip(columns) {
                    let Some(pair) = self.pair(row_number, column_number) else {
                        continue;
                    };
                    let to = tensor([rows.output, columns.output, channels]);
                    let window = window_of(rows, columns);
                    let chosen = Chosen {
                        axes: [rows, columns],
                        transposed: L::TRANSPOSED,
                        channels: usize::from(channels),
                        width: usize::from(all.width),
                    };
                    let mut run = |(weights, expected): &(Weights<'_>, Vec<i8>)| {
                        let kind = L::kind(window, groups, *weights);
                        let found = guarded(&kind, &[from], &to, &[&x], memory);
                        assert!(
                            chosen.equal(found, expected),
                            "{kind:?} from {from:?} to {to:?} of {x:?}: {found:?}; expected are, \
                             at {chosen:?}, of {expected:?}"
                        );
                    };
                    run(&plain);
                    count.problems += 1;
                    if tiny || pair.is_multiple_of(4) {
                        activated.iter().for_each(&mut run);
                        count.activated += activated.len() as u64;
                    }
                    if tiny {
                        let problem = Problem { to: &to, ..problem };
                        let own = L::sums(window, groups, weights, &problem);
                        assert_eq!(own.len(), to.len() as usize);
                        assert!(chosen.equal(&own, &sums), "{chosen:?} of {sums:?}: {own:?}");
                    }
                }
            }
        }
    }
}

/// The least shift of each channel at which no accumulator of it saturates.
fn unsaturated(sums: &[i64], channels: usize) -> Vec<u8> {
    let shift = |channel: usize| {
        let own = sums.iter().skip(channel).step_by(channels);
        let largest = own.map(|sum| sum.abs()).max().unwrap_or(0);
        (1..=30).find(|&shift| largest <= 127 << shift)
    };
    (0..channels)
        .map(|channel| shift(channel).expect("sums are small"))
        .collect()
}

/// Which of an output's positions another output has.
#[derive(Debug)]
struct Chosen {
    axes: [AxisCase; 2],
    transposed: bool,
    channels: usize,
    /// Shape of the output that has all.
    width: usize,
}

impl Chosen {
    /// Whether an output is what is chosen of `all`.
    fn equal<T: PartialEq>(&self, found: &[T], all: &[T]) -> bool {
        let [rows, columns] = &self.axes;
        let width = usize::from(columns.output);
        // Pixels that lie side by side are compared at once.
        let (pixels, step) = match columns.step(self.transposed) {
            1 => (width, width),
            step => (1, step),
        };
        let len = pixels * self.channels;
        let lines = found.chunks(width * self.channels).enumerate();
        lines.into_iter().all(|(row, line)| {
            let first =
                rows.place(self.transposed, row) * self.width + columns.place(self.transposed, 0);
            let runs = line.chunks(len).enumerate();
            runs.into_iter().all(|(i, run)| {
                let at = (first + i * step) * self.channels;
                *run == all[at..][..len]
            })
        })
    }
}

/// All problems of the head of this file.
pub fn every_small<L: Layer>() -> Count {
    let problems = Problems {
        cases: axis_cases(L::TRANSPOSED, [4, 5, 3], 1),
        channels: &[[1, 1, 1], [1, 2, 1], [2, 1, 1], [2, 2, 1]],
        one_in: 1,
    };
    problems.run::<L>()
}

/// Kernels of 1 to 3, strides of 1 to 3 and dilations of 1 to 3 along each axis, in up to three
/// groups. Of the pairs of axes a fifth.
pub fn every_small_dilation<L: Layer>() -> Count {
    let problems = Problems {
        cases: axis_cases(L::TRANSPOSED, [4, 3, 3], 3),
        channels: &[[1, 1, 1], [2, 2, 2], [4, 2, 2], [3, 3, 3], [2, 6, 2]],
        one_in: 5,
    };
    // Each pair of kernels, strides and dilations is there.
    let mut met = BTreeSet::new();
    for (i, rows) in problems.cases.iter().enumerate() {
        for (j, columns) in problems.cases.iter().enumerate() {
            if problems.pair(i, j).is_some() {
                met.insert([rows, columns].map(|a| [a.kernel, a.stride, a.dilation]));
            }
        }
    }
    assert_eq!(met.len(), 27 * 27);
    problems.run::<L>()
}

/// Every activation of every accumulator that a small problem can have, at every shift of one: 25
/// taps of 2 channels, all of them at the largest magnitude, and a bias of 13 bits.
#[test]
fn every_rounding() {
    const LARGEST: i32 = 25 * 2 * 128 * 128 + (1 << 13);
    for (activation, shift) in ACTIVATIONS
        .into_iter()
        .flat_map(|activation| (1..=13).map(move |shift| (activation, shift)))
    {
        for sum in -LARGEST..=LARGEST {
            let (found, expected) = (
                activation.requantize(sum, shift),
                requantize(i64::from(sum), shift, activation),
            );
            assert_eq!(found, expected, "{activation:?} of {sum} at {shift}");
        }
    }
}
