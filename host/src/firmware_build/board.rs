//! The boards that firmware is built for, and their limits: read from `firmware/budgets/NAME.toml`,
//! the one place that knows them.

use crate::firmware_build::{BOARDS, BoardBuild, Operators, Segment};
use crate::system::files::{self, FileError};
use crate::system::repository::{self, NoRepository};
use firmware::slot::{Limits, Record};
use serde::Deserialize;
use shared::image::Image;
use shared::protocol::BLOCK_LEN;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A budget file has a few hundred bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// A board, how its firmware is built, and what it can hold.
#[derive(Debug, Clone)]
pub struct Board {
    /// How its firmware is built.
    pub build: &'static BoardBuild,
    /// What the chip has.
    pub capacity: Capacity,
    /// What the program may use; measured by tests.
    pub budget: Budget,
    /// How QEMU counts its instructions; `None` for a board that QEMU does not have.
    pub count: Option<Count>,
    /// Where a model can be replaced without its program.
    pub slot: Option<Slot>,
    /// The most instructions of one picture, for each shipped model that this is the smallest board
    /// for.
    pub instructions: BTreeMap<String, u64>,
}

/// What a chip has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Flash.
    pub flash: u64,
    /// RAM.
    pub ram: u64,
    /// RAM that the program sets aside for a model's arena.
    pub arena: u64,
}

/// What a board's firmware may use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Flash of program and model together.
    pub flash_total: u64,
    /// Flash of the program without the model, with the operators of one model alone: cgan.
    pub flash_program: u64,
    /// The same with all operators.
    pub flash_program_all: u64,
    /// RAM that is always taken, the arena included.
    pub ram_static: u64,
    /// The deepest stack.
    pub stack: u64,
}

/// How instructions are counted in QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// `-icount shift`: an instruction takes `2^shift` ns.
    pub icount_shift: u8,
    /// Period of the board's SysTick in QEMU, in ns.
    pub tick_ns: u64,
}

/// A board's model slot: the region SLOT of its memory.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Address of its first byte.
    pub address: u32,
    /// Bytes of a bank.
    pub bank: u32,
    /// Banks, one behind the other.
    pub banks: u32,
    /// The most multiplications and elements written a picture, in millions, of a model that the
    /// device runs.
    pub million_steps: u32,
    /// The same for its whole self-test.
    pub million_test_steps: u32,
}

impl Slot {
    /// What makes the slot hold an image and nothing else: the image behind its record in the first
    /// bank, and the records of the others erased. `None` where the image is too long.
    pub fn with(&self, image: &Image<'_>, bytes: &[u8]) -> Option<Vec<Segment>> {
        let room = (self.bank as usize).checked_sub(BLOCK_LEN)?;
        if bytes.len() > room {
            return None;
        }
        let record = Record {
            // Shorter than a bank.
            len: bytes.len() as u32,
            crc: image.crc(),
            sequence: 0,
        };
        let mut segments = self.emptied();
        if let Some(first) = segments.first_mut() {
            first.bytes = record.block().to_vec();
            first.bytes.extend_from_slice(bytes);
        }
        Some(segments)
    }

    /// What makes it hold nothing: each bank's record erased.
    pub fn emptied(&self) -> Vec<Segment> {
        let banks = 0..self.banks;
        let erased = banks.map(|bank| Segment {
            address: self.address + bank * self.bank,
            bytes: vec![0xFF; BLOCK_LEN],
        });
        erased.collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    board: String,
    target: String,
    capacity: Capacity,
    budget: Budget,
    count: Option<Count>,
    slot: Option<Slot>,
    #[serde(default)]
    instructions: BTreeMap<String, u64>,
}

/// A board that is not known, or whose budget file is wrong.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// No such board.
    #[error("no board {given}; there are {}", names())]
    Unknown {
        /// What was asked for.
        given: String,
    },
    /// No board has room for a model.
    #[error(
        "the model takes {len} bytes of flash and an arena of {arena}, more than any board here has ({}); export a smaller one",
        names()
    )]
    TooLarge {
        /// Bytes of its image.
        len: u64,
        /// Bytes of its arena.
        arena: u64,
    },
    /// The source folder is not there.
    #[error(transparent)]
    NoRepository(#[from] NoRepository),
    /// The budget file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The budget file is wrong.
    #[error("{path}: {reason}")]
    Budget {
        /// Which file.
        path: PathBuf,
        /// What is wrong, on one line.
        reason: String,
    },
}

