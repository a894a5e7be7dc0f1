//! What a response of failure says beside its status: when to come back, whether a quota is used up,
//! the request too long or the model still loading, and what was used all the same.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::tokens::{Usage, UsageSource};

/// Codes of a quota that does not come back by waiting a moment. OpenAI and those who speak its
/// dialect say them in `error.code` or `error.type`, Anthropic in `error.details.error_code`.
const QUOTA: [&str; 9] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "enforced_spend_limit_reached",
];

/// LiteLLM's code for a key, team or user whose budget is spent.
const GATEWAYS_BUDGET: &str = "budget_exceeded";

/// The same in words, where LiteLLM has no code: of a provider's budget, or in Anthropic's dialect.
const GATEWAYS_WORDS: [&str; 2] = ["budget has been exceeded", "crossed budget"];

/// Anthropic has no code of its own for this.
const NO_CREDIT: &str = "credit balance is too low";

/// What OpenAI, and llama.cpp, call a request that is longer than the model's context.
const TOO_LONG: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];

/// What it is called in words: by vLLM, Ollama and LM Studio; llama.cpp; LiteLLM; Anthropic.
const TOO_LONG_WORDS: [&str; 6] = [
    "context length",
    "context size",
    "context window",
    "contextwindowexceeded",
    "prompt is too long",
    "context limit",
];

/// What llama.cpp answers with 503 until it has read its model.
const LOADING: &str = "loading model";

/// What a server names that takes no JSON schema, or not ours.
const SCHEMA_WORDS: [&str; 4] = ["response_format", "response format", "json_schema", "output_config"];

/// When windows of a provider's rate limits begin anew.
const RESETS: [&str; 7] = [
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-reset",
];

/// A quota is not there again within a minute: what resets earlier is the window of a rate limit.
const SHORTEST_QUOTA: Duration = Duration::from_secs(60);

/// What a response of failure says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Notice {
    /// The provider's own words.
    pub(in crate::model) complaint: Option<String>,
    /// For how long it wants to be left alone: `Retry-After` in one of its forms.
    pub(in crate::model) wait: Option<Duration>,
    /// Whether a quota is used up, rather than a rate.
    pub(in crate::model) is_quota: bool,
    /// When that quota is there again.
    pub(in crate::model) reset: Option<Duration>,
    /// Whether the model is still being loaded.
    pub(in crate::model) is_loading: bool,
    /// Whether this request is longer than the model's context, so that a shorter one may fare better.
    pub(in crate::model) is_too_long: bool,
    /// Whether the schema is what it does not accept.
    pub(in crate::model) is_about_schema: bool,
    /// What it used, where it says so in spite of the failure.
    pub(in crate::model) usage: Option<Usage>,
}

impl Notice {
    /// Reads headers and body; `wall` is the time in ms since the epoch, for servers that do not say
    /// theirs.
    pub(in crate::model) fn read(
        status: u16,
        header: impl Fn(&str) -> Option<String>,
        body: &str,
        complaint: Option<String>,
        wall: u64,
    ) -> Self {
        // By the server's own clock, since ours may be wrong.
        let date = header("date").and_then(|date| http_date(&date));
        let now = date.unwrap_or_else(|| {
            i64::try_from(wall)
                .ok()
                .and_then(|wall| Timestamp::from_millisecond(wall).ok())
                .unwrap_or_default()
        });
        let ms = header("retry-after-ms").and_then(|ms| seconds(&ms)).map(|ms| ms / 1000);
        let wait = ms.or_else(|| {
            let value = header("retry-after")?;
            seconds(&value).or_else(|| http_date(&value).map(|date| until(date, now)))
        });
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let error = &body["error"];
        let codes = [&error["code"], &error["type"], &error["details"]["error_code"]].map(Value::as_str);
        let is_one_of = |known: &[&str]| codes.into_iter().flatten().any(|code| known.contains(&code));
        let words = complaint.as_deref().unwrap_or_default().to_lowercase();
        let is_budget =
            is_one_of(&[GATEWAYS_BUDGET]) || GATEWAYS_WORDS.iter().any(|known| words.contains(known));
        let is_quota = status == 402 || is_budget || is_one_of(&QUOTA) || words.contains(NO_CREDIT);
        // llama-cpp-python answers mistakes of the request with 500.
        let is_of_request = matches!(status, 400 | 413 | 422 | 500);
        let resets = RESETS.into_iter().filter_map(|name| reset(&header(name)?, now));
        let reset = resets.chain(wait).max().filter(|reset| is_quota && *reset >= SHORTEST_QUOTA);
        Self {
            reset: reset.or_else(|| is_budget.then(|| until_tomorrow(now))),
            is_loading: status == 503 && words.contains(LOADING),
            is_about_schema: is_of_request && SCHEMA_WORDS.iter().any(|known| words.contains(known)),
            is_too_long: is_of_request && (is_one_of(&TOO_LONG) || speaks_of_context(&words)),
            usage: usage(&body),
            complaint,
            wait,
            is_quota,
        }
    }
}

