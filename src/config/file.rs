//! The files as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::attribution::Labels;
use super::sharing::CacheSection;
use crate::check::finding::Severity;
use crate::check::selection::Override;
use crate::cli::Hook;
use crate::meter::price::{Price, PriceError};
use crate::meter::{Limit, Scope, Unit, Window};
use crate::model::dialect::Dialect;
use crate::payload::Level;
use crate::payload::policy::{Answerer, Kind};
use crate::tokens::PicoUsd;

/// The name of a repository's file.
pub const REPOSITORY_FILE: &str = "hookgate.toml";
/// The name of the file that overrides it in one clone.
pub const LOCAL_FILE: &str = "hookgate.local.toml";
/// Where known findings are kept, from the top of the work tree.
pub const BASELINE_FILE: &str = ".hookgate/baseline.json";

/// The user's own `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserFile {
    /// Who pays: stands on every row of the ledger.
    pub team: Option<String>,
    /// Who asks: stands on every row of the ledger; the name of the account unless it is given.
    pub user: Option<String>,
    /// More that is to stand on every row.
    pub labels: Labels,
    /// Where models are served.
    pub providers: BTreeMap<String, Provider>,
    /// Names for models, which repositories may ask for.
    pub tiers: BTreeMap<String, Tier>,
    /// What may be spent, at the most.
    pub limits: UserLimits,
    /// What models cost, by `provider/model`.
    pub prices: BTreeMap<String, ModelPrice>,
    /// Where the ledger is kept.
    pub state: State,
    /// A server that keeps reservations and ledger for many machines.
    pub store: StoreSection,
    /// With whom reviews are shared.
    pub cache: CacheSection,
    /// What electricity costs.
    pub energy: Energy,
}

/// A service that answers requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Scheme, host, port and path prefix.
    pub base_url: String,
    /// The environment variable that holds its key.
    pub api_key_env: Option<String>,
    /// What the machine takes while it answers, in watts.
    pub watts: Option<Amount>,
    /// Whether it is the user's own gateway, which passes on what it is sent and is told whom each
    /// request is charged to.
    pub gateway: Option<bool>,
}

/// A model at a provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// A name out of `[providers]`.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// Whether it is too dear to stand in for a tier that is not.
    #[serde(default)]
    pub premium: bool,
}

/// Ceilings that no repository can raise: the user's own over everything, and those of repositories,
/// teams and stages by their names, where `"*"` is each one that has no table of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "WrittenLimits")]
pub struct UserLimits {
    /// Of the user.
    pub own: Ceilings,
    /// Of repositories, in lower case: see [`Repository::name`](crate::git::Repository::name).
    pub repository: BTreeMap<String, Ceilings>,
    /// Of teams.
    pub team: BTreeMap<String, Ceilings>,
    /// Of the stages of a pipeline.
    pub stage: BTreeMap<String, Ceilings>,
    /// How tokens are bounded before they are sent.
    pub counting: Counting,
}

/// How tokens are bounded before they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counting {
    /// By a count, and a margin that is learned of what the provider reports.
    #[default]
    Learned,
    /// By bytes, which no count exceeds.
    Strict,
}

/// What electricity costs.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Energy {
    /// USD per kilowatt-hour.
    pub usd_per_kwh: Option<Amount>,
}

/// A number from 0 to 100,000.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "f64")]
pub struct Amount(pub f64);

impl TryFrom<f64> for Amount {
    type Error = String;

    fn try_from(amount: f64) -> Result<Self, String> {
        if (0.0..=100_000.0).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err(format!("{amount} is out of range: expected a number from 0 to 100000"))
        }
    }
}

/// Ceilings of one scope. Tokens count input and output.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ceilings {
    /// Tokens of one request.
    pub call_tokens: Option<u64>,
    /// Tokens of one hook run.
    pub hook_tokens: Option<u64>,
    /// Tokens of one day (UTC).
    pub day_tokens: Option<u64>,
    /// Tokens of one month (UTC).
    pub month_tokens: Option<u64>,
    /// Money of one day (UTC).
    pub day_usd: Option<Usd>,
    /// Money of one month (UTC).
    pub month_usd: Option<Usd>,
}

impl Ceilings {
    /// Each ceiling that is set, as a limit of `scope`.
    pub fn limits(self, scope: Scope) -> impl Iterator<Item = Limit> {
        let tokens = [
            (Window::Call, self.call_tokens),
            (Window::Hook, self.hook_tokens),
            (Window::Day, self.day_tokens),
            (Window::Month, self.month_tokens),
        ];
        let money = [(Window::Day, self.day_usd), (Window::Month, self.month_usd)];
        let tokens = tokens.into_iter().map(|(window, most)| (window, Unit::Tokens, most));
        let money =
            money.into_iter().map(|(window, most)| (window, Unit::Money, most.map(|usd| usd.amount().0)));
        tokens
            .chain(money)
            .filter_map(move |(window, unit, most)| Some(Limit { window, scope, unit, most: most? }))
    }
}

