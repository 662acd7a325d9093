//! What every quantized network keeps, over random graphs.

use super::calibrate::Calibration;
use super::report::{measure, picture_sqnr};
use super::{Method, Prepared, QuantizeError, QuantizeOptions};
use crate::graph::{Bits, QuantizedNetwork};
use crate::graph::{Combine, Function, InputSpec, LinearKind, Network, Op, Shape, Source};
use crate::synthetic;
use ndarray::{Array1, Array2};
use shared::arithmetic::{ACCUMULATOR_LIMIT, Activation};
use shared::image::PIXEL_EXPONENT;

fn prepared(network: &Network, points: usize) -> Prepared<'_> {
    let calibration = Calibration {
        points,
        ..Default::default()
    };
    Prepared::new(network, &calibration).unwrap()
}

fn check(network: &QuantizedNetwork) {
    let mut names = std::collections::BTreeSet::new();
    for (index, step) in network.nodes.iter().enumerate() {
        let name = &step.name;
        assert!(names.insert(name), "{name} twice");
        let before = |source: &Source| !matches!(source, Source::Node(i) if *i >= index);
        assert!(
            step.inputs.iter().all(before),
            "{name} reads what comes later"
        );
        let from = network.source_shape(step.inputs[0]);
        let input = network.source_exponent(step.inputs[0]);
        if !step.note.factors.is_empty() {
            assert_eq!(step.note.factors.len(), step.shape.channels, "{name}");
        }
        if let Some(linear) = step.op.linear() {
            let (rows, columns) = linear.weights.dim();
            let expected = match step.op.window() {
                Some(window) => {
                    let seen = from.channels / window.groups;
                    (step.shape.channels, window.area() * seen)
                }
                None => match step.op.linear_kind() {
                    Some(LinearKind::Gather { rows }) => (step.shape.len(), rows),
                    _ => (step.shape.len(), from.len()),
                },
            };
            assert_eq!((rows, columns), expected, "{name}");
            let (low, high) = linear.bits.range();
            assert!(
                linear.weights.iter().all(|w| (low..=high).contains(w)),
                "{name}"
            );
            let bound = linear.accumulator_bounds().max().unwrap();
            assert!(bound < ACCUMULATOR_LIMIT, "{name}: {bound}");
            let gathers = matches!(step.op.linear_kind(), Some(LinearKind::Gather { .. }));
            for (&shift, &exponent) in linear.shifts.iter().zip(&linear.weight_exponents) {
                if gathers {
                    // Rows are handed on as they are.
                    assert_eq!((shift, exponent), (0, step.note.exponent), "{name}");
                    continue;
                }
                assert!(linear.activation.allows_shift(shift), "{name}: {shift}");
                assert_eq!(input + exponent + shift as i8, step.note.exponent, "{name}");
            }
        }
        match &step.op {
            Op::Linear(LinearKind::Embedding, linear) => {
                assert_eq!(
                    (&step.inputs[..], linear.activation),
                    (&[Source::Label][..], Activation::None)
                );
            }
            Op::Combine(Combine::Concat, alignment) => {
                for (&source, &shift) in step.inputs.iter().zip(&alignment.shifts) {
                    let from = network.source_exponent(source);
                    assert_eq!(from + shift as i8, step.note.exponent);
                }
            }
            Op::Combine(combine, alignment) => {
                let inputs = step.inputs.iter();
                let inputs = inputs.map(|&source| i32::from(network.source_exponent(source)));
                let (inputs, output): (Vec<i32>, _) = (inputs.collect(), step.note.exponent);
                let expected =
                    combine
                        .operator()
                        .align(&inputs, output.into(), alignment.activation);
                assert_eq!(expected.as_ref(), Ok(alignment), "{name}");
            }
            Op::Move(_) => assert_eq!(input, step.note.exponent),
            Op::Linear(..) | Op::Pointwise(_) | Op::Norm(_) => {}
        }
    }
    let last = network.nodes.last().unwrap();
    assert_eq!(last.note.exponent, PIXEL_EXPONENT);
    assert_eq!(last.shape.len(), network.output.len());
}

