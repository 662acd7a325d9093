//! Every small problem, against the oracle, with guard bytes around each output.
//!
//! Of both convolutions: every input of 1 to 4 rows and 1 to 4 columns, kernel of 1 to 5 by 1 to 5, stride of 1 to 3 by
//! 1 to 3, padding of each of the four sides from 0 to less than the kernel, output padding less than the stride, 1 or 2
//! channels in and out, weights of 8 and 4 bits, and all nine activations. Padding behind the last row and column and
//! output padding come in by the output's size, which is all that an operation says of them; two of them that give one
//! size give one problem. That leaves 394 axes of a convolution and 760 of a transposed one, each for the rows with each
//! for the columns: 394^2 * 72 = 11,176,992 and 760^2 * 72 = 41,587,200 problems. Nothing is left out by symmetry.
//!
//! Weights, biases, shifts and inputs are drawn anew for each shape and width. The oracle's accumulators are computed once
//! and rounded for each activation.
extern crate std;

use super::testing::{ACTIVATIONS, LAYOUTS, Pool, check, guarded, tensor};
use crate::oracle;
use shared::arithmetic::Activation;
use shared::layer::{
    Conv, ConvTranspose, Copy, Embedding, Kind, Layout, Region, Upsample, WeightShape, Weights,
    Window,
};
use std::collections::BTreeSet;
use std::{println, thread, vec::Vec};

/// One axis of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AxisCase {
    input: u16,
    kernel: u8,
    stride: u8,
    padding: u8,
    output: u16,
}

/// Every axis, with the sizes by their formulas: ONNX, operators Conv and ConvTranspose.
fn axis_cases(transposed: bool) -> Vec<AxisCase> {
    let mut cases = BTreeSet::new();
    for (input, kernel, stride) in (1..=4u16)
        .flat_map(|input| (1..=5u8).map(move |kernel| (input, kernel)))
        .flat_map(|(input, kernel)| (1..=3u8).map(move |stride| (input, kernel, stride)))
    {
        for (padding, behind, output_padding) in (0..kernel)
            .flat_map(|padding| (0..kernel).map(move |behind| (padding, behind)))
            .flat_map(|(padding, behind)| (0..stride).map(move |extra| (padding, behind, extra)))
        {
            let [n, k, s] = [i32::from(input), i32::from(kernel), i32::from(stride)];
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
                    padding,
                    output: output as u16,
                });
            }
        }
    }
    cases.into_iter().collect()
}

/// A problem's operation with given weights.
type Make = for<'a> fn(Window, Weights<'a>) -> Kind<'a>;

/// All problems of one row case with every column case; how many.
fn with_rows(rows: AxisCase, columns: &[AxisCase], make: Make, pool: &mut Pool) -> u64 {
    let mut count = 0;
    let mut memory = Vec::new();
    for &column in columns {
        let window = Window {
            kernel: [rows.kernel, column.kernel],
            stride: [rows.stride, column.stride],
            padding: [rows.padding, column.padding],
        };
        for (inputs, outputs) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let from = tensor([rows.input, column.input, inputs]);
            let to = tensor([rows.output, column.output, outputs]);
            let x = pool.elements(from.len() as usize);
            let shape = WeightShape::conv(&window, &from, &to);
            for layout in LAYOUTS {
                let data = pool.weights(layout, shape.rows, shape.columns, shape.channels);
                let kind = make(window, data.weights(Activation::None));
                let sums = oracle::sums(&kind, &from, &to, &x).expect("it has weights");
                for activation in ACTIVATIONS {
                    let weights = data.weights(activation);
                    let kind = make(window, weights);
                    let found = guarded(&kind, (&from, &to), &x, &mut memory);
                    let channels = weights.shifts.iter().cycle();
                    let equal =
                        found.len() == sums.len()
                            && found.iter().zip(&sums).zip(channels).all(
                                |((&found, &sum), &shift)| {
                                    found == oracle::requantize(sum, shift, activation)
                                },
                            );
                    assert!(
                        equal,
                        "{kind:?} from {from:?} to {to:?} of {x:?}: {found:?}, expected {:?}",
                        oracle::outputs(&weights, &sums)
                    );
                    count += 1;
                }
            }
        }
    }
    count
}

/// All problems, on every core; how many.
fn all(transposed: bool, make: Make) -> u64 {
    let cases = axis_cases(transposed);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let work = |worker: usize| {
        let mut pool = Pool::new(worker as u64);
        // Rows of like cost go to different workers.
        let rows = cases.iter().skip(worker).step_by(workers);
        rows.map(|&rows| with_rows(rows, &cases, make, &mut pool))
            .sum::<u64>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|why| std::panic::resume_unwind(why))
            })
            .sum()
    })
}

