//! Bad input gets one clear message, the exit code of the table, and nothing is lost.

use crate::harness::repo::{Repo, Said};

/// Standard error of a command that has to fail with exit code 2.
#[track_caller]
fn refused(repo: &Repo, args: &[&str]) -> String {
    let said = repo.hookgate(args).expect(2);
    assert_eq!(said.stderr.lines().filter(|line| line.contains("error:")).count(), 1, "{said:#?}");
    said.stderr
}

fn repo() -> Repo {
    let repo = Repo::with(&[("a.py", "x = 1\n")]);
    repo.stage("a.py", "x = 2\n");
    repo
}

#[test]
fn no_repository_and_a_bare_one() {
    let repo = Repo::empty();
    for (args, words) in [(vec![], "not in a git repository"), (vec!["init", "--quiet", "--bare"], "bare")] {
        let directory = repo.beside("elsewhere");
        std::fs::create_dir_all(&directory).unwrap();
        if !args.is_empty() {
            repo.command_in("git", &directory).args(args).output().unwrap();
        }
        for command in [&["run", "pre-commit"][..], &["install"], &["dry-run"]] {
            let hookgate = env!("CARGO_BIN_EXE_hookgate");
            let said = repo.command_in(hookgate, &directory).args(command).output().unwrap();
            assert_eq!(said.status.code(), Some(2));
            let stderr = String::from_utf8_lossy(&said.stderr);
            assert!(stderr.contains(words), "{command:?}: {stderr}");
        }
    }
}

#[test]
fn broken_toml_names_file_and_line() {
    let repo = repo();
    repo.write("hookgate.toml", "[hooks.pre-commit]\ntoken_limit = \n");
    let message = refused(&repo, &["run", "pre-commit"]);
    assert!(message.contains("hookgate.toml:2"), "{message}");
}

#[test]
fn an_unknown_key_names_the_nearest_one() {
    let repo = repo();
    repo.write("hookgate.toml", "[hooks.pre-commit]\ntokn_limit = 5\n");
    let message = refused(&repo, &["run", "pre-commit"]);
    assert!(message.contains("hookgate.toml:2"), "{message}");
    assert!(message.contains("tokn_limit") && message.contains("token_limit"), "{message}");
}

#[test]
fn endpoints_and_keys_of_a_repository_are_forbidden() {
    for text in [
        "[providers.x]\ndialect = \"openai\"\nbase_url = \"https://evil.example\"\n",
        "[tiers]\nlocal = { provider = \"x\", model = \"y\" }\n",
        "[prices.\"a/b\"]\ninput = 0\noutput = 0\n",
    ] {
        let repo = repo();
        repo.write("hookgate.toml", text);
        let message = refused(&repo, &["run", "pre-commit"]);
        assert!(message.contains("config.toml"), "it says where such a key belongs: {message}");
    }
}

#[test]
fn wrong_values_are_named() {
    for (text, word) in [
        ("[hooks.pre-commit]\ndeadline = \"soon\"\n", "deadline"),
        ("[hooks.pre-comit]\n", "pre-commit"),
        ("[rules]\ndisabled = [\"python/breakpont\"]\n", "python/breakpoint"),
        ("[exclude]\npaths = [\"a[\"]\n", "a["),
        ("[hooks.pre-commit]\ntoken_limit = \"4\"\n", "expected a whole number"),
        ("[hooks.pre-commit]\ntiers = \"local\"\n", "expected a list"),
        ("[hooks]\npre-commit = 3\n", "expected a section"),
    ] {
        let repo = repo();
        repo.write("hookgate.toml", text);
        let message = refused(&repo, &["run", "pre-commit"]);
        assert!(message.contains(word), "{text}: {message}");
    }
}

#[test]
fn a_user_file_with_a_bad_endpoint_is_refused() {
    for url in ["http://example.org", "ftp://example.org", "https://user:pass@example.org", "nonsense"] {
        let repo = repo();
        repo.configure_user(&format!(
            "[providers.here]\ndialect = \"openai\"\nbase_url = \"{url}\"\n\
             [tiers]\nlocal = {{ provider = \"here\", model = \"m\" }}\n"
        ));
        let message = refused(&repo, &["run", "pre-commit"]);
        assert!(message.contains("base_url"), "{url}: {message}");
    }
}

