//! What the files say, turned into what each stage is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::ceilings::Ceiling;
use super::file::{BASELINE_FILE, Failover, HookSection, Hooks, LOCAL_FILE, REPOSITORY_FILE, RepositoryFile};
use super::trust::{Capabilities, Consent, ConsentRecord};
use super::user::{Unusable, UserConfig};
use super::{ConfigError, Environment, attribution, packs, read};
use crate::change::classify::ClassifyOptions;
use crate::change::parse::ParseLimits;
use crate::check::baseline::Baseline;
use crate::check::builtin::Parameters;
use crate::check::pack::{PackError, Problem, RuleOptions, RuleSet};
use crate::cli::Hook;
use crate::git::Repository;
use crate::meter::budget::RunId;
use crate::meter::cache::shared::Team;
use crate::meter::{Attribution, Limits};
use crate::model::tiers::Tiers;
use crate::model::{Egress, Endpoint};
use crate::payload::Level;
use crate::payload::policy::Policy;
use crate::payload::route::Reason;
use crate::pipeline::Options;
use crate::report::Barrier;
use crate::report::alert::Thresholds;

/// Tokens of one hook run where the repository says nothing, and who says that.
pub const USUAL_LIMIT: (u64, &str) = (4000, "built in");
/// Wall time of all requests of one hook run where the repository says nothing.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);
/// The tier that is asked where the repository says nothing: the user's own.
const TIER: &str = "local";

/// The configuration of one repository, as one user has it.
#[derive(Debug)]
pub struct Config {
    /// What the user's own file says.
    pub user: UserConfig,
    /// The repository's file with its local overrides; empty where there is none.
    pub repository: RepositoryFile,
    /// Where the findings are kept that the repository knows of; none where they do not count.
    baseline: Option<PathBuf>,
    /// Whether the repository's files may do what they ask for.
    pub consent: Consent,
    /// Where consent is recorded.
    pub record: ConsentRecord,
    work_tree: PathBuf,
    name: String,
    branch: Option<String>,
    labels: BTreeMap<String, String>,
    /// What a run is to say of how the files were read.
    pub notes: Vec<String>,
    /// What `hookgate.local.toml` alone says of hooks.
    local_hooks: Hooks,
}

/// How far a tier is from private, and from cheap: one says nothing about the other. What is not
/// defined may be meant to be both.
#[derive(Clone, Copy, Default)]
struct Reach<'c> {
    /// Whose it is; none where it is not defined.
    provider: Option<&'c str>,
    /// Whether what it is sent leaves this machine; none where it is not defined.
    egress: Option<Egress>,
    /// Whether it is too dear to stand in for others.
    premium: bool,
}

impl Config {
    /// Reads the files.
    ///
    /// # Errors
    /// Whatever is wrong with them; see [`ConfigError`].
    pub fn load(repository: &Repository, environment: &Environment) -> Result<Self, ConfigError> {
        let user = UserConfig::load(environment)?;
        let written = |name: &str| match read::text(&repository.work_tree().join(name))? {
            Some(text) => read::repository_file(Path::new(name), &text, &user.path),
            None => Ok(RepositoryFile::default()),
        };
        let (asked, local) = (written(REPOSITORY_FILE)?, written(LOCAL_FILE)?);
        let local_hooks = local.hooks.clone();
        let asked = asked.overridden_by(local);

        let (labels, note) = attribution::labels(&asked.labels, &user.file.labels, environment)?;
        let unpriced = user.prices.as_ref().err().map(|error| format!("prices are unknown: {error}"));
        let record = ConsentRecord::of(repository.common_dir(), &user.state_directory)?;
        let asked_for = Capabilities::of(&asked, &user.file.limits.own);
        let consent = record.consent(&asked_for, environment.accepted_hash())?;
        Ok(Self {
            user,
            repository: asked,
            baseline: Some(repository.work_tree().join(BASELINE_FILE)),
            consent,
            record,
            work_tree: repository.work_tree().to_owned(),
            name: repository.name(),
            branch: repository.branch(),
            labels,
            notes: note.into_iter().chain(unpriced).collect(),
            local_hooks,
        })
    }

