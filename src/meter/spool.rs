//! What requests took that the ledger could not be told: it fails, or another process holds it.
//!
//! Their reservations stay charged, but what went beyond them would be forgotten, and all of it by a
//! server that has lost the reservation. So it is written down in `unsettled.jsonl` in the state
//! directory, one settlement a line, and the ledger is told when it is opened next. To be told twice
//! does no harm. A line that is done with is marked by its first byte, since files are not rewritten
//! in one step; once none is left, the file is emptied.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::billed;
use super::store::{Place, Settlement, Store, StoreError, turn};
use crate::tokens::{Count, Grouped, PicoUsd, Usage};

/// How long a settlement waits for another process that reads or writes the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// In place of the first byte of a line that is done with.
const DONE: u8 = b'#';

/// What waits for a store that takes no settlements now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many settlements.
    pub charges: u64,
    /// The tokens that they charge, together.
    pub tokens: u64,
    /// Why the store does not take them, and what to do.
    pub because: String,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let charges = Count(usize::try_from(self.charges).unwrap_or(usize::MAX), "unsettled charge");
        write!(f, "{charges} ({} tokens)", Grouped(self.tokens))
    }
}

/// The settlements that wait for one store.
pub(super) struct Spool {
    path: PathBuf,
    /// Which store, since several share the directory.
    place: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Line {
    place: String,
    id: String,
    full: bool,
    usage: Usage,
    cost: Option<PicoUsd>,
    energy: Option<PicoUsd>,
    outcome: String,
    latency_ms: Option<u64>,
    keepsake: Option<String>,
    /// The model that counts as free and has reported a cost.
    #[serde(default)]
    billed: Option<String>,
}

impl Spool {
    /// The one of `place`.
    pub(super) fn of(place: &Place) -> Self {
        let name = match &place.redis {
            Some(server) => format!("{} {}", server.address, server.namespace),
            None => "local".to_owned(),
        };
        Self { path: place.directory.join("unsettled.jsonl"), place: name }
    }

    /// Writes down durably what `store` could not be told of the request `id`, and of the model that is
    /// [`billed`] for it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn keep(
        &self,
        store: &dyn Store,
        id: &str,
        settlement: &Settlement<'_>,
        billed: Option<&str>,
    ) -> io::Result<()> {
        let Settlement { full, usage, cost, energy, outcome, latency } = *settlement;
        let line = Line {
            place: self.place.clone(),
            id: id.to_owned(),
            full,
            usage,
            cost,
            energy,
            outcome: outcome.to_owned(),
            latency_ms: latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            keepsake: store.keepsake(id),
            billed: billed.map(str::to_owned),
        };
        let file = open(OpenOptions::new().append(true).create(true), &self.path)?;
        let mut file = turn::lock(file, PATIENCE)?;
        // It begins on a line of its own whatever a process that died has left.
        file.write_all(format!("\n{}\n", serde_json::to_string(&line)?).as_bytes())?;
        file.sync_all()
    }

    /// Tells `store` what waits for it. The first step that it fails ends it; the rest waits on.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn replay(&self, store: &dyn Store) -> Result<(), StoreError> {
        let refused =
            |error: io::Error| StoreError::Directory { path: self.path.clone(), reason: error.to_string() };
        let mut file = match open(OpenOptions::new().read(true).write(true), &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(refused)?,
        };
        // Whoever holds it is at it.
        if file.metadata().is_ok_and(|metadata| metadata.len() == 0) || file.try_lock().is_err() {
            return Ok(());
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(refused)?;
        let mut is_left = false;
        for (begins, line) in lines(&text) {
            match line {
                Some(line) if line.place == self.place => {
                    line.tell(store)?;
                    mark(&mut file, begins).map_err(refused)?;
                }
                // Another store's, a later version's, or half of a line.
                _ => is_left = true,
            }
        }
        if is_left { Ok(()) } else { file.set_len(0).map_err(refused) }
    }

    /// What waits for the store, which does not take it `because`; none where nothing waits.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn waiting(&self, because: &StoreError) -> io::Result<Option<Waiting>> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let mut waiting = Waiting { charges: 0, tokens: 0, because: because.to_string() };
        let ours = lines(&text).filter_map(|(_, line)| line.filter(|line| line.place == self.place));
        for line in ours {
            waiting.charges += 1;
            waiting.tokens = waiting.tokens.saturating_add(line.usage.total());
        }
        Ok((waiting.charges > 0).then_some(waiting))
    }
}

/// The lines that are not done with, each with the byte at which it begins; none for one that is no
/// settlement.
fn lines(text: &[u8]) -> impl Iterator<Item = (u64, Option<Line>)> {
    let mut start = 0;
    let lines = text.split_inclusive(|&byte| byte == b'\n').map(move |bytes| {
        let begins = start;
        start += bytes.len() as u64;
        (begins, bytes)
    });
    let open = lines.filter(|(_, bytes)| *bytes != b"\n" && bytes.first() != Some(&DONE));
    open.map(|(begins, bytes)| (begins, serde_json::from_slice(bytes).ok()))
}

impl Line {
    fn tell(&self, store: &dyn Store) -> Result<(), StoreError> {
        if let Some(keepsake) = &self.keepsake {
            store.remind(&self.id, keepsake);
        }
        let settlement = Settlement {
            full: self.full,
            usage: self.usage,
            cost: self.cost,
            energy: self.energy,
            outcome: &self.outcome,
            latency: self.latency_ms.map(Duration::from_millis),
        };
        match store.settle(&self.id, &settlement) {
            // The ledger knows of no such request that was sent: it was moved away.
            Err(StoreError::Transition { .. }) => {}
            settled => settled?,
        }
        self.billed.as_deref().map_or(Ok(()), |model| billed::mark(store, model))
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

fn mark(file: &mut File, line: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(line))?;
    file.write_all(&[DONE])
}
