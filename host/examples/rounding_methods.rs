//! What each way of rounding weights costs: SQNR of the pictures at 8 and at 4 bits.
//!
//! `cargo run --release -p host --example rounding_methods [generator.onnx [classes]]`; without a
//! file, an untrained network of the reference's shape, and with `conv` or `conv-large` in place of
//! it, a convolutional one.

use host::exchange::ReadOptions;
use host::exchange::read::read_file;
use host::graph::{Bits, Shape};
use host::quantize::calibrate::Calibration;
use host::quantize::report::measure;
use host::quantize::{Method, Prepared, QuantizeOptions};
use host::synthetic;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let classes = std::env::args()
        .nth(2)
        .map(|text| text.parse())
        .transpose()?;
    let network = match std::env::args_os().nth(1) {
        Some(path) if path == "conv" || path == "conv-large" => {
            let shape = Shape {
                channels: 1,
                height: 28,
                width: 28,
            };
            let channels = if path == "conv" { [64, 32] } else { [128, 64] };
            synthetic::conv_generator(1, 32, 10, channels, shape)
        }
        Some(path) => {
            read_file(
                path.as_ref(),
                &ReadOptions {
                    classes,
                    ..Default::default()
                },
            )?
            .network
        }
        None => {
            let shape = Shape {
                channels: 1,
                height: 28,
                width: 28,
            };
            synthetic::generator(1, 100, 10, &[256, 256], shape)
        }
    };
    let start = Instant::now();
    let prepared = Prepared::new(&network, &Calibration::default())?;
    println!("calibrated in {:.1} s", start.elapsed().as_secs_f64());
    let layers = prepared.linear_layers();
    let last = layers.len().saturating_sub(1);
    let eight = vec![Bits::Eight; layers.len()];
    let mut last_four = eight.clone();
    if let Some(bits) = last_four.last_mut() {
        *bits = Bits::Four;
    }
    let four = vec![Bits::Four; layers.len()];
    let choices = [
        ("int8".to_owned(), eight),
        (format!("int4 in {}", layers[last]), last_four),
        ("int4".to_owned(), four),
    ];
    println!(
        "{:<20} {:<12} {:>9} {:>9} {:>10} {:>13} {:>8}",
        "weights", "method", "SQNR dB", "PSNR dB", "mean grey", "largest grey", "seconds"
    );
    for (name, bits) in choices {
        for method in [Method::Nearest, Method::Search, Method::Compensated] {
            let start = Instant::now();
            let quantized = prepared.quantize(&QuantizeOptions {
                bits: bits.clone(),
                method,
                ..Default::default()
            })?;
            let seconds = start.elapsed().as_secs_f64();
            let measured = measure(&network, &quantized, 1000);
            let picture = &measured.picture;
            let by_layer: Vec<String> = measured
                .layers
                .iter()
                .map(|l| format!("{:.1}@{}", l.sqnr_db, l.exponent))
                .collect();
            println!(
                "{name:<20} {:<12} {:>9.2} {:>9.2} {:>10.3} {:>13} {seconds:>8.2}  {}",
                format!("{method:?}"),
                picture.sqnr_db,
                picture.psnr_db,
                picture.mean_grey,
                picture.largest_grey,
                by_layer.join(" "),
            );
        }
    }
    Ok(())
}
