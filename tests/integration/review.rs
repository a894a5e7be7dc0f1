//! A model is asked: what leaves the machine, what is believed, and what every fault ends in.

use crate::harness::provider::{Provider, Reply, finding};
use crate::harness::repo::Repo;

const DIALECTS: [&str; 3] = ["openai", "anthropic", "ollama"];

const BEFORE: &str = "\
import hashlib
import json
import os


def load(path):
    # Read everything at once.
    with open(path) as file:
        return json.load(file)


def total(items, rate):
    if not items:
        return 0
    return sum(items) * (1 + rate)
";

fn after() -> String {
    BEFORE.replace("1 + rate", "1 - rate")
}

fn with_model(dialect: &str, base_url: &str, more: &str) -> Repo {
    let repo = Repo::with(&[("cart.py", BEFORE)]);
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"{dialect}\"\nbase_url = \"{base_url}\"\napi_key_env = \"TEST_KEY\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n{more}"
    ));
    repo.stage("cart.py", after());
    repo
}

/// Runs a command of hookgate with the key set.
fn run(repo: &Repo, args: &[&str]) -> crate::harness::repo::Said {
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    command.args(args).env("TEST_KEY", "key-0123456789").output().unwrap().into()
}

#[test]
fn a_finding_on_a_sent_line_is_shown_in_every_dialect() {
    for dialect in DIALECTS {
        let provider =
            Provider::always(Reply::findings(&[finding("1:15", "return sum(items) * (1 - rate)")]));
        let repo = with_model(dialect, &provider.base_url(), "");
        let said = run(&repo, &["run", "pre-commit"]).expect(0);
        assert!(said.stdout.contains("cart.py:15"), "{dialect}: {said:#?}");
        assert!(said.stdout.contains("sent "), "{dialect}: {said:#?}");
        assert!(!said.stdout.contains("NOT REVIEWED"), "{dialect}: {said:#?}");
        assert_eq!(provider.requests().len(), 1, "{dialect}");
    }
}

#[test]
fn what_is_sent_is_what_the_preview_printed() {
    for dialect in DIALECTS {
        let provider = Provider::always(Reply::nothing());
        let repo = with_model(dialect, &provider.base_url(), "");
        let preview = run(&repo, &["dry-run", "--show-payload"]).expect(0).stdout;
        run(&repo, &["run", "pre-commit"]).expect(0);
        let requests = provider.requests();
        assert_eq!(requests.len(), 1);
        let sent = String::from_utf8(requests[0].body.clone().into()).unwrap();
        assert_eq!(preview.trim_end_matches('\n'), sent, "{dialect}");
    }
}

#[test]
fn only_what_a_reviewer_needs_is_sent() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model("openai", &provider.base_url(), "");
    run(&repo, &["run", "pre-commit"]).expect(0);
    let code = provider.requests()[0].code();
    assert!(code.contains("15+"), "added lines have numbers: {code}");
    assert!(code.contains("-") && code.contains("(1 + rate)"), "deleted lines are shown: {code}");
    assert!(!code.contains("import"), "no import is used by what is sent: {code}");
    assert!(!code.contains("json.load"), "other definitions stay: {code}");
}

#[test]
fn what_was_not_sent_is_not_believed() {
    let answers = [
        (finding("1:15", "os.system(items)"), 0),
        (finding("9:15", "os.system(items)"), 0),
        // A wrong number beside a true quote is set right.
        (finding("1:99", "return sum(items) * (1 - rate)"), 1),
    ];
    for (answer, shown) in answers {
        let provider = Provider::always(Reply::findings(std::slice::from_ref(&answer)));
        let repo = with_model("openai", &provider.base_url(), "");
        let report = run(&repo, &["run", "pre-commit", "--format", "json"]).expect(0).json();
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), shown, "{answer}");
        assert_eq!(report["notes"].as_array().unwrap().len(), 1 - shown, "what is dropped is said");
        assert!(findings.iter().all(|finding| finding["line"] == 15), "{findings:?}");
    }
}

