//! Quotes without their other half.

use tree_sitter::Node;

use super::SyntaxError;
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::text::Lines;

/// The quote that opens a string which its line does not close, on the first changed line up to the
/// one on which a parser noticed an error; on that one where all lines are new.
pub(super) fn unpaired(
    tree: &SyntaxTree,
    lines: &Lines<'_>,
    noticed: u32,
    changed: &[LineRange],
) -> Option<SyntaxError> {
    let (quotes, comment) = marks(tree.language())?;
    let suspects = changed.iter().flat_map(LineRange::lines).take_while(|&line| line <= noticed);
    let suspects = suspects.chain(changed.is_empty().then_some(noticed));
    let (start, quote) = suspects
        .filter_map(|line| {
            let range = lines.range(line);
            let (at, quote) = open_quote(&tree.source()[range.clone()], quotes, comment)?;
            Some((range.start + at, quote))
        })
        .find(|&(at, _)| !is_content(tree.root(), at))?;
    let range = start..start + 1;
    Some(SyntaxError { range, message: format!("syntax error: `{quote}` is not closed on its line") })
}

/// What quotes a string that seldom goes on on the next line, and what begins a comment.
fn marks(language: Language) -> Option<(&'static str, &'static str)> {
    Some(match language {
        Language::Python | Language::Ruby | Language::Bash => ("'\"", "#"),
        Language::JavaScript | Language::TypeScript | Language::Tsx | Language::Php => ("'\"", "//"),
        Language::Rust
        | Language::Go
        | Language::Java
        | Language::C
        | Language::Cpp
        | Language::CSharp
        | Language::Kotlin => ("\"", "//"),
        _ => return None,
    })
}

/// Where the last string of a line begins, if it does not end there.
fn open_quote(line: &str, quotes: &str, comment: &str) -> Option<(usize, char)> {
    let mut open = None;
    let mut is_escaped = false;
    for (at, character) in line.char_indices() {
        match (open, character) {
            _ if is_escaped => is_escaped = false,
            (_, '\\') => is_escaped = true,
            // A string of several lines, or one that is made of other parts.
            (_, '`') => return None,
            (None, _) if line[at..].starts_with(comment) => return None,
            (None, quote) if quotes.contains(quote) => open = Some((at, quote)),
            (Some((_, quote)), character) if quote == character => open = None,
            _ => {}
        }
    }
    open.filter(|_| !line.contains("\"\"\"") && !line.contains("'''"))
}

/// Whether a byte stands within a comment, or within a string that began before it.
fn is_content(root: Node<'_>, offset: usize) -> bool {
    let mut node = root.descendant_for_byte_range(offset, offset + 1);
    while let Some(inner) = node {
        let kind = inner.kind();
        let is_text = ["comment", "string", "heredoc", "template", "regex", "jsx_text"]
            .iter()
            .any(|part| kind.contains(part));
        if is_text && inner.start_byte() < offset {
            return true;
        }
        node = inner.parent();
    }
    false
}
