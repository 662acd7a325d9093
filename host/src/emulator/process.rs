//! An emulator's process: killed when its owner goes, and what it said last is kept.

use super::error::EmulatorError;
use super::log::read_lines;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A running emulator.
///
/// It shares this process's group, so Ctrl-C in a terminal, and a signal from `timeout`, reach it
/// too. Only a `SIGKILL` to this process leaves it behind: telling it then would need unsafe code.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    status: Option<ExitStatus>,
    stderr: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Starts QEMU, `program`; its standard output comes back as a pipe.
    ///
    /// # Errors
    /// [`EmulatorError::Missing`] where there is no such program.
    pub fn start(
        program: &Path,
        arguments: &[OsString],
    ) -> Result<(Self, ChildStdout), EmulatorError> {
        // A QEMU that reads the terminal would steal what the user types, and change the terminal's
        // settings.
        Self::spawn("QEMU", program, arguments, Stdio::null())
    }

    /// Starts an emulator that is called `name` and takes commands on its standard input.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_with_input(
        name: &'static str,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<(Self, ChildStdin, ChildStdout), EmulatorError> {
        let (mut process, stdout) = Self::spawn(name, program, arguments, Stdio::piped())?;
        match process.child.stdin.take() {
            Some(stdin) => Ok((process, stdin, stdout)),
            None => Err(EmulatorError::io(format!("write to {name}"))(
                std::io::ErrorKind::BrokenPipe.into(),
            )),
        }
    }

    fn spawn(
        name: &'static str,
        program: &Path,
        arguments: &[OsString],
        stdin: Stdio,
    ) -> Result<(Self, ChildStdout), EmulatorError> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => EmulatorError::Missing {
                    program: program.display().to_string(),
                },
                _ => EmulatorError::Io {
                    what: format!("start {}", program.display()),
                    source,
                },
            })?;
        let pipes = (child.stdout.take(), child.stderr.take());
        let process = Self {
            name,
            child,
            status: None,
            stderr: Arc::default(),
        };
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err(EmulatorError::io(format!("read what {name} writes"))(
                std::io::ErrorKind::BrokenPipe.into(),
            ));
        };
        let tail = process.stderr.clone();
        std::thread::spawn(move || {
            read_lines(stderr, |line| {
                let line = line.trim().to_owned();
                if line.is_empty() || is_harmless(&line) {
                    return;
                }
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                if tail.len() == LAST_LINES {
                    tail.pop_front();
                }
                tail.push_back(line);
            });
        });
        Ok((process, stdout))
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, where it has ended.
    pub fn status(&mut self) -> Result<Option<ExitStatus>, EmulatorError> {
        if self.status.is_none() {
            self.status = self.child.try_wait().map_err(EmulatorError::io(format!(
                "learn whether {} has ended",
                self.name
            )))?;
        }
        Ok(self.status)
    }

    /// Waits until it has ended, at most until `deadline`.
    pub fn wait(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, EmulatorError> {
        loop {
            let status = self.status()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails where it has ended.
    pub fn check_running(&mut self, what: &str) -> Result<(), EmulatorError> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(self.exited(status, what)),
        }
    }

    /// Its last words and status as an error.
    pub fn exited(&self, status: ExitStatus, what: &str) -> EmulatorError {
        // The thread that reads them may be a moment behind.
        std::thread::sleep(Duration::from_millis(50));
        EmulatorError::Exited {
            program: self.name,
            status: status.to_string(),
            what: what.into(),
            stderr: self.last_words(),
        }
    }

    /// The last lines of standard error in one line.
    pub fn last_words(&self) -> String {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        match tail.len() {
            0 => "nothing".into(),
            _ => tail.iter().cloned().collect::<Vec<_>>().join(" | "),
        }
    }
}

/// Lines that are kept: a processor that locked up writes its reason first, then its registers.
const LAST_LINES: usize = 12;

/// Lines that this board's QEMU writes on every start.
fn is_harmless(line: &str) -> bool {
    line.ends_with("warning: nic stellaris_enet.0 has no peer")
        || line == "Timer with period zero, disabling"
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Both fail only where it has ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<(Process, ChildStdout), EmulatorError> {
        Process::start(Path::new("sh"), &["-c".into(), script.into()])
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_missing_program_says_how_to_install_it_in_one_line() {
        let error = Process::start(Path::new("qemu-of-nobody"), &[])
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "qemu-of-nobody is not installed; run `cargo run -p host -- setup`"
        );
    }

    #[test]
    fn last_words_and_status_are_in_the_error_without_the_usual_warnings() {
        let script = "echo 'q: warning: nic stellaris_enet.0 has no peer' >&2; echo one >&2; echo two >&2; exit 3";
        let (mut process, _stdout) = shell(script).unwrap();
        process.wait(soon()).unwrap().unwrap();
        let error = process
            .check_running("the picture")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("one | two") && error.contains('3'),
            "{error}"
        );
        assert!(!error.contains("stellaris"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_gone_after_a_panic() {
        let (process, _stdout) = shell("exec sleep 600").unwrap();
        let folder = format!("/proc/{}", process.child.id());
        assert!(Path::new(&folder).exists());
        let result = std::thread::spawn(move || {
            let _process = process;
            std::panic::panic_any("meant to");
        })
        .join();
        assert!(result.is_err());
        assert!(!Path::new(&folder).exists());
    }
}
