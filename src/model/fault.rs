//! What went wrong, as the code that a report gives, the charge that a ledger takes, and one line
//! that a reader can act on.

use std::time::Duration;

use super::Endpoint;
use super::dialect::Unreadable;
use super::http::notice::{Notice, speaks_of_context};
use crate::meter::breaker::Health;
use crate::meter::budget::Charge;
use crate::payload::route::Reason;
use crate::text::one_line;
use crate::tokens::{Usage, UsageSource};

/// How long a model that is being loaded is left alone.
const LOADING: Duration = Duration::from_secs(2);

/// What to do about a request that does not fit. None is longer than this, whoever it is for.
const LARGER_CONTEXT: &str = "the request does not fit its context: give the model one of 8,192 tokens";

/// Characters of a server's own words that a message repeats.
const WORDS: usize = 200;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AskError {
    /// The code for the report.
    pub reason: Reason,
    /// What the request is charged all the same.
    pub charge: Charge,
    /// What it says about the endpoint.
    pub health: Health,
    /// Whether it may be sent once more: the provider has not begun to work on it, and another attempt
    /// need not end alike.
    pub may_repeat: bool,
    /// What happened, in hookgate's words alone: fit to be kept where others read it.
    pub what: String,
    /// One line that says what happened and what to do.
    pub message: String,
}

impl AskError {
    /// After how long it may be sent once more, if it may.
    #[must_use]
    pub fn again(&self) -> Option<Duration> {
        self.may_repeat.then_some(match self.health {
            Health::Failed(wait) => wait.unwrap_or_default(),
            _ => LOADING,
        })
    }
}

/// Why a response could not be read to its end.
pub(super) enum Broken {
    /// The deadline passed.
    Late,
    /// It is longer than this many bytes.
    TooLong(usize),
    /// The connection ended early, or the body is no text.
    Cut(String),
}

/// How a connection could not be made.
pub(super) struct Unmade {
    /// What the system said.
    pub(super) cause: String,
    /// Whether there is a machine and nobody listens on it.
    pub(super) is_refused: bool,
}

/// What goes wrong between hookgate and one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Fault<'e>(pub(super) &'e Endpoint);

