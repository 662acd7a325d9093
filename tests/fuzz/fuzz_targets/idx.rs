//! Any bytes as an IDX file, or a picture of a dataset's folder.
#![no_main]

use host::dataset::{folder, idx};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = idx::parse(bytes);
    let _ = idx::parse_images(bytes);
    let _ = idx::parse_labels(bytes);
    let _ = folder::decode(bytes, 28, 28);
});
