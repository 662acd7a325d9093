//! How long the checks will take.

use super::VerifyOptions;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Minutes of one core that the tests take where nothing is built but this command: measured on two
/// cores, times two.
const TESTS: u64 = 50;

/// The same where everything is built, and the tests only run.
const TESTS_BUILT: u64 = 30;

/// What the other checks of `--full` take beside them.
const OTHERS: u64 = 14;

/// How long the checks will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimate {
    /// As long as the last time on this machine.
    LastTime(Duration),
    /// By the number of cores, what is checked, and whether anything is built.
    Cores { cores: u64, full: bool, built: bool },
}

impl Estimate {
    /// Where the seconds of the last run are kept.
    fn path(root: &Path, options: VerifyOptions) -> PathBuf {
        root.join("target").join(match options.full {
            true => "verify-full.seconds",
            false => "verify.seconds",
        })
    }

    pub(super) fn of(root: &Path, options: VerifyOptions) -> Self {
        let last = std::fs::read_to_string(Self::path(root, options)).ok();
        match last.and_then(|seconds| seconds.trim().parse().ok()) {
            Some(seconds) => Self::LastTime(Duration::from_secs(seconds)),
            None => Self::Cores {
                cores: std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64),
                full: options.full,
                built: root.join("target/debug/.fingerprint").is_dir()
                    && root.join("target/firmware").is_dir(),
            },
        }
    }

    pub(super) fn remember(root: &Path, options: VerifyOptions, took: Duration) {
        // Without it the next estimate is by the number of cores.
        let text = format!("{}\n", took.as_secs());
        let _ = crate::system::files::write_atomically(&Self::path(root, options), text.as_bytes());
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastTime(time) => {
                let minutes = time.as_secs().div_ceil(60);
                write!(f, "all checks: about {minutes} min, as the last time here")
            }
            Self::Cores { cores, full, built } => {
                let (tests, state) = match built {
                    true => (TESTS_BUILT, "most is built"),
                    false => (TESTS, "nothing is built yet"),
                };
                let others = if *full { OTHERS } else { 0 };
                let minutes = (tests + others).div_ceil(*cores);
                write!(
                    f,
                    "all checks: about {minutes} min on {cores} cores, {state}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_estimated_by_the_last_run_or_by_the_cores() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let options = VerifyOptions::default();
        let first = Estimate::of(root, options);
        assert!(matches!(first, Estimate::Cores { built: false, .. }));
        let two = |full| Estimate::Cores {
            cores: 2,
            full,
            built: false,
        };
        let text = two(false).to_string();
        assert!(text.contains("25 min on 2 cores"), "{text}");
        let text = two(true).to_string();
        assert!(text.contains("32 min on 2 cores"), "{text}");
        std::fs::create_dir(root.join("target")).unwrap();
        Estimate::remember(root, options, Duration::from_secs(601));
        let again = Estimate::of(root, options);
        assert!(
            again.to_string().contains("about 11 min, as the last time"),
            "{again}"
        );
        // The full checks are others.
        let full = Estimate::of(root, VerifyOptions { full: true });
        assert!(matches!(full, Estimate::Cores { .. }));
    }
}
