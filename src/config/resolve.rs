//! What the files say, turned into what each stage is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::attribution::Labels;
use super::ceilings::{Ceiling, ceilings};
use super::file::{
    BASELINE_FILE, Counting, Failover, HookSection, Hooks, LOCAL_FILE, Provider, REPOSITORY_FILE,
    RepositoryFile, Tier, UserFile,
};
use super::trust::{Capabilities, Consent, ConsentRecord};
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
use crate::meter::estimate;
use crate::meter::price::Price;
use crate::meter::price::table::{Prices, TableError};
use crate::meter::store::{Place, Server};
use crate::meter::{Attribution, Limits};
use crate::model::tiers::Tiers;
use crate::model::{ApiKey, Endpoint};
use crate::payload::Level;
use crate::payload::policy::Policy;
use crate::payload::route::Reason;
use crate::pipeline::Options;
use crate::report::Barrier;
use crate::report::alert::Thresholds;
use crate::text::instead;
use crate::tokens::PicoUsd;

/// Tokens of one hook run where the repository says nothing.
pub(super) const TOKEN_LIMIT: u64 = 4000;
/// Wall time of all requests of one hook run where the repository says nothing.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);
/// The tier that is asked where the repository says nothing: the user's own.
const TIER: &str = "local";

/// What the user's own file says.
struct Own {
    /// The file; empty where there is none.
    user: UserFile,
    /// Where it is, or would be.
    user_path: PathBuf,
    state_directory: PathBuf,
    redis: Option<Server>,
}

impl Own {
    fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let user_path = environment.user_file().unwrap_or_else(|| PathBuf::from("hookgate/config.toml"));
        let user = match environment.user_file() {
            Some(path) => read::text(&path)?.map(|text| read::user_file(&path, &text)).transpose()?,
            None => None,
        }
        .unwrap_or_default();
        let usual = || environment.state_home.as_ref().map(|home| home.join("hookgate"));
        let state_directory =
            user.state.directory.clone().or_else(usual).ok_or(ConfigError::NoStateDirectory)?;
        let variable = |name: &str| environment.variable(name).map(str::to_owned);
        let redis = read::store(&user.store, variable)
            .map_err(|message| ConfigError::Inconsistent { path: user_path.clone(), message })?;
        Ok(Self { user, user_path, state_directory, redis })
    }
}

/// The configuration of one repository, as one user has it.
#[derive(Debug)]
pub struct Config {
    /// The user's own file; empty where there is none.
    pub user: UserFile,
    /// Where that file is, or would be.
    pub user_path: PathBuf,
    /// The repository's file with its local overrides; empty where there is none.
    pub repository: RepositoryFile,
    /// Where the findings are kept that the repository knows of; none where they do not count.
    baseline: Option<PathBuf>,
    /// Whether the repository's files may do what they ask for.
    pub consent: Consent,
    /// Where consent is recorded.
    pub record: ConsentRecord,
    /// Where ledger, reservations and consent are kept.
    pub state_directory: PathBuf,
    /// The server that keeps the ledger instead; none where it is kept here.
    redis: Option<Server>,
    /// What models cost.
    pub prices: Result<Prices, TableError>,
    environment: Environment,
    work_tree: PathBuf,
    name: String,
    branch: Option<String>,
    labels: BTreeMap<String, String>,
    /// What a run is to say of how the files were read.
    pub notes: Vec<String>,
    /// What `hookgate.local.toml` alone says of hooks.
    local_hooks: Hooks,
}

/// Why a tier cannot be asked, in words that end a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The user's file does not define it.
    #[error("is not defined in {}", .0.display())]
    Undefined(PathBuf),
    /// Its provider wants a key that is not there.
    #[error("needs a key in the environment variable {0}, which is not set")]
    KeyMissing(String),
    /// Nothing may be sent to its provider.
    #[error("cannot be used: {0}")]
    Refused(crate::model::EndpointError),
    /// It would take code farther than a tier before it.
    #[error("{0}, and a tier before it {1}: failover = \"any\" in the hook's section allows it")]
    StepsUp(&'static str, &'static str),
}

/// How far a tier is from private, and from cheap: one says nothing about the other. What is not
/// defined may be meant to be both.
#[derive(Clone, Copy, Default)]
struct Reach {
    is_defined: bool,
    /// Whether what it is sent leaves this machine.
    away: bool,
    /// Whether it is too dear to stand in for others.
    premium: bool,
}

