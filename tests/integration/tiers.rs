//! Several tiers: who is asked, in which order, why, and who is not.

use serde_json::{Value, json};

use crate::harness::provider::{Provider, Reply, finding};
use crate::harness::repo::{Repo, Said};

const BEFORE: &str = "def total(items, rate):\n    return sum(items) * (1 + rate)\n\n\ndef mean(items):\n    return sum(items) / len(items)\n";
const TOTAL: &str = "return sum(items) * (1 - rate)";
const MEAN: &str = "return sum(items) / (len(items) - 1)";

fn after() -> String {
    BEFORE.replace("1 + rate", "1 - rate").replace("/ len(items)", "/ (len(items) - 1)")
}

/// The address of a server on this machine that is not there.
fn nowhere() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// A user with a tier at each of these addresses, and a hook whose section is `hook`, which is allowed.
fn repo(tiers: &[(&str, &str)], hook: &str) -> Repo {
    let repo = Repo::with(&[("cart.py", BEFORE)]);
    let mut user = String::new();
    for (name, base_url) in tiers {
        user += &format!("[providers.at-{name}]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\n");
    }
    user += "[tiers]\n";
    for (name, _) in tiers {
        user += &format!("{name} = {{ provider = \"at-{name}\", model = \"model-{name}\" }}\n");
    }
    repo.configure_user(&user);
    repo.stage("cart.py", after());
    configure(&repo, hook);
    repo
}

fn configure(repo: &Repo, hook: &str) {
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{hook}\n"));
    let hash = repo.hookgate(["trust", "--hash"]).expect(0).stdout;
    repo.hookgate(["trust", "--accept", hash.trim()]).expect(0);
}

fn run(repo: &Repo) -> Value {
    repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json()
}

fn preview(repo: &Repo, args: &[&str]) -> Said {
    let args: Vec<_> = ["dry-run"].iter().chain(args).collect();
    repo.hookgate(args).expect(0)
}

