//! OpenAI's chat completions, which llama.cpp, vLLM, LM Studio and OpenRouter speak as well.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::schema::Schema;
use super::{Answer, Finish, Message, Question, Unreadable, reported, reported_cost, to_json};
use crate::tokens::{PicoUsd, Usage};

pub(super) const PATH: &str = "/chat/completions";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    max_completion_tokens: u64,
    /// Its old name, which OpenAI's newer models refuse, and which is all that llama-cpp-python knows: it
    /// would write until the context is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    temperature: u8,
    // A stream that breaks off carries no usage.
    stream: bool,
    response_format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    json_schema: Named<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'static str,
    strict: bool,
    schema: &'a Schema,
}

pub(super) fn body(question: &Question<'_>) -> String {
    to_json(&Body {
        model: question.model,
        messages: question.messages(),
        max_completion_tokens: question.max_output_tokens,
        max_tokens: question.stays_here.then_some(question.max_output_tokens),
        temperature: 0,
        stream: false,
        response_format: Format {
            r#type: "json_schema",
            json_schema: Named { name: "review", strict: true, schema: question.schema },
        },
    })
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Figures>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Figures {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<Details>,
    /// DeepSeek's name for `cached_tokens`.
    prompt_cache_hit_tokens: Option<u64>,
    /// In USD: a number of OpenRouter's, an object of Perplexity's. It is no part of the dialect, so it
    /// may be anything.
    cost: Option<Value>,
    cost_details: Option<Value>,
    /// Whether OpenRouter asked with the user's own key, so that `cost` is its fee alone.
    is_byok: Option<Value>,
}

/// Subsets of `prompt_tokens`.
#[derive(Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl Figures {
    fn usage(self) -> Option<Usage> {
        let cost = self.cost();
        let details = self.prompt_tokens_details.unwrap_or_default();
        reported(Usage {
            input: self.prompt_tokens,
            cached_input: details.cached_tokens.or(self.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write: details.cache_write_tokens.unwrap_or(0),
            output: self.completion_tokens,
            reported_cost: cost,
            ..Usage::default()
        })
    }

    fn cost(&self) -> Option<PicoUsd> {
        let cost = self.cost.as_ref()?;
        let fee = cost.as_f64().or_else(|| cost.get("total_cost")?.as_f64())?;
        if !self.is_byok.as_ref().and_then(Value::as_bool).unwrap_or(false) {
            return reported_cost(fee);
        }
        // Without the upstream's share the fee is not the cost.
        let upstream = self.cost_details.as_ref()?.get("upstream_inference_cost")?.as_f64()?;
        reported_cost(fee + upstream)
    }
}

pub(super) fn answer(body: &str) -> Result<Answer, Unreadable> {
    let completion: Completion = match serde_json::from_str(body) {
        Ok(completion) => completion,
        // Gateways report an upstream's error with a status of 200.
        Err(error) => return Err(super::complaint(body).map_or_else(|| error.into(), Unreadable::Error)),
    };
    let usage = completion.usage.and_then(Figures::usage);
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err(Unreadable::Shape("no choices".to_owned()));
    };
    let finish = match choice.finish_reason.as_deref() {
        _ if choice.message.refusal.is_some() => Finish::Refused,
        Some("stop") => Finish::Complete,
        Some("length") => Finish::Length,
        Some("content_filter") => Finish::Refused,
        other => Finish::Other(other.unwrap_or("no finish_reason").to_owned()),
    };
    let text = choice.message.refusal.or(choice.message.content).unwrap_or_default();
    Ok(Answer { text, usage, finish })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::UsageSource;

    fn reply(choice: &str) -> Result<Answer, Unreadable> {
        answer(&format!(
            r#"{{"choices":[{choice}],"usage":{{"prompt_tokens":812,"completion_tokens":64,"total_tokens":876,
            "prompt_tokens_details":{{"cached_tokens":500,"cache_write_tokens":0}},
            "completion_tokens_details":{{"reasoning_tokens":60}}}}}}"#
        ))
    }

    #[test]
    fn cached_and_reasoning_tokens_are_parts_of_the_whole() {
        let answer = reply(r#"{"message":{"content":"{}","refusal":null},"finish_reason":"stop"}"#).unwrap();
        let usage = Usage {
            input: 812,
            cached_input: 500,
            output: 64,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        assert_eq!(answer, Answer { text: "{}".to_owned(), usage: Some(usage), finish: Finish::Complete });
    }

    #[test]
    fn a_cost_is_believed_where_it_can_be_one() {
        let cost = |figures: &str| {
            let body = format!(
                r#"{{"choices":[{{"message":{{"content":"{{}}"}},"finish_reason":"stop"}}],
                "usage":{{"prompt_tokens":812,"completion_tokens":64,{figures}}}}}"#
            );
            answer(&body).unwrap().usage.unwrap().reported_cost.map(PicoUsd::as_usd)
        };
        assert_eq!(cost(r#""cost":0.00123,"is_byok":false"#), Some(0.001_23));
        // The fee of a request with the user's own key is not what it cost.
        let byok = r#""cost":0.0001,"is_byok":true"#;
        assert_eq!(cost(byok), None);
        let with_upstream = format!(r#"{byok},"cost_details":{{"upstream_inference_cost":0.002}}"#);
        assert_eq!(cost(&with_upstream), Some(0.002_1));
        assert_eq!(cost(r#""cost":{"total_cost":0.005,"request_cost":0.004}"#), Some(0.005));
        for nonsense in ["0", "0.0", "-0.01", "1e300", "\"0.01\"", "null", "[1]", "{}", "1e-300"] {
            assert_eq!(cost(&format!(r#""cost":{nonsense}"#)), None, "{nonsense}");
        }
    }

    #[test]
    fn what_was_read_from_the_cache_and_written_to_it_is_part_of_the_input() {
        let usage = |figures: &str| {
            let body = format!(
                r#"{{"choices":[{{"message":{{"content":"{{}}"}},"finish_reason":"stop"}}],
                "usage":{{"prompt_tokens":812,"completion_tokens":64,{figures}}}}}"#
            );
            answer(&body).unwrap().usage.map(|usage| (usage.input, usage.cached_input, usage.cache_write))
        };
        let details = r#""prompt_tokens_details":{"cached_tokens":500,"cache_write_tokens":300}"#;
        assert_eq!(usage(details), Some((812, 500, 300)));
        assert_eq!(
            usage(r#""prompt_cache_hit_tokens":700,"prompt_cache_miss_tokens":112"#),
            Some((812, 700, 0))
        );
        let too_much = r#""prompt_tokens_details":{"cached_tokens":500,"cache_write_tokens":313}"#;
        assert_eq!(usage(too_much), None);
    }

    #[test]
    fn every_end_is_told_apart() {
        let finish = |choice| reply(choice).unwrap().finish;
        let refused = r#"{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}"#;
        assert_eq!(finish(refused), Finish::Refused);
        let filtered = r#"{"message":{"content":""},"finish_reason":"content_filter"}"#;
        assert_eq!(finish(filtered), Finish::Refused);
        assert_eq!(finish(r#"{"message":{"content":"{"},"finish_reason":"length"}"#), Finish::Length);
        let called = r#"{"message":{"content":null},"finish_reason":"tool_calls"}"#;
        assert_eq!(finish(called), Finish::Other("tool_calls".to_owned()));
    }

    #[test]
    fn an_error_is_read_whatever_its_status() {
        let body = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
        assert_eq!(answer(body), Err(Unreadable::Error("Loading model".to_owned())));
    }
}
