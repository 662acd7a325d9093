//! Telling how far an evaluation is: a bar a stage on a terminal, a line a stage elsewhere, nothing
//! where quiet is asked for.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Where progress goes: to standard error, so that standard output stays for results.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    quiet: bool,
}

impl Progress {
    /// Says nothing where `quiet`.
    pub const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A stage of so many pictures begins.
    pub fn stage(&self, what: &str, pictures: usize) -> Stage {
        if self.quiet {
            return Stage(None);
        }
        if !std::io::stderr().is_terminal() {
            eprintln!("   {what}");
            return Stage(None);
        }
        let bar = ProgressBar::new(pictures as u64);
        if let Ok(style) = ProgressStyle::with_template("   {msg} {bar:30} {pos}/{len}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Stage(Some(bar))
    }
}

/// A stage under way; it ends when it is dropped.
#[derive(Debug)]
pub struct Stage(Option<ProgressBar>);

impl Stage {
    /// So many more pictures are done; from any thread.
    pub fn add(&self, pictures: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(pictures as u64);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