#[test]
fn every_small_convolution() {
    let count = all(false, |window, weights| {
        Kind::Conv(Conv {
            input: 0,
            output: 1,
            window,
            weights,
        })
    });
    println!("{count} convolutions are equal");
    assert_eq!(count, 394 * 394 * 72);
}

#[test]
fn every_small_transposed_convolution() {
    let count = all(true, |window, weights| {
        Kind::ConvTranspose(ConvTranspose {
            input: 0,
            output: 1,
            window,
            weights,
        })
    });
    println!("{count} transposed convolutions are equal");
    assert_eq!(count, 760 * 760 * 72);
}

/// Every shape of 1 to 4 rows, columns and channels.
fn shapes() -> impl Iterator<Item = Region> {
    (1..=4)
        .flat_map(|height| (1..=4).map(move |width| (height, width)))
        .flat_map(|(height, width)| (1..=4).map(move |channels| tensor([height, width, channels])))
}

#[test]
fn every_small_upsampling() {
    let mut pool = Pool::new(1);
    let mut count = 0;
    for from in shapes() {
        for factor in (1..=4u8).flat_map(|rows| (1..=4u8).map(move |columns| [rows, columns])) {
            let [rows, columns] = factor.map(u16::from);
            let to = tensor([from.height * rows, from.width * columns, from.channels]);
            let kind = Kind::Upsample(Upsample {
                input: 0,
                output: 1,
                factor,
            });
            check(&kind, &from, &to, &pool.elements(from.len() as usize));
            count += 1;
        }
    }
    println!("{count} upsamplings are equal");
    assert_eq!(count, 64 * 16);
}

#[test]
fn every_small_copy_and_every_shift_of_every_element() {
    let mut pool = Pool::new(2);
    let mut count = 0;
    for from in shapes() {
        for (before, behind) in (0..=3).flat_map(|a| (0..=3).map(move |b| (a, b))) {
            let to = tensor([from.height, from.width, before + from.channels + behind]);
            for shift in 0..=30 {
                let kind = Kind::Copy(Copy {
                    input: 0,
                    output: 1,
                    channel_offset: before,
                    shift,
                });
                check(&kind, &from, &to, &pool.elements(from.len() as usize));
                count += 1;
            }
        }
    }
    for shift in 0..=30 {
        let whole = Kind::Copy(Copy {
            input: 0,
            output: 1,
            channel_offset: 0,
            shift,
        });
        let elements: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        check(
            &whole,
            &tensor([16, 16, 1]),
            &tensor([16, 16, 1]),
            &elements,
        );
        count += 1;
    }
    println!("{count} copies are equal");
    assert_eq!(count, 64 * 16 * 31 + 31);
}

/// Tables of 1 to 4 classes and up to 9 columns, with every label that is one-hot or between two classes, and none.
#[test]
fn every_small_embedding() {
    let mut pool = Pool::new(3);
    let mut count = 0;
    for (classes, length) in (1..=4u16).flat_map(|c| (1..=9u16).map(move |l| (c, l))) {
        let (from, to) = (tensor([1, 1, classes]), tensor([1, 1, length]));
        let pairs = (0..classes).flat_map(|a| (0..classes).map(move |b| (a, b)));
        for ((a, b), (p, q)) in pairs.flat_map(|pair| {
            let weights = [(127, 127), (-128, 0), (0, 0), (1, 126), (64, -63)];
            weights.map(move |weights| (pair, weights))
        }) {
            let mut x = std::vec![0i8; usize::from(classes)];
            x[usize::from(a)] = p;
            x[usize::from(b)] = q;
            for (layout, activation) in [Layout::Int8Rows, Layout::Int4Rows]
                .into_iter()
                .flat_map(|layout| ACTIVATIONS.map(|activation| (layout, activation)))
            {
                let shape = WeightShape::embedding(&from, &to);
                let data = pool.weights(layout, shape.rows, shape.columns, shape.channels);
                let kind = Kind::Embedding(Embedding {
                    input: 0,
                    output: 1,
                    weights: data.weights(activation),
                });
                check(&kind, &from, &to, &x);
                count += 1;
            }
        }
    }
    println!("{count} embeddings are equal");
    assert_eq!(count, (1 + 4 + 9 + 16) * 9 * 5 * 2 * 9);
}
