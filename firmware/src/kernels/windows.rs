//! Problems of windows: every small one, and random ones, for both convolutions.
//!
//! Every input of 1 to 4 rows and 1 to 4 columns, kernel of 1 to 5 by 1 to 5, stride of 1 to 3 by 1 to 3, padding of each of
//! the four sides from 0 to less than the kernel, output padding less than the stride, 1 or 2 channels in and out, weights
//! of 8 and 4 bits, and all nine activations. Padding behind the last row and column and output padding come in by the
//! output's size, which is all that an operation says of them; two of them that give one size give one problem. That leaves
//! 394 axes of a convolution and 760 of a transposed one, each for the rows with each for the columns:
//! 394^2 * 72 = 11,176,992 and 760^2 * 72 = 41,587,200 problems. Nothing is left out by symmetry. Dilations and groups have
//! smaller kernels, see [`every_small_dilation`].
//!
//! Weights, biases, shifts and inputs are drawn anew for each shape and width. The oracle's accumulators are computed once
//! and rounded for each activation.
extern crate std;

use super::oracle::{Problem, outputs, requantize};
use super::testing::{
    ACTIVATIONS, LAYOUTS, Pool, arithmetic, guarded, must_not_panic, tensor, with_weights,
};
use proptest::prelude::*;
use shared::arithmetic::Activation;
use shared::op::{Axis, Kind, Layout, WeightShape, Weights, Window};
use std::collections::BTreeSet;
use std::{thread, vec, vec::Vec};

/// A convolution or a transposed one.
pub trait Layer {
    const TRANSPOSED: bool;

    fn kind<'a>(window: Window, groups: u16, weights: Weights<'a>) -> Kind<'a>;

    /// The oracle's accumulators.
    fn sums(window: Window, groups: u16, weights: Weights<'_>, problem: &Problem<'_>) -> Vec<i64>;
}

/// One axis of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AxisCase {
    input: u16,
    kernel: u8,
    stride: u8,
    padding: u8,
    dilation: u8,
    output: u16,
}

/// Every axis up to these sizes, with the sizes by their formulas: ONNX, operators Conv and ConvTranspose.
fn axis_cases(
    transposed: bool,
    [inputs, kernels, strides]: [u8; 3],
    dilation: u8,
) -> Vec<AxisCase> {
    let mut cases = BTreeSet::new();
    for (input, kernel, stride) in (1..=u16::from(inputs))
        .flat_map(|input| (1..=kernels).map(move |kernel| (input, kernel)))
        .flat_map(|(input, kernel)| (1..=strides).map(move |stride| (input, kernel, stride)))
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
                    padding,
                    dilation,
                    output: output as u16,
                });
            }
        }
    }
    cases.into_iter().collect()
}

/// All problems of one row case with every column case, for these channels in and out and groups; how many.
fn with_rows<L: Layer>(
    rows: AxisCase,
    columns: &[AxisCase],
    channels: &[[u16; 3]],
    activations: &[Activation],
    pool: &mut Pool,
) -> u64 {
    let mut count = 0;
    let mut memory = Vec::new();
    for &column in columns {
        let window = Window {
            kernel: [rows.kernel, column.kernel],
            stride: [rows.stride, column.stride],
            padding: [rows.padding, column.padding],
            dilation: [rows.dilation, column.dilation],
        };
        for &[inputs, outputs_count, groups] in channels {
            let from = tensor([rows.input, column.input, inputs]);
            let to = tensor([rows.output, column.output, outputs_count]);
            let x = pool.tensor(&from);
            let shape = WeightShape::conv(&window, groups, &from, &to);
            for layout in LAYOUTS {
                let data = pool.weights(layout, shape);
                let problem = Problem {
                    from: &[from],
                    to: &to,
                    inputs: &[&x],
                    before: &[],
                };
                let plain = data.weights(Activation::None);
                let sums = L::sums(window, groups, plain, &problem);
                for &activation in activations {
                    let weights = data.weights(activation);
                    let kind = L::kind(window, groups, weights);
                    let found = guarded(&kind, &[from], &to, &[&x], &mut memory);
                    let channels = weights.shifts.iter().cycle();
                    let pairs = found.iter().zip(&sums).zip(channels);
                    let equal = found.len() == sums.len()
                        && pairs.into_iter().all(|((&found, &sum), &shift)| {
                            found == requantize(sum, shift, activation)
                        });
                    assert!(
                        equal,
                        "{kind:?} from {from:?} to {to:?} of {x:?}: {found:?}, expected {:?}",
                        outputs(&weights, &sums)
                    );
                    count += 1;
                }
            }
        }
    }
    count
}

/// Work on every core: rows of like cost go to different workers.
fn on_every_core(rows: &[AxisCase], work: impl Fn(AxisCase, &mut Pool) -> u64 + Sync) -> u64 {
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let mut pool = Pool::new(worker as u64);
                    let rows = rows.iter().skip(worker).step_by(workers);
                    rows.map(|&rows| work(rows, &mut pool)).sum::<u64>()
                })
            })
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

/// All problems of the head of this file; how many.
pub fn every_small<L: Layer>() -> u64 {
    let cases = axis_cases(L::TRANSPOSED, [4, 5, 3], 1);
    let channels = [[1, 1, 1], [1, 2, 1], [2, 1, 1], [2, 2, 1]];
    on_every_core(&cases, |rows, pool| {
        with_rows::<L>(rows, &cases, &channels, &ACTIVATIONS, pool)
    })
}

