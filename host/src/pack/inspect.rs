//! What a model image or an ONNX file holds, as a table.

use super::arena::ArenaMap;
use super::inspect_float::network;
use super::inspect_graph::graph;
use crate::files::{FileError, read_at_most};
use crate::onnx::read::{ReadOptions, from_bytes};
use crate::onnx::{MAX_FILE_LEN, OnnxError, Role};
use shared::arithmetic::Activation;
use shared::image::{Image, ImageError, MAGIC};
use shared::op::{Kind, Region, Window};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It starts as a model image and is none.
    #[error("{path}: {source}")]
    Image {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ImageError,
    },
    /// It is no ONNX generator either.
    #[error("{path}: {source}")]
    Onnx {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<OnnxError>,
    },
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct LayerRow {
    /// The layer's name.
    pub name: String,
    /// What it computes, with its activation.
    pub kind: String,
    /// Shape of the output.
    pub output: String,
    /// Number of weights.
    pub weights: u64,
    /// Multiplications, and elements that are moved, added or looked up: see [`shared::op::Operator::work`].
    pub work: u64,
    /// Bytes of its data.
    pub bytes: u64,
    /// Exponent of the output.
    pub exponent: Option<i8>,
    /// Smallest and largest shift.
    pub shifts: Option<(u8, u8)>,
    /// The largest magnitude that an accumulator can reach.
    pub largest_accumulator: Option<i64>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Description {
    /// "model image", "float ONNX network" or "ONNX graph".
    pub format: &'static str,
    /// The model's name.
    pub name: String,
    /// Facts in one line each: what it is called, and its value.
    pub facts: Vec<(&'static str, String)>,
    /// The layers, in order of execution.
    pub layers: Vec<LayerRow>,
    /// What lies where in the arena; of a model image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arena: Option<ArenaMap>,
}

/// Describes a file: a model image where it starts like one, else an ONNX generator or classifier, else any ONNX graph.
///
/// # Errors
/// [`InspectError`] names the file and what is wrong with it.
pub fn file(path: &Path, options: &ReadOptions) -> Result<Description, InspectError> {
    let bytes = read_at_most(path, MAX_FILE_LEN)?;
    let path = path.to_owned();
    if bytes.starts_with(&MAGIC) {
        let image =
            Image::new_checked(&bytes).map_err(|source| InspectError::Image { path, source })?;
        return Ok(self::image(&image));
    }
    // What gives no picture may be another network: a classifier.
    let any = ReadOptions {
        role: Role::Classifier,
        ..options.clone()
    };
    let read = match from_bytes(&bytes, options) {
        Err(error) => from_bytes(&bytes, &any).map_err(|_| error),
        read => read,
    };
    match read {
        Ok(import) => Ok(network(&import.network, &import.producer, bytes.len())),
        // A graph all the same: described, with the reason. Else the reason alone.
        Err(source) => graph(&bytes, &source).map_err(|_| InspectError::Onnx {
            path,
            source: Box::new(source),
        }),
    }
}

fn shape_of(region: &Region) -> String {
    if region.height == 1 && region.width == 1 {
        region.channels.to_string()
    } else {
        format!("{}x{}x{}", region.channels, region.height, region.width)
    }
}

/// What an operation computes, without its activation.
fn kind_of(kind: &Kind<'_>) -> String {
    let pair = |name: &str, [rows, columns]: [u8; 2]| format!("{name} {rows}x{columns}");
    let windowed = |name: &str, window: &Window, groups: u16| {
        let mut text = pair(&(pair(name, window.kernel) + " stride"), window.stride);
        if window.dilation != [1, 1] {
            text = pair(&(text + " dilation"), window.dilation);
        }
        if groups > 1 {
            text += &format!(" in {groups} groups");
        }
        text
    };
    match kind {
        Kind::Conv(conv) => windowed(kind.name(), &conv.window, conv.groups),
        Kind::ConvTranspose(conv) => windowed(kind.name(), &conv.window, conv.groups),
        Kind::AveragePool(pool) => windowed(kind.name(), &pool.window, 1),
        Kind::Upsample(upsample) => pair(kind.name(), upsample.factor),
        Kind::DepthToSpace(blocks) => pair(kind.name(), blocks.block),
        Kind::SpaceToDepth(blocks) => pair(kind.name(), blocks.block),
        Kind::Copy(copy) => format!("copy to channel {}", copy.channel_offset),
        Kind::Gather(gather) => format!("gather of {} rows", gather.count),
        Kind::Repeat(repeat) => format!(
            "repeat {} operations {} times",
            repeat.block.body, repeat.block.count
        ),
        Kind::Dense(_)
        | Kind::Table(_)
        | Kind::Embedding(_)
        | Kind::Add(_)
        | Kind::Mul(_)
        | Kind::MatMul(_)
        | Kind::Transpose(_)
        | Kind::Slice(_)
        | Kind::Pad(_)
        | Kind::ArgMax(_)
        | Kind::Noise(_) => kind.name().to_owned(),
        Kind::Never(never, _) => match *never {},
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

pub(super) fn input_fact(latent: usize, classes: usize) -> String {
    match classes {
        0 => format!("{latent} (latent)"),
        classes => format!("{latent} + {classes} (latent, one-hot label)"),
    }
}

/// Describes a model image.
pub fn image(image: &Image<'_>) -> Description {
    let mut layers = Vec::new();
    for op in image.ops() {
        let (from, to) = (image.inputs_of(&op), image.region(op.output));
        let mut row = LayerRow {
            name: op.name.to_owned(),
            kind: kind_of(&op.kind),
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

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.format, self.name)?;
        for (what, value) in self.facts.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(f, "  {what:<15} {value}")?;
        }
        let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let header = [
            "layer",
            "kind",
            "output",
            "weights",
            "work",
            "bytes",
            "exponent",
            "shifts",
            "accumulator",
        ];
        let mut rows: Vec<[String; 9]> = vec![header.map(str::to_owned)];
        for row in &self.layers {
            rows.push([
                row.name.clone(),
                row.kind.clone(),
                row.output.clone(),
                row.weights.to_string(),
                row.work.to_string(),
                row.bytes.to_string(),
                optional(row.exponent.map(|e| e.to_string())),
                optional(row.shifts.map(|(low, high)| format!("{low}..{high}"))),
                optional(row.largest_accumulator.map(|a| a.to_string())),
            ]);
        }
        let sum =
            |value: fn(&LayerRow) -> u64| self.layers.iter().map(value).sum::<u64>().to_string();
        let mut total = [const { String::new() }; 9];
        total[0] = "total".to_owned();
        (total[3], total[4], total[5]) = (sum(|r| r.weights), sum(|r| r.work), sum(|r| r.bytes));
        total[8] = optional(
            self.layers
                .iter()
                .filter_map(|r| r.largest_accumulator)
                .max()
                .map(|a| a.to_string()),
        );
        rows.push(total);
        // Columns that no layer fills stay away.
        let shown = |column: usize| {
            rows[1..rows.len() - 1]
                .iter()
                .any(|row| !matches!(row[column].as_str(), "-" | ""))
        };
        let columns: Vec<usize> = (0..9)
            .filter(|&column| column < 6 || shown(column))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = columns.iter().map(|&column| width(column)).collect();
        for row in &rows {
            let mut line = String::new();
            for (&column, &width) in columns.iter().zip(&widths) {
                let cell = &row[column];
                line += &if column < 3 {
                    format!("  {cell:<width$}")
                } else {
                    format!("  {cell:>width$}")
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(arena) = &self.arena {
            write!(f, "\n{arena}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::onnx::write::{WriteOptions, to_bytes};
    use crate::pack::image::pack;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeOptions};
    use crate::synthetic;

    #[test]
    fn image_and_onnx_are_told_apart_and_counted() {
        let network = synthetic::generator(
            1,
            6,
            2,
            &[12],
            Shape {
                channels: 1,
                height: 4,
                width: 5,
            },
        );
        let calibration = Calibration {
            points: 16,
            ..Default::default()
        };
        let quantized = Prepared::new(&network, &calibration)
            .unwrap()
            .quantize(&QuantizeOptions::default())
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (image, onnx) = (folder.path().join("m.tgm"), folder.path().join("g.onnx"));
        std::fs::write(&image, pack(&quantized, "a card", &[]).unwrap()).unwrap();
        std::fs::write(&onnx, to_bytes(&network, &WriteOptions::default()).unwrap()).unwrap();
        for (path, format, rows, others) in [
            (&image, "model image", 3, 20),
            (&onnx, "float ONNX network", 6, 0),
        ] {
            let description = file(path, &ReadOptions::default()).unwrap();
            assert_eq!(
                (description.format, description.layers.len()),
                (format, rows)
            );
            // Two layers, and a table of the picture's pixels.
            let work = description.layers.iter().map(|l| l.work).sum::<u64>();
            assert_eq!(work, 8 * 12 + 12 * 20 + others);
            let text = description.to_string();
            for word in ["dense0", "total", work.to_string().as_str(), "synthetic"] {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
        let mut damaged = std::fs::read(&image).unwrap();
        damaged[90] ^= 1;
        std::fs::write(&image, damaged).unwrap();
        let error = file(&image, &ReadOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("m.tgm") && error.contains("checksum"),
            "{error}"
        );
    }
}
