//! What a history would have cost, as one value that text and JSON render.

mod json;
mod text;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::AddAssign;
use std::time::Duration;

use serde::Serialize;

use super::ModelName;
use crate::change::ChangeClass;
use crate::cli::ListFormat;
use crate::git::ObjectId;
use crate::meter::price::PriceSource;
use crate::tokens::PicoUsd;

/// Everything there is to say about the commits that were replayed.
#[derive(Debug, Default)]
pub struct Audit {
    /// What the repository is called.
    pub repository: String,
    /// The hook whose tiers and levels count.
    pub hook: String,
    /// The oldest and the newest commit; none where none could be replayed.
    pub range: Option<(ObjectId, ObjectId)>,
    /// Commits that were replayed.
    pub commits: usize,
    /// Those that need a model.
    pub asked: usize,
    /// Those that do not, by who answers them.
    pub no_model: NoModel,
    /// Those of which nothing would be sent, and something would not be reviewed either.
    pub not_reviewed: usize,
    /// Commits that could not be read.
    pub skipped: Vec<Skipped>,
    /// Units by class; a file without lines counts as one.
    pub by_class: BTreeMap<ChangeClass, u64>,
    /// Sums of tokens.
    pub tokens: Tokens,
    /// Requests of all commits.
    pub requests: usize,
    /// The most tokens that all replies may take.
    pub max_output_tokens: u64,
    /// What a token limit has to hold for one request before any code: instructions, schema, the longest
    /// reply and the margin.
    pub one_request_tokens: u64,
    /// What a token limit has to hold for a commit that asks a model; none where none does.
    pub per_commit: Option<PerCommit>,
    /// Commits of which more is sent than `git diff -U3` prints, newest first.
    pub larger: Vec<ObjectId>,
    /// Limits to choose from, the proposed one first; empty where no commit asks.
    pub limits: Vec<Candidate>,
    /// Where the changed lines went.
    pub changed_lines: ChangedLines,
    /// What the history costs by this model; none where the price is unknown.
    pub cost: Option<Cost>,
    /// The model that it is priced for.
    pub model: Option<ModelName>,
    /// Where the price comes from; none where there is none.
    pub price_source: Option<PriceSource>,
    /// The limit that was written into `hookgate.toml`.
    pub applied: Option<Applied>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Commits that need no model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoModel {
    /// Everything in them is proved to mean nothing.
    pub proof: usize,
    /// Rules answer something of them, as the policy says.
    pub policy: usize,
    /// An earlier review answers something of them.
    pub cache: usize,
}

impl NoModel {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.proof + self.policy + self.cache
    }
}

/// A commit that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which one.
    pub commit: ObjectId,
    /// Why, on one line.
    pub reason: String,
}

/// `o200k_base` tokens of the same changes in several forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// `git diff -U3`.
    pub diff_u3: u64,
    /// The same of code: without what a program wrote, what others wrote, prose, data and binaries.
    pub diff_u3_code: u64,
    /// The same of the files of which anything is sent.
    pub diff_u3_sent: u64,
    /// `git diff -W`.
    pub diff_w: u64,
    /// The new side of every file that was touched and is text.
    pub full_files: u64,
    /// Code in hookgate's requests.
    pub payload: u64,
    /// hookgate's requests with instructions and schema.
    pub input: u64,
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.diff_u3 += other.diff_u3;
        self.diff_u3_code += other.diff_u3_code;
        self.diff_u3_sent += other.diff_u3_sent;
        self.diff_w += other.diff_w;
        self.full_files += other.full_files;
        self.payload += other.payload;
        self.input += other.input;
    }
}

impl Tokens {
    /// The other forms, each with its name for programs and for people.
    fn baselines(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            ("diff_u3", "git diff -U3", self.diff_u3),
            ("diff_u3_code", "git diff -U3, code", self.diff_u3_code),
            ("diff_u3_sent", "git diff -U3, files sent", self.diff_u3_sent),
            ("diff_w", "git diff -W", self.diff_w),
            ("full_files", "whole files", self.full_files),
        ]
    }

    /// How many times the payload `tokens` are; none where nothing is sent.
    fn ratio(&self, tokens: u64) -> Option<f64> {
        (self.payload > 0).then(|| tokens as f64 / self.payload as f64)
    }
}

/// What a token limit has to hold for a commit that asks a model, over all such commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerCommit {
    /// The median: half of the commits need no more.
    pub p50: u64,
    /// Nine of ten need no more.
    pub p90: u64,
    /// Nineteen of twenty need no more.
    pub p95: u64,
    /// The mean, rounded down.
    pub mean: u64,
}

/// A limit to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Where it comes from: `mean-20%`, `p50`, `p90`, `p95`.
    pub name: &'static str,
    /// The limit.
    pub tokens: u64,
    /// Past commits whose requests would not have fitted whole.
    pub denied: usize,
    /// Whether it leaves no room for any code, so that no request would be sent at all.
    pub sends_nothing: bool,
}

/// Changed lines of both sides by who answers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangedLines {
    /// All that `git diff` marks.
    pub total: u64,
    /// Nobody has to: proved to mean nothing.
    pub dropped: u64,
    /// Rules.
    pub rules: u64,
    /// An earlier review.
    pub cache: u64,
    /// A model.
    pub sent: u64,
    /// Nobody.
    pub not_reviewed: u64,
    /// Lost: in no unit, or in more than one. Anything but 0 is a defect of hookgate's.
    pub uncovered: u64,
}

impl AddAssign for ChangedLines {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.dropped += other.dropped;
        self.rules += other.rules;
        self.cache += other.cache;
        self.sent += other.sent;
        self.not_reviewed += other.not_reviewed;
        self.uncovered += other.uncovered;
    }
}

/// What the history costs in three forms, one request a commit where it is not hookgate that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Every commit's `git diff -U3`.
    pub diff_u3: PicoUsd,
    /// Every commit's files.
    pub full_files: PicoUsd,
    /// hookgate's requests.
    pub hookgate: PicoUsd,
}

/// A limit that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The file, from the top of the work tree.
    pub file: String,
    /// The hook.
    pub hook: String,
    /// The limit.
    pub token_limit: u64,
    /// The limit that counts, where another file sets a lower one or sets it again.
    pub in_force: u64,
    /// Why that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Whether nothing is sent until the user allows it, since the limit is above the usual one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_consent: bool,
}

/// Writes an audit, as text or as one line of JSON.
///
/// # Errors
/// A closed or full stream.
pub fn write(audit: &Audit, format: ListFormat, verbose: bool, out: &mut impl Write) -> io::Result<()> {
    match format {
        ListFormat::Text => out.write_all(text::render(audit, verbose).as_bytes()),
        ListFormat::Json => writeln!(out, "{}", json::render(audit)?),
    }
}
