//! Distances of every vector of one set to every vector of another, in blocks: two blocks of
//! vectors and one of distances are all that a thread holds, whatever the sets' sizes.
//!
//! `|a - b|^2 = |a|^2 + |b|^2 - 2 a.b`, the products by matrix multiplication.

use ndarray::{Array2, ArrayView2, CowArray, Ix2, NdFloat, s};
use rayon::prelude::*;
use std::ops::Range;

/// Vectors of a block of rows and of a block of columns.
const ROWS: usize = 256;
const COLUMNS: usize = 1024;

/// A set of vectors of one length.
pub trait Vectors: Sync {
    /// What products are computed in.
    type Scalar: NdFloat;

    /// How many.
    fn count(&self) -> usize;

    /// Some of them, shape (range, length).
    fn block(&self, range: Range<usize>) -> CowArray<'_, Self::Scalar, Ix2>;
}

/// Features, shape (pictures, features).
impl Vectors for ArrayView2<'_, f64> {
    type Scalar = f64;

    fn count(&self) -> usize {
        self.nrows()
    }

    fn block(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        self.slice(s![range, ..]).into()
    }
}

/// Pictures as vectors of pixels in units of 255 grey levels; they are bytes until a block is asked
/// for.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    bytes: &'a [u8],
    pixels: usize,
}

impl<'a> Pixels<'a> {
    /// Grey levels of shape (pictures, pixels); bytes past the last whole picture do not count.
    pub fn new(bytes: &'a [u8], pixels: usize) -> Self {
        Self {
            bytes,
            pixels: pixels.max(1),
        }
    }

    /// One picture's grey levels; empty past the last.
    pub fn picture(&self, index: usize) -> &'a [u8] {
        let start = index.saturating_mul(self.pixels);
        self.bytes
            .get(start..start.saturating_add(self.pixels))
            .unwrap_or_default()
    }

    /// The sum of squared differences of two pictures, in grey levels, exactly.
    pub fn squared_distance(a: &[u8], b: &[u8]) -> u64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| u64::from(x.abs_diff(y)).pow(2))
            .sum()
    }
}

impl Vectors for Pixels<'_> {
    type Scalar = f32;

    fn count(&self) -> usize {
        self.bytes.len() / self.pixels
    }

    fn block(&self, range: Range<usize>) -> CowArray<'_, f32, Ix2> {
        Array2::from_shape_fn((range.len(), self.pixels), |(row, pixel)| {
            let at = (range.start + row) * self.pixels + pixel;
            f32::from(self.bytes[at]) / 255.0
        })
        .into()
    }
}

/// For each vector of `rows`, folds its squared distances to all vectors of `columns`.
///
/// `fold` is given the state, the row, the first column of a block, and the block's squared
/// distances; blocks come in order. Differences below the rounding of the products count as 0.
pub fn fold<V: Vectors, S: Send>(
    rows: &V,
    columns: &V,
    start: impl Fn() -> S + Sync,
    fold: impl Fn(&mut S, usize, usize, &[V::Scalar]) + Sync,
) -> Vec<S> {
    let squares = norms(columns);
    let starts: Vec<usize> = (0..rows.count()).step_by(ROWS).collect();
    let blocks: Vec<Vec<S>> = starts
        .into_par_iter()
        .map(|first| {
            let block = rows.block(first..(first + ROWS).min(rows.count()));
            let own = norms_of(block.view());
            let mut states: Vec<S> = own.iter().map(|_| start()).collect();
            for column in (0..columns.count()).step_by(COLUMNS) {
                let others = columns.block(column..(column + COLUMNS).min(columns.count()));
                let mut products = block.dot(&others.t());
                for (row, mut distances) in products.rows_mut().into_iter().enumerate() {
                    for (value, &norm) in distances.iter_mut().zip(&squares[column..]) {
                        *value = squared(own[row], norm, *value);
                    }
                    // A product of two matrices lies row by row.
                    if let Some(distances) = distances.as_slice() {
                        fold(&mut states[row], first + row, column, distances);
                    }
                }
            }
            states
        })
        .collect();
    blocks.into_iter().flatten().collect()
}

fn squared<T: NdFloat>(a: T, b: T, product: T) -> T {
    let distance = a + b - product - product;
    // Products of a few hundred terms are wrong by some units in the last place.
    let noise = (a + b) * T::epsilon() * (T::one() + T::one()).powi(4);
    if distance > noise {
        distance
    } else {
        T::zero()
    }
}

fn norms<V: Vectors>(vectors: &V) -> Vec<V::Scalar> {
    let starts: Vec<usize> = (0..vectors.count()).step_by(COLUMNS).collect();
    let blocks: Vec<Vec<V::Scalar>> = starts
        .into_par_iter()
        .map(|first| {
            norms_of(
                vectors
                    .block(first..(first + COLUMNS).min(vectors.count()))
                    .view(),
            )
        })
        .collect();
    blocks.into_iter().flatten().collect()
}

