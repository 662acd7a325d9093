//! Writer against reader: what goes in comes out, and nothing else is let in.

extern crate std;

use super::*;
use crate::arithmetic::Activation;
use crate::checksum;
use crate::latent::{self, Point, Prior};
use crate::op::{Dense, Inputs, Kind, Layout, Op, Region, Table, Weights};
use proptest::prelude::*;
use std::string::ToString;
use std::sync::LazyLock;
use std::vec;
use std::vec::Vec;

/// The data of a network 3+2 -> 4 (int8, leaky) -> 6 (int4) -> table in place.
struct Parts {
    w0: Vec<u8>,
    b0: Vec<u8>,
    s0: Vec<u8>,
    w1: Vec<u8>,
    b1: Vec<u8>,
    s1: Vec<u8>,
    table: [u8; 256],
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| Parts {
    w0: (0..20).map(|i| (i * 37) as u8).collect(),
    b0: (0..4)
        .flat_map(|i: i32| (i * 1000 - 1500).to_le_bytes())
        .collect(),
    s0: vec![1, 28, 7, 9],
    w1: (0..12).map(|i| (i * 91) as u8).collect(),
    b1: (0..6)
        .flat_map(|i: i32| (70_000 * i).to_le_bytes())
        .collect(),
    s1: vec![4, 5, 6, 7, 8, 30],
    table: core::array::from_fn(|i| i as u8 ^ 0x80),
});

fn regions() -> [Region; 4] {
    [
        Region::vector(0, 5, latent::EXPONENT),
        Region::vector(5, 4, -4),
        Region {
            offset: 12,
            channels: 1,
            height: 2,
            width: 3,
            exponent: -3,
        },
        Region {
            offset: 12,
            channels: 1,
            height: 2,
            width: 3,
            exponent: PIXEL_EXPONENT,
        },
    ]
}

fn ops() -> [Op<'static>; 3] {
    let parts = &*PARTS;
    [
        Op {
            name: "dense_0",
            inputs: Inputs::one(0),
            output: 1,
            kind: Kind::Dense(Dense {
                weights: Weights {
                    layout: Layout::Int8Rows,
                    activation: Activation::LeakyRelu { slope_shift: 2 },
                    values: &parts.w0,
                    bias: &parts.b0,
                    shifts: &parts.s0,
                },
            }),
        },
        Op {
            name: "dense_1",
            inputs: Inputs::one(1),
            output: 2,
            kind: Kind::Dense(Dense {
                weights: Weights {
                    layout: Layout::Int4Rows,
                    activation: Activation::None,
                    values: &parts.w1,
                    bias: &parts.b1,
                    shifts: &parts.s1,
                },
            }),
        },
        Op {
            name: "tanh",
            inputs: Inputs::one(2),
            output: 3,
            kind: Kind::Table(Table {
                entries: &parts.table,
            }),
        },
    ]
}

const GOLDENS: [GoldenRepr<'static>; 2] = [
    GoldenRepr {
        point: Point {
            seed: 1,
            label: Some(0),
        },
        checksums: &[1, 2, 3, 4],
    },
    GoldenRepr {
        point: Point {
            seed: u32::MAX,
            label: Some(1),
        },
        checksums: &[5, 6, 7, u32::MAX],
    },
];

/// What a test may change before the network is written.
struct Description {
    latent_len: u16,
    classes: u8,
    regions: [Region; 4],
    ops: Vec<Op<'static>>,
    goldens: Vec<GoldenRepr<'static>>,
}

/// Writes the network, changed by the caller.
fn written(change: impl FnOnce(&mut Description)) -> Result<Vec<u8>, WriteError> {
    let mut description = Description {
        latent_len: 3,
        classes: 2,
        regions: regions(),
        ops: ops().to_vec(),
        goldens: GOLDENS.to_vec(),
    };
    change(&mut description);
    let repr = ImageRepr {
        name: "tiny",
        card: "A test: 5 → 4 → 6",
        latent_len: description.latent_len,
        classes: description.classes,
        prior: Prior::Normal,
        pixel_range: PixelRange::Signed,
        arena_len: 18,
        regions: &description.regions,
        input: 0,
        output: 3,
        ops: &description.ops,
        goldens: &description.goldens,
    };
    let mut image = vec![0xAA; repr.buffer_len()];
    let len = repr.emit(&mut image)?;
    assert_eq!(len, image.len());
    Ok(image)
}

