//! Brackets without their other half.

use tree_sitter::Node;

use super::{SyntaxError, trimmed_line};
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::check::ast::each_node;
use crate::text::Lines;

/// A bracket, as the tokens of the tree have it.
#[derive(Clone, Copy)]
struct Bracket {
    kind: char,
    start: usize,
    row: u32,
    /// White space before the first token of its line.
    indent: usize,
    /// Whether it is that token.
    leads: bool,
}

/// The bracket of a wrong text that is not closed, or closes nothing. The first pair that is not
/// indented alike tells which bracket lacks its half better than the one that is left over at the end.
pub(super) fn unpaired(tree: &SyntaxTree, lines: &Lines<'_>, changed: &[LineRange]) -> Option<SyntaxError> {
    // A pattern of `case` in a shell has a closing bracket only; markup has none that count.
    if matches!(tree.language(), Language::Bash | Language::Html) {
        return None;
    }
    let mut open: Vec<Bracket> = Vec::new();
    let (mut too_few, mut too_many) = (None, None);
    let mut unpaired = None;
    for bracket in brackets(tree, lines) {
        let Some(wanted) = opener(bracket.kind) else {
            open.push(bracket);
            continue;
        };
        let Some(last) = open.pop() else {
            unpaired = Some((bracket, false));
            break;
        };
        if last.kind != wanted {
            unpaired = Some((last, true));
            break;
        }
        if bracket.leads && last.row != bracket.row {
            if bracket.indent < last.indent {
                too_few.get_or_insert(last);
            } else if bracket.indent > last.indent {
                too_many.get_or_insert(bracket);
            }
        }
    }
    let (bracket, is_open) = match (unpaired, open.last()) {
        (Some((left, false)), _) => (too_many.unwrap_or(left), false),
        (Some(found), _) => found,
        (None, Some(&left)) => (too_few.unwrap_or(left), true),
        (None, None) => return None,
    };
    let what = if is_open { "is never closed" } else { "closes nothing" };
    let Bracket { kind, row, start, .. } = bracket;
    if changed.is_empty() || changed.iter().any(|range| range.contains(row)) {
        return Some(SyntaxError {
            range: start..start + 1,
            message: format!("syntax error: `{kind}` {what}"),
        });
    }
    // An old bracket of which the change took the other half.
    let line = if is_open {
        changed.iter().filter(|range| range.last() > row).map(|range| range.start.max(row)).min()
    } else {
        changed.iter().filter(|range| range.start < row).map(|range| range.last().min(row)).max()
    };
    let message = format!("syntax error: `{kind}` of line {row} {what}");
    Some(SyntaxError { range: trimmed_line(lines, line?), message })
}

fn opener(kind: char) -> Option<char> {
    match kind {
        ')' => Some('('),
        ']' => Some('['),
        '}' => Some('{'),
        _ => None,
    }
}

/// The brackets of a tree in source order: tokens that are one bracket, so that none of a string, a
/// comment or a regular expression is among them.
fn brackets(tree: &SyntaxTree, lines: &Lines<'_>) -> Vec<Bracket> {
    let mut found = Vec::new();
    let bracket = |node: Node<'_>| {
        let kind = node.kind();
        let kind = match kind {
            "(" | ")" | "[" | "]" | "{" | "}" => kind.chars().next()?,
            // `#{`, `${`
            _ if kind.ends_with('{') && !node.is_named() => '{',
            _ => return None,
        };
        if node.is_missing() || node.byte_range().is_empty() {
            return None;
        }
        let start = node.end_byte() - 1;
        let (row, column) = lines.position(start);
        let line_start = start + 1 - column as usize;
        let line = &lines.text()[line_start..];
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let leads = line_start + indent == start;
        Some(Bracket { kind, start, row, indent, leads })
    };
    each_node(tree.ast(), |node| {
        if node.child_count() == 0 {
            found.extend(bracket(node));
        }
    });
    found
}
