use super::tests::Place;
use super::*;
use crate::meter::price::PriceSource;

/// Tiers near and far, cheap and dear.
const THREE: &str = r#"
[providers.here]
dialect = "ollama"
base_url = "http://127.0.0.1:11434"
[providers.away]
dialect = "openai"
base_url = "https://models.example.org/v1"
[providers.keyed]
dialect = "openai"
base_url = "https://keyed.example.org/v1"
api_key_env = "KEY_OF_TEST"
[providers.own]
dialect = "openai"
base_url = "http://localhost:4000/v1"
gateway = true
[providers.behind-key]
dialect = "openai"
base_url = "http://127.0.0.1:4000/v1"
api_key_env = "LOCAL_KEY"
[providers.vouched]
dialect = "openai"
base_url = "http://127.0.0.1:1234/v1"
api_key_env = "LOCAL_KEY"
gateway = false
[tiers]
local = { provider = "here", model = "m" }
big = { provider = "here", model = "b", premium = true }
remote = { provider = "away", model = "n" }
dear = { provider = "away", model = "d", premium = true }
keyed = { provider = "keyed", model = "k" }
relay = { provider = "own", model = "r" }
perhaps = { provider = "behind-key", model = "p" }
larger = { provider = "behind-key", model = "l" }
lmstudio = { provider = "vouched", model = "v" }
cloud = { provider = "here", model = "gpt-oss:120b-cloud" }
"#;

/// The tiers that a hook asks, and those that it passes over with the reason.
fn asked(section: &str) -> (Vec<String>, Vec<String>) {
    let text = format!("[hooks.pre-commit]\n{section}\n");
    let mut place = Place::new(Some(THREE)).with(REPOSITORY_FILE, &text);
    place.set("LOCAL_KEY", "lm");
    let config = place.load().unwrap();
    let tiers = config.options(Hook::PreCommit).unwrap().tiers;
    let path = config.user.path.display().to_string();
    let skipped = tiers.skipped.iter().map(|it| format!("{} {}", it.tier, it.because.replace(&path, "…")));
    (tiers.asked.iter().map(|endpoint| endpoint.tier.clone()).collect(), skipped.collect())
}

#[test]
fn no_tier_takes_code_farther_than_those_before_it_unless_the_hook_says_so() {
    let cases = [
        (&["local", "remote"][..], &["local"][..], &["local", "remote"][..]),
        (&["remote", "local"], &["remote", "local"], &["remote", "local"]),
        (&["remote", "local", "remote"], &["remote", "local"], &["remote", "local"]),
        (&["remote", "dear", "local", "big"], &["remote", "local"], &["remote", "dear", "local", "big"]),
        (&["dear", "remote", "local"], &["dear", "remote", "local"], &["dear", "remote", "local"]),
        (&["dear", "big"], &["dear", "big"], &["dear", "big"]),
        // To be dear is one thing, and to be elsewhere another.
        (&["big", "remote"], &["big"], &["big", "remote"]),
        (&["big", "dear", "local"], &["big", "local"], &["big", "dear", "local"]),
        // At an address of this machine, and not on it.
        (&["local", "relay"], &["local"], &["local", "relay"]),
        (&["local", "cloud"], &["local"], &["local", "cloud"]),
        (&["remote", "cloud", "relay"], &["remote", "cloud", "relay"], &["remote", "cloud", "relay"]),
        // A server on this machine that wants a key may be a gateway, and may be none, unless the file says it.
        (&["local", "perhaps"], &["local"], &["local", "perhaps"]),
        (&["perhaps", "local", "remote"], &["perhaps", "local"], &["perhaps", "local", "remote"]),
        (&["perhaps", "larger"], &["perhaps", "larger"], &["perhaps", "larger"]),
        (&["local", "perhaps", "larger"], &["local"], &["local", "perhaps", "larger"]),
        (&["perhaps", "remote"], &["perhaps"], &["perhaps", "remote"]),
        (&["remote", "perhaps"], &["remote", "perhaps"], &["remote", "perhaps"]),
        (&["local", "lmstudio"], &["local", "lmstudio"], &["local", "lmstudio"]),
        (&["lmstudio", "remote"], &["lmstudio"], &["lmstudio", "remote"]),
        // What is not there might have been meant to be on this machine.
        (&["gone", "local", "remote"], &["local"], &["local", "remote"]),
        (&["gone", "remote"], &[], &["remote"]),
        (&["remote", "gone", "keyed"], &["remote"], &["remote"]),
        // What lacks its key is known not to be.
        (&["keyed", "remote"], &["remote"], &["remote"]),
    ];
    for (tiers, same, any) in cases {
        assert_eq!(asked(&format!("tiers = {tiers:?}")).0, same, "{tiers:?}");
        assert_eq!(asked(&format!("tiers = {tiers:?}\nfailover = \"same\"")).0, same, "{tiers:?}");
        assert_eq!(asked(&format!("tiers = {tiers:?}\nfailover = \"any\"")).0, any, "{tiers:?}");
        let none = asked(&format!("tiers = {tiers:?}\nfailover = \"none\"")).0;
        assert!(none.len() <= 1 && none.iter().all(|tier| tier == tiers[0]), "{tiers:?}: {none:?}");
    }
}

