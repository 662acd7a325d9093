//! Blocks that repeat, operations of several inputs, and what a program may not do with them.

extern crate std;

use super::tests::{resealed, walk};
use super::*;
use crate::arithmetic::Activation;
use crate::latent::{self, Prior};
use crate::op::{
    Add, Block, Gather, Inputs, Kind, MAX_INPUTS, MatMul, Mul, Noise, Op, Region, Repeat, Table,
};
use proptest::prelude::*;
use std::string::ToString;
use std::{vec, vec::Vec};

static ROWS: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
static TABLE: [u8; 256] = [7; 256];

/// What a test may change before the program is written.
struct Description {
    regions: Vec<Region>,
    ops: Vec<Op<'static>>,
}

fn op(
    name: &'static str,
    inputs: &[u16],
    output: u16,
    kind: impl Into<Kind<'static>>,
) -> Op<'static> {
    Op {
        name,
        inputs: Inputs::new(inputs).unwrap(),
        output,
        kind: kind.into(),
    }
}

fn repeat(count: u16, body: u16) -> Repeat {
    Repeat {
        block: Block { count, body },
    }
}

fn add(inputs: &[i8], output: i8) -> Add {
    Add::new(inputs, output, Activation::None).unwrap()
}

/// A state of four elements, to which three steps each add a row of a table and noise; then the
/// picture.
fn description() -> Description {
    let vector = |offset, len, exponent| Region::vector(offset, len, exponent);
    let picture = Region {
        offset: 24,
        channels: 1,
        height: 2,
        width: 2,
        exponent: PIXEL_EXPONENT,
    };
    let regions = vec![
        vector(0, 4, latent::EXPONENT),
        vector(4, 1, 0),
        vector(8, 4, -4),
        vector(12, 4, latent::EXPONENT),
        vector(16, 4, -4),
        vector(20, 4, -4),
        picture,
    ];
    let noise = Noise {
        prior: Prior::Normal,
    };
    let rows = Gather {
        count: 3,
        rows: &ROWS,
    };
    let ops = vec![
        op("start", &[0], 4, Table { entries: &TABLE }),
        op("repeat", &[], 1, repeat(3, 4)),
        op("row", &[1], 2, rows),
        op("noise", &[], 3, noise),
        op("sum", &[2, 3, 4], 5, add(&[-4, latent::EXPONENT, -4], -4)),
        op("next", &[5], 4, Table { entries: &TABLE }),
        op("picture", &[4], 6, Table { entries: &TABLE }),
    ];
    Description { regions, ops }
}

fn written(change: impl FnOnce(&mut Description)) -> Result<Vec<u8>, WriteError> {
    let mut description = description();
    change(&mut description);
    let repr = ImageRepr {
        name: "block",
        card: "",
        latent_len: 4,
        classes: 0,
        prior: Prior::Normal,
        pixel_range: PixelRange::Signed,
        arena_len: 64,
        regions: &description.regions,
        input: 0,
        output: 6,
        ops: &description.ops,
        goldens: &[],
    };
    let mut image = vec![0xAA; repr.buffer_len()];
    let len = repr.emit(&mut image)?;
    assert_eq!(len, image.len());
    Ok(image)
}

#[test]
fn a_block_is_executed_step_by_step() {
    let bytes = written(|_| ()).unwrap();
    let image = Image::new_checked(&bytes).unwrap();
    assert!(image.ops().eq(description().ops));
    let turns: Vec<(&str, Option<(u16, bool)>)> = image
        .schedule()
        .map(|turn| {
            let step = turn.step.map(|step| (step.number, step.last));
            (turn.op.name, step)
        })
        .collect();
    let mut expected = vec![("start", None)];
    for step in 0..3 {
        for name in ["repeat", "row", "noise", "sum", "next"] {
            expected.push((name, Some((step, name == "next"))));
        }
    }
    expected.push(("picture", None));
    assert_eq!(turns, expected);
    // The input, two operations outside, three steps.
    assert_eq!(image.checksum_count(), 6);
    // Four elements each, but the counter's one; the sum has three inputs.
    assert_eq!(image.work(), 4 + 3 * (1 + 4 + 4 + 12 + 4) + 4);
    walk(&image);
}

#[test]
fn each_fault_has_its_error() {
    type Change = fn(&mut Description);
    let cases: [(&str, Change); 16] = [
        ("its block of 2 operations lies within another one", |d| {
            d.ops[3] = op("again", &[], 1, repeat(2, 2))
        }),
        (
            "its block of 6 operations lies within another one, or is empty",
            |d| d.ops[1].kind = repeat(3, 6).into(),
        ),
        ("its block of 0 operations", |d| {
            d.ops[1].kind = repeat(3, 0).into()
        }),
        ("its number of steps cannot be 0", |d| {
            d.ops[1].kind = repeat(0, 4).into()
        }),
        ("its number of steps cannot be 257", |d| {
            d.ops[1].kind = repeat(257, 4).into()
        }),
        // The first step reads the start, the second one what was written over it.
        (
            "operation 4 of the model image: it reads region 4 before",
            |d| {
                d.regions[5].offset = 40;
                d.regions.push(Region::vector(18, 4, -4));
                d.ops[5] = op("gone", &[5], 7, Table { entries: &TABLE });
            },
        ),
        (
            "operation 6 of the model image: it reads region 4 before",
            |d| {
                d.regions[5].offset = 40;
                d.regions.push(Region::vector(18, 4, -4));
                d.ops[5] = op("gone", &[5], 7, Table { entries: &TABLE });
                d.ops[1].kind = repeat(1, 4).into();
            },
        ),
        ("it reads 1 regions, expected 0 to 0", |d| {
            d.ops[3].inputs = Inputs::one(0)
        }),
        ("it reads 0 regions, expected 1 to 4", |d| {
            d.ops[4].inputs = Inputs::new(&[]).unwrap()
        }),
        ("its input region 4 overlaps its output region 5", |d| {
            d.regions[5].offset = 18
        }),
        ("exponent -4 and its output -3", |d| {
            d.regions[5].exponent = -3
        }),
        ("its shift of an input that is not there cannot be 1", |d| {
            d.ops[4].inputs = Inputs::new(&[2, 3]).unwrap()
        }),
        ("an accumulator of", |d| {
            let mut wide = add(&[-4, latent::EXPONENT, -4], -4);
            wide.up = [17; MAX_INPUTS];
            d.ops[4] = op("sum", &[2, 2, 2, 2], 5, wide);
            d.regions[5].exponent = -4 - 17 + 1;
        }),
        ("its input has exponent -5 and its output -4", |d| {
            d.regions[3].exponent = -4
        }),
        ("its number of rows cannot be 300", |d| {
            d.ops[2].kind = Gather {
                count: 300,
                rows: &ROWS,
            }
            .into()
        }),
        (
            "input of 1x1x4 (rows, columns, channels) cannot give an output of 1x1x4",
            |d| d.ops[2].inputs = Inputs::one(0),
        ),
    ];
    for (expected, change) in cases {
        let error = written(change).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "expected “{expected}”, found “{error}”"
        );
    }
}

