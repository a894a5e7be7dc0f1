//! What comments silence, and what is said of those that do not.

use crate::change::{ChangeClass, ClassifiedChange, Surroundings, sample};
use crate::check::pack::{RuleOptions, RuleSet};
use crate::check::{Checked, check};

fn run_with(rules: &RuleSet, path: &str, old: Option<&str>, new: &str) -> Checked {
    let change: ClassifiedChange = sample::classified(path, old, Some(new));
    check(&[change], &Surroundings::default(), rules)
}

/// `line rule` of each finding, and after a bar the reasons of those that are silenced.
fn said(path: &str, old: Option<&str>, new: &str) -> String {
    let checked = run_with(&RuleSet::bundled(), path, old, new);
    let findings: Vec<_> =
        checked.findings.iter().map(|finding| format!("{} {}", finding.line, finding.rule)).collect();
    let suppressed: Vec<_> = checked.suppressed.iter().map(|it| it.because.to_string()).collect();
    format!("{} | {}", findings.join(", "), suppressed.join(", "))
}

#[test]
fn a_comment_on_the_line_or_above_it_silences() {
    let because = " | comment on line 1: on purpose";
    let same = "breakpoint()  # hookgate-ignore: python/breakpoint on purpose\n";
    assert_eq!(said("a.py", None, same), because);
    let above = "# hookgate-ignore: python/breakpoint on purpose\nbreakpoint()\n";
    assert_eq!(said("a.py", None, above), because);
    let crlf = above.replace('\n', "\r\n");
    assert_eq!(said("a.py", None, &crlf), because);
    let stacked = "# hookgate-ignore: python/breakpoint on purpose\n# noqa\nbreakpoint()\n";
    assert_eq!(said("a.py", None, stacked), because);
    let second = "breakpoint()  # noqa # hookgate-ignore: python/breakpoint -- on purpose\n";
    assert_eq!(said("a.py", None, second), because);
    let block = "debugger; /* hookgate-ignore: javascript/debugger on purpose */\n";
    assert_eq!(said("a.js", None, block), because);
    let block = "/* hookgate-ignore: javascript/debugger on purpose */ debugger;\n";
    assert_eq!(said("a.js", None, block), because);
    let block = "/*\n * hookgate-ignore: javascript/debugger on purpose\n */\ndebugger;\n";
    assert_eq!(said("a.js", None, block), " | comment on line 2: on purpose");
}

#[test]
fn it_silences_no_more_than_it_says() {
    let comment = "# hookgate-ignore: python/breakpoint on purpose";
    let unused = "hookgate/unused-suppression";
    let blank = format!("{comment}\n\nbreakpoint()\n");
    assert_eq!(said("a.py", None, &blank), format!("1 {unused}, 3 python/breakpoint | "));
    let next = format!("{comment}\nx = 1\nbreakpoint()\n");
    assert_eq!(said("a.py", None, &next), format!("1 {unused}, 3 python/breakpoint | "));
    let other = "breakpoint()  # hookgate-ignore: python/debugger-import no\n";
    assert_eq!(said("a.py", None, other), format!("1 python/breakpoint, 1 {unused} | "));
    let below = format!("breakpoint()\n{comment}\n");
    assert_eq!(said("a.py", None, &below), format!("1 python/breakpoint, 2 {unused} | "));
}

#[test]
fn a_finding_counts_by_its_first_line_and_at_its_end() {
    let call = "breakpoint(\n    1,\n)";
    let end = format!("{call}  # hookgate-ignore: python/breakpoint why\n");
    assert_eq!(said("a.py", None, &end), " | comment on line 3: why");
    let above = format!("# hookgate-ignore: python/breakpoint why\n{call}\n");
    assert_eq!(said("a.py", None, &above), " | comment on line 1: why");
}

#[test]
fn attributes_and_decorators_stand_between() {
    let ignore = "hookgate-ignore: python/mutable-default-argument why";
    let python = format!("# {ignore}\n@decorated(\n    1,\n)\n@again\ndef f(a=[]): pass\n");
    assert_eq!(said("a.py", None, &python), " | comment on line 1: why");
    let between = format!("@decorated\n# {ignore}\ndef f(a=[]): pass\n");
    assert_eq!(said("a.py", None, &between), " | comment on line 2: why");
    let rust = "// hookgate-ignore: rust/dbg-macro why\n#[allow(x)]\nfn f() { dbg!(1); }\n";
    assert_eq!(said("a.rs", None, rust), " | comment on line 1: why");
    let jsx = "x = <a>\n  {/* hookgate-ignore: javascript/debugger why */}\n  {() => { debugger; }}\n</a>;\n";
    assert_eq!(said("a.jsx", None, jsx), " | comment on line 2: why");
}