impl Board {
    /// Finds a board by its name.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn find(name: &str) -> Result<Self, BoardError> {
        let build = BOARDS
            .iter()
            .find(|board| board.name == name)
            .ok_or_else(|| BoardError::Unknown {
                given: name.to_owned(),
            })?;
        let path = repository::root()?
            .join("firmware/budgets")
            .join(name)
            .with_extension("toml");
        let bytes = files::read_at_most(&path, FILE_LIMIT)?;
        Self::parse(build, &path, &String::from_utf8_lossy(&bytes))
    }

    /// The smallest board in QEMU that holds a model.
    ///
    /// # Errors
    /// [`BoardError::TooLarge`] where none does, and as [`Board::find`].
    pub fn holding(image: &Image<'_>) -> Result<Self, BoardError> {
        let (len, arena) = (image.len() as u64, image.arena_len() as u64);
        for build in BOARDS {
            let board = Self::find(build.name)?;
            if board.count.is_some() && board.model_budget() >= len && board.capacity.arena >= arena
            {
                return Ok(board);
            }
        }
        Err(BoardError::TooLarge { len, arena })
    }

    fn parse(build: &'static BoardBuild, path: &Path, text: &str) -> Result<Self, BoardError> {
        let wrong = |reason: String| BoardError::Budget {
            path: path.to_owned(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let file: File = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        let (capacity, budget) = (file.capacity, file.budget);
        if (file.board.as_str(), file.target.as_str()) != (build.name, build.target) {
            return Err(wrong(format!(
                "it is for {} on {}",
                file.board, file.target
            )));
        }
        let ram = budget.ram_static.saturating_add(budget.stack);
        if budget.flash_program_all >= budget.flash_total
            || budget.flash_program > budget.flash_program_all
            || budget.flash_total > capacity.flash
            || ram > capacity.ram
            || capacity.arena > budget.ram_static
        {
            return Err(wrong(
                "its budget is larger than the chip's memory".to_owned(),
            ));
        }
        if let Some(count) = file.count
            && (count.icount_shift > 10 || count.tick_ns >> count.icount_shift == 0)
        {
            return Err(wrong("its tick is shorter than an instruction".to_owned()));
        }
        if let Some(slot) = file.slot {
            let len = u64::from(slot.bank) * u64::from(slot.banks);
            let fits = budget.flash_total.saturating_add(len) <= capacity.flash
                && u64::from(slot.address) + len <= 1 << 32;
            if !fits || len == 0 {
                return Err(wrong(
                    "its slot is not in the flash beside the program".to_owned(),
                ));
            }
        }
        Ok(Self {
            build,
            capacity,
            budget,
            count: file.count,
            slot: file.slot,
            instructions: file.instructions,
        })
    }

    /// The largest model image that fits beside the program, in bytes.
    pub fn model_budget(&self) -> u64 {
        // Whatever operators it has.
        self.budget.flash_total - self.budget.flash_program_all
    }

    /// Which operators its program has where nobody asks: all where other models can come into its
    /// slot.
    pub fn operators(&self) -> Operators {
        match self.slot {
            Some(_) => Operators::All,
            None => Operators::Model,
        }
    }

    /// What its device asks of a model before it runs it. A board without a slot runs what it was
    /// built with, however long that takes.
    pub fn limits(&self) -> Limits {
        let (million_steps, million_test_steps) = self.slot.map_or((u32::MAX, u32::MAX), |slot| {
            (slot.million_steps, slot.million_test_steps)
        });
        Limits {
            arena: usize::try_from(self.capacity.arena).unwrap_or(usize::MAX),
            million_steps,
            million_test_steps,
        }
    }

    /// Instructions in one tick of the board's counter under `-icount`; `None` for a board that
    /// QEMU does not have.
    pub fn instructions_per_tick(&self) -> Option<u64> {
        self.count.map(|count| count.tick_ns >> count.icount_shift)
    }
}

fn names() -> String {
    let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware_build::LM3S6965EVB;

    #[test]
    fn every_board_has_a_budget() {
        for build in BOARDS {
            let board = Board::find(build.name).unwrap();
            assert!(board.model_budget() > 0);
            assert_ne!(board.instructions_per_tick(), Some(0));
            // Bought, or in QEMU.
            assert_ne!(
                build.chip.is_some(),
                board.count.is_some(),
                "{}",
                build.name
            );
        }
    }

    #[test]
    fn slots_lie_where_the_linker_has_them() {
        for build in BOARDS {
            let board = Board::find(build.name).unwrap();
            let memory = format!("firmware/src/bin/{}/memory.x", build.bin);
            let memory = std::fs::read_to_string(repository::root().unwrap().join(memory)).unwrap();
            let expected = board.slot.map(|slot| {
                let len = slot.bank * slot.banks / 1024;
                format!("SLOT  : ORIGIN = {:#010x}, LENGTH = {len}K\n", slot.address)
            });
            match expected {
                Some(line) => assert!(memory.contains(&line), "{}: {line}", build.name),
                None => assert!(!memory.contains("SLOT"), "{}", build.name),
            }
        }
    }

    #[test]
    fn limits_are_those_of_the_program() {
        let program = "firmware/src/board_support/embassy/run.rs";
        let program = std::fs::read_to_string(repository::root().unwrap().join(program)).unwrap();
        for build in BOARDS {
            let board = Board::find(build.name).unwrap();
            let limits = board.limits();
            if board.slot.is_none() {
                assert_eq!(limits.million_steps, u32::MAX);
                continue;
            }
            for (name, value) in [
                ("MILLION_STEPS", limits.million_steps),
                ("MILLION_TEST_STEPS", limits.million_test_steps),
            ] {
                let line = format!("const {name}: u32 = {value};");
                assert!(program.contains(&line), "{}: {line}", build.name);
            }
        }
    }

    #[test]
    fn a_slot_with_an_image_has_it_in_the_first_bank_alone() {
        let slot = Slot {
            address: 0x1010_0000,
            bank: 0x8_0000,
            banks: 2,
            million_steps: 12,
            million_test_steps: 100,
        };
        let bytes = std::fs::read(repository::root().unwrap().join("models/cgan/model.tgm"));
        let bytes = bytes.unwrap();
        let image = Image::new_checked(&bytes).unwrap();
        let [first, second] = slot.with(&image, &bytes).unwrap().try_into().unwrap();
        assert_eq!(
            (first.address, first.bytes.len()),
            (0x1010_0000, 256 + bytes.len())
        );
        assert_eq!(first.bytes[..4], *b"TGMS");
        assert_eq!(first.bytes[256..], bytes);
        assert_eq!(
            (second.address, second.bytes),
            (0x1018_0000, vec![0xFF; 256])
        );
        let small = Slot {
            bank: 0x1_0000,
            ..slot
        };
        assert_eq!(small.with(&image, &bytes), None);
        assert!(slot.emptied().iter().all(|s| s.bytes == [0xFF; 256]));
    }

    #[test]
    fn an_unknown_board_names_those_that_are() {
        let error = Board::find("toaster").unwrap_err().to_string();
        assert!(
            error.contains("toaster") && error.contains("lm3s6965evb"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_budget_is_one_line() {
        let sound = "board='lm3s6965evb'\ntarget='thumbv7m-none-eabi'\n[capacity]\nflash=1000\nram=100\narena=20\n\
                     [budget]\nflash_total=1000\nflash_program=400\nflash_program_all=500\nram_static=50\nstack=50\n\
                     [count]\nicount_shift=4\ntick_ns=80\n[instructions]\ncgan=1\n";
        let parse = |text: &str| Board::parse(&LM3S6965EVB, Path::new("x.toml"), text);
        assert_eq!(parse(sound).unwrap().instructions_per_tick(), Some(5));
        for (from, to) in [
            ("stack=50", "stack=51"),
            ("ram=100", "rum=100"),
            ("tick_ns=80", "tick_ns=8"),
            ("flash=1000\nram", "flash=9\nram"),
            (
                "[count]",
                "[slot]\naddress=0\nbank=256\nbanks=2\nmillion_steps=1\nmillion_test_steps=1\n[count]",
            ),
        ] {
            let error = parse(&sound.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains("x.toml") && !error.contains('\n'), "{error}");
        }
    }
}
