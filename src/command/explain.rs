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
    let (path, line) = parts(&args.place);
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
    for report in reports.iter().filter(|report| explain::knows(report, &place.path)) {
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
fn parts(place: &OsStr) -> (&Path, Option<u32>) {
    let split = place.to_str().and_then(|text| text.rsplit_once(':'));
    match split.map(|(path, line)| (path, line.parse::<u32>())) {
        Some((path, Ok(line))) if !path.is_empty() => (Path::new(path), Some(line)),
        _ => (Path::new(place), None),
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
        let of = |place: &'static str| parts(OsStr::new(place));
        assert_eq!(of("src/a.rs:12"), (Path::new("src/a.rs"), Some(12)));
        assert_eq!(of("src/a.rs"), (Path::new("src/a.rs"), None));
        assert_eq!(of("a:b"), (Path::new("a:b"), None));
        assert_eq!(of(":3"), (Path::new(":3"), None));
    }
}
