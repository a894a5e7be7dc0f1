//! What a repository's files may do only with their user's consent, and the record of it.
//!
//! Most keys need none: rules, exclusions and lower limits do no harm. To send code to a model, to
//! spend or wait more than is usual, or to refuse commits that no model looked at, is the user's
//! decision. Consent is given to a hash of exactly those keys, so that editing others does not ask
//! again and editing these always does.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ConfigError;
use super::file::{Ceilings, Failover, RepositoryFile};
use super::resolve::{DEADLINE, USUAL_LIMIT};
use crate::cli::Hook;
use crate::payload::policy::{Answerer, Kind};
use crate::tokens::Grouped;

/// What a repository's files ask for, by hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    hooks: BTreeMap<String, HookCapabilities>,
    /// Kinds of change that are sent although rules alone answer them unless somebody says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    review: Vec<String>,
}

/// What is asked for one hook. New kinds must stay out of the text where they are not asked for:
/// hashes of files that do not use them are consents already given. In alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct HookCapabilities {
    /// Milliseconds, where that is longer than the usual deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalate: Option<String>,
    /// `any`, where a tier may be asked that steps up from those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    failover: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<String>,
    /// Where that is above the usual limit, and and the user has set none.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_limit: Option<u64>,
}

impl Capabilities {
    /// What `file` asks for beyond what a user's own ceilings allow it anyway.
    #[must_use]
    pub fn of(file: &RepositoryFile, own: &Ceilings) -> Self {
        let hooks = [Hook::PreCommit, Hook::PrePush].into_iter().map(|hook| {
            let section = file.hooks.section(hook);
            let tiers = section.tiers.clone().unwrap_or_default();
            // With one tier there is none to step up to, and with none nobody is asked at all.
            let steps_up = section.failover == Some(Failover::Any) && tiers.len() > 1;
            let is_mute = section.tiers.as_deref().is_some_and(<[_]>::is_empty);
            // Where the user has said how much a run may take, that counts: see `ceilings`.
            let raised = |limit: &u64| *limit > USUAL_LIMIT.0 && own.hook_tokens.is_none();
            let deadline = section.deadline.map(|deadline| deadline.0).filter(|it| *it > DEADLINE);
            let asked = HookCapabilities {
                deadline_ms: deadline.filter(|_| !is_mute).map(|it| it.as_millis() as u64),
                escalate: section.escalate.clone().filter(|_| !is_mute),
                failover: steps_up.then(|| "any".to_owned()),
                required: section.required.unwrap_or(false),
                tiers,
                token_limit: section.token_limit.filter(|_| !is_mute).filter(raised),
            };
            (hook.as_str().to_owned(), asked)
        });
        let is_more = |kind: Kind, answerer| answerer == Answerer::Model && kind.usual() != Answerer::Model;
        let review = file.review.iter().filter(|&(&kind, &answerer)| is_more(kind, answerer));
        Self {
            hooks: hooks.filter(|(_, asked)| *asked != HookCapabilities::default()).collect(),
            review: review.map(|(kind, _)| kind.as_str().to_owned()).collect(),
        }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty() && self.review.is_empty()
    }

    /// The name of exactly this set: `sha256:` and the hash of its canonical JSON, which has no
    /// white space, keys in alphabetical order, and nothing that is not asked for.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.canonical().as_bytes());
        digest.iter().fold("sha256:".to_owned(), |hash, byte| hash + &format!("{byte:02x}"))
    }

    fn canonical(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// One line for each thing asked for.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (hook, asked) in &self.hooks {
            if !asked.tiers.is_empty() {
                // The first that is defined is asked, the next one where it gives no answer.
                let tiers = asked.tiers.join("`, else `");
                lines.push(format!("{hook}: send changed code to your tier `{tiers}`"));
            }
            if asked.failover.is_some() {
                lines.push(format!(
                    "{hook}: where one of these tiers gives no answer, send changed code to the next one even if \
                     that one is not on this machine, or is premium"
                ));
            }
            if let Some(tier) = &asked.escalate {
                lines.push(format!(
                    "{hook}: send code that a tier is unsure of to your tier `{tier}` too, even if that one is not on \
                     this machine, or is premium"
                ));
            }
            if let Some(tokens) = asked.token_limit {
                let (tokens, usual) = (Grouped(tokens), Grouped(USUAL_LIMIT.0));
                lines.push(format!("{hook}: spend up to {tokens} tokens in one run; {usual} are usual"));
            }
            if let Some(deadline) = asked.deadline_ms {
                let deadline = Duration::from_millis(deadline);
                lines.push(format!(
                    "{hook}: wait up to {deadline:?} for the answers of one run; {DEADLINE:?} are usual"
                ));
            }
            if asked.required {
                lines.push(format!("{hook}: refuse changes that no model could review"));
            }
        }
        if !self.review.is_empty() {
            lines.push(format!(
                "every hook: send to a model also what rules answer: {}",
                self.review.join(", ")
            ));
        }
        lines
    }
}

