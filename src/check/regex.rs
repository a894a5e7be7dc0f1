//! Text rules: a regular expression over the whole text.

use super::finding::Fix;
use super::rule::{Body, Match, Rule};

/// Adds the matches of a rule, if it is a text rule.
pub(super) fn find<'r>(rule: &'r Rule, text: &str, matches: &mut Vec<Match<'r>>) {
    let Body::Text { pattern, except, fix } = &rule.body else { return };
    let Some(pattern) = pattern.get() else { return };
    let except = except.as_ref().and_then(|except| except.get());
    for captures in pattern.captures_iter(text) {
        let found = captures.get_match();
        if found.is_empty() || except.is_some_and(|except| except.is_match(found.as_str())) {
            continue;
        }
        let fix = fix.as_ref().map(|template| {
            let mut text = String::new();
            captures.expand(template, &mut text);
            Fix { range: found.range(), text }
        });
        matches.push(Match { rule, range: found.range(), message: None, fix });
    }
}
