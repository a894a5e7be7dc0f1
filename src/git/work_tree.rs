//! How files of the work tree stand to the index. Nothing here is written either.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, AttrValue, Status};

use super::{RepoPath, Repository};

/// A file of the work tree, compared with what the index holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkTreeFile {
    /// The same bytes.
    Same(PathBuf),
    /// The same but for a carriage return before every newline, which git adds at checkout here and
    /// takes away when the file is added.
    WithCarriageReturns(PathBuf),
    /// Anything else, with the reason, in words that end a sentence about the file.
    Other(&'static str),
}

/// Attributes by which git turns the bytes of the index into others at checkout.
const CONVERSIONS: [&str; 3] = ["filter", "ident", "working-tree-encoding"];

impl Repository {
    /// Compares a file of the work tree with the text that the index holds for it. The bytes are read:
    /// what git remembers of the file's time and size is not relied on.
    #[must_use]
    pub fn compare_work_tree(&self, path: &RepoPath, indexed: &[u8]) -> WorkTreeFile {
        let Some(relative) = path.to_os_path() else {
            return WorkTreeFile::Other("this system cannot name it");
        };
        if let Some(why) = self.why_no_file(&relative) {
            return WorkTreeFile::Other(why);
        }
        if CONVERSIONS.iter().any(|name| self.has_attribute(&relative, name)) {
            return WorkTreeFile::Other("git converts it at checkout");
        }
        let file = self.work_tree().join(&relative);
        match fs::read(&file) {
            Err(_) => WorkTreeFile::Other("it cannot be read"),
            Ok(bytes) if bytes == indexed => WorkTreeFile::Same(file),
            Ok(bytes) if bytes == with_carriage_returns(indexed) && self.is_unmodified(&relative) => {
                WorkTreeFile::WithCarriageReturns(file)
            }
            Ok(_) => WorkTreeFile::Other("it has changes that are not staged"),
        }
    }

    /// A link on the way would lead out of the work tree.
    fn why_no_file(&self, relative: &Path) -> Option<&'static str> {
        let mut ancestors = relative.ancestors();
        let own = ancestors.next().map(|path| fs::symlink_metadata(self.work_tree().join(path)));
        match own {
            Some(Ok(metadata)) if metadata.is_file() => {}
            Some(Ok(_)) => return Some("it is not a file in the work tree"),
            _ => return Some("it is not in the work tree"),
        }
        let is_directory = |path: &Path| {
            let metadata = fs::symlink_metadata(self.work_tree().join(path));
            metadata.is_ok_and(|metadata| metadata.is_dir())
        };
        let mut parents = ancestors.filter(|path| !path.as_os_str().is_empty());
        (!parents.all(is_directory)).then_some("a symbolic link leads to it")
    }

    fn has_attribute(&self, relative: &Path, name: &str) -> bool {
        let value = self.inner.get_attr_bytes(relative, name, AttrCheckFlags::FILE_THEN_INDEX);
        let is_set = |value| {
            matches!(
                AttrValue::from_bytes(value),
                AttrValue::True | AttrValue::String(_) | AttrValue::Bytes(_)
            )
        };
        // Attributes that cannot be read may say anything.
        value.map_or(true, is_set)
    }

    /// Whether git sees no difference between the file and the index, once it has converted line ends.
    fn is_unmodified(&self, relative: &Path) -> bool {
        let differs = Status::WT_NEW
            | Status::WT_MODIFIED
            | Status::WT_DELETED
            | Status::WT_RENAMED
            | Status::WT_TYPECHANGE
            | Status::CONFLICTED;
        self.inner.status_file(relative).is_ok_and(|status| !status.intersects(differs))
    }
}

/// A text with a carriage return before each newline that has none.
#[must_use]
pub fn with_carriage_returns(text: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(text.len() + text.len() / 16);
    let mut last = 0;
    for &byte in text {
        if byte == b'\n' && last != b'\r' {
            converted.push(b'\r');
        }
        converted.push(byte);
        last = byte;
    }
    converted
}
