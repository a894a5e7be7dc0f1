//! Every fault of a server, over loopback, in every dialect.

use proptest::prelude::*;

use super::super::provider::{Provider, Reply as Say, finding};
use super::super::sample::{DIALECTS, endpoint, payload};
use super::super::{ApiKey, prompt};
use super::*;
use crate::meter::breaker::Health;
use crate::meter::budget::Charge;
use crate::payload::route::Reason;
use crate::payload::tokenizer::Tokenizer;
use crate::tokens::UsageSource;

const QUOTE: &str = "sum / values.len() as f64";

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

pub(super) fn ask(endpoint: &Endpoint, deadline: Instant) -> Result<Reply, Box<AskError>> {
    let payload = payload();
    let request = prompt::render(&payload, endpoint, false, &Tokenizer::load());
    let left = deadline.saturating_duration_since(Instant::now());
    Client::new(endpoint, left)?.exchange(&request, &payload, endpoint, &attribution(), deadline)
}

/// Asks a provider that gives `reply`, in each dialect.
fn each(reply: &Say, deadline: impl Fn() -> Instant, check: impl Fn(Result<Reply, Box<AskError>>)) {
    for dialect in DIALECTS {
        let provider = Provider::always(reply.clone());
        check(ask(&endpoint(dialect, &provider.base_url()), deadline()));
    }
}

/// Every dialect has to fail so; returns the messages without the port.
fn fails(reply: &Say, reason: Reason, charge: impl Fn(Charge) -> bool) -> Vec<String> {
    let messages = std::cell::RefCell::new(Vec::new());
    each(reply, soon, |outcome| {
        let error = outcome.unwrap_err();
        assert_eq!(error.reason, reason, "{error}");
        assert!(charge(error.charge), "{:?} for {error}", error.charge);
        let message = error.to_string();
        assert!(!message.contains("sk-secret"), "{message}");
        let (_, said) = message.split_once("): ").unwrap();
        messages.borrow_mut().push(said.to_owned());
    });
    messages.into_inner()
}

fn nothing(charge: Charge) -> bool {
    charge == Charge::Nothing
}

fn full(charge: Charge) -> bool {
    charge == Charge::Full
}

fn usage(charge: Charge) -> bool {
    matches!(charge, Charge::Usage(usage) if usage.source == UsageSource::Reported)
}

