//! ONNX Runtime and the ONNX checker, from Python's package index.
//!
//! They go into a folder of the project: neither a virtual environment nor the system's Python is
//! touched. Debian's Python comes without pip; then both are left out, and said to be.

use super::plan::{Plan, Step};
use super::report::{Tool, ToolState};
use super::system::{CommandLine, Os, System, find_file};
use std::path::{Path, PathBuf};

/// The oldest ONNX Runtime that the `ort` crate loads with the interface that this project was
/// built for.
const OLDEST_RUNTIME: (u32, u32) = (1, 24);

/// Where pip puts its packages.
pub(super) fn packages_folder(workspace: &Path) -> PathBuf {
    workspace.join("target").join("python")
}

/// The Python that has pip.
fn python(system: &dyn System) -> Result<&'static str, String> {
    let name = ["python3", "python"]
        .into_iter()
        .find(|name| system.find(name).is_some())
        .ok_or("there is no Python to install it with")?;
    system
        .output(&CommandLine::new(name, ["-m", "pip", "--version"]))
        .map(|_| name)
        .ok_or(format!(
            "{name} has no pip to install it with (on Debian and Ubuntu: apt-get install python3-pip)"
        ))
}

/// Whether ONNX Runtime's library is there; `named` is the value of `ORT_DYLIB_PATH`.
pub(super) fn check_runtime(
    system: &dyn System,
    workspace: &Path,
    named: Option<PathBuf>,
) -> ToolState {
    if let Some(path) = named.filter(|path| path.is_file()) {
        return ToolState::Found {
            version: "named by ORT_DYLIB_PATH".into(),
            path: Some(path),
        };
    }
    let packages = packages_folder(workspace);
    let library = find_file(&packages.join("onnxruntime").join("capi"), |name| {
        is_runtime(system.os(), name)
    });
    let Some(library) = library else {
        let reason = python(system).map_or_else(|reason| reason, |_| not_installed(&packages));
        return ToolState::OptionalMissing { reason };
    };
    let version = package_version(&packages, "onnxruntime").unwrap_or_default();
    match parse_version(&version) {
        Some(version) if version >= OLDEST_RUNTIME => {}
        _ => {
            let (major, minor) = OLDEST_RUNTIME;
            return ToolState::OptionalMissing {
                reason: format!(
                    "version {version:?} in {} is not {major}.{minor} or later; a newer Python gets a newer one",
                    packages.display()
                ),
            };
        }
    }
    ToolState::Found {
        version,
        path: Some(library),
    }
}

/// Whether Python's `onnx` is there.
pub(super) fn check_checker(system: &dyn System, workspace: &Path) -> ToolState {
    let packages = packages_folder(workspace);
    match (python(system), package_version(&packages, "onnx")) {
        (Ok(_), Some(version)) => ToolState::Found {
            version,
            path: Some(packages),
        },
        (Ok(_), None) => ToolState::OptionalMissing {
            reason: not_installed(&packages),
        },
        (Err(reason), _) => ToolState::OptionalMissing { reason },
    }
}

fn not_installed(packages: &Path) -> String {
    format!(
        "not in {}; `cargo run -p host -- setup` installs it",
        packages.display()
    )
}

/// The commands that install both; None where there is no pip.
pub(super) fn install(system: &dyn System, workspace: &Path, tools: Vec<Tool>) -> Option<Plan> {
    let name = python(system).ok()?;
    let folder = packages_folder(workspace);
    let words = [
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        // Without it pip leaves what is in the folder as it is, and only warns.
        "--upgrade",
        "--target",
        &folder.to_string_lossy(),
        "onnxruntime",
        "onnx",
    ];
    Some(Plan {
        tools,
        steps: vec![Step::required(CommandLine::new(name, words))],
    })
}

fn is_runtime(os: Os, name: &str) -> bool {
    match os {
        // Beside it lies libonnxruntime_providers_shared.so.
        Os::Linux => name.starts_with("libonnxruntime.so"),
        Os::MacOs => name.starts_with("libonnxruntime.") && name.ends_with(".dylib"),
        Os::Other => name == "onnxruntime.dll",
    }
}

