//! Comments that are more than comments.

use super::Profile;
use crate::text::is_unprintable;

/// Words by which tools of any language are spoken to, in lower case.
const WORDS: &[&str] = &[
    "ast-grep-ignore",
    "biome-",
    "codespell",
    "coding:",
    "coding=",
    "deprecated",
    "do not edit",
    "fall through",
    "fallthrough",
    "falls through",
    "fallthru",
    "formatter:",
    "generated",
    "gitleaks",
    "hookgate",
    "language=",
    "noinspection",
    "nolint",
    "nopycln",
    "noqa",
    "nosec",
    "nosemgrep",
    "nosonar",
    "pragma",
    "safety:",
    "-*-",
    "vim:",
    "-disable",
    "-enable",
    "-ignore",
    "-suppress",
];

/// What makes a directive of any language part of the program, or of what is reviewed.
const PROGRAM: &[&str] = &["coding:", "coding=", "do not edit", "generated"];

/// Whom a comment speaks to that is more than a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// A linter, a formatter, a type checker or a generator of documentation.
    Tool,
    /// Readers, by way of the program that it is part of: a Rust `///`.
    Documentation,
    /// A compiler, an interpreter, or whatever else runs the program; nobody knows whom, where no
    /// table names it.
    Program,
}

/// Whom a comment speaks to; none for a plain one.
pub(super) fn speech(profile: &Profile, text: &str) -> Option<Speech> {
    if !is_directive(profile, text) {
        return None;
    }
    let text = text.trim_end();
    let starts = |starts: &[&str]| starts.iter().any(|start| opens(text, start));
    if text.starts_with("#!") || text.chars().any(is_deceptive) {
        return Some(Speech::Program);
    }
    if starts(profile.documentation) {
        return Some(Speech::Documentation);
    }
    if contains_any(text, PROGRAM) || contains_any(text, profile.program) {
        return Some(Speech::Program);
    }
    let is_known = starts(profile.directive_starts)
        || contains_any(text, WORDS)
        || contains_any(text, profile.directives);
    Some(if is_known { Speech::Tool } else { Speech::Program })
}

/// A comment is a directive if a table names it, if it has the shape of one (`tool:verb` or `@tag`
/// at the start), or if it holds characters that a reader cannot see.
pub(super) fn is_directive(profile: &Profile, text: &str) -> bool {
    let text = text.trim_end();
    if text.starts_with("#!") || profile.directive_starts.iter().any(|start| opens(text, start)) {
        return true;
    }
    let words = text.trim_start_matches(|c: char| c.is_ascii_punctuation() && c != '@' || c.is_whitespace());
    has_directive_shape(words)
        || text.chars().any(is_deceptive)
        || contains_any(text, WORDS)
        || contains_any(text, profile.directives)
}

/// `////` and `/***` open ordinary comments, although `///` and `/**` open documentation.
fn opens(text: &str, start: &str) -> bool {
    text.strip_prefix(start).is_some_and(|rest| match start {
        "///" => !rest.starts_with('/'),
        "/**" => !rest.starts_with('*') && !rest.starts_with('/'),
        _ => true,
    })
}

/// `@tag`, and `tool:verb` or `tool=value` without a space.
fn has_directive_shape(words: &str) -> bool {
    if let Some(tag) = words.strip_prefix('@') {
        return tag.starts_with(|c: char| c.is_ascii_alphabetic());
    }
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let rest = words.trim_start_matches(is_word);
    rest.len() < words.len()
        && rest.starts_with([':', '='])
        && rest[1..].starts_with(|c: char| c.is_ascii_lowercase())
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// A comment that holds such a character may not be the comment that a reader sees, or no comment
/// at all.
fn is_deceptive(character: char) -> bool {
    is_unprintable(character) && !matches!(character, '\t' | '\n' | '\r')
}
