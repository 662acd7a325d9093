//! Sets whose order everybody knows must come out in that order by every metric: the same pictures
//! again, other pictures of the same kind, half of the classes, one picture over and over, noise.

use super::frechet::{Moments, Reference};
use super::memorisation::{ToTraining, memorisation};
use super::neighbours::Pixels;
use super::{classes, density_coverage, duplicates, inception, kernel, labels, precision_recall};
use crate::graph::random::Random;
use ndarray::{Array2, ArrayView2, Axis};

const N: usize = 1000;
const CLASSES: usize = 10;
const FEATURES: usize = 8;

/// A kind of pictures: normal around one centre a class. A sure classifier of it is the nearest
/// centre.
struct World {
    centres: Array2<f64>,
}

struct Set {
    features: Array2<f64>,
    probabilities: Array2<f64>,
    labels: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let mut random = Random::new(1);
        let centres =
            Array2::from_shape_simple_fn((CLASSES, FEATURES), || 4.0 * f64::from(random.normal()));
        Self { centres }
    }

    fn set(&self, features: Array2<f64>, labels: Vec<u8>) -> Set {
        let mut probabilities = Array2::zeros((features.nrows(), CLASSES));
        for (x, mut p) in features.rows().into_iter().zip(probabilities.rows_mut()) {
            for (centre, p) in self.centres.rows().into_iter().zip(&mut p) {
                let difference = &x - &centre;
                *p = -difference.dot(&difference) / 20.0;
            }
            let largest = p.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            p.mapv_inplace(|v| (v - largest).exp());
            let sum = p.sum();
            p /= sum;
        }
        Set {
            features,
            probabilities,
            labels,
        }
    }

    /// Pictures of the first `classes` classes.
    fn pictures(&self, seed: u64, classes: usize) -> Set {
        let mut random = Random::new(seed);
        let labels: Vec<u8> = (0..N).map(|i| (i % classes) as u8).collect();
        let features = Array2::from_shape_fn((N, FEATURES), |(i, j)| {
            self.centres[[i % classes, j]] + f64::from(random.normal())
        });
        self.set(features, labels)
    }

    /// The same picture each time, but for a trace of noise.
    fn collapsed(&self, seed: u64) -> Set {
        let mut random = Random::new(seed);
        let features = Array2::from_shape_fn((N, FEATURES), |(_, j)| {
            self.centres[[3, j]] + 1e-3 * f64::from(random.normal())
        });
        self.set(features, (0..N).map(|i| (i % CLASSES) as u8).collect())
    }

    /// Nothing of the kind: far around.
    fn noise(&self, seed: u64) -> Set {
        let mut random = Random::new(seed);
        let features =
            Array2::from_shape_simple_fn((N, FEATURES), || 12.0 * f64::from(random.normal()));
        self.set(features, (0..N).map(|i| (i % CLASSES) as u8).collect())
    }
}

