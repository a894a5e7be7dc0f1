//! Price lists by the host that serves a model: one in this program, and one that the user may put in
//! its place with `hookgate prices update`. No list is ever fetched.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{LongPrompt, Price, PriceError, PriceSource, litellm};
use crate::meter::calendar::{date, since_epoch};
use crate::meter::make_private;
use crate::text::{is_unprintable, one_line};
use crate::tokens::{Count, PicoUsd};

/// Characters of the longest id, and of what is shown of a list's own words.
const WORDS: usize = 120;

/// The name of the user's list in the state directory.
const FILE: &str = "prices.json";

/// The longest list that is read, in bytes: ten times the longest that is published.
const SIZE_LIMIT: u64 = 16 << 20;

/// The version of the form in which lists are kept.
const VERSION: u32 = 1;

/// Days after which a list is old: providers change some price every few weeks.
const OLD: i32 = 90;

/// What models cost, as one list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Of when the prices are.
    pub date: Date,
    /// Where they come from, in words.
    pub source: String,
    prices: BTreeMap<String, BTreeMap<String, Listed>>,
}

/// A price of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The price.
    pub price: Price,
    /// What the list says of it that is not believed, so that the input's price counts instead.
    pub suspect: Option<String>,
}

/// What was not believed of a list: names as `host/model`, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// Models without a price that could be believed, which are left out.
    pub dropped: Vec<(String, String)>,
    /// Models whose cache prices are not believed, so that their input's price counts instead.
    pub suspect: Vec<(String, String)>,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read or written.
    #[error("failed to {action} {path}: {source}", path = path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no price list.
    #[error(
        "{path} is no price list ({why}): expected LiteLLM's model_prices_and_context_window.json, or what `hookgate prices --all --format json` prints",
        path = path.display()
    )]
    NotAList {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        why: String,
    },
    /// It says nothing about any model that hookgate could ask, or nothing that can be believed.
    #[error("nothing in {path} can be used: {why}", path = path.display(), why = unusable(.left_out))]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it has, with the reason why that is no price; see [`Lint::dropped`].
        left_out: Vec<(String, String)>,
    },
    /// The list that `hookgate prices update` wrote is damaged.
    #[error(
        "{path} is damaged ({why}): run `hookgate prices update FILE` again, or `hookgate prices update --remove` to go back to the prices in this program",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        why: String,
    },
}

/// Why a list without a price has none, with the first models that it names.
fn unusable(left_out: &[(String, String)]) -> String {
    const NAMED: usize = 3;
    if left_out.is_empty() {
        return "it prices no chat model of a provider that hookgate knows".to_owned();
    }
    let mut named: Vec<_> = left_out.iter().take(NAMED).map(|(name, why)| format!("{name}: {why}")).collect();
    if left_out.len() > NAMED {
        named.push(format!("and {} more", left_out.len() - NAMED));
    }
    format!("no price of {} can be believed ({})", Count(left_out.len(), "model"), named.join("; "))
}

/// The form in which lists are kept.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    date: String,
    source: String,
    /// By host and model.
    prices: BTreeMap<String, BTreeMap<String, WrittenPrice>>,
}

/// A price as it stands in a list, in USD per million tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct WrittenPrice {
    pub(super) input: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_input: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write: Option<f64>,
    pub(super) output: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) long: Option<WrittenLong>,
    /// What was not believed when the list was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suspect: Option<String>,
    /// Other ids of the same model: those with a date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) also: Vec<String>,
}

/// What long prompts cost, in USD per million tokens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct WrittenLong {
    pub(super) above: u64,
    pub(super) input: f64,
    pub(super) output: f64,
}

/// Whether a host or a model may be called so: it is shown on a terminal.
fn is_id(id: &str) -> bool {
    let is_graphic = |it: char| !it.is_whitespace() && !is_unprintable(it);
    (1..=WORDS).contains(&id.chars().count()) && id.chars().all(is_graphic)
}

impl WrittenPrice {
    /// What is believed of it.
    fn lint(&self) -> Result<Listed, PriceError> {
        let Self { input, output, .. } = *self;
        let mut price = Price::per_million(input, None, None, output)?;
        for (field, usd) in [("input", input), ("output", output)] {
            if usd == 0.0 {
                return Err(PriceError::Free { field });
            }
        }
        if let Some(WrittenLong { above, input, output }) = self.long {
            let long = Price::per_million(input, None, None, output)?;
            if long.input < price.input || long.output < price.output {
                return Err(PriceError::LongBelowShort);
            }
            price.long = Some(LongPrompt { above, input: long.input, output: long.output });
        }
        let mut suspect: Vec<String> = self.suspect.iter().cloned().collect();
        match self.cached_input.map(|cached| (cached, Price::per_million(input, Some(cached), None, output)))
        {
            Some((0.0, Ok(_))) => suspect.push(PriceError::Free { field: "cached_input" }.to_string()),
            Some((_, Ok(with))) => price.cached_input = with.cached_input,
            Some((_, Err(error))) => suspect.push(error.to_string()),
            None => {}
        }
        match self.cache_write.map(|write| Price::per_million(input, None, Some(write), output)) {
            Some(Ok(with)) => price.cache_write = with.cache_write,
            Some(Err(error)) => suspect.push(error.to_string()),
            None => {}
        }
        Ok(Listed { price, suspect: (!suspect.is_empty()).then(|| suspect.join("; ")) })
    }

