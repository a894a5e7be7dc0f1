use super::*;
use crate::meter::price::Price;
use crate::meter::{Unit, Window};
use crate::tokens::PicoUsd;
use std::collections::HashMap;
use std::fs;
use std::process::Command;

/// A repository, and the home of a user with or without a file of their own.
pub(super) struct Place {
    root: tempfile::TempDir,
    pub(super) environment: Environment,
}

impl Place {
    pub(super) fn new(user_file: Option<&str>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("repository");
        let made = Command::new("git")
            .args(["init", "--quiet", "--initial-branch=main"])
            .arg(&directory)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("GIT_DIR")
            .status();
        assert!(made.unwrap().success());
        let config_home = root.path().join("config");
        if let Some(text) = user_file {
            fs::create_dir_all(config_home.join("hookgate")).unwrap();
            fs::write(config_home.join("hookgate/config.toml"), text).unwrap();
        }
        let environment = Environment {
            directory,
            config_home: Some(config_home),
            state_home: Some(root.path().join("state")),
            columns: None,
            variables: HashMap::new(),
        };
        Self { root, environment }
    }

    pub(super) fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.environment.directory.join(name), text).unwrap();
        self
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.variables.insert(name.into(), value.into());
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&Repository::at(&self.environment.directory).unwrap(), &self.environment)
    }

    /// The message of what is wrong, without this machine's paths.
    pub(super) fn complaint(&self) -> String {
        let error = self.load().and_then(|config| config.options(Hook::PreCommit).map(|_| ())).unwrap_err();
        error.to_string().replace(self.root.path().to_str().unwrap(), "…")
    }
}

fn complaint(repository_file: &str) -> String {
    Place::new(None).with(REPOSITORY_FILE, repository_file).complaint()
}

#[test]
fn mistakes_are_named_with_their_place_and_the_nearest_key() {
    let cases = [
        "[hooks.pre-commit]\ntokn_limit = 3\n",
        "[hooks.pre-comit]\n",
        "[hooks.pre-push]\nlevel = \"functions\"\n",
        "[hooks.pre-push]\n  deadline = \"soon\"\n",
        "[hooks.pre-push]\ntoken_limit = -1\n",
        "[hooks.pre-commit]\ntiers = [\"local\"\n",
        "[hooks.pre-commit]\nzzz = 1\n",
        "[[hooks.pre-commit.jobs]]\nrun = \"make\"\n",
        "[exclude]\npaths = [\"a/[\"]\n",
        "[rules]\ndisabled = [\"python/brekpoint\"]\n",
        "[rules]\nprotected_branches = [\"release/[\"]\n",
        "[rules]\nlarge_file_kib = -1\n",
    ];
    let complaints: Vec<_> = cases.into_iter().map(complaint).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    hookgate.toml:2:1: unknown key `tokn_limit`; did you mean `token_limit`?
    hookgate.toml:1:8: unknown key `pre-comit`; did you mean `pre-commit`?
    hookgate.toml:2:9: unknown word `functions`; did you mean `function`?
    hookgate.toml:2:14: "soon" is no deadline: expected one like "500ms", "20s" or "2m", up to 10m
    hookgate.toml:2:15: invalid value: integer `-1`, expected a whole number, 0 or more
    hookgate.toml:2:17: unclosed array, expected `]`
    hookgate.toml:2:1: unknown key `zzz`; expected one of: token_limit, deadline, tiers, required, level, failover, escalate
    hookgate.toml:1:20: command jobs are not supported yet
    hookgate.toml: [exclude] paths: error parsing glob 'a/[': unclosed character class; missing ']'
    hookgate.toml: [rules]: no rule is called `python/brekpoint`; did you mean `python/breakpoint`?
    hookgate.toml: [rules] protected_branches: error parsing glob 'release/[': unclosed character class; missing ']'
    hookgate.toml:2:18: invalid value: integer `-1`, expected a whole number, 0 or more
    "#);
}

