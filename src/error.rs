//! What went wrong, and in which stage.

use std::io;

use crate::config::ConfigError;
use crate::exit::ExitStatus;
use crate::git::GitError;
use crate::hook::install::InstallError;
use crate::meter::budget::BudgetError;

/// Why a command could not do its work. Findings, limits and silent models are outcomes, not errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledger.
    #[error(transparent)]
    Meter(#[from] BudgetError),
    /// The shims.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// A file, or the terminal.
    #[error("failed to {action}")]
    Io {
        /// What was being done.
        action: String,
        /// What the system says.
        source: io::Error,
    },
    /// Anything that is said in a sentence.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// The process's exit status. Whoever closes the pipe has read enough.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Allowed,
            _ => ExitStatus::Failed,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Io { action: "write the report".to_owned(), source }
    }
}

/// An error and what caused it, on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
