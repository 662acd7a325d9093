//! Where the project's own files are: the workspace that this command was built from, or the one
//! around the working folder.

use std::path::{Path, PathBuf};

/// The workspace cannot be found.
#[derive(Debug, thiserror::Error)]
#[error(
    "this command needs Thumbgen's source folder (Cargo.toml, firmware, models), and neither {built_from} nor a folder above the working folder is one; run it inside of a clone"
)]
pub struct NoRepository {
    built_from: PathBuf,
}

/// The root of the workspace.
///
/// # Errors
/// [`NoRepository`] where the source folder was moved and the working folder is not in another one.
pub fn root() -> Result<PathBuf, NoRepository> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned();
    let here = std::env::current_dir().unwrap_or_default();
    let is_root = |folder: &&Path| {
        folder.join("firmware/Cargo.toml").is_file() && folder.join("models").is_dir()
    };
    // A clone that one stands in goes before the one that built the command.
    here.ancestors()
        .find(is_root)
        .or(Some(built_from.as_path()).filter(is_root))
        .map(Path::to_owned)
        .ok_or(NoRepository {
            built_from: built_from.clone(),
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_root_holds_the_packages() {
        let root = super::root().unwrap();
        for package in ["host", "firmware", "shared", "tests"] {
            assert!(root.join(package).join("Cargo.toml").is_file(), "{package}");
        }
    }
}
