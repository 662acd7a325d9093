//! Whether a model will run on a board, found out before anything is built or written.

use crate::firmware_build::board::Board;
use crate::system::failure::Class;
use firmware::engine::Engine;
use shared::image::Image;
use shared::protocol::Refusal;

/// A model that a board would not run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It does not fit.
    #[error("{board} would not run {model}: {refusal}")]
    Refused {
        /// Name of the board.
        board: &'static str,
        /// Name of the model.
        model: String,
        /// What the device would say.
        refusal: Refusal,
    },
    /// It does not compute what its golden vectors say.
    #[error(
        "{model} fails its self-test on this machine ({reason}), so it would on {board}; export it again"
    )]
    SelfTest {
        /// Name of the board.
        board: &'static str,
        /// Name of the model.
        model: String,
        /// The first difference.
        reason: String,
    },
}

impl CheckError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::SelfTest { .. } => Class::Mismatch,
            Self::Refused { refusal, .. } => match refusal {
                Refusal::Arena { .. }
                | Refusal::Work { .. }
                | Refusal::TestWork { .. }
                | Refusal::TooLong { .. } => Class::TooLarge,
                _ => Class::Input,
            },
        }
    }
}

/// Checks an image as the board will: by the limits of its slot, also for a model that is built
/// into the program, which is not to hang the device either; and by its self-test, with the board's
/// own engine. Gives its number of golden vectors.
///
/// # Errors
/// [`CheckError`].
pub fn check(board: &Board, image: &Image<'_>) -> Result<usize, CheckError> {
    let (name, model) = (board.build.name, || image.name().to_owned());
    if let Err(refusal) = board.limits().check(image) {
        return Err(CheckError::Refused {
            board: name,
            model: model(),
            refusal,
        });
    }
    let mut arena = vec![0; image.arena_len()];
    let tested = Engine::new(*image).self_test(&mut arena);
    tested.map_err(|error| CheckError::SelfTest {
        board: name,
        model: model(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::repository;

    fn shipped(name: &str) -> Vec<u8> {
        let path = format!("models/{name}/model.tgm");
        std::fs::read(repository::root().unwrap().join(path)).unwrap()
    }

    fn refusal(result: Result<usize, CheckError>) -> Refusal {
        match result {
            Err(CheckError::Refused { refusal, .. }) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_shipped_model_passes_where_it_is_for() {
        for name in crate::models::folder::shipped(&repository::root().unwrap().join("models")) {
            let bytes = shipped(&name);
            let image = Image::new_checked(&bytes).unwrap();
            let board = Board::holding(&image).unwrap();
            assert_eq!(check(&board, &image), Ok(image.goldens().len()), "{name}");
        }
    }

    #[test]
    fn a_model_that_is_too_much_for_a_board_is_refused() {
        let bytes = shipped("cgan");
        let image = Image::new_checked(&bytes).unwrap();
        let mut board = Board::find("pico").unwrap();
        assert_eq!(check(&board, &image), Ok(image.goldens().len()));
        let slot = board.slot.unwrap();
        let mut with = |million_steps, million_test_steps| {
            let changed = crate::firmware_build::board::Slot {
                million_steps,
                million_test_steps,
                ..slot
            };
            board.slot = Some(changed);
            refusal(check(&board, &image))
        };
        assert!(matches!(with(0, 100), Refusal::Work { allowed: 0, .. }));
        assert!(matches!(with(12, 1), Refusal::TestWork { allowed: 1, .. }));
        board.slot = Some(slot);
        board.capacity.arena = 100;
        let error = check(&board, &image).unwrap_err();
        assert_eq!(error.class(), Class::TooLarge);
        let text = error.to_string();
        assert!(
            text.contains("pico") && text.contains("cgan") && text.contains("arena"),
            "{text}"
        );
    }

    #[test]
    fn a_model_that_computes_something_else_is_refused() {
        let mut bytes = shipped("cgan");
        // A golden checksum is the last of the file: the image is whole, and what it says is not
        // so.
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let covered: Vec<u8> = bytes[..12].iter().chain(&bytes[16..]).copied().collect();
        let crc = shared::checksum::of_bytes(&covered);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let image = Image::new_checked(&bytes).unwrap();
        let error = check(&Board::find("pico").unwrap(), &image).unwrap_err();
        assert_eq!(error.class(), Class::Mismatch);
        assert!(error.to_string().contains("export it again"), "{error}");
    }
}