/// Tier, reason and outcome of every request, and the tokens that they were charged.
fn ledger(repo: &Repo) -> (Vec<String>, u64) {
    let path = repo.home().join(".local/state/hookgate/ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).unwrap();
    let mut rows =
        ledger.prepare("SELECT tier, because, outcome, tokens FROM requests ORDER BY rowid").unwrap();
    let mut tokens = 0;
    let rows = rows.query_map([], |row| {
        tokens += u64::from(row.get::<_, u32>(3)?);
        let [tier, because, outcome]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        Ok(format!("{tier} {because} {outcome}"))
    });
    let rows = rows.unwrap().map(Result::unwrap).collect();
    (rows, tokens)
}

/// The tier of each unit.
fn tiers(report: &Value) -> Vec<&str> {
    let units = report["files"].as_array().unwrap().iter().flat_map(|file| file["units"].as_array().unwrap());
    units.map(|unit| unit["tier"].as_str().unwrap_or("-")).collect()
}

#[test]
fn the_next_tier_answers_what_the_first_one_does_not() {
    type Fault = (fn() -> Reply, &'static str);
    let faults: [Fault; 4] = [
        (|| Reply::status(401, "no"), "rejected"),
        (|| Reply::text("Looks good to me!"), "schema"),
        (Reply::refusal, "refusal"),
        (|| Reply::nothing().usage(3, 3), "short_read"),
    ];
    for (fault, reason) in faults {
        let (first, second) = (Provider::always(fault()), Provider::always(Reply::nothing()));
        let tiers_here = [("local", &*first.base_url()), ("other", &*second.base_url())];
        let repo = repo(&tiers_here, "tiers = [\"local\", \"other\"]");
        let report = run(&repo);
        assert_eq!(report["not_reviewed"], json!([]), "{reason}: {report:#}");
        assert_eq!(tiers(&report), ["other", "other"], "{reason}");
        assert_eq!((first.requests().len(), second.requests().len()), (1, 1), "{reason}");
        let (rows, tokens) = ledger(&repo);
        let failed = format!("local first {reason}");
        assert_eq!(rows, [failed, format!("other failover:local:{reason} ok")]);
        assert_eq!(report["limit"]["used"], tokens, "both turns count for the run's limit");
        // The sums tell of the requests whose answer stands, and the turns of all.
        assert_eq!((&report["totals"]["requests"], &report["model"]["tier"]), (&1.into(), &"local".into()));
        let turns = report["turns"].as_array().unwrap();
        let reviewed: Vec<_> = turns.iter().map(|turn| (&turn["units"], &turn["reviewed"])).collect();
        assert_eq!(reviewed, [(&2.into(), &0.into()), (&2.into(), &2.into())], "{reason}");
        let spent: u64 = turns.iter().map(|turn| turn["requests"].as_u64().unwrap()).sum();
        assert_eq!(spent, 2);
    }
}

#[test]
fn what_took_another_ones_place_is_said_in_one_line() {
    let second = Provider::always(Reply::nothing());
    let repo = repo(
        &[("local", &nowhere()), ("other", &second.base_url())],
        "tiers = [\"gone\", \"local\", \"other\"]",
    );
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("hookgate: tier `gone` is passed over: it is not defined in "), "{said}");
    assert!(
        lines[1].starts_with("hookgate: `other` was asked about 2 units in place of `local`: at-local"),
        "{said}"
    );
    assert!(lines[1].contains("cannot be reached"), "{said}");
    assert!(lines[2].contains("in 1 request,") && lines[2].ends_with("at-other model-other"), "{said}");
}

#[test]
fn where_nobody_answers_each_tiers_reason_is_given() {
    let second = Provider::always(Reply::status(403, "no"));
    let hook = "tiers = [\"local\", \"other\"]\nrequired = true";
    let repo = repo(&[("local", &nowhere()), ("other", &second.base_url())], hook);
    let said = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(3).json();
    let gap = &said["not_reviewed"][0];
    assert_eq!(gap["reason"], "rejected");
    let because = gap["because"].as_str().unwrap();
    let (first, second) = because.split_once("; then ").unwrap();
    assert!(first.contains("model-local") && first.contains("cannot be reached"), "{because}");
    assert!(second.contains("model-other") && second.contains("answered 403"), "{because}");
    assert_eq!(ledger(&repo).0, ["local first unreachable", "other failover:local:unreachable rejected"]);
}

#[test]
fn only_what_failed_is_asked_of_the_next_tier() {
    // More units than one request to this machine holds: the first is answered, the second is not.
    let module = |factor: u32| -> String {
        (0..5).map(|n| format!("def f{n}(a, b):\n    return a * {factor} + b - {n}\n\n\n")).collect()
    };
    let first = Provider::scripted([Reply::nothing(), Reply::text("no idea")]);
    let second = Provider::always(Reply::nothing());
    let repo = repo(
        &[("local", &first.base_url()), ("other", &second.base_url())],
        "tiers = [\"local\", \"other\"]",
    );
    repo.git(["reset", "--quiet", "--hard"]).expect(0);
    repo.stage("a.py", module(1));
    repo.git(["commit", "--quiet", "--no-verify", "--message=next"]).expect(0);
    repo.stage("a.py", module(2));
    configure(&repo, "tiers = [\"local\", \"other\"]");
    let report = run(&repo);
    assert_eq!(report["not_reviewed"], json!([]), "{report:#}");
    let (local, other): (Vec<_>, Vec<_>) = tiers(&report).into_iter().partition(|&tier| tier == "local");
    assert_eq!((local.len(), other.len()), (3, 2));
    let (asked, again) = (first.requests()[1].code(), second.requests()[0].code());
    assert_eq!(asked, again, "exactly what was not answered");
    // What each of them has reviewed is kept as its own, and counts whoever would be asked now.
    let report = run(&repo);
    assert_eq!(tiers(&report), ["-"; 5], "{report:#}");
    let by = |model: &str| report.to_string().matches(&format!("by at-{model}")).count();
    assert_eq!((by("local"), by("other")), (3, 2));
}

/// A proxy stands where the network begins: what it is told to connect to would have left the machine.
fn run_behind(proxy: &Provider, repo: &Repo) -> Value {
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    command.args(["run", "pre-commit", "--format", "json"]).env("HTTPS_PROXY", proxy.base_url());
    Said::from(command.output().unwrap()).expect(0).json()
}

#[test]
fn code_leaves_the_machine_only_where_the_hook_says_so() {
    let remote = "https://models.example.org/v1";
    // Names of tiers in order, whether they are defined, failover, and whether the remote one is asked.
    let cases = [
        ("tiers = [\"local\", \"remote\"]", false),
        ("tiers = [\"local\", \"remote\"]\nfailover = \"same\"", false),
        ("tiers = [\"local\", \"remote\"]\nfailover = \"none\"", false),
        ("tiers = [\"local\", \"remote\"]\nfailover = \"any\"", true),
        ("tiers = [\"undefined\", \"remote\"]", false),
        ("tiers = [\"undefined\", \"remote\"]\nfailover = \"any\"", true),
        ("tiers = [\"remote\", \"local\"]", true),
        ("tiers = [\"remote\", \"undefined\", \"local\"]", true),
    ];
    for (hook, leaves) in cases {
        let proxy = Provider::always(Reply::status(502, ""));
        let repo = repo(&[("local", &nowhere()), ("remote", remote)], hook);
        let report = run_behind(&proxy, &repo);
        let requests = proxy.requests();
        assert_eq!(!requests.is_empty(), leaves, "{hook}: {report:#}");
        assert!(requests.iter().all(|it| it.method == "CONNECT" && it.path == "models.example.org:443"));
        assert_eq!(report["not_reviewed"].as_array().unwrap().len(), 2, "{hook}");
        let (rows, _) = if hook.contains("undefined\", \"remote\"]") && !leaves {
            assert_eq!(report["not_reviewed"][0]["reason"], "no_model", "{hook}");
            continue;
        } else {
            ledger(&repo)
        };
        assert_eq!(rows.iter().any(|row| row.starts_with("remote ")), leaves, "{hook}: {rows:?}");
    }
}

#[test]
fn a_tier_that_steps_up_is_said_to_be_passed_over() {
    let remote = "https://models.example.org/v1";
    let repo = repo(&[("local", &nowhere()), ("remote", remote)], "tiers = [\"local\", \"remote\"]");
    let said = preview(&repo, &[]).stdout;
    assert!(
        said.contains(
            "hookgate: tier `remote` is passed over: it would send code off this machine, and a tier before it \
             would not: failover = \"any\" in the hook's section allows it\n"
        ),
        "{said}"
    );
    let hook = "tiers = [\"local\", \"remote\"]\nfailover = \"any\"";
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{hook}\n"));
    let said = repo.hookgate(["trust"]).expect(3).stdout;
    insta::assert_snapshot!(said.lines().take(3).collect::<Vec<_>>().join("\n"), @"
    The repository's files ask for something else than you agreed to:
      pre-commit: send changed code to your tier `local`, else `remote`
    + pre-commit: where one of these tiers gives no answer, send changed code to the next one even if that one is not on this machine, or is premium
    ");
    configure(&repo, hook);
    let said = preview(&repo, &[]).stdout;
    assert!(said.contains("hookgate: where `local` gives no answer, `remote` is asked\n"), "{said}");
    let json = preview(&repo, &["--format", "json"]).json();
    assert_eq!(json["standby"], json!({"next": ["remote"], "escalate": null, "skipped": []}));
    assert_eq!(json["turns"][0]["because"], "first");
    assert_eq!(tiers(&json), ["local", "local"]);
}

#[test]
fn a_premium_tier_stands_in_for_another_only_where_the_hook_says_so() {
    for (failover, asked) in [("same", 0), ("any", 1)] {
        let premium = Provider::always(Reply::nothing());
        let hook = format!("tiers = [\"local\", \"dear\"]\nfailover = \"{failover}\"");
        let repo = repo(&[("local", &nowhere()), ("dear", &premium.base_url())], &hook);
        let user = std::fs::read_to_string(repo.config_file()).unwrap();
        repo.configure_user(&user.replace("\"model-dear\"", "\"model-dear\", premium = true"));
        run(&repo);
        assert_eq!(premium.requests().len(), asked, "{failover}");
    }
}

#[test]
fn a_tier_that_hangs_leaves_time_for_the_next() {
    let (first, second) = (Provider::always(Reply::stall()), Provider::always(Reply::nothing()));
    let repo = repo(
        &[("local", &first.base_url()), ("other", &second.base_url())],
        "tiers = [\"local\", \"other\"]\ndeadline = \"6s\"",
    );
    let report = run(&repo);
    assert_eq!(report["not_reviewed"], json!([]), "{report:#}");
    assert_eq!(ledger(&repo).0, ["local first timeout", "other failover:local:timeout ok"]);
}

#[test]
fn what_a_failed_tier_was_charged_is_missing_to_the_next() {
    // The limit holds one request with its answer, and not two.
    let (first, second) =
        (Provider::always(Reply::text("no idea").without_usage()), Provider::always(Reply::nothing()));
    let repo = repo(
        &[("local", &first.base_url()), ("other", &second.base_url())],
        "tiers = [\"local\", \"other\"]\ntoken_limit = 1500",
    );
    let report = run(&repo);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 0));
    let because = report["not_reviewed"][0]["because"].as_str().unwrap();
    assert!(because.contains("; then `other` was not asked: does not fit the "), "{because}");
    assert!(report["limit"]["used"].as_u64().unwrap() <= 1500);
    assert!(first.served_tokens() + second.served_tokens() <= 1500);
}

