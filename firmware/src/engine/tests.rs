//! Small networks, built for tests, against an oracle in i64.
extern crate std;

use super::*;
use proptest::prelude::*;
use shared::arithmetic::Activation;
use shared::checksum;
use shared::image::{GoldenRepr, ImageRepr, PIXEL_EXPONENT, PixelRange};
use shared::latent::{self, Point, Prior};
use shared::op::{Dense, Inputs, Kind, Layout, Table, Weights};
use std::{vec, vec::Vec};

/// A network of dense layers with a closing table, with everything that an image of it borrows.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub latent_len: u16,
    pub classes: u8,
    pub width: u16,
    pub height: u16,
    pub layers: Vec<Layer>,
    pub table: [u8; 256],
    pub table_in_place: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub outputs: u16,
    pub layout: Layout,
    pub activation: Activation,
    /// Row by row, before packing.
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub shifts: Vec<u8>,
}

impl Network {
    /// Random weights for layers of these widths; the last gives the picture.
    pub fn random(
        seed: u32,
        latent_len: u16,
        classes: u8,
        hidden: &[u16],
        (width, height): (u16, u16),
    ) -> Self {
        let mut generator = latent::pcg::Pcg32::new(u64::from(seed), 99);
        let mut next = move || generator.next_u32();
        let mut inputs = latent_len + u16::from(classes);
        let widths = hidden.iter().copied().chain([width * height]);
        let layers = widths
            .map(|outputs| {
                let layout = [Layout::Int8Rows, Layout::Int4Rows][(next() & 1) as usize];
                let activation = [
                    Activation::None,
                    Activation::Relu,
                    Activation::LeakyRelu { slope_shift: 2 },
                ][(next() % 3) as usize];
                let weights = (0..usize::from(inputs) * usize::from(outputs))
                    .map(|_| ((next() as i32) >> (32 - layout.bits())) as i8)
                    .collect();
                let layer = Layer {
                    outputs,
                    layout,
                    activation,
                    weights,
                    bias: (0..outputs).map(|_| (next() as i32) >> 19).collect(),
                    shifts: (0..outputs).map(|_| (next() % 12 + 1) as u8).collect(),
                };
                inputs = outputs;
                layer
            })
            .collect();
        let table = core::array::from_fn(|_| next() as u8);
        Self {
            latent_len,
            classes,
            width,
            height,
            layers,
            table,
            table_in_place: next() & 1 == 0,
        }
    }

    /// The image, with golden vectors for some points, computed by the oracle.
    pub fn image(&self, points: &[Point]) -> Vec<u8> {
        let mut offset = 0;
        let mut region = |channels, height, width, exponent| {
            let region = shared::op::Region {
                offset,
                channels,
                height,
                width,
                exponent,
            };
            offset = region.end();
            region
        };
        let mut regions = vec![region(
            self.latent_len + u16::from(self.classes),
            1,
            1,
            latent::EXPONENT,
        )];
        for layer in &self.layers[..self.layers.len() - 1] {
            regions.push(region(layer.outputs, 1, 1, -4));
        }
        regions.push(region(1, self.height, self.width, PIXEL_EXPONENT));
        let last = regions.len() - 1;
        regions.push(if self.table_in_place {
            regions[last]
        } else {
            region(1, self.height, self.width, PIXEL_EXPONENT)
        });
        let data: Vec<(Vec<u8>, Vec<u8>)> = self
            .layers
            .iter()
            .map(|layer| {
                (
                    layer.packed(),
                    layer.bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
                )
            })
            .collect();
        let mut ops: Vec<Op<'_>> = self
            .layers
            .iter()
            .zip(&data)
            .enumerate()
            .map(|(i, (layer, (values, bias)))| Op {
                name: ["dense0", "dense1", "dense2", "dense3"][i],
                inputs: Inputs::one(i as u16),
                output: i as u16 + 1,
                kind: Kind::Dense(Dense {
                    weights: Weights {
                        layout: layer.layout,
                        activation: layer.activation,
                        values,
                        bias,
                        shifts: &layer.shifts,
                    },
                }),
            })
            .collect();
        let (from, to) = (last as u16, last as u16 + 1);
        ops.push(Op {
            name: "tanh",
            inputs: Inputs::one(from),
            output: to,
            kind: Kind::Table(Table {
                entries: &self.table,
            }),
        });
        let checksums: Vec<Vec<u32>> = points
            .iter()
            .map(|&point| self.checksums(Latent::At(point)))
            .collect();
        let goldens: Vec<GoldenRepr<'_>> = points
            .iter()
            .zip(&checksums)
            .map(|(&point, checksums)| GoldenRepr { point, checksums })
            .collect();
        let repr = ImageRepr {
            name: "test",
            card: "a network of random weights",
            latent_len: self.latent_len,
            classes: self.classes,
            prior: Prior::Normal,
            pixel_range: PixelRange::Signed,
            arena_len: offset,
            regions: &regions,
            input: 0,
            output: to,
            ops: &ops,
            goldens: &goldens,
        };
        let mut image = vec![0; repr.buffer_len()];
        repr.emit(&mut image).expect("a valid network");
        image
    }

