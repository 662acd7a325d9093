//! From a prepared float network to integers: by the scheme that it was trained for, or by widths
//! that are asked for or that fit a budget; and training of the integers where that is asked for.

use super::{ExportError, ExportOptions, card};
use crate::evaluate::drift::Drift;
use crate::graph::{Bits, QuantizedNetwork};
use crate::pack::golden::image_vectors;
use crate::pack::image::packed_len;
use crate::quantize::report::{MEASURING_POINTS, picture_sqnr};
use crate::quantize::widths::{Choice, choose, choose_by};
use crate::quantize::{Prepared, QuantizeError, QuantizeOptions, Scheme};
use crate::train::qat::distill;
use crate::train::qat::distill::{DistillOptions, Progress};
use serde::Serialize;

/// Stands for all layers that are not named, in [`ExportOptions::bits`].
pub const ALL_LAYERS: &str = "*";

/// What training the integers did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// How.
    #[serde(flatten)]
    pub options: DistillOptions,
    /// Mean squared error of the pixels that choose, as real numbers, before training.
    pub error_before: f64,
    /// The same with the weights that were chosen.
    pub error: f64,
    /// The update after which they were; 0 where training found nothing better.
    pub chosen_step: u64,
    /// SQNR of the pictures before training, in decibels, on the points that measurements use.
    pub sqnr_db_before: f64,
}

/// The integer network, how its widths were chosen, and what training did.
pub(super) struct Integers {
    pub network: QuantizedNetwork,
    pub choice: Option<Choice>,
    pub training: Option<Training>,
}

