//! What the commands say of a pack that is not bundled, so that it stays as it is.

use super::*;

const PACK: &str = r#"languages = ["python", "rust"]

[[rule]]
id = "ours/old-name"
severity = "error"
confidence = "high"
message = "`old` is called `new` now"
note = "write `new`"
why = """
Since the second version the function has another name, and its arguments have changed their places. The
old one is still there, but it only warns.

It goes away with the third version.
"""
files = ["src/**"]
ignores = ["src/old/**"]
ast = { pattern = "old($A, $B)" }
fix = "new($B, $A)"

[[rule.tests]]
path = "src/a.py"
bad = ["old(1, 2)\n", "if x:\n    old(1, f(2))\n"]
fixed = ["new(2, 1)\n", "if x:\n    new(f(2), 1)\n"]
good = ["new(1, 2)\n"]

[[rule]]
id = "ours/ticket"
severity = "info"
confidence = "low"
message = "a ticket"
keywords = ["T-"]
regex = 'T-\d+'

[[rule.tests]]
bad = ["T-1"]
good = ["T-x"]

[[rule]]
id = "ours/off"
severity = "warning"
confidence = "low"
message = "nobody wants to know"
keywords = ["off"]
regex = 'off'

[[rule.tests]]
bad = ["off"]
good = ["on"]
"#;

fn pack(text: &str) -> PackSource {
    PackSource { file: ".hookgate/rules/ours.toml".to_owned(), text: text.to_owned() }
}

fn rules() -> RuleSet {
    RuleSet::new(RuleOptions {
        packs: vec![pack(PACK)],
        disabled: vec!["ours/off".to_owned()],
        severity: [("ours/ticket".to_owned(), Severity::Warning)].into(),
        ..RuleOptions::default()
    })
    .unwrap()
}

/// What was written, without its colours.
fn said<T>(write: impl FnOnce(&mut dyn Write) -> Result<T, Error>) -> (Result<T, Error>, String) {
    let mut out = Vec::new();
    let result = write(&mut out);
    (result, anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string())
}

