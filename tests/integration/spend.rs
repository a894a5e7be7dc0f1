//! Whom requests are charged to: in the ledger, on the wire, in what limits leave, and in the bill.

use std::process::Command;

use serde_json::Value;

use crate::harness::provider::{Provider, Reply};
use crate::harness::repo::{Repo, Said};

fn module(version: usize) -> String {
    (0..3).map(|n| format!("def f{n}(a, b):\n    return a * {version} + b - {n}\n\n\n")).collect()
}

/// A repository whose only tier is `provider`, with more of the user's file.
fn repo(provider: &Provider, more: &str) -> Repo {
    let repo = Repo::with(&[("a.py", &module(1))]);
    configure(&repo, provider, more);
    repo
}

fn configure(repo: &Repo, provider: &Provider, more: &str) {
    let base_url = provider.base_url();
    repo.configure_user(&format!(
        "user = \"ada\"\nteam = \"core\"\n{more}\n\
         [providers.here]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\ngateway = true\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n\
         [prices.\"here/tiny\"]\ninput = 0\noutput = 0\n"
    ));
}

/// Stages the next version of the module, and runs the hook with more of an environment.
fn run(repo: &Repo, version: usize, variables: &[(&str, &str)]) -> Value {
    repo.stage("a.py", module(version));
    let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    command.args(["run", "pre-commit", "--format", "json"]).envs(variables.iter().copied());
    let report = Said::from(command.output().unwrap()).expect(0).json();
    repo.git(["commit", "--quiet", "--no-verify", "-m", "next"]).expect(0);
    report
}

fn limits<'l>(budget: &'l Value, window: &str, scope: &str) -> &'l Value {
    let lines = budget["limits"].as_array().unwrap();
    let found = lines
        .iter()
        .find(|line| line["window"] == window && line["scope"] == scope && line["unit"] == "tokens");
    found.unwrap_or_else(|| panic!("no {window} of {scope} in {budget:#}"))
}

#[test]
fn a_request_is_charged_to_its_branch_stage_and_labels() {
    let provider = Provider::always(Reply::nothing());
    let repo = repo(&provider, "[labels]\nproduct = \"web\"");
    run(&repo, 2, &[]);
    repo.git(["switch", "--quiet", "--create", "fix/a,b"]).expect(0);
    let ci = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_ID", "1000"),
        ("CI_JOB_ID", "50"),
        ("CI_JOB_STAGE", "review"),
        ("HOOKGATE_LABELS", "product=api"),
    ];
    run(&repo, 3, &ci);
    run(&repo, 4, &ci);

    let requests = provider.requests();
    assert_eq!(requests.len(), 3);
    let told = |at: usize, name: &str| requests[at].header(name).map(str::to_owned);
    assert_eq!(told(0, "x-hookgate-branch").as_deref(), Some("main"));
    assert_eq!(told(0, "x-hookgate-run"), None);
    assert_eq!(told(2, "x-hookgate-branch").as_deref(), Some("fix/a,b"));
    assert_eq!(told(2, "x-hookgate-run").as_deref(), Some("gitlab:1000/50"));
    assert_eq!(told(2, "x-hookgate-label-product").as_deref(), Some("api"));
    assert_eq!(told(2, "x-hookgate-team").as_deref(), Some("core"));

    let said = repo.hookgate(["spend", "--by", "branch,stage,run,label:product,user", "--format", "json"]);
    let bill = said.expect(0).json();
    let groups = bill["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{bill:#}");
    let of = |branch: &str| groups.iter().find(|group| group["key"]["branch"] == branch).unwrap();
    assert_eq!(of("main")["key"]["stage"], "local");
    assert_eq!(of("main")["key"]["run"], Value::Null);
    assert_eq!(of("main")["key"]["label:product"], "web");
    let key = &of("fix/a,b")["key"];
    assert_eq!(
        (&key["stage"], &key["run"], &key["user"]),
        (&"review".into(), &"gitlab:1000/50".into(), &"ada".into())
    );
    assert_eq!(of("fix/a,b")["requests"], 2);

    // The server's own count is the oracle.
    let total = &bill["total"];
    let used = total["input_tokens"].as_u64().unwrap() + total["output_tokens"].as_u64().unwrap();
    assert_eq!(used, provider.served_tokens());
    assert!(total["reserved_tokens"].as_u64().unwrap() >= used);
    assert_eq!((&total["ok"], &total["cost_usd"]), (&3.into(), &0.0.into()));
}

