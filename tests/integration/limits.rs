//! Limits that hold: what does not fit is listed, and the server never sees it.

use crate::harness::provider::{Provider, Reply};
use crate::harness::repo::Repo;

/// A module of `count` functions that all change with `version`.
fn module(count: usize, version: usize) -> String {
    (0..count).map(|n| format!("def f{n}(a, b):\n    return a * {version} + b - {n}\n\n\n")).collect()
}

fn with_model(provider: &Provider, limits: &str, hook: &str) -> Repo {
    let repo = Repo::with(&[("a.py", &module(40, 1))]);
    let base_url = provider.base_url();
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"ollama\"\nbase_url = \"{base_url}\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n{limits}"
    ));
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{hook}\n"));
    repo
}

#[test]
fn what_does_not_fit_the_hook_is_listed_and_not_sent() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "token_limit = 2000");
    repo.stage("a.py", module(40, 2));
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    let missing = report["not_reviewed"].as_array().unwrap();
    assert!(!missing.is_empty() && missing.iter().all(|gap| gap["reason"] == "budget:hook"), "{missing:?}");
    assert!(!provider.requests().is_empty(), "what fits is reviewed: {report:#}");
    assert!(provider.served_tokens() <= 2000, "{}", provider.served_tokens());
    assert!(report["limit"]["used"].as_u64().unwrap() <= 2000, "{report:#}");
}

#[test]
fn a_limit_too_small_for_anything_sends_nothing() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "token_limit = 100");
    repo.stage("a.py", module(2, 2));
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("NOT REVIEWED"), "{said:#?}");
    assert!(said.stdout.contains("[budget:hook]"), "{said:#?}");
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn a_day_is_shared_by_all_runs() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "[limits]\nday_tokens = 3000\n", "token_limit = 2500");
    let mut denied = 0;
    for version in 2..8 {
        repo.stage("a.py", module(4, version));
        let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
        denied += usize::from(report["not_reviewed"].to_string().contains("budget:day"));
        repo.git(["commit", "--quiet", "--no-verify", "-m", "next"]).expect(0);
    }
    assert!(denied > 0);
    assert!(provider.served_tokens() <= 3000, "{}", provider.served_tokens());
}

/// A model whose tokenizer counts three times as many tokens as ours, which nobody could know before
/// its first reply.
#[test]
fn what_crosses_a_limit_is_told_and_strict_counting_lets_nothing() {
    let provider = Provider::answering(|received| Reply::nothing().usage(received.tokens * 3, 9));
    let repo = with_model(&provider, "[limits]\nday_tokens = 1500\n", "token_limit = 4000");
    repo.stage("a.py", module(40, 1).replacen("* 1", "* 2", 1));
    let budget = || repo.hookgate(["budget", "--format", "json"]).expect(0).json()["crossed"].clone();
    assert_eq!(budget(), serde_json::json!([]));
    let report = repo.hookgate(["run", "pre-commit", "--format", "json", "--no-cache"]).expect(0).json();
    let used = report["limit"]["used"].as_u64().unwrap();
    let crossed = &report["crossed"][0];
    assert_eq!(crossed["taken"], used, "{report:#}");
    assert_eq!((&crossed["window"], &crossed["limit"]), (&"day".into(), &1500.into()));
    assert_eq!(crossed["excess"], used - 1500);
    assert_eq!(crossed["overruns"][0]["model"], "here/tiny");
    assert!(crossed["overruns"][0]["percent"].as_u64().unwrap() > 0);
    assert_eq!(budget(), report["crossed"]);
    for said in [repo.hookgate(["budget"]), repo.hookgate(["run", "pre-commit", "--no-cache"])] {
        let said = said.expect(0);
        assert!(said.stdout.contains("the day's limit of 1,500 tokens is crossed by"), "{said:#?}");
    }
    let budget = repo.hookgate(["budget"]).expect(0).stdout;
    assert!(budget.contains("here/tiny took up to") && budget.contains("counting = \"strict\""), "{budget}");
    assert_eq!(provider.requests().len(), 1);

    let provider = Provider::answering(|received| Reply::nothing().usage(received.tokens * 3, 9));
    let strict = "[limits]\ncounting = \"strict\"\nhook_tokens = 6000\nday_tokens = 6000\n";
    let repo = with_model(&provider, strict, "token_limit = 6000");
    for version in 2..6 {
        repo.stage("a.py", module(40, 1).replacen("* 1", &format!("* {version}"), 1));
        let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
        assert_eq!(report["crossed"], serde_json::json!([]), "{report:#}");
    }
    assert!(!provider.requests().is_empty());
}

