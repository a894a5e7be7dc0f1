use proptest::prelude::*;

use crate::change::{Surroundings, sample};
use crate::check::check;
use crate::check::pack::RuleSet;

/// `path:line rule` of each finding of changes of several files.
fn found(changes: &[(&str, Option<&str>, Option<&str>)]) -> Vec<String> {
    let changes: Vec<_> =
        changes.iter().map(|(path, old, new)| sample::classified(path, *old, *new)).collect();
    let findings = check(&changes, &Surroundings::default(), &RuleSet::bundled()).findings;
    findings.iter().map(|finding| format!("{}:{} {}", finding.path, finding.line, finding.rule)).collect()
}

const FUNCTION: &str = "def f(x):\n    y = x\n    breakpoint()\n    return y\n";

#[test]
fn a_function_that_moved_introduces_nothing() {
    let old = format!("import a\n\n{FUNCTION}\nb = 1\n");
    let without = old.replace(FUNCTION, "");
    let into = format!("c = 1\n{FUNCTION}");
    assert_eq!(
        found(&[("a.py", Some(&old), Some(&without)), ("b.py", Some("c = 1\n"), Some(&into))]),
        [""; 0]
    );
    // To a new file, from a deleted one, and into a class.
    assert_eq!(found(&[("a.py", Some(&old), Some(&without)), ("b.py", None, Some(FUNCTION))]), [""; 0]);
    assert_eq!(found(&[("b.py", None, Some(&into)), ("z.py", Some(&old), None)]), [""; 0]);
    let class = format!("class C:\n    {}\n", FUNCTION.trim_end().replace('\n', "\n    "));
    assert_eq!(found(&[("a.py", Some(&old), Some(&without)), ("b.py", None, Some(&class))]), [""; 0]);
}

#[test]
fn one_that_went_here_and_one_that_came_there_is_one_that_came() {
    let with = "x = 1\nbreakpoint()\ny = 1\n";
    let without = "x = 1\ny = 1\n";
    let there = "b.py:2 python/breakpoint";
    assert_eq!(found(&[("a.py", Some(with), Some(without)), ("b.py", Some(without), Some(with))]), [there]);
    // Two copies of what was there once are one too many.
    let copies =
        [("a.py", Some(FUNCTION), None), ("b.py", None, Some(FUNCTION)), ("c.py", None, Some(FUNCTION))];
    assert_eq!(found(&copies), ["c.py:3 python/breakpoint"]);
    // What was copied is still where it was.
    let copied = [("a.py", Some(FUNCTION), Some(FUNCTION)), ("b.py", None, Some(FUNCTION))];
    assert_eq!(found(&copied), ["b.py:3 python/breakpoint"]);
}

#[test]
fn what_no_rule_read_before_is_new_where_one_does() {
    assert_eq!(
        found(&[("a.md", Some(FUNCTION), None), ("b.py", None, Some(FUNCTION))]),
        ["b.py:3 python/breakpoint"]
    );
    let focused = "describe(() => {\nit.only('a', () => {});\n});\n";
    let moved = [("a.js", Some(focused), None), ("a.test.js", None, Some(focused))];
    assert_eq!(found(&moved), ["a.test.js:2 javascript/focused-test"]);
}

#[test]
fn secrets_follow_the_same_law() {
    let block = format!("user = 'a'\nkey = '{}'\n", ["AKIA", "Z7QX2LMN4PRSTUVW"].concat());
    assert_eq!(found(&[("a.py", Some(&block), None), ("b.toml", None, Some(&block))]), [""; 0]);
    let other = block.replace("Z7QX", "Q7QX");
    assert_eq!(found(&[("a.py", Some(&block), None), ("b.py", None, Some(&other))]).len(), 1);
}

/// Blocks of lines that are found, or not, and do not stand alone.
const BLOCKS: &[&str] = &[
    "def a():\n    one()\n    breakpoint()\n",
    "def b(x=[]):\n    two()\n",
    "def c():\n    three()\n    import pdb\n",
    "def d():\n    four()\n    return 1 == None\n",
    "e = 1\nf = 2\n",
];

proptest! {
    #[test]
    fn moving_code_between_files_introduces_nothing(
        before in prop::collection::vec(0..3usize, BLOCKS.len()),
        after in prop::collection::vec(0..3usize, BLOCKS.len()),
    ) {
        let files = |places: &[usize]| -> Vec<String> {
            let of = |file: usize| BLOCKS.iter().zip(places).filter(move |(_, at)| **at == file);
            (0..3).map(|file| of(file).map(|(block, _)| *block).collect()).collect()
        };
        let (old, new) = (files(&before), files(&after));
        let side = |text: &'_ String| (!text.is_empty()).then(|| text.clone());
        let sides: Vec<_> = old.iter().zip(&new).map(|(old, new)| (side(old), side(new))).collect();
        let changes: Vec<_> = ["a.py", "b.py", "c.py"]
            .iter()
            .zip(&sides)
            .filter(|(_, (old, new))| old != new)
            .map(|(path, (old, new))| (*path, old.as_deref(), new.as_deref()))
            .collect();
        prop_assert_eq!(found(&changes), [""; 0]);
    }
}
