//! Finds what is missing for the project and installs it.
//!
//! [`Setup::check`] only looks. [`Setup::install`] makes a plan from what is missing, shows its
//! commands, asks, and runs them: rustup for Rust's targets, the system's package manager for QEMU,
//! Node and Chromium, pip for ONNX Runtime and the ONNX checker. All but the targets and QEMU are
//! optional: where they cannot be had, the report says why, and fewer runtimes take part in the
//! checks.

#[cfg(test)]
mod fake;
mod packages;
mod plan;
mod python;
mod report;
mod system;

pub use plan::{Plan, Step};
pub use report::{Report, Tool, ToolState};
pub use system::{CommandLine, Os, System, ThisMachine};

use crate::emulator::QEMU_PROGRAM;
use crate::emulator::pico::NODE_PROGRAM;
use crate::firmware_build::BOARDS;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Rust's names of the boards' processors, each once.
pub fn rust_targets() -> Vec<&'static str> {
    let targets: BTreeSet<_> = BOARDS.iter().map(|board| board.target).collect();
    targets.into_iter().collect()
}

/// The oldest Node that runs the emulated Pico.
const OLDEST_NODE: u32 = 18;

/// Names of Chromium and its kin.
pub const CHROMIUM_PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Something needed could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A command failed.
    #[error(
        "{command} failed ({status}); check the network, or run it by hand, then `cargo run -p host -- setup` again"
    )]
    CommandFailed {
        /// The command as one would type it.
        command: String,
        /// How it failed.
        status: String,
    },
    /// The user said no.
    #[error("nothing was installed; to do it by hand, run {commands}")]
    Declined {
        /// The commands as one would type them.
        commands: String,
    },
    /// No known package manager.
    #[error(
        "none of apt-get, dnf, pacman and brew is here to install QEMU; get it from https://www.qemu.org/download and put {QEMU_PROGRAM} into PATH"
    )]
    NoPackageManager,
    /// Neither root nor sudo.
    #[error("installing QEMU needs root, and there is no sudo; run as root: {command}")]
    NotRoot {
        /// The command as one would type it.
        command: String,
    },
    /// Rust without rustup.
    #[error(
        "Rust's targets {} are not all here and there is no rustup to add them; install Rust from https://rustup.rs",
        rust_targets().join(", ")
    )]
    NoRustup,
    /// The commands went well, and it is still not there.
    #[error(
        "{tool} is still missing after its installation: {reason}; install it by hand and put it into PATH"
    )]
    StillMissing {
        /// Which tool.
        tool: &'static str,
        /// What was looked for.
        reason: String,
    },
    /// The terminal could not be used.
    #[error("cannot use the terminal: {0}; use --yes to install without questions")]
    Terminal(#[from] std::io::Error),
}

/// Set-up of one workspace on one machine.
pub struct Setup<'a> {
    system: &'a dyn System,
    workspace: PathBuf,
}

impl<'a> Setup<'a> {
    /// For the workspace whose root is `workspace`; [`ThisMachine`] is the usual system.
    pub fn new(system: &'a dyn System, workspace: &Path) -> Self {
        Self {
            system,
            // pip and the ort crate may run in another folder.
            workspace: std::path::absolute(workspace).unwrap_or_else(|_| workspace.into()),
        }
    }

    /// What is there and what is missing. Changes nothing.
    pub fn check(&self) -> Report {
        let state = |tool| match tool {
            Tool::RustTarget => self.check_target(),
            Tool::Qemu => self.check_qemu(),
            Tool::Node => self.check_node(),
            Tool::Chromium => self.check_chromium(),
            Tool::OnnxRuntime => {
                let named = self.system.variable("ORT_DYLIB_PATH").map(PathBuf::from);
                python::check_runtime(self.system, &self.workspace, named)
            }
            Tool::OnnxChecker => python::check_checker(self.system, &self.workspace),
        };
        Report {
            tools: Tool::ALL.map(|tool| (tool, state(tool))).into(),
        }
    }

    /// Installs what is missing, and returns what is there then.
    ///
    /// Each command is written to `output` before it runs. Asks first, unless `yes`, or there is
    /// nobody to ask.
    ///
    /// # Errors
    /// [`SetupError`] where something that is not optional could not be installed; that an optional
    /// one could not is in the report.
    pub fn install(&self, yes: bool, output: &mut dyn Write) -> Result<Report, SetupError> {
        let before = self.check();
        let plans = self.plan(&before)?;
        if plans.is_empty() {
            return Ok(before);
        }
        let steps = || plans.iter().flat_map(|plan| &plan.steps);
        writeln!(output, "To be installed:")?;
        for tool in plans.iter().flat_map(|plan| &plan.tools) {
            writeln!(output, "  {}", tool.name())?;
        }
        writeln!(output, "by")?;
        for step in steps() {
            writeln!(output, "  {}", step.command)?;
        }
        output.flush()?;
        if !yes && self.system.is_interactive() && !self.system.confirm("Run these commands?")? {
            let commands: Vec<_> = steps().map(|step| step.command.to_string()).collect();
            let commands = commands.join(" && ");
            // What is optional may be declined.
            return match before.is_sufficient() {
                true => Ok(before),
                false => Err(SetupError::Declined { commands }),
            };
        }
        let mut failures = Vec::new();
        for plan in &plans {
            if let Err(error) = self.run(plan, output) {
                if !plan.tools.iter().all(|tool| tool.is_optional()) {
                    return Err(error);
                }
                failures.extend(plan.tools.iter().map(|&tool| (tool, error.to_string())));
            }
        }
        let mut after = self.check();
        for (tool, state) in &mut after.tools {
            match state {
                ToolState::Missing { reason } => {
                    return Err(SetupError::StillMissing {
                        tool: tool.name(),
                        reason: reason.clone(),
                    });
                }
                ToolState::OptionalMissing { reason } => {
                    if let Some((_, why)) = failures.iter().find(|(failed, _)| failed == tool) {
                        reason.clone_from(why);
                    }
                }
                ToolState::Found { .. } => {}
            }
        }
        Ok(after)
    }

