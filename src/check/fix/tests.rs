use proptest::prelude::*;

use super::*;
use crate::change::{Surroundings, sample};
use crate::check::check;
use crate::check::pack::{PackSource, RuleOptions};

/// One pack whose rules are given as `id`, `regex`, `keyword` and `fix`.
fn rules(written: &[(&str, &str, &str, &str)]) -> RuleSet {
    let rule = |(id, regex, keyword, fix): &(&str, &str, &str, &str)| {
        format!(
            "[[rule]]\nid = 'ours/{id}'\nseverity = 'warning'\nconfidence = 'high'\nmessage = 'm'\n\
             regex = '{regex}'\nkeywords = ['{keyword}']\nfix = \"{fix}\"\n\
             [[rule.tests]]\nbad = ['{keyword}']\ngood = ['-']\n"
        )
    };
    let text = written.iter().map(rule).collect();
    let packs = vec![PackSource { file: "ours.toml".to_owned(), text }];
    RuleSet::new(RuleOptions { packs, ..RuleOptions::default() }).unwrap()
}

/// The mended text, or why there is none.
fn mended(rules: &RuleSet, path: &str, old: Option<&str>, new: &str) -> Result<String, String> {
    let changes = [sample::classified(path, old, Some(new))];
    let findings = check(&changes, &Surroundings::default(), rules).findings;
    let findings: Vec<_> = findings.iter().collect();
    mend(&changes[0], &findings, rules, &ParseLimits::default()).map(|mended| mended.after)
}

/// The mended text of a new file, and what was not applied.
fn refused(rules: &RuleSet, path: &str, new: &str) -> (String, Option<(usize, String)>) {
    let changes = [sample::classified(path, None, Some(new))];
    let findings = check(&changes, &Surroundings::default(), rules).findings;
    let findings: Vec<_> = findings.iter().collect();
    let mended = mend(&changes[0], &findings, rules, &ParseLimits::default()).ok().unwrap();
    (mended.after, mended.refused)
}

fn fix(range: std::ops::Range<usize>, text: &str) -> Fix {
    Fix { range, text: text.to_owned() }
}

#[test]
fn of_two_that_conflict_the_first_is_applied() {
    assert_eq!(apply("abcdef", &[fix(3..5, "X"), fix(0..4, "Y"), fix(5..6, "Z")]), "YeZ");
    assert_eq!(apply("ab", &[fix(1..1, "X"), fix(1..1, "Y"), fix(1..2, "Z")]), "aXb");
    assert_eq!(apply("ab", &[fix(0..1, "X"), fix(1..2, "Y")]), "XY");
    // What does not fit the text changes nothing.
    assert_eq!(apply("é", &[fix(1..2, "X"), fix(0..9, "Y")]), "é");
}

#[test]
fn what_was_left_out_has_its_turn_in_the_next_round() {
    let rules = rules(&[("ab", "ab", "ab", "b"), ("bc", "bc", "bc", "c")]);
    assert_eq!(mended(&rules, "a.txt", None, "é abc\n").unwrap(), "é c\n");
}

#[test]
fn only_what_the_change_brought_is_mended() {
    let rules = rules(&[("ab", "ab", "ab", "b")]);
    assert_eq!(mended(&rules, "a.txt", Some("ab\n"), "ab\nab x\n").unwrap(), "ab\nb x\n");
}

#[test]
fn fixes_that_bring_other_findings_are_not_applied() {
    let rules = rules(&[("ab", "ab", "ab", "cd"), ("cd", "cd", "cd", "cd")]);
    assert_eq!(refused(&rules, "a.txt", "ab\n"), ("ab\n".to_owned(), Some((1, "ours/cd".to_owned()))));
}

#[test]
fn fixes_that_break_the_syntax_are_not_applied() {
    let rules = rules(&[("ab", "ab", "ab", "= =")]);
    let (text, why) = refused(&rules, "a.py", "x = ab\n");
    assert_eq!((text.as_str(), why), ("x = ab\n", Some((1, "syntax/error".to_owned()))));
}