fn norms_of<T: NdFloat>(block: ArrayView2<T>) -> Vec<T> {
    block.rows().into_iter().map(|row| row.dot(&row)).collect()
}

/// The squared distance of each vector to its `k`-th nearest other vector of the same set; infinite
/// where there are not so many.
pub fn radii(vectors: &ArrayView2<f64>, k: usize) -> Vec<f64> {
    let nearest = fold(
        vectors,
        vectors,
        || vec![f64::INFINITY; k.max(1)],
        |nearest: &mut Vec<f64>, row, first, distances| {
            for (index, &distance) in distances.iter().enumerate() {
                if first + index != row {
                    insert(nearest, distance);
                }
            }
        },
    );
    nearest
        .into_iter()
        .map(|sorted| sorted.last().copied().unwrap_or(f64::INFINITY))
        .collect()
}

/// Puts a value in its place among the smallest so far, which are sorted.
fn insert(smallest: &mut [f64], value: f64) {
    if smallest.last().is_none_or(|&last| value >= last) {
        return;
    }
    let place = smallest.partition_point(|&s| s <= value);
    smallest[place..].rotate_right(1);
    smallest[place] = value;
}

/// The nearest and the second nearest vector of another set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Their squared distances, nearest first; infinite where there is none.
    pub squared: [f32; 2],
    /// Their indices.
    pub index: [usize; 2],
}

/// For each vector of `rows` the two nearest of `columns`, itself left out where `same` (the sets
/// are one).
pub fn two_nearest(rows: &Pixels<'_>, columns: &Pixels<'_>, same: bool) -> Vec<Nearest> {
    let none = || Nearest {
        squared: [f32::INFINITY; 2],
        index: [usize::MAX; 2],
    };
    fold(rows, columns, none, |found, row, first, distances| {
        for (index, &distance) in (first..).zip(distances) {
            if distance < found.squared[1] && !(same && index == row) {
                found.squared[1] = distance;
                found.index[1] = index;
                if distance < found.squared[0] {
                    found.squared.swap(0, 1);
                    found.index.swap(0, 1);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;

    fn features(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
        let mut random = Random::new(seed);
        Array2::from_shape_simple_fn((rows, columns), || f64::from(random.normal()))
    }

    /// Sizes that are no multiple of a block's.
    #[test]
    fn distances_are_those_of_the_obvious_loops() {
        let (a, b) = (features(1, 300, 7), features(2, 1100, 7));
        let found = fold(
            &a.view(),
            &b.view(),
            Vec::new,
            |all: &mut Vec<f64>, row, first, block| {
                assert_eq!(all.len(), first, "blocks in order, row {row}");
                all.extend(block);
            },
        );
        assert_eq!(found.len(), 300);
        for (row, distances) in found.iter().enumerate() {
            assert_eq!(distances.len(), 1100);
            for (column, &distance) in distances.iter().enumerate() {
                let difference = &a.row(row) - &b.row(column);
                let expected = difference.dot(&difference);
                assert!((distance - expected).abs() < 1e-11, "{row} {column}");
            }
        }
    }

    #[test]
    fn a_radius_reaches_the_kth_other_vector() {
        let a = features(3, 1300, 5);
        let found = radii(&a.view(), 3);
        for row in [0, 255, 256, 1299] {
            let mut all: Vec<f64> = (0..1300)
                .filter(|&other| other != row)
                .map(|other| (&a.row(row) - &a.row(other)).mapv(|d| d * d).sum())
                .collect();
            all.sort_by(f64::total_cmp);
            assert!((found[row] - all[2]).abs() < 1e-11, "{row}");
        }
        assert_eq!(radii(&a.slice(s![..3, ..]), 3), vec![f64::INFINITY; 3]);
    }

    #[test]
    fn equal_vectors_have_no_distance() {
        let a = features(4, 40, 9) * 1000.0;
        let zero = fold(
            &a.view(),
            &a.view(),
            || 0.0,
            |own, row, first, block| {
                *own = block[row - first];
            },
        );
        assert!(zero.iter().all(|&distance| distance == 0.0), "{zero:?}");
    }

    #[test]
    fn the_two_nearest_pictures() {
        let bytes = [0u8, 0, 10, 0, 200, 0, 12, 5];
        let pictures = Pixels::new(&bytes, 2);
        let found = two_nearest(&pictures, &pictures, true);
        assert_eq!(found[0].index, [1, 3]);
        assert_eq!(found[3].index, [1, 0]);
        assert_eq!(two_nearest(&pictures, &pictures, false)[2].index[0], 2);
        let alone = two_nearest(
            &Pixels::new(&bytes[..2], 2),
            &Pixels::new(&bytes[..2], 2),
            true,
        );
        assert_eq!(alone[0].squared, [f32::INFINITY; 2]);
        assert_eq!(Pixels::squared_distance(&bytes[..2], &bytes[6..]), 169);
        assert!(pictures.picture(4).is_empty());
    }
}
