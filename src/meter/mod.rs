//! What it may cost: limits over windows of time, kept by every process together.

pub mod price;
mod calendar;
pub mod denial;
pub mod store;
pub mod budget;
pub mod units;

use std::io;
use std::path::Path;

use crate::tokens::PicoUsd;

/// Limits in force for one hook run, each hard. Tokens count input, output and retries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of one request.
    pub call: Option<u64>,
    /// Of the hook run.
    pub hook: Option<u64>,
    /// Of the user's day (UTC).
    pub day: Option<u64>,
    /// Of the user's month (UTC).
    pub month: Option<u64>,
    /// Money of the user's day.
    pub day_usd: Option<PicoUsd>,
    /// Money of the user's month.
    pub month_usd: Option<PicoUsd>,
}

/// Whom a request is charged to, on every row of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The repository's name.
    pub repository: String,
    /// The branch; none when detached.
    pub branch: Option<String>,
    /// The team that the user's file names.
    pub team: Option<String>,
    /// The hook.
    pub hook: String,
}

/// A period over which a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// One request.
    Call,
    /// One hook run.
    Hook,
    /// One UTC day.
    Day,
    /// One UTC month.
    Month,
}

impl Window {
    /// The word that reports and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Hook => "hook",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Input plus output tokens.
    Tokens,
    /// Pico-USD.
    Money,
}

/// Makes a directory for what is this user's alone, and those above it, where they are missing.
///
/// # Errors
/// What the system says.
pub fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