/// `[limits]` with its tables: serde cannot both flatten a struct and refuse unknown keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    call_tokens: Option<u64>,
    hook_tokens: Option<u64>,
    day_tokens: Option<u64>,
    month_tokens: Option<u64>,
    day_usd: Option<Usd>,
    month_usd: Option<Usd>,
    #[serde(default)]
    repository: BTreeMap<String, Ceilings>,
    #[serde(default)]
    team: BTreeMap<String, Ceilings>,
    #[serde(default)]
    stage: BTreeMap<String, Ceilings>,
    #[serde(default)]
    counting: Counting,
}

impl TryFrom<WrittenLimits> for UserLimits {
    type Error = String;

    fn try_from(written: WrittenLimits) -> Result<Self, String> {
        let WrittenLimits { call_tokens, hook_tokens, day_tokens, month_tokens, day_usd, month_usd, .. } =
            written;
        let mut repository = BTreeMap::new();
        for (name, ceilings) in written.repository {
            if repository.insert(name.to_lowercase(), ceilings).is_some() {
                return Err(format!(
                    "[limits.repository] has {name:?} in two spellings: upper and lower case are one name"
                ));
            }
        }
        Ok(Self {
            own: Ceilings { call_tokens, hook_tokens, day_tokens, month_tokens, day_usd, month_usd },
            repository,
            team: written.team,
            stage: written.stage,
            counting: written.counting,
        })
    }
}

/// A price in USD per million tokens.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Of input.
    pub input: f64,
    /// Of input that the provider reads from its cache; that of `input` unless it is given.
    pub cached_input: Option<f64>,
    /// Of input that the provider writes to its cache; that of `input` unless it is given.
    pub cache_write: Option<f64>,
    /// Of output.
    pub output: f64,
}

impl ModelPrice {
    /// The price of one token of each kind.
    ///
    /// # Errors
    /// A figure that can only be a slip.
    pub fn price(&self) -> Result<Price, PriceError> {
        Price::per_million(self.input, self.cached_input, self.cache_write, self.output)
    }
}

/// Where the ledger is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// A directory of one's own, in place of the system's usual one.
    pub directory: Option<PathBuf>,
}

/// A server that keeps reservations and ledger for many machines, in place of this one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Its address: `redis://host:6379/0`, `rediss://host:6379/0` or `unix:///path`, without a password.
    pub redis: Option<String>,
    /// The user of its access lists.
    pub username: Option<String>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// Certificates of one's own authorities, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Whose keys these are on a server that others use too.
    pub namespace: Option<String>,
    /// The longest wait for a connection, and for each answer.
    pub timeout: Option<Deadline>,
    /// For how many days the rows of the ledger are kept.
    pub keep_days: Option<NonZeroU16>,
}

/// A repository's `hookgate.toml`, or the `hookgate.local.toml` that overrides it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepositoryFile {
    /// What each hook does.
    pub hooks: Hooks,
    /// Which rules run.
    pub rules: Rules,
    /// Who answers which kind of change.
    pub review: BTreeMap<Kind, Answerer>,
    /// When to warn that payloads have grown.
    pub alerts: Alerts,
    /// What is left out of review.
    pub exclude: Exclude,
    /// What is to stand on every row of the ledger; the user's labels count before these.
    pub labels: Labels,
}

/// One section a hook.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Hooks {
    /// Looks at the index.
    pub pre_commit: HookSection,
    /// Looks at what is about to be pushed.
    pub pre_push: HookSection,
}

impl Hooks {
    /// The section of a hook.
    #[must_use]
    pub fn section(&self, hook: Hook) -> &HookSection {
        match hook {
            Hook::PreCommit => &self.pre_commit,
            Hook::PrePush => &self.pre_push,
        }
    }
}

/// What one hook does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookSection {
    /// Tokens of one run.
    pub token_limit: Option<u64>,
    /// Wall time of all requests together.
    pub deadline: Option<Deadline>,
    /// Whom to ask, in this order.
    pub tiers: Option<Vec<String>>,
    /// Whether an unreviewed remainder refuses the commit.
    pub required: Option<bool>,
    /// The most that is sent of a definition.
    pub level: Option<Level>,
    /// When the next tier is asked.
    pub failover: Option<Failover>,
    /// The tier that is asked again about what another one is unsure of.
    pub escalate: Option<String>,
}

/// When the next tier of a hook is asked about what those before it leave unanswered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failover {
    /// Never: the first tier or nobody.
    None,
    /// Where it steps up from none of those before it: neither off this machine, nor to a premium tier.
    #[default]
    Same,
    /// Always.
    Any,
}

