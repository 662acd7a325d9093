//! How a command ends when it cannot do what it was asked: one readable report, and an exit code
//! that means something.

use std::error::Error;
use std::fmt;

/// What kind of failure it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anything else.
    Other,
    /// A file, a configuration, a dataset or a model is wrong.
    Input,
    /// A program, a library or a device that is needed is missing or does not work.
    Environment,
    /// Two results that must be equal are not.
    Mismatch,
    /// The model does not fit the board.
    TooLarge,
    /// Ended by Ctrl-C, after saving.
    Interrupted,
}

impl Class {
    /// The exit code. 2 is clap's, for a wrong command line.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Input => 3,
            Self::Environment => 4,
            Self::Mismatch => 5,
            Self::TooLarge => 6,
            Self::Interrupted => 130,
        }
    }
}

/// The exit codes, as the help prints them.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed otherwise, 2 wrong command line, 3 wrong file, config, \
dataset or model, 4 a program, library or device is missing, 5 results differ that must be equal, 6 the model does \
not fit, 130 interrupted (state saved)";

/// Why a command ended early.
#[derive(Debug)]
pub struct Failure {
    class: Class,
    message: String,
}

impl Failure {
    /// A failure of a kind, with its one line.
    pub fn new(class: Class, message: impl fmt::Display) -> Self {
        Self {
            class,
            message: message.to_string(),
        }
    }

    /// A failure whose line is an error's, with what caused it where the error does not say so
    /// itself.
    pub fn from_error(class: Class, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.contains(&cause_text) {
                message = format!("{message}: {cause_text}");
            }
            source = cause.source();
        }
        Self { class, message }
    }

    /// The kind of failure.
    pub const fn class(&self) -> Class {
        self.class
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Makes a [`Failure`] of an error, naming its class.
pub trait OrFail<T> {
    /// Turns the error into a failure of this class.
    ///
    /// # Errors
    /// The failure.
    fn or_fail(self, class: Class) -> Result<T, Failure>;
}

impl<T, E: Error> OrFail<T> for Result<T, E> {
    fn or_fail(self, class: Class) -> Result<T, Failure> {
        self.map_err(|error| Failure::from_error(class, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_told_once() {
        let error = Outer(std::io::Error::other("inner"));
        let failure = Failure::from_error(Class::Input, &error);
        assert_eq!(failure.to_string(), "outer: inner");
        assert_eq!(failure.class().exit_code(), 3);
    }
}
