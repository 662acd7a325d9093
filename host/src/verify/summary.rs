//! How the checks ended, as a table.

use std::fmt;
use std::time::Duration;

/// How one check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Passed,
    /// Not so.
    Failed,
    /// It did not take part; the reason.
    Absent(String),
}

/// All checks.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub(super) checks: Vec<(String, Ending, Duration)>,
}

impl Summary {
    /// How many failed.
    pub fn failed(&self) -> usize {
        self.checks
            .iter()
            .filter(|(_, ending, _)| *ending == Ending::Failed)
            .count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .checks
            .iter()
            .map(|(name, _, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, ending, time) in &self.checks {
            match ending {
                Ending::Passed => {
                    writeln!(f, "{name:width$}  passed  {:>5.0} s", time.as_secs_f64())?
                }
                Ending::Failed => {
                    writeln!(f, "{name:width$}  FAILED  {:>5.0} s", time.as_secs_f64())?
                }
                Ending::Absent(reason) => {
                    writeln!(f, "{name:width$}  did not take part: {reason}")?
                }
            }
        }
        let passed = self
            .checks
            .iter()
            .filter(|(_, ending, _)| *ending == Ending::Passed)
            .count();
        let absent = self.checks.len() - passed - self.failed();
        write!(
            f,
            "{passed} checks passed, {} failed, {absent} did not take part",
            self.failed()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_take_part_is_said() {
        let mut summary = Summary::default();
        let absent = Ending::Absent("no network".to_owned());
        summary
            .checks
            .push(("npm".to_owned(), absent, Duration::ZERO));
        let text = summary.to_string();
        assert!(
            text.contains("npm  did not take part: no network"),
            "{text}"
        );
        assert!(
            text.ends_with("0 checks passed, 0 failed, 1 did not take part"),
            "{text}"
        );
        assert_eq!(summary.failed(), 0);
    }
}
