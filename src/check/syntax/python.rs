//! What Python's grammar leaves to its scanner: how statements are indented.

use std::ops::Range;

use tree_sitter::Node;

use super::SyntaxError;
use crate::change::parse::SyntaxTree;
use crate::text::Lines;

/// The first statement that is not indented as those beside it, or the first block without any.
pub(super) fn misindented(tree: &SyntaxTree) -> Option<SyntaxError> {
    let mut cursor = tree.root().walk();
    loop {
        let node = cursor.node();
        if matches!(node.kind(), "module" | "block")
            && let Some(error) = of_block(tree.source(), node)
        {
            return Some(error);
        }
        // Expressions hold no blocks.
        let kind = node.kind();
        let may_hold = matches!(kind, "module" | "block" | "decorated_definition")
            || ["_statement", "_definition", "_clause"].iter().any(|end| kind.ends_with(end));
        if may_hold && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return None;
            }
        }
    }
}

fn of_block(source: &str, block: Node<'_>) -> Option<SyntaxError> {
    let mut statements: Vec<_> = block.named_children(&mut block.walk()).collect();
    statements.retain(|node| node.kind() != "comment");
    let expected = match statements.first() {
        _ if block.kind() == "module" => "",
        Some(first) => indentation(source, *first)?,
        None => {
            let message = "syntax error: an indented block is missing below this line".to_owned();
            return Some(SyntaxError { range: line_of(source, block.parent()?), message });
        }
    };
    let wrong = statements.iter().find(|statement| {
        // Tabs have a width of their own, which only Python knows.
        indentation(source, **statement).is_some_and(|found| {
            found != expected && !found.contains(|c| c != ' ') && !expected.contains(|c| c != ' ')
        })
    })?;
    let message = "syntax error: this line is not indented like those of its block".to_owned();
    Some(SyntaxError { range: line_of(source, *wrong), message })
}

/// The line on which a node begins.
fn line_of(source: &str, node: Node<'_>) -> Range<usize> {
    let lines = Lines::of(source);
    super::trimmed_line(&lines, lines.position(node.start_byte()).0)
}

/// What stands before a statement on its line; none if that is more than white space.
fn indentation<'a>(source: &'a str, statement: Node<'_>) -> Option<&'a str> {
    let before = &source[..statement.start_byte()];
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    line.trim().is_empty().then_some(line)
}
