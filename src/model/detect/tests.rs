//! Servers as they answer, and programs that are none.

use serde_json::json;

use super::super::provider::{Provider, Received, Reply};
use super::*;

/// A server that answers each path with a body, and others as most do.
fn serving(pages: &[(&str, Value)]) -> Provider {
    let pages: Vec<(String, String)> =
        pages.iter().map(|(path, body)| ((*path).to_owned(), body.to_string())).collect();
    Provider::answering(move |received: &Received| {
        let page = pages.iter().find(|(path, _)| *path == received.path);
        page.map_or_else(
            || Reply::status(404, "{\"error\":\"not found\"}"),
            |(_, body)| Reply::status(200, body),
        )
    })
}

fn port(provider: &Provider) -> u16 {
    provider.base_url().rsplit_once(':').unwrap().1.parse().unwrap()
}

/// What is found where `provider` listens, whatever it is taken for.
fn found(provider: &Provider) -> Vec<Server> {
    found_within(provider, Duration::from_secs(60))
}

fn found_within(provider: &Provider, patience: Duration) -> Vec<Server> {
    let port = port(provider);
    detect(&Kind::ALL.map(|kind| Candidate { kind, port }), patience)
}

fn ollama() -> Vec<(&'static str, Value)> {
    let digest = "dae161e27b0e90dd1856c8bb3209201fd6736d8eb66298e75ed87571486f4364";
    vec![
        ("/api/version", json!({"version": "0.12.3"})),
        (
            "/api/tags",
            json!({"models": [
                {"name": "nomic-embed-text:latest", "digest": digest, "details": {"family": "nomic-bert"}},
                {"name": "qwen2.5-coder:7b", "digest": digest, "details": {"family": "qwen2"}},
                {"name": "gpt-oss:120b-cloud", "digest": digest, "remote_host": "https://ollama.com:443"},
            ]}),
        ),
        ("/api/ps", json!({"models": [{"name": "qwen2.5-coder:7b", "context_length": 4096}]})),
        ("/api/show", json!({"model_info": {"general.architecture": "x", "x.context_length": 32768}})),
    ]
}

fn llama_cpp() -> Vec<(&'static str, Value)> {
    vec![
        ("/health", json!({"status": "ok"})),
        (
            "/v1/models",
            json!({"object": "list", "data": [{
                "id": "qwen2.5-coder-1.5b.gguf", "object": "model", "owned_by": "llamacpp",
                "meta": {"n_ctx_train": 32768},
            }]}),
        ),
        ("/props", json!({"default_generation_settings": {"n_ctx": 8192}, "build_info": "b8681-Debian"})),
    ]
}

fn vllm() -> Vec<(&'static str, Value)> {
    let model =
        json!({"id": "Qwen/Qwen2.5-Coder-7B", "object": "model", "owned_by": "vllm", "max_model_len": 16384});
    vec![
        ("/v1/models", json!({"object": "list", "data": [model]})),
        ("/version", json!({"version": "0.12.0"})),
    ]
}

fn lm_studio() -> Vec<(&'static str, Value)> {
    vec![(
        "/api/v1/models",
        json!({"models": [
            {"type": "embedding", "key": "nomic", "loaded_instances": [], "max_context_length": 2048},
            {"type": "llm", "key": "qwen/qwen3-coder", "max_context_length": 262144,
             "loaded_instances": [{"id": "qwen/qwen3-coder", "config": {"context_length": 8192}}]},
        ]}),
    )]
}

fn model(name: &str, context: u64, loaded: bool) -> ServedModel {
    ServedModel { name: name.to_owned(), context: Some(context), loaded, ..ServedModel::default() }
}