#[test]
fn several_rules_and_whole_files() {
    let two = "import pdb; breakpoint()  # hookgate-ignore: python/breakpoint, python/debugger-import both\n";
    assert_eq!(said("a.py", None, two), " | comment on line 1: both, comment on line 1: both");
    let file = "# hookgate-ignore-file: python/breakpoint a test of it\n\nx = 1\nbreakpoint()\n";
    assert_eq!(said("a.py", None, file), " | comment on line 1: a test of it");
    let late = format!("{}{file}", "\n".repeat(40));
    assert_eq!(said("a.py", None, &late), "41 hookgate/wrong-suppression, 44 python/breakpoint | ");
}

#[test]
fn what_only_looks_like_one_silences_nothing() {
    let literal = "x = 'hookgate-ignore: python/breakpoint no'; breakpoint()\n";
    assert_eq!(said("a.py", None, literal), "1 python/breakpoint | ");
    let mention = "breakpoint()  # see hookgate-ignore: python/breakpoint\n";
    assert_eq!(said("a.py", None, mention), "1 python/breakpoint | ");
    let bare = "breakpoint()  # hookgate-ignore\n";
    assert_eq!(said("a.py", None, bare), "1 python/breakpoint, 1 hookgate/wrong-suppression | ");
    let reason = "breakpoint()  # hookgate-ignore: on purpose\n";
    assert_eq!(said("a.py", None, reason), "1 python/breakpoint, 1 hookgate/wrong-suppression | ");
    let colon = "breakpoint()  # hookgate-ignore python/breakpoint\n";
    assert_eq!(said("a.py", None, colon), "1 python/breakpoint, 1 hookgate/wrong-suppression | ");
    assert_eq!(said("a.py", None, "# hookgate-ignored: python/breakpoint\n"), " | ");
    let prose = "    # hookgate-ignore: python/breakpoint an example\n";
    assert_eq!(said("README.md", None, prose), " | ");
    assert_eq!(said("README.md", None, "write `<!-- hookgate-ignore: … -->`\n"), " | ");
}

#[test]
fn an_unknown_rule_is_named_with_the_nearest() {
    let new = "breakpoint()  # hookgate-ignore: python/breakpont typo\n";
    let checked = run_with(&RuleSet::bundled(), "a.py", None, new);
    let messages: Vec<_> = checked.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages[1], "no rule is called `python/breakpont`; did you mean `python/breakpoint`?");
    let excerpt = &new[checked.findings[1].column as usize - 1..checked.findings[1].end_column as usize - 1];
    assert_eq!(excerpt, "python/breakpont");
}

#[test]
fn texts_without_syntax_are_read_by_their_lines() {
    let lua = "<<<<<<< ours -- hookgate-ignore: text/merge-conflict-marker why\n";
    assert_eq!(said("a.lua", None, lua), " | comment on line 1: why");
    let above = "-- hookgate-ignore: text/merge-conflict-marker why\n-- more\n<<<<<<< ours\n";
    assert_eq!(said("a.lua", None, above), " | comment on line 1: why");
    let plain = "hookgate-ignore: text/merge-conflict-marker why\n<<<<<<< ours\n";
    assert_eq!(said("a.lua", None, plain), "2 text/merge-conflict-marker | ");
    let markdown = "<!-- hookgate-ignore: text/merge-conflict-in-prose why -->\n<<<<<<< ours\n";
    assert_eq!(said("a.md", None, markdown), " | comment on line 1: why");
}

#[test]
fn unused_ones_are_reported_where_the_change_makes_them_so() {
    let comment = "# hookgate-ignore: python/breakpoint why\n";
    let (used, unused) = (format!("{comment}breakpoint()\n"), format!("{comment}pass\n"));
    assert_eq!(said("a.py", Some(&used), &unused), "1 hookgate/unused-suppression | ");
    // It was unused before, and it is used by what was there before.
    assert_eq!(said("a.py", Some(&unused), &format!("x = 1\n{unused}")), " | ");
    assert_eq!(said("a.py", Some(&used), &format!("x = 1\n{used}")), " | ");
    assert_eq!(said("a.py", Some("breakpoint()\n"), &used), " | ");
    // Rules that do not run here, for any reason, say nothing of their suppressions.
    let disabled = vec!["python/*".to_owned()];
    let rules = RuleSet::new(RuleOptions { disabled, ..RuleOptions::default() }).unwrap();
    assert_eq!(run_with(&rules, "a.py", None, &unused).findings, []);
    let excluded = "// hookgate-ignore: javascript/focused-test why\nx;\n";
    assert_eq!(said("a.js", None, excluded), " | ");
    assert_eq!(said("a.test.js", None, excluded), "1 hookgate/unused-suppression | ");
    // Nor does a rule about syntax where there is none.
    assert_eq!(said("a.py", None, &format!("{comment}{}\n", "(".repeat(2000))), " | ");
}

