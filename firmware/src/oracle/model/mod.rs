//! Random images of every operation, with golden vectors of the oracle: the same from the same seed, everywhere.

mod random;
#[cfg(test)]
mod tests;

use super::{run, std};
use shared::arithmetic::Activation;
use shared::checksum;
use shared::image::{GoldenRepr, Image, ImageRepr, PIXEL_EXPONENT, PixelRange, WriteError};
use shared::latent::{self, Latent, Point, Prior, pcg::Pcg32};
use shared::layer::{
    Conv, ConvTranspose, Dense, Embedding, Kind, Layout, Op, Region, Table, Upsample, WeightShape,
    Weights, Window,
};
use std::{format, string::String, vec, vec::Vec};

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
