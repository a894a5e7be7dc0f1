//! Ollama's own chat. Its imitation of OpenAI's ignores `num_ctx`, and then cuts long prompts
//! without a word.

use serde::{Deserialize, Serialize};

use super::super::schema::Schema;
use super::{Answer, Finish, Message, Question, Unreadable, reported, to_json};
use crate::tokens::Usage;

pub(super) const PATH: &str = "/api/chat";

/// The smallest context asked for, which is Ollama's own default.
const MIN_CONTEXT: u64 = 4096;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    format: &'a Schema,
    options: Options,
    /// With `shift`: an error rather than a prompt cut to fit.
    truncate: bool,
    shift: bool,
    stream: bool,
}

#[derive(Serialize)]
struct Options {
    num_ctx: u64,
    num_predict: u64,
    temperature: u8,
    seed: u8,
}

pub(super) fn body(question: &Question<'_>) -> String {
    to_json(&Body {
        model: question.model,
        messages: question.messages(),
        format: question.schema,
        options: Options {
            num_ctx: context(question.input_tokens, question.max_output_tokens),
            num_predict: question.max_output_tokens,
            temperature: 0,
            seed: 1,
        },
        truncate: false,
        shift: false,
        stream: false,
    })
}

/// Room for input and output, a quarter more since the model's tokenizer is not ours, in powers of
/// two since Ollama loads the model again whenever the figure changes.
fn context(input: u64, output: u64) -> u64 {
    let needed = (input + output) + (input + output) / 4;
    needed.next_power_of_two().max(MIN_CONTEXT)
}

#[derive(Deserialize)]
struct Reply {
    message: Said,
    done_reason: Option<String>,
    /// Zero or absent in old versions where the prompt was cached.
    prompt_eval_count: Option<u64>,
    prompt_eval_cached_count: Option<u64>,
    eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct Said {
    content: String,
}

pub(super) fn answer(body: &str) -> Result<Answer, Unreadable> {
    let reply: Reply = match serde_json::from_str(body) {
        Ok(reply) => reply,
        Err(error) => return Err(super::complaint(body).map_or_else(|| error.into(), Unreadable::Error)),
    };
    let usage = match (reply.prompt_eval_count, reply.eval_count) {
        (Some(input), Some(output)) => {
            let cached_input = reply.prompt_eval_cached_count.unwrap_or(0);
            reported(Usage { input, cached_input, output, ..Usage::default() })
        }
        _ => None,
    };
    let finish = match reply.done_reason.as_deref() {
        Some("stop") => Finish::Complete,
        Some("length") => Finish::Length,
        other => Finish::Other(other.unwrap_or("no done_reason").to_owned()),
    };
    Ok(Answer { text: reply.message.content, usage, finish })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(figures: &str) -> Option<(u64, u64)> {
        let body = format!(r#"{{"message":{{"content":"{{}}"}},"done":true,"done_reason":"stop"{figures}}}"#);
        answer(&body).unwrap().usage.map(|usage| (usage.input, usage.output))
    }

    #[test]
    fn a_prompt_count_of_zero_is_no_count() {
        assert_eq!(usage(r#","prompt_eval_count":812,"eval_count":64"#), Some((812, 64)));
        assert_eq!(usage(r#","prompt_eval_count":0,"eval_count":64"#), None);
        assert_eq!(usage(r#","eval_count":64"#), None);
    }

    #[test]
    fn the_context_holds_the_request_in_few_sizes() {
        assert_eq!(context(700, 300), 4096);
        assert_eq!(context(3000, 300), 8192);
        assert_eq!(context(8000, 300), 16384);
    }
}
