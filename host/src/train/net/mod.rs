//! Networks in training: the graph of the rest of the host, whose weights are places in a list of
//! parameters.
//!
//! [`Trainable`] is the phase; [`Builder`] makes graphs, `generator` and [`discriminator`] those
//! of a config. `forward` runs them, `input_gradient` runs them backwards for penalties, `convert`
//! makes the float network that is exported. [`walk()`] is how any phase of the trainer runs through
//! its nodes.
//!
//! Parameters are one list of tensors of rank 2, so that the optimiser, the moving average and the
//! checkpoint handle any graph. Nothing is initialised lazily and nothing is shared by a clone.
//!
//! An element of a sample is where [`Shape`](crate::graph::Shape) says: its row, its column, its
//! channel.

mod build;
mod convert;
pub mod discriminator;
mod forward;
mod generator;
mod input_gradient;
mod moves;
mod parameters;
mod walk;

pub use build::Builder;
pub use forward::{Moments, Outputs};
pub use generator::{Generator, generator_layers};
pub use moves::{Moved, moved};
pub use parameters::{LinearParameters, NormParameters, Spec, Start, initial};
pub use walk::{Given, walk};

use super::ops::Activation;
use crate::graph::{Graph, Phase};

/// In training: operations say which parameters they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trainable;

impl Phase for Trainable {
    type Linear = LinearParameters;
    type Norm = NormParameters;
    type Function = Activation;
    type Combine = ();
    /// Where the elements of a move come from.
    type Note = Option<Moved>;
    /// The parameters, in the order in which they start and are stored.
    type About = Vec<Spec>;
}

impl Graph<Trainable> {
    /// Its parameters in order.
    pub fn specs(&self) -> &[Spec] {
        &self.about
    }
}

#[cfg(test)]
mod learning_tests;
#[cfg(test)]
mod tests;
