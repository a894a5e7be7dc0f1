//! The imports of a file's top level, apart from the rest of it: what came, what went, and whether
//! their order can matter.

use std::collections::{HashMap, HashSet};

use tree_sitter::Node;

use crate::change::binding::{imports, words};
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::change::profile::{Profile, Speech};

/// All imports of one side.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// One entry for each thing imported, in order: `use a::{b, c}` has two.
    pub(super) items: Vec<Item>,
    /// Nodes that belong to imports, by their id.
    nodes: HashSet<usize>,
    /// Directives for a tool that stand behind an import on its line.
    trailing: HashSet<usize>,
}

/// One thing imported.
#[derive(Debug)]
pub(super) struct Item {
    /// Its tokens, with a space between each two.
    pub(super) text: String,
    /// Whether its place among the others can matter.
    is_bound: bool,
    /// The node of the whole import, by its id.
    import: usize,
}

/// What one side imports and the other does not.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    pub(super) added: Vec<&'a Item>,
    pub(super) removed: Vec<&'a Item>,
}

impl Imports {
    /// Reads the imports of a tree; none in languages whose imports are text that is pasted in.
    pub(super) fn of(tree: &SyntaxTree, profile: &Profile) -> Self {
        let mut found = Self::default();
        if matches!(tree.language(), Language::C | Language::Cpp) {
            return found;
        }
        let source = tree.source();
        for import in imports(tree, profile) {
            // What a `__future__` import says holds for the whole file.
            if import.kind() == "future_import_statement" {
                continue;
            }
            found.nodes.insert(import.id());
            found.nodes.extend(import.parent().filter(|it| it.kind() == "import_list").map(|it| it.id()));
            let mut bound = String::new();
            for attribute in attributes(import, profile) {
                found.nodes.insert(attribute.id());
                bound.insert_str(0, &format!("{} ", &source[attribute.byte_range()]));
            }
            found.trailing.extend(trailing(import, profile, source).map(|comment| comment.id()));
            for tokens in expand(import, source, profile) {
                let is_bound = !bound.is_empty() || is_bound(&tokens);
                let text = [bound.as_str(), &tokens.join(" ")].concat();
                found.items.push(Item { text, is_bound, import: import.id() });
            }
        }
        found
    }

    /// Whether the node belongs to an import.
    pub(super) fn has(&self, node: Node<'_>) -> bool {
        self.nodes.contains(&node.id())
    }

    /// Whether the comment stands behind an import, for a tool that looks at imports.
    pub(super) fn has_beside(&self, comment: Node<'_>) -> bool {
        self.trailing.contains(&comment.id())
    }

    /// Whether one of them is Go's door to C: the comment above it is a program.
    pub(super) fn include_c(&self) -> bool {
        self.items.iter().any(|item| item.text.contains("\"C\""))
    }

    /// What came and what went between two sides.
    pub(super) fn difference<'a>(&'a self, new: &'a Self) -> Difference<'a> {
        let mut counts: HashMap<&str, isize> = HashMap::new();
        self.items.iter().for_each(|item| *counts.entry(&item.text).or_default() -= 1);
        new.items.iter().for_each(|item| *counts.entry(&item.text).or_default() += 1);
        let mut only = |items: &'a [Item], sign: isize| {
            let mut kept: Vec<&'a Item> = Vec::new();
            for item in items {
                if let Some(count) = counts.get_mut(item.text.as_str()).filter(|count| **count * sign > 0) {
                    *count -= sign;
                    kept.push(item);
                }
            }
            kept
        };
        Difference { removed: only(&self.items, -1), added: only(&new.items, 1) }
    }

    /// Whether imports that both sides have stand between the same parts of the code, where they run
    /// something. The places are those of whole imports, by the id of their node.
    pub(super) fn same_places(
        &self,
        new: &Self,
        places: (&HashMap<usize, usize>, &HashMap<usize, usize>),
        language: Language,
    ) -> bool {
        let before: HashMap<&str, Option<&usize>> =
            self.items.iter().map(|item| (item.text.as_str(), places.0.get(&item.import))).collect();
        let stays = |item: &Item| {
            before.get(item.text.as_str()).is_none_or(|place| *place == places.1.get(&item.import))
        };
        is_free(language) || new.items.iter().all(stays)
    }

    /// Whether what stands in the same order as before is all that can matter: for imports that are
    /// the same.
    pub(super) fn same_order(&self, new: &Self, language: Language) -> bool {
        let bound = |side: &Self| -> Vec<String> {
            side.items.iter().filter(|item| item.is_bound).map(|item| item.text.clone()).collect()
        };
        is_free(language) && bound(self) == bound(new)
    }
}

impl Item {
    /// What is imported, without the words around it.
    pub(super) fn display(&self) -> String {
        let text = ["import ", "using ", "use "].iter().find_map(|word| self.text.strip_prefix(word));
        let text = text.unwrap_or(&self.text).trim_end();
        let tight = [" :: ", " . ", " \\ "]
            .iter()
            .fold(text.to_owned(), |text, separator| text.replace(separator, separator.trim()));
        let tight = tight.replace(":: ", "::");
        // The dots of a relative path are no separators.
        tight.strip_prefix("from.").map(|rest| format!("from .{rest}")).unwrap_or(tight)
    }
}

