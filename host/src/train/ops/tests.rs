//! Tests of [`super`]: loops that follow the definitions, finite differences, and one backend's way
//! against another's.

use burn_flex::Flex;

use super::checks::{close, differentiates, random};
use super::*;
use crate::graph::Shape;

fn geometries() -> Vec<Geometry> {
    let mut all = Vec::new();
    for (height, width, channels, small, kernel) in [
        (8, 8, 3, 5, 4),
        (7, 9, 1, 2, 4),
        (5, 6, 2, 3, 5),
        (6, 5, 4, 1, 3),
        (4, 4, 2, 2, 2),
        // Columns of one picture over the size of a group.
        (40, 40, 24, 2, 5),
    ] {
        let large = Shape {
            channels,
            height,
            width,
        };
        all.push(Geometry::halving(large, small, kernel));
    }
    all.extend(general());
    all
}

/// Kernels that are not square, strides that differ, dilations, groups, rows that no kernel
/// reaches.
fn general() -> Vec<Geometry> {
    let shape = |channels, height, width| Shape {
        channels,
        height,
        width,
    };
    let of = |large, small, kernel, stride, before, dilation, groups| Geometry {
        large,
        small,
        kernel,
        stride,
        before,
        dilation,
        groups,
    };
    vec![
        of(
            shape(2, 6, 5),
            shape(3, 3, 5),
            [2, 3],
            [2, 1],
            [0, 1],
            [1, 1],
            1,
        ),
        of(
            shape(3, 7, 9),
            shape(2, 2, 3),
            [3, 2],
            [3, 3],
            [0, 2],
            [1, 3],
            1,
        ),
        of(
            shape(2, 9, 8),
            shape(2, 5, 4),
            [3, 3],
            [1, 2],
            [0, 1],
            [2, 1],
            1,
        ),
        of(
            shape(4, 5, 5),
            shape(4, 5, 5),
            [3, 3],
            [1, 1],
            [1, 1],
            [1, 1],
            4,
        ),
        of(
            shape(3, 8, 7),
            shape(6, 4, 3),
            [3, 2],
            [2, 2],
            [1, 0],
            [1, 2],
            3,
        ),
        of(
            shape(6, 6, 4),
            shape(4, 2, 2),
            [2, 2],
            [3, 2],
            [0, 0],
            [1, 1],
            2,
        ),
        of(
            shape(1, 4, 4),
            shape(5, 1, 1),
            [4, 4],
            [1, 1],
            [0, 0],
            [1, 1],
            1,
        ),
    ]
}

/// Calls with the places of each product of a batch: in the large tensor, in the small one, in the
/// weights.
fn each(g: Geometry, pictures: usize, mut call: impl FnMut(usize, usize, usize)) {
    let (l, s, [rows, columns]) = (g.large, g.small, g.kernel);
    let (of_large, of_small) = (l.channels / g.groups, s.channels / g.groups);
    for picture in 0..pictures {
        for (y, x) in (0..s.height).flat_map(|y| (0..s.width).map(move |x| (y, x))) {
            for (ky, kx) in (0..rows).flat_map(|ky| (0..columns).map(move |kx| (ky, kx))) {
                let row = y * g.stride[0] + ky * g.dilation[0];
                let column = x * g.stride[1] + kx * g.dilation[1];
                let inside = |place: usize, before, size| (before..before + size).contains(&place);
                if !inside(row, g.before[0], l.height) || !inside(column, g.before[1], l.width) {
                    continue;
                }
                let (row, column) = (row - g.before[0], column - g.before[1]);
                for (a, b) in (0..l.channels).flat_map(|a| (0..s.channels).map(move |b| (a, b))) {
                    if a / of_large != b / of_small {
                        continue;
                    }
                    let large = ((picture * l.height + row) * l.width + column) * l.channels + a;
                    let small = ((picture * s.height + y) * s.width + x) * s.channels + b;
                    let tap = ky * columns + kx;
                    let weight = (tap * of_large + a % of_large) * s.channels + b;
                    call(large, small, weight);
                }
            }
        }
    }
}

#[test]
fn convolutions_follow_their_definition_on_both_paths() {
    const PICTURES: usize = 19;
    for g in geometries() {
        let (large, small) = (
            random(PICTURES, g.large.len(), 1),
            random(PICTURES, g.small.len(), 2),
        );
        let [rows, columns] = g.weight();
        let weight = random(rows, columns, 3);
        let (l, s, w) = (values(&large), values(&small), values(&weight));
        let mut expected = [
            vec![0f32; s.len()],
            vec![0f32; l.len()],
            vec![0f32; w.len()],
        ];
        each(g, PICTURES, |at_large, at_small, at_weight| {
            expected[0][at_small] += l[at_large] * w[at_weight];
            expected[1][at_large] += s[at_small] * w[at_weight];
            expected[2][at_weight] += l[at_large] * s[at_small];
        });
        let (l, s, w) = (bare(large), bare(small), bare(weight));
        let fast = [
            Flex::gather(l.clone(), w.clone(), g),
            Flex::scatter(s.clone(), w.clone(), g),
            Flex::weight_gradient(l.clone(), s.clone(), g),
        ];
        let portable = [
            portable::gather::<Flex>(l.clone(), w.clone(), g),
            portable::scatter::<Flex>(s.clone(), w, g),
            portable::weight_gradient::<Flex>(l, s, g),
        ];
        for found in [fast, portable] {
            for ((found, expected), what) in
                found
                    .into_iter()
                    .zip(&expected)
                    .zip(["gather", "scatter", "weight gradient"])
            {
                let found = values(&wrapped::<Flex, 2>(found));
                close(&found, expected, &format!("{what} of {g:?}"));
            }
        }
    }
}

