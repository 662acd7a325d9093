//! Every check of the project, one after the other, and a table of how they ended.

use crate::console::Console;
use crate::failure::{Class, Failure, OrFail};
use crate::firmware_build::BOARDS;
use crate::programs;
use crate::repository;
use crate::setup::{Report, Tool, ToolState};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Names the runtimes that the tests have to find, so that none is left out in silence: separated by commas.
pub const REQUIRED_VARIABLE: &str = "THUMBGEN_REQUIRE";

/// npm's program.
const NPM_PROGRAM: &str = "npm";

/// Which checks to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Also format, lints, documentation, licences and GPU builds.
    pub full: bool,
}

/// How one check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Passed,
    /// Not so.
    Failed,
    /// It did not take part; the reason.
    Absent(String),
}

/// All checks.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    checks: Vec<(String, Ending, Duration)>,
}

impl Summary {
    /// How many failed.
    pub fn failed(&self) -> usize {
        self.checks
            .iter()
            .filter(|(_, ending, _)| *ending == Ending::Failed)
            .count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .checks
            .iter()
            .map(|(name, _, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, ending, time) in &self.checks {
            match ending {
                Ending::Passed => {
                    writeln!(f, "{name:width$}  passed  {:>5.0} s", time.as_secs_f64())?
                }
                Ending::Failed => {
                    writeln!(f, "{name:width$}  FAILED  {:>5.0} s", time.as_secs_f64())?
                }
                Ending::Absent(reason) => {
                    writeln!(f, "{name:width$}  did not take part: {reason}")?
                }
            }
        }
        let passed = self
            .checks
            .iter()
            .filter(|(_, ending, _)| *ending == Ending::Passed)
            .count();
        let absent = self.checks.len() - passed - self.failed();
        write!(
            f,
            "{passed} checks passed, {} failed, {absent} did not take part",
            self.failed()
        )
    }
}

/// Runs the checks; those that fail do not stop the others.
///
/// # Errors
/// Where there is no source folder or no cargo.
pub fn verify(tools: &Report, options: Options, console: Console) -> Result<Summary, Failure> {
    let root = repository::root().or_fail(Class::Environment)?;
    let mut run = Run {
        root,
        console,
        summary: Summary::default(),
    };

    run.console.step(Estimate::of(&run.root, options));
    let start = Instant::now();
    let mut required = vec!["tract"];
    let mut tests = run.cargo(["test", "--workspace", "--no-fail-fast"]);
    match tools.path(Tool::OnnxRuntime) {
        Some(library) => {
            tests.env("ORT_DYLIB_PATH", library);
            required.push("onnxruntime");
        }
        None => run.absent("runtime ONNX Runtime", tools.state(Tool::OnnxRuntime)),
    }
    match tools.path(Tool::OnnxChecker) {
        Some(_) => required.push("onnx"),
        None => run.absent("ONNX checker", tools.state(Tool::OnnxChecker)),
    }
    for (tool, name) in [(Tool::Node, "node"), (Tool::Chromium, "chromium")] {
        match tools.path(tool) {
            Some(_) => required.push(name),
            None => run.absent(tool.name(), tools.state(tool)),
        }
    }
    match run.packages() {
        Ok(()) => required.push("npm"),
        Err(reason) => run.push(
            "npm (builds the page's bundle again)",
            Ending::Absent(reason),
        ),
    }
    tests.env(REQUIRED_VARIABLE, required.join(","));
    run.check(&format!("all tests, with {}", required.join(", ")), tests)?;

    if options.full {
        let fmt = run.cargo(["fmt", "--all", "--check"]);
        run.check("format", fmt)?;
        let clippy = run.cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]);
        run.check("lints", clippy)?;
        for board in BOARDS {
            let mut program = run.cargo(["clippy", "-p", "firmware", "--profile", board.profile]);
            program.args(["--bin", board.bin, "--features", board.features]);
            program.args(["--target", board.target, "--target-dir", "target/firmware"]);
            program.args(["--", "-D", "warnings"]);
            // The tests build and link each of them.
            run.check(&format!("lints of the program of {}", board.name), program)?;
        }
        let mut docs = run.cargo(["doc", "--workspace", "--no-deps"]);
        docs.env("RUSTDOCFLAGS", "-D warnings");
        run.check("documentation", docs)?;
        let gpu = run.cargo([
            "build",
            "-p",
            "host",
            "--features",
            "cuda,wgpu",
            "--profile",
            "gpu",
        ]);
        run.check("GPU features cuda and wgpu build", gpu)?;
        run.licences()?;
    }
    Estimate::remember(&run.root, options, start.elapsed());
    Ok(run.summary)
}

