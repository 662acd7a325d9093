//! Programs of random operations: what follows what, and in which shapes.

use super::{Model, NO_WEIGHTS, Vec};
use shared::arithmetic::Activation;
use shared::latent::{self, Prior, pcg::Pcg32};
use shared::op::{
    Add, ArgMax, AveragePool, Axis, Block, BlockOrder, Copy, DepthToSpace, Embedding, Gather,
    MatMul, Mul, Noise, Pad, PadMode, Region, Repeat, Slice, SpaceToDepth, Transpose, Window,
};

/// No tensor of [`Model::random`] is longer than this.
const RANDOM_LEN: u32 = 1024;

impl Model {
    /// A model of at least `count` operations of every kind and random shapes; gives a picture of 1
    /// to 20 rows and columns.
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
        match self.random.next_u32() % 24 {
            0..=2 => self.any_conv(),
            3..=5 => self.any_conv_transpose(),
            6 => self.any_upsample(),
            7 => self.any_concat(),
            8 => self.any_reshape(),
            9 => self.embedding(),
            10 => self.table(),
            11 => self.any_add(),
            12 => self.any_mul(),
            13 => self.any_mat_mul(),
            14 => self.any_depth_to_space(),
            15 => self.any_space_to_depth(),
            16 => self.any_transpose(),
            17 => self.any_slice(),
            18 => self.any_pad(),
            19 => self.any_average_pool(),
            20 => self.any_choice(),
            21 => self.any_noise(),
            22 => self.any_block(),
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
        let stride = [0; 2].map(|_| self.one_to(3) as u8);
        // One in three has taps that lie apart.
        let dilation = [0; 2].map(|_| self.one_to(6).saturating_sub(4).max(1) as u8);
        let span = |axis: usize| (kernel[axis] - 1) * dilation[axis] + 1;
        Window {
            kernel,
            stride,
            padding: [0, 1].map(|axis| (self.one_to(u32::from(span(axis))) - 1) as u8),
            dilation,
        }
    }

    /// Groups for so many channels, and output channels for them: mostly one group, else two or as
    /// many as channels.
    fn any_groups(&mut self, channels: u16) -> (u16, u16) {
        let groups = match self.random.next_u32() % 6 {
            0 => channels,
            1 if channels.is_multiple_of(2) => 2,
            _ => 1,
        };
        let most = (9 / groups).max(1);
        (groups, groups * self.one_to(u32::from(most)))
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
        let (groups, channels) = self.any_groups(from.channels);
        if let Some((height, width)) = height.zip(width) {
            self.conv(window, groups, [height, width, channels], None);
        }
    }

    fn any_conv_transpose(&mut self) {
        let (from, window) = (self.last(), self.any_window());
        let size = |model: &mut Self, axis: Axis, from| {
            model.any_size(|size| axis.conv_transpose_fits(from, size))
        };
        let height = size(self, window.rows(), from.height);
        let width = size(self, window.columns(), from.width);
        let (groups, channels) = self.any_groups(from.channels);
        if let Some((height, width)) = height.zip(width) {
            self.conv_transpose(window, groups, [height, width, channels], None);
        }
    }

    fn any_upsample(&mut self) {
        let factor = [0; 2].map(|_| self.one_to(3) as u8);
        self.upsample(factor);
    }

