//! Uploads that are cut at every operation and every block, wrong and hostile images, on flash in
//! RAM.
extern crate std;

use super::simulated::{Power, SECTOR_LEN, SimulatedBank};
use super::*;
use crate::engine::tests::Network;
use proptest::prelude::*;
use shared::image::{HEADER_LEN, Image};
use shared::latent::{Latent, Point};
use shared::protocol::{BLOCK_LEN, Refusal, SlotState, Source};
use std::{vec, vec::Vec};

const POINTS: [Point; 2] = [
    Point {
        seed: 3,
        label: Some(1),
    },
    Point {
        seed: 4,
        label: Some(9),
    },
];

const LIMITS: Limits = Limits {
    arena: 400,
    million_steps: 1,
    million_test_steps: 100,
};

/// A small model; each number gives another. Two of three sectors long with its record.
fn model(number: u32) -> Vec<u8> {
    let image = Network::random(number, 6, 10, &[7, 5], (9, 8)).image(&POINTS);
    assert!(image.len() > SECTOR_LEN && image.len() + BLOCK_LEN < 3 * SECTOR_LEN);
    image
}

fn crc_of(image: &[u8]) -> u32 {
    Image::new_checked(image).unwrap().crc()
}

/// A device's flash and built-in model.
struct Bench {
    power: Power,
    banks: Vec<SimulatedBank>,
    built_in: Vec<u8>,
}

impl Bench {
    fn new(banks: usize, seed: u64) -> Self {
        let power = Power::new();
        Self {
            banks: (0..banks)
                .map(|bank| SimulatedBank::new(3, &power, seed + bank as u64))
                .collect(),
            power,
            built_in: model(100),
        }
    }

    /// Boots, draws a picture with the model that runs, then does `work`. Gives that model's
    /// checksum.
    fn boot_from<T>(
        &mut self,
        start: Start,
        work: impl FnOnce(&Running<'_>, &mut Upload<'_, SimulatedBank>) -> T,
    ) -> (u32, T) {
        let mut arena = vec![0; LIMITS.arena];
        let (banks, built_in) = (&mut self.banks, &self.built_in);
        let (running, mut upload) =
            boot(banks, built_in, LIMITS, start, &mut arena, &mut ()).unwrap();
        assert!(running.self_test.is_ok());
        let worked = work(&running, &mut upload);
        // The model that runs is as it was, whatever was written meanwhile.
        let bytes = Image::new_checked(built_in).unwrap();
        assert_eq!(bytes.len(), built_in.len());
        let engine = running.engine;
        engine
            .generate(&mut arena, Latent::At(POINTS[0]), &mut ())
            .unwrap();
        assert!(engine.self_test(&mut arena).is_ok());
        (engine.image().crc(), worked)
    }

    fn runs(&mut self) -> (u32, Source, SlotState) {
        let (crc, (source, slot)) =
            self.boot_from(Start::Newest, |running, _| (running.source, running.slot));
        (crc, source, slot)
    }

    fn upload(&mut self, image: &[u8]) -> Result<u32, Refusal> {
        self.boot_from(Start::Newest, |_, upload| send(upload, image, usize::MAX))
            .1
    }
}

/// Uploads an image, of its blocks the first so many; finishes where that is all of them.
fn send(upload: &mut impl Slot, image: &[u8], blocks: usize) -> Result<u32, Refusal> {
    let crc = u32::from_le_bytes(*image[12..].first_chunk().unwrap());
    let mut offset = upload.begin(image.len() as u32, crc)?;
    for block in image.chunks(BLOCK_LEN).take(blocks) {
        let sent = upload.block(offset, block)?;
        assert_eq!(sent, offset + block.len() as u32);
        offset = sent;
    }
    if offset as usize == image.len() {
        upload.finish(&mut [0; LIMITS.arena], &mut ())
    } else {
        Ok(0)
    }
}

#[test]
fn models_take_turns() {
    let mut bench = Bench::new(2, 1);
    let built_in = crc_of(&bench.built_in);
    assert_eq!(bench.runs(), (built_in, Source::BuiltIn, SlotState::Empty));
    for (number, bank) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
        let image = model(number);
        assert_eq!(bench.upload(&image), Ok(crc_of(&image)));
        let expected = (crc_of(&image), Source::Bank(bank), SlotState::Running);
        assert_eq!(bench.runs(), expected);
    }
    let (crc, slot) = bench.boot_from(Start::BuiltIn, |running, _| running.slot);
    assert_eq!((crc, slot), (built_in, SlotState::Released));
}

