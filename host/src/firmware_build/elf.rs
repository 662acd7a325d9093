//! What a firmware takes of a board's memories, read from its ELF file.

use object::elf::{PT_LOAD, SHF_ALLOC, SHF_WRITE};
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{Architecture, LittleEndian, Object, ObjectSection, ObjectSymbol, SectionFlags};

/// Bytes of flash and of RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElfSizes {
    /// Bytes of the file that are loaded: code, constants, and the start values of `.data`.
    pub flash: u64,
    /// `.data`, `.bss`, `.uninit` and any other section that can be written.
    pub ram: u64,
}

/// A file that is no firmware.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ElfError {
    /// Not a 32-bit little-endian ELF file, or a broken one.
    #[error("not a 32-bit ELF file ({0}); build it with `cargo build -p firmware`")]
    NotElf(String),
    /// For another processor.
    #[error("an ELF file for {0}, expected 32-bit Arm; build it with `cargo build -p firmware`")]
    Architecture(String),
}

impl ElfSizes {
    /// Reads the sizes from an ELF file's bytes.
    ///
    /// # Errors
    /// [`ElfError`] for anything but an ELF file for 32-bit Arm.
    pub fn read(elf: &[u8]) -> Result<Self, ElfError> {
        let broken = |error: object::Error| ElfError::NotElf(error.to_string());
        let file = ElfFile32::<LittleEndian>::parse(elf).map_err(broken)?;
        if file.architecture() != Architecture::Arm {
            return Err(ElfError::Architecture(format!("{:?}", file.architecture())));
        }
        let flash = file
            .elf_program_headers()
            .iter()
            .filter(|header| header.p_type(LittleEndian) == PT_LOAD)
            .map(|header| u64::from(header.p_filesz(LittleEndian)))
            .sum();
        let is_ram = |flags| match flags {
            SectionFlags::Elf { sh_flags } => {
                let both = u64::from(SHF_ALLOC | SHF_WRITE);
                sh_flags & both == both
            }
            _ => false,
        };
        let ram = file
            .sections()
            .filter(|section| is_ram(section.flags()))
            .map(|section| section.size())
            .sum();
        Ok(Self { flash, ram })
    }
}

/// Bytes and where in memory they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The address of the first.
    pub address: u32,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
}

/// What is to be written to flash, where it lies there; `.data` where it is kept, not where it is
/// used.
///
/// # Errors
/// [`ElfError`] for anything but an ELF file for 32-bit Arm whose segments are in it.
pub fn segments(elf: &[u8]) -> Result<Vec<Segment>, ElfError> {
    ElfSizes::read(elf)?;
    let broken = |reason: &str| ElfError::NotElf(reason.to_owned());
    let file = ElfFile32::<LittleEndian>::parse(elf).map_err(|error| broken(&error.to_string()))?;
    let loaded = file.elf_program_headers().iter().filter(|header| {
        header.p_type(LittleEndian) == PT_LOAD && header.p_filesz(LittleEndian) > 0
    });
    loaded
        .map(|header| {
            let bytes = header
                .data(LittleEndian, elf)
                .map_err(|()| broken("a segment that is cut"))?;
            Ok(Segment {
                address: header.p_paddr(LittleEndian),
                bytes: bytes.to_vec(),
            })
        })
        .collect()
}

/// The address of the one symbol of `len` bytes whose name has `part` in it.
pub fn symbol(elf: &[u8], part: &str, len: u64) -> Option<u64> {
    let file = ElfFile32::<LittleEndian>::parse(elf).ok()?;
    let mut found = file.symbols().filter(|symbol| {
        symbol.size() == len && symbol.name().is_ok_and(|name| name.contains(part))
    });
    let address = found.next()?.address();
    found.next().is_none().then_some(address)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An ELF file for `machine` with one loaded segment of 24 bytes, and the sections `.text` (16
    /// bytes), `.data` (8), `.bss` (100), `.uninit` (20), `.comment` (not loaded).
    pub fn sample(machine: u16) -> Vec<u8> {
        const NAMES: &[u8] = b"\0.shstrtab\0";
        let (header, program, section) = (52u32, 32u32, 40u32);
        let text = header + program;
        let names = text + 24;
        let table = names + NAMES.len() as u32 + 1;
        let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        elf.extend(2u16.to_le_bytes());
        elf.extend(machine.to_le_bytes());
        for word in [1, 0, header, table, 0] {
            elf.extend(word.to_le_bytes());
        }
        for half in [header, program, 1, section, 7, 6] {
            elf.extend((half as u16).to_le_bytes());
        }
        for word in [1, text, 0, 0, 24, 24, 5, 4] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend([0; 24]);
        elf.extend(NAMES);
        elf.push(0);
        // name, type, flags, address, offset, size
        for [kind, flags, offset, size] in [
            [0, 0, 0, 0],
            [1, 6, text, 16],
            [1, 3, text + 16, 8],
            [8, 3, names, 100],
            [8, 3, names, 20],
            [1, 0, text, 4],
            [3, 0, names, NAMES.len() as u32],
        ] {
            for word in [0, kind, flags, 0, offset, size, 0, 0, 4, 0u32] {
                elf.extend(word.to_le_bytes());
            }
        }
        elf
    }

    #[test]
    fn flash_is_what_is_loaded_and_ram_what_can_be_written() {
        let sizes = ElfSizes::read(&sample(40)).unwrap();
        assert_eq!(
            sizes,
            ElfSizes {
                flash: 24,
                ram: 128
            }
        );
    }

    #[test]
    fn another_processor_is_refused() {
        assert!(matches!(
            ElfSizes::read(&sample(243)),
            Err(ElfError::Architecture(_))
        ));
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_panics() {
        let good = sample(40);
        for length in 0..good.len() {
            // A cut section table is an error; a file cut to nothing certainly.
            let result = ElfSizes::read(&good[..length]);
            assert!(length >= 52 || result.is_err(), "{length} bytes");
        }
        for index in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[index] ^= flip;
                // Whatever it says, it returns.
                let _ = ElfSizes::read(&bad);
            }
        }
    }
}