#[test]
fn a_token_in_origins_address_goes_nowhere() {
    let provider = Provider::always(Reply::nothing());
    let repo = repo(&provider, "[limits.repository.\"acme/web\"]\nday_tokens = 50000\n");
    let addresses = [
        "https://example.org/acme/web.git?private_token=5ecret",
        "https://example.org/acme/web.git#5ecret",
        "https://ada:a/5ecret@example.org/acme/web",
        "https://5ecret@example.org/ACME/Web.git",
        "ext::sh -c \"connect 5ecret acme/web\"",
    ];
    repo.git(["remote", "add", "origin", "x"]).expect(0);
    for (index, address) in addresses.into_iter().enumerate() {
        repo.git(["remote", "set-url", "origin", address]).expect(0);
        let report = run(&repo, index + 2, &[]);
        assert!(!report.to_string().contains("5ecret"), "{report:#}");
        let command = |args: &[&str]| repo.hookgate(args.iter().copied()).all();
        for said in [command(&["budget"]), command(&["doctor"]), command(&["spend", "--format", "csv"])] {
            assert!(!said.contains("5ecret"), "{said}");
        }
    }
    let requests = provider.requests();
    let told: Vec<_> = requests.iter().map(|it| it.header("x-hookgate-repository").unwrap()).collect();
    assert_eq!((told.len(), &told[..4]), (5, &["acme/web"; 4][..]));
    assert!(!told[4].contains("5ecret") && told[4] != "acme/web", "{told:?}");
    let budget = repo.hookgate(["spend", "--format", "json"]).expect(0).json();
    assert_eq!(budget["groups"][0]["requests"], 4, "one repository: {budget:#}");

    let said = repo.hookgate(["spend", "--by", "label:A B"]).expect(2);
    assert!(said.stderr.contains("\"A B\" is no name of a label"), "{said:#?}");
}

#[test]
fn a_preview_says_of_labels_what_a_run_says() {
    let repo = Repo::with(&[("a.py", &module(1))]);
    let labels = |kind: &str| -> String {
        let labels = (0..9).map(|n| format!("{kind}-{n} = \"x\"\n"));
        std::iter::once("[labels]\n".to_owned()).chain(labels).collect()
    };
    repo.configure_user(&labels("mine"));
    repo.write("hookgate.toml", labels("theirs"));
    repo.stage("a.py", module(2));
    for command in [["run", "pre-commit"], ["dry-run", "pre-commit"]] {
        let said = repo.hookgate(command).expect(0).all();
        assert!(said.contains("`theirs-7`, `theirs-8` left out"), "{command:?}: {said}");
    }
}