/// As a gateway's header says it, or the body.
#[test]
fn what_a_request_cost_is_charged_whatever_else_is_said() {
    let answer = |usage: &str| {
        format!(
            r#"{{"choices":[{{"message":{{"content":"{{\"findings\":[]}}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        )
    };
    let replies = [
        (200, answer("null"), true),
        (200, answer("{}"), true),
        (200, answer(r#"{"prompt_tokens":0,"completion_tokens":0}"#), true),
        (200, answer(r#"{"prompt_tokens":99999999,"completion_tokens":5}"#), true),
        // A short read.
        (200, answer(r#"{"prompt_tokens":1,"completion_tokens":1}"#), false),
        (200, "no JSON".to_owned(), true),
        (500, "{}".to_owned(), true),
        (400, "{}".to_owned(), false),
    ];
    for (status, body, takes_all) in replies {
        let in_body = body.replace("\"usage\":{", "\"usage\":{\"cost\":0.6,").replace(",}", "}");
        let header = Say::status(status, &body).header("x-litellm-response-cost", "0.6");
        let said = [Some(header), (in_body != body).then(|| Say::status(status, &in_body))];
        for reply in said.into_iter().flatten() {
            let provider = Provider::always(reply);
            let endpoint = endpoint(DIALECTS[0], &provider.base_url());
            let request = prompt::render(&payload(), &endpoint, false, &Tokenizer::load());
            let charge =
                ask(&endpoint, soon()).map_or_else(|error| error.charge, |it| Charge::Usage(it.usage));
            let Charge::Usage(usage) = charge else { panic!("{charge:?} for {status} {body}") };
            assert_eq!(usage.reported_cost.map(PicoUsd::as_usd), Some(0.6), "{status} {body}");
            let reserved = request.reserved_input + request.max_output_tokens;
            assert_eq!(usage.total() == reserved, takes_all, "{usage:?} for {status} {body}");
        }
    }
}

#[test]
fn a_finding_arrives_with_what_the_provider_counted() {
    for dialect in DIALECTS {
        let provider = Provider::always(Say::findings(&[finding("2:8", QUOTE)]));
        let endpoint = endpoint(dialect, &provider.base_url());
        let reply = ask(&endpoint, soon()).unwrap();
        assert_eq!((reply.findings.len(), reply.dropped), (1, 0));
        assert_eq!(reply.findings[0].line, 8);

        let received = &provider.requests()[0];
        let cached = if dialect == super::super::dialect::Dialect::Ollama { 0 } else { received.tokens / 4 };
        assert_eq!(reply.usage.input, received.tokens);
        assert_eq!(reply.usage.cached_input, cached);
        assert_eq!(provider.served_tokens(), reply.usage.total());
        // What is reserved covers what the other side counts.
        let request = prompt::render(&payload(), &endpoint, false, &Tokenizer::load());
        assert!(request.input_tokens >= received.tokens);
        assert_eq!(received.body, request.body);
    }
}

#[test]
fn the_key_travels_in_one_header_of_the_dialect() {
    let headers = ["authorization", "x-api-key", "authorization"];
    for (dialect, header) in DIALECTS.into_iter().zip(headers) {
        let provider = Provider::always(Say::nothing());
        ask(&endpoint(dialect, &format!("{}/", provider.base_url())), soon()).unwrap();
        let received = &provider.requests()[0];
        assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", dialect.path()));
        assert_eq!(received.header("content-type"), Some("application/json"));
        assert_eq!(received.header("user-agent"), Some(concat!("hookgate/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(received.header("accept-encoding"), None);
        assert_eq!(received.header("cookie"), None);
        let with_key: Vec<_> =
            received.headers.iter().filter(|(_, value)| value.contains("sk-secret")).collect();
        assert_eq!(with_key.len(), 1);
        assert_eq!(with_key[0].0, header);
        assert!(!received.body.contains("sk-secret") && !received.path.contains("sk-secret"));
    }
}

#[test]
fn nobody_listening_is_unreachable_and_costs_nothing() {
    let provider = Provider::always(Say::nothing());
    let base_url = provider.base_url();
    drop(provider);
    let error = ask(&endpoint(DIALECTS[0], &base_url), soon()).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Unreachable, Charge::Nothing));
    assert_eq!((error.health, error.again()), (Health::Away, None));
    assert!(error.message.contains("start the server"), "{error}");
}

#[test]
fn a_name_that_does_not_exist_is_unreachable_and_costs_nothing() {
    let error = ask(&endpoint(DIALECTS[0], "https://no-such-host.invalid/v1"), soon()).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Unreachable, Charge::Nothing), "{error}");
}

#[test]
fn a_server_without_tls_is_unreachable_and_costs_nothing() {
    let provider = Provider::always(Say::nothing());
    let base_url = provider.base_url().replace("http:", "https:");
    let error = ask(&endpoint(DIALECTS[0], &base_url), soon()).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Unreachable, Charge::Nothing), "{error}");
    assert!(provider.requests().iter().all(|request| !request.body.contains("src/auth.rs")));
}

/// Whoever takes the connection and says nothing in the handshake has read nothing of the request.
#[test]
fn a_handshake_that_stalls_is_unreachable_and_costs_nothing() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("https://{}", mute.local_addr().unwrap());
    let error = ask(&endpoint(DIALECTS[0], &base_url), Instant::now() + Duration::from_secs(1)).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Unreachable, Charge::Nothing), "{error}");
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let provider = Provider::always(Say::nothing());
    let error = ask(&endpoint(DIALECTS[0], &provider.base_url()), Instant::now()).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Timeout, Charge::Nothing));
    assert_eq!(provider.requests().len(), 0);
}

/// Without the deadline these would never return: the server holds out until it is dropped.
#[test]
fn a_stalling_server_is_left_at_the_deadline() {
    let shortly = || Instant::now() + Duration::from_secs(1);
    for reply in [Say::stall(), Say::stall_in_body(), Say::drip()] {
        each(&reply, shortly, |outcome| {
            let error = outcome.unwrap_err();
            assert_eq!((error.reason, error.charge), (Reason::Timeout, Charge::Full), "{reply:?}: {error}");
        });
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Provider::always(Say::nothing());
    fails(&Say::redirect(&elsewhere.base_url()), Reason::Rejected, nothing);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_refused_key_is_named_by_its_origin() {
    for status in [401, 403] {
        let body = r#"{"error":{"message":"bad key sk-secret","type":"auth"}}"#;
        let messages = fails(&Say::status(status, body), Reason::Rejected, nothing);
        let expected = format!("answered {status} \"bad key [key]\": check the key from variable MODEL_KEY");
        assert_eq!(messages, [expected.as_str(); 3]);
    }
}

#[test]
fn client_errors_cost_nothing_and_server_errors_cost_all() {
    for status in [400, 404, 413, 422, 429] {
        fails(&Say::status(status, ""), Reason::Rejected, nothing);
    }
    for status in [500, 502, 503, 529] {
        fails(&Say::status(status, "<html>"), Reason::Rejected, full);
    }
    let spent = r#"{"error":{"message":"x"},"usage":{"prompt_tokens":70,"completion_tokens":9}}"#;
    fails(&Say::status(400, spent), Reason::Rejected, usage);
    fails(&Say::status(500, spent), Reason::Rejected, full);
    // No more is believed of an error than of an answer.
    for absurd in [(9_000_000, 9), (70, 9_000_000)] {
        let (input, output) = absurd;
        let usage = format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output}}}"#);
        let absurd = format!(r#"{{"error":{{"message":"x"}},"usage":{usage}}}"#);
        fails(&Say::status(400, &*absurd), Reason::Rejected, nothing);
    }
}

