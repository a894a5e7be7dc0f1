//! What the user's own file says, in every repository and outside of all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::attribution::Labels;
use super::ceilings::{Ceiling, ceilings};
use super::file::{Counting, Provider, Tier, UserFile};
use super::{ConfigError, Environment, attribution, read};
use crate::meter::price::Price;
use crate::meter::price::table::{Prices, TableError};
use crate::meter::store::{Place, Server};
use crate::meter::{Attribution, Limits, estimate};
use crate::model::{ApiKey, Egress, Endpoint, EndpointError};
use crate::text::instead;
use crate::tokens::PicoUsd;

/// The user's file, and what it comes to without a repository.
#[derive(Debug)]
pub struct UserConfig {
    /// The file; empty where there is none.
    pub file: UserFile,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Where ledger, reservations and consent are kept.
    pub state_directory: PathBuf,
    /// The server that keeps the ledger instead; none where it is kept here.
    redis: Option<Server>,
    /// What models cost.
    pub prices: Result<Prices, TableError>,
    /// The labels of the file, and those of the environment.
    labels: BTreeMap<String, String>,
    pub(super) environment: Environment,
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
    Refused(EndpointError),
    /// It would take code farther than a tier before it.
    #[error("{0}, and a tier before it {1}: failover = \"any\" in the hook's section allows it")]
    StepsUp(&'static str, &'static str),
}

