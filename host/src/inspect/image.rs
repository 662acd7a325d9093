//! A description of a model image: its operations with what they cost.

use super::arena::ArenaMap;
use super::description::{Description, LayerRow, input_fact};
use shared::arithmetic::Activation;
use shared::image::Image;
use shared::op::Region;

fn shape_of(region: &Region) -> String {
    if region.height == 1 && region.width == 1 {
        region.channels.to_string()
    } else {
        format!("{}x{}x{}", region.channels, region.height, region.width)
    }
}

fn activation_suffix(activation: Activation) -> String {
    match activation {
        Activation::None => String::new(),
        Activation::Relu => " + ReLU".to_owned(),
        Activation::LeakyRelu { slope_shift } => {
            format!(" + LeakyReLU {}", 0.5f32.powi(i32::from(slope_shift)))
        }
    }
}

/// Describes a model image.
pub fn image(image: &Image<'_>) -> Description {
    let mut layers = Vec::new();
    for op in image.ops() {
        let (from, to) = (image.inputs_of(&op), image.region(op.output));
        let mut row = LayerRow {
            name: op.name.to_owned(),
            kind: op.kind.to_string(),
            output: shape_of(&to),
            work: op.kind.work(&from, &to),
            exponent: Some(to.exponent),
            ..Default::default()
        };
        row.bytes = op.kind.table().map_or(0, |table| table.len() as u64);
        if let Some((weights, shape)) = op.kind.weights(&from, &to) {
            row.kind += &format!(
                " int{}{}",
                weights.layout.bits(),
                activation_suffix(weights.activation)
            );
            row.weights = u64::from(shape.rows) * u64::from(shape.columns);
            row.bytes = weights.len() as u64;
            let shifts = weights.shifts.iter().copied();
            row.shifts = shifts.clone().min().zip(shifts.max());
            row.largest_accumulator = weights.bounds(&shape).max();
        }
        layers.push(row);
    }
    let input = input_fact(image.latent_len(), usize::from(image.classes()));
    let facts = vec![
        ("card", image.card().to_owned()),
        (
            "input",
            format!("{input} int8 at 2^{}", image.input().exponent),
        ),
        ("prior", format!("{:?}", image.prior()).to_lowercase()),
        (
            "picture",
            format!(
                "{}, {:?} range",
                shape_of(&image.output()),
                image.pixel_range()
            )
            .to_lowercase(),
        ),
        ("flash", format!("{} bytes", image.len())),
        ("arena", format!("{} bytes", image.arena_len())),
        ("golden vectors", image.goldens().len().to_string()),
        ("checksum", format!("{:08x}", image.crc())),
    ];
    Description {
        format: "model image",
        name: image.name().to_owned(),
        facts,
        layers,
        arena: Some(ArenaMap::new(image)),
    }
}