/// What each status says of the endpoint, and after how many ms it may be asked once more.
#[test]
fn a_status_tells_what_to_do_next() {
    const LOADING: &str = r#"{"error":{"code":503,"message":"Loading model"}}"#;
    const QUOTA: &str = r#"{"error":{"code":"insufficient_quota","message":"x"}}"#;
    let wants = |seconds| Health::Failed(Some(Duration::from_secs(seconds)));
    type Case = (u16, &'static str, Option<&'static str>, Health, Option<u128>);
    let cases: [Case; 17] = [
        (307, "", None, Health::Misfit, None),
        (400, "", None, Health::Misfit, None),
        (401, "", None, Health::KeyRefused, None),
        (402, "", None, Health::Exhausted(None), None),
        (403, "", Some("1"), Health::KeyRefused, None),
        (404, "", None, Health::Misfit, None),
        (413, "", None, Health::Unsaid, None),
        (429, "", None, Health::Failed(None), None),
        (429, "", Some("7"), wants(7), Some(7000)),
        (429, QUOTA, Some("7"), Health::Exhausted(None), None),
        (429, QUOTA, Some("700"), Health::Exhausted(Some(Duration::from_secs(700))), None),
        (500, "", Some("7"), wants(7), None),
        (502, "", Some("7"), wants(7), None),
        (503, "", None, Health::Failed(None), None),
        (503, "", Some("7"), wants(7), Some(7000)),
        (503, LOADING, None, Health::Unsaid, Some(2000)),
        (529, "", Some("7"), wants(7), Some(7000)),
    ];
    for (status, body, after, health, again) in cases {
        let reply = Say::status(status, body);
        let reply = match after {
            Some(after) => reply.header("retry-after", after),
            None => reply,
        };
        let provider = Provider::always(reply);
        let error = ask(&endpoint(DIALECTS[0], &provider.base_url()), soon()).unwrap_err();
        assert_eq!((error.health, error.again().map(|again| again.as_millis())), (health, again), "{error}");
        assert_eq!(error.what, format!("answered {status}"));
        assert_eq!(provider.requests().len(), 1);
    }
}

/// Nothing is sent a second time that the provider may have begun to work on.
#[test]
fn only_what_was_not_taken_may_be_sent_again() {
    let taken = [
        Say::close(),
        Say::raw("no http"),
        Say::truncated(),
        Say::wrong_length(),
        Say::huge(BODY_LIMIT + 1),
        Say::status(200, "[".repeat(BODY_LIMIT / 2)),
        Say::text("LGTM"),
        Say::refusal(),
        Say::nothing().usage(40, 5),
    ];
    for reply in taken {
        each(&reply, soon, |outcome| assert_eq!(outcome.unwrap_err().again(), None, "{reply:?}"));
    }
    let shortly = || Instant::now() + Duration::from_millis(200);
    each(&Say::stall(), shortly, |outcome| assert_eq!(outcome.unwrap_err().again(), None));
    let name = ask(&endpoint(DIALECTS[0], "https://no-such-host.invalid"), soon()).unwrap_err();
    assert_eq!((name.health, name.again()), (Health::Failed(None), Some(Duration::ZERO)));
}

#[test]
fn a_body_that_is_no_answer_costs_all() {
    let bodies =
        ["", "null", "{}", "[]", "{\"choices\":[]}", "{\"content\":3}", "<html>", "{\"message\":{}}"];
    for body in bodies {
        fails(&Say::status(200, body), Reason::Schema, full);
    }
    fails(&Say::truncated(), Reason::Schema, full);
    fails(&Say::wrong_length(), Reason::Schema, full);
    fails(&Say::huge(BODY_LIMIT + 1), Reason::Schema, full);
    fails(&Say::status(200, "[".repeat(BODY_LIMIT / 2)), Reason::Schema, full);
    fails(&Say::raw(*b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe"), Reason::Schema, full);
}

#[test]
fn a_connection_without_a_response_costs_all() {
    fails(&Say::close(), Reason::Unreachable, full);
    fails(&Say::raw("no http"), Reason::Unreachable, full);
    fails(&Say::raw(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1 << 20))), Reason::Unreachable, full);
}

