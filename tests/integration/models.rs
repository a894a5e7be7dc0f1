//! The tiers of the user's file: listed, found, tried. None of it needs a repository.

use serde_json::{Value, json};

use crate::harness::provider::{Provider, Received, Reply, finding};
use crate::harness::repo::{Repo, Said};

/// Runs hookgate where there is no repository.
fn outside(repo: &Repo, arguments: &[&str]) -> Said {
    let directory = repo.beside("elsewhere");
    std::fs::create_dir_all(&directory).unwrap();
    let mut command = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &directory);
    command.args(arguments).env("GIT_CEILING_DIRECTORIES", &directory).output().unwrap().into()
}

fn configured(base_urls: &[&str], limits: &str) -> Repo {
    let repo = Repo::empty();
    let mut text = limits.to_owned();
    for (index, base_url) in base_urls.iter().enumerate() {
        text.push_str(&format!(
            "[providers.p{index}]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\n\
             [tiers.t{index}]\nprovider = \"p{index}\"\nmodel = \"tiny\"\n"
        ));
    }
    repo.configure_user(&text);
    repo
}

fn json_of(repo: &Repo, arguments: &[&str], code: i32) -> Value {
    outside(repo, &[arguments, &["--format", "json"]].concat()).expect(code).json()
}

#[test]
fn a_trial_is_one_paid_request_that_shows_what_the_model_can_do() {
    let good = Provider::always(Reply::findings(&[finding("1:2", "    return items[len(items)]")]));
    let bad = Provider::always(Reply::text("Sure! Looks fine."));
    let repo = configured(&[&good.base_url(), &bad.base_url()], "");
    let said = outside(&repo, &["models", "test"]).expect(1).stdout;
    assert!(said.starts_with("sending 2 small requests, "), "{said}");
    assert!(said.contains("ok  t0  tiny of p0"), "{said}");
    assert!(said.contains("the planted one was found: yes"), "{said}");
    assert!(said.contains("failed  t1") && said.contains("[schema]"), "{said}");
    assert_eq!((good.requests().len(), bad.requests().len()), (1, 1));

    let report = json_of(&repo, &["models", "test", "t0"], 0);
    let trial = &report["trials"][0];
    assert_eq!(
        (&trial["ok"], &trial["schema"], &trial["read_in_full"]),
        (&true.into(), &true.into(), &true.into())
    );
    let reported = trial["input"].as_u64().unwrap() + trial["output"].as_u64().unwrap();
    assert_eq!(2 * reported, good.served_tokens());
    assert!(report["most_tokens"].as_u64().unwrap() >= reported);
    assert_eq!(bad.requests().len(), 1);

    let listed = json_of(&repo, &["models"], 0);
    let requests: Vec<_> = listed["tiers"].as_array().unwrap().iter().map(|it| &it["requests"]).collect();
    assert_eq!(requests, [&json!(2), &json!(1)], "the ledger knows them: {listed:#}");
    assert!(listed["tiers"][0]["latency_p50_ms"].is_u64(), "{listed:#}");
}

#[test]
fn a_trial_keeps_to_the_limits() {
    let provider = Provider::always(Reply::nothing());
    let repo = configured(&[&provider.base_url()], "[limits]\nday_tokens = 100\n");
    let said = outside(&repo, &["models", "test"]).expect(1).stdout;
    assert!(said.contains("failed  t0") && said.contains("[budget:day]"), "{said}");
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn a_prompt_that_is_cut_short_is_told() {
    let provider = Provider::always(Reply::nothing().usage(40, 2));
    let repo = configured(&[&provider.base_url()], "");
    let report = json_of(&repo, &["models", "test"], 1);
    let trial = &report["trials"][0];
    assert_eq!(
        (&trial["reason"], &trial["read_in_full"]),
        (&"short_read".into(), &false.into()),
        "{report:#}"
    );
}

#[test]
fn tiers_are_listed_with_what_keeps_them_from_being_asked() {
    let repo = Repo::empty();
    repo.configure_user(
        "[providers.acme]\ndialect = \"openai\"\nbase_url = \"https://api.example.org/v1\"\napi_key_env = \"ACME_KEY\"\n\
         [tiers.remote]\nprovider = \"acme\"\nmodel = \"m\"\n\
         [prices.\"acme/m\"]\ninput = 0.25\noutput = 2\n",
    );
    let listed = json_of(&repo, &["models", "list"], 0);
    let tier = &listed["tiers"][0];
    assert_eq!(tier["price"], json!({"input_usd": 0.25, "output_usd": 2.0}));
    assert_eq!((&tier["key_variable"], &tier["local"]), (&"ACME_KEY".into(), &false.into()));
    assert!(tier["problem"].as_str().unwrap().contains("ACME_KEY"), "{listed:#}");
    let said = outside(&repo, &["models", "test"]).expect(1).stdout;
    assert!(said.starts_with("sending 0 small requests"), "{said}");
    assert!(said.contains("ACME_KEY, which is not set"), "{said}");
    let said = outside(&repo, &["models", "test", "remot"]).expect(2).stderr;
    assert!(said.contains("did you mean `remote`"), "{said}");
}

#[test]
fn what_is_found_can_be_used_at_once() {
    let model = json!({"id": "tiny", "object": "model", "owned_by": "vllm", "max_model_len": 8192});
    let list = json!({"object": "list", "data": [model]}).to_string();
    let provider = Provider::answering(move |received: &Received| match received.path.as_str() {
        "/v1/models" => Reply::status(200, list.as_str()),
        "/v1/chat/completions" => Reply::nothing(),
        _ => Reply::status(404, "{}"),
    });
    let port = provider.base_url().rsplit_once(':').unwrap().1.to_owned();
    let repo = Repo::empty();
    let found = json_of(&repo, &["models", "detect", "--port", &port], 0);
    assert_eq!(found["servers"][0]["models"][0]["context"], 8192, "{found:#}");
    assert!(!repo.config_file().exists(), "nothing is written");
    repo.configure_user(found["lines"].as_str().unwrap());
    let said = outside(&repo, &["models", "test", "local"]).expect(0).stdout;
    assert!(said.contains("ok  local  tiny of vllm"), "{said}");
    let again = outside(&repo, &["models", "detect", "--port", &port]).expect(0).stdout;
    assert!(again.contains("nothing of it is new"), "{again}");
}

#[test]
fn what_the_ledger_cannot_tell_of_a_tier_is_no_zero() {
    let repo = Repo::empty();
    repo.configure_user(
        "[providers.here]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:1\"\n\
         [tiers.local]\nprovider = \"here\"\nmodel = \"m\"\n",
    );
    let tier = || json_of(&repo, &["models", "list"], 0)["tiers"][0].clone();
    let before = tier();
    assert_eq!((&before["requests"], &before["breaker"]), (&0.into(), &"closed".into()));
    let ledger =
        json_of(&repo, &["cache"], 0)["file"].as_str().unwrap().replace("reviews.sqlite3", "ledger.sqlite");
    let ledger = std::path::Path::new(&ledger);
    assert!(!ledger.exists(), "a list makes no ledger");
    std::fs::create_dir_all(ledger.parent().unwrap()).unwrap();
    std::fs::write(ledger, "no ledger at all").unwrap();
    let after = tier();
    assert_eq!(
        (&after["requests"], &after["answered"], &after["breaker"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let said = outside(&repo, &["models"]).expect(0).stdout;
    assert!(said.contains("not known") && !said.contains("0 requests"), "{said}");
}
