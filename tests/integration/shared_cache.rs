//! What one machine has paid for, another one that has the team's secret does not pay for again.

use serde_json::Value;

use crate::harness::provider::{Provider, Reply, finding};
use crate::harness::redis::RedisServer;
use crate::harness::repo::{Repo, Said};

const SECRET: &str = "a secret of some length";

const BEFORE: &str = "def total(items, rate):\n    return sum(items) * (1 + rate)\n";
const AFTER: &str = "def total(items, rate):\n    return sum(items) * (1 - rate)\n";

/// A machine with a repository, a home and a state directory of its own, whose runs share reviews
/// over `server`.
struct Machine {
    repo: Repo,
    secret: String,
    stage: &'static str,
}

impl Machine {
    fn new(server: &RedisServer, provider: &Provider, secret: &str, stage: &'static str) -> Self {
        let repo = Repo::with(&[("cart.py", BEFORE)]);
        repo.configure_user(&format!(
            "[providers.here]\ndialect = \"openai\"\nbase_url = \"{}\"\n\
             [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n\
             [store]\nredis = \"{}\"\ntimeout = \"10s\"\n\
             [cache]\nshared = true\nsecret_env = \"TEAM_SECRET\"\nwriters = [\"stage:review\"]\n",
            provider.base_url(),
            server.address()
        ));
        Self { repo, secret: secret.to_owned(), stage }
    }

    fn hookgate(&self, arguments: &[&str]) -> Said {
        let mut command = self.repo.command(env!("CARGO_BIN_EXE_hookgate"));
        command.args(arguments).env("HOOKGATE_STAGE", self.stage).env("TEAM_SECRET", &self.secret);
        command.output().unwrap().into()
    }

    /// The report of a commit of the same change.
    fn reviews(&self) -> Value {
        self.repo.stage("cart.py", AFTER);
        self.hookgate(&["run", "pre-commit", "--format", "json"]).expect(0).json()
    }
}

/// A server with the keys of a ledger, and a model that finds something.
fn team() -> (RedisServer, Provider) {
    let found = finding("1:2", "    return sum(items) * (1 - rate)");
    let (server, provider) = (RedisServer::start(), Provider::always(Reply::findings(&[found])));
    Machine::new(&server, &provider, SECRET, "local").hookgate(&["store", "init"]).expect(0);
    (server, provider)
}

fn route(report: &Value) -> &Value {
    &report["files"][0]["units"][0]["route"]
}

#[test]
fn what_ci_has_reviewed_a_developer_is_not_charged_for() {
    let (server, provider) = team();
    let ci = Machine::new(&server, &provider, SECRET, "review");
    let report = ci.reviews();
    assert_eq!((route(&report), provider.requests().len()), (&"model".into(), 1), "{report:#}");

    let developer = Machine::new(&server, &provider, SECRET, "local");
    developer.repo.stage("cart.py", AFTER);
    let preview = developer.hookgate(&["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(route(&preview), "cache", "{preview:#}");
    for _ in 0..2 {
        let report = developer.reviews();
        assert_eq!((route(&report), provider.requests().len()), (&"cache".into(), 1), "{report:#}");
        assert_eq!(report["findings"][0]["message"], "an empty list makes this panic", "{report:#}");
        assert_eq!(report["notes"], serde_json::json!([]));
    }
    let counted = developer.hookgate(&["cache", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&counted["hits"], &counted["shared_hits"], &counted["entries"]),
        (&2.into(), &1.into(), &1.into())
    );

    // The team's is gone, and what was taken over stays.
    drop(server);
    let report = developer.reviews();
    assert_eq!(route(&report), "cache", "{report:#}");
}

#[test]
fn only_writers_add_and_only_the_secret_opens() {
    let (server, provider) = team();
    let shared = || {
        let keys: Vec<String> = redis::Commands::keys(&mut server.connect(), "reviews:*").unwrap();
        keys.len()
    };
    Machine::new(&server, &provider, SECRET, "local").reviews();
    assert_eq!((provider.requests().len(), shared()), (1, 0), "a developer's run is no writer");
    Machine::new(&server, &provider, SECRET, "review").reviews();
    assert_eq!((provider.requests().len(), shared()), (2, 2));
    let stranger = Machine::new(&server, &provider, "the secret of another team", "local");
    assert_eq!(route(&stranger.reviews()), "model");

    let without = Machine::new(&server, &provider, "", "local");
    let report = without.reviews();
    assert_eq!(route(&report), "model");
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("no reviews are shared") && note.contains("TEAM_SECRET"), "{note}");
    assert!(without.hookgate(&["doctor"]).all().contains("warn  shared reviews: "));
}

#[test]
fn an_altered_review_is_none() {
    let (server, provider) = team();
    Machine::new(&server, &provider, SECRET, "review").reviews();
    let mut connection = server.connect();
    let keys: Vec<String> = redis::Commands::keys(&mut connection, "reviews:*:*:*").unwrap();
    let fields: Vec<String> = redis::Commands::hkeys(&mut connection, &keys[0]).unwrap();
    let mut value: Vec<u8> = redis::Commands::hget(&mut connection, &keys[0], &fields[0]).unwrap();
    *value.last_mut().unwrap() ^= 1;
    let () = redis::Commands::hset(&mut connection, &keys[0], &fields[0], value).unwrap();
    let report = Machine::new(&server, &provider, SECRET, "local").reviews();
    assert_eq!((route(&report), provider.requests().len()), (&"model".into(), 2), "{report:#}");
    assert!(report["notes"][0].as_str().unwrap().starts_with("1 shared review not counted"), "{report:#}");
}

#[test]
fn a_repository_has_no_say_in_it() {
    let repo = Repo::with(&[("hookgate.toml", "[cache]\nshared = true\n")]);
    let said = repo.hookgate(["run", "pre-commit"]).expect(2).stderr;
    assert!(said.contains("`cache` is forbidden here"), "{said}");
}
