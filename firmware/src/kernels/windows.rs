//! Problems of windows, for both convolutions: every small one in [`small`], and random ones.
extern crate std;

pub mod small;

use super::oracle::Problem;
use super::testing::{arithmetic, must_not_panic, tensor, with_weights};
use proptest::prelude::*;
use shared::arithmetic::Activation;
use shared::op::{Axis, Kind, Layout, WeightShape, Weights, Window};
use std::{vec, vec::Vec};

/// A convolution or a transposed one.
pub trait Layer {
    const TRANSPOSED: bool;

    fn kind<'a>(window: Window, groups: u16, weights: Weights<'a>) -> Kind<'a>;

    /// The oracle's accumulators.
    fn sums(window: Window, groups: u16, weights: Weights<'_>, problem: &Problem<'_>) -> Vec<i64>;
}

/// One random axis: size, kernel, stride, dilation, a number that chooses the padding and one that
/// chooses the output's.
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
