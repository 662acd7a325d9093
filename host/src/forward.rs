//! The float generator, run by ndarray: the reference that quantization calibrates on and runtimes are compared with.

use crate::network::{Layer, Network};
use ndarray::{Array2, ArrayView2, Axis};

/// Every layer's output for a batch: `inputs` has shape (batch, latent + classes), each result (batch, length).
///
/// The network must have passed [`Network::check`] and the inputs must have its width; other shapes panic in ndarray.
pub fn all_layers(network: &Network, inputs: ArrayView2<f32>) -> Vec<Array2<f32>> {
    let mut outputs: Vec<Array2<f32>> = Vec::with_capacity(network.layers.len());
    for layer in &network.layers {
        let before = outputs.last().map_or(inputs, |o| o.view());
        outputs.push(one_layer(layer, before));
    }
    outputs
}

/// The last layer's output for a batch, shape (batch, channels * height * width). See [`all_layers`].
pub fn run(network: &Network, inputs: ArrayView2<f32>) -> Array2<f32> {
    let mut value = inputs.to_owned();
    for layer in &network.layers {
        value = one_layer(layer, value.view());
    }
    value
}

/// One layer's output for a batch.
pub fn one_layer(layer: &Layer, x: ArrayView2<f32>) -> Array2<f32> {
    match layer {
        Layer::Dense(dense) => {
            // A transposed view of the weights: the product reads them row by row.
            x.dot(&dense.weight.t()) + &dense.bias
        }
        Layer::BatchNorm(norm) => {
            let factor = &norm.scale / &norm.variance.mapv(|v| (v + norm.epsilon).sqrt());
            let mut y = x.to_owned();
            for mut row in y.axis_iter_mut(Axis(0)) {
                row -= &norm.mean;
                row *= &factor;
                row += &norm.bias;
            }
            y
        }
        Layer::LeakyRelu { slope } => x.mapv(|v| if v < 0.0 { slope * v } else { v }),
        Layer::Relu => x.mapv(|v| v.max(0.0)),
        Layer::Tanh => x.mapv(f32::tanh),
        Layer::Sigmoid => x.mapv(|v| 1.0 / (1.0 + (-v).exp())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BatchNorm, Dense};
    use ndarray::array;

    #[test]
    fn known_layers() {
        let dense = Layer::Dense(Dense {
            name: "d".into(),
            weight: array![[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]],
            bias: array![0.5, 0.0, -1.0],
        });
        assert_eq!(
            one_layer(&dense, array![[2.0, 4.0]].view()),
            array![[10.5, -4.0, 7.0]]
        );
        let norm = Layer::BatchNorm(BatchNorm {
            name: "n".into(),
            scale: array![2.0],
            bias: array![1.0],
            mean: array![3.0],
            variance: array![3.75],
            epsilon: 0.25,
        });
        assert_eq!(
            one_layer(&norm, array![[5.0], [3.0]].view()),
            array![[3.0], [1.0]]
        );
        let leaky = Layer::LeakyRelu { slope: 0.25 };
        assert_eq!(
            one_layer(&leaky, array![[-4.0, 4.0]].view()),
            array![[-1.0, 4.0]]
        );
        assert_eq!(
            one_layer(&Layer::Sigmoid, array![[0.0]].view()),
            array![[0.5]]
        );
    }
}
