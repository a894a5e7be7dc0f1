//! From git to a change set: blobs by object id, and nothing of the repository written.

use rayon::prelude::*;

use super::classify::paths::class_of;
use super::{Change, ChangeSet, Content, Edit, LineRange, Opaque, Side, Surroundings, Tip, Tracked};
use crate::git::attributes::ATTRIBUTES_FILE;
use crate::git::{self, Blob, Comparison, Delta, Entry, FileMode, GitError, ObjectId, RepoPath, Repository};

/// Bytes above which a blob is not read at all.
pub const READ_LIMIT: u64 = 16 << 20;

/// Bytes above which a symbolic link leads nowhere on any system.
const LINK_LIMIT: u64 = 4096;

/// Bytes in which a NUL makes a file binary; git looks at as many.
const BINARY_PROBE: usize = 8000;

/// Which changes to collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// `HEAD` against the index that git names.
    Staged,
    /// One commit against another; without the first, everything that the second contains.
    Commits(Option<ObjectId>, ObjectId),
    /// Every file of the index, as if it were new.
    AllFiles,
}

/// Collects the changes of a range.
///
/// # Errors
/// What git could not read.
pub fn collect(repository: &Repository, range: Range) -> Result<ChangeSet, GitError> {
    let (base, tip, deltas) = match range {
        Range::Staged => (repository.head()?, Tip::Index, repository.deltas(Comparison::Staged)?),
        Range::Commits(from, to) => {
            (from, Tip::Commit(to), repository.deltas(Comparison::Commits(from, to))?)
        }
        Range::AllFiles => {
            let added = |entry| Delta { old: None, new: Some(entry) };
            (None, Tip::Index, repository.tracked()?.into_iter().map(added).collect())
        }
    };
    let mut changes = read_all(repository, deltas.into_iter().flat_map(divide).collect())?;
    // Attributes that the change itself brings prove nothing: anybody could opt out of review.
    let is_attributes = |change: &Change| change.path().as_bytes().ends_with(ATTRIBUTES_FILE.as_bytes());
    if !changes.iter().any(is_attributes) {
        for change in &mut changes {
            change.origin = repository.origin(change.path());
        }
    }
    let mut surroundings = surroundings(repository, tip, &changes)?;
    surroundings.branch = repository.branch().filter(|_| range == Range::Staged);
    Ok(ChangeSet { base, tip, changes, surroundings })
}

/// What stands around the changes. Most commits only modify files, and pay for none of it.
fn surroundings(repository: &Repository, tip: Tip, changes: &[Change]) -> Result<Surroundings, GitError> {
    let is_path_lost = |change: &Change| match (&change.old, &change.new) {
        (Some(old), Some(new)) => old.path != new.path,
        (old, _) => old.is_some(),
    };
    let is_kind_new = |change: &Change| match (&change.old, &change.new) {
        (Some(old), Some(new)) => old.mode != new.mode || new.mode == FileMode::Symlink,
        (_, new) => new.is_some(),
    };
    let any_lost = changes.iter().any(is_path_lost);
    if !any_lost && !changes.iter().any(is_kind_new) {
        return Ok(Surroundings::default());
    }
    let entries = match tip {
        Tip::Index => repository.tracked()?,
        Tip::Commit(commit) => repository.tree(commit)?,
    };
    let is_submodule = |change: &Change| {
        change.new.as_ref().is_some_and(|side| side.mode == FileMode::Submodule) && is_kind_new(change)
    };
    let modules = entries.iter().find(|entry| entry.path.as_bytes() == b".gitmodules");
    let modules = match modules.filter(|_| changes.iter().any(is_submodule)) {
        Some(entry) => match repository.blob(entry.id, READ_LIMIT)? {
            Blob::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Blob::TooLarge(_) | Blob::Missing => None,
        },
        None => None,
    };
    let tracked = |entry: Entry| {
        let link = if any_lost && entry.mode == FileMode::Symlink { link(repository, &entry)? } else { None };
        Ok(Tracked { path: entry.path, mode: entry.mode, link })
    };
    let entries = entries.into_iter().map(tracked).collect::<Result<_, _>>()?;
    Ok(Surroundings { branch: None, entries, modules })
}

/// A change as it would be if its new side had another text; none where it has no text.
///
/// # Errors
/// What git could not compare.
pub fn with_text(change: &Change, text: String) -> Result<Option<Change>, GitError> {
    let Some(Side { content: Content::Text(_), .. }) = &change.new else { return Ok(None) };
    let old = change.old.as_ref().map_or(Some(""), |side| side.content.text());
    let lines = old.map(|old| git::line_edits(old.as_bytes(), text.as_bytes())).transpose()?;
    let edits = lines.unwrap_or_default().into_iter().map(edit).collect();
    let new = change.new.clone().map(|side| Side { content: Content::Text(text), ..side });
    Ok(Some(Change { old: change.old.clone(), new, edits, origin: change.origin }))
}

fn edit([old_start, old_len, new_start, new_len]: [u32; 4]) -> Edit {
    Edit {
        old: LineRange { start: old_start, len: old_len },
        new: LineRange { start: new_start, len: new_len },
    }
}

/// A rename, as a deletion and an addition where the old path was of a kind that is never reviewed
/// and the new one is not: else prose or third-party code could become code that nobody has read.
fn divide(delta: Delta) -> Vec<Delta> {
    let is_exempt = |entry: &Entry| class_of(&entry.path.to_text()).is_some();
    match delta {
        Delta { old: Some(old), new: Some(new) } if is_exempt(&old) && !is_exempt(&new) => {
            vec![Delta { old: Some(old), new: None }, Delta { old: None, new: Some(new) }]
        }
        other => vec![other],
    }
}

