//! Go as it is written since 1.26, where `new` takes a value. The grammar still wants a type there.

use super::Opinion;
use crate::change::language::Language;
use crate::change::parse::{ParseLimits, parse_text};

/// Valid if it is with another name for `new` before what can be a value.
pub(super) fn parse(source: &str) -> Opinion {
    const TYPES: &[&str] = &["[", "map[", "chan ", "func(", "struct{", "struct {", "interface"];
    let mut renamed = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("new(") {
        let (before, call) = rest.split_at(at);
        let argument = call["new(".len()..].trim_start();
        let is_part = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let is_type = TYPES.iter().any(|start| argument.starts_with(start));
        renamed.push_str(before);
        renamed.push_str(if is_part || is_type { "new(" } else { "neu(" });
        rest = &call["new(".len()..];
    }
    renamed.push_str(rest);
    let is_valid =
        || parse_text(&renamed, Language::Go, &ParseLimits::default()).is_ok_and(|tree| !tree.has_error());
    if renamed != source && is_valid() { Opinion::Valid } else { Opinion::Unsure }
}