#[test]
fn a_suppression_without_reason_works_and_is_noted() {
    let new = "breakpoint()  # hookgate-ignore: python/breakpoint\n";
    assert_eq!(said("a.py", None, new), "1 hookgate/suppression-without-reason | comment on line 1");
}

#[test]
fn a_secret_is_silenced_with_a_reason_only() {
    let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
    let named = format!("key = '{key}'  # hookgate-ignore: secrets/aws-access-key-id");
    assert_eq!(
        said("a.py", None, &format!("{named} a revoked one\n")),
        " | comment on line 1: a revoked one"
    );
    let without = said("a.py", None, &format!("{named}\n"));
    assert_eq!(without, "1 secrets/aws-access-key-id, 1 hookgate/wrong-suppression | ");
    // In what is only looked through for secrets, too.
    let parsed = sample::parsed("a.py", None, Some(&format!("{named} a revoked one\n")));
    let class = ChangeClass::Vendored;
    let change = ClassifiedChange { parsed, class, because: String::new(), units: Vec::new() };
    let checked = check(&[change], &Surroundings::default(), &RuleSet::bundled());
    assert_eq!((checked.findings.len(), checked.suppressed.len()), (0, 1));
}

#[test]
fn what_is_found_beside_the_text_is_silenced_for_the_file_only() {
    let rule = "git/illegal-windows-name";
    assert_eq!(said("aux.py", None, "x = 1\n"), format!("1 {rule} | "));
    let line = format!("x = 1  # hookgate-ignore: {rule} why\n");
    assert_eq!(said("aux.py", None, &line), format!("1 {rule}, 1 hookgate/wrong-suppression | "));
    let file = format!("# hookgate-ignore-file: {rule} no Windows here\nx = 1\n");
    assert_eq!(said("aux.py", None, &file), " | comment on line 1: no Windows here");
}

#[test]
fn a_suppressed_finding_does_not_hide_a_syntax_error() {
    let new = "breakpoint(); y = = 2  # hookgate-ignore: python/breakpoint why\n";
    assert_eq!(said("a.py", None, new), "1 syntax/error | comment on line 1: why");
    let new = "y = = 2  # hookgate-ignore: syntax/error a template\n";
    assert_eq!(said("a.py", None, new), " | comment on line 1: a template");
}

#[test]
fn comments_of_languages_without_a_grammar_count() {
    let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
    let said = |path: &str, opening: &str, closing: &str| {
        let comment = format!("{opening} hookgate-ignore: secrets/aws-access-key-id not in use{closing}");
        let checked = run_with(&RuleSet::bundled(), path, None, &format!("{comment}\nkey {key}\n"));
        (checked.findings.len(), checked.suppressed.len())
    };
    for (path, opening, closing) in [
        ("a.ml", "(*", " *)"),
        ("a.bat", "REM", ""),
        ("a.cmd", "::", ""),
        ("a.hs", "{-", " -}"),
        ("a.tex", "%", ""),
        ("a.vim", "\"", ""),
        ("a.ini", ";", ""),
    ] {
        assert_eq!(said(path, opening, closing), (0, 1), "{path}");
    }
    // What stands in brackets is text.
    assert_eq!(said("a.txt", "(", ")"), (1, 0));
    assert_eq!(said("a.ml", "remark", ""), (1, 0));
}

#[test]
fn what_was_likely_meant_is_said() {
    let message = |comment: &str| {
        let checked = run_with(&RuleSet::bundled(), "a.py", None, &format!("breakpoint()  # {comment}\n"));
        let wrong = checked.findings.into_iter().find(|it| it.rule == "hookgate/wrong-suppression");
        wrong.map(|finding| finding.message).unwrap_or_default()
    };
    let id = message("hookgate-ignore: breakpoint this is a debugger");
    assert_eq!(id, "nothing is silenced: no rule is called `breakpoint`; did you mean `python/breakpoint`?");
    let all = message("hookgate-ignore: python/* this is a debugger");
    assert_eq!(all, "`python/*` is no rule: a comment names each rule that it silences");
}