/// Whether a run has its user's consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing is asked for that would need it.
    NotNeeded,
    /// To exactly what is asked for.
    Given,
    /// To nothing.
    Missing,
    /// To something else than what is asked for now.
    Outdated {
        /// What was agreed to.
        agreed: Capabilities,
    },
}

impl Consent {
    /// Whether the run may do all that is asked for.
    #[must_use]
    pub fn allows(&self) -> bool {
        matches!(self, Self::NotNeeded | Self::Given)
    }
}

/// The record for one repository, readable by its owner only. One file a repository, so that no
/// process can lose what another one records.
#[derive(Clone, Debug)]
pub struct ConsentRecord {
    path: PathBuf,
    repository: PathBuf,
}

/// The record as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    repository: String,
    agreed: Capabilities,
}

impl ConsentRecord {
    /// The record for the repository whose directory, shared by all its work trees, is `common_dir`.
    /// Its real path counts: a link to a trusted repository is that repository, and a copy is not.
    ///
    /// # Errors
    /// [`ConfigError::Consent`]: the directory cannot be resolved.
    pub fn of(common_dir: &Path, state_directory: &Path) -> Result<Self, ConfigError> {
        let repository = std::fs::canonicalize(common_dir).map_err(|source| ConfigError::Consent {
            action: "find",
            path: common_dir.to_owned(),
            source,
        })?;
        let name = blake3::hash(repository.as_os_str().as_encoded_bytes()).to_hex();
        Ok(Self { path: state_directory.join("consent").join(format!("{}.toml", &name[..32])), repository })
    }

    /// What was agreed to; none where nothing was.
    ///
    /// # Errors
    /// [`ConfigError::Consent`]: there is a record that cannot be read.
    pub fn agreed(&self) -> Result<Option<Capabilities>, ConfigError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read", error)),
        };
        let written: Written =
            toml::from_str(&text).map_err(|error| self.failed("read", std::io::Error::other(error)))?;
        Ok(Some(written.agreed))
    }

    /// How `asked` stands to what was agreed to, or to `accepted`, the hash that this run alone
    /// consents to.
    ///
    /// # Errors
    /// See [`agreed`](Self::agreed).
    pub fn consent(&self, asked: &Capabilities, accepted: Option<&str>) -> Result<Consent, ConfigError> {
        if asked.is_empty() {
            return Ok(Consent::NotNeeded);
        }
        if accepted.is_some_and(|hash| hash == asked.hash()) {
            return Ok(Consent::Given);
        }
        Ok(match self.agreed()? {
            Some(agreed) if agreed == *asked => Consent::Given,
            Some(agreed) => Consent::Outdated { agreed },
            None => Consent::Missing,
        })
    }

    /// Records consent to `capabilities`, in place of any other.
    ///
    /// # Errors
    /// [`ConfigError::Consent`].
    pub fn record(&self, capabilities: &Capabilities) -> Result<(), ConfigError> {
        let written =
            Written { repository: self.repository.display().to_string(), agreed: capabilities.clone() };
        let text =
            toml::to_string(&written).map_err(|error| self.failed("write", std::io::Error::other(error)))?;
        self.replace(text.as_bytes()).map_err(|error| self.failed("write", error))
    }

    /// Takes consent back; says whether there was any.
    ///
    /// # Errors
    /// [`ConfigError::Consent`].
    pub fn revoke(&self) -> Result<bool, ConfigError> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("remove", error)),
        }
    }

    /// Temporary files belong to their owner alone, and so does what they become.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        crate::meter::make_private(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> ConfigError {
        ConfigError::Consent { action, path: self.path.clone(), source }
    }
}
