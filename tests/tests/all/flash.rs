//! The commands `firmware` and `flash`: what they write is what the emulated Pico runs, and what
//! stops them is said before anything is built.

use host::emulator::pico::{Pico, PicoOptions};
use host::emulator::session;
use host::firmware_build::board::Board;
use host::firmware_build::uf2::{self, Family};
use host::firmware_build::{Segment, flash_contents};
use host::link::{Client, open};
use shared::protocol::{Hello, Source};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tests::pico::{build, has_node};
use tests::{complaint, files, model, resealed, thumbgen};

/// The command in a PATH without probe-rs, unless the folder of one is given.
fn command(path: Option<&Path>) -> Command {
    let own = std::env::var_os("PATH").unwrap();
    let folders = std::env::split_paths(&own).filter(|folder| !folder.join("probe-rs").exists());
    let folders = path.map(Path::to_owned).into_iter().chain(folders);
    let mut command = thumbgen();
    command.arg("-q");
    command.env("PATH", std::env::join_paths(folders).unwrap());
    command
}

fn succeeds(arguments: &[&str]) {
    let output = command(None).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
}

/// A command that fails with this exit code and one line that says all of `parts`, before anything
/// is built.
fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let output = command(None)
        .args(arguments)
        .env("CARGO", "/no/such/cargo")
        .output()
        .unwrap();
    let text = complaint(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: no “{part}” in {text}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder that looks like the drive of a board in its boot ROM.
fn drive(model: &str, id: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let info = format!("UF2 Bootloader v3.0\r\nModel: {model}\r\nBoard-ID: {id}\r\n");
    std::fs::write(folder.path().join("INFO_UF2.TXT"), info).unwrap();
    folder
}

fn pico_drive() -> TempDir {
    drive("Raspberry Pi RP2", "RPI-RP2")
}

/// The one file that a drive was given.
fn given(drive: &TempDir) -> Vec<u8> {
    let entries = std::fs::read_dir(drive)
        .unwrap()
        .map(|entry| entry.unwrap());
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("INFO_UF2.TXT"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::read(files.remove(0)).unwrap()
}

fn is_empty(drive: &TempDir) -> bool {
    std::fs::read_dir(drive).unwrap().count() == 1
}

/// Boots a UF2 file, and says who is there.
fn hello(uf2: &Path) -> Hello<String> {
    let mut pico = Pico::start(&PicoOptions::new(uf2)).unwrap();
    session::boot(&mut pico).unwrap();
    session::pass_self_test(&mut pico).unwrap();
    let port = open(&format!("tcp:127.0.0.1:{}", pico.port())).unwrap();
    let hello = Client::new(port).hello().unwrap();
    assert_eq!(hello.board, "pico");
    hello
}

fn crc(name: &str) -> u32 {
    model(name).image().unwrap().crc()
}

/// What a board's flash holds after one UF2 file and then another.
fn one_after_another(first: &[u8], second: &[u8], family: Family) -> Vec<u8> {
    let mut segments = uf2::read(first, family).unwrap();
    segments.extend(uf2::read(second, family).unwrap());
    uf2::write(&segments, family)
}

#[test]
fn a_firmware_is_the_same_as_a_file_and_on_a_drive_and_boots() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.uf2");
    succeeds(&["firmware", "--board", "pico", "-o", text(&file)]);
    let pico = pico_drive();
    succeeds(&["flash", "--board", "pico", "--drive", text(pico.path())]);
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes == given(&pico), "the two files differ");

    // The program, and a slot without records.
    let board = Board::find("pico").unwrap();
    let elf = build("pico", files("cgan").image()).elf;
    let contents = flash_contents(&board, &std::fs::read(elf).unwrap()).unwrap();
    let read = uf2::read(&bytes, Family::RP2040).unwrap();
    let held = |wanted: &Segment| {
        read.iter().any(|segment| {
            let at = wanted.address.checked_sub(segment.address);
            let bytes = at.and_then(|at| segment.bytes.get(at as usize..));
            bytes.is_some_and(|bytes| bytes.starts_with(&wanted.bytes))
        })
    };
    assert!(
        contents.iter().all(held),
        "something of the program is missing"
    );
    assert_eq!(read[read.len() - 2..], board.slot.unwrap().emptied());

    // A model alone, on top of it.
    let alone = pico_drive();
    let model_only = ["flash", "--board", "pico", "--model-only", "--model", "gan"];
    succeeds(&[&model_only[..], &["--drive", text(alone.path())]].concat());
    assert!(given(&alone).len() < bytes.len());

    if !has_node() {
        return;
    }
    let found = hello(&file);
    assert_eq!((&*found.model, found.source), ("cgan", Source::BuiltIn));
    assert_eq!(found.image_crc, crc("cgan"));
    let both = folder.path().join("both.uf2");
    let flashed = one_after_another(&bytes, &given(&alone), Family::RP2040);
    std::fs::write(&both, &flashed).unwrap();
    let found = hello(&both);
    assert_eq!((&*found.model, found.source), ("gan", Source::Bank(0)));
    assert_eq!(found.image_crc, crc("gan"));
    // The firmware once more: the slot is empty again.
    let flashed = one_after_another(&flashed, &bytes, Family::RP2040);
    std::fs::write(&both, flashed).unwrap();
    assert_eq!(hello(&both).source, Source::BuiltIn);
}

