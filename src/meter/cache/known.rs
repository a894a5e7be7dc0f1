//! Reviews as rows: read with their seal, joined into chains, and asked why they do not answer.

use blake3::Hash;
use rusqlite::types::ToSql;
use rusqlite::{Row, Transaction, params};

use super::chain::chain;
use super::{Edge, Miss, Review, Terms, signed, unsigned};

/// Reviews of one definition that are looked at, newest first.
const MOST_OF_ONE: u64 = 2000;

/// A review as it is kept; its `id` is zero where it is not, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) terms: Terms,
    pub(super) old: Option<Hash>,
    pub(super) new: Option<Hash>,
    pub(super) repository: String,
    pub(super) time: u64,
    pub(super) tokens: u64,
    pub(super) millis: u64,
    pub(super) said: String,
}

impl Known {
    pub(super) fn of(review: &Review, terms: &Terms, repository: &str, time: u64) -> Self {
        Self {
            id: 0,
            terms: terms.clone(),
            old: review.edge.old,
            new: review.edge.new,
            repository: repository.to_owned(),
            time,
            tokens: review.tokens,
            millis: review.millis,
            said: review.said.clone(),
        }
    }

    /// The review in a row of the query below, and whether its seal is whole.
    fn read(row: &Row<'_>, place: Hash) -> rusqlite::Result<Option<Self>> {
        let hash = |column| -> rusqlite::Result<Option<Hash>> {
            Ok(Hash::from_slice(row.get_ref(column)?.as_blob()?).ok())
        };
        let Some(prompt) = hash(3)? else { return Ok(None) };
        let known = Self {
            id: row.get(0)?,
            terms: Terms { model: row.get(1)?, level: row.get(2)?, prompt },
            old: hash(4)?,
            new: hash(5)?,
            repository: row.get(6)?,
            time: unsigned(row.get(7)?),
            tokens: unsigned(row.get(8)?),
            millis: unsigned(row.get(9)?),
            said: row.get(10)?,
        };
        let seal = hash(11)?;
        Ok((seal == Some(known.seal(place))).then_some(known))
    }

    /// Writes it in place of one of the same edge on the same terms.
    pub(super) fn keep(
        &self,
        transaction: &Transaction<'_>,
        place: Hash,
        today: u64,
    ) -> rusqlite::Result<()> {
        let (old, new) = (bytes(&self.old), bytes(&self.new));
        let key: [&dyn ToSql; 6] = [
            &place.as_bytes(),
            &self.terms.model,
            &self.terms.level,
            &self.terms.prompt.as_bytes(),
            &old,
            &new,
        ];
        transaction
            .prepare_cached(
                "DELETE FROM reviews WHERE place = ?1 AND model = ?2 AND level = ?3 AND prompt = ?4
                 AND old = ?5 AND new = ?6",
            )?
            .execute(&key[..])?;
        let rest: [&dyn ToSql; 7] = [
            &self.repository,
            &signed(self.time),
            &signed(today),
            &signed(self.tokens),
            &signed(self.millis),
            &self.said,
            &self.seal(place).as_bytes().to_vec(),
        ];
        transaction
            .prepare_cached(
                "INSERT INTO reviews (place, model, level, prompt, old, new, repository, time, used,
                 tokens, millis, said, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(&[&key[..], &rest[..]].concat()[..])?;
        Ok(())
    }

    /// BLAKE3 over all that is read of a review. It keeps out what a damaged file shows; whoever can
    /// write the file can make one.
    pub(super) fn seal(&self, place: Hash) -> Hash {
        let numbers = [self.time, self.tokens, self.millis].map(u64::to_le_bytes).concat();
        let mut hasher = blake3::Hasher::new();
        for part in [
            place.as_bytes(),
            self.terms.model.as_bytes(),
            self.terms.level.as_bytes(),
            self.terms.prompt.as_bytes(),
            &bytes(&self.old),
            &bytes(&self.new),
            self.repository.as_bytes(),
            &numbers,
            self.said.as_bytes(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize()
    }
}

/// All reviews of a definition, newest first.
pub(super) fn reviews(transaction: &Transaction<'_>, place: Hash) -> rusqlite::Result<Vec<Known>> {
    let mut query = transaction.prepare_cached(
        "SELECT id, model, level, prompt, old, new, repository, time, tokens, millis, said, seal FROM reviews
         WHERE place = ?1 ORDER BY time DESC, id DESC LIMIT ?2",
    )?;
    let rows = query
        .query_map(params![place.as_bytes(), signed(MOST_OF_ONE)], |row| Known::read(row, place))?
        // A row that does not have the types of its columns is damaged like one with a broken seal.
        .filter_map(|row| match row {
            Ok(known) => known.map(Ok),
            Err(error) if error.sqlite_error().is_none() => None,
            Err(error) => Some(Err(error)),
        });
    rows.collect()
}

/// The shortest chain of reviews on these terms that leads where `edge` does.
pub(super) fn chain_on<'k>(known: &'k [Known], terms: &Terms, edge: &Edge) -> Option<Vec<&'k Known>> {
    let same: Vec<_> = known.iter().filter(|known| known.terms == *terms).collect();
    let ends: Vec<_> = same.iter().map(|known| (known.old, known.new)).collect();
    let chain = chain(&ends, edge.old, edge.new)?;
    Some(chain.into_iter().map(|index| same[index]).collect())
}

/// Why there is no chain on these terms.
pub(super) fn cause(known: &[Known], terms: &Terms, repository: &str, edge: &Edge) -> Miss {
    let mut others: Vec<&Terms> = Vec::new();
    for known in known {
        if !others.contains(&&known.terms) {
            others.push(&known.terms);
        }
    }
    others.retain(|other| chain_on(known, other, edge).is_some());
    if others.iter().any(|other| other.model == terms.model && other.level == terms.level) {
        Miss::Prompt
    } else if others.iter().any(|other| other.model == terms.model) {
        Miss::Level
    } else if !others.is_empty() {
        Miss::Model
    } else if known.iter().any(|known| known.repository == repository) {
        Miss::Changed
    } else {
        Miss::New
    }
}

/// A hash, or no bytes for none.
pub(super) fn bytes(hash: &Option<Hash>) -> Vec<u8> {
    hash.map_or_else(Vec::new, |hash| hash.as_bytes().to_vec())
}