#[test]
fn a_missing_key_is_named_and_nothing_is_sent() {
    let repo = repo();
    repo.configure_user(
        "[providers.here]\ndialect = \"openai\"\nbase_url = \"https://api.example.org/v1\"\n\
         api_key_env = \"NO_SUCH_KEY\"\n[tiers]\nlocal = { provider = \"here\", model = \"m\" }\n",
    );
    let said = repo.hookgate(["run", "pre-commit"]);
    assert!(said.all().contains("NO_SUCH_KEY"), "{said:#?}");
}

#[test]
fn an_unreadable_ledger_stops_the_spending_and_not_the_commit() {
    let repo = repo();
    repo.configure_user(
        "[providers.here]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:9\"\n\
         [tiers]\nlocal = { provider = \"here\", model = \"m\" }\n",
    );
    let state = repo.home().join(".local/state/hookgate");
    std::fs::create_dir_all(&state).unwrap();
    for name in ["ledger.db", "ledger.sqlite", "ledger.sqlite3", "hookgate.db"] {
        std::fs::write(state.join(name), "this is no database").unwrap();
    }
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.all().contains("[store]"), "{said:#?}");
}

#[test]
fn a_broken_installation_is_found_by_doctor() {
    let repo = repo();
    repo.write("hookgate.toml", "nonsense\n");
    let said = repo.hookgate(["doctor"]).expect(2);
    assert!(said.all().contains("hookgate.toml"), "{said:#?}");
}

#[test]
fn wrong_usage_is_2() {
    let repo = repo();
    repo.hookgate(["run", "post-lunch"]).expect(2);
    repo.hookgate(["frobnicate"]).expect(2);
    repo.hookgate(["dry-run", "--commit", "nowhere"]).expect(2);
}

#[test]
fn a_repository_cannot_switch_the_secret_scan_off() {
    for rules in
        ["disabled = [\"secrets/private-key\"]\n", "severity = { \"secrets/private-key\" = \"info\" }\n"]
    {
        for file in ["hookgate.toml", "hookgate.local.toml"] {
            let repo = repo();
            repo.write(file, format!("[rules]\n{rules}"));
            let message = refused(&repo, &["run", "pre-commit"]);
            assert!(message.contains("cannot switch the secret scan off"), "{message}");
            assert!(message.contains(file), "{message}");
        }
    }
}

