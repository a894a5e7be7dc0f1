//! OpenAI's chat completions, which llama.cpp, vLLM, LM Studio and OpenRouter speak as well.

use serde::{Deserialize, Serialize};

use super::super::schema::Schema;
use super::{Answer, Finish, Message, Question, Unreadable, reported, to_json};
use crate::tokens::Usage;

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
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    /// DeepSeek's name for `cached_tokens`.
    prompt_cache_hit_tokens: Option<u64>,
}

/// Subsets of `prompt_tokens`.
#[derive(Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl Figures {
    fn usage(self) -> Option<Usage> {
        let details = self.prompt_tokens_details.unwrap_or_default();
        reported(Usage {
            input: self.prompt_tokens?,
            cached_input: details.cached_tokens.or(self.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write: details.cache_write_tokens.unwrap_or(0),
            output: self.completion_tokens?,
            ..Usage::default()
        })
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
