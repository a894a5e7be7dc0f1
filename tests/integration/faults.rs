//! Every fault of a server, in every dialect: the commit goes on, the unit is listed with the reason,
//! a required review makes it undecided, and the ledger tells the charge. How long each takes is
//! measured by `benches/faults.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::harness::faults::{DIALECTS, Fault, KEY, faults, meet};
use crate::harness::provider::{Provider, Reply};
use crate::harness::repo::Repo;

fn check(fault: &Fault, dialect: &str, required: bool) {
    let outcome = meet(fault, dialect, required);
    let context = || format!("{}, {dialect}: {}", fault.name, outcome.said);
    let reason = if (fault.reason, dialect) == ("refusal", "ollama") { "schema" } else { fault.reason };
    assert_eq!(outcome.reason, reason, "{}", context());
    let code = if required && reason != "reviewed" { 3 } else { 0 };
    assert_eq!(outcome.code, code, "{}", context());
    assert_eq!(outcome.requests, fault.requests, "{}", context());
    assert_eq!(outcome.ledger, fault.ledger, "{}", context());
    assert_eq!(outcome.is_open, fault.opens, "{}", context());
    assert!(!outcome.said.contains(KEY), "the key is shown: {}", context());
}

#[test]
fn every_fault_comes_to_what_it_must() {
    // Each in one dialect; a few side by side, since some cost their deadline.
    let faults = faults();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(index) else { return };
                    check(fault, DIALECTS[index % DIALECTS.len()], index % 2 == 0);
                }
            });
        }
    });
}

/// A repository whose hook asks `provider`, with a change to ask about.
fn asking(base_url: &str, hook: &str) -> Repo {
    let repo = Repo::with(&[("cart.py", "def total(items, rate):\n    return sum(items) * (1 + rate)\n")]);
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n"
    ));
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{hook}\n"));
    repo.consent();
    repo.stage("cart.py", "def total(items, rate):\n    return sum(items) * (1 - rate)\n");
    repo
}

#[test]
fn an_open_breaker_is_seen_by_the_next_process_and_says_so() {
    let provider = Provider::always(Reply::status(401, ""));
    let repo = asking(&provider.base_url(), "");
    let first = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(first.stdout.contains("[rejected]"), "{first:#?}");
    let second = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(second.stdout.contains("[breaker]"), "{second:#?}");
    for part in ["NOT REVIEWED", "open since", "the key was refused", "answered 401", "asked again from"] {
        assert!(second.stdout.contains(part), "{part}: {second:#?}");
    }
    assert_eq!(provider.requests().len(), 1);
    repo.write("hookgate.toml", "[hooks.pre-commit]\nrequired = true\n");
    repo.consent();
    let third = repo.hookgate(["run", "pre-commit"]).expect(3);
    assert!(third.stdout.contains("[breaker]"), "{third:#?}");
}

#[test]
fn who_asks_by_hand_is_not_told_to_wait() {
    let provider = Provider::scripted([Reply::status(401, ""), Reply::nothing(), Reply::nothing()]);
    let repo = asking(&provider.base_url(), "");
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let list = || repo.hookgate(["models", "list", "--format", "json"]).expect(0).json()["tiers"][0].clone();
    let before = list();
    assert_eq!(before["breaker"], "open", "{before:#}");
    assert!(before["breaker_because"].as_str().unwrap().contains("answered 401"), "{before:#}");
    repo.hookgate(["models", "test"]).expect(0);
    assert_eq!(list()["breaker"], "closed");
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(!said.stdout.contains("NOT REVIEWED"), "{said:#?}");
    assert_eq!(provider.requests().len(), 3);
}

#[test]
fn a_limit_that_denies_leaves_a_required_review_undecided() {
    let provider = Provider::always(Reply::nothing());
    let repo = asking(&provider.base_url(), "token_limit = 10\nrequired = true");
    let said = repo.hookgate(["run", "pre-commit"]).expect(3);
    assert!(said.stdout.contains("[budget:hook]"), "{said:#?}");
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn what_a_rule_refuses_stays_refused_whatever_the_model_does() {
    for reply in [Reply::nothing(), Reply::status(500, "")] {
        let provider = Provider::always(reply);
        let repo = asking(&provider.base_url(), "");
        repo.stage("main.py", "<<<<<<< ours\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n");
        repo.hookgate(["run", "pre-commit"]).expect(1);
    }
}