#[test]
fn a_required_review_over_the_limit_refuses() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "token_limit = 100\nrequired = true");
    let hash = repo.hookgate(["trust", "--hash"]).expect(0).stdout;
    repo.hookgate(["trust", "--accept", hash.trim()]).expect(0);
    repo.stage("a.py", module(2, 2));
    repo.hookgate(["run", "pre-commit"]).expect(3);
}

#[test]
fn a_preview_reserves_and_sends_nothing() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "token_limit = 4000");
    repo.stage("a.py", module(4, 2));
    let report = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(provider.requests().len(), 0);
    assert_eq!(report["limit"]["used"], 0);
    assert!(report["totals"]["input_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn no_request_is_larger_than_a_call_may_be() {
    let provider = Provider::always(Reply::nothing());
    let repo =
        with_model(&provider, "[limits]\ncall_tokens = 1200\nhook_tokens = 100000\n", "token_limit = 100000");
    repo.stage("a.py", module(40, 2));
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    let requests = provider.requests();
    assert!(requests.len() > 1, "the change is divided: {report:#}");
    for request in requests {
        let output = request.json()["options"]["num_predict"].as_u64().unwrap();
        assert!(request.tokens + output <= 1200, "{} + {output}", request.tokens);
    }
    let missing = report["not_reviewed"].as_array().unwrap();
    assert!(missing.iter().all(|gap| gap["reason"] == "budget:call"), "{missing:?}");
}

#[test]
fn a_repository_raises_a_limit_with_consent_only() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "tiers = [\"local\"]");
    repo.consent();
    repo.stage("a.py", module(40, 2));
    let raised = "[hooks.pre-commit]\ntiers = [\"local\"]\ntoken_limit = 100000000\n";
    repo.write("hookgate.toml", raised);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("[consent]"), "{said:#?}");
    assert_eq!(provider.requests().len(), 0);
    let said = repo.hookgate(["trust"]).expect(3).stdout;
    assert!(said.contains("+ pre-commit: spend up to 100,000,000 tokens in one run"), "{said}");
    repo.consent();
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(!said.stdout.contains("NOT REVIEWED"), "{said:#?}");
    assert!(provider.served_tokens() > 4000, "more than is built in: {}", provider.served_tokens());
}

#[test]
fn the_refs_of_one_push_share_one_limit() {
    let provider = Provider::always(Reply::nothing());
    let repo = with_model(&provider, "", "");
    repo.write("hookgate.toml", "[hooks.pre-push]\ntoken_limit = 2000\n");
    let base = repo.git(["rev-parse", "HEAD"]).expect(0).stdout;
    let mut lines = String::new();
    for version in 2..6 {
        repo.git(["switch", "--quiet", "--create", &format!("b{version}"), base.trim()]).expect(0);
        repo.stage("a.py", module(4, version));
        repo.git(["commit", "--quiet", "-m", "next"]).expect(0);
        let head = repo.git(["rev-parse", "HEAD"]).expect(0).stdout;
        let name = if version == 2 { "refs/tags/t" } else { &format!("refs/heads/b{version}") };
        lines += &format!("{name} {} {name} {}\n", head.trim(), base.trim());
    }
    let said = repo.hookgate_reads(["run", "pre-push", "--", "origin", "url"], &lines).expect(0);
    assert!(said.stdout.contains("[budget:hook]"), "{said:#?}");
    assert!(!provider.requests().is_empty());
    assert!(provider.served_tokens() <= 2000, "{}", provider.served_tokens());
    // Each is charged to its own branch, whichever is checked out.
    let spend = repo.hookgate(["spend", "--by", "branch", "--format", "json"]).expect(0).json();
    let branches: Vec<_> =
        spend["groups"].as_array().unwrap().iter().map(|group| &group["key"]["branch"]).collect();
    for branch in [serde_json::Value::Null, "b3".into(), "b4".into(), "b5".into()] {
        assert!(branches.contains(&&branch), "{branch} in {branches:?}");
    }
}
