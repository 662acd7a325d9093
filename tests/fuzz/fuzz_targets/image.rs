//! Any bytes, sealed with a fitting checksum: refused, or safe to run. What would take long is only
//! read.
#![no_main]

use firmware::engine::Engine;
use libfuzzer_sys::fuzz_target;
use shared::checksum;
use shared::image::Image;
use shared::latent::{Latent, Point};

/// The most work, and the longest arena, that are run.
const MAX_WORK: u64 = 20_000_000;
const MAX_ARENA: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let mut sealed = bytes.to_vec();
    if sealed.len() > 16 {
        // The checksum covers all bytes but its own four.
        let rest: Vec<u8> = sealed[..12].iter().chain(&sealed[16..]).copied().collect();
        let crc = checksum::of_bytes(&rest);
        sealed[12..16].copy_from_slice(&crc.to_le_bytes());
    }
    if let Ok(image) = Image::new_checked(&sealed) {
        for op in image.ops() {
            let (from, to) = (image.inputs_of(&op), image.region(op.output));
            if let Some((weights, shape)) = op.kind.weights(&from, &to) {
                let largest = weights.bounds(&shape).max();
                assert!(largest.is_none_or(|bound| bound < 1 << 24));
            }
        }
        if image.work() > MAX_WORK || image.arena_len() > MAX_ARENA {
            return;
        }
        let label = (image.classes() > 0).then_some(0);
        let mut arena = vec![0; image.arena_len()];
        let engine = Engine::new(image);
        let _ = engine.generate(&mut arena, Latent::At(Point { seed: 1, label }), &mut ());
    }
});
