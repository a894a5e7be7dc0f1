//! Reviews that the machines of a team share over a Redis server, so that what a developer's hook has
//! paid for is not paid for again in CI, nor the other way round.
//!
//! The server is not trusted with anything: it sees neither what was reviewed nor what was said, and
//! a client without the team's secret can neither ask after a review nor plant one. What it can do is
//! to forget, and that costs tokens.
//!
//! One hash for each definition holds its reviews, as a chain of them needs them all. The names of
//! the keys are `reviews:{hg:<namespace>}:<hash>`: on the same node of a cluster as the store's, and
//! under a prefix of their own, for which access lists can have rules of their own.

mod seal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use blake3::Hash;
use redis::{Cmd, Pipeline, Script};
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::{Review, Terms};
use crate::meter::store::StoreError;
use crate::meter::store::redis::Server;
use crate::meter::store::redis::link::Link;
use seal::Keys;
pub use seal::{SHORTEST, Secret};

/// For how long a definition's reviews are kept after the last one.
const KEPT: Duration = Duration::from_secs(60 * 86_400);
/// Reviews of one definition.
const MOST_OF_ONE: usize = 64;
/// Definitions, of about a KiB each.
const MOST: usize = 50_000;
/// Definitions that one command asks after, or adds to.
const TOGETHER: usize = 200;

/// What a team shares, and whether this run may add to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Where.
    pub server: Server,
    /// What names and seals are made with.
    pub secret: Secret,
    /// Whether the reviews of this run are shared, too.
    pub writes: bool,
}

/// Why nothing is shared.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The variable is not set.
    #[error("it needs the team's secret in the environment variable {0}, which is not set")]
    SecretMissing(String),
    /// It could be guessed.
    #[error(
        "the team's secret in the environment variable {0} has fewer than {SHORTEST} bytes; make one with `openssl rand -hex 32`"
    )]
    SecretShort(String),
    /// The server does not answer as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Team {
    /// Whether the secret can be used.
    ///
    /// # Errors
    /// [`SharedError`], and never one of the server, which is not asked.
    pub fn check(&self) -> Result<(), SharedError> {
        self.keys().map(drop)
    }

    fn keys(&self) -> Result<Keys, SharedError> {
        let variable = || self.secret.variable.clone();
        let value = self.secret.value.as_deref().ok_or_else(|| SharedError::SecretMissing(variable()))?;
        if value.len() < SHORTEST {
            return Err(SharedError::SecretShort(variable()));
        }
        Ok(Keys::of(value))
    }
}

/// The reviews of a team. No connection is made before something is asked.
pub struct Shared {
    link: Link,
    keys: Keys,
    writes: bool,
}

/// Reviews that other machines have shared, by definition.
#[derive(Default)]
pub struct Fetched {
    pub(super) known: HashMap<Hash, Vec<Known>>,
    /// Entries that this team's secret has not sealed, or not as they are.
    pub rejected: usize,
}

impl Shared {
    /// The reviews of `team`, for which nobody waits after `until`.
    ///
    /// # Errors
    /// [`SharedError`], where the secret cannot be used.
    pub fn new(team: &Team, until: Option<Instant>) -> Result<Self, SharedError> {
        let keys = team.keys()?;
        // A connection and an answer may take so long each, and both together no longer than one
        // answer of the store may.
        let server = Server { timeout: team.server.timeout / 2, ..team.server.clone() };
        Ok(Self { link: Link::new(server, until), keys, writes: team.writes })
    }

    /// Whether the reviews of this run are shared.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// What is known of these definitions. `now` is in ms since the epoch. This leaves no trace.
    ///
    /// # Errors
    /// [`SharedError::Store`].
    pub fn fetch(&mut self, places: &[Hash], now: u64) -> Result<Fetched, SharedError> {
        let mut fetched = Fetched::default();
        for places in places.chunks(TOGETHER) {
            let mut commands = Pipeline::new();
            for &place in places {
                commands.add_command(Cmd::hgetall(self.name(place)));
            }
            let answers: Vec<HashMap<String, Vec<u8>>> = self.link.commands(&commands)?;
            for (&place, answer) in places.iter().zip(answers) {
                let all = answer.len();
                let mut known: Vec<_> =
                    answer.iter().filter_map(|(field, value)| self.read(place, field, value, now)).collect();
                fetched.rejected += all - known.len();
                // In the order in which the reviews of the local file are looked at.
                known.sort_by(|one, next| (next.time, &next.said).cmp(&(one.time, &one.said)));
                fetched.known.insert(place, known);
            }
        }
        Ok(fetched)
    }

