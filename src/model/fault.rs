//! What went wrong, as the code that a report gives, the charge that a ledger takes, and one line
//! that a reader can act on.

use super::Endpoint;
use super::dialect::Unreadable;
use crate::meter::budget::Charge;
use crate::payload::route::Reason;
use crate::text::one_line;
use crate::tokens::Usage;

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
    /// One line that says what happened and what to do.
    pub message: String,
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

/// What goes wrong between hookgate and one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Fault<'e>(pub(super) &'e Endpoint);

impl Fault<'_> {
    fn error(self, reason: Reason, charge: Charge, message: &str) -> AskError {
        let Endpoint { provider, model, base_url, .. } = self.0;
        let endpoint = one_line(&format!("{provider} ({model} at {base_url})"), WORDS);
        AskError { reason, charge, message: format!("{endpoint}: {message}") }
    }

    /// No byte of the request left: the configuration forbids it.
    pub(super) fn forbidden(self, why: &str) -> AskError {
        self.error(Reason::Rejected, Charge::Nothing, why)
    }

    /// No byte of the request left: there is no time for an answer.
    pub(super) fn too_late(self) -> AskError {
        let message = "not asked, since the deadline has passed: raise the hook's deadline";
        self.error(Reason::Timeout, Charge::Nothing, message)
    }

    /// No byte of the request left: name look-up, connection, proxy or TLS failed.
    pub(super) fn unreachable(self, cause: &str) -> AskError {
        let advice = if self.0.is_local() { "start the server" } else { "check network, proxy and base_url" };
        let message = format!("cannot be reached ({}): {advice}", self.words(cause));
        self.error(Reason::Unreachable, Charge::Nothing, &message)
    }

    /// The connection ended before a response began.
    pub(super) fn hung_up(self, cause: &str) -> AskError {
        let message = format!("gave no HTTP response ({}): look at the server's log", self.words(cause));
        self.error(Reason::Unreachable, Charge::Full, &message)
    }

    pub(super) fn broken(self, broken: Broken) -> AskError {
        let (reason, message) = match broken {
            Broken::Late => {
                let message =
                    "no complete answer before the deadline: raise the hook's deadline or use a faster model";
                (Reason::Timeout, message.to_owned())
            }
            Broken::TooLong(limit) => {
                (Reason::Schema, format!("the answer is longer than {limit} bytes: check base_url"))
            }
            Broken::Cut(why) => {
                let why = self.words(&why);
                (Reason::Schema, format!("the answer is damaged ({why}): look at the server's log"))
            }
        };
        self.error(reason, Charge::Full, &message)
    }

    /// A status other than success. Redirects and client errors are not billed; whether a server that
    /// failed bills is not known.
    pub(super) fn status(self, status: u16, complaint: Option<&str>) -> AskError {
        let said = complaint.map(|words| format!(" \"{}\"", self.words(words))).unwrap_or_default();
        let advice = match (status, &self.0.key) {
            (300..=399, _) => {
                "redirects are not followed, so that code and key go nowhere else: correct base_url"
            }
            (401 | 403, Some(key)) => &format!("check the key from {}", one_line(&key.origin, WORDS)),
            (401 | 403, None) => "it wants a key: name one with api_key_env",
            (404, _) => "check base_url and the model's name",
            (413, _) => "the request is too large for it: lower the hook's token_limit",
            (429, _) => "a rate or spending limit of the provider: wait, or raise it there",
            (400..=499, _) => "it does not accept the request: check dialect and model",
            _ => "the server failed: try again later",
        };
        let charge = if status < 500 { Charge::Nothing } else { Charge::Full };
        self.error(Reason::Rejected, charge, &format!("answered {status}{said}: {advice}"))
    }

    pub(super) fn unreadable(self, unreadable: &Unreadable) -> AskError {
        let (reason, message) = match unreadable {
            Unreadable::Error(words) => {
                (Reason::Rejected, format!("answered \"{}\": look at the server's log", self.words(words)))
            }
            Unreadable::Shape(why) => {
                let why = self.words(why);
                (
                    Reason::Schema,
                    format!("the answer is not of its dialect ({why}): check dialect and base_url"),
                )
            }
        };
        self.error(reason, Charge::Full, &message)
    }

    pub(super) fn short_read(self, usage: Usage, expected: u64) -> AskError {
        let message = format!(
            "read {} of about {expected} prompt tokens: give the model a larger context or lower the hook's token_limit",
            usage.input
        );
        self.error(Reason::ShortRead, Charge::Usage(usage), &message)
    }

    pub(super) fn refusal(self, usage: Usage, words: &str) -> AskError {
        let message = format!("the model declined, \"{}\": review by hand", self.words(words));
        self.error(Reason::Refusal, Charge::Usage(usage), &message)
    }

    pub(super) fn off_schema(self, usage: Usage, why: &str) -> AskError {
        let why = self.words(why);
        let message = format!("the answer is not what was asked for ({why}): try another model");
        self.error(Reason::Schema, Charge::Usage(usage), &message)
    }

    /// A server's words, fit for a terminal, and without the key that some servers repeat.
    fn words(self, words: &str) -> String {
        match &self.0.key {
            Some(key) if !key.value.is_empty() => one_line(&words.replace(&key.value, "[key]"), WORDS),
            _ => one_line(words, WORDS),
        }
    }
}
