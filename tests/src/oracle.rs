//! The i64 oracle of model images: slow, obvious, and sharing no arithmetic with the firmware. Rounding is a division.

use shared::arithmetic::Activation;
use shared::image::Image;
use shared::layer::{Kind, Layout, Weights};

/// `a / 2^shift`, rounded half to even.
fn divide(a: i64, shift: u32) -> i64 {
    let divisor = 1i64 << shift;
    let (quotient, remainder) = (a.div_euclid(divisor), a.rem_euclid(divisor));
    match (2 * remainder).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

fn weight(dense: &Weights<'_>, inputs: usize, row: usize, column: usize) -> i64 {
    match dense.layout {
        Layout::Int8Rows => i64::from(dense.values[row * inputs + column] as i8),
        Layout::Int4Rows => {
            let byte = dense.values[row * inputs.div_ceil(2) + column / 2];
            let nibble = i64::from(if column.is_multiple_of(2) {
                byte & 15
            } else {
                byte >> 4
            });
            if nibble >= 8 { nibble - 16 } else { nibble }
        }
    }
}

fn dense(dense: &Weights<'_>, x: &[i8]) -> Vec<i8> {
    let x_len = x.len();
    (0..dense.shifts.len())
        .map(|row| {
            let bias = i64::from(i32::from_le_bytes(
                dense.bias[4 * row..][..4].try_into().unwrap_or_default(),
            ));
            let products = x
                .iter()
                .enumerate()
                .map(|(column, &x)| i64::from(x) * weight(dense, x_len, row, column));
            let sum: i64 = products.sum();
            let accumulator = sum + bias;
            let shift = u32::from(dense.shifts[row]);
            let rounded = match dense.activation {
                Activation::None => divide(accumulator, shift),
                Activation::Relu => divide(accumulator.max(0), shift),
                Activation::LeakyRelu { slope_shift } if accumulator < 0 => {
                    divide(accumulator, shift + u32::from(slope_shift))
                }
                Activation::LeakyRelu { .. } => divide(accumulator, shift),
            };
            rounded.clamp(-128, 127) as i8
        })
        .collect()
}

/// The output of every operation of an image for an input, in order.
pub fn run(image: &Image<'_>, input: &[i8]) -> Vec<Vec<i8>> {
    let mut arena = vec![0i8; image.arena_len()];
    let place = |arena: &mut Vec<i8>, offset: u32, values: &[i8]| {
        arena[offset as usize..][..values.len()].copy_from_slice(values);
    };
    place(&mut arena, image.input().offset, input);
    image
        .ops()
        .map(|op| {
            let from = image.region(op.input());
            let x = arena[from.offset as usize..from.end() as usize].to_vec();
            let y = match op.kind {
                Kind::Dense(layer) => dense(&layer.weights, &x),
                Kind::Table(table) => x
                    .iter()
                    .map(|&q| table.entries[(i16::from(q) + 128) as usize] as i8)
                    .collect(),
                other => panic!("this oracle does not know {other:?}"),
            };
            place(&mut arena, image.region(op.output()).offset, &y);
            y
        })
        .collect()
}