    fn of(listed: &Listed) -> Self {
        let usd = |price: PicoUsd| price.0 as f64 / 1e6;
        let Price { input, cached_input, cache_write, output, long, .. } = listed.price;
        let unlike = |price: PicoUsd| (price != input).then(|| usd(price));
        let long = long.map(|LongPrompt { above, input, output }| WrittenLong {
            above,
            input: usd(input),
            output: usd(output),
        });
        Self {
            input: usd(input),
            cached_input: unlike(cached_input),
            cache_write: unlike(cache_write),
            output: usd(output),
            long,
            suspect: listed.suspect.clone(),
            also: Vec::new(),
        }
    }
}

impl Table {
    /// Reads a list that somebody else made: LiteLLM's, of `date`, or one in hookgate's own form, which
    /// says its date itself. Without a date, that of the file's last change counts.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn import(path: &Path, date: Option<Date>) -> Result<(Self, Lint), TableError> {
        let text = read(path)?;
        let not_a_list = |why: String| TableError::NotAList { path: path.to_owned(), why };
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| not_a_list(error.to_string()))?;
        let (table, lint) = if json.get("prices").is_some() {
            Self::parse(&text, PriceSource::Updated).map_err(not_a_list)?
        } else {
            let models = json.as_object().ok_or_else(|| not_a_list("it is no JSON object".to_owned()))?;
            let date = match date {
                Some(date) => date,
                None => modified(path)?,
            };
            let source = "LiteLLM model_prices_and_context_window.json".to_owned();
            let (prices, left_out) = litellm::trim(models);
            let (table, mut lint) = Self::believe(date, source, prices, PriceSource::Updated);
            lint.dropped.extend(left_out.into_iter().map(|(name, why)| (one_line(&name, WORDS), why)));
            (table, lint)
        };
        if table.prices.is_empty() {
            return Err(TableError::Empty { path: path.to_owned(), left_out: lint.dropped });
        }
        Ok((table, lint))
    }

    fn parse(text: &str, source: fn(Date) -> PriceSource) -> Result<(Self, Lint), String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if written.version != VERSION {
            return Err(format!("version {}, and this hookgate knows {VERSION}", written.version));
        }
        let date = written.date.parse();
        let date = date.map_err(|error: jiff::Error| format!("date {:?}: {error}", written.date))?;
        Ok(Self::believe(date, written.source, written.prices, source))
    }

    /// Keeps what can be believed.
    fn believe(
        date: Date,
        source: String,
        written: BTreeMap<String, BTreeMap<String, WrittenPrice>>,
        of: fn(Date) -> PriceSource,
    ) -> (Self, Lint) {
        let mut lint = Lint::default();
        let mut prices: BTreeMap<String, BTreeMap<String, Listed>> = BTreeMap::new();
        let source = one_line(&source, WORDS);
        for (host, models) in written {
            for (model, mut written) in models {
                // What is dropped is named, too.
                let name = one_line(&format!("{host}/{model}"), WORDS);
                if ![&host, &model].into_iter().chain(&written.also).all(|id| is_id(id)) {
                    let why =
                        "an id is made of 1 to 120 characters that a terminal shows, without white space";
                    lint.dropped.push((name, why.to_owned()));
                    continue;
                }
                written.suspect = written.suspect.map(|suspect| one_line(&suspect, 2 * WORDS));
                match written.lint() {
                    Ok(mut listed) => {
                        listed.price.source = of(date);
                        if let Some(suspect) = &listed.suspect {
                            lint.suspect.push((name, suspect.clone()));
                        }
                        let of_host = prices.entry(host.clone()).or_default();
                        for model in written.also.into_iter().chain([model]) {
                            of_host.insert(model, listed.clone());
                        }
                    }
                    Err(error) => lint.dropped.push((name, error.to_string())),
                }
            }
        }
        (Self { date, source, prices }, lint)
    }

    /// The list in this program.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let parsed = Self::parse(include_str!("table.json"), PriceSource::Embedded);
            // A test reads the same bytes.
            let empty = || Self { date: Date::ZERO, source: String::new(), prices: BTreeMap::new() };
            parsed.map_or_else(|_| empty(), |(table, _)| table)
        })
    }

    /// The price of `model` at `host`; none where the list does not have exactly that.
    #[must_use]
    pub fn get(&self, host: &str, model: &str) -> Option<&Listed> {
        self.prices.get(host)?.get(model)
    }

    /// All prices, by host and model.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Listed)> {
        self.prices.iter().flat_map(|(host, models)| {
            models.iter().map(move |(model, listed)| (host.as_str(), model.as_str(), listed))
        })
    }

    /// The part of the list whose models' ids hold `part`.
    #[must_use]
    pub fn only(&self, part: &str) -> Self {
        let mut table = self.clone();
        table.prices.values_mut().for_each(|models| models.retain(|model, _| model.contains(part)));
        table.prices.retain(|_, models| !models.is_empty());
        table
    }

    /// How many days the list is older than `today`, where that is too many.
    #[must_use]
    pub fn old_at(&self, today: Date) -> Option<i32> {
        let days = today.since(self.date).map_or(0, |span| span.get_days());
        (days > OLD).then_some(days)
    }

    /// The list in hookgate's own form.
    ///
    /// # Errors
    /// None that a list could cause.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let prices = self.prices.iter().map(|(host, models)| {
            let models = models.iter().map(|(model, listed)| (model.clone(), WrittenPrice::of(listed)));
            (host.clone(), models.collect())
        });
        let written = Written {
            version: VERSION,
            date: self.date.to_string(),
            source: self.source.clone(),
            prices: prices.collect(),
        };
        serde_json::to_string(&written)
    }
}