    /// Every tensor by definition: input, each layer, the picture.
    pub fn tensors(&self, latent: Latent) -> Vec<Vec<i8>> {
        let mut input = vec![0; usize::from(self.latent_len) + usize::from(self.classes)];
        latent.fill(Prior::Normal, usize::from(self.latent_len), &mut input);
        let mut tensors = vec![input];
        for layer in &self.layers {
            let output = layer.oracle(&tensors[tensors.len() - 1]);
            tensors.push(output);
        }
        let logits = &tensors[tensors.len() - 1];
        let picture = logits
            .iter()
            .map(|&q| self.table[(i32::from(q) + 128) as usize] as i8)
            .collect();
        tensors.push(picture);
        tensors
    }

    pub fn checksums(&self, latent: Latent) -> Vec<u32> {
        self.tensors(latent)
            .iter()
            .map(|tensor| checksum::of_activations(tensor))
            .collect()
    }
}

impl Layer {
    fn packed(&self) -> Vec<u8> {
        let inputs = self.weights.len() / usize::from(self.outputs);
        match self.layout {
            Layout::Int8Rows => self.weights.iter().map(|&w| w as u8).collect(),
            Layout::Int4Rows => self
                .weights
                .chunks(inputs)
                .flat_map(|row| row.chunks(2))
                .map(|pair| (pair[0] as u8 & 15) | (pair.get(1).map_or(0, |&w| w as u8) << 4))
                .collect(),
        }
    }

    fn oracle(&self, x: &[i8]) -> Vec<i8> {
        let rows = self
            .weights
            .chunks(x.len())
            .zip(&self.bias)
            .zip(&self.shifts);
        rows.map(|((row, &bias), &shift)| {
            let sum: i64 = row
                .iter()
                .zip(x)
                .map(|(&w, &x)| i64::from(w) * i64::from(x))
                .sum::<i64>()
                + i64::from(bias);
            let slope = match self.activation {
                Activation::Relu if sum < 0 => 0.0,
                Activation::LeakyRelu { slope_shift } if sum < 0 => {
                    f64::from(slope_shift).exp2().recip()
                }
                _ => 1.0,
            };
            // Exact in f64, as in every ONNX runtime.
            let real = sum as f64 * slope / f64::from(shift).exp2();
            real.round_ties_even().clamp(-128.0, 127.0) as i8
        })
        .collect()
    }
}

/// Collects what the engine reports.
#[derive(Default)]
struct Tensors(Vec<Vec<i8>>);

impl Observer for Tensors {
    fn input(&mut self, input: &[i8]) {
        self.0.push(input.to_vec());
    }

    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        assert_eq!(self.0.len(), turn.index + 1);
        self.0.push(output.to_vec());
    }
}

fn point(seed: u32, label: Option<u8>) -> Point {
    Point { seed, label }
}

