//! Any bytes on the serial line, and any text as a view.
#![no_main]

use firmware::app::View;
use firmware::app::line::{Command, LineBuffer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = LineBuffer::default();
    for &byte in bytes {
        if let Some(Ok(line)) = buffer.push(byte) {
            let _ = Command::parse(line, 10);
            let _ = Command::parse(line, 0);
            if let Ok(view) = line.parse::<View>() {
                // What is printed is read back.
                assert_eq!(view.to_string().parse(), Ok(view));
            }
        }
    }
});
