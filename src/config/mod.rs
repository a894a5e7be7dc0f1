//! Two files, one answer: what the user allows, what the repository asks for, and what each stage
//! is therefore told to do.
//!
//! The user's `config.toml` says where models are, what they cost and how much may be spent. The
//! repository's `hookgate.toml` says what a hook does, and may only lower what the user allows;
//! `hookgate.local.toml` beside it overrides it in one clone. No environment variable and no file
//! of a repository can name an endpoint or a key.

mod attribution;
mod ceilings;
mod edit;
pub mod environment;
pub mod file;
mod packs;
pub mod read;
pub mod resolve;
pub mod sharing;
pub mod trust;
mod user;

use std::path::PathBuf;

use crate::check::pack::PackError;
use crate::git::GitError;

pub use ceilings::Ceiling;
pub use edit::with_token_limit;
pub use environment::Environment;
pub use resolve::{Config, USUAL_LIMIT};
pub use user::{Unusable, UserConfig};

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that is there but cannot be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{path}:{line}:{column}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Byte within the line, from 1.
        column: usize,
        /// What is wrong there, and what would be right.
        message: String,
    },
    /// A repository's file that reaches for what only its user may set.
    #[error("{path}:{line}:{column}: `{key}` is forbidden here: {reason}")]
    Forbidden {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Byte within the line, from 1.
        column: usize,
        /// The key.
        key: String,
        /// Where it belongs.
        reason: String,
    },
    /// A well-formed file whose parts do not fit together.
    #[error("{path}: {message}")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what would.
        message: String,
    },
    /// A model that is asked for by a name that says too little.
    #[error("{name:?} is no tier of {path}, and no model as `provider/name`{instead}")]
    UnknownModel {
        /// As it was asked for.
        name: String,
        /// The user's file.
        path: PathBuf,
        /// What was probably meant.
        instead: String,
    },
    /// A variable of the environment that is not what it should be.
    #[error("{name}: {message}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it, and what would be right.
        message: String,
    },
    /// No place for the ledger and for consent.
    #[error("there is no directory to keep state in: set HOME, or [state] directory in the user's file")]
    NoStateDirectory,
    /// The record of a consent cannot be kept or read.
    #[error("failed to {action} the record of consent {path}")]
    Consent {
        /// What was being done.
        action: &'static str,
        /// The record.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A rule that does not exist.
    #[error("{path}: [rules]: {error}")]
    Rules {
        /// The file.
        path: PathBuf,
        /// What the rule packs say.
        error: PackError,
    },
    /// Rules that cannot be used.
    #[error(transparent)]
    Packs(PackError),
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}