/// Which rules run, and how loudly.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Where rules come from: `default`, names of bundled packs, paths of the work tree.
    pub packs: Option<Vec<String>>,
    /// Rules that do not run: `python/breakpoint`, `python/*`, or `*` for all but the secrets.
    pub disabled: Option<BTreeSet<String>>,
    /// Severities other than the packs' own.
    pub severity: BTreeMap<String, Severity>,
    /// What is different under some paths; of several the last one counts.
    pub overrides: Vec<Override>,
    /// Branches that are not committed to (globs).
    pub protected_branches: Option<BTreeSet<String>>,
    /// KiB above which a file is large.
    pub large_file_kib: Option<u64>,
}

impl Rules {
    /// Every name by which rules are meant.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let overrides = self.overrides.iter();
        let overrides = overrides.flat_map(|it| it.disabled.iter().chain(it.severity.keys()));
        self.disabled.iter().flatten().chain(self.severity.keys()).chain(overrides)
    }
}

/// When to warn that payloads have grown.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Tokens of `git diff -U3` for each token of code that is sent, at the least.
    pub min_compression: Option<Ratio>,
    /// Tokens of code that one run sends, at the most.
    pub max_payload_tokens: Option<u64>,
}

/// How many times one amount is another, above 0.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Ratio(pub f64);

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        if ratio.is_finite() && ratio > 0.0 {
            Ok(Self(ratio))
        } else {
            Err(format!("{ratio} is no ratio: expected a number above 0, such as 2.5"))
        }
    }
}

/// What is left out of review.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exclude {
    /// Globs over paths from the top of the work tree.
    pub paths: BTreeSet<String>,
}

/// An amount of USD, not negative.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "f64")]
pub struct Usd(f64);

impl Usd {
    /// The amount.
    #[must_use]
    pub fn amount(self) -> PicoUsd {
        PicoUsd::from_usd(self.0)
    }
}

impl TryFrom<f64> for Usd {
    type Error = String;

    fn try_from(usd: f64) -> Result<Self, String> {
        if usd.is_finite() && usd >= 0.0 {
            Ok(Self(usd))
        } else {
            Err(format!("{usd} is no amount of USD: expected a number from 0 up"))
        }
    }
}

/// A stretch of time, written `500ms`, `20s` or `2m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Deadline(pub Duration);

impl Deadline {
    /// Nobody waits longer for a commit; a repository that asks for more is mistaken or hostile.
    const LONGEST: Duration = Duration::from_secs(600);
}

impl TryFrom<String> for Deadline {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let digits = written.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = written.split_at(digits);
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => 0,
        };
        number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(milliseconds))
            .map(Duration::from_millis)
            .filter(|duration| !duration.is_zero() && *duration <= Self::LONGEST)
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{written:?} is no deadline: expected one like \"500ms\", \"20s\" or \"2m\", up to 10m"
                )
            })
    }
}

impl RepositoryFile {
    /// This file with every key of `local` in place of its own. Exclusions are added up, since what
    /// is kept from review in the repository stays kept from it.
    #[must_use]
    pub fn overridden_by(self, local: Self) -> Self {
        let mut severity = self.rules.severity;
        severity.extend(local.rules.severity);
        let mut overrides = self.rules.overrides;
        overrides.extend(local.rules.overrides);
        let mut review = self.review;
        review.extend(local.review);
        let mut paths = self.exclude.paths;
        paths.extend(local.exclude.paths);
        Self {
            hooks: Hooks {
                pre_commit: self.hooks.pre_commit.overridden_by(local.hooks.pre_commit),
                pre_push: self.hooks.pre_push.overridden_by(local.hooks.pre_push),
            },
            rules: Rules {
                packs: local.rules.packs.or(self.rules.packs),
                disabled: local.rules.disabled.or(self.rules.disabled),
                severity,
                overrides,
                protected_branches: local.rules.protected_branches.or(self.rules.protected_branches),
                large_file_kib: local.rules.large_file_kib.or(self.rules.large_file_kib),
            },
            review,
            alerts: Alerts {
                min_compression: local.alerts.min_compression.or(self.alerts.min_compression),
                max_payload_tokens: local.alerts.max_payload_tokens.or(self.alerts.max_payload_tokens),
            },
            exclude: Exclude { paths },
            labels: self.labels.overridden_by(local.labels),
        }
    }
}

impl HookSection {
    fn overridden_by(self, local: Self) -> Self {
        Self {
            token_limit: local.token_limit.or(self.token_limit),
            deadline: local.deadline.or(self.deadline),
            tiers: local.tiers.or(self.tiers),
            required: local.required.or(self.required),
            level: local.level.or(self.level),
            failover: local.failover.or(self.failover),
            escalate: local.escalate.or(self.escalate),
        }
    }
}
