//! `hookgate rules`, inside and outside of a repository.

use crate::harness::repo::{Repo, Said};

const PACK: &str = r#"[[rule]]
id = "ours/ticket"
severity = "info"
confidence = "low"
message = "a ticket"
keywords = ["T-"]
regex = 'T-\d+'

[[rule.tests]]
bad = ["T-1"]
good = ["T-x"]
"#;

fn outside(repo: &Repo, args: &[&str]) -> Said {
    let directory = repo.beside("elsewhere");
    std::fs::create_dir_all(&directory).unwrap();
    let mut command = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &directory);
    command.args(args).output().unwrap().into()
}

#[test]
fn the_bundled_packs_keep_their_word_anywhere() {
    let repo = Repo::empty();
    let inside = repo.hookgate(["rules", "test"]).expect(0);
    assert!(inside.stdout.ends_with(" examples: all pass\n"), "{inside:#?}");
    assert_eq!(outside(&repo, &["rules", "test"]).expect(0).stdout, inside.stdout);
    // Whoever switches hooks off still asks.
    let mut off = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    let off: Said = off.args(["rules", "test"]).env("HOOKGATE", "0").output().unwrap().into();
    assert_eq!(off.expect(0).stdout, inside.stdout);
}

#[test]
fn the_list_is_that_of_the_repository() {
    let repo = Repo::empty();
    repo.write(
        "hookgate.toml",
        "[rules]\ndisabled = [\"python/breakpoint\"]\nseverity = { \"rust/dbg-macro\" = \"info\" }\n",
    );
    let listed = repo.hookgate(["rules", "list", "--format", "json"]).expect(0).json();
    let find = |id: &str| listed["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap();
    assert_eq!(find("python/breakpoint")["enabled"], false);
    assert_eq!(find("rust/dbg-macro")["severity"], "info");
    let shown = repo.hookgate(["rules", "list", "python"]).expect(0).stdout;
    assert!(shown.contains("python/breakpoint ") && shown.contains(" disabled "), "{shown}");
    assert!(!shown.contains("rust/"), "{shown}");
    let elsewhere = outside(&repo, &["rules", "list", "--format", "json"]).expect(0).json();
    assert!(elsewhere["rules"].as_array().unwrap().iter().all(|rule| rule["enabled"] == true));
}

#[test]
fn a_pack_can_be_tried_before_it_is_used() {
    let repo = Repo::empty();
    repo.write("drafts/ours.toml", PACK);
    let said = repo.hookgate(["rules", "test", "drafts/ours.toml"]).expect(0);
    assert_eq!(said.stdout, "1 pack, 1 rule, 2 examples: all pass\n");

    repo.write("drafts/ours.toml", PACK.replace("T-x", "T-2"));
    let said = repo.hookgate(["rules", "test", "drafts/ours.toml"]).expect(1);
    assert!(said.stdout.starts_with("fail  drafts/ours.toml:1: `ours/ticket` matches \"T-2\""), "{said:#?}");

    repo.write("drafts/ours.toml", PACK.replace("severity", "severety"));
    let said = repo.hookgate(["rules", "test", "drafts/ours.toml"]).expect(2);
    assert!(said.stdout.starts_with("fail  drafts/ours.toml:3: "), "{said:#?}");

    let said = repo.hookgate(["rules", "test", "drafts/none.toml"]).expect(2);
    assert!(said.stderr.contains("none.toml: there is no such file"), "{said:#?}");
}

#[test]
fn what_a_finding_names_can_be_explained() {
    let repo = Repo::empty();
    let said = outside(&repo, &["rules", "explain", "python/breakpoint"]).expect(0);
    assert!(said.stdout.contains("hookgate-ignore: python/breakpoint REASON"), "{said:#?}");
    let said = repo.hookgate(["rules", "explain", "python/breakpont"]).expect(2);
    assert!(said.stderr.contains("did you mean `python/breakpoint`?"), "{said:#?}");
    repo.hookgate(["rules", "explain", "syntax/error"]).expect(0);
}