#[test]
fn slips_in_the_users_file_are_named() {
    for (text, word) in [
        ("[state]\ndirectory = \"~/state\"\n", "without `~`"),
        ("[prices.m]\ninput = 1\noutput = 1\n", "<provider>/m"),
        ("[limits]\nday_usd = \"3\"\n", "expected a number"),
    ] {
        let repo = repo();
        repo.configure_user(text);
        let message = refused(&repo, &["run", "pre-commit"]);
        assert!(message.contains(word), "{text}: {message}");
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_the_configuration_does_not_hang() {
    let repo = repo();
    let made = repo.command("mkfifo").arg("hookgate.toml").output().unwrap();
    assert!(made.status.success());
    let message = refused(&repo, &["run", "pre-commit"]);
    assert!(message.contains("not a file"), "{message}");
}

/// Formats of git that cannot be read are named, with the way around where there is one.
#[test]
fn formats_that_cannot_be_read_are_named() {
    let repo = Repo::empty();
    let sha256 = repo.beside("sha256");
    let git = |args: &[&str]| repo.command_in("git", &sha256).args(args).output().unwrap();
    std::fs::create_dir(&sha256).unwrap();
    git(&["init", "--quiet", "--object-format=sha256"]);
    for args in [&["install"][..], &["run", "pre-commit"], &["dry-run"]] {
        let said = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &sha256).args(args).output().unwrap();
        assert_eq!(said.status.code(), Some(2));
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert_eq!(
            stderr,
            "hookgate: error: hookgate cannot read repositories whose object format is not sha1\n"
        );
    }

    let repo = self::repo();
    repo.git(["update-index", "--split-index"]).expect(0);
    let message = refused(&repo, &["run", "pre-commit"]);
    assert!(message.contains("split indexes") && message.contains("--no-split-index"), "{message}");
    repo.git(["update-index", "--no-split-index"]).expect(0);
    repo.hookgate(["run", "pre-commit"]).expect(0);
}

#[test]
fn an_unfinished_merge_is_no_deletion() {
    let repo = repo();
    repo.git(["commit", "--quiet", "-m", "two"]).expect(0);
    repo.git(["switch", "--quiet", "--create", "other", "HEAD~1"]).expect(0);
    repo.stage("a.py", "x = 3\n");
    repo.git(["commit", "--quiet", "-m", "three"]).expect(0);
    repo.git(["merge", "--quiet", "main"]).expect(1);
    let message = refused(&repo, &["dry-run"]);
    assert!(message.contains("a.py is in conflict"), "{message}");
}

#[test]
fn doctor_names_the_users_file() {
    let repo = repo();
    let path = repo.config_file().display().to_string();
    let said = repo.hookgate(["doctor"]).expect(0);
    assert!(said.stdout.contains(&format!("yours would be {path}")), "{said:#?}");
    repo.configure_user("team = \"payments\"\n");
    let said = repo.hookgate(["doctor"]).expect(0);
    assert!(said.stdout.contains(&format!("yours is {path}")), "{said:#?}");
}

#[test]
fn doctor_names_what_was_probably_meant_otherwise() {
    let repo = repo();
    repo.configure_user(
        "[providers.p]\ndialect = \"openai\"\nbase_url = \"https://models.example.org\"\n\
         [tiers]\nlocal = { provider = \"p\", model = \"big-model\" }\n\
         [prices.\"p/big-modle\"]\ninput = 1\noutput = 1\n[prices.\"p/big-model\"]\ninput = 1\noutput = 1\n",
    );
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    command
        .arg("doctor")
        .env("HTTPS_PROXY", "http://ada:5ecret@127.0.0.1:9")
        .env("SSL_CERT_FILE", "/etc/x.pem");
    let said = Said::from(command.output().unwrap());
    let expected =
        "warn  prices: [prices.\"p/big-modle\"] is of no tier: no hook uses it; did you mean `p/big-model`?";
    assert!(said.stdout.contains(expected), "{said:#?}");
    assert_eq!(said.stdout.matches("prices: ").count(), 1, "{said:#?}");
    assert!(
        said.stdout.contains("proxy: HTTPS_PROXY ") && said.stdout.contains("SSL_CERT_FILE says"),
        "{said:#?}"
    );
    assert!(!said.all().contains("5ecret"), "{said:#?}");

    // What is the user's own can be looked at outside of repositories, too.
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    let said = Said::from(command.arg("doctor").current_dir(repo.home()).output().unwrap()).expect(2);
    assert!(said.stdout.contains("fail  repository: "), "{said:#?}");
    for line in [expected, "ok    tier local: big-model at ", "ok    ledger: "] {
        assert!(said.stdout.contains(line), "{said:#?}");
    }
}

#[test]
fn wrong_arguments_of_the_meter_are_named_with_what_would_be_right() {
    let repo = repo();
    repo.write(
        "words.json",
        r#"{"gpt-5": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "1"}}"#,
    );
    for (args, words) in [
        (&["spend", "--by", "repositry"][..], "did you mean `repository`"),
        (&["spend", "--by", "label:"], "label:NAME"),
        (&["spend", "--since", "0d"], "30d, or a day, 2026-11-01"),
        (&["spend", "--since", "2026-13-01"], "30d, or a day, 2026-11-01"),
        (&["spend", "--until", "yesterday"], "expected a day, 2026-11-01"),
        (&["spend", "--until", "2001-01-01"], "before the first day"),
        (&["cache", "--since", "0"], "1..=36500"),
        (&["models", "test", "nobody"], "no tier"),
        (&["prices", "update"], "<FILE>"),
        (&["prices", "update", "absent.json"], "failed to read"),
        (&["prices", "update", "."], "failed to read"),
        (&["prices", "update", "a.py"], "is no price list"),
        (&["prices", "update", "words.json"], "`input_cost_per_token` is no number"),
        (&["prices", "update", "words.json", "--date", "2026"], "expected a day, 2026-11-01"),
        (&["store", "make"], "make"),
    ] {
        let message = refused(&repo, args);
        assert!(message.contains(words), "{args:?}: {message}");
    }
}

#[test]
fn what_concerns_no_repository_needs_none() {
    let repo = Repo::empty();
    // Nor does one whose file is wrong stand in the way.
    repo.write("hookgate.toml", "[hooks\n");
    let elsewhere = repo.beside("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    for args in [&["spend"][..], &["cache"], &["cache", "--clear"], &["models"], &["prices"], &["store"]] {
        repo.hookgate(args).expect(0);
        let said = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &elsewhere).args(args).output().unwrap();
        assert_eq!(said.status.code(), Some(0), "{args:?}: {said:?}");
    }
}
