//! Files that PyTorch wrote, by both of its exporters: read, compared with what PyTorch computed,
//! exported, run as integers by the firmware's engine. `tests/python/export_pytorch.py` made them.

use firmware::engine::Engine;
use host::exchange::ReadOptions;
use host::exchange::read::read_file;
use host::exchange::write::{WriteOptions, to_bytes};
use host::export::{ExportOptions, export};
use host::graph::{Network, Shape};
use host::models::folder::{INT8_ONNX, ModelFiles};
use host::models::sample::{Arithmetic, Sampler};
use host::ops::forward;
use host::quantize::calibrate::{integer_inputs, points};
use host::runtime::{Runtime, inputs, tract::Tract};
use host::system::repository;
use ndarray::Array2;
use shared::image::Image;
use std::path::PathBuf;

/// Name, latent length, classes, side of the picture.
const MODELS: [(&str, usize, usize, usize); 3] = [
    ("dcgan", 6, 0, 16),
    ("conditional", 7, 4, 12),
    ("plane", 6, 4, 12),
];

const WAYS: [&str; 2] = ["legacy", "dynamo"];

fn folder() -> PathBuf {
    repository::root().unwrap().join("tests/data/pytorch")
}

fn floats(file: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder().join(file)).unwrap();
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && !words.is_empty(), "{file}");
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// The inputs as a network takes them: an index becomes a one-hot label.
fn network_inputs(name: &str, latent: usize, classes: usize) -> Array2<f32> {
    let given = floats(&format!("{name}.in"));
    let columns = latent + usize::from(classes > 0);
    let rows = given.len() / columns;
    Array2::from_shape_fn((rows, latent + classes), |(row, column)| {
        let of_row = &given[row * columns..][..columns];
        match column.checked_sub(latent) {
            None => of_row[column],
            Some(class) => f32::from(u8::from(of_row[latent] == class as f32)),
        }
    })
}

fn read(name: &str, way: &str) -> Network {
    let path = folder().join(format!("{name}-{way}.onnx"));
    read_file(&path, &ReadOptions::default()).unwrap().network
}

#[test]
fn what_was_read_computes_what_pytorch_computes() {
    for (name, latent, classes, side) in MODELS {
        let expected = floats(&format!("{name}.out"));
        let given = network_inputs(name, latent, classes);
        for way in WAYS {
            let network = read(name, way);
            assert_eq!(
                (network.input.latent, network.input.classes),
                (latent, classes)
            );
            let picture = Shape {
                channels: 1,
                height: side,
                width: side,
            };
            assert_eq!(network.output, picture, "{name} {way}");
            let found = forward::run(&network, given.view());
            // And what is written again, by somebody else's runtime.
            let bytes = to_bytes(&network, &WriteOptions::default()).unwrap();
            let mut tract = Tract::load(&bytes).unwrap();
            let again = tract.run_float(&inputs(given.view(), latent)).unwrap();
            assert_eq!(found.len(), expected.len());
            assert_eq!(again[0].data.len(), expected.len());
            for ((a, b), c) in found.iter().zip(&again[0].data).zip(&expected) {
                assert!(
                    (a - c).abs() < 1e-5 && (b - c).abs() < 1e-5,
                    "{name} {way}: {a} {b} {c}"
                );
            }
        }
    }
}

#[test]
fn they_are_exported_and_run_as_integers() {
    for (name, _, classes, side) in MODELS {
        for way in WAYS {
            let out = tempfile::tempdir().unwrap();
            let source = folder().join(format!("{name}-{way}.onnx"));
            let mut options = ExportOptions::new(source, out.path());
            options.name = Some(name.to_owned());
            let report = export(&options, &mut |_| ()).unwrap();
            let picture = &report.measured.picture;
            assert!(picture.sqnr_db > 25.0, "{name} {way}: {picture:?}");
            let image = Image::new_checked(&report.image).unwrap();
            let mut arena = vec![0x55; image.arena_len()];
            let goldens = Engine::new(image).self_test(&mut arena).unwrap();
            assert_eq!(goldens, image.goldens().len());

            let files = ModelFiles::find(out.path().to_str().unwrap()).unwrap();
            let points = points(3, 5, classes);
            let draw = |arithmetic| {
                Sampler::new(&files, arithmetic)
                    .unwrap()
                    .pictures(&points)
                    .unwrap()
            };
            let (integers, floats) = (draw(Arithmetic::Integer), draw(Arithmetic::Float));
            let apart = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b));
            let pixels = |picture: &host::picture::GrayImage| picture.pixels.clone();
            let (integers, floats): (Vec<u8>, Vec<u8>) = (
                integers.iter().flat_map(pixels).collect(),
                floats.iter().flat_map(pixels).collect(),
            );
            assert_eq!(integers.len(), 5 * side * side);
            let mean =
                integers.iter().zip(&floats).map(apart).sum::<u64>() as f64 / integers.len() as f64;
            assert!(mean < 3.0, "{name} {way}: {mean} grey levels apart");

            let onnx = std::fs::read(out.path().join(INT8_ONNX)).unwrap();
            let batch = integer_inputs(&points, report.network.input, image.prior());
            let mut tract = Tract::load(&onnx).unwrap();
            let outputs = tract
                .run_int8(&inputs(batch.view(), image.latent_len()))
                .unwrap();
            let greys: Vec<u8> = outputs[0]
                .data
                .iter()
                .map(|&q| image.pixel_range().grey(q))
                .collect();
            assert_eq!(greys, integers, "{name} {way}");
        }
    }
}
