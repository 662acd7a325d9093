//! The model image: weights in the layout and the order that the kernels read, in `shared`'s format.

use super::golden::GoldenVector;
use super::order::Order;
use super::plan::{Plan, plan};
use super::program::{Program, View};
use super::{PackError, classes_of, u16_of};
use crate::forward::conv::Geometry;
use crate::quantize::{Bits, QuantizedLinear, QuantizedNetwork, StepKind};
use ndarray::{ArrayView2, Axis};
use shared::image::{GoldenRepr, ImageRepr};
use shared::op::{
    Conv, ConvTranspose, Copy, Dense, Embedding, Inputs, Kind, Layout, Op, Region, Table,
    Upsample, Weights, Window,
};

/// An operation's data as bytes.
enum Bytes {
    None,
    Weights {
        values: Vec<u8>,
        bias: Vec<u8>,
        shifts: Vec<u8>,
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
    let program = Program::new(network)?;
    with_repr(network, &program, card, goldens, |repr| {
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
    let program = Program::new(network)?;
    let golden = GoldenVector {
        seed: 0,
        label: None,
        input: 0,
        layers: vec![0; program.ops.len()],
        picture: Vec::new(),
    };
    with_repr(network, &program, card, &vec![golden; goldens], |repr| {
        repr.buffer_len()
    })
}

fn with_repr<T>(
    network: &QuantizedNetwork,
    program: &Program,
    card: &str,
    goldens: &[GoldenVector],
    then: impl FnOnce(&ImageRepr<'_>) -> T,
) -> Result<T, PackError> {
    let plan = plan(program)?;
    let regions = program.views.iter().map(|view| region(view, &plan));
    let regions = regions.collect::<Result<Vec<_>, _>>()?;
    // A view is an index of 16 bits in the image; more views than that are more regions than it may have.
    u16_of("a number of regions", regions.len())?;
    let bytes: Vec<Bytes> = program
        .ops
        .iter()
        .map(|op| bytes(network, program, op))
        .collect();
    let mut ops = Vec::with_capacity(program.ops.len());
    for (op, bytes) in program.ops.iter().zip(&bytes) {
        ops.push(Op {
            name: &op.name,
            inputs: Inputs::one(u16_of("a number of regions", op.input)?),
            output: u16_of("a number of regions", op.output)?,
            kind: kind(network, op, bytes)?,
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
        regions: &regions,
        input: 0,
        // Counted above.
        output: program.output as u16,
        ops: &ops,
        goldens: &goldens,
    }))
}

fn region(view: &View, plan: &Plan) -> Result<Region, PackError> {
    let buffer = plan.offsets.get(view.buffer).copied().unwrap_or(0);
    Ok(Region {
        // Within the arena, which is at most 16 MiB.
        offset: buffer + view.start as u32,
        channels: u16_of("a number of channels", view.shape.channels)?,
        height: u16_of("a number of rows", view.shape.height)?,
        width: u16_of("a number of columns", view.shape.width)?,
        exponent: view.exponent,
    })
}

/// An operation's weights or entries, in the orders of what it reads and writes.
fn bytes(network: &QuantizedNetwork, program: &Program, op: &super::program::Op) -> Bytes {
    let step = &network.steps[op.step];
    let to = &program.orders[op.step];
    match &step.kind {
        StepKind::Dense(linear) => {
            let columns = program.input_order(network, op);
            let weights = linear.weights.select(Axis(1), columns.indices());
            weights_of(linear, weights.select(Axis(0), to.indices()).view(), to)
        }
        // A row a class, a column an output.
        StepKind::Embedding(linear) => {
            let weights = linear.weights.select(Axis(0), to.indices());
            weights_of(linear, weights.t(), to)
        }
        StepKind::Conv(linear, _) | StepKind::ConvTranspose(linear, _) => {
            let channels = (0..linear.weights.nrows()).collect();
            weights_of(
                linear,
                linear.weights.view(),
                &Order::from_indices(channels),
            )
        }
        // The same bits.
        StepKind::Table(table) => Bytes::Table(Box::new(table.map(|q| q as u8))),
        StepKind::Upsample { .. } | StepKind::Reshape | StepKind::Concat { .. } => Bytes::None,
    }
}

fn weights_of(linear: &QuantizedLinear, values: ArrayView2<i8>, outputs: &Order) -> Bytes {
    let bias = outputs.apply(&linear.bias);
    Bytes::Weights {
        values: rows(values, linear.bits),
        bias: bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
        shifts: outputs.apply(&linear.shifts),
    }
}

/// Row by row; two 4-bit weights a byte, the even column in the low nibble.
fn rows(weights: ArrayView2<i8>, bits: Bits) -> Vec<u8> {
    match bits {
        Bits::Eight => weights.iter().map(|&w| w as u8).collect(),
        Bits::Four => {
            let mut bytes = Vec::with_capacity(weights.len() / 2 + weights.nrows());
            for row in weights.rows() {
                let mut weights = row.iter().map(|&w| w as u8 & 0xF);
                while let Some(low) = weights.next() {
                    bytes.push(low | weights.next().unwrap_or(0) << 4);
                }
            }
            bytes
        }
    }
}

fn kind<'a>(
    network: &'a QuantizedNetwork,
    op: &super::program::Op,
    bytes: &'a Bytes,
) -> Result<Kind<'a>, PackError> {
    let step = &network.steps[op.step];
    let weights = |linear: &QuantizedLinear| {
        let (values, bias, shifts): (&[u8], &[u8], &[u8]) = match bytes {
            Bytes::Weights {
                values,
                bias,
                shifts,
            } => (values, bias, shifts),
            // Made of the same step, so it has weights.
            Bytes::None | Bytes::Table(_) => (&[], &[], &[]),
        };
        Weights {
            layout: match linear.bits {
                Bits::Eight => Layout::Int8Rows,
                Bits::Four => Layout::Int4Rows,
            },
            activation: linear.activation,
            values,
            bias,
            shifts,
        }
    };
    Ok(match (&step.kind, bytes) {
        (StepKind::Dense(linear), _) => Kind::Dense(Dense {
            weights: weights(linear),
        }),
        (StepKind::Embedding(linear), _) => Kind::Embedding(Embedding {
            weights: weights(linear),
        }),
        (StepKind::Conv(linear, geometry), _) => Kind::Conv(Conv {
            window: window(geometry)?,
            groups: 1,
            weights: weights(linear),
        }),
        (StepKind::ConvTranspose(linear, geometry), _) => Kind::ConvTranspose(ConvTranspose {
            window: window(geometry)?,
            groups: 1,
            weights: weights(linear),
        }),
        (StepKind::Table(_), Bytes::Table(entries)) => Kind::Table(Table {
            entries,
        }),
        (StepKind::Upsample { factor }, _) => Kind::Upsample(Upsample {
            factor: byte_pair("a factor", *factor)?,
        }),
        (StepKind::Concat { shifts }, _) => Kind::Copy(Copy {
            channel_offset: u16_of("a number of channels", op.channel)?,
            shift: shifts.get(op.part).copied().unwrap_or(0),
        }),
        // Neither is an operation without its bytes.
        (StepKind::Table(_) | StepKind::Reshape, _) => {
            return Err(PackError::Kind {
                layer: step.name.clone(),
                kind: step.kind.name(),
            });
        }
    })
}

fn window(geometry: &Geometry) -> Result<Window, PackError> {
    Ok(Window {
        kernel: byte_pair("a kernel", geometry.kernel)?,
        stride: byte_pair("a stride", geometry.stride)?,
        padding: byte_pair("a padding", geometry.corner)?,
        dilation: [1, 1],
    })
}

fn byte_pair(what: &'static str, pair: [usize; 2]) -> Result<[u8; 2], PackError> {
    let byte = |value: usize| {
        let limit = usize::from(u8::MAX);
        u8::try_from(value).map_err(|_| PackError::TooLarge { what, value, limit })
    };
    Ok([byte(pair[0])?, byte(pair[1])?])
}
