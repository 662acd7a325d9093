//! Sums of tensors.

use super::record::put_activation;
use super::{MAX_INPUTS, OpFault, Operator, Record, Region, Sink, broadcasts, elements};
use crate::arithmetic::{ACCUMULATOR_LIMIT, Activation, MAX_SHIFT};

/// A sum of tensors at different exponents, with an activation and one rounding:
/// `y = requantize(sum over i of x_i << up_i)`.
///
/// An input has the output's shape, or one element for each channel, which is then added to each
/// pixel. May work in place of its first input, where that has the output's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Add {
    /// How far each input is shifted left, so that all are at one exponent; 0 behind the last
    /// input.
    pub up: [u8; MAX_INPUTS],
    /// From that exponent to the output's, 0 to 30; halves go to even.
    pub shift: u8,
    /// What the sum goes through before it is rounded.
    pub activation: Activation,
}

impl<'a> Operator<'a> for Add {
    const CODE: u8 = 8;
    const NAME: &'static str = "add";
    const INPUTS: [usize; 2] = [1, MAX_INPUTS];
    const IN_PLACE: bool = true;

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let up: [u8; MAX_INPUTS] = record.bytes()?;
        let [shift] = record.bytes()?;
        let activation = record.activation()?;
        record.zeros::<1>()?;
        if shift > MAX_SHIFT - activation.slope_shift() {
            return Err(OpFault::field("shift", shift));
        }
        let mut bound = 0i64;
        for (index, &up) in up.iter().enumerate() {
            let Some(input) = from.get(index) else {
                if up != 0 {
                    return Err(OpFault::field("shift of an input that is not there", up));
                }
                continue;
            };
            OpFault::unless_shapes_fit(broadcasts(input, to), input, to)?;
            let exponent = i32::from(input.exponent) - i32::from(up) + i32::from(shift);
            if exponent != i32::from(to.exponent) {
                return Err(OpFault::Exponents {
                    input: input.exponent,
                    output: to.exponent,
                    shift,
                });
            }
            // Larger ones are over the limit as well.
            bound += 128 << up.min(30);
        }
        if bound >= ACCUMULATOR_LIMIT {
            return Err(OpFault::Accumulator { channel: 0, bound });
        }
        Ok(Self {
            up,
            shift,
            activation,
        })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&self.up)?;
        sink.put(&[self.shift])?;
        put_activation(self.activation, sink)?;
        sink.put(&[0])
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        elements(to).saturating_mul(from.len() as u64)
    }
}

impl Add {
    /// The sum of inputs at these exponents for an output at another: all are brought to the
    /// smallest of them, or to the output's where that is smaller. `None` where a shift does not
    /// fit or the sum could leave the accumulator.
    pub fn new(inputs: &[i8], output: i8, activation: Activation) -> Option<Self> {
        let least = inputs.iter().copied().chain([output]).min()?;
        let mut up = [0; MAX_INPUTS];
        let mut bound = 0i64;
        for (&exponent, up) in inputs.iter().zip(up.get_mut(..inputs.len())?) {
            *up = u8::try_from(i32::from(exponent) - i32::from(least)).ok()?;
            bound += 128 << (*up).min(30);
        }
        let shift = u8::try_from(i32::from(output) - i32::from(least)).ok()?;
        let fits = shift <= MAX_SHIFT - activation.slope_shift() && bound < ACCUMULATOR_LIMIT;
        fits.then_some(Self {
            up,
            shift,
            activation,
        })
    }

    /// The shift of an input; none beyond [`MAX_INPUTS`].
    pub fn up(&self, input: usize) -> u32 {
        self.up.get(input).map_or(0, |&up| u32::from(up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_meet_at_the_smallest_exponent() {
        let add = Add::new(&[-4, -6, -5], -3, Activation::None).unwrap();
        assert_eq!((add.up, add.shift), ([2, 0, 1, 0], 3));
        // An output finer than every input: nothing is rounded.
        let add = Add::new(&[-4, -4], -6, Activation::None).unwrap();
        assert_eq!((&add.up[..2], add.shift), (&[2, 2][..], 0));
        assert_eq!(Add::new(&[0, -17], 0, Activation::None), None);
        assert_eq!(Add::new(&[0; MAX_INPUTS + 1], 0, Activation::None), None);
    }
}