impl UserConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// Whatever is wrong with it; see [`ConfigError`].
    pub fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let path = environment.user_file().unwrap_or_else(|| PathBuf::from("hookgate/config.toml"));
        let file = match environment.user_file() {
            Some(path) => read::text(&path)?.map(|text| read::user_file(&path, &text)).transpose()?,
            None => None,
        }
        .unwrap_or_default();
        let usual = || environment.state_home.as_ref().map(|home| home.join("hookgate"));
        let state_directory =
            file.state.directory.clone().or_else(usual).ok_or(ConfigError::NoStateDirectory)?;
        let variable = |name: &str| environment.variable(name).map(str::to_owned);
        let redis = read::store(&file.store, variable)
            .map_err(|message| ConfigError::Inconsistent { path: path.clone(), message })?;
        let (labels, _) = attribution::labels(&Labels::default(), &file.labels, environment)?;
        let prices = Prices::load(&state_directory);
        Ok(Self { file, path, state_directory, redis, prices, labels, environment: environment.clone() })
    }

    /// Where reservations and the ledger are kept.
    #[must_use]
    pub fn store(&self) -> Place {
        Place { directory: self.state_directory.clone(), redis: self.redis.clone() }
    }

    /// Whom a request is charged to that concerns no repository; `hook` says what makes it.
    #[must_use]
    pub fn attribution(&self, hook: &str) -> Attribution {
        let pipeline = attribution::pipeline(&self.environment);
        Attribution {
            user: attribution::user(self.file.user.as_deref(), &self.environment),
            repository: String::new(),
            branch: pipeline.branch,
            team: self.file.team.clone(),
            hook: hook.to_owned(),
            stage: pipeline.stage,
            ci_run: pipeline.run,
            labels: self.labels.clone(),
        }
    }

    /// The limits in force for whoever is charged, where a hook `asked` for so many tokens a run in the
    /// file of that name, and what sets each of them.
    #[must_use]
    pub fn ceilings(&self, asked: Option<(u64, &str)>, attribution: &Attribution) -> Vec<Ceiling> {
        ceilings(&self.file.limits, asked, attribution)
    }

    /// The limits of a run that belongs to no hook.
    #[must_use]
    pub fn limits(&self, attribution: &Attribution) -> Limits {
        let ceilings = self.ceilings(None, attribution);
        Limits::new(ceilings.into_iter().map(|ceiling| ceiling.limit).collect())
    }

    /// A tier as it is defined.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn endpoint(&self, tier: &str) -> Result<Endpoint, Unusable> {
        let undefined = || Unusable::Undefined(self.path.clone());
        let (model, provider) = self.tier(tier).ok_or_else(undefined)?;
        let key = provider.api_key_env.as_ref().map(|variable| match self.environment.variable(variable) {
            Some(value) => {
                Ok(ApiKey { value: value.to_owned(), origin: format!("environment variable {variable}") })
            }
            None => Err(Unusable::KeyMissing(variable.clone())),
        });
        let endpoint = Endpoint { key: key.transpose()?, ..self.at(tier, model, provider) };
        endpoint.check().map_err(Unusable::Refused)?;
        Ok(endpoint)
    }

    /// A tier with its price and without a key, whether or not it could be asked; none where it is not
    /// defined.
    #[must_use]
    pub fn described(&self, tier: &str) -> Option<Endpoint> {
        self.tier(tier).map(|(model, provider)| self.at(tier, model, provider))
    }

    fn tier(&self, tier: &str) -> Option<(&Tier, &Provider)> {
        let model = self.file.tiers.get(tier)?;
        Some((model, self.file.providers.get(&model.provider)?))
    }

    /// A model with its price, and without a key.
    fn at(&self, tier: &str, model: &Tier, provider: &Provider) -> Endpoint {
        let endpoint = Endpoint {
            tier: tier.to_owned(),
            provider: model.provider.clone(),
            dialect: provider.dialect,
            base_url: provider.base_url.clone(),
            model: model.model.clone(),
            key: None,
            price: None,
            counting: match self.file.limits.counting {
                Counting::Learned => Endpoint::usual_counting(&provider.base_url),
                Counting::Strict => estimate::Counting::Strict,
            },
            machine: format!("{}:{}", self.environment.host(), self.state_directory.display()),
            // Who serves a model on its own machine for its own user seldom asks for a key.
            gateway: provider.gateway.or(provider.api_key_env.is_none().then_some(false)),
        };
        let price = self.price(&endpoint).map(|price| Price { energy: self.energy(provider), ..price });
        Endpoint { price, ..endpoint }
    }

    /// What the user's file says that a model costs; where it says nothing, nothing if what it is sent
    /// stays on this machine, and else what the price lists have for exactly this model at exactly
    /// this host.
    fn price(&self, endpoint: &Endpoint) -> Option<Price> {
        match self.file.prices.get(&format!("{}/{}", endpoint.provider, endpoint.model)) {
            Some(price) => price.price().ok(),
            None if endpoint.egress() == Egress::Stays => Some(Price::local()),
            None => {
                let host = Endpoint::host(&endpoint.base_url)?;
                Some(self.prices.as_ref().ok()?.get(&host, &endpoint.model)?.price)
            }
        }
    }

    /// What an hour of a provider's electricity costs, where the user's file says it.
    fn energy(&self, provider: &Provider) -> Option<PicoUsd> {
        let (watts, tariff) = (provider.watts?, self.file.energy.usd_per_kwh?);
        Some(PicoUsd::from_usd(watts.0 / 1000.0 * tariff.0))
    }

    /// A model with its price, whether or not it could be asked: a tier, or one as `provider/name`.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn priced(&self, name: &str) -> Result<Endpoint, ConfigError> {
        if let Some(endpoint) = self.described(name) {
            return Ok(endpoint);
        }
        let Some((provider, model)) = name.split_once('/') else {
            let known = self.file.tiers.keys().chain(self.file.prices.keys());
            let known: Vec<_> = known.map(String::as_str).collect();
            let (name, path) = (name.to_owned(), self.path.clone());
            return Err(ConfigError::UnknownModel { instead: instead(&name, &known), name, path });
        };
        let tier = Tier { provider: provider.to_owned(), model: model.to_owned(), premium: false };
        let preview = Endpoint::preview();
        Ok(match self.file.providers.get(provider) {
            Some(provider) => self.at(&preview.tier, &tier, provider),
            None => Endpoint {
                provider: tier.provider,
                model: tier.model,
                price: self.file.prices.get(name).and_then(|price| price.price().ok()),
                ..preview
            },
        })
    }
}
