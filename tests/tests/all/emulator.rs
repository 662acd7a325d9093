//! The firmware on the emulated board, against what the host computes and draws.

use firmware::app::View;
use host::emulator::session::{self, SessionError};
use host::emulator::{Button, Qemu};
use host::firmware_build::board::Board;
use host::models::preview::Model;
use shared::checksum;
use shared::image::Image;
use shared::latent::{Latent, Point, WALK_STEPS};
use std::time::Duration;
use tests::{MODELS, boot, boot_on, files, model, oracle, switch_on};

/// Compares the panel with the host's rendering of what the firmware says it shows.
fn equal_screen(qemu: &mut Qemu, model: &Model) -> View {
    let (view, panel, expected) =
        session::compare(qemu, model).unwrap_or_else(|error| panic!("{error}"));
    if let Some((x, y, found, expected)) = panel.first_difference(&expected) {
        panic!("{view}: pixel {x},{y} is {found}, expected {expected:?}");
    }
    // A picture all of one level would be equal by accident.
    let levels: std::collections::BTreeSet<u8> = panel.levels().iter().copied().collect();
    assert!(levels.len() >= 8, "{view}: only {levels:?}");
    view
}

fn ask(qemu: &mut Qemu, line: &str) -> String {
    session::ask(qemu, line).unwrap_or_else(|error| panic!("{error}"))
}

fn press(qemu: &mut Qemu, button: Button) -> View {
    session::press(qemu, button).unwrap_or_else(|error| panic!("{error}"))
}

/// Every golden vector of the model folder, replayed on the emulated core: the input and every
/// layer.
fn golden(name: &str) {
    let model = model(name);
    let json = std::fs::read(files(name).file("golden.json").unwrap()).unwrap();
    let goldens = host::pack::golden::GoldenFile::from_json(&json).unwrap();
    assert_eq!(goldens.vectors.len(), 64);
    let mut qemu = boot(name);
    for vector in &goldens.vectors {
        let label = vector
            .label
            .map_or("-".to_owned(), |label| label.to_string());
        let answer = ask(&mut qemu, &format!("golden {} {label}", vector.seed));
        let found: Vec<&str> = answer.split(' ').skip(3).collect();
        let expected: Vec<String> = vector
            .checksums()
            .iter()
            .map(|crc| format!("{crc:08x}"))
            .collect();
        assert_eq!(
            found, expected,
            "seed {}, label {label}: the input, then each layer",
            vector.seed
        );
        let latent = Latent::At(Point {
            seed: vector.seed,
            label: vector.label,
        });
        assert_eq!(
            model.checksums(latent).unwrap(),
            vector.checksums(),
            "host, seed {}",
            vector.seed
        );
    }
}

#[test]
fn golden_vectors_of_every_model() {
    for name in MODELS {
        golden(name);
    }
}

/// The board without a panel draws the same pictures into its memory.
#[test]
fn another_board_draws_the_same() {
    let board = Board::find("netduinoplus2").unwrap();
    let model = model("cgan");
    let mut qemu = boot_on(&board, "cgan");
    for line in ["digit 7 3", "grid 1", "walk 1 3 2 8 32", "2026"] {
        ask(&mut qemu, line);
        equal_screen(&mut qemu, &model);
    }
}

#[test]
fn latents_on_a_walk_are_equal_on_the_emulated_core() {
    let model = model("cgan");
    let mut qemu = boot("cgan");
    for step in [0, 1, 31, 32, 33, WALK_STEPS - 1, WALK_STEPS] {
        let answer = ask(&mut qemu, &format!("golden 5 3 4294967295 8 {step}"));
        let from = Point {
            seed: 5,
            label: Some(3),
        };
        let to = Point {
            seed: u32::MAX,
            label: Some(8),
        };
        let expected = model.checksums(Latent::Between { from, to, step }).unwrap();
        let expected: Vec<String> = expected.iter().map(|crc| format!("{crc:08x}")).collect();
        assert!(
            answer.ends_with(&expected.join(" ")),
            "step {step}: {answer}, expected {expected:?}"
        );
    }
}

