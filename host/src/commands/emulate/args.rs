//! Arguments of `thumbgen emulate`.

use crate::emulator::Button;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen emulate                                     QEMU's own window where there is a display
  thumbgen emulate --press select --screenshot grid.png
  thumbgen emulate --line 2026 --screenshot 2026.png   what the UART is sent; see `firmware::app::line`
  thumbgen emulate --model runs/cgan/model --no-window --line stats
  thumbgen emulate --model cdcgan --profile            which layer costs what
  thumbgen emulate --board pico --profile              what a picture costs on a Raspberry Pi Pico, under Node
  thumbgen emulate --board pico --xip off --line stats the same without waiting for its flash
  thumbgen emulate --serve tcp:127.0.0.1:7000          its UART for verify and sample --port tcp:127.0.0.1:7000

In the window: arrow keys and the left ctrl key are the board's buttons. Lines typed in the terminal go to its UART.")]
pub struct Args {
    /// Which board; the smallest that holds the model where absent.
    #[arg(long, short)]
    pub(in crate::commands) board: Option<String>,
    /// Name of a shipped model, a model folder, a run folder, or a model image.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    pub(in crate::commands) model: String,
    /// Press these buttons, one after the other: up, down, left, right, select.
    #[arg(long, short, value_delimiter = ',', value_name = "BUTTONS")]
    pub(in crate::commands) press: Vec<Button>,
    /// Send this line to the board's UART and print its answer; may be given several times.
    #[arg(long, short, value_name = "LINE")]
    pub(in crate::commands) line: Vec<String>,
    /// Print what a picture costs: in QEMU each layer, in instructions; on a Pico each function, in
    /// cycles.
    #[arg(long)]
    pub(in crate::commands) profile: bool,
    /// Write what the display shows in the end as PNG.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) screenshot: Option<PathBuf>,
    /// Boot and offer the board's UART at this address until Ctrl-C; port 0 takes one that is free.
    #[arg(long, value_name = "tcp:HOST:PORT", conflicts_with_all = ["press", "line", "profile", "screenshot"])]
    pub(in crate::commands) serve: Option<String>,
    /// On a Pico: whether to count the core's wait for flash, by a model of its cache.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub(in crate::commands) xip: Switch,
    /// Open no window: boot, press, send, show the display in the terminal, end.
    #[arg(long)]
    pub(in crate::commands) no_window: bool,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}
