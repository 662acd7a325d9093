//! Shapes, and where values come from.

/// What a generator is given: a latent vector, and which class to draw where it was trained with
/// labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Length of the latent vector.
    pub latent: usize,
    /// Length of the one-hot label that follows the latent vector; 0 for an unconditional
    /// generator.
    pub classes: usize,
}

impl InputSpec {
    /// Length of the whole input: the latent vector followed by the one-hot label.
    pub fn len(&self) -> usize {
        self.latent + self.classes
    }

    /// Whether there is no input at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Channels, height, width.
///
/// A tensor's elements lie rows, columns, channels, the last fastest. This is the matter of
/// [`Shape::index`] and [`Shape::place`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 1 for grey.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// The axis of rows, where axes are numbered.
pub const ROWS: usize = 0;

/// The axis of columns.
pub const COLUMNS: usize = 1;

/// The axis of channels.
pub const CHANNELS: usize = 2;

/// The place of an element in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Row.
    pub row: usize,
    /// Column.
    pub column: usize,
    /// Channel.
    pub channel: usize,
}

impl Place {
    /// The place at so many rows, columns and channels.
    pub const fn new([row, column, channel]: [usize; 3]) -> Self {
        Self {
            row,
            column,
            channel,
        }
    }

    /// Row, column, channel.
    pub const fn axes(self) -> [usize; 3] {
        [self.row, self.column, self.channel]
    }
}

impl Shape {
    /// The shape of so many rows, columns and channels.
    pub const fn of_axes([height, width, channels]: [usize; 3]) -> Self {
        Self {
            channels,
            height,
            width,
        }
    }

    /// Rows, columns and channels.
    pub const fn axes(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    /// Number of elements; saturates, and no network is that large.
    pub const fn len(&self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// A vector: one element a channel.
    pub const fn vector(len: usize) -> Self {
        Self {
            channels: len,
            height: 1,
            width: 1,
        }
    }

    /// Whether the shape has no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has one element a channel.
    pub const fn is_vector(&self) -> bool {
        self.height == 1 && self.width == 1
    }

    /// Rows times columns.
    pub const fn pixels(&self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// Rows and columns.
    pub const fn sides(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Index of the element at a place.
    pub const fn index(&self, place: Place) -> usize {
        (place.row * self.width + place.column) * self.channels + place.channel
    }

    /// The place of an element. The shape must have elements.
    pub const fn place(&self, index: usize) -> Place {
        Place {
            row: index / self.channels / self.width,
            column: index / self.channels % self.width,
            channel: index % self.channels,
        }
    }

    /// The channel of an element. The shape must have elements.
    pub const fn channel(&self, index: usize) -> usize {
        index % self.channels
    }

    /// Index of a channel's element at a pixel, pixels counted row by row.
    pub const fn at(&self, channel: usize, pixel: usize) -> usize {
        pixel * self.channels + channel
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            height,
            width,
        } = self;
        if self.is_vector() {
            write!(f, "{channels}")
        } else {
            write!(f, "{channels} x {height} x {width}")
        }
    }
}

/// Where a node's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The whole input: the latent vector followed by the one-hot label.
    Input,
    /// The latent vector alone.
    Latent,
    /// The one-hot label alone.
    Label,
    /// The output of the node with this index.
    Node(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_indices_are_inverse() {
        let shape = Shape {
            channels: 3,
            height: 4,
            width: 5,
        };
        for index in 0..shape.len() {
            let place = shape.place(index);
            assert_eq!(shape.index(place), index);
            assert_eq!(shape.channel(index), place.channel);
            let pixel = place.row * shape.width + place.column;
            assert_eq!(shape.at(place.channel, pixel), index);
        }
    }
}
