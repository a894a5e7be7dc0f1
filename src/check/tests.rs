//! The stage as a whole: what is introduced, where, and what packs may say.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::change::sample;
use crate::check::excerpt::mask;
use crate::check::finding::{Confidence, Severity};
use crate::check::pack::{PackError, PackSource, RuleOptions};

fn run(rules: &RuleSet, path: &str, class: ChangeClass, old: Option<&str>, new: &str) -> Vec<Finding> {
    let parsed = sample::parsed(path, old, Some(new));
    let change = ClassifiedChange { parsed, class, because: String::new(), units: Vec::new() };
    check(&[change], &Surroundings::default(), rules).findings
}

/// Rule and line of each finding.
fn found(path: &str, old: Option<&str>, new: &str) -> Vec<(String, u32)> {
    let rules = RuleSet::bundled();
    let findings = run(&rules, path, ChangeClass::Real, old, new);
    findings.into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

fn hit(rule: &str, line: u32) -> Vec<(String, u32)> {
    vec![(rule.to_owned(), line)]
}

#[test]
fn all_of_a_new_file_is_new() {
    assert_eq!(found("a.py", None, "x = 1\nbreakpoint()\n"), hit("python/breakpoint", 2));
}

#[test]
fn what_the_old_side_had_is_not_reported() {
    let old = "x = 1\nbreakpoint()\ny = 2\n";
    let elsewhere = old.replace("y = 2", "y = 3");
    assert_eq!(found("a.py", Some(old), &elsewhere), []);
    // The line is touched, but the breakpoint was there before.
    let touched = old.replace("breakpoint()", "if x:\n    breakpoint()  # why");
    assert_eq!(found("a.py", Some(old), &touched), []);
    // Below what it stood above.
    assert_eq!(found("a.py", Some(old), "x = 1\ny = 2\nbreakpoint()\n"), []);
}

#[test]
fn one_more_than_before_is_reported_once() {
    let old = "breakpoint()\nx = 1\n";
    assert_eq!(found("a.py", Some(old), "breakpoint()\nx = 1\nbreakpoint()\n"), hit("python/breakpoint", 3));
    // Moved and doubled.
    let new = "x = 1\nbreakpoint()\nbreakpoint()\n";
    assert_eq!(found("a.py", Some(old), new).len(), 1);
}

#[test]
fn text_rules_follow_the_same_law() {
    let old = "a\n<<<<<<< ours\nb\n";
    assert_eq!(found("a.rb.erb", Some(old), "a\n<<<<<<< ours\nc\n"), []);
    let new = "a\n<<<<<<< ours\nb\n>>>>>>> theirs\n";
    assert_eq!(found("a.rb.erb", Some(old), new), hit("text/merge-conflict-marker", 4));
}

#[test]
fn globs_decide_which_rules_read_a_file() {
    let conflict = "<<<<<<< ours\n";
    assert_eq!(found("docs/a.md", None, conflict), hit("text/merge-conflict-in-prose", 1));
    assert_eq!(found("docs/a.zig", None, conflict), hit("text/merge-conflict-marker", 1));
    let focused = "it.only('a', () => {});\n";
    assert_eq!(found("a.js", None, focused), []);
    assert_eq!(found("src/__tests__/a.js", None, focused), hit("javascript/focused-test", 1));
    assert_eq!(found("src/a.test.js", None, focused), hit("javascript/focused-test", 1));
}

#[test]
fn only_secrets_are_looked_for_in_what_others_wrote() {
    let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
    let text = format!("breakpoint()\nx = (\nkey = '{key}' # ours\n");
    let rules = RuleSet::bundled();
    for class in [ChangeClass::Generated, ChangeClass::Vendored, ChangeClass::Lock] {
        let findings = run(&rules, "a.py", class, None, &text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].source, Source::Secret);
        // What is written in a report must not leak.
        assert_eq!(&*findings[0].excerpt, "key = 'AKIA****************' # ours");
        assert_eq!((findings[0].column, findings[0].end_column), (8, 28));
    }
}

