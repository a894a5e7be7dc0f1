//! Mending what rules found.

use super::finding::Fix;

/// The text with its fixes, in the order of their places. Of two that overlap, the later one is left
/// out.
pub(super) fn apply(text: &str, fixes: &[Fix]) -> String {
    let mut fixes: Vec<_> = fixes.iter().collect();
    fixes.sort_by_key(|fix| (fix.range.start, fix.range.end));
    let mut fixed = String::with_capacity(text.len());
    let mut end = 0;
    for fix in fixes {
        if fix.range.start >= end
            && let Some(before) = text.get(end..fix.range.start)
        {
            fixed.push_str(before);
            fixed.push_str(&fix.text);
            end = fix.range.end;
        }
    }
    fixed.push_str(text.get(end..).unwrap_or_default());
    fixed
}
