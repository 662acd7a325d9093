//! Tensors with something around them.

use super::record::put_halves;
use super::{OpFault, Operator, Record, Region, Sink, elements, operand};

/// A tensor with something around it; how much behind it follows from the shapes. Both regions have
/// one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad {
    /// How many rows, columns and channels lie before it.
    pub before: [u16; 3],
    /// What lies around it.
    pub mode: PadMode,
}

/// What lies around a padded tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadMode {
    /// An element.
    Constant(i8),
    /// The element at the edge.
    Edge,
    /// The tensor mirrored at the element at its edge, which is not repeated; less than its length
    /// along an axis.
    Reflect,
}

impl PadMode {
    /// The element of an axis of `len` that lies at `position`, counted from the first padded one,
    /// with `before` of them; `None` for the constant.
    #[inline]
    pub fn origin(self, position: u32, before: u32, len: u32) -> Option<u32> {
        let last = len.saturating_sub(1);
        if position >= before && position - before < len {
            return Some(position - before);
        }
        match self {
            Self::Constant(_) => None,
            Self::Edge if position < before => Some(0),
            Self::Edge => Some(last),
            Self::Reflect if position < before => Some(before - position),
            // Behind the last one by as much as it lies before it.
            Self::Reflect => Some((2 * last + before).saturating_sub(position)),
        }
    }
}

impl<'a> Operator<'a> for Pad {
    const CODE: u8 = 15;
    const NAME: &'static str = "pad";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let before = [record.half()?, record.half()?, record.half()?];
        let [mode, value] = record.bytes()?;
        let mode = match (mode, value) {
            // The same bits.
            (0, value) => PadMode::Constant(value as i8),
            (1, 0) => PadMode::Edge,
            (2, 0) => PadMode::Reflect,
            (1 | 2, value) => return Err(OpFault::field("value", value)),
            (other, _) => return Err(OpFault::field("mode", other)),
        };
        let axes = before.iter().zip(from.shape()).zip(to.shape());
        let fits = axes.into_iter().all(|((&before, from), to)| {
            let [before, from, to] = [before, from, to].map(u32::from);
            let Some(behind) = to.checked_sub(before + from) else {
                return false;
            };
            mode != PadMode::Reflect || before.max(behind) < from
        });
        OpFault::unless_shapes_fit(fits, &from, to)?;
        OpFault::unless_exponents_fit(&from, to, 0)?;
        Ok(Self { before, mode })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_halves(&self.before, sink)?;
        sink.put(&match self.mode {
            PadMode::Constant(value) => [0, value as u8],
            PadMode::Edge => [1, 0],
            PadMode::Reflect => [2, 0],
        })
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_around_a_tensor_of_three() {
        let origins = |mode: PadMode| core::array::from_fn(|at| mode.origin(at as u32, 2, 3));
        let inner = [Some(0), Some(1), Some(2)];
        let around = |[a, b, c, d]: [Option<u32>; 4]| -> [Option<u32>; 7] {
            [a, b, inner[0], inner[1], inner[2], c, d]
        };
        assert_eq!(origins(PadMode::Constant(5)), around([None; 4]));
        assert_eq!(
            origins(PadMode::Edge),
            around([Some(0), Some(0), Some(2), Some(2)])
        );
        assert_eq!(
            origins(PadMode::Reflect),
            around([Some(2), Some(1), Some(1), Some(0)])
        );
    }
}
