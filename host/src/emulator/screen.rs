//! The panel and the buttons of an emulated board.

use super::arguments::key_code;
use super::error::EmulatorError;
use super::machine::Machine;
use super::panel::Panel;
use super::qemu::Qemu;
use crate::system::files;
use firmware::app::Button;
use serde_json::json;
use std::time::{Duration, Instant};

/// Between two pictures of the panel while waiting for one.
const PICTURE_INTERVAL: Duration = Duration::from_millis(20);
/// A screendump has 393,231 bytes.
const PICTURE_LIMIT: u64 = 1 << 20;

impl Qemu {
    /// What the panel shows now.
    ///
    /// # Errors
    /// [`EmulatorError::Picture`] where QEMU's picture is not one that the panel can show.
    pub fn screendump(&mut self) -> Result<Panel, EmulatorError> {
        if let Some(address) = self.frame {
            let file = self.folder.path().join("frame");
            let arguments = json!({"val": address, "size": Panel::FRAME_LEN, "filename": file.to_string_lossy()});
            self.execute("pmemsave", arguments)?;
            let bytes = files::read_at_most(&file, Panel::FRAME_LEN as u64)?;
            return Ok(Panel::from_frame(&bytes)?);
        }
        let file = self.folder.path().join("panel.ppm");
        self.execute("screendump", json!({"filename": file.to_string_lossy()}))?;
        let ppm = files::read_at_most(&file, PICTURE_LIMIT)?;
        Ok(Panel::from_ppm(&ppm)?)
    }

    /// Waits for a picture that `predicate` accepts, and returns it.
    ///
    /// # Errors
    /// [`EmulatorError::Timeout`] after `limit`.
    pub fn wait_for_screen(
        &mut self,
        mut predicate: impl FnMut(&Panel) -> bool,
        limit: Duration,
    ) -> Result<Panel, EmulatorError> {
        let deadline = Instant::now() + limit;
        loop {
            let panel = self.screendump()?;
            if predicate(&panel) {
                return Ok(panel);
            }
            if Instant::now() >= deadline {
                return Err(EmulatorError::Timeout {
                    what: "the expected picture".into(),
                    limit,
                    seen: format!("the panel shows: {panel:?}"),
                });
            }
            std::thread::sleep(PICTURE_INTERVAL);
        }
    }

    /// Waits until the panel has shown the same picture for `quiet`, and returns it.
    ///
    /// That is real time: on a busy machine firmware may stand still for long without having
    /// finished. Where the picture is known, [`Qemu::wait_for_screen`] is the sure way; where
    /// firmware says when it has drawn, [`Machine::wait_for_line`].
    ///
    /// # Errors
    /// [`EmulatorError::Timeout`] after `limit`.
    pub fn wait_until_screen_is_stable(
        &mut self,
        quiet: Duration,
        limit: Duration,
    ) -> Result<Panel, EmulatorError> {
        let mut last: Option<(Panel, Instant)> = None;
        let stable = |panel: &Panel| match &last {
            Some((same, since)) if same == panel => since.elapsed() >= quiet,
            _ => {
                last = Some((panel.clone(), Instant::now()));
                false
            }
        };
        self.wait_for_screen(stable, limit).map_err(|e| match e {
            EmulatorError::Timeout { limit, .. } => EmulatorError::Timeout {
                what: format!("a picture that stays for {quiet:?}"),
                limit,
                seen: "it kept changing".into(),
            },
            other => other,
        })
    }

    /// Holds a button down (`down`), or lets it go.
    ///
    /// # Errors
    /// As [`Qemu::execute`].
    pub fn set_button(&mut self, button: Button, down: bool) -> Result<(), EmulatorError> {
        let key = json!({"type": "qcode", "data": key_code(button)});
        let event = json!({"type": "key", "data": {"down": down, "key": key}});
        self.execute("input-send-event", json!({"events": [event]}))?;
        Ok(())
    }

    /// Presses a button and waits for the firmware's line about it. Older lines are dropped first,
    /// so the line is the answer to this press.
    ///
    /// # Errors
    /// As [`Machine::press`] and [`Machine::wait_for_line`].
    pub fn press_and_wait_for_line(
        &mut self,
        button: Button,
        predicate: impl FnMut(&str) -> bool,
        limit: Duration,
    ) -> Result<String, EmulatorError> {
        self.lines.drain();
        self.press(button)?;
        self.wait_for_line(predicate, limit)
    }

    /// Presses a button, waits until the panel shows another picture than before, and until that
    /// one has stayed for 300 ms.
    ///
    /// # Errors
    /// As [`Machine::press`] and [`Qemu::wait_for_screen`].
    pub fn press_and_wait_for_screen(
        &mut self,
        button: Button,
        limit: Duration,
    ) -> Result<Panel, EmulatorError> {
        let deadline = Instant::now() + limit;
        let before = self.screendump()?;
        self.press(button)?;
        self.wait_for_screen(|panel| *panel != before, limit)?;
        let left = deadline.saturating_duration_since(Instant::now());
        self.wait_until_screen_is_stable(Duration::from_millis(300), left)
    }
}