#[test]
fn another_reader_of_csv_reads_the_same() {
    let provider = Provider::always(Reply::nothing());
    let repo = repo(&provider, "");
    repo.git(["switch", "--quiet", "--create", "a,\"b\""]).expect(0);
    run(&repo, 2, &[]);
    let csv = repo.hookgate(["spend", "--by", "branch,model", "--format", "csv"]).expect(0).stdout;
    let file = repo.beside("spend.csv");
    std::fs::write(&file, &csv).unwrap();
    let program =
        "import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))";
    let Ok(python) = Command::new("python3").args(["-c", program]).arg(&file).output() else { return };
    let rows: Value = serde_json::from_slice(&python.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!((&rows[0]["branch"], &rows[0]["model"]), (&"a,\"b\"".into(), &"tiny".into()));
    let figure = |name: &str| rows[0][name].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(figure("input_tokens") + figure("output_tokens"), provider.served_tokens());
    assert!(csv.ends_with("\r\n") && csv.lines().count() == 2);
}

#[test]
fn a_day_of_one_repository_is_not_a_day_of_another() {
    let provider = Provider::always(Reply::nothing());
    let limits_of = |tokens: u64| format!("[limits.repository.\"*\"]\nday_tokens = {tokens}\n");
    let one = repo(&provider, &limits_of(1_000_000));
    run(&one, 2, &[]);
    let taken = provider.served_tokens();
    configure(&one, &provider, &limits_of(taken + 1));
    let report = run(&one, 3, &[]);
    assert_eq!(report["not_reviewed"][0]["reason"], "budget:day", "{report:#}");
    assert_eq!(provider.served_tokens(), taken, "nothing was sent");
    let budget = one.hookgate(["budget", "--format", "json"]).expect(0).json();
    let day = limits(&budget, "day", "repository");
    assert_eq!((&day["used"], &day["remaining"]), (&taken.into(), &1.into()));
    assert_eq!(day["set_by"], "[limits.repository.\"*\"]");

    // Another repository of the same user, with the same ledger.
    configure(&one, &provider, &limits_of(1_000_000));
    one.git(["remote", "add", "origin", "https://ada:secret@example.org/acme/other.git"]).expect(0);
    configure(&one, &provider, &limits_of(taken * 4));
    let report = run(&one, 4, &[]);
    assert_eq!(report["not_reviewed"].as_array().unwrap().len(), 0, "{report:#}");
    let budget = one.hookgate(["budget", "--format", "json"]).expect(0).json();
    assert_eq!(limits(&budget, "day", "repository")["name"], "acme/other");
    let of_user = limits(&budget, "day", "user")["used"].as_u64().unwrap();
    assert_eq!(of_user, provider.served_tokens());
    assert_eq!(limits(&budget, "day", "repository")["used"], of_user - taken);
}

#[test]
fn a_team_and_a_stage_have_limits_of_their_own() {
    let provider = Provider::always(Reply::nothing());
    let repo =
        repo(&provider, "[limits.stage.review]\nday_tokens = 10\n[limits.team.other]\nday_tokens = 10\n");
    let ci = [("HOOKGATE_STAGE", "review")];
    let report = run(&repo, 2, &ci);
    assert_eq!(report["not_reviewed"][0]["reason"], "budget:day", "{report:#}");
    assert_eq!(provider.requests().len(), 0);
    let report = run(&repo, 3, &[]);
    assert_eq!(report["not_reviewed"].as_array().unwrap().len(), 0, "{report:#}");
    configure(&repo, &provider, "[limits.team.core]\nday_tokens = 10\n");
    let report = run(&repo, 4, &[]);
    assert_eq!(report["not_reviewed"][0]["reason"], "budget:day", "{report:#}");
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn reading_leaves_no_trace() {
    let provider = Provider::always(Reply::nothing());
    let repo = repo(&provider, "[limits]\nday_tokens = 1000\n");
    let said = repo.hookgate(["budget"]).expect(0);
    assert!(said.stdout.contains("1,000") && said.stdout.contains("pre-push run"), "{said:#?}");
    let said = repo.hookgate(["spend"]).expect(0);
    assert!(said.stdout.contains("no request was made"), "{said:#?}");
    let outside = |arguments: &[&str]| {
        let mut command = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &repo.home());
        Said::from(command.args(arguments).output().unwrap()).expect(0)
    };
    let budget = outside(&["budget", "--format", "json"]).json();
    assert_eq!((&budget["repository"], &budget["user"]), (&Value::Null, &"ada".into()));
    assert_eq!(limits(&budget, "day", "user")["remaining"], 1000);
    outside(&["spend", "--format", "csv"]);
    assert!(!state(&repo).exists(), "nobody has asked for a ledger");
}

fn state(repo: &Repo) -> std::path::PathBuf {
    let usual = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    repo.home().join(usual).join("hookgate")
}

#[test]
fn a_line_that_was_cut_costs_a_note() {
    let provider = Provider::always(Reply::nothing());
    let repo = repo(&provider, "");
    run(&repo, 2, &[]);
    // Only a comment, which needs no model; what the diff would have taken is not counted then.
    repo.stage("a.py", format!("# a word\n{}", module(2)));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let path = state(&repo).join("units.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"user\":\"ada\"") && text.contains("\"stage\":\"local\""), "{text}");
    text.push_str("{\"time\":17954");
    std::fs::write(&path, text).unwrap();
    let said = repo.hookgate(["spend"]).expect(0);
    assert!(said.stdout.contains("not counted"), "{said:#?}");
    assert!(said.stdout.contains("cannot be read, such as a killed process leaves: 1"), "{said:#?}");
}

#[test]
fn a_key_that_does_not_exist_is_wrong_usage() {
    let repo = Repo::empty();
    let said = repo.hookgate(["spend", "--by", "brunch"]).expect(2);
    assert!(said.stderr.contains("did you mean `branch`?"), "{said:#?}");
    repo.hookgate(["spend", "--since", "yesterday"]).expect(2);
    repo.hookgate(["spend", "--since", "2026-11-02", "--until", "2026-11-01"]).expect(2);
}
