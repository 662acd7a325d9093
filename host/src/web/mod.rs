//! The page with the emulated Raspberry Pi Pico: its files, and a small server for them.
//!
//! `host/pico/web` and the bundle `host/pico/dist/board.js` are in this program; with a firmware as
//! `firmware.uf2` they are a page that any server of files can offer, in any folder. [`export`]
//! writes them, [`Server`] serves them to this machine. Nothing is computed on the server's side.

mod server;

pub use server::{Server, ServerError};

use crate::system::files::{self, FileError};
use std::path::Path;

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its name; the page has no folders.
    pub name: &'static str,
    /// Its kind, as HTTP names it.
    pub kind: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The name of the firmware's file.
pub const FIRMWARE: &str = "firmware.uf2";

/// All files but the firmware; the first is the page itself.
pub const ASSETS: [Asset; 6] = [
    Asset {
        name: "index.html",
        kind: "text/html; charset=utf-8",
        bytes: include_bytes!("../../pico/web/index.html"),
    },
    Asset {
        name: "style.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../pico/web/style.css"),
    },
    Asset {
        name: "page.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../pico/web/page.js"),
    },
    Asset {
        name: "worker.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../pico/web/worker.js"),
    },
    Asset {
        name: "upload.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../pico/web/upload.js"),
    },
    Asset {
        name: "board.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../pico/dist/board.js"),
    },
];

/// Writes the page with a firmware into a folder, which is made where it is not there.
///
/// # Errors
/// [`FileError`].
pub fn export(folder: &Path, firmware: &[u8]) -> Result<(), FileError> {
    for asset in ASSETS {
        files::write_atomically(&folder.join(asset.name), asset.bytes)?;
    }
    files::write_atomically(&folder.join(FIRMWARE), firmware)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_whole() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(bytes < 300_000, "{bytes} bytes beside the firmware");
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("page");
        export(&folder, b"firmware").unwrap();
        let count = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(count, ASSETS.len() + 1);
        // Every file that a file names is there.
        for asset in ASSETS {
            let text = String::from_utf8_lossy(asset.bytes);
            for other in [
                "style.css",
                "page.js",
                "worker.js",
                "upload.js",
                "board.js",
                FIRMWARE,
            ] {
                if text.contains(&format!("\"{other}\"")) || text.contains(&format!("'./{other}'"))
                {
                    assert!(folder.join(other).is_file(), "{other} in {}", asset.name);
                }
            }
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for asset in &ASSETS[..5] {
            let text = String::from_utf8_lossy(asset.bytes);
            assert!(
                !text.contains("http:") && !text.contains("https:"),
                "{}",
                asset.name
            );
        }
    }

    #[test]
    fn the_bundle_carries_its_library_s_licence() {
        let text = String::from_utf8_lossy(ASSETS[5].bytes);
        for part in [
            "rp2040js 1.4.1",
            "The MIT License",
            "Permission is hereby granted",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }
}
