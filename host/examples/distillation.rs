//! What distillation gains on a model: `cargo run -p host --example distillation -- FILE.onnx BITS STEPS RATE...`
//!
//! One line a learning rate: mean squared error of the pixels and SQNR of the pictures before and after.

use host::onnx::read::{ReadOptions, read_file};
use host::qat::{DistillOptions, distill};
use host::quantize::calibrate::Calibration;
use host::quantize::report::picture_sqnr;
use host::quantize::{Bits, Prepared, QuantizeOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, bits, steps, rates @ ..] = arguments.as_slice() else {
        return Err("expected FILE.onnx BITS STEPS RATE...".into());
    };
    let network = read_file(file.as_ref(), &ReadOptions::default())?.network;
    let prepared = Prepared::new(&network, &Calibration::default())?;
    let bits = match bits.as_str() {
        "4" => Bits::Four,
        "8" => Bits::Eight,
        other => return Err(format!("expected 4 or 8 bits, found {other}").into()),
    };
    let options = QuantizeOptions {
        bits: vec![bits; prepared.linear_layers().len()],
        ..Default::default()
    };
    let start = prepared.quantize(&options)?;
    let before = picture_sqnr(&network, &start, 1000);
    for rate in rates {
        let options = DistillOptions {
            steps: steps.parse()?,
            rate: rate.parse()?,
            ..Default::default()
        };
        let mut errors = Vec::new();
        let done = distill(&prepared, &start, &options, &mut |at| {
            errors.push(format!("{:.5}", at.error));
        })?;
        let after = picture_sqnr(&network, &done.network, 1000);
        println!(
            "{bits} rate {rate}: error {:.5} to {:.5} at step {}, SQNR {before:.1} to {after:.1} dB [{}]",
            done.start,
            done.best,
            done.step,
            errors.join(" ")
        );
    }
    Ok(())
}
