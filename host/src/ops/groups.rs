//! Groups of channels that do not see each other: a convolution with groups is one without for
//! each.

use crate::graph::shape::Place;
use crate::graph::{Shape, Window};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, LinalgScalar, s};

/// A group as a convolution of its own.
pub struct Part<'a, T> {
    /// How its kernel moves; there are no groups in it.
    pub window: Window,
    /// Its input, shape (batch, elements of `from`).
    pub x: ArrayView2<'a, T>,
    /// The rows of its outputs.
    pub weight: ArrayView2<'a, T>,
    /// Their biases.
    pub bias: ArrayView1<'a, T>,
    /// Shape of its input.
    pub from: Shape,
    /// Shape of its output.
    pub to: Shape,
}

/// For each element of a group's channels, in order, its index among all channels.
fn elements(whole: Shape, groups: usize, group: usize) -> Vec<usize> {
    let part = part(whole, groups);
    let of = |element: usize| {
        let place = part.place(element);
        whole.index(Place {
            channel: group * part.channels + place.channel,
            ..place
        })
    };
    (0..part.len()).map(of).collect()
}

fn part(whole: Shape, groups: usize) -> Shape {
    Shape {
        channels: whole.channels / groups,
        ..whole
    }
}

/// A batch's sums of products, `one` group after the other.
pub fn sums<T: LinalgScalar>(
    window: Window,
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
    (from, to): (Shape, Shape),
    one: impl Fn(Part<'_, T>) -> Array2<T>,
) -> Array2<T> {
    let groups = window.groups;
    if groups == 1 {
        return one(Part {
            window,
            x,
            weight,
            bias,
            from,
            to,
        });
    }
    let mut all = Array2::zeros((x.nrows(), to.len()));
    let outputs = to.channels / groups;
    for group in 0..groups {
        let rows = group * outputs..(group + 1) * outputs;
        let sums = one(Part {
            window: Window {
                groups: 1,
                ..window
            },
            x: x.select(Axis(1), &elements(from, groups, group)).view(),
            weight: weight.slice(s![rows.clone(), ..]),
            bias: bias.slice(s![rows]),
            from: part(from, groups),
            to: part(to, groups),
        });
        for (column, element) in sums.columns().into_iter().zip(elements(to, groups, group)) {
            all.column_mut(element).assign(&column);
        }
    }
    all
}