/// The version of an installed package, from the name of its folder
/// `<package>-<version>.dist-info`.
fn package_version(packages: &Path, package: &str) -> Option<String> {
    if !packages.join(package).is_dir() {
        return None;
    }
    let version = |name: &str| {
        let rest = name.strip_prefix(package)?.strip_prefix('-')?;
        rest.strip_suffix(".dist-info").map(str::to_owned)
    };
    let folder = find_file(packages, |name| version(name).is_some())?;
    version(folder.file_name()?.to_str()?)
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn with_pip() -> Fake {
        Fake::linux()
            .with_programs(&["python3"])
            .answering("python3 -m pip --version", "pip 23.0")
    }

    /// A workspace with the packages that pip leaves.
    fn workspace(runtime: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let packages = packages_folder(folder.path());
        for name in ["onnxruntime/capi", "onnx", "onnx-1.19.0.dist-info"] {
            std::fs::create_dir_all(packages.join(name)).unwrap();
        }
        std::fs::create_dir_all(packages.join(format!("onnxruntime-{runtime}.dist-info"))).unwrap();
        for name in [
            "libonnxruntime_providers_shared.so".into(),
            format!("libonnxruntime.so.{runtime}"),
        ] {
            std::fs::write(packages.join("onnxruntime/capi").join(name), "").unwrap();
        }
        folder
    }

    #[test]
    fn what_pip_installed_is_found_with_its_version() {
        let folder = workspace("1.24.1");
        match check_runtime(&with_pip(), folder.path(), None) {
            ToolState::Found { version, path } => {
                assert_eq!(version, "1.24.1");
                assert!(path.unwrap().ends_with("libonnxruntime.so.1.24.1"));
            }
            other => panic!("{other:?}"),
        }
        match check_checker(&with_pip(), folder.path()) {
            ToolState::Found { version, path } => {
                assert_eq!(version, "1.19.0");
                assert_eq!(path, Some(packages_folder(folder.path())));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_old_runtime_is_not_taken() {
        for version in ["1.9.0", "1.23.2", "0.99.0", "x"] {
            let folder = workspace(version);
            let state = check_runtime(&with_pip(), folder.path(), None);
            assert!(
                matches!(&state, ToolState::OptionalMissing { reason } if reason.contains("1.24")),
                "{version}: {state:?}"
            );
        }
    }

    #[test]
    fn a_library_named_by_the_environment_goes_first_where_it_exists() {
        let folder = workspace("1.24.1");
        let named = folder.path().join("my.so");
        let check = || check_runtime(&with_pip(), folder.path(), Some(named.clone()));
        assert!(matches!(check(), ToolState::Found { path: Some(path), .. } if path != named));
        std::fs::write(&named, "").unwrap();
        assert!(matches!(check(), ToolState::Found { path: Some(path), .. } if path == named));
    }

    #[test]
    fn without_pip_the_reason_is_plain_and_nothing_is_planned() {
        let folder = tempfile::tempdir().unwrap();
        let no_pip = Fake::linux().with_programs(&["python3"]);
        for (fake, word) in [(no_pip, "pip"), (Fake::linux(), "no Python")] {
            for state in [
                check_runtime(&fake, folder.path(), None),
                check_checker(&fake, folder.path()),
            ] {
                assert!(
                    matches!(&state, ToolState::OptionalMissing { reason } if reason.contains(word)),
                    "{state:?}"
                );
            }
            assert_eq!(install(&fake, folder.path(), vec![]), None);
        }
    }

    #[test]
    fn pip_installs_into_the_project() {
        let plan = install(&with_pip(), Path::new("/w s"), vec![Tool::OnnxRuntime]).unwrap();
        assert_eq!(
            plan.steps[0].command.to_string(),
            "python3 -m pip install --disable-pip-version-check --upgrade --target '/w s/target/python' onnxruntime onnx"
        );
    }

    #[test]
    fn each_system_names_the_library_its_way() {
        for (os, name) in [
            (Os::Linux, "libonnxruntime.so.1.24.1"),
            (Os::MacOs, "libonnxruntime.1.24.1.dylib"),
            (Os::Other, "onnxruntime.dll"),
        ] {
            assert!(is_runtime(os, name));
            for other in [
                "libonnxruntime_providers_shared.so",
                "onnxruntime_pybind11_state.so",
            ] {
                assert!(!is_runtime(os, other));
            }
        }
    }
}
