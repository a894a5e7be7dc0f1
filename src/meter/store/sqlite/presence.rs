//! Which hook runs are alive, told by file locks.
//!
//! Each run that holds anything keeps a lock on a file of its own, `runs/<run>.lock`. The system
//! drops the lock when the process ends, however it ends, so no process id has to be looked up that
//! another process, another container or the machine's next boot may have taken over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A run's sign of life, until it is dropped or its process ends.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    _locked: File,
}

impl Presence {
    /// Announces `run` in `directory`.
    pub(super) fn announce(directory: &Path, run: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = lock_file(directory, run);
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            file.lock()?;
            // A sweep may have removed the file between the two lines above; once locked, none does.
            if path.try_exists()? {
                return Ok(Self { path, _locked: file });
            }
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // One that stays behind is swept by the next run.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the files of runs that ended without doing so.
pub(super) fn sweep(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // A file that is gone by now was removed by its run or by another sweep.
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Whether `run` is alive, as of the last [`sweep`]. A run announces itself before it writes its
/// first row.
pub(super) fn is_alive(directory: &Path, run: &str) -> bool {
    lock_file(directory, run).exists()
}

fn lock_file(directory: &Path, run: &str) -> PathBuf {
    directory.join(format!("{run}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_lives_as_long_as_its_lock() {
        let directory = tempfile::tempdir().unwrap();
        let runs = directory.path().join("runs");
        sweep(&runs).unwrap();
        let first = Presence::announce(&runs, "first").unwrap();
        // What a killed process leaves: a file that nobody locks.
        fs::write(lock_file(&runs, "killed"), "").unwrap();
        sweep(&runs).unwrap();
        assert!(is_alive(&runs, "first"));
        assert!(!is_alive(&runs, "killed"));
        drop(first);
        assert!(!is_alive(&runs, "first"));
    }
}