#[test]
fn random_graphs_keep_the_rules_and_their_pictures() {
    let mut decibels = Vec::new();
    for seed in 0..120 {
        let network = synthetic::any_graph(seed);
        let prepared = prepared(&network, 256);
        for bits in [Bits::Eight, Bits::Four] {
            let bits = vec![bits; prepared.linear_layers().len()];
            let options = QuantizeOptions {
                bits: bits.clone(),
                ..Default::default()
            };
            let quantized = prepared.quantize(&options).unwrap();
            check(&quantized);
            assert_eq!(quantized.bits(), bits);
            // Pictures that nothing bounds are clipped, however good the integers are.
            let bounded = matches!(
                network.nodes.last().map(|node| &node.op),
                Some(Op::Pointwise(Function::Tanh | Function::Sigmoid))
            );
            if bounded && bits.first() == Some(&Bits::Eight) {
                let found = picture_sqnr(&network, &quantized, 256);
                if found < 22.0 {
                    println!("seed {seed}\n{}", measure(&network, &quantized, 256));
                }
                decibels.push(found);
            }
        }
    }
    decibels.sort_by(f64::total_cmp);
    let at = |share: f64| decibels[(share * decibels.len() as f64) as usize];
    println!(
        "SQNR: {:.1} {:.1} {:.1} {:.1} dB",
        at(0.0),
        at(0.1),
        at(0.5),
        at(0.9)
    );
    assert!(at(0.0) > 18.0 && at(0.5) > 32.0, "{decibels:?}");
}

#[test]
fn a_convolutional_generator_is_quantized_well_and_counted() {
    let shape = Shape {
        channels: 1,
        height: 16,
        width: 16,
    };
    let network = synthetic::conv_generator(2, 12, 4, [16, 8], shape);
    let prepared = prepared(&network, 512);
    let sqnr = |bits, method| {
        let bits = vec![bits; prepared.linear_layers().len()];
        let options = QuantizeOptions {
            bits,
            method,
            scheme: None,
        };
        let quantized = prepared.quantize(&options).unwrap();
        assert_eq!(quantized, prepared.quantize(&options).unwrap());
        (picture_sqnr(&network, &quantized, 256), quantized)
    };
    let (eight, quantized) = sqnr(Bits::Eight, Method::Compensated);
    let (plain, _) = sqnr(Bits::Four, Method::Nearest);
    let (compensated, _) = sqnr(Bits::Four, Method::Compensated);
    println!("int8 {eight:.1} dB, int4 {plain:.1} dB, compensated {compensated:.1} dB");
    assert!(
        eight > 25.0 && compensated > plain + 1.0,
        "{eight} {plain} {compensated}"
    );
    let report = measure(&network, &quantized, 100);
    let macs: Vec<u64> = report.layers.iter().map(|l| l.macs).collect();
    // Along a side of n inputs, a kernel of 4 at stride 2 and padding 1 makes 4 n products, of
    // which 2 are cropped.
    let kept = |n: u64| (4 * n - 2) * (4 * n - 2);
    assert_eq!(macs, [16 * 256, 0, kept(4) * 16 * 8, kept(8) * 8, 0]);
    let bytes: Vec<usize> = report.layers.iter().map(|l| l.bytes).collect();
    assert_eq!(bytes, [256 * 21, 0, 8 * (256 + 5), 128 + 5, 256]);
    let kinds: Vec<&str> = report.layers.iter().map(|l| l.kind).collect();
    assert_eq!(
        kinds,
        [
            "dense",
            "reshape",
            "conv transpose",
            "conv transpose",
            "table"
        ]
    );
    assert!(
        report
            .layers
            .iter()
            .all(|l| l.sqnr_db > 20.0 || l.kind == "conv transpose")
    );
}

#[test]
fn a_network_for_no_device_is_refused_before_memory_is_taken() {
    let shape = Shape {
        channels: 1,
        height: 2048,
        width: 1024,
    };
    let high = Shape {
        height: 128,
        width: 128,
        ..shape
    };
    let layers = [
        (
            "dense".to_owned(),
            Op::dense(Array2::ones((1, 1)), Array1::ones(1)),
            Shape::vector(1),
        ),
        ("up".to_owned(), Op::upsample([128, 128]), high),
        ("more".to_owned(), Op::upsample([16, 8]), shape),
    ];
    let input = InputSpec {
        latent: 1,
        classes: 0,
    };
    let network = Network::chain("huge", input, layers, shape);
    let error = Prepared::new(&network, &Calibration::default()).err();
    assert!(
        matches!(error, Some(QuantizeError::TooLarge { .. })),
        "{error:?}"
    );
}
