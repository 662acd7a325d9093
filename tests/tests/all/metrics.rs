//! The metrics of `thumbgen evaluate` against torch-fidelity, torchmetrics and prdc.
//!
//! Both sides make the same matrices from the same integers; `python/reference_metrics.py` computed
//! the values that are stored beside it.

use host::evaluate::metrics::frechet::{Moments, Reference};
use host::evaluate::metrics::{density_coverage, inception, kernel, precision_recall};
use ndarray::{Array2, Axis};
use serde_json::Value;
use shared::latent::pcg::split_mix_64;

const ROWS: usize = 600;
const FEATURES: usize = 24;
const CLASSES: usize = 10;
const SUBSETS: usize = 4;
const SUBSET: usize = 200;

/// Element i of the row-major matrix from the seed `seed * 2^32 + i`, on 0..1.
fn uniform(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let bits = split_mix_64((seed << 32) + (row * columns + column) as u64);
        (bits >> 11) as f64 / 2f64.powi(53)
    })
}

/// Eight clusters, as features of classes lie: correlated columns of different spread.
fn features(seed: u64, rows: usize, stretch: f64, shift: f64) -> Array2<f64> {
    let noise = uniform(seed, rows, FEATURES);
    let place = uniform(99, 8, FEATURES);
    Array2::from_shape_fn((rows, FEATURES), |(row, column)| {
        let before = noise[[row, (column + FEATURES - 1) % FEATURES]];
        let mixed = noise[[row, column]] + 0.5 * before;
        3.0 * place[[row % 8, column]]
            + stretch * mixed * (1.0 + (column % 5) as f64) / 4.0
            + shift * (column % 3) as f64
    })
}

/// Mostly sure of one of ten classes, not all equally often.
fn probabilities(seed: u64, rows: usize) -> Array2<f64> {
    let mut values = uniform(seed, rows, CLASSES) * 4.0;
    for (row, mut values) in values.rows_mut().into_iter().enumerate() {
        let chosen = split_mix_64(((seed + 1) << 32) + row as u64) % CLASSES as u64;
        values[(chosen as usize).min(7)] += 5.0;
        values.mapv_inplace(f64::exp);
        let sum = values.sum();
        values /= sum;
    }
    values
}

fn mean(values: Vec<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn metrics_are_those_of_other_implementations() {
    let stored: Value =
        serde_json::from_str(include_str!("../../python/reference_metrics.json")).unwrap();
    let real = features(1, ROWS, 1.0, 0.0);
    let cases = [
        (
            "near",
            features(2, ROWS, 1.0, 0.02),
            probabilities(11, ROWS),
        ),
        (
            "narrow",
            features(3, ROWS, 0.7, 0.1),
            probabilities(13, ROWS),
        ),
        ("wide", features(4, 593, 1.2, 0.02), probabilities(15, 593)),
        ("few", features(5, 20, 1.0, 0.0), probabilities(17, 20)),
    ];
    let cases_stored = stored["cases"].as_array().unwrap();
    assert_eq!(cases_stored.len(), cases.len());
    for ((name, generated, probabilities), stored) in cases.iter().zip(cases_stored) {
        assert_eq!(stored["name"], *name);
        let mut compared = 0;
        let mut equal = |metric: &str, found: f64| {
            let expected = stored[metric].as_f64().unwrap();
            let error = (found - expected).abs() / expected.abs();
            assert!(
                error < 1e-4,
                "{name}: {metric} is {found}, expected {expected}"
            );
            compared += 1;
        };
        let frechet = Reference::new(Moments::of(real.view())).unwrap();
        let frechet = frechet.distance(&Moments::of(generated.view())).unwrap();
        equal("frechet", frechet);
        equal("frechet_torchmetrics", frechet);

        let same = |set: &Array2<f64>| {
            let rows: Vec<usize> = (0..real.nrows().min(generated.nrows())).collect();
            set.select(Axis(0), &rows)
        };
        let whole = kernel::distance(same(&real).view(), same(generated).view());
        equal("kernel", whole);
        equal("kernel_torchmetrics", whole);
        let every_third = |from: usize, rows: usize| -> Vec<usize> {
            (0..SUBSET).map(|i| (i * 3 + from) % rows).collect()
        };
        let subsets: Vec<_> = (0..SUBSETS)
            .map(|i| {
                (
                    every_third(i, real.nrows()),
                    every_third(2 * i, generated.nrows()),
                )
            })
            .collect();
        let subsets = kernel::over_subsets(real.view(), generated.view(), &subsets);
        equal("kernel_subsets_mean", subsets.mean);
        equal("kernel_subsets_deviation", subsets.deviation);

        let order: Vec<usize> = (0..probabilities.nrows()).collect();
        equal(
            "inception_score",
            inception::score(probabilities.view(), &order, 10),
        );
        let (real, generated) = (real.view(), generated.view());
        equal(
            "precision",
            mean(precision_recall::precision(real, generated, 3)),
        );
        equal("recall", mean(precision_recall::recall(real, generated, 3)));
        equal(
            "density",
            mean(density_coverage::density(real, generated, 5)),
        );
        equal(
            "coverage",
            mean(density_coverage::coverage(real, generated, 5)),
        );
        // Every number that is stored, but the name.
        assert_eq!(compared, stored.as_object().unwrap().len() - 1);
    }
}
