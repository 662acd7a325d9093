//! How far an integer network's pictures are from the float network's, as a classifier sees them:
//! the measure by which the widths of weights are chosen for a flash budget.

use super::classifier::{Classifier, judge};
use super::metrics::frechet::{Moments, Reference};
use super::pictures::Pictures;
use crate::graph::Network;
use crate::graph::QuantizedNetwork;
use crate::ops::forward;
use crate::quantize::calibrate::{MEASURING_SEEDS, float_inputs, integer_inputs, points};
use crate::quantize::fold::pixel_range;
use crate::quantize::report::float_grey;
use crate::quantize::simulate;
use ndarray::Array2;
use shared::latent::Prior;

/// Pictures of each network: many times the number of features, or the distance is mostly chance.
const PICTURES: usize = 2000;

/// The float network's pictures, as a classifier sees them.
pub struct Drift<'c> {
    classifier: &'c dyn Classifier,
    inputs: Array2<i8>,
    float: Reference,
}

impl<'c> Drift<'c> {
    /// Draws with the float network, at points that calibration has not seen. `None` where the
    /// classifier takes pictures of another size or in colour, or its features are not finite.
    pub fn new(network: &Network, prior: Prior, classifier: &'c dyn Classifier) -> Option<Self> {
        let shape = network.output;
        if (shape.channels, (shape.height, shape.width)) != (1, classifier.size()) {
            return None;
        }
        let points = points(MEASURING_SEEDS, PICTURES, network.input.classes);
        let inputs = integer_inputs(&points, network.input, prior);
        let range = pixel_range(network);
        let float = forward::run(network, float_inputs(&inputs, network.input).view());
        let grey = float.iter().map(|&value| float_grey(range, value));
        let features = features(classifier, grey.collect())?;
        Some(Self {
            classifier,
            inputs,
            float: Reference::new(Moments::of(features.view()))?,
        })
    }

    /// The Frechet distance from the float network's pictures to those of the same points in
    /// integers; infinite where it cannot be computed.
    pub fn distance(&self, quantized: &QuantizedNetwork) -> f64 {
        let pixels = simulate::run(quantized, self.inputs.view());
        let grey = pixels.iter().map(|&q| quantized.about.pixel_range.grey(q));
        features(self.classifier, grey.collect())
            .and_then(|features| self.float.distance(&Moments::of(features.view())))
            // Rounding can leave it just below zero.
            .map_or(f64::INFINITY, |distance| distance.max(0.0))
    }
}

fn features(classifier: &dyn Classifier, images: Vec<u8>) -> Option<Array2<f64>> {
    let (height, width) = classifier.size();
    let pictures = Pictures::new("drift", images, None, height, width);
    let judged = judge(classifier, &pictures, &|_| ()).ok()?;
    Some(judged.features)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::classifier::tests::Quarters;
    use crate::graph::Bits;
    use crate::graph::Shape;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeOptions};
    use crate::synthetic;

    #[test]
    fn fewer_bits_drift_farther() {
        let shape = Shape {
            channels: 1,
            height: 8,
            width: 8,
        };
        let network = synthetic::generator(3, 10, 0, &[24], shape);
        let calibration = Calibration {
            points: 64,
            ..Default::default()
        };
        let prepared = Prepared::new(&network, &calibration).unwrap();
        let quantized = |bits| {
            let options = QuantizeOptions {
                bits: vec![bits; 2],
                ..Default::default()
            };
            prepared.quantize(&options).unwrap()
        };
        let classifier = Quarters { side: 8 };
        let drift = Drift::new(&network, calibration.prior, &classifier).unwrap();
        let (eight, four) = (
            drift.distance(&quantized(Bits::Eight)),
            drift.distance(&quantized(Bits::Four)),
        );
        assert!(eight < four && four < 1.0, "{eight} {four}");
        let other = Quarters { side: 6 };
        assert!(Drift::new(&network, calibration.prior, &other).is_none());
    }
}