impl Config {
    /// Reads the files.
    ///
    /// # Errors
    /// Whatever is wrong with them; see [`ConfigError`].
    pub fn load(repository: &Repository, environment: &Environment) -> Result<Self, ConfigError> {
        let Own { user, user_path, state_directory, redis } = Own::load(environment)?;
        let written = |name: &str| match read::text(&repository.work_tree().join(name))? {
            Some(text) => read::repository_file(Path::new(name), &text, &user_path),
            None => Ok(RepositoryFile::default()),
        };
        let (asked, local) = (written(REPOSITORY_FILE)?, written(LOCAL_FILE)?);
        let local_hooks = local.hooks.clone();
        let asked = asked.overridden_by(local);

        let (labels, note) = attribution::labels(&asked.labels, &user.labels, environment)?;
        let prices = Prices::load(&state_directory);
        let notes = notes(note, &prices);
        let record = ConsentRecord::of(repository.common_dir(), &state_directory)?;
        let consent =
            record.consent(&Capabilities::of(&asked, &user.limits.own), environment.accepted_hash())?;
        Ok(Self {
            user,
            user_path,
            repository: asked,
            baseline: Some(repository.work_tree().join(BASELINE_FILE)),
            consent,
            record,
            prices,
            state_directory,
            redis,
            environment: environment.clone(),
            work_tree: repository.work_tree().to_owned(),
            name: repository.name(),
            branch: repository.branch(),
            labels,
            notes,
            local_hooks,
        })
    }

    /// Reads the user's file alone, for what concerns no repository.
    ///
    /// # Errors
    /// Whatever is wrong with it; see [`ConfigError`].
    pub fn of_user(environment: &Environment) -> Result<Self, ConfigError> {
        let Own { user, user_path, state_directory, redis } = Own::load(environment)?;
        let (labels, note) = attribution::labels(&Labels::default(), &user.labels, environment)?;
        let prices = Prices::load(&state_directory);
        Ok(Self {
            labels,
            notes: notes(note, &prices),
            prices,
            user,
            user_path,
            repository: RepositoryFile::default(),
            local_hooks: Hooks::default(),
            baseline: None,
            consent: Consent::NotNeeded,
            record: ConsentRecord::of(&environment.directory, &state_directory)?,
            state_directory,
            redis,
            environment: environment.clone(),
            work_tree: environment.directory.clone(),
            name: String::new(),
            branch: None,
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
        Capabilities::of(&self.repository, &self.user.limits.own)
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
            store: self.store(),
            state_directory: self.state_directory.clone(),
            team: self.team(hook)?,
        })
    }

    /// With whom a run of `hook` shares its reviews.
    ///
    /// # Errors
    /// A `[cache]` that says too little.
    pub fn team(&self, hook: Hook) -> Result<Option<Team>, ConfigError> {
        let team =
            self.user.cache.team(self.store().redis.as_ref(), &self.attribution(hook), &self.environment);
        team.map_err(|message| ConfigError::Inconsistent { path: self.user_path.clone(), message })
    }

    /// Whom a run of `hook` is charged to.
    #[must_use]
    pub fn attribution(&self, hook: Hook) -> Attribution {
        let pipeline = attribution::pipeline(&self.environment);
        Attribution {
            user: attribution::user(self.user.user.as_deref(), &self.environment),
            repository: self.name.clone(),
            branch: self.branch.clone().or(pipeline.branch),
            team: self.user.team.clone(),
            hook: hook.as_str().to_owned(),
            stage: pipeline.stage,
            ci_run: pipeline.run,
            labels: self.labels.clone(),
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

    /// A tier as the user's file defines it.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn endpoint(&self, tier: &str) -> Result<Endpoint, Unusable> {
        let undefined = || Unusable::Undefined(self.user_path.clone());
        let (model, provider) = self.tier(tier).ok_or_else(undefined)?;
        let key = provider.api_key_env.as_ref().map(|variable| match self.environment.variable(variable) {
            Some(value) => {
                Ok(ApiKey { value: value.to_owned(), origin: format!("environment variable {variable}") })
            }
            None => Err(Unusable::KeyMissing(variable.clone())),
        });
        let endpoint = Endpoint { key: key.transpose()?, ..self.described(tier, model, provider) };
        endpoint.check().map_err(Unusable::Refused)?;
        Ok(endpoint)
    }

    fn tier(&self, tier: &str) -> Option<(&Tier, &Provider)> {
        let model = self.user.tiers.get(tier)?;
        Some((model, self.user.providers.get(&model.provider)?))
    }

    /// A model with its price, and without a key.
    fn described(&self, tier: &str, model: &Tier, provider: &Provider) -> Endpoint {
        let endpoint = Endpoint {
            tier: tier.to_owned(),
            provider: model.provider.clone(),
            dialect: provider.dialect,
            base_url: provider.base_url.clone(),
            model: model.model.clone(),
            key: None,
            price: None,
            counting: match self.user.limits.counting {
                Counting::Learned => Endpoint::usual_counting(&provider.base_url),
                Counting::Strict => estimate::Counting::Strict,
            },
            machine: format!("{}:{}", self.environment.host(), self.state_directory.display()),
            gateway: provider.gateway,
        };
        let price = self.price(&endpoint).map(|price| Price { energy: self.energy(provider), ..price });
        Endpoint { price, ..endpoint }
    }

    /// What the user's file says that a model costs; where it says nothing, nothing if what it is sent
    /// stays on this machine, and else what the price lists have for exactly this model at exactly
    /// this host.
    fn price(&self, endpoint: &Endpoint) -> Option<Price> {
        match self.user.prices.get(&format!("{}/{}", endpoint.provider, endpoint.model)) {
            Some(price) => price.price().ok(),
            None if endpoint.stays_here() => Some(Price::local()),
            None => {
                let host = Endpoint::host(&endpoint.base_url)?;
                Some(self.prices.as_ref().ok()?.get(&host, &endpoint.model)?.price)
            }
        }
    }

    /// What an hour of a provider's electricity costs, where the user's file says it.
    fn energy(&self, provider: &Provider) -> Option<PicoUsd> {
        let (watts, tariff) = (provider.watts?, self.user.energy.usd_per_kwh?);
        Some(PicoUsd::from_usd(watts.0 / 1000.0 * tariff.0))
    }

    /// The model that a history is priced for, whether or not it could be asked: a tier of the user's
    /// file or a `provider/name`, and where none is named the first tier of `hook`.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn priced(&self, hook: Hook, named: Option<&str>) -> Result<Option<Endpoint>, ConfigError> {
        let name = match named {
            Some(name) => name,
            None => match self.tiers(hook).first() {
                Some(&tier) if self.user.tiers.contains_key(tier) => tier,
                _ => return Ok(None),
            },
        };
        if let Some((model, provider)) = self.tier(name) {
            return Ok(Some(self.described(name, model, provider)));
        }
        let Some((provider, model)) = name.split_once('/') else {
            let known = self.user.tiers.keys().chain(self.user.prices.keys());
            let known: Vec<_> = known.map(String::as_str).collect();
            let (name, path) = (name.to_owned(), self.user_path.clone());
            return Err(ConfigError::UnknownModel { instead: instead(&name, &known), name, path });
        };
        let tier = Tier { provider: provider.to_owned(), model: model.to_owned(), premium: false };
        let preview = Endpoint::preview();
        Ok(Some(match self.user.providers.get(provider) {
            Some(provider) => self.described(&preview.tier, &tier, provider),
            None => Endpoint {
                provider: tier.provider,
                model: tier.model,
                price: self.user.prices.get(name).and_then(|price| price.price().ok()),
                ..preview
            },
        }))
    }