#[test]
fn what_is_the_users_is_forbidden_in_a_repository() {
    let cases = [
        "[providers.mine]\nbase_url = \"https://example.org\"\n",
        "[hooks.pre-commit]\ntoken_limit = 1\nbase_url = \"https://example.org\"\n",
        "[tiers]\nlocal = { provider = \"a\", model = \"m\" }\n",
        "[limits]\nday_tokens = 1\n",
        "[state]\ndirectory = \"/tmp\"\n",
        "[secrets]\nscan = false\n",
    ];
    let complaints: Vec<_> = cases.into_iter().map(complaint).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    hookgate.toml:1:2: `providers` is forbidden here: endpoints and keys live only in …/config/hookgate/config.toml
    hookgate.toml:3:1: `base_url` is forbidden here: endpoints and keys live only in …/config/hookgate/config.toml
    hookgate.toml:1:2: `tiers` is forbidden here: tiers are defined only in …/config/hookgate/config.toml; here they are named in a hook's section, tiers = ["local"]
    hookgate.toml:1:2: `limits` is forbidden here: ceilings live only in …/config/hookgate/config.toml; here `token_limit` of a hook may lower them
    hookgate.toml:1:2: `state` is forbidden here: it lives only in …/config/hookgate/config.toml
    hookgate.toml:1:2: `secrets` is forbidden here: the secret scan cannot be configured away
    "#);

    let local = Place::new(None).with(LOCAL_FILE, "[prices.\"a/b\"]\ninput = 0\noutput = 0\n");
    insta::assert_snapshot!(local.complaint(), @"hookgate.local.toml:1:2: `prices` is forbidden here: it lives only in …/config/hookgate/config.toml");
}

#[test]
fn mistakes_in_the_users_file_are_named() {
    let cases = [
        "[tiers]\nlocal = { provider = \"olama\", model = \"m\" }\n",
        "[providers.a]\ndialect = \"gemini\"\nbase_url = \"https://example.org\"\n",
        "[limits]\nday_usd = -1\n",
        "[providers.a]\ndialect = \"openai\"\nbase_url = \"http://example.org\"\n\
         [tiers]\nlocal = { provider = \"a\", model = \"m\" }\n",
    ];
    let complaints: Vec<_> = cases.into_iter().map(|text| Place::new(Some(text)).complaint()).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    …/config/hookgate/config.toml: tier `local` names provider `olama`, but there is no [providers.olama]
    …/config/hookgate/config.toml:2:11: unknown word `gemini`; expected one of: openai, anthropic, ollama
    …/config/hookgate/config.toml:2:11: -1 is no amount of USD: expected a number from 0 up
    …/config/hookgate/config.toml: [providers.a]: base_url "http://example.org" would send code and key unencrypted: use https (http is for 127.0.0.1, [::1] and localhost)
    "#);
}

pub(super) const USER: &str = r#"
team = "payments"
[providers.ollama]
dialect = "ollama"
base_url = "http://127.0.0.1:11434"
[providers.openai]
dialect = "openai"
base_url = "https://api.openai.com/v1"
api_key_env = "KEY_OF_TEST"
[tiers]
local = { provider = "ollama", model = "m" }
remote = { provider = "openai", model = "n" }
[limits]
hook_tokens = 3000
day_tokens = 9000
month_usd = 20
[prices."openai/n"]
input = 1.25
output = 10
"#;

#[test]
fn without_files_the_defaults_hold_and_no_model_is_asked() {
    let options = Place::new(None).load().unwrap().options(Hook::PrePush).unwrap();
    assert_eq!(options.limits.tokens(Window::Hook), Some(USUAL_LIMIT.0));
    assert_eq!(options.limits.iter().count(), 1);
    assert_eq!(options.deadline, DEADLINE);
    assert_eq!(options.attribution.branch.as_deref(), Some("main"));
    assert!(options.tiers.asked.is_empty() && !options.required);
    assert_eq!(options.barrier.unwrap().reason, Reason::NoModel);
}

#[test]
fn the_users_own_local_tier_needs_no_consent() {
    let options = Place::new(Some(USER)).load().unwrap().options(Hook::PreCommit).unwrap();
    assert_eq!(options.barrier, None);
    let endpoint = options.tiers.asked[0].clone();
    assert_eq!((endpoint.tier.as_str(), endpoint.price), ("local", Some(Price::local())));
    assert_eq!(options.attribution.team.as_deref(), Some("payments"));
}

#[test]
fn a_repository_lowers_limits_and_cannot_raise_them() {
    for (written, limit) in [(2_999, 2_999), (3_000, 3_000), (1_000_000, 3_000)] {
        let text = format!("[hooks.pre-commit]\ntoken_limit = {written}\n");
        let config = Place::new(Some(USER)).with(REPOSITORY_FILE, &text).load().unwrap();
        let limits = config.options(Hook::PreCommit).unwrap().limits;
        assert_eq!((limits.tokens(Window::Hook), limits.tokens(Window::Day)), (Some(limit), Some(9_000)));
        let money = limits.iter().find(|limit| limit.unit == Unit::Money).unwrap();
        assert_eq!((money.window, PicoUsd(money.most).as_usd()), (Window::Month, 20.0));
    }
}