/// The power goes in the middle of every single operation of an upload.
#[test]
fn power_cut_at_every_operation() {
    for (banks, before) in [(2, 0), (2, 1), (2, 2), (1, 0), (1, 1)] {
        for seed in 0..8 {
            let (image, start) = (
                model(50),
                if banks == 1 {
                    Start::BuiltIn
                } else {
                    Start::Newest
                },
            );
            let mut cut = 0;
            loop {
                let mut bench = Bench::new(banks, 1000 * seed + u64::from(cut));
                for number in 0..before {
                    bench.upload(&model(number)).unwrap();
                }
                let old = match bench.runs() {
                    // With one bank, its model makes room for the next.
                    _ if banks == 1 => crc_of(&bench.built_in),
                    (crc, ..) => crc,
                };
                bench.power.cut_after(cut);
                let (running, sent) =
                    bench.boot_from(start, |_, upload| send(upload, &image, usize::MAX));
                assert_eq!(running, old);
                let whole = !bench.power.is_gone();
                bench.power.restore();
                let (after, _, slot) = bench.runs();
                if whole {
                    assert_eq!((sent, after), (Ok(crc_of(&image)), crc_of(&image)));
                    // A sector for each three, and a block for each piece and for the record.
                    assert!(cut as usize > image.len() / BLOCK_LEN, "{cut}");
                    break;
                }
                assert_eq!(sent, Err(Refusal::Flash));
                // A cut in the record's very block may leave all of it, and then the model is
                // whole. A cut in its erasing may leave the record of before, on an image that is
                // as it was.
                let known = [old, crc_of(&image), crc_of(&model(0))];
                let allowed = if before == 0 { &known[..2] } else { &known };
                assert!(allowed.contains(&after), "{slot:?}, cut at {cut}");
                if banks == 2 && after != old {
                    assert_eq!(after, crc_of(&image));
                }
                // And the next upload works.
                let (_, again) =
                    bench.boot_from(start, |_, upload| send(upload, &image, usize::MAX));
                assert_eq!(again, Ok(crc_of(&image)), "after a cut at {cut}");
                assert_eq!(bench.runs().0, crc_of(&image));
                cut += 1;
            }
        }
    }
}

/// The host goes away after every single block.
#[test]
fn cut_at_every_block() {
    let (old, new) = (model(1), model(2));
    for blocks in 0..new.len().div_ceil(BLOCK_LEN) {
        let mut bench = Bench::new(2, 5);
        bench.upload(&old).unwrap();
        let (running, sent) =
            bench.boot_from(Start::Newest, |_, upload| send(upload, &new, blocks));
        assert_eq!((running, sent), (crc_of(&old), Ok(0)));
        assert_eq!(
            bench.runs(),
            (crc_of(&old), Source::Bank(0), SlotState::Running)
        );
    }
}

#[test]
fn one_bank_is_released_before_it_is_written() {
    let mut bench = Bench::new(1, 9);
    bench.upload(&model(1)).unwrap();
    assert_eq!(bench.upload(&model(2)), Err(Refusal::InUse));
    let image = model(2);
    let (running, sent) = bench.boot_from(Start::BuiltIn, |_, upload| {
        assert_eq!(upload.capacity() as usize, 3 * SECTOR_LEN - BLOCK_LEN);
        send(upload, &image, 2)
    });
    assert_eq!((running, sent), (crc_of(&bench.built_in), Ok(0)));
    // The old one is gone, the new one is not there.
    let built_in = crc_of(&bench.built_in);
    assert_eq!(bench.runs(), (built_in, Source::BuiltIn, SlotState::Empty));
}

#[test]
fn no_bank_and_no_slot_refuse() {
    let mut bench = Bench::new(0, 0);
    assert_eq!(bench.runs().2, SlotState::Absent);
    assert_eq!(bench.upload(&model(1)), Err(Refusal::NoSlot));
    assert_eq!(send(&mut NoSlot, &model(1), 9), Err(Refusal::NoSlot));
}

/// Makes an image's checksum fit after a change.
fn resealed(mut image: Vec<u8>) -> Vec<u8> {
    let covered = [&image[..12], &image[16..]].concat();
    let crc = shared::checksum::of_bytes(&covered).to_le_bytes();
    image[12..16].copy_from_slice(&crc);
    image
}

