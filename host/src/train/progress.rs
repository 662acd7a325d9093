//! Telling how far a run is: a bar on a terminal, a line now and then elsewhere, nothing where
//! quiet is asked for.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::metrics::Record;

/// Time between lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Where progress goes: to standard error, so that standard output stays for results.
#[derive(Debug)]
pub struct Progress {
    kind: Output,
    steps: u64,
}

#[derive(Debug)]
enum Output {
    Quiet,
    Lines { last: Option<Instant> },
    Bar(ProgressBar),
}

impl Progress {
    /// Progress from step `done` to `steps`.
    pub fn new(quiet: bool, done: u64, steps: u64) -> Self {
        let kind = if quiet {
            Output::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(steps).with_position(done);
            let template = "{bar:30} {pos}/{len} steps, {per_sec}, {eta} left, {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            // The rate counts this session's steps only.
            bar.reset_eta();
            Output::Bar(bar)
        } else {
            Output::Lines { last: None }
        };
        Self { kind, steps }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        match &self.kind {
            Output::Quiet => {}
            Output::Lines { .. } => eprintln!("{line}"),
            Output::Bar(bar) => bar.println(line),
        }
    }

    /// A step is done.
    pub fn step(&self, step: u64) {
        if let Output::Bar(bar) = &self.kind {
            bar.set_position(step);
        }
    }

    /// A record was taken.
    pub fn record(&mut self, record: &Record) {
        let losses = record.measures.line();
        let steps = self.steps;
        match &mut self.kind {
            Output::Quiet => {}
            Output::Bar(bar) => bar.set_message(losses),
            Output::Lines { last } => {
                let due = last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
                if due || record.step == steps {
                    *last = Some(Instant::now());
                    let rate = record.steps_per_second;
                    let left = steps.saturating_sub(record.step) as f64 / rate.max(1e-3);
                    eprintln!(
                        "step {}/{steps}, {rate:.1} steps/s, {} left, {losses}",
                        record.step,
                        duration(left)
                    );
                }
            }
        }
        if let Some(warning) = &record.warning {
            self.say(&format!("warning at step {}: {warning}", record.step));
        }
    }

    /// The run has ended.
    pub fn finish(&self) {
        if let Output::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}

/// Seconds for people: "2m05s".
pub fn duration(seconds: f64) -> String {
    // A float cast saturates.
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_short() {
        let cases = [
            (0.4, "0s"),
            (59.0, "59s"),
            (125.0, "2m05s"),
            (7300.0, "2h01m"),
            (f64::NAN, "0s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
    }
}
