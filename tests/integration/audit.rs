//! `hookgate audit`, by git's own count of the changed lines.

use serde_json::Value;

use crate::harness::repo::{Repo, Said};

const LIB: &str = "\
pub fn add(a: u8, b: u8) -> u8 {
    a + b
}

pub fn sub(a: u8, b: u8) -> u8 {
    a - b
}
";

/// A history with something of everything: the second parent of a merge, prose, a lock file, a binary,
/// a comment, and code.
fn history() -> Repo {
    let repo = Repo::with(&[("src/lib.rs", LIB), ("README.md", "# One\n"), ("Cargo.lock", "# lock\n")]);
    let commit = |path: &str, text: &[u8]| {
        repo.stage(path, text);
        repo.git(["commit", "--quiet", "--message=more"]).expect(0);
    };
    commit("src/lib.rs", LIB.replace("a - b", "a.saturating_sub(b)").as_bytes());
    commit("README.md", b"# One\n\nAnd two.\n");
    commit("src/lib.rs", format!("// It adds.\n{}", LIB.replace("a - b", "a.saturating_sub(b)")).as_bytes());
    repo.git(["checkout", "--quiet", "-b", "side"]).expect(0);
    commit("src/side.rs", b"pub fn side() -> bool {\n    true\n}\n");
    repo.git(["checkout", "--quiet", "main"]).expect(0);
    commit("Cargo.lock", b"# lock\n[[package]]\nname = \"a\"\n");
    repo.git(["merge", "--quiet", "--no-ff", "--message=merge", "side"]).expect(0);
    commit("logo.png", b"\x89PNG\0\x01");
    repo.git(["mv", "src/side.rs", "src/other.rs"]).expect(0);
    commit("src/lib.rs", LIB.as_bytes());
    repo
}

fn audit(repo: &Repo, more: &[&str]) -> Value {
    repo.hookgate(["audit", "--format", "json"].iter().chain(more)).expect(0).json()
}

#[test]
fn the_sums_are_gits() {
    let repo = history();
    let audit = audit(&repo, &[]);
    let log = repo.git(["log", "--no-merges", "--format=%H"]).expect(0).stdout;
    let commits: Vec<_> = log.lines().collect();
    assert_eq!(audit["commits"], commits.len());
    assert_eq!(audit["range"], serde_json::json!([commits.last(), commits.first()]));

    // Each against its first parent, as `git log` shows commits that are no merges.
    let numstat = repo.git(["log", "--no-merges", "--numstat", "-M", "--format="]).expect(0).stdout;
    let fields = numstat.lines().flat_map(|line| line.split('\t').take(2));
    let changed: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    let lines = &audit["changed_lines"];
    assert_eq!(lines["total"], changed);
    let routed =
        ["dropped", "rules", "cache", "sent", "not_reviewed"].map(|key| lines[key].as_u64().unwrap());
    assert_eq!(routed.iter().sum::<u64>(), changed);
    assert_eq!(audit["uncovered"], 0);
    assert_eq!(routed[4], 0, "no model is configured, and the audit asks what one would be sent");

    // The dry run counts the same, commit by commit.
    let mut sums = [0; 4];
    for commit in commits {
        let report = repo.hookgate(["dry-run", "--commit", commit, "--no-limit", "--format", "json"]).json();
        let totals = &report["totals"];
        for (sum, key) in
            sums.iter_mut().zip(["raw_tokens", "payload_tokens", "input_tokens", "max_output_tokens"])
        {
            *sum += totals[key].as_u64().unwrap();
        }
    }
    let tokens = &audit["tokens"];
    let counted = [&tokens["diff_u3"], &tokens["payload"], &tokens["input"], &audit["max_output_tokens"]];
    assert_eq!(counted.map(|count| count.as_u64().unwrap()), sums);
    let [u3, code, sent, whole] =
        ["diff_u3", "diff_u3_code", "diff_u3_sent", "diff_w"].map(|key| tokens[key].as_u64().unwrap());
    assert!(u3 > code && code >= sent && sent > 0 && whole >= u3, "{tokens}");

    let no_model = &audit["no_model_by"];
    assert_eq!(no_model["proof"], 1, "a comment: {no_model}");
    assert_eq!(no_model["policy"], 3, "prose, a lock file, a picture: {no_model}");
    assert_eq!(audit["no_model_commits"], 4);
    assert_eq!(audit["asked_commits"], commits_of(&audit) - 4);
}

fn commits_of(audit: &Value) -> u64 {
    audit["commits"].as_u64().unwrap()
}

