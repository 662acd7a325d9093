//! Questions and answers, each within a time limit, sent again where the line damaged them.

use super::port::is_pause;
use super::{LinkError, Port};
use crate::picture::GrayImage;
use shared::image::MAX_OPS;
use shared::latent::Latent;
use shared::protocol::{
    Decoder, Frame, FrameError, Hello, LogLevel, Piece, Refusal, Reply, Request, decode,
};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How often a question is asked before a line that damages what passes is given up.
const ATTEMPTS: usize = 8;

/// Text that is kept.
const MAX_TEXT: usize = 1 << 16;

/// The most elements of a picture that a device may have.
pub(super) const MAX_ELEMENTS: usize = 1 << 20;

/// How long a device may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Silence after questions that are answered at once, writes to flash memory among them.
    pub short: Duration,
    /// Silence where a model has to run, between the parts of an answer as well; an emulated device
    /// takes its time.
    pub long: Duration,
    /// How long nothing of use may come behind something damaged.
    pub after_damage: Duration,
    /// All of a question: whatever comes meanwhile, and however often it is asked again.
    pub question: Duration,
    /// From the end of an upload until the device runs the model.
    pub restart: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            short: Duration::from_secs(3),
            long: Duration::from_secs(60),
            after_damage: Duration::from_millis(500),
            question: Duration::from_secs(600),
            restart: Duration::from_secs(60),
        }
    }
}

/// What kind of answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// One that comes at once.
    Short,
    /// One that wants a model to run.
    Long,
}

impl Wait {
    /// How often a silent device is asked.
    const fn silences(self) -> usize {
        match self {
            Self::Short => 4,
            Self::Long => 2,
        }
    }
}

/// A question on its way. It keeps its number when it is asked again: a late answer is as good.
struct Question<'r> {
    number: u8,
    request: Request<'r>,
    wait: Wait,
    silence: Duration,
    end: Instant,
}

/// What a reply is to a question.
enum Seen<T> {
    /// The last part of the answer.
    All(T),
    /// The part that was due.
    Part,
    /// None of use. It gives the device no more time.
    Nothing,
}

/// What a device computed of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// CRC-32 of its output.
    pub checksum: u32,
    /// Ticks of the device's counter that it took.
    pub ticks: u32,
}

/// A picture from a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DevicePicture {
    /// The input, then each operation.
    pub layers: Vec<Layer>,
    /// Its int8 elements: rows, columns, channels.
    pub elements: Vec<i8>,
    /// Ticks of the device's counter for all of it.
    pub ticks: u32,
}

impl DevicePicture {
    /// Its grey levels: of several channels, the first. The size is that of [`Client::hello`],
    /// which refuses large ones.
    pub fn to_gray(&self, hello: &Hello<String>) -> GrayImage {
        let (width, height) = (usize::from(hello.width), usize::from(hello.height));
        let channels = usize::from(hello.channels).max(1);
        let elements = self.elements.iter().step_by(channels);
        let mut pixels: Vec<u8> = elements
            .map(|&q| hello.range.grey(q))
            .take(width * height)
            .collect();
        // A device that sends less than it says.
        pixels.resize(width * height, 0);
        GrayImage {
            width,
            height,
            pixels,
        }
    }
}

/// The host's end of the line.
pub struct Client {
    port: Box<dyn Port>,
    limits: Limits,
    decoder: Decoder,
    number: u8,
    text: String,
    /// The most layers and elements of a picture.
    most: (usize, usize),
}

impl Client {
    /// A conversation over a port.
    pub fn new(port: Box<dyn Port>) -> Self {
        Self::with_limits(port, Limits::default())
    }

    /// A conversation with other limits.
    pub fn with_limits(port: Box<dyn Port>, limits: Limits) -> Self {
        Self {
            port,
            limits,
            decoder: Decoder::new(),
            // Another conversation that was cut off may still be answered: start elsewhere.
            number: (std::process::id() & 0x7F) as u8,
            text: String::new(),
            most: (MAX_OPS + 1, MAX_ELEMENTS),
        }
    }