#[test]
fn the_local_file_overrides_key_by_key_and_widens_exclusions() {
    let place = Place::new(None)
        .with(
            REPOSITORY_FILE,
            "[hooks.pre-commit]\ntoken_limit = 7\ndeadline = \"2m\"\n[exclude]\npaths = [\"a/**\"]\n",
        )
        .with(LOCAL_FILE, "[hooks.pre-commit]\ndeadline = \"500ms\"\n[exclude]\npaths = [\"b/**\"]\n");
    let options = place.load().unwrap().options(Hook::PreCommit).unwrap();
    assert_eq!(options.limits.tokens(Window::Hook), Some(7));
    assert_eq!(options.deadline, Duration::from_millis(500));
    assert!(options.classify.excluded.is_match("a/x") && options.classify.excluded.is_match("b/x"));
}

#[test]
fn a_tier_is_passed_over_without_its_key_and_asked_with_it() {
    let text = "[hooks.pre-commit]\ntiers = [\"remote\", \"nowhere\", \"local\"]\n";
    let mut place = Place::new(Some(USER)).with(REPOSITORY_FILE, text);
    let tier =
        |place: &Place| place.load().unwrap().options(Hook::PreCommit).unwrap().tiers.asked[0].tier.clone();
    assert_eq!(tier(&place), "local");
    place.set("KEY_OF_TEST", "k");
    assert_eq!(tier(&place), "remote");
    let price = place.load().unwrap().user.endpoint("remote").unwrap().price.unwrap();
    // 1.25 USD per million tokens are 1,250,000 pico-USD a token; cached input costs as much.
    assert_eq!((price.input.0, price.cached_input.0, price.output.0), (1_250_000, 1_250_000, 10_000_000));
}

#[test]
fn who_answers_is_read_and_to_send_more_needs_consent() {
    use crate::payload::policy::{Answerer, Kind};
    let place = Place::new(None)
        .with(REPOSITORY_FILE, "[review]\nliterals = \"rules\"\ntests = \"rules\"\n")
        .with(LOCAL_FILE, "[review]\nliterals = \"model\"\n");
    let config = place.load().unwrap();
    let policy = config.options(Hook::PreCommit).unwrap().policy;
    assert_eq!(policy.answerer(Kind::Literals), Answerer::Model, "the local file overrides");
    assert_eq!(policy.answerer(Kind::Docs), Answerer::Rules);
    assert!(config.capabilities().is_empty(), "nothing is sent that is not sent anyway");

    let more = place.with(REPOSITORY_FILE, "[review]\ntests = \"model\"\ndocs = \"model\"\n").load().unwrap();
    assert_eq!(
        more.capabilities().lines(),
        ["every hook: send to a model also what rules answer: docs, tests"]
    );

    let wrong = complaint("[review]\ntest = \"model\"\n");
    assert!(wrong.contains("did you mean `tests`"), "{wrong}");
}

#[test]
fn names_that_a_terminal_would_obey_are_no_names() {
    let error = |user: &str, repository: &str| {
        let place = Place::new(Some(user)).with(REPOSITORY_FILE, repository);
        place.load().unwrap_err().to_string()
    };
    let long = "x".repeat(41);
    for name in ["a\\u001b[2K", "local:open", "a b", "", "a\\nb", "näher", &long] {
        for key in [format!("tiers = [\"{name}\"]"), format!("escalate = \"{name}\"")] {
            let text = format!("[hooks.pre-push]\n{key}\n");
            let said = error("", &text);
            let place = format!("hookgate.toml: [hooks.pre-push] {}", key.split(' ').next().unwrap());
            assert!(said.contains(&place) && said.contains("cannot be a name"), "{said}");
            assert!(!said.contains(crate::text::is_unprintable), "{said:?}");
        }
        let user =
            format!("[providers.\"{name}\"]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:1\"\n");
        assert!(error(&user, "").contains("config.toml: [providers]: "), "{name}");
        let user = format!(
            "[providers.p]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:1\"\n[tiers]\n\"{name}\" = {{ provider = \"p\", model = \"m\" }}\n"
        );
        assert!(error(&user, "").contains("config.toml: [tiers]: "), "{name}");
    }
    for wrong in ["[\"a\\u001b[2K\"]\n", "[hooks.pre-push]\nfailover = \"a\\u009b2K\"\n"] {
        let said = error("", wrong);
        assert!(said.contains("a\\u{") && !said.contains(crate::text::is_unprintable), "{said:?}");
    }
    let fits = format!("[hooks.pre-commit]\ntiers = [\"A.b_c-9\", \"{}\"]\n", &long[1..]);
    assert!(Place::new(None).with(REPOSITORY_FILE, &fits).load().is_ok());
}