proptest! {
    #[test]
    fn random_networks_equal_the_oracle(
        seed: u32,
        latent_len in 1u16..12,
        classes in 0u8..4,
        hidden in proptest::collection::vec(1u16..20, 0..4),
        size in (1u16..7, 1u16..7),
        step in 0u8..=64,
    ) {
        let network = Network::random(seed, latent_len, classes, &hidden, size);
        let label = |n: u8| (classes > 0).then(|| n % classes.max(1));
        let golden = [point(1, label(0)), point(seed, label(2))];
        let bytes = network.image(&golden);
        let engine = Engine::new(Image::new_checked(&bytes).unwrap());
        // A longer arena is fine, and what lies behind the used part stays.
        let mut arena = vec![7i8; engine.image().arena_len() + 3];
        let walk = Latent::Between { from: golden[0], to: golden[1], step };
        for latent in [Latent::At(golden[0]), Latent::At(golden[1]), walk] {
            let mut seen = Tensors::default();
            let picture = engine.generate(&mut arena, latent, &mut seen).unwrap();
            prop_assert_eq!((picture.width(), picture.height()), size);
            let expected = network.tensors(latent);
            prop_assert_eq!(picture.data(), &expected[expected.len() - 1][..]);
            prop_assert_eq!(seen.0, expected);
        }
        prop_assert_eq!(&arena[engine.image().arena_len()..], &[7, 7, 7]);
        prop_assert_eq!(engine.self_test(&mut arena), Ok(2));
    }
}

#[test]
fn what_the_engine_refuses() {
    let conditional = Network::random(1, 4, 3, &[5], (2, 2)).image(&[]);
    let unconditional = Network::random(1, 4, 0, &[5], (2, 2)).image(&[]);
    let [conditional, unconditional] =
        [&conditional, &unconditional].map(|bytes| Engine::new(Image::new_checked(bytes).unwrap()));
    let refused = |engine: Engine<'_>, latent| {
        let mut arena = vec![0; engine.image().arena_len()];
        let error = engine.generate(&mut arena, latent, &mut ()).unwrap_err();
        assert!(arena.iter().all(|&x| x == 0));
        error
    };
    let at = |label| Latent::At(point(1, label));
    assert_eq!(
        refused(conditional, at(Some(3))),
        EngineError::Label { label: 3, last: 2 }
    );
    assert_eq!(
        refused(conditional, at(None)),
        EngineError::NoLabel { last: 2 }
    );
    assert_eq!(
        refused(unconditional, at(Some(0))),
        EngineError::Unconditional { label: 0 }
    );
    let walk = Latent::Between {
        from: point(1, Some(0)),
        to: point(1, Some(9)),
        step: 1,
    };
    assert_eq!(
        refused(conditional, walk),
        EngineError::Label { label: 9, last: 2 }
    );
    let needed = conditional.image().arena_len();
    assert_eq!(
        conditional.generate(&mut vec![0; needed - 1], at(Some(0)), &mut ()),
        Err(EngineError::Arena {
            needed,
            found: needed - 1
        })
    );
}

#[test]
fn self_test_names_the_first_layer_that_differs() {
    let network = Network::random(3, 4, 2, &[5, 6], (3, 3));
    let points = [point(1, Some(0)), point(2, Some(1))];
    let mut other = network.clone();
    // Another picture from the second dense layer on; the golden vectors are those of the first
    // network.
    other.layers[1].bias[0] += 4000;
    other.layers[1].shifts[0] = 4;
    other.layers[1].activation = Activation::None;
    let golden: Vec<Vec<u32>> = points
        .iter()
        .map(|&p| network.checksums(Latent::At(p)))
        .collect();
    let mut bytes = other.image(&points);
    // The golden section's place is in the header; checksums are replaced and the image's own is
    // set again.
    let at = u32::from_le_bytes(bytes[64..68].try_into().unwrap()) as usize;
    let record = 8 + 4 * golden[0].len();
    for (i, checksums) in golden.iter().enumerate() {
        for (j, checksum) in checksums.iter().enumerate() {
            bytes[at + i * record + 8 + 4 * j..][..4].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    let rest = [&bytes[..12], &bytes[16..]].concat();
    bytes[12..16].copy_from_slice(&checksum::of_bytes(&rest).to_le_bytes());
    let engine = Engine::new(Image::new_checked(&bytes).unwrap());
    let mut arena = vec![0; engine.image().arena_len()];
    let expected = Mismatch {
        golden: 0,
        op: Some(1),
        step: None,
        name: "dense1",
        expected: golden[0][2],
        found: other.checksums(Latent::At(points[0]))[2],
    };
    assert_ne!(expected.expected, expected.found);
    let error = engine.self_test(&mut arena).unwrap_err();
    assert_eq!(error, SelfTestError::Mismatch(expected));
    assert!(std::format!("{error}").starts_with("golden vector 0: dense1 has checksum "));
}
