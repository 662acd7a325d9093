//! The operations on the CPU: pictures in groups over the threads, each group's columns small
//! enough for the cache.
//!
//! How pictures are grouped depends on sizes alone, never on the number of threads, so sums come
//! out equal to the bit.

mod grouped;
mod moves;
mod rounding;
mod rows;
mod tensor;

use std::sync::Arc;

use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use tensor::{PARTS, tensor};

use super::matrix::{Matrix, multiply};
use super::{
    Activation, Geometry, Grid, Kernels, NormGradients, Normalised, Origins, Rounded, Table,
};

/// Floats of columns that one group may have: 512 KiB, about half of a core's second cache.
const GROUP: usize = 1 << 17;

impl Kernels for Flex {
    fn gather(large: FlexTensor, weight: FlexTensor, g: Geometry) -> FlexTensor {
        let (large, weight) = (large.to_contiguous(), weight.to_contiguous());
        let (input, weight) = (large.storage::<f32>(), weight.storage::<f32>());
        if g.groups > 1 {
            return tensor(grouped::gather(input, weight, g), g.small.len());
        }
        let sizes = Sizes::new(g);
        let mut output = vec![0.0; input.len() / sizes.large * sizes.small];
        output
            .par_chunks_mut(sizes.small * sizes.group)
            .zip(input.par_chunks(sizes.large * sizes.group))
            .for_each_init(Vec::new, |columns, (output, input)| {
                sizes.columns(columns, input);
                let columns = Matrix::new(columns, sizes.depth);
                let weight = Matrix::new(weight, g.small.channels);
                multiply(output, columns, weight, false);
            });
        tensor(output, sizes.small)
    }

    fn scatter(small: FlexTensor, weight: FlexTensor, g: Geometry) -> FlexTensor {
        let (small, weight) = (small.to_contiguous(), weight.to_contiguous());
        let (input, weight) = (small.storage::<f32>(), weight.storage::<f32>());
        if g.groups > 1 {
            return tensor(grouped::scatter(input, weight, g), g.large.len());
        }
        let sizes = Sizes::new(g);
        let mut output = vec![0.0; input.len() / sizes.small * sizes.large];
        output
            .par_chunks_mut(sizes.large * sizes.group)
            .zip(input.par_chunks(sizes.small * sizes.group))
            .for_each_init(Vec::new, |columns, (output, input)| {
                columns.resize(input.len() / g.small.channels * sizes.depth, 0.0);
                let input = Matrix::new(input, g.small.channels);
                let weight = Matrix::new(weight, g.small.channels).transposed();
                multiply(columns, input, weight, false);
                let pictures = output.chunks_exact_mut(sizes.large);
                for (picture, columns) in pictures.zip(columns.chunks_exact(sizes.column)) {
                    add_columns(picture, columns, g);
                }
            });
        tensor(output, sizes.large)
    }

    fn weight_gradient(large: FlexTensor, small: FlexTensor, g: Geometry) -> FlexTensor {
        let (large, small) = (large.to_contiguous(), small.to_contiguous());
        let (large, small) = (large.storage::<f32>(), small.storage::<f32>());
        let [rows, columns] = g.weight();
        if g.groups > 1 {
            return tensor(grouped::weight_gradient(large, small, g), columns);
        }
        let sizes = Sizes::new(g);
        let pictures = large.len() / sizes.large;
        let part = pictures.div_ceil(PARTS).max(1);
        let partial = |(large, small): (&[f32], &[f32])| {
            let mut sum = vec![0.0; rows * columns];
            let mut scratch = Vec::new();
            let groups = large.chunks(sizes.large * sizes.group);
            for (large, small) in groups.zip(small.chunks(sizes.small * sizes.group)) {
                sizes.columns(&mut scratch, large);
                let left = Matrix::new(&scratch, sizes.depth).transposed();
                multiply(&mut sum, left, Matrix::new(small, columns), true);
            }
            sum
        };
        let parts: Vec<Vec<f32>> = large
            .par_chunks(sizes.large * part)
            .zip(small.par_chunks(sizes.small * part))
            .map(partial)
            .collect();
        let mut total = vec![0.0; rows * columns];
        for part in parts {
            for (total, value) in total.iter_mut().zip(part) {
                *total += value;
            }
        }
        tensor(total, columns)
    }

    fn relocate(input: FlexTensor, origins: &Arc<Origins>) -> FlexTensor {
        moves::relocate(input, origins)
    }

    fn relocate_gradient(gradient: FlexTensor, origins: &Arc<Origins>) -> FlexTensor {
        moves::relocate_gradient(gradient, origins)
    }

    fn activate(input: FlexTensor, bias: FlexTensor, activation: Activation) -> FlexTensor {
        rows::activate(input, bias, activation)
    }

