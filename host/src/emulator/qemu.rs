//! An emulated board and what can be done with it.

use super::arguments::{self, Chardevs, QemuOptions, key_code};
use super::channel::{Listener, Stream};
use super::error::EmulatorError;
use super::inbox::Inbox;
use super::log::{self, LogRecord};
use super::machine::{Machine, wait_for};
use super::panel::Panel;
use super::process::Process;
use super::qmp::{Qmp, QmpError};
use super::uart::{self, Tap, UartPort};
use crate::firmware_build::{Display, symbol};
use crate::system::files;
use firmware::app::Button;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// QEMU starts in a fraction of a second; a machine busy with many of them takes longer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A QMP command takes milliseconds.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// Firmware ELF files with debug information have some megabytes.
const ELF_LIMIT: u64 = 256 << 20;
/// How long a button is held, and how long it is left alone afterwards, in milliseconds of the
/// guest's clock.
const PRESS_MS: u64 = 100;
/// Part of the frame buffer's mangled name: Rust writes a name's length before it.
const FRAME_SYMBOL: &str = "5FRAME";

/// A board in QEMU. Dropping it kills QEMU and removes its folder, also in a test that panics.
pub struct Qemu {
    // Dropped in this order: QEMU ends before its folder goes.
    process: Process,
    qmp: Qmp<Stream>,
    uart: Stream,
    tap: Arc<Tap>,
    pub(super) lines: Arc<Inbox<String>>,
    logs: Arc<Inbox<LogRecord>>,
    elf: PathBuf,
    has_defmt: bool,
    is_counting: bool,
    /// Address of the frame buffer, where the board has no panel.
    pub(super) frame: Option<u64>,
    pub(super) folder: tempfile::TempDir,
}

impl Qemu {
    /// Starts QEMU with a firmware and lets it run.
    ///
    /// # Errors
    /// [`EmulatorError::Missing`] without QEMU, [`EmulatorError::File`] and [`EmulatorError::Elf`]
    /// for a file that is no firmware, [`EmulatorError::NoWindow`] where a window is asked for and
    /// there can be none, [`EmulatorError::Exited`] with QEMU's own words where it does not start.
    pub fn start(options: &QemuOptions) -> Result<Self, EmulatorError> {
        let (table, frame) = read_elf(options)?;
        let table = table.map(Arc::new);
        let display = match options.window {
            true => window(options)?,
            false => "none",
        };
        let folder = socket_folder()?;
        let listen = |name| {
            Listener::bind(folder.path(), name).map_err(EmulatorError::io("open a socket for QEMU"))
        };
        let (qmp, uart, log) = (listen("qmp")?, listen("uart")?, listen("log")?);
        let chardevs = Chardevs {
            qmp: &qmp.argument,
            uart: &uart.argument,
            log: &log.argument,
        };
        let list = arguments::arguments(options, display, &chardevs);
        let (mut process, stdout) = Process::start(&options.program, &list)?;

        let deadline = Instant::now() + START_LIMIT;
        let mut accept = |listener: Listener| {
            let stream = listener.accept(deadline, || process.check_running("its start"))?;
            stream.ok_or_else(|| EmulatorError::Timeout {
                what: "QEMU to connect".into(),
                limit: START_LIMIT,
                seen: format!("it said: {}", process.last_words()),
            })
        };
        let (qmp, uart, log) = (accept(qmp)?, accept(uart)?, accept(log)?);
        let write_limit = |stream: &Stream| {
            // A guest that never reads its UART must not hang this side.
            stream
                .set_write_timeout(Some(COMMAND_LIMIT))
                .map_err(EmulatorError::io("limit the time of writing to QEMU"))
        };
        write_limit(&qmp)?;
        write_limit(&uart)?;

        let has_defmt = table.is_some();
        // QEMU up to at least 7.2 writes what firmware prints to ":tt", as defmt-semihosting does,
        // to its own standard output, and only the older calls SYS_WRITEC and SYS_WRITE0 to the
        // chardev; others may send both there.
        let logs = Arc::new(Inbox::new(2));
        log::spawn_reader(stdout, table.clone(), logs.clone());
        log::spawn_reader(log, table, logs.clone());
        let lines = Arc::new(Inbox::new(1));
        let reader = uart
            .try_clone()
            .map_err(EmulatorError::io("read the UART"))?;
        let tap = Arc::new(Tap::default());
        uart::spawn_reader(reader, tap.clone(), lines.clone());

        let qmp = Qmp::new(qmp, START_LIMIT)
            .map_err(|e| failure(e, &mut process, "its greeting", START_LIMIT))?;
        let mut qemu = Self {
            process,
            qmp,
            uart,
            tap,
            lines,
            logs,
            elf: options.elf.clone(),
            has_defmt,
            is_counting: options.icount_shift.is_some(),
            frame,
            folder,
        };
        qemu.execute("cont", json!({}))?;
        Ok(qemu)
    }

