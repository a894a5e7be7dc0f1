//! Asking a model: one request, one deadline, and nothing believed that was not sent.

pub mod prompt;
mod schema;
pub mod dialect;
pub mod http;
pub mod review;
mod fault;
mod gateway;
pub mod reply;
pub mod recall;
pub mod tiers;
pub mod detect;

use crate::meter::budget::Budget;
use crate::meter::estimate::{self, Counting};
use crate::meter::price::Price;
use crate::report::ModelName;
use dialect::Dialect;

/// The usual margin for OpenAI's own models, in thousandths: what their servers add to a chat.
const OWN_TOKENIZER: u64 = 20;
/// The usual margin for models that count with another tokenizer, in thousandths.
const OTHER_TOKENIZERS: u64 = 300;
/// Bytes of a token of code, about.
const BYTES_PER_TOKEN: u64 = 4;

/// A model at a provider, as the user's file defines a tier.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The tier's name.
    pub tier: String,
    /// The provider's name.
    pub provider: String,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Scheme, host, port and path prefix; `https`, or `http` on loopback.
    pub base_url: String,
    /// The model's id at the provider.
    pub model: String,
    /// The key, where one is needed.
    pub key: Option<ApiKey>,
    /// What its tokens cost; none where it is unknown.
    pub price: Option<Price>,
    /// How its input tokens are bounded before they are sent.
    pub counting: Counting,
    /// The machine that this runs on, told from others that share its store: an address on loopback
    /// is another server on each.
    pub machine: String,
    /// Whether it is the user's own gateway, which is told whom each request is charged to; none where
    /// the user's file does not say so of a server that wants a key, as gateways do.
    pub gateway: Option<bool>,
}

/// Whether what an endpoint is sent leaves this machine, as far as the user's file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Egress {
    /// It does not.
    Stays,
    /// Nobody knows: its address is on this machine, it wants a key, and the file does not say whether
    /// it is a gateway.
    MayLeave,
    /// It does.
    Leaves,
}

/// Why nothing is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It cannot be read as a URL.
    #[error("base_url {url:?} is not a URL ({why}): write it as https://host/path")]
    NotAUrl {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Neither `https` nor `http`.
    #[error("base_url {url:?} has the scheme {scheme:?}: only https, and http on this machine, are spoken")]
    Scheme {
        /// As it was written.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// `http` to another machine.
    #[error(
        "base_url {0:?} would send code and key unencrypted: use https (http is for 127.0.0.1, [::1] and localhost)"
    )]
    Unencrypted(String),
    /// A name or password before the host. The address is not repeated, since it holds a secret.
    #[error(
        "base_url of host {host:?} holds a user name or password: remove it and name the key with api_key_env"
    )]
    Credentials {
        /// The host.
        host: String,
    },
    /// A query or a fragment. They are not repeated, since they often hold a key.
    #[error("base_url of host {host:?} ends in a query or a fragment: remove what follows the path")]
    Query {
        /// The host.
        host: String,
    },
    /// An address at which clouds hand out credentials, or one that names no machine.
    #[error("base_url {0:?} is a link-local, metadata or unspecified address: no model is served there")]
    ForbiddenHost(String),
    /// A key that no header may hold.
    #[error(
        "the key from {origin} is empty or holds white space, a control or a non-ASCII character: set it again"
    )]
    Key {
        /// Where it came from.
        origin: String,
    },
}

impl Endpoint {
    /// Stands in where no model is configured, so that a dry run can render and count what a model
    /// would have been asked. Nothing is ever sent to it.
    #[must_use]
    pub fn preview() -> Self {
        Self {
            tier: "none".to_owned(),
            provider: "none".to_owned(),
            dialect: Dialect::Openai,
            base_url: String::new(),
            model: "none".to_owned(),
            key: None,
            price: None,
            counting: Counting::Margin(OTHER_TOKENIZERS),
            machine: String::new(),
            gateway: Some(false),
        }
    }

    /// The host that serves it; none where it is no address, or one with a port of its own, at which
    /// anybody may serve anything.
    #[must_use]
    pub fn host(base_url: &str) -> Option<String> {
        http::Address::parse(base_url).ok()?.host()
    }

    /// How tokens are bounded before anything is known of the endpoint: many servers speak OpenAI's
    /// dialect, and only OpenAI's own models count with its tokenizer.
    #[must_use]
    pub fn usual_counting(base_url: &str) -> Counting {
        let is_openai = Self::host(base_url).as_deref() == Some("api.openai.com");
        Counting::Margin(if is_openai { OWN_TOKENIZER } else { OTHER_TOKENIZERS })
    }