/// Whether imports run nothing, so that their order means nothing.
fn is_free(language: Language) -> bool {
    matches!(language, Language::Rust | Language::Go | Language::Java | Language::Kotlin | Language::CSharp)
}

/// Whether the file says the same with and without an import of it. Only of Java can this be told: an
/// import of one type means nothing where its name does not occur.
pub(super) fn is_unused(item: &Item, tree: &SyntaxTree, profile: &Profile) -> bool {
    if tree.language() != Language::Java || item.text.contains(['*', '@', '/']) {
        return false;
    }
    let parts: Vec<&str> = item.text.split(' ').collect();
    let ["import", .., name] = parts[..] else { return false };
    // A backslash followed by `u` spells a name in another way.
    !parts.contains(&"static") && !tree.source().contains("\\u") && !mentions(tree, profile, name)
}

/// Whether a word stands outside the imports and plain comments of a file.
fn mentions(tree: &SyntaxTree, profile: &Profile, name: &str) -> bool {
    let mut cursor = tree.root().walk();
    loop {
        let node = cursor.node();
        let is_left_out = profile.is_comment(node.kind()) || profile.is_import(node.kind());
        let text = &tree.source()[node.byte_range()];
        if !is_left_out && node.child_count() == 0 && words(text).any(|word| word == name) {
            return true;
        }
        if !is_left_out && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}

/// The attributes above an import, from the last to the first.
fn attributes<'tree>(import: Node<'tree>, profile: &Profile) -> Vec<Node<'tree>> {
    let mut found = Vec::new();
    let mut above = import.prev_sibling();
    while let Some(node) = above {
        if profile.attributes.contains(&node.kind()) {
            found.push(node);
        } else if !profile.is_comment(node.kind()) {
            break;
        }
        above = node.prev_sibling();
    }
    found
}

/// The directive for a tool behind an import, on its line.
fn trailing<'tree>(import: Node<'tree>, profile: &Profile, source: &str) -> Option<Node<'tree>> {
    let next = import.next_sibling().filter(|next| profile.is_comment(next.kind()))?;
    let is_beside = next.start_position().row == import.end_position().row;
    (is_beside && profile.speech(&source[next.byte_range()]) == Some(Speech::Tool)).then_some(next)
}

/// The import written out: one list of tokens for each thing that it imports.
fn expand<'src>(node: Node<'_>, source: &'src str, profile: &Profile) -> Vec<Vec<&'src str>> {
    if profile.is_comment(node.kind()) {
        return vec![Vec::new()];
    }
    if node.child_count() == 0 || profile.is_atom(node.kind()) {
        let text = source[node.byte_range()].trim();
        let is_separator = matches!(text, "" | ";");
        return vec![if is_separator { Vec::new() } else { vec![text] }];
    }
    let mut written: Vec<Vec<&str>> = vec![Vec::new()];
    let mut listed: Option<Vec<Vec<&str>>> = None;
    // Those of a list only; others say something: `pub(crate)`, a tuple of C#.
    let is_bracket = |child: Node<'_>| match child.kind() {
        "{" | "}" => matches!(node.kind(), "use_list" | "import_spec_list" | "namespace_use_group"),
        "(" | ")" => matches!(node.kind(), "import_spec_list" | "import_from_statement"),
        _ => false,
    };
    let mut cursor = node.walk();
    let mut more = cursor.goto_first_child();
    let mut end = node.start_byte();
    while more {
        let child = cursor.node();
        // Some grammars have no node for the dots of a path.
        let gap = source.get(end..child.start_byte()).unwrap_or_default().trim();
        if !gap.is_empty() {
            written = joined(&written, &[vec![gap]]);
        }
        end = child.end_byte();
        let is_item = match node.kind() {
            "use_list" | "import_spec_list" | "import_clause" | "named_imports" => child.is_named(),
            "import_statement" | "import_from_statement" => cursor.field_name() == Some("name"),
            "namespace_use_declaration" | "namespace_use_group" => child.kind() == "namespace_use_clause",
            _ => false,
        };
        if is_item && !profile.is_comment(child.kind()) {
            listed.get_or_insert_default().extend(expand(child, source, profile));
        } else if child.kind() != "," && !is_bracket(child) {
            let tails = expand(child, source, profile);
            // Braces around a list of JavaScript belong to each of its items.
            if let Some(listed) = listed.take() {
                written = joined(&written, &listed);
            }
            written = joined(&written, &tails);
        }
        more = cursor.goto_next_sibling();
    }
    match listed {
        Some(listed) => joined(&written, &listed),
        None => written,
    }
}

fn joined<'src>(heads: &[Vec<&'src str>], tails: &[Vec<&'src str>]) -> Vec<Vec<&'src str>> {
    heads.iter().flat_map(|head| tails.iter().map(move |tail| [head.as_slice(), tail].concat())).collect()
}

/// Whether an import is for more than its name: `extern`, Go's `_` and `.`, and what C brings.
fn is_bound(tokens: &[&str]) -> bool {
    tokens.contains(&"extern")
        || matches!(tokens, ["import", "_" | ".", ..])
        || matches!(tokens, ["import", .., "\"C\""])
}
