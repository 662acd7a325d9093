//! `thumbgen verify`.

use crate::evaluate::progress::Progress;
use crate::link::replay::{Replay, replay};
use crate::link::{Client, LinkError, open};
use crate::models::folder::{GOLDEN, ModelFiles};
use crate::pack::golden::{GoldenFile, MAX_FILE_LEN};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::files;
use crate::verify::{self, VerifyOptions};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use shared::protocol::LogLevel;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen verify                  install what is missing (asks), run every test
  thumbgen verify --yes --full     what continuous integration runs
  thumbgen verify --port /dev/ttyACM0                  a board replays the golden vectors of its model
  thumbgen verify --port tcp:127.0.0.1:7000 --model runs/cgan/model
                                                       so does an emulated one (`emulate --serve`)
  thumbgen verify --port /dev/ttyACM0 --log error      the board logs only what goes wrong from now on")]
pub struct Args {
    /// Install what is missing without asking.
    #[arg(long, short)]
    yes: bool,
    /// Also check format, lints, documentation and licences, and build the GPU features.
    #[arg(long)]
    full: bool,
    /// Instead of all that: replay golden vectors on the device at this serial port, or
    /// tcp:HOST:PORT, and compare every layer's checksum and every byte.
    #[arg(long, short, value_name = "PORT", conflicts_with_all = ["yes", "full"])]
    port: Option<String>,
    /// The model folder with the golden vectors; where absent, the shipped one with the device's
    /// model's name.
    #[arg(long, short, value_name = "MODEL", requires = "port")]
    model: Option<String>,
    #[command(flatten)]
    log: Log,
}

/// What a device's log tells.
#[derive(Debug, clap::Args)]
pub(super) struct Log {
    /// First choose what the device writes to its own log from now on, until its next reset:
    /// nothing, or this level and those above it. The log does not come over the port: read it with
    /// a debug probe, or see what `emulate` prints.
    #[arg(long = "log", value_name = "LEVEL", requires = "port", value_parser = log_level())]
    level: Option<LogLevel>,
}

impl Log {
    /// Tells the device, where something was chosen.
    pub(super) fn choose(&self, client: &mut Client) -> Result<(), LinkError> {
        self.level.map_or(Ok(()), |level| client.log_level(level))
    }
}

/// Takes the names of log levels.
fn log_level() -> impl TypedValueParser<Value = LogLevel> {
    PossibleValuesParser::new(["off", "error", "warn", "info", "debug"]).map(|level| {
        match &*level {
            "off" => LogLevel::Off,
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            // Other names do not come here.
            _ => LogLevel::Info,
        }
    })
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    if let Some(port) = &args.port {
        return on_device(port, args.model.as_deref(), &args.log, console);
    }
    let report = super::setup::install(args.yes, console)?;
    let summary = verify::verify(&report, VerifyOptions { full: args.full }, console)?;
    print(&summary);
    match summary.failed() {
        0 => Ok(()),
        n => Err(Failure::new(
            Class::Mismatch,
            format!("{n} of the checks failed; their output stands above"),
        )),
    }
}

/// Replays golden vectors on a device.
fn on_device(port: &str, model: Option<&str>, log: &Log, console: Console) -> Result<(), Failure> {
    let mut client = Client::new(open(port).map_err(failure)?);
    let hello = client.hello().map_err(failure)?;
    console.step(format_args!(
        "{} with firmware {} runs {}, {} bytes, {:08x}",
        hello.board, hello.firmware, hello.model, hello.image_len, hello.image_crc
    ));
    log.choose(&mut client).map_err(failure)?;
    // What the user names may be a path, what the device names may not.
    let files = match model {
        Some(model) => ModelFiles::find(model),
        None => ModelFiles::find_shipped(&hello.model),
    }
    .or_fail(Class::Input)?;
    let json = files::read_at_most(&files.file(GOLDEN).or_fail(Class::Input)?, MAX_FILE_LEN);
    let golden = GoldenFile::from_json(&json.or_fail(Class::Input)?).or_fail(Class::Input)?;
    let stage = Progress::new(console.is_quiet()).stage("golden vectors", golden.vectors.len());
    let replay = replay(&mut client, &golden, |_| stage.add(1)).map_err(failure)?;
    drop(stage);
    let Replay {
        vectors,
        differences,
        ticks,
    } = &replay;
    let (least, most) = ticks.unwrap_or_default();
    if differences.is_empty() {
        let goldens = client.self_test().map_err(failure)?;
        print(format_args!(
            "{vectors} golden vectors are equal in every layer and byte, {least} to {most} ticks a picture; \
             the device's own self-test passed with {goldens}"
        ));
        return Ok(());
    }
    for difference in differences {
        print(difference);
    }
    let count = differences.len();
    let what = format!("{count} of {vectors} golden vectors differ on the device");
    Err(Failure::new(Class::Mismatch, what))
}

/// What a conversation's failure means to the user.
fn failure(error: LinkError) -> Failure {
    Failure::from_error(error.class(), &error)
}