/// Random programs of every operation, shape, width and activation: the emulated core gives the
/// oracle's tensors, in its self-test and at points that the image does not hold.
#[test]
fn random_operations_equal_the_oracle_on_the_emulated_core() {
    for seed in [1, 2] {
        let random = oracle::model::Model::random(seed, 80);
        let point = |seed: u32| Point {
            seed,
            label: Some((seed % u32::from(random.classes())) as u8),
        };
        let bytes = random.image(&[point(0), point(1)]).unwrap();
        let image = Image::new_checked(&bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("random.tgm");
        std::fs::write(&path, &bytes).unwrap();
        let mut qemu = switch_on(&path);
        session::boot(&mut qemu).unwrap();
        session::pass_self_test(&mut qemu).unwrap();
        for point in [2, 3, 4].map(point) {
            let (input, outputs) = oracle::run(&image, &Latent::At(point));
            let line = format!("golden {} {}", point.seed, point.label.unwrap_or(0));
            let answer = ask(&mut qemu, &line);
            let mut found = answer.split(' ').skip(3);
            let expected = |values: &[i8]| format!("{:08x}", checksum::of_activations(values));
            assert_eq!(
                found.next(),
                Some(&*expected(&input)),
                "model {seed}, {line}"
            );
            for (turn, output) in &outputs {
                let (name, step) = (turn.op.name, turn.step.map(|step| step.number));
                let found = found.next();
                let what = format!("model {seed}, {line}: {name} in step {step:?}");
                assert_eq!(found, Some(&*expected(output)), "{what}");
            }
            assert_eq!(found.next(), None);
        }
    }
}

/// Every mode by its buttons; the screen equals the host's after each press, and the state changed
/// as it should.
#[test]
fn buttons_and_screens_of_cgan() {
    let model = model("cgan");
    let mut qemu = boot("cgan");
    let View::Digit { point } = equal_screen(&mut qemu, &model) else {
        panic!("does not start with a digit")
    };

    let View::Digit { point: up } = press(&mut qemu, Button::Up) else {
        panic!("left the mode")
    };
    assert_eq!(
        (up.seed, up.label),
        (point.seed, point.label.map(|label| (label + 1) % 10))
    );
    equal_screen(&mut qemu, &model);
    let View::Digit { point: down } = press(&mut qemu, Button::Down) else {
        panic!("left the mode")
    };
    assert_eq!(down, point);
    let View::Digit { point: right } = press(&mut qemu, Button::Right) else {
        panic!("left the mode")
    };
    assert_eq!((right.seed, right.label), (point.seed + 1, point.label));
    equal_screen(&mut qemu, &model);
    let View::Digit { point: left } = press(&mut qemu, Button::Left) else {
        panic!("left the mode")
    };
    assert_eq!(left, point);

    let View::Grid { seed, .. } = press(&mut qemu, Button::Select) else {
        panic!("no grid")
    };
    equal_screen(&mut qemu, &model);
    let View::Grid { seed: next, .. } = press(&mut qemu, Button::Right) else {
        panic!("left the mode")
    };
    assert_ne!(next, seed);
    equal_screen(&mut qemu, &model);

    let View::Walk { .. } = press(&mut qemu, Button::Select) else {
        panic!("no walk")
    };
    let first = walk_step(&mut qemu);
    while walk_step(&mut qemu) == first {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Pausing stops it, so its screen can be compared.
    let View::Walk { paused: true, .. } = press(&mut qemu, Button::Left) else {
        panic!("not paused")
    };
    let View::Walk { step, .. } = equal_screen(&mut qemu, &model) else {
        panic!("left the mode")
    };
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(walk_step(&mut qemu), step, "a paused walk stands still");

    let View::Number { number, cursor, .. } = press(&mut qemu, Button::Select) else {
        panic!("no number")
    };
    equal_screen(&mut qemu, &model);
    let View::Number { cursor: moved, .. } = press(&mut qemu, Button::Right) else {
        panic!("left the mode")
    };
    assert_eq!(moved, (cursor + 1) % 4);
    let View::Number {
        number: changed, ..
    } = press(&mut qemu, Button::Up)
    else {
        panic!("left the mode")
    };
    let at = usize::from(moved);
    assert_eq!(changed.digits()[at], (number.digits()[at] + 1) % 10);
    equal_screen(&mut qemu, &model);

    assert!(matches!(
        press(&mut qemu, Button::Select),
        View::Digit { .. }
    ));
    equal_screen(&mut qemu, &model);
}

fn walk_step(qemu: &mut Qemu) -> u8 {
    match session::view(qemu) {
        Ok(View::Walk { step, .. }) => step,
        other => panic!("no walk: {other:?}"),
    }
}

#[test]
fn a_number_sent_over_the_uart_is_drawn() {
    let model = model("cgan");
    let mut qemu = boot("cgan");
    let answer = ask(&mut qemu, "2026");
    assert!(answer.starts_with("status number digits=2026"), "{answer}");
    let View::Number { number, .. } = equal_screen(&mut qemu, &model) else {
        panic!("no number")
    };
    assert_eq!(number.digits(), [2, 0, 2, 6]);
    for number in ["7", "42", "909"] {
        ask(&mut qemu, number);
        equal_screen(&mut qemu, &model);
    }
}

/// An unconditional model has no labels and no numbers.
#[test]
fn buttons_and_screens_of_gan() {
    let model = model("gan");
    let mut qemu = boot("gan");
    let View::Digit { point } = equal_screen(&mut qemu, &model) else {
        panic!("does not start with a digit")
    };
    assert_eq!(point.label, None);
    press(&mut qemu, Button::Right);
    equal_screen(&mut qemu, &model);
    assert!(matches!(
        press(&mut qemu, Button::Select),
        View::Grid { label: None, .. }
    ));
    equal_screen(&mut qemu, &model);
    assert!(matches!(
        press(&mut qemu, Button::Select),
        View::Walk { .. }
    ));
    ask(&mut qemu, "walk 3 - 4 - 20");
    equal_screen(&mut qemu, &model);
    assert!(
        matches!(press(&mut qemu, Button::Select), View::Digit { .. }),
        "a number without labels"
    );
    let refused = session::ask(&mut qemu, "2026");
    assert!(
        matches!(refused, Err(SessionError::Refused { .. })),
        "{refused:?}"
    );
}

#[test]
fn the_self_test_passes_at_boot_and_says_so() {
    let name = "cgan";
    let model = model(name);
    let mut qemu = switch_on(files(name).image());
    session::boot(&mut qemu).unwrap();
    let View::SelfTest(result) = session::view(&mut qemu).unwrap() else {
        panic!("no boot screen")
    };
    assert_eq!(
        usize::from(result.goldens),
        model.image().unwrap().goldens().len()
    );
    assert_eq!(result.failed, None);
    equal_text(&mut qemu, &model, View::SelfTest(result));
    session::pass_self_test(&mut qemu).unwrap();
    let answer = ask(&mut qemu, "selftest");
    assert_eq!(answer, format!("selftest ok {}", result.goldens));
    let logged = qemu
        .drain_logs()
        .into_iter()
        .map(|record| record.to_string())
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        logged.contains("cgan") && logged.to_lowercase().contains("self-test"),
        "{logged}"
    );
}

/// As `equal_screen`, for a screen of text in black and white.
fn equal_text(qemu: &mut Qemu, model: &Model, view: View) {
    let expected = model.screen(view).unwrap();
    qemu.wait_for_screen(
        |panel| panel.levels() == expected.as_slice(),
        Duration::from_secs(20),
    )
    .unwrap_or_else(|error| panic!("{error}"));
}

/// An image whose golden vectors say something else: the firmware tells which layer differs, and
/// goes on answering.
#[test]
fn a_wrong_golden_vector_is_found_at_boot() {
    let mut bytes = model("cgan").bytes().to_vec();
    let goldens = u32::from_le_bytes(bytes[64..68].try_into().unwrap()) as usize;
    let checksums = model("cgan").image().unwrap().op_count() + 1;
    // The second vector, its layer 1 (after the input and layer 0).
    bytes[goldens + 8 + 4 * checksums + 8 + 8] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.tgm");
    std::fs::write(&path, tests::resealed(bytes)).unwrap();
    let mut qemu = switch_on(&path);
    session::boot(&mut qemu).unwrap();
    let View::SelfTest(result) = session::view(&mut qemu).unwrap() else {
        panic!("no self-test")
    };
    let fault = result.failed.expect("the fault is found");
    assert_eq!((fault.golden, fault.op), (1, Some(1)));
    equal_text(
        &mut qemu,
        &Model::read(&path).unwrap(),
        View::SelfTest(result),
    );
    assert!(matches!(
        session::pass_self_test(&mut qemu),
        Err(SessionError::SelfTest { .. })
    ));
}

/// A damaged image: the firmware says so on the display and in its log, instead of drawing noise.
#[test]
fn a_damaged_image_is_refused_by_the_firmware() {
    let mut bytes = model("cgan").bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.tgm");
    std::fs::write(&path, bytes).unwrap();
    let mut qemu = switch_on(&path);
    let record = qemu
        .wait_for_log(
            |record| record.message.contains("damaged"),
            Duration::from_secs(30),
        )
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        record.message.contains("no model to run")
            && record.message.contains("build the firmware again"),
        "{record}"
    );
    let panel = qemu
        .wait_until_screen_is_stable(Duration::from_millis(300), Duration::from_secs(20))
        .unwrap();
    let white = panel.levels().iter().filter(|&&level| level == 15).count();
    assert!(white > 500, "a message is shown: {white} white pixels");
}

/// Any bytes on the line leave the device alive and answering.
#[test]
fn hostile_lines_leave_the_device_alive() {
    let mut qemu = boot("cgan");
    let before = session::view(&mut qemu).unwrap();
    for line in [
        "golden",
        "golden 1",
        "golden 1 99",
        "digit 99999999999 1",
        "walk 1 2 3 4 65",
        "\u{1}\u{7f}",
        "é",
        "20267",
    ] {
        let answer = session::ask(&mut qemu, line);
        assert!(
            matches!(answer, Err(SessionError::Refused { .. })),
            "{line:?}: {answer:?}"
        );
    }
    let long = "x".repeat(5000);
    assert!(matches!(
        session::ask(&mut qemu, &long),
        Err(SessionError::Refused { .. })
    ));
    assert_eq!(session::view(&mut qemu).unwrap(), before);
}
