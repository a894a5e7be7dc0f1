//! What `.gitattributes` says of a path that is no matter of git's own.

use git2::{AttrCheckFlags, AttrValue};

use super::{RepoPath, Repository};

/// The name of the files that hold attributes.
pub const ATTRIBUTES_FILE: &str = ".gitattributes";

/// Who wrote a file, if nobody here did, by the attributes that GitHub reads too:
/// <https://github.com/github-linguist/linguist/blob/main/docs/overrides.md>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `linguist-generated`.
    Generated,
    /// `linguist-vendored`.
    Vendored,
}

impl Repository {
    /// What the attributes of the index say of a path; none where they say nothing or cannot be read.
    #[must_use]
    pub fn origin(&self, path: &RepoPath) -> Option<Origin> {
        let relative = path.to_os_path()?;
        let is_set = |name| {
            let value = self.inner.get_attr_bytes(&relative, name, AttrCheckFlags::INDEX_ONLY).ok().flatten();
            match AttrValue::from_bytes(value) {
                AttrValue::True => true,
                AttrValue::String(value) => value == "true",
                _ => false,
            }
        };
        if is_set("linguist-generated") {
            Some(Origin::Generated)
        } else {
            is_set("linguist-vendored").then_some(Origin::Vendored)
        }
    }
}
