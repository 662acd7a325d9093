//! Random networks whose tensors are combined: sums, products, means, attention, choices.

use super::graph::{Builder, shape};
use crate::graph::{InputSpec, Network, Op, Shape, Source, Window};
use crate::ops;
use ndarray::Array2;

impl Builder {
    /// Something that combines the value that is worked on with itself, or its elements with each
    /// other.
    pub(super) fn combination(&mut self) {
        match self.random.below(4) {
            0 => self.residual(),
            1 => self.gate(),
            2 => self.pool(),
            _ => self.attention(),
        }
    }

    /// The value plus what layers make of it, and perhaps a vector of the label or of its own
    /// means.
    fn residual(&mut self) {
        let (start, to) = (self.head, self.shape);
        let mut parts = vec![start];
        for _ in 0..1 + self.random.below(2) {
            (self.head, self.shape) = (start, to);
            self.same(to.channels);
            self.activation();
            parts.push(self.head);
        }
        match self.random.below(3) {
            0 if self.input.classes > 0 => {
                self.shape = Shape::vector(to.channels);
                self.embedding(self.shape);
                parts.push(self.head);
            }
            1 => {
                (self.head, self.shape) = (start, to);
                self.means();
                parts.insert(0, self.head);
            }
            _ => {}
        }
        self.push("add", parts, Op::add(), to);
    }

    /// The value times what a layer makes of its means: squeeze and excitation.
    fn gate(&mut self) {
        let (start, to) = (self.head, self.shape);
        if self.random.below(2) == 0 {
            self.means();
            self.dense(to.channels, 1.0);
        } else {
            self.same(to.channels);
        }
        let shape = self.shape;
        self.push("sigmoid", vec![self.head], Op::SIGMOID, shape);
        let mut parts = vec![start, self.head];
        if self.random.below(2) == 0 {
            parts.reverse();
        }
        self.push("mul", parts, Op::mul(), to);
    }

    /// A vector of each channel's mean.
    fn means(&mut self) {
        let window = Window::new(self.shape.sides(), [1, 1], [0, 0]);
        let to = Shape::vector(self.shape.channels);
        let op = Op::average_pool(window, false);
        self.push("means", vec![self.head], op, to);
    }

    fn pool(&mut self) {
        let random = &mut self.random;
        let kernel = [1 + random.below(3), 1 + random.below(3)];
        let stride = [1 + random.below(2), 1 + random.below(2)];
        let padding = [0, 1, 2, 3].map(|side| random.below(kernel[side % 2]));
        let counts = random.below(2) == 0;
        let [top, left, bottom, right] = padding;
        let window = Window::new(kernel, stride, [top, left]);
        // A window that does not fit is left out.
        let to = ops::conv::output(window, self.shape, self.shape.channels, [bottom, right]);
        if let Some(to) = to {
            self.push(
                "pool",
                vec![self.head],
                Op::average_pool(window, counts),
                to,
            );
        }
    }

    /// Each row of pixels weighs the pixels of its own row, or of the first row of another value.
    fn attention(&mut self) {
        let (start, from) = (self.head, self.shape);
        let inner = 1 + self.random.below(4);
        let mut parts = Vec::new();
        for channels in [inner, inner, from.channels] {
            (self.head, self.shape) = (start, from);
            self.same(channels);
            parts.push(self.head);
        }
        let scores = shape(from.width, from.height, from.width);
        let [query, key, value] = parts[..] else {
            return;
        };
        self.push("scores", vec![query, key], Op::mat_mul(true), scores);
        // Weights between 0 and 1, as those of any attention.
        self.push("sigmoid", vec![self.head], Op::SIGMOID, scores);
        self.push(
            "attention",
            vec![self.head, value],
            Op::mat_mul(false),
            from,
        );
    }
}

/// A small random graph with a choice in it: the largest of a few values chooses a row of a table,
/// from which the rest is made. Beside it the numbers of each pixel's largest channel.
///
/// Apart from [`super::any_graph`], because next to a tie the smallest error changes everything
/// behind a choice.
pub fn any_choice(seed: u64) -> Network {
    let input = InputSpec {
        latent: 2 + (seed % 5) as usize,
        classes: [0, 3][(seed % 2) as usize],
    };
    let mut builder = Builder::new(seed ^ 0x63_686f_6963_6500, input, 8);
    if input.classes > 0 && builder.random.below(4) == 0 {
        (builder.head, builder.shape) = (Source::Label, Shape::vector(input.classes));
    } else {
        let width = 1 + builder.random.below(9);
        builder.dense(width, 1.0);
        builder.activation();
    }
    let rows = builder.shape.channels + builder.random.below(3);
    builder.push("argmax", vec![builder.head], Op::argmax(), Shape::vector(1));
    let length = 1 + builder.random.below(7);
    let table = Array2::from_shape_simple_fn((rows, length), || builder.random.normal());
    builder.push(
        "gather",
        vec![builder.head],
        Op::gather(&table),
        Shape::vector(length),
    );
    builder.activation();
    let picture = shape(1 + builder.random.below(4), 3, 2);
    builder.dense(picture.len(), 1.0);
    builder.reshape(picture);
    builder.same(picture.channels);
    if builder.random.below(2) == 0 {
        let to = ops::argmax::output(picture);
        builder.push("numbers", vec![builder.head], Op::argmax(), to);
        builder.same(2);
    }
    let shape = builder.shape;
    builder.push("tanh", vec![builder.head], Op::TANH, shape);
    builder.finish(format!("choice{seed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_valid_and_repeatable() {
        for seed in 0..100 {
            let network = any_choice(seed);
            network
                .check()
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert_eq!(network, any_choice(seed));
        }
    }
}