#[test]
fn whoever_asks_is_named_by_file_account_and_pipeline() {
    let mut place = Place::new(Some("user = \"ada\"\nteam = \"core\"\n[labels]\nenv = \"laptop\"\n"))
        .with(REPOSITORY_FILE, "[labels]\nenv = \"repository\"\nproduct = \"web\"\n")
        .with(LOCAL_FILE, "[labels]\nproduct = \"api\"\n");
    place.set("USER", "root");
    place.set("HOOKGATE_LABELS", "run=nightly");
    let attribution = place.load().unwrap().attribution(Hook::PreCommit);
    assert_eq!((attribution.user.as_str(), attribution.stage.as_str()), ("ada", "local"));
    assert_eq!((attribution.branch.as_deref(), attribution.ci_run), (Some("main"), None));
    let labels: Vec<_> = attribution.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(labels, ["env=laptop", "product=api", "run=nightly"]);

    place.set("GITHUB_ACTIONS", "true");
    place.set("GITHUB_RUN_ID", "7");
    place.set("GITHUB_JOB", "gate");
    place.set("GITHUB_REF_NAME", "other");
    let attribution = place.load().unwrap().attribution(Hook::PreCommit);
    assert_eq!((attribution.stage.as_str(), attribution.ci_run.as_deref()), ("gate", Some("github:7")));
    // What HEAD says is what is committed to.
    assert_eq!(attribution.branch.as_deref(), Some("main"));
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(&place.environment.directory).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let ident = ["user.name=a", "user.email=a@example.org"].into_iter().flat_map(|pair| ["-c", pair]);
        assert!(git.args(ident).args(args).output().unwrap().status.success(), "{args:?}");
    };
    git(&["commit", "--quiet", "--allow-empty", "-m", "first"]);
    git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(place.load().unwrap().attribution(Hook::PreCommit).branch.as_deref(), Some("other"));
}

#[test]
fn a_name_is_that_of_the_address_as_git_reads_it() {
    let place = Place::new(None);
    let config = place.environment.directory.join(".git/config");
    let text = fs::read_to_string(&config).unwrap();
    let text = format!(
        "{text}[remote \"origin\"]\nurl = work:web.git\n[url \"git@example.org:acme/\"]\ninsteadOf = work:\n"
    );
    fs::write(config, text).unwrap();
    assert_eq!(place.load().unwrap().attribution(Hook::PreCommit).repository, "acme/web");
}

#[test]
fn upper_and_lower_case_are_one_repository() {
    let user =
        "[limits.repository.\"Acme/Web\"]\nday_tokens = 7\n[limits.repository.\"*\"]\nday_tokens = 9\n";
    for url in ["https://example.org/acme/web", "https://example.org/ACME/Web.GIT"] {
        let place = Place::new(Some(user));
        let config = place.environment.directory.join(".git/config");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(config, format!("{text}[remote \"origin\"]\nurl = {url}\n")).unwrap();
        let config = place.load().unwrap();
        assert_eq!(config.attribution(Hook::PreCommit).repository, "acme/web", "{url}");
        let limits = config.options(Hook::PreCommit).unwrap().limits;
        assert_eq!(limits.tokens(Window::Day), Some(7), "{url}");
    }
    let twice = "[limits.repository.\"a/B\"]\nday_tokens = 7\n[limits.repository.\"A/b\"]\nday_tokens = 9\n";
    let complaint = Place::new(Some(twice)).complaint();
    assert!(complaint.contains("in two spellings"), "{complaint}");
}

#[test]
fn an_address_that_holds_a_secret_is_refused_where_it_is_read() {
    for base_url in [
        "https://ada:SECRET@example.com/v1",
        "https://SECRET@example.com/v1",
        "https://example.com/v1?key=SECRET",
        "https://example.com/v1#SECRET",
        "https://ada:SECRET@example.com:99999/v1",
        "https://ada:a/SECRET@example.com/v1",
        "ada:SECRET@example.com/v1",
        "ftp://ada:SECRET@example.com/v1",
        "//ada:SECRET@example.com/v1",
    ] {
        let text = format!("[providers.unused]\ndialect = \"openai\"\nbase_url = {base_url:?}\n");
        let place = Place::new(Some(&text));
        let of_user = UserConfig::load(&place.environment).unwrap_err().to_string();
        for complaint in [place.complaint(), of_user] {
            assert!(complaint.contains("[providers.unused]: base_url"), "{complaint}");
            assert!(!complaint.contains("SECRET"), "{complaint}");
        }
    }
}