/// Quantizes as the options say, and `trained`: the scheme of a file whose integers were trained.
pub(super) fn integers(
    prepared: &Prepared<'_>,
    trained: Option<Result<Scheme, QuantizeError>>,
    options: &ExportOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Integers, ExportError> {
    let quantizing = |source| ExportError::Quantize {
        path: options.onnx.clone(),
        source,
    };
    let goldens = image_vectors(prepared.network().input.classes);
    // An image that cannot be written at all has no size; packing then says why.
    let size = |network: &QuantizedNetwork| {
        packed_len(network, &card::line(network), goldens).unwrap_or(usize::MAX)
    };
    let asked_for = !options.bits.is_empty() || options.distill.is_some();
    if let Some(scheme) = trained.filter(|_| !asked_for) {
        let by_scheme = QuantizeOptions {
            scheme: Some(scheme.map_err(quantizing)?),
            ..Default::default()
        };
        let network = prepared.quantize(&by_scheme).map_err(quantizing)?;
        let needed = size(&network);
        // One that cannot be written is refused by packing, which says why.
        if let Some(budget) = options.budget
            && needed > budget
            && needed < usize::MAX
        {
            return Err(ExportError::Trained {
                path: options.onnx.clone(),
                needed,
                budget,
            });
        }
        return Ok(Integers {
            network,
            choice: None,
            training: None,
        });
    }
    let fixed = fixed_widths(prepared, &options.bits).map_err(quantizing)?;
    let (network, choice) = match options.budget {
        None => {
            let bits = fixed.into_iter().map(Option::unwrap_or_default).collect();
            let by_bits = QuantizeOptions {
                bits,
                ..Default::default()
            };
            (prepared.quantize(&by_bits).map_err(quantizing)?, None)
        }
        Some(budget) => {
            let judge = options.classifier.as_ref().map(|file| &file.network);
            let drift =
                judge.and_then(|judge| Drift::new(prepared.network(), prepared.prior(), judge));
            let (choice, network) = match drift {
                Some(drift) => choose_by(prepared, &fixed, budget, size, |n| drift.distance(n)),
                None => choose(prepared, &fixed, budget, size),
            }
            .map_err(quantizing)?;
            (network, Some(choice))
        }
    };
    let Some(how) = options.distill else {
        return Ok(Integers {
            network,
            choice,
            training: None,
        });
    };
    progress(&format!("training the integers, {} steps", how.steps));
    let sqnr_db_before = picture_sqnr(prepared.network(), &network, MEASURING_POINTS);
    let mut look = |at: &Progress| progress(&at.to_string());
    let done = distill(prepared, &network, &how, &mut look).map_err(quantizing)?;
    let training = Training {
        options: how,
        error_before: done.start,
        error: done.best,
        chosen_step: done.step,
        sqnr_db_before,
    };
    Ok(Integers {
        network: done.network,
        choice,
        training: Some(training),
    })
}

fn fixed_widths(
    prepared: &Prepared<'_>,
    bits: &[(String, Bits)],
) -> Result<Vec<Option<Bits>>, QuantizeError> {
    let layers = prepared.linear_layers();
    let all = bits.iter().rfind(|(layer, _)| layer == ALL_LAYERS);
    let mut fixed = vec![all.map(|(_, bits)| *bits); layers.len()];
    for (layer, bits) in bits.iter().filter(|(layer, _)| layer != ALL_LAYERS) {
        let index = layers
            .iter()
            .position(|name| name == layer)
            .ok_or_else(|| QuantizeError::NoLayer {
                layer: layer.clone(),
                layers: layers.join(", "),
            })?;
        fixed[index] = Some(*bits);
    }
    Ok(fixed)
}

#[cfg(test)]
mod tests {
    use super::super::export;
    use super::*;
    use crate::exchange::write::{WriteOptions, to_bytes};
    use crate::graph::Shape;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::fixed::on_grid;
    use crate::quantize::fold::unfold;
    use crate::synthetic;

    fn setting() -> (tempfile::TempDir, ExportOptions) {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape {
            channels: 1,
            height: 10,
            width: 10,
        };
        let network = synthetic::generator(6, 12, 4, &[20, 20], shape);
        let onnx = folder.path().join("in.onnx");
        std::fs::write(&onnx, to_bytes(&network, &WriteOptions::default()).unwrap()).unwrap();
        let options = ExportOptions::new(&onnx, folder.path().join("model"));
        (folder, options)
    }

    #[test]
    fn trained_integers_are_better_repeatable_and_come_back_by_their_scheme() {
        let (folder, mut options) = setting();
        options.bits = vec![
            (ALL_LAYERS.to_owned(), Bits::Four),
            ("dense1".to_owned(), Bits::Eight),
        ];
        let plain = export(&options, &mut |_| {}).unwrap();
        assert_eq!(
            plain.quantized.bits(),
            [Bits::Four, Bits::Eight, Bits::Four]
        );
        options.distill = Some(DistillOptions {
            steps: 60,
            batch: 32,
            ..Default::default()
        });
        let mut said = Vec::new();
        let trained = export(&options, &mut |line| said.push(line.to_owned())).unwrap();
        let training = trained.training.clone().unwrap();
        assert!(training.error < training.error_before, "{training:?}");
        let (before, after) = (&plain.measured.picture, &trained.measured.picture);
        assert!(after.sqnr_db > before.sqnr_db + 0.5, "{after:?} {before:?}");
        assert_eq!(training.sqnr_db_before, before.sqnr_db);
        let card = std::fs::read_to_string(options.folder.join("README.md")).unwrap();
        assert!(card.contains("for 60 updates"), "{card}");
        assert!(said.iter().any(|line| line.contains("steps/s")), "{said:?}");
        assert_eq!(
            trained.quantized,
            export(&options, &mut |_| {}).unwrap().quantized
        );

        // Widths for a budget are chosen first.
        let bits = std::mem::take(&mut options.bits);
        options.budget = Some(plain.image.len());
        options.distill.as_mut().unwrap().steps = 20;
        let fitted = export(&options, &mut |_| {}).unwrap();
        assert_eq!(fitted.quantized.bits(), fitted.choice.unwrap().bits);
        assert!(fitted.quantized.bits().contains(&Bits::Four));
        assert!(fitted.image.len() <= plain.image.len());
        assert!(fitted.training.unwrap().chosen_step > 0);
        (options.bits, options.budget) = (bits, None);

        // As training writes it: weights on their grid, the scheme in the metadata.
        let calibration = Calibration::default();
        let prepared = Prepared::new(&trained.network, &calibration).unwrap();
        let grid = on_grid(prepared.folded(), &trained.quantized);
        let network = &trained.network;
        let on_grid = unfold(&network.name, &grid, network.output).unwrap();
        let write = WriteOptions {
            scheme: Some(Scheme::of(&trained.quantized)),
            ..Default::default()
        };
        let onnx = folder.path().join("trained.onnx");
        std::fs::write(&onnx, to_bytes(&on_grid, &write).unwrap()).unwrap();
        let mut options = ExportOptions::new(&onnx, folder.path().join("again"));
        options.name = Some(network.name.clone());
        let again = export(&options, &mut |_| {}).unwrap();
        for (step, expected) in again.quantized.nodes.iter().zip(&trained.quantized.nodes) {
            assert_eq!(
                (&step.op, step.note.exponent),
                (&expected.op, expected.note.exponent)
            );
        }
        assert_eq!(again.image, trained.image);

        options.budget = Some(100);
        let error = export(&options, &mut |_| {}).unwrap_err().to_string();
        assert!(
            error.contains("trained for") && !error.contains('\n'),
            "{error}"
        );
    }
}
