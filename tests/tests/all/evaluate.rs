//! `thumbgen evaluate` through the command, with the classifier under models/classifier.
//!
//! The real pictures are a part of MNIST: nearest neighbours among all of it take a minute on slow
//! machines.

use host::dataset::{Dataset, Source};
use host::models::folder::{CLASSIFIER_ONNX, FLOAT_ONNX};
use host::picture::GrayImage;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use tests::{complaint, files, sha256, thumbgen};

/// Rows and columns of MNIST's pictures.
const SIDE: usize = 28;

/// Pictures of each target.
const N: usize = 200;

/// Training pictures, and test pictures, that everything is compared with.
const REAL: [usize; 2] = [3000, 1000];

/// A folder with `data`, a part of MNIST as IDX files, and `pictures`, other training pictures as
/// PNG files.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Source {
            data: "mnist",
            mnist_folder: None,
            height: SIDE,
            width: SIDE,
        };
        let training = Dataset::load(&source).unwrap();
        let test = Dataset::load_test(&source).unwrap().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        for (name, set, count) in [("train", &training, REAL[0]), ("t10k", &test, REAL[1])] {
            let number = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
            let side = number(SIDE);
            let pixels = &set.images[..count * SIDE * SIDE];
            let images = [&[0, 0, 8, 3], &number(count), &side, &side, pixels].concat();
            let labels = [&[0, 0, 8, 1], &number(count), &set.labels[..count]].concat();
            std::fs::write(data.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
            std::fs::write(data.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
        }
        let others = training.images.chunks(SIDE * SIDE).skip(REAL[0]).take(N);
        for (at, pixels) in others.enumerate() {
            let picture = GrayImage::new(SIDE, SIDE, pixels.to_vec()).unwrap();
            let path = folder.path().join(format!("pictures/{at}.png"));
            picture.write_png(&path).unwrap();
        }
        folder
    });
    folder.path()
}

fn run(arguments: &[&str]) -> Output {
    let n = N.to_string();
    thumbgen()
        .args(["--quiet", "evaluate", "--data", "data", "-n", &n])
        .args(arguments)
        .current_dir(folder())
        .output()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a command that must succeed prints.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", complaint(&output));
    assert_eq!(complaint(&output), "");
    String::from_utf8(output.stdout).unwrap()
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(path)).unwrap()).unwrap()
}

fn classifier() -> PathBuf {
    let root = host::system::repository::root().unwrap();
    root.join("models/classifier").join(CLASSIFIER_ONNX)
}

fn rows(evaluation: &Value) -> &[Value] {
    evaluation["rows"].as_array().unwrap()
}

/// The value of a number that has an interval.
fn score(row: &Value, name: &str) -> f64 {
    row["scores"][name]["value"].as_f64().unwrap()
}

