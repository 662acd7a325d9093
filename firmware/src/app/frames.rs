//! Answers frames: the device's side of [`shared::protocol`].

use super::device::{Device, DeviceError, Next, Ports, Probe, Serial};
use crate::engine::{EngineError, Observer};
use crate::panel::Screen;
use crate::slot::{self, Slot, Start};
use core::fmt;
use shared::checksum;
use shared::image::Turn;
use shared::latent::Latent;
use shared::protocol::{
    BLOCK_LEN, Frame, FrameError, Hello, MalformedMessage, Refusal, Reply, Request, Source, decode,
    short,
};

impl Device<'_> {
    pub(super) fn answer<S: Screen, P: Probe, W: Serial, U: Slot>(
        &mut self,
        frame: Result<&[u8], FrameError>,
        ports: Ports<'_, S, P, W, U>,
    ) -> Result<Next, DeviceError<S::Error>> {
        let (number, request) = match frame.map(decode) {
            Ok(Ok((number, request))) => (number, Ok(request)),
            Ok(Err(MalformedMessage { number })) => (number, Err(Refusal::Malformed)),
            Err(error) => (0, Err(Refusal::Frame(error))),
        };
        let Ports {
            arena,
            screen,
            probe,
            serial,
            slot,
        } = ports;
        let (mut next, mut drawn) = (Next::Continue, Ok(()));
        let reply = match request {
            Err(refusal) => Err(refusal),
            Ok(Request::Hello) => Ok(Reply::Hello(self.hello(slot))),
            Ok(Request::Generate(latent)) => self.generate(number, latent, arena, probe, serial)?,
            Ok(Request::SelfTest) => {
                let result = self.test(arena, probe);
                drawn = self.redraw(arena, screen, probe);
                result
                    .map(|goldens| Reply::SelfTest {
                        goldens: saturated(goldens),
                    })
                    .map_err(|error| slot::refusal(&error))
            }
            Ok(Request::Begin { len, crc }) => {
                slot.begin(len, crc).map(|offset| Reply::Begun { offset })
            }
            Ok(Request::Block { offset, bytes }) => slot
                .block(offset, bytes)
                .map(|offset| Reply::Written { offset }),
            Ok(Request::Finish) => slot.finish(arena, probe).map(|crc| {
                next = Next::Restart(Start::Newest);
                Reply::Finished { crc }
            }),
            Ok(Request::Abort) => {
                slot.abort();
                Ok(Reply::Aborted)
            }
            Ok(Request::Release) if slot.banks() == 0 => Err(Refusal::NoSlot),
            Ok(Request::Release) => {
                if self.source != Source::BuiltIn {
                    next = Next::Restart(Start::BuiltIn);
                }
                Ok(Reply::Released)
            }
            Ok(Request::Log(level)) => {
                self.log_level = level;
                Ok(Reply::Log(level))
            }
        };
        // A restart goes on where the line fails: the slot is as it is.
        let sent = send(serial, number, &reply.unwrap_or_else(Reply::Refused));
        match next {
            Next::Continue => sent?,
            Next::Restart(_) => {}
        }
        drawn?;
        Ok(next)
    }

    fn hello(&self, slot: &impl Slot) -> Hello<&str> {
        let image = self.engine.image();
        let output = image.output();
        // Images and arenas have at most 16 MiB.
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Hello {
            board: short(self.identity.board),
            firmware: short(self.identity.firmware),
            model: short(image.name()),
            source: self.source,
            slot: self.slot,
            banks: slot.banks(),
            slot_capacity: slot.capacity(),
            image_len: count(image.len()),
            image_crc: image.crc(),
            arena_len: count(image.arena_len()),
            arena_capacity: count(self.identity.arena),
            latent_len: saturated(image.latent_len()),
            classes: image.classes(),
            ops: saturated(image.op_count()),
            goldens: saturated(image.goldens().len()),
            height: output.height,
            width: output.width,
            channels: output.channels,
            range: image.pixel_range(),
        }
    }

    /// Computes a picture and sends all of it but the last reply.
    fn generate<P: Probe, W: Serial>(
        &self,
        number: u8,
        latent: Latent,
        arena: &mut [i8],
        probe: &mut P,
        serial: &mut W,
    ) -> Result<Result<Reply<'static>, Refusal>, fmt::Error> {
        let mut report = Report {
            number,
            probe,
            serial,
            layers: 0,
            sent: Ok(()),
        };
        let picture = self.engine.generate(arena, latent, &mut report);
        let Report { layers, sent, .. } = report;
        sent?;
        let elements = match picture {
            Ok(picture) => bytemuck::cast_slice::<i8, u8>(picture.data()),
            Err(EngineError::Label { .. } | EngineError::NoLabel { .. })
            | Err(EngineError::Unconditional { .. }) => {
                let classes = self.engine.image().classes();
                return Ok(Err(Refusal::Label { classes }));
            }
            Err(EngineError::Arena { .. } | EngineError::Regions { .. }) => {
                return Ok(Err(Refusal::Engine));
            }
        };
        let mut offset = 0;
        for bytes in elements.chunks(BLOCK_LEN) {
            send(serial, number, &Reply::Pixels { offset, bytes })?;
            // At most BLOCK_LEN.
            offset += bytes.len() as u32;
        }
        Ok(Ok(Reply::Picture {
            layers,
            len: offset,
            ticks: probe.stats().ticks,
        }))
    }
}

fn saturated(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Answers a frame on a device that cannot do anything: it has nothing to run.
///
/// # Errors
/// Where the line takes no more.
pub fn refuse(
    frame: Result<&[u8], FrameError>,
    refusal: Refusal,
    serial: &mut impl Serial,
) -> fmt::Result {
    let number = frame.ok().and_then(|content| content.first());
    let number = number.copied().unwrap_or(0);
    send(serial, number, &Reply::Refused(refusal))
}

/// Sends a reply. Blocks and names are cut to what fits, so every reply does.
fn send(serial: &mut impl Serial, number: u8, reply: &Reply<'_>) -> fmt::Result {
    match Frame::new(number, reply) {
        Ok(frame) => frame.send(|piece| serial.send(piece)),
        Err(_) => Ok(()),
    }
}

/// Sends [`Reply::Layer`] for the input and each operation as the engine goes.
struct Report<'w, P, W> {
    number: u8,
    probe: &'w mut P,
    serial: &'w mut W,
    layers: u16,
    sent: fmt::Result,
}

impl<P: Probe, W: Serial> Report<'_, P, W> {
    fn layer_done(&mut self, values: &[i8]) {
        let ticks = self.probe.lap();
        let reply = Reply::Layer {
            index: self.layers,
            checksum: checksum::of_activations(values),
            ticks,
        };
        self.sent = self
            .sent
            .and_then(|()| send(self.serial, self.number, &reply));
        // An image has at most 4096 operations.
        self.layers = self.layers.saturating_add(1);
        self.probe.skip();
    }
}

impl<P: Probe, W: Serial> Observer for Report<'_, P, W> {
    fn begin(&mut self, latent: Latent) {
        self.probe.begin(latent);
    }

    fn input(&mut self, input: &[i8]) {
        self.layer_done(input);
    }

    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        self.layer_done(output);
        self.probe.layer(turn, output);
    }

    fn end(&mut self) {
        self.probe.end();
    }
}

#[cfg(test)]
mod tests;