    /// Bounds tokens by what the endpoint has counted before. What the ledger cannot tell changes
    /// nothing.
    pub fn learn(&mut self, budget: &Budget) {
        if let Counting::Margin(usual) = self.counting {
            let experience = budget.experience(&self.provider, &self.model, estimate::SAMPLES);
            let margin = estimate::margin(&experience.unwrap_or_default(), usual);
            self.counting = Counting::Margin(margin);
        }
    }

    /// Whether anything may be sent to an address.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn check_address(base_url: &str) -> Result<(), EndpointError> {
        http::Address::parse(base_url).map(|_| ())
    }

    /// Whether anything may be sent to it. Asked where the configuration is read, so that a mistake
    /// is reported with its line, and again before every request.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn check(&self) -> Result<(), EndpointError> {
        Self::check_address(&self.base_url)?;
        match &self.key {
            // What a header may hold (RFC 9110, 5.5), without the white space that no key has.
            Some(key) if key.value.is_empty() || !key.value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(EndpointError::Key { origin: key.origin.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether its address is on this machine, so that no proxy stands between. Who listens there may
    /// pass on what it is sent: see [`Self::egress`].
    #[must_use]
    pub fn is_local(&self) -> bool {
        http::Address::parse(&self.base_url).is_ok_and(|address| address.is_loopback())
    }

    /// Whether what it is sent leaves this machine: a gateway relays, and so does Ollama what its cloud
    /// serves. A server on this machine that wants a key is a gateway as often as not.
    #[must_use]
    pub fn egress(&self) -> Egress {
        let is_of_cloud = self.dialect == Dialect::Ollama && is_of_ollamas_cloud(&self.model);
        match self.gateway {
            _ if !self.is_local() || is_of_cloud => Egress::Leaves,
            Some(true) => Egress::Leaves,
            Some(false) => Egress::Stays,
            None => Egress::MayLeave,
        }
    }

    /// Measured tokens to tokens that this endpoint may count: hookgate counts with the tokenizer of
    /// OpenAI's models, and others may need more for the same code.
    #[must_use]
    pub fn with_margin(&self, tokens: u64) -> u64 {
        self.counting.with_margin(tokens)
    }

    /// The most tokens that may be measured so that the endpoint counts no more than `tokens`.
    #[must_use]
    pub fn without_margin(&self, tokens: u64) -> u64 {
        self.counting.without_margin(tokens)
    }

    /// How many units one request may hold: a small model loses track of many.
    #[must_use]
    pub fn units_per_request(&self) -> usize {
        if self.is_local() { 3 } else { 8 }
    }

    /// How many tokens of code one request may hold, in the measure in which they are bounded.
    #[must_use]
    pub fn tokens_per_request(&self) -> u64 {
        let tokens = if self.is_local() { 2000 } else { 4000 };
        match self.counting {
            Counting::Margin(_) => tokens,
            Counting::Strict => tokens * BYTES_PER_TOKEN,
        }
    }

    /// The cell of the store in which its breaker is kept. Another key, address or model is another
    /// cell, so that a breaker that waits for a change of the configuration need not look for one.
    /// Of the key, and for loopback of the machine, it tells 64 bits of a keyed hash.
    #[must_use]
    pub fn breaker(&self) -> String {
        let key = self.key.as_ref().map_or("", |key| key.value.as_str());
        let machine = if self.is_local() { self.machine.as_str() } else { "" };
        let mut hasher = blake3::Hasher::new_derive_key("hookgate 2026-11-23 who asks an endpoint");
        for part in [key, machine] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let asker = hasher.finalize().to_hex();
        format!("breaker:{}|{}|{}|{}", self.provider, self.base_url, self.model, &asker[..16])
    }

    /// What reports call it.
    #[must_use]
    pub fn name(&self) -> ModelName {
        ModelName { tier: self.tier.clone(), provider: self.provider.clone(), name: self.model.clone() }
    }
}

/// Whether Ollama serves a model of this name from its cloud: `gpt-oss:120b-cloud`, `glm-4.6:cloud`
/// (<https://docs.ollama.com/cloud>).
fn is_of_ollamas_cloud(model: &str) -> bool {
    model.to_ascii_lowercase().ends_with("cloud")
}

/// A provider's key. Never shown.
#[derive(Clone)]
pub struct ApiKey {
    /// The key.
    pub value: String,
    /// Where it came from, for messages: `environment variable OPENAI_API_KEY`.
    pub origin: String,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey(from {})", self.origin)
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
#[path = "../../tests/integration/harness/provider.rs"]
mod provider;
