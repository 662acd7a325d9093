//! Runs a kernel between guard bytes and compares it with its oracle.
extern crate std;

use super::oracle::{Oracle, Problem};
use super::{Operands, State};
use proptest::prelude::*;
use shared::arithmetic::Activation;
use shared::latent::pcg::Pcg32;
use shared::latent::{Latent, Point};
use shared::op::{Kind, Layout, Region, WeightShape, Weights};
use std::{vec, vec::Vec};

/// What lies around an output, and in it before.
const GUARD: i8 = 0x55;

/// Bytes on either side.
const MARGIN: usize = 8;

/// Every activation there is.
pub const ACTIVATIONS: [Activation; 9] = [
    Activation::None,
    Activation::Relu,
    Activation::LeakyRelu { slope_shift: 1 },
    Activation::LeakyRelu { slope_shift: 2 },
    Activation::LeakyRelu { slope_shift: 3 },
    Activation::LeakyRelu { slope_shift: 4 },
    Activation::LeakyRelu { slope_shift: 5 },
    Activation::LeakyRelu { slope_shift: 6 },
    Activation::LeakyRelu { slope_shift: 7 },
];

pub const LAYOUTS: [Layout; 2] = [Layout::Int8Rows, Layout::Int4Rows];

/// A tensor.
pub fn tensor([height, width, channels]: [u16; 3]) -> Region {
    Region {
        offset: 0,
        channels,
        height,
        width,
        exponent: 0,
    }
}

/// Every shape of 1 to `most` rows, columns and channels.
pub fn shapes(most: u16) -> impl Iterator<Item = Region> {
    (1..=most)
        .flat_map(move |height| (1..=most).map(move |width| (height, width)))
        .flat_map(move |(height, width)| {
            (1..=most).map(move |channels| tensor([height, width, channels]))
        })
}

/// The state at the start of a picture.
pub fn state() -> State {
    State::new(&Latent::At(Point::default()))
}

/// Runs a kernel into `memory` and gives its output, with the guards around it seen to.
pub fn guarded<'m>(
    kind: &Kind<'_>,
    from: &[Region],
    to: &Region,
    inputs: &[&[i8]],
    memory: &'m mut Vec<i8>,
) -> &'m [i8] {
    let len = to.len() as usize;
    memory.clear();
    memory.resize(len + 2 * MARGIN, GUARD);
    let operands = Operands { from, to, inputs };
    super::run(kind, &operands, &mut memory[MARGIN..][..len], &mut state());
    let (before, rest) = memory.split_at(MARGIN);
    let (output, after) = rest.split_at(len);
    let guards = before.iter().chain(after);
    assert!(
        guards.copied().all(|guard| guard == GUARD),
        "{kind:?} wrote beside its output"
    );
    output
}

/// Compares a kernel with its oracle; where it works in place of its first input, that as well.
///
/// # Panics
/// Where an element differs.
pub fn check(kind: &Kind<'_>, from: &[Region], to: &Region, inputs: &[&[i8]]) {
    let mut memory = Vec::new();
    let found = guarded(kind, from, to, inputs, &mut memory);
    let before = vec![GUARD; to.len() as usize];
    let problem = Problem {
        from,
        to,
        inputs,
        before: &before,
    };
    let expected = kind.oracle(&problem, &mut state());
    assert_eq!(
        found, expected,
        "{kind:?} from {from:?} to {to:?} of {inputs:?}"
    );
    if let Some(first) = inputs.first()
        && first.len() == expected.len()
    {
        let mut data = first.to_vec();
        let mut others = inputs.to_vec();
        others[0] = &[];
        let operands = Operands {
            from,
            to,
            inputs: &others,
        };
        if super::run_in_place(kind, &operands, &mut data).is_some() {
            assert_eq!(
                data, expected,
                "in place: {kind:?} from {from:?} of {inputs:?}"
            );
        }
    }
}

/// As [`check`], of one input.
pub fn check_one<'a>(kind: impl Into<Kind<'a>>, from: &Region, to: &Region, x: &[i8]) {
    check(&kind.into(), &[*from], to, &[x]);
}

/// Random data that every problem takes a piece of, at a place of its own: random bytes, with as
/// many of the extremes.
pub struct Pool {
    bytes: Vec<u8>,
    biases: Vec<u8>,
    random: Pcg32,
}