    /// Runs a command of QEMU's monitor (QMP).
    ///
    /// # Errors
    /// [`EmulatorError::Refused`], and the errors of a QEMU that ended or does not answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, EmulatorError> {
        self.qmp
            .execute(command, arguments, COMMAND_LIMIT)
            .map_err(|e| failure(e, &mut self.process, command, COMMAND_LIMIT))
    }

    /// Instructions that the guest has executed since it started.
    ///
    /// The guest stands still while this is asked. For an exact count between two points of a
    /// program, let the firmware read its timer there.
    ///
    /// # Errors
    /// [`EmulatorError::NotCounting`] without [`QemuOptions::icount_shift`], and as [`Qemu::execute`].
    pub fn instructions(&mut self) -> Result<u64, EmulatorError> {
        if !self.is_counting {
            return Err(EmulatorError::NotCounting);
        }
        let command = "query-replay";
        // A processor that runs accounts for its instructions at the end of its time slice, which
        // may be seconds away.
        self.execute("stop", json!({}))?;
        let answer = self.execute(command, json!({}))?;
        self.execute("cont", json!({}))?;
        answer["icount"]
            .as_u64()
            .ok_or_else(|| EmulatorError::Protocol {
                command: command.into(),
                reason: format!("no icount in {answer}"),
            })
    }

    /// The UART's bytes instead of its lines, until the port is dropped.
    ///
    /// # Errors
    /// [`EmulatorError::Io`] where the system has no more of them.
    pub fn port(&mut self) -> Result<UartPort, EmulatorError> {
        let port = self.tap.port(&self.uart);
        port.map_err(EmulatorError::io("open a port to the UART"))
    }

    /// Reads the log until `predicate` accepts a record, and returns it; the records before it are
    /// dropped.
    ///
    /// # Errors
    /// [`EmulatorError::NoDefmt`] for firmware without a log; else as [`Machine::read_line`].
    pub fn wait_for_log(
        &mut self,
        predicate: impl FnMut(&LogRecord) -> bool,
        limit: Duration,
    ) -> Result<LogRecord, EmulatorError> {
        if !self.has_defmt {
            return Err(EmulatorError::NoDefmt {
                path: self.elf.clone(),
            });
        }
        let logs = self.logs.clone();
        let what = "a line in the log";
        wait_for(&mut self.process, &logs, predicate, what, limit)
    }

    /// The log records that have come and nobody has taken.
    pub fn drain_logs(&mut self) -> Vec<LogRecord> {
        self.logs.drain()
    }

    /// Whether the firmware has a defmt log; without, what it prints over semihosting comes as
    /// records without level.
    pub fn has_defmt(&self) -> bool {
        self.has_defmt
    }

    /// The exit status where QEMU has ended: what firmware gave to semihosting's exit, or 0 for a
    /// closed window.
    ///
    /// # Errors
    /// [`EmulatorError::Exited`] where a signal ended QEMU.
    pub fn exit_code(&mut self) -> Result<Option<i32>, EmulatorError> {
        match self.process.status()? {
            None => Ok(None),
            Some(status) => match status.code() {
                Some(code) => Ok(Some(code)),
                None => Err(self.process.exited(status, "its exit status")),
            },
        }
    }

    /// Waits until firmware has ended QEMU, and returns its exit status. Lines and logs are
    /// complete then.
    ///
    /// # Errors
    /// [`EmulatorError::Timeout`] after `limit`, and as [`Qemu::exit_code`].
    pub fn wait_for_exit(&mut self, limit: Duration) -> Result<i32, EmulatorError> {
        self.process.wait(Instant::now() + limit)?;
        let code = self.exit_code()?.ok_or_else(|| EmulatorError::Timeout {
            what: "the firmware to exit".into(),
            limit,
            seen: "it runs on".into(),
        })?;
        self.wait_until_read();
        Ok(code)
    }

    /// Waits until everything that an ended QEMU has written is read.
    pub(super) fn wait_until_read(&self) {
        let soon = Instant::now() + Duration::from_secs(5);
        self.lines.wait_until_closed(soon);
        self.logs.wait_until_closed(soon);
    }

    /// The process number of QEMU, for messages.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Machine for Qemu {
    fn send_line(&mut self, line: &str) -> Result<(), EmulatorError> {
        // In one piece: two writes could be cut by the time limit between them.
        let text = format!("{line}\n");
        self.uart.write_all(text.as_bytes()).map_err(|source| {
            match self.process.wait(Instant::now() + Duration::from_secs(1)) {
                Ok(Some(status)) => self.process.exited(status, "a line for the UART"),
                _ => EmulatorError::io("write to the UART (the firmware does not read it)")(source),
            }
        })
    }

    fn wait_for_line(
        &mut self,
        mut predicate: impl FnMut(&str) -> bool,
        limit: Duration,
    ) -> Result<String, EmulatorError> {
        let what = "a line from the UART";
        let accept = |line: &String| predicate(line);
        wait_for(&mut self.process, &self.lines, accept, what, limit)
    }

    fn drain_lines(&mut self) -> Vec<String> {
        self.lines.drain()
    }

    /// 100 ms of the guest's clock down, and as long up before the next press.
    ///
    /// With [`QemuOptions::icount_shift`] the guest is sure to run that long in between, whatever else
    /// the host does. Returns when QEMU has taken the press, not when firmware has seen it: see
    /// [`Qemu::press_and_wait_for_line`] and [`Qemu::press_and_wait_for_screen`].
    ///
    /// Every pin reads 0, which is "pressed", until its own first key event, so the first press of
    /// each button shows the firmware a release only.
    fn press(&mut self, button: Button) -> Result<(), EmulatorError> {
        // send-key times the release by the guest's clock; a pause here would be real time, in
        // which a busy machine may run no instruction of the guest.
        let key = json!({"type": "qcode", "data": key_code(button)});
        self.execute("send-key", json!({"keys": [key], "hold-time": PRESS_MS}))?;
        Ok(())
    }
}

