//! The model image: weights in the layout and the order that the kernels read, in `shared`'s
//! format.

use super::golden::GoldenVector;
use super::plan::Plan;
use super::program::{Program, View};
use super::{PackError, classes_of, u16_of};
use crate::graph::{Bits, Columns, Op as GraphOp, QuantizedLinear, QuantizedNetwork};
use crate::ops::activations;
use crate::ops::lower::Lowering;
use ndarray::ArrayView2;
use shared::arithmetic::Activation;
use shared::image::{GoldenRepr, ImageRepr};
use shared::op::{Inputs, Kind, Layout, MAX_INPUTS, Op, Region, Weights};

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
    let program = Program::new(network);
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
    let program = Program::new(network);
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
    let plan = program.plan()?;
    let regions = program.views.iter().map(|view| region(view, &plan));
    let regions = regions.collect::<Result<Vec<_>, _>>()?;
    // A view is an index of 16 bits in the image; more views than that are more regions than it may
    // have.
    u16_of("a number of regions", regions.len())?;
    let bytes: Vec<Bytes> = program.ops.iter().map(|op| bytes(network, op)).collect();
    let mut ops = Vec::with_capacity(program.ops.len());
    for (op, bytes) in program.ops.iter().zip(&bytes) {
        let inputs = op.inputs.iter();
        let inputs = inputs.map(|&input| u16_of("a number of regions", input));
        let inputs = inputs.collect::<Result<Vec<u16>, _>>()?;
        ops.push(Op {
            name: &op.name,
            inputs: Inputs::new(&inputs).ok_or(PackError::TooLarge {
                what: "a number of inputs",
                value: inputs.len(),
                limit: MAX_INPUTS,
            })?,
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
        prior: network.about.prior,
        pixel_range: network.about.pixel_range,
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

/// An operation's weights or entries.
fn bytes(network: &QuantizedNetwork, op: &super::program::Op) -> Bytes {
    let node = &network.nodes[op.node];
    match &node.op {
        GraphOp::Linear(kind, linear) if matches!(kind.columns(), Columns::Rows { .. }) => {
            let table = kind.operator().device_rows(linear.weights.view());
            Bytes::Weights {
                // Bytes, whatever their width.
                values: rows(table.view(), Bits::Eight),
                bias: Vec::new(),
                shifts: Vec::new(),
            }
        }
        GraphOp::Linear(kind, linear) => {
            let rows = kind.operator().device_rows(linear.weights.view());
            weights_of(linear, rows.view())
        }
        GraphOp::Norm(norm) => match *norm {},
        // The same bits.
        GraphOp::Pointwise(table) => Bytes::Table(Box::new(table.map(|q| q as u8))),
        GraphOp::Move(_) | GraphOp::Combine(..) => Bytes::None,
    }
}

fn weights_of(linear: &QuantizedLinear, values: ArrayView2<i8>) -> Bytes {
    Bytes::Weights {
        values: rows(values, linear.bits),
        bias: linear.bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
        shifts: linear.shifts.clone(),
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
    let node = &network.nodes[op.node];
    let mut lowering = Lowering {
        part: op.part,
        channel: op.channel,
        weights: Weights {
            layout: Layout::Int8Rows,
            activation: Activation::None,
            values: &[],
            bias: &[],
            shifts: &[],
        },
    };
    let missing = || PackError::Kind {
        layer: node.name.clone(),
        kind: crate::ops::integer_name(&node.op),
    };
    match (&node.op, bytes) {
        (
            GraphOp::Linear(kind, linear),
            Bytes::Weights {
                values,
                bias,
                shifts,
            },
        ) => {
            lowering.weights = Weights {
                layout: match linear.bits {
                    Bits::Eight => Layout::Int8Rows,
                    Bits::Four => Layout::Int4Rows,
                },
                activation: linear.activation,
                values,
                bias,
                shifts,
            };
            Ok(kind.operator().lower(&lowering)?)
        }
        (GraphOp::Norm(norm), _) => match *norm {},
        (GraphOp::Pointwise(_), Bytes::Table(entries)) => Ok(activations::lower(entries)),
        (GraphOp::Move(moved), _) => moved.operator().lower()?.ok_or_else(missing),
        (GraphOp::Combine(combine, alignment), _) => {
            Ok(combine.operator().lower(&lowering, alignment)?)
        }
        // Neither is an operation without its bytes.
        (GraphOp::Linear(..) | GraphOp::Pointwise(_), _) => Err(missing()),
    }
}