/// Minutes of one core that the checks take where nothing is built: measured on two, times two.
const CORE_MINUTES: u64 = 50;

/// The same where everything is built, and only the tests run.
const CORE_MINUTES_BUILT: u64 = 24;

/// How long the checks will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Estimate {
    /// As long as the last time on this machine.
    LastTime(Duration),
    /// By the number of cores, and whether anything is built.
    Cores { cores: u64, built: bool },
}

impl Estimate {
    /// Where the seconds of the last run are kept.
    fn path(root: &Path, options: Options) -> PathBuf {
        root.join("target").join(match options.full {
            true => "verify-full.seconds",
            false => "verify.seconds",
        })
    }

    fn of(root: &Path, options: Options) -> Self {
        let last = std::fs::read_to_string(Self::path(root, options)).ok();
        match last.and_then(|seconds| seconds.trim().parse().ok()) {
            Some(seconds) => Self::LastTime(Duration::from_secs(seconds)),
            None => Self::Cores {
                cores: std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64),
                built: root.join("target/debug/.fingerprint").is_dir()
                    && root.join("target/firmware").is_dir(),
            },
        }
    }

    fn remember(root: &Path, options: Options, took: Duration) {
        // Without it the next estimate is by the number of cores.
        let text = format!("{}\n", took.as_secs());
        let _ = crate::files::write_atomically(&Self::path(root, options), text.as_bytes());
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastTime(time) => {
                let minutes = time.as_secs().div_ceil(60);
                write!(f, "all checks: about {minutes} min, as the last time here")
            }
            Self::Cores { cores, built } => {
                let (work, state) = match built {
                    true => (CORE_MINUTES_BUILT, "most is built"),
                    false => (CORE_MINUTES, "nothing is built yet"),
                };
                let minutes = work.div_ceil(*cores);
                write!(
                    f,
                    "all checks: about {minutes} min on {cores} cores, {state}"
                )
            }
        }
    }
}

/// Installs what a folder's `package-lock.json` names with `npm ci`, unless that was done since it last changed. What may
/// run there are the packages' programs, not their install scripts.
///
/// # Errors
/// In a line, what is missing or what npm said.
pub fn install_packages(folder: &Path, npm: Option<PathBuf>) -> Result<(), String> {
    let changed = |name: &str| {
        folder
            .join(name)
            .metadata()
            .and_then(|data| data.modified())
    };
    // npm writes it last.
    let installed = changed("node_modules/.package-lock.json").ok();
    if installed.is_some() && installed >= changed("package-lock.json").ok() {
        return Ok(());
    }
    let npm = npm.ok_or("npm is not in PATH; run `thumbgen setup`")?;
    let output = Command::new(npm)
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().map(str::trim).find(|line| !line.is_empty());
    Err(format!(
        "`npm ci` failed, which wants a network: {}",
        why.unwrap_or("it said nothing")
    ))
}

struct Run {
    root: PathBuf,
    console: Console,
    summary: Summary,
}

