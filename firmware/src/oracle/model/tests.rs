//! The engine against the oracle, on random models.

use super::*;
use crate::engine::{Engine, Observer};
use shared::image::Turn;
use std::borrow::ToOwned;
use std::collections::BTreeSet;

#[derive(Default)]
struct Outputs(Vec<Vec<i8>>);

impl Observer for Outputs {
    fn layer(&mut self, _: &Turn<'_>, output: &[i8]) {
        self.0.push(output.to_vec());
    }
}

/// The engine equals the oracle at every operation, whatever the arena held before.
#[test]
fn random_models_equal_the_oracle_in_any_arena() {
    let (mut kinds, mut values, mut ops) = (BTreeSet::new(), BTreeSet::new(), 0);
    for seed in 0..150 {
        let model = Model::random(seed, 12);
        let points = [0, 1].map(|n| Point {
            seed: n,
            label: Some(n as u8 % model.classes),
        });
        let bytes = model
            .image(&points)
            .unwrap_or_else(|error| panic!("{seed}: {error}"));
        let image = Image::new_checked(&bytes).unwrap();
        let engine = Engine::new(image);
        let step = Latent::Between {
            from: points[0],
            to: points[1],
            step: 20,
        };
        let (_, expected) = run(&image, &step);
        for filling in [0, 0x55, -128] {
            let mut arena = vec![filling; image.arena_len()];
            assert_eq!(engine.self_test(&mut arena), Ok(2), "seed {seed}");
            arena.fill(filling);
            let mut outputs = Outputs::default();
            engine.generate(&mut arena, step, &mut outputs).unwrap();
            assert_eq!(outputs.0.len(), expected.len());
            for (found, (turn, expected)) in outputs.0.iter().zip(&expected) {
                assert_eq!(found, expected, "seed {seed}, {}", turn.op.name);
            }
        }
        for op in image.ops() {
            kinds.insert(op.name.trim_end_matches(char::is_numeric).to_owned());
        }
        values.extend(expected.iter().flat_map(|(_, y)| y.iter().copied()));
        ops += expected.len();
    }
    let all = [
        "add",
        "arg_max",
        "average_pool",
        "conv",
        "conv_transpose",
        "copy",
        "dense",
        "depth_to_space",
        "embedding",
        "gather",
        "mat_mul",
        "mul",
        "noise",
        "pad",
        "repeat",
        "slice",
        "space_to_depth",
        "table",
        "transpose",
        "upsample",
    ];
    assert_eq!(all.len(), shared::op::OPERATORS.len());
    assert!(kinds.iter().eq(all), "{kinds:?}");
    assert_eq!(values.len(), 256, "every value of an element is seen");
    assert!(ops > 1800, "{ops}");
}
