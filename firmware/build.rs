//! Prepares a board's program: its memory layout and the linker's arguments, and the model that it
//! carries. Does nothing for the library, so that the host needs no model.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Names the model image to put into the program.
const VARIABLE: &str = "THUMBGEN_MODEL";

/// Where it is taken from otherwise, relative to this package.
const DEFAULT: &str = "../models/cgan/model.tgm";

/// A folder for each board, which is called as its feature is.
const BINARIES: &str = "src/bin";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rustc-check-cfg=cfg(few_registers)");
    println!("cargo::rustc-check-cfg=cfg(chosen_operators)");
    println!("cargo::rustc-check-cfg=cfg(operator, values(any()))");
    choose_operators();
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv6m")) {
        println!("cargo::rustc-cfg=few_registers");
    }
    let Some(board) = chosen() else {
        return;
    };
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    if let Err(message) = prepare(&board) {
        println!("cargo::error={message}");
    }
}

/// Takes over which operators `shared` has in this build.
fn choose_operators() {
    let codes = env::var("DEP_THUMBGEN_OPERATORS_CODES").unwrap_or_default();
    if codes == "all" {
        return;
    }
    println!("cargo::rustc-cfg=chosen_operators");
    for code in codes.split(',') {
        println!("cargo::rustc-cfg=operator=\"{code}\"");
    }
}

/// The board whose feature is on.
fn chosen() -> Option<String> {
    let folders = fs::read_dir(BINARIES).ok()?.flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let mut chosen = names.filter(|board| {
        let feature = format!("CARGO_FEATURE_{}", board.to_uppercase());
        env::var_os(feature).is_some()
    });
    chosen.next()
}

fn prepare(board: &str) -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let memory = format!("{BINARIES}/{board}/memory.x");
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    copy(Path::new(&memory), &out.join("memory.x"))?;
    // Functions that are equal byte for byte are there once.
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x", "--icf=all"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    // The RP2040's second stage, by which it reads its flash memory: embassy-rp brings it.
    if fs::read_to_string(&memory).is_ok_and(|memory| memory.contains("BOOT2 ")) {
        println!("cargo::rustc-link-arg-bins=-Tlink-rp.x");
    }

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
