//! What must hold of every change, on generated ones.

use proptest::prelude::*;

use crate::change::sample::{classified, classified_together, parsed};
use crate::change::{ChangeClass, ClassifiedChange, Edit, LineRange, Side};

/// A file of each kind of language: path, opening of a line comment, whether indentation is free,
/// text. No text has a comment or a string that spans lines.
const SOURCES: &[(&str, &str, bool, &str)] = &[
    ("a.rs", "//", true, include_str!("samples/sample.rs.txt")),
    ("a.py", "#", false, include_str!("samples/sample.py.txt")),
    ("a.ts", "//", true, include_str!("samples/sample.ts.txt")),
    ("a.go", "//", true, include_str!("samples/sample.go.txt")),
    ("a.cpp", "//", true, include_str!("samples/sample.cpp.txt")),
    ("a.rb", "#", true, include_str!("samples/sample.rb.txt")),
];

/// What is done to a line.
#[derive(Clone, Debug)]
enum Noise {
    Nothing,
    Delete,
    Double,
    CommentAbove,
    TrailingComment,
    BlankAbove,
    Indent,
}

fn noise() -> impl Strategy<Value = Noise> {
    prop_oneof![
        12 => Just(Noise::Nothing),
        1 => Just(Noise::Delete),
        1 => Just(Noise::Double),
        1 => Just(Noise::CommentAbove),
        1 => Just(Noise::TrailingComment),
        1 => Just(Noise::BlankAbove),
        1 => Just(Noise::Indent),
    ]
}

fn apply(source: &str, comment: &str, free_indent: bool, noises: &[Noise], harmless: bool) -> String {
    let mut text = String::new();
    for (line, noise) in source.lines().zip(noises.iter().cycle()) {
        let indent = &line[..line.len() - line.trim_start().len()];
        match noise {
            Noise::Delete if !harmless => continue,
            Noise::Double if !harmless => text += &format!("{line}\n{line}\n"),
            Noise::CommentAbove => text += &format!("{indent}{comment} why\n{line}\n"),
            // The line of a preprocessor directive is taken as it stands.
            Noise::TrailingComment if !line.is_empty() && !line.starts_with('#') => {
                text += &format!("{line} {comment} that\n")
            }
            Noise::BlankAbove => text += &format!("\n{line}\n"),
            Noise::Indent if free_indent => text += &format!("  {line}\n"),
            _ => text += &format!("{line}\n"),
        }
    }
    text
}

/// The lines of one side of the edits, and those of the units.
fn lines(change: &ClassifiedChange, new: bool) -> (Vec<u32>, Vec<u32>) {
    let of_edit = |edit: &Edit| if new { edit.new } else { edit.old };
    let changed = change.parsed.change.edits.iter().flat_map(|edit| of_edit(edit).lines()).collect();
    let ranges = |unit: &'_ crate::change::Unit| if new { unit.added.clone() } else { unit.deleted.clone() };
    let mut owned: Vec<u32> = change
        .units
        .iter()
        .flat_map(|unit| ranges(unit).into_iter().flat_map(|range| range.lines()))
        .collect();
    owned.sort_unstable();
    (changed, owned)
}

fn assert_covered(change: &ClassifiedChange) {
    for new in [false, true] {
        let (changed, owned) = lines(change, new);
        assert_eq!(changed, owned, "each changed line belongs to exactly one unit");
    }
    for unit in &change.units {
        for ranges in [&unit.added, &unit.deleted] {
            assert!(ranges.iter().all(|range| range.len > 0), "{unit:?}");
            let is_ascending = |pair: &[LineRange]| pair[0].last() + 1 < pair[1].start;
            assert!(ranges.windows(2).all(is_ascending), "{unit:?}");
        }
        assert!(!(unit.added.is_empty() && unit.deleted.is_empty()), "{unit:?}");
    }
    if change.class == ChangeClass::Real {
        assert!(change.units.iter().any(|unit| unit.class == ChangeClass::Real), "{change:?}");
    }
}

/// A function of each language in which names can be proved to be its own; `$0` and `$1` are names that
/// it binds.
const LOCALS: &[(&str, &str)] = &[
    (
        "a.rs",
        "fn f(a: &[u8]) -> u8 {\n    let mut $0 = 0;\n    for $1 in a {\n        $0 += g(*$1, $0);\n    }\n    $0\n}\n",
    ),
    ("a.py", "def f(a):\n    $0 = 0\n    for $1 in a:\n        $0 += g($1.k, k=$0)\n    return $0\n"),
    (
        "a.ts",
        "function f(a: number[]) {\n  let $0 = 0;\n  for (const $1 of a) {\n    $0 += g($1.k, { k: $0 });\n  }\n  return $0;\n}\n",
    ),
    (
        "a.go",
        "package a\n\nfunc f(a []T) int {\n\t$0 := 0\n\tfor _, $1 := range a {\n\t\t$0 += g($1.k, T{k: $0})\n\t}\n\treturn $0\n}\n",
    ),
    (
        "A.java",
        "class A {\n  int f(T[] a) {\n    int $0 = 0;\n    for (T $1 : a) {\n      $0 += g($1.k, $0);\n    }\n    return $0;\n  }\n}\n",
    ),
];

