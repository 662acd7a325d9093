//! Each element becomes a block of equal ones: Resize and Upsample, where they repeat each pixel a
//! whole number of times.

use super::lower::{LowerError, byte_pair};
use super::{MoveNode, MoveOperator};
use crate::graph::shape::Place;
use crate::graph::{GraphError, MAX_SIDE, Move, Op, Phase, Shape};
use crate::onnx::build::{floats, text as text_of};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, clean, text, wrong};
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::shape::BATCH;
use crate::onnx::tensor::{Constant, Elements};
use crate::onnx::tensors::Emitter;
use crate::onnx::windows::pictures;
use shared::op::{self, Kind};

/// Factors are bytes in a model image.
const MAX_FACTOR: usize = 255;

/// Each element becomes a block of so many rows and columns.
pub struct Upsample(pub [usize; 2]);

impl<P: Phase> Op<P> {
    /// Each element becomes a block of so many rows and columns.
    pub const fn upsample(factor: [usize; 2]) -> Self {
        Self::Move(Move::Upsample { factor })
    }
}

/// The shape of the output.
pub const fn output(from: Shape, factor: [usize; 2]) -> Shape {
    Shape {
        channels: from.channels,
        height: from.height.saturating_mul(factor[0]),
        width: from.width.saturating_mul(factor[1]),
    }
}

/// The attributes of a Resize that repeats each pixel.
fn repetition() -> Vec<AttributeProto> {
    vec![
        text_of("coordinate_transformation_mode", "asymmetric"),
        text_of("mode", "nearest"),
        text_of("nearest_mode", "floor"),
    ]
}

impl Upsample {
    /// What Resize multiplies each dimension by.
    fn scales(&self) -> [f32; 4] {
        // At most 255 each.
        [1.0, 1.0, self.0[0] as f32, self.0[1] as f32]
    }
}

impl MoveOperator for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }

    fn describe(&self) -> String {
        format!("upsample {}x{}", self.0[0], self.0[1])
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        if self.0.iter().any(|f| !(1..=MAX_FACTOR).contains(f)) {
            return Err(GraphError::Window {
                layer: layer.to_owned(),
                what: "a factor",
                found: format!("{:?}", self.0),
                expected: "1 to 255",
            });
        }
        super::check::gives(layer, output(from, self.0), to)
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let place = to.place(element);
        Some(from.index(Place {
            row: place.row / self.0[0],
            column: place.column / self.0[1],
            ..place
        }))
    }

    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let scales = format!("{}.scales", node.name);
        let constant = floats(&scales, &[4], &self.scales());
        emitter.graph.initializer.push(constant);
        let inputs = [node.x, "", &scales];
        emitter.push("Resize", node.name, &inputs, &node.to.name, repetition());
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        Ok(Some(Kind::Upsample(op::Upsample {
            factor: byte_pair("a factor", self.0)?,
        })))
    }
}

/// Reads Resize and Upsample.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let from = pictures(&data)?;
    let refuse = |name, value: &str, expected| NodeFault::Attribute {
        name,
        value: clean(value),
        expected,
    };
    let mode = text(node, "mode", "nearest");
    if mode != "nearest" {
        return Err(refuse("mode", mode, "nearest: each pixel repeated"));
    }
    let policy = text(node, "keep_aspect_ratio_policy", "stretch");
    if policy != "stretch" {
        return Err(refuse("keep_aspect_ratio_policy", policy, "stretch"));
    }
    let factor = factor_of(importer, node, from)?;
    let to = output(from, factor);
    if to.height.max(to.width) > MAX_SIDE {
        let expected = format!("at most {MAX_SIDE} rows and columns");
        return Err(wrong("output", [to.height, to.width], expected));
    }
    // Before version 11 there are neither modes: their meaning is that of these two.
    let old = node.op_type == "Upsample" || node.input.len() == 2;
    let (transform, nearest) = if old {
        ("asymmetric", "floor")
    } else {
        ("half_pixel", "round_prefer_floor")
    };
    let transform = text(node, "coordinate_transformation_mode", transform);
    let nearest = text(node, "nearest_mode", nearest);
    for (len, factor) in [(from.height, factor[0]), (from.width, factor[1])] {
        if !repeats(len, factor, transform, nearest) {
            return Err(refuse(
                "coordinate_transformation_mode or nearest_mode",
                &format!("{transform}, {nearest}"),
                "a pair that repeats each pixel, such as asymmetric with floor",
            ));
        }
    }
    let source = importer.shaped(&data, from)?;
    let dims = vec![to.channels, to.height, to.width];
    importer.push(node, Op::upsample(factor), vec![source], to, dims)
}

/// Rows and columns of the block that each pixel becomes.
fn factor_of(importer: &Importer, node: &NodeProto, from: Shape) -> Result<[usize; 2], NodeFault> {
    let whole = |found: String| NodeFault::Shape {
        what: "scale",
        found,
        expected: format!("1, 1 and two whole numbers of 1 to {MAX_FACTOR}"),
    };
    if let Some(scales) = attribute(node, "scales") {
        // Upsample before version 9.
        let shown = &scales.floats[..scales.floats.len().min(8)];
        return of_scales(shown, None).ok_or_else(|| whole(format!("{shown:?}")));
    }
    let axes = attribute(node, "axes").map(|a| a.ints.as_slice());
    // Upsample and Resize of version 10 have no region of interest.
    let scales = if node.input.len() == 2 { 1 } else { 2 };
    if node.input.get(scales).is_some_and(|name| !name.is_empty()) {
        let constant = importer.constant(node, scales)?;
        let values = constant.as_floats().unwrap_or_default();
        if !values.is_empty() {
            return of_scales(values, axes)
                .ok_or_else(|| whole(format!("{:?}", &values[..values.len().min(8)])));
        }
    }
    let constant = importer.constant(node, 3)?;
    of_sizes(importer, constant, axes, from).ok_or_else(|| {
        let Shape {
            channels,
            height,
            width,
        } = from;
        wrong(
            "size",
            constant.as_ints().map(|v| &v[..v.len().min(8)]),
            format!("the batch, {channels} and multiples of {height} and {width}"),
        )
    })
}

