//! Samples that are the same picture.

use super::neighbours::{Pixels, Vectors, two_nearest};
use super::{Estimate, bootstrap};
use serde::Serialize;
use std::collections::BTreeMap;

/// Two pictures are near duplicates where their root mean square difference is at most this many
/// grey levels of 255: a difference of 2 % that nobody sees.
pub const NEAR: f64 = 5.0;

/// How many samples of a set have a twin in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duplicates {
    /// The part of the samples that are equal to another one in every pixel.
    pub exact: f64,
    /// The part of the samples that are equal or nearly equal (within 5 grey levels, root mean
    /// square) to another one.
    pub near: Estimate,
}

/// Compares each picture of a set with all others.
pub fn duplicates(pictures: &Pixels<'_>, seed: u64) -> Duplicates {
    let count = pictures.count();
    let mut equal: BTreeMap<&[u8], usize> = BTreeMap::new();
    for index in 0..count {
        *equal.entry(pictures.picture(index)).or_default() += 1;
    }
    let twins: usize = equal.values().filter(|n| **n > 1).sum();
    let near: Vec<f64> = two_nearest(pictures, pictures, true)
        .iter()
        .enumerate()
        .map(|(index, found)| {
            let own = pictures.picture(index);
            let other = pictures.picture(found.index[0]);
            let limit = NEAR * NEAR * own.len() as f64;
            let near = !other.is_empty() && Pixels::squared_distance(own, other) as f64 <= limit;
            f64::from(u8::from(near))
        })
        .collect();
    Duplicates {
        exact: twins as f64 / count.max(1) as f64,
        near: bootstrap::mean(&near, seed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_counted_once_each() {
        let bytes = [0u8, 0, 0, 0, 100, 100, 104, 104, 200, 0];
        let found = duplicates(&Pixels::new(&bytes, 2), 1);
        assert_eq!(found.exact, 0.4);
        assert_eq!(found.near.value, 0.8);
        assert_eq!(duplicates(&Pixels::new(&bytes[..2], 2), 1).near.value, 0.0);
    }
}
