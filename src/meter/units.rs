//! What became of the units of every run: what needed no model, so that saved tokens are counted and
//! not claimed, and how small what was sent has become.
//!
//! It is no money, and every commit has some of it: so it stands beside the ledger, in a file to
//! which each run adds a few lines with one write, without waiting for the disk. A line that is lost
//! with the power costs nobody anything.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Attribution;
use super::calendar::since_epoch;

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
    /// Tokens, instructions and reply included, that an earlier review took and another one would.
    pub saved_tokens: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since the epoch.
    time: u64,
    repository: &'a str,
    branch: Option<&'a str>,
    team: Option<&'a str>,
    hook: &'a str,
    user: &'a str,
    stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_run: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
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
    let time = since_epoch(now);
    let mut text = Vec::new();
    for row in rows {
        let line = Line {
            time,
            repository: &attribution.repository,
            branch: attribution.branch.as_deref(),
            team: attribution.team.as_deref(),
            hook: &attribution.hook,
            user: &attribution.user,
            stage: &attribution.stage,
            ci_run: attribution.ci_run.as_deref(),
            labels: &attribution.labels,
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

/// A line of the file, as far as it says what needed no model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedUnits {
    /// When the run was, in ms since the epoch.
    pub time: u64,
    /// Whose run it was.
    pub attribution: Attribution,
    /// Who answered.
    pub route: String,
    /// How many units.
    pub units: u64,
    /// Their share of the tokens of `git diff -U3`; none where those were not counted.
    pub raw_tokens: Option<u64>,
    /// Tokens that an earlier review took and another one would.
    pub saved_tokens: u64,
}

/// [`RecordedUnits`] as written. A line of an older hookgate lacks what came later.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    time: u64,
    repository: String,
    branch: Option<String>,
    team: Option<String>,
    hook: String,
    user: String,
    stage: String,
    ci_run: Option<String>,
    labels: BTreeMap<String, String>,
    route: String,
    units: u64,
    raw_tokens: Option<u64>,
    saved_tokens: u64,
}

impl From<Written> for RecordedUnits {
    fn from(written: Written) -> Self {
        let Written { time, repository, branch, team, hook, user, stage, ci_run, labels, .. } = written;
        Self {
            time,
            attribution: Attribution { user, repository, branch, team, hook, stage, ci_run, labels },
            route: written.route,
            units: written.units,
            raw_tokens: written.raw_tokens,
            saved_tokens: written.saved_tokens,
        }
    }
}

/// Hands each line of the file to `take`, in its order, and returns how many lines could not be read:
/// a process that is killed while it writes leaves half of one. No file is no line.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read(directory: &Path, mut take: impl FnMut(RecordedUnits)) -> io::Result<u64> {
    let file = match File::open(directory.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    let mut unreadable = 0;
    loop {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            return Ok(unreadable);
        }
        match serde_json::from_slice::<Written>(&line) {
            Ok(written) => take(written.into()),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => unreadable += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

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
            saved_tokens: 0,
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
            saved_tokens: 0,
        };
        record(&state, &attribution, std::slice::from_ref(&dropped), UNIX_EPOCH).unwrap();
        record(&state, &attribution, &[dropped, sent], SystemTime::now()).unwrap();
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!((&rows[0]["time"], &rows[0]["raw_tokens"]), (&0.into(), &serde_json::Value::Null));
        assert_eq!((&rows[2]["route"], &rows[2]["lines"]), (&"model".into(), &3.into()));
        assert_eq!((&rows[2]["name"], &rows[2]["raw_tokens"]), (&"f".into(), &70.into()));
    }

    #[test]
    fn what_was_recorded_is_read_and_what_was_cut_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path(), |_| panic!("there is no line")).unwrap(), 0);
        let attribution = Attribution {
            user: "ada".to_owned(),
            repository: "acme/web".to_owned(),
            branch: Some("main".to_owned()),
            team: None,
            hook: "pre-push".to_owned(),
            stage: "test".to_owned(),
            ci_run: Some("gitlab:1/2".to_owned()),
            labels: [("a".to_owned(), "b".to_owned())].into(),
        };
        let row = UnitRow {
            route: "cache",
            reason: "real",
            path: None,
            name: None,
            units: 2,
            lines: 9,
            raw_tokens: Some(5),
            sent_tokens: 0,
            saved_tokens: 7,
        };
        record(directory.path(), &attribution, std::slice::from_ref(&row), UNIX_EPOCH).unwrap();
        let path = directory.path().join(FILE);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(br#"{"time":1,"repository":"old","route":"drop","units":1}"#);
        text.extend(b"\n\n{\"time\":2,\"repos\xff\n{\"time\":3,\"rou");
        std::fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        assert_eq!(read(directory.path(), |row| rows.push(row)).unwrap(), 2);
        let expected = RecordedUnits {
            time: 0,
            attribution,
            route: "cache".to_owned(),
            units: 2,
            raw_tokens: Some(5),
            saved_tokens: 7,
        };
        assert_eq!(rows[0], expected);
        assert_eq!((rows[1].time, rows[1].attribution.repository.as_str()), (1, "old"));
        assert_eq!(rows.len(), 2);
    }
}
