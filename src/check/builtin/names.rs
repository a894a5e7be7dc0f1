//! Names that some file system cannot tell apart, or cannot have.

use std::collections::{HashMap, HashSet};

use super::{Remark, Survey};
use crate::git::RepoPath;

impl Survey<'_> {
    /// Paths that were not there before.
    fn new_paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.changes.iter().filter_map(|change| {
            let (old, new) = (&change.parsed.change.old, &change.parsed.change.new);
            let path = &new.as_ref()?.path;
            old.as_ref().is_none_or(|old| old.path != *path).then_some(path)
        })
    }
}

/// A new path and another of the new side that differ in nothing but case.
struct Clash {
    new: RepoPath,
    other: String,
    are_directories: bool,
}

/// One way in which a name is written.
struct Spelling<'a> {
    name: &'a [u8],
    is_directory: bool,
    /// The first new path that is written so.
    new: Option<&'a RepoPath>,
}

pub(super) fn case_conflicts(survey: &Survey<'_>) -> Vec<Remark> {
    remarks(clashes(survey).into_iter().filter(|clash| !clash.are_directories))
}

pub(super) fn directory_case_conflicts(survey: &Survey<'_>) -> Vec<Remark> {
    remarks(clashes(survey).into_iter().filter(|clash| clash.are_directories))
}

fn remarks(clashes: impl Iterator<Item = Clash>) -> Vec<Remark> {
    let remark = |clash: Clash| {
        let what = if clash.are_directories { "a directory of this path" } else { "this path" };
        let message = format!("{what} differs from `{}` in nothing but case", clash.other);
        Remark { path: clash.new, message: Some(message) }
    };
    clashes.map(remark).collect()
}

/// Each pair once, at the new path; of two new ones at the later.
fn clashes(survey: &Survey<'_>) -> Vec<Clash> {
    let new: HashSet<_> = survey.new_paths().map(RepoPath::as_bytes).collect();
    let wanted: HashSet<_> = new.iter().flat_map(|path| parts(path)).map(|(part, _)| fold(part)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut spellings: HashMap<String, Vec<Spelling<'_>>> = HashMap::new();
    let mut before: &[u8] = b"";
    for entry in &survey.surroundings.entries {
        let path = entry.path.as_bytes();
        let is_new = new.contains(path);
        let shared = before.iter().zip(path).take_while(|(one, other)| one == other).count();
        for (part, is_directory) in parts(path) {
            // Neighbours share directories, which were looked at with the first of them.
            if part.len() < shared && is_directory && !is_new {
                continue;
            }
            let folded = fold(part);
            if !wanted.contains(&folded) {
                continue;
            }
            let known = spellings.entry(folded).or_default();
            let new = is_new.then_some(&entry.path);
            match known.iter_mut().find(|spelling| spelling.name == part) {
                Some(spelling) => spelling.new = spelling.new.or(new),
                None => known.push(Spelling { name: part, is_directory, new }),
            }
        }
        before = path;
    }
    let mut clashes = Vec::new();
    for known in spellings.values() {
        let Some((here, path)) = known.iter().rev().find_map(|it| Some((it, it.new?))) else { continue };
        let Some(other) = known.iter().find(|other| other.name != here.name) else { continue };
        clashes.push(Clash {
            new: path.clone(),
            other: RepoPath::new(other.name).to_string(),
            are_directories: here.is_directory && other.is_directory,
        });
    }
    clashes.sort_by(|one, other| (&one.new, &one.other).cmp(&(&other.new, &other.other)));
    clashes
}

/// Every directory that leads to a path, and the path itself, each with whether it is a directory.
fn parts(path: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let directories = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    directories.map(|(at, _)| (&path[..at], true)).chain([(path, false)])
}

fn fold(part: &[u8]) -> String {
    String::from_utf8_lossy(part).to_lowercase()
}

/// The rules of <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>.
pub(super) fn illegal_on_windows(survey: &Survey<'_>) -> Vec<Remark> {
    let remark = |path: &RepoPath| {
        let text = path.to_text();
        let reason = text.split('/').find_map(why_illegal)?;
        Some(Remark { path: path.clone(), message: Some(format!("Windows cannot have this path: {reason}")) })
    };
    survey.new_paths().filter_map(remark).collect()
}

fn why_illegal(name: &str) -> Option<String> {
    if let Some(character) = name.chars().find(|&it| it < ' ' || r#"<>:"\|?*"#.contains(it)) {
        return Some(format!("{character:?} is in a name"));
    }
    if name.ends_with(['.', ' ']) {
        return Some("a name ends with a dot or a space".to_owned());
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    let numbered = ["COM", "LPT"].iter().find_map(|device| stem.strip_prefix(device));
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || numbered.is_some_and(|port| {
            port.chars().count() == 1 && port.chars().all(|it| matches!(it, '0'..='9' | '¹' | '²' | '³'))
        });
    is_device.then(|| format!("`{stem}` is the name of a device"))
}
