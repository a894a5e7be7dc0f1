//! Why the database cannot be used, as the system says it: SQLite names no cause, only that it could not
//! open a file, or read or write one.
//!
//! What SQLite has open is looked at without opening it: on Unix, a process that closes a file gives up all
//! its locks on it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::meter::store::StoreError;

/// What keeps a process from using the database at `path`; none where the system has nothing against it.
pub(super) fn of(path: &Path) -> Option<StoreError> {
    // The database, then what SQLite keeps beside it, as far as it is there.
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = OsString::from(path);
        name.push(ending);
        let file = PathBuf::from(name);
        match usable(&file) {
            Err(error) if !ending.is_empty() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Some(said(&file, &error)),
            Ok(()) => {}
        }
    }
    let directory = path.parent()?;
    room(directory).err().map(|error| said(directory, &error))
}

/// What the system's refusal to use `path` means to the user.
pub(super) fn said(path: &Path, error: &io::Error) -> StoreError {
    let (path, reason) = (path.to_path_buf(), error.to_string());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path, reason }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::Unusable { path, reason },
    }
}

fn usable(file: &Path) -> io::Result<()> {
    if fs::metadata(file)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    #[cfg(unix)]
    rustix::fs::access(file, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK)?;
    Ok(())
}

/// Whether a file can be made in `directory`, and a page written.
fn room(directory: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(directory)?;
    file.write_all(&[0; 4096])?;
    file.sync_all()
}
