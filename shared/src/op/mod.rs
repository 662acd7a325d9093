//! Operators: what a model image's program is made of, one file each.
//!
//! [`Operator`] says what the format, the check and the reports have to know of an operator;
//! [`for_each_operator!`](crate::for_each_operator) is the one list of them, from which [`Kind`]
//! and all of its delegation are made. An operation, [`Op`], names the regions that it reads and
//! writes; activations lie channels last, see [`Region`]. Operators that multiply share
//! [`Weights`], convolutions share [`Window`].
//!
//! A new operator is a file here, and a line in this one for its module, its name and the list.

mod add;
mod arg_max;
mod average_pool;
mod conv;
mod conv_transpose;
mod copy;
mod dense;
mod depth_to_space;
mod embedding;
mod fault;
mod gather;
mod inputs;
mod kind;
mod mat_mul;
mod mul;
mod noise;
mod pad;
mod record;
mod region;
mod repeat;
mod slice;
mod space_to_depth;
mod table;
mod transpose;
mod upsample;
mod weights;
mod window;

pub use add::Add;
pub use arg_max::ArgMax;
pub use average_pool::{AveragePool, reciprocal};
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use copy::Copy;
pub use dense::Dense;
pub use depth_to_space::{BlockOrder, DepthToSpace};
pub use embedding::Embedding;
pub use fault::{Name, OpFault};
pub use gather::Gather;
pub use inputs::{InputRegions, Inputs, MAX_INPUTS};
pub use kind::{Kind, OPERATORS};
pub use mat_mul::MatMul;
pub use mul::Mul;
pub use noise::Noise;
pub use pad::{Pad, PadMode};
pub use record::{Record, Sink};
pub use region::Region;
pub use repeat::{Block, Repeat};
pub use slice::Slice;
pub use space_to_depth::SpaceToDepth;
pub use table::Table;
pub use transpose::Transpose;
pub use upsample::Upsample;
pub use weights::{Layout, WeightShape, Weights, first_overflow, unpack_int4};
pub use window::{Axis, Taps, Window};

use core::fmt;

/// Calls a macro with every operator and its code. A new operator is a line here.
///
/// A program for a device may be built for some operators alone (`build.rs`), so what the macro
/// makes of each stands under `#[cfg(any(not(chosen_operators), operator = $code))]`.
#[macro_export]
macro_rules! for_each_operator {
    ($then:ident) => {
        $then! {
            "1" Dense<'a>,
            "2" Table<'a>,
            "3" Conv<'a>,
            "4" ConvTranspose<'a>,
            "5" Upsample,
            "6" Copy,
            "7" Embedding<'a>,
            "8" Add,
            "9" Mul,
            "10" MatMul,
            "11" DepthToSpace,
            "12" SpaceToDepth,
            "13" Transpose,
            "14" Slice,
            "15" Pad,
            "16" AveragePool,
            "17" Gather<'a>,
            "18" ArgMax,
            "19" Noise,
            "20" Repeat
        }
    };
}

/// Where an operator's data starts, in the image and in memory: at multiples of this.
pub const DATA_ALIGNMENT: usize = 16;

/// What the format, the check of an image and the reports have to know of an operator.
///
/// Regions are those that the operation reads, in order, and the one that it writes.
pub trait Operator<'a>: Sized {
    /// The number that stands for it in a program.
    const CODE: u8;

    /// What logs and tables call it.
    const NAME: &'static str;

    /// The fewest and the most regions that it reads.
    const INPUTS: [usize; 2];

    /// Whether its output may be the same bytes as its first input.
    const IN_PLACE: bool = false;

    /// Reads its own fields from a record and checks them against the regions. The number of
    /// inputs, and that no input shares bytes with the output, were checked before.
    ///
    /// # Errors
    /// [`OpFault`] says which field or region is wrong.
    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault>;

    /// Writes the fields that [`Operator::decode`] reads. `None` where the sink has no room.
    fn encode(&self, sink: &mut dyn Sink) -> Option<()>;

    /// The checks that read all of its data: too slow for every access, and done once for an image.
    ///
    /// # Errors
    /// [`OpFault`] names the output that is wrong.
    fn check(&self, from: &[Region], to: &Region) -> Result<(), OpFault> {
        let _ = (from, to);
        Ok(())
    }

    /// Its weights and their shape, where it has some.
    fn weights(&self, from: &[Region], to: &Region) -> Option<(Weights<'a>, WeightShape)> {
        let _ = (from, to);
        None
    }

    /// Its table of constants, where it has one.
    fn table(&self) -> Option<&'a [u8]> {
        None
    }

    /// The work that it does, in multiplications of two elements, or of a weight and an element; an
    /// element that is only added, looked up, moved or drawn counts as one. Padding is neither
    /// multiplied nor counted. Saturates.
    fn work(&self, from: &[Region], to: &Region) -> u64;

    /// Which of the output's channels it writes: from the first number up to the second.
    fn channels_written(&self, from: &[Region], to: &Region) -> [u16; 2] {
        let _ = from;
        [0, to.channels]
    }

    /// Writes its attributes for tables that people read, each behind a space: they follow its
    /// name.
    ///
    /// # Errors
    /// Those of the formatter.
    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }

    /// The operations behind it that run several times, where it stands before such a block.
    fn block(&self) -> Option<Block> {
        None
    }
}

/// One operation of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The layer's name, as errors, logs and reports use it.
    pub name: &'a str,
    /// Indices of the regions that are read.
    pub inputs: Inputs,
    /// Index of the region that is written.
    pub output: u16,
    /// What it does.
    pub kind: Kind<'a>,
}

/// One region of several; an empty one where there are not as many, which no checked image has.
pub(crate) fn operand(from: &[Region], index: usize) -> Region {
    from.get(index).copied().unwrap_or(Region::vector(0, 0, 0))
}

/// The number of elements that are written: the work of operators that touch each once.
pub(crate) fn elements(to: &Region) -> u64 {
    u64::from(to.len())
}

/// Whether a region has the output's shape, or one element for each of its channels.
pub(crate) fn broadcasts(from: &Region, to: &Region) -> bool {
    from.channels == to.channels
        && ((from.height, from.width) == (to.height, to.width)
            || (from.height, from.width) == (1, 1))
}
