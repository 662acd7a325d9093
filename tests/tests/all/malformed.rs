//! Damaged and hostile model images, on the real files: each is refused with a typed error, or
//! proven harmless.

use firmware::engine::Engine;
use shared::image::{Image, ImageError};
use shared::latent::{Latent, Point};
use tests::{MODELS, model, resealed};

#[test]
fn every_truncation_of_a_real_image_is_refused() {
    for name in MODELS {
        let model = model(name);
        for len in 0..model.bytes().len() {
            match Image::new_checked(&model.bytes()[..len]) {
                Err(ImageError::TooShort { .. } | ImageError::Length { .. }) => {}
                other => panic!("{name} cut to {len} bytes: {other:?}"),
            }
        }
    }
}

/// The checksum covers every byte but its own four, and those differ from it when they are flipped.
#[test]
fn every_flipped_byte_of_a_real_image_is_refused() {
    let mut bytes = model("cgan").bytes().to_vec();
    for at in 0..bytes.len() {
        // Another bit pattern for each byte, never none.
        let flip = (at % 255) as u8 + 1;
        bytes[at] ^= flip;
        if let Ok(image) = Image::new_checked(&bytes) {
            panic!("byte {at} flipped by {flip:#04x} was not noticed: {image:?}");
        }
        bytes[at] ^= flip;
    }
    assert!(
        Image::new_checked(&bytes).is_ok(),
        "the image is whole again"
    );
}

/// With a forged checksum the structure is what is left to check; whatever passes must run without
/// leaving its arena.
#[test]
fn every_changed_field_under_a_forged_checksum_is_refused_or_runs() {
    let name = "cgan";
    let original = model(name);
    let data = u32::from_le_bytes(original.bytes()[72..76].try_into().unwrap()) as usize;
    let (mut refused, mut ran) = (0, 0);
    for at in (0..12).chain(16..data) {
        for change in [0x01, 0x80, 0xFF] {
            let mut bytes = original.bytes().to_vec();
            bytes[at] ^= change;
            let bytes = resealed(bytes);
            let Ok(image) = Image::new_checked(&bytes) else {
                refused += 1;
                continue;
            };
            ran += 1;
            // Guard bytes around the arena.
            let mut memory = vec![0x55i8; image.arena_len() + 64];
            let (_, rest) = memory.split_at_mut(32);
            let (arena, _) = rest.split_at_mut(image.arena_len());
            let label = (image.classes() > 0).then_some(0);
            let latent = Latent::At(Point { seed: 3, label });
            Engine::new(image)
                .generate(arena, latent, &mut ())
                .unwrap_or_else(|error| panic!("byte {at}: {error}"));
            let guards = memory[..32].iter().chain(&memory[memory.len() - 32..]);
            assert!(
                guards.copied().all(|guard| guard == 0x55),
                "byte {at}: wrote outside the arena"
            );
        }
    }
    // Names, the card, golden checksums and seeds may say anything; structure may not.
    assert!(refused > 200 && ran > 200, "{refused} refused, {ran} ran");
}
