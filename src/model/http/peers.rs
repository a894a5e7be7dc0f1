//! What servers that others have written answer, as they answered it, and what is made of it. Names,
//! versions and paths are in the table; `benches/peers.py` is how to see more of them.

use super::super::Endpoint;
use super::super::dialect::Dialect::{self, Anthropic, Openai};
use super::super::provider::{Provider, Reply as Say};
use super::super::sample::endpoint;
use super::tests::{ask, soon};

/// One exchange.
struct Seen {
    /// What answered, and what it had been asked.
    by: &'static str,
    dialect: Dialect,
    status: u16,
    /// Those that mean something to hookgate.
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

/// llama.cpp as in llama-cpp-python 0.3.36 (`b1-0c1e570`): `llama-server`; its own server where it says
/// so, a path shortened. LiteLLM 1.106.2: `litellm --config`, before that `llama-server` where it says so.
const SEEN: &[Seen] = &[
    Seen {
        by: "llama.cpp /v1/chat/completions",
        dialect: Openai,
        status: 200,
        headers: &[],
        body: r#"{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"{\n \t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t  \"findings\":\n        \t\t\t []\n\n\t\t\t       \t        }"}}],"created":1795490310,"model":"m/tiny-random.gguf","system_fingerprint":"b1-0c1e570","object":"chat.completion","usage":{"completion_tokens":25,"prompt_tokens":392,"total_tokens":417,"prompt_tokens_details":{"cached_tokens":391}},"id":"chatcmpl-nKfrZIl1pPM5EuV5oXwfxCukaDCURwHi","timings":{"cache_n":391,"prompt_n":1,"prompt_ms":20.361,"prompt_per_token_ms":20.361,"prompt_per_second":49.11350130150778,"predicted_n":25,"predicted_ms":318.771,"predicted_per_token_ms":13.282125,"predicted_per_second":75.28915742021701}}"#,
    },
    Seen {
        by: "llama.cpp /v1/messages, which does not hold the model to the schema",
        dialect: Anthropic,
        status: 200,
        headers: &[],
        body: r#"{"id":"chatcmpl-3yySFKvBPnSjd6cgzvVN2gcdI13LKJaI","type":"message","role":"assistant","content":[{"type":"text","text":"}"}],"model":"m/tiny-empty.gguf","stop_reason":"end_turn","stop_sequence":null,"usage":{"cache_read_input_tokens":391,"input_tokens":1,"output_tokens":2}}"#,
    },
    Seen {
        by: "llama.cpp, a prompt longer than its context",
        dialect: Openai,
        status: 400,
        headers: &[],
        body: r#"{"error":{"code":400,"message":"request (1057 tokens) exceeds the available context size (512 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":1057,"n_ctx":512}}"#,
    },
    Seen {
        by: "llama.cpp, which runs out of context in the answer",
        dialect: Openai,
        status: 200,
        headers: &[],
        body: r#"{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant","content":"{\n\n\t\t\t\t\t      \t\t\t\t\t  \t\"finding"}}],"created":1795491250,"model":"m/tiny-random.gguf","system_fingerprint":"b1-0c1e570","object":"chat.completion","usage":{"completion_tokens":13,"prompt_tokens":499,"total_tokens":512,"prompt_tokens_details":{"cached_tokens":0}},"id":"chatcmpl-GqD4hY3eYYu1KAB5n14ywSTvs5D7qRHQ","timings":{"cache_n":0,"prompt_n":499,"prompt_ms":70.208,"prompt_per_token_ms":0.14069739478957916,"prompt_per_second":7107.452142206017,"predicted_n":13,"predicted_ms":243.945,"predicted_per_token_ms":20.32875,"predicted_per_second":49.19141609789092}}"#,
    },
    Seen {
        by: "llama.cpp, still loading",
        dialect: Openai,
        status: 503,
        headers: &[],
        body: r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
    },
    Seen {
        by: "llama.cpp with --api-key",
        dialect: Openai,
        status: 401,
        headers: &[],
        body: r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#,
    },
    Seen {
        by: "llama.cpp with --models-dir, of a model that it has not",
        dialect: Openai,
        status: 400,
        headers: &[],
        body: r#"{"error":{"code":400,"message":"model 'nosuch' not found","type":"invalid_request_error"}}"#,
    },
    Seen {
        by: "llama.cpp /api/chat, which is Ollama's",
        dialect: Dialect::Ollama,
        status: 404,
        headers: &[],
        body: r#"{"error":{"message":"File Not Found","type":"not_found_error","code":404}}"#,
    },
    Seen {
        by: "llama-cpp-python's own server, which knows no schema",
        dialect: Openai,
        status: 500,
        headers: &[],
        body: r#"{"error":{"message":"1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}\n\n  File \"llama_cpp/server/app.py\", line 376, in create_chat_completion\n    POST /v1/chat/completions","type":"internal_server_error","param":null,"code":null}}"#,
    },
    Seen {
        by: "LiteLLM /v1/chat/completions, before llama.cpp",
        dialect: Openai,
        status: 200,
        headers: &[("x-litellm-response-cost", "0.000408")],
        body: r#"{"id":"chatcmpl-cBX8Wy4qbfJ2Vl1efpAeYrS7RgrJ9wHE","created":1795490697,"model":"priced","object":"chat.completion","system_fingerprint":"b1-0c1e570","choices":[{"finish_reason":"stop","index":0,"message":{"content":"{\"findings\":[]}","role":"assistant","provider_specific_fields":{"refusal":null}},"provider_specific_fields":{}}],"usage":{"completion_tokens":8,"prompt_tokens":392,"total_tokens":400,"prompt_tokens_details":{"cached_tokens":391}},"timings":{"cache_n":391,"prompt_n":1,"prompt_ms":3.059,"prompt_per_token_ms":3.059,"prompt_per_second":326.9042170644001,"predicted_n":8,"predicted_ms":126.899,"predicted_per_token_ms":18.12842857142857,"predicted_per_second":55.16197921181412}}"#,
    },
    Seen {
        by: "LiteLLM, a prompt longer than llama.cpp's context",
        dialect: Openai,
        status: 400,
        headers: &[("x-litellm-response-cost", "0")],
        body: r#"{"error":{"message":"litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - request (1057 tokens) exceeds the available context size (512 tokens), try increasing it\nmodel=llama-small. context_window_fallbacks=None. fallbacks=None.\n\nSet 'context_window_fallback' - https://docs.litellm.ai/docs/routing#fallbacks\n\nLiteLLM: model group 'llama-small' failed with the error above. No fallback was attempted.","type":"invalid_request_error","param":null,"code":"400"}}"#,
    },
    Seen {
        by: "LiteLLM, a key whose budget is spent",
        dialect: Openai,
        status: 422,
        headers: &[("date", "Tue, 24 Nov 2026 03:11:01 GMT")],
        body: r#"{"error":{"message":"Budget has been exceeded! Current cost: 0.002, Max budget: 0.001","type":"budget_exceeded","param":null,"code":"422"}}"#,
    },
    Seen {
        by: "LiteLLM, a provider whose budget is spent",
        dialect: Openai,
        status: 429,
        headers: &[("date", "Tue, 24 Nov 2026 03:09:14 GMT"), ("x-litellm-response-cost", "0")],
        body: r#"{"error":{"message":"No deployments available - crossed budget: Exceeded budget for provider openai: 1.35e-05 >= 1e-08\n","type":"internal_server_error","param":null,"code":"429"}}"#,
    },
    Seen {
        by: "LiteLLM /v1/messages, the same",
        dialect: Anthropic,
        status: 429,
        headers: &[("date", "Tue, 24 Nov 2026 23:59:30 GMT")],
        body: r#"{"type":"error","error":{"type":"rate_limit_error","message":"No deployments available - crossed budget: Exceeded budget for provider openai: 1.35e-05 >= 1e-08\n"}}"#,
    },
    Seen {
        by: "LiteLLM, more requests a minute than a key may send",
        dialect: Openai,
        status: 429,
        headers: &[
            ("retry-after", "60"),
            ("rate_limit_type", "requests"),
            ("reset_at", "2026-11-24 03:12:02 UTC"),
        ],
        body: r#"{"error":{"message":"Rate limit exceeded for api_key: 3c4f8a917a882ae8e6010553cced4924424f68133ab248a555c9482e13749046. Limit type: requests. Current limit: 1, Remaining: 0. Limit resets at: 2026-11-24 03:12:02 UTC","type":"throttling_error","param":null,"code":"429"}}"#,
    },
    Seen {
        by: "LiteLLM, whose deployments all cool down",
        dialect: Anthropic,
        status: 429,
        headers: &[("x-litellm-response-cost", "0")],
        body: r#"{"type":"error","error":{"type":"rate_limit_error","message":"No deployments available for selected model, Try again in 5 seconds. All deployments for selected model are in cooldown. Passed model=llama-locked. pre-call-checks=False, cooldown_list=['00c7a0973bc24b828ef3ec3b2658248743c35cad587c6ce202570e4ce0625457']"}}"#,
    },
    Seen {
        by: "LiteLLM, a key that it does not know",
        dialect: Openai,
        status: 401,
        headers: &[],
        body: r#"{"error":{"message":"Authentication Error, Authentication Error, Invalid proxy server token passed. valid_token=None.","type":"auth_error","param":"None","code":"401"}}"#,
    },
    Seen {
        by: "LiteLLM, whose own key llama.cpp refuses",
        dialect: Openai,
        status: 401,
        headers: &[("x-litellm-response-cost", "0")],
        body: r#"{"error":{"message":"litellm.AuthenticationError: AuthenticationError: OpenAIException - Invalid API Key\n\nLiteLLM: model group 'llama-locked' failed with the error above. No fallback was attempted.","type":"authentication_error","param":null,"code":"401"}}"#,
    },
    Seen {
        by: "LiteLLM, before a server that is not there",
        dialect: Openai,
        status: 500,
        headers: &[("x-litellm-response-cost", "0")],
        body: r#"{"error":{"message":"litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.\n\nLiteLLM: model group 'gone' failed with the error above. No fallback was attempted.","type":"internal_server_error","param":null,"code":"500"}}"#,
    },
];

/// What hookgate makes of it, without the endpoint's address.
fn outcome(seen: &Seen) -> String {
    let mut reply = Say::status(seen.status, seen.body);
    for (name, value) in seen.headers {
        reply = reply.header(name, value);
    }
    let provider = Provider::always(reply);
    let endpoint = Endpoint {
        gateway: Some(seen.by.starts_with("LiteLLM")),
        ..endpoint(seen.dialect, &provider.base_url())
    };
    match ask(&endpoint, soon()) {
        Ok(reply) => {
            let usage = reply.usage;
            let cost = usage.reported_cost.map(|cost| format!(", {cost}")).unwrap_or_default();
            format!("{} in, {} of them cached, {} out{cost}", usage.input, usage.cached_input, usage.output)
        }
        Err(error) => {
            let message = error.message.split_once("): ").map_or("", |(_, message)| message);
            let again = if error.may_repeat { ", may be sent again" } else { "" };
            let charge = match error.charge {
                crate::meter::budget::Charge::Nothing => "nothing".to_owned(),
                crate::meter::budget::Charge::Full => "all".to_owned(),
                crate::meter::budget::Charge::Usage(usage) => usage.total().to_string(),
            };
            format!("{}, {:?}, charged {charge}{again}\n  {message}", error.reason.as_str(), error.health)
        }
    }
}

#[test]
fn what_real_servers_answer_is_understood() {
    let said: Vec<_> = SEEN.iter().map(|seen| format!("{}\n  {}", seen.by, outcome(seen))).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    llama.cpp /v1/chat/completions
      392 in, 391 of them cached, 25 out
    llama.cpp /v1/messages, which does not hold the model to the schema
      schema, Sound, charged 394
      the answer is not what was asked for (it holds no JSON object): try another model
    llama.cpp, a prompt longer than its context
      rejected, Unsaid, charged nothing
      answered 400 "request (1057 tokens) exceeds the available context size (512 tokens), try increasing it": the request does not fit its context: give the model one of 8,192 tokens
    llama.cpp, which runs out of context in the answer
      schema, Sound, charged 512
      the answer was cut off after 13 of 300 tokens: the request does not fit its context: give the model one of 8,192 tokens
    llama.cpp, still loading
      rejected, Unsaid, charged nothing, may be sent again
      answered 503 "Loading model": the model is being loaded: try again in a moment
    llama.cpp with --api-key
      rejected, KeyRefused, charged nothing
      answered 401 "Invalid API Key": check the key from variable MODEL_KEY
    llama.cpp with --models-dir, of a model that it has not
      rejected, Misfit, charged nothing
      answered 400 "model 'nosuch' not found": it does not accept the request: check dialect and model
    llama.cpp /api/chat, which is Ollama's
      rejected, Misfit, charged nothing
      answered 404 "File Not Found": check base_url and the model's name
    llama-cpp-python's own server, which knows no schema
      rejected, Misfit, charged all
      answered 500 "1 validation error: {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "Input should be 'text' or 'json_object'", 'input': 'json_schema', 'ctx': {'expected': "'text' or 'json…": it takes no JSON schema: use a model or a server that does
    LiteLLM /v1/chat/completions, before llama.cpp
      392 in, 391 of them cached, 8 out, $0.00041
    LiteLLM, a prompt longer than llama.cpp's context
      rejected, Unsaid, charged nothing
      answered 400 "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - request (1057 tokens) exceeds the available context size (512 tokens), try increasing it mode…": the request does not fit its context: give the model one of 8,192 tokens
    LiteLLM, a key whose budget is spent
      rejected, Exhausted(Some(74939s)), charged nothing
      answered 422 "Budget has been exceeded! Current cost: 0.002, Max budget: 0.001": a quota is used up: raise it at the provider, then `hookgate models test` opens the way again; or wait
    LiteLLM, a provider whose budget is spent
      rejected, Exhausted(Some(75046s)), charged nothing
      answered 429 "No deployments available - crossed budget: Exceeded budget for provider openai: 1.35e-05 >= 1e-08": a quota is used up: raise it at the provider, then `hookgate models test` opens the way again; or wait
    LiteLLM /v1/messages, the same
      rejected, Exhausted(Some(60s)), charged nothing
      answered 429 "No deployments available - crossed budget: Exceeded budget for provider openai: 1.35e-05 >= 1e-08": a quota is used up: raise it at the provider, then `hookgate models test` opens the way again; or wait
    LiteLLM, more requests a minute than a key may send
      rejected, Failed(Some(60s)), charged nothing, may be sent again
      answered 429 "Rate limit exceeded for api_key: 3c4f8a917a882ae8e6010553cced4924424f68133ab248a555c9482e13749046. Limit type: requests. Current limit: 1, Remaining: 0. Limit resets at: 2026-11-24 03:12:02 UTC": a rate or spending limit of the provider: wait, or raise it there
    LiteLLM, whose deployments all cool down
      rejected, Failed(None), charged nothing
      answered 429 "No deployments available for selected model, Try again in 5 seconds. All deployments for selected model are in cooldown. Passed model=llama-locked. pre-call-checks=False, cooldown_list=['00c7a0973bc24…": a rate or spending limit of the provider: wait, or raise it there
    LiteLLM, a key that it does not know
      rejected, KeyRefused, charged nothing
      answered 401 "Authentication Error, Authentication Error, Invalid proxy server token passed. valid_token=None.": check the key from variable MODEL_KEY, and the gateway's own for this model
    LiteLLM, whose own key llama.cpp refuses
      rejected, KeyRefused, charged nothing
      answered 401 "litellm.AuthenticationError: AuthenticationError: OpenAIException - Invalid API Key LiteLLM: model group 'llama-locked' failed with the error above. No fallback was attempted.": check the key from variable MODEL_KEY, and the gateway's own for this model
    LiteLLM, before a server that is not there
      rejected, Failed(None), charged all
      answered 500 "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error. LiteLLM: model group 'gone' failed with the error above. No fallback was attempted.": the server failed: try again later
    "#);
}
