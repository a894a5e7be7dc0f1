//! Anthropic's messages.

use serde::{Deserialize, Serialize};

use super::super::ApiKey;
use super::super::schema::Schema;
use super::{Answer, Finish, Message, Question, Unreadable, reported, to_json};
use crate::tokens::Usage;

pub(super) const PATH: &str = "/v1/messages";

/// The version of the API whose shapes are written here.
const VERSION: &str = "2023-06-01";

pub(super) fn headers(key: Option<&ApiKey>) -> Vec<(&'static str, String)> {
    let key = key.map(|key| ("x-api-key", key.value.clone()));
    key.into_iter().chain([("anthropic-version", VERSION.to_owned())]).collect()
}

/// Without a temperature: newer models refuse the field.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    system: &'a str,
    messages: [Message<'a>; 1],
    output_config: Output<'a>,
}

#[derive(Serialize)]
struct Output<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    schema: &'a Schema,
}

pub(super) fn body(question: &Question<'_>) -> String {
    to_json(&Body {
        model: question.model,
        max_tokens: question.max_output_tokens,
        system: question.system,
        messages: [Message { role: "user", content: question.user }],
        output_config: Output { format: Format { r#type: "json_schema", schema: question.schema } },
    })
}

#[derive(Deserialize)]
struct Reply {
    content: Vec<Part>,
    stop_reason: Option<String>,
    usage: Option<Figures>,
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

/// The three input figures are disjoint.
#[derive(Deserialize)]
struct Figures {
    input_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: u64,
}

pub(super) fn answer(body: &str) -> Result<Answer, Unreadable> {
    let reply: Reply = match serde_json::from_str(body) {
        Ok(reply) => reply,
        Err(error) => return Err(super::complaint(body).map_or_else(|| error.into(), Unreadable::Error)),
    };
    let usage = reply.usage.and_then(|figures| {
        let read = figures.cache_read_input_tokens.unwrap_or(0);
        let written = figures.cache_creation_input_tokens.unwrap_or(0);
        let input = figures.input_tokens.saturating_add(read).saturating_add(written);
        reported(Usage {
            input,
            cached_input: read,
            cache_write: written,
            output: figures.output_tokens,
            ..Usage::default()
        })
    });
    let finish = match reply.stop_reason.as_deref() {
        Some("end_turn" | "stop_sequence") => Finish::Complete,
        Some("max_tokens") => Finish::Length,
        Some("refusal") => Finish::Refused,
        other => Finish::Other(other.unwrap_or("no stop_reason").to_owned()),
    };
    let text = reply.content.into_iter().filter(|part| part.r#type == "text").filter_map(|part| part.text);
    Ok(Answer { text: text.collect(), usage, finish })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::UsageSource;

    #[test]
    fn the_input_figures_are_summed() {
        let body = r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"{}"}],
            "stop_reason":"end_turn","usage":{"input_tokens":100,"cache_creation_input_tokens":20,
            "cache_read_input_tokens":700,"cache_creation":{"ephemeral_5m_input_tokens":20},"output_tokens":64}}"#;
        let usage = Usage {
            input: 820,
            cached_input: 700,
            cache_write: 20,
            output: 64,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let expected = Answer { text: "{}".to_owned(), usage: Some(usage), finish: Finish::Complete };
        assert_eq!(answer(body), Ok(expected));
    }

    #[test]
    fn figures_without_a_cache_are_whole() {
        let body =
            r#"{"content":[],"stop_reason":"max_tokens","usage":{"input_tokens":9,"output_tokens":1}}"#;
        let answer = answer(body).unwrap();
        assert_eq!(answer.usage.map(|usage| (usage.input, usage.cached_input)), Some((9, 0)));
        assert_eq!(answer.finish, Finish::Length);
    }
}
