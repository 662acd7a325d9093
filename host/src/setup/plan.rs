//! The commands that set-up will run.

use super::report::Tool;
use super::system::CommandLine;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is run.
    pub command: CommandLine,
    /// Whether to go on where it fails.
    pub may_fail: bool,
}

impl Step {
    pub(super) fn required(command: CommandLine) -> Self {
        Self {
            command,
            may_fail: false,
        }
    }
}

/// What is to be done for one or more tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tools that it installs.
    pub tools: Vec<Tool>,
    /// In order.
    pub steps: Vec<Step>,
}