#[test]
fn wrong_images_are_refused_and_change_nothing() {
    let good = model(2);
    let goldens = u32::from_le_bytes(*good[64..].first_chunk().unwrap()) as usize;
    let changed = |at: usize| {
        let mut image = good.clone();
        image[at] ^= 1;
        image
    };
    let without = Network::random(1, 6, 10, &[30, 5], (9, 8)).image(&[]);
    let wide = Network::random(1, 6, 10, &[400], (2, 1)).image(&POINTS);
    let too_long = Refusal::TooLong {
        len: wide.len() as u32,
        capacity: (3 * SECTOR_LEN - BLOCK_LEN) as u32,
    };
    let mismatch = Refusal::SelfTest {
        golden: 0,
        op: Some(0),
    };
    for (what, image, refusal) in [
        ("damaged", changed(good.len() - 1), Refusal::Image),
        ("no image", vec![7; 1500], Refusal::Image),
        ("short", vec![0; 20], Refusal::Image),
        ("too long", wide, too_long),
        ("untested", without, Refusal::NoGoldens),
        ("self-test", resealed(changed(goldens + 8 + 4)), mismatch),
    ] {
        let mut bench = Bench::new(2, 3);
        bench.upload(&model(1)).unwrap();
        assert_eq!(bench.upload(&image), Err(refusal), "{what}");
        let expected = (crc_of(&model(1)), Source::Bank(0), SlotState::Running);
        assert_eq!(bench.runs(), expected, "{what}");
    }
}

#[test]
fn limits_are_those_of_the_device() {
    let image = model(1);
    let image = Image::new_checked(&image).unwrap();
    let refusal = |arena, million_steps| {
        Limits {
            arena,
            million_steps,
            ..LIMITS
        }
        .check(&image)
    };
    let needed = image.arena_len();
    assert_eq!(refusal(needed, 1), Ok(()));
    let small = Refusal::Arena {
        needed: needed as u32,
        available: needed as u32 - 1,
    };
    assert_eq!(refusal(needed - 1, 1), Err(small));
    let slow = Refusal::Work {
        millions: 1,
        allowed: 0,
    };
    assert_eq!(refusal(needed, 0), Err(slow));
}

/// Each picture is quick, and there are so many golden vectors that the device would test for hours
/// before it answers.
#[test]
fn endless_self_tests_are_refused() {
    let limits = Limits {
        arena: 1000,
        million_test_steps: 1,
        ..LIMITS
    };
    let refusal = |goldens: u32| {
        let points: Vec<Point> = (0..goldens)
            .map(|seed| Point { seed, label: None })
            .collect();
        let image = Network::random(1, 3, 0, &[20], (20, 20)).image(&points);
        limits.check(&Image::new_checked(&image).unwrap())
    };
    // 3 * 20 + 20 * 400 multiplications, 820 elements of which the table writes 400.
    assert_eq!(refusal(100), Ok(()));
    let slow = Refusal::TestWork {
        millions: 2,
        allowed: 1,
    };
    assert_eq!(refusal(200), Err(slow));
}

/// An image that is sent as another, out of order, in wrong pieces, or twice.
#[test]
fn the_order_of_an_upload() {
    let image = model(2);
    let (len, crc) = (image.len() as u32, crc_of(&image));
    let mut bench = Bench::new(2, 4);
    bench.boot_from(Start::Newest, |_, upload| {
        let arena = &mut [0; LIMITS.arena];
        let block = |index: usize| image.chunks(BLOCK_LEN).nth(index).unwrap();
        assert_eq!(upload.block(0, block(0)), Err(Refusal::NotBegun));
        assert_eq!(upload.finish(arena, &mut ()), Err(Refusal::NotBegun));
        assert_eq!(upload.begin(len, crc), Ok(0));
        assert_eq!(
            upload.block(0, &block(0)[1..]),
            Err(Refusal::BlockLen { expected: 256 })
        );
        assert_eq!(
            upload.block(256, block(1)),
            Err(Refusal::Offset { expected: 0 })
        );
        assert_eq!(upload.block(0, block(0)), Ok(256));
        // Again, as it is and otherwise.
        assert_eq!(upload.block(0, block(0)), Ok(256));
        assert_eq!(
            upload.block(0, block(1)),
            Err(Refusal::Offset { expected: 256 })
        );
        assert_eq!(
            upload.block(u32::MAX, block(1)),
            Err(Refusal::Offset { expected: 256 })
        );
        assert_eq!(
            upload.finish(arena, &mut ()),
            Err(Refusal::Incomplete { received: 256 })
        );
        // The same upload goes on, another one starts anew.
        assert_eq!(upload.begin(len, crc), Ok(256));
        assert_eq!(upload.begin(len, crc ^ 1), Ok(0));
        upload.abort();
        assert_eq!(upload.block(0, block(0)), Err(Refusal::NotBegun));
        assert_eq!(upload.begin(len, crc ^ 1), Ok(0));
        for (index, block) in image.chunks(BLOCK_LEN).enumerate() {
            upload.block((index * BLOCK_LEN) as u32, block).unwrap();
        }
        assert_eq!(
            upload.block(len, &[]),
            Err(Refusal::BlockLen { expected: 0 })
        );
        assert_eq!(upload.finish(arena, &mut ()), Err(Refusal::Checksum));
    });
    assert_eq!(bench.runs().2, SlotState::Empty);
}