#[test]
fn a_multibyte_secret_line_is_masked_without_moving_columns() {
    assert_eq!(mask("é = abcdéfgh! x", [9..14, 16..17].into_iter()), "é = abcd*****! *");
    assert_eq!(mask("aéb", [2..100, 9..9].into_iter()), "aé*");
}

#[test]
fn no_secret_is_readable_beside_another_finding() {
    let keys = ["AKIA", "Z7QX2LMN4PRSTUVW", "ghp_", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"];
    let [aws, github] = [keys[..2].concat(), keys[2..].concat()];
    let text = format!("breakpoint(); a = '{aws}'; b = '{github}'\n");
    let findings = run(&RuleSet::bundled(), "a.py", ChangeClass::Real, None, &text);
    assert_eq!(findings.len(), 3, "{findings:?}");
    for finding in findings {
        assert!(!finding.excerpt.contains(&aws) && !finding.excerpt.contains(&github), "{finding:?}");
    }
}

#[test]
fn no_secret_is_readable_in_what_is_said_about_it() {
    let key = ["ghp_", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"].concat();
    let text = format!("x = {{'{key}': 1, '{key}': 2}}\n");
    let findings = run(&RuleSet::bundled(), "a.py", ChangeClass::Real, None, &text);
    assert!(findings.iter().any(|finding| finding.message.contains("ghp_****")), "{findings:?}");
    assert!(findings.iter().all(|finding| !finding.message.contains(&key)), "{findings:?}");
}

#[test]
fn no_line_of_a_secret_is_readable() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let text =
        ["-----BEGIN ", "PRIVATE KEY-----\n", body, "\n", body, "  \n-----END PRIVATE KEY-----\n"].concat();
    let findings = run(&RuleSet::bundled(), "a.txt", ChangeClass::Real, None, &text);
    assert!(findings.iter().any(|finding| finding.line == 3), "{findings:?}");
    assert!(findings.iter().all(|finding| !finding.excerpt.contains("VQIB")), "{findings:?}");
    let shown = findings.iter().filter(|finding| finding.excerpt.contains("MII"));
    assert_eq!(shown.count(), 0, "{findings:?}");
}

#[test]
fn options_change_severity_and_silence_rules() {
    let rules = RuleSet::new(RuleOptions {
        disabled: vec!["python/debugger-import".to_owned()],
        severity: [("python/breakpoint".to_owned(), Severity::Info)].into(),
        ..RuleOptions::default()
    })
    .unwrap();
    let findings = run(&rules, "a.py", ChangeClass::Real, None, "import pdb\nbreakpoint(pdb)\n");
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].severity, findings[0].confidence), (Severity::Info, Confidence::High));
}

