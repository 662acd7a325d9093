//! What the emulated boards have in common: lines of text and buttons.

use super::error::EmulatorError;
use super::inbox::{Inbox, Popped};
use super::process::Process;
use firmware::app::Button;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A board that is emulated here or there.
pub trait Machine {
    /// Sends a line to the firmware; its end is added.
    ///
    /// # Errors
    /// [`EmulatorError::Io`] where the firmware does not read, [`EmulatorError::Exited`] where the
    /// emulator has ended.
    fn send_line(&mut self, line: &str) -> Result<(), EmulatorError>;

    /// Reads the firmware's lines until `predicate` accepts one, and returns it; the lines before
    /// it are dropped.
    ///
    /// # Errors
    /// [`EmulatorError::Timeout`] after `limit` with the last lines, [`EmulatorError::Exited`]
    /// where the emulator has ended.
    fn wait_for_line(
        &mut self,
        predicate: impl FnMut(&str) -> bool,
        limit: Duration,
    ) -> Result<String, EmulatorError>;

    /// The lines that the firmware has sent and nobody has read.
    fn drain_lines(&mut self) -> Vec<String>;

    /// Presses a button and lets it go.
    ///
    /// # Errors
    /// Those of the emulator.
    fn press(&mut self, button: Button) -> Result<(), EmulatorError>;

    /// The next line from the firmware.
    ///
    /// # Errors
    /// As [`Machine::wait_for_line`].
    fn read_line(&mut self, limit: Duration) -> Result<String, EmulatorError> {
        self.wait_for_line(|_| true, limit)
    }
}

/// Takes items until `predicate` accepts one; those before it are dropped.
pub(super) fn wait_for<T: std::fmt::Debug>(
    process: &mut Process,
    inbox: &Inbox<T>,
    mut predicate: impl FnMut(&T) -> bool,
    what: &str,
    limit: Duration,
) -> Result<T, EmulatorError> {
    let deadline = Instant::now() + limit;
    let mut seen = VecDeque::new();
    loop {
        match inbox.pop(deadline) {
            Popped::Item(item) if predicate(&item) => return Ok(item),
            Popped::Item(item) => {
                if seen.len() == 3 {
                    seen.pop_front();
                }
                seen.push_back(item);
            }
            Popped::Closed => {
                return Err(match process.wait(deadline)? {
                    Some(status) => process.exited(status, what),
                    None => EmulatorError::io(format!("wait for {what}"))(
                        std::io::ErrorKind::BrokenPipe.into(),
                    ),
                });
            }
            Popped::TimedOut => {
                return Err(EmulatorError::Timeout {
                    what: what.into(),
                    limit,
                    seen: match seen.is_empty() {
                        true => "nothing came".into(),
                        false => format!("the last to come were {seen:?}"),
                    },
                });
            }
        }
    }
}
