//! The command: exit codes, one-line errors that say what to do, and files that are whole or not
//! there.

use std::path::Path;
use std::process::Output;
use tests::{complaint, files, thumbgen};

fn run(arguments: &[&str], folder: &Path) -> Output {
    thumbgen()
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a command that must fail with this exit code and one line that contains all of `parts`.
fn fails(arguments: &[&str], folder: &Path, code: i32, parts: &[&str]) {
    let output = run(arguments, folder);
    let text = complaint(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: one line, found: {text}");
    assert_eq!(
        text.lines().last(),
        errors.first().copied(),
        "{arguments:?}: nothing follows the error: {text}"
    );
    for part in parts {
        assert!(
            errors[0].contains(part),
            "{arguments:?}: expected “{part}” in “{}”",
            errors[0]
        );
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn text_of(path: &Path) -> &str {
    path.to_str()
        .unwrap_or_else(|| panic!("{} is not UTF-8", path.display()))
}

#[test]
fn bad_input_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let file = |name: &str, bytes: &[u8]| {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let quiet = ["--quiet"];
    let train =
        |arguments: &[&'static str]| [&quiet[..], &["train", "--steps", "1"], arguments].concat();

    // Missing files.
    fails(&train(&["no-such.toml"]), at, 3, &["no-such.toml"]);
    fails(
        &train(&["--data", "no-such-folder"]),
        at,
        3,
        &["no-such-folder"],
    );
    fails(&["export", "no-such.onnx"], at, 3, &["no-such.onnx"]);
    fails(&["inspect", "no-such.tgm"], at, 3, &["no-such.tgm"]);
    fails(
        &["sample", "--model", "no-such-model"],
        at,
        3,
        &["no-such-model", "cgan"],
    );

    // Truncated IDX and a wrong magic.
    let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
    file(
        "cut/train-images-idx3-ubyte",
        &[&header[..], &[0; 100]].concat(),
    );
    file(
        "cut/train-labels-idx1-ubyte",
        &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1],
    );
    fails(
        &train(&["--data", "cut"]),
        at,
        3,
        &["train-images-idx3-ubyte"],
    );
    file("magic/train-images-idx3-ubyte", &[9; 2000]);
    file(
        "magic/train-labels-idx1-ubyte",
        &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1],
    );
    fails(
        &train(&["--data", "magic"]),
        at,
        3,
        &["train-images-idx3-ubyte", "magic"],
    );

    // A key that no config has, a value of the wrong type.
    let config = file("unknown.toml", b"[train]\nsteps = 1\nstep_size = 3\n");
    fails(&["train", text_of(&config)], at, 3, &["step_size"]);
    fails(
        &train(&["--set", "train.learning_rate=1"]),
        at,
        3,
        &["learning_rate"],
    );
    fails(&train(&["--set", "train.batch=many"]), at, 3, &["batch"]);

    // ONNX that is none, and ONNX with a NaN.
    let junk = file("junk.onnx", &[0xFF; 1000]);
    fails(&["export", text_of(&junk)], at, 3, &["junk.onnx"]);
    let mut generator = std::fs::read(files("gan").file("generator.onnx").unwrap()).unwrap();
    let middle = generator.len() / 2 / 4 * 4;
    // Four bytes of NaN at each alignment, so that one weight is it wherever the tensor starts.
    generator[middle..middle + 7].copy_from_slice(&[0xFF; 7]);
    let nan = file("nan.onnx", &generator);
    fails(&["export", text_of(&nan)], at, 3, &["nan.onnx"]);

    // A classifier that is not there, and one that is none.
    fails(
        &["evaluate", "real", "--classifier", "no-such.onnx"],
        at,
        3,
        &["no-such.onnx", "thumbgen train classifier"],
    );
    fails(
        &["evaluate", "real", "--classifier", text_of(&junk)],
        at,
        3,
        &["junk.onnx"],
    );
    fails(
        &[
            "evaluate",
            "real",
            "--classifier",
            text_of(&files("gan").file("generator.onnx").unwrap()),
        ],
        at,
        3,
        &["generator.onnx", "expected"],
    );

    // An image that was cut.
    let image = std::fs::read(files("gan").image()).unwrap();
    let cut = file("cut.tgm", &image[..1000]);
    fails(&["inspect", text_of(&cut)], at, 3, &["cut.tgm", "cut"]);
    fails(&["sample", "--model", text_of(&cut)], at, 3, &["cut.tgm"]);

    // A folder that cannot be written: there is a file in its place.
    file("occupied", b"");
    fails(&train(&["--out", "occupied/run"]), at, 3, &["occupied"]);
    fails(
        &["--quiet", "sample", "--out", "occupied/x.png"],
        at,
        3,
        &["occupied"],
    );

    // What the model or the board cannot do.
    fails(&["sample", "--digit", "11"], at, 3, &["11"]);
    fails(&["sample", "--text", "20x6"], at, 3, &["20x6"]);
    fails(
        &["sample", "--model", "gan", "--digit", "1"],
        at,
        3,
        &["label"],
    );
    fails(
        &["emulate", "--board", "no-such-board"],
        at,
        3,
        &["no-such-board", "lm3s6965evb"],
    );
    fails(&train(&["--device", "cuda"]), at, 4, &["cuda"]);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["no-such-command"][..],
        &["sample", "--grid", "0x0"],
        &["emulate", "--press", "jump"],
        &["evaluate", "real", "-n", "3"],
        &["evaluate"],
    ] {
        let output = run(arguments, folder.path());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            complaint(&output)
        );
    }
}

#[test]
fn without_qemu_one_line_says_what_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    // cargo and rustc are found by their absolute path; everything else is hidden.
    let output = thumbgen()
        .args(["--quiet", "emulate", "--no-window"])
        .env("PATH", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = complaint(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(
        text.contains("setup") && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn sample_draws_the_same_bytes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |arguments: &[&str], out: &str| {
        let output = run(
            &[&["--quiet", "sample", "--out", out], arguments].concat(),
            folder.path(),
        );
        assert!(output.status.success(), "{}", complaint(&output));
        std::fs::read(folder.path().join(out)).unwrap()
    };
    let one = draw(&["--text", "2026", "--scale", "1"], "one.png");
    assert_eq!(one, draw(&["--text", "2026", "--scale", "1"], "two.png"));
    assert_ne!(
        one,
        draw(
            &["--text", "2026", "--scale", "1", "--seed", "2"],
            "three.png"
        )
    );
    let float = draw(&["--text", "2026", "--scale", "1", "--float"], "four.png");
    assert_ne!(one, float, "the float generator is another arithmetic");
    assert!(float.starts_with(b"\x89PNG"));
    let entries = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(entries, 4, "no temporary file stays");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(&["--help"], folder.path());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
    for command in [
        "setup", "demo", "verify", "train", "export", "sample", "evaluate", "inspect", "emulate",
    ] {
        let help = run(&[command, "--help"], folder.path());
        assert!(
            String::from_utf8_lossy(&help.stdout).contains("Examples:"),
            "{command}"
        );
    }
}

/// A network that trains in seconds.
const SMALL: [&str; 6] = [
    "--set",
    "model.generator=[32,32]",
    "--set",
    "model.discriminator=[32]",
    "--set",
    "train.batch=32",
];

/// Trains, exports, and draws: through the command alone.
#[test]
fn train_export_and_sample() {
    let folder = tempfile::tempdir().unwrap();
    let train = |out: &str, steps: &str, rest: &[&str]| {
        let arguments = [
            &["--quiet", "train", "--out", out, "--steps", steps],
            &SMALL[..],
            rest,
        ]
        .concat();
        let output = run(&arguments, folder.path());
        assert!(output.status.success(), "{}", complaint(&output));
    };
    train("whole", "60", &["--export"]);
    let model = folder.path().join("whole/model");
    for file in [
        "generator.onnx",
        "generator.int8.onnx",
        "generator.uint8.onnx",
        "model.tgm",
        "golden.json",
        "config.toml",
        "metrics.json",
        "README.md",
        "samples.png",
    ] {
        assert!(model.join(file).is_file(), "{file}");
    }
    let sample = run(
        &[
            "--quiet", "sample", "--model", "whole", "--digit", "3", "--out", "3.png",
        ],
        folder.path(),
    );
    assert!(sample.status.success(), "{}", complaint(&sample));
    let inspect = run(&["inspect", "whole/model/model.tgm"], folder.path());
    let text = String::from_utf8_lossy(&inspect.stdout).into_owned();
    assert!(inspect.status.success() && text.contains("arena"), "{text}");

    assert_eq!(complaint(&inspect), "");
}

/// A run that was killed, resumed, interrupted and resumed again gives the weights of one that was
/// not.
#[cfg(unix)]
#[test]
fn killed_and_interrupted_runs_resume_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let start = |out: &str, resume: bool| {
        let mut command = thumbgen();
        command
            .current_dir(folder.path())
            .arg("--quiet")
            .arg("train");
        match resume {
            true => command.args(["--resume", out]),
            false => command.args(["--out", out, "--steps", "800"]).args(SMALL),
        };
        command.args(["--set", "report.checkpoint_every=100"]);
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let finished = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code(), complaint(&output))
    };
    // Sends a signal as soon as there is another checkpoint.
    let stop = |out: &str, resume: bool, signal: &str| {
        let checkpoint = folder.path().join(out).join("checkpoint.safetensors");
        let written = || {
            std::fs::metadata(&checkpoint)
                .and_then(|data| data.modified())
                .ok()
        };
        let before = written();
        let mut child = start(out, resume);
        while written() == before {
            assert_eq!(
                child.try_wait().unwrap(),
                None,
                "{out} ended before its first checkpoint"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let sent = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        finished(child)
    };

    assert_eq!(finished(start("whole", false)), (Some(0), String::new()));
    assert_eq!(
        stop("stopped", false, "-KILL").0,
        None,
        "killed by a signal"
    );
    let (code, text) = stop("stopped", true, "-INT");
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("--resume stopped"), "{text}");
    assert_eq!(finished(start("stopped", true)), (Some(0), String::new()));

    let generator =
        |run: &str| std::fs::read(folder.path().join(run).join("generator.onnx")).unwrap();
    assert!(
        generator("whole") == generator("stopped"),
        "a resumed run differs from one that was not stopped"
    );
}

/// A model that cannot fit is refused with the sizes that would.
#[test]
fn what_cannot_fit_is_refused_with_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let generator = files("cgan").file("generator.onnx").unwrap();
    fails(
        &[
            "--quiet",
            "export",
            text_of(&generator),
            "--flash-budget",
            "100000",
            "--out",
            "out",
        ],
        folder.path(),
        6,
        &["100000", "4"],
    );
    assert!(!folder.path().join("out/model.tgm").exists());
}
