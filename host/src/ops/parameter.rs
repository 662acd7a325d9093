//! The checks of parameters: their lengths, and that all are finite.

use crate::graph::GraphError;
use ndarray::Array1;

/// Checks a parameter's length, and that all of it is finite.
///
/// # Errors
/// [`GraphError`] names the layer and the parameter.
pub fn check(
    layer: &str,
    parameter: &'static str,
    expected: usize,
    values: &Array1<f32>,
) -> Result<(), GraphError> {
    if values.len() != expected {
        return Err(GraphError::Parameter {
            layer: layer.to_owned(),
            parameter,
            expected,
            found: values.len(),
        });
    }
    finite(layer, parameter, values.iter())
}

/// Checks that every value is finite.
///
/// # Errors
/// [`GraphError::NotFinite`] names the layer, the parameter and the first value that is not.
pub fn finite<'a>(
    layer: &str,
    parameter: &'static str,
    mut values: impl Iterator<Item = &'a f32>,
) -> Result<(), GraphError> {
    match values.find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(GraphError::NotFinite {
            layer: layer.to_owned(),
            parameter,
            value: value.to_string(),
        }),
    }
}
