//! The machine as set-up sees it; tests put another in its place.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Name or path.
    pub program: String,
    /// Without the program.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// A command from its words.
    pub fn new<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }
}

impl fmt::Display for CommandLine {
    /// As one would type it in a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", quote(argument))?;
        }
        Ok(())
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:+,@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Families of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux of any distribution.
    Linux,
    /// macOS.
    MacOs,
    /// Anything else.
    Other,
}

/// What set-up asks of a machine.
pub trait System {
    /// Its operating system.
    fn os(&self) -> Os;
    /// Where a program is, as the shell would find it.
    fn find(&self, program: &str) -> Option<PathBuf>;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// Whether this process may install packages without `sudo`.
    fn is_root(&self) -> bool;
    /// Whether windows can be opened.
    fn has_desktop(&self) -> bool;
    /// Whether somebody can answer a question.
    fn is_interactive(&self) -> bool;
    /// Asks `question` and tells whether the answer was yes.
    ///
    /// # Errors
    /// What the system said.
    fn confirm(&self, question: &str) -> io::Result<bool>;
    /// The standard output of a command; None where it cannot be run or fails.
    fn output(&self, command: &CommandLine) -> Option<String>;
    /// Runs a command whose output goes to the terminal, and tells how it failed.
    fn run(&self, command: &CommandLine) -> Result<(), String>;
}

/// The machine that this program runs on.
#[derive(Debug, Clone)]
pub struct ThisMachine {
    /// Where commands run: rustup obeys the `rust-toolchain.toml` there.
    pub folder: PathBuf,
}

impl ThisMachine {
    fn command(&self, line: &CommandLine) -> Command {
        let mut command = Command::new(&line.program);
        command.args(&line.arguments).current_dir(&self.folder);
        command
    }
}

impl System for ThisMachine {
    fn os(&self) -> Os {
        match std::env::consts::OS {
            "linux" => Os::Linux,
            "macos" => Os::MacOs,
            _ => Os::Other,
        }
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        crate::system::programs::find(program)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn is_root(&self) -> bool {
        // The system call would be unsafe code.
        self.output(&CommandLine::new("id", ["-u"]))
            .is_some_and(|user| user.trim() == "0")
    }

    fn has_desktop(&self) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        self.os() != Os::Linux || set("DISPLAY") || set("WAYLAND_DISPLAY")
    }

    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn confirm(&self, question: &str) -> io::Result<bool> {
        print!("{question} [y/N] ");
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(means_yes(&answer))
    }

    fn output(&self, line: &CommandLine) -> Option<String> {
        let output = self
            .command(line)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn run(&self, line: &CommandLine) -> Result<(), String> {
        match self.command(line).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// The first entry of `folder`, by name, that `accept` takes; None where there is no such folder.
pub(super) fn find_file(folder: &Path, accept: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(&accept)
        })
        .collect();
    names.sort();
    names.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let line = CommandLine::new("pip", ["--target", "/my home/it's", "a==1", ""]);
        assert_eq!(line.to_string(), r"pip --target '/my home/it'\''s' a==1 ''");
    }

    #[test]
    fn only_yes_means_yes() {
        for answer in ["y\n", " YES ", "Yes\r\n"] {
            assert!(means_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n", "no", "yess", "j"] {
            assert!(!means_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn this_machine_tells_of_a_failed_command() {
        let machine = ThisMachine {
            folder: std::env::temp_dir(),
        };
        let missing = CommandLine::new("program-of-nobody", []);
        assert!(machine.run(&missing).is_err());
        assert_eq!(machine.output(&missing), None);
        assert_eq!(machine.find("program-of-nobody"), None);
    }
}
