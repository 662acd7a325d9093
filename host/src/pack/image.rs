//! The model image: weights in the layout that the kernels read, in `shared`'s format.

use super::golden::GoldenVector;
use super::plan::plan;
use super::{PackError, classes_of, u16_of};
use crate::quantize::{Bits, QuantizedLinear, QuantizedNetwork, StepKind};
use shared::image::{GoldenRepr, ImageRepr};
use shared::layer::{Dense, Kind, Layout, Op, Table};

/// A layer's data as bytes.
enum Bytes {
    Dense {
        weights: Vec<u8>,
        bias: Vec<u8>,
        layout: Layout,
    },
    Table(Box<[u8; 256]>),
}

/// The bytes of a network's image; `card` is one line about the model.
///
/// # Errors
/// [`PackError`] where the network exceeds the format, or its own bounds.
pub fn pack(
    network: &QuantizedNetwork,
    card: &str,
    goldens: &[GoldenVector],
) -> Result<Vec<u8>, PackError> {
    with_repr(network, card, goldens, |repr| {
        let mut image = vec![0; repr.buffer_len()];
        let len = repr.emit(&mut image)?;
        image.truncate(len);
        Ok(image)
    })?
}

/// Size of a network's image with so many golden vectors, in bytes: by its shapes and widths alone.
///
/// # Errors
/// As [`pack`].
pub fn packed_len(
    network: &QuantizedNetwork,
    card: &str,
    goldens: usize,
) -> Result<usize, PackError> {
    let golden = GoldenVector {
        seed: 0,
        label: None,
        input: 0,
        layers: vec![0; network.steps.len()],
        picture: Vec::new(),
    };
    with_repr(network, card, &vec![golden; goldens], |repr| {
        repr.buffer_len()
    })
}

