//! The order of a tensor's elements on the device.
//!
//! On the host a sample's elements lie in the order channels, rows, columns. The device has pictures channels last (rows,
//! columns, channels), and lets a vector have any order that spares it moving bytes: a dense layer in front of a reshape
//! to a picture writes its outputs in the picture's order at once.

use crate::graph::Shape;

/// For each element on the device, in order, its index in the host's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(Vec<usize>);

impl Order {
    /// The device's order of a picture, or a vector's own.
    pub fn of(shape: Shape) -> Self {
        let pixels = shape.height * shape.width;
        let channels = |pixel: usize| (0..shape.channels).map(move |c| c * pixels + pixel);
        Self((0..pixels).flat_map(channels).collect())
    }

    /// Vectors one after the other.
    pub fn joined(parts: &[&Self]) -> Self {
        let mut joined = Vec::new();
        for part in parts {
            let start = joined.len();
            joined.extend(part.0.iter().map(|at| start + at));
        }
        Self(joined)
    }

    /// From indices in the host's order.
    pub fn from_indices(indices: Vec<usize>) -> Self {
        Self(indices)
    }

    /// Indices in the host's order, in that of the device.
    pub fn indices(&self) -> &[usize] {
        &self.0
    }

    /// Values in the host's order, as the device has them. Of a shorter list, what there is.
    pub fn apply<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let value = |&at: &usize| values.get(at).copied();
        self.0.iter().filter_map(value).collect()
    }
}

/// The shape whose order a reader wants, one for all shapes of the same order: vectors, and pictures of one channel or
/// one pixel, lie as they are.
pub fn wanted(shape: Shape) -> Shape {
    if shape.channels == 1 || shape.height * shape.width == 1 {
        Shape::vector(shape.len())
    } else {
        // Rows and columns together: only where a pixel's channels lie matters.
        Shape {
            channels: shape.channels,
            height: 1,
            width: shape.height * shape.width,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_channels_last() {
        let shape = Shape {
            channels: 2,
            height: 1,
            width: 3,
        };
        let order = Order::of(shape);
        assert_eq!(order.apply(&[1, 2, 3, 10, 20, 30]), [1, 10, 2, 20, 3, 30]);
        assert_eq!(Order::of(Shape::vector(3)).indices(), [0, 1, 2]);
        let joined = Order::joined(&[&Order::of(Shape::vector(2)), &order]);
        assert_eq!(joined.indices(), [0, 1, 2, 5, 3, 6, 4, 7]);
        assert_eq!(order.apply(&[1, 2]), [1, 2]);
    }

    #[test]
    fn shapes_of_one_order_are_wanted_as_one() {
        let shape = |channels, height, width| Shape {
            channels,
            height,
            width,
        };
        for (a, b) in [
            (shape(1, 5, 4), shape(20, 1, 1)),
            (shape(3, 2, 4), shape(3, 8, 1)),
            (shape(3, 2, 4), shape(3, 4, 2)),
        ] {
            assert_eq!(wanted(a), wanted(b));
            assert_eq!(Order::of(a), Order::of(b));
        }
        assert_ne!(wanted(shape(3, 2, 4)), wanted(shape(4, 2, 3)));
    }
}