#[test]
fn a_rerun_says_the_same_and_nothing_is_written() {
    let repo = history();
    let without_time = |mut audit: Value| {
        audit["elapsed_ms"] = 0.into();
        audit
    };
    // With somebody to ask, a preview opens the ledger for what is left in it.
    repo.configure_user(
        "[providers.p]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:9\"\n\
         [tiers]\nlocal = { provider = \"p\", model = \"m\" }\n[limits]\nday_tokens = 1\n",
    );
    let (first, second) = (audit(&repo, &["--last", "3"]), audit(&repo, &["--last", "3"]));
    assert_eq!(commits_of(&first), 3);
    assert_eq!(without_time(first), without_time(second));
    assert_eq!(repo.git(["status", "--porcelain"]).expect(0).stdout, "");
    let mut written = vec![repo.home()];
    while let Some(path) = written.pop() {
        if path.is_dir() {
            written.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert_eq!(path, repo.config_file());
        }
    }
}

/// The limits that are proposed are those that a hook run keeps: under the 90th percentile's, all
/// requests of the commit that needs as much still go whole, and with one token less they do not.
#[test]
fn the_limit_is_the_one_that_a_run_keeps() {
    let repo = Repo::with(&[("src/lib.rs", LIB)]);
    let audit = audit(&repo, &[]);
    let need = audit["per_commit"]["p50"].as_u64().unwrap();
    let dry = |limit: u64| {
        repo.write("hookgate.toml", format!("[hooks.pre-commit]\ntoken_limit = {limit}\n"));
        let report = repo.hookgate(["dry-run", "--commit", "HEAD", "--format", "json"]).json();
        report["totals"]["payload_tokens"].as_u64().unwrap()
    };
    let whole = audit["tokens"]["payload"].as_u64().unwrap();
    assert_eq!(dry(need), whole);
    assert!(dry(need - 1) < whole);
}

#[test]
fn the_chosen_limit_is_written_between_the_comments() {
    let repo = history();
    let file = || std::fs::read_to_string(repo.work_tree().join("hookgate.toml"));
    audit(&repo, &[]);
    assert!(file().is_err(), "nothing is written unasked");

    let made = audit(&repo, &["--apply=p50"]);
    let p50 = made["per_commit"]["p50"].as_u64().unwrap();
    assert_eq!(file().unwrap(), format!("[hooks.pre-commit]\ntoken_limit = {p50}\n"));
    assert_eq!(made["applied"]["token_limit"], p50);

    repo.write("hookgate.toml", "# ours\n[hooks.pre-commit]\ntoken_limit = 9 # few\n\n[rules] # none yet\n");
    let said = repo.hookgate(["audit", "--apply=p90"]).expect(0).stdout;
    let p90 = made["per_commit"]["p90"].as_u64().unwrap();
    let written = format!("# ours\n[hooks.pre-commit]\ntoken_limit = {p90} # few\n\n[rules] # none yet\n");
    assert_eq!(file().unwrap(), written);
    assert!(
        said.contains(&format!("Wrote hookgate.toml: [hooks.pre-commit] token_limit = {p90}\n")),
        "{said}"
    );

    repo.configure_user("[limits]\nhook_tokens = 77\n");
    let said = repo.hookgate(["audit", "--apply=5000", "--hook", "pre-push"]).expect(0).stdout;
    assert!(said.contains("note: 77 counts, and not 5,000: `hook_tokens` in "), "{said}");
    assert!(file().unwrap().contains("[hooks.pre-push]\ntoken_limit = 5000\n"));
}

/// Commits this small take hardly more than a request without any code, so that a fifth less is under it.
#[test]
fn a_limit_under_which_nothing_would_be_sent_is_not_written() {
    let repo = history();
    let audit = audit(&repo, &[]);
    let floor = audit["one_request_tokens"].as_u64().unwrap();
    let sends_nothing: Vec<_> =
        audit["limits"].as_array().unwrap().iter().map(|it| &it["sends_nothing"]).collect();
    assert_eq!(sends_nothing, [true, false, false, false]);
    for apply in ["--apply".to_owned(), format!("--apply={floor}")] {
        let said = repo.hookgate(["audit", &apply]).expect(2).stderr;
        assert!(said.contains("nothing would be sent") && said.contains("; --apply=p50 writes "), "{said}");
    }
    assert!(!repo.work_tree().join("hookgate.toml").exists());

    // The figure is the one that a run goes by.
    let dry = |limit: u64| {
        repo.write("hookgate.toml", format!("[hooks.pre-commit]\ntoken_limit = {limit}\n"));
        repo.hookgate(["dry-run", "--commit", "HEAD", "--format", "json"]).json()["totals"]["payload_tokens"]
            .clone()
    };
    assert_eq!(dry(floor), 0);
    assert_ne!(dry(audit["per_commit"]["p95"].as_u64().unwrap()), 0);
}

