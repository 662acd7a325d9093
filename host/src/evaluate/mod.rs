//! Evaluation.
pub mod metrics;
