//! The imports that a piece of code needs to be understood, and no others.

use std::collections::HashSet;

use tree_sitter::Node;

use super::side::Code;
use crate::change::binding::{package_of, words};
use crate::change::language::Language;

/// The imports that bind one of the `used` names, in the words of the language, each on one line and
/// lists cut down to what is used. Names of the standard library explain themselves. `is_shown` tells the rows (from 0) that are sent anyway.
#[must_use]
pub(super) fn used(code: &Code<'_>, used: &HashSet<&str>, is_shown: impl Fn(usize) -> bool) -> Vec<String> {
    let reader = Reader { code, used };
    let rows = |node: &Node<'_>| node.start_position().row..=node.end_position().row;
    let hidden = code.imports.iter().filter(|node| !rows(node).any(&is_shown));
    hidden
        .filter_map(|&node| reader.cut(node).text)
        .filter(|text| !is_standard(code.tree.language(), text))
        .map(|text| text.trim_end_matches(';').to_owned())
        .collect()
}

struct Reader<'a> {
    code: &'a Code<'a>,
    used: &'a HashSet<&'a str>,
}

/// What is left of a part of an import.
struct Cut {
    /// Its text, if it binds a used name.
    text: Option<String>,
    /// The last name within it, which is the one it binds: `c` of `a::b as c`.
    binds: Option<String>,
}

impl Reader<'_> {
    fn cut(&self, node: Node<'_>) -> Cut {
        let source = self.code.tree.source();
        let text = source.get(node.byte_range()).unwrap_or_default();
        let parts = children(node);
        if parts.is_empty() || self.code.profile.is_atom(node.kind()) {
            let binds = if self.code.profile.is_atom(node.kind()) {
                package_of(text)
            } else {
                (node.is_named() && words(text).next() == Some(text)).then_some(text)
            };
            let binds = binds.filter(|name| !matches!(*name, "self" | "super" | "crate"));
            return Cut { text: self.kept(text, binds), binds: binds.map(str::to_owned) };
        }
        let is_list = parts.iter().any(|part| part.kind() == ",") || node.kind() == "import_spec_list";
        if is_list { self.cut_list(node, &parts) } else { self.cut_path(node, &parts) }
    }

    /// One item: whole or not at all, but for the lists within it.
    fn cut_path(&self, node: Node<'_>, parts: &[Node<'_>]) -> Cut {
        let source = self.code.tree.source();
        let mut shown = String::new();
        let mut at = node.start_byte();
        let mut binds = None;
        let mut has_list = false;
        let mut keeps = false;
        for part in parts {
            let gap = source.get(at..part.start_byte()).unwrap_or_default();
            if !gap.is_empty() {
                shown.push(' ');
            }
            at = part.end_byte();
            let cut = self.cut(*part);
            let part_text = source.get(part.byte_range()).unwrap_or_default();
            // A string names where an import comes from; where there is a name, that is what it
            // binds.
            let is_source = self.code.profile.is_atom(part.kind()) && binds.is_some();
            if is_listed(*part) {
                has_list = true;
                keeps |= cut.text.is_some();
            }
            shown.push_str(&match cut.text {
                Some(text) if is_listed(*part) => text,
                _ => one_line(part_text),
            });
            if !is_source && cut.binds.is_some() {
                binds = cut.binds;
            }
        }
        let keeps = keeps || (!has_list && binds.as_deref().is_some_and(|name| self.used.contains(name)));
        Cut { text: keeps.then_some(shown), binds }
    }

    /// A list: only the items that are used. What stands before the first item stays.
    fn cut_list(&self, node: Node<'_>, parts: &[Node<'_>]) -> Cut {
        let source = self.code.tree.source();
        let separated = node.kind() == "import_spec_list";
        let mut before = String::new();
        let mut after = String::new();
        let mut kept = Vec::new();
        let mut binds = None;
        let first_comma = parts.iter().position(|part| part.kind() == ",");
        let first_item = match first_comma {
            Some(comma) => parts[..comma].iter().rposition(Node::is_named),
            None => parts.iter().position(Node::is_named),
        };
        for (index, part) in parts.iter().enumerate() {
            let text = one_line(source.get(part.byte_range()).unwrap_or_default());
            if Some(index) < first_item {
                if part.start_byte() > node.start_byte() && !before.is_empty() {
                    before.push(' ');
                }
                before.push_str(&text);
            } else if part.is_named() {
                let cut = self.cut(*part);
                kept.extend(cut.text);
                binds = cut.binds.or(binds);
            } else if part.kind() != "," && !separated {
                after.push_str(&text);
            }
        }
        if kept.is_empty() {
            return Cut { text: None, binds };
        }
        let list = kept.join(", ");
        let space = if before.is_empty() || before.ends_with(['{', '(', '[']) { "" } else { " " };
        let before = if separated { "" } else { &before };
        Cut { text: Some(format!("{before}{space}{list}{after}")), binds }
    }

    fn kept(&self, text: &str, binds: Option<&str>) -> Option<String> {
        let is_standard =
            self.code.tree.language() == Language::Go && !text.contains('.') && text.starts_with('"');
        binds.filter(|name| self.used.contains(name) && !is_standard).map(|_| one_line(text))
    }
}

/// Whether an import is one of the language's standard library.
fn is_standard(language: Language, import: &str) -> bool {
    const PYTHON: [&str; 32] = [
        "__future__",
        "abc",
        "asyncio",
        "builtins",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "enum",
        "errno",
        "functools",
        "gettext",
        "inspect",
        "io",
        "itertools",
        "json",
        "logging",
        "math",
        "operator",
        "os",
        "pathlib",
        "random",
        "re",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "types",
        "typing",
        "warnings",
    ];
    let mut words = words(import).skip_while(|word| matches!(*word, "import" | "use" | "from" | "static"));
    let first = words.next().unwrap_or_default();
    match language {
        Language::Rust => matches!(first, "std" | "core" | "alloc"),
        Language::Java => matches!(first, "java" | "javax"),
        Language::Kotlin => matches!(first, "java" | "javax" | "kotlin"),
        Language::Python => PYTHON.contains(&first) && !import.starts_with("from ."),
        _ => false,
    }
}

/// Whether a list stands somewhere in the node.
fn is_listed(node: Node<'_>) -> bool {
    let parts = children(node);
    node.kind() == "import_spec_list"
        || parts.iter().any(|part| part.kind() == ",")
        || parts.into_iter().any(is_listed)
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
