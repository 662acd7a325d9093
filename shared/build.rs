//! Chooses the operators of a program for a device: those of the model that it is built for. A PC
//! has them all.
//!
//! `THUMBGEN_OPERATORS` is `all`, `model` (those of the image that `THUMBGEN_MODEL` names), or a
//! list of codes.

use std::collections::BTreeSet;
use std::{env, fs};

/// Chooses.
const VARIABLE: &str = "THUMBGEN_OPERATORS";

/// Names the model image to put into the program.
const MODEL: &str = "THUMBGEN_MODEL";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-env-changed={MODEL}");
    println!("cargo::rustc-check-cfg=cfg(chosen_operators)");
    println!("cargo::rustc-check-cfg=cfg(operator, values(any()))");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        println!("cargo::metadata=CODES=all");
        return;
    }
    match chosen() {
        Ok(None) => println!("cargo::metadata=CODES=all"),
        Ok(Some(codes)) => {
            println!("cargo::rustc-cfg=chosen_operators");
            for code in &codes {
                println!("cargo::rustc-cfg=operator=\"{code}\"");
            }
            let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
            println!("cargo::metadata=CODES={}", codes.join(","));
        }
        Err(message) => println!("cargo::error={message}"),
    }
}

/// The codes; `None` for all operators.
fn chosen() -> Result<Option<BTreeSet<u8>>, String> {
    let model = env::var_os(MODEL);
    let choice = match env::var(VARIABLE) {
        Ok(choice) => choice,
        Err(_) if model.is_some() => "model".to_owned(),
        Err(_) => "all".to_owned(),
    };
    match choice.as_str() {
        "all" => Ok(None),
        "model" => {
            let path = model.ok_or(format!(
                "{VARIABLE} is model, but {MODEL} names no model image"
            ))?;
            println!("cargo::rerun-if-changed={}", path.display());
            let image = fs::read(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let codes = codes_of(&image).ok_or(format!(
                "{} is no model image of this version; export the model again",
                path.display()
            ))?;
            Ok(Some(codes))
        }
        list => {
            let codes = list.split(',').map(|code| code.trim().parse());
            codes.collect::<Result<_, _>>().map(Some).map_err(|_| {
                format!("{VARIABLE} is {list}, expected all, model or a list of codes such as 1,2")
            })
        }
    }
}

/// The codes of an image's operations; the program itself checks all else of the image. See
/// IMAGE-FORMAT.md.
fn codes_of(image: &[u8]) -> Option<BTreeSet<u8>> {
    let word = |at: usize| {
        let bytes = image.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    if !image.starts_with(b"TGIM\x02\0") {
        return None;
    }
    let (offset, len) = (word(56)?, word(60)?);
    let mut program = image.get(offset..offset.checked_add(len)?)?;
    let mut codes = BTreeSet::new();
    while let [code, _, low, high, ..] = *program {
        codes.insert(code);
        let words = usize::from(u16::from_le_bytes([low, high]));
        program = program.get(4 * words.max(1)..)?;
    }
    Some(codes)
}
