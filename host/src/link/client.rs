//! Questions and answers, each within a time limit, sent again where the line damaged them.

use super::{LinkError, Port};
use crate::picture::GrayImage;
use shared::latent::Latent;
use shared::protocol::{
    Decoder, Frame, FrameError, Hello, LogLevel, Piece, Refusal, Reply, Request, decode,
};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How often a question is asked before a line that damages what passes is given up.
const ATTEMPTS: usize = 8;

/// Questions that are answered at once, and writes to flash memory: how long to wait before they are asked again.
pub(super) const SHORT: Duration = Duration::from_secs(3);

/// Answers that want a model to run; an emulated device takes its time.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// How long a silent device is asked: this many times its limit.
const SILENCES: usize = 4;

/// The same for answers that take long.
const LONG_SILENCES: usize = 2;

/// How long nothing may come behind something damaged.
const AFTER_DAMAGE: Duration = Duration::from_millis(500);

/// Text that is kept.
const MAX_TEXT: usize = 1 << 16;

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
    /// Its grey levels: of several channels, the first.
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
    decoder: Decoder,
    number: u8,
    text: String,
}

impl Client {
    /// A conversation over a port.
    pub fn new(port: Box<dyn Port>) -> Self {
        Self {
            port,
            decoder: Decoder::new(),
            // Another conversation that was cut off may still be answered: start elsewhere.
            number: (std::process::id() & 0x7F) as u8,
            text: String::new(),
        }
    }

