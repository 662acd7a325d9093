//! What set-up decides, on machines that are not there. No test installs anything.

use super::fake::Fake;
use super::*;

const RUSTC: &str = "rustc --print target-libdir --target";
const QEMU: &str = "qemu-system-arm --version";

/// A folder that looks like the standard library of the target.
fn library() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
    folder
}

fn with_target(fake: Fake, library: &tempfile::TempDir) -> Fake {
    let path = library.path().to_str().unwrap();
    let fake = fake.answering("rustc --version", "rustc 1.95.0\n");
    rust_targets().iter().fold(fake, |fake, target| {
        fake.answering(&format!("{RUSTC} {target}"), path)
    })
}

/// Runs an installation and returns what was written.
fn install(fake: &Fake, yes: bool) -> (Result<Report, SetupError>, String) {
    let workspace = tempfile::tempdir().unwrap();
    let mut output = Vec::new();
    let result = Setup::new(fake, workspace.path()).install(yes, &mut output);
    (result, String::from_utf8(output).unwrap())
}

/// rustup installs those by itself where it reads the file.
#[test]
fn the_targets_are_those_of_the_toolchain_file() {
    let root = crate::system::repository::root().unwrap();
    let file = std::fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let file: toml::Value = toml::from_str(&file).unwrap();
    let listed = file["toolchain"]["targets"].as_array().unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|target| target.as_str().unwrap())
        .collect();
    assert_eq!(rust_targets(), listed);
}

#[test]
fn where_everything_needed_is_there_nothing_runs() {
    let library = library();
    let fake =
        with_target(Fake::linux(), &library).answering(QEMU, "QEMU emulator version 7.2\nmore");
    let (result, output) = install(&fake, true);
    let report = result.unwrap();
    assert!(report.is_sufficient());
    assert_eq!(report.path(Tool::RustTarget).unwrap(), library.path());
    assert!(
        matches!(report.state(Tool::Qemu), Some(ToolState::Found { version, .. }) if version.ends_with("7.2"))
    );
    assert!(fake.ran.borrow().is_empty() && output.is_empty());
    let text = report.to_string();
    assert_eq!(text.lines().count(), 6);
    assert!(text.contains("optional: there is no Python"), "{text}");
}

#[test]
fn every_command_is_said_before_it_runs() {
    let library = library();
    let fake = with_target(
        Fake::linux().with_programs(&["apt-get"]).with_root(),
        &library,
    )
    .installing("qemu-system-arm", QEMU, "QEMU 8");
    let (result, output) = install(&fake, false);
    assert!(result.unwrap().is_sufficient());
    let ran = fake.ran.borrow();
    // QEMU's, and those of what is optional.
    assert_eq!(ran.len(), 4);
    for command in ran.iter() {
        assert!(output.contains(&format!("$ {command}\n")), "{output}");
    }
    // Nobody is there to be asked.
    assert_eq!(fake.asked.get(), 0);
}

#[test]
fn a_no_installs_nothing_and_says_what_to_run() {
    let library = library();
    let fake =
        with_target(Fake::linux().with_programs(&["dnf"]).with_root(), &library).interactive(false);
    let error = install(&fake, false).0.unwrap_err().to_string();
    assert!(error.contains("dnf install -y qemu-system-arm"), "{error}");
    assert_eq!((fake.asked.get(), fake.ran.borrow().len()), (1, 0));
}

#[test]
fn yes_asks_nothing() {
    let library = library();
    let fake = with_target(Fake::linux().with_programs(&["dnf"]).with_root(), &library)
        .interactive(false)
        .installing("dnf", QEMU, "QEMU 8");
    install(&fake, true).0.unwrap();
    assert_eq!(fake.asked.get(), 0);
}

#[test]
fn a_failed_update_does_not_stop_an_installation_that_works() {
    let library = library();
    let fake = with_target(
        Fake::linux().with_programs(&["apt-get"]).with_root(),
        &library,
    )
    .failing("update")
    .installing("install", QEMU, "QEMU 8");
    assert!(install(&fake, true).0.unwrap().is_sufficient());
}

#[test]
fn a_failed_installation_gives_the_command_to_run_by_hand() {
    let library = library();
    let fake =
        with_target(Fake::linux().with_programs(&["apt-get", "sudo"]), &library).failing("install");
    let error = install(&fake, true).0.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SetupError::CommandFailed { .. }), "{text}");
    assert!(
        text.contains("sudo -n apt-get install") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn an_installation_that_brings_nothing_is_an_error() {
    let library = library();
    let fake = with_target(Fake::linux().with_programs(&["dnf"]).with_root(), &library);
    assert!(matches!(
        install(&fake, true).0,
        Err(SetupError::StillMissing { .. })
    ));
}

#[test]
fn the_target_comes_from_rustup() {
    let library = library();
    let path = library.path().to_str().unwrap();
    let empty = tempfile::tempdir().unwrap();
    // All but one are there.
    let missing = format!("{RUSTC} thumbv6m-none-eabi");
    let fake = with_target(Fake::linux().with_programs(&["rustup"]), &library)
        .answering(QEMU, "QEMU 8")
        .answering(&missing, empty.path().to_str().unwrap())
        .installing("rustup", &missing, path);
    assert!(install(&fake, true).0.unwrap().is_sufficient());
    assert_eq!(
        *fake.ran.borrow(),
        [
            "rustup target add thumbv6m-none-eabi thumbv7em-none-eabihf thumbv7m-none-eabi thumbv8m.main-none-eabihf"
        ]
    );
    let without = Fake::linux().answering(QEMU, "QEMU 8");
    assert!(matches!(
        install(&without, true).0,
        Err(SetupError::NoRustup)
    ));
}

#[test]
fn a_failing_pip_is_reported_and_is_no_error() {
    let library = library();
    let fake = with_target(Fake::linux().with_programs(&["python3"]), &library)
        .answering(QEMU, "QEMU 8")
        .answering("python3 -m pip --version", "pip 23")
        .failing("pip");
    let report = install(&fake, true).0.unwrap();
    assert!(report.is_sufficient());
    for tool in [Tool::OnnxRuntime, Tool::OnnxChecker] {
        match report.state(tool) {
            Some(ToolState::OptionalMissing { reason }) => {
                assert!(reason.contains("python3 -m pip install"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    // One command brings both.
    assert_eq!(fake.ran.borrow().len(), 1);
}

#[test]
fn only_what_is_optional_may_be_declined() {
    let library = library();
    let fake = with_target(Fake::linux().with_programs(&["python3"]), &library)
        .answering(QEMU, "QEMU 8")
        .answering("python3 -m pip --version", "pip 23")
        .interactive(false);
    assert!(install(&fake, false).0.unwrap().is_sufficient());
    assert_eq!((fake.asked.get(), fake.ran.borrow().len()), (1, 0));
}

#[test]
fn an_old_node_is_not_enough() {
    for (version, found) in [
        ("v20.20.2\n", true),
        ("v18.0.0", true),
        ("v16.1.0", false),
        ("?", false),
    ] {
        let fake = Fake::linux().answering("node --version", version);
        let report = Setup::new(&fake, Path::new("/")).check();
        let state = report.state(Tool::Node).unwrap();
        assert_eq!(
            matches!(state, ToolState::Found { .. }),
            found,
            "{version}: {state:?}"
        );
    }
}
