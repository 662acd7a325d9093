//! The arena: which bytes each tensor of a chain of layers occupies.
//!
//! Only a layer's input and output live at the same time. So tensors lie at the two ends of the arena in turn, and the
//! arena is as long as the largest pair: no placement of a chain needs less. A table works in place.

use super::{PackError, u16_of};
use crate::quantize::{QuantizedNetwork, StepKind};
use shared::latent;
use shared::layer::Region;

/// Regions start at multiples of this, so that kernels may read words.
pub const REGION_ALIGNMENT: usize = 4;

/// Where everything lies: region 0 is the input, region `i + 1` the output of step `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the arena.
    pub arena_len: u32,
    /// The regions.
    pub regions: Vec<Region>,
}

/// Plans a network's arena.
///
/// # Errors
/// [`PackError::TooLarge`] where a vector or the arena is longer than an image can state.
pub fn plan(network: &QuantizedNetwork) -> Result<Plan, PackError> {
    let aligned = |len: usize| len.next_multiple_of(REGION_ALIGNMENT);
    let mut arena_len = aligned(network.input.len());
    for step in &network.steps {
        if let StepKind::Dense(_) = step.kind {
            arena_len = arena_len.max(aligned(network.input_len(step)) + aligned(step.shape.len()));
        }
    }
    let limit = shared::image::MAX_LEN as usize;
    let too_large = PackError::TooLarge {
        what: "an arena",
        value: arena_len,
        limit,
    };
    let arena = u32::try_from(arena_len).map_err(|_| too_large)?;

    let mut regions = Vec::with_capacity(network.steps.len() + 1);
    regions.push(Region::vector(
        0,
        u16_of("an input", network.input.len())?,
        latent::EXPONENT,
    ));
    let mut at_end = false;
    for (index, step) in network.steps.iter().enumerate() {
        if let StepKind::Dense(_) = step.kind {
            at_end = !at_end;
        }
        // Within the arena, whose length fits.
        let offset = if at_end {
            (arena_len - aligned(step.shape.len())) as u32
        } else {
            0
        };
        let len = u16_of("a layer's output", step.shape.len())?;
        let mut region = Region::vector(offset, len, step.exponent);
        if index + 1 == network.steps.len() {
            let shape = network.output;
            region.channels = u16_of("channels", shape.channels)?;
            region.height = u16_of("rows", shape.height)?;
            region.width = u16_of("columns", shape.width)?;
        }
        regions.push(region);
    }
    Ok(Plan {
        arena_len: arena,
        regions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeOptions};
    use crate::synthetic;

    #[test]
    fn the_reference_network_needs_its_largest_pair() {
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let network = synthetic::generator(1, 100, 10, &[40, 256], shape);
        let calibration = Calibration {
            points: 8,
            ..Default::default()
        };
        let quantized = Prepared::new(&network, &calibration)
            .unwrap()
            .quantize(&QuantizeOptions::default())
            .unwrap();
        let plan = plan(&quantized).unwrap();
        assert_eq!(plan.arena_len, 256 + 784);
        let [input, first, second, third, picture] = plan.regions[..] else {
            panic!("{:?}", plan.regions)
        };
        assert!(!input.overlaps(&first) && !first.overlaps(&second) && !second.overlaps(&third));
        assert!(third.covers_the_same_bytes(&picture));
        assert_eq!(
            (
                picture.channels,
                picture.height,
                picture.width,
                picture.exponent
            ),
            (1, 28, 28, -7)
        );
        assert!(
            plan.regions
                .iter()
                .all(|r| r.end() <= plan.arena_len && r.offset.is_multiple_of(4))
        );
    }
}
