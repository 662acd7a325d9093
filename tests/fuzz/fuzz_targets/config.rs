//! Any text as a value of a config, and as a file of golden vectors.
#![no_main]

use host::pack::golden::GoldenFile;
use host::train::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Config::resolve("cgan", &[text.to_owned()]);
    let _ = GoldenFile::from_json(text.as_bytes());
});