    /// The same without the findings that the repository knows of.
    #[must_use]
    pub fn without_baseline(self) -> Self {
        Self { baseline: None, ..self }
    }

    /// What the repository's files ask for.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::of(&self.repository, &self.user.file.limits.own)
    }

    /// What each stage is told for a run of `hook`.
    ///
    /// # Errors
    /// A glob that cannot be read, a rule that does not exist, an endpoint that must not be used.
    pub fn options(&self, hook: Hook) -> Result<Options, ConfigError> {
        let section = self.repository.hooks.section(hook);
        let (tiers, barrier) = self.reviewers(section)?;
        let attribution = self.attribution(hook);
        let is_mute = section.tiers.as_deref().is_some_and(<[_]>::is_empty);
        let policy = Policy {
            rules_only: is_mute.then(|| "no tier is named for this hook: rules only".to_owned()),
            answerers: self.repository.review.clone(),
        };
        Ok(Options {
            parse: ParseLimits::default(),
            classify: ClassifyOptions { excluded: self.excluded()?, tables_only: is_mute },
            rules: self.rules(false)?,
            policy,
            highest_level: section.level.unwrap_or(Level::Slice),
            run: RunId::random(),
            limits: Limits::new(self.ceilings(hook).into_iter().map(|ceiling| ceiling.limit).collect()),
            alerts: Thresholds {
                min_compression: self.repository.alerts.min_compression.map(|ratio| ratio.0),
                max_payload_tokens: self.repository.alerts.max_payload_tokens,
            },
            attribution,
            tiers,
            ask_anew: false,
            barrier,
            required: section.required.unwrap_or(false),
            deadline: section.deadline.map_or(DEADLINE, |deadline| deadline.0),
            store: self.user.store(),
            state_directory: self.user.state_directory.clone(),
            team: self.team(hook)?,
        })
    }

    /// With whom a run of `hook` shares its reviews.
    ///
    /// # Errors
    /// A `[cache]` that says too little.
    pub fn team(&self, hook: Hook) -> Result<Option<Team>, ConfigError> {
        let UserConfig { file, path, environment, .. } = &self.user;
        let team = file.cache.team(self.user.store().redis.as_ref(), &self.attribution(hook), environment);
        team.map_err(|message| ConfigError::Inconsistent { path: path.clone(), message })
    }

    /// Whom a run of `hook` is charged to.
    #[must_use]
    pub fn attribution(&self, hook: Hook) -> Attribution {
        let outside = self.user.attribution(hook.as_str());
        Attribution {
            repository: self.name.clone(),
            branch: self.branch.clone().or(outside.branch),
            labels: self.labels.clone(),
            ..outside
        }
    }

    /// The names of the tiers that `hook` may ask, in their order, the one that it escalates to last.
    #[must_use]
    pub fn tiers(&self, hook: Hook) -> Vec<&str> {
        let section = self.repository.hooks.section(hook);
        let mut names = tiers(section);
        let escalate = section.escalate.as_deref().filter(|name| !names.is_empty() && !names.contains(name));
        names.extend(escalate);
        names
    }

    /// The model that a history is priced for, whether or not it could be asked: the one that is
    /// named, else the first tier of `hook`, if it is defined.
    ///
    /// # Errors
    /// See [`UserConfig::priced`].
    pub fn priced(&self, hook: Hook, named: Option<&str>) -> Result<Option<Endpoint>, ConfigError> {
        let first =
            || self.tiers(hook).first().copied().filter(|tier| self.user.file.tiers.contains_key(*tier));
        named.or_else(first).map(|name| self.user.priced(name)).transpose()
    }

    /// The tiers that may be asked; or why nobody may be.
    fn reviewers(&self, section: &HookSection) -> Result<(Tiers, Option<Barrier>), ConfigError> {
        let failover = section.failover.unwrap_or_default();
        let names = tiers(section);
        let names = if failover == Failover::None { names.get(..1).unwrap_or_default() } else { &names };
        let mut tiers = Tiers::default();
        let mut earlier: Vec<Reach<'_>> = Vec::new();
        for (index, &tier) in names.iter().enumerate() {
            if names[..index].contains(&tier) {
                continue;
            }
            let reach = self.reach(tier);
            let step = reach.step_up(&earlier).filter(|_| failover == Failover::Same);
            let endpoint = self.usable(tier)?.and_then(|endpoint| step.map_or(Ok(endpoint), Err));
            earlier.push(reach);
            match endpoint {
                Ok(endpoint) => tiers.asked.push(endpoint),
                Err(because) => tiers.skip(tier, &because),
            }
        }
        if let Some(tier) = section.escalate.as_deref().filter(|_| !names.is_empty()) {
            match self.usable(tier)? {
                Ok(endpoint) => tiers.escalation = Some(endpoint),
                Err(because) => tiers.skip(tier, &because),
            }
        }
        let barrier = if tiers.asked.is_empty() {
            let reasons = tiers.skipped.iter().map(|it| format!("tier `{}` {}", it.tier, it.because));
            let reasons: Vec<_> = reasons.collect();
            let message = format!("no model can be asked: {}", reasons.join(", "));
            Some(Barrier { reason: Reason::NoModel, message })
        } else if !self.consent.allows() {
            let message = "you have not allowed what hookgate.toml asks for: see `hookgate trust`";
            Some(Barrier { reason: Reason::Consent, message: message.to_owned() })
        } else {
            None
        };
        Ok((tiers, barrier))
    }

    /// A tier that is not there is an absence; one that must not be used is a mistake in the user's file.
    fn usable(&self, tier: &str) -> Result<Result<Endpoint, Unusable>, ConfigError> {
        match self.user.endpoint(tier) {
            Err(Unusable::Refused(error)) => Err(ConfigError::Inconsistent {
                path: self.user.path.clone(),
                message: format!("tier `{tier}`: {error}"),
            }),
            other => Ok(other),
        }
    }

    fn reach(&self, tier: &str) -> Reach<'_> {
        match (self.user.described(tier), self.user.file.tiers.get(tier)) {
            (Some(endpoint), Some(model)) => {
                let (provider, egress) = (Some(&*model.provider), Some(endpoint.egress()));
                Reach { provider, egress, premium: model.premium }
            }
            _ => Reach::default(),
        }
    }

    /// The limits in force for a run of `hook`, and what sets each of them.
    #[must_use]
    pub fn ceilings(&self, hook: Hook) -> Vec<Ceiling> {
        let limit = |hooks: &Hooks| hooks.section(hook).token_limit;
        let asked = match (limit(&self.local_hooks), limit(&self.repository.hooks)) {
            (Some(tokens), _) => (tokens, LOCAL_FILE),
            (None, Some(tokens)) => (tokens, REPOSITORY_FILE),
            (None, None) => USUAL_LIMIT,
        };
        self.user.ceilings(Some(asked), &self.attribution(hook))
    }

    /// The rules of every hook, bundled and the repository's own, as the files change them;
    /// `with_examples` for people to read.
    ///
    /// # Errors
    /// A pack that is wrong, a rule that does not exist.
    pub fn rules(&self, with_examples: bool) -> Result<RuleSet, ConfigError> {
        let (options, mut problems) = self.rule_options()?;
        let options = RuleOptions { with_examples, ..options };
        // Everything that is wrong is said at once: with what was found, and with what was not.
        match RuleSet::new(options) {
            Ok(set) if problems.is_empty() => Ok(set),
            Err(error) if problems.is_empty() && !matches!(error, PackError::Invalid(_)) => {
                Err(ConfigError::Rules { path: PathBuf::from(REPOSITORY_FILE), error })
            }
            other => {
                if let Err(PackError::Invalid(others)) = other {
                    problems.extend(others);
                }
                Err(ConfigError::Packs(PackError::Invalid(problems)))
            }
        }
    }

    /// What the files say about rules, with the repository's own packs, none of them tried yet, and
    /// what could not be read of those.
    ///
    /// # Errors
    /// A baseline or an exclusion that is wrong.
    pub fn rule_options(&self) -> Result<(RuleOptions, Vec<Problem>), ConfigError> {
        let rules = &self.repository.rules;
        let usual = Parameters::default();
        let parameters = Parameters {
            protected_branches: globs(
                "[rules] protected_branches",
                rules.protected_branches.iter().flatten(),
            )?,
            large_file: rules.large_file_kib.map_or(usual.large_file, |kib| kib.saturating_mul(1024)),
        };
        let baseline = match &self.baseline {
            Some(path) => read::baseline(path, Path::new(BASELINE_FILE))?,
            None => Baseline::default(),
        };
        let sources = packs::read(&self.work_tree, rules.packs.as_deref());
        let options = RuleOptions {
            disabled: rules.disabled.iter().flatten().cloned().collect(),
            severity: rules.severity.clone(),
            overrides: rules.overrides.clone(),
            baseline,
            bundled: sources.bundled,
            packs: sources.packs,
            ast_grep: sources.ast_grep,
            excluded: self.excluded()?,
            parameters,
            with_examples: false,
        };
        Ok((options, sources.problems))
    }

    fn excluded(&self) -> Result<GlobSet, ConfigError> {
        globs("[exclude] paths", self.repository.exclude.paths.iter())
    }
}

