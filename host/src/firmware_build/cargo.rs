//! Running cargo and understanding what it says.

use super::{BoardBuild, FirmwareBuildError};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// What cargo said.
pub(super) struct Output {
    pub status: ExitStatus,
    /// JSON messages, one a line.
    pub stdout: String,
    /// Text for people.
    pub stderr: Vec<String>,
}

/// Runs cargo to its end; its standard error goes to `progress` line by line.
pub(super) fn run(mut command: Command, progress: &mut dyn FnMut(&str)) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let stdout = child.stdout.take();
    // Both pipes must be read at once, or cargo stands still when one is full.
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // An end by error is an end: the exit status tells the rest.
        let _ = stdout.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut stderr = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            progress(&line);
            stderr.push(line);
        }
    }
    let status = child.wait()?;
    Ok(Output {
        status,
        stdout: reader.join().unwrap_or_default(),
        stderr,
    })
}

/// The executable of the binary `name` in cargo's messages.
pub(super) fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        // A build script may print lines of its own.
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message["reason"] == "compiler-artifact" && message["target"]["name"] == name
        })
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
}

/// A failed build as a typed error.
pub(super) fn explain(board: &BoardBuild, output: &Output, command: String) -> FirmwareBuildError {
    let board_name = board.name.to_owned();
    // lld names each section that does not fit, and the last one of a region has the whole excess.
    let mut overflows = output.stderr.iter().filter_map(|line| overflow(line));
    if let Some((region, first)) = overflows.next() {
        let bytes = overflows
            .filter(|(other, _)| *other == region)
            .fold(first, |largest, (_, bytes)| largest.max(bytes));
        return FirmwareBuildError::Overflow {
            board: board_name,
            region,
            bytes,
        };
    }
    let without_core = |line: &String| {
        line.contains("can't find crate for `core`")
            || line.contains("can't find crate for `std`")
            || line.contains("target may not be installed")
    };
    if output.stderr.iter().any(without_core) {
        return FirmwareBuildError::NoTarget {
            target: board.target.into(),
        };
    }
    FirmwareBuildError::Cargo {
        board: board_name,
        status: output.status.to_string(),
        message: last_words(&output.stderr),
        command,
    }
}

/// Region and bytes from a linker's line: lld's `rust-lld: error: section '.text' will not fit in
/// region 'FLASH': overflowed by 12 bytes`, or GNU ld's ``region `FLASH' overflowed by 12 bytes``.
fn overflow(line: &str) -> Option<(String, u64)> {
    let (before, after) = line.split_once("overflowed by ")?;
    let bytes = after.split_whitespace().next()?.parse().ok()?;
    let (_, name) = before.rsplit_once("region ")?;
    let region: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!region.is_empty()).then_some((region, bytes))
}

/// The first error and what follows it, in one line; cargo's last lines where it names no error.
fn last_words(stderr: &[String]) -> String {
    let start = stderr
        .iter()
        .position(|line| line.starts_with("error"))
        .unwrap_or(stderr.len().saturating_sub(6));
    let words: Vec<_> = stderr[start..]
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .take(6)
        // A linker's command line has some thousand characters.
        .map(|line| line.chars().take(300).collect::<String>())
        .collect();
    match words.is_empty() {
        true => "it said nothing".into(),
        false => words.join(" | "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::LM3S6965EVB;
    use super::*;

    fn failed(stderr: &[&str]) -> FirmwareBuildError {
        let output = Output {
            status: ExitStatus::default(),
            stdout: String::new(),
            stderr: stderr.iter().map(|&line| line.to_owned()).collect(),
        };
        explain(&LM3S6965EVB, &output, "`cargo build`".into())
    }

    #[test]
    fn an_overflow_says_by_how_much_and_what_to_do() {
        for line in [
            "  = note: rust-lld: error: section '.rodata' will not fit in region 'FLASH': overflowed by 41234 bytes",
            "ld: region `FLASH' overflowed by 41234 bytes",
        ] {
            let smaller = "rust-lld: error: section '.text' will not fit in region 'FLASH': overflowed by 12 bytes";
            let ram = "rust-lld: error: section '.bss' will not fit in region 'RAM': overflowed by 99999 bytes";
            let text = failed(&["error: linking failed", smaller, line, ram]).to_string();
            assert!(text.contains("FLASH") && text.contains("41234"), "{text}");
            assert!(text.contains("export --board lm3s6965evb"), "{text}");
        }
    }

    #[test]
    fn lines_that_only_look_like_an_overflow_are_not() {
        for line in [
            "overflowed by ",
            "region 'FLASH' overflowed by many bytes",
            "overflowed by 3 bytes",
            "region overflowed by 99999999999999999999999 bytes",
            "region '' overflowed by 3 bytes",
        ] {
            assert_eq!(overflow(line), None, "{line}");
        }
    }

    #[test]
    fn a_missing_target_leads_to_setup() {
        let text = failed(&["error[E0463]: can't find crate for `core`"]).to_string();
        assert!(
            text.contains("setup") && text.contains("thumbv7m"),
            "{text}"
        );
    }

    #[test]
    fn other_failures_show_the_first_error_in_one_line() {
        let text = failed(&[
            "   Compiling x",
            "error: no",
            "  --> a.rs",
            "",
            "error: two",
        ])
        .to_string();
        assert!(text.contains("error: no | --> a.rs | error: two"), "{text}");
        assert!(
            !text.contains("Compiling") && text.contains("`cargo build`"),
            "{text}"
        );
        assert!(failed(&[]).to_string().contains("nothing"));
    }

    #[test]
    fn the_executable_is_found_among_other_messages() {
        let messages = r#"
not json
{"reason":"compiler-artifact","target":{"name":"firmware"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/wrong"}
{"reason":"compiler-artifact","target":{"name":"lm3s6965evb"},"executable":"/t/lm3s6965evb"}
{"reason":"build-finished","success":true}
[]
"#;
        assert_eq!(
            executable(messages, "lm3s6965evb"),
            Some("/t/lm3s6965evb".into())
        );
        assert_eq!(executable(messages, "firmware"), None);
        assert_eq!(executable("", "firmware"), None);
    }
}
