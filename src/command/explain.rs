//! `hookgate explain`: which stage answers a changed line, and why.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use crate::cli::{Explain, ListFormat};
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::{RepoPath, Repository};
use crate::report::Report;
use crate::report::explain::{self, Place};
use crate::text::nearest;
use crate::tokens::Count;

use super::range::Wanted;
use super::run::{between, previews};

/// Replays what a hook would do, and says what becomes of one place.
///
/// # Errors
/// A path that did not change, no repository, a wrong configuration, or what git could not read.
pub(super) fn execute(
    args: &Explain,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<ExitStatus, Error> {
    let (path, line) = parts(&args.place)?;
    if args.old && line.is_none() {
        return Err(Error::Refused("--old says which side a line is of: name one, PATH:LINE".to_owned()));
    }
    let repository = Repository::open(&environment.directory)?;
    let mut options = Config::load(&repository, environment)?.options(args.hook)?;
    let wanted = args.commit.as_deref().map_or_else(|| between(&args.scope), Wanted::Commit);
    let reports = previews(&repository, args.hook, wanted, &mut options)?;

    let candidates = [from_here(&repository, &environment.directory, path), Some(as_written(path))];
    let candidates: Vec<RepoPath> = candidates.into_iter().flatten().collect();
    let known = candidates.iter().find(|path| reports.iter().any(|report| explain::knows(report, path)));
    let path = known.ok_or_else(|| unchanged(&candidates[0], &reports))?.clone();
    let place = Place { path, line, is_old: args.old };
    let reports: Vec<_> = reports.iter().filter(|report| explain::knows(report, &place.path)).collect();
    refuse_past_the_end(&reports, &place)?;
    for report in reports {
        match args.format {
            ListFormat::Text => write!(out, "{}", explain::text(report, &place))?,
            ListFormat::Json => {
                writeln!(out, "{}", explain::value(report, &place).map_err(std::io::Error::from)?)?
            }
        }
    }
    Ok(ExitStatus::Allowed)
}

/// `src/a.rs:12` as a path and a line; any other text is a path.
///
/// # Errors
/// Line 0, and what looks like several lines or like a line and a column.
fn parts(place: &OsStr) -> Result<(&Path, Option<u32>), Error> {
    let split = place.to_str().and_then(|text| text.rsplit_once(':'));
    let Some((path, line)) = split.filter(|(path, _)| !path.is_empty()) else {
        return Ok((Path::new(place), None));
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_range = line.split_once('-').is_some_and(|(first, last)| is_number(first) && is_number(last));
    let is_column = is_number(line) && path.rsplit_once(':').is_some_and(|(_, line)| is_number(line));
    if is_range || is_column {
        return Err(Error::Refused(format!("`{path}:{line}`: one line is expected, PATH:LINE")));
    }
    if !is_number(line) {
        return Ok((Path::new(place), None));
    }
    // No file has as many lines as the largest number, so that one beyond it is past the end too.
    match line.parse().unwrap_or(u32::MAX) {
        0 => Err(Error::Refused(format!("`{path}:{line}`: lines count from 1"))),
        line => Ok((Path::new(path), Some(line))),
    }
}

/// A line that is in none of the reports' files is no line that did not change.
fn refuse_past_the_end(reports: &[&Report], place: &Place) -> Result<(), Error> {
    let counts: Option<Vec<u32>> = reports.iter().map(|report| explain::line_count(report, place)).collect();
    match (place.line, counts.and_then(|counts| counts.into_iter().max())) {
        (Some(line), Some(last)) if line > last => {
            let when = if place.is_old { "before" } else { "after" };
            let lines = Count(last as usize, "line");
            Err(Error::Refused(format!("`{}` has only {lines} {when} the change", place.path)))
        }
        _ => Ok(()),
    }
}

/// A path as it is meant where the user stands; none where that is outside the work tree.
fn from_here(repository: &Repository, directory: &Path, path: &Path) -> Option<RepoPath> {
    let top = repository.work_tree().canonicalize().ok()?;
    let mut whole = PathBuf::new();
    for part in directory.canonicalize().ok()?.join(path).components() {
        match part {
            Component::ParentDir => _ = whole.pop(),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    Some(as_written(whole.strip_prefix(top).ok()?))
}

/// A path from the top of the work tree.
fn as_written(path: &Path) -> RepoPath {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().as_encoded_bytes()).collect();
    RepoPath::new(parts.join(&b'/'))
}

fn unchanged(path: &RepoPath, reports: &[Report]) -> Error {
    let changed: Vec<String> = reports
        .iter()
        .flat_map(|report| &report.changes)
        .map(|routed| routed.classified.path().to_text())
        .collect();
    let near = nearest(&path.to_text(), changed.iter().map(String::as_str));
    Error::Refused(match (near, changed.len()) {
        (Some(near), _) => format!("`{path}` did not change; did you mean `{near}`?"),
        (None, 0) => {
            format!("`{path}` did not change, and nothing else did: stage something, or name a --commit")
        }
        (None, count) => format!("`{path}` is not among the files that changed ({count})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_behind_a_colon_is_a_line() {
        let of = |place: &'static str| parts(OsStr::new(place)).unwrap();
        assert_eq!(of("src/a.rs:12"), (Path::new("src/a.rs"), Some(12)));
        assert_eq!(of("src/a.rs"), (Path::new("src/a.rs"), None));
        assert_eq!(of("a:b"), (Path::new("a:b"), None));
        assert_eq!(of(":3"), (Path::new(":3"), None));
        assert_eq!(of("a:b-c"), (Path::new("a:b-c"), None));
        assert_eq!(of("a:99999999999"), (Path::new("a"), Some(u32::MAX)));
    }

    #[test]
    fn one_line_is_expected() {
        let said = |place: &'static str| parts(OsStr::new(place)).unwrap_err().to_string();
        assert_eq!(said("a.rs:0"), "`a.rs:0`: lines count from 1");
        for wrong in ["a.rs:6-7", "a.rs:6:3"] {
            assert_eq!(said(wrong), format!("`{wrong}`: one line is expected, PATH:LINE"));
        }
    }
}
