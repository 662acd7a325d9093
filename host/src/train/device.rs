//! Which backend computes: chosen at run time among those that were compiled in, without ever
//! starting one that hangs.
//!
//! A GPU backend without a working driver panics in a thread of its own (CUDA) or gives no answer
//! at all (wgpu). So it is tried first in a child process of the same program, with a time limit;
//! [`answer_probe`] is that child's side.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The first that works of CUDA, wgpu and CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// Any GPU with a Vulkan, Metal or DirectX 12 driver.
    Wgpu,
}

/// A backend of burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// burn-flex.
    Cpu,
    /// burn-cuda, where the feature `cuda` is compiled in.
    Cuda,
    /// burn-wgpu, where the feature `wgpu` is compiled in.
    Wgpu,
}

/// What was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The backend.
    pub backend: Backend,
    /// One line for the user and for run.json.
    pub reason: String,
}

/// A device that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The feature was left out when this program was built.
    #[error(
        "--device {name}: not compiled in; build with `cargo run --release -p host --features {name} -- train --device {name}`, or use --device cpu"
    )]
    NotCompiledIn {
        /// The device, which is also the feature's name.
        name: &'static str,
    },
    /// No driver, or one that does not work.
    #[error("--device {name}: {reason}; install the driver, or use --device auto or cpu")]
    NoDriver {
        /// The device.
        name: &'static str,
        /// What was looked for or seen.
        reason: String,
    },
    /// The backend gave up in the middle of a run.
    #[error(
        "--device {name}: the backend failed ({reason}); resume the run from its last checkpoint, with --device cpu if it happens again"
    )]
    Failed {
        /// The device.
        name: &'static str,
        /// The panic's message.
        reason: String,
    },
}

/// Environment variable by which a parent asks its child to try a backend.
const PROBE_VARIABLE: &str = "THUMBGEN_PROBE_DEVICE";

/// How long a backend may take to start: CUDA compiles its first kernels in that time.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// Whether [`answer_probe`] was called: only then is a child of this program known to answer.
static ANSWERS: AtomicBool = AtomicBool::new(false);

impl Backend {
    /// Name as in `--device` and in features.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Cpu => "cpu",
            Backend::Cuda => "cuda",
            Backend::Wgpu => "wgpu",
        }
    }

    /// Whether this program was built with it.
    pub fn is_compiled_in(self) -> bool {
        match self {
            Backend::Cpu => true,
            Backend::Cuda => cfg!(feature = "cuda"),
            Backend::Wgpu => cfg!(feature = "wgpu"),
        }
    }
}

/// To be called first in `main`: where this process was started to try a backend, it does so and
/// ends.
pub fn answer_probe() {
    ANSWERS.store(true, Ordering::Relaxed);
    let Some(asked) = std::env::var_os(PROBE_VARIABLE) else {
        return;
    };
    let works = match asked.to_str() {
        #[cfg(feature = "cuda")]
        Some("cuda") => try_backend::<burn_cuda::Cuda>(),
        #[cfg(feature = "wgpu")]
        Some("wgpu") => try_backend::<burn_wgpu::Wgpu>(),
        _ => false,
    };
    std::process::exit(if works { 0 } else { 1 });
}

/// A small product, computed and read back.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn try_backend<B: burn_tensor::backend::Backend>() -> bool {
    let ones = burn_tensor::Tensor::<B, 2>::ones([8, 8], &Default::default());
    let product = ones.clone().matmul(ones);
    super::ops::values(&product)
        .iter()
        .all(|value| *value == 8.0)
}

/// Chooses a backend.
///
/// # Errors
/// [`DeviceError`], never for `auto` or `cpu`.
pub fn choose(choice: DeviceChoice) -> Result<Choice, DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok(Choice {
            backend: Backend::Cpu,
            reason: format!("CPU, {}: asked for", threads()),
        }),
        DeviceChoice::Cuda => gpu(Backend::Cuda),
        DeviceChoice::Wgpu => gpu(Backend::Wgpu),
        DeviceChoice::Auto => {
            let mut reasons = Vec::new();
            for backend in [Backend::Cuda, Backend::Wgpu] {
                match gpu_worth_trying(backend).and_then(|()| gpu(backend)) {
                    Ok(choice) => return Ok(choice),
                    Err(DeviceError::NotCompiledIn { name }) => {
                        reasons.push(format!("{name} is not compiled in (--features {name})"));
                    }
                    Err(
                        DeviceError::NoDriver { name, reason }
                        | DeviceError::Failed { name, reason },
                    ) => {
                        reasons.push(format!("{name}: {reason}"));
                    }
                }
            }
            Ok(Choice {
                backend: Backend::Cpu,
                reason: format!("CPU, {}: {}", threads(), reasons.join("; ")),
            })
        }
    }
}

