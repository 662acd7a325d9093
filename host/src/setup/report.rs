//! What is there and what is missing.

use std::fmt;
use std::path::PathBuf;

/// What the project needs beside cargo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Rust's standard library for the board's processor.
    RustTarget,
    /// QEMU with the board's machine.
    Qemu,
    /// Node, which runs the emulated Pico.
    Node,
    /// Chromium, which tests the page with the emulated Pico.
    Chromium,
    /// ONNX Runtime's library, a second opinion on the exported models.
    OnnxRuntime,
    /// Python's `onnx` package, which checks ONNX files.
    OnnxChecker,
}

impl Tool {
    /// All, in the order in which they are installed.
    pub const ALL: [Self; 6] = [
        Self::RustTarget,
        Self::Qemu,
        Self::Node,
        Self::Chromium,
        Self::OnnxRuntime,
        Self::OnnxChecker,
    ];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::RustTarget => "Rust targets (the boards' processors)",
            Self::Qemu => "QEMU (qemu-system-arm)",
            Self::Node => "Node (runs the emulated Pico)",
            Self::Chromium => "Chromium (tests the page)",
            Self::OnnxRuntime => "ONNX Runtime",
            Self::OnnxChecker => "ONNX checker (Python's onnx)",
        }
    }

    /// Whether the project works without it, with fewer checks.
    pub fn is_optional(self) -> bool {
        !matches!(self, Self::RustTarget | Self::Qemu)
    }
}

/// Whether a tool is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolState {
    /// It is.
    Found {
        /// In its own words.
        version: String,
        /// The program, library or folder, where there is one to name.
        path: Option<PathBuf>,
    },
    /// It is not, and the project needs it.
    Missing {
        /// What was looked for.
        reason: String,
    },
    /// It is not, and the project does with fewer checks.
    OptionalMissing {
        /// What was looked for, and why it cannot be installed where that is so.
        reason: String,
    },
}

/// The state of every tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order of [`Tool::ALL`].
    pub tools: Vec<(Tool, ToolState)>,
}

impl Report {
    /// The state of one tool.
    pub fn state(&self, tool: Tool) -> Option<&ToolState> {
        self.tools
            .iter()
            .find(|(other, _)| *other == tool)
            .map(|(_, state)| state)
    }

    /// Where a tool is, where it is.
    pub fn path(&self, tool: Tool) -> Option<&PathBuf> {
        match self.state(tool)? {
            ToolState::Found { path, .. } => path.as_ref(),
            _ => None,
        }
    }

    /// Whether everything that the project needs is there.
    pub fn is_sufficient(&self) -> bool {
        !self
            .tools
            .iter()
            .any(|(_, state)| matches!(state, ToolState::Missing { .. }))
    }

    /// The tools that are not there.
    pub fn missing(&self) -> impl Iterator<Item = Tool> {
        self.tools
            .iter()
            .filter(|(_, state)| !matches!(state, ToolState::Found { .. }))
            .map(|(tool, _)| *tool)
    }
}

impl fmt::Display for Report {
    /// A line a tool.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.tools.iter().map(|(tool, _)| tool.name().len()).max();
        let width = width.unwrap_or(0);
        for (tool, state) in &self.tools {
            write!(f, "{:width$}  ", tool.name())?;
            match state {
                ToolState::Found {
                    version,
                    path: Some(path),
                } => writeln!(f, "{version}, {}", path.display())?,
                ToolState::Found { version, .. } => writeln!(f, "{version}")?,
                ToolState::Missing { reason } => writeln!(f, "MISSING: {reason}")?,
                ToolState::OptionalMissing { reason } => {
                    writeln!(f, "not there, optional: {reason}")?;
                }
            }
        }
        Ok(())
    }
}
