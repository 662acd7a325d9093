//! An emulated Pico and what can be done with it.

use super::super::error::EmulatorError;
use super::super::inbox::{Inbox, Writer};
use super::super::log::{self, LineSplitter, LogRecord, read_some};
use super::super::machine::{Machine, wait_for};
use super::super::process::Process;
use super::link::{self, Event, from_hex};
use super::options::PicoOptions;
use crate::picture::ColorImage;
use crate::system::files;
use firmware::app::Button;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::protocol::{Decoder, Piece};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::ChildStdin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Node starts in a fraction of a second; a busy machine takes longer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A command takes milliseconds, but for a long run of a stepped board.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);
/// Firmware ELF files with debug information have some megabytes.
const ELF_LIMIT: u64 = 256 << 20;

/// What the emulated board has counted.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Counts {
    /// Cycles in which the core worked since the board was switched on; sleep does not count.
    pub cycles: f64,
    /// Emulated time since then, in nanoseconds.
    pub nanos: f64,
    /// Words found in the flash cache.
    pub hits: f64,
    /// Words fetched from flash.
    pub misses: f64,
    /// Erases and programs of flash.
    pub flash_operations: u64,
    /// Grows with every pixel that the display is sent.
    pub written: u64,
}

/// An emulated Pico. Dropping it ends Node, also in a test that panics.
pub struct Pico {
    // Dropped in this order: Node ends by itself when its input does.
    input: ChildStdin,
    process: Process,
    serial: TcpStream,
    port: u16,
    lines: Arc<Inbox<String>>,
    answers: Arc<Inbox<(u64, Value)>>,
    events: Arc<Inbox<Event>>,
    logs: Arc<Inbox<LogRecord>>,
    commands: u64,
}

impl Pico {
    /// Starts Node with a firmware, and lets it run unless it is to be stepped.
    ///
    /// # Errors
    /// [`EmulatorError::Missing`] without Node, [`EmulatorError::PicoRefused`] for a file that is
    /// no firmware for this board, [`EmulatorError::Exited`] with Node's own words where it does
    /// not start.
    pub fn start(options: &PicoOptions) -> Result<Self, EmulatorError> {
        let table = match &options.elf {
            Some(path) => log::read_table(path, &files::read_at_most(path, ELF_LIMIT)?)?,
            None => None,
        };
        let (mut process, input, stdout) = Process::start_with_input(
            "the emulated Pico",
            &options.program,
            &options.arguments()?,
        )?;
        let (answers, events) = (Arc::new(Inbox::new(1)), Arc::new(Inbox::new(1)));
        let logs = Arc::new(Inbox::new(1));
        let (log_reader, log_writer) =
            std::io::pipe().map_err(EmulatorError::io("make a pipe for the log"))?;
        link::spawn_reader(stdout, answers.clone(), events.clone(), log_writer);
        match table {
            Some(table) => log::spawn_reader(log_reader, Some(Arc::new(table)), logs.clone()),
            // Frames without their format strings say nothing.
            None => log::discard(log_reader, logs.clone()),
        }
        let port = ready(&mut process, &events)?;
        let serial = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .and_then(|stream| {
                stream.set_nodelay(true)?;
                Ok(stream)
            })
            .map_err(EmulatorError::io("open the emulated Pico's serial port"))?;
        let reader = serial
            .try_clone()
            .map_err(EmulatorError::io("read the serial port"))?;
        let lines = Arc::new(Inbox::new(1));
        let writer = Writer(lines.clone());
        std::thread::spawn(move || read_text(reader, |line| writer.0.push(line)));
        Ok(Self {
            input,
            process,
            serial,
            port,
            lines,
            answers,
            events,
            logs,
            commands: 0,
        })
    }

    /// The TCP port of the board's serial line, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends the emulator a command and waits for its answer.
    ///
    /// # Errors
    /// [`EmulatorError::PicoRefused`], and the errors of a Node that ended or does not answer.
    pub fn execute(&mut self, command: &str, mut arguments: Value) -> Result<Value, EmulatorError> {
        self.commands += 1;
        arguments["id"] = self.commands.into();
        arguments["do"] = command.into();
        let sent = writeln!(self.input, "{arguments}").and_then(|()| self.input.flush());
        if let Err(source) = sent {
            return Err(match self.process.wait(soon())? {
                Some(status) => self.process.exited(status, command),
                None => EmulatorError::io(format!("send {command} to the emulated Pico"))(source),
            });
        }
        let number = self.commands;
        let (_, answer) = wait_for(
            &mut self.process,
            &self.answers,
            |(id, _)| *id == number,
            command,
            COMMAND_LIMIT,
        )?;
        match answer["error"].as_str() {
            None => Ok(answer),
            Some(reason) => Err(EmulatorError::PicoRefused {
                command: command.into(),
                reason: reason.into(),
            }),
        }
    }

