//! The model card: what a folder holds and how to use it, for people.

use super::ExportReport;
use crate::graph::QuantizedNetwork;
use crate::models::folder as names;
use std::fmt::Write;

/// The line that stands in the image: the architecture in a few words.
pub fn line(network: &QuantizedNetwork) -> String {
    let mut widths = vec![network.input.latent.to_string()];
    if network.input.classes > 0 {
        widths[0] += &format!("+{}", network.input.classes);
    }
    let mut kind = "dense";
    for node in &network.nodes {
        if let Some(linear) = node.op.linear() {
            let shape = node.shape.to_string().replace(' ', "");
            widths.push(format!("{shape}({})", linear.bits));
        }
        if node.op.window().is_some() {
            kind = "convolutional";
        }
    }
    format!("{kind} generator {}", widths.join("-"))
}

/// README.md of the model folder.
pub fn markdown(report: &ExportReport) -> String {
    let (network, measured) = (&report.quantized, &report.measured);
    let shape = network.output;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# {}\n", network.name);
    let _ = writeln!(
        text,
        "A {} for pictures of {} x {} x {} (channels, rows, columns).\n",
        line(network),
        shape.channels,
        shape.height,
        shape.width
    );
    let prior = match network.about.prior {
        shared::latent::Prior::Normal => "standard normal",
        shared::latent::Prior::Uniform => "uniform on -1 to 1",
    };
    let _ = write!(
        text,
        "Input: {} latent values, {prior}",
        network.input.latent
    );
    match network.input.classes {
        0 => text.push_str(".\n\n"),
        classes => {
            let _ = writeln!(text, ", and a one-hot label of {classes} classes.\n");
        }
    }
    let picture = &measured.picture;
    let _ = writeln!(
        text,
        "| figure | value |\n|---|---|\n| model image (flash) | {} bytes |\n| arena (RAM) | {} bytes |\n\
         | multiplications a picture | {} |\n| float to integer, SQNR | {:.1} dB |\n\
         | float to integer, PSNR | {:.1} dB |\n| grey levels apart, mean and largest | {:.2}, {} of 255 |\n\n\
         Measured on {} pictures.\n",
        report.image.len(),
        report.arena.bytes,
        measured.layers.iter().map(|layer| layer.macs).sum::<u64>(),
        picture.sqnr_db,
        picture.psnr_db,
        picture.mean_grey,
        picture.largest_grey,
        picture.pictures,
    );
    if let Some(training) = &report.training {
        let _ = writeln!(
            text,
            "\nThe float network taught its integers for {} updates: {:.1} dB before.\n",
            training.options.steps, training.sqnr_db_before
        );
    }
    text.push_str("| layer | kind | shape | weights | bytes | SQNR | largest accumulator |\n|---|---|---|---|---|---|---|\n");
    for layer in &measured.layers {
        let _ = writeln!(
            text,
            "| {} | {} | {} to {} | {} | {} | {:.1} dB | {} |",
            layer.name.replace('|', "\\|"),
            layer.kind,
            layer.inputs,
            layer.outputs,
            layer
                .weights
                .map_or_else(|| "-".to_owned(), |bits| bits.to_string()),
            layer.bytes,
            layer.sqnr_db,
            layer
                .largest_accumulator
                .map_or_else(|| "-".to_owned(), |bound| bound.to_string()),
        );
    }
    let _ = write!(
        text,
        "\n## Files\n\n- `{}`: the float model, for any ONNX runtime.\n- `{}`: the integer model; every ONNX runtime \
         gives the same bytes as the firmware. Load it in ONNX Runtime at optimisation level 1 (basic).\n- `{}`: the \
         float model as torch-fidelity takes it, `z` (N, {}) normal in, uint8 pictures of three channels out.\n- `{}`: \
         the image that the firmware runs in place.\n- `{}`: seeds, labels, checksums of every layer and pictures.\n- `{}`: \
         all figures.\n\n## Use\n\n```\ncargo run -p host -- sample --model models/{name}\ncargo run -p host -- inspect \
         models/{name}/{}\n```\n",
        names::FLOAT_ONNX,
        names::INT8_ONNX,
        names::UINT8_ONNX,
        network.input.len(),
        names::IMAGE,
        names::GOLDEN,
        names::REPORT,
        names::IMAGE,
        name = network.name,
    );
    text
}
