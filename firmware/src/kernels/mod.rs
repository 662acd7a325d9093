//! The operators' arithmetic, on slices: one file an operator, with its kernel, its slow oracle and
//! its tests.
//!
//! Every kernel equals its oracle in `i64` to the bit (on every small shape and on random larger
//! ones), never panics, and writes exactly its output. Lengths that do not fit one another leave
//! outputs unwritten; the engine passes none such. The dispatch is made of the one list of
//! operators, `shared::for_each_operator!`: a program built for one model has that model's
//! operators alone.

mod add;
mod arg_max;
mod average_pool;
mod conv;
mod conv_transpose;
mod copy;
mod dense;
mod depth_to_space;
mod embedding;
mod gather;
mod mat_mul;
mod mul;
mod noise;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod pad;
mod repeat;
mod slice;
mod slide;
mod space_to_depth;
mod strided;
mod sums;
mod table;
mod transpose;
mod upsample;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod windows;

use shared::for_each_operator;
use shared::latent::{Latent, Stream};
use shared::op::*;

/// What an operation reads, and the shapes of that and of its output.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'m> {
    /// The regions that are read.
    pub from: &'m [Region],
    /// The region that is written.
    pub to: &'m Region,
    /// The elements of the regions that are read.
    pub inputs: &'m [&'m [i8]],
}

impl<'m> Operands<'m> {
    /// The first region that is read, and its elements.
    pub fn first(&self) -> (Region, &'m [i8]) {
        self.input(0)
    }

    /// A region that is read, and its elements; empty where there is none, which the engine passes
    /// to no operator.
    pub fn input(&self, index: usize) -> (Region, &'m [i8]) {
        let region = self.from.get(index).copied();
        let elements = self.inputs.get(index).copied();
        (
            region.unwrap_or(Region::vector(0, 0, 0)),
            elements.unwrap_or_default(),
        )
    }
}

/// What a picture's computation carries from operation to operation beside the arena.
#[derive(Debug, Clone)]
pub struct State {
    /// The numbers of the seed that come next.
    pub stream: Stream,
    /// The step of the block that runs.
    pub step: u16,
}

impl State {
    /// At the start of a picture.
    pub fn new(latent: &Latent) -> Self {
        Self {
            stream: Stream::new(latent),
            step: 0,
        }
    }
}

/// What an operator computes.
pub trait Kernel {
    /// Computes the output from the inputs.
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], state: &mut State);

    /// The same where the output's bytes are those of the first input, which `operands` then holds
    /// no elements for. `None`, and nothing is done, for operators that do not work in place.
    fn run_in_place(&self, operands: &Operands<'_>, data: &mut [i8]) -> Option<()> {
        let _ = (operands, data);
        None
    }
}

macro_rules! dispatch {
    ($($code:literal $name:ident $(<$lifetime:lifetime>)?),+) => {
        /// Computes an operation.
        pub fn run(
            kind: &Kind<'_>,
            operands: &Operands<'_>,
            output: &mut [i8],
            state: &mut State,
        ) {
            match kind {
                $(#[cfg(any(not(chosen_operators), operator = $code))] Kind::$name(operator) => operator.run(operands, output, state),)+
                Kind::Never(never, _) => match *never {},
            }
        }

        /// Computes an operation whose output's bytes are those of its first input: see
        /// [`Kernel::run_in_place`].
        pub fn run_in_place(kind: &Kind<'_>, operands: &Operands<'_>, data: &mut [i8]) -> Option<()> {
            match kind {
                $(#[cfg(any(not(chosen_operators), operator = $code))] Kind::$name(operator) => operator.run_in_place(operands, data),)+
                Kind::Never(never, _) => match *never {},
            }
        }

        #[cfg(any(test, feature = "oracle"))]
        impl oracle::Oracle for Kind<'_> {
            fn oracle(&self, problem: &oracle::Problem<'_>, state: &mut State) -> oracle::Vec<i8> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Kind::$name(operator) => operator.oracle(problem, state),)+
                    Kind::Never(never, _) => match *never {},
                }
            }
        }
    };
}

for_each_operator!(dispatch);