/// Whether a server's words say that a request is longer than the model's context.
pub(in crate::model) fn speaks_of_context(words: &str) -> bool {
    let words = words.to_lowercase();
    TOO_LONG_WORDS.iter().any(|known| words.contains(known))
}

/// A gateway does not say when its budgets begin anew, and does that at midnight (UTC unless it is told
/// otherwise) of any day.
fn until_tomorrow(now: Timestamp) -> Duration {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let tomorrow = today.tomorrow().and_then(|day| day.to_zoned_datetime(TimeZone::UTC));
    tomorrow.map_or(SHORTEST_QUOTA, |tomorrow| until(tomorrow.timestamp(), now)).max(SHORTEST_QUOTA)
}

/// A number of seconds, with or without a fraction.
fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A date as HTTP writes it (RFC 9110, 5.6.7).
fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(value.trim()).ok().map(|date| date.timestamp())
}

fn until(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default()
}

/// The forms that providers write: `6m0s`, `120ms`, `2026-11-23T22:00:00Z`, seconds, and seconds or
/// milliseconds since the epoch.
fn reset(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(number) = value.parse::<f64>() {
        let at = |ms: f64| Timestamp::from_millisecond(ms as i64).ok().map(|time| until(time, now));
        return match number {
            ..0.0 => None,
            0.0..1e9 => Duration::try_from_secs_f64(number).ok(),
            1e9..1e12 => at(number * 1e3),
            _ => at(number),
        };
    }
    match value.parse::<Timestamp>() {
        Ok(time) => Some(until(time, now)),
        Err(_) => Duration::try_from(value.parse::<jiff::SignedDuration>().ok()?).ok(),
    }
}