#[test]
fn wrong_labels_are_said_with_their_place() {
    let long = format!("[labels]\na = \"{}\"\n", "x".repeat(121));
    let cases = ["[labels]\nTeam = \"1\"\n", "\n[labels]\nteam = 1\n", "[labels]\nteam = \"\"\n", &long];
    let complaints: Vec<_> = cases.into_iter().map(complaint).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    hookgate.toml:1:1: "Team" is no name of a label: expected 1 to 40 of a-z, 0-9, `_`, `.` and `-`
    hookgate.toml:3:8: invalid type: integer `1`, expected a string in quotes
    hookgate.toml:1:1: the value of label `team` cannot be used: expected 1 to 120 printable characters
    hookgate.toml:1:1: the value of label `a` cannot be used: expected 1 to 120 printable characters
    "#);
    let mut place = Place::new(None);
    place.set("HOOKGATE_LABELS", "team");
    assert!(place.complaint().starts_with("HOOKGATE_LABELS: "), "{}", place.complaint());
}

#[test]
fn a_gateway_is_named_in_the_users_file_alone() {
    let provider = "[providers.a]\ndialect = \"openai\"\nbase_url = \"https://a.example.org\"\n";
    let tier = "[tiers]\nlocal = { provider = \"a\", model = \"m\" }\n";
    let is_gateway = |key: &str| {
        Place::new(Some(&format!("{provider}{key}{tier}")))
            .load()
            .unwrap()
            .user
            .endpoint("local")
            .unwrap()
            .gateway
    };
    assert_eq!(is_gateway("gateway = true\n"), Some(true));
    assert_eq!([is_gateway("gateway = false\n"), is_gateway("")], [Some(false); 2]);
    assert!(
        complaint("gateway = true\n").contains("`gateway` is forbidden here"),
        "{}",
        complaint("gateway = true\n")
    );
}

#[test]
fn each_limit_says_what_sets_it() {
    let user = "team = \"core\"\n[limits]\nhook_tokens = 9000\nday_tokens = 5\n[limits.repository.\"*\"]\n\
                day_tokens = 4\n[limits.repository.other]\nday_tokens = 3\n[limits.team.core]\nmonth_usd = 1\n\
                [limits.stage.test]\nday_tokens = 1\n";
    let at = |repository: &str, local: &str| {
        let place = Place::new(Some(user)).with(REPOSITORY_FILE, repository).with(LOCAL_FILE, local);
        let ceilings = place.load().unwrap().ceilings(Hook::PreCommit);
        let shown = ceilings.iter().map(|Ceiling { limit, origin }| {
            format!("{} {} {} {origin}", limit.window.as_str(), limit.scope.as_str(), limit.most)
        });
        shown.collect::<Vec<_>>()
    };
    let rest =
        ["day repository 4 [limits.repository.\"*\"]", "month team 1000000000000 [limits.team.\"core\"]"];
    let hook = |tokens: u64| format!("[hooks.pre-commit]\ntoken_limit = {tokens}\n");
    let expected =
        |first: [&str; 2]| first.iter().chain(&rest).map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let day = "day user 5 [limits]";
    assert_eq!(at("", ""), expected([day, "hook user 4000 built in"]));
    assert_eq!(at(&hook(300), ""), expected([day, "hook user 300 hookgate.toml"]));
    assert_eq!(at(&hook(300), &hook(200)), expected([day, "hook user 200 hookgate.local.toml"]));
    assert_eq!(at(&hook(9001), ""), expected(["hook user 9000 [limits]", day]));
}

#[test]
fn a_wrong_key_of_a_scopes_limits_is_said_with_its_place() {
    let cases = [
        "[limits.repository.\"*\"]\nday_token = 1\n",
        "[limits.repositories.a]\nday_tokens = 1\n",
        "[limits.team]\nday_tokens = 1\n",
        "[limits.stage.test]\nday_usd = -1\n",
    ];
    let complaints: Vec<_> = cases.into_iter().map(|case| Place::new(Some(case)).complaint()).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r"
    …/config/hookgate/config.toml:2:1: unknown key `day_token`; did you mean `day_tokens`?
    …/config/hookgate/config.toml:1:9: unknown key `repositories`; did you mean `repository`?
    …/config/hookgate/config.toml:2:14: invalid type: integer `1`, expected a section with keys of its own
    …/config/hookgate/config.toml:2:11: -1 is no amount of USD: expected a number from 0 up
    ");
}