#[test]
fn a_fix_that_is_not_applied_stands_in_no_other_ones_way() {
    let rules = rules(&[("ab", "ab", "ab", "b"), ("cd", "cd", "cd", "= =")]);
    let (text, why) = refused(&rules, "a.py", "x = ab\ny = cd\nz = (ab, 1)\nu = cd + 1\n");
    assert_eq!(text, "x = b\ny = cd\nz = (b, 1)\nu = cd + 1\n");
    assert_eq!(why, Some((2, "syntax/error".to_owned())));
}

#[test]
fn fixes_that_undo_each_other_come_to_an_end() {
    let rules = rules(&[("grow", "ab+", "ab", "abb")]);
    assert_eq!(mended(&rules, "a.txt", None, "ab\n").unwrap(), "abb\n");
}

#[test]
fn the_blanks_that_an_editor_leaves_at_the_end_go_with_their_line() {
    let rules = RuleSet::bundled();
    for end in ["\n    \n", "\n    ", "  \n\n\t\n", "\r\n    \r\n"] {
        let line_break = if end.contains('\r') { "\r\n" } else { "\n" };
        let text = format!("def f():{line_break}    pass{end}");
        let fixed = format!("def f():{line_break}    pass{line_break}");
        assert_eq!(mended(&rules, "a.py", None, &text).unwrap(), fixed, "{text:?}");
    }
}

#[test]
fn new_lines_are_those_of_the_text() {
    let rules = rules(&[("ab", "ab", "ab", "x\\ny")]);
    assert_eq!(mended(&rules, "a.txt", None, "ab\r\nz\r\n").unwrap(), "x\r\ny\r\nz\r\n");
    assert_eq!(mended(&rules, "a.txt", None, "ab\nz\n").unwrap(), "x\ny\nz\n");
}

#[test]
fn what_is_silenced_is_not_mended() {
    let rules = rules(&[("ab", "ab", "ab", "b")]);
    let text = "ab  # hookgate-ignore: ours/ab why\nab\n";
    assert_eq!(mended(&rules, "a.py", None, text).unwrap(), text.replace("\nab\n", "\nb\n"));
}

#[test]
fn what_moved_from_another_file_is_not_mended() {
    let rules = rules(&[("ab", "ab", "ab", "b")]);
    let block = "one line\nab\n";
    let changes = [
        sample::classified("a.txt.in", Some(&format!("{block}rest\n")), Some("rest\n")),
        sample::classified("b.txt.in", Some("rest\n"), Some(&format!("rest\n{block}ab more\n"))),
    ];
    let findings = check(&changes, &Surroundings::default(), &rules).findings;
    let findings: Vec<_> = findings.iter().collect();
    let mended = mend(&changes[1], &findings, &rules, &ParseLimits::default()).ok().unwrap();
    assert_eq!(mended.after, "rest\none line\nab\nb more\n");
}

proptest! {
    /// Whatever the fixes are, what they do not touch stays in its order.
    #[test]
    fn bytes_outside_of_fixes_are_kept(
        text in "[a-zé]{0,20}",
        fixes in prop::collection::vec((0..25usize, 0..6usize), 0..6),
    ) {
        let fixes: Vec<_> = fixes.into_iter().map(|(start, len)| fix(start..start + len, "-")).collect();
        let fixed = apply(&text, &fixes);
        let applied = without_conflicts(&text, &fixes);
        let is_kept = |at: &usize| applied.iter().all(|&index| !fixes[index].range.contains(at));
        let kept: String = text.char_indices().filter(|(at, _)| is_kept(at)).map(|(_, c)| c).collect();
        prop_assert_eq!(fixed.replace('-', ""), kept);
        prop_assert_eq!(fixed.matches('-').count(), applied.len());
    }
}
