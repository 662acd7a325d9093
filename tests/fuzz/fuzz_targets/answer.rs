//! Any bytes from a device, to the host's client: a typed error or an answer, and never a wait.
#![no_main]

use host::link::Client;
use libfuzzer_sys::fuzz_target;
use shared::latent::{Latent, Point};
use std::io::{Cursor, Read, Result, Write};

/// Gives the input, and then ends.
struct Recorded(Cursor<Vec<u8>>);

impl Read for Recorded {
    fn read(&mut self, space: &mut [u8]) -> Result<usize> {
        self.0.read(space)
    }
}

impl Write for Recorded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let client = || Client::new(Box::new(Recorded(Cursor::new(bytes.to_vec()))));
    let _ = client().hello();
    let _ = client().self_test();
    if let Ok(picture) = client().generate(Latent::At(Point::default())) {
        assert!(picture.elements.len() <= bytes.len());
    }
});
