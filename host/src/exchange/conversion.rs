//! From the order of one picture's elements to that of another's, by transposition.

use super::picture_order::{Key, Layout};
use crate::graph::Shape;

/// A transposition of three axes that moves elements from one order to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// The shape that elements get before it.
    pub from: Shape,
    /// The shape that it gives.
    pub to: Shape,
    /// Which axis of `from` each of `to` is.
    pub order: [usize; 3],
}

impl Conversion {
    /// From the order of one picture to that of another of as many elements: one transposition
    /// where the channels of one are a multiple of the other's, else two, by way of the vector's
    /// own order.
    pub fn between(own: Key, wanted: Key, len: usize, layout: Layout) -> Vec<Self> {
        // A vector is a picture of one pixel.
        let [(own, pixels), (wanted, to_pixels)] = [own, wanted].map(|key| key.unwrap_or((len, 1)));
        let last = layout == Layout::ChannelsLast;
        if own.is_multiple_of(wanted) {
            let many = own / wanted;
            vec![match last {
                // (pixels, channels) with channels (wanted, many) to pixels (many, pixels) and
                // channels.
                true => Self::of(layout, [pixels, wanted, many], [2, 0, 1]),
                false => Self::of(layout, [many, wanted, pixels], [1, 2, 0]),
            }]
        } else if wanted.is_multiple_of(own) {
            let many = wanted / own;
            vec![match last {
                true => Self::of(layout, [many, to_pixels, own], [1, 2, 0]),
                false => Self::of(layout, [own, to_pixels, many], [2, 0, 1]),
            }]
        } else {
            let steps = [
                (Some((own, pixels)), None),
                (None, Some((wanted, to_pixels))),
            ];
            let step = |(own, wanted)| Self::between(own, wanted, len, layout);
            steps.into_iter().flat_map(step).collect()
        }
    }

    /// From axes as they lie in memory, the last fastest.
    fn of(layout: Layout, lens: [usize; 3], order: [usize; 3]) -> Self {
        // Which of rows, columns and channels each axis of the memory is.
        let axes = match layout {
            Layout::ChannelsLast => [0, 1, 2],
            Layout::ChannelsFirst => [2, 0, 1],
        };
        let shape = |lens: [usize; 3]| {
            let mut sides = [0; 3];
            for (axis, len) in axes.into_iter().zip(lens) {
                sides[axis] = len;
            }
            Shape::of_axes(sides)
        };
        let mut of_shapes = [0; 3];
        for (to, from) in axes.into_iter().zip(order) {
            of_shapes[to] = axes[from];
        }
        Self {
            from: shape(lens),
            to: shape(order.map(|axis| lens[axis])),
            order: of_shapes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each element lies in the order of a picture: which of the other layout's it is.
    fn elements(key: Key, len: usize, layout: Layout) -> Vec<usize> {
        let (channels, pixels) = key.unwrap_or((len, 1));
        let of = |at: usize| match layout {
            Layout::ChannelsLast => at % channels * pixels + at / channels,
            Layout::ChannelsFirst => at % pixels * channels + at / pixels,
        };
        (0..len).map(of).collect()
    }

    /// The elements of a tensor that lies as the layout says, transposed, slowly.
    fn transposed(step: &Conversion, x: &[usize], layout: Layout) -> Vec<usize> {
        let index = |shape: Shape, place: [usize; 3]| {
            let [row, column, channel] = place;
            match layout {
                Layout::ChannelsLast => (row * shape.width + column) * shape.channels + channel,
                Layout::ChannelsFirst => (channel * shape.height + row) * shape.width + column,
            }
        };
        let mut y = vec![usize::MAX; x.len()];
        for row in 0..step.to.height {
            for column in 0..step.to.width {
                for channel in 0..step.to.channels {
                    let mut from = [0; 3];
                    for (&axis, at) in step.order.iter().zip([row, column, channel]) {
                        from[axis] = at;
                    }
                    let to = index(step.to, [row, column, channel]);
                    y[to] = x[index(step.from, from)];
                }
            }
        }
        y
    }

    #[test]
    fn elements_come_into_the_other_pictures_order() {
        let len = 24;
        let keys = [1, 2, 3, 4, 6, 8, 12, 24].map(|channels: usize| match channels {
            1 | 24 => None,
            channels => Some((channels, len / channels)),
        });
        let mut most = 0;
        for layout in [Layout::ChannelsFirst, Layout::ChannelsLast] {
            for own in keys {
                for wanted in keys.into_iter().filter(|wanted| *wanted != own) {
                    let steps = Conversion::between(own, wanted, len, layout);
                    let x = elements(own, len, layout);
                    let y = steps.iter().fold(x, |x, step| transposed(step, &x, layout));
                    assert_eq!(y, elements(wanted, len, layout), "{own:?} {wanted:?}");
                    most = most.max(steps.len());
                }
            }
        }
        assert_eq!(most, 2);
    }
}
