//! Rules whose answer takes a program: what neither a pattern on text nor one on syntax can say. A
//! pack names them, with their severity and words, by `builtin = "kebab-name"`.

mod duplicate_key;
mod unused_import;

use super::finding::Fix;
use super::rule::{Body, Match, Rule, Text};
use super::syntax;

/// The builtin rules, by the names that packs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Builtin {
    /// White space at the end of a line.
    TrailingWhitespace,
    /// What the grammar of the language does not allow.
    SyntaxError,
    /// An import whose name stands nowhere else.
    UnusedImport,
    /// A literal key or case that stands twice.
    DuplicateKey,
}

/// What a builtin rule found.
pub(super) struct Hit {
    /// Where, in bytes of the text.
    pub(super) range: std::ops::Range<usize>,
    /// What is wrong here, where that is more than the rule's own message.
    pub(super) message: Option<String>,
    /// What would mend it.
    pub(super) fix: Option<Fix>,
}

/// Adds the matches of a rule, if it is a builtin one.
pub(super) fn find<'r>(rule: &'r Rule, text: &Text<'_>, matches: &mut Vec<Match<'r>>) {
    let Body::Builtin(builtin) = rule.body else { return };
    let hits = match builtin {
        Builtin::TrailingWhitespace => trailing_whitespace(text),
        Builtin::SyntaxError => syntax_error(text),
        Builtin::UnusedImport => unused_import::find(text),
        Builtin::DuplicateKey => duplicate_key::find(text),
    };
    matches.extend(hits.into_iter().map(|Hit { range, message, fix }| Match { rule, range, message, fix }));
}

fn trailing_whitespace(text: &Text<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut start = 0;
    for line in text.text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let range = start + content.trim_end().len()..start + content.len();
        if !range.is_empty() {
            let fix = Some(Fix { range: range.clone(), text: String::new() });
            hits.push(Hit { range, message: None, fix });
        }
        start += line.len();
    }
    hits
}

/// What is wrong with the text alone; what a change brings is [`syntax::new_error`]'s to say.
fn syntax_error(text: &Text<'_>) -> Vec<Hit> {
    let error = syntax::error(text);
    error
        .map(|error| Hit { range: error.range, message: Some(error.message), fix: None })
        .into_iter()
        .collect()
}