    /// The limits.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The text that came beside frames, since the last call. It is fit for a terminal, as names
    /// are.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Who is there. Control characters in names are replaced: whoever prints them gives no
    /// terminal orders.
    ///
    /// # Errors
    /// [`LinkError::Shape`] where pictures are too large, and as for every question.
    pub fn hello(&mut self) -> Result<Hello<String>, LinkError> {
        let hello = self.ask(
            &Request::Hello,
            "a hello",
            Wait::Short,
            |reply| match reply {
                Reply::Hello(hello) => Some(hello.map_names(printable)),
                _ => None,
            },
        )?;
        let Hello {
            height,
            width,
            channels,
            ..
        } = hello;
        // Three u16 do not overflow.
        let elements = u64::from(height) * u64::from(width) * u64::from(channels);
        if elements == 0 || elements > MAX_ELEMENTS as u64 {
            return Err(LinkError::Shape {
                height,
                width,
                channels,
            });
        }
        self.most = (
            usize::from(hello.ops).min(MAX_OPS) + 1,
            usize::try_from(elements).unwrap_or(MAX_ELEMENTS),
        );
        Ok(hello)
    }

    /// Computes a picture on the device: of at most as many layers and elements as its last
    /// [`Self::hello`] states.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn generate(&mut self, latent: Latent) -> Result<DevicePicture, LinkError> {
        let question = self.question(Request::Generate(latent), Wait::Long);
        let (most_layers, most_elements) = self.most;
        let larger = || LinkError::Unexpected {
            expected: "a picture of the size that it states",
        };
        again(&question, || {
            let mut picture = DevicePicture::default();
            self.once(&question, |reply| match reply {
                Reply::Layer {
                    index,
                    checksum,
                    ticks,
                } if usize::from(index) == picture.layers.len() => {
                    if picture.layers.len() == most_layers {
                        return Err(larger());
                    }
                    picture.layers.push(Layer { checksum, ticks });
                    Ok(Seen::Part)
                }
                Reply::Pixels { offset, bytes }
                    if offset as usize == picture.elements.len() && !bytes.is_empty() =>
                {
                    if bytes.len() > most_elements - picture.elements.len() {
                        return Err(larger());
                    }
                    let elements = bytes.iter().map(|byte| byte.cast_signed());
                    picture.elements.extend(elements);
                    Ok(Seen::Part)
                }
                Reply::Picture { layers, len, ticks }
                    if usize::from(layers) == picture.layers.len()
                        && len as usize == picture.elements.len() =>
                {
                    picture.ticks = ticks;
                    Ok(Seen::All(()))
                }
                // A part is missing: it was damaged.
                Reply::Layer { .. } | Reply::Pixels { .. } => Ok(Seen::Nothing),
                Reply::Picture { .. } => Err(LinkError::Damaged),
                _ => Err(LinkError::Unexpected {
                    expected: "a picture",
                }),
            })?;
            Ok(picture)
        })
    }

    /// Runs the device's self-test; gives its number of golden vectors.
    ///
    /// # Errors
    /// [`LinkError::Refused`] with what differs, and as for every question.
    pub fn self_test(&mut self) -> Result<u16, LinkError> {
        let expected = "a self-test's result";
        self.ask(
            &Request::SelfTest,
            expected,
            Wait::Long,
            |reply| match reply {
                Reply::SelfTest { goldens } => Some(goldens),
                _ => None,
            },
        )
    }

    /// Chooses what the device logs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn log_level(&mut self, level: LogLevel) -> Result<(), LinkError> {
        let expected = "a log level";
        self.ask(&Request::Log(level), expected, Wait::Short, |reply| {
            (reply == Reply::Log(level)).then_some(())
        })
    }

    /// Begins a question: its number is from 1 to 255.
    fn question<'r>(&mut self, request: Request<'r>, wait: Wait) -> Question<'r> {
        self.number = self.number.checked_add(1).unwrap_or(1);
        Question {
            number: self.number,
            request,
            wait,
            silence: match wait {
                Wait::Short => self.limits.short,
                Wait::Long => self.limits.long,
            },
            end: Instant::now() + self.limits.question,
        }
    }

    /// Asks until an answer comes.
    pub(super) fn ask<T>(
        &mut self,
        request: &Request<'_>,
        expected: &'static str,
        wait: Wait,
        mut see: impl FnMut(Reply<'_>) -> Option<T>,
    ) -> Result<T, LinkError> {
        let question = self.question(*request, wait);
        again(&question, || {
            self.once(&question, |reply| match see(reply) {
                Some(answer) => Ok(Seen::All(answer)),
                None => Err(LinkError::Unexpected { expected }),
            })
        })
    }

    /// Asks once. `see` takes the replies until it has all of the answer.
    fn once<T>(
        &mut self,
        question: &Question<'_>,
        mut see: impl FnMut(Reply<'_>) -> Result<Seen<T>, LinkError>,
    ) -> Result<T, LinkError> {
        let Question {
            number,
            silence,
            end,
            ..
        } = *question;
        self.send(question)?;
        let after_damage = self.limits.after_damage;
        // Only a part of the answer that was due moves it, and never behind the question's end.
        let mut deadline = end.min(Instant::now() + silence);
        let mut damaged = None;
        let mut block = [0; 4096];
        loop {
            let count = match self.port.read(&mut block) {
                Ok(0) => return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(count) => count,
                Err(error) if is_pause(&error) => 0,
                Err(error) => return Err(error.into()),
            };
            for &byte in block.get(..count).unwrap_or_default() {
                match self.decoder.push(byte) {
                    None => {}
                    Some(Piece::Text(byte)) if self.text.len() < MAX_TEXT => {
                        self.text.push(printable_in_text(char::from(byte)));
                    }
                    Some(Piece::Text(_) | Piece::Cut) => {}
                    Some(Piece::Frame(Err(error))) => {
                        damaged = Some(match error {
                            FrameError::Version { found } => LinkError::Version { found },
                            FrameError::Damaged | FrameError::TooLong => LinkError::Damaged,
                        });
                        deadline = deadline.min(Instant::now() + after_damage);
                    }
                    Some(Piece::Frame(Ok(content))) => match decode::<Reply<'_>>(content) {
                        // The device could not read a number. It may mean what came before this
                        // question.
                        Ok((0, Reply::Refused(refusal))) => {
                            damaged = Some(refusal.into());
                            deadline = deadline.min(Instant::now() + after_damage);
                        }
                        Ok((found, _)) if found != number => {}
                        Ok((_, Reply::Refused(refusal))) => return Err(refusal.into()),
                        Ok((_, reply)) => match see(reply)? {
                            Seen::All(answer) => return Ok(answer),
                            Seen::Part => {
                                let patience = damaged.as_ref().map_or(silence, |_| after_damage);
                                deadline = end.min(Instant::now() + patience);
                            }
                            Seen::Nothing => {}
                        },
                        Err(error) if error.number == number => {
                            let expected = "one that is known here";
                            return Err(LinkError::Unexpected { expected });
                        }
                        Err(_) => {}
                    },
                }
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(damaged.unwrap_or(if now >= end {
                    let limit = self.limits.question;
                    LinkError::Unfinished { limit }
                } else {
                    LinkError::Silent { limit: silence }
                }));
            }
        }
    }

    fn send(&mut self, question: &Question<'_>) -> Result<(), LinkError> {
        let mut bytes = Vec::new();
        let frame =
            Frame::new(question.number, &question.request).map_err(|_| Refusal::Malformed)?;
        frame.send(|piece| bytes.write_all(piece))?;
        self.port
            .write_all(&bytes)
            .map_err(|error| match is_pause(&error) {
                true => LinkError::Blocked(error),
                false => LinkError::Io(error),
            })
    }
}

/// Asks again where the line damaged the question or the answer.
fn again<T>(
    question: &Question<'_>,
    mut ask: impl FnMut() -> Result<T, LinkError>,
) -> Result<T, LinkError> {
    let (mut attempts, mut silences) = (0, 0);
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        attempts += 1;
        let hopeless = match &error {
            LinkError::Silent { .. } => {
                silences += 1;
                silences >= question.wait.silences()
            }
            error => !error.is_noise(),
        };
        if hopeless || attempts >= ATTEMPTS || Instant::now() >= question.end {
            return Err(error);
        }
    }
}

/// A device's name for something, without what orders a terminal about.
fn printable(text: &str) -> String {
    let replaced = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(replaced).collect()
}

/// The same for text, which has lines.
fn printable_in_text(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
