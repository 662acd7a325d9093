//! Convolutions, upsampling, copies and embeddings in an image, and regions that share bytes.

extern crate std;

use super::tests::{resealed, walk};
use super::*;
use crate::arithmetic::Activation;
use crate::latent::{self, Prior};
use crate::op::{
    Conv, ConvTranspose, Copy, Dense, Embedding, Inputs, Kind, Layout, Op, Region, Table, Upsample,
    Weights, Window,
};
use proptest::prelude::*;
use std::string::ToString;
use std::{vec, vec::Vec};

/// Small int8 weights, biases and shifts of any length.
static VALUES: [u8; 64] = {
    let mut values = [0; 64];
    let mut i = 0;
    while i < 64 {
        values[i] = (i as u8).wrapping_mul(37);
        i += 1;
    }
    values
};
static ZEROS: [u8; 64] = [0; 64];
static SHIFTS: [u8; 16] = [5; 16];
static TABLE: [u8; 256] = [7; 256];

fn weights(values: usize, channels: usize) -> Weights<'static> {
    Weights {
        layout: Layout::Int8Rows,
        activation: Activation::Relu,
        values: &VALUES[..values],
        bias: &ZEROS[..4 * channels],
        shifts: &SHIFTS[..channels],
    }
}

fn region(offset: u32, [height, width, channels]: [u16; 3], exponent: i8) -> Region {
    Region {
        offset,
        channels,
        height,
        width,
        exponent,
    }
}

/// An operation with one input.
fn op(name: &'static str, input: u16, output: u16, kind: impl Into<Kind<'static>>) -> Op<'static> {
    Op {
        name,
        inputs: Inputs::one(input),
        output,
        kind: kind.into(),
    }
}

/// What a test may change before the program is written.
struct Description {
    regions: Vec<Region>,
    ops: Vec<Op<'static>>,
}

/// Latent vector and label: an embedding of the label, concatenated with the latent vector, then a
/// dense layer, both convolutions, upsampling and a table.
fn description() -> Description {
    let regions = vec![
        region(0, [1, 1, 5], latent::EXPONENT),
        region(0, [1, 1, 3], latent::EXPONENT),
        region(3, [1, 1, 2], latent::EXPONENT),
        region(8, [1, 1, 4], -6),
        region(16, [1, 1, 7], -4),
        region(24, [1, 1, 8], -4),
        region(24, [2, 2, 2], -4),
        region(32, [4, 4, 1], -4),
        region(0, [4, 8, 1], -4),
        region(32, [2, 7, 1], -7),
        region(32, [2, 7, 1], PIXEL_EXPONENT),
    ];
    let window = |kernel, stride, padding| Window {
        kernel,
        stride,
        padding,
        dilation: [1, 1],
    };
    let narrow = Weights {
        layout: Layout::Int4Rows,
        activation: Activation::None,
        ..weights(4, 4)
    };
    let copy = |channel_offset, shift| Copy {
        channel_offset,
        shift,
    };
    let ops = vec![
        op("e", 2, 3, Embedding { weights: narrow }),
        op("c0", 1, 4, copy(0, 1)),
        op("c1", 3, 4, copy(3, 2)),
        op(
            "d",
            4,
            5,
            Dense {
                weights: weights(56, 8),
            },
        ),
        op(
            "ct",
            6,
            7,
            ConvTranspose {
                window: window([4, 4], [2, 2], [1, 1]),
                groups: 1,
                weights: weights(32, 1),
            },
        ),
        op("u", 7, 8, Upsample { factor: [1, 2] }),
        op(
            "c",
            8,
            9,
            Conv {
                window: window([3, 2], [2, 1], [1, 0]),
                groups: 1,
                weights: weights(6, 1),
            },
        ),
        op("t", 9, 10, Table { entries: &TABLE }),
    ];
    Description { regions, ops }
}

