//! The operations with their derivatives, on any backend that has them.

use std::sync::Arc;

use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, binary, unary};
use burn_tensor::ops::FloatTensor;

use super::{Activation, Geometry, Grid, Kernels, Normalised, Origins, Rounded, Table, rounding};

/// Derivatives of [`Kernels::gather`].
#[derive(Debug)]
struct Gather;

impl<B: Kernels> Backward<B, 2> for Gather {
    /// Large picture and weights.
    type State = (FloatTensor<B>, FloatTensor<B>, Geometry);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (large, weight, g) = ops.state;
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            grads,
            |gradient| B::scatter(gradient, weight, g),
            |gradient| B::weight_gradient(large, gradient, g),
        );
    }
}

/// Derivatives of [`Kernels::scatter`].
#[derive(Debug)]
struct Scatter;

impl<B: Kernels> Backward<B, 2> for Scatter {
    /// Small picture and weights.
    type State = (FloatTensor<B>, FloatTensor<B>, Geometry);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (small, weight, g) = ops.state;
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            grads,
            |gradient| B::gather(gradient, weight, g),
            |gradient| B::weight_gradient(gradient, small, g),
        );
    }
}

/// Derivative of [`Kernels::relocate`].
#[derive(Debug)]
struct Relocate;

impl<B: Kernels> Backward<B, 1> for Relocate {
    type State = Arc<Origins>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let origins = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |gradient| {
            B::relocate_gradient(gradient, &origins)
        });
    }
}

/// Derivative of [`Kernels::relocate_gradient`].
#[derive(Debug)]
struct RelocateGradient;

impl<B: Kernels> Backward<B, 1> for RelocateGradient {
    type State = Arc<Origins>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let origins = ops.state.without_constant();
        unary::<B, _>(ops.parents, ops.node, grads, |gradient| {
            B::relocate(gradient, &origins)
        });
    }
}

/// Derivatives of [`Kernels::activate`].
#[derive(Debug)]
struct Activate;

impl<B: Kernels> Backward<B, 2> for Activate {
    /// Output, and channels.
    type State = (FloatTensor<B>, usize, Activation);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (output, channels, activation) = ops.state;
        let gradient = grads.consume::<B>(&ops.node);
        let (input, bias) = B::activate_gradient(output, gradient, channels, activation);
        for (parent, gradient) in ops.parents.into_iter().zip([input, bias]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// Derivatives of [`Kernels::normalise`].
#[derive(Debug)]
struct Normalise;

impl<B: Kernels> Backward<B, 3> for Normalise {
    /// Input, scale and output.
    type State = (
        FloatTensor<B>,
        FloatTensor<B>,
        [FloatTensor<B>; 3],
        Activation,
    );

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (input, scale, [output, mean, variance], activation) = ops.state;
        let gradient = grads.consume::<B>(&ops.node);
        let done = Normalised {
            output,
            mean,
            variance,
        };
        let found = B::normalise_gradient(input, scale, done, gradient, activation);
        for (parent, gradient) in
            ops.parents
                .into_iter()
                .zip([found.input, found.scale, found.bias])
        {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// Derivatives of [`Kernels::round`].
#[derive(Debug)]
struct Round;

impl<B: Kernels> Backward<B, 2> for Round {
    /// Derivative for the input, and channels.
    type State = (FloatTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (derivative, channels) = ops.state;
        let gradient = B::float_mul(grads.consume::<B>(&ops.node), derivative);
        let [input, bias] = ops.parents;
        if let Some(bias) = bias {
            let sums = rounding::sum_rows::<B>(gradient.clone(), channels);
            grads.register::<B>(bias.id, sums);
        }
        if let Some(input) = input {
            grads.register::<B>(input.id, gradient);
        }
    }
}

/// Derivative of [`Kernels::look_up`].
#[derive(Debug)]
struct LookUp;

impl<B: Kernels> Backward<B, 1> for LookUp {
    /// The slopes that were met.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let derivative = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |gradient| {
            B::float_mul(gradient, derivative)
        });
    }
}

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn gather(
        large: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: Geometry,
    ) -> FloatTensor<Self> {
        let output = B::gather(large.primitive.clone(), weight.primitive.clone(), g);
        match Gather
            .prepare::<C>([large.node.clone(), weight.node.clone()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((large.primitive, weight.primitive, g), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn scatter(
        small: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: Geometry,
    ) -> FloatTensor<Self> {
        let output = B::scatter(small.primitive.clone(), weight.primitive.clone(), g);
        match Scatter
            .prepare::<C>([small.node.clone(), weight.node.clone()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((small.primitive, weight.primitive, g), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn relocate(input: FloatTensor<Self>, origins: &Arc<Origins>) -> FloatTensor<Self> {
        let nodes = [input.node.clone()];
        let output = B::relocate(input.primitive, origins);
        match Relocate.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(Arc::clone(origins), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn relocate_gradient(gradient: FloatTensor<Self>, origins: &Arc<Origins>) -> FloatTensor<Self> {
        let nodes = [gradient.node.clone()];
        let output = B::relocate_gradient(gradient.primitive, origins);
        let prepared = RelocateGradient.prepare::<C>(nodes);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(Arc::clone(origins), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn activate(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        use burn_tensor::TensorMetadata;
        let channels = bias.shape().num_elements();
        let nodes = [input.node.clone(), bias.node.clone()];
        let output = B::activate(input.primitive, bias.primitive, activation);
        match Activate.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), channels, activation), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn normalise(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> Normalised<FloatTensor<Self>> {
        let nodes = [input.node.clone(), scale.node.clone(), bias.node.clone()];
        let done = B::normalise(
            input.primitive.clone(),
            scale.primitive.clone(),
            bias.primitive,
            activation,
        );
        let output = match Normalise.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let moments = [
                    done.output.clone(),
                    done.mean.clone(),
                    done.variance.clone(),
                ];
                let state = (input.primitive, scale.primitive, moments, activation);
                prep.finish(state, done.output)
            }
            OpsKind::UnTracked(prep) => prep.finish(done.output),
        };
        // The moments are reported, not differentiated.
        Normalised {
            output,
            mean: <Self as burn_tensor::backend::AutodiffBackend>::from_inner(done.mean),
            variance: <Self as burn_tensor::backend::AutodiffBackend>::from_inner(done.variance),
        }
    }

    fn round(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        grid: Grid,
    ) -> Rounded<FloatTensor<Self>> {
        use burn_tensor::TensorMetadata;
        let channels = bias.shape().num_elements();
        let nodes = [input.node.clone(), bias.node.clone()];
        let done = B::round(input.primitive, bias.primitive, scale.primitive, grid);
        let output = match Round.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((done.derivative.clone(), channels), done.output),
            OpsKind::UnTracked(prep) => prep.finish(done.output),
        };
        Rounded {
            output,
            derivative: <Self as burn_tensor::backend::AutodiffBackend>::from_inner(
                done.derivative,
            ),
        }
    }

    fn look_up(input: FloatTensor<Self>, table: &Table) -> Rounded<FloatTensor<Self>> {
        let done = B::look_up(input.primitive, table);
        let nodes = [input.node.clone()];
        let output = match LookUp.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(done.derivative.clone(), done.output),
            OpsKind::UnTracked(prep) => prep.finish(done.output),
        };
        Rounded {
            output,
            derivative: <Self as burn_tensor::backend::AutodiffBackend>::from_inner(
                done.derivative,
            ),
        }
    }
}