    fn activate_gradient(
        output: FlexTensor,
        gradient: FlexTensor,
        channels: usize,
        activation: Activation,
    ) -> (FlexTensor, FlexTensor) {
        rows::activate_gradient(output, gradient, channels, activation)
    }

    fn normalise(
        input: FlexTensor,
        scale: FlexTensor,
        bias: FlexTensor,
        activation: Activation,
    ) -> Normalised<FlexTensor> {
        rows::normalise(input, scale, bias, activation)
    }

    fn normalise_gradient(
        input: FlexTensor,
        scale: FlexTensor,
        done: Normalised<FlexTensor>,
        gradient: FlexTensor,
        activation: Activation,
    ) -> NormGradients<FlexTensor> {
        rows::normalise_gradient(input, scale, done, gradient, activation)
    }

    fn round(
        input: FlexTensor,
        bias: FlexTensor,
        scale: FlexTensor,
        grid: Grid,
    ) -> Rounded<FlexTensor> {
        rounding::round(input, bias, scale, grid)
    }

    fn look_up(input: FlexTensor, table: &Table) -> Rounded<FlexTensor> {
        rounding::look_up(input, table)
    }
}

/// Lengths that follow from a geometry.
struct Sizes {
    g: Geometry,
    /// Floats of a large picture.
    large: usize,
    /// Floats of a small picture.
    small: usize,
    /// Floats that one pixel of the small picture sees.
    depth: usize,
    /// Floats of one picture's columns.
    column: usize,
    /// Pictures in a group.
    group: usize,
}

impl Sizes {
    fn new(g: Geometry) -> Self {
        let depth = g.weight()[0];
        let column = g.small.height * g.small.width * depth;
        Self {
            g,
            large: g.large.len(),
            small: g.small.len(),
            depth,
            column,
            group: (GROUP / column).max(1),
        }
    }

    /// What each pixel of the small pictures sees, a row a pixel, for all pictures of a group.
    fn columns(&self, columns: &mut Vec<f32>, large: &[f32]) {
        columns.resize(large.len() / self.large * self.column, 0.0);
        let pictures = large.chunks_exact(self.large);
        for (picture, columns) in pictures.zip(columns.chunks_exact_mut(self.column)) {
            copy_columns(picture, columns, self.g);
        }
    }
}

/// Places of the kernel that lie side by side in the large picture: a whole row of it, or one place
/// where the kernel is spread by a dilation.
fn side_by_side(g: Geometry) -> usize {
    if g.dilation[1] == 1 { g.kernel[1] } else { 1 }
}

/// Where the places of the kernel that lie side by side meet the picture: the part of them that is
/// inside, and its place in the picture. `above` and `left` are the place of the first one, padding
/// included.
fn inside(g: Geometry, above: usize, left: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let channels = g.large.channels;
    let above = above.checked_sub(g.before[0])?;
    let first = g.before[1].saturating_sub(left);
    let last = (g.large.width + g.before[1])
        .saturating_sub(left)
        .min(side_by_side(g));
    if above >= g.large.height || first >= last {
        return None;
    }
    let place = (above * g.large.width + left + first - g.before[1]) * channels;
    Some((first * channels..last * channels, place))
}

/// Runs over a picture's columns in order, as many places of the kernel at a time as lie side by
/// side.
fn runs(g: Geometry) -> impl Iterator<Item = Option<(std::ops::Range<usize>, usize)>> {
    let parts = g.kernel[1] / side_by_side(g).max(1);
    (0..g.small.height).flat_map(move |y| {
        (0..g.small.width).flat_map(move |x| {
            (0..g.kernel[0]).flat_map(move |row| {
                let above = y * g.stride[0] + row * g.dilation[0];
                let left = x * g.stride[1];
                (0..parts).map(move |part| inside(g, above, left + part * g.dilation[1]))
            })
        })
    })
}

/// im2col for channels last.
fn copy_columns(picture: &[f32], columns: &mut [f32], g: Geometry) {
    let run = side_by_side(g) * g.large.channels;
    for (out, found) in columns.chunks_exact_mut(run).zip(runs(g)) {
        match found {
            Some((part, place)) => {
                let source = &picture[place..place + part.len()];
                out[..part.start].fill(0.0);
                out[part.end..].fill(0.0);
                out[part].copy_from_slice(source);
            }
            None => out.fill(0.0),
        }
    }
}

/// col2im: the adjoint of [`copy_columns`].
fn add_columns(picture: &mut [f32], columns: &[f32], g: Geometry) {
    let run = side_by_side(g) * g.large.channels;
    for (values, found) in columns.chunks_exact(run).zip(runs(g)) {
        if let Some((part, place)) = found {
            let target = &mut picture[place..place + part.len()];
            for (sum, value) in target.iter_mut().zip(&values[part]) {
                *sum += value;
            }
        }
    }
}
