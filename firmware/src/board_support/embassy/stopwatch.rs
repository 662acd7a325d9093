//! Measures pictures in microseconds, and feeds the watchdog with every layer: an engine that hangs
//! is reset.

use embassy_time::Instant;
use firmware::app::{Probe, Stats};
use firmware::engine::Observer;
use shared::image::Turn;
use shared::latent::Latent;
use shared::protocol::LogLevel;

pub struct Stopwatch {
    latent: Option<Latent>,
    started: u32,
    lapped: u32,
    ticks: u32,
    /// What to tell of.
    pub log_level: LogLevel,
}

impl Stopwatch {
    pub const fn new(log_level: LogLevel) -> Self {
        Self {
            latent: None,
            log_level,
            started: 0,
            lapped: 0,
            ticks: 0,
        }
    }
}

/// Microseconds, modulo 2^32: differences are right.
fn now() -> u32 {
    Instant::now().as_micros() as u32
}

impl Observer for Stopwatch {
    fn begin(&mut self, latent: Latent) {
        self.latent = Some(latent);
        self.started = now();
        self.lapped = self.started;
    }

    fn layer(&mut self, _: &Turn<'_>, _: &[i8]) {
        crate::chip::feed_watchdog();
    }

    fn end(&mut self) {
        self.ticks = now().wrapping_sub(self.started);
        if let Some(latent) = self.latent {
            crate::log::picture(self.log_level, latent, self.ticks);
        }
    }
}

impl Probe for Stopwatch {
    fn stats(&self) -> Stats {
        Stats {
            stack: crate::stack::high_water(),
            ticks: self.ticks,
        }
    }

    fn lap(&mut self) -> u32 {
        let before = self.lapped;
        self.lapped = now();
        self.lapped.wrapping_sub(before)
    }

    fn skip(&mut self) {
        let before = self.lapped;
        self.lapped = now();
        let skipped = self.lapped.wrapping_sub(before);
        self.started = self.started.wrapping_add(skipped);
    }
}
