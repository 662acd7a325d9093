//! The whole evaluation on small pictures, with a classifier that needs no training.

use super::classifier::tests::Quarters;
use super::*;
use crate::graph::random::Random;
use crate::picture::GrayImage;
use std::path::Path;

/// Rows and columns of the pictures.
const SIDE: usize = 8;

/// A picture with one bright quarter.
fn picture(random: &mut Random, class: usize) -> GrayImage {
    let pixels = (0..SIDE * SIDE)
        .map(|at| {
            let (row, column) = (at / SIDE, at % SIDE);
            let bright = (row / (SIDE / 2) * 2 + column / (SIDE / 2)) == class;
            let level = if bright { 190.0 } else { 40.0 };
            (level + random.uniform(-40.0, 40.0)) as u8
        })
        .collect();
    GrayImage::new(SIDE, SIDE, pixels).unwrap()
}

/// Folders of pictures, one a class; `flat` without.
fn write(folder: &Path, seed: u64, each: usize, classes: usize, flat: bool) {
    let mut random = Random::new(seed);
    for class in 0..classes {
        for index in 0..each {
            let name = if flat {
                format!("{index}-{class}.png")
            } else {
                format!("{class}/{index}.png")
            };
            picture(&mut random, class)
                .write_png(&folder.join(name))
                .unwrap();
        }
    }
}

fn options(data: &Path, targets: &[&Path]) -> EvaluateOptions {
    EvaluateOptions {
        targets: targets
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        data: data.display().to_string(),
        pictures: 120,
        seed: 1,
    }
}

fn run(options: &EvaluateOptions) -> Result<Evaluation, EvaluateError> {
    let classifier = Quarters { side: SIDE };
    evaluate(
        options,
        &classifier,
        ("quarters.onnx", "abc"),
        Progress::new(true),
    )
}

#[test]
fn folders_are_measured_like_everything_else() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    write(&at("data"), 1, 60, 4, false);
    write(&at("good"), 2, 30, 4, false);
    write(&at("half"), 3, 60, 2, true);
    let mut random = Random::new(4);
    for index in 0..120 {
        let noise = (0..64).map(|_| random.uniform(0.0, 255.0) as u8).collect();
        let noise = GrayImage::new(SIDE, SIDE, noise).unwrap();
        noise
            .write_png(&at("noise").join(format!("{index}.png")))
            .unwrap();
    }
    // The same two pictures over and over, taken from the training set.
    for index in 0..60 {
        for class in [0, 3] {
            let from = at("data").join(format!("{class}/0.png"));
            std::fs::create_dir_all(at("copies")).unwrap();
            std::fs::copy(from, at("copies").join(format!("{index}-{class}.png"))).unwrap();
        }
    }
    let (good, half, noise, copies) = (at("good"), at("half"), at("noise"), at("copies"));
    let found = run(&options(&at("data"), &[&good, &half, &noise, &copies])).unwrap();
    let names: Vec<&str> = found.rows.iter().map(|row| row.target.as_str()).collect();
    assert_eq!(names, ["data", "good", "half", "noise", "copies"]);
    assert_eq!(found.classifier.test_accuracy, 1.0);
    let [real, good, half, noise, copies] = &found.rows[..] else {
        panic!("five rows");
    };
    let frechet = |row: &Row| row.scores.frechet_distance.value;
    assert!(
        frechet(real) < 0.05 && frechet(good) < 0.05,
        "{}",
        frechet(good)
    );
    assert!(frechet(half) > 10.0 * frechet(good) && frechet(noise) > 10.0 * frechet(good));
    assert_eq!(good.scores.labels.as_ref().unwrap().accuracy.value, 1.0);
    assert!(
        half.scores.labels.is_none() && !half.conditional,
        "a flat folder has no labels"
    );
    assert_eq!(half.scores.classes.shares[3].value, 0.0);
    assert_eq!(half.scores.classes.class_imbalance, 1.0);
    let copied = |row: &Row| row.scores.memorisation.near_copies.value;
    assert_eq!((copied(good), copied(copies)), (0.0, 1.0));
    let floor = &real.scores.memorisation;
    assert_eq!(floor.near_copies, floor.near_copies_of_test);
    assert_eq!(floor.farther_than_test, 0.5);
    assert_eq!(copies.scores.duplicates.exact, 1.0);
    assert_eq!(good.scores.duplicates.exact, 0.0);
    assert_eq!(good.shown.len(), 100);
    assert_eq!(good.shown.labels.as_ref().unwrap()[..5], [0, 1, 2, 3, 0]);
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), 1, 60, 4, false);
    let options = options(root.path(), &[]);
    let text = |options: &EvaluateOptions| serde_json::to_string(&run(options).unwrap()).unwrap();
    let first = text(&options);
    assert_eq!(first, text(&options));
    let other = EvaluateOptions { seed: 2, ..options };
    assert_ne!(first, text(&other));
    for part in [
        "\"sha256\":\"abc\"",
        "\"n\":120",
        "\"seed\":1",
        "\"interval\"",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
}

#[test]
fn the_page_stands_alone_and_the_file_keeps_what_it_had() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    write(&at("data"), 1, 60, 4, false);
    write(&at("<b>&"), 2, 30, 4, false);
    let found = run(&options(&at("data"), &[&at("<b>&")])).unwrap();
    let out = at("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("metrics.json"), "{\"training\": {\"steps\": 7}}").unwrap();
    let path = report::write_metrics(&found, &out).unwrap();
    let all: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(all["training"]["steps"], 7);
    assert_eq!(all["evaluation"]["classifier"]["sha256"], "abc");
    assert_eq!(all["evaluation"]["rows"][1]["pictures"], 120);
    std::fs::write(&path, "[1, 2").unwrap();
    let error = report::write_metrics(&found, &out).unwrap_err().to_string();
    assert!(
        error.contains("metrics.json") && !error.contains('\n'),
        "{error}"
    );

    let page = std::fs::read_to_string(report::write_page(&found, &out).unwrap()).unwrap();
    for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(
        page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"),
        "names are escaped"
    );
    assert_eq!(page.matches("<img ").count(), 2);
    assert_eq!(page.matches(" alt=\"100 pictures of ").count(), 2);
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches("role=\"img\" aria-label=").count()
    );
    assert!(page.matches("scope=\"col\"").count() >= 6 && page.contains("scope=\"row\""));
    for tag in [
        "table", "tr", "th", "td", "section", "div", "figure", "svg", "p", "span",
    ] {
        let count = |open: &str| page.matches(open).count();
        let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
    let text = report::table::table(&found);
    assert!(
        text.contains("Frechet distance v") && text.contains("N 120"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_evaluated_is_told() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    write(&at("data"), 1, 60, 4, false);
    write(&at("few"), 1, 2, 2, true);
    let fails = |options: &EvaluateOptions, part: &str| {
        let text = run(options).unwrap_err().to_string();
        assert!(
            text.contains(part) && !text.contains('\n'),
            "{part}: {text}"
        );
    };
    fails(&options(&at("data"), &[&at("few")]), "4 pictures");
    fails(&options(&at("data"), &[&at("no-such")]), "no-such");
    fails(&options(&at("no-data"), &[]), "no-data");
    write(&at("five"), 1, 30, 4, false);
    let mut random = Random::new(1);
    picture(&mut random, 0)
        .write_png(&at("five/4/0.png"))
        .unwrap();
    fails(
        &options(&at("five"), &[]),
        "4 classes apart, but five has 5",
    );
}
