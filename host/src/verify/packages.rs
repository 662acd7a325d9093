//! The packages that the page's tests want, by npm.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Installs what a folder's `package-lock.json` names with `npm ci`, unless that was done since it
/// last changed. What may run there are the packages' programs, not their install scripts.
///
/// # Errors
/// In a line, what is missing or what npm said.
pub fn install_packages(folder: &Path, npm: Option<PathBuf>) -> Result<(), String> {
    let changed = |name: &str| {
        folder
            .join(name)
            .metadata()
            .and_then(|data| data.modified())
    };
    // npm writes it last.
    let installed = changed("node_modules/.package-lock.json").ok();
    if installed.is_some() && installed >= changed("package-lock.json").ok() {
        return Ok(());
    }
    let npm = npm.ok_or("npm is not in PATH; run `thumbgen setup`")?;
    let output = Command::new(npm)
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().map(str::trim).find(|line| !line.is_empty());
    Err(format!(
        "`npm ci` failed, which wants a network: {}",
        why.unwrap_or("it said nothing")
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_and_their_absence_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("package-lock.json"), "{}").unwrap();
        let npm = |body: &str| {
            crate::system::programs::fake(&path("npm"), body);
            install_packages(folder.path(), Some(path("npm")))
        };
        let reason = install_packages(folder.path(), None).unwrap_err();
        assert!(reason.contains("setup"), "{reason}");
        let reason = npm("echo on its way; echo >&2; echo npm error code EAI_AGAIN >&2; exit 1")
            .unwrap_err();
        assert!(
            reason.contains("network: npm error code EAI_AGAIN"),
            "{reason}"
        );
        let install = "mkdir -p node_modules; echo > node_modules/.package-lock.json";
        assert_eq!(npm(&format!("[ \"$1\" = ci ] && {install}")), Ok(()));
        // Nothing runs again, and nothing needs to be there.
        assert_eq!(npm("exit 1"), Ok(()));
        assert_eq!(install_packages(folder.path(), None), Ok(()));
    }
}