/// A GPU backend, if it works.
fn gpu(backend: Backend) -> Result<Choice, DeviceError> {
    let name = backend.name();
    if !backend.is_compiled_in() {
        return Err(DeviceError::NotCompiledIn { name });
    }
    let no_driver = |reason| DeviceError::NoDriver { name, reason };
    let mut driver = "a GPU driver".to_owned();
    if backend == Backend::Cuda {
        let library = find_library(&["libcuda.so.1", "nvcuda.dll"])
            .ok_or_else(|| no_driver("no NVIDIA driver (libcuda.so.1) is installed".to_owned()))?;
        driver = library.display().to_string();
    }
    probe(name).map_err(no_driver)?;
    Ok(Choice {
        backend,
        reason: format!("{name}: {driver} is there and computes"),
    })
}

/// For `auto`: nothing is started where the system shows no GPU at all.
fn gpu_worth_trying(backend: Backend) -> Result<(), DeviceError> {
    let nodes = ["/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"];
    let missing = cfg!(target_os = "linux") && !nodes.iter().any(|node| Path::new(node).exists());
    if backend.is_compiled_in() && backend == Backend::Wgpu && missing {
        return Err(DeviceError::NoDriver {
            name: backend.name(),
            reason: "the system shows no GPU (/dev/dri, /dev/nvidia*, /dev/dxg)".to_owned(),
        });
    }
    Ok(())
}

/// Runs the backend in a child process; says why it does not work.
fn probe(name: &str) -> Result<(), String> {
    if !ANSWERS.load(Ordering::Relaxed) {
        return Err("this program cannot try a GPU before it uses it".to_owned());
    }
    let program =
        std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut child = Command::new(program)
        .env(PROBE_VARIABLE, name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start a process to try it: {error}"))?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(_)) => return Err("its driver is missing or does not work".to_owned()),
            Ok(None) if started.elapsed() < PROBE_LIMIT => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Ok(None) => {
                // Either call fails only where the child is gone already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", PROBE_LIMIT.as_secs()));
            }
            Err(error) => {
                return Err(format!(
                    "cannot wait for the process that tries it: {error}"
                ));
            }
        }
    }
}

/// The first of `names` in the folders that the dynamic linker looks in.
fn find_library(names: &[&str]) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for variable in ["LD_LIBRARY_PATH", "PATH"] {
        folders.extend(
            std::env::var_os(variable)
                .iter()
                .flat_map(std::env::split_paths),
        );
    }
    let known = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/lib64",
        "/usr/lib/wsl/lib",
        "/usr/local/nvidia/lib64",
        "/run/opengl-driver/lib",
        "C:\\Windows\\System32",
    ];
    folders.extend(known.map(PathBuf::from));
    folders.extend(linker_folders(Path::new("/etc/ld.so.conf.d")));
    folders
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// The folders that the files of `/etc/ld.so.conf.d` name.
fn linker_folders(list: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(list).into_iter().flatten().flatten();
    let lines = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    lines
        .flat_map(|text| {
            text.lines()
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// "2 threads".
fn threads() -> String {
    match std::thread::available_parallelism() {
        Ok(count) if count.get() == 1 => "1 thread".to_owned(),
        Ok(count) => format!("{count} threads"),
        Err(_) => "threads unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(choose(DeviceChoice::Cpu).unwrap().backend, Backend::Cpu);
        let auto = choose(DeviceChoice::Auto).unwrap();
        assert!(!auto.reason.is_empty());
    }

    #[test]
    fn a_gpu_that_cannot_be_used_is_an_error_that_says_what_to_do() {
        for (choice, name) in [(DeviceChoice::Cuda, "cuda"), (DeviceChoice::Wgpu, "wgpu")] {
            // The test binary does not call `answer_probe`, so that no GPU is ever started by it.
            let error = choose(choice).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("--device"),
                "{error}"
            );
        }
    }

    #[test]
    fn libraries_are_found_in_the_linkers_folders() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("# comment\n{}\n", folder.path().display());
        std::fs::write(folder.path().join("x.conf"), text).unwrap();
        assert_eq!(linker_folders(folder.path()), [folder.path()]);
        assert_eq!(find_library(&["no-such-library.so"]), None);
    }
}
