//! Every check of the project, one after the other, and a table of how they ended.

mod estimate;
pub mod packages;
mod summary;

use crate::firmware_build::BOARDS;
use crate::setup::{Report, Tool, ToolState};
use crate::system::console::Console;
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::programs;
use crate::system::repository;
use estimate::Estimate;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use summary::Ending;

pub use summary::Summary;

/// Names the runtimes that the tests have to find, so that none is left out in silence: separated
/// by commas.
pub const REQUIRED_VARIABLE: &str = "THUMBGEN_REQUIRE";

/// npm's program.
const NPM_PROGRAM: &str = "npm";

/// Which checks to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Also format, lints (with the GPU features, too), documentation and licences.
    pub full: bool,
}

/// Runs the checks; those that fail do not stop the others.
///
/// # Errors
/// Where there is no source folder or no cargo.
pub fn verify(
    tools: &Report,
    options: VerifyOptions,
    console: Console,
) -> Result<Summary, Failure> {
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
    // Some tests wait for another one's build of a firmware: one more than there are cores keeps all of them at work.
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", (cores + 1).to_string());
    }
    run.check(&format!("all tests, with {}", required.join(", ")), tests)?;

    if options.full {
        let fmt = run.cargo(["fmt", "--all", "--check"]);
        run.check("format", fmt)?;
        let mut clippy = run.cargo(["clippy", "--workspace", "--all-targets"]);
        clippy.args(["--", "-D", "warnings"]);
        run.check("lints", clippy)?;
        // Everything is compiled up to machine code, which takes four times as long and finds no
        // more.
        let mut gpu = run.cargo(["clippy", "-p", "host", "--features", "cuda,wgpu"]);
        gpu.args(["--", "-D", "warnings"]);
        run.check("lints with the GPU features cuda and wgpu", gpu)?;
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
        run.licences()?;
    }
    Estimate::remember(&run.root, options, start.elapsed());
    Ok(run.summary)
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

    /// Installs the packages that tests of the page want, which takes npm and a network. Gives the
    /// reason where that is not to be had: a machine without a network tests the rest.
    fn packages(&self) -> Result<(), String> {
        self.console.step("packages of the page, by npm");
        packages::install_packages(&self.root.join("host/pico"), programs::find(NPM_PROGRAM))
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