    /// What the display shows now.
    ///
    /// # Errors
    /// [`EmulatorError::PicoAnswer`], and as [`Pico::execute`].
    pub fn picture(&mut self) -> Result<ColorImage, EmulatorError> {
        let answer = self.execute("picture", json!({}))?;
        let side = |key: &str| {
            answer[key]
                .as_u64()
                .and_then(|side| usize::try_from(side).ok())
        };
        let rgb = answer["rgb"].as_str().and_then(from_hex);
        let picture = match (side("width"), side("height"), rgb) {
            (Some(width), Some(height), Some(rgb)) => {
                ColorImage::new(width, height, rgb).map_err(|error| error.to_string())
            }
            _ => Err("no width, height and pixels".into()),
        };
        picture.map_err(|reason| EmulatorError::PicoAnswer {
            command: "picture".into(),
            reason,
        })
    }

    /// What the board has counted so far.
    ///
    /// # Errors
    /// As [`Pico::picture`].
    pub fn counts(&mut self) -> Result<Counts, EmulatorError> {
        let answer = self.execute("counts", json!({}))?;
        serde_json::from_value(answer).map_err(|error| EmulatorError::PicoAnswer {
            command: "counts".into(),
            reason: error.to_string(),
        })
    }

    /// Runs a board that is stepped, for so much emulated time.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn run(&mut self, time: Duration) -> Result<(), EmulatorError> {
        self.execute("run", json!({"ms": time.as_secs_f64() * 1e3}))?;
        Ok(())
    }

    /// Takes power away and gives it back. What came over the serial line before is dropped.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn power_cycle(&mut self) -> Result<(), EmulatorError> {
        self.execute("power", json!({}))?;
        self.lines.drain();
        Ok(())
    }

    /// Lets power fail in the middle of the flash operation that comes after so many others.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn cut_power_after(&mut self, flash_operations: u64) -> Result<(), EmulatorError> {
        self.execute("cut", json!({"after": flash_operations}))?;
        Ok(())
    }

    /// Changes flash behind the firmware's back, a fault to be injected; gives what was there.
    ///
    /// # Errors
    /// As [`Pico::picture`].
    pub fn poke(&mut self, address: u32, bytes: &[u8]) -> Result<Vec<u8>, EmulatorError> {
        let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = self.execute("poke", json!({"address": address, "bytes": bytes}))?;
        let before = answer["before"].as_str().and_then(from_hex);
        before.ok_or_else(|| EmulatorError::PicoAnswer {
            command: "poke".into(),
            reason: "no bytes".into(),
        })
    }

    /// Keeps the serial line busy with the same bytes, again and again, for so much of the board's
    /// time.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn flood(&mut self, bytes: &[u8], time: Duration) -> Result<(), EmulatorError> {
        let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let ms = time.as_secs_f64() * 1e3;
        self.execute("flood", json!({"bytes": bytes, "ms": ms}))?;
        Ok(())
    }

    /// Pulls the wires of the OLED, or puts them back.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn unplug_oled(&mut self, unplugged: bool) -> Result<(), EmulatorError> {
        self.execute("unplug", json!({"on": unplugged}))?;
        Ok(())
    }

    /// Holds a button down, or lets it go.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn set_button(&mut self, button: Button, down: bool) -> Result<(), EmulatorError> {
        self.execute("button", json!({"button": button.name(), "down": down}))?;
        Ok(())
    }

    /// Starts to count cycles by address, anew.
    ///
    /// # Errors
    /// As [`Pico::execute`].
    pub fn start_profile(&mut self) -> Result<(), EmulatorError> {
        self.execute("profile", json!({"on": true}))?;
        Ok(())
    }

    /// Ends counting; addresses of instructions in rising order, and the cycles spent there.
    ///
    /// # Errors
    /// As [`Pico::picture`].
    pub fn stop_profile(&mut self) -> Result<Vec<(u32, f64)>, EmulatorError> {
        let mut answer = self.execute("profile", json!({"on": false}))?;
        serde_json::from_value(answer["entries"].take()).map_err(|error| {
            EmulatorError::PicoAnswer {
                command: "profile".into(),
                reason: error.to_string(),
            }
        })
    }

    /// Waits for something that the board does by itself; events before it are dropped.
    ///
    /// # Errors
    /// [`EmulatorError::Timeout`] after `limit`, [`EmulatorError::Exited`] where Node has ended.
    pub fn wait_for_event(
        &mut self,
        predicate: impl FnMut(&Event) -> bool,
        limit: Duration,
    ) -> Result<Event, EmulatorError> {
        let what = "an event of the board";
        wait_for(&mut self.process, &self.events, predicate, what, limit)
    }

    /// What the board did by itself since this was last asked.
    pub fn drain_events(&mut self) -> Vec<Event> {
        self.events.drain()
    }

    /// The log records that have come and nobody has taken; none without [`PicoOptions::elf`].
    pub fn drain_logs(&mut self) -> Vec<LogRecord> {
        self.logs.drain()
    }

    /// Whether Node still runs.
    ///
    /// # Errors
    /// [`EmulatorError::Exited`] where it does not.
    pub fn check_running(&mut self) -> Result<(), EmulatorError> {
        self.process.check_running("the board")
    }
}

