//! The shipped models in every runtime: float within 1e-5, integers equal to the byte.

use firmware::engine::{Engine, Observer};
use host::exchange::ReadOptions;
use host::exchange::read::read_file;
use host::graph::InputSpec;
use host::models::folder::{FLOAT_ONNX, INT8_ONNX, UINT8_ONNX};
use host::ops::forward;
use host::quantize::calibrate::{Calibration, float_inputs, integer_inputs};
use host::quantize::{Prepared, QuantizeOptions};
use host::runtime::{Runtime, inputs, ort, ort::Ort, tract::Tract};
use shared::image::Image;
use shared::image::Turn;
use shared::latent::{Latent, Point};
use std::process::Command;
use tests::{MODELS, files, model, oracle, required};

/// How many latents each runtime is compared on.
const LATENTS: u32 = 1000;

/// tract, and ONNX Runtime where it is installed; where `verify` found it, it must take part.
fn runtimes(onnx: &[u8]) -> Vec<Box<dyn Runtime>> {
    let mut runtimes: Vec<Box<dyn Runtime>> = vec![Box::new(Tract::load(onnx).unwrap())];
    match ort::library_from_environment() {
        Some(library) => runtimes.push(Box::new(Ort::load(Some(&library), onnx).unwrap())),
        None => {
            assert!(
                !required("onnxruntime"),
                "verify found ONNX Runtime, but ORT_DYLIB_PATH names no file"
            );
            println!("ONNX Runtime did not take part; `cargo verify` fetches it");
        }
    }
    for runtime in &runtimes {
        println!("{} takes part", runtime.name());
    }
    runtimes
}

fn points(image: &Image<'_>, count: u32) -> Vec<Point> {
    let label = |i: u32| (image.classes() > 0).then(|| (i % u32::from(image.classes())) as u8);
    // Seeds that no golden vector and no calibration uses.
    (0..count)
        .map(|i| Point {
            seed: 0xC0DE_0000 + i,
            label: label(i),
        })
        .collect()
}

fn spec(image: &Image<'_>) -> InputSpec {
    InputSpec {
        latent: image.latent_len(),
        classes: usize::from(image.classes()),
    }
}

#[test]
fn float_generators_agree_within_1e_5() {
    for name in MODELS {
        let model = model(name);
        let image = model.image().unwrap();
        let path = files(name).file(FLOAT_ONNX).unwrap();
        let network = read_file(&path, &ReadOptions::default()).unwrap().network;
        let batch = float_inputs(
            &integer_inputs(&points(&image, LATENTS), spec(&image), image.prior()),
            spec(&image),
        );
        let reference = forward::run(&network, batch.view());
        for mut runtime in runtimes(&std::fs::read(&path).unwrap()) {
            let outputs = runtime
                .run_float(&inputs(batch.view(), image.latent_len()))
                .unwrap();
            assert_eq!(outputs[0].data.len(), reference.len());
            let largest = outputs[0]
                .data
                .iter()
                .zip(&reference)
                .map(|(a, b)| (a - b).abs())
                .fold(0f32, f32::max);
            println!(
                "{name}: {} differs from the reference by at most {largest:e}",
                runtime.name()
            );
            assert!(largest <= 1e-5, "{name}, {}: {largest}", runtime.name());
        }
    }
}

/// Collects the output of every layer.
#[derive(Default)]
struct Layers(Vec<Vec<i8>>);

impl Observer for Layers {
    fn layer(&mut self, _: &Turn<'_>, output: &[i8]) {
        self.0.push(output.to_vec());
    }
}

