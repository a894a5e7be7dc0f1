//! What needs its user's consent, and which consent counts.

use std::fs;
use std::path::Path;

use super::tests::{Place, USER};
use super::*;
use crate::config::file::Ceilings;
use crate::meter::Window;

fn capabilities(text: &str) -> Capabilities {
    let file = read::repository_file(Path::new("x"), text, Path::new("y")).unwrap();
    Capabilities::of(&file, &Ceilings::default())
}

#[test]
fn consent_is_to_exactly_what_is_asked_for() {
    let barrier = |place: &Place| {
        let options = place.load().unwrap().options(Hook::PreCommit).unwrap();
        options.barrier.map(|barrier| barrier.reason)
    };
    let asking = "[hooks.pre-commit]\ntiers = [\"local\"]\n";
    let place = Place::new(Some(USER)).with(REPOSITORY_FILE, asking);
    assert_eq!(barrier(&place), Some(Reason::Consent));

    let config = place.load().unwrap();
    config.record.record(&config.capabilities()).unwrap();
    assert_eq!(barrier(&place), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for entry in fs::read_dir(config.user.state_directory.join("consent")).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
        }
    }

    let place = place.with(REPOSITORY_FILE, "[hooks.pre-commit]\ntiers = [\"local\"]\nrequired = true\n");
    assert_eq!(barrier(&place), Some(Reason::Consent), "more is asked for");
    let Consent::Outdated { agreed } = place.load().unwrap().consent else { panic!("not outdated") };
    assert_eq!(agreed.lines().len(), 1);

    let place = place.with(REPOSITORY_FILE, asking);
    assert_eq!(barrier(&place), None, "the old consent still counts for what it was given to");
    assert!(place.load().unwrap().record.revoke().unwrap());
    assert_eq!(barrier(&place), Some(Reason::Consent));
}

#[test]
fn a_run_may_carry_consent_by_value_only() {
    let text = "[hooks.pre-commit]\ntiers = [\"remote\"]\n";
    let mut place = Place::new(Some(USER)).with(REPOSITORY_FILE, text);
    let hash = place.load().unwrap().capabilities().hash();
    for (value, allowed) in [("1", false), ("true", false), ("sha256:", false), (hash.as_str(), true)] {
        place.set("HOOKGATE_TRUST", value);
        assert_eq!(place.load().unwrap().consent.allows(), allowed, "{value}");
    }
}

#[test]
fn the_hash_follows_what_is_asked_for_and_nothing_else() {
    let hash = |text: &str| capabilities(text).hash();
    let asked = hash("[hooks.pre-commit]\ntiers = [\"local\"]\nrequired = true\n");
    // As sha256sum says of {"hooks":{"pre-commit":{"required":true,"tiers":["local"]}}}. Consents
    // that were given outlive a version: this hash may not change.
    insta::assert_snapshot!(asked, @"sha256:ce253304c0039d85c96b005bd22b787af3c413127b8f2b28c8adc85070998f07");
    let data = [
        "# a comment\n[hooks.pre-commit]\nrequired = true\ntiers = [\"local\"]\ntoken_limit = 1\n",
        "[exclude]\npaths = [\"x\"]\n[hooks.pre-push]\nrequired = false\nlevel = \"lines\"\n\
         [hooks.pre-commit]\ntiers = ['local']\nrequired = true\n[rules]\ndisabled = [\"a/b\"]\n",
    ];
    for text in data {
        assert_eq!(hash(text), asked, "{text}");
    }
    let others = [
        "[hooks.pre-commit]\ntiers = [\"local\"]\n",
        "[hooks.pre-commit]\ntiers = [\"remote\"]\nrequired = true\n",
        "[hooks.pre-commit]\ntiers = [\"local\", \"remote\"]\nrequired = true\n",
        "[hooks.pre-push]\ntiers = [\"local\"]\nrequired = true\n",
    ];
    for text in others {
        assert_ne!(hash(text), asked, "{text}");
    }
}