/// The log table, where the ELF file has one, and the address of the frame buffer, where that is
/// the display.
fn read_elf(
    options: &QemuOptions,
) -> Result<(Option<defmt_decoder::Table>, Option<u64>), EmulatorError> {
    let elf = files::read_at_most(&options.elf, ELF_LIMIT)?;
    let frame = match options.display {
        Display::Panel | Display::St7789 | Display::Ssd1306 => None,
        Display::Memory => {
            let address = symbol(&elf, FRAME_SYMBOL, Panel::FRAME_LEN as u64);
            Some(address.ok_or_else(|| EmulatorError::NoFrame {
                path: options.elf.clone(),
            })?)
        }
    };
    Ok((log::read_table(&options.elf, &elf)?, frame))
}

/// Whether QEMU can open a window here: there is a desktop, and QEMU was built with a window for
/// it.
pub fn window_is_possible(options: &QemuOptions) -> bool {
    window(options).is_ok()
}

/// The value of `-display` for a window.
fn window(options: &QemuOptions) -> Result<&'static str, EmulatorError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let output = Command::new(&options.program)
        .args(["-display", "help"])
        .stdin(Stdio::null())
        .output()
        .map_err(|_| EmulatorError::Missing {
            program: options.program.display().to_string(),
        })?;
    arguments::check_desktop(set)?;
    arguments::window_display(&String::from_utf8_lossy(&output.stdout))
}

/// A new folder, with a path short enough for a Unix socket (104 bytes with its final zero on
/// macOS).
fn socket_folder() -> Result<tempfile::TempDir, EmulatorError> {
    let failed = || EmulatorError::io("make a temporary folder");
    let builder = || tempfile::Builder::new().prefix("thumbgen-").to_owned();
    let folder = builder().tempdir().map_err(failed())?;
    match cfg!(unix) && folder.path().as_os_str().len() > 90 {
        true => builder().tempdir_in("/tmp").map_err(failed()),
        false => Ok(folder),
    }
}

fn failure(
    error: QmpError,
    process: &mut Process,
    command: &str,
    limit: Duration,
) -> EmulatorError {
    let ended = |process: &mut Process| process.wait(Instant::now() + Duration::from_secs(2));
    let command = command.to_owned();
    match error {
        QmpError::Closed => match ended(process) {
            Ok(Some(status)) => process.exited(status, &command),
            Ok(None) => EmulatorError::Protocol {
                command,
                reason: "it closed the connection but runs on".into(),
            },
            Err(e) => e,
        },
        QmpError::TimedOut => EmulatorError::Timeout {
            what: format!("QEMU's answer to {command}"),
            limit,
            seen: format!("it said: {}", process.last_words()),
        },
        QmpError::Refused(reason) => EmulatorError::Refused { command, reason },
        QmpError::Malformed(reason) => EmulatorError::Protocol { command, reason },
        QmpError::Io(source) => EmulatorError::io(format!("talk to QEMU about {command}"))(source),
    }
}
