//! The patch of a comparison, file by file.

use git2::{Delta as DeltaStatus, DiffOptions, ErrorCode};

use super::{Comparison, GitError, RepoPath, Repository, find_renames};

/// What `git diff` prints of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePatch {
    /// The path before; none where it was added.
    pub old: Option<RepoPath>,
    /// The path after; none where it was deleted.
    pub new: Option<RepoPath>,
    /// Everything from `diff --git` to the end of the last hunk; what is not UTF-8 stands as U+FFFD.
    pub text: String,
}

impl Repository {
    /// The patch of a comparison as `git diff` prints it, one entry a path in git's order, with
    /// `context` lines around each hunk; none in a partial clone that lacks a blob of it.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn patches(&self, comparison: Comparison, context: u32) -> Result<Option<Vec<FilePatch>>, GitError> {
        let mut options = DiffOptions::new();
        options.include_typechange(true).context_lines(context).indent_heuristic(true);
        let mut diff = self.diff(comparison, &mut options)?;
        find_renames(&mut diff)?;
        let mut patches: Vec<FilePatch> = Vec::new();
        let mut text = Vec::new();
        let printed = diff.print(git2::DiffFormat::Patch, |delta, _, line| {
            if line.origin() == 'F' {
                finish(&mut patches, &mut text);
                let path = |file: git2::DiffFile<'_>| file.path_bytes().map(RepoPath::new);
                patches.push(FilePatch {
                    old: path(delta.old_file()).filter(|_| delta.status() != DeltaStatus::Added),
                    new: path(delta.new_file()).filter(|_| delta.status() != DeltaStatus::Deleted),
                    text: String::new(),
                });
            }
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin() as u8);
            }
            text.extend_from_slice(line.content());
            true
        });
        finish(&mut patches, &mut text);
        match printed {
            Ok(()) => Ok(Some(patches)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::failed("print the patch")(error)),
        }
    }
}

/// Gives the last patch its text.
fn finish(patches: &mut [FilePatch], text: &mut Vec<u8>) {
    if let Some(patch) = patches.last_mut() {
        patch.text = String::from_utf8_lossy(text).into_owned();
    }
    text.clear();
}
