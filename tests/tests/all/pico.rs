//! The UF2 file for the Raspberry Pi Pico, booted in an emulator of that board, against what the
//! host computes and draws.

use firmware::app::View;
use firmware::oracle::model::Model as RandomModel;
use host::emulator::Button;
use host::emulator::Machine;
use host::emulator::pico::{Event, Pace, Pico, PicoOptions, by_function};
use host::emulator::session::{self, SessionError};
use host::firmware_build::Display;
use host::firmware_build::board::Board;
use host::link::replay::replay;
use host::link::upload::upload;
use host::link::{Client, LinkError, open};
use host::models::folder::GOLDEN;
use host::models::preview::Model;
use host::pack::golden::GoldenFile;
use shared::image::Image;
use shared::latent::{Latent, Point};
use shared::protocol::{Frame, LogLevel, Refusal, Request, SlotState, Source};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::pico::{Firmware, ask_stepped, build, has_node};
use tests::{complaint, files, model, thumbgen};

/// Cycles a second.
const CLOCK: f64 = 125e6;

const LIMIT: Duration = Duration::from_secs(120);

fn shipped(board: &str, name: &str) -> Firmware {
    build(board, files(name).image())
}

/// Waits until the display shows what the host draws for the view that the firmware says it shows.
fn equal_screen(pico: &mut Pico, model: &Model, display: Display) -> View {
    let deadline = Instant::now() + LIMIT;
    loop {
        let (view, picture) = session::settled_picture(pico).unwrap();
        let expected = model.shown(view, display).unwrap();
        match picture.first_difference(&expected) {
            None => {
                let lit = picture
                    .pixels()
                    .iter()
                    .filter(|&&rgb| rgb != [0; 3])
                    .count();
                assert!(lit > 50, "{view}: {lit} lit pixels are equal by accident");
                return view;
            }
            Some(difference) => {
                assert!(
                    Instant::now() < deadline,
                    "{view}: x, y, found, expected {difference:?}"
                );
            }
        }
    }
}

fn press(pico: &mut Pico, button: Button) -> View {
    session::press(pico, button).unwrap_or_else(|error| panic!("{error}"))
}

/// Every mode by its buttons and by lines; pixels equal the host's.
fn every_mode(board: &str, display: Display) {
    if !has_node() {
        return;
    }
    let model = model("cgan");
    let mut pico = shipped(board, "cgan").boot();
    let screen = |pico: &mut Pico| equal_screen(pico, &model, display);
    let View::Digit { point } = screen(&mut pico) else {
        panic!("does not start with a digit")
    };
    let View::Digit { point: next } = press(&mut pico, Button::Up) else {
        panic!("left the mode")
    };
    assert_eq!(next.label, point.label.map(|label| (label + 1) % 10));
    screen(&mut pico);
    press(&mut pico, Button::Right);
    screen(&mut pico);
    let view = press(&mut pico, Button::Select);
    assert!(matches!(view, View::Grid { .. }), "{view}");
    screen(&mut pico);
    let view = press(&mut pico, Button::Select);
    assert!(matches!(view, View::Walk { .. }), "{view}");
    let view = press(&mut pico, Button::Left);
    assert!(matches!(view, View::Walk { paused: true, .. }), "{view}");
    screen(&mut pico);
    let view = press(&mut pico, Button::Select);
    assert!(matches!(view, View::Number { .. }), "{view}");
    screen(&mut pico);
    press(&mut pico, Button::Down);
    screen(&mut pico);
    for line in [
        "907",
        "grid 40 3",
        "walk 1 3 2 8 32",
        "digit 4294967295 0",
        "selftest",
    ] {
        session::ask(&mut pico, line).unwrap();
        screen(&mut pico);
    }
    let complaints: Vec<Event> = pico
        .drain_events()
        .into_iter()
        .filter(|event| !matches!(event, Event::Open))
        .collect();
    assert_eq!(
        complaints,
        [],
        "the firmware did what the chip does not allow"
    );
}

#[test]
fn every_mode_on_the_colour_display() {
    every_mode("pico", Display::St7789);
}

