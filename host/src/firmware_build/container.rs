//! A firmware as the file that a tool takes: ELF, UF2, Intel HEX or the bare bytes.

use super::{ElfError, Segment, hex, segments, uf2};
use crate::firmware_build::board::Board;
use std::path::{Path, PathBuf};

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// For debuggers and emulators: `.elf`.
    Elf,
    /// For boards that show themselves as a drive: `.uf2`.
    Uf2,
    /// For tools of chips' makers and of debug probes: `.hex`.
    Hex,
    /// From the first byte of flash on, without an address: `.bin`.
    Bin,
}

/// A firmware that does not go into such a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The file's name does not say.
    #[error(
        "{0} has none of the endings .uf2, .elf, .hex and .bin, so it is not clear what to write"
    )]
    Ending(PathBuf),
    /// The board takes no UF2 files.
    #[error("{0} does not take UF2 files; write an .elf, a .hex or a .bin")]
    NoUf2(&'static str),
    /// The program lies all over the address space.
    #[error(
        "the program spans {0} bytes, which does not go into one piece; write an .elf or a .hex"
    )]
    Span(u64),
    /// It is no program.
    #[error(transparent)]
    Elf(#[from] ElfError),
}

/// What a firmware puts into a board's flash: its program, and an emptied slot, so that the model
/// in the program is the one that runs.
///
/// # Errors
/// [`ElfError`].
pub fn flash_contents(board: &Board, elf: &[u8]) -> Result<Vec<Segment>, ElfError> {
    let mut contents = segments(elf)?;
    contents.extend(board.slot.iter().flat_map(|slot| slot.emptied()));
    Ok(contents)
}

/// No board here has as much flash.
const MOST: u64 = 64 << 20;

impl Container {
    /// By the ending of a file's name.
    ///
    /// # Errors
    /// [`ContainerError::Ending`].
    pub fn of(file: &Path) -> Result<Self, ContainerError> {
        let ending = file.extension().unwrap_or_default();
        for (name, container) in [
            ("elf", Self::Elf),
            ("uf2", Self::Uf2),
            ("hex", Self::Hex),
            ("bin", Self::Bin),
        ] {
            if ending.eq_ignore_ascii_case(name) {
                return Ok(container);
            }
        }
        Err(ContainerError::Ending(file.to_owned()))
    }

    /// Whether a board takes such files.
    ///
    /// # Errors
    /// [`ContainerError::NoUf2`].
    pub fn check(self, board: &Board) -> Result<(), ContainerError> {
        match self {
            Self::Uf2 if board.build.uf2.is_none() => Err(ContainerError::NoUf2(board.build.name)),
            _ => Ok(()),
        }
    }

    /// A firmware's file, from its ELF file. But for an ELF, it holds the board's
    /// [`flash_contents`].
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn pack(self, board: &Board, elf: &[u8]) -> Result<Vec<u8>, ContainerError> {
        match self {
            Self::Elf => Ok(elf.to_vec()),
            Self::Uf2 => {
                let family = board.build.uf2;
                let family = family.ok_or(ContainerError::NoUf2(board.build.name))?;
                Ok(uf2::write(&flash_contents(board, elf)?, family))
            }
            Self::Hex => Ok(hex::write(&flash_contents(board, elf)?).into_bytes()),
            Self::Bin => flat(&flash_contents(board, elf)?),
        }
    }
}

/// From the lowest to the highest address, what is between them 0xFF, as erased.
fn flat(segments: &[Segment]) -> Result<Vec<u8>, ContainerError> {
    let end = |segment: &Segment| u64::from(segment.address) + segment.bytes.len() as u64;
    let lowest = segments.iter().map(|s| u64::from(s.address)).min();
    let lowest = lowest.unwrap_or(0);
    let len = segments.iter().map(end).max().unwrap_or(0) - lowest;
    if len > MOST {
        return Err(ContainerError::Span(len));
    }
    // At most 64 MiB.
    let mut bytes = vec![0xFF; len as usize];
    for segment in segments {
        let at = (u64::from(segment.address) - lowest) as usize;
        bytes[at..at + segment.bytes.len()].copy_from_slice(&segment.bytes);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::elf::tests::sample;
    use super::*;

    #[test]
    fn endings_choose() {
        let of = |name: &str| Container::of(Path::new(name));
        assert_eq!(of("a/b.uf2"), Ok(Container::Uf2));
        assert_eq!(of("B.ELF"), Ok(Container::Elf));
        assert_eq!(of("x.bin"), Ok(Container::Bin));
        assert_eq!(of("x.hex"), Ok(Container::Hex));
        for name in ["uf2", "x.txt", ".uf2", ""] {
            let error = of(name).unwrap_err().to_string();
            assert!(error.contains(".uf2"), "{error}");
        }
    }

    #[test]
    fn a_file_has_the_program_and_an_empty_slot() {
        let elf = sample(40);
        let board = Board::find("pico").unwrap();
        let slot = board.slot.unwrap();
        let contents = flash_contents(&board, &elf).unwrap();
        let [program, records @ ..] = contents.as_slice() else {
            panic!("nothing in it")
        };
        assert_eq!((program.address, program.bytes.len()), (0, 24));
        assert_eq!(records, slot.emptied());
        let family = board.build.uf2.unwrap();
        let pack = |container: Container| container.pack(&board, &elf).unwrap();
        assert_eq!(pack(Container::Elf), elf);
        // In whole pages, which are 0xFF behind the program.
        let read = uf2::read(&pack(Container::Uf2), family).unwrap();
        assert_eq!(read[0].bytes[..24], program.bytes);
        assert_eq!(read[1..], slot.emptied());
        let memory = hex::tests::read(&String::from_utf8(pack(Container::Hex)).unwrap());
        let expected = contents
            .iter()
            .flat_map(|segment| (segment.address..).zip(&segment.bytes));
        assert!(memory.iter().map(|(&at, byte)| (at, byte)).eq(expected));
    }

    #[test]
    fn bare_bytes_have_gaps_as_erased() {
        let segment = |address, bytes: &[u8]| Segment {
            address,
            bytes: bytes.to_vec(),
        };
        let segments = [segment(12, &[3]), segment(8, &[1, 2])];
        assert_eq!(flat(&segments), Ok(vec![1, 2, 0xFF, 0xFF, 3]));
        let far = [segment(0, &[1]), segment(u32::MAX, &[1])];
        assert_eq!(flat(&far), Err(ContainerError::Span(1 << 32)));
    }

    #[test]
    fn what_a_board_does_not_take_is_refused() {
        let board = Board::find("nrf52840dk").unwrap();
        let error = ContainerError::NoUf2("nrf52840dk");
        assert_eq!(Container::Uf2.check(&board), Err(error));
        assert_eq!(Container::Hex.check(&board), Ok(()));
        assert!(Container::Uf2.pack(&board, &sample(40)).is_err());
        for container in [Container::Hex, Container::Bin] {
            let error = container.pack(&board, b"no ELF").unwrap_err();
            assert!(matches!(error, ContainerError::Elf(_)), "{error}");
        }
    }
}