    /// Shares reviews, each in place of one of the same edge on the same terms. `now` is in ms since
    /// the epoch.
    ///
    /// # Errors
    /// [`SharedError::Store`]: then not all of them are shared.
    pub fn store(
        &mut self,
        terms: &Terms,
        repository: &str,
        reviews: &[Review],
        now: u64,
    ) -> Result<(), SharedError> {
        let mut places: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
        for review in reviews {
            let place = review.edge.place;
            let known = Known::of(review, terms, repository, now);
            let (name, field) = (self.keys.place(place), self.keys.review(place, &known));
            let Ok(text) = serde_json::to_string(&Record::of(&known)) else { continue };
            if let Some(sealed) = self.keys.seal(&name, &field, &text) {
                places.entry(self.key(&format!(":{name}"))).or_default().push((field, sealed));
            }
        }
        let places: Vec<_> = places.into_iter().collect();
        let script = Script::new(include_str!("shared/share.lua"));
        for places in places.chunks(TOGETHER) {
            let mut keys = vec![self.key("")];
            let bounds = [KEPT.as_millis(), MOST_OF_ONE as u128, MOST as u128];
            let mut arguments: Vec<Vec<u8>> = bounds.iter().map(|it| it.to_string().into_bytes()).collect();
            for (key, entries) in places {
                keys.push(key.clone());
                arguments.push(entries.len().to_string().into_bytes());
                for (field, sealed) in entries {
                    arguments.extend([field.clone().into_bytes(), sealed.clone()]);
                }
            }
            let () = self.link.run(&script, &keys, &arguments)?;
        }
        Ok(())
    }

    /// The name of a definition's hash.
    fn name(&self, place: Hash) -> String {
        self.key(&format!(":{}", self.keys.place(place)))
    }

    fn key(&self, rest: &str) -> String {
        format!("reviews:{}{rest}", self.link.server().tag())
    }

    /// An entry, which the server's time stands before; none where it was not sealed with this
    /// secret, as it is and for its place.
    fn read(&self, place: Hash, field: &str, value: &[u8], now: u64) -> Option<Known> {
        let end = value.iter().position(|&byte| byte == b':')?;
        let text = self.keys.open(&self.keys.place(place), field, &value[end + 1..])?;
        let known = serde_json::from_str::<Record>(&text).ok()?.known(now)?;
        (self.keys.review(place, &known) == field).then_some(known)
    }
}

/// A review as it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    model: String,
    level: String,
    prompt: String,
    old: Option<String>,
    new: Option<String>,
    repository: String,
    time: u64,
    tokens: u64,
    millis: u64,
    said: String,
}

impl Record {
    fn of(known: &Known) -> Self {
        let hex = |hash: Hash| hash.to_hex().to_string();
        Self {
            model: known.terms.model.clone(),
            level: known.terms.level.clone(),
            prompt: hex(known.terms.prompt),
            old: known.old.map(hex),
            new: known.new.map(hex),
            repository: known.repository.clone(),
            time: known.time,
            tokens: known.tokens,
            millis: known.millis,
            said: known.said.clone(),
        }
    }

    /// The review; a clock that is ahead of ours does not make it one of the future.
    fn known(self, now: u64) -> Option<Known> {
        let hash = |hex: String| Hash::from_hex(hex).ok();
        let end = |hex: Option<String>| hex.map_or(Some(None), |hex| hash(hex).map(Some));
        Some(Known {
            id: 0,
            terms: Terms { model: self.model, level: self.level, prompt: hash(self.prompt)? },
            old: end(self.old)?,
            new: end(self.new)?,
            repository: self.repository,
            time: self.time.min(now),
            tokens: self.tokens,
            millis: self.millis,
            said: self.said,
        })
    }
}