#[test]
fn each_server_is_known_by_its_own_words() {
    let provider = serving(&ollama());
    let server = &found(&provider)[0];
    assert_eq!((server.name, server.version.as_deref()), ("Ollama", Some("0.12.3")));
    assert_eq!(server.base_url, provider.base_url());
    let embeds = ServedModel { embeds_only: true, ..model("nomic-embed-text:latest", 32768, false) };
    let elsewhere = ServedModel { elsewhere: true, ..model("gpt-oss:120b-cloud", 32768, false) };
    assert_eq!(server.models, [embeds, model("qwen2.5-coder:7b", 4096, true), elsewhere]);

    let provider = serving(&llama_cpp());
    let server = &found(&provider)[0];
    assert_eq!((server.name, server.version.as_deref()), ("llama.cpp", Some("b8681-Debian")));
    assert_eq!(server.models, [model("qwen2.5-coder-1.5b.gguf", 8192, true)]);
    assert_eq!(server.base_url, format!("{}/v1", provider.base_url()));

    let provider = serving(&vllm());
    let server = &found(&provider)[0];
    assert_eq!((server.name, server.version.as_deref()), ("vLLM", Some("0.12.0")));
    assert_eq!(server.models, [model("Qwen/Qwen2.5-Coder-7B", 16384, true)]);

    let provider = serving(&lm_studio());
    let embeds = ServedModel { embeds_only: true, ..model("nomic", 2048, false) };
    let expected = [embeds, model("qwen/qwen3-coder", 8192, true)];
    let server = &found(&provider)[0];
    assert_eq!((server.name, &server.models[..]), ("LM Studio", &expected[..]));

    // Before 0.4, which answers what it does not know with success.
    let old = json!({"object": "list", "data": [{
        "id": "qwen2", "object": "model", "type": "llm", "compatibility_type": "mlx", "state": "not-loaded",
        "max_context_length": 32768,
    }]});
    let unknown = json!({"error": "Unexpected endpoint or method. (GET /api/v1/models)"});
    let provider = serving(&[("/api/v1/models", unknown), ("/api/v0/models", old)]);
    assert_eq!(found(&provider)[0].models, [model("qwen2", 32768, false)]);
}

#[test]
fn a_server_is_one_kind_and_no_key_is_sent() {
    for (name, pages) in
        [("Ollama", ollama()), ("llama.cpp", llama_cpp()), ("vLLM", vllm()), ("LM Studio", lm_studio())]
    {
        let provider = serving(&pages);
        let names: Vec<_> = found(&provider).iter().map(|server| server.name).collect();
        assert_eq!(names, [name]);
        for received in provider.requests() {
            assert_eq!(received.header("authorization"), None, "{received:?}");
            assert_eq!(received.header("x-api-key"), None, "{received:?}");
        }
    }
}

#[test]
fn a_server_that_loads_its_model_is_there() {
    let loading = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;
    let provider = Provider::always(Reply::status(503, loading));
    let servers = found(&provider);
    assert_eq!(servers.iter().map(|it| (it.name, it.loading)).collect::<Vec<_>>(), [("llama.cpp", true)]);
}