#[test]
fn a_shipped_model_is_measured_as_float_and_as_integer() {
    // What a model folder's file says already stays.
    std::fs::create_dir_all(folder().join("model")).unwrap();
    let before = r#"{"export": {"image_bytes": 5}, "evaluation": "of last year"}"#;
    std::fs::write(folder().join("model/metrics.json"), before).unwrap();
    // Not the best of the models: from so few pictures its distance is seen.
    let table = printed(&["cvae", "--out", "model"]);
    let heads: Vec<&str> = table.lines().take(2).collect();
    let names: Vec<&str> = heads[0].split_whitespace().collect();
    assert_eq!(names, ["data", "cvae", "cvae"], "{table}");
    let kinds: Vec<&str> = heads[1].split("  ").map(str::trim).collect();
    let kinds: Vec<&str> = kinds.into_iter().filter(|kind| !kind.is_empty()).collect();
    assert_eq!(
        kinds,
        ["real, N 200", "float, N 200", "integer, N 200"],
        "{table}"
    );
    assert!(table.contains(&sha256(&classifier())), "{table}");

    let metrics = json("model/metrics.json");
    assert_eq!(metrics["export"]["image_bytes"], 5);
    let found = &metrics["evaluation"];
    assert_eq!(found["classifier"]["sha256"], sha256(&classifier()));
    assert_eq!(found["classifier"]["file"], CLASSIFIER_ONNX);
    // No classifier of use reads less.
    let accuracy = found["classifier"]["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
    assert_eq!((&found["n"], &found["seed"]), (&N.into(), &1.into()));
    let [real, float, integer] = rows(found) else {
        panic!("three rows: {found}");
    };
    for (row, kind) in [(real, "real"), (float, "float"), (integer, "integer")] {
        assert_eq!(row["kind"], kind);
        assert_eq!(row["pictures"], N);
        assert_eq!(row["conditional"], true);
        let labels = &row["scores"]["labels"]["accuracy"]["value"];
        assert!(labels.as_f64().unwrap() > 0.8, "{kind}: {labels}");
    }
    assert_eq!(
        float["sha256"],
        sha256(&files("cvae").file(FLOAT_ONNX).unwrap())
    );
    assert_eq!(integer["sha256"], sha256(files("cvae").image()));
    assert_eq!(float["first_seed"], integer["first_seed"]);
    // Integers draw nearly what floats draw, and neither is as near to real pictures as those are.
    let distance = |row| score(row, "frechet_distance");
    assert!(distance(real) < distance(float) && distance(real) < distance(integer));
    let difference = &found["differences"][0];
    let grey = difference["mean_grey"].as_f64().unwrap();
    assert!(grey > 0.0 && grey < 4.0, "{difference}");
    let apart = difference["frechet_distance"].as_f64().unwrap();
    assert!((apart - (distance(integer) - distance(float))).abs() < 1e-9);
}

#[test]
fn a_folder_of_pictures_is_measured() {
    let text = printed(&["pictures", "--out", "of-pictures", "--json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found, json("of-pictures/metrics.json")["evaluation"]);
    assert_eq!(found["classifier"]["sha256"], sha256(&classifier()));
    let [real, pictures] = rows(&found) else {
        panic!("two rows: {found}");
    };
    assert_eq!(pictures["target"], "pictures");
    assert_eq!(pictures["kind"], "pictures");
    assert_eq!(pictures["pictures"], N);
    assert_eq!(pictures["conditional"], false);
    assert!(pictures.get("sha256").is_none() && pictures["scores"].get("labels").is_none());
    // They are real pictures, too: as near to the test pictures as those of the floor, and no
    // copies.
    let (near, floor) = (
        score(pictures, "frechet_distance"),
        score(real, "frechet_distance"),
    );
    assert!(
        near < 2.0 * floor && floor < 2.0 * near,
        "{near}, floor {floor}"
    );
    let copies = &pictures["scores"]["memorisation"]["near_copies"]["value"];
    assert_eq!(copies.as_f64().unwrap(), 0.0);
}

#[test]
fn a_comparison_is_one_page_without_network() {
    let table = printed(&["--compare", "gan", "pictures", "--out", "compared"]);
    let names: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(names, ["data", "gan", "gan", "pictures"], "{table}");
    assert!(table.trim_end().ends_with("report.html"), "{table}");
    let page = std::fs::read_to_string(folder().join("compared/report.html")).unwrap();
    for outside in ["http", "src=\"/", "href=\"/", "<script", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in ["<!doctype html>", "data:image/png;base64,", "<svg", "gan"] {
        assert!(page.to_lowercase().contains(part), "{part}");
    }
    assert!(page.contains(&sha256(&classifier())));
    let metrics = json("compared/metrics.json");
    assert_eq!(rows(&metrics["evaluation"]).len(), 4);
    assert_eq!(
        metrics["evaluation"]["classifier"]["sha256"],
        sha256(&classifier())
    );
}

#[test]
fn what_cannot_be_evaluated_is_told_in_one_line() {
    let few = folder().join("few");
    let white = GrayImage::filled(SIDE, SIDE, 255).unwrap();
    white.write_png(&few.join("1.png")).unwrap();
    for (target, part) in [("few", "1 pictures, at least 20"), ("nothing", "nothing")] {
        let output = run(&[target, "--out", "none"]);
        let text = complaint(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(
            text.starts_with("error: ") && text.lines().count() == 1 && text.contains(part),
            "{text}"
        );
    }
    assert!(!folder().join("none").exists());
}
