//! The emulated UART: lines of text for whoever controls the emulator, or, while somebody holds its
//! port, its bytes.

use super::channel::Stream;
use super::inbox::{Inbox, Writer};
use super::log::{LineSplitter, read_some};
use crate::link::READ_WAIT;
use shared::protocol::{Decoder, Piece};
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the bytes go that the UART sends, while a [`UartPort`] is held.
#[derive(Debug, Default)]
pub(super) struct Tap(Mutex<Option<Sender<Vec<u8>>>>);

impl Tap {
    /// Opens a port; one that was open before gets nothing any more.
    pub fn port(&self, uart: &Stream) -> io::Result<UartPort> {
        let (sender, received) = channel();
        let port = UartPort {
            uart: uart.try_clone()?,
            received,
            waiting: Vec::new(),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Ok(port)
    }

    /// Whether somebody took the bytes.
    fn take(&self, bytes: &[u8]) -> bool {
        let mut tap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = tap
            .as_ref()
            .is_some_and(|sender| sender.send(bytes.to_vec()).is_ok());
        if !taken {
            *tap = None;
        }
        taken
    }

    /// Nothing comes any more.
    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Reads the UART to its end.
pub(super) fn spawn_reader(mut stream: Stream, tap: Arc<Tap>, lines: Arc<Inbox<String>>) {
    std::thread::spawn(move || {
        let writer = Writer(lines);
        let (mut decoder, mut splitter) = (Decoder::new(), LineSplitter::default());
        let mut block = [0; 4096];
        while let Some(count) = read_some(&mut stream, &mut block) {
            if tap.take(&block[..count]) {
                continue;
            }
            for &byte in &block[..count] {
                match decoder.push(byte) {
                    Some(Piece::Text(byte)) => splitter.push(byte, |line| writer.0.push(line)),
                    // Frames answer somebody who has gone.
                    Some(Piece::Cut | Piece::Frame(_)) => splitter = LineSplitter::default(),
                    None => {}
                }
            }
        }
        splitter.end(|line| writer.0.push(line));
        tap.close();
    });
}

/// The UART's bytes, as a [port](crate::link::Port). While it is held, no lines come.
#[derive(Debug)]
pub struct UartPort {
    uart: Stream,
    received: Receiver<Vec<u8>>,
    waiting: Vec<u8>,
}

impl UartPort {
    /// Another end to write to.
    ///
    /// # Errors
    /// Where the system has no more.
    pub(super) fn writer(&self) -> io::Result<Stream> {
        self.uart.try_clone()
    }
}

impl Read for UartPort {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.waiting.is_empty() {
            self.waiting = match self.received.recv_timeout(READ_WAIT) {
                Ok(bytes) => bytes,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
        }
        let count = self.waiting.len().min(space.len());
        space[..count].copy_from_slice(&self.waiting[..count]);
        self.waiting.drain(..count);
        Ok(count)
    }
}

impl Write for UartPort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.uart.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.uart.flush()
    }
}