    /// The text that came beside frames, since the last call.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Who is there.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn hello(&mut self) -> Result<Hello<String>, LinkError> {
        self.ask(&Request::Hello, "a hello", SHORT, |reply| match reply {
            Reply::Hello(hello) => Some(hello.map_names(str::to_owned)),
            _ => None,
        })
    }

    /// Computes a picture on the device.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn generate(&mut self, latent: Latent) -> Result<DevicePicture, LinkError> {
        let number = self.next_number();
        again(|| {
            let mut picture = DevicePicture::default();
            let expected = "a picture";
            self.once(
                number,
                &Request::Generate(latent),
                LONG,
                |reply| match reply {
                    Reply::Layer {
                        index,
                        checksum,
                        ticks,
                    } if usize::from(index) == picture.layers.len() => {
                        picture.layers.push(Layer { checksum, ticks });
                        Ok(None)
                    }
                    Reply::Pixels { offset, bytes }
                        if offset as usize == picture.elements.len() =>
                    {
                        let elements = bytes.iter().map(|byte| byte.cast_signed());
                        picture.elements.extend(elements);
                        Ok(None)
                    }
                    Reply::Picture { layers, len, ticks }
                        if usize::from(layers) == picture.layers.len()
                            && len as usize == picture.elements.len() =>
                    {
                        picture.ticks = ticks;
                        Ok(Some(()))
                    }
                    // A part is missing: it was damaged.
                    Reply::Layer { .. } | Reply::Pixels { .. } => Ok(None),
                    Reply::Picture { .. } => Err(LinkError::Damaged),
                    _ => Err(LinkError::Unexpected { expected }),
                },
            )?;
            Ok(picture)
        })
    }

    /// Runs the device's self-test; gives its number of golden vectors.
    ///
    /// # Errors
    /// [`LinkError::Refused`] with what differs, and as for every question.
    pub fn self_test(&mut self) -> Result<u16, LinkError> {
        let expected = "a self-test's result";
        self.ask(&Request::SelfTest, expected, LONG, |reply| match reply {
            Reply::SelfTest { goldens } => Some(goldens),
            _ => None,
        })
    }

    /// Chooses what the device logs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn log_level(&mut self, level: LogLevel) -> Result<(), LinkError> {
        let expected = "a log level";
        self.ask(&Request::Log(level), expected, SHORT, |reply| {
            (reply == Reply::Log(level)).then_some(())
        })
    }

    /// Numbers from 1 to 255.
    fn next_number(&mut self) -> u8 {
        self.number = self.number.checked_add(1).unwrap_or(1);
        self.number
    }

    /// Asks until an answer comes; `limit` is for silence. A question keeps its number when it is asked again: a late
    /// answer is as good.
    pub(super) fn ask<T>(
        &mut self,
        request: &Request<'_>,
        expected: &'static str,
        limit: Duration,
        mut see: impl FnMut(Reply<'_>) -> Option<T>,
    ) -> Result<T, LinkError> {
        let number = self.next_number();
        again(|| {
            self.once(number, request, limit, |reply| match see(reply) {
                Some(answer) => Ok(Some(answer)),
                None => Err(LinkError::Unexpected { expected }),
            })
        })
    }

    /// Asks once. `see` takes the replies until it gives something.
    fn once<T>(
        &mut self,
        number: u8,
        request: &Request<'_>,
        limit: Duration,
        mut see: impl FnMut(Reply<'_>) -> Result<Option<T>, LinkError>,
    ) -> Result<T, LinkError> {
        self.send(number, request)?;
        let mut deadline = Instant::now() + limit;
        let mut damaged = None;
        let mut block = [0; 4096];
        loop {
            let count = match self.port.read(&mut block) {
                Ok(0) => return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(count) => count,
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
                    ) =>
                {
                    0
                }
                Err(e) => return Err(e.into()),
            };
            for &byte in block.get(..count).unwrap_or_default() {
                match self.decoder.push(byte) {
                    None => {}
                    Some(Piece::Text(byte)) if self.text.len() < MAX_TEXT => {
                        self.text.push(char::from(byte));
                    }
                    Some(Piece::Text(_) | Piece::Cut) => {}
                    Some(Piece::Frame(Err(error))) => {
                        damaged = Some(match error {
                            FrameError::Version { found } => LinkError::Version { found },
                            FrameError::Damaged | FrameError::TooLong => LinkError::Damaged,
                        });
                        deadline = deadline.min(Instant::now() + AFTER_DAMAGE);
                    }
                    Some(Piece::Frame(Ok(content))) => match decode::<Reply<'_>>(content) {
                        // The device could not read a number. It may mean what came before this question.
                        Ok((0, Reply::Refused(refusal))) => {
                            damaged = Some(refusal.into());
                            deadline = deadline.min(Instant::now() + AFTER_DAMAGE);
                        }
                        Ok((found, _)) if found != number => {}
                        Ok((_, Reply::Refused(refusal))) => return Err(refusal.into()),
                        Ok((_, reply)) => {
                            if let Some(answer) = see(reply)? {
                                return Ok(answer);
                            }
                            let patience = damaged.as_ref().map_or(limit, |_| AFTER_DAMAGE);
                            deadline = Instant::now() + patience;
                        }
                        Err(error) if error.number == number => {
                            let expected = "one that is known here";
                            return Err(LinkError::Unexpected { expected });
                        }
                        Err(_) => {}
                    },
                }
            }
            if Instant::now() >= deadline {
                return Err(damaged.unwrap_or(LinkError::Silent { limit }));
            }
        }
    }

    fn send(&mut self, number: u8, request: &Request<'_>) -> Result<(), LinkError> {
        let mut bytes = Vec::new();
        let frame = Frame::new(number, request).map_err(|_| Refusal::Malformed)?;
        frame.send(|piece| bytes.write_all(piece))?;
        self.port.write_all(&bytes)?;
        self.port.flush()?;
        Ok(())
    }
}

/// Asks again where the line damaged the question or the answer.
fn again<T>(mut ask: impl FnMut() -> Result<T, LinkError>) -> Result<T, LinkError> {
    let mut silences = 1;
    for _ in 1..ATTEMPTS {
        match ask() {
            Err(LinkError::Silent { limit }) => {
                let most = if limit < LONG {
                    SILENCES
                } else {
                    LONG_SILENCES
                };
                if silences >= most {
                    return Err(LinkError::Silent { limit });
                }
                silences += 1;
            }
            Err(error) if error.is_noise() => {}
            other => return other,
        }
    }
    ask()
}
