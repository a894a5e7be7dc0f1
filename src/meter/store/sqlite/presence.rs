//! Which hook runs are alive, told by file locks.
//!
//! Each run that holds anything keeps a lock on a file of its own, `runs/<run>.lock`. The system
//! drops the lock when the process ends, however it ends, so no process id has to be looked up that
//! another process, another container or the machine's next boot may have taken over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::turn;

/// A run's sign of life, until it is dropped or its process ends.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    _locked: File,
}

impl Presence {
    /// Announces `run` in `directory`, where a sweep that looks at the file may keep it waiting, for
    /// `patience` at the most.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`], or what the system says.
    pub(super) fn announce(directory: &Path, run: &str, patience: Duration) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = lock_file(directory, run);
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            let locked = turn::lock(file, patience)?;
            // A sweep may have removed the file between the two lines above; once locked, none does.
            if is_at(&locked, &path)? {
                return Ok(Self { path, _locked: locked });
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
        // A file that is gone by now was removed by its run or by another sweep, and the run may have
        // made a new one, which is alive.
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path).unwrap_or(false)
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

/// Whether `path` leads to `file` still. Only who holds the file's lock removes it, so that the answer
/// lasts as long as the lock.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let held = file.metadata()?;
    Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
}

/// A name of a file that is open is not given to another one here.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
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
        let first = Presence::announce(&runs, "first", Duration::ZERO).unwrap();
        // What a killed process leaves: a file that nobody locks.
        fs::write(lock_file(&runs, "killed"), "").unwrap();
        sweep(&runs).unwrap();
        assert!(is_alive(&runs, "first"));
        assert!(!is_alive(&runs, "killed"));
        drop(first);
        assert!(!is_alive(&runs, "first"));
    }

    #[cfg(unix)]
    #[test]
    fn a_sweep_that_opened_a_file_that_is_gone_leaves_the_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = lock_file(directory.path(), "run");
        fs::write(&path, "").unwrap();
        let old = File::open(&path).unwrap();
        assert!(is_at(&old, &path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&old, &path).unwrap());
        let _alive = Presence::announce(directory.path(), "run", Duration::ZERO).unwrap();
        old.try_lock().unwrap();
        assert!(!is_at(&old, &path).unwrap());
    }

    #[test]
    fn runs_that_begin_while_others_sweep_stay_alive() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let runs = directory.path();
                scope.spawn(move || {
                    for round in 0..200 {
                        let run = format!("{thread}-{round}");
                        let alive = Presence::announce(runs, &run, Duration::from_secs(60)).unwrap();
                        sweep(runs).unwrap();
                        assert!(is_alive(runs, &run));
                        drop(alive);
                    }
                });
            }
        });
    }

    #[test]
    fn a_stopped_sweep_is_not_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = lock_file(directory.path(), "run");
        fs::write(&path, "").unwrap();
        let stopped = File::open(&path).unwrap();
        stopped.lock().unwrap();
        let error = Presence::announce(directory.path(), "run", Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