#[test]
fn money_that_is_spent_does_not_stop_a_free_tier() {
    // Nothing may be spent, so that the first tier is denied; the second one costs nothing.
    let (first, second) = (Provider::always(Reply::nothing()), Provider::always(Reply::nothing()));
    let repo =
        repo(&[("dear", &first.base_url()), ("local", &second.base_url())], "tiers = [\"dear\", \"local\"]");
    let user = std::fs::read_to_string(repo.config_file()).unwrap();
    let prices = "[limits]\nday_usd = 0.0\n[prices.\"at-dear/model-dear\"]\ninput = 2.0\noutput = 8.0\n";
    repo.configure_user(&(user + prices));
    let report = run(&repo);
    assert_eq!(report["not_reviewed"], json!([]), "{report:#}");
    assert_eq!((first.requests().len(), second.requests().len()), (0, 1));
    assert_eq!(ledger(&repo).0, ["dear first budget:day", "local failover:dear:budget:day ok"]);
}

#[test]
fn a_free_answer_does_not_hide_where_the_price_of_a_paid_one_comes_from() {
    for reply in [Reply::status(500, ""), Reply::text("Sure! Looks fine.")] {
        let (first, second) = (Provider::always(reply), Provider::always(Reply::nothing()));
        let tiers = [("dear", first.base_url()), ("local", second.base_url())];
        let repo =
            repo(&tiers.each_ref().map(|(name, url)| (*name, url.as_str())), "tiers = [\"dear\", \"local\"]");
        let user = std::fs::read_to_string(repo.config_file()).unwrap();
        repo.configure_user(&(user + "[prices.\"at-dear/model-dear\"]\ninput = 2.0\noutput = 8.0\n"));
        let totals = run(&repo)["totals"].clone();
        assert!(totals["cost_usd"].as_f64().unwrap() > 0.0, "{totals:#}");
        assert_eq!(totals["price_source"], "user", "{totals:#}");
    }
}

