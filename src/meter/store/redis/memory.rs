//! What this machine remembers of a server: the epoch of its store, and how many steps it has
//! acknowledged. A server that shows less has lost some of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::fault::Fault;
use super::server::Server;
use crate::meter::store::patience::Patience;
use crate::meter::store::{StoreError, turn};

/// An epoch and the steps that were seen of it. Epochs begin with the time at which they were made,
/// so that later ones are greater.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) epoch: String,
    pub(super) seq: u64,
}

impl Seen {
    /// When the epoch was made, in ms since the Unix epoch; 0 where none was seen.
    pub(super) fn made(&self) -> u64 {
        self.epoch.split('-').next().and_then(|made| made.parse().ok()).unwrap_or(0)
    }
}

/// The memory, in a file that all processes of this machine share.
pub(super) struct Memory {
    path: PathBuf,
    /// How long to wait for another process that uses the file.
    patience: Patience,
    seen: Seen,
}

impl Memory {
    /// Reads what is remembered of `server` in `directory`, which is made where it is missing.
    /// Other processes are waited for as long as the server is given, and not after `until`.
    pub(super) fn open(
        directory: &Path,
        server: &Server,
        until: Option<Instant>,
    ) -> Result<Self, StoreError> {
        let of = format!("{}\n{}", server.address, server.namespace);
        let name = format!("redis-{}", &blake3::hash(of.as_bytes()).to_hex()[..16]);
        let path = directory.join(name);
        let patience = Patience { each: server.timeout, until };
        let mut memory = Self { path, patience, seen: Seen::default() };
        let read =
            crate::meter::make_private(directory).and_then(|()| memory.exchange(&Seen::default(), false));
        read.map_err(|error| memory.failed(&error))?;
        Ok(memory)
    }

    /// What is remembered.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Takes note of what the server shows.
    pub(super) fn note(&mut self, epoch: &str, seq: &str) -> Result<(), StoreError> {
        let shown = Seen { epoch: epoch.to_owned(), seq: seq.parse().unwrap_or(0) };
        if shown <= self.seen {
            return Ok(());
        }
        self.exchange(&shown, true).map_err(|error| self.failed(&error))
    }

    /// Whether a server that shows this has lost what it showed before.
    pub(super) fn judge(&self, epoch: &str, seq: &str) -> Result<(), Fault> {
        let shown = Seen { epoch: epoch.to_owned(), seq: seq.parse().unwrap_or(0) };
        if self.seen.epoch == shown.epoch && shown.seq < self.seen.seq {
            let (seen, shown) = (self.seen.seq, shown.seq);
            return Err(Fault::Behind(format!(
                "it is at step {shown}, and this machine has seen step {seen}"
            )));
        }
        if shown.epoch < self.seen.epoch {
            return Err(Fault::Behind("it shows an earlier epoch than this machine has seen".to_owned()));
        }
        Ok(())
    }

    /// The greater of what the file holds, what is known and what is `shown`, here and in the file.
    /// The line has one length and is written at once, so that no reader finds half of it.
    fn exchange(&mut self, shown: &Seen, write: bool) -> io::Result<()> {
        let _turn = turn::take(&self.path.with_extension("lock"), self.patience.left())?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        let kept = read(&mut file)?;
        let greatest = kept.clone().max(self.seen.clone()).max(shown.clone());
        if write && greatest > kept {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(format!("{} {:020}\n", greatest.epoch, greatest.seq).as_bytes())?;
        }
        self.seen = greatest;
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        if error.kind() == io::ErrorKind::TimedOut {
            return StoreError::Locked { path: self.path.clone(), waited_ms: self.patience.each.as_millis() };
        }
        StoreError::Directory { path: self.path.clone(), reason: error.to_string() }
    }
}

fn read(file: &mut File) -> io::Result<Seen> {
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(Seen::default());
    }
    let parsed = text
        .lines()
        .next()
        .and_then(|line| line.split_once(' '))
        .and_then(|(epoch, seq)| Some(Seen { epoch: epoch.to_owned(), seq: seq.parse().ok()? }));
    parsed.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged; remove it"))
}
