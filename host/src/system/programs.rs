//! Finding programs as the shell does: by the folders of `PATH`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The first executable file called `name` in the folders of the environment's `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    find_in(name, &std::env::var_os("PATH")?)
}

/// The first executable file called `name` in `path`, a list of folders as `PATH` writes it.
///
/// A name with a folder in it is not searched for: it is returned when it is an executable file.
pub fn find_in(name: &str, path: &OsStr) -> Option<PathBuf> {
    if Path::new(name).components().count() > 1 {
        return Some(PathBuf::from(name)).filter(|file| is_executable(file));
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// Puts a program at a path for a test; it does what the shell script says. See
/// `tests/data/program`.
#[cfg(all(test, unix))]
pub(crate) fn fake(path: &Path, script: &str) {
    std::fs::write(path.with_added_extension("sh"), script).unwrap();
    if !path.exists() {
        let stub = crate::system::repository::root()
            .unwrap()
            .join("tests/data/program");
        std::os::unix::fs::symlink(stub, path).unwrap();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_executable_file_in_the_list_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mode| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        make("a/tool", 0o644);
        let second = make("b/tool", 0o755);
        make("c/tool", 0o755);
        std::fs::create_dir_all(folder.path().join("a/other")).unwrap();
        let path =
            std::env::join_paths(["a", "missing", "b", "c"].map(|name| folder.path().join(name)))
                .unwrap();
        assert_eq!(find_in("tool", &path), Some(second.clone()));
        assert_eq!(find_in("other", &path), None);
        assert_eq!(
            find_in(second.to_str().unwrap(), OsStr::new("")),
            Some(second)
        );
    }
}
