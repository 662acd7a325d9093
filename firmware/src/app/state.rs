//! The state machine: which view follows from which event.

use super::buttons::Button;
use super::line::{Command, LineError, Request};
use super::{GRID_LEN, Number, SelfTest, View};
use shared::image::Image;
use shared::latent::{Point, WALK_STEPS};
use shared::protocol::FrameError;

/// Ticks a second that the slowest board sends: a walk from one digit to the next takes `WALK_STEPS
/// / TICK_HZ` = 8 s there. Faster boards send more.
pub const TICK_HZ: u32 = 8;

/// How long a passed self-test is shown at boot.
const BOOT_TICKS: u8 = 2 * TICK_HZ as u8;

/// What comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'l> {
    /// A button was pressed and released.
    Button(Button),
    /// A line came over the UART, without its end; or one that is none.
    Line(Result<&'l str, LineError>),
    /// A frame's content came over the UART; or bytes that looked like one. The app leaves it to
    /// the device.
    Frame(Result<&'l [u8], FrameError>),
    /// The board's tick: `1 / TICK_HZ` seconds passed, or less on a faster board.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    SelfTest { ticks_left: Option<u8> },
    Digit,
    Grid,
    Walk,
    Number,
}

/// The state of every mode, so that coming back to one finds it as it was left.
#[derive(Debug, Clone)]
pub struct App {
    classes: u8,
    mode: Mode,
    self_test: SelfTest,
    digit: Point,
    grid: Point,
    walk: Walk,
    number: Number,
    cursor: u8,
    number_seed: u32,
}

#[derive(Debug, Clone, Copy)]
struct Walk {
    from: Point,
    to: Point,
    step: u8,
    paused: bool,
}

impl App {
    /// The app at boot, showing a self-test's result: for two seconds where it passed, else until a
    /// button is pressed.
    pub fn new(image: &Image<'_>, self_test: SelfTest) -> Self {
        let classes = image.classes();
        let point = |seed, label: u8| Point {
            seed,
            label: (classes > 0).then(|| label.min(classes.saturating_sub(1))),
        };
        let ticks_left = self_test.failed.is_none().then_some(BOOT_TICKS);
        Self {
            classes,
            mode: Mode::SelfTest { ticks_left },
            self_test,
            digit: point(1, 7),
            grid: Point {
                seed: 0,
                label: None,
            },
            walk: Walk {
                from: point(1, 0),
                to: point(2, 1),
                step: 0,
                paused: false,
            },
            number: Number::DEFAULT.clamped(classes),
            cursor: 0,
            number_seed: 1,
        }
    }

    /// What the screen shall show.
    pub fn view(&self) -> View {
        match self.mode {
            Mode::SelfTest { .. } => View::SelfTest(self.self_test),
            Mode::Digit => View::Digit { point: self.digit },
            Mode::Grid => View::Grid {
                seed: self.grid.seed,
                label: self.grid.label,
            },
            Mode::Walk => {
                let Walk {
                    from,
                    to,
                    step,
                    paused,
                } = self.walk;
                View::Walk {
                    from,
                    to,
                    step,
                    paused,
                }
            }
            Mode::Number => View::Number {
                number: self.number,
                cursor: self.cursor,
                seed: self.number_seed,
            },
        }
    }

    /// Takes an event; gives what is to be answered over the UART, once the view is drawn.
    pub fn handle(&mut self, event: Event<'_>) -> Option<Request> {
        match event {
            Event::Button(button) => {
                self.press(button);
                None
            }
            Event::Tick => {
                self.tick();
                None
            }
            Event::Frame(_) => None,
            Event::Line(line) => {
                let command = line.and_then(|text| Command::parse(text, self.classes));
                Some(match command {
                    Ok(command) => self.command(command),
                    Err(error) => Request::Error(error),
                })
            }
        }
    }

    /// Shows a self-test's result until a button is pressed.
    pub fn show_self_test(&mut self, result: SelfTest) {
        self.self_test = result;
        self.mode = Mode::SelfTest { ticks_left: None };
    }

    fn command(&mut self, command: Command) -> Request {
        match command {
            Command::Number(number) => {
                (self.number, self.cursor) = (number, 0);
                self.mode = Mode::Number;
            }
            Command::Digit { seed, label } => {
                self.digit = Point {
                    seed,
                    label: label.or(self.digit.label),
                };
                self.mode = Mode::Digit;
            }
            Command::Grid { seed, label } => {
                self.grid = Point { seed, label };
                self.mode = Mode::Grid;
            }
            Command::Walk { from, to, step } => {
                self.walk = Walk {
                    from,
                    to,
                    step,
                    paused: true,
                };
                self.mode = Mode::Walk;
            }
            Command::Ask(request) => return request,
        }
        Request::Status
    }

    fn press(&mut self, button: Button) {
        match (self.mode, button) {
            (mode, Button::Select) => self.mode = self.after(mode),
            (Mode::SelfTest { .. }, _) => self.mode = Mode::Digit,
            (Mode::Digit, Button::Left | Button::Right) => {
                step_seed(&mut self.digit.seed, button == Button::Right, 1);
            }
            (Mode::Digit, _) => self.turn_label(|app| &mut app.digit.label, button == Button::Up),
            (Mode::Grid, Button::Left | Button::Right) => {
                step_seed(
                    &mut self.grid.seed,
                    button == Button::Right,
                    GRID_LEN as u32,
                );
            }
            (Mode::Grid, _) => {
                // One more than the classes: all of them in turn.
                let mixed = self.classes;
                let at = self.grid.label.unwrap_or(mixed);
                let next = around_u16(u16::from(at), button == Button::Up, u16::from(mixed) + 1);
                // At most the number of classes, which is a u8.
                self.grid.label = Some(next as u8).filter(|&label| label < mixed);
            }
            (Mode::Walk, Button::Left) => self.walk.paused = !self.walk.paused,
            (Mode::Walk, Button::Right) => self.next_target(0),
            (Mode::Walk, _) => self.turn_label(|app| &mut app.walk.to.label, button == Button::Up),
            (Mode::Number, Button::Left | Button::Right) => {
                // At most four digits.
                let len = self.number.digits().len() as u8;
                self.cursor = around(self.cursor, button == Button::Right, len);
            }
            (Mode::Number, _) => self
                .number
                .turn(self.cursor, button == Button::Up, self.classes),
        }
    }

    fn after(&self, mode: Mode) -> Mode {
        match mode {
            Mode::SelfTest { .. } | Mode::Number => Mode::Digit,
            Mode::Digit => Mode::Grid,
            Mode::Grid => Mode::Walk,
            Mode::Walk if self.classes > 0 => Mode::Number,
            Mode::Walk => Mode::Digit,
        }
    }

    fn tick(&mut self) {
        match &mut self.mode {
            Mode::SelfTest {
                ticks_left: Some(left),
            } => match left.checked_sub(1) {
                Some(next) => *left = next,
                None => self.mode = Mode::Digit,
            },
            Mode::Walk if !self.walk.paused => {
                if self.walk.step < WALK_STEPS {
                    self.walk.step += 1;
                } else {
                    // Step 0 of the next walk is the picture that is shown already.
                    self.next_target(1);
                }
            }
            _ => {}
        }
    }

    /// Walks on from the target to the next seed and the next label.
    fn next_target(&mut self, step: u8) {
        self.walk.from = self.walk.to;
        self.walk.step = step;
        step_seed(&mut self.walk.to.seed, true, 1);
        self.turn_label(|app| &mut app.walk.to.label, true);
    }

    fn turn_label(&mut self, label: impl FnOnce(&mut Self) -> &mut Option<u8>, up: bool) {
        let classes = self.classes;
        if let Some(label) = label(self) {
            *label = around(*label, up, classes);
        }
    }
}

fn step_seed(seed: &mut u32, up: bool, by: u32) {
    *seed = if up {
        seed.wrapping_add(by)
    } else {
        seed.wrapping_sub(by)
    };
}

/// The next or the last of `0..count`, around the ends.
pub(super) fn around(at: u8, up: bool, count: u8) -> u8 {
    // Below the count, which is a u8.
    around_u16(u16::from(at), up, u16::from(count)) as u8
}

fn around_u16(at: u16, up: bool, count: u16) -> u16 {
    let last = count.saturating_sub(1);
    match up {
        true if at >= last => 0,
        true => at + 1,
        false if at == 0 || at > last => last,
        false => at - 1,
    }
}

#[cfg(test)]
mod tests;