#[test]
fn every_mode_on_the_small_display() {
    every_mode("pico-ssd1306", Display::Ssd1306);
}

#[test]
fn the_self_test_passes_at_boot_and_the_log_says_so() {
    if !has_node() {
        return;
    }
    let mut pico = shipped("pico", "cgan").boot();
    let goldens = model("cgan").image().unwrap().goldens().len();
    let answer = session::ask(&mut pico, "selftest").unwrap();
    assert_eq!(answer, format!("selftest ok {goldens}"));
    let logged: Vec<String> = pico.drain_logs().iter().map(ToString::to_string).collect();
    let logged = logged.join("\n");
    assert!(
        logged.contains("cgan") && logged.to_lowercase().contains("self-test"),
        "{logged}"
    );
}

fn client(pico: &Pico) -> Client {
    Client::new(open(&format!("tcp:127.0.0.1:{}", pico.port())).unwrap())
}

#[test]
fn a_hundred_seeds_over_the_serial_line_equal_the_golden_bytes() {
    if !has_node() {
        return;
    }
    let json = std::fs::read(files("cgan").file(GOLDEN).unwrap()).unwrap();
    let golden = GoldenFile::from_json(&json).unwrap();
    let model = model("cgan");
    let pico = shipped("pico", "cgan").boot();
    let mut client = client(&pico);
    let hello = client.hello().unwrap();
    let replayed = replay(&mut client, &golden, |_| ()).unwrap();
    assert_eq!((replayed.vectors, replayed.differences), (64, vec![]));
    // More than the file has: of those, the host's own engine gives the bytes.
    for seed in 0..36 {
        let label = Some((seed % 10) as u8);
        let latent = Latent::At(Point {
            seed: 1_000_000 + seed,
            label,
        });
        let found = client.generate(latent).unwrap();
        let checksums: Vec<u32> = found.layers.iter().map(|layer| layer.checksum).collect();
        assert_eq!(checksums, model.checksums(latent).unwrap(), "seed {seed}");
        let expected = model.picture(latent, &mut ()).unwrap();
        assert_eq!(found.to_gray(&hello), expected, "seed {seed}");
    }
}