/// Kernels of 1 to 3, strides of 1 to 3 and dilations of 1 to 3 along each axis, in up to three groups.
pub fn every_small_dilation<L: Layer>() -> u64 {
    let cases: Vec<AxisCase> = (1..=3)
        .flat_map(|dilation| axis_cases(L::TRANSPOSED, [4, 3, 3], dilation))
        .collect();
    // Every fifth for the columns, from another start each time: each pair of kernels, strides and dilations is there.
    let channels = [[1, 1, 1], [2, 2, 2], [4, 2, 2], [3, 3, 3], [2, 6, 2]];
    on_every_core(&cases, |rows, pool| {
        let start = pool.below(5);
        let columns: Vec<AxisCase> = cases.iter().copied().skip(start).step_by(5).collect();
        with_rows::<L>(rows, &columns, &channels, &ACTIVATIONS[..3], pool)
    })
}

/// One random axis: size, kernel, stride, dilation, a number that chooses the padding and one that chooses the output's.
type AnyAxis = (u16, u8, u8, u8, usize, usize);

/// A random problem: two axes, channels of a group, groups, arithmetic, seed.
#[derive(Debug, Clone)]
pub struct AnyProblem {
    axes: [AnyAxis; 2],
    inputs: u16,
    outputs: u16,
    groups: u16,
    arithmetic: (Layout, Activation),
    seed: u64,
}

fn any_axis() -> impl Strategy<Value = AnyAxis> {
    (
        1u16..=12,
        1u8..=7,
        1u8..=4,
        1u8..=3,
        0usize..100,
        0usize..100,
    )
}

/// Problems above the exhaustive ones: the loops' whole turns, their remainders, and extremes.
pub fn any() -> impl Strategy<Value = AnyProblem> {
    let groups = prop_oneof![4 => Just(1u16), 1 => 2u16..=5];
    (
        [any_axis(), any_axis()],
        1u16..=40,
        1u16..=40,
        groups,
        arithmetic(),
        proptest::num::u64::ANY,
    )
        .prop_map(
            |(axes, inputs, outputs, groups, arithmetic, seed)| AnyProblem {
                axes,
                inputs: inputs.div_ceil(groups),
                outputs: outputs.div_ceil(groups),
                groups,
                arithmetic,
                seed,
            },
        )
}

/// Runs a random problem; one whose window does not fit its input is none.
pub fn random<L: Layer>(problem: AnyProblem) {
    let AnyProblem {
        axes,
        inputs,
        outputs,
        groups,
        arithmetic,
        seed,
    } = problem;
    let fits = if L::TRANSPOSED {
        Axis::conv_transpose_fits
    } else {
        Axis::conv_fits
    };
    let paddings = axes.map(|(_, kernel, _, dilation, choice, _)| {
        (choice % (usize::from(kernel - 1) * usize::from(dilation) + 1)) as u8
    });
    let window = Window {
        kernel: axes.map(|axis| axis.1),
        stride: axes.map(|axis| axis.2),
        padding: paddings,
        dilation: axes.map(|axis| axis.3),
    };
    let size = |axis: Axis, from: u16, choice: usize| {
        let sizes: Vec<u16> = (1..=60).filter(|&to| fits(&axis, from, to)).collect();
        sizes.get(choice.checked_rem(sizes.len())?).copied()
    };
    let height = size(window.rows(), axes[0].0, axes[0].5);
    let width = size(window.columns(), axes[1].0, axes[1].5);
    let Some((height, width)) = height.zip(width) else {
        return;
    };
    let from = tensor([axes[0].0, axes[1].0, inputs * groups]);
    let to = tensor([height, width, outputs * groups]);
    let shape = WeightShape::conv(&window, groups, &from, &to);
    with_weights(
        |weights| L::kind(window, groups, weights),
        (from, to),
        shape,
        arithmetic,
        seed,
    );
}

/// What no checked image holds: lengths, windows and shapes that do not fit one another.
#[derive(Debug, Clone)]
pub struct Nonsense {
    window: [u8; 8],
    groups: u16,
    shapes: [[u16; 3]; 2],
    lens: [usize; 5],
    arithmetic: (Layout, Activation),
}

/// Problems that do not fit.
pub fn nonsense() -> impl Strategy<Value = Nonsense> {
    let shape = || [0u16..300, 0u16..300, 0u16..300];
    let small = [0u16..9, 0u16..9, 0u16..9];
    let lens = [0usize..60, 0usize..20, 0usize..9, 0usize..50, 0usize..50];
    (
        proptest::array::uniform8(0u8..=255),
        0u16..9,
        (shape(), small),
        lens,
        arithmetic(),
    )
        .prop_map(|(window, groups, (from, to), lens, arithmetic)| Nonsense {
            window,
            groups,
            shapes: [from, to],
            lens,
            arithmetic,
        })
}

/// Nothing panics.
pub fn unfit<L: Layer>(problem: Nonsense) {
    let [kh, kw, sh, sw, ph, pw, dh, dw] = problem.window;
    let window = Window {
        kernel: [kh, kw],
        stride: [sh, sw],
        padding: [ph, pw],
        dilation: [dh % 4, dw % 4],
    };
    let [values, bias, shifts, x, y] = problem.lens;
    let (layout, activation) = problem.arithmetic;
    let [values, bias, shifts] = [values, bias, shifts].map(|len| vec![0x9C; len]);
    let weights = Weights {
        layout,
        activation,
        values: &values,
        bias: &bias,
        shifts: &shifts,
    };
    let [from, to] = problem.shapes.map(tensor);
    let kind = L::kind(window, problem.groups, weights);
    must_not_panic(&kind, &[from], &to, &[&vec![-128; x]], y);
}
