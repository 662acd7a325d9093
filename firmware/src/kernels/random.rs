//! Random problems above the exhaustive ones, against the oracle: the loops' whole turns, their remainders, and extremes.
extern crate std;

use super::testing::{ACTIVATIONS, LAYOUTS, Pool, check, tensor};
use proptest::prelude::*;
use shared::arithmetic::Activation;
use shared::layer::{
    Axis, Conv, ConvTranspose, Dense, Embedding, Kind, Layout, Region, WeightShape, Weights, Window,
};
use std::{vec, vec::Vec};

/// Size, kernel, stride and padding of one axis, and a number that chooses among the sizes of its output.
fn axis() -> impl Strategy<Value = (u16, u8, u8, u8, usize)> {
    (
        1u16..=12,
        1u8..=7,
        1u8..=4,
        any::<proptest::sample::Index>(),
        0usize..100,
    )
        .prop_map(|(size, kernel, stride, padding, choice)| {
            let padding = padding.index(usize::from(kernel)) as u8;
            (size, kernel, stride, padding, choice)
        })
}

/// One of the sizes of the output that fit, none where there is none.
fn size(fits: fn(&Axis, u16, u16) -> bool, axis: Axis, from: u16, choice: usize) -> Option<u16> {
    let sizes: Vec<u16> = (1..=60).filter(|&to| fits(&axis, from, to)).collect();
    sizes.get(choice.checked_rem(sizes.len())?).copied()
}

/// A layer between two shapes, with extremes or random numbers.
fn problem(
    make: impl for<'a> Fn(Weights<'a>) -> Kind<'a>,
    (from, to): (Region, Region),
    shape: WeightShape,
    (layout, activation): (Layout, Activation),
    seed: u64,
) {
    let mut pool = Pool::new(seed);
    let data = pool.weights(layout, shape.rows, shape.columns, shape.channels);
    let random = pool.elements(from.len() as usize);
    let extreme = |value: i8| vec![value; from.len() as usize];
    for x in [random, extreme(-128), extreme(127)] {
        check(&make(data.weights(activation)), &from, &to, &x);
    }
    // The largest and smallest weights throughout: -128 and 127, or -8 and 7.
    let len = shape.values_len(layout) as usize;
    for byte in match layout {
        Layout::Int8Rows => [0x80, 0x7F],
        Layout::Int4Rows => [0x88, 0x77],
    } {
        let values = vec![byte; len];
        let weights = Weights {
            values: &values,
            ..data.weights(activation)
        };
        check(&make(weights), &from, &to, &extreme(-128));
    }
}

/// Layout and activation.
fn arithmetic() -> impl Strategy<Value = (Layout, Activation)> {
    (
        proptest::sample::select(&LAYOUTS[..]),
        proptest::sample::select(&ACTIVATIONS[..]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn convolutions(
        rows in axis(), columns in axis(), inputs in 1u16..=40, outputs in 1u16..=40, transposed: bool,
        arithmetic in arithmetic(), seed: u64,
    ) {
        let window = Window {
            kernel: [rows.1, columns.1],
            stride: [rows.2, columns.2],
            padding: [rows.3, columns.3],
        };
        let fits = if transposed { Axis::conv_transpose_fits } else { Axis::conv_fits };
        let height = size(fits, window.rows(), rows.0, rows.4);
        let width = size(fits, window.columns(), columns.0, columns.4);
        let Some((height, width)) = height.zip(width) else { return Ok(()) };
        let from = tensor([rows.0, columns.0, inputs]);
        let to = tensor([height, width, outputs]);
        let shape = WeightShape::conv(&window, &from, &to);
        let (input, output) = (0, 1);
        if transposed {
            problem(|weights| Kind::ConvTranspose(ConvTranspose { input, output, window, weights }), (from, to), shape, arithmetic, seed);
        } else {
            problem(|weights| Kind::Conv(Conv { input, output, window, weights }), (from, to), shape, arithmetic, seed);
        }
    }

    #[test]
    fn dense_layers_and_embeddings(
        inputs in 1u16..=200, outputs in 1u16..=40, embedding: bool, arithmetic in arithmetic(), seed: u64,
    ) {
        let regions = (tensor([1, 1, inputs]), tensor([1, 1, outputs]));
        let (input, output) = (0, 1);
        if embedding {
            let shape = WeightShape::embedding(&regions.0, &regions.1);
            problem(|weights| Kind::Embedding(Embedding { input, output, weights }), regions, shape, arithmetic, seed);
        } else {
            let shape = WeightShape::dense(&regions.0, &regions.1);
            problem(|weights| Kind::Dense(Dense { input, output, weights }), regions, shape, arithmetic, seed);
        }
    }

    /// What no checked image holds: lengths, windows and shapes that do not fit one another. Nothing panics.
    #[test]
    fn nothing_panics(
        window: [u8; 6], from: [u16; 3], to in [0u16..9, 0u16..9, 0u16..9], lens in [0usize..60, 0usize..20, 0usize..9],
        (layout, activation) in arithmetic(), x in 0usize..50, y in 0usize..50, offset: u16, shift: u8,
    ) {
        let [kh, kw, sh, sw, ph, pw] = window;
        let window = Window { kernel: [kh, kw], stride: [sh, sw], padding: [ph, pw] };
        let [values, bias, shifts] = lens.map(|len| vec![0x9C; len]);
        let weights = Weights { layout, activation, values: &values, bias: &bias, shifts: &shifts };
        let (input, output) = (0, 1);
        let (from, to) = (tensor(from.map(|n| n % 300)), tensor(to));
        for kind in [
            Kind::Dense(Dense { input, output, weights }),
            Kind::Embedding(Embedding { input, output, weights }),
            Kind::Conv(Conv { input, output, window, weights }),
            Kind::ConvTranspose(ConvTranspose { input, output, window, weights }),
            Kind::Upsample(shared::layer::Upsample { input, output, factor: [sh, sw] }),
            Kind::Copy(shared::layer::Copy { input, output, channel_offset: offset, shift }),
        ] {
            super::run(&kind, &from, &to, &vec![-128; x], &mut vec![0; y]);
        }
    }
}