#[test]
fn an_error_in_a_success_is_an_error() {
    let provider = Provider::always(Say::status(200, r#"{"error":"model is gone"}"#));
    let error = ask(&endpoint(DIALECTS[2], &provider.base_url()), soon()).unwrap_err();
    assert_eq!((error.reason, error.charge), (Reason::Rejected, Charge::Full));
    assert!(error.message.contains("model is gone"), "{error}");
}

#[test]
fn a_refusal_costs_what_was_used() {
    for dialect in &DIALECTS[..2] {
        let provider = Provider::always(Say::refusal());
        let error = ask(&endpoint(*dialect, &provider.base_url()), soon()).unwrap_err();
        assert_eq!(error.reason, Reason::Refusal);
        assert!(usage(error.charge));
    }
    // Ollama has no word for it: the text is simply not the answer.
    let provider = Provider::always(Say::text("I can't help with that."));
    let error = ask(&endpoint(DIALECTS[2], &provider.base_url()), soon()).unwrap_err();
    assert_eq!(error.reason, Reason::Schema);
}

#[test]
fn an_answer_off_the_schema_costs_what_was_used() {
    for text in ["", "LGTM", "{\"findings\":[{}]}", "{\"result\":{\"findings\":[]}}"] {
        fails(&Say::text(text), Reason::Schema, usage);
    }
    fails(&Say::cut_off("{\"findings\":[{\"loc\":\"2:8\",\"quo"), Reason::Schema, usage);
}

/// A figure that is too small is not believed, and what was sent is charged; one above what was
/// reserved is the truth.
#[test]
fn a_prompt_that_was_cut_is_a_short_read() {
    let counted =
        prompt::render(&payload(), &endpoint(DIALECTS[1], ""), false, &Tokenizer::load()).input_tokens;
    each(&Say::nothing().usage(40, 5), soon, |outcome| {
        let error = outcome.unwrap_err();
        assert_eq!((error.reason, error.health), (Reason::ShortRead, Health::Failed(None)));
        let Charge::Usage(usage) = error.charge else { panic!("{error}") };
        assert!(usage.input >= counted && usage.output == 5, "{usage:?}");
        assert_eq!(usage.source, UsageSource::Counted);
    });
    each(&Say::nothing().usage(9_000, 5), soon, |outcome| {
        let usage = outcome.unwrap().usage;
        assert_eq!((usage.input, usage.output, usage.source), (9_000, 5, UsageSource::Reported));
    });
}

#[test]
fn figures_that_are_missing_or_impossible_are_charged_as_reserved() {
    let nothing = Say::nothing;
    for reply in [nothing().without_usage(), nothing().usage(0, 0), nothing().usage(u64::MAX / 2, 1)] {
        each(&reply, soon, |outcome| {
            let usage = outcome.unwrap().usage;
            assert_eq!(usage.source, UsageSource::Estimated);
            assert_eq!(usage.output, prompt::MAX_OUTPUT_TOKENS);
            assert!(usage.input > payload().tokens());
        });
    }
}

#[test]
fn a_key_for_no_header_is_not_sent() {
    let provider = Provider::always(Say::nothing());
    for value in ["", "a\nb", "a b", "ключ"] {
        let key = Some(ApiKey { value: value.to_owned(), origin: "file".to_owned() });
        let endpoint = Endpoint { key, ..endpoint(DIALECTS[0], &provider.base_url()) };
        let error = ask(&endpoint, soon()).unwrap_err();
        assert_eq!((error.reason, error.charge), (Reason::Rejected, Charge::Nothing));
        assert!(error.message.contains("from file"), "{error}");
    }
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn an_address_is_checked_before_anything_is_sent_to_it() {
    let check = |base_url: &str| endpoint(DIALECTS[0], base_url).check();
    for allowed in [
        "https://api.openai.com/v1",
        "https://10.0.0.7:8443",
        "http://127.0.0.1:11434",
        "http://127.8.9.1",
        "http://[::1]:8080/",
        "http://localhost:1234/v1",
        "http://LOCALHOST",
    ] {
        assert_eq!(check(allowed), Ok(()), "{allowed}");
    }
    let refused = |base_url: &str| check(base_url).unwrap_err();
    for base_url in ["", "api.openai.com", "https://", "http://[::1", "localhost/v1"] {
        assert!(matches!(refused(base_url), EndpointError::NotAUrl { .. }), "{base_url}");
    }
    for base_url in ["ftp://127.0.0.1", "file:///etc/passwd", "localhost:1234"] {
        assert!(matches!(refused(base_url), EndpointError::Scheme { .. }), "{base_url}");
    }
    for base_url in [
        "http://api.openai.com",
        "http://10.0.0.7",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://128.0.0.1",
        "http://[fe90::1:1]",
        "http://[::2]",
    ] {
        let error = refused(base_url);
        assert!(
            matches!(error, EndpointError::Unencrypted(_) | EndpointError::ForbiddenHost(_)),
            "{base_url}: {error}"
        );
    }
    for base_url in
        ["https://user@host/", "https://user:secret@host", "http://127.0.0.1@host", "http://secret@127.0.0.1"]
    {
        let error = refused(base_url);
        assert!(matches!(error, EndpointError::Credentials { .. }), "{base_url}");
        assert!(!error.to_string().contains("secret"));
    }
    for base_url in ["https://host/?key=secret", "https://host/#secret"] {
        let error = refused(base_url);
        assert!(matches!(error, EndpointError::Query { .. }), "{base_url}");
        assert!(!error.to_string().contains("secret"));
    }
    for base_url in [
        "https://169.254.169.254/latest",
        "http://169.254.169.254",
        "https://2852039166",
        "https://[::ffff:169.254.169.254]",
        "https://[fe80::1]",
        "https://[fd00:ec2::254]",
        "https://metadata.google.internal",
        "https://metadata.google.internal.",
        "http://0.0.0.0:11434",
        "https://[::]",
    ] {
        assert!(matches!(refused(base_url), EndpointError::ForbiddenHost(_)), "{base_url}");
    }
}

#[test]
fn only_loopback_is_local() {
    let local = |base_url: &str| endpoint(DIALECTS[0], base_url).is_local();
    assert!(local("http://127.0.0.1:1") && local("https://localhost") && local("http://[::1]"));
    assert!(!local("https://10.0.0.7") && !local("https://localhost.example") && !local("nonsense"));
}

proptest! {
    /// Whatever a server says, one printable line comes of it, without the key.
    #[test]
    fn no_words_of_a_server_reach_the_terminal_raw(words in any::<String>(), status in 300_u16..600) {
        let endpoint = endpoint(DIALECTS[0], "https://host");
        let words = format!("{words}\u{1b}]0;title\u{7}\u{202e}\u{200b}\u{9b}sk-secret\n{words}");
        let notice = Notice { complaint: Some(words), ..Notice::default() };
        let message = Fault(&endpoint).status(status, &notice).to_string();
        prop_assert!(!message.contains("sk-secret"));
        prop_assert!(!message.chars().any(char::is_control));
        let hidden = ['\u{202e}', '\u{200b}', '\u{feff}'];
        prop_assert!(!message.contains(hidden));
        prop_assert!(message.chars().count() < 450);
    }
}

fn attribution() -> Attribution {
    Attribution {
        user: "ada".to_owned(),
        repository: "acme/web".to_owned(),
        branch: Some("größe".to_owned()),
        labels: [("cost-centre".to_owned(), "42".to_owned())].into(),
        ..Attribution::default()
    }
}

#[test]
fn only_a_gateway_of_ones_own_is_told_who_asks() {
    for dialect in DIALECTS {
        for gateway in [None, Some(false), Some(true)] {
            let provider = Provider::always(Say::nothing());
            let endpoint = Endpoint { gateway, ..endpoint(dialect, &provider.base_url()) };
            ask(&endpoint, soon()).unwrap();
            let received = &provider.requests()[0];
            let told: Vec<_> =
                received.headers.iter().filter(|(name, _)| name.starts_with("x-hookgate-")).collect();
            if gateway == Some(true) {
                assert_eq!(received.header("x-hookgate-repository"), Some("acme/web"));
                assert_eq!(received.header("x-hookgate-branch"), Some("gr%C3%B6%C3%9Fe"));
                assert_eq!(received.header("x-hookgate-label-cost-centre"), Some("42"));
                assert_eq!(told.len(), 4, "{told:?}");
            } else {
                assert!(told.is_empty(), "{told:?}");
                assert!(!received.headers.iter().any(|(_, value)| value.contains("acme")), "{received:?}");
            }
        }
    }
}
