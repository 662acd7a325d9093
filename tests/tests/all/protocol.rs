//! The protocol of frames between the host's client and devices: simulated ones with flash to
//! write, and the emulated board.

use firmware::oracle::model::Model as RandomModel;
use host::link::replay::{Place, replay};
use host::link::upload::{Outcome, upload};
use host::link::{Client, Limits, LinkError, Port};
use host::pack::golden::GoldenFile;
use shared::image::Image;
use shared::latent::pcg::Pcg32;
use shared::latent::{Latent, Point};
use shared::protocol::{
    BLOCK_LEN, Decoder, Frame, LogLevel, Piece, Refusal, Reply, Request, SlotState, Source, decode,
};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::simulated::{LIMITS, Machine, MemoryPort, mutate, switch_on};
use tests::{boot, files, model, resealed};

/// Room for the shipped models.
const BANK_LEN: usize = 210 << 10;

fn golden(name: &str) -> GoldenFile {
    let json = std::fs::read(files(name).file(host::models::folder::GOLDEN).unwrap()).unwrap();
    GoldenFile::from_json(&json).unwrap()
}

fn client(port: MemoryPort) -> Client {
    Client::new(Box::new(port))
}

/// A device with two banks takes a model while another runs, and another one after it.
#[test]
fn models_are_replaced_over_the_line_and_verified() {
    let (cgan, gan) = (model("cgan"), model("gan"));
    let mut client = client(switch_on(cgan.bytes(), 2, BANK_LEN));
    let hello = client.hello().unwrap();
    assert_eq!(
        (hello.source, hello.slot, hello.banks),
        (Source::BuiltIn, SlotState::Empty, 2)
    );
    assert_eq!(hello.arena_capacity as usize, LIMITS.arena);
    let replayed = replay(&mut client, &golden("cgan"), |_| ()).unwrap();
    assert_eq!((replayed.vectors, replayed.differences), (64, vec![]));
    assert!(matches!(
        replay(&mut client, &golden("gan"), |_| ()),
        Err(LinkError::OtherModel { .. })
    ));

    let mut told = Vec::new();
    let sent = upload(&mut client, gan.bytes(), |sent, all| told.push((sent, all)));
    assert_eq!(sent.unwrap(), Outcome::Uploaded);
    let len = gan.bytes().len();
    assert_eq!((told[0], told.last()), ((0, len), Some(&(len, len))));
    let again = upload(&mut client, gan.bytes(), |_, _| panic!("nothing to send"));
    assert_eq!(again.unwrap(), Outcome::AlreadyThere);
    let replayed = replay(&mut client, &golden("gan"), |_| ()).unwrap();
    assert_eq!((replayed.vectors, replayed.differences), (64, vec![]));
    assert_eq!(client.hello().unwrap().source, Source::Bank(0));
    assert_eq!(client.self_test().unwrap(), 4);

    assert_eq!(
        upload(&mut client, cgan.bytes(), |_, _| ()).unwrap(),
        Outcome::Uploaded
    );
    assert_eq!(client.hello().unwrap().source, Source::Bank(1));
    client.log_level(LogLevel::Debug).unwrap();
}

#[test]
fn a_slot_with_one_bank_and_no_slot() {
    let (cgan, gan) = (model("cgan"), model("gan"));
    let mut one = client(switch_on(cgan.bytes(), 1, BANK_LEN));
    for model in [&gan, &cgan] {
        assert_eq!(
            upload(&mut one, model.bytes(), |_, _| ()).unwrap(),
            Outcome::Uploaded
        );
        let hello = one.hello().unwrap();
        assert_eq!(
            (hello.source, hello.slot),
            (Source::Bank(0), SlotState::Running)
        );
    }
    let mut none = client(switch_on(cgan.bytes(), 0, 0));
    let refused = upload(&mut none, gan.bytes(), |_, _| ());
    assert!(
        matches!(refused, Err(LinkError::Refused(Refusal::NoSlot))),
        "{refused:?}"
    );
    let mut small = client(switch_on(cgan.bytes(), 2, 10_000));
    let refused = upload(&mut small, gan.bytes(), |_, _| ());
    assert!(
        matches!(refused, Err(LinkError::Refused(Refusal::TooLong { .. }))),
        "{refused:?}"
    );
}

