//! How each API family is spoken to. Every dialect turns a question into a body and a body into an
//! answer; what differs between providers ends here.

mod openai;
mod anthropic;
mod ollama;

use serde_json::Value;

use super::ApiKey;
use super::schema::Schema;
use crate::tokens::{PicoUsd, Usage, UsageSource};

/// An API family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `POST {base}/chat/completions`.
    Openai,
    /// `POST {base}/v1/messages`.
    Anthropic,
    /// `POST {base}/api/chat`.
    Ollama,
}

/// What is asked, before it has a provider's shape.
pub(super) struct Question<'a> {
    pub(super) model: &'a str,
    pub(super) system: &'a str,
    pub(super) user: &'a str,
    pub(super) schema: &'a Schema,
    /// Counted, for servers that have to be told how much they will read.
    pub(super) input_tokens: u64,
    pub(super) max_output_tokens: u64,
    /// Whether a server on this machine is asked, of which some know that limit by its old name alone.
    pub(super) stays_here: bool,
}

impl<'a> Question<'a> {
    /// For families that take the instructions as a message, too.
    fn messages(&self) -> [Message<'a>; 2] {
        [Message { role: "system", content: self.system }, Message { role: "user", content: self.user }]
    }
}

/// A message, which all families write alike.
#[derive(serde::Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// What came back, in one shape.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    /// None where the provider gives no figures, or impossible ones.
    pub(super) usage: Option<Usage>,
    pub(super) finish: Finish,
}

/// Why the model stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// It had said everything.
    Complete,
    /// It reached the most output tokens.
    Length,
    /// It declined to answer.
    Refused,
    /// Anything else, in the provider's word.
    Other(String),
}

/// Why a body with a status of success is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It reports an error, in the provider's words.
    Error(String),
    /// It is not the dialect's JSON.
    Shape(String),
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape(error.to_string())
    }
}

impl Dialect {
    /// The path appended to an endpoint's base.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Openai => openai::PATH,
            Self::Anthropic => anthropic::PATH,
            Self::Ollama => ollama::PATH,
        }
    }

    /// Whether schemas may hold `maxLength` and `maxItems`. Anthropic answers them with 400.
    pub(super) fn takes_sizes(self) -> bool {
        self != Self::Anthropic
    }

    /// Names and values of the headers beside `content-type`.
    pub(super) fn headers(self, key: Option<&ApiKey>) -> Vec<(&'static str, String)> {
        match self {
            Self::Openai | Self::Ollama => {
                key.map(|key| ("authorization", format!("Bearer {}", key.value))).into_iter().collect()
            }
            Self::Anthropic => anthropic::headers(key),
        }
    }

    /// The exact body.
    pub(super) fn body(self, question: &Question<'_>) -> String {
        match self {
            Self::Openai => openai::body(question),
            Self::Anthropic => anthropic::body(question),
            Self::Ollama => ollama::body(question),
        }
    }

    /// Reads a body that came with a status of success.
    pub(super) fn answer(self, body: &str) -> Result<Answer, Unreadable> {
        match self {
            Self::Openai => openai::answer(body),
            Self::Anthropic => anthropic::answer(body),
            Self::Ollama => ollama::answer(body),
        }
    }
}

/// A server's own words in a body that is no answer, whatever it speaks otherwise:
/// `{"error":{"message":"…"}}` of OpenAI, Anthropic, llama.cpp and most gateways, `{"error":"…"}` of
/// Ollama and LM Studio, `{"message":"…"}` of old vLLMs, `{"detail":"…"}` and `{"detail":[{"msg":"…"}]}`
/// of what FastAPI answers by itself.
pub(super) fn complaint(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let detail = &body["detail"];
    let places = [&body["error"]["message"], &body["error"], &body["message"], detail, &detail[0]["msg"]];
    places.into_iter().find_map(Value::as_str).map(str::to_owned)
}

/// Figures above this are a broken or hostile server's, and believed no more than missing ones.
const PLAUSIBLE_TOKENS: u64 = 10_000_000;