#[test]
fn integers_are_equal_to_the_byte_on_1000_latents() {
    for name in MODELS {
        let model = model(name);
        let image = model.image().unwrap();
        let points = points(&image, LATENTS);
        let batch = integer_inputs(&points, spec(&image), image.prior());
        let engine = Engine::new(image);
        let mut arena = vec![0; image.arena_len()];
        let mut pictures = Vec::new();
        for point in &points {
            let (_, expected) = oracle::run(&image, &Latent::At(*point));
            let mut layers = Layers::default();
            engine
                .generate(&mut arena, Latent::At(*point), &mut layers)
                .unwrap();
            for ((turn, expected), found) in expected.iter().zip(&layers.0) {
                let differ = expected.iter().zip(found).position(|(a, b)| a != b);
                assert_eq!(
                    differ, None,
                    "{name}, {point:?}: layer {} of the engine, against the oracle",
                    turn.op.name
                );
            }
            assert_eq!(expected.len(), layers.0.len());
            pictures.extend(expected.into_iter().next_back().unwrap().1);
        }
        let onnx = std::fs::read(files(name).file(INT8_ONNX).unwrap()).unwrap();
        for mut runtime in runtimes(&onnx) {
            let outputs = runtime
                .run_int8(&inputs(batch.view(), image.latent_len()))
                .unwrap();
            let found = &outputs.last().unwrap().data;
            assert_eq!(found.len(), pictures.len());
            let differ = found.iter().zip(&pictures).filter(|(a, b)| a != b).count();
            assert_eq!(
                differ,
                0,
                "{name}, {}: {differ} of {} bytes differ",
                runtime.name(),
                found.len()
            );
            println!(
                "{name}: {} of {} bytes differ in {}",
                differ,
                found.len(),
                runtime.name()
            );
        }
    }
}

/// The same float file gives the same model image, to the byte: what is shipped is what `export`
/// makes.
#[test]
fn shipped_images_are_what_export_makes() {
    for name in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let mut options =
            host::export::ExportOptions::new(files(name).file(FLOAT_ONNX).unwrap(), folder.path());
        options.name = Some(name.to_owned());
        options.classifier = host::evaluate::classifier::FromFile::read(None).ok();
        options.budget = tests::budget(name);
        let report = host::export::export(&options, &mut |_| ()).unwrap();
        assert!(
            report.image == model(name).bytes(),
            "{name}: models/{name}/model.tgm is not what export makes of its generator.onnx"
        );
        for file in [INT8_ONNX, UINT8_ONNX] {
            let made = std::fs::read(folder.path().join(file)).unwrap();
            let shipped = std::fs::read(files(name).file(file).unwrap()).unwrap();
            assert!(made == shipped, "{name}: {file}");
        }
    }
}

/// A random network of every kind of layer, as float and as integer file.
fn graph_files(seed: u64) -> [(&'static str, Vec<u8>); 2] {
    let network = host::synthetic::any_graph(seed);
    let calibration = Calibration {
        points: 32,
        ..Default::default()
    };
    let prepared = Prepared::new(&network, &calibration).unwrap();
    let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
    let float = host::exchange::write::to_bytes(&network, &Default::default()).unwrap();
    let outputs = host::exchange::qdq::Outputs::Picture;
    let integers = host::exchange::qdq::to_bytes(&quantized, outputs);
    [(FLOAT_ONNX, float), (INT8_ONNX, integers)]
}

/// Python's onnx: full check and strict shape inference.
#[test]
fn the_onnx_checker_accepts_every_shipped_file_and_any_graph() {
    let root = host::system::repository::root().unwrap();
    let packages = root.join("target/python");
    let python = |arguments: &[&std::ffi::OsStr]| {
        Command::new("python3")
            .env("PYTHONPATH", &packages)
            .args(arguments)
            .output()
    };
    let there = python(&["-c".as_ref(), "import onnx".as_ref()])
        .is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            !required("onnx"),
            "verify found Python's onnx, but it cannot be imported"
        );
        println!("the ONNX checker did not take part; `cargo verify` fetches it");
        return;
    }
    let script = root.join("tests/python/check_onnx.py");
    let mut arguments = vec![script.into_os_string()];
    for name in MODELS {
        for file in [FLOAT_ONNX, INT8_ONNX, UINT8_ONNX] {
            arguments.push(files(name).file(file).unwrap().into_os_string());
        }
    }
    let graphs = tempfile::tempdir().unwrap();
    for seed in 0..20 {
        for (file, bytes) in graph_files(seed) {
            let path = graphs.path().join(format!("{seed}-{file}"));
            std::fs::write(&path, bytes).unwrap();
            arguments.push(path.into_os_string());
        }
    }
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| argument.as_os_str())
        .collect();
    let output = python(&arguments).unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