/// An image whose golden vectors lie is found out by the device, which goes on with what it has.
#[test]
fn a_model_that_fails_its_self_test_never_runs() {
    let mut bytes = model("gan").bytes().to_vec();
    let goldens = u32::from_le_bytes(bytes[64..68].try_into().unwrap()) as usize;
    bytes[goldens + 8] ^= 1;
    let mut client = client(switch_on(model("cgan").bytes(), 2, BANK_LEN));
    let refused = upload(&mut client, &resealed(bytes), |_, _| ());
    let mismatch = Refusal::SelfTest {
        golden: 0,
        op: None,
    };
    assert!(
        matches!(&refused, Err(LinkError::Refused(refusal)) if *refusal == mismatch),
        "{refused:?}"
    );
    let replayed = replay(&mut client, &golden("cgan"), |_| ()).unwrap();
    assert_eq!((replayed.vectors, replayed.differences), (64, vec![]));
}

/// A host that goes away after any block: the next one finds the old model running.
#[test]
fn an_upload_that_is_cut_leaves_the_old_model_running() {
    let (cgan, gan) = (model("cgan"), model("gan"));
    let crc = cgan.image().unwrap().crc();
    let port = Arc::new(Mutex::new(switch_on(cgan.bytes(), 2, BANK_LEN)));
    let send = |request: &Request<'_>| {
        port.lock()
            .unwrap()
            .write_all(&bytes_of(1, request))
            .unwrap()
    };
    for blocks in [0, 1, 2, 3, 4, 5, 400, gan.bytes().len().div_ceil(BLOCK_LEN)] {
        let (len, crc_of_gan) = (gan.bytes().len() as u32, gan.image().unwrap().crc());
        let begin = Request::Begin {
            len,
            // Each time another, so that it starts anew.
            crc: crc_of_gan ^ blocks as u32,
        };
        send(&begin);
        for (index, bytes) in gan.bytes().chunks(BLOCK_LEN).enumerate().take(blocks) {
            let offset = (index * BLOCK_LEN) as u32;
            send(&Request::Block { offset, bytes });
        }
        let mut client = Client::new(Box::new(Shared(port.clone())));
        assert_eq!(
            client.hello().unwrap().image_crc,
            crc,
            "after {blocks} blocks"
        );
        let picture = client.generate(Latent::At(point(3, 4))).unwrap();
        assert_eq!(
            checksums(&picture),
            cgan.checksums(Latent::At(point(3, 4))).unwrap()
        );
    }
}

/// A port for one client after the other.
struct Shared<P>(Arc<Mutex<P>>);

impl<P: Port> Read for Shared<P> {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().read(space)
    }
}

impl<P: Port> Write for Shared<P> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A line that damages one piece in a hundred: slower, and right. Where a zero is lost, only
/// silence tells, so that most of the time goes by in waiting: here for less than for a device over
/// a wire.
#[test]
fn a_noisy_line_is_slow_and_right() {
    let limits = Limits {
        short: Duration::from_millis(300),
        long: Duration::from_secs(1),
        after_damage: Duration::from_millis(50),
        ..Limits::default()
    };
    let random = |seed| {
        RandomModel::random(seed, 5)
            .image(&[point(1, 0), point(2, 0)])
            .unwrap()
    };
    let (old, new) = (random(1), random(2));
    for seed in 0..3 {
        let port = switch_on(&old, 2, new.len()).noisy(seed, 100);
        let mut client = Client::with_limits(Box::new(port), limits);
        let sent = upload(&mut client, &new, |_, _| ());
        assert_eq!(sent.unwrap(), Outcome::Uploaded, "seed {seed}");
        let picture = client.generate(Latent::At(point(5, 0))).unwrap();
        assert_eq!(
            checksums(&picture),
            expected(&new, point(5, 0)),
            "seed {seed}"
        );
    }
}

#[test]
fn a_difference_is_named() {
    let mut golden = golden("cgan");
    golden.vectors.truncate(3);
    golden.vectors[1].layers[1] ^= 1;
    golden.vectors[2].picture[77] ^= 1;
    let mut client = client(switch_on(model("cgan").bytes(), 2, BANK_LEN));
    let replayed = replay(&mut client, &golden, |_| ()).unwrap();
    let places: Vec<_> = replayed.differences.iter().map(|d| &d.place).collect();
    assert!(
        matches!(places[..], [Place::Layer { name, .. }, Place::Element { index: 77, .. }] if *name == golden.layers[1]),
        "{places:?}"
    );
}

fn point(seed: u32, label: u8) -> Point {
    Point {
        seed,
        label: Some(label),
    }
}

