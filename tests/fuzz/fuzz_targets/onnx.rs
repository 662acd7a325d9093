//! Any bytes as an ONNX file: refused, or a network that runs.
#![no_main]

use host::forward;
use host::exchange::ReadOptions;
use host::exchange::read::from_bytes;
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(import) = from_bytes(bytes, &ReadOptions::default()) {
        let network = import.network;
        if network.input.len() < 1 << 12 {
            let _ = forward::run(&network, Array2::zeros((1, network.input.len())).view());
        }
    }
});
