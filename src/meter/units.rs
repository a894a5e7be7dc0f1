//! What became of the units of every run: what needed no model, so that saved tokens are counted and
//! not claimed, and how small what was sent has become.
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
pub const FILE: &str = "units.jsonl";

/// One unit that went into a request, or all units of a run that one stage answered without a model
/// for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitRow<'a> {
    /// Who answered: `drop`, `rules`, `cache`, `model`, or `not_reviewed`.
    pub route: &'a str,
    /// The class of the change.
    pub reason: &'a str,
    /// The path of a unit that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The name of a unit that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// How many units.
    pub units: u64,
    /// How many changed lines they hold.
    pub lines: u64,
    /// Their share of the tokens of `git diff -U3`; none in a run that counted none, since it had
    /// nothing to send.
    pub raw_tokens: Option<u64>,
    /// Tokens of code that were put into requests.
    pub sent_tokens: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since the epoch.
    time: u64,
    repository: &'a str,
    branch: Option<&'a str>,
    team: Option<&'a str>,
    hook: &'a str,
    #[serde(flatten)]
    row: &'a UnitRow<'a>,
}

/// Adds the rows of one run.
///
/// # Errors
/// The directory or the file cannot be made or written.
pub fn record(
    directory: &Path,
    attribution: &Attribution,
    rows: &[UnitRow<'_>],
    now: SystemTime,
) -> io::Result<()> {
    let time = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut text = Vec::new();
    for row in rows {
        let line = Line {
            time,
            repository: &attribution.repository,
            branch: attribution.branch.as_deref(),
            team: attribution.team.as_deref(),
            hook: &attribution.hook,
            row,
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
        let dropped = UnitRow {
            route: "drop",
            reason: "comment",
            path: None,
            name: None,
            units: 2,
            lines: 9,
            raw_tokens: None,
            sent_tokens: 0,
        };
        let sent = UnitRow {
            route: "model",
            reason: "real",
            path: Some("a.py".to_owned()),
            name: Some("f"),
            units: 1,
            lines: 3,
            raw_tokens: Some(70),
            sent_tokens: 20,
        };
        record(&state, &attribution, &[dropped.clone()], UNIX_EPOCH).unwrap();
        record(&state, &attribution, &[dropped, sent], SystemTime::now()).unwrap();
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!((&rows[0]["time"], &rows[0]["raw_tokens"]), (&0.into(), &serde_json::Value::Null));
        assert_eq!((&rows[2]["route"], &rows[2]["lines"]), (&"model".into(), &3.into()));
        assert_eq!((&rows[2]["name"], &rows[2]["raw_tokens"]), (&"f".into(), &70.into()));
    }
}