#[test]
fn tables_of_rows_that_do_not_fit_are_not_written() {
    let error = written(|d| {
        d.ops[2].kind = Gather {
            count: 2,
            rows: &ROWS,
        }
        .into()
    });
    assert_eq!(error, Err(WriteError::Differs { index: 2 }));
}

#[test]
fn products_of_tensors_are_checked() {
    let with = |kind: Kind<'static>, inputs: [Region; 2], output: Region| {
        written(move |d| {
            d.regions.extend(inputs);
            d.regions.push(output);
            let start = d.regions.len() as u16 - 3;
            d.ops[0] = op("start", &[0], 4, Table { entries: &TABLE });
            d.ops
                .insert(1, op("product", &[start, start + 1], start + 2, kind));
        })
        .map(|_| ())
        .map_err(|error| error.to_string())
    };
    let region = |offset, [height, width, channels]: [u16; 3], exponent| Region {
        offset,
        channels,
        height,
        width,
        exponent,
    };
    let mat_mul = |shift| {
        Kind::from(MatMul {
            transposed: true,
            shift,
            activation: Activation::Relu,
        })
    };
    // Within the start's four elements: two rows of two.
    let two = |exponent| region(16, [1, 2, 2], exponent);
    let to = |exponent| region(40, [1, 2, 2], exponent);
    assert_eq!(with(mat_mul(5), [two(-4), two(-5)], to(-4)), Ok(()));
    let refused = |result: Result<(), std::string::String>, expected: &str| {
        let error = result.expect_err(expected);
        assert!(
            error.contains(expected),
            "expected “{expected}”, found “{error}”"
        );
    };
    refused(with(mat_mul(0), [two(-4), two(-5)], to(-9)), "shift of 0");
    refused(
        with(mat_mul(5), [two(-4), two(-5)], to(-5)),
        "exponent -4 and its output -5",
    );
    refused(
        with(mat_mul(5), [two(-4), region(16, [1, 4, 1], -5)], to(-4)),
        "cannot give an output",
    );
    let mul = |shift| Kind::from(Mul { shift });
    assert_eq!(with(mul(3), [two(-4), two(-5)], to(-6)), Ok(()));
    assert_eq!(
        with(mul(3), [two(-4), region(18, [1, 1, 2], -5)], to(-6)),
        Ok(())
    );
    refused(
        with(mul(31), [two(-4), two(-5)], to(22)),
        "its shift cannot be 31",
    );
    refused(
        with(mul(3), [two(-4), region(16, [1, 1, 3], -5)], to(-6)),
        "cannot give an output",
    );
}

/// A forged checksum lets a change through to the structural checks: whatever they let in must be
/// safe to walk.
#[test]
fn every_changed_byte_under_a_forged_checksum_is_refused_or_harmless() {
    let bytes = written(|_| ()).unwrap();
    let (mut refused, mut let_in) = (0, 0);
    for at in (0..12).chain(16..bytes.len()) {
        for value in [0, 1, 2, 3, 4, 5, 8, 19, 20, 0x7F, 0x80, 0xFF, bytes[at] ^ 1] {
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
    assert!(refused > 1000 && let_in > 1000, "{refused}, {let_in}");
}

/// An image of the format before this one.
#[test]
fn format_1_is_refused_with_what_to_do() {
    let mut bytes = written(|_| ()).unwrap();
    bytes[4] = 1;
    let error = Image::new_checked(&resealed(bytes)).unwrap_err();
    assert_eq!(error, ImageError::Version { found: 1 });
    let text = error.to_string();
    assert!(text.contains("thumbgen export generator.onnx"), "{text}");
}

/// A code that no operator has.
#[test]
fn unknown_operators_are_refused_by_their_number() {
    let bytes = written(|_| ()).unwrap();
    let program = u32::from_le_bytes(bytes[56..60].try_into().unwrap()) as usize;
    let next = crate::op::OPERATORS.iter().map(|(_, code, _)| code + 1);
    for code in [0, next.max().unwrap(), 99, 255] {
        let mut changed = bytes.clone();
        changed[program] = code;
        let error = Image::new_checked(&resealed(changed)).unwrap_err();
        let fault = OpFault::Code(code);
        assert_eq!(error, ImageError::Op { index: 0, fault });
        assert!(error.to_string().contains(&code.to_string()));
    }
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