/// The weights that a test changes.
fn dense<'a>(op: &'a mut Op<'static>) -> &'a mut Weights<'static> {
    match &mut op.kind {
        Kind::Dense(dense) => &mut dense.weights,
        other => panic!("{} is no dense layer but {other:?}", op.name),
    }
}

/// Makes the checksum fit again after a change.
pub(super) fn resealed(mut image: Vec<u8>) -> Vec<u8> {
    let mut digest = checksum::digest();
    digest.update(&image[..12]);
    digest.update(&image[16..]);
    let crc = digest.finalize();
    image[12..16].copy_from_slice(&crc.to_le_bytes());
    image
}

/// Uses every accessor.
pub(super) fn walk(image: &Image<'_>) -> usize {
    let mut seen = image.name().len() + image.card().len() + image.latent_len();
    for op in image.ops() {
        let (from, to) = (image.inputs_of(&op), image.region(op.output));
        seen += to.end() as usize + op.kind.name().len();
        assert_eq!(op.kind.check(&from, &to), Ok(()));
        if let Some((weights, shape)) = op.kind.weights(&from, &to) {
            assert_eq!(weights.rows(shape.columns).count(), shape.rows as usize);
            assert_eq!(weights.biases().count(), weights.shifts.len());
        }
    }
    let mut checksums = 1;
    for turn in image.schedule() {
        checksums += usize::from(turn.step.is_none_or(|step| step.last));
    }
    assert_eq!(checksums, image.checksum_count());
    assert!(image.work() >= image.op_count() as u64);
    assert_eq!(image.ops().count(), image.op_count());
    for golden in image.goldens() {
        assert_eq!(golden.checksums().count(), image.checksum_count());
        assert!(image.accepts(golden.point.label));
    }
    seen
}

#[test]
fn both_pixel_ranges_reach_black_and_white() {
    assert_eq!(
        [-128, -1, 0, 127].map(|q| PixelRange::Signed.grey(q)),
        [0, 127, 128, 255]
    );
    assert_eq!(
        [-128, 0, 64, 127].map(|q| PixelRange::Unit.grey(q)),
        [0, 0, 129, 255]
    );
}

#[test]
fn what_goes_in_comes_out() {
    let bytes = written(|_| ()).unwrap();
    let image = Image::new_checked(&bytes).unwrap();
    assert_eq!((image.name(), image.card()), ("tiny", "A test: 5 → 4 → 6"));
    assert_eq!(
        (image.latent_len(), image.classes(), image.arena_len()),
        (3, 2, 18)
    );
    assert_eq!(
        (image.prior(), image.pixel_range()),
        (Prior::Normal, PixelRange::Signed)
    );
    assert!(image.regions().eq(regions()));
    assert_eq!(
        (image.input(), image.output()),
        (regions()[0], regions()[3])
    );
    assert!(image.ops().eq(ops()));
    assert_eq!(image.goldens().len(), 2);
    for (read, wrote) in image.goldens().zip(GOLDENS) {
        assert_eq!(read.point, wrote.point);
        assert!(read.checksums().eq(wrote.checksums.iter().copied()));
    }
    assert_eq!(image.len(), bytes.len());
    walk(&image);
}

#[test]
fn weights_are_aligned() {
    let bytes = written(|_| ()).unwrap();
    let image = Image::new_checked(&bytes).unwrap();
    for op in image.ops() {
        let (from, to) = (image.inputs_of(&op), image.region(op.output));
        if let Some((weights, _)) = op.kind.weights(&from, &to) {
            let offset = |part: &[u8]| part.as_ptr() as usize - bytes.as_ptr() as usize;
            assert_eq!(
                (offset(weights.values) % ALIGNMENT, offset(weights.bias) % 4),
                (0, 0),
                "{}",
                op.name
            );
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let bytes = written(|_| ()).unwrap();
    for len in 0..bytes.len() {
        let error = Image::new_checked(&bytes[..len]).unwrap_err();
        assert!(
            matches!(
                error,
                ImageError::TooShort { .. } | ImageError::Length { .. }
            ),
            "{len}: {error}"
        );
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(
        Image::new_checked(&longer),
        Err(ImageError::Length { .. })
    ));
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = written(|_| ()).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let error = Image::new_checked(&flipped).unwrap_err();
            let expected = match at {
                0..4 => matches!(error, ImageError::Magic { .. }),
                4..6 => matches!(error, ImageError::Version { .. }),
                6..8 => matches!(error, ImageError::Header { .. }),
                8..12 => matches!(error, ImageError::Length { .. }),
                _ => matches!(error, ImageError::Checksum { .. }),
            };
            assert!(expected, "byte {at}, bit {bit}: {error}");
        }
    }
}

