//! What is said of the shipped models: the figures belong to the very files, models/RESULTS.md
//! shows them, and they are as good as it claims.

use host::models::folder::{CLASSIFIER_ONNX, FLOAT_ONNX, METRICS, shipped};
use host::models::shipped::Table;
use host::system::repository;
use serde_json::Value;
use tests::{MODELS, files, sha256};

fn table() -> Table {
    Table::read(&repository::root().unwrap().join("models")).unwrap()
}

#[test]
fn every_shipped_model_is_tested() {
    let mut names = MODELS.map(str::to_owned).to_vec();
    names.sort();
    assert_eq!(shipped(&repository::root().unwrap().join("models")), names);
}

#[test]
fn recorded_figures_are_those_of_the_shipped_files() {
    let models = repository::root().unwrap().join("models");
    let classifier = sha256(&models.join("classifier").join(CLASSIFIER_ONNX));
    for name in MODELS {
        let text = std::fs::read(files(name).file(METRICS).unwrap()).unwrap();
        let metrics: Value = serde_json::from_slice(&text).unwrap();
        let evaluation = &metrics["evaluation"];
        assert_eq!(evaluation["classifier"]["sha256"], *classifier, "{name}");
        let rows = evaluation["rows"].as_array().unwrap();
        for (kind, file) in [
            ("float", files(name).file(FLOAT_ONNX).unwrap()),
            ("integer", files(name).image().to_owned()),
        ] {
            let row = rows
                .iter()
                .find(|row| row["target"] == name && row["kind"] == kind);
            let row = row.unwrap_or_else(|| panic!("{name}: no figures of its {kind} model"));
            assert_eq!(row["sha256"], *sha256(&file), "{name}: other {kind} model");
            assert_eq!(row["pictures"], 10_000, "{name}");
        }
    }
}

#[test]
fn the_results_show_the_figures() {
    let path = repository::root().unwrap().join("models/RESULTS.md");
    let results = std::fs::read_to_string(path).unwrap();
    for line in table().to_string().lines() {
        assert!(
            results.contains(line),
            "models/RESULTS.md lacks what `thumbgen models` prints:\n{line}"
        );
    }
}

#[test]
fn models_are_as_good_as_the_results_say() {
    let Table(models) = table();
    let find = |name: &str| models.iter().find(|model| model.name == name).unwrap();
    for model in &models {
        let name = &model.name;
        let float = model.float.unwrap();
        let [int8, int8_trained, _, int4_trained] = model.ways.map(Option::unwrap);
        assert!(int8 - float <= 0.5, "{name}: int8 {int8}, float {float}");
        assert!(
            int8_trained - float <= 0.5,
            "{name}: trained int8 {int8_trained}, float {float}"
        );
        assert!(
            int4_trained - float <= 2.0,
            "{name}: trained int4 {int4_trained}, float {float}"
        );
        if !name.ends_with("vae") {
            let imbalance = model.scores.imbalance.unwrap();
            assert!(imbalance <= 0.2, "{name}: a digit departs by {imbalance}");
        }
    }
    let accuracy = |name: &str| find(name).scores.label_accuracy.unwrap();
    assert!(accuracy("cdcgan") >= 0.985, "{}", accuracy("cdcgan"));
    assert!(accuracy("cgan") >= 0.97, "{}", accuracy("cgan"));
    let distance = |name: &str| find(name).integer.unwrap();
    assert!(distance("dcgan") < distance("gan") / 2.0);
}
