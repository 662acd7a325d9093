//! A firmware as the file that a tool takes: ELF, UF2 or the bare bytes.

use super::{BoardBuild, Segment, uf2};
use std::path::{Path, PathBuf};

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// For debuggers and emulators: `.elf`.
    Elf,
    /// For boards that show themselves as a drive: `.uf2`.
    Uf2,
    /// From the first byte of flash on, without an address: `.bin`.
    Bin,
}

/// A firmware that does not go into such a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The file's name does not say.
    #[error("{0} has none of the endings .uf2, .elf and .bin, so it is not clear what to write")]
    Ending(PathBuf),
    /// The board takes no UF2 files.
    #[error("{0} does not take UF2 files; write an .elf or a .bin")]
    NoUf2(&'static str),
    /// The program lies all over the address space.
    #[error("the program spans {0} bytes, which does not go into one piece; write an .elf")]
    Span(u64),
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
        for (name, container) in [("elf", Self::Elf), ("uf2", Self::Uf2), ("bin", Self::Bin)] {
            if ending.eq_ignore_ascii_case(name) {
                return Ok(container);
            }
        }
        Err(ContainerError::Ending(file.to_owned()))
    }

    /// The file's bytes, from the ELF file and what it loads.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn pack(
        self,
        board: &BoardBuild,
        elf: &[u8],
        segments: &[Segment],
    ) -> Result<Vec<u8>, ContainerError> {
        match self {
            Self::Elf => Ok(elf.to_vec()),
            Self::Uf2 => {
                let family = board.uf2.ok_or(ContainerError::NoUf2(board.name))?;
                Ok(uf2::write(segments, family))
            }
            Self::Bin => flat(segments),
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
    use super::super::{NRF52840DK, PICO};
    use super::*;

    fn segment(address: u32, bytes: &[u8]) -> Segment {
        Segment {
            address,
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn endings_choose() {
        let of = |name: &str| Container::of(Path::new(name));
        assert_eq!(of("a/b.uf2"), Ok(Container::Uf2));
        assert_eq!(of("B.ELF"), Ok(Container::Elf));
        assert_eq!(of("x.bin"), Ok(Container::Bin));
        for name in ["uf2", "x.hex", ".uf2", ""] {
            let error = of(name).unwrap_err().to_string();
            assert!(error.contains(".uf2"), "{error}");
        }
    }

    #[test]
    fn bare_bytes_have_gaps_as_erased() {
        let segments = [segment(12, &[3]), segment(8, &[1, 2])];
        let bin = Container::Bin.pack(&PICO, b"elf", &segments);
        assert_eq!(bin, Ok(vec![1, 2, 0xFF, 0xFF, 3]));
        assert_eq!(
            Container::Elf.pack(&PICO, b"elf", &segments),
            Ok(b"elf".to_vec())
        );
        let uf2 = Container::Uf2.pack(&PICO, b"elf", &segments).unwrap();
        assert_eq!(uf2.len(), 512);
        let far = [segment(0, &[1]), segment(u32::MAX, &[1])];
        let error = Container::Bin.pack(&PICO, b"elf", &far);
        assert_eq!(error, Err(ContainerError::Span(1 << 32)));
        let error = Container::Uf2.pack(&NRF52840DK, b"elf", &segments);
        assert_eq!(error, Err(ContainerError::NoUf2("nrf52840dk")));
    }
}
