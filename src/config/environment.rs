//! What the process was started with, read once.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The surroundings of the process, as values. Tests make their own.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where the process was started.
    pub directory: PathBuf,
    /// Where the user's files of all programs are; none without a home directory.
    pub config_home: Option<PathBuf>,
    /// Where programs keep what they must remember; none without a home directory.
    pub state_home: Option<PathBuf>,
    /// Characters of a line of standard output, where that is a terminal.
    pub columns: Option<usize>,
    /// Environment variables.
    pub variables: HashMap<OsString, OsString>,
}

impl Environment {
    /// Reads the surroundings.
    ///
    /// # Errors
    /// The current directory is gone.
    pub fn read() -> std::io::Result<Self> {
        Ok(Self {
            directory: std::env::current_dir()?,
            // A relative home would be another one in each directory.
            config_home: dirs::config_dir().filter(|path| path.is_absolute()),
            // Only Linux tells state from data.
            state_home: dirs::state_dir().or_else(dirs::data_local_dir).filter(|path| path.is_absolute()),
            columns: console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)),
            variables: std::env::vars_os().collect(),
        })
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str().filter(|value| !value.is_empty())
    }

    /// `HOOKGATE=0`: the user wants no hook today.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.variable("HOOKGATE") == Some("0")
    }

    /// `HOOKGATE_TRUST`: the capability hash that this run has consent for.
    #[must_use]
    pub fn accepted_hash(&self) -> Option<&str> {
        self.variable("HOOKGATE_TRUST")
    }

    /// The name of this machine; empty where it cannot be learned. In a container it is the
    /// container's.
    #[must_use]
    pub fn host(&self) -> String {
        let told = || self.variable("HOSTNAME").or_else(|| self.variable("COMPUTERNAME"));
        match std::fs::read_to_string("/proc/sys/kernel/hostname") {
            Ok(name) => name.trim().to_owned(),
            Err(_) => told().unwrap_or_default().to_owned(),
        }
    }

    /// The user's own configuration file.
    #[must_use]
    pub fn user_file(&self) -> Option<PathBuf> {
        Some(self.config_home.as_ref()?.join("hookgate").join("config.toml"))
    }
}