    /// What has to be done for the tools that `report` lacks.
    ///
    /// # Errors
    /// [`SetupError`] where something needed cannot be installed here.
    pub fn plan(&self, report: &Report) -> Result<Vec<Plan>, SetupError> {
        let missing: Vec<Tool> = report.missing().collect();
        let mut plans = Vec::new();
        if missing.contains(&Tool::RustTarget) {
            if self.system.find("rustup").is_none() {
                return Err(SetupError::NoRustup);
            }
            let targets = ["target", "add"].into_iter().chain(rust_targets());
            let command = CommandLine::new("rustup", targets);
            plans.push(Plan {
                tools: vec![Tool::RustTarget],
                steps: vec![Step::required(command)],
            });
        }
        if missing.contains(&Tool::Qemu) {
            plans.push(Plan {
                tools: vec![Tool::Qemu],
                steps: packages::install_qemu(self.system)?,
            });
        }
        let (packages, optional): (Vec<Tool>, Vec<Tool>) = missing
            .into_iter()
            .filter(|tool| tool.is_optional())
            .partition(|tool| matches!(tool, Tool::Node | Tool::Chromium));
        if let Some(steps) = packages::install_optional(self.system, &packages) {
            plans.push(Plan {
                tools: packages,
                steps,
            });
        }
        if !optional.is_empty() {
            plans.extend(python::install(self.system, &self.workspace, optional));
        }
        Ok(plans)
    }

    fn run(&self, plan: &Plan, output: &mut dyn Write) -> Result<(), SetupError> {
        for step in &plan.steps {
            writeln!(output, "$ {}", step.command)?;
            output.flush()?;
            match self.system.run(&step.command) {
                Err(status) if step.may_fail => {
                    writeln!(output, "{} failed ({status}); going on", step.command)?;
                }
                Err(status) => {
                    return Err(SetupError::CommandFailed {
                        command: step.command.to_string(),
                        status,
                    });
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn check_target(&self) -> ToolState {
        // Works with rustup's toolchains and a distribution's alike; rustc names the folder whether
        // it is there or not.
        let ask = |arguments: &[&str]| {
            let command = CommandLine::new("rustc", arguments.iter().copied());
            Some(self.system.output(&command)?.trim().to_owned())
        };
        let mut found = None;
        for target in rust_targets() {
            let folder = ask(&["--print", "target-libdir", "--target", target]).map(PathBuf::from);
            let Some(folder) = folder else {
                return ToolState::Missing {
                    reason: "rustc cannot be run".into(),
                };
            };
            if system::find_file(&folder, |name| name.starts_with("libcore-")).is_none() {
                return ToolState::Missing {
                    reason: format!("{} has no libcore", folder.display()),
                };
            }
            found = Some(folder);
        }
        ToolState::Found {
            version: ask(&["--version"]).unwrap_or_default(),
            path: found,
        }
    }

    fn check_node(&self) -> ToolState {
        let version = self
            .system
            .output(&CommandLine::new(NODE_PROGRAM, ["--version"]));
        let major = version.as_deref().and_then(|version| {
            let digits = version.trim().strip_prefix('v')?.split('.').next()?;
            digits.parse::<u32>().ok()
        });
        match (version, major) {
            (Some(version), Some(major)) if major >= OLDEST_NODE => ToolState::Found {
                version: version.trim().into(),
                path: self.system.find(NODE_PROGRAM),
            },
            (Some(version), _) => ToolState::OptionalMissing {
                reason: format!(
                    "{NODE_PROGRAM} is {:?}, expected version {OLDEST_NODE} or later",
                    version.trim()
                ),
            },
            (None, _) => ToolState::OptionalMissing {
                reason: format!("{NODE_PROGRAM} is not in PATH; it runs the emulated Pico"),
            },
        }
    }

    fn check_chromium(&self) -> ToolState {
        let found = CHROMIUM_PROGRAMS
            .into_iter()
            .find_map(|name| Some((name, self.system.find(name)?)));
        match found {
            Some((name, path)) => ToolState::Found {
                version: name.into(),
                path: Some(path),
            },
            None => ToolState::OptionalMissing {
                reason: format!(
                    "none of {} is in PATH; it tests the page",
                    CHROMIUM_PROGRAMS.join(", ")
                ),
            },
        }
    }

    fn check_qemu(&self) -> ToolState {
        let version = self
            .system
            .output(&CommandLine::new(QEMU_PROGRAM, ["--version"]));
        let line = version.as_deref().and_then(|text| text.lines().next());
        match line {
            Some(line) => ToolState::Found {
                version: line.into(),
                path: self.system.find(QEMU_PROGRAM),
            },
            None => ToolState::Missing {
                reason: format!("{QEMU_PROGRAM} is not in PATH, or does not run"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