#[test]
fn unknown_ids_are_refused_with_the_nearest_one() {
    let options = RuleOptions {
        disabled: vec!["python/breakpont".to_owned(), "zzz".to_owned()],
        ..RuleOptions::default()
    };
    let error = RuleSet::new(options).err().unwrap();
    insta::assert_snapshot!(error, @r"
        no rule is called `python/breakpont`; did you mean `python/breakpoint`?
        no rule is called `zzz`
        ");
}

#[test]
fn a_users_pack_runs_beside_the_bundled_ones_and_offers_fixes() {
    let text = r#"
            languages = ["rust", "python"]
            [[rule]]
            id = "ours/old-name"
            severity = "info"
            confidence = "medium"
            message = "renamed"
            ast = { pattern = "old($A, $B)" }
            fix = "new($B, $A)"

            [[rule.tests]]
            bad = ["old(1, 2)"]
            good = ["new(1, 2)"]
            [[rule]]
            id = "ours/ticket"
            severity = "info"
            confidence = "low"
            message = "ticket"
            keywords = ["T-"]
            regex = 'T-(\d+)'
            fix = "ticket $1"

            [[rule.tests]]
            bad = ["T-1"]
            good = ["T-x"]
        "#;
    let packs = vec![PackSource { file: "ours.toml".to_owned(), text: text.to_owned() }];
    let rules = RuleSet::new(RuleOptions { packs, ..RuleOptions::default() }).unwrap();
    let findings = run(&rules, "a.py", ChangeClass::Real, None, "x = old(1, f(2))  # T-12\n");
    let fixes: Vec<_> =
        findings.iter().map(|finding| finding.fix.as_ref().map(|fix| fix.text.as_str())).collect();
    assert_eq!(fixes, [Some("new(f(2), 1)"), Some("ticket 12")]);
}

#[test]
fn all_that_is_wrong_with_packs_is_said_at_once() {
    let wrong = r#"languages = ["python", "pyhton"]

[[rule]]
id = "Ours"
severity = "error"
confidence = "high"
message = "m"
regex = "a"

[[rule]]
id = "ours/both"
severity = "error"
confidence = "high"
message = "m"
regex = "a"
keywords = [""]
ast = { pattern = "a" }

[[rule.tests]]
bad = ["a"]
good = ["b"]
"#;
    let unmatched = r#"languages = ["python"]
[[rule]]
id = "ours/kind"
severity = "error"
confidence = "high"
message = "m"
ast = { kind = "no_such_kind" }

[[rule.tests]]
bad = ["a"]
good = ["b"]
[[rule]]
id = "ours/any"
severity = "error"
confidence = "high"
message = "m"
ast = { regex = "a" }
files = ["[a"]

[[rule.tests]]
bad = ["a"]
good = ["b"]
[[rule]]
id = "ours/regex"
severity = "error"
confidence = "high"
message = "m"
regex = "(a"
keywords = ["a"]

[[rule.tests]]
bad = ["a"]
good = ["b"]
"#;
    let misspelt = "[[rule]]\nid = \"ours/x\"\nseverety = \"error\"\n\
        [[rule]]\nid = \"ours/y\"\nseverity = \"fatal\"\nconfidence = \"high\"\nmessage = \"m\"\n\
        regex = \"[a\"\nkeywords = [\"a\"]\n[[rule.tests]]\nbad = [\"a\"]\ngood = [\"b\"]\n\
        [[rule]]\nid = \"ours/z\"\nseverity = \"error\"\nconfidence = \"sure\"\nmessage = \"m\"\n\
        regex = \"a\"\nkeywords = [\"a\"]\n[[rule.tests]]\nbad = [\"a\"]\ngood = [\"ab\"]\n\
        [[rule]]\nid = \"ours/half\"\nseverity = \"error\"\nconfidence = \"high\"\nmessage = \"m\"\n\
        regex = \"a\"\nkeywords = [\"a\"]\nexcpt = \"ab\"\n[[rule.tests]]\nbad = [\"a\"]\ngood = [\"ab\"]\n";
    let pack = |file: &str, text: &str| PackSource { file: file.to_owned(), text: text.to_owned() };
    let packs = vec![pack("a.toml", wrong), pack("b.toml", unmatched), pack("c.toml", misspelt)];
    let error = RuleSet::new(RuleOptions { packs, ..RuleOptions::default() }).err().unwrap();
    assert!(matches!(error, PackError::Invalid(_)));
    insta::assert_snapshot!(error, @r#"
        a.toml:1: no language is called `pyhton`
        a.toml:3: rule `Ours` needs an `id` like `pack/kebab-name`
        a.toml:3: rule `Ours` needs `[[rule.tests]]` with at least one `bad` and one `good` text
        a.toml:3: rule `Ours` needs `keywords`: texts of which a match holds at least one
        a.toml:10: rule `ours/both` needs one of `ast`, `regex` and `builtin`, and no more
        a.toml:10: rule `ours/both` has an empty keyword
        b.toml:2: rule `ours/kind` does not compile for python: Kind `no_such_kind` is invalid.
        b.toml:12: rule `ours/any` has a wrong glob `[a`: unclosed character class; missing ']'
        b.toml:12: rule `ours/any` does not compile for python: Rule must specify a set of AST kinds to match. Try adding `kind` rule.
        b.toml:23: rule `ours/regex` has a wrong regular expression: unclosed group
        c.toml:1: rule `ours/x` needs a `confidence`
        c.toml:1: rule `ours/x` needs a `message`
        c.toml:1: rule `ours/x` needs one of `ast`, `regex` and `builtin`, and no more
        c.toml:1: rule `ours/x` needs `[[rule.tests]]` with at least one `bad` and one `good` text
        c.toml:3: rule `ours/x`: unknown key `severety`; did you mean `severity`?
        c.toml:4: rule `ours/y` has a wrong regular expression: unclosed character class
        c.toml:6: rule `ours/y`: unknown word `fatal`; expected one of: info, warning, error
        c.toml:14: `ours/z` matches "ab" as any text
        c.toml:17: rule `ours/z`: unknown word `sure`; expected one of: low, medium, high
        c.toml:31: rule `ours/half`: unknown key `excpt`; did you mean `except`?
        "#);
}

#[test]
fn a_run_compiles_only_the_languages_it_meets() {
    let rules = RuleSet::bundled();
    assert!(rules.parsed_packs().is_empty() && rules.compiled_languages().is_empty());
    run(&rules, "a.py", ChangeClass::Real, None, "x = 1\n");
    assert_eq!(
        rules.parsed_packs(),
        [
            "rules/git.toml",
            "rules/hookgate.toml",
            "rules/python.toml",
            "rules/secrets.toml",
            "rules/syntax.toml",
            "rules/text.toml",
        ]
    );
    assert_eq!(rules.compiled_languages(), ["python".parse::<Language>().unwrap()]);
}

#[test]
fn secret_patterns_cannot_be_disabled() {
    let all = RuleSet::bundled().secret_patterns().count();
    let disabled = vec!["secrets/github-token".to_owned()];
    let rules = RuleSet::new(RuleOptions { disabled, ..RuleOptions::default() }).unwrap();
    assert!(all >= 10);
    assert_eq!(rules.secret_patterns().count(), all);
}

#[test]
fn a_rule_that_explains_a_syntax_error_stands_for_it() {
    let new = "x = 1\n<<<<<<< ours\ny = 1\n";
    assert_eq!(found("a.py", Some("x = 1\ny = 1\n"), new), hit("text/merge-conflict-marker", 2));
}

#[test]
fn what_refuses_no_commit_does_not_hide_a_syntax_error() {
    let errors =
        |new: &str| found("a.py", None, new).iter().filter(|(rule, _)| rule == "syntax/error").count();
    assert_eq!(errors("if x  \n    y()\n"), 1);
    assert_eq!(errors("def f(x=[]:\n    pass\n"), 1);
}

proptest! {
    #[test]
    fn moving_lines_introduces_nothing(
        old in Just(MOVABLE.to_vec()).prop_shuffle(),
        new in Just(MOVABLE.to_vec()).prop_shuffle(),
    ) {
        // A last line that stays, for the end of a text has a rule of its own.
        let [old, new] = [old, new].map(|lines| lines.concat() + "z = 1\n");
        prop_assert_eq!(found("a.py", Some(&old), &new), []);
    }

    #[test]
    fn any_text_has_findings_within_its_lines(
        lines in prop::collection::vec(prop_oneof![".*", select(MOVABLE).prop_map(str::to_owned)], 0..8),
        ending in prop_oneof![Just("\n"), Just("\r\n")],
        path in prop_oneof![Just("a.py"), Just("a.js"), Just("a.rs"), Just("a.json"), Just("a")],
    ) {
        let text = lines.join(ending);
        let rules = RuleSet::bundled();
        for finding in run(&rules, path, ChangeClass::Real, Some("x\n"), &text) {
            let line = text.lines().nth(finding.line as usize - 1).unwrap_or_default();
            prop_assert_eq!(finding.excerpt.len(), line.len());
            prop_assert!(finding.column as usize <= line.len() + 1);
            prop_assert!((finding.line, finding.column) <= (finding.end_line, finding.end_column));
        }
    }
}

const MOVABLE: &[&str] = &[
    "breakpoint()\n",
    "import pdb\n",
    "assert (x, 'é')\n",
    "x = y == None\n",
    "def f(a=[], *, b={}): pass\n",
    "try: pass\nexcept: pass\n",
    "y = 1\n",
    "\n",
];

#[test]
fn the_pack_of_secrets_holds_none_itself() {
    assert_eq!(found("rules/secrets.toml", None, include_str!("../../rules/secrets.toml")), []);
}

#[test]
fn a_rule_set_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RuleSet>();
}
