//! The control flow around a line.

use tree_sitter::Node;

use crate::payload::side::Code;

/// First bytes of the headers that a reader of the line at `byte` needs, from the outside in.
///
/// What lies behind an `else` is not enclosed by the condition before it. Of a chain of `else if`,
/// only the header of the line's own branch is given; for a plain `else`, the condition whose other
/// case it is, and the `else`.
pub(super) fn headers(code: &Code<'_>, byte: usize) -> Vec<usize> {
    let mut headers = Vec::new();
    let mut outer = "";
    let mut cursor = code.tree.root().walk();
    while cursor.goto_first_child_for_byte(byte).is_some() {
        let node = cursor.node();
        if node.start_byte() > byte {
            break;
        }
        if !code.profile.is_control(node.kind()) {
            continue;
        }
        match alternative(node, byte) {
            // The branch in which the chain goes on gives its own header.
            Some((_, word)) if goes_on(word, node.kind()) => {}
            Some((condition, word)) => headers.extend([condition.start_byte(), word.start_byte()]),
            None if node.child(0).is_some_and(|word| word.kind() == "else" && goes_on(word, outer)) => {}
            None => headers.push(node.start_byte()),
        }
        outer = node.kind();
    }
    headers
}

/// The word that opens the alternative of `node` in which `byte` lies, and what opens the branch
/// before it. Some grammars have a clause around word and branch, which is not its own alternative;
/// some have both in the node itself.
fn alternative<'tree>(node: Node<'tree>, byte: usize) -> Option<(Node<'tree>, Node<'tree>)> {
    let is_word = |node: &Node<'_>| matches!(node.kind(), "else" | "elif" | "elsif" | "elseif");
    let mut cursor = node.walk();
    let parts = node.children(&mut cursor).skip(1).take_while(|part| part.start_byte() < byte);
    // Ruby names its clauses like their words, hence the first child first.
    let words = parts.filter_map(|part| part.child(0).filter(is_word).or(Some(part).filter(is_word)));
    words.fold(None, |before, word| Some((before.map_or(node, |(_, word)| word), word)))
}

/// Whether a condition of the same kind follows the word on its line, as in `else if`.
fn goes_on(word: Node<'_>, kind: &str) -> bool {
    let row = word.end_position().row;
    let mut next = word.next_sibling().filter(|next| next.start_position().row == row);
    while let Some(node) = next.filter(|node| node.kind() != kind) {
        next = node.child(0);
    }
    word.kind() != "else" || next.is_some()
}