/// The text with its names filled in; from the place that is `left`, an earlier name.
fn filled(template: &str, names: [&str; 2], left: Option<(usize, [&str; 2])>) -> String {
    let mut parts = template.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (place, part) in parts.enumerate() {
        let names = left.filter(|(at, _)| *at == place).map_or(names, |(_, earlier)| earlier);
        text += names[usize::from(part.starts_with('1'))];
        text += &part[1..];
    }
    text
}

/// Starts of the words of a text.
fn words(text: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_word = |&(at, c): &(usize, char)| is_word(c) && !text[..at].ends_with(is_word);
    text.char_indices().filter(starts_word).map(|(at, _)| at).collect()
}

/// Words and marks of a text without its line comments, by no parser's leave.
fn tokens(text: &str, comment: &str) -> Vec<String> {
    let code = text.lines().map(|line| line.split(comment).next().unwrap_or_default());
    let mut tokens: Vec<String> = Vec::new();
    for character in code.flat_map(|line| line.chars().chain(['\n'])) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if is_word(character) && last.ends_with(is_word) => last.push(character),
            _ => tokens.push(character.to_string()),
        }
    }
    tokens.retain(|token| !token.trim().is_empty());
    tokens
}

/// Holds the definitions that are said to have moved against each other.
fn assert_moves(changes: &[ClassifiedChange], comment: &str) {
    let text = |side: &Option<Side>, unit_range: &Option<std::ops::Range<usize>>| {
        let text = side.as_ref()?.content.text()?;
        Some(tokens(text.get(unit_range.clone()?)?, comment))
    };
    let (mut gone, mut came) = (Vec::new(), Vec::new());
    for change in changes {
        let sides = &change.parsed.change;
        for unit in change.units.iter().filter(|unit| unit.class == ChangeClass::Move) {
            match (text(&sides.old, &unit.old), text(&sides.new, &unit.new)) {
                (Some(mut old), Some(mut new)) => {
                    // Where definitions are in another order, so is what is around them.
                    if unit.because.starts_with("the definitions in it") {
                        old.sort();
                        new.sort();
                    }
                    assert_eq!(old, new, "{unit:?}");
                }
                (old, new) => {
                    gone.extend(old);
                    came.extend(new);
                }
            }
        }
    }
    gone.sort();
    came.sort();
    assert_eq!(gone, came);
}

/// Words and single other characters.
fn token_ranges(text: &str) -> Vec<std::ops::Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = words(text)
        .into_iter()
        .map(|at| at..at + text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at));
    let others = text.char_indices().filter(|(_, c)| !is_word(*c) && !c.is_whitespace());
    words.chain(others.map(|(at, c)| at..at + c.len_utf8())).collect()
}