#[test]
fn a_model_goes_over_the_serial_line_to_the_board_that_was_named() {
    if !has_node() {
        return;
    }
    let pico = build("pico", files("cgan").image()).boot();
    let port = format!("tcp:127.0.0.1:{}", pico.port());
    let model_only = ["flash", "--model-only", "--model", "gan", "--port", &port];
    let named = |board| [&model_only[..], &["--board", board]].concat();
    let ask = || Client::new(open(&port).unwrap()).hello().unwrap();
    for board in ["pico2", "pico-ssd1306"] {
        fails(&named(board), 3, &[&port, "pico", board, "--board"]);
    }
    assert_eq!(ask().source, Source::BuiltIn);
    succeeds(&named("pico"));
    let found = ask();
    assert_eq!((&*found.model, found.image_crc), ("gan", crc("gan")));
    assert_ne!(found.source, Source::BuiltIn);
    // It is there; nothing is written again.
    let output = thumbgen().args(model_only).output().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    assert!(
        complaint(&output).contains("already"),
        "{}",
        complaint(&output)
    );
    assert_eq!(ask().source, found.source);
}

#[test]
fn what_stops_flashing_is_said_before_a_build_and_with_what_to_do() {
    let (folder, pico2) = (
        tempfile::tempdir().unwrap(),
        drive("Raspberry Pi RP2350", "RP2350"),
    );
    let pico = pico_drive();
    let by = |board, drive: &TempDir, code, parts: &[&str]| {
        let drive = text(drive.path());
        for more in [&[][..], &["--model-only"]] {
            let words = [&["flash", "--board", board, "--drive", drive], more].concat();
            fails(&words, code, parts);
        }
    };
    by("pico", &folder, 4, &["INFO_UF2.TXT", "RPI-RP2", "BOOTSEL"]);
    by("pico", &pico2, 4, &["RPI-RP2", "BOOTSEL"]);
    by("pico2", &pico, 4, &["RP2350", "BOOTSEL"]);
    by(
        "nrf52840dk",
        &pico,
        4,
        &["leave --drive out", "debug probe"],
    );
    by("lm3s6965evb", &pico, 4, &["only QEMU", "emulate --board"]);
    by("toaster", &pico, 3, &["toaster", "pico-ssd1306"]);
    assert!(is_empty(&pico) && is_empty(&pico2));
    // No drive, no probe: a machine with a board on it would flash that.
    if host::flash::find(
        Board::find("pico").unwrap().build,
        None,
        &host::flash::drive::places(),
    )
    .is_err()
    {
        fails(&["flash", "--board", "pico"], 4, &["BOOTSEL", "--drive"]);
    }
    fails(&["flash", "--board", "nrf52840dk"], 4, &["probe-rs"]);
    fails(
        &["flash", "--model-only", "--port", "tcp:127.0.0.1:1"],
        4,
        &["cannot open"],
    );
    let out = folder.path().join("x.uf2");
    let firmware = ["firmware", "--board", "nrf52840dk", "-o", text(&out)];
    fails(&firmware, 3, &["UF2", ".hex"]);
    let firmware = ["firmware", "--board", "pico", "-o", text(folder.path())];
    fails(&firmware, 3, &[".uf2", ".elf", ".hex", ".bin"]);
    assert!(!out.exists());
}