    /// The tiers that may be asked; or why nobody may be.
    fn reviewers(&self, section: &HookSection) -> Result<(Tiers, Option<Barrier>), ConfigError> {
        let failover = section.failover.unwrap_or_default();
        let names = tiers(section);
        let names = if failover == Failover::None { names.get(..1).unwrap_or_default() } else { &names };
        let mut tiers = Tiers::default();
        let mut earlier: Vec<Reach> = Vec::new();
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
        match self.endpoint(tier) {
            Err(Unusable::Refused(error)) => Err(ConfigError::Inconsistent {
                path: self.user_path.clone(),
                message: format!("tier `{tier}`: {error}"),
            }),
            other => Ok(other),
        }
    }

    fn reach(&self, tier: &str) -> Reach {
        let Some((model, provider)) = self.tier(tier) else { return Reach::default() };
        let away = !self.described(tier, model, provider).stays_here();
        Reach { is_defined: true, away, premium: model.premium }
    }

    /// The limits that the user's file sets to a run that belongs to no hook.
    #[must_use]
    pub fn limits_of_user(&self, attribution: &Attribution) -> Limits {
        let ceilings = ceilings(&self.user.limits, None, attribution);
        Limits::new(ceilings.into_iter().map(|ceiling| ceiling.limit).collect())
    }

    /// The limits in force for a run of `hook`, and what sets each of them.
    #[must_use]
    pub fn ceilings(&self, hook: Hook) -> Vec<Ceiling> {
        let limit = |hooks: &Hooks| hooks.section(hook).token_limit;
        let asked = match (limit(&self.local_hooks), limit(&self.repository.hooks)) {
            (Some(tokens), _) => (tokens, LOCAL_FILE),
            (None, Some(tokens)) => (tokens, REPOSITORY_FILE),
            (None, None) => (TOKEN_LIMIT, "built in"),
        };
        ceilings(&self.user.limits, Some(asked), &self.attribution(hook))
    }

    /// Where reservations and the ledger are kept.
    #[must_use]
    pub fn store(&self) -> Place {
        Place { directory: self.state_directory.clone(), redis: self.redis.clone() }
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

impl Reach {
    /// Where it goes farther than one of the `earlier` tiers.
    fn step_up(self, earlier: &[Self]) -> Option<Unusable> {
        let is_above = |below: fn(&Self) -> bool, what, not| {
            let is_undefined = |it: &Self| !it.is_defined;
            let before = if earlier.iter().any(is_undefined) { "is not defined" } else { not };
            earlier.iter().any(below).then_some(Unusable::StepsUp(what, before))
        };
        let dearer = || self.premium.then(|| is_above(|it| !it.premium, "is premium", "is not"));
        let farther =
            || self.away.then(|| is_above(|it| !it.away, "would send code off this machine", "would not"));
        dearer().flatten().or_else(|| farther().flatten())
    }
}

/// What a run is to say: of labels, and of a list of prices that is damaged, without which prices are
/// unknown.
fn notes(labels: Option<String>, prices: &Result<Prices, TableError>) -> Vec<String> {
    labels
        .into_iter()
        .chain(prices.as_ref().err().map(|error| format!("prices are unknown: {error}")))
        .collect()
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
