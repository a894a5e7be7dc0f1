use super::*;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn model(name: &str) -> ServedModel {
    ServedModel { name: name.to_owned(), context: Some(32_768), ..ServedModel::default() }
}

fn ollama(models: Vec<ServedModel>) -> Server {
    Server {
        name: "Ollama",
        provider: "ollama",
        dialect: "ollama",
        base_url: "http://127.0.0.1:11434".to_owned(),
        version: Some("0.12.3".to_owned()),
        loading: false,
        models,
    }
}

fn vllm() -> Server {
    Server {
        name: "vLLM",
        provider: "vllm",
        dialect: "openai",
        base_url: "http://127.0.0.1:8000/v1".to_owned(),
        version: None,
        loading: false,
        models: vec![ServedModel { loaded: true, ..model("Qwen/Coder \"7B\"") }],
    }
}

fn tier() -> Tier {
    Tier {
        tier: "remote".to_owned(),
        provider: "acme".to_owned(),
        model: "model-1".to_owned(),
        dialect: "openai",
        base_url: "https://api.example.org/v1".to_owned(),
        local: Some(false),
        key_variable: Some("ACME_KEY".to_owned()),
        problem: None,
        price: Some(PricePerMillion { input_usd: 0.25, output_usd: 2.0 }),
        price_source: "user".to_owned(),
        breaker: Some("closed"),
        breaker_because: None,
        requests: Requests::of([Some(300), None, Some(1200), Some(400)]),
        estimate_error: EstimateError::of(
            &[1125, 1100, 1000].map(|counted| Experience { counted, reported: 1000 }),
        ),
    }
}

