//! Random images of every operation, with golden vectors of the oracle: the same from the same seed, everywhere.

use super::{run, std};
use shared::arithmetic::Activation;
use shared::checksum;
use shared::image::{GoldenRepr, Image, ImageRepr, PIXEL_EXPONENT, PixelRange, WriteError};
use shared::latent::{self, Latent, Point, Prior, pcg::Pcg32};
use shared::layer::{
    Axis, Conv, ConvTranspose, Copy, Dense, Embedding, Kind, Layout, Op, Region, Table, Upsample,
    WeightShape, Weights, Window,
};
use std::{format, string::String, vec, vec::Vec};

/// No tensor of [`Model::random`] is longer than this.
const RANDOM_LEN: u32 = 1024;

/// A layer with its data.
#[derive(Debug, Clone)]
struct Layer {
    name: String,
    /// Its weights or entries are those below.
    kind: Kind<'static>,
    layout: Layout,
    activation: Activation,
    values: Vec<u8>,
    bias: Vec<u8>,
    shifts: Vec<u8>,
}

impl Layer {
    /// A layer without weights.
    fn plain(name: &str, index: usize, kind: Kind<'static>) -> Self {
        Self {
            name: format!("{name}{index}"),
            kind,
            layout: Layout::Int8Rows,
            activation: Activation::None,
            values: Vec::new(),
            bias: Vec::new(),
            shifts: Vec::new(),
        }
    }

    fn op(&self) -> Op<'_> {
        let weights = Weights {
            layout: self.layout,
            activation: self.activation,
            values: &self.values,
            bias: &self.bias,
            shifts: &self.shifts,
        };
        let kind = match self.kind {
            Kind::Dense(layer) => Kind::Dense(Dense { weights, ..layer }),
            Kind::Conv(layer) => Kind::Conv(Conv { weights, ..layer }),
            Kind::ConvTranspose(layer) => Kind::ConvTranspose(ConvTranspose { weights, ..layer }),
            Kind::Embedding(layer) => Kind::Embedding(Embedding { weights, ..layer }),
            other => other,
        };
        Op {
            name: &self.name,
            kind,
        }
    }
}

/// A random image in the making.
#[derive(Debug)]
pub struct Model {
    random: Pcg32,
    latent_len: u16,
    classes: u8,
    regions: Vec<Region>,
    layers: Vec<Layer>,
    /// Index of the region that was written last.
    last: u16,
    /// Where outputs lie, in turn.
    places: [u32; 2],
    /// Length of the longest output.
    max_len: u32,
}

/// Entries of every table: a bijection, so that no difference is lost.
static TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        // An odd factor permutes the bytes.
        table[i] = (i as u8).wrapping_mul(93).wrapping_add(41);
        i += 1;
    }
    table
};

const NO_WEIGHTS: Weights<'static> = Weights {
    layout: Layout::Int8Rows,
    activation: Activation::None,
    values: &[],
    bias: &[],
    shifts: &[],
};

impl Model {
    /// A model whose input has this shape (rows, columns, channels); of its elements, the last `classes` are the label's.
    /// Operations whose output would be longer than `max_len` are left out.
    pub fn new(seed: u64, [height, width, channels]: [u16; 3], classes: u8, max_len: u32) -> Self {
        let input = Region {
            offset: 0,
            channels,
            height,
            width,
            exponent: latent::EXPONENT,
        };
        let [start, len] = [input.len(), max_len].map(|len| len.next_multiple_of(4));
        Self {
            random: Pcg32::new(seed, 3),
            latent_len: (input.len() as u16).saturating_sub(u16::from(classes)),
            classes,
            regions: vec![input],
            layers: Vec::new(),
            last: 0,
            places: [start, start + len],
            max_len,
        }
    }

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

    /// Makes a picture of what was written last.
    pub fn finish(&mut self) {
        self.regions.push(Region {
            exponent: PIXEL_EXPONENT,
            ..self.last()
        });
        self.last = self.regions.len() as u16 - 1;
        self.table();
    }

    /// Lets the next operation read the input again.
    pub fn rewind(&mut self) {
        self.last = 0;
    }