fn of_sizes(
    importer: &Importer,
    constant: &Constant,
    axes: Option<&[i64]>,
    from: Shape,
) -> Option<[usize; 2]> {
    let Elements::Int(sizes) = &constant.elements else {
        return None;
    };
    let size = |at: usize| usize::try_from(*sizes.get(at)?).ok();
    let (rows, columns) = match (sizes.len(), axes) {
        (4, None) => {
            let batch = sizes.first()?;
            let kept = *batch == BATCH
                || importer
                    .batch
                    .is_some_and(|b| i64::try_from(b) == Ok(*batch));
            (kept && size(1)? == from.channels).then_some((size(2)?, size(3)?))?
        }
        (2, Some([2, 3] | [-2, -1])) => (size(0)?, size(1)?),
        _ => return None,
    };
    let times = |to: usize, from: usize| {
        (to.is_multiple_of(from) && (1..=MAX_FACTOR).contains(&(to / from))).then_some(to / from)
    };
    Some([times(rows, from.height)?, times(columns, from.width)?])
}

fn of_scales(scales: &[f32], axes: Option<&[i64]>) -> Option<[usize; 2]> {
    let (rows, columns) = match (scales, axes) {
        (&[batch, channels, rows, columns], None) => {
            ((batch, channels) == (1.0, 1.0)).then_some((rows, columns))?
        }
        (&[rows, columns], Some([2, 3] | [-2, -1])) => (rows, columns),
        _ => return None,
    };
    let whole = |scale: f32| {
        // Whole and at most 255: the cast is exact.
        (scale.fract() == 0.0 && (1.0..=MAX_FACTOR as f32).contains(&scale))
            .then_some(scale as usize)
    };
    Some([whole(rows)?, whole(columns)?])
}

/// Whether each of `len` pixels is repeated `factor` times, by the definition of the modes
/// (onnx/docs/Operators.md, Resize): where each output pixel lies among the input's, and which of
/// the two beside that place it takes.
fn repeats(len: usize, factor: usize, transform: &str, nearest: &str) -> bool {
    let to = len.saturating_mul(factor);
    // At most 65535 each: all products below fit.
    let (len, to, factor) = (len as i64, to as i64, factor as i64);
    (0..to).all(|x| {
        let (numerator, denominator) = match transform {
            "asymmetric" => (x, factor),
            "half_pixel" => (2 * x + 1 - factor, 2 * factor),
            "pytorch_half_pixel" if to > 1 => (2 * x + 1 - factor, 2 * factor),
            "align_corners" if to > 1 => (x * (len - 1), to - 1),
            "pytorch_half_pixel" | "align_corners" => (0, 1),
            _ => return false,
        };
        let place = match nearest {
            "floor" => numerator.div_euclid(denominator),
            "ceil" => -(-numerator).div_euclid(denominator),
            "round_prefer_floor" => -(denominator - 2 * numerator).div_euclid(2 * denominator),
            "round_prefer_ceil" => (2 * numerator + denominator).div_euclid(2 * denominator),
            _ => return false,
        };
        place.clamp(0, len - 1) == x / factor
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_modes_repeat_pixels() {
        for factor in 1..=7 {
            for len in 1..=9 {
                for (transform, nearest, expected) in [
                    ("asymmetric", "floor", true),
                    ("asymmetric", "round_prefer_floor", factor <= 2 || len == 1),
                    ("asymmetric", "round_prefer_ceil", factor == 1 || len == 1),
                    ("asymmetric", "ceil", factor == 1 || len == 1),
                    ("half_pixel", "round_prefer_floor", true),
                    ("half_pixel", "round_prefer_ceil", true),
                    ("half_pixel", "floor", factor == 1 || len == 1),
                    ("pytorch_half_pixel", "round_prefer_floor", true),
                    ("tf_crop_and_resize", "floor", false),
                    ("asymmetric", "else", false),
                ] {
                    assert_eq!(
                        repeats(len, factor, transform, nearest),
                        expected,
                        "{len} {factor} {transform} {nearest}"
                    );
                }
            }
        }
        assert!(repeats(1, 4, "align_corners", "floor"));
        assert!(!repeats(4, 4, "align_corners", "floor"));
    }

    #[test]
    fn only_whole_factors_of_rows_and_columns() {
        assert_eq!(of_scales(&[1.0, 1.0, 2.0, 3.0], None), Some([2, 3]));
        assert_eq!(of_scales(&[2.0, 3.0], Some(&[2, 3])), Some([2, 3]));
        for bad in [
            vec![1.0, 2.0, 2.0, 2.0],
            vec![1.0, 1.0, 1.5, 2.0],
            vec![1.0, 1.0, 0.0, 2.0],
            vec![1.0, 1.0, -1.0, 2.0],
            vec![1.0, 1.0, 256.0, 2.0],
            vec![1.0, 1.0, f32::NAN, 2.0],
            vec![2.0, 2.0],
            vec![],
        ] {
            assert_eq!(of_scales(&bad, None), None, "{bad:?}");
        }
    }
}