/// What a side holds, before it is decoded: lines are compared as bytes, so that no two texts look
/// equal that only a decoder cannot tell apart.
enum Raw {
    Bytes(Vec<u8>),
    Link(Option<RepoPath>),
    /// With the size, where it is known.
    Opaque(Opaque, Option<u64>),
}

/// How many changes there must be for each thread to open the repository, which none can share.
const MANY: usize = 256;

fn read_all(repository: &Repository, deltas: Vec<Delta>) -> Result<Vec<Change>, GitError> {
    if deltas.len() < MANY {
        return deltas.into_iter().map(|delta| read(repository, delta)).collect();
    }
    let objects = repository.objects();
    let read = |own: &mut Result<Repository, GitError>, delta| match own {
        Ok(own) => read(own, delta),
        Err(_) => read(&objects.open()?, delta),
    };
    deltas.into_par_iter().map_init(|| objects.open(), read).collect()
}

fn read(repository: &Repository, delta: Delta) -> Result<Change, GitError> {
    let same_blob = matches!((&delta.old, &delta.new), (Some(old), Some(new)) if old.id == new.id);
    let raw = |entry: &Option<Entry>| entry.as_ref().map(|entry| read_raw(repository, entry)).transpose();
    let (old, new) = (raw(&delta.old)?, raw(&delta.new)?);
    let edits = if same_blob { Vec::new() } else { edits(old.as_ref(), new.as_ref())? };
    Ok(Change { old: side(delta.old, old), new: side(delta.new, new), edits, origin: None })
}

fn read_raw(repository: &Repository, entry: &Entry) -> Result<Raw, GitError> {
    Ok(match entry.mode {
        FileMode::Symlink => Raw::Link(link(repository, entry)?),
        FileMode::Submodule => Raw::Opaque(Opaque::Submodule, None),
        FileMode::Regular | FileMode::Executable => match repository.blob(entry.id, READ_LIMIT)? {
            Blob::Bytes(bytes) if is_binary(&bytes) => Raw::Opaque(Opaque::Binary, Some(bytes.len() as u64)),
            Blob::Bytes(bytes) => Raw::Bytes(bytes),
            Blob::TooLarge(size) => Raw::Opaque(Opaque::TooLarge, Some(size)),
            Blob::Missing => Raw::Opaque(Opaque::Missing, None),
        },
    })
}

/// Where a symbolic link leads, as its blob says; never where the work tree has it.
fn link(repository: &Repository, entry: &Entry) -> Result<Option<RepoPath>, GitError> {
    Ok(match repository.blob(entry.id, LINK_LIMIT)? {
        Blob::Bytes(bytes) => Some(RepoPath::new(bytes)),
        Blob::TooLarge(_) | Blob::Missing => None,
    })
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(BINARY_PROBE)].contains(&0)
}

/// The changed lines. A link or submodule counts as empty, so that a text file that takes its place
/// is all new; where a side should have lines but has none to read, there is nothing to compare.
fn edits(old: Option<&Raw>, new: Option<&Raw>) -> Result<Vec<Edit>, GitError> {
    let (Some(old), Some(new)) = (lines(old), lines(new)) else { return Ok(Vec::new()) };
    if old.is_empty() && !new.is_empty() {
        return Ok(vec![edit([0, 0, 1, line_count(new)])]);
    }
    Ok(git::line_edits(old, new)?.into_iter().map(edit).collect())
}

/// How many lines git sees: the last one need not end.
fn line_count(text: &[u8]) -> u32 {
    let breaks = text.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks + usize::from(!text.ends_with(b"\n"))).unwrap_or(u32::MAX)
}

fn lines(raw: Option<&Raw>) -> Option<&[u8]> {
    match raw {
        Some(Raw::Bytes(bytes)) => Some(bytes),
        None | Some(Raw::Link(_) | Raw::Opaque(Opaque::Submodule, _)) => Some(&[]),
        Some(Raw::Opaque(..)) => None,
    }
}

fn side(entry: Option<Entry>, raw: Option<Raw>) -> Option<Side> {
    let (entry, raw) = entry.zip(raw)?;
    let (content, size, link) = match raw {
        Raw::Bytes(bytes) => {
            let size = bytes.len() as u64;
            (decode(bytes), Some(size), None)
        }
        Raw::Link(link) => {
            let size = link.as_ref().map(|link| link.as_bytes().len() as u64);
            (Content::Opaque(Opaque::Symlink), size, link)
        }
        Raw::Opaque(opaque, size) => (Content::Opaque(opaque), size, None),
    };
    Some(Side { path: entry.path, mode: entry.mode, id: entry.id, content, size, link })
}

fn decode(bytes: Vec<u8>) -> Content {
    match String::from_utf8(bytes) {
        Ok(text) => Content::Text(text),
        Err(error) => Content::Lossy(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_compared_as_bytes() {
        let raw = |text: &[u8]| Raw::Bytes(text.to_vec());
        assert!(matches!(decode(b"caf\xe9\n".to_vec()), Content::Lossy(text) if text == "caf\u{fffd}\n"));
        let edits = edits(Some(&raw(b"caf\xe9\n")), Some(&raw(b"caf\xe8\n"))).unwrap();
        assert_eq!(edits.len(), 1, "both decode to the same text");
    }

    #[test]
    fn a_text_that_replaces_a_link_is_all_new() {
        let text = Raw::Bytes(b"a\nb\n".to_vec());
        let edits = edits(Some(&Raw::Link(None)), Some(&text)).unwrap();
        assert_eq!(edits[0].new, LineRange { start: 1, len: 2 });
    }
}