impl Reach<'_> {
    /// Where it goes farther than one of the `earlier` tiers, or may.
    fn step_up(self, earlier: &[Self]) -> Option<Unusable> {
        let is_above = |below: &dyn Fn(&Self) -> bool, what, not| {
            let is_undefined = |it: &Self| it.egress.is_none();
            let before = if earlier.iter().any(is_undefined) { "is not defined" } else { not };
            earlier.iter().any(below).then_some(Unusable::StepsUp(what, before))
        };
        let dearer = || self.premium.then(|| is_above(&|it| !it.premium, "is premium", "is not"));
        // Wherever a server sends code, it does so for each of its models, but for those of Ollama's cloud.
        let is_same_server = |it: &Self| it.provider == self.provider && it.egress == self.egress;
        let farther = || {
            let what = match self.egress {
                Some(Egress::Leaves) => "would send code off this machine",
                Some(Egress::MayLeave) => {
                    "may send code off this machine, since its provider wants a key and does not say gateway = false"
                }
                Some(Egress::Stays) | None => return None,
            };
            let stays = |it: &Self| it.egress == Some(Egress::Stays);
            let not = if earlier.iter().any(stays) { "would not" } else { "might not" };
            Some(is_above(&|it| it.egress != Some(Egress::Leaves) && !is_same_server(it), what, not))
        };
        dearer().flatten().or_else(|| farther().flatten())
    }
}

/// The globs of a key.
fn globs<'a>(key: &str, patterns: impl Iterator<Item = &'a String>) -> Result<GlobSet, ConfigError> {
    let invalid = |error: globset::Error| ConfigError::Inconsistent {
        path: PathBuf::from(REPOSITORY_FILE),
        message: format!("{key}: {error}"),
    };
    let mut globs = GlobSetBuilder::new();
    for pattern in patterns {
        globs.add(Glob::new(pattern).map_err(invalid)?);
    }
    globs.build().map_err(invalid)
}

fn tiers(section: &HookSection) -> Vec<&str> {
    match &section.tiers {
        Some(tiers) => tiers.iter().map(String::as_str).collect(),
        None => vec![TIER],
    }
}

#[cfg(test)]
mod consent_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tier_tests;