    /// The image, with golden vectors of the oracle for these points.
    ///
    /// # Errors
    /// [`WriteError`] where an accumulator might overflow or the model is larger than an image may be.
    pub fn image(&self, points: &[Point]) -> Result<Vec<u8>, WriteError> {
        let plain = self.emit(&[])?;
        let image = Image::new_checked(&plain)?;
        let checksums: Vec<Vec<u32>> = points
            .iter()
            .map(|&point| {
                let mut input = vec![0; image.input().len() as usize];
                Latent::At(point).fill(image.prior(), image.latent_len(), &mut input);
                let mut checksums = vec![checksum::of_activations(&input)];
                checksums.extend(
                    run(&image, &input)
                        .iter()
                        .map(|y| checksum::of_activations(y)),
                );
                checksums
            })
            .collect();
        let goldens: Vec<GoldenRepr<'_>> = points
            .iter()
            .zip(&checksums)
            .map(|(&point, checksums)| GoldenRepr { point, checksums })
            .collect();
        self.emit(&goldens)
    }

    fn emit(&self, goldens: &[GoldenRepr<'_>]) -> Result<Vec<u8>, WriteError> {
        let ops: Vec<Op<'_>> = self.layers.iter().map(Layer::op).collect();
        let repr = ImageRepr {
            name: "random",
            card: "weights drawn, not trained",
            latent_len: self.latent_len,
            classes: self.classes,
            prior: Prior::Normal,
            pixel_range: PixelRange::Signed,
            arena_len: self.regions.iter().map(Region::end).max().unwrap_or(0),
            regions: &self.regions,
            input: 0,
            output: self.last,
            ops: &ops,
            goldens,
        };
        let mut image = vec![0; repr.buffer_len()];
        let len = repr.emit(&mut image)?;
        image.truncate(len);
        Ok(image)
    }

    /// Number of classes.
    pub fn classes(&self) -> u8 {
        self.classes
    }

    /// The region that was written last.
    pub fn last(&self) -> Region {
        self.region(self.last)
    }

    fn region(&self, index: u16) -> Region {
        self.regions[usize::from(index)]
    }

    /// A number from 1 to `n`.
    fn one_to(&mut self, n: u32) -> u16 {
        (1 + self.random.next_u32() % n) as u16
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

    /// Nearest upsampling by whole factors, where the result is not too long.
    pub fn upsample(&mut self, factor: [u8; 2]) {
        let (input, from) = (self.last, self.last());
        let [rows, columns] = factor.map(u16::from);
        let shape = [from.height * rows, from.width * columns, from.channels];
        let kind = |output| {
            Kind::Upsample(Upsample {
                input,
                output,
                factor,
            })
        };
        self.push("upsample", shape, from.exponent, kind, None);
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

    /// A table, in place.
    pub fn table(&mut self) {
        self.regions.push(self.last());
        let input = self.last;
        self.last = self.regions.len() as u16 - 1;
        let table = Table {
            input,
            output: self.last,
            entries: &TABLE,
        };
        self.layers
            .push(Layer::plain("table", self.layers.len(), Kind::Table(table)));
    }

    /// A dense layer with weights of a layout, or of any.
    pub fn dense(&mut self, shape: [u16; 3], layout: Option<Layout>) {
        let input = self.last;
        let kind = |output| {
            Kind::Dense(Dense {
                input,
                output,
                weights: NO_WEIGHTS,
            })
        };
        self.push("dense", shape, -4, kind, layout);
    }

    /// A convolution with weights of a layout, or of any.
    pub fn conv(&mut self, window: Window, shape: [u16; 3], layout: Option<Layout>) {
        let input = self.last;
        let kind = |output| {
            Kind::Conv(Conv {
                input,
                output,
                window,
                weights: NO_WEIGHTS,
            })
        };
        self.push("conv", shape, -4, kind, layout);
    }

    /// A transposed convolution with weights of a layout, or of any.
    pub fn conv_transpose(&mut self, window: Window, shape: [u16; 3], layout: Option<Layout>) {
        let input = self.last;
        let kind = |output| {
            Kind::ConvTranspose(ConvTranspose {
                input,
                output,
                window,
                weights: NO_WEIGHTS,
            })
        };
        self.push("conv_transpose", shape, -4, kind, layout);
    }

    /// A new region where what was written last does not lie; none where it is too long.
    fn place(&mut self, [height, width, channels]: [u16; 3], exponent: i8) -> Option<u16> {
        let [first, second] = self.places;
        let offset = if self.last().offset == first {
            second
        } else {
            first
        };
        let region = Region {
            offset,
            channels,
            height,
            width,
            exponent,
        };
        if region.len() > self.max_len {
            return None;
        }
        self.regions.push(region);
        Some(self.regions.len() as u16 - 1)
    }

    /// Appends an operation, with random weights where it has some.
    fn push(
        &mut self,
        name: &str,
        shape: [u16; 3],
        exponent: i8,
        kind: impl Fn(u16) -> Kind<'static>,
        layout: Option<Layout>,
    ) {
        let Some(output) = self.place(shape, exponent) else {
            return;
        };
        let kind = kind(output);
        let (from, to) = (self.region(kind.input()), self.region(output));
        let mut layer = Layer::plain(name, self.layers.len(), kind);
        if let Some(shape) = kind.weight_shape(&from, &to) {
            self.draw(&mut layer, shape, layout);
        }
        self.layers.push(layer);
        self.last = output;
    }

    /// Draws weights, biases and shifts that bring most outputs within int8.
    fn draw(&mut self, layer: &mut Layer, shape: WeightShape, layout: Option<Layout>) {
        let random = &mut self.random;
        // Long rows of large weights could overflow the accumulator.
        let small = random.next_u32() & 1 == 0 || shape.columns > 1500;
        let drawn = if small {
            Layout::Int4Rows
        } else {
            Layout::Int8Rows
        };
        layer.layout = layout.unwrap_or(drawn);
        let slope_shift = 1 + (random.next_u32() % 7) as u8;
        layer.activation = match random.next_u32() % 4 {
            0 => Activation::None,
            1 => Activation::Relu,
            _ => Activation::LeakyRelu { slope_shift },
        };
        let row_len = layer.layout.row_len(shape.columns) as usize;
        for _ in 0..shape.rows {
            let row = layer.values.len();
            layer
                .values
                .extend((0..row_len).map(|_| random.next_u32() as u8));
            // The nibble behind a row of odd length is zero.
            if layer.layout == Layout::Int4Rows && !shape.columns.is_multiple_of(2) {
                layer.values[row + row_len - 1] &= 15;
            }
        }
        // Products of random weights and elements spread over some 2^12 or 2^8, sums over as many times the root of
        // their number.
        let products = match layer.layout {
            Layout::Int8Rows => 12,
            Layout::Int4Rows => 8,
        };
        let spread = products + shape.columns.ilog2() / 2;
        for _ in 0..shape.channels {
            let bias = (random.next_u32() as i32) >> (31 - spread);
            layer.bias.extend(bias.to_le_bytes());
            layer
                .shifts
                .push((spread - 7 + random.next_u32() % 3) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Observer};
    use std::borrow::ToOwned;
    use std::collections::BTreeSet;

    #[derive(Default)]
    struct Outputs(Vec<Vec<i8>>);

    impl Observer for Outputs {
        fn layer(&mut self, _: usize, _: &Op<'_>, output: &[i8]) {
            self.0.push(output.to_vec());
        }
    }

    /// The engine equals the oracle at every operation, whatever the arena held before.
    #[test]
    fn random_models_equal_the_oracle_in_any_arena() {
        let (mut kinds, mut values, mut ops) = (BTreeSet::new(), BTreeSet::new(), 0);
        for seed in 0..150 {
            let model = Model::random(seed, 12);
            let points = [0, 1].map(|n| Point {
                seed: n,
                label: Some(n as u8 % model.classes),
            });
            let bytes = model
                .image(&points)
                .unwrap_or_else(|error| panic!("{seed}: {error}"));
            let image = Image::new_checked(&bytes).unwrap();
            let engine = Engine::new(image);
            let step = Latent::Between {
                from: points[0],
                to: points[1],
                step: 20,
            };
            let mut input = vec![0; image.input().len() as usize];
            step.fill(image.prior(), image.latent_len(), &mut input);
            let expected = run(&image, &input);
            for filling in [0, 0x55, -128] {
                let mut arena = vec![filling; image.arena_len()];
                assert_eq!(engine.self_test(&mut arena), Ok(2), "seed {seed}");
                arena.fill(filling);
                let mut outputs = Outputs::default();
                engine.generate(&mut arena, step, &mut outputs).unwrap();
                for (op, (found, expected)) in image.ops().zip(outputs.0.iter().zip(&expected)) {
                    assert_eq!(found, expected, "seed {seed}, {}", op.name);
                }
            }
            for op in image.ops() {
                kinds.insert(op.name.trim_end_matches(char::is_numeric).to_owned());
            }
            values.extend(expected.iter().flatten().copied());
            ops += expected.len();
        }
        let all = [
            "conv",
            "conv_transpose",
            "copy",
            "dense",
            "embedding",
            "table",
            "upsample",
        ];
        assert!(kinds.iter().eq(all), "{kinds:?}");
        assert_eq!(values.len(), 256, "every value of an element is seen");
        assert!(ops > 1800, "{ops}");
    }
}