impl Fault<'_> {
    /// `more` follows `what` in the message.
    fn error(self, reason: Reason, charge: Charge, health: Health, what: &str, more: &str) -> Box<AskError> {
        let Endpoint { provider, model, base_url, .. } = self.0;
        let endpoint = one_line(&format!("{provider} ({model} at {base_url})"), WORDS);
        let message = format!("{endpoint}: {what}{more}");
        Box::new(AskError { reason, charge, health, may_repeat: false, what: what.to_owned(), message })
    }

    /// No byte of the request left: the configuration forbids it.
    pub(super) fn forbidden(self, why: &str) -> Box<AskError> {
        self.error(Reason::Rejected, Charge::Nothing, Health::Misfit, why, "")
    }

    /// No byte of the request left: there is no time for an answer.
    pub(super) fn too_late(self) -> Box<AskError> {
        let more = ", since the deadline has passed: raise the deadline";
        self.error(Reason::Timeout, Charge::Nothing, Health::Unsaid, "not asked", more)
    }

    /// No byte of the request left: the breaker is open.
    pub(super) fn open(self, closure: &impl std::fmt::Display) -> Box<AskError> {
        let more = format!(": its breaker is open {closure}");
        self.error(Reason::Breaker, Charge::Nothing, Health::Unsaid, "not asked", &more)
    }

    /// No byte of the request left: name look-up, connection, proxy or TLS failed.
    pub(super) fn unreachable(self, unmade: &Unmade) -> Box<AskError> {
        let is_away = self.0.is_local() && unmade.is_refused;
        let advice = match self.0.is_local() {
            true if unmade.is_refused => "start the server",
            true => "check the server there, and http or https in base_url",
            false => "check network, proxy and base_url",
        };
        let health = if is_away { Health::Away } else { Health::Failed(None) };
        let more = format!(" ({}): {advice}", self.words(&unmade.cause));
        let mut error = self.error(Reason::Unreachable, Charge::Nothing, health, "cannot be reached", &more);
        // On this machine a moment changes nothing.
        error.may_repeat = !is_away;
        error
    }

    /// The connection ended before a response began.
    pub(super) fn hung_up(self, cause: &str) -> Box<AskError> {
        let more = format!(" ({}): look at the server's log", self.words(cause));
        let what = "gave no HTTP response";
        self.error(Reason::Unreachable, Charge::Full, Health::Failed(None), what, &more)
    }

    pub(super) fn broken(self, broken: Broken) -> Box<AskError> {
        let (reason, what, more) = match broken {
            Broken::Late => {
                let more = ": raise the deadline or use a faster model".to_owned();
                (Reason::Timeout, "no complete answer before the deadline".to_owned(), more)
            }
            Broken::TooLong(limit) => {
                let what = format!("the answer is longer than {limit} bytes");
                (Reason::Schema, what, ": check base_url".to_owned())
            }
            Broken::Cut(why) => {
                let more = format!(" ({}): look at the server's log", self.words(&why));
                (Reason::Schema, "the answer is damaged".to_owned(), more)
            }
        };
        self.error(reason, Charge::Full, Health::Failed(None), &what, &more)
    }

    /// A status other than success. Redirects and client errors are not billed, unless they say what
    /// they used; whether a server that failed bills is not known.
    pub(super) fn status(self, status: u16, notice: &Notice) -> Box<AskError> {
        let words = notice.complaint.as_deref().map(|words| format!(" \"{}\"", self.words(words)));
        let advice = match (status, &self.0.key) {
            _ if notice.is_quota => {
                "a quota is used up: raise it at the provider, then `hookgate models test` opens the way again; or wait"
            }
            _ if notice.is_loading => "the model is being loaded: try again in a moment",
            _ if notice.is_too_long => LARGER_CONTEXT,
            _ if notice.is_about_schema => "it takes no JSON schema: use a model or a server that does",
            (300..=399, _) => {
                "redirects are not followed, so that code and key go nowhere else: correct base_url"
            }
            (401 | 403, Some(key)) => {
                // Whose key it is that was refused, a gateway's words do not always tell.
                let own =
                    if self.0.gateway == Some(true) { ", and the gateway's own for this model" } else { "" };
                &format!("check the key from {}{own}", one_line(&key.origin, WORDS))
            }
            (401 | 403, None) if self.0.is_local() => {
                "it wants a key: name one with api_key_env, and say `gateway = false` if it passes nothing on"
            }
            (401 | 403, None) => "it wants a key: name one with api_key_env",
            (404, _) => "check base_url and the model's name",
            (413, _) => "the request is too large for it: lower the hook's token_limit",
            (429, _) => "a rate or spending limit of the provider: wait, or raise it there",
            (400..=499, _) => "it does not accept the request: check dialect and model",
            _ => "the server failed: try again later",
        };
        let charge = match notice.usage {
            _ if status >= 500 && !notice.is_loading => Charge::Full,
            Some(usage) => Charge::Usage(usage),
            None => Charge::Nothing,
        };
        let health = match status {
            _ if notice.is_quota => Health::Exhausted(notice.reset),
            _ if notice.is_loading || notice.is_too_long => Health::Unsaid,
            _ if notice.is_about_schema => Health::Misfit,
            401 | 403 => Health::KeyRefused,
            413 => Health::Unsaid,
            408 | 429 | 500.. => Health::Failed(notice.wait),
            _ => Health::Misfit,
        };
        let is_put_off = matches!(status, 429 | 503 | 529) && notice.wait.is_some();
        let may_repeat = !notice.is_quota && (notice.is_loading || is_put_off);
        let more = format!("{}: {advice}", words.unwrap_or_default());
        let mut error = self.error(Reason::Rejected, charge, health, &format!("answered {status}"), &more);
        error.may_repeat = may_repeat;
        error
    }

    pub(super) fn unreadable(self, unreadable: &Unreadable) -> Box<AskError> {
        let (reason, health, what, more) = match unreadable {
            Unreadable::Error(words) => {
                let is_too_long = speaks_of_context(words);
                let advice = if is_too_long { LARGER_CONTEXT } else { "look at the server's log" };
                let health = if is_too_long { Health::Unsaid } else { Health::Failed(None) };
                let more = format!(" \"{}\": {advice}", self.words(words));
                (Reason::Rejected, health, "answered with an error", more)
            }
            Unreadable::Shape(why) => {
                let more = format!(" ({}): check dialect and base_url", self.words(why));
                (Reason::Schema, Health::Failed(None), "the answer is not of its dialect", more)
            }
        };
        self.error(reason, Charge::Full, health, what, &more)
    }

    /// An endpoint that does not read what it is sent is of no use, however well it answers: so this
    /// is a failure. The figure is not believed: `counted` tokens were sent, and are charged.
    pub(super) fn short_read(self, usage: Usage, expected: u64, counted: u64) -> Box<AskError> {
        let what = format!("read {} of about {expected} prompt tokens", usage.input);
        let more = ": give the model a larger context or lower the hook's token_limit";
        let usage = Usage { input: counted.max(usage.input), source: UsageSource::Counted, ..usage };
        self.error(Reason::ShortRead, Charge::Usage(usage), Health::Failed(None), &what, more)
    }

    pub(super) fn refusal(self, usage: Usage, words: &str) -> Box<AskError> {
        let more = format!(", \"{}\": review by hand", self.words(words));
        self.error(Reason::Refusal, Charge::Usage(usage), Health::Sound, "the model declined", &more)
    }

    /// The answer ends before its first finding does, and before it had the tokens that were asked for:
    /// the context was full.
    pub(super) fn no_room(self, usage: Usage, asked: u64) -> Box<AskError> {
        let what = format!("the answer was cut off after {} of {asked} tokens", usage.output);
        let more = format!(": {LARGER_CONTEXT}");
        self.error(Reason::Schema, Charge::Usage(usage), Health::Sound, &what, &more)
    }

    pub(super) fn off_schema(self, usage: Usage, why: &str) -> Box<AskError> {
        let more = format!(" ({}): try another model", self.words(why));
        let what = "the answer is not what was asked for";
        self.error(Reason::Schema, Charge::Usage(usage), Health::Sound, what, &more)
    }

    /// A server's words, fit for a terminal, and without the key that some servers repeat.
    fn words(self, words: &str) -> String {
        match &self.0.key {
            Some(key) if !key.value.is_empty() => one_line(&words.replace(&key.value, "[key]"), WORDS),
            _ => one_line(words, WORDS),
        }
    }
}
