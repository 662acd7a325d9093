//! A machine for tests: it has what it is told, and writes down what it is asked to run.

use super::system::{CommandLine, Os, System};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;

pub(super) struct Fake {
    os: Os,
    programs: RefCell<Vec<String>>,
    root: bool,
    desktop: bool,
    interactive: bool,
    answer: bool,
    outputs: RefCell<HashMap<String, String>>,
    failing: Vec<&'static str>,
    installs: Vec<[String; 3]>,
    pub ran: RefCell<Vec<String>>,
    pub asked: Cell<usize>,
}

impl Fake {
    pub fn new(os: Os) -> Self {
        Self {
            os,
            programs: RefCell::default(),
            root: false,
            desktop: false,
            interactive: false,
            answer: false,
            outputs: RefCell::default(),
            failing: Vec::new(),
            installs: Vec::new(),
            ran: RefCell::default(),
            asked: Cell::new(0),
        }
    }

    pub fn linux() -> Self {
        Self::new(Os::Linux)
    }

    pub fn with_programs(self, names: &[&str]) -> Self {
        self.programs
            .borrow_mut()
            .extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    pub fn with_root(self) -> Self {
        Self { root: true, ..self }
    }

    pub fn with_desktop(self) -> Self {
        Self {
            desktop: true,
            ..self
        }
    }

    /// Somebody is there and answers every question with `answer`.
    pub fn interactive(self, answer: bool) -> Self {
        Self {
            interactive: true,
            answer,
            ..self
        }
    }

    pub fn answering(self, command: &str, output: &str) -> Self {
        self.outputs
            .borrow_mut()
            .insert(command.into(), output.into());
        self
    }

    /// Commands that contain `part` fail.
    pub fn failing(mut self, part: &'static str) -> Self {
        self.failing.push(part);
        self
    }

    /// After a command that contains `part`, `command` gives `output`, and its program is there.
    pub fn installing(mut self, part: &str, command: &str, output: &str) -> Self {
        self.installs
            .push([part, command, output].map(str::to_owned));
        self
    }
}

impl System for Fake {
    fn os(&self) -> Os {
        self.os
    }
    fn find(&self, program: &str) -> Option<PathBuf> {
        let programs = self.programs.borrow();
        let found = programs.iter().find(|name| *name == program)?;
        Some(PathBuf::from("/usr/bin").join(found))
    }
    fn variable(&self, _: &str) -> Option<std::ffi::OsString> {
        None
    }

    fn is_root(&self) -> bool {
        self.root
    }
    fn has_desktop(&self) -> bool {
        self.desktop
    }
    fn is_interactive(&self) -> bool {
        self.interactive
    }
    fn confirm(&self, _: &str) -> std::io::Result<bool> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.answer)
    }
    fn output(&self, command: &CommandLine) -> Option<String> {
        self.outputs.borrow().get(&command.to_string()).cloned()
    }
    fn run(&self, command: &CommandLine) -> Result<(), String> {
        let text = command.to_string();
        self.ran.borrow_mut().push(text.clone());
        if self.failing.iter().any(|part| text.contains(part)) {
            return Err("exit status: 100".into());
        }
        for [part, command, output] in &self.installs {
            if text.contains(part) {
                self.outputs
                    .borrow_mut()
                    .insert(command.clone(), output.clone());
                let program = command.split(' ').next().unwrap_or_default().to_owned();
                self.programs.borrow_mut().push(program);
            }
        }
        Ok(())
    }
}