fn mean(values: Vec<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn frechet(real: &Set, other: &Set) -> f64 {
    let reference = Reference::new(Moments::of(real.features.view())).unwrap();
    reference
        .distance(&Moments::of(other.features.view()))
        .unwrap()
}

fn kernel_distance(real: &Set, other: &Set) -> f64 {
    kernel::distance(real.features.view(), other.features.view())
}

fn neighbours(
    metric: fn(ArrayView2<f64>, ArrayView2<f64>, usize) -> Vec<f64>,
    real: &Set,
    other: &Set,
) -> f64 {
    mean(metric(real.features.view(), other.features.view(), 5))
}

fn score(set: &Set) -> f64 {
    let order: Vec<usize> = (0..N).collect();
    inception::score(set.probabilities.view(), &order, 1)
}

/// Asserts that numbers fall, each by a margin of a hundredth of the first's distance to the last.
fn falls(what: &str, values: &[f64]) {
    let margin = 0.01 * (values[0] - values[values.len() - 1]).abs();
    for pair in values.windows(2) {
        assert!(pair[0] > pair[1] + margin, "{what}: {values:?}");
    }
}

#[test]
fn the_same_pictures_are_perfect() {
    let world = World::new();
    let real = world.pictures(2, CLASSES);
    assert!(frechet(&real, &real).abs() < 1e-8);
    // The unbiased estimate leaves the diagonal out of both sets but not of their comparison, so
    // that it lies a little below 0 for a set with itself.
    let itself = kernel_distance(&real, &real);
    let collapsed = kernel_distance(&real, &world.collapsed(4));
    assert!(
        itself < 0.0 && -itself < 0.01 * collapsed,
        "{itself}, {collapsed}"
    );
    assert_eq!(neighbours(precision_recall::precision, &real, &real), 1.0);
    assert_eq!(neighbours(precision_recall::recall, &real, &real), 1.0);
    assert_eq!(neighbours(density_coverage::coverage, &real, &real), 1.0);
    let density = neighbours(density_coverage::density, &real, &real);
    // Each picture lies in its own sphere, and on average in those of k others, less their borders.
    assert!((density - 1.0).abs() < 1e-9, "{density}");
}

#[test]
fn distances_rank_the_sets() {
    let world = World::new();
    let real = world.pictures(2, CLASSES);
    let [fresh, half, collapsed, noise] = [
        world.pictures(3, CLASSES),
        world.pictures(3, CLASSES / 2),
        world.collapsed(4),
        world.noise(5),
    ];
    for (what, metric) in [
        ("Frechet distance", frechet as fn(&Set, &Set) -> f64),
        ("kernel distance", kernel_distance),
    ] {
        // Which of the two worst is worse depends on how far the noise lies.
        for worst in [&collapsed, &noise] {
            falls(what, &[worst, &half, &fresh].map(|set| metric(&real, set)));
        }
    }
}

#[test]
fn fidelity_and_diversity_are_told_apart() {
    let world = World::new();
    let real = world.pictures(2, CLASSES);
    let [fresh, half, collapsed, noise] = [
        world.pictures(3, CLASSES),
        world.pictures(3, CLASSES / 2),
        world.collapsed(4),
        world.noise(5),
    ];
    use density_coverage::{coverage, density};
    use precision_recall::{precision, recall};
    // Every picture of half the classes, and the one of a collapsed generator, is a good picture.
    for set in [&fresh, &half, &collapsed] {
        assert!(neighbours(precision, &real, set) > 0.9);
        assert!(neighbours(density, &real, set) > 0.8);
    }
    assert!(neighbours(precision, &real, &noise) < 0.01);
    assert!(neighbours(density, &real, &noise) < 0.01);
    // But they show half of what there is, and next to nothing.
    for metric in [recall, coverage] {
        let half_of_all = neighbours(metric, &real, &half);
        assert!(neighbours(metric, &real, &fresh) > 0.9);
        assert!((half_of_all - 0.5).abs() < 0.05, "{half_of_all}");
        assert!(neighbours(metric, &real, &collapsed) < 0.1);
    }
    assert!(neighbours(coverage, &real, &noise) < 0.01);
}

#[test]
fn scores_and_shares_see_missing_classes() {
    let world = World::new();
    let [fresh, half, collapsed] = [
        world.pictures(3, CLASSES),
        world.pictures(3, CLASSES / 2),
        world.collapsed(4),
    ];
    falls("Inception Score", &[&fresh, &half, &collapsed].map(score));
    assert!(score(&fresh) > 9.5 && (score(&half) - 5.0).abs() < 0.3);
    assert!((score(&collapsed) - 1.0).abs() < 1e-3);

    let expected = [0.1; CLASSES];
    let imbalance =
        |set: &Set| classes::shares(set.probabilities.view(), &expected, 1).class_imbalance;
    assert!(imbalance(&fresh) < 0.1);
    assert!(
        (imbalance(&half) - 1.0).abs() < 0.1,
        "missing, or twice its share"
    );
    assert!(
        (imbalance(&collapsed) - 9.0).abs() < 1e-9,
        "ten times its share"
    );
}

#[test]
fn labels_that_are_not_followed_are_seen() {
    let world = World::new();
    let accuracy = |set: &Set| {
        let found = labels::agreement(set.probabilities.view(), &set.labels, 1);
        (found.accuracy.value, found.confidence.value)
    };
    let fresh = accuracy(&world.pictures(3, CLASSES));
    let collapsed = accuracy(&world.collapsed(4));
    assert!(fresh.0 > 0.98 && fresh.1 > 0.95, "{fresh:?}");
    assert!((collapsed.0 - 0.1).abs() < 1e-9, "{collapsed:?}");
    let noise = accuracy(&world.noise(5));
    assert!(noise.0 < 0.2, "{noise:?}");
}

/// Pictures of 64 pixels: bright squares at random places on a noisy ground, so that no two are
/// alike.
fn pictures(seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::new();
    for _ in 0..count {
        let (x, y) = (random.below(5), random.below(5));
        for pixel in 0..64 {
            let inside = (x..x + 4).contains(&(pixel % 8)) && (y..y + 4).contains(&(pixel / 8));
            let level = if inside { 180.0 } else { 40.0 };
            bytes.push((level + random.uniform(-40.0, 40.0)) as u8);
        }
    }
    bytes
}

#[test]
fn copies_of_training_pictures_are_seen() {
    let (training, test) = (pictures(1, 600), pictures(2, 200));
    let to = |bytes: &[u8]| ToTraining::of(&Pixels::new(bytes, 64), &Pixels::new(&training, 64));
    let of_test = to(&test);
    let judged = |bytes: &[u8]| memorisation(&to(bytes), &of_test, 1);

    let honest = judged(&pictures(3, 200));
    assert_eq!(honest.near_copies.value, 0.0);
    assert!((honest.farther_than_test - 0.5).abs() < 0.1, "{honest:?}");

    let mut random = Random::new(9);
    let mut copied = training[..64 * 200].to_vec();
    for byte in &mut copied {
        *byte = byte.saturating_add(random.below(5) as u8);
    }
    let copying = judged(&copied);
    assert_eq!(copying.near_copies.value, 1.0);
    assert!(copying.farther_than_test < 0.01 && copying.median_distance < 5.0);

    let half: Vec<u8> = [&copied[..64 * 100], &pictures(3, 100)].concat();
    assert!((judged(&half).near_copies.value - 0.5).abs() < 1e-9);
}

#[test]
fn a_set_that_repeats_itself_is_seen() {
    let fresh = pictures(3, 300);
    let found = duplicates::duplicates(&Pixels::new(&fresh, 64), 1);
    assert_eq!((found.exact, found.near.value), (0.0, 0.0));
    let collapsed = pictures(3, 1).repeat(300);
    let found = duplicates::duplicates(&Pixels::new(&collapsed, 64), 1);
    assert_eq!((found.exact, found.near.value), (1.0, 1.0));
}

#[test]
fn a_larger_set_is_no_worse() {
    // The same real pictures, compared with 100 and with all 1000 of another draw.
    let world = World::new();
    let (real, fresh) = (world.pictures(2, CLASSES), world.pictures(3, CLASSES));
    let few = Set {
        features: fresh
            .features
            .select(Axis(0), &(0..100).collect::<Vec<_>>()),
        probabilities: fresh.probabilities.clone(),
        labels: Vec::new(),
    };
    assert!(
        frechet(&real, &few) > frechet(&real, &fresh),
        "which is why N stands beside every number"
    );
}
