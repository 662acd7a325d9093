//! Any bytes as the emulated panel's picture, and as an ELF file.
#![no_main]

use host::emulator::Panel;
use host::firmware_build::ElfSizes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Panel::from_ppm(bytes);
    let _ = ElfSizes::read(bytes);
});
