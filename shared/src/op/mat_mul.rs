//! Products of two matrices that are both computed: attention.

use super::record::put_activation;
use super::{OpFault, Operator, Record, Region, Sink, elements, operand};
use crate::arithmetic::{ACCUMULATOR_LIMIT, Activation};

/// Products of two tensors' matrices: `y[h] = requantize(a[h] b[h])`.
///
/// The rows of a region count matrices, its columns are a matrix's rows and its channels a matrix's
/// columns: `a` of `h x m x k` holds `h` matrices of `m x k`. `b` holds as many of `k x n`, or of
/// `n x k` where it is transposed, or one alone that serves all; `y` is `h x m x n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatMul {
    /// Whether the matrices of `b` are used transposed.
    pub transposed: bool,
    /// The output's exponent less the sum of the inputs', 1 to 30 with the activation's slope.
    pub shift: u8,
    /// What a sum goes through before it is rounded.
    pub activation: Activation,
}

impl<'a> Operator<'a> for MatMul {
    const CODE: u8 = 10;
    const NAME: &'static str = "matmul";
    const INPUTS: [usize; 2] = [2, 2];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let [transposed, shift] = record.bytes()?;
        let activation = record.activation()?;
        let transposed = match transposed {
            0 => false,
            1 => true,
            other => return Err(OpFault::field("transposition", other)),
        };
        let (a, b) = (operand(from, 0), operand(from, 1));
        if !activation.allows_shift(shift) {
            return Err(OpFault::Shift { channel: 0, shift });
        }
        let [inner, outer] = match transposed {
            true => [b.channels, b.width],
            false => [b.width, b.channels],
        };
        let fits = (a.height, a.width) == (to.height, to.width)
            && (b.height == a.height || b.height == 1)
            && inner == a.channels
            && outer == to.channels;
        OpFault::unless_shapes_fit(fits, &a, to)?;
        let exponent = i32::from(a.exponent) + i32::from(b.exponent) + i32::from(shift);
        if exponent != i32::from(to.exponent) {
            return Err(OpFault::Exponents {
                input: a.exponent,
                output: to.exponent,
                shift,
            });
        }
        let bound = i64::from(a.channels) << 14;
        if bound >= ACCUMULATOR_LIMIT {
            return Err(OpFault::Accumulator { channel: 0, bound });
        }
        Ok(Self {
            transposed,
            shift,
            activation,
        })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&[u8::from(self.transposed), self.shift])?;
        put_activation(self.activation, sink)
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        elements(to) * u64::from(operand(from, 0).channels)
    }
}