/// What an error says was used; nothing where it names no input. Whether it is believed is for
/// [`is_believed`](crate::model::reply::is_believed).
fn usage(body: &Value) -> Option<Usage> {
    let of = |value: &Value, names: [&str; 2]| names.iter().find_map(|name| value[*name].as_u64());
    let (input, output) = match &body["usage"] {
        Value::Null => (body["prompt_eval_count"].as_u64()?, body["eval_count"].as_u64()?),
        usage => (
            of(usage, ["prompt_tokens", "input_tokens"])?,
            of(usage, ["completion_tokens", "output_tokens"])?,
        ),
    };
    (input > 0).then_some(Usage { input, output, source: UsageSource::Reported, ..Usage::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-23 22:00:00 UTC, from `date -u -d`.
    const NOW: u64 = 1_795_471_200_000;

    fn notice(status: u16, headers: &[(&str, &str)], body: &str) -> Notice {
        let header = |name: &str| {
            headers.iter().find(|(header, _)| *header == name).map(|(_, value)| (*value).to_owned())
        };
        let complaint = crate::model::dialect::complaint(body);
        Notice::read(status, header, body, complaint, NOW)
    }

    fn wait(headers: &[(&str, &str)]) -> Option<u128> {
        notice(429, headers, "").wait.map(|wait| wait.as_millis())
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(7000));
        assert_eq!(wait(&[("retry-after", " 0.5 ")]), Some(500));
        assert_eq!(wait(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(wait(&[("retry-after", "Mon, 23 Nov 2026 22:01:30 GMT")]), Some(90_000));
        assert_eq!(wait(&[("retry-after", "Mon, 23 Nov 2020 22:01:30 GMT")]), Some(0), "it has passed");
        // The server's clock is an hour ahead of ours.
        let late =
            [("date", "Mon, 23 Nov 2026 23:00:00 GMT"), ("retry-after", "Mon, 23 Nov 2026 23:00:10 GMT")];
        assert_eq!(wait(&late), Some(10_000));
        for nonsense in ["", "soon", "-3", "NaN", "inf", "1e999", "Mon, 99 Nov 2026 22:01:30 GMT"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn a_quota_is_told_from_a_rate() {
        let quotas = [
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            ),
            (
                429,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
            ),
            (402, ""),
        ];
        for (status, body) in quotas {
            assert!(notice(status, &[], body).is_quota, "{body}");
        }
        for body in ["", "[]", r#"{"error":{"code":429,"message":"slow down","type":"rate_limit_exceeded"}}"#]
        {
            assert!(!notice(429, &[], body).is_quota, "{body}");
        }
    }

    #[test]
    fn a_quota_is_back_when_the_last_window_is() {
        let quota = r#"{"error":{"message":"x","code":"insufficient_quota"}}"#;
        let reset = |headers: &[(&str, &str)]| notice(429, headers, quota).reset.map(|reset| reset.as_secs());
        assert_eq!(reset(&[]), None);
        assert_eq!(reset(&[("x-ratelimit-reset-requests", "6m0s")]), Some(360));
        let both = [("x-ratelimit-reset-requests", "120ms"), ("x-ratelimit-reset-tokens", "1h2m3.5s")];
        assert_eq!(reset(&both), Some(3723));
        assert_eq!(reset(&[("x-ratelimit-reset-requests", "120ms")]), None, "a rate's window, no quota's");
        assert_eq!(reset(&[("anthropic-ratelimit-tokens-reset", "2026-11-23T23:00:00Z")]), Some(3600));
        assert_eq!(reset(&[("x-ratelimit-reset", "1795474800")]), Some(3600));
        assert_eq!(reset(&[("x-ratelimit-reset", "1795474800000")]), Some(3600));
        assert_eq!(reset(&[("x-ratelimit-reset", "-1")]), None, "as Azure may say");
        assert_eq!(reset(&[("retry-after", "600")]), Some(600));
        assert_eq!(notice(429, &[("x-ratelimit-reset", "3600")], "").reset, None, "no quota is used up");
    }

    #[test]
    fn loading_is_told_from_failing() {
        let body = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
        assert!(notice(503, &[], body).is_loading);
        assert!(!notice(500, &[], body).is_loading);
        assert!(!notice(503, &[], "").is_loading);
    }

    /// The first two as llama.cpp and LiteLLM answered (see `peers.rs`), the others as their makers' issue
    /// trackers quote them.
    #[test]
    fn a_request_that_is_too_long_is_told_from_a_mistake() {
        let too_long = [
            r#"{"error":{"code":400,"message":"request (1057 tokens) exceeds the available context size (512 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":1057,"n_ctx":512}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"litellm.ContextWindowExceededError: litellm.BadRequestError: x"}}"#,
            r#"{"error":{"message":"This model's maximum context length is 4097 tokens. However, you requested 4120 tokens","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}"#,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
            r#"{"error":"The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input."}"#,
            r#"{"error":"the input length exceeds the context length"}"#,
        ];
        for body in too_long {
            assert!(notice(400, &[], body).is_too_long, "{body}");
            assert!(!notice(429, &[], body).is_too_long, "a rate of tokens, whatever else it speaks of");
        }
        for body in
            ["", "[]", r#"{"error":{"message":"model 'nosuch' not found","type":"invalid_request_error"}}"#]
        {
            assert!(!notice(400, &[], body).is_too_long, "{body}");
        }
    }

    #[test]
    fn what_an_error_used_is_read() {
        let used = |body: &str| notice(400, &[], body).usage.map(|usage| (usage.input, usage.output));
        assert_eq!(used(r#"{"error":{},"usage":{"prompt_tokens":8,"completion_tokens":3}}"#), Some((8, 3)));
        assert_eq!(used(r#"{"error":{},"usage":{"input_tokens":8,"output_tokens":0}}"#), Some((8, 0)));
        assert_eq!(used(r#"{"error":"x","prompt_eval_count":8,"eval_count":3}"#), Some((8, 3)));
        assert_eq!(used(r#"{"usage":{"prompt_tokens":0,"completion_tokens":3}}"#), None);
        assert_eq!(used(r#"{"usage":{"prompt_tokens":-8,"completion_tokens":3}}"#), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_is_too_much(
            value in prop_oneof![any::<String>(), "[0-9.e+-]{0,24}", "[0-9]{1,20}(ms|s|m|h|d)", any::<f64>().prop_map(|n| n.to_string())],
            body in any::<String>(),
        ) {
            let names = ["retry-after", "retry-after-ms", "date"].into_iter().chain(RESETS);
            for name in names {
                let _ = notice(429, &[(name, &value)], &body);
            }
        }
    }
}