/// A forged checksum lets a change through to the structural checks: whatever they let in must be
/// safe to walk.
#[test]
fn every_changed_byte_under_a_forged_checksum_is_refused_or_harmless() {
    let bytes = written(|_| ()).unwrap();
    let mut refused = 0;
    for at in (0..12).chain(16..bytes.len()) {
        for value in [
            0,
            1,
            2,
            0x7F,
            0x80,
            0xFE,
            0xFF,
            bytes[at] ^ 1,
            bytes[at].wrapping_add(4),
        ] {
            let mut changed = bytes.clone();
            changed[at] = value;
            match Image::new_checked(&resealed(changed)) {
                Ok(image) => {
                    walk(&image);
                }
                Err(error) => {
                    assert!(!error.to_string().contains('\n'));
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn each_fault_has_its_error() {
    static HUGE_BIAS: [u8; 16] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    type Change = fn(&mut Description);
    let cases: [(&str, Change); 16] = [
        ("reads region 1 before", |d| d.ops.swap(0, 1)),
        ("leaves its output region 3 unwritten", |d| {
            d.ops.clear();
            d.goldens.clear();
        }),
        ("input region 0 overlaps its output region 1", |d| {
            d.regions[1].offset = 4
        }),
        ("outside the arena of 18 bytes", |d| {
            d.regions[2].offset = 13
        }),
        (
            "region 3 of the model image (offset 12, 0 bytes) is empty",
            |d| d.regions[3].channels = 0,
        ),
        ("its input has 6 elements and its output 4", |d| {
            (d.regions[3].offset, d.regions[3].width) = (5, 2);
        }),
        ("impossible output region", |d| d.regions[3].exponent = 0),
        ("impossible input region", |d| d.latent_len = 4),
        ("region 9 does not exist", |d| {
            d.ops[2].output = 9;
        }),
        ("its slope shift cannot be 0", |d| {
            dense(&mut d.ops[0]).activation = Activation::LeakyRelu { slope_shift: 0 };
        }),
        ("its slope shift cannot be 8", |d| {
            dense(&mut d.ops[0]).activation = Activation::LeakyRelu { slope_shift: 8 };
        }),
        ("output 1 has a shift of 28", |d| {
            dense(&mut d.ops[0]).activation = Activation::LeakyRelu { slope_shift: 3 };
        }),
        ("output 0 may reach an accumulator of", |d| {
            dense(&mut d.ops[0]).bias = &HUGE_BIAS
        }),
        ("operation 0 has 0 bytes of weights, expected 20", |d| {
            dense(&mut d.ops[0]).values = &PARTS.w0[..0]
        }),
        (
            "golden vector 1 of the model image is malformed: label 1 of 1",
            |d| {
                (d.latent_len, d.classes) = (4, 1);
            },
        ),
        ("5 checksums in a golden vector, at most 4", |d| {
            d.goldens[0].checksums = &[0; 5]
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

#[test]
fn a_short_buffer_is_refused() {
    let (regions, ops) = (regions(), ops());
    let repr = ImageRepr {
        name: "",
        card: "",
        latent_len: 5,
        classes: 0,
        prior: Prior::Uniform,
        pixel_range: PixelRange::Unit,
        arena_len: 18,
        regions: &regions,
        input: 0,
        output: 3,
        ops: &ops,
        goldens: &[],
    };
    let needed = repr.buffer_len();
    let mut buffer = vec![0; needed];
    assert_eq!(
        repr.emit(&mut buffer[..needed - 1]),
        Err(WriteError::Buffer {
            needed,
            found: needed - 1
        })
    );
    assert_eq!(repr.emit(&mut buffer), Ok(needed));
    let image = Image::new_checked(&buffer).unwrap();
    assert_eq!(
        (image.prior(), image.pixel_range()),
        (Prior::Uniform, PixelRange::Unit)
    );
    assert!(image.accepts(None) && !image.accepts(Some(0)));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_walked(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(image) = Image::new_checked(&bytes) {
            walk(&image);
        }
    }

    #[test]
    fn any_forged_change_is_refused_or_walked(
        changes in proptest::collection::vec((16usize..1000, any::<u8>()), 1..6),
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