/// As llama.cpp `b1-0c1e570` answers with `--api-key`.
#[test]
fn a_server_that_wants_a_key_is_there() {
    let refusal = r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#;
    let locked = |health: &'static str| {
        Provider::answering(move |received: &Received| match received.path.as_str() {
            "/health" => Reply::status(200, health),
            _ => Reply::status(401, refusal),
        })
    };
    let servers = found(&locked(r#"{"status":"ok"}"#));
    assert_eq!(servers.iter().map(|it| (it.name, it.wants_key)).collect::<Vec<_>>(), [("llama.cpp", true)]);
    assert_eq!(found(&locked(r#"{"status":"pass"}"#)), [], "another program");
}

/// As llama.cpp `b1-0c1e570` answers with `--models-dir`, one model loaded and one not, `status.args` left
/// out: each has its own context, and the router none, though it says zero.
#[test]
fn a_router_has_no_context_of_its_own() {
    let loaded = json!({
        "id": "tiny-empty", "aliases": [], "tags": [], "object": "model", "owned_by": "llamacpp",
        "created": 1_795_490_400, "status": {"value": "loaded"}, "source": "models_dir", "can_remove": false,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "meta": {"vocab_type": 2, "n_vocab": 151_936, "n_ctx": 8192, "n_ctx_train": 32768, "n_embd": 64},
    });
    let mut unloaded = loaded.clone();
    unloaded["status"]["value"] = "unloaded".into();
    unloaded["id"] = "tiny-random".into();
    unloaded.as_object_mut().unwrap().remove("meta");
    let props = json!({
        "role": "router", "max_instances": 4, "models_autoload": true, "model_alias": "llama-server",
        "model_path": "none", "default_generation_settings": {"params": null, "n_ctx": 0},
        "build_info": "b1-0c1e570",
    });
    let serve = |models: Value| {
        let list = json!({"data": models, "object": "list"});
        let pages = [("/v1/models", list), ("/props", props.clone()), ("/health", json!({"status": "ok"}))];
        found(&serving(&pages))[0].models.clone()
    };
    let untold = ServedModel { context: None, ..model("tiny-random", 0, false) };
    assert_eq!(serve(json!([loaded, unloaded])), [model("tiny-empty", 8192, true), untold.clone()]);
    assert_eq!(serve(json!([unloaded])), [untold]);
}

#[test]
fn other_programs_are_not_taken_for_one() {
    let list =
        |owner: &str| json!({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": owner}]});
    let mixed = json!({"data": [{"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "me"}]});
    let untold = json!({"models": [{"name": "m", "digest": "abc"}]});
    let other = json!({"models": [{"type": "llm", "key": "m"}]});
    let programs: [Vec<(&str, Value)>; 9] = [
        vec![],
        vec![("/v1/models", list("openai"))],
        vec![("/v1/models", list(""))],
        vec![("/v1/models", json!({"data": []}))],
        vec![("/v1/models", mixed)],
        vec![("/api/version", json!({"version": "1.2"}))],
        vec![("/api/version", json!({"version": "1.2"})), ("/api/tags", untold)],
        vec![("/api/version", json!("0.1")), ("/api/tags", json!({"models": []}))],
        vec![("/api/v1/models", other), ("/api/v0/models", json!({"data": [{"id": "m"}]}))],
    ];
    for pages in &programs {
        assert_eq!(found(&serving(pages)), [], "{pages:?}");
    }
    let nobody = Provider::always(Reply::nothing());
    let port = port(&nobody);
    drop(nobody);
    assert_eq!(detect(&[Candidate { kind: Kind::Ollama, port }], PATIENCE), []);
}

/// Slow, endless, huge and deep answers come to an end, and are nobody's.
#[test]
fn hostile_answers_are_nobodys() {
    let target = serving(&vllm());
    let hostile = [
        Reply::stall(),
        Reply::stall_in_body(),
        Reply::drip(),
        Reply::huge(64 << 20),
        Reply::truncated(),
        Reply::close(),
        Reply::raw("SSH-2.0-OpenSSH_9.9\r\n"),
        Reply::raw(vec![0xff; 4096]),
        Reply::status(200, "<html>"),
        Reply::status(200, "[".repeat(500_000)),
        Reply::status(200, "\u{0}"),
        Reply::redirect(&format!("{}/v1/models", target.base_url())),
    ];
    for reply in hostile {
        let provider = Provider::always(reply.clone());
        assert_eq!(found_within(&provider, PATIENCE), [], "{reply:?}");
    }
    assert_eq!(target.requests().len(), 0, "no redirect is followed");
}

#[test]
fn what_it_lists_is_bounded_and_plain() {
    let named = |id: String| json!({"id": id, "owned_by": "vllm"});
    let long = (0..1000).map(|number| named(format!("m{number}"))).collect::<Vec<_>>();
    let provider = serving(&[("/v1/models", json!({"data": long}))]);
    assert_eq!(found(&provider)[0].models.len(), MOST_MODELS);

    let names = ["a\u{1b}[2Jb", "a\nb", "\u{202e}x", "", "x".repeat(201).as_str(), "fine"].map(str::to_owned);
    let listed: Vec<_> = names.into_iter().map(named).chain([json!({"id": 7, "owned_by": "vllm"})]).collect();
    let provider =
        serving(&[("/v1/models", json!({"data": listed})), ("/version", json!({"version": "1\u{7}"}))]);
    let server = &found(&provider)[0];
    assert_eq!(server.models.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["fine"]);
    assert_eq!(server.version, None);
}

#[test]
fn ollamas_variable_moves_a_port_and_no_machine() {
    for (host, port) in [
        ("127.0.0.1:11500", Some(11500)),
        ("http://localhost:11500/", Some(11500)),
        ("0.0.0.0:11500", Some(11500)),
        ("[::1]:11500", Some(11500)),
        (":11500", Some(11500)),
        ("\"127.0.0.1:11500\"", Some(11500)),
        ("10.0.0.5:11434", None),
        ("https://ollama.example.org:443", None),
        ("127.0.0.1.example.org:80", None),
        ("127.0.0.1", None),
        ("127.0.0.1:0", None),
        ("127.0.0.1:99999", None),
        ("", None),
    ] {
        assert_eq!(ollama_port(host), port, "{host}");
    }
}