impl Run {
    fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(arguments);
        command
    }

    fn check(&mut self, name: &str, mut command: Command) -> Result<(), Failure> {
        self.console.step(name);
        let start = Instant::now();
        let status = command.status().map_err(|error| {
            let program = command.get_program().display();
            Failure::new(
                Class::Environment,
                format!("cannot start {program}: {error}; install Rust from https://rustup.rs"),
            )
        })?;
        let ending = if status.success() {
            Ending::Passed
        } else {
            Ending::Failed
        };
        self.summary
            .checks
            .push((name.to_owned(), ending, start.elapsed()));
        Ok(())
    }

    /// Installs the packages that tests of the page want, which takes npm and a network. Gives the reason where that is not
    /// to be had: a machine without a network tests the rest.
    fn packages(&self) -> Result<(), String> {
        self.console.step("packages of the page, by npm");
        install_packages(&self.root.join("host/pico"), programs::find(NPM_PROGRAM))
    }

    fn push(&mut self, name: &str, ending: Ending) {
        self.summary
            .checks
            .push((name.to_owned(), ending, Duration::ZERO));
    }

    fn absent(&mut self, name: &str, state: Option<&ToolState>) {
        let reason = match state {
            Some(ToolState::Missing { reason } | ToolState::OptionalMissing { reason }) => {
                reason.clone()
            }
            Some(ToolState::Found { .. }) | None => "not looked for".to_owned(),
        };
        self.push(name, Ending::Absent(reason));
    }

    fn licences(&mut self) -> Result<(), Failure> {
        let Some(program) = programs::find("cargo-deny") else {
            let reason = "cargo-deny is not here; `cargo install --locked cargo-deny`".to_owned();
            self.push("licences", Ending::Absent(reason));
            return Ok(());
        };
        let mut deny = Command::new(program);
        deny.current_dir(&self.root)
            .args(["check", "licenses", "bans", "sources"]);
        self.check("licences", deny)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_and_their_absence_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("package-lock.json"), "{}").unwrap();
        let npm = |body: &str| {
            crate::programs::fake(&path("npm"), body);
            install_packages(folder.path(), Some(path("npm")))
        };
        let reason = install_packages(folder.path(), None).unwrap_err();
        assert!(reason.contains("setup"), "{reason}");
        let reason = npm("echo on its way; echo >&2; echo npm error code EAI_AGAIN >&2; exit 1")
            .unwrap_err();
        assert!(
            reason.contains("network: npm error code EAI_AGAIN"),
            "{reason}"
        );
        let install = "mkdir -p node_modules; echo > node_modules/.package-lock.json";
        assert_eq!(npm(&format!("[ \"$1\" = ci ] && {install}")), Ok(()));
        // Nothing runs again, and nothing needs to be there.
        assert_eq!(npm("exit 1"), Ok(()));
        assert_eq!(install_packages(folder.path(), None), Ok(()));
    }

    #[test]
    fn the_time_is_estimated_by_the_last_run_or_by_the_cores() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let options = Options::default();
        let first = Estimate::of(root, options);
        assert!(matches!(first, Estimate::Cores { built: false, .. }));
        let two = Estimate::Cores {
            cores: 2,
            built: false,
        };
        assert!(two.to_string().contains("25 min on 2 cores"), "{two}");
        std::fs::create_dir(root.join("target")).unwrap();
        Estimate::remember(root, options, Duration::from_secs(601));
        let again = Estimate::of(root, options);
        assert!(
            again.to_string().contains("about 11 min, as the last time"),
            "{again}"
        );
        // The full checks are others.
        let full = Estimate::of(root, Options { full: true });
        assert!(matches!(full, Estimate::Cores { .. }));
    }

    #[test]
    fn what_did_not_take_part_is_said() {
        let mut summary = Summary::default();
        let absent = Ending::Absent("no network".to_owned());
        summary
            .checks
            .push(("npm".to_owned(), absent, Duration::ZERO));
        let text = summary.to_string();
        assert!(
            text.contains("npm  did not take part: no network"),
            "{text}"
        );
        assert!(
            text.ends_with("0 checks passed, 0 failed, 1 did not take part"),
            "{text}"
        );
        assert_eq!(summary.failed(), 0);
    }
}
