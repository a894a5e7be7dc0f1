//! What must hold of every change, on generated ones.

use proptest::prelude::*;

use crate::change::sample::{classified, parsed};
use crate::change::{ChangeClass, ClassifiedChange, Edit, LineRange};

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

/// Starts of the words of a text.
fn words(text: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_word = |&(at, c): &(usize, char)| is_word(c) && !text[..at].ends_with(is_word);
    text.char_indices().filter(starts_word).map(|(at, _)| at).collect()
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
}
