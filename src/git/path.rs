//! Paths as git has them.

use std::fmt;
use std::path::PathBuf;

use crate::text::is_unprintable;

/// A path within the repository: bytes with `/` between the parts, as git stores it. Displayed with
/// unprintable characters and bytes that are not UTF-8 escaped, so that no name reaches a
/// terminal as anything but printable text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// From git's bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or(&self.0)
    }

    /// The path as text, for formats that are read by programs and escape by their own rules.
    /// Bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// For matching globs and looking at extensions: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(self.to_text())
    }

    /// The path as the file system has it; none where the system cannot name it.
    pub(super) fn to_os_path(&self) -> Option<PathBuf> {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            Some(PathBuf::from(std::ffi::OsStr::from_bytes(&self.0)))
        }
        #[cfg(not(unix))]
        {
            String::from_utf8(self.0.clone()).ok().map(PathBuf::from)
        }
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_unprintable(character) {
                    write!(f, "{}", character.escape_unicode())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_shown_escaped() {
        let shown = RepoPath::new(b"a\x1b[2J\xff\n\xe2\x80\xae.rs".to_vec()).to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\xff\\u{a}\\u{202e}.rs");
    }
}