/// What one request costs at the most, in USD: that many tokens of the dearest model.
const PLAUSIBLE_USD: f64 = 10_000.0;

/// What a provider reports, if it is possible: nobody reads a prompt of no tokens.
fn reported(usage: Usage) -> Option<Usage> {
    let possible = (1..=PLAUSIBLE_TOKENS).contains(&usage.input)
        && usage.cached_input.saturating_add(usage.cache_write) <= usage.input
        && usage.output <= PLAUSIBLE_TOKENS;
    possible.then_some(Usage { source: UsageSource::Reported, ..usage })
}

/// A cost that a provider reports, if it can be one. Nothing is not: a gateway that knows no price
/// says so as well.
pub(super) fn reported_cost(usd: f64) -> Option<PicoUsd> {
    let possible = usd > 0.0 && usd <= PLAUSIBLE_USD;
    possible.then(|| PicoUsd::from_usd(usd)).filter(|&cost| cost > PicoUsd::ZERO)
}

/// What a body says that the request cost, whatever else of it can be read: `usage.cost` in USD, a number
/// of OpenRouter's and an object of Perplexity's.
pub(super) fn cost(body: &str) -> Option<PicoUsd> {
    let body: Value = serde_json::from_str(body).ok()?;
    let (usage, cost) = (&body["usage"], &body["usage"]["cost"]);
    let fee = cost.as_f64().or_else(|| cost["total_cost"].as_f64())?;
    if usage["is_byok"].as_bool() != Some(true) {
        return reported_cost(fee);
    }
    // OpenRouter asked with the user's own key: the fee is not the cost without the upstream's share.
    reported_cost(fee + usage["cost_details"]["upstream_inference_cost"].as_f64()?)
}

/// Serialises a request. Structs keep their fields in order, so equal questions give equal bytes.
fn to_json(request: &impl serde::Serialize) -> String {
    serde_json::to_string(request).expect("strings, numbers and booleans always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_believed_where_it_can_be_one() {
        // Nothing else of the body has to be what an answer is.
        let cost = |usage: &str| cost(&format!(r#"{{"usage":{{{usage}}}}}"#)).map(PicoUsd::as_usd);
        assert_eq!(cost(r#""cost":0.00123,"is_byok":false,"prompt_tokens":-1"#), Some(0.001_23));
        // The fee of a request with the user's own key is not what it cost.
        let byok = r#""cost":0.0001,"is_byok":true"#;
        assert_eq!(cost(byok), None);
        let with_upstream = format!(r#"{byok},"cost_details":{{"upstream_inference_cost":0.002}}"#);
        assert_eq!(cost(&with_upstream), Some(0.002_1));
        assert_eq!(cost(r#""cost":{"total_cost":0.005,"request_cost":0.004}"#), Some(0.005));
        for nonsense in ["0", "0.0", "-0.01", "1e300", "\"0.01\"", "null", "[1]", "{}", "1e-300"] {
            assert_eq!(cost(&format!(r#""cost":{nonsense}"#)), None, "{nonsense}");
        }
        for body in ["", "7", "[]", r#"{"usage":null}"#, r#"{"usage":[{"cost":1}]}"#] {
            assert_eq!(super::cost(body), None, "{body}");
        }
    }

    #[test]
    fn a_servers_words_are_found_wherever_they_stand() {
        let words = |body: &str| complaint(body).unwrap_or_default();
        assert_eq!(words(r#"{"error":{"message":"a","type":"x"}}"#), "a");
        assert_eq!(words(r#"{"error":"b"}"#), "b");
        assert_eq!(words(r#"{"object":"error","message":"c","code":400}"#), "c");
        assert_eq!(words(r#"{"detail":"d"}"#), "d");
        assert_eq!(words(r#"{"detail":[{"type":"missing","loc":["body"],"msg":"f"}]}"#), "f");
        for nothing in ["", "{}", "[]", "\"e\"", r#"{"error":{"message":7}}"#, r#"{"detail":[]}"#] {
            assert_eq!(complaint(nothing), None, "{nothing}");
        }
    }
}