/// What is damaged in flash later is not run: the bank before it is, then the built-in model.
#[test]
fn damage_in_flash_falls_back() {
    let mut bench = Bench::new(2, 6);
    for number in [1, 2] {
        bench.upload(&model(number)).unwrap();
    }
    // Somewhere in the image: its weights, its header.
    for at in [BLOCK_LEN + HEADER_LEN + 400, BLOCK_LEN + 20] {
        bench.banks[1].bytes_mut()[at] ^= 4;
        let expected = (
            crc_of(&model(1)),
            Source::Bank(0),
            SlotState::Refused(Refusal::Image),
        );
        assert_eq!(bench.runs(), expected);
    }
    bench.banks[0].bytes_mut()[BLOCK_LEN + 500] ^= 4;
    let (crc, source, slot) = bench.runs();
    assert_eq!((crc, source), (crc_of(&bench.built_in), Source::BuiltIn));
    assert_eq!(slot, SlotState::Refused(Refusal::Image));
    // A damaged record counts for none; the damaged one is overwritten first, as nothing can be
    // lost with it.
    bench.banks[1].bytes_mut()[2] ^= 4;
    assert_eq!(bench.runs().2, SlotState::Refused(Refusal::Image));
    bench.banks[0].bytes_mut()[9] ^= 4;
    assert_eq!(bench.runs().2, SlotState::Empty);
    let image = model(3);
    assert_eq!(bench.upload(&image), Ok(crc_of(&image)));
    assert_eq!(bench.runs().0, crc_of(&image));
}

/// A record that somebody wrote over nonsense, and one of each number.
#[test]
fn records_that_lie_are_not_believed() {
    for (len, sequence) in [(0, 0), (80, 1), (u32::MAX, u32::MAX), (1500, 0x8000_0000)] {
        let mut bench = Bench::new(2, 7);
        bench.upload(&model(1)).unwrap();
        let record = Record {
            len,
            crc: 5,
            sequence,
        };
        bench.banks[1].bytes_mut()[..BLOCK_LEN].copy_from_slice(&record.block());
        assert_eq!(bench.runs().0, crc_of(&model(1)), "{record:?}");
        assert_eq!(bench.upload(&model(2)), Ok(crc_of(&model(2))));
        assert_eq!(bench.runs().0, crc_of(&model(2)), "{record:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Uploads, cuts, damage and restarts in any order: something good always runs, and the flash
    /// is used by its rules.
    #[test]
    fn something_good_always_runs(
        banks in 0usize..=3,
        seed: u32,
        steps in proptest::collection::vec((0u32..4, proptest::option::of(0u32..20), any::<Option<(usize, usize)>>(), any::<bool>()), 1..12),
    ) {
        let mut bench = Bench::new(banks, u64::from(seed));
        let models: Vec<_> = (0..4).map(model).collect();
        let known: Vec<_> = models.iter().chain([&bench.built_in]).map(|image| crc_of(image)).collect();
        for (number, cut, damage, built_in) in steps {
            if let Some(cut) = cut {
                bench.power.cut_after(cut);
            }
            let start = if built_in { Start::BuiltIn } else { Start::Newest };
            let image = &models[number as usize];
            let (crc, sent) = bench.boot_from(start, |_, upload| send(upload, image, usize::MAX));
            prop_assert!(known.contains(&crc));
            let whole = !bench.power.is_gone();
            bench.power.restore();
            if sent.is_ok() && whole {
                prop_assert_eq!(bench.runs().0, crc_of(image));
            }
            if let (Some((bank, at)), true) = (damage, banks > 0) {
                let bytes = bench.banks[bank % banks].bytes_mut();
                let at = at % bytes.len();
                bytes[at] ^= 0x20;
            }
            prop_assert!(known.contains(&bench.runs().0));
        }
    }
}
