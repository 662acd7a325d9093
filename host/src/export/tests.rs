//! Exports of synthetic generators into folders that are thrown away.

use super::*;
use crate::exchange::write::{WriteOptions, to_bytes};
use crate::graph::Shape;
use crate::synthetic;

fn setting() -> (tempfile::TempDir, ExportOptions) {
    let folder = tempfile::tempdir().unwrap();
    let network = synthetic::generator(
        4,
        14,
        10,
        &[24, 24],
        Shape {
            channels: 1,
            height: 12,
            width: 12,
        },
    );
    let onnx = folder.path().join("in.onnx");
    std::fs::write(&onnx, to_bytes(&network, &WriteOptions::default()).unwrap()).unwrap();
    let options = ExportOptions::new(&onnx, folder.path().join("model"));
    (folder, options)
}

#[test]
fn a_folder_is_made_twice_with_the_same_bytes() {
    let (_folder, mut options) = setting();
    let mut steps = 0;
    let report = export(&options, &mut |_| steps += 1).unwrap();
    assert_eq!((report.files.len(), steps), (7, 7));
    let read = |report: &ExportReport| -> Vec<Vec<u8>> {
        report
            .files
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    };
    let first = read(&report);
    assert_eq!(first[0], std::fs::read(&options.onnx).unwrap());
    // Out of the folder that was written, into the same folder.
    options.onnx = report.files[0].clone();
    assert_eq!(read(&export(&options, &mut |_| {}).unwrap()), first);
    let goldens = GoldenFile::from_json(&first[4]).unwrap();
    assert_eq!((goldens.vectors.len(), &goldens), (64, &report.goldens));
    let image = shared::image::Image::new_checked(&report.image).unwrap();
    assert_eq!((image.crc(), image.goldens().len()), (goldens.image, 10));
    assert!(
        report.measured.picture.sqnr_db > 25.0,
        "{:?}",
        report.measured.picture
    );
}

#[test]
fn a_budget_is_kept_or_refused_with_the_sizes_that_would_do() {
    let (_folder, mut options) = setting();
    let all = export(&options, &mut |_| {}).unwrap().image.len();
    options.budget = Some(all - 1);
    let report = export(&options, &mut |_| {}).unwrap();
    let choice = report.choice.unwrap();
    assert!(
        report.image.len() < all && choice.bytes == report.image.len(),
        "{choice:?}"
    );
    assert_eq!(choice.all_int8_bytes, all);
    options.budget = Some(100);
    let error = export(&options, &mut |_| {}).unwrap_err().to_string();
    assert!(
        error.contains(&all.to_string()) && error.contains("in.onnx"),
        "{error}"
    );
    options.budget = None;
    options.bits = vec![("dense9".into(), Bits::Four)];
    let error = export(&options, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("dense0, dense1, dense2"), "{error}");
    options.bits = vec![("dense2".into(), Bits::Four)];
    let report = export(&options, &mut |_| {}).unwrap();
    assert_eq!(
        report.quantized.bits(),
        [Bits::Eight, Bits::Eight, Bits::Four]
    );
}

#[test]
fn nothing_is_written_where_the_input_is_bad() {
    let (folder, mut options) = setting();
    std::fs::write(&options.onnx, b"\x08\x01").unwrap();
    let error = export(&options, &mut |_| {}).unwrap_err().to_string();
    assert!(
        error.contains("in.onnx") && error.contains("no graph"),
        "{error}"
    );
    options.onnx = folder.path().join("missing.onnx");
    assert!(matches!(
        export(&options, &mut |_| {}),
        Err(ExportError::File(_))
    ));
    assert!(!options.folder.exists());
}

#[test]
fn both_networks_draw_nearly_the_same() {
    let (_folder, options) = setting();
    let report = export(&options, &mut |_| {}).unwrap();
    let points = [
        Point {
            seed: 3,
            label: Some(1),
        },
        Point {
            seed: 4,
            label: Some(9),
        },
    ];
    let drawn = pictures(&report.network, &report.quantized, &points);
    assert_eq!(drawn.iter().map(|p| p.point).collect::<Vec<_>>(), points);
    for picture in drawn {
        assert_eq!((picture.float.len(), picture.integer.len()), (144, 144));
        let far = picture
            .float
            .iter()
            .zip(&picture.integer)
            .filter(|(a, b)| a.abs_diff(**b) > 32)
            .count();
        assert!(far < 8, "{far}");
    }
}
