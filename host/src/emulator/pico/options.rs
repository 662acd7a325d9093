//! How an emulated Pico is started.

use super::NODE_PROGRAM;
use crate::system::repository::{self, NoRepository};
use std::ffi::OsString;
use std::path::PathBuf;

/// How emulated time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Never ahead of the clock on the wall, and what was lost while computing is made up for: for
    /// programs.
    #[default]
    Eager,
    /// The same, but what was lost stays lost: for people who look on.
    Steady,
    /// Only when [`Pico::run`](super::Pico::run) says so, however fast: for measurements.
    Stepped,
}

impl Pace {
    const fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Steady => "steady",
            Self::Stepped => "stepped",
        }
    }
}

/// How an emulated Pico is started.
#[derive(Debug, Clone)]
pub struct PicoOptions {
    /// The firmware.
    pub uf2: PathBuf,
    /// The same firmware as an ELF file, where its log is wanted.
    pub elf: Option<PathBuf>,
    /// Whether waiting for flash is counted, by a model of the chip's cache.
    pub xip: bool,
    /// How emulated time goes.
    pub pace: Pace,
    /// TCP port of the board's serial line; 0 for any that is free.
    pub port: u16,
    /// The program to run; [`NODE_PROGRAM`] unless a test says otherwise.
    pub program: PathBuf,
}

impl PicoOptions {
    /// Flash counted, eager.
    pub fn new(uf2: impl Into<PathBuf>) -> Self {
        Self {
            uf2: uf2.into(),
            elf: None,
            xip: true,
            pace: Pace::default(),
            port: 0,
            program: NODE_PROGRAM.into(),
        }
    }

    /// Node's command line.
    pub(super) fn arguments(&self) -> Result<Vec<OsString>, NoRepository> {
        let script = repository::root()?.join("host/pico/src/main.js");
        let mut list: Vec<OsString> = vec![script.into(), "--uf2".into(), self.uf2.clone().into()];
        let xip = if self.xip { "on" } else { "off" };
        let port = self.port.to_string();
        let words = ["--xip", xip, "--pace", self.pace.name(), "--port", &port];
        list.extend(words.map(OsString::from));
        Ok(list)
    }
}
