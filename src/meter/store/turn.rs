//! Whose turn it is to use a file that processes share.
//!
//! SQLite lets a process that finds the database busy sleep and look again, up to 100 ms later: under
//! load some find it busy every time, for seconds. So all steps stand in line for a lock of the
//! system first, which wakes the next one when the last one is done. The file says nothing; whoever
//! uses the database without it is still kept apart by SQLite.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Waits in line at the file `path`, for `patience` at the most. The turn ends when the file is
/// dropped, or its process ends.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`], or what the system says.
pub(super) fn take(path: &Path, patience: Duration) -> io::Result<File> {
    lock(open(path)?, patience)
}

/// Locks `file`, for which it waits in line for `patience` at the most.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`], or what the system says.
pub(in crate::meter) fn lock(file: File, patience: Duration) -> io::Result<File> {
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // The system's wait has no end of its own, so that a thread does it. One that is given up waits
    // on, finds nobody to hand the file to, and drops it.
    let (hand, taken) = sync_channel(0);
    std::thread::Builder::new().spawn(move || {
        let locked = file.lock().map(|()| file);
        drop(hand.send(locked));
    })?;
    match taken.recv_timeout(patience) {
        Ok(locked) => locked,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the wait for the lock broke off")),
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Whoever can read the ledger can wait for it.
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_turn_is_one_at_a_time_and_ends_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.lock");
        let held = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let turn = take(&path, Duration::from_secs(60)).unwrap();
                        assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
    }

    #[test]
    fn a_wait_that_is_given_up_takes_no_turn_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.lock");
        let turn = take(&path, Duration::ZERO).unwrap();
        assert_eq!(take(&path, Duration::ZERO).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(turn);
        drop(take(&path, Duration::from_secs(60)).unwrap());
        assert!(take(&path, Duration::from_secs(60)).is_ok());
    }
}