fn checksums(picture: &host::link::DevicePicture) -> Vec<u32> {
    picture.layers.iter().map(|layer| layer.checksum).collect()
}

/// What a model gives, by the i64 oracle.
fn expected(image: &[u8], point: Point) -> Vec<u32> {
    let image = Image::new_checked(image).unwrap();
    let (input, outputs) = tests::oracle::run(&image, &Latent::At(point));
    let all = std::iter::once(input).chain(outputs.into_iter().map(|(_, output)| output));
    all.map(|values| shared::checksum::of_activations(&values))
        .collect()
}

fn crc_of(image: &[u8]) -> u32 {
    Image::new_checked(image).unwrap().crc()
}

fn bytes_of(number: u8, message: &Request<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::new(number, message).unwrap();
    frame.send(|piece| bytes.write_all(piece)).unwrap();
    bytes
}

/// What a hostile or broken host sends: requests in and out of order, whole, damaged, or only
/// noise.
struct Hostile<'i> {
    random: Pcg32,
    image: &'i [u8],
    offset: usize,
    /// What takes an emulated board long (full blocks, whole uploads, running the model), only
    /// one in so many is sent.
    long_one_in: u32,
}

impl<'i> Hostile<'i> {
    fn new(seed: u64, image: &'i [u8]) -> Self {
        Self {
            random: Pcg32::new(seed, 12),
            image,
            offset: 0,
            long_one_in: 1,
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.random.next_u32() % limit
    }

    /// A whole upload, as it should be. Its numbers, as those of the other frames, are no client's.
    fn upload(&self) -> Vec<u8> {
        let (len, crc) = (self.image.len() as u32, crc_of(self.image));
        let mut bytes = bytes_of(0xC1, &Request::Abort);
        bytes.extend(bytes_of(0xC2, &Request::Begin { len, crc }));
        for (index, block) in self.image.chunks(BLOCK_LEN).enumerate() {
            let offset = (index * BLOCK_LEN) as u32;
            bytes.extend(bytes_of(
                0xC3,
                &Request::Block {
                    offset,
                    bytes: block,
                },
            ));
        }
        bytes.extend(bytes_of(0xC4, &Request::Finish));
        bytes
    }

    /// The next frame, or what may pass for one.
    fn frame(&mut self) -> Vec<u8> {
        if self.below(300 * self.long_one_in) == 0 {
            return self.upload();
        }
        let noise: Vec<u8> = (0..self.below(40))
            .map(|_| self.random.next_u32() as u8)
            .collect();
        // Not those of a client that asks afterwards: a late answer would be taken for its own.
        let number = 0xC0 | noise.first().copied().unwrap_or(1);
        let image = self.image;
        let rest = &image[self.offset.min(image.len())..];
        let (len, crc) = (
            image.len() as u32,
            u32::from_le_bytes(image[12..16].try_into().unwrap()),
        );
        let label = (self.below(8) > 0).then_some(self.below(12) as u8);
        let at = Point {
            seed: self.random.next_u32(),
            label,
        };
        let mut kind = self.below(40);
        let long = matches!(kind, 4 | 9..14 | 17..34);
        if long && self.below(self.long_one_in) > 0 {
            // Any of the short ones below.
            kind = 34 + self.below(6);
        }
        let request = match kind {
            0..4 => return noise,
            4 => return [&noise[..], b"\ndigit 1 2\n"].concat(),
            5..9 => Request::Hello,
            9..12 => Request::Generate(Latent::At(at)),
            12 => Request::Generate(Latent::Between {
                from: at,
                to: at,
                step: number,
            }),
            13 => Request::SelfTest,
            14..16 => {
                self.offset = 0;
                Request::Begin { len, crc }
            }
            16 => {
                let (len, crc) = (
                    self.random.next_u32() >> self.below(32),
                    self.random.next_u32(),
                );
                Request::Begin { len, crc }
            }
            // Often the right block, so that uploads come to their ends.
            17..34 => {
                let offset = self.offset as u32;
                let bytes = &rest[..rest.len().min(BLOCK_LEN)];
                self.offset += bytes.len();
                Request::Block { offset, bytes }
            }
            34 => {
                let (offset, bytes) = (self.random.next_u32() >> self.below(32), &noise[..]);
                Request::Block { offset, bytes }
            }
            35..37 => Request::Finish,
            37 => Request::Release,
            38 => Request::Abort,
            _ => Request::Log(LogLevel::Off),
        };
        let mut bytes = bytes_of(number, &request);
        if self.below(4) == 0 {
            for _ in 0..=self.below(3) {
                mutate(&mut bytes, &mut self.random);
            }
        }
        bytes
    }
}

/// A port that gives what was recorded, and then ends.
struct Recorded(Cursor<Vec<u8>>);

impl Read for Recorded {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Recorded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lets the host's parser see a device's answers, whole and damaged.
fn parse(answers: &[u8], random: &mut Pcg32) {
    let mut answers = answers.to_vec();
    if random.next_u32() & 1 == 0 && !answers.is_empty() {
        mutate(&mut answers, random);
    }
    let mut client = Client::new(Box::new(Recorded(Cursor::new(answers))));
    // What comes is no answer to what is asked; it may be anything but a panic or a wait.
    match random.next_u32() % 4 {
        0 => drop(client.hello()),
        1 => drop(client.generate(Latent::At(Point::default()))),
        2 => drop(client.self_test()),
        _ => drop(client.log_level(LogLevel::Info)),
    }
}

/// A hundred thousand frames against the device's state machine with a live engine and flash, and
/// the host's parser: afterwards it answers, and draws right, with the model that it says it runs.
#[test]
fn a_hundred_thousand_frames_leave_device_and_host_alive() {
    const FRAMES: usize = 100_000;
    let random = |seed| RandomModel::random(seed, 4).image(&[point(1, 0)]).unwrap();
    let (built_in, other) = (random(1), random(2));
    let models = [&built_in, &other];
    let mut machine = Machine::new(&built_in, 2, other.len());
    let mut hostile = Hostile::new(1, &other);
    let mut noise = Pcg32::new(2, 2);
    // The last two are a line's end for whatever came before, and a sane question.
    let asked = Latent::At(point(9, 0));
    let mut last = [
        &b"\0"[..],
        &bytes_of(7, &Request::Hello),
        &bytes_of(8, &Request::Generate(asked)),
    ]
    .concat();
    // Number of the process's first question, so that answers are taken for its own.
    let number = (std::process::id() & 0x7F) as u8 + 1;
    let answers = RefCell::new(Vec::<u8>::new());
    let (mut frames, mut kinds, mut said) = (0, BTreeSet::new(), Vec::new());
    let receive = || {
        let answered = std::mem::take(&mut *answers.borrow_mut());
        for kind in kinds_of(&answered) {
            kinds.insert(kind);
        }
        parse(&answered, &mut noise);
        frames += 1;
        match frames {
            1..=FRAMES => {
                let mut frame = hostile.frame();
                if frames % 3 == 0 {
                    frame = bytes_of(number, &Request::Hello);
                    frame.extend(hostile.frame());
                }
                Some(frame)
            }
            _ if !last.is_empty() => Some(std::mem::take(&mut last)),
            _ => {
                said = answered;
                None
            }
        }
    };
    machine.run(receive, &mut |bytes| answers.borrow_mut().extend(bytes));
    // Every answer was seen, uploads that came to their end among them.
    let all = [
        "Hello", "Layer", "Pixels", "Picture", "SelfTest", "Begun", "Written", "Finished",
        "Aborted", "Released", "Log", "Refused",
    ];
    assert_eq!(kinds, all.map(String::from).into());
    let mut seen = (None, Vec::new(), false);
    for_each_reply(&said, |number, reply| match (number, reply) {
        (7, Reply::Hello(hello)) => seen.0 = Some(hello.image_crc),
        (8, Reply::Layer { checksum, .. }) => seen.1.push(checksum),
        (8, Reply::Picture { .. }) => seen.2 = true,
        _ => {}
    });
    let runs = models
        .iter()
        .find(|model| Image::new_checked(model).unwrap().crc() == seen.0.unwrap());
    assert_eq!(seen.1, expected(runs.unwrap(), point(9, 0)));
    assert!(seen.2);
}

fn for_each_reply(bytes: &[u8], mut see: impl FnMut(u8, Reply<'_>)) {
    let mut decoder = Decoder::new();
    for &byte in bytes {
        if let Some(Piece::Frame(frame)) = decoder.push(byte) {
            // The device's own frames are whole.
            let (number, reply) = decode(frame.unwrap()).unwrap();
            see(number, reply);
        }
    }
}

/// Names of the replies in an answer.
fn kinds_of(bytes: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    for_each_reply(bytes, |_, reply| {
        let text = format!("{reply:?}");
        let end = text.find([' ', '(']).unwrap_or(text.len());
        kinds.push(text[..end].to_owned());
    });
    kinds
}

/// As many against the emulated board, over its UART: after every thousand it answers, and after
/// some it draws right.
#[test]
fn a_hundred_thousand_frames_leave_the_emulated_board_alive() {
    const FRAMES: usize = 100_000;
    const AT_ONCE: usize = 1000;
    let gan = model("gan");
    let cgan = model("cgan");
    // Its uploads are refused as any are, and short.
    let other = RandomModel::random(2, 4).image(&[point(1, 0)]).unwrap();
    // What came before a question is answered before it, damage and all.
    let patient = Limits {
        short: Duration::from_secs(30),
        after_damage: Duration::from_secs(30),
        ..Limits::default()
    };
    let mut qemu = boot("cgan");
    {
        let port = Arc::new(Mutex::new(qemu.port().unwrap()));
        let mut hostile = Hostile::new(3, &other);
        // The emulated UART passes some fifty bytes a millisecond.
        hostile.long_one_in = 200;
        for round in 1..=FRAMES / AT_ONCE {
            let mut frames: Vec<u8> = (0..AT_ONCE).flat_map(|_| hostile.frame()).collect();
            // A line's end for whatever came before.
            frames.extend(b"\0\n");
            port.lock().unwrap().write_all(&frames).unwrap();
            // Each a new one: its numbers stay below those of the frames.
            let mut client = Client::with_limits(Box::new(Shared(port.clone())), patient);
            let hello = client.hello().unwrap();
            assert_eq!((&*hello.board, &*hello.model), ("lm3s6965evb", "cgan"));
            assert_eq!((hello.slot, hello.banks), (SlotState::Absent, 0));
            if round % 20 == 0 {
                let asked = Latent::At(point(round as u32, 5));
                let picture = client.generate(asked).unwrap();
                assert_eq!(checksums(&picture), cgan.checksums(asked).unwrap());
            }
        }
        let mut client = Client::new(Box::new(Shared(port)));
        let refused = upload(&mut client, gan.bytes(), |_, _| ());
        assert!(
            matches!(refused, Err(LinkError::Refused(Refusal::NoSlot))),
            "{refused:?}"
        );
        let replayed = replay(&mut client, &golden("cgan"), |_| ()).unwrap();
        assert_eq!((replayed.vectors, replayed.differences), (64, vec![]));
        let (least, most) = replayed.ticks.unwrap();
        assert!(least > 0 && most >= least);
        assert_eq!(client.self_test().unwrap(), 10);
    }
    // Text is as it was.
    let status = host::emulator::session::ask(&mut qemu, "digit 3 4").unwrap();
    assert_eq!(status, "status digit seed=3 label=4");
    assert_eq!(qemu.exit_code().unwrap(), None);
}

/// A simulated device behind a TCP port, for one visitor; gives the requests that came.
fn serve(listener: TcpListener, built_in: &[u8]) -> Vec<u8> {
    let (mut from_host, _) = listener.accept().unwrap();
    from_host.set_nodelay(true).unwrap();
    let mut to_host = from_host.try_clone().unwrap();
    let mut seen = Vec::new();
    let receive = || {
        let mut block = [0; 4096];
        let count = from_host.read(&mut block).ok().filter(|&count| count > 0)?;
        seen.extend(&block[..count]);
        Some(block[..count].to_vec())
    };
    // A host that went away is no reason to stop.
    Machine::new(built_in, 0, 0).run(receive, &mut |bytes| drop(to_host.write_all(bytes)));
    seen
}

/// Runs `thumbgen` with a simulated device; gives what it said and what it asked the device to log.
fn with_device(built_in: &[u8], folder: &Path, arguments: &[&str]) -> (Output, Vec<LogLevel>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (output, seen) = std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(listener, built_in));
        let output = tests::thumbgen()
            .args(arguments)
            .args(["--port", &format!("tcp:{address}")])
            .current_dir(folder)
            .output()
            .unwrap();
        // A command that never came leaves nobody waiting.
        drop(TcpStream::connect(address));
        (output, served.join().unwrap())
    });
    let mut decoder = Decoder::new();
    let mut levels = Vec::new();
    for byte in seen {
        if let Some(Piece::Frame(Ok(content))) = decoder.push(byte)
            && let Ok((_, Request::Log(level))) = decode(content)
        {
            levels.push(level);
        }
    }
    (output, levels)
}

