//! A device without hardware: the firmware's own device on flash in RAM, behind a port in memory.
//! And a line that damages what passes.

use firmware::app::{Device, Event, Identity, Next, Ports, Receiver, Serial};
use firmware::panel::FrameBuffer;
use firmware::slot::simulated::{Power, SECTOR_LEN, SimulatedBank};
use firmware::slot::{Limits, Start, boot};
use shared::latent::pcg::Pcg32;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// What the simulated device says it is.
pub const IDENTITY: Identity = Identity {
    board: "simulated",
    firmware: env!("CARGO_PKG_VERSION"),
    arena: LIMITS.arena,
};

/// What it can do.
pub const LIMITS: Limits = Limits {
    arena: 64 * 1024,
    million_steps: 20,
    million_test_steps: 2000,
};

/// The device, switched off.
pub struct Machine {
    built_in: Vec<u8>,
    banks: Vec<SimulatedBank>,
    /// The power of its flash.
    pub power: Power,
}

impl Machine {
    /// With so many banks of so many bytes.
    pub fn new(built_in: &[u8], banks: usize, bank_len: usize) -> Self {
        let power = Power::new();
        Self {
            built_in: built_in.to_vec(),
            banks: (0..banks)
                .map(|bank| {
                    SimulatedBank::new(bank_len.div_ceil(SECTOR_LEN) + 1, &power, bank as u64)
                })
                .collect(),
            power,
        }
    }

    /// Runs, as a board's program does, on bytes that `receive` gives until it gives none; `send`
    /// takes what is sent.
    pub fn run(
        &mut self,
        mut receive: impl FnMut() -> Option<Vec<u8>>,
        send: &mut dyn FnMut(&[u8]),
    ) {
        let mut arena = vec![0; LIMITS.arena];
        let mut start = Start::Newest;
        let mut receiver = Receiver::new();
        let mut waiting = Vec::new().into_iter();
        let mut line = Line(send);
        'start: loop {
            let booted = boot(
                &mut self.banks,
                &self.built_in,
                LIMITS,
                start,
                &mut arena,
                &mut (),
            );
            let (running, mut slot) = booted.unwrap_or_else(|error| panic!("{error}"));
            let mut device = Device::new(&running, IDENTITY);
            let mut frame = FrameBuffer::new();
            loop {
                for byte in waiting.by_ref() {
                    let Some(event) = receiver.push(byte) else {
                        continue;
                    };
                    let ports = Ports {
                        arena: &mut arena,
                        screen: &mut frame,
                        probe: &mut (),
                        serial: &mut line,
                        slot: &mut slot,
                    };
                    match device.handle(event, ports) {
                        Ok(Next::Continue) => {}
                        Ok(Next::Restart(next)) => {
                            start = next;
                            continue 'start;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                match receive() {
                    Some(bytes) => waiting = bytes.into_iter(),
                    None => return,
                }
                let ports = Ports {
                    arena: &mut arena,
                    screen: &mut frame,
                    probe: &mut (),
                    serial: &mut line,
                    slot: &mut slot,
                };
                let ticked = device.handle(Event::Tick, ports);
                assert_eq!(ticked.ok(), Some(Next::Continue));
            }
        }
    }
}

struct Line<'s>(&'s mut dyn FnMut(&[u8]));

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes())
    }
}

impl Serial for Line<'_> {
    fn send(&mut self, bytes: &[u8]) -> fmt::Result {
        (self.0)(bytes);
        Ok(())
    }
}

/// Switches a device on, on a thread of its own, until its port is dropped.
pub fn switch_on(built_in: &[u8], banks: usize, bank_len: usize) -> MemoryPort {
    let (to_device, from_host) = channel::<Vec<u8>>();
    let (to_host, from_device) = channel();
    let built_in = built_in.to_vec();
    std::thread::spawn(move || {
        Machine::new(&built_in, banks, bank_len).run(
            || from_host.recv().ok(),
            // A host that went away is no reason to stop.
            &mut |bytes| drop(to_host.send(bytes.to_vec())),
        );
    });
    MemoryPort {
        to_device,
        from_device,
        waiting: Vec::new(),
        noise: None,
    }
}

/// The host's end.
pub struct MemoryPort {
    to_device: Sender<Vec<u8>>,
    from_device: mpsc::Receiver<Vec<u8>>,
    waiting: Vec<u8>,
    noise: Option<Noise>,
}

/// A line that damages one of so many pieces.
struct Noise {
    random: Pcg32,
    one_in: u32,
}

impl MemoryPort {
    /// Makes the line damage one piece in `one_in`, both ways.
    pub fn noisy(self, seed: u64, one_in: u32) -> Self {
        let random = Pcg32::new(seed, 11);
        Self {
            noise: Some(Noise { random, one_in }),
            ..self
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(noise) = &mut self.noise
            && noise.random.next_u32().is_multiple_of(noise.one_in)
        {
            mutate(&mut bytes, &mut noise.random);
        }
        bytes
    }
}

impl Read for MemoryPort {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.waiting.is_empty() {
            match self.from_device.recv_timeout(Duration::from_millis(20)) {
                Ok(bytes) => self.waiting = self.pass(&bytes),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
            if self.waiting.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let count = self.waiting.len().min(space.len());
        space[..count].copy_from_slice(&self.waiting[..count]);
        self.waiting.drain(..count);
        Ok(count)
    }
}

impl Write for MemoryPort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let passed = self.pass(bytes);
        let sent = self.to_device.send(passed);
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Flips a bit, changes a byte, cuts, repeats, leaves out, or puts something in.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Pcg32) {
    let mut below = |limit: usize| random.next_u32() as usize % limit.max(1);
    let at = below(bytes.len());
    match below(6) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << below(8);
            }
        }
        1 => {
            let value = below(256) as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        2 => bytes.truncate(at),
        3 => {
            let part = bytes[at..].to_vec();
            bytes.extend(part);
        }
        4 => drop(bytes.drain(at..(at + 1 + below(9)).min(bytes.len()))),
        _ => {
            let value = [0, 0x81, 0xFF, b'\n', below(256) as u8][below(5)];
            bytes.insert(at.min(bytes.len()), value);
        }
    }
}
