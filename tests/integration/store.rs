//! One day's limit for two machines, kept by a Redis server.

use crate::harness::provider::{Provider, Reply};
use crate::harness::redis::{ABLE, RedisServer, STATES};
use crate::harness::repo::Repo;

/// A module of `count` functions that all change with `version`.
fn module(count: usize, version: usize) -> String {
    (0..count).map(|n| format!("def f{n}(a, b):\n    return a * {version} + b - {n}\n\n\n")).collect()
}

/// A machine: a repository, and a home that names provider, store and a day's limit.
fn machine(provider: &Provider, store: &str, hook: &str) -> Repo {
    let repo = Repo::with(&[("a.py", &module(40, 1))]);
    let base_url = provider.base_url();
    repo.configure_user(&format!(
        "user = \"ada\"\n[store]\nredis = \"{store}\"\n\
         [providers.here]\ndialect = \"ollama\"\nbase_url = \"{base_url}\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n[limits]\nday_tokens = 3000\n"
    ));
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\ntoken_limit = 2500\n{hook}\n"));
    repo
}

#[test]
fn two_machines_share_a_day() {
    let (provider, server) = (Provider::always(Reply::nothing()), RedisServer::start());
    let machines = [(); 2].map(|()| machine(&provider, &server.address(), ""));
    let missing = machines[0].hookgate(["store"]).expect(2);
    assert!(missing.stdout.contains("`hookgate store init`"), "{missing:#?}");
    machines[0].hookgate(["store", "init"]).expect(0);
    let again = machines[1].hookgate(["store", "init"]).expect(0);
    assert!(again.stdout.contains("stays as it is"), "{again:#?}");

    let mut denied = [false; 2];
    for version in 2..8 {
        for (repo, denied) in machines.iter().zip(&mut denied) {
            repo.stage("a.py", module(4, version));
            let report =
                repo.hookgate(["run", "pre-commit", "--no-cache", "--format", "json"]).expect(0).json();
            *denied |= report["not_reviewed"].to_string().contains("budget:day");
            repo.git(["commit", "--quiet", "--no-verify", "-m", "next"]).expect(0);
        }
    }
    assert_eq!(denied, [true; 2]);
    let served = provider.served_tokens();
    assert!((1500..=3000).contains(&served), "{served}");
    let doctor = machines[1].hookgate(["doctor"]).expect(0);
    assert!(
        doctor.stdout.contains("Redis ") && doctor.stdout.contains("nothing is kept on disk"),
        "{doctor:#?}"
    );
}

#[test]
fn no_call_is_made_without_the_store() {
    let (provider, server) = (Provider::always(Reply::nothing()), RedisServer::start());
    let free = machine(&provider, &server.address(), "");
    let strict = machine(&provider, &server.address(), "required = true");
    strict.consent();
    let unreviewed = |why: &str| {
        for (repo, code) in [(&free, 0), (&strict, 3)] {
            repo.stage("a.py", module(2, 2));
            let said = repo.hookgate(["run", "pre-commit"]).expect(code).all();
            assert!(
                said.contains("NOT REVIEWED") && said.contains("[store]") && said.contains(why),
                "{said}"
            );
        }
        assert_eq!(provider.requests().len(), 0);
    };
    unreviewed("hookgate store init");
    free.hookgate(["store", "init"]).expect(0);
    server.say("REPLICAOF 127.0.0.1 1");
    unreviewed("replica");
    server.say("REPLICAOF NO ONE");
    server.stop();
    unreviewed("within 1000 ms");
    server.go_on();
    drop(server);
    unreviewed("cannot be reached");
}

#[test]
fn a_server_that_refuses_is_told_what_is_wrong_with_it_and_what_to_do() {
    let (provider, server) = (Provider::always(Reply::nothing()), RedisServer::with(&ABLE));
    let free = machine(&provider, &server.address(), "");
    let strict = machine(&provider, &server.address(), "required = true");
    strict.consent();
    for repo in [&free, &strict] {
        repo.stage("a.py", module(2, 2));
    }
    free.hookgate(["store", "init"]).expect(0);
    for state in &STATES {
        (state.enter)(&server);
        for (repo, code) in [(&free, 0), (&strict, 3)] {
            let said = repo.hookgate(["run", "pre-commit"]).expect(code).all();
            assert!(said.contains("[store]") && said.contains(state.told), "{}: {said}", state.code);
        }
        let doctor = free.hookgate(["doctor"]).expect(2).stdout;
        let fails: Vec<_> = doctor.lines().filter(|line| line.starts_with("fail")).collect();
        assert!(matches!(fails[..], [line] if line.contains(state.told)), "{}: {doctor}", state.code);
        let shown = free.hookgate(["budget"]);
        assert_eq!(shown.code, if state.is_readable { 0 } else { 2 }, "{}: {shown:#?}", state.code);
        (state.leave)(&server);
    }
    assert_eq!(provider.requests().len(), 0);
    free.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_password_is_in_no_file_and_in_no_message() {
    let server = RedisServer::with(&["--requirepass", "hunter2"]);
    let repo = Repo::with(&[("a.py", "x = 1\n")]);
    repo.configure_user("[store]\nredis = \"redis://:hunter2@127.0.0.1:1\"\n");
    let refused = repo.hookgate(["store"]).expect(2).all();
    assert!(refused.contains("password_env") && !refused.contains("hunter2"), "{refused}");
    repo.configure_user(&format!(
        "[store]\nredis = \"{}\"\npassword_env = \"REDIS_SECRET\"\n",
        server.address()
    ));
    let missing = repo.hookgate(["store", "init"]).expect(2).all();
    assert!(missing.contains("REDIS_SECRET, which is not set"), "{missing}");
    let run = |secret: &str| {
        let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
        let output = command.args(["store", "init"]).env("REDIS_SECRET", secret).output().unwrap();
        (output.status.code(), format!("{output:?}"))
    };
    let (code, wrong) = run("wrong-hunter3");
    assert!(code == Some(2) && wrong.contains("refuses the login") && !wrong.contains("hunter3"), "{wrong}");
    let (code, right) = run("hunter2");
    assert!(code == Some(0) && !right.contains("hunter2"), "{right}");
}

#[test]
fn a_repository_names_no_store() {
    let repo = Repo::with(&[("a.py", "x = 1\n")]);
    repo.write("hookgate.toml", "[store]\nredis = \"redis://elsewhere.example\"\n");
    repo.stage("a.py", "x = 2\n");
    let said = repo.hookgate(["run", "pre-commit"]).expect(2).all();
    assert!(said.contains("`store` is forbidden here"), "{said}");
}