fn written(change: impl FnOnce(&mut Description)) -> Result<Vec<u8>, WriteError> {
    let mut description = description();
    change(&mut description);
    let repr = ImageRepr {
        name: "ops",
        card: "",
        latent_len: 3,
        classes: 2,
        prior: Prior::Normal,
        pixel_range: PixelRange::Signed,
        arena_len: 64,
        regions: &description.regions,
        input: 0,
        output: 10,
        ops: &description.ops,
        goldens: &[],
    };
    let mut image = vec![0xAA; repr.buffer_len()];
    let len = repr.emit(&mut image)?;
    assert_eq!(len, image.len());
    Ok(image)
}

#[test]
fn every_operation_comes_out_as_it_went_in() {
    let bytes = written(|_| ()).unwrap();
    let image = Image::new_checked(&bytes).unwrap();
    let description = description();
    assert!(image.regions().eq(description.regions));
    assert!(image.ops().eq(description.ops));
    walk(&image);
}

/// The window of the convolution or transposed convolution at an index.
fn window(description: &mut Description, op: usize) -> &mut Window {
    match &mut description.ops[op].kind {
        Kind::Conv(conv) => &mut conv.window,
        Kind::ConvTranspose(conv) => &mut conv.window,
        other => panic!("{other:?} has no window"),
    }
}

fn copy(description: &mut Description, op: usize) -> &mut Copy {
    match &mut description.ops[op].kind {
        Kind::Copy(copy) => copy,
        other => panic!("{other:?} is no copy"),
    }
}

#[test]
fn each_fault_has_its_error() {
    static HUGE: [u8; 16] = [0xFF; 16];
    type Change = fn(&mut Description);
    let cases: [(&str, Change); 24] = [
        (
            "operation 1 of the model image: it copies to channel 3 of region 4, of which 0 channels",
            |d| d.ops.swap(1, 2),
        ),
        (
            "operation 2 of the model image: it reads region 4 before",
            |d| {
                d.ops.remove(2);
            },
        ),
        (
            "operation 3 of the model image: it copies to channel 3 of region 4, of which 7 channels",
            |d| {
                d.ops.insert(3, d.ops[2]);
            },
        ),
        ("exponent -6 and its output -4, which its shift of 1", |d| {
            copy(d, 2).shift = 1
        }),
        ("its shift cannot be 31", |d| copy(d, 2).shift = 31),
        (
            "input of 1x1x4 (rows, columns, channels) cannot give an output of 1x1x7",
            |d| copy(d, 2).channel_offset = 4,
        ),
        (
            "input of 1x1x3 (rows, columns, channels) cannot give an output of 1x7x1",
            |d| d.regions[4] = region(16, [1, 7, 1], -4),
        ),
        ("its stride cannot be 0", |d| window(d, 6).stride[1] = 0),
        ("operation 6 has 6 bytes of weights, expected 0", |d| {
            window(d, 6).kernel[1] = 0
        }),
        ("its padding cannot be 3", |d| window(d, 6).padding[0] = 3),
        ("its padding cannot be 4", |d| window(d, 4).padding[1] = 4),
        (
            "input of 4x8x1 (rows, columns, channels) cannot give an output of 2x7x1",
            |d| window(d, 6).stride[0] = 5,
        ),
        (
            "input of 4x8x1 (rows, columns, channels) cannot give an output of 2x9x1",
            |d| d.regions[9].width = 9,
        ),
        (
            "input of 4x8x1 (rows, columns, channels) cannot give an output of 2x3x1",
            |d| d.regions[9].width = 3,
        ),
        (
            "input of 2x2x2 (rows, columns, channels) cannot give an output of 4x4x1",
            |d| window(d, 4).stride[0] = 6,
        ),
        (
            "input of 2x2x2 (rows, columns, channels) cannot give an output of 7x2x1",
            |d| {
                (d.regions[7].height, d.regions[7].width) = (7, 2);
            },
        ),
        ("operation 6 has 6 bytes of weights, expected 12", |d| {
            (d.regions[8].channels, d.regions[8].width) = (2, 4);
        }),
        ("operation 4 has 32 bytes of weights, expected 64", |d| {
            (d.regions[7].channels, d.regions[7].width) = (2, 2);
        }),
        (
            "input of 4x4x1 (rows, columns, channels) cannot give an output of 4x8x1",
            |d| {
                d.ops[5].kind = Upsample { factor: [2, 2] }.into();
            },
        ),
        (
            "input of 4x4x1 (rows, columns, channels) cannot give an output of 4x4x2",
            |d| {
                if let Kind::Conv(conv) = &mut d.ops[6].kind {
                    conv.weights = weights(12, 1);
                }
                (d.regions[8].channels, d.regions[8].width) = (2, 4);
                d.ops[5].kind = Upsample { factor: [1, 1] }.into();
            },
        ),
        ("exponent -4 and its output -3, which its shift of 0", |d| {
            d.regions[8].exponent = -3
        }),
        ("its input region 8 overlaps its output region 9", |d| {
            d.regions[9].offset = 31
        }),
        (
            "operation 0 of the model image: output 0 may reach an accumulator",
            |d| {
                if let Kind::Embedding(embedding) = &mut d.ops[0].kind {
                    embedding.weights.bias = &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                }
            },
        ),
        ("output 0 has a shift of 255", |d| {
            if let Kind::Embedding(embedding) = &mut d.ops[0].kind {
                embedding.weights.shifts = &HUGE[..4];
            }
        }),
    ];
    for (expected, change) in cases {
        let error = written(change).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "expected “{expected}”, found “{error}”"
        );
    }
}

