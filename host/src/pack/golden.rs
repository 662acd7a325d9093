//! Golden vectors: for a point in latent space, the checksum of the input and of every operation's
//! output, and the picture.
//!
//! The image carries the first few; golden.json holds all of them, for hosts and other runtimes.

use super::program::{Op, Program};
use crate::graph::QuantizedNetwork;
use crate::quantize::calibrate::{integer_inputs, points};
use serde::{Deserialize, Serialize};
use shared::checksum;
use shared::latent::Point;

/// How many vectors golden.json holds.
pub const FILE_VECTORS: usize = 64;

/// No golden.json is larger, in bytes.
pub const MAX_FILE_LEN: u64 = 64 << 20;

/// How many vectors an image carries: one a class up to ten, or four.
pub fn image_vectors(classes: usize) -> usize {
    if classes == 0 { 4 } else { classes.min(10) }
}

/// What one point must give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldenVector {
    /// Chooses the latent vector.
    pub seed: u32,
    /// Which class; none for an unconditional generator.
    pub label: Option<u8>,
    /// CRC-32 of the input.
    #[serde(with = "hex_word")]
    pub input: u32,
    /// CRC-32 of each operation's output, in order; the elements lie as on the device.
    #[serde(with = "hex_words")]
    pub layers: Vec<u32>,
    /// The picture's int8 elements, as on the device: rows, columns, channels.
    #[serde(with = "hex_bytes")]
    pub picture: Vec<i8>,
}

impl GoldenVector {
    /// The point.
    pub fn point(&self) -> Point {
        Point {
            seed: self.seed,
            label: self.label,
        }
    }

    /// The checksums as an image holds them: of the input, then of each operation's output.
    pub fn checksums(&self) -> Vec<u32> {
        std::iter::once(self.input)
            .chain(self.layers.iter().copied())
            .collect()
    }
}

/// golden.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// The model's name.
    pub model: String,
    /// CRC-32 of the whole image file's content, as its header states it.
    #[serde(with = "hex_word")]
    pub image: u32,
    /// Names of the operations, in order; a concatenation is one a part.
    pub layers: Vec<String>,
    /// Channels, height and width of the pictures.
    pub shape: [usize; 3],
    /// The vectors.
    pub vectors: Vec<GoldenVector>,
}

/// Why a golden.json cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("not a file of golden vectors: {0}; export the model again")]
pub struct GoldenError(String);

impl GoldenFile {
    /// The file's content.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// [`GoldenError`] with the line.
    pub fn from_json(json: &[u8]) -> Result<Self, GoldenError> {
        let file: Self = serde_json::from_slice(json).map_err(|e| GoldenError(e.to_string()))?;
        for (index, vector) in file.vectors.iter().enumerate() {
            let [channels, height, width] = file.shape;
            let len = channels
                .checked_mul(height)
                .and_then(|n| n.checked_mul(width));
            if vector.layers.len() != file.layers.len() || Some(vector.picture.len()) != len {
                return Err(GoldenError(format!(
                    "vector {index} has other layers or another picture than the file states"
                )));
            }
        }
        Ok(file)
    }
}

/// Records `count` vectors at seeds 0, 1, 2..., labels in turn. `run` gives every node's output for
/// an input.
pub fn vectors(
    network: &QuantizedNetwork,
    count: usize,
    run: impl Fn(&[i8]) -> Vec<Vec<i8>>,
) -> Vec<GoldenVector> {
    let program = Program::new(network);
    let points = points(0, count, network.input.classes);
    let inputs = integer_inputs(&points, network.input, network.about.prior);
    let record = |(point, input): (&Point, ndarray::ArrayView1<i8>)| {
        let input = input.to_vec();
        let outputs = run(&input);
        let observed = |op: &Op| {
            let output = outputs.get(op.node).map_or(&[][..], |output| output);
            checksum::of_activations(&program.observed(network, op, output))
        };
        let picture = outputs.last();
        GoldenVector {
            seed: point.seed,
            label: point.label,
            input: checksum::of_activations(&input),
            layers: program.ops.iter().map(observed).collect(),
            picture: picture.cloned().unwrap_or_default(),
        }
    };
    points.iter().zip(inputs.rows()).map(record).collect()
}

/// A checksum as eight hexadecimal digits.
mod hex_word {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(word: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{word:08x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    pub fn parse(text: &str) -> Result<u32, String> {
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let word = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        word.ok_or_else(|| "a checksum must be eight hexadecimal digits".to_owned())
    }
}

/// Checksums, one after the other in one string.
mod hex_words {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(words: &[u32], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(words.iter().map(|word| format!("{word:08x}")))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts
            .iter()
            .map(|text| super::hex_word::parse(text).map_err(D::Error::custom))
            .collect()
    }
}

/// Bytes as pairs of hexadecimal digits.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Write;

    pub fn serialize<S: Serializer>(bytes: &[i8], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i8>, D::Error> {
        let text = String::deserialize(from)?;
        let digit = |b: u8| char::from(b).to_digit(16);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        // Two hexadecimal digits are one byte.
        let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? << 4 | digit(low)?) as u8 as i8);
        let bytes: Option<Vec<i8>> = pairs.iter().map(byte).collect();
        bytes
            .filter(|_| rest.is_empty())
            .ok_or_else(|| D::Error::custom("a picture must be pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> GoldenFile {
        GoldenFile {
            model: "m".into(),
            image: 7,
            layers: vec!["a".into(), "b".into()],
            shape: [1, 1, 3],
            vectors: vec![GoldenVector {
                seed: 1,
                label: Some(2),
                input: 0x0123_4567,
                layers: vec![1, u32::MAX],
                picture: vec![-128, 0, 127],
            }],
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let json = file().to_json();
        assert!(
            json.contains("\"80007f\"") && json.contains("\"01234567\""),
            "{json}"
        );
        assert_eq!(GoldenFile::from_json(json.as_bytes()).unwrap(), file());
    }

    #[test]
    fn damaged_files_are_refused() {
        let json = file().to_json();
        for (from, to) in [
            ("01234567", "0123456"),
            ("80007f", "80007"),
            ("80007f", "8000"),
            ("\"seed\"", "\"sed\""),
        ] {
            let error = GoldenFile::from_json(json.replace(from, to).as_bytes())
                .unwrap_err()
                .to_string();
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(GoldenFile::from_json(&json.as_bytes()[..40]).is_err());
    }
}