/// `thumbgen verify --port` runs against the emulated board as against one in the hand.
#[test]
fn verify_runs_unchanged() {
    if !has_node() {
        return;
    }
    let mut serve = thumbgen()
        .args([
            "-q",
            "emulate",
            "--board",
            "pico",
            "--serve",
            "tcp:127.0.0.1:0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let stdout = serve.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut address).unwrap();
    let output = thumbgen()
        .args(["-q", "verify", "--port", address.trim()])
        .output()
        .unwrap();
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("64 golden vectors are equal"), "{said}");
}

#[test]
fn emulate_presses_asks_and_takes_a_screenshot() {
    if !has_node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("screen.png");
    let output = thumbgen()
        .args([
            "-q", "emulate", "--board", "pico", "--press", "select", "--line", "status",
        ])
        .args(["--xip", "off", "--screenshot", &file.display().to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("status grid seed=0 label=-"), "{said}");
    assert!(std::fs::read(&file).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn without_node_the_command_says_how_to_get_it() {
    let empty = tempfile::tempdir().unwrap();
    let output = thumbgen()
        .args(["emulate", "--board", "pico"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(
        complaint(&output).contains("node is not installed; run"),
        "{}",
        complaint(&output)
    );
}

/// A connection that another thread can cut.
struct Cuttable(TcpStream);

impl Cuttable {
    fn connect(port: u16) -> (Self, TcpStream) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let handle = stream.try_clone().unwrap();
        (Self(stream), handle)
    }
}

impl Read for Cuttable {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Cuttable {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Small random models: flash is written in few steps, and a boot takes a moment.
fn small_image(seed: u64) -> Vec<u8> {
    let random = RandomModel::random(seed, 12);
    let point = |seed: u32| Point {
        seed,
        label: (random.classes() > 0).then(|| (seed % u32::from(random.classes().max(1))) as u8),
    };
    random.image(&[point(0), point(1)]).unwrap()
}

/// Power fails in the middle of each erase and each block of an upload: the board comes back with
/// the model that it ran, and takes the new one at last.
#[test]
fn an_upload_cut_at_each_block_leaves_the_old_model_running() {
    if !has_node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.tgm");
    let (old, new) = (small_image(5), small_image(6));
    std::fs::write(&path, &old).unwrap();
    let crc = |bytes: &[u8]| shared::image::Image::new_checked(bytes).unwrap().crc();
    assert_ne!(crc(&old), crc(&new));
    let mut pico = build("pico", &path).boot();
    let blocks = new.len().div_ceil(256) as u64;
    let mut cuts = 0;
    loop {
        pico.drain_events();
        pico.drain_lines();
        pico.cut_power_after(cuts).unwrap();
        let (port, handle) = Cuttable::connect(pico.port());
        let image = new.clone();
        let sender =
            std::thread::spawn(move || upload(&mut Client::new(Box::new(port)), &image, |_, _| ()));
        // Either power fails, or there were not so many operations.
        let failed = loop {
            let event = pico.wait_for_event(
                |event| matches!(event, Event::Reset { .. }),
                Duration::from_millis(100),
            );
            match event {
                Ok(Event::Reset { cause }) => {
                    assert_eq!(cause, "power");
                    break true;
                }
                _ if sender.is_finished() => break false,
                _ => {}
            }
        };
        handle.shutdown(Shutdown::Both).unwrap();
        let sent = sender.join().unwrap();
        if !failed {
            // Where the last cut was in the record, it was whole already.
            assert!(sent.is_ok(), "{sent:?}");
            break;
        }
        assert!(
            matches!(sent, Err(LinkError::Io(_))),
            "cut {cuts}: {sent:?}"
        );
        session::boot(&mut pico).unwrap();
        let hello = client(&pico).hello().unwrap();
        if hello.image_crc == crc(&new) {
            // The record was half written, which is all of what it says.
            assert!(
                cuts > blocks,
                "after {cuts} of more than {blocks} operations"
            );
        } else {
            assert_eq!(
                (hello.image_crc, hello.source),
                (crc(&old), Source::BuiltIn),
                "cut {cuts}"
            );
        }
        cuts += 1;
    }
    // Blocks, their record, and at least one erase.
    assert!(cuts > blocks, "{cuts} cuts for {blocks} blocks");
    let mut client = client(&pico);
    assert_eq!(client.hello().unwrap().image_crc, crc(&new));
    client.self_test().unwrap();
}

/// The engine hangs in the middle of a layer, while interrupts and USB go on: only finished layers
/// feed the watchdog.
#[test]
fn the_watchdog_resets_an_engine_that_hangs() {
    if !has_node() {
        return;
    }
    let mut pico = shipped("pico", "cgan").boot();
    pico.start_profile().unwrap();
    session::ask(&mut pico, "golden 1 1").unwrap();
    let profile = pico.stop_profile().unwrap();
    let hottest = profile.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
    pico.drain_events();
    // `b .` in the middle of a kernel.
    let before = pico.poke(hottest, &[0xFE, 0xE7]).unwrap();
    let start = pico.counts().unwrap().nanos;
    pico.send_line("golden 1 1").unwrap();
    let event = pico
        .wait_for_event(|event| *event != Event::Open, LIMIT)
        .unwrap();
    let cause = "watchdog".to_owned();
    assert_eq!(event, Event::Reset { cause });
    let seconds = (pico.counts().unwrap().nanos - start) / 1e9;
    assert!((1.0..15.0).contains(&seconds), "after {seconds} s");
    pico.poke(hottest, &before).unwrap();
    pico.drain_lines();
    session::boot(&mut pico).unwrap();
    session::pass_self_test(&mut pico).unwrap();
    equal_screen(&mut pico, &model("cgan"), Display::St7789);
}

/// A model of the slot that hangs the device is not started again by the watchdog; whoever switches
/// the board off and on may try it once more.
#[test]
fn a_model_that_hung_the_board_is_left_out_until_it_is_switched_on_anew() {
    if !has_node() {
        return;
    }
    let image = small_image(6);
    let firmware = shipped("pico", "cgan");
    let mut pico = firmware.boot();
    // Every screen, then an upload with its self-test: the deepest paths.
    for line in ["grid 1", "2026", "walk 1 0 2 1 9", "selftest", "golden 1 0"] {
        session::ask(&mut pico, line).unwrap();
    }
    upload(&mut client(&pico), &image, |_, _| ()).unwrap();
    let hello = client(&pico).hello().unwrap();
    assert_eq!(
        (hello.source, hello.slot),
        (Source::Bank(0), SlotState::Running)
    );
    stack_is_within_the_budget(&session::ask(&mut pico, "stats").unwrap());
    let golden = match hello.classes {
        0 => "golden 0",
        _ => "golden 0 0",
    };
    pico.start_profile().unwrap();
    session::ask(&mut pico, golden).unwrap();
    let profile = pico.stop_profile().unwrap();
    // In a kernel, not in what counts time meanwhile.
    let elf = std::fs::read(&firmware.elf).unwrap();
    let in_kernel = |entry: &&(u32, f64)| {
        let function = &by_function(&elf, &[**entry])[0];
        function.name.contains("kernels")
    };
    let hottest = profile.iter().filter(in_kernel);
    let hottest = hottest.max_by(|a, b| a.1.total_cmp(&b.1));
    let kernel = hottest.expect("no kernel in the profile").0;
    let before = pico.poke(kernel, &[0xFE, 0xE7]).unwrap();
    pico.drain_events();
    pico.send_line(golden).unwrap();
    let is_reset = |event: &Event| matches!(event, Event::Reset { .. });
    let event = pico.wait_for_event(is_reset, LIMIT).unwrap();
    let cause = "watchdog".to_owned();
    assert_eq!(event, Event::Reset { cause });
    pico.poke(kernel, &before).unwrap();
    session::boot(&mut pico).unwrap();
    let hello = client(&pico).hello().unwrap();
    assert_eq!(
        (hello.source, hello.slot),
        (Source::BuiltIn, SlotState::Released)
    );
    pico.power_cycle().unwrap();
    session::boot(&mut pico).unwrap();
    let hello = client(&pico).hello().unwrap();
    assert_eq!(
        (hello.source, hello.slot),
        (Source::Bank(0), SlotState::Running)
    );
}

/// An image in the slot with thousands of golden vectors, each of which is right: the device would
/// compute for minutes before it answers anybody, at every start.
#[test]
fn an_endless_self_test_in_the_slot_does_not_stop_the_board() {
    if !has_node() {
        return;
    }
    let board = Board::find("pico").unwrap();
    let slot = board.slot.unwrap();
    let limits = board.limits();
    // A random program that is allowed a picture, with as many golden vectors as the bank takes:
    // more work than is allowed.
    let filled = |seed: u64| {
        let random = RandomModel::random(seed, 12);
        let classes = random.classes();
        let point = |seed: u32| Point {
            seed,
            label: (classes > 0).then(|| (seed % u32::from(classes)) as u8),
        };
        let mut image = random.image(&[point(0)]).ok()?;
        let mut goldens = 1;
        loop {
            goldens *= 2;
            let points: Vec<Point> = (0..goldens).map(point).collect();
            let longer = random.image(&points).ok()?;
            if longer.len() + 256 > slot.bank as usize {
                break;
            }
            image = longer;
        }
        let refusal = limits.check(&Image::new_checked(&image).unwrap());
        match refusal {
            Err(refusal @ Refusal::TestWork { .. }) => Some((image, refusal)),
            _ => None,
        }
    };
    let (image, refusal) = (0..50).find_map(filled).unwrap();
    let checked = Image::new_checked(&image).unwrap();
    let mut pico = shipped("pico", "cgan").boot();
    for segment in slot.with(&checked, &image).unwrap() {
        pico.poke(segment.address, &segment.bytes).unwrap();
    }
    pico.power_cycle().unwrap();
    session::boot(&mut pico).unwrap();
    let hello = client(&pico).hello().unwrap();
    assert_eq!(hello.source, Source::BuiltIn);
    assert_eq!(hello.slot, SlotState::Refused(refusal));
    let seconds = pico.counts().unwrap().nanos / 1e9;
    // Its limit allows 16 s of steps; the board's time goes on while a busy machine asks.
    assert!(seconds < 10.0, "{seconds} s until it answers");
}

/// A line that is never silent, with noise or with questions: the board stays alive, answers, and
/// sees its buttons.
#[test]
fn a_flood_on_the_line_does_not_reset_the_board() {
    if !has_node() {
        return;
    }
    let mut pico = shipped("pico", "cgan").boot();
    let mut hello = Vec::new();
    let frame = Frame::new(9, &Request::Hello).unwrap();
    frame.send(|piece| hello.write_all(piece)).unwrap();
    for flood in [
        b"no words\n".repeat(1000),
        vec![0x55; 9000],
        hello.repeat(500),
    ] {
        let before = session::ask(&mut pico, "status").unwrap();
        pico.drain_events();
        // Select is held for so long, and seen, while bytes come.
        pico.set_button(Button::Select, true).unwrap();
        pico.flood(&flood, Duration::from_millis(100)).unwrap();
        pico.set_button(Button::Select, false).unwrap();
        pico.flood(&flood, Duration::from_secs(5)).unwrap();
        assert_eq!(pico.drain_events(), [], "a flood resets the board");
        // Questions that were not answered yet, and a line that was not ended.
        pico.send_line("").unwrap();
        let after = loop {
            match session::ask(&mut pico, "status") {
                Ok(answer) if answer.starts_with("status ") => break answer,
                Ok(_) | Err(SessionError::Refused { .. } | SessionError::Answer { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let mode = |status: &str| status.split(' ').nth(1).map(str::to_owned);
        assert_ne!(mode(&after), mode(&before), "the button was not seen");
    }
}

/// What a device logs is chosen over its line.
#[test]
fn the_log_level_is_heeded() {
    if !has_node() {
        return;
    }
    let mut pico = shipped("pico", "cgan").boot();
    let mut client = client(&pico);
    let mut logged = |level: LogLevel| {
        client.log_level(level).unwrap();
        pico.drain_logs();
        session::ask(&mut pico, "digit 3 5").unwrap();
        session::ask(&mut pico, "walk 1 3 2 8 9").unwrap();
        session::ask(&mut pico, "digit 4 5").unwrap();
        // A log is read beside what is answered.
        std::thread::sleep(Duration::from_millis(300));
        let records = pico.drain_logs();
        records.iter().map(ToString::to_string).collect::<String>()
    };
    let debug = logged(LogLevel::Debug);
    assert!(debug.contains("seed 3, label Some(5)"), "{debug}");
    assert!(debug.contains("walk 1 to 2, step 9"), "{debug}");
    let info = logged(LogLevel::Info);
    assert!(info.contains("seed 3, label Some(5)"), "{info}");
    assert!(!info.contains("walk"), "{info}");
    assert_eq!(logged(LogLevel::Off), "");
}

/// A display that is not connected stops nothing else, and is set up when it is.
#[test]
fn a_display_with_loose_wires_does_not_stop_the_board() {
    if !has_node() {
        return;
    }
    let firmware = shipped("pico-ssd1306", "cgan");
    let mut pico = firmware.boot();
    pico.unplug_oled(true).unwrap();
    pico.power_cycle().unwrap();
    session::boot(&mut pico).unwrap();
    pico.drain_events();
    assert_eq!(client(&pico).hello().unwrap().board, "pico-ssd1306");
    session::ask(&mut pico, "2026").unwrap();
    pico.unplug_oled(false).unwrap();
    session::ask(&mut pico, "digit 3 5").unwrap();
    equal_screen(&mut pico, &model("cgan"), Display::Ssd1306);
    assert_eq!(pico.drain_events(), []);
}

/// The most bytes of stack since the board was switched on, from its `stats` line. Below the stack
/// lie the program's statics.
fn stack_is_within_the_budget(stats: &str) {
    let stack = stats
        .split(' ')
        .find_map(|field| field.strip_prefix("stack="));
    let stack: u64 = stack.and_then(|stack| stack.parse().ok()).unwrap();
    let budget = Board::find("pico").unwrap().budget.stack;
    println!("{stack} bytes of stack");
    assert!(stack <= budget, "{stack} bytes of stack, budget {budget}");
}

/// Figures of the stepped board are the same to the cycle on every machine, so these limits are
/// exact.
#[test]
fn goals_in_cycles() {
    if !has_node() {
        return;
    }
    let firmware = shipped("pico", "cgan");
    let model = model("cgan");
    let first = model.shown(View::first(10), Display::St7789).unwrap();
    for xip in [true, false] {
        let mut pico = Pico::start(&PicoOptions {
            xip,
            ..firmware.options(Pace::Stepped)
        })
        .unwrap();
        let step = Duration::from_millis(1);
        let mut after = 0;
        while pico.picture().unwrap() != first {
            pico.run(step).unwrap();
            after += 1;
            assert!(
                after <= 300,
                "no first digit within 300 ms of reset, xip {xip}"
            );
        }
        while pico
            .wait_for_line(|line| line.starts_with("ready "), step)
            .is_err()
        {
            pico.run(5 * step).unwrap();
        }
        // One picture, measured by the chip's own timer, drawing not among it.
        ask_stepped(&mut pico, "digit 3 5");
        let stats = ask_stepped(&mut pico, "stats");
        let field = |name: &str| -> f64 {
            let value = stats.split(' ').find_map(|field| field.strip_prefix(name));
            value
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("{stats}"))
        };
        let picture_ms = field("ticks=") / 1e3;
        // From a line to the end of its screen: computing, drawing, sending.
        let before = pico.counts().unwrap();
        ask_stepped(&mut pico, "digit 4 5");
        let after_screen = pico.counts().unwrap();
        let screen_ms = 1e3 * (after_screen.cycles - before.cycles) / CLOCK;
        let rate = walk_rate(&mut pico);
        println!(
            "xip {xip}: first digit after {after} ms, picture {picture_ms:.1} ms = {:.0} cycles, \
             screen {screen_ms:.1} ms, walk {rate:.1} pictures a second",
            picture_ms * CLOCK / 1e3
        );
        let (picture_goal, rate_goal) = GOALS;
        stack_is_within_the_budget(&ask_stepped(&mut pico, "stats"));
        assert!(picture_ms <= picture_goal, "{picture_ms} ms, xip {xip}");
        assert!(rate >= rate_goal, "{rate} pictures a second, xip {xip}");
    }
}

/// Milliseconds of a picture at most, and pictures of a walk a second at least.
const GOALS: (f64, f64) = (20.0, 20.0);

/// Steps of a walk in two seconds of the board's time, a second.
fn walk_rate(pico: &mut Pico) -> f64 {
    for _ in 0..2 {
        pico.set_button(Button::Select, true).unwrap();
        pico.run(Duration::from_millis(60)).unwrap();
        pico.set_button(Button::Select, false).unwrap();
        pico.run(Duration::from_millis(1500)).unwrap();
    }
    let step = |pico: &mut Pico| -> (u32, f64) {
        let answer = ask_stepped(pico, "status");
        let view = answer
            .strip_prefix("status ")
            .and_then(|view| view.parse().ok());
        let Some(View::Walk { to, step, .. }) = view else {
            panic!("no walk: {answer}")
        };
        // Each walk has 64 steps, and goes on to the next seed.
        (to.seed * 64 + u32::from(step), pico.counts().unwrap().nanos)
    };
    let (first, start) = step(pico);
    pico.run(Duration::from_secs(2)).unwrap();
    let (last, end) = step(pico);
    f64::from(last - first) * 1e9 / (end - start)
}

/// The emulated board's own tests: files, panels, flash, cache, watchdog.
#[test]
fn the_board_s_unit_tests_pass() {
    if !has_node() {
        return;
    }
    let folder = host::system::repository::root().unwrap().join("host/pico");
    let tests =
        ["board", "memory", "panels", "uf2", "upload"].map(|name| format!("test/{name}.test.js"));
    let output = Command::new("node")
        .arg("--test")
        .args(tests)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
