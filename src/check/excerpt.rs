//! Lines as reports may show them.

use std::ops::Range;

use super::pack::RuleSet;

/// A line as a report may show it: whatever its finding is about, no secret on it is readable. A
/// secret finding's `own` range may be one that no pattern finds within a single line.
pub(super) fn excerpt(line: &str, own: Option<Range<usize>>, rules: &RuleSet) -> String {
    let found =
        |(_, pattern): (_, &::regex::Regex)| pattern.find_iter(line).map(|it| it.range()).collect::<Vec<_>>();
    let secrets: Vec<_> = rules.secret_patterns().flat_map(found).chain(own).collect();
    mask(line, &secrets)
}

/// A line with these bytes as asterisks, except for the first four of each range, which say what
/// kind of secret it is. Columns stay as they were.
pub(super) fn mask(line: &str, secrets: &[Range<usize>]) -> String {
    let is_hidden = |offset| secrets.iter().any(|secret| secret.start + 4 <= offset && offset < secret.end);
    let mut masked = String::with_capacity(line.len());
    for (offset, character) in line.char_indices() {
        if is_hidden(offset) {
            masked.extend(std::iter::repeat_n('*', character.len_utf8()));
        } else {
            masked.push(character);
        }
    }
    masked
}
