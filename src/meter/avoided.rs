//! What needed no model, so that saved tokens are counted and not claimed.
//!
//! It is no money, and every commit has some of it: so it stands beside the ledger, in a file to
//! which each run adds a few lines with one write, without waiting for the disk. A line that is lost
//! with the power costs nobody anything.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Attribution;

/// The file within the state directory: one JSON object a line.
pub const FILE: &str = "avoided.jsonl";

/// Units that one stage answered without a model, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avoided<'a> {
    /// Who answered: `drop`, `rules` or `cache`.
    pub route: &'a str,
    /// Why: the class of the change.
    pub reason: &'a str,
    /// How many units.
    pub units: u64,
    /// How many changed lines they hold.
    pub lines: u64,
    /// Tokens that an earlier review took and another one would; 0 where there was none.
    pub tokens: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since the epoch.
    time: u64,
    repository: &'a str,
    branch: Option<&'a str>,
    team: Option<&'a str>,
    hook: &'a str,
    route: &'a str,
    reason: &'a str,
    units: u64,
    lines: u64,
    tokens: u64,
}

/// Adds what one run avoided.
///
/// # Errors
/// The directory or the file cannot be made or written.
pub fn record(
    directory: &Path,
    attribution: &Attribution,
    avoided: &[Avoided<'_>],
    now: SystemTime,
) -> io::Result<()> {
    let time = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut text = Vec::new();
    for group in avoided {
        let line = Line {
            time,
            repository: &attribution.repository,
            branch: attribution.branch.as_deref(),
            team: attribution.team.as_deref(),
            hook: &attribution.hook,
            route: group.route,
            reason: group.reason,
            units: group.units,
            lines: group.lines,
            tokens: group.tokens,
        };
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let path = directory.join(FILE);
    let file = options.open(&path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => super::make_private(directory).and_then(|()| options.open(&path)),
        _ => Err(error),
    });
    file?.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_adds_its_lines() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("not/made/yet");
        let attribution = Attribution { hook: "pre-commit".to_owned(), ..Attribution::default() };
        let dropped = Avoided { route: "drop", reason: "comment", units: 2, lines: 9, tokens: 0 };
        let ruled = Avoided { route: "rules", reason: "docs", units: 1, lines: 3, tokens: 0 };
        record(&state, &attribution, &[dropped], UNIX_EPOCH).unwrap();
        record(&state, &attribution, &[dropped, ruled], SystemTime::now()).unwrap();
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["time"], 0);
        assert_eq!((&rows[2]["route"], &rows[2]["lines"]), (&"rules".into(), &3.into()));
    }
}