impl Pool {
    /// Longer than the data of any problem, so that pieces differ.
    const LEN: usize = 1 << 16;

    pub fn new(seed: u64) -> Self {
        let mut random = Pcg32::new(seed, 7);
        // int8: -128, 127, -1, 0, 1; as two int4 each, low and high: -8, 7 and their like.
        let extremes = [0x80, 0x7F, 0xFF, 0, 1, 0x88, 0x77, 0x78, 0x87, 0x10];
        let mut byte = |i: usize| match (i / 64) % 4 {
            0 => extremes[random.next_u32() as usize % extremes.len()],
            _ => random.next_u32() as u8,
        };
        let bytes = (0..Self::LEN).map(&mut byte).collect();
        let biases = (0..Self::LEN / 4)
            .flat_map(|_| ((random.next_u32() as i32) >> 18).to_le_bytes())
            .collect();
        Self {
            bytes,
            biases,
            random,
        }
    }

    /// A random number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.random.next_u32() as usize % n
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let at = self.below(Self::LEN - len);
        self.bytes[at..][..len].to_vec()
    }

    /// `len` random elements.
    pub fn elements(&mut self, len: usize) -> Vec<i8> {
        self.bytes(len).into_iter().map(|byte| byte as i8).collect()
    }

    /// Random elements for a region.
    pub fn tensor(&mut self, region: &Region) -> Vec<i8> {
        self.elements(region.len() as usize)
    }

    /// Random weights for rows and output channels; the nibble behind a row of odd length is random
    /// as well, since no kernel may use it.
    pub fn weights(&mut self, layout: Layout, shape: WeightShape) -> Data {
        let channels = shape.channels as usize;
        let at = 4 * self.below((Self::LEN - 4 * channels) / 4);
        let mut shift = || match layout {
            // From nearly all saturated to nearly all small.
            Layout::Int8Rows => 4 + self.random.next_u32() % 8,
            Layout::Int4Rows => 1 + self.random.next_u32() % 7,
        };
        let shifts = (0..channels).map(|_| shift() as u8).collect();
        Data {
            layout,
            values: self.bytes(shape.values_len(layout) as usize),
            bias: self.biases[at..][..4 * channels].to_vec(),
            shifts,
        }
    }
}

/// Weights that own their bytes.
#[derive(Debug)]
pub struct Data {
    layout: Layout,
    values: Vec<u8>,
    bias: Vec<u8>,
    shifts: Vec<u8>,
}

impl Data {
    /// With an activation.
    pub fn weights(&self, activation: Activation) -> Weights<'_> {
        Weights {
            layout: self.layout,
            activation,
            values: &self.values,
            bias: &self.bias,
            shifts: &self.shifts,
        }
    }
}

/// Layout and activation.
pub fn arithmetic() -> impl Strategy<Value = (Layout, Activation)> {
    (
        proptest::sample::select(&LAYOUTS[..]),
        proptest::sample::select(&ACTIVATIONS[..]),
    )
}

/// A layer with weights between two shapes, with extremes or random numbers.
pub fn with_weights(
    make: impl for<'a> Fn(Weights<'a>) -> Kind<'a>,
    (from, to): (Region, Region),
    shape: WeightShape,
    (layout, activation): (Layout, Activation),
    seed: u64,
) {
    let mut pool = Pool::new(seed);
    let data = pool.weights(layout, shape);
    let random = pool.tensor(&from);
    let extreme = |value: i8| vec![value; from.len() as usize];
    for x in [random, extreme(-128), extreme(127)] {
        check(&make(data.weights(activation)), &[from], &to, &[&x]);
    }
    // The largest and smallest weights throughout: -128 and 127, or -8 and 7.
    let len = shape.values_len(layout) as usize;
    for byte in match layout {
        Layout::Int8Rows => [0x80, 0x7F],
        Layout::Int4Rows => [0x88, 0x77],
    } {
        let values = vec![byte; len];
        let weights = Weights {
            values: &values,
            ..data.weights(activation)
        };
        check(&make(weights), &[from], &to, &[&extreme(-128)]);
    }
}

/// Runs a kernel on lengths that do not fit its shapes, which no checked image has: nothing may
/// panic.
pub fn must_not_panic(kind: &Kind<'_>, from: &[Region], to: &Region, inputs: &[&[i8]], y: usize) {
    let operands = Operands { from, to, inputs };
    super::run(kind, &operands, &mut vec![0; y], &mut state());
}
