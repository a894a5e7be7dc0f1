//! Symbolic links and submodules: entries that name something else.

use std::collections::{HashMap, HashSet};

use super::{Remark, Survey};
use crate::change::Side;
use crate::git::{FileMode, RepoPath};

/// Links that lead to nothing and did not before: their own change did it, or that of what they led
/// to. What lies outside of the repository, or behind another link or a submodule, nobody here knows.
pub(super) fn broken(survey: &Survey<'_>) -> Vec<Remark> {
    let changed = survey.new_sides().filter_map(|(_, new)| Some((&new.path, new.link.as_ref()?)));
    let changed: HashMap<_, _> = changed.collect();
    let lost: Vec<_> = survey
        .changes
        .iter()
        .filter_map(|change| {
            let (old, new) = (change.parsed.change.old.as_ref()?, &change.parsed.change.new);
            new.as_ref().is_none_or(|new| new.path != old.path).then_some(old.path.as_bytes())
        })
        .collect();
    let unchanged = survey.surroundings.entries.iter();
    let unchanged = unchanged
        .filter_map(|entry| Some((&entry.path, entry.link.as_ref()?)))
        .filter(|(path, _)| !changed.contains_key(*path));
    let candidates: Vec<_> = changed
        .iter()
        .map(|(path, link)| (*path, *link, true))
        .chain(unchanged.map(|(path, link)| (path, link, false)))
        .filter_map(|(path, link, is_changed)| Some((path, link, resolve(path, link)?, is_changed)))
        .filter(|(_, _, target, is_changed)| *is_changed || lost.iter().any(|lost| is_at(lost, target)))
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let mut present: HashSet<&[u8]> = HashSet::new();
    let mut opaque: HashSet<&[u8]> = HashSet::new();
    for entry in &survey.surroundings.entries {
        let path = entry.path.as_bytes();
        present.extend(ancestors(path));
        present.insert(path);
        if matches!(entry.mode, FileMode::Symlink | FileMode::Submodule) {
            opaque.insert(path);
        }
    }
    let is_broken = |target: &[u8]| {
        !target.is_empty()
            && !present.contains(target)
            && !ancestors(target).any(|ancestor| opaque.contains(ancestor))
    };
    let mut remarks: Vec<_> = candidates
        .into_iter()
        .filter(|(_, _, target, _)| is_broken(target))
        .map(|(path, link, ..)| Remark {
            path: path.clone(),
            message: Some(format!("this link leads to `{link}`, which is not in the repository")),
        })
        .collect();
    remarks.sort_by(|one, other| one.path.cmp(&other.path));
    remarks
}

/// The path that a link leads to; none where that is outside of the repository.
fn resolve(link: &RepoPath, target: &RepoPath) -> Option<Vec<u8>> {
    let target = target.as_bytes();
    if target.starts_with(b"/") || target.contains(&b'\\') || target.get(1) == Some(&b':') {
        return None;
    }
    let mut parts: Vec<&[u8]> = link.as_bytes().split(|&byte| byte == b'/').collect();
    parts.pop();
    for part in target.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

/// The directories that lead to a path.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// Whether a path is the target or stands below it.
fn is_at(path: &[u8], target: &[u8]) -> bool {
    path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Links that became files holding their target, as happens where the system has no links. Something
/// may have mended the end of the file since.
pub(super) fn destroyed(survey: &Survey<'_>) -> Vec<Remark> {
    let is_destroyed = |(old, new): &(Option<&Side>, &Side)| {
        let target = old.and_then(|old| old.link.as_ref()).map(RepoPath::to_text);
        let text = new.content.text().map(str::trim_end);
        target.is_some_and(|target| Some(target.trim_end()) == text)
    };
    let remark = |(_, new): (Option<&Side>, &Side)| Remark { path: new.path.clone(), message: None };
    survey.new_sides().filter(is_destroyed).map(remark).collect()
}

pub(super) fn new_submodules(survey: &Survey<'_>) -> Vec<Remark> {
    survey.submodules_that_came().map(|path| Remark { path: path.clone(), message: None }).collect()
}

/// Git adds a repository within the repository as a submodule, but does not write `.gitmodules`.
pub(super) fn unlisted_submodules(survey: &Survey<'_>) -> Vec<Remark> {
    let modules = survey.surroundings.modules.as_deref().unwrap_or_default();
    let listed: HashSet<_> = modules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path")?.trim_start().strip_prefix('='))
        .map(|path| path.trim().trim_matches('"').trim_end_matches('/'))
        .collect();
    survey
        .submodules_that_came()
        .filter(|path| !listed.contains(path.to_text().as_str()))
        .map(|path| Remark { path: path.clone(), message: None })
        .collect()
}

impl Survey<'_> {
    fn submodules_that_came(&self) -> impl Iterator<Item = &RepoPath> {
        let is_submodule = |side: &Side| side.mode == FileMode::Submodule;
        self.new_sides()
            .filter(move |(old, new)| is_submodule(new) && !old.is_some_and(is_submodule))
            .map(|(_, new)| &new.path)
    }
}