    /// Two or three parts of what was written last, each at another exponent; the engine sees each
    /// as a region of its own.
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
            let input = self.regions.len() as u16 - 1;
            let copy = Copy {
                channel_offset: part * from.channels,
                shift,
            };
            self.add("copy", &[input], output, copy);
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
        self.last = input;
        let weights = NO_WEIGHTS;
        self.push("embedding", [1, 1, length], -4, Embedding { weights }, None);
    }

    /// What was written last under another exponent, or its first pixel alone.
    fn view(&mut self, exponent: i8, pixel: bool) -> u16 {
        let last = self.last();
        let [height, width] = if pixel {
            [1, 1]
        } else {
            [last.height, last.width]
        };
        self.regions.push(Region {
            height,
            width,
            exponent,
            ..last
        });
        self.regions.len() as u16 - 1
    }

    fn any_activation(&mut self) -> Activation {
        let slope_shift = self.one_to(7) as u8;
        [
            Activation::None,
            Activation::Relu,
            Activation::LeakyRelu { slope_shift },
        ][self.random.next_u32() as usize % 3]
    }

    fn any_add(&mut self) {
        let from = self.last();
        let count = self.one_to(4);
        let inputs: Vec<u16> = (0..count)
            .map(|part| {
                let exponent = from.exponent + self.one_to(5) as i8 - 3;
                let pixel = part > 0 && self.random.next_u32().is_multiple_of(3);
                self.view(exponent, pixel)
            })
            .collect();
        let exponents: Vec<i8> = inputs.iter().map(|&i| self.region(i).exponent).collect();
        let output = from.exponent + self.one_to(4) as i8 - 2;
        let activation = self.any_activation();
        let add = Add::new(&exponents, output, activation).expect("exponents are near");
        if let Some(to) = self.place(from.shape(), output) {
            self.add("add", &inputs, to, add);
            self.last = to;
        }
    }

    fn any_mul(&mut self) {
        let from = self.last();
        let pixel = self.random.next_u32().is_multiple_of(2);
        let (a, b) = (self.view(-4, false), self.view(-5, pixel));
        let shift = self.one_to(9) as u8 - 1;
        if let Some(to) = self.place(from.shape(), -9 + shift as i8) {
            self.add("mul", &[a, b], to, Mul { shift });
            self.last = to;
        }
    }

    /// The products of what was written last with itself.
    fn any_mat_mul(&mut self) {
        let from = self.last();
        let (a, b) = (self.view(-4, false), self.view(-5, false));
        let activation = self.any_activation();
        let kind = MatMul {
            transposed: true,
            shift: 6 + self.one_to(4) as u8,
            activation,
        };
        let exponent = -9 + kind.shift as i8;
        if let Some(to) = self.place([from.height, from.width, from.width], exponent) {
            self.add("mat_mul", &[a, b], to, kind);
            self.last = to;
        }
    }

    fn any_order(&mut self) -> BlockOrder {
        match self.random.next_u32().is_multiple_of(2) {
            true => BlockOrder::PixelsFirst,
            false => BlockOrder::ChannelsFirst,
        }
    }

    fn any_depth_to_space(&mut self) {
        let (from, block) = (self.last(), [0; 2].map(|_| self.one_to(2) as u8));
        let [rows, columns] = block.map(u16::from);
        if from.channels.is_multiple_of(rows * columns) {
            let shape = [
                from.height * rows,
                from.width * columns,
                from.channels / (rows * columns),
            ];
            let order = self.any_order();
            let kind = DepthToSpace { block, order };
            self.push("depth_to_space", shape, from.exponent, kind, None);
        }
    }

    fn any_space_to_depth(&mut self) {
        let (from, block) = (self.last(), [0; 2].map(|_| self.one_to(2) as u8));
        let [rows, columns] = block.map(u16::from);
        if from.height.is_multiple_of(rows) && from.width.is_multiple_of(columns) {
            let shape = [
                from.height / rows,
                from.width / columns,
                from.channels * rows * columns,
            ];
            let order = self.any_order();
            let kind = SpaceToDepth { block, order };
            self.push("space_to_depth", shape, from.exponent, kind, None);
        }
    }

    fn any_transpose(&mut self) {
        let from = self.last();
        let orders = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let order: [u8; 3] = orders[self.random.next_u32() as usize % orders.len()];
        let shape = order.map(|axis| from.shape()[usize::from(axis)]);
        self.push("transpose", shape, from.exponent, Transpose { order }, None);
    }

    fn any_slice(&mut self) {
        let from = self.last();
        let axes = from.shape().map(|len| {
            let start = self.one_to(u32::from(len)) - 1;
            let step = self.one_to(2) as u8;
            let most = (len - start).div_ceil(u16::from(step));
            (start, step, self.one_to(u32::from(most)))
        });
        let kind = Slice {
            start: axes.map(|axis| axis.0),
            step: axes.map(|axis| axis.1),
        };
        self.push("slice", axes.map(|axis| axis.2), from.exponent, kind, None);
    }

    fn any_pad(&mut self) {
        let from = self.last();
        let value = self.random.next_u32() as i8;
        let modes = [PadMode::Constant(value), PadMode::Edge, PadMode::Reflect];
        let mode = modes[self.random.next_u32() as usize % 3];
        let axes = from.shape().map(|len| {
            let most = if mode == PadMode::Reflect {
                len.min(3)
            } else {
                3
            };
            [0; 2].map(|_| self.one_to(u32::from(most)) - 1)
        });
        let shape = [0, 1, 2].map(|i| from.shape()[i] + axes[i][0] + axes[i][1]);
        let before = axes.map(|axis| axis[0]);
        self.push("pad", shape, from.exponent, Pad { before, mode }, None);
    }

    fn any_average_pool(&mut self) {
        let from = self.last();
        let mut window = self.any_window();
        (window.dilation, window.padding) = ([1, 1], [0, 0]);
        let size =
            |model: &mut Self, axis: Axis, from| model.any_size(|size| axis.conv_fits(from, size));
        let height = size(self, window.rows(), from.height);
        let width = size(self, window.columns(), from.width);
        let Some((height, width)) = height.zip(width) else {
            return;
        };
        let kind = AveragePool {
            window,
            counts_padding: self.random.next_u32().is_multiple_of(2),
            shift: 13 + self.one_to(4) as u8,
        };
        let exponent = from.exponent + kind.shift as i8 - 16;
        let shape = [height, width, from.channels];
        self.push("average_pool", shape, exponent, kind, None);
    }

    /// The index of the largest element, and the row of a table for it.
    fn any_choice(&mut self) {
        let len = self.last().len();
        if len > 256 {
            return;
        }
        self.regions.push(Region {
            height: 1,
            width: 1,
            channels: len as u16,
            ..self.last()
        });
        self.last = self.regions.len() as u16 - 1;
        self.push("arg_max", [1, 1, 1], 0, ArgMax, None);
        let (count, shape) = (
            self.one_to(60),
            [self.one_to(4), self.one_to(4), self.one_to(6)],
        );
        self.push("gather", shape, -4, Gather { count, rows: &[] }, None);
    }

    fn any_prior(&mut self) -> Prior {
        match self.random.next_u32().is_multiple_of(2) {
            true => Prior::Normal,
            false => Prior::Uniform,
        }
    }

    fn any_noise(&mut self) {
        let shape = [self.one_to(4), self.one_to(4), self.one_to(6)];
        let prior = self.any_prior();
        if let Some(to) = self.place(shape, latent::EXPONENT) {
            self.add("noise", &[], to, Noise { prior });
            self.last = to;
        }
    }

    /// A block whose steps each add a row of a table and noise to what the step before left.
    fn any_block(&mut self) {
        let length = self.one_to(12);
        let shape = [1, 1, length];
        let state = self.fresh(shape, -4);
        self.weighted(
            "dense",
            &[self.last],
            state,
            shared::op::Dense {
                weights: NO_WEIGHTS,
            },
            None,
        );
        let count = self.one_to(9);
        let [counter, row, noise, sum] = [
            self.fresh([1, 1, 1], 0),
            self.fresh(shape, -4),
            self.fresh(shape, latent::EXPONENT),
            self.fresh(shape, -4),
        ];
        let block = Block { count, body: 4 };
        self.add("repeat", &[], counter, Repeat { block });
        let rows = self.one_to(9);
        self.add(
            "gather",
            &[counter],
            row,
            Gather {
                count: rows,
                rows: &[],
            },
        );
        let prior = self.any_prior();
        self.add("noise", &[], noise, Noise { prior });
        let add = Add::new(&[-4, latent::EXPONENT, -4], -4, Activation::None);
        let add = add.expect("exponents are near");
        self.add("add", &[row, noise, state], sum, add);
        let table = shared::op::Table {
            entries: &super::TABLE,
        };
        self.add("table", &[sum], state, table);
        self.last = state;
    }
}