#[test]
fn a_model_that_the_board_would_not_run_is_neither_built_in_nor_flashed() {
    let folder = tempfile::tempdir().unwrap();
    let pico = pico_drive();
    let file = folder.path().join("x.uf2");
    let image = folder.path().join("x.tgm");
    let refused = |bytes: &[u8], code, parts: &[&str]| {
        std::fs::write(&image, bytes).unwrap();
        let (image, drive) = (text(&image), text(pico.path()));
        let flash = [
            "flash", "--board", "pico", "--model", image, "--drive", drive,
        ];
        fails(&flash, code, parts);
        fails(&[&flash[..], &["--model-only"]].concat(), code, parts);
        let firmware = [
            "firmware",
            "--board",
            "pico",
            "--model",
            image,
            "-o",
            text(&file),
        ];
        fails(&firmware, code, parts);
        assert!(is_empty(&pico) && !file.exists());
    };
    refused(b"no image", 3, &["x.tgm"]);
    let good = model("cgan").bytes().to_vec();
    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    refused(&damaged, 3, &["x.tgm"]);
    // Its checksum is right: only its self-test tells.
    refused(
        &resealed(damaged),
        5,
        &["cgan", "self-test", "export it again"],
    );
    let untested = {
        use firmware::oracle::model::Model;
        Model::random(5, 12).image(&[]).unwrap()
    };
    refused(&untested, 3, &["golden", "export it again"]);
}

/// Fake probe-rs: sees a probe, and keeps what it is given.
#[cfg(unix)]
fn probe(folder: &Path) {
    let script = format!(
        "cd '{}'\necho \"$@\" >> calls\nfor last; do :; done\ncase \"$1\" in\n\
         list) echo 'The following debug probes were found:'; echo '[0]: J-Link';;\n\
         download) cp \"$last\" given.hex;;\nesac\n",
        folder.display()
    );
    std::fs::write(folder.join("probe-rs.sh"), script).unwrap();
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/program");
    std::os::unix::fs::symlink(stub, folder.join("probe-rs")).unwrap();
}

#[cfg(unix)]
#[test]
fn a_probe_is_given_the_program_and_an_empty_slot_or_a_model_alone() {
    let folder = tempfile::tempdir().unwrap();
    probe(folder.path());
    let flash = |more: &[&str]| {
        let _ = std::fs::remove_file(folder.path().join("calls"));
        let words = [&["flash", "--board", "nrf52840dk"], more].concat();
        let output = command(Some(folder.path())).args(words).output().unwrap();
        assert!(output.status.success(), "{}", complaint(&output));
        let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
        let calls: Vec<&str> = calls.lines().collect();
        let [list, download, reset] = calls[..] else {
            panic!("{calls:?}")
        };
        assert_eq!((list, reset), ("list", "reset --chip nRF52840_xxAA"));
        let expected = "download --verify --binary-format hex --chip nRF52840_xxAA ";
        assert!(download.starts_with(expected), "{download}");
        std::fs::read_to_string(folder.path().join("given.hex")).unwrap()
    };
    let board = Board::find("nrf52840dk").unwrap();
    let slot = board.slot.unwrap();
    let hex = host::firmware_build::hex::write;

    let gan = model("gan");
    let expected = slot.with(&gan.image().unwrap(), gan.bytes()).unwrap();
    let given = flash(&["--model-only", "--model", "gan"]);
    assert!(given == hex(&expected), "not the model and its record");

    let given = flash(&[]);
    let elf = tests::firmware(&board, files("cgan").image()).elf;
    let elf = std::fs::read(elf).unwrap();
    let expected = hex(&flash_contents(&board, &elf).unwrap());
    assert!(given == expected, "not the program and an empty slot");
    let emptied = hex(&slot.emptied());
    let record = emptied.lines().nth(1).unwrap();
    assert!(given.contains(record), "no erased record");
    // The same as a file.
    let file = folder.path().join("x.hex");
    succeeds(&["firmware", "--board", "nrf52840dk", "-o", text(&file)]);
    assert!(std::fs::read_to_string(file).unwrap() == given);
}
