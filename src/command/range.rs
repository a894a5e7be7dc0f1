//! Which commits a hook is about.

use std::io::{BufRead, IsTerminal};

use crate::change::collect::Range;
use crate::cli::Hook;
use crate::error::Error;
use crate::git::{ObjectId, Repository};

/// The remote that is meant where none is named.
pub(super) const ORIGIN: &str = "origin";

/// What the user wants looked at, in place of what git says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// What git says.
    Hook,
    /// `--all-files`.
    AllFiles,
    /// `--commit`: a commit against its first parent.
    Commit(&'a str),
    /// `--from-ref` and `--to-ref`.
    Between(&'a str, &'a str),
}

/// A range that a hook run covers, and the branch that it is of.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) range: Range,
    pub(super) branch: Branch,
}

/// Whose changes a range holds.
#[derive(Debug)]
pub(super) enum Branch {
    /// Those of the branch that is checked out.
    CheckedOut,
    /// Those of the branch that is pushed; none for a tag.
    Pushed(Option<String>),
}

impl From<Range> for Subject {
    fn from(range: Range) -> Self {
        Self { range, branch: Branch::CheckedOut }
    }
}

/// The ranges that a hook run covers.
///
/// # Errors
/// A revision that names no commit.
pub(super) fn ranges(
    repository: &Repository,
    hook: Hook,
    wanted: Wanted<'_>,
    remote: Option<&str>,
) -> Result<Vec<Subject>, Error> {
    match wanted {
        Wanted::AllFiles => Ok(vec![Range::AllFiles.into()]),
        Wanted::Commit(revision) => {
            let commit = repository.resolve(revision)?;
            Ok(vec![Range::Commits(repository.first_parent(commit)?, commit).into()])
        }
        Wanted::Between(from, to) => {
            let (from, to) = (repository.resolve(from)?, repository.resolve(to)?);
            Ok(vec![Range::Commits(Some(meeting_point(repository, from, to)), to).into()])
        }
        Wanted::Hook => match hook {
            Hook::PreCommit => Ok(vec![Range::Staged.into()]),
            Hook::PrePush => outgoing(repository, remote.unwrap_or(ORIGIN)),
        },
    }
}

/// What a push would send. At a terminal, where git says nothing, it is taken to be `HEAD`.
fn outgoing(repository: &Repository, remote: &str) -> Result<Vec<Subject>, Error> {
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() { unpushed(repository, remote) } else { pushed(repository, remote, stdin) }
}

/// What a push of `HEAD` would send.
///
/// # Errors
/// A history that cannot be read.
pub(super) fn unpushed(repository: &Repository, remote: &str) -> Result<Vec<Subject>, Error> {
    let Some(head) = repository.head()? else { return Ok(Vec::new()) };
    Ok(vec![Range::Commits(repository.newest_pushed(head, remote)?, head).into()])
}

/// Reads what git tells a pre-push hook, `<local ref> <local id> <remote ref> <remote id>` a line,
/// and takes every line: git sends one for each ref that is pushed. Deletions have nothing to check.
fn pushed(repository: &Repository, remote: &str, lines: impl BufRead) -> Result<Vec<Subject>, Error> {
    let mut subjects: Vec<Subject> = Vec::new();
    // Names of refs need not be UTF-8.
    for line in lines.split(b'\n') {
        let line =
            line.map_err(|source| Error::Io { action: "read the refs that are pushed".to_owned(), source })?;
        let line = String::from_utf8_lossy(&line);
        // From the end, since the local ref is what the user typed, which can be `:/two words`.
        let mut fields = line.split_ascii_whitespace().rev();
        let mut field = || fields.next();
        let (Some(remote_id), Some(remote_ref), Some(local), Some(local_ref)) =
            (field(), field(), field(), field())
        else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(Error::Refused(format!(
                "standard input says {line:?}, where git's pre-push hook gets \
                 `<local ref> <local id> <remote ref> <remote id>`"
            )));
        };
        if is_zero(local) {
            continue;
        }
        let tip = repository.resolve(local).map_err(|_| {
            Error::Refused(format!(
                "`{}` is no commit or not in this repository, and only commits are checked; \
                 HOOKGATE=0 pushes it unchecked",
                line.trim()
            ))
        })?;
        // The remote's commit is unknown here when somebody else has pushed meanwhile.
        let known = Some(remote_id).filter(|id| !is_zero(id)).and_then(|id| repository.resolve(id).ok());
        let base = match known {
            Some(known) => Some(meeting_point(repository, known, tip)),
            None => repository.newest_pushed(tip, remote)?,
        };
        let range = Range::Commits(base, tip);
        if base != Some(tip) && !subjects.iter().any(|subject| subject.range == range) {
            subjects.push(Subject { range, branch: branch(local_ref, remote_ref) });
        }
    }
    Ok(subjects)
}

/// The branch that is pushed from one ref to another. What is neither a branch nor a tag, `HEAD` to
/// `refs/for/main` for example, is taken to be of the branch that is checked out.
fn branch(local: &str, remote: &str) -> Branch {
    let is_tag = |name: &str| name.starts_with("refs/tags/");
    match [local, remote].into_iter().find_map(|name| name.strip_prefix("refs/heads/")) {
        Some(name) => Branch::Pushed(Some(name.to_owned())),
        None if [local, remote].into_iter().any(is_tag) => Branch::Pushed(None),
        None => Branch::CheckedOut,
    }
}

/// What both have in common, so that commits of the other side never look like deletions.
fn meeting_point(repository: &Repository, from: ObjectId, to: ObjectId) -> ObjectId {
    repository.merge_base(from, to).unwrap_or(from)
}

fn is_zero(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}
