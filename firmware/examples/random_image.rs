//! Writes a model image with random weights and golden vectors of the oracle: to boot and to
//! measure a board's program where no trained model is at hand. The same arguments give the same
//! bytes.
//!
//! ```text
//! cargo run -p firmware --features oracle --example random_image -- OUT dense
//! cargo run -p firmware --features oracle --example random_image -- OUT random SEED OPERATIONS
//! cargo run -p firmware --features oracle --example random_image -- OUT conv FROM TO KERNEL STRIDE PADDING BITS TIMES
//! ```
//! `dense` is the reference network 110-256-256-784. `random` has operations of every kind and
//! shape. `conv`, or `conv_transpose`, has one layer between two shapes such as `14x14x32` (rows,
//! columns, channels), with a square kernel and weights of 8 or 4 bits, `TIMES` times on the same
//! input: what one of them costs is the difference between two such images.

use firmware::oracle::model::Model;
use shared::image::Image;
use shared::latent::Point;
use shared::op::{Layout, Window};
use std::error::Error;

const USAGE: &str = "OUT dense, OUT random SEED OPERATIONS, \
    or OUT conv|conv_transpose FROM TO KERNEL STRIDE PADDING BITS TIMES";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (path, classes, model) = match arguments[..] {
        [path, "dense"] => (path, 10, dense()),
        [path, "random", seed, operations] => {
            let model = Model::random(seed.parse()?, operations.parse()?);
            (path, model.classes(), model)
        }
        [path, kind @ ("conv" | "conv_transpose"), ref rest @ ..] => {
            (path, 0, window(kind == "conv_transpose", rest)?)
        }
        _ => return Err(format!("expected {USAGE}").into()),
    };
    let point = |seed: u8| Point {
        seed: u32::from(seed),
        label: seed.checked_rem(classes),
    };
    let bytes = model.image(&[0, 1, 2, 3].map(point))?;
    std::fs::write(path, &bytes)?;
    let image = Image::new_checked(&bytes)?;
    println!(
        "{path}: {} bytes, arena {} bytes",
        bytes.len(),
        image.arena_len()
    );
    for op in image.ops() {
        let (from, to) = (image.inputs_of(&op), image.region(op.output));
        println!("{}: {} multiplications", op.name, op.kind.work(&from, &to));
    }
    Ok(())
}

/// The reference network.
fn dense() -> Model {
    let mut model = Model::new(1, [1, 1, 110], 10, 784);
    for (shape, layout) in [
        ([1, 1, 256], Layout::Int8Rows),
        ([1, 1, 256], Layout::Int8Rows),
        ([28, 28, 1], Layout::Int4Rows),
    ] {
        model.dense(shape, Some(layout));
    }
    model.finish();
    model
}

/// One convolution, some times over.
fn window(transposed: bool, arguments: &[&str]) -> Result<Model, Box<dyn Error>> {
    let &[from, to, kernel, stride, padding, bits, times] = arguments else {
        return Err(format!("expected {USAGE}").into());
    };
    let (from, to) = (shape(from)?, shape(to)?);
    let window = Window {
        kernel: [kernel.parse()?; 2],
        stride: [stride.parse()?; 2],
        padding: [padding.parse()?; 2],
        dilation: [1; 2],
    };
    let layout = match bits {
        "8" => Layout::Int8Rows,
        "4" => Layout::Int4Rows,
        other => return Err(format!("weights of {other} bits, expected 8 or 4").into()),
    };
    let len = to.map(u32::from).iter().product();
    let mut model = Model::new(1, from, 0, len);
    for _ in 0..times.parse::<usize>()? {
        model.rewind();
        if transposed {
            model.conv_transpose(window, 1, to, Some(layout));
        } else {
            model.conv(window, 1, to, Some(layout));
        }
    }
    model.finish();
    Ok(model)
}

/// `ROWSxCOLUMNSxCHANNELS`.
fn shape(text: &str) -> Result<[u16; 3], Box<dyn Error>> {
    let numbers: Vec<u16> = text.split('x').map(str::parse).collect::<Result<_, _>>()?;
    numbers
        .try_into()
        .map_err(|_| format!("{text} is no shape, expected such as 14x14x32").into())
}
