//! The page with the emulated Pico: in Chromium, and its bundle against its sources.

use firmware::app::{Number, View};
use host::firmware_build::Display;
use host::models::preview::Model;
use host::setup::CHROMIUM_PROGRAMS;
use host::system::programs;
use host::system::repository;
use host::verify::packages::install_packages;
use serde_json::{Value, json};
use shared::latent::Point;
use shared::protocol::{BLOCK_LEN, Decoder, Frame, Piece, Refusal, Reply, Request};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tests::pico::{build, has_node, has_program};
use tests::{complaint, files, model, thumbgen};

fn project() -> PathBuf {
    repository::root().unwrap().join("host/pico")
}

/// Whether the packages that `package-lock.json` names are installed; where they are not, says so.
/// Installing them needs npm and a network.
fn has_packages() -> bool {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| install_packages(&project(), programs::find("npm")));
    if let Err(reason) = installed {
        eprintln!("{reason}");
    }
    has_program("npm", installed.is_ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

fn picture(model: &Model, view: View, display: Display) -> Value {
    let picture = model.shown(view, display).unwrap();
    let rgb = hex(picture.pixels().as_flattened());
    json!({"width": picture.width(), "height": picture.height(), "rgb": rgb})
}

/// Boots in Chromium, works by mouse, keyboard and touch, takes a number, files that are broken,
/// another model and another firmware; each picture is equal to what the host draws.
#[test]
fn the_page_in_chromium() {
    let chromium = CHROMIUM_PROGRAMS.into_iter().find_map(programs::find);
    if !has_node() || !has_program("chromium", chromium.is_some()) || !has_packages() {
        return;
    }
    let (cgan, gan) = (model("cgan"), model("gan"));
    let colour = |model: &Model, view| picture(model, view, Display::St7789);
    let digit = |seed, label| View::Digit {
        point: Point { seed, label },
    };
    let number = |text: &str| View::Number {
        number: Number::parse(text).unwrap(),
        cursor: 0,
        seed: 1,
    };
    let grid = |seed| View::Grid { seed, label: None };
    let pictures = json!({
        "first": colour(&cgan, digit(1, Some(7))),
        "up": colour(&cgan, digit(1, Some(8))),
        "right": colour(&cgan, digit(2, Some(8))),
        "grid": colour(&cgan, grid(0)),
        "next grid": colour(&cgan, grid(8)),
        "number": colour(&cgan, number("2026")),
        "one digit": colour(&cgan, number("7")),
        "other model": colour(&gan, digit(1, None)),
        "other firmware": picture(&cgan, digit(1, Some(7)), Display::Ssd1306),
    });
    // Its header is right, and a weight is not: the board finds out.
    let mut damaged = gan.bytes().to_vec();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let small = build("pico-ssd1306", files("cgan").image());
    let firmware = build("pico", files("cgan").image());

    let mut serve = thumbgen()
        .args(["-q", "web", "--port", "0", "--firmware"])
        .arg(&firmware.uf2)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(serve.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = json!({
        "url": url.trim(),
        "profile": folder.path().join("profile"),
        "pictures": pictures,
        "broken": base64(b"this is no model"),
        "damaged": base64(&damaged),
        "model": base64(gan.bytes()),
        "uf2": base64(&std::fs::read(&small.uf2).unwrap()),
        // To look at: a folder for pictures of the page.
        "screenshots": std::env::var("THUMBGEN_SCREENSHOTS").ok(),
    });
    let file = folder.path().join("task.json");
    std::fs::write(&file, task.to_string()).unwrap();
    let output = Command::new("node")
        .arg("test/browser.js")
        .arg(chromium.unwrap())
        .arg(&file)
        .current_dir(project())
        .output()
        .unwrap();
    serve.kill().unwrap();
    serve.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}after\n{said}",
        complaint(&output)
    );
    assert_eq!(said.matches("equal: ").count(), 11, "{said}");
}

/// The page writes a few messages by hand: their numbers are those of the protocol.
#[test]
fn the_page_speaks_the_protocol() {
    /// The number of a message or a refusal: the first byte that postcard writes for it.
    fn number(frame: Frame, at: usize) -> usize {
        let mut decoder = Decoder::new();
        let mut found = None;
        let sent = frame.send(|piece| {
            for &byte in piece {
                if let Some(Piece::Frame(Ok(content))) = decoder.push(byte) {
                    found = Some(usize::from(content[at]));
                }
            }
            Ok::<(), std::convert::Infallible>(())
        });
        sent.unwrap();
        found.unwrap()
    }
    let script = std::fs::read_to_string(project().join("web/upload.js")).unwrap();
    let constant = |name: &str| -> usize {
        let (_, rest) = script.split_once(&format!("const {name} = ")).unwrap();
        rest.split(';').next().unwrap().parse().unwrap()
    };
    let request = |request: Request<'_>| number(Frame::new(1, &request).unwrap(), 1);
    let reply = |reply: Reply<'_>| number(Frame::new(1, &reply).unwrap(), 1);
    let (offset, bytes) = (0, &[0; 256][..]);
    for (name, expected) in [
        ("BEGIN", request(Request::Begin { len: 1, crc: 1 })),
        ("BLOCK", request(Request::Block { offset, bytes })),
        ("FINISH", request(Request::Finish)),
        ("BEGUN", reply(Reply::Begun { offset })),
        ("WRITTEN", reply(Reply::Written { offset })),
        ("FINISHED", reply(Reply::Finished { crc: 1 })),
        ("REFUSED", reply(Reply::Refused(Refusal::Engine))),
        ("BLOCK_LEN", BLOCK_LEN),
    ] {
        assert_eq!(constant(name), expected, "{name}");
    }
    let (_, list) = script.split_once("const REFUSALS = [\n").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    let texts: Vec<&str> = list.lines().map(str::trim).collect();
    let place = |refusal| number(Frame::new(1, &Reply::Refused(refusal)).unwrap(), 2);
    let (millions, allowed) = (1, 1);
    let last = Refusal::Operator { code: 8 };
    for (refusal, expected) in [
        (Refusal::Malformed, "does not know this request"),
        (Refusal::Flash, "cannot be written"),
        (
            Refusal::Work { millions, allowed },
            "too long for a picture",
        ),
        (Refusal::NoGoldens, "no golden vectors"),
        (
            Refusal::TestWork { millions, allowed },
            "so many golden vectors",
        ),
        (last, "an operator"),
    ] {
        let found = texts[place(refusal)];
        assert!(found.contains(expected), "{found}");
    }
    assert_eq!(place(last) + 1, texts.len());
}

/// What is committed is what the sources and the lock file give.
#[test]
fn the_bundle_is_made_of_its_sources() {
    if !has_node() || !has_packages() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("node")
        .arg("build.js")
        .arg(format!("--outdir={}", folder.path().display()))
        .current_dir(project())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    let built = std::fs::read(folder.path().join("board.js")).unwrap();
    let committed = std::fs::read(project().join("dist/board.js")).unwrap();
    assert!(
        built == committed,
        "host/pico/dist/board.js is old; run `npm ci && npm run build` in host/pico"
    );
}

#[test]
fn the_page_is_written_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let uf2 = folder.path().join("any.uf2");
    std::fs::write(&uf2, b"a firmware").unwrap();
    let out = folder.path().join("page");
    let output = thumbgen()
        .args(["-q", "web", "--firmware"])
        .arg(&uf2)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    assert_eq!(
        std::fs::read(out.join("firmware.uf2")).unwrap(),
        b"a firmware"
    );
    assert!(out.join("index.html").is_file() && out.join("board.js").is_file());
}
