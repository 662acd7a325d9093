//! tract (Sonos): an ONNX runtime in Rust without any native library.

use super::{Runtime, RuntimeError, Tensor, failed};
use std::sync::Arc;
use tract_onnx::prelude::Tensor as TractTensor;
use tract_onnx::prelude::{
    Datum, Framework, InferenceModelExt, IntoRunnable, TValue, TVec, TypedRunnableModel,
};

const NAME: &str = "tract";

/// A model, optimised where tract can do that, and ready.
pub struct Tract {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Tract {
    /// Loads an ONNX file's bytes.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] where tract does not take the model.
    pub fn load(model: &[u8]) -> Result<Self, RuntimeError> {
        guarded("load the model", || Self::loaded(model))
    }

    fn loaded(model: &[u8]) -> Result<Self, RuntimeError> {
        let fail = |error| failed(NAME, "load the model", error);
        let model = tract_onnx::onnx()
            .model_for_read(&mut &model[..])
            .map_err(fail)?;
        let named = |outlets: &[tract_onnx::prelude::OutletId]| -> Vec<String> {
            let name = |outlet: &tract_onnx::prelude::OutletId| {
                let label = model.outlet_label(*outlet).map(str::to_owned);
                label
                    .or_else(|| model.nodes.get(outlet.node).map(|node| node.name.clone()))
                    .unwrap_or_default()
            };
            outlets.iter().map(name).collect()
        };
        let inputs = named(model.input_outlets().map_err(fail)?);
        let outputs = named(model.output_outlets().map_err(fail)?);
        // tract 0.23.9 cannot optimise some graphs that it can run, as a strided 1 x 1 convolution
        // behind a reshape.
        let typed = match model.clone().into_optimized() {
            Ok(optimized) => optimized,
            Err(error) => model.into_typed().map_err(|_| fail(error))?,
        };
        let plan = typed.into_runnable().map_err(fail)?;
        Ok(Self {
            plan,
            inputs,
            outputs,
        })
    }

    fn run<I: Datum + Copy, O: Datum + Copy>(
        &mut self,
        inputs: &[Tensor<I>],
    ) -> Result<Vec<Tensor<O>>, RuntimeError> {
        let fail = |error| failed(NAME, "run the model", error);
        let mut values: TVec<TValue> = TVec::new();
        for name in &self.inputs {
            let given = inputs.iter().find(|input| input.name == *name);
            let input = given.ok_or_else(|| {
                failed(NAME, "run the model", format!("no value for input {name}"))
            })?;
            values.push(
                TractTensor::from_shape(&input.shape, &input.data)
                    .map_err(fail)?
                    .into(),
            );
        }
        let outputs = guarded("run the model", || self.plan.run(values).map_err(fail))?;
        let mut results = Vec::with_capacity(outputs.len());
        for (output, name) in outputs.iter().zip(&self.outputs) {
            let view = output.to_plain_array_view::<O>().map_err(fail)?;
            let (shape, data) = (view.shape().to_vec(), view.iter().copied().collect());
            results.push(Tensor {
                name: name.clone(),
                shape,
                data,
            });
        }
        Ok(results)
    }
}

/// tract 0.23.9 panics on some graphs (a transposed convolution whose padding is larger than what
/// it cuts from): an error here.
fn guarded<T>(
    step: &'static str,
    run: impl FnOnce() -> Result<T, RuntimeError>,
) -> Result<T, RuntimeError> {
    // What is left behind half-made is dropped with the closure.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(failed(NAME, step, "it panicked on this graph")))
}

impl Runtime for Tract {
    fn name(&self) -> String {
        format!("{NAME} 0.23")
    }

    fn run_float(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<f32>>, RuntimeError> {
        self.run(inputs)
    }

    fn run_int8(&mut self, inputs: &[Tensor<i8>]) -> Result<Vec<Tensor<i8>>, RuntimeError> {
        self.run(inputs)
    }

    fn run_uint8(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<u8>>, RuntimeError> {
        self.run(inputs)
    }
}