#[test]
fn the_same_history_is_priced_for_a_model() {
    let repo = history();
    repo.configure_user(
        "[providers.p]\ndialect = \"openai\"\nbase_url = \"https://example.org\"\napi_key_env = \"ABSENT\"\n\
         [tiers]\nlocal = { provider = \"p\", model = \"m\" }\n\
         [prices.\"p/m\"]\ninput = 1.0\noutput = 10.0\n[prices.\"other/n\"]\ninput = 2.0\noutput = 20.0\n",
    );
    let cost = |audit: &Value, of: &str| audit["cost_usd"][of].as_f64().unwrap();
    let first = audit(&repo, &[]);
    assert_eq!(first["model"]["name"], "m", "a tier is priced whether or not its key is here");
    let (input, output) = (&first["tokens"]["input"], &first["max_output_tokens"]);
    let expected = (input.as_f64().unwrap() + 10.0 * output.as_f64().unwrap()) / 1e6;
    assert!((cost(&first, "hookgate") - expected).abs() < 1e-9);
    let plain = first["tokens"]["diff_u3"].as_f64().unwrap() + 10.0 * 300.0 * commits_of(&first) as f64;
    assert!((cost(&first, "diff_u3") - plain / 1e6).abs() < 1e-9);

    let other = audit(&repo, &["--model", "other/n"]);
    assert!((cost(&other, "diff_u3") - 2.0 * cost(&first, "diff_u3")).abs() < 1e-9);
    let unknown = audit(&repo, &["--model", "p/unheard-of"]);
    assert_eq!(
        (&unknown["cost_usd"]["hookgate"], &unknown["price_source"]),
        (&Value::Null, &"unknown".into())
    );
    let said = repo.hookgate(["audit", "--model", "locl"]).expect(2);
    assert!(said.stderr.contains("did you mean `local`?"), "{said:?}");
}

#[test]
fn what_cannot_be_read_is_skipped() {
    let repo = history();
    let blob = repo.git(["rev-parse", "HEAD~2^2:src/side.rs"]);
    let blob = if blob.code == 0 { blob.stdout } else { repo.git(["rev-parse", "side:src/side.rs"]).stdout };
    let (directory, name) = blob.trim().split_at(2);
    let object = repo.work_tree().join(".git/objects").join(directory).join(name);
    std::fs::remove_file(object).unwrap();
    let audit = audit(&repo, &[]);
    let skipped = audit["skipped"].as_array().unwrap();
    assert!(!skipped.is_empty());
    let commits = repo.git(["rev-list", "--no-merges", "HEAD"]).expect(0).stdout.lines().count() as u64;
    assert_eq!(commits_of(&audit) + skipped.len() as u64, commits);
    for commit in skipped {
        assert_eq!(commit["commit"].as_str().unwrap().len(), 40);
        assert!(commit["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{commit}");
    }
}

#[test]
fn the_end_of_a_shallow_clone_is_no_root() {
    let repo = history();
    let shallow = repo.beside("shallow");
    let url = format!("file://{}", repo.work_tree().display());
    repo.git(["clone", "--quiet", "--depth=2", &url, shallow.to_str().unwrap()]).expect(0);
    let mut command = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &shallow);
    let audit = Said::from(command.args(["audit", "--format", "json"]).output().unwrap()).json();
    assert_eq!(commits_of(&audit), 1);
    assert_eq!(audit["skipped"][0]["reason"], "this clone is shallow and lacks its parent");
}

#[test]
fn wrong_usage_is_said_in_one_message() {
    let repo = Repo::empty();
    let said = |args: &[&str]| repo.hookgate(["audit"].iter().chain(args)).expect(2).stderr;
    assert_eq!(said(&[]), "hookgate: error: there is no commit to replay yet\n");
    assert_eq!(said(&["nothing"]), "hookgate: error: \"nothing\" names no commit in this repository\n");
    for wrong in ["--apply=0", "--apply=half", "--last=0"] {
        assert!(said(&[wrong]).starts_with("error: invalid value"), "{wrong}");
    }
    repo.git(["commit", "--quiet", "--allow-empty", "--message=empty"]).expect(0);
    assert!(said(&["--apply"]).contains("no commit here asks a model"));
    assert!(!repo.work_tree().join("hookgate.toml").exists());
}
