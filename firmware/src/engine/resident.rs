//! A model in RAM: what a board does whose flash memory keeps the core waiting for every weight.

use super::Engine;
use shared::image::{ALIGNMENT, Image};

impl<'m> Engine<'m> {
    /// Copies an engine's image into the part of the arena that the engine does not need. Gives the
    /// scratch memory that is left, and an engine that reads nothing but the copy. `None` where the
    /// image does not fit; the arena then holds nothing of it.
    pub fn resident(engine: &Engine<'_>, arena: &'m mut [i8]) -> Option<(&'m mut [i8], Self)> {
        let bytes = engine.image.bytes();
        let (scratch, rest) = arena.split_at_mut_checked(engine.image.arena_len())?;
        let rest: &mut [u8] = bytemuck::cast_slice_mut(rest);
        // Kernels read weights by words.
        let skipped = rest.as_ptr().align_offset(ALIGNMENT);
        let copy = rest.get_mut(skipped..)?.get_mut(..bytes.len())?;
        copy.copy_from_slice(bytes);
        let image = Image::new_checked(copy).ok()?;
        Some((scratch, Self::new(image)))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::engine::tests::Network;
    use shared::latent::{Latent, Point};
    use std::vec;

    #[test]
    fn a_copy_computes_what_the_original_does() {
        let point = |seed, label| Point {
            seed,
            label: Some(label),
        };
        let bytes = Network::random(3, 6, 10, &[7, 5], (9, 8)).image(&[point(1, 2)]);
        let engine = Engine::new(Image::new_checked(&bytes).unwrap());
        let needed = engine.image().arena_len();
        let mut memory = vec![0; needed + bytes.len() + 2 * ALIGNMENT];
        let latent = Latent::At(point(77, 9));
        let mut scratch = vec![0; needed];
        let expected = engine.generate(&mut scratch, latent, &mut ()).unwrap();
        // Wherever the arena lies.
        for start in 0..ALIGNMENT {
            let (scratch, copy) = Engine::resident(&engine, &mut memory[start..]).unwrap();
            assert_eq!(scratch.len(), needed);
            let copied = copy.image().bytes();
            assert!(copied == bytes && copied.as_ptr() != bytes.as_ptr());
            assert_eq!(copied.as_ptr().addr() % ALIGNMENT, 0);
            let found = copy.generate(scratch, latent, &mut ()).unwrap();
            assert_eq!(found.data(), expected.data());
        }
    }

    #[test]
    fn what_does_not_fit_stays_where_it_is() {
        let bytes = Network::random(3, 6, 0, &[7, 5], (9, 8)).image(&[]);
        let engine = Engine::new(Image::new_checked(&bytes).unwrap());
        let needed = engine.image().arena_len();
        for len in [0, needed - 1, needed, needed + bytes.len() - 1] {
            let mut memory = vec![5; len];
            assert!(Engine::resident(&engine, &mut memory).is_none(), "{len}");
            assert!(memory.iter().all(|&byte| byte == 5), "{len}");
        }
    }
}
