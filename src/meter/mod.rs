//! What it may cost: limits over windows of time, kept by every process together.

pub mod price;
pub mod estimate;
pub mod calendar;
pub mod denial;
pub mod store;
pub mod standing;
pub mod crossing;
mod billed;
pub mod spool;
pub mod budget;
pub mod breaker;
pub mod units;
pub mod cache;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Whom a limit counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The user, over all repositories.
    User,
    /// The repository.
    Repository,
    /// The team.
    Team,
    /// The stage of a pipeline.
    Stage,
}

impl Scope {
    /// All scopes, the order in which limits are compared.
    pub const ALL: [Self; 4] = [Self::User, Self::Repository, Self::Team, Self::Stage];

    /// The word that reports and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Repository => "repository",
            Self::Team => "team",
            Self::Stage => "stage",
        }
    }
}

/// A hard limit on one window of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The window that it counts over.
    pub window: Window,
    /// Whom it counts for. A call and a hook run belong to all their scopes at once.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The most: tokens or pico-USD.
    pub most: u64,
}

/// The limits in force for one hook run, each hard, in the order in which they are compared: narrow
/// windows first, tokens before money. Tokens count input, output and retries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// The limits, in any order.
    #[must_use]
    pub fn new(mut limits: Vec<Limit>) -> Self {
        limits.sort_by_key(|limit| (limit.unit, limit.window, limit.scope, limit.most));
        Self(limits)
    }

    /// The limits, in the order in which they are compared.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter()
    }

    /// The lowest limit on a window's tokens.
    #[must_use]
    pub fn tokens(&self, window: Window) -> Option<u64> {
        let limits = self.0.iter().filter(|limit| limit.window == window && limit.unit == Unit::Tokens);
        limits.map(|limit| limit.most).min()
    }
}

/// Whom a request is charged to, on every row of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// Who ran it: the name in the user's file, or that of the account.
    pub user: String,
    /// The repository's name; empty outside of repositories.
    pub repository: String,
    /// The branch; none when detached.
    pub branch: Option<String>,
    /// The team that the user's file names.
    pub team: Option<String>,
    /// The hook.
    pub hook: String,
    /// The stage of a pipeline: what CI calls it, or `local`.
    pub stage: String,
    /// The run of a CI system, `github:1234567/2`; none outside of CI.
    pub ci_run: Option<String>,
    /// Labels of the user's choice.
    pub labels: BTreeMap<String, String>,
}

impl Attribution {
    /// The name that a scope has here; none where the request belongs to no such scope.
    #[must_use]
    pub fn scope(&self, scope: Scope) -> Option<&str> {
        match scope {
            Scope::User => Some(&self.user),
            Scope::Repository => Some(self.repository.as_str()).filter(|name| !name.is_empty()),
            Scope::Team => self.team.as_deref(),
            Scope::Stage => Some(&self.stage),
        }
    }
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
