//! One rule's or model's result at a location.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::git::RepoPath;

/// One result at a location. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: the path.
    pub path: RepoPath,
    /// First line of the new side.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// First byte within `line`.
    pub column: u32,
    /// Byte after the last one within `end_line`.
    pub end_column: u32,
    /// Stable id of the rule, `python/breakpoint`; `model/<category>` for a model's finding.
    pub rule: String,
    /// Who says so.
    pub source: Source,
    /// Harm if it is true.
    pub severity: Severity,
    /// Chance that it is true.
    pub confidence: Confidence,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub note: Option<String>,
    /// What would mend it.
    pub fix: Option<Fix>,
    /// The first located line, as it stands in the file but with secrets masked by as many asterisks;
    /// empty for a finding about a whole file.
    pub excerpt: Arc<str>,
}

/// A replacement that mends a finding without a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Bytes of the new side that are replaced.
    pub range: Range<usize>,
    /// What takes their place.
    pub text: String,
}

impl Finding {
    /// First and last line, without a last line of which no byte belongs to it.
    #[must_use]
    pub fn lines(&self) -> (u32, u32) {
        let is_before = self.end_column <= 1 && self.end_line > self.line;
        (self.line, self.end_line - u32::from(is_before))
    }

    /// A short name that stays the same while the finding moves within its file: the first 12 hex
    /// digits of BLAKE3 over path, rule and the located line without its outer white space.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [self.path.as_bytes(), self.rule.as_bytes(), self.excerpt.trim().as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex()[..12].to_owned()
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A rule of a pack.
    Rule,
    /// A model.
    Model,
    /// The grammar.
    Syntax,
    /// A rule of a pack of secrets, over what is committed or over what was about to be sent.
    Secret,
}

/// Harm if a finding is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending; never blocks.
    Warning,
    /// Nobody would commit it on purpose; blocks.
    Error,
}

/// Chance that a finding is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A guess.
    Low,
    /// Likely.
    Medium,
    /// As good as certain.
    High,
}

macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ })+) => {$(
        impl $type {
            /// The word that rule packs, reports and the ledger use.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

words! {
    Source { Rule = "rule", Model = "model", Syntax = "syntax", Secret = "secret" }
    Severity { Info = "info", Warning = "warning", Error = "error" }
    Confidence { Low = "low", Medium = "medium", High = "high" }
}
