//! Random images of every operation, with golden vectors of the oracle: the same from the same
//! seed, everywhere.

mod random;
#[cfg(test)]
mod tests;

use super::{run, std};
use shared::arithmetic::Activation;
use shared::checksum;
use shared::image::{GoldenRepr, Image, ImageRepr, PIXEL_EXPONENT, PixelRange, WriteError};
use shared::latent::{self, Latent, Point, Prior, pcg::Pcg32};
use shared::op::{
    Conv, ConvTranspose, Dense, Embedding, Gather, Inputs, Kind, Layout, Op, Region, Table,
    Upsample, WeightShape, Weights, Window,
};
use std::{format, string::String, vec, vec::Vec};

/// An operation with its data.
#[derive(Debug, Clone)]
struct Layer {
    name: String,
    inputs: Inputs,
    output: u16,
    /// Its weights or rows are those below.
    kind: Kind<'static>,
    layout: Layout,
    activation: Activation,
    values: Vec<u8>,
    bias: Vec<u8>,
    shifts: Vec<u8>,
}

impl Layer {
    fn op(&self) -> Op<'_> {
        let weights = Weights {
            layout: self.layout,
            activation: self.activation,
            values: &self.values,
            bias: &self.bias,
            shifts: &self.shifts,
        };
        let rows = &self.values;
        let kind = match self.kind {
            Kind::Dense(_) => Kind::Dense(Dense { weights }),
            Kind::Conv(layer) => Kind::Conv(Conv { weights, ..layer }),
            Kind::ConvTranspose(layer) => Kind::ConvTranspose(ConvTranspose { weights, ..layer }),
            Kind::Embedding(_) => Kind::Embedding(Embedding { weights }),
            Kind::Gather(layer) => Kind::Gather(Gather { rows, ..layer }),
            other => other,
        };
        Op {
            name: &self.name,
            inputs: self.inputs,
            output: self.output,
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
    /// Where regions begin that nothing else lies in.
    end: u32,
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
    /// A model whose input has this shape (rows, columns, channels); of its elements, the last
    /// `classes` are the label's. Operations whose output would be longer than `max_len` are left
    /// out.
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
            end: start + 2 * len,
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
    /// [`WriteError`] where an accumulator might overflow or the model is larger than an image may
    /// be.
    pub fn image(&self, points: &[Point]) -> Result<Vec<u8>, WriteError> {
        let plain = self.emit(&[])?;
        let image = Image::new_checked(&plain)?;
        let checksums: Vec<Vec<u32>> = points
            .iter()
            .map(|&point| {
                let (input, outputs) = run(&image, &Latent::At(point));
                let mut checksums = vec![checksum::of_activations(&input)];
                // What lies in a step of a block is one.
                let mut step: Vec<i8> = Vec::new();
                for (turn, output) in outputs {
                    step.extend(output);
                    if turn.step.is_none_or(|step| step.last) {
                        checksums.push(checksum::of_activations(&step));
                        step.clear();
                    }
                }
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
        let from = self.last();
        let [rows, columns] = factor.map(u16::from);
        let shape = [from.height * rows, from.width * columns, from.channels];
        self.push("upsample", shape, from.exponent, Upsample { factor }, None);
    }

    /// A table, in place.
    pub fn table(&mut self) {
        self.regions.push(self.last());
        let (input, output) = (self.last, self.regions.len() as u16 - 1);
        self.add("table", &[input], output, Table { entries: &TABLE });
        self.last = output;
    }

    /// A dense layer with weights of a layout, or of any.
    pub fn dense(&mut self, shape: [u16; 3], layout: Option<Layout>) {
        let weights = NO_WEIGHTS;
        self.push("dense", shape, -4, Dense { weights }, layout);
    }

    /// A convolution with weights of a layout, or of any.
    pub fn conv(&mut self, window: Window, groups: u16, shape: [u16; 3], layout: Option<Layout>) {
        let conv = Conv {
            window,
            groups,
            weights: NO_WEIGHTS,
        };
        self.push("conv", shape, -4, conv, layout);
    }

    /// A transposed convolution with weights of a layout, or of any.
    pub fn conv_transpose(
        &mut self,
        window: Window,
        groups: u16,
        shape: [u16; 3],
        layout: Option<Layout>,
    ) {
        let conv = ConvTranspose {
            window,
            groups,
            weights: NO_WEIGHTS,
        };
        self.push("conv_transpose", shape, -4, conv, layout);
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

    /// A region that shares no byte with another.
    fn fresh(&mut self, [height, width, channels]: [u16; 3], exponent: i8) -> u16 {
        let region = Region {
            offset: self.end,
            channels,
            height,
            width,
            exponent,
        };
        self.end = region.end().next_multiple_of(4);
        self.regions.push(region);
        self.regions.len() as u16 - 1
    }

    /// Appends an operation on what was written last, with random weights where it has some.
    fn push(
        &mut self,
        name: &str,
        shape: [u16; 3],
        exponent: i8,
        kind: impl Into<Kind<'static>>,
        layout: Option<Layout>,
    ) {
        let input = self.last;
        if let Some(output) = self.place(shape, exponent) {
            self.weighted(name, &[input], output, kind, layout);
            self.last = output;
        }
    }

    /// Appends an operation between regions.
    fn add(&mut self, name: &str, inputs: &[u16], output: u16, kind: impl Into<Kind<'static>>) {
        self.weighted(name, inputs, output, kind, None);
    }

    fn weighted(
        &mut self,
        name: &str,
        inputs: &[u16],
        output: u16,
        kind: impl Into<Kind<'static>>,
        layout: Option<Layout>,
    ) {
        let kind = kind.into();
        let from: Vec<Region> = inputs.iter().map(|&input| self.region(input)).collect();
        let to = self.region(output);
        let mut layer = Layer {
            name: format!("{name}{}", self.layers.len()),
            inputs: Inputs::new(inputs).expect("no operation here has more inputs"),
            output,
            kind,
            layout: Layout::Int8Rows,
            activation: Activation::None,
            values: Vec::new(),
            bias: Vec::new(),
            shifts: Vec::new(),
        };
        if let Some((_, shape)) = kind.weights(&from, &to) {
            self.draw(&mut layer, shape, layout);
        } else if let Kind::Gather(Gather { count, .. }) = kind {
            let len = usize::from(count) * to.len() as usize;
            layer.values = (0..len).map(|_| self.random.next_u32() as u8).collect();
        }
        self.layers.push(layer);
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
        // Products of random weights and elements spread over some 2^12 or 2^8, sums over as many
        // times the root of their number.
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