#[test]
fn the_list_shows_what_is_in_force() {
    let listed = |only| said(|out| list(&rules(), Some(only), ListFormat::Text, out)).1;
    insta::assert_snapshot!(listed("ours"), @"
    .hookgate/rules/ours.toml: python, rust
      ours/old-name  error    `old` is called `new` now
      ours/ticket    warning  a ticket (its pack says info)
      ours/off       disabled nobody wants to know

    1 pack, 3 rules, 1 of them disabled
    ");
    // The pack's file, and a language of it.
    assert_eq!(listed(".hookgate/rules/ours.toml"), listed("ours"));
    assert!(listed("rust").contains("ours/ticket") && listed("rust").contains("rust/"));
    assert!(!listed("rust").contains("python/"));
}

#[test]
fn who_names_no_pack_is_told_which_there_are() {
    let error = said(|out| list(&rules(), Some("pyhton"), ListFormat::Text, out)).0.unwrap_err();
    assert!(error.to_string().starts_with("no pack is called `pyhton`"), "{error}");
    assert!(error.to_string().contains(", ours, "), "{error}");
}

#[test]
fn the_list_as_json_has_every_rule() {
    let rules = rules();
    let listed = said(|out| list(&rules, None, ListFormat::Json, out)).1;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let listed = listed["rules"].as_array().unwrap();
    assert_eq!(listed.len(), rules.rules().count());
    let ticket = listed.iter().find(|rule| rule["id"] == "ours/ticket").unwrap();
    assert_eq!((&ticket["severity"], &ticket["pack_severity"]), (&"warning".into(), &"info".into()));
    assert_eq!((&ticket["pack"], &ticket["line"]), (&".hookgate/rules/ours.toml".into(), &26.into()));
    assert_eq!(listed.iter().filter(|rule| rule["enabled"] == false).count(), 1);
}

#[test]
fn a_rule_is_explained_from_why_to_how_to_silence_it() {
    insta::assert_snapshot!(said(|out| explain::explain(&rules(), "ours/old-name", out)).1, @r#"
    ours/old-name: error
    `old` is called `new` now

    Since the second version the function has another name, and its arguments have
    changed their places. The old one is still there, but it only warns.

    It goes away with the third version.

    What to do: write `new`

    It finds
      - old(1, 2)
      + new(2, 1)

      - if x:
      -     old(1, f(2))
      + if x:
      +     new(f(2), 1)

    It does not find
        new(1, 2)

      severity    error, which refuses the commit
      confidence  high
      reads       python, rust
      files       src/**
      but not     src/old/**
      written in  .hookgate/rules/ours.toml:3

    To silence it
      once        a comment at the end of the line, or on a line of its own above it:
                      hookgate-ignore: ours/old-name REASON
      for paths   in hookgate.toml:
                      [[rules.overrides]]
                      paths = ["tests/**"]
                      disabled = ["ours/old-name"]
      everywhere  in hookgate.toml:
                      [rules]
                      disabled = ["ours/old-name"]
      or keep it as a warning, which refuses nothing:
                      [rules.severity]
                      "ours/old-name" = "warning"
    "#);
}

#[test]
fn what_somebody_changed_about_a_rule_is_said() {
    let explained = |id| said(|out| explain::explain(&rules(), id, out)).1;
    assert!(explained("ours/ticket").contains("severity    warning; its pack says info\n"));
    assert!(explained("ours/off").contains("disabled    by [rules] disabled in hookgate.toml\n"));
}

#[test]
fn what_is_said_on_silencing_a_rule_would_silence_it() {
    let explained = |id| said(|out| explain::explain(&rules(), id, out)).1;
    let secret = explained("secrets/github-token");
    assert!(secret.contains("hookgate-ignore: secrets/github-token REASON"), "{secret}");
    assert!(!secret.contains("disabled = ") && !secret.contains("\"warning\""), "{secret}");
    let file = explained("git/large-file");
    assert!(file.contains("hookgate-ignore-file: git/large-file REASON"), "{file}");
    assert!(!file.contains("hookgate-ignore: "), "{file}");
}

#[test]
fn examples_that_nobody_could_see_are_quoted() {
    let explained = |id| said(|out| explain::explain(&bundled()?, id, out)).1;
    assert!(explained("text/mixed-line-endings").contains(r"\r\n"));
    assert!(explained("text/trailing-whitespace").contains("- \"a = 1 "));
    let bidi = explained("text/bidi-character");
    assert!(!bidi.contains('\u{202e}') && bidi.contains(r"\u{202"), "{bidi}");
}

#[test]
fn every_rule_can_be_explained() {
    let rules = rules();
    for rule in rules.rules() {
        let (result, text) = said(|out| explain::explain(&rules, &rule.id, out));
        assert!(result.is_ok() && text.contains(&rule.message), "{text}");
    }
    // Not of any pack, but findings name it.
    assert!(said(|out| explain::explain(&rules, "model/bug", out)).0.is_ok());
    assert!(said(|out| explain::explain(&rules, "syntax/eror", out)).0.is_err());
}

#[test]
fn an_unknown_rule_is_refused_with_the_nearest_one() {
    let refused = |id| said(|out| explain::explain(&rules(), id, out)).0.unwrap_err().to_string();
    assert_eq!(refused("ours/old-nam"), "no rule is called `ours/old-nam`; did you mean `ours/old-name`?");
    assert_eq!(refused("zzz"), "no rule is called `zzz`; `hookgate rules list` names them all");
}

#[test]
fn a_pack_that_keeps_its_word_passes() {
    let (status, text) = said(|out| test(&[Trial::of(pack(PACK))], out));
    assert_eq!(
        (status.unwrap(), text.as_str()),
        (ExitStatus::Allowed, "1 pack, 3 rules, 7 examples: all pass\n")
    );
}

#[test]
fn examples_that_fail_and_packs_that_are_broken_are_told_apart() {
    let failing =
        PACK.replace("bad = [\"T-1\"]", "bad = [\"T-1\", \"T-y\"]").replace("[\"on\"]", "[\"offer\"]");
    let (status, text) = said(|out| test(&[Trial::of(pack(&failing))], out));
    assert_eq!(status.unwrap(), ExitStatus::Blocked);
    insta::assert_snapshot!(text, @r#"
    fail  .hookgate/rules/ours.toml:26: `ours/ticket` misses "T-y" as python
    fail  .hookgate/rules/ours.toml:26: `ours/ticket` misses "T-y" as rust
    fail  .hookgate/rules/ours.toml:38: `ours/off` matches "offer" as python
    fail  .hookgate/rules/ours.toml:38: `ours/off` matches "offer" as rust
    1 pack, 3 rules, 8 examples: 4 failures
    "#);

    let wrong = PACK.replace("old($A, $B)", "old($A, ").replace("'T-\\d+'", "'(T-'").replace("'off'", "'['");
    let (status, text) = said(|out| test(&[Trial::of(pack(&failing)), Trial::of(pack(&wrong))], out));
    assert_eq!(status.unwrap(), ExitStatus::Failed);
    insta::assert_snapshot!(text, @r#"
    fail  .hookgate/rules/ours.toml:26: `ours/ticket` misses "T-y" as python
    fail  .hookgate/rules/ours.toml:26: `ours/ticket` misses "T-y" as rust
    fail  .hookgate/rules/ours.toml:38: `ours/off` matches "offer" as python
    fail  .hookgate/rules/ours.toml:38: `ours/off` matches "offer" as rust
    fail  .hookgate/rules/ours.toml:3: rule `ours/old-name` does not compile for python: Rule must specify a set of AST kinds to match. Try adding `kind` rule.
    fail  .hookgate/rules/ours.toml:3: rule `ours/old-name` does not compile for rust: Rule must specify a set of AST kinds to match. Try adding `kind` rule.
    fail  .hookgate/rules/ours.toml:26: rule `ours/ticket` has a wrong regular expression: unclosed group
    fail  .hookgate/rules/ours.toml:38: rule `ours/off` has a wrong regular expression: unclosed character class
    2 packs, 6 rules, 8 examples: 1 pack cannot be used
    "#);
}
