//! Executable bits, sizes, and the branch.

use super::{Remark, Survey};
use crate::change::{ChangeClass, Side};
use crate::git::{FileMode, RepoPath};

impl Survey<'_> {
    /// The sides after the change, each with what stood there before.
    pub(super) fn new_sides(&self) -> impl Iterator<Item = (Option<&Side>, &Side)> {
        let sides = self.changes.iter().map(|change| (&change.parsed.change.old, &change.parsed.change.new));
        sides.filter_map(|(old, new)| Some((old.as_ref(), new.as_ref()?)))
    }

    /// Files of which this is so and was not so before.
    fn files_that_became(&self, is_so: impl Fn(&Side) -> bool) -> Vec<Remark> {
        self.new_sides()
            .filter(|(old, new)| is_so(new) && !old.is_some_and(&is_so))
            .map(|(_, new)| Remark { path: new.path.clone(), message: None })
            .collect()
    }
}

pub(super) fn executables_without_shebang(survey: &Survey<'_>) -> Vec<Remark> {
    survey.files_that_became(|side| {
        let is_text = side.content.text().is_some_and(|text| !text.starts_with("#!"));
        side.mode == FileMode::Executable && is_text
    })
}

pub(super) fn scripts_not_executable(survey: &Survey<'_>) -> Vec<Remark> {
    survey.files_that_became(|side| {
        // `#![…]` opens a Rust file.
        let program = side.content.text().and_then(|text| text.strip_prefix("#!"));
        side.mode == FileMode::Regular && program.is_some_and(|it| it.trim_start().starts_with('/'))
    })
}

/// Nobody can make a lock file smaller.
pub(super) fn large_files(survey: &Survey<'_>) -> Vec<Remark> {
    let limit = survey.parameters.large_file;
    let is_large = |side: &Side| side.size.is_some_and(|size| size > limit);
    let remark = |side: &Side| {
        let kib = side.size.unwrap_or(0).div_ceil(1024);
        let message = format!("this file has {kib} KiB, more than {}", limit / 1024);
        Remark { path: side.path.clone(), message: Some(message) }
    };
    survey
        .changes
        .iter()
        .filter(|change| change.class != ChangeClass::Lock)
        .filter_map(|change| {
            let (old, new) = (&change.parsed.change.old, change.parsed.change.new.as_ref()?);
            (is_large(new) && !old.as_ref().is_some_and(is_large)).then(|| remark(new))
        })
        .collect()
}

/// What is wrong is where `HEAD` is, so that is the path.
pub(super) fn protected_branch(survey: &Survey<'_>) -> Vec<Remark> {
    let branch = survey.surroundings.branch.as_deref();
    let branch = branch.filter(|branch| survey.parameters.protected_branches.is_match(branch));
    let remark = |branch: &str| Remark {
        path: RepoPath::new(".git/HEAD"),
        message: Some(format!("nothing is committed to the branch `{branch}` itself")),
    };
    branch.map(remark).into_iter().collect()
}