/// Says a finding on the first function, and is unsure of the second.
fn unsure() -> Reply {
    let text = json!({ "findings": [finding("1:2", TOTAL), finding("2:6", MEAN)], "unsure": [2] });
    Reply::text(text.to_string())
}

const ESCALATE: &str = "tiers = [\"cheap\"]\nescalate = \"dear\"";

#[test]
fn what_a_cheap_tier_is_unsure_of_is_asked_again_alone() {
    let mut found = finding("1:6", MEAN);
    found["why"] = "a list of one item divides by zero".into();
    let (cheap, dear) = (Provider::always(unsure()), Provider::always(Reply::findings(&[found])));
    let repo = repo(&[("cheap", &cheap.base_url()), ("dear", &dear.base_url())], ESCALATE);
    let dry = preview(&repo, &["--show-payload"]).stdout;
    let report = run(&repo);
    assert_eq!(dry.trim_end(), cheap.requests()[0].body, "the preview shows what is sent first");
    let (asked, again) = (&cheap.requests()[0], &dear.requests()[0]);
    assert!(asked.body.contains("unsure") && !again.body.contains("unsure"));
    assert!(asked.code().contains("rate") && !again.code().contains("rate"), "{}", again.code());
    let findings: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
    let said: Vec<_> = findings.iter().map(|it| (&it["line"], &it["message"])).collect();
    let expected: [(&Value, &Value); 2] = [
        (&2.into(), &"an empty list makes this panic".into()),
        (&6.into(), &"a list of one item divides by zero".into()),
    ];
    assert_eq!(said, expected, "the second answer takes the place of the first");
    assert_eq!(tiers(&report), ["cheap", "dear"]);
    assert_eq!(ledger(&repo).0, ["cheap first ok", "dear escalated:cheap ok"]);
    let units = std::fs::read_to_string(repo.home().join(".local/state/hookgate/units.jsonl")).unwrap();
    let rows = units.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let sent: u64 = rows.filter_map(|row| row["sent_tokens"].as_u64()).sum();
    assert_eq!(report["totals"]["payload_tokens"], sent, "a unit that was sent twice counts twice");

    // Both answers are kept, each as its own tier's: nobody is asked again.
    let again = run(&repo);
    assert_eq!((cheap.requests().len(), dear.requests().len()), (1, 1), "{again:#}");
    assert_eq!(again["findings"], report["findings"]);
}