#[test]
fn a_convolution_and_its_transpose_are_adjoint() {
    for g in geometries() {
        let [rows, columns] = g.weight();
        let weight = random(rows, columns, 3);
        let (x, y) = (random(3, g.large.len(), 1), random(3, g.small.len(), 2));
        let dot = |a: &Tensor<Flex, 2>, b: &Tensor<Flex, 2>| -> f64 {
            let (a, b) = (values(a), values(b));
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(b))
                .sum()
        };
        let forward = dot(&conv(x.clone(), weight.clone(), g), &y);
        let back = dot(&x, &conv_transpose(y, weight, g));
        assert!(
            (forward - back).abs() < 1e-4 * forward.abs().max(1.0),
            "{forward} {back}"
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for g in geometries().into_iter().take(4).chain(general()) {
        let [rows, columns] = g.weight();
        let weight = random(rows, columns, 3);
        let (large, small) = (random(3, g.large.len(), 1), random(3, g.small.len(), 2));
        differentiates(
            vec![large, weight.clone()],
            |t| conv(t[0].clone(), t[1].clone(), g),
            "convolution",
        );
        differentiates(
            vec![small, weight],
            |t| conv_transpose(t[0].clone(), t[1].clone(), g),
            "transposed convolution",
        );
    }
    for activation in [
        Activation::None,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::LeakyRelu(0.25),
    ] {
        let what = format!("{activation:?}");
        let (x, scale, bias) = (random(6, 12, 1), random(1, 3, 2), random(1, 3, 4));
        // Away from the kink, where differences mean nothing.
        let x = x.clone() + x.sign() * 0.3;
        let zero = bias.zeros_like();
        let shifted = if matches!(activation, Activation::LeakyRelu(_)) {
            zero
        } else {
            bias.clone()
        };
        differentiates(
            vec![x.clone(), shifted],
            |t| activate(t[0].clone(), t[1].clone(), activation),
            &what,
        );
        if !matches!(activation, Activation::LeakyRelu(_)) {
            differentiates(
                vec![x, scale, bias],
                |t| normalise(t[0].clone(), t[1].clone(), t[2].clone(), activation).output,
                &what,
            );
        }
    }
}

#[test]
fn the_fast_rows_do_what_the_portable_ones_do() {
    for activation in [
        Activation::None,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::LeakyRelu(0.25),
        Activation::LeakyRelu(0.0),
    ] {
        // More rows than a block.
        let channels = 5;
        let x = random(900, channels * 8, 1);
        let (scale, bias, gradient) = (
            random(1, channels, 2),
            random(1, channels, 3),
            random(900, channels * 8, 4),
        );
        let [x, scale, bias, gradient] = [x, scale, bias, gradient].map(bare::<Flex, 2>);
        let check = |pairs: Vec<(FloatTensor<Flex>, FloatTensor<Flex>)>| {
            for (i, (fast, portable)) in pairs.into_iter().enumerate() {
                let fast = wrapped::<Flex, 2>(fast);
                let portable = wrapped::<Flex, 2>(portable);
                assert_eq!(fast.dims(), portable.dims());
                close(
                    &values(&fast),
                    &values(&portable),
                    &format!("{activation:?}, output {i}"),
                );
            }
        };
        let fast = Flex::activate(x.clone(), bias.clone(), activation);
        check(vec![(
            fast.clone(),
            portable::activate::<Flex>(x.clone(), bias.clone(), activation),
        )]);
        let found = Flex::activate_gradient(fast.clone(), gradient.clone(), channels, activation);
        let expected =
            portable::activate_gradient::<Flex>(fast, gradient.clone(), channels, activation);
        check(vec![(found.0, expected.0), (found.1, expected.1)]);
        let fast = Flex::normalise(x.clone(), scale.clone(), bias.clone(), activation);
        let portable = portable::normalise::<Flex>(x.clone(), scale.clone(), bias, activation);
        check(vec![
            (fast.output.clone(), portable.output),
            (fast.mean.clone(), portable.mean),
            (fast.variance.clone(), portable.variance),
        ]);
        let found = Flex::normalise_gradient(
            x.clone(),
            scale.clone(),
            fast.clone(),
            gradient.clone(),
            activation,
        );
        let expected = portable::normalise_gradient::<Flex>(x, scale, fast, gradient, activation);
        check(vec![
            (found.input, expected.input),
            (found.scale, expected.scale),
            (found.bias, expected.bias),
        ]);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for g in [geometries()[0], general()[4]] {
        do_not_change_a_bit(g);
    }
}

fn do_not_change_a_bit(g: Geometry) {
    let [rows, columns] = g.weight();
    let (x, w) = (random(200, g.large.len(), 1), random(rows, columns, 2));
    let y = random(200, g.small.len(), 3);
    let (scale, bias) = (random(1, 3, 4), random(1, 3, 5));
    let all = || {
        let normal = normalise(x.clone(), scale.clone(), bias.clone(), Activation::Tanh);
        let weight = Flex::weight_gradient(bare(x.clone()), bare(y.clone()), g);
        [
            conv(x.clone(), w.clone(), g),
            conv_transpose(y.clone(), w.clone(), g),
            wrapped(weight),
            normal.output,
        ]
        .map(|tensor| values(&tensor))
    };
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(all);
    assert!(one == pool(2).install(all) && one == pool(5).install(all));
}
