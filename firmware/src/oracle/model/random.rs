//! Programs of random operations: what follows what, and in which shapes.

use super::{Layer, Model, NO_WEIGHTS, Vec};
use shared::latent::{self, pcg::Pcg32};
use shared::layer::{Axis, Copy, Embedding, Kind, Region, Window};

/// No tensor of [`Model::random`] is longer than this.
const RANDOM_LEN: u32 = 1024;

impl Model {
    /// A model of at least `count` operations of every kind and random shapes; gives a picture of 1 to 20 rows and columns.
    pub fn random(seed: u64, count: usize) -> Self {
        let mut random = Pcg32::new(seed, 4);
        let latent = 1 + (random.next_u32() % 12) as u16;
        let classes = 1 + (random.next_u32() % 10) as u8;
        let input = [1, 1, latent + u16::from(classes)];
        let mut model = Self::new(seed, input, classes, RANDOM_LEN);
        while model.layers.len() < count {
            model.any();
        }
        let picture = [model.one_to(20), model.one_to(20), 1];
        model.dense(picture, None);
        model.finish();
        model
    }

    /// Appends one operation, or a few that belong together, that fit what was written last.
    fn any(&mut self) {
        match self.random.next_u32() % 12 {
            0..=2 => self.any_conv(),
            3..=5 => self.any_conv_transpose(),
            6 => self.any_upsample(),
            7 => self.any_concat(),
            8 => self.any_reshape(),
            9 => self.embedding(),
            10 => self.table(),
            _ => {
                let shape = [self.one_to(6), self.one_to(6), self.one_to(9)];
                self.dense(shape, None);
            }
        }
    }

    /// A number from 1 to `n`.
    fn one_to(&mut self, n: u32) -> u16 {
        (1 + self.random.next_u32() % n) as u16
    }

    fn any_window(&mut self) -> Window {
        let kernel = [0; 2].map(|_| self.one_to(5) as u8);
        Window {
            kernel,
            stride: [0; 2].map(|_| self.one_to(3) as u8),
            padding: kernel.map(|kernel| (self.one_to(u32::from(kernel)) - 1) as u8),
        }
    }

    /// One of the sizes that an axis can give, none where all are too large.
    fn any_size(&mut self, fits: impl Fn(u16) -> bool) -> Option<u16> {
        let sizes: Vec<u16> = (1..=16).filter(|&size| fits(size)).collect();
        let at = self.random.next_u32() as usize % sizes.len().max(1);
        sizes.get(at).copied()
    }

    fn any_conv(&mut self) {
        let (from, window) = (self.last(), self.any_window());
        let size =
            |model: &mut Self, axis: Axis, from| model.any_size(|size| axis.conv_fits(from, size));
        let height = size(self, window.rows(), from.height);
        let width = size(self, window.columns(), from.width);
        let channels = self.one_to(9);
        if let Some((height, width)) = height.zip(width) {
            self.conv(window, [height, width, channels], None);
        }
    }

    fn any_conv_transpose(&mut self) {
        let (from, window) = (self.last(), self.any_window());
        let size = |model: &mut Self, axis: Axis, from| {
            model.any_size(|size| axis.conv_transpose_fits(from, size))
        };
        let height = size(self, window.rows(), from.height);
        let width = size(self, window.columns(), from.width);
        let channels = self.one_to(9);
        if let Some((height, width)) = height.zip(width) {
            self.conv_transpose(window, [height, width, channels], None);
        }
    }

    fn any_upsample(&mut self) {
        let factor = [0; 2].map(|_| self.one_to(3) as u8);
        self.upsample(factor);
    }

    /// Two or three parts of what was written last, each at another exponent; the engine sees each as a region of its own.
    fn any_concat(&mut self) {
        let from = self.last();
        let parts = 1 + self.one_to(2);
        let shape = [from.height, from.width, from.channels.saturating_mul(parts)];
        let Some(output) = self.place(shape, from.exponent) else {
            return;
        };
        for part in 0..parts {
            let shift = (self.random.next_u32() % 4) as u8;
            self.regions.push(Region {
                exponent: from.exponent - shift as i8,
                ..from
            });
            let copy = Copy {
                input: self.regions.len() as u16 - 1,
                output,
                channel_offset: part * from.channels,
                shift,
            };
            self.layers
                .push(Layer::plain("copy", self.layers.len(), Kind::Copy(copy)));
        }
        self.last = output;
    }

    /// The same bytes in another shape, and no operation.
    fn any_reshape(&mut self) {
        let from = self.last();
        let len = from.len() as u16;
        let divisors = |n: u16| (1..=n.min(12)).filter(move |d| n.is_multiple_of(*d));
        let pick = |model: &mut Self, n: u16| {
            let at = model.random.next_u32() as usize % divisors(n).count();
            divisors(n).nth(at).unwrap_or(1)
        };
        let height = pick(self, len);
        let width = pick(self, len / height);
        self.regions.push(Region {
            height,
            width,
            channels: len / height / width,
            ..from
        });
        self.last = self.regions.len() as u16 - 1;
    }

    /// The embedding of the label, which is a part of the input.
    fn embedding(&mut self) {
        let input = self.region(0);
        let label = input.end() - u32::from(self.classes);
        self.regions.push(Region::vector(
            label,
            u16::from(self.classes),
            latent::EXPONENT,
        ));
        let (input, length) = (self.regions.len() as u16 - 1, self.one_to(20));
        let layer = |output| {
            Kind::Embedding(Embedding {
                input,
                output,
                weights: NO_WEIGHTS,
            })
        };
        self.push("embedding", [1, 1, length], -4, layer, None);
    }
}
