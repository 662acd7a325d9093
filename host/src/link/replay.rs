//! Hardware in the loop: a device computes golden vectors, and every layer and byte is compared.

use super::client::{Client, DevicePicture};
use super::error::LinkError;
use crate::pack::golden::{GoldenFile, GoldenVector};
use shared::latent::{Latent, Point};
use std::fmt;

/// What the device gave first that it should not have given, for one vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The picture that it was.
    pub point: Point,
    /// Where in its computation they differ.
    pub place: Place,
}

/// Where a device differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It runs another number of operations.
    Layers {
        /// As the golden vectors have it, with the input.
        expected: usize,
        /// As the device has it.
        found: usize,
    },
    /// A layer's checksum.
    Layer {
        /// Its name; `input` for the input.
        name: String,
        /// As the golden vector has it.
        expected: u32,
        /// As the device has it.
        found: u32,
    },
    /// A byte of the picture, though its checksum is right: the line.
    Element {
        /// Its index.
        index: usize,
        /// As the golden vector has it; `None` behind its end.
        expected: Option<i8>,
        /// As the device has it.
        found: Option<i8>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { seed, label } = self.point;
        write!(f, "seed {seed}")?;
        if let Some(label) = label {
            write!(f, ", label {label}")?;
        }
        match &self.place {
            Place::Layers { expected, found } => {
                write!(f, ": the device runs {found} layers, expected {expected}")
            }
            Place::Layer {
                name,
                expected,
                found,
            } => write!(
                f,
                ": {name} is the first layer that differs, checksum {found:08x}, expected {expected:08x}"
            ),
            Place::Element {
                index,
                expected,
                found,
            } => {
                let text = |value: Option<i8>| value.map_or("none".to_owned(), |v| v.to_string());
                let (found, expected) = (text(*found), text(*expected));
                write!(
                    f,
                    ": element {index} of the picture is {found}, expected {expected}"
                )
            }
        }
    }
}

/// What a replay gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// Vectors that were compared.
    pub vectors: usize,
    /// The first difference of each vector that has one.
    pub differences: Vec<Difference>,
    /// Ticks of the device's counter a picture, from the fewest to the most.
    pub ticks: Option<(u32, u32)>,
}

/// Replays golden vectors on a device; `progress` is told how many are done.
///
/// # Errors
/// [`LinkError::OtherModel`] where the device runs another model, and where the line fails. A
/// difference is no error.
pub fn replay(
    client: &mut Client,
    golden: &GoldenFile,
    mut progress: impl FnMut(usize),
) -> Result<Replay, LinkError> {
    let hello = client.hello()?;
    if hello.image_crc != golden.image {
        return Err(LinkError::OtherModel {
            model: hello.model,
            device: hello.image_crc,
            golden_model: golden.model.clone(),
            golden: golden.image,
        });
    }
    let mut replay = Replay::default();
    for vector in &golden.vectors {
        let point = vector.point();
        let picture = client.generate(Latent::At(point))?;
        let place = compare(&picture, vector, &golden.layers);
        replay
            .differences
            .extend(place.map(|place| Difference { point, place }));
        let ticks = picture.ticks;
        replay.ticks = Some(match replay.ticks {
            None => (ticks, ticks),
            Some((least, most)) => (least.min(ticks), most.max(ticks)),
        });
        replay.vectors += 1;
        progress(replay.vectors);
    }
    Ok(replay)
}

/// The first difference between what a device gave and what it should have given.
fn compare(picture: &DevicePicture, vector: &GoldenVector, names: &[String]) -> Option<Place> {
    let expected = vector.checksums();
    let found = picture.layers.iter().map(|layer| layer.checksum);
    let names = std::iter::once("input").chain(names.iter().map(String::as_str));
    for ((name, &expected), found) in names.zip(&expected).zip(found) {
        if expected != found {
            let name = name.to_owned();
            return Some(Place::Layer {
                name,
                expected,
                found,
            });
        }
    }
    if expected.len() != picture.layers.len() {
        return Some(Place::Layers {
            expected: expected.len(),
            found: picture.layers.len(),
        });
    }
    let len = vector.picture.len().max(picture.elements.len());
    (0..len)
        .map(|index| {
            (
                index,
                vector.picture.get(index),
                picture.elements.get(index),
            )
        })
        .find(|(_, expected, found)| expected != found)
        .map(|(index, expected, found)| Place::Element {
            index,
            expected: expected.copied(),
            found: found.copied(),
        })
}
