//! What a command says while it works: to standard error, unless it was told to be quiet. Results
//! go to standard output.

use std::io::{IsTerminal, Write};

/// Where a command's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Console {
    quiet: bool,
}

impl Console {
    /// A console that says nothing where `quiet`.
    pub const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Whether messages are wanted.
    pub const fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Says what is being done.
    pub fn step(self, what: impl std::fmt::Display) {
        if !self.quiet {
            let bold = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            // A closed standard error is no reason to stop working.
            let _ = if bold {
                writeln!(std::io::stderr(), "\x1b[1m== {what}\x1b[0m")
            } else {
                writeln!(std::io::stderr(), "== {what}")
            };
        }
    }

    /// Says something about it.
    pub fn note(self, what: impl std::fmt::Display) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "   {what}");
        }
    }
}

/// Writes a result to standard output. A reader that went away (`| head`) is no error.
pub fn print(result: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{result}");
}