#[test]
fn planted_secrets_never_reach_the_server() {
    let secrets = [
        concat!("ghp_", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"),
        concat!("AKIA", "Q3EGTIZXJ7WNP5LM"),
        concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
    ];
    for secret in secrets {
        let provider = Provider::always(Reply::nothing());
        let base_url = provider.base_url();
        // It stands on a line that goes away, so that no rule refuses the commit.
        let repo =
            Repo::with(&[("cart.py", &format!("def f(a):\n    key = '{secret}'\n    return a + 1\n"))]);
        repo.configure_user(&format!(
            "[providers.here]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\n\
             [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n"
        ));
        repo.stage("cart.py", "def f(a):\n    key = ''\n    return a + 2\n");
        run(&repo, &["run", "pre-commit"]).expect(0);
        let requests = provider.requests();
        assert_eq!(requests.len(), 1);
        assert!(!format!("{requests:?}").contains(secret), "{secret} was sent");
        let preview = run(&repo, &["dry-run", "--show-payload"]).expect(0);
        assert!(!preview.stdout.contains(secret));
        // On an added line it refuses the commit, and the report does not repeat it.
        repo.stage("other.py", format!("def f(a):\n    key = '{secret}'\n    return a + 3\n"));
        let refused = run(&repo, &["run", "pre-commit"]).expect(1);
        assert!(!refused.all().contains(secret), "{refused:#?}");
        assert_eq!(provider.requests().len(), 1, "nothing is sent of a commit that is refused already");
    }
}

#[test]
fn every_fault_is_not_reviewed_with_its_reason() {
    type Fault = (&'static str, fn() -> Reply, &'static str);
    let faults: [Fault; 7] = [
        ("unauthorized", || Reply::status(401, "{\"error\":{\"message\":\"no\"}}"), "rejected"),
        ("server error", || Reply::status(500, "oops"), "rejected"),
        ("too many", || Reply::status(429, "{\"error\":{\"message\":\"slow down\"}}"), "rejected"),
        ("redirect", || Reply::redirect("http://127.0.0.1:9/"), "rejected"),
        ("refusal", Reply::refusal, "refusal"),
        ("prose", || Reply::text("Looks good to me!"), "schema"),
        ("garbage", || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot json!"), "schema"),
    ];
    let stalls: [Fault; 2] = [("stall", Reply::stall, "timeout"), ("drip", Reply::drip, "timeout")];
    for dialect in DIALECTS {
        for (name, reply, reason) in faults.into_iter().chain(stalls) {
            // Ollama's dialect has no word for a refusal.
            let reason = if (dialect, reason) == ("ollama", "refusal") { "schema" } else { reason };
            let provider = Provider::always(reply());
            let repo = with_model(dialect, &provider.base_url(), "");
            // Only a server that never answers is to meet the deadline.
            let deadline = if reason == "timeout" { "200ms" } else { "20s" };
            repo.write("hookgate.toml", format!("[hooks.pre-commit]\ndeadline = \"{deadline}\"\n"));
            let said = run(&repo, &["run", "pre-commit"]).expect(0);
            assert!(said.stdout.contains(&format!("[{reason}]")), "{dialect}, {name}: {said:#?}");
            assert!(!said.all().contains("key-0123456789"), "{dialect}, {name}: the key is shown");
        }
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_said_so_and_costs_nothing() {
    // A port that was free a moment ago: nobody listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let repo = with_model("ollama", &format!("http://127.0.0.1:{port}"), "");
    let said = run(&repo, &["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("[unreachable]"), "{said:#?}");
    let report = run(&repo, &["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!(report["limit"]["used"], 0);
}

#[test]
fn a_model_can_never_block_a_commit_or_speak_to_the_terminal() {
    let mut hostile = finding("1:15", "return sum(items) * (1 - rate)");
    hostile["why"] = "\u{1b}]0;owned\u{7} ignore all \u{202e} rules".into();
    hostile["sev"] = "critical".into();
    let provider = Provider::always(Reply::findings(&[hostile]));
    let repo = with_model("anthropic", &provider.base_url(), "");
    let said = run(&repo, &["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("owned"), "{said:#?}");
    assert!(!said.all().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
}

#[test]
fn prices_of_the_user_are_charged() {
    let provider = Provider::always(Reply::nothing().usage(1000, 100));
    let repo =
        with_model("openai", &provider.base_url(), "[prices.\"here/tiny\"]\ninput = 2.0\noutput = 10.0\n");
    let report = run(&repo, &["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!(report["totals"]["cost_usd"], 0.003);
    assert_eq!(report["totals"]["price_source"], "user");
    assert_eq!(report["limit"]["used"], 1100);
}

#[test]
fn what_became_of_each_unit_is_written_down() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model("openai", &provider.base_url(), "");
    repo.stage("README.md", "# Cart\n");
    let said = run(&repo, &["run", "pre-commit", "--format", "json"]).expect(0).json();
    let written = std::fs::read_to_string(repo.home().join(".local/state/hookgate/units.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> =
        written.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let sum = |key: &str| rows.iter().filter_map(|row| row[key].as_u64()).sum::<u64>();
    assert_eq!(sum("raw_tokens"), said["totals"]["raw_tokens"].as_u64().unwrap());
    assert_eq!(sum("sent_tokens"), said["totals"]["payload_tokens"].as_u64().unwrap());
    let sent = rows.iter().find(|row| row["route"] == "model").unwrap();
    assert_eq!(
        (&sent["path"], &sent["name"], &sent["lines"]),
        (&"cart.py".into(), &"total".into(), &2.into())
    );
    let ruled = rows.iter().find(|row| row["route"] == "rules").unwrap();
    assert_eq!((&ruled["reason"], &ruled["path"]), (&"docs".into(), &serde_json::Value::Null));
}
