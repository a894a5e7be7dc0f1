//! Money: what is known of a price is used and named, and what is not known is never taken for nothing.

use serde_json::json;

use crate::harness::provider::{Provider, Received, Reply};
use crate::harness::repo::{Repo, Said};

fn repo(user: &str) -> Repo {
    let repo = Repo::with(&[("a.py", "def f(a, b):\n    return a + b\n")]);
    repo.configure_user(user);
    repo.stage("a.py", "def f(a, b):\n    return a - b\n");
    repo
}

fn tier(base_url: &str, model: &str) -> String {
    format!(
        "[providers.there]\ndialect = \"openai\"\nbase_url = \"{base_url}\"\n\
         [tiers]\nlocal = {{ provider = \"there\", model = \"{model}\" }}\n"
    )
}

/// Finds nothing, counts as it is told, and says what that costs.
fn dear(cost: f64, share: f64) -> Provider {
    Provider::answering(move |received: &Received| {
        let prompt_tokens = (received.tokens as f64 * share) as u64;
        let body = json!({
            "choices": [{"message": {"content": "{\"findings\":[]}"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 6, "cost": cost},
        });
        Reply::status(200, body.to_string())
    })
}

#[test]
fn a_cost_that_the_provider_reports_is_the_runs() {
    let provider = dear(0.001_25, 1.0);
    let repo = repo(&tier(&provider.base_url(), "m"));
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!(provider.requests().len(), 1);
    assert_eq!(report["totals"]["cost_usd"], 0.001_25, "{report:#}");
    assert_eq!(report["totals"]["price_source"], "reported");
}

#[test]
fn a_model_without_a_price_is_not_asked_where_money_is_limited() {
    // A host that cannot exist: were it asked, the reason would be another one.
    let user = format!("{}[limits]\nmonth_usd = 5\n", tier("https://models.invalid/v1", "m"));
    let said = repo(&user).hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("NOT REVIEWED") && said.stdout.contains("[unpriced]"), "{said:#?}");

    let report = repo(&user).hookgate(["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(report["totals"]["cost_usd"], json!(null));
    assert_eq!(report["totals"]["price_source"], "unknown");
}

#[test]
fn a_model_that_counts_as_free_and_reports_a_cost_is_asked_once_where_money_is_limited() {
    for price in ["", "[prices.\"there/m\"]\ninput = 0\noutput = 0\n"] {
        let provider = dear(0.5, 1.0);
        let repo = repo(&format!("{}[limits]\nday_usd = 1\n{price}", tier(&provider.base_url(), "m")));
        let run = || repo.hookgate(["run", "pre-commit", "--no-cache"]).expect(0);
        let first = run();
        assert!(
            first.stdout.contains("note: there/m counts as free and reports what it costs"),
            "{first:#?}"
        );
        let second = run();
        assert!(second.stdout.contains("which counts as free, has reported a cost"), "{second:#?}");
        assert!(second.stdout.contains("[unpriced]"), "{second:#?}");
        assert_eq!(provider.requests().len(), 1);
        let doctor = repo.hookgate(["doctor"]);
        assert!(doctor.stdout.contains("there/m counts as free and reports what it costs"), "{doctor:#?}");
        let budget = repo.hookgate(["budget"]).expect(0);
        assert!(!budget.stdout.contains("crossed"), "{budget:#?}");
    }
}

#[test]
fn a_server_here_that_wants_a_key_is_free_only_on_the_users_word() {
    let provider = Provider::always(Reply::nothing());
    let user = tier(&provider.base_url(), "m").replace("[tiers]", "api_key_env = \"TEST_KEY\"\n[tiers]");
    let limited = format!("{user}[limits]\nmonth_usd = 5\n");
    let repo = repo(&limited);
    let keyed = |args: &[&str]| {
        let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
        Said::from(command.args(args).env("TEST_KEY", "key-0123456789").output().unwrap())
    };
    let said = keyed(&["run", "pre-commit"]).expect(0).stdout;
    assert!(said.contains("[unpriced]") && said.contains("`hookgate prices`"), "{said}");
    assert!(provider.requests().is_empty());
    let line = "gateway = false in [providers.there]";
    for command in ["doctor", "models", "prices"] {
        let said = keyed(&[command]).expect(0).stdout;
        assert!(said.contains(line), "{command}: {said}");
    }
    let listed = keyed(&["models", "--format", "json"]).expect(0).json();
    assert_eq!((&listed["tiers"][0]["local"], &listed["tiers"][0]["price"]), (&json!(null), &json!(null)));

    repo.configure_user(&limited.replace("[tiers]", "gateway = false\n[tiers]"));
    let report = keyed(&["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!((&report["totals"]["price_source"], provider.requests().len()), (&json!("local"), 1));
    for command in ["doctor", "models", "prices"] {
        let said = keyed(&[command]).expect(0).stdout;
        assert!(!said.contains("gateway"), "{command}: {said}");
    }
}

#[test]
fn a_limit_that_a_reported_cost_crosses_is_told() {
    let provider = dear(3.5, 1.0);
    let repo = repo(&format!("{}[limits]\nday_usd = 1\n", tier(&provider.base_url(), "m")));
    let sentence = "the day's limit of $1.00 is crossed by $2.50: there/m reports what it costs";
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains(sentence), "{said:#?}");
    let budget = repo.hookgate(["budget"]).expect(0);
    assert!(budget.stdout.contains(sentence), "{budget:#?}");
}

#[test]
fn a_known_model_at_its_own_host_is_priced_whatever_the_provider_is_called() {
    let user = tier("https://api.openai.com/v1", "gpt-5-mini");
    let repo = repo(&user);
    let totals =
        |repo: &Repo| repo.hookgate(["dry-run", "--format", "json"]).expect(0).json()["totals"].clone();
    let listed = totals(&repo);
    let tokens = |key: &str| listed[key].as_f64().unwrap();
    // 0.25 USD in and 2 USD out per million tokens, as its page has it.
    let cost = (tokens("input_tokens") * 0.25 + tokens("max_output_tokens") * 2.0) / 1e6;
    assert!((listed["cost_usd"].as_f64().unwrap() - cost).abs() < 1e-12, "{listed:#}");
    let source = listed["price_source"].as_str().unwrap();
    assert!(source.starts_with("embedded 20"), "{source}");

    // The user's own list comes before the one in the program, and the user's word before both.
    repo.write(
        "prices.json",
        json!({
            "gpt-5-mini": {"litellm_provider": "openai", "mode": "chat",
                "input_cost_per_token": 1e-6, "output_cost_per_token": 8e-6},
            "gpt-slip": {"litellm_provider": "openai", "mode": "chat",
                "input_cost_per_token": 0.25, "output_cost_per_token": 2},
        })
        .to_string(),
    );
    let said = repo.hookgate(["prices", "update", "prices.json", "--date", "2026-11-20"]).expect(0);
    assert!(said.stdout.contains("1 price of 2026-11-20"), "{said:#?}");
    assert!(said.stdout.contains("api.openai.com/gpt-slip"), "{said:#?}");
    let updated = totals(&repo);
    assert_eq!(updated["price_source"], "updated 2026-11-20");
    assert!((updated["cost_usd"].as_f64().unwrap() - cost * 4.0).abs() < 1e-12, "{updated:#}");

    repo.configure_user(&format!("{user}[prices.\"there/gpt-5-mini\"]\ninput = 0.5\noutput = 4\n"));
    let own = totals(&repo);
    assert_eq!(own["price_source"], "user");
    assert!((own["cost_usd"].as_f64().unwrap() - cost * 2.0).abs() < 1e-12, "{own:#}");

    repo.configure_user(&user);
    repo.hookgate(["prices", "update", "--remove"]).expect(0);
    assert_eq!(totals(&repo), listed);
    // A port of its own, or a name that only looks like the host, is anybody's.
    for base_url in ["https://api.openai.com:8443/v1", "https://api.openai.com.models.invalid/v1"] {
        repo.configure_user(&tier(base_url, "gpt-5-mini"));
        assert_eq!(totals(&repo)["price_source"], "unknown", "{base_url}");
    }
}

#[test]
fn a_damaged_list_of_ones_own_is_named_and_stops_no_commit() {
    // Under a limit in USD nothing is sent whose price is unknown.
    let user = tier("https://api.openai.com/v1", "gpt-5-mini");
    let repo = repo(&format!("{user}[limits]\nday_usd = 1.0\n"));
    repo.write("list.json", r#"{"version":1,"date":"2026-11-20","source":"me","prices":{"api.openai.com":{"gpt-5-mini":{"input":1,"output":2}}}}"#);
    let said = repo.hookgate(["prices", "update", "list.json"]).expect(0);
    let path = said.stdout.split("kept in ").nth(1).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(&path, "{\"version\":1").unwrap();
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(
        said.contains("[unpriced]") && said.contains("is damaged") && said.contains("--remove"),
        "{said}"
    );
    let said = repo.hookgate(["prices"]).expect(2);
    assert!(said.stderr.contains("is damaged") && said.stderr.contains("--remove"), "{said:#?}");
    repo.hookgate(["prices", "update", "--remove"]).expect(0);
    repo.hookgate(["prices"]).expect(0);
}

#[test]
fn reservations_follow_what_the_provider_counts() {
    // It counts 12 % more than hookgate does, where 30 % are reserved until that is known.
    let provider = dear(0.000_1, 1.12);
    let repo = repo(&format!("{}[limits]\nhook_tokens = 9000\n", tier(&provider.base_url(), "m")));
    let change = |version: usize| {
        let lines: String = (0..4).map(|n| format!("    g(a, b, {version}, {n})\n")).collect();
        format!("def f(a, b):\n{lines}    return a - b\n")
    };
    let preview = |limit: u64| {
        repo.stage("a.py", change(99));
        repo.write("hookgate.toml", format!("[hooks.pre-commit]\ntoken_limit = {limit}\n"));
        repo.hookgate(["dry-run", "--format", "json"]).expect(0).json()
    };
    let whole = preview(9000);
    let tokens = |key: &str| whole["totals"][key].as_u64().unwrap();
    let tight = (tokens("input_tokens") + tokens("max_output_tokens")) * 122 / 100;
    assert_eq!(preview(tight)["not_reviewed"][0]["reason"], "budget:hook");

    repo.write("hookgate.toml", "[hooks.pre-commit]\ntoken_limit = 9000\n");
    for version in 0..8 {
        repo.stage("a.py", change(version));
        repo.hookgate(["run", "pre-commit"]).expect(0);
        repo.git(["commit", "--quiet", "--no-verify", "-m", "next"]).expect(0);
    }
    assert_eq!(provider.requests().len(), 8);
    assert_eq!(preview(tight)["not_reviewed"], json!([]));
    // The run does what the preview said, and is counted within the limit.
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!(report["not_reviewed"], json!([]), "{report:#}");
    assert!(report["limit"]["used"].as_u64().unwrap() <= tight, "{report:#}");
}

#[test]
fn strict_counting_holds_the_limit_for_text_that_no_tokenizer_likes() {
    // A server whose tokenizer has no word longer than a byte.
    fn bytes(received: &Received) -> u64 {
        let message = |role: &str| {
            let body = received.json();
            let messages = body["messages"].as_array().unwrap().clone();
            let of_role = messages.into_iter().find(|message| message["role"] == role).unwrap();
            of_role["content"].as_str().unwrap().len() as u64
        };
        message("system") + message("user") + received.schema().to_string().len() as u64
    }
    let provider = Provider::answering(|received: &Received| Reply::nothing().usage(bytes(received), 6));
    let user =
        format!("{}[limits]\ncounting = \"strict\"\nhook_tokens = 9000\n", tier(&provider.base_url(), "m"));
    let repo = repo(&user);
    repo.write("hookgate.toml", "[hooks.pre-commit]\ntoken_limit = 9000\n");
    let odd: String = (0..60).map(|n| format!("    s{n} = \"꧁༺🦀ﷺ\u{200b}é{n}༻꧂\"\n")).collect();
    repo.stage("a.py", format!("def f(a, b):\n{odd}    return a - b\n"));
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    let requests = provider.requests();
    assert!(!requests.is_empty(), "{report:#}");
    let served: u64 = requests.iter().map(|received| bytes(received) + 300).sum();
    assert!(served <= 9000, "{served}");
    // What is reported is still counted.
    let counted = report["totals"]["input_tokens"].as_u64().unwrap();
    assert!(counted < served / 2, "{counted} of {served}");
}
