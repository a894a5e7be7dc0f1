//! Writing a mended text into the work tree: all of it or nothing.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::Mended;
use crate::git::work_tree::{WorkTreeFile, with_carriage_returns};
use crate::git::{RepoPath, Repository};

/// Why a file was left alone, in words that end a sentence about it.
pub(super) enum NotWritten {
    /// It is not what was checked.
    Other(&'static str),
    /// The file system.
    Failed(io::Error),
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(why) => f.write_str(why),
            Self::Failed(error) => write!(f, "it could not be written: {error}"),
        }
    }
}

/// Replaces the file of the work tree, if it holds the text as it was before.
pub(super) fn write(repository: &Repository, path: &RepoPath, mended: &Mended<'_>) -> Result<(), NotWritten> {
    let (before, after) = (mended.before.as_bytes(), mended.after.as_bytes());
    if before == after {
        return Ok(());
    }
    match repository.compare_work_tree(path, before) {
        WorkTreeFile::Same(file) => replace(&file, before, after),
        WorkTreeFile::WithCarriageReturns(file) => {
            replace(&file, &with_carriage_returns(before), &with_carriage_returns(after))
        }
        WorkTreeFile::Other(why) => Err(NotWritten::Other(why)),
    }
}

/// Whoever looks at the file sees the old text or the new one, whenever this process ends.
fn replace(file: &Path, before: &[u8], after: &[u8]) -> Result<(), NotWritten> {
    let permissions = fs::metadata(file).map_err(NotWritten::Failed)?.permissions();
    if permissions.readonly() {
        return Err(NotWritten::Other("it is read-only"));
    }
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut temporary =
        tempfile::Builder::new().prefix(".hookgate-").tempfile_in(directory).map_err(NotWritten::Failed)?;
    temporary.write_all(after).map_err(NotWritten::Failed)?;
    temporary.as_file().set_permissions(permissions).map_err(NotWritten::Failed)?;
    // An editor may have saved the file since it was compared.
    if fs::read(file).map_err(NotWritten::Failed)? != before {
        return Err(NotWritten::Other("it was written at the same time"));
    }
    temporary.persist(file).map(drop).map_err(|error| NotWritten::Failed(error.error))
}