#[test]
fn a_finding_of_low_confidence_is_doubt_too_and_may_be_withdrawn() {
    let mut low = finding("1:2", TOTAL);
    low["conf"] = "low".into();
    let (cheap, dear) = (Provider::always(Reply::findings(&[low])), Provider::always(Reply::nothing()));
    let repo = repo(&[("cheap", &cheap.base_url()), ("dear", &dear.base_url())], ESCALATE);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(
        said.contains("hookgate: `dear` was asked again about 1 unit that `cheap` is unsure of\n"),
        "{said}"
    );
    assert!(!said.contains("cart.py:2") && !said.contains("NOT REVIEWED"), "{said}");
    assert!(!dear.requests()[0].code().contains("mean"));
}

#[test]
fn where_nobody_answers_the_doubt_the_first_answer_stands_and_is_not_kept() {
    let alone = json!({ "findings": [finding("1:6", MEAN)], "unsure": [1] }).to_string();
    let cheap = Provider::scripted([unsure(), Reply::text(alone)]);
    let repo = repo(&[("cheap", &cheap.base_url()), ("dear", &nowhere())], ESCALATE);
    for runs in [1, 2] {
        let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
        assert!(said.contains("cart.py:2") && said.contains("cart.py:6"), "{said}");
        assert!(
            said.contains("hookgate: `cheap` is unsure of 1 unit, and its answer stands, since `dear` gave none: at-dear"),
            "{said}"
        );
        assert!(!said.contains("NOT REVIEWED"), "{said}");
        assert_eq!(cheap.requests().len(), runs, "what it is unsure of is asked again");
    }
    assert!(!cheap.requests()[1].code().contains("rate"), "what it is sure of is not");
}

#[test]
fn without_a_tier_above_nobody_is_asked_for_doubts() {
    let cheap = Provider::always(unsure());
    let plain = repo(&[("cheap", &cheap.base_url())], "tiers = [\"cheap\"]");
    let report = run(&plain);
    assert_eq!(
        report["findings"].as_array().unwrap().len(),
        2,
        "doubt that was not asked for changes nothing"
    );
    assert!(!cheap.requests()[0].body.contains("unsure"));
    configure(&plain, ESCALATE);
    let said = plain.hookgate(["run", "pre-commit", "--no-cache"]).expect(0).stdout;
    assert!(said.contains("tier `dear` is passed over: it is not defined in "), "{said}");
    assert_eq!(cheap.requests()[1].body, cheap.requests()[0].body, "byte for byte");
}

#[test]
fn whom_doubts_go_to_needs_consent() {
    let (cheap, dear) = (Provider::always(unsure()), Provider::always(Reply::nothing()));
    let repo = repo(&[("cheap", &cheap.base_url()), ("dear", &dear.base_url())], "tiers = [\"cheap\"]");
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{ESCALATE}\n"));
    assert_eq!(run(&repo)["not_reviewed"][0]["reason"], "consent");
    assert_eq!((cheap.requests().len(), dear.requests().len()), (0, 0));
    let said = repo.hookgate(["trust"]).expect(3).stdout;
    assert!(
        said.contains(
            "+ pre-commit: send code that a tier is unsure of to your tier `dear` too, even if that one is not on this machine, or is premium"
        ),
        "{said}"
    );
}