/// The lists in force: what the user's does not have, the one in this program may.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    updated: Option<Table>,
}

impl Prices {
    /// Reads the user's list in the state directory, if there is one.
    ///
    /// # Errors
    /// A list that cannot be read: prices that the user has chosen are not silently replaced.
    pub fn load(directory: &Path) -> Result<Self, TableError> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let damaged = |why| TableError::Damaged { path: path.clone(), why };
        let text = read(&path).map_err(|error| match error {
            TableError::NotAList { why, .. } => damaged(why),
            error => error,
        })?;
        let (table, _) = Table::parse(&text, PriceSource::Updated).map_err(damaged)?;
        Ok(Self { updated: Some(table) })
    }

    /// The price of `model` at `host`; none where no list has exactly that.
    #[must_use]
    pub fn get(&self, host: &str, model: &str) -> Option<&Listed> {
        let updated = self.updated.as_ref().and_then(|table| table.get(host, model));
        updated.or_else(|| Table::embedded().get(host, model))
    }

    /// The list that is asked first.
    #[must_use]
    pub fn first(&self) -> &Table {
        self.updated.as_ref().unwrap_or_else(|| Table::embedded())
    }
}

/// Makes `table` the user's list. Returns where it is.
///
/// # Errors
/// [`TableError::File`].
pub fn keep(directory: &Path, table: &Table) -> Result<PathBuf, TableError> {
    let path = directory.join(FILE);
    let failed = |source| TableError::File { action: "write", path: path.clone(), source };
    make_private(directory).map_err(failed)?;
    // Whoever reads meanwhile reads the old list or the new one.
    let draft = directory.join(format!("{FILE}.{}", std::process::id()));
    let written = std::fs::File::create(&draft).and_then(|mut file| {
        file.write_all(table.to_json().map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)
    });
    if written.is_err() {
        drop(std::fs::remove_file(&draft));
    }
    written.map_err(failed)?;
    Ok(path)
}

/// Takes the user's list away. Returns whether there was one.
///
/// # Errors
/// [`TableError::File`].
pub fn forget(directory: &Path) -> Result<bool, TableError> {
    let path = directory.join(FILE);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TableError::File { action: "remove", path, source }),
    }
}

fn read(path: &Path) -> Result<String, TableError> {
    use io::Read as _;
    let failed = |source| TableError::File { action: "read", path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(SIZE_LIMIT + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            TableError::NotAList { path: path.to_owned(), why: "it is not UTF-8 text".to_owned() }
        }
        _ => failed(error),
    })?;
    if text.len() as u64 > SIZE_LIMIT {
        return Err(failed(io::Error::other(format!("it is larger than {} MiB", SIZE_LIMIT >> 20))));
    }
    Ok(text)
}

/// The UTC day on which a file was last changed.
fn modified(path: &Path) -> Result<Date, TableError> {
    let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.map(|time| date(since_epoch(time))).map_err(|source| TableError::File {
        action: "find the date of",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
