//! Random numbers of a picture's seed.

use super::{OpFault, Operator, Record, Region, Sink, elements};
use crate::latent::{self, Prior};

/// Fills its region with the next numbers of the picture's seed, in order: those behind the latent
/// vector, and behind all that were drawn before. At exponent [`latent::EXPONENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// What the numbers are drawn from.
    pub prior: Prior,
}

impl<'a> Operator<'a> for Noise {
    const CODE: u8 = 19;
    const NAME: &'static str = "noise";
    const INPUTS: [usize; 2] = [0, 0];

    fn decode(record: &mut Record<'a>, _: &[Region], to: &Region) -> Result<Self, OpFault> {
        let [prior] = record.bytes()?;
        record.zeros::<3>()?;
        let prior = Prior::of_code(prior).ok_or(OpFault::field("prior", prior))?;
        if to.exponent != latent::EXPONENT {
            return Err(OpFault::Exponents {
                input: latent::EXPONENT,
                output: to.exponent,
                shift: 0,
            });
        }
        Ok(Self { prior })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&[self.prior.code(), 0, 0, 0])
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