#[test]
fn commands_choose_what_a_device_logs() {
    let (cgan, folder) = (model("cgan"), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| with_device(cgan.bytes(), folder.path(), arguments);
    for (name, level) in [
        ("off", LogLevel::Off),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ] {
        let sample = ["-q", "sample", "--digit", "3", "--log", name];
        let (output, levels) = run(&sample);
        assert!(output.status.success(), "{}", tests::complaint(&output));
        assert_eq!(levels, [level]);
    }
    let (output, levels) = run(&["-q", "verify", "--log", "debug"]);
    assert!(output.status.success(), "{}", tests::complaint(&output));
    assert_eq!(levels, [LogLevel::Debug]);
    let (output, levels) = run(&["-q", "sample", "--digit", "3"]);
    assert!(output.status.success() && levels.is_empty());
    for wrong in [
        &["verify", "--log", "info"][..],
        &["sample", "--log", "info"],
    ] {
        let output = tests::thumbgen().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    let (output, _) = run(&["verify", "--log", "loud"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A device's name for its model is no path: golden vectors are not taken from where it leads.
#[test]
fn what_a_device_calls_its_model_leads_nowhere() {
    let random = RandomModel::random(1, 4).image(&[point(1, 0)]).unwrap();
    let name = Image::new_checked(&random).unwrap().name().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(&name);
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join(host::models::folder::IMAGE), &random).unwrap();
    std::fs::write(place.join(host::models::folder::GOLDEN), "{").unwrap();
    let (output, _) = with_device(&random, folder.path(), &["-q", "verify"]);
    assert_eq!(output.status.code(), Some(3));
    let said = tests::complaint(&output);
    assert!(
        said.contains(&name) && said.contains("none of the shipped models"),
        "{said}"
    );
    // Where the user names it, it is.
    let (output, _) = with_device(&random, folder.path(), &["-q", "verify", "--model", &name]);
    let said = tests::complaint(&output);
    assert!(!said.contains("none of the shipped models"), "{said}");
}

/// The emulated board behind a TCP port, as `thumbgen emulate --serve` has it, for `verify` and
/// `sample`.
#[test]
fn commands_talk_to_the_emulated_board_over_tcp() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let mut qemu = boot("cgan");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp:{}", listener.local_addr().unwrap());
    let stop = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let (device, host) = (
        folder.path().join("device.png"),
        folder.path().join("host.png"),
    );
    std::thread::scope(|scope| {
        let served = scope.spawn(|| host::emulator::serve(&mut qemu, &listener, &stop));
        let run = |arguments: &[&str]| tests::thumbgen().args(arguments).output().unwrap();
        let verified = run(&["verify", "--port", &port]);
        let wrong = run(&["verify", "--port", &port, "--model", "gan"]);
        let out = device.display().to_string();
        let sampled = run(&[
            "-q", "sample", "--port", &port, "--grid", "5x2", "--out", &out,
        ]);
        stop.store(true, Ordering::Relaxed);
        served.join().unwrap().unwrap();
        let text = String::from_utf8_lossy(&verified.stdout);
        assert!(
            verified.status.success() && text.contains("64 golden vectors are equal"),
            "{text}{}",
            tests::complaint(&verified)
        );
        assert_eq!(wrong.status.code(), Some(5), "{}", tests::complaint(&wrong));
        assert!(sampled.status.success(), "{}", tests::complaint(&sampled));
    });
    let out = host.display().to_string();
    let sampled = tests::thumbgen()
        .args([
            "-q", "sample", "--model", "cgan", "--grid", "5x2", "--out", &out,
        ])
        .output()
        .unwrap();
    assert!(sampled.status.success());
    assert!(std::fs::read(device).unwrap() == std::fs::read(host).unwrap());
}

#[test]
fn ports_that_are_none_are_named() {
    for port in ["/dev/no-such-port", "tcp:127.0.0.1:1", "tcp:nonsense"] {
        let error = host::link::open(port).err().unwrap();
        assert!(error.to_string().contains(port), "{error}");
    }
    // A port where nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host::link::open(&format!("tcp:{}", listener.local_addr().unwrap())).unwrap();
    drop(listener.accept().unwrap());
    std::thread::sleep(Duration::from_millis(50));
    let error = Client::new(port).hello().unwrap_err();
    assert!(matches!(error, LinkError::Io(_)), "{error}");
    assert!(error.to_string().contains("tcp:127.0.0.1:"), "{error}");
}