#[test]
fn to_go_farther_or_to_escalate_is_a_capability() {
    let of = |text: &str| capabilities(&format!("[hooks.pre-commit]\n{text}\n"));
    let plain = of("tiers = [\"local\", \"remote\"]");
    for same in ["failover = \"same\"", "failover = \"none\""] {
        let asked = of(&format!("tiers = [\"local\", \"remote\"]\n{same}"));
        assert_eq!((asked.hash(), asked.lines()), (plain.hash(), plain.lines()), "{same}");
    }
    assert!(of("failover = \"any\"").is_empty(), "there is no other tier");
    assert!(of("tiers = []\nescalate = \"dear\"").is_empty(), "nobody is asked");
    let all = of("tiers = [\"local\", \"remote\"]\nfailover = \"any\"\nescalate = \"dear\"\nrequired = true");
    // As sha256sum says of {"hooks":{"pre-commit":{"escalate":"dear","failover":"any","required":true,
    // "tiers":["local","remote"]}}}, without the line break. This hash may not change either.
    insta::assert_snapshot!(all.hash(), @"sha256:5983ce46bbf7b7795d3c32716776a6acb2129311230ff53b847ce5250b782956");
    insta::assert_snapshot!(all.lines().join("\n"), @"
    pre-commit: send changed code to your tier `local`, else `remote`
    pre-commit: where one of these tiers gives no answer, send changed code to the next one even if that one is not on this machine, or is premium
    pre-commit: send code that a tier is unsure of to your tier `dear` too, even if that one is not on this machine, or is premium
    pre-commit: refuse changes that no model could review
    ");
    // A record of it can be read back.
    let place = Place::new(None);
    let record = place.load().unwrap().record;
    record.record(&all).unwrap();
    assert_eq!(record.agreed().unwrap(), Some(all));
}

#[test]
fn more_than_is_usual_is_a_capability() {
    let of = |text: &str| capabilities(&format!("[hooks.pre-commit]\ntiers = [\"local\"]\n{text}\n"));
    let plain = of("");
    for no_more in ["token_limit = 4000", "token_limit = 1", "deadline = \"20s\"", "deadline = \"500ms\""] {
        assert_eq!(of(no_more), plain, "{no_more}");
    }
    let more = of("token_limit = 100000000\ndeadline = \"10m\"");
    // As sha256sum says of {"hooks":{"pre-commit":{"deadline_ms":600000,"tiers":["local"],
    // "token_limit":100000000}}}, without the line break.
    insta::assert_snapshot!(more.hash(), @"sha256:46151551c2583d98349c56c50ca73536ceca25c04dcb827fd02049dcf8cea3aa");
    insta::assert_snapshot!(more.lines().join("\n"), @r"
    pre-commit: send changed code to your tier `local`
    pre-commit: spend up to 100,000,000 tokens in one run; 4,000 are usual
    pre-commit: wait up to 600s for the answers of one run; 20s are usual
    ");
    let mute = capabilities("[hooks.pre-push]\ntiers = []\ntoken_limit = 9000\ndeadline = \"1m\"\n");
    assert!(mute.is_empty(), "nobody is asked");
    let record = Place::new(None).load().unwrap().record;
    record.record(&more).unwrap();
    assert_eq!(record.agreed().unwrap(), Some(more));
}

#[test]
fn a_limit_is_raised_with_consent_only() {
    let without_limits = USER.split("[limits]").next().unwrap();
    let limit = |user: &str, files: [(&str, &str); 2]| {
        let place = Place::new(Some(user)).with(REPOSITORY_FILE, "[hooks.pre-commit]\ntiers = [\"local\"]\n");
        let config = place.load().unwrap();
        config.record.record(&config.capabilities()).unwrap();
        let place = files
            .into_iter()
            .fold(place, |place, (name, text)| place.with(name, &format!("[hooks.pre-commit]\n{text}\n")));
        let options = place.load().unwrap().options(Hook::PreCommit).unwrap();
        (options.limits.tokens(Window::Hook), options.barrier.map(|barrier| barrier.reason))
    };
    let tiers = "tiers = [\"local\"]";
    let raised = format!("{tiers}\ntoken_limit = 100000000");
    let longer = format!("{tiers}\ndeadline = \"10m\"");
    let refused = Some(Reason::Consent);
    assert_eq!(limit(without_limits, [(REPOSITORY_FILE, &raised), (LOCAL_FILE, "")]).1, refused);
    assert_eq!(limit(without_limits, [(REPOSITORY_FILE, &longer), (LOCAL_FILE, "")]).1, refused);
    // Nothing keeps a repository from committing one.
    assert_eq!(
        limit(without_limits, [(REPOSITORY_FILE, tiers), (LOCAL_FILE, "token_limit = 4001")]).1,
        refused
    );
    assert_eq!(
        limit(without_limits, [(REPOSITORY_FILE, &raised), (LOCAL_FILE, "token_limit = 3000")]),
        (Some(3000), None),
        "the local file lowers it again"
    );
    let own = USER.replace("hook_tokens = 3000", "hook_tokens = 50000");
    assert_eq!(
        limit(&own, [(REPOSITORY_FILE, &raised), (LOCAL_FILE, "")]),
        (Some(50_000), None),
        "the user has said how much a run may take"
    );
}