#[test]
fn people_read_their_tiers() {
    let open = Tier {
        tier: "local".to_owned(),
        model: "qwen\u{1b}[31m".to_owned(),
        base_url: "http://127.0.0.1:11434".to_owned(),
        local: Some(true),
        key_variable: None,
        price: Some(PricePerMillion { input_usd: 0.0, output_usd: 0.0 }),
        problem: Some("needs a key".to_owned()),
        breaker: Some("open"),
        breaker_because: Some("connection refused; asked again in 58 s".to_owned()),
        requests: Requests::of([]),
        estimate_error: None,
        ..tier()
    };
    let relay = Tier {
        tier: "relay".to_owned(),
        provider: "proxy".to_owned(),
        base_url: "http://localhost:4000/v1".to_owned(),
        local: None,
        price: None,
        requests: Requests::of([]),
        estimate_error: None,
        ..tier()
    };
    let text =
        plain(&tiers_text(&[open, tier(), relay], Path::new("/h/config.toml"), &["no ledger".to_owned()]));
    insta::assert_snapshot!(text, @r"
    local  qwen\u{1b}[31m of acme at http://127.0.0.1:11434
      cannot be asked: it needs a key
      no key needed; free
      breaker open: connection refused; asked again in 58 s
      0 requests in 30 days
    remote  model-1 of acme at https://api.example.org/v1
      key from ACME_KEY; $0.25 in, $2.00 out a million tokens (user)
      4 requests in 30 days, 3 answered, in 400 ms (p95 1.2 s)
      counts 7.5 % too high on average, p95 12.5 %, worst 12.5 % off (3 requests)
    relay  model-1 of proxy at http://localhost:4000/v1
      key from ACME_KEY; price unknown
      may send code off this machine, since it wants a key: gateway = false in [providers.proxy] says that it does not
      0 requests in 30 days
    note: no ledger
    ");
}

#[test]
fn latencies_are_the_nearest_rank() {
    let none = Requests::of([]);
    assert_eq!((none.requests, none.answered, none.latency_p50_ms), (Some(0), Some(0), None));
    let hundred = Requests::of((1..=100).rev().map(Some));
    assert_eq!((hundred.latency_p50_ms, hundred.latency_p95_ms), (Some(50), Some(95)));
    let one = Requests::of([None, Some(7)]);
    assert_eq!(
        (one.requests, one.answered, one.latency_p50_ms, one.latency_p95_ms),
        (Some(2), Some(1), Some(7), Some(7))
    );
}

#[test]
fn people_read_what_was_found() {
    let models = vec![
        ServedModel { embeds_only: true, ..model("nomic-embed-text") },
        ServedModel { elsewhere: true, ..model("gpt-oss:120b-cloud") },
        model("llama3:8b"),
        model("qwen2.5-coder:7b"),
    ];
    let servers = [ollama(models), vllm()];
    let text = plain(&servers_text(&servers, "", &Taken::default(), Path::new("/h/config.toml")));
    insta::assert_snapshot!(text, @r#"
    Ollama 0.12.3 at http://127.0.0.1:11434
      nomic-embed-text    32,768 tokens of context, for embeddings only
      gpt-oss:120b-cloud  32,768 tokens of context, runs elsewhere: code would leave this machine
      llama3:8b           32,768 tokens of context
      qwen2.5-coder:7b    32,768 tokens of context
    vLLM at http://127.0.0.1:8000/v1
      Qwen/Coder "7B"  32,768 tokens of context, loaded

    To use them, add this to /h/config.toml:

        [providers.ollama]
        dialect = "ollama"
        base_url = "http://127.0.0.1:11434"

        [tiers.local]
        provider = "ollama"
        model = "qwen2.5-coder:7b"

        [providers.vllm]
        dialect = "openai"
        base_url = "http://127.0.0.1:8000/v1"

        [tiers.vllm]
        provider = "vllm"
        model = "Qwen/Coder \"7B\""

    Then `hookgate models test` tries them.
    "#);
}

#[test]
fn only_what_is_new_is_proposed_under_names_that_are_free() {
    let taken = Taken {
        providers: vec![
            ("here".to_owned(), "http://localhost:11434/".to_owned()),
            ("vllm".to_owned(), "https://vllm.example.org".to_owned()),
        ],
        tiers: vec!["local".to_owned(), "vllm".to_owned()],
    };
    let servers = [ollama(vec![model("m")]), vllm()];
    let lines = lines(&servers, &taken).unwrap();
    insta::assert_snapshot!(lines, @r#"
    [providers.vllm-2]
    dialect = "openai"
    base_url = "http://127.0.0.1:8000/v1"

    [tiers.vllm-2]
    provider = "vllm-2"
    model = "Qwen/Coder \"7B\""
    "#);
    let useless =
        vec![ServedModel { embeds_only: true, ..model("e") }, ServedModel { elsewhere: true, ..model("c") }];
    assert_eq!(super::lines(&[ollama(useless)], &Taken::default()), None);
}

#[test]
fn people_read_what_came_of_a_trial() {
    let good = Trial {
        tier: "local".to_owned(),
        provider: "ollama".to_owned(),
        model: "qwen2.5-coder:7b".to_owned(),
        ok: true,
        reason: None,
        message: None,
        latency_ms: Some(2345),
        counted_input: Some(612),
        input: Some(600),
        output: Some(48),
        usage_source: Some("reported"),
        schema: Some(true),
        read_in_full: Some(true),
        defect_found: Some(false),
    };
    let bad = Trial {
        ok: false,
        reason: Some("schema"),
        message: Some("it said \"Sure!\"".to_owned()),
        latency_ms: None,
        input: None,
        output: None,
        usage_source: None,
        schema: Some(false),
        read_in_full: None,
        defect_found: None,
        ..good.clone()
    };
    let text = plain(
        &[before_trials(&[("local", 1206), ("remote", 900)]), trial_text(&good), trial_text(&bad)].concat(),
    );
    insta::assert_snapshot!(text, @r#"
    sending 2 small requests, tokens at the most: 1,206 to local, 900 to remote; as many again for one that has to be sent once more
    ok  local  qwen2.5-coder:7b of ollama, 2.3 s
        usage   600 tokens in, 48 out; counted 612 in (+2 %)
        schema  followed
        prompt  read in full
        defect  the planted one was found: no
    failed  local  qwen2.5-coder:7b of ollama
        [schema] it said "Sure!"
        schema  not followed
    "#);
}
