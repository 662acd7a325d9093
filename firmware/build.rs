//! Prepares a board's program: its memory layout for the linker, and the model that it carries. Does nothing for the
//! library, so that the host needs no model.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Names the model image to put into the program.
const VARIABLE: &str = "THUMBGEN_MODEL";

/// Where it is taken from otherwise, relative to this package.
const DEFAULT: &str = "../models/cgan/model.tgm";

/// Features, and folders under `src/bin`.
const BOARDS: [&str; 3] = ["lm3s6965evb", "netduinoplus2", "pico"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let chosen = |board: &&str| {
        let feature = format!("CARGO_FEATURE_{}", board.to_uppercase());
        env::var_os(feature).is_some()
    };
    let Some(board) = BOARDS.into_iter().find(chosen) else {
        return;
    };
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    if let Err(message) = prepare(board) {
        println!("cargo::error={message}");
    }
}

fn prepare(board: &str) -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let memory = format!("src/bin/{board}/memory.x");
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    copy(Path::new(&memory), &out.join("memory.x"))?;

    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let model = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    println!("cargo::rerun-if-changed={}", model.display());
    copy(&model, &out.join("model.tgm")).map_err(|error| match named {
        Some(_) => format!("{error}; {VARIABLE} must be the absolute path of a model image"),
        None => format!("{error}; set {VARIABLE} to the absolute path of a model image"),
    })
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )),
    }
}