impl Machine for Pico {
    fn send_line(&mut self, line: &str) -> Result<(), EmulatorError> {
        self.serial
            .write_all(format!("{line}\n").as_bytes())
            .map_err(EmulatorError::io(
                "write to the emulated Pico's serial port",
            ))
    }

    fn wait_for_line(
        &mut self,
        mut predicate: impl FnMut(&str) -> bool,
        limit: Duration,
    ) -> Result<String, EmulatorError> {
        let what = "a line from the serial port";
        let accept = |line: &String| predicate(line);
        wait_for(&mut self.process, &self.lines, accept, what, limit)
    }

    fn drain_lines(&mut self) -> Vec<String> {
        self.lines.drain()
    }

    fn press(&mut self, button: Button) -> Result<(), EmulatorError> {
        self.execute("press", json!({"button": button.name()}))?;
        Ok(())
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(2)
}

/// Calls `emit` with each line of text; frames between them answer somebody else, who is at the
/// port as well.
fn read_text(mut stream: TcpStream, mut emit: impl FnMut(String)) {
    let (mut decoder, mut splitter) = (Decoder::new(), LineSplitter::default());
    let mut block = [0; 4096];
    while let Some(count) = read_some(&mut stream, &mut block) {
        for &byte in &block[..count] {
            match decoder.push(byte) {
                Some(Piece::Text(byte)) => splitter.push(byte, &mut emit),
                Some(Piece::Cut | Piece::Frame(_)) => splitter = LineSplitter::default(),
                None => {}
            }
        }
    }
    splitter.end(emit);
}

/// Waits until Node listens, and gives the port.
fn ready(process: &mut Process, events: &Inbox<Event>) -> Result<u16, EmulatorError> {
    let is_start = |event: &Event| matches!(event, Event::Ready { .. } | Event::Failed { .. });
    match wait_for(process, events, is_start, "its start", START_LIMIT)? {
        Event::Ready { port } => Ok(port),
        Event::Failed { text } => Err(EmulatorError::PicoRefused {
            command: "to start".into(),
            reason: text,
        }),
        _ => Err(EmulatorError::PicoAnswer {
            command: "its start".into(),
            reason: "neither ready nor failed".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pace;
    use super::*;

    /// A UF2 file with a program of half-words behind its vector table.
    fn uf2(program: &[u16]) -> Vec<u8> {
        let mut flash = vec![0; 0x180];
        flash[0x100..0x104].copy_from_slice(&0x2004_2000_u32.to_le_bytes());
        flash[0x104..0x108].copy_from_slice(&0x1000_0181_u32.to_le_bytes());
        flash.extend(program.iter().flat_map(|half| half.to_le_bytes()));
        flash.resize(512, 0);
        let blocks = flash.chunks(256).zip(0_u32..);
        let block = |(data, number): (&[u8], u32)| {
            let mut block = Vec::new();
            let head = [
                0x0A32_4655,
                0x9E5D_5157,
                0x2000,
                0x1000_0000 + 256 * number,
                256,
                number,
                2,
                0xE48B_FF56,
            ];
            block.extend(head.iter().flat_map(|word: &u32| word.to_le_bytes()));
            block.extend(data);
            block.resize(508, 0);
            block.extend(0x0AB1_6F30_u32.to_le_bytes());
            block
        };
        blocks.flat_map(block).collect()
    }

    /// Counts in a register for ever: adds, branch.
    const COUNT: [u16; 2] = [0x3001, 0xE7FD];

    fn start(folder: &std::path::Path, pace: Pace) -> Result<Pico, EmulatorError> {
        let path = folder.join("tiny.uf2");
        std::fs::write(&path, uf2(&COUNT)).unwrap();
        Pico::start(&PicoOptions {
            pace,
            ..PicoOptions::new(path)
        })
    }

    fn started(pace: Pace) -> Pico {
        let folder = tempfile::tempdir().unwrap();
        start(folder.path(), pace).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_stepped_board_counts_the_same_each_time() {
        let counts = [(), ()].map(|()| {
            let mut pico = started(Pace::Stepped);
            assert_eq!(pico.counts().unwrap().cycles, 0.0);
            pico.run(Duration::from_millis(3)).unwrap();
            pico.counts().unwrap()
        });
        assert_eq!(counts[0], counts[1]);
        assert!(
            (counts[0].cycles - 375_000.0).abs() < 50.0,
            "{:?}",
            counts[0]
        );
    }

    #[test]
    fn a_profile_has_the_cycles_by_address() {
        let mut pico = started(Pace::Stepped);
        pico.start_profile().unwrap();
        pico.run(Duration::from_millis(1)).unwrap();
        let profile = pico.stop_profile().unwrap();
        let addresses: Vec<u32> = profile.iter().map(|&(address, _)| address).collect();
        assert_eq!(addresses, [0x1000_0180, 0x1000_0182]);
        let total: f64 = profile.iter().map(|&(_, cycles)| cycles).sum();
        assert!((total - pico.counts().unwrap().cycles).abs() < 1.0);
    }

    #[test]
    fn an_eager_board_runs_by_itself_and_takes_buttons() {
        let mut pico = started(Pace::Eager);
        let picture = pico.picture().unwrap();
        assert_eq!((picture.width(), picture.height()), (240, 240));
        pico.press(Button::Up).unwrap();
        assert!(pico.counts().unwrap().nanos >= 120e6);
        pico.power_cycle().unwrap();
        assert!(pico.counts().unwrap().nanos < 120e6);
        let error = pico.execute("dance", json!({})).unwrap_err();
        assert!(
            matches!(error, EmulatorError::PicoRefused { .. }),
            "{error}"
        );
        let error = pico
            .wait_for_line(|_| true, Duration::from_millis(30))
            .unwrap_err();
        assert!(matches!(error, EmulatorError::Timeout { .. }), "{error}");
    }

    #[test]
    fn what_is_no_firmware_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.uf2");
        for bytes in [vec![], vec![7; 512], uf2(&COUNT)[..512].to_vec()] {
            std::fs::write(&path, bytes).unwrap();
            let error = Pico::start(&PicoOptions::new(&path))
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains("broken.uf2") && !error.contains('\n'),
                "{error}"
            );
        }
        let error = Pico::start(&PicoOptions::new(folder.path().join("none")))
            .err()
            .unwrap();
        assert!(
            matches!(error, EmulatorError::PicoRefused { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_missing_node_says_how_to_install_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.uf2");
        std::fs::write(&path, uf2(&COUNT)).unwrap();
        let error = Pico::start(&PicoOptions {
            program: "node-of-nobody".into(),
            ..PicoOptions::new(path)
        });
        assert_eq!(
            error.err().unwrap().to_string(),
            "node-of-nobody is not installed; run `cargo run -p host -- setup`"
        );
    }

    #[test]
    fn node_ends_with_its_owner() {
        let mut pico = started(Pace::Stepped);
        pico.wait_for_event(|_| true, Duration::from_millis(1))
            .unwrap_err();
        let process = format!("/proc/{}", pico.process.id());
        drop(pico);
        assert!(!std::path::Path::new(&process).exists());
    }
}