/// What holds a value: what was written whole, other shapes of it and parts of it, until a byte of
/// it is overwritten.
#[test]
fn regions_that_share_bytes_hold_what_was_written_there() {
    let unwritten = |region: u16, change: fn(&mut Description)| {
        let error = written(change).expect_err("it reads what nothing wrote");
        let expected = std::format!("it reads region {region} before");
        assert!(error.to_string().contains(&expected), "{error}");
    };
    // A region longer than what was written.
    unwritten(11, |d| {
        d.regions.push(region(24, [1, 1, 9], -4));
        d.ops[4] = op("long", 11, 11, Table { entries: &TABLE });
    });
    // One that lies beside it by a byte.
    unwritten(6, |d| d.regions[6].offset = 23);
    // The latent vector after the embedding was written over its last element.
    unwritten(1, |d| {
        d.regions[2].offset = 0;
        d.regions[3].offset = 2;
    });
    // The label's bytes may be written over, and the latent vector, which shares none of them,
    // stays.
    let reused = written(|d| {
        d.regions[5] = region(3, [1, 1, 8], -4);
        d.regions[6] = region(3, [2, 2, 2], -4);
        d.ops.insert(
            4,
            op(
                "again",
                1,
                4,
                Copy {
                    channel_offset: 0,
                    shift: 1,
                },
            ),
        );
    });
    assert_eq!(reused.err(), None);
    // A copy over the first part begins the region anew.
    unwritten(4, |d| {
        let again = d.ops[1];
        d.ops.insert(3, again);
    });
}

/// A forged checksum lets a change through to the structural checks: whatever they let in must be
/// safe to walk.
#[test]
fn every_changed_byte_under_a_forged_checksum_is_refused_or_harmless() {
    let bytes = written(|_| ()).unwrap();
    let (mut refused, mut let_in) = (0, 0);
    for at in (0..12).chain(16..bytes.len()) {
        for value in [
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            0x7F,
            0x80,
            0xFE,
            0xFF,
            bytes[at] ^ 1,
        ] {
            let mut changed = bytes.clone();
            changed[at] = value;
            match Image::new_checked(&resealed(changed)) {
                Ok(image) => {
                    walk(&image);
                    let_in += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains('\n'));
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 2000 && let_in > 2000, "{refused}, {let_in}");
}

proptest! {
    #[test]
    fn any_forged_change_is_refused_or_walked(
        changes in proptest::collection::vec((16usize..2000, any::<u8>()), 1..6),
    ) {
        let mut bytes = written(|_| ()).unwrap();
        for (at, value) in changes {
            let at = 16 + at % (bytes.len() - 16);
            bytes[at] = value;
        }
        let bytes = resealed(bytes);
        if let Ok(image) = Image::new_checked(&bytes) {
            walk(&image);
        }
    }
}