#[test]
fn samples_parse() {
    for (path, _, _, source) in SOURCES {
        let change = parsed(path, None, Some(source));
        let tree = change.new().and_then(|side| side.tree()).unwrap();
        assert!(!tree.has_error(), "{path}: {}", tree.root().to_sexp());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_changed_line_is_in_one_unit(
        which in 0..SOURCES.len(),
        noises in prop::collection::vec(noise(), 60..80),
        sides in 0..4,
    ) {
        let (path, comment, free, source) = SOURCES[which];
        let changed = apply(source, comment, free, &noises, false);
        let (old, new) = match sides {
            0 => (Some(source), Some(changed.as_str())),
            1 => (Some(changed.as_str()), Some(source)),
            2 => (None, Some(changed.as_str())),
            _ => (Some(changed.as_str()), None),
        };
        assert_covered(&classified(path, old, new));
    }

    /// What is said to have moved is there on both sides, once.
    #[test]
    fn what_moved_says_the_same(
        which in 0..SOURCES.len(),
        noises in prop::collection::vec(noise(), 60..80),
        cut in any::<prop::sample::Index>(),
        shuffle in any::<u64>(),
        sides in 0..4,
    ) {
        let (path, comment, free, source) = SOURCES[which];
        let noisy = apply(source, comment, free, &noises, sides == 3);
        let mut parts: Vec<&str> = source.split_inclusive("\n\n").collect();
        let rest: String = parts.split_off(cut.index(parts.len())).concat();
        parts.insert(0, &rest);
        parts.sort_by_key(|part| part.len() as u64 ^ shuffle);
        let shuffled = parts.concat();
        let elsewhere = format!("b/{path}");
        let files = match sides {
            0 => vec![(path, Some(source), None), (&*elsewhere, None, Some(noisy.as_str()))],
            1 => vec![(path, Some(source), Some(rest.as_str())), (&*elsewhere, None, Some(noisy.as_str()))],
            2 => vec![(path, Some(source), Some(shuffled.as_str()))],
            _ => vec![
                (path, Some(noisy.as_str()), Some(shuffled.as_str())),
                (&*elsewhere, Some(rest.as_str()), Some(source)),
            ],
        };
        let changes = classified_together(&files);
        changes.iter().for_each(assert_covered);
        assert_moves(&changes, comment);
    }

    /// Layout and comments anywhere are proved to be no more than that.
    #[test]
    fn noise_alone_is_proved(which in 0..SOURCES.len(), noises in prop::collection::vec(noise(), 60..80)) {
        let (path, comment, free, source) = SOURCES[which];
        let changed = apply(source, comment, free, &noises, true);
        let change = classified(path, Some(source), Some(&changed));
        prop_assert!(change.parsed.change.edits.is_empty() || matches!(change.class, ChangeClass::Whitespace | ChangeClass::Comment), "{:?}", change.because);
        assert_covered(&change);
    }

    /// Among any layout and comments, a word that changed in one place is in a unit that nothing is
    /// proved of.
    #[test]
    fn a_changed_word_is_not_dropped(
        which in 0..SOURCES.len(),
        noises in prop::collection::vec(noise(), 60..80),
        word in any::<prop::sample::Index>(),
        joined in any::<bool>(),
    ) {
        let (path, comment, free, source) = SOURCES[which];
        let starts = words(source);
        let at = starts[word.index(starts.len())];
        let mutant = format!("{}zz{}", &source[..at], &source[at..]);
        let mut changed = apply(&mutant, comment, free, &noises, true);
        let mut old = source.to_owned();
        if joined && free && path != "a.rb" && path != "a.cpp" && path != "a.go" {
            // Two lines at a time become one, so that lines belong to more than one definition.
            let join = |text: &str| {
                let lines: Vec<&str> = text.lines().filter(|line| !line.contains("//")).collect();
                lines.chunks(2).map(|pair| pair.join(" ") + "\n").collect::<String>()
            };
            (old, changed) = (join(&old), join(&changed));
        }
        let change = classified(path, Some(&old), Some(&changed));
        assert_covered(&change);
        // Joining may have dropped the line that changed.
        if let Some(at) = changed.find(&mutant[at..at + 3]).filter(|_| changed.contains("zz")) {
            let at = changed.match_indices("zz").next().map_or(at, |(at, _)| at);
            let line = changed[..at].matches('\n').count() as u32 + 1;
            let owner = change.units.iter().find(|unit| unit.added.iter().any(|range| range.contains(line)));
            let owner = owner.expect("the line changed");
            prop_assert!(!owner.proved, "{} {:?}\n{}", line, owner, changed);
            prop_assert!(owner.class > ChangeClass::Comment, "{} {:?}\n{}", line, owner, changed);
        }
    }

    /// Names of a function's own are renamed at every place, or the change is more than that.
    #[test]
    fn own_names_are_proved_where_all_places_say_them(
        which in 0..LOCALS.len(),
        old in ["o_[a-z]{0,4}", "p_[a-z]{0,4}"],
        new in ["q_[a-z]{0,4}", "r_[a-z]{0,4}"],
        swapped in any::<bool>(),
        left in any::<prop::sample::Index>(),
    ) {
        let (path, template) = LOCALS[which];
        let old = [old[0].as_str(), old[1].as_str()];
        let new = if swapped { [new[1].as_str(), new[0].as_str()] } else { [new[0].as_str(), new[1].as_str()] };
        let before = filled(template, old, None);
        let change = classified(path, Some(&before), Some(&filled(template, new, None)));
        prop_assert!(change.units.iter().all(|unit| unit.proved), "{:?}", change.units);
        prop_assert_eq!(change.class, ChangeClass::Rename);
        let left = left.index(template.matches('$').count());
        let change = classified(path, Some(&before), Some(&filled(template, new, Some((left, old)))));
        prop_assert_eq!(change.class, ChangeClass::Real, "{} stays", left);
        // Both names for each other: every place differs, and none of them says what it said.
        let change = classified(path, Some(&before), Some(&filled(template, [old[1], old[0]], None)));
        prop_assert!(change.units.iter().all(|unit| !unit.proved), "{:?}", change.units);
    }

    /// One token that is another one, twice, or gone, is never proved to mean nothing.
    #[test]
    fn a_changed_token_is_not_dropped(
        which in 0..SOURCES.len(),
        token in any::<prop::sample::Index>(),
        other in prop::option::of(any::<prop::sample::Index>()),
        twice in any::<bool>(),
    ) {
        let (path, _, _, source) = SOURCES[which];
        let tokens = token_ranges(source);
        let range = tokens[token.index(tokens.len())].clone();
        let old = &source[range.clone()];
        let new = match other {
            Some(other) => source[tokens[other.index(tokens.len())].clone()].to_owned(),
            None if twice => format!("{old} {old}"),
            None => String::new(),
        };
        prop_assume!(new != old);
        let mutant = [&source[..range.start], &new, &source[range.end..]].concat();
        let change = classified(path, Some(source), Some(&mutant));
        prop_assert!(change.units.iter().any(|unit| !unit.proved), "{old} {new} {:?}", change.units);
    }
}
