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

/// Writes a program for a test, by another process: a descriptor of ours, open for writing, could be inherited by a
/// child that a test beside this one starts, and the program would be "busy" until that child is on its way.
#[cfg(all(test, unix))]
pub(crate) fn write_script(file: &Path, script: &str) {
    use std::io::Write;
    let mut shell = std::process::Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(file)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    assert!(shell.wait().unwrap().success());
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