#[test]
fn only_what_stays_on_this_machine_is_free_without_a_word() {
    let config = Place::new(Some(THREE)).load().unwrap();
    let source = |tier: &str| {
        let endpoint = config.user.priced(tier).unwrap();
        PriceSource::of(endpoint.price.as_ref())
    };
    assert_eq!(["local", "big", "lmstudio"].map(source), ["local"; 3]);
    assert_eq!(["relay", "cloud", "remote", "perhaps"].map(source), ["unknown"; 4]);
    let priced = format!("{THREE}\n[prices.\"own/r\"]\ninput = 1\noutput = 2\n");
    let config = Place::new(Some(&priced)).load().unwrap();
    assert_eq!(PriceSource::of(config.user.endpoint("relay").unwrap().price.as_ref()), "user");
}

#[test]
fn a_tier_that_is_passed_over_says_why() {
    let skipped = asked("tiers = [\"gone\", \"keyed\", \"local\", \"remote\", \"big\"]").1;
    insta::assert_snapshot!(skipped.join("\n"), @r#"
    gone is not defined in …
    keyed needs a key in the environment variable KEY_OF_TEST, which is not set
    remote would send code off this machine, and a tier before it is not defined: failover = "any" in the hook's section allows it
    big is premium, and a tier before it is not defined: failover = "any" in the hook's section allows it
    "#);
    let skipped = asked("tiers = [\"perhaps\", \"local\", \"remote\"]").1;
    insta::assert_snapshot!(skipped.join("\n"), @r#"remote would send code off this machine, and a tier before it would not: failover = "any" in the hook's section allows it"#);
    let skipped = asked("tiers = [\"local\", \"perhaps\"]").1;
    insta::assert_snapshot!(skipped.join("\n"), @r#"perhaps may send code off this machine, since its provider wants a key and does not say gateway = false, and a tier before it would not: failover = "any" in the hook's section allows it"#);
    let skipped = asked("tiers = [\"remote\", \"dear\"]\nescalate = \"nowhere\"").1;
    insta::assert_snapshot!(skipped.join("\n"), @r#"
    dear is premium, and a tier before it is not: failover = "any" in the hook's section allows it
    nowhere is not defined in …
    "#);
}

#[test]
fn doubts_go_where_the_hook_says_and_nowhere_else() {
    let options = |section: &str| {
        let text = format!("[hooks.pre-commit]\n{section}\n");
        let place = Place::new(Some(THREE)).with(REPOSITORY_FILE, &text);
        place.load().unwrap().options(Hook::PreCommit).unwrap().tiers
    };
    assert!(options("tiers = [\"local\", \"dear\"]\nfailover = \"any\"").escalation.is_none());
    let tiers = options("escalate = \"dear\"");
    assert_eq!(tiers.escalation.unwrap().tier, "dear", "whatever it costs: it is named");
    assert_eq!(tiers.asked.len(), 1, "and asked about nothing else");
    assert!(options("tiers = []\nescalate = \"dear\"").escalation.is_none(), "rules only");
}
