//! Talking to Thumbgen's firmware on an emulated board: the serial protocol of
//! [`firmware::app::line`], and its views.

use crate::emulator::pico::Pico;
use crate::emulator::{Button, EmulatorError, Machine, Panel, Qemu};
use crate::models::preview::{Model, PreviewError};
use crate::picture::ColorImage;
use firmware::app::View;
use shared::latent::Point;
use std::time::{Duration, Instant};

/// How long the firmware may take for one answer; a busy machine emulates slowly.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How long a press may take to show.
const PRESS_LIMIT: Duration = Duration::from_secs(10);

/// A conversation that went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The emulator.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The host's own rendering.
    #[error(transparent)]
    Preview(#[from] PreviewError),
    /// The firmware refused a line.
    #[error("the firmware answered “{answer}” to “{line}”")]
    Refused {
        /// What was sent.
        line: String,
        /// What came back.
        answer: String,
    },
    /// The firmware's answer makes no sense.
    #[error(
        "the firmware answered “{answer}”, expected {expected}; firmware and host are of different versions"
    )]
    Answer {
        /// What came back.
        answer: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The self-test failed.
    #[error(
        "the firmware's self-test failed: {answer}; the model image and the firmware do not agree"
    )]
    SelfTest {
        /// The view that says where.
        answer: String,
    },
}

/// Sends a line and returns the one line that answers it.
///
/// # Errors
/// [`SessionError::Refused`] where the answer is an error, [`SessionError::Emulator`] where none
/// comes.
pub fn ask(machine: &mut impl Machine, line: &str) -> Result<String, SessionError> {
    machine.drain_lines();
    machine.send_line(line)?;
    let answer = machine.read_line(ANSWER_LIMIT)?;
    if answer.starts_with("error ") {
        return Err(SessionError::Refused {
            line: line.to_owned(),
            answer,
        });
    }
    Ok(answer)
}

/// What computing a picture takes, in ticks of the board's counter: the input first, then each
/// operation.
///
/// # Errors
/// [`SessionError`].
pub fn profile(
    machine: &mut impl Machine,
    Point { seed, label }: Point,
) -> Result<Vec<u64>, SessionError> {
    let label = label.map_or("-".to_owned(), |label| label.to_string());
    let answer = ask(machine, &format!("profile {seed} {label}"))?;
    let ticks = answer.strip_prefix("profile ").and_then(|ticks| {
        let ticks = ticks.split(' ').map(|tick| tick.parse().ok());
        ticks.collect()
    });
    ticks.ok_or(SessionError::Answer {
        answer,
        expected: "profile and ticks",
    })
}

/// What the display shows.
///
/// # Errors
/// [`SessionError`].
pub fn view(machine: &mut impl Machine) -> Result<View, SessionError> {
    let answer = ask(machine, "status")?;
    answer
        .strip_prefix("status ")
        .and_then(|view| view.parse().ok())
        .ok_or(SessionError::Answer {
            answer,
            expected: "status and a view",
        })
}

/// Waits until the firmware says that it listens: `ready`, the board, and the checksum of its
/// image. What is sent before may be lost. To be called once, first.
///
/// # Errors
/// [`SessionError::Emulator`] where it never says so; its log tells why.
pub fn boot(machine: &mut impl Machine) -> Result<String, SessionError> {
    Ok(machine.wait_for_line(|line| line.starts_with("ready "), ANSWER_LIMIT)?)
}

/// Waits until the boot screen with the self-test's result is gone.
///
/// # Errors
/// [`SessionError::SelfTest`] where the self-test failed.
pub fn pass_self_test(machine: &mut impl Machine) -> Result<View, SessionError> {
    let deadline = Instant::now() + ANSWER_LIMIT;
    loop {
        match view(machine)? {
            View::SelfTest(result) if result.failed.is_some() => {
                return Err(SessionError::SelfTest {
                    answer: View::SelfTest(result).to_string(),
                });
            }
            View::SelfTest(_) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            view => return Ok(view),
        }
    }
}

/// Presses a button and waits until the firmware shows another view, ten seconds at most: a press
/// may change nothing. The steps of a walk, which go on by themselves, count as one view.
///
/// # Errors
/// [`SessionError`].
pub fn press(machine: &mut impl Machine, button: Button) -> Result<View, SessionError> {
    let before = at_rest(view(machine)?);
    machine.press(button)?;
    let deadline = Instant::now() + PRESS_LIMIT;
    loop {
        let now = view(machine)?;
        if at_rest(now) != before || Instant::now() >= deadline {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A view without what changes by itself.
fn at_rest(view: View) -> View {
    match view {
        View::Walk { paused: false, .. } => View::Walk {
            from: Point::default(),
            to: Point::default(),
            step: 0,
            paused: false,
        },
        view => view,
    }
}

/// What the panel shows, read while the view did not change. A walk is caught between two of its
/// steps.
///
/// # Errors
/// [`SessionError`].
pub fn settled_screen(qemu: &mut Qemu) -> Result<Panel, SessionError> {
    let deadline = Instant::now() + ANSWER_LIMIT;
    loop {
        let before = view(qemu)?;
        let panel = qemu.screendump()?;
        if view(qemu)? == before || Instant::now() >= deadline {
            return Ok(panel);
        }
    }
}

/// The view, what the panel shows, and what the host draws for it, as grey levels 0 to 15.
///
/// # Errors
/// [`SessionError`].
pub fn compare(qemu: &mut Qemu, model: &Model) -> Result<(View, Panel, Vec<u8>), SessionError> {
    let deadline = Instant::now() + ANSWER_LIMIT;
    loop {
        let before = view(qemu)?;
        let panel = qemu.screendump()?;
        let expected = model.screen(before)?;
        // An answer is sent when the screen shows its view, but QEMU redraws its copy at its own
        // pace.
        let equal = panel.levels() == expected.as_slice();
        if (equal && view(qemu)? == before) || Instant::now() >= deadline {
            return Ok((before, panel, expected));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The view and what the emulated Pico's display shows, read while the view did not change.
///
/// # Errors
/// [`SessionError`].
pub fn settled_picture(pico: &mut Pico) -> Result<(View, ColorImage), SessionError> {
    let deadline = Instant::now() + ANSWER_LIMIT;
    loop {
        let before = view(pico)?;
        let picture = pico.picture()?;
        if view(pico)? == before || Instant::now() >= deadline {
            return Ok((before, picture));
        }
    }
}