fn with_repr<T>(
    network: &QuantizedNetwork,
    card: &str,
    goldens: &[GoldenVector],
    then: impl FnOnce(&ImageRepr<'_>) -> T,
) -> Result<T, PackError> {
    let plan = plan(network)?;
    let bytes: Vec<Bytes> = network
        .steps
        .iter()
        .map(|step| match &step.kind {
            StepKind::Dense(dense) => Ok(Bytes::Dense {
                weights: weight_bytes(dense),
                bias: dense.bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
                layout: match dense.bits {
                    Bits::Eight => Layout::Int8Rows,
                    Bits::Four => Layout::Int4Rows,
                },
            }),
            // The same bits.
            StepKind::Table(table) => Ok(Bytes::Table(Box::new(table.map(|q| q as u8)))),
            other => Err(PackError::Kind {
                layer: step.name.clone(),
                kind: other.name(),
            }),
        })
        .collect::<Result<_, _>>()?;
    let mut ops = Vec::with_capacity(network.steps.len());
    for (index, (step, bytes)) in network.steps.iter().zip(&bytes).enumerate() {
        let (input, output) = (
            u16_of("a number of layers", index)?,
            u16_of("a number of layers", index + 1)?,
        );
        let kind = match (bytes, &step.kind) {
            (
                Bytes::Dense {
                    weights,
                    bias,
                    layout,
                },
                StepKind::Dense(dense),
            ) => Kind::Dense(Dense {
                input,
                output,
                layout: *layout,
                activation: dense.activation,
                weights,
                bias,
                shifts: &dense.shifts,
            }),
            (Bytes::Table(entries), _) => Kind::Table(Table {
                input,
                output,
                entries,
            }),
            (Bytes::Dense { .. }, _) => continue,
        };
        ops.push(Op {
            name: &step.name,
            kind,
        });
    }
    let checksums: Vec<Vec<u32>> = goldens.iter().map(GoldenVector::checksums).collect();
    let goldens: Vec<GoldenRepr<'_>> = goldens
        .iter()
        .zip(&checksums)
        .map(|(golden, checksums)| GoldenRepr {
            point: golden.point(),
            checksums,
        })
        .collect();
    Ok(then(&ImageRepr {
        name: &network.name,
        card,
        latent_len: u16_of("a latent vector", network.input.latent)?,
        classes: classes_of(network.input)?,
        prior: network.prior,
        pixel_range: network.pixel_range,
        arena_len: plan.arena_len,
        regions: &plan.regions,
        input: 0,
        output: u16_of("a number of layers", network.steps.len())?,
        ops: &ops,
        goldens: &goldens,
    }))
}

/// Row by row; two 4-bit weights a byte, the even column in the low nibble.
fn weight_bytes(dense: &QuantizedLinear) -> Vec<u8> {
    match dense.bits {
        Bits::Eight => dense.weights.iter().map(|&w| w as u8).collect(),
        Bits::Four => {
            let mut bytes = Vec::with_capacity(dense.weights.len() / 2 + dense.weights.nrows());
            for row in dense.weights.rows() {
                let mut weights = row.iter().map(|&w| w as u8 & 0xF);
                while let Some(low) = weights.next() {
                    bytes.push(low | weights.next().unwrap_or(0) << 4);
                }
            }
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeOptions, oracle};
    use crate::synthetic;
    use shared::image::Image;
    use shared::layer::unpack_int4;

    #[test]
    fn an_image_reads_back_as_the_network_it_was_made_from() {
        for seed in 0..30 {
            let network = synthetic::any_network(seed);
            let calibration = Calibration {
                points: 32,
                ..Default::default()
            };
            let prepared = Prepared::new(&network, &calibration).unwrap();
            let bits = [Bits::Four, Bits::Eight]
                .into_iter()
                .cycle()
                .take(prepared.linear_layers().len())
                .collect();
            let quantized = prepared
                .quantize(&QuantizeOptions {
                    bits,
                    ..Default::default()
                })
                .unwrap();
            let goldens =
                golden::vectors(&quantized, 4, |input| oracle::all_steps(&quantized, input));
            let bytes = pack(&quantized, "a card", &goldens).unwrap();
            assert_eq!(bytes.len(), packed_len(&quantized, "a card", 4).unwrap());
            let image = Image::new_checked(&bytes).unwrap();
            assert_eq!(
                (image.name(), image.card()),
                (quantized.name.as_str(), "a card")
            );
            assert_eq!(image.ops().len(), quantized.steps.len());
            for (op, step) in image.ops().zip(&quantized.steps) {
                assert_eq!(op.name, step.name);
                assert_eq!(image.region(op.output()).exponent, step.exponent);
                match (op.kind, &step.kind) {
                    (Kind::Table(table), StepKind::Table(expected)) => {
                        assert_eq!(table.entries.map(|q| q as i8), **expected);
                    }
                    (Kind::Dense(dense), StepKind::Dense(expected)) => {
                        let inputs = quantized.input_len(step);
                        for (channel, (row, bias, shift)) in dense.rows(inputs as u32).enumerate() {
                            let weights: Vec<i8> = match dense.layout {
                                Layout::Int8Rows => row.iter().map(|&w| w as i8).collect(),
                                Layout::Int4Rows => row
                                    .iter()
                                    .flat_map(|&b| <[i8; 2]>::from(unpack_int4(b)))
                                    .take(inputs)
                                    .collect(),
                            };
                            assert_eq!(weights, expected.weights.row(channel).to_vec());
                            assert_eq!(
                                (bias, shift),
                                (expected.bias[channel], expected.shifts[channel])
                            );
                        }
                        assert_eq!(dense.activation, expected.activation);
                    }
                    (found, _) => panic!("{found:?} for {}", step.name),
                }
            }
            let mut found = image.goldens();
            for golden in &goldens {
                let found = found.next().unwrap();
                assert_eq!(found.point, golden.point());
                assert_eq!(found.checksums().collect::<Vec<_>>(), golden.checksums());
            }
        }
    }
}
