//! Literal keys that a dictionary, object, hash, array or map has twice, and literal cases that a
//! `switch` has twice.

use std::collections::HashMap;

use tree_sitter::Node;

use super::{Hit, NodeCheck};
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;

/// What has keys or cases.
pub(super) const CHECK: NodeCheck = NodeCheck {
    kinds: &[
        "dictionary",
        "hash",
        "object",
        "switch_body",
        "literal_value",
        "expression_switch_statement",
        "array_creation_expression",
    ],
    find,
};

fn find(tree: &SyntaxTree, node: Node<'_>) -> Vec<Hit> {
    if node.has_error() {
        return Vec::new();
    }
    Reader { source: tree.source(), language: tree.language() }.duplicates(node)
}

struct Reader<'a> {
    source: &'a str,
    language: Language,
}

/// What makes two keys equal: the kind of literal, and what it holds.
type Key = (&'static str, String);

/// What an entry does to the keys before it.
enum Entry<'tree> {
    /// It may be one of them.
    Key(Node<'tree>),
    /// It adds keys that nobody knows, maybe to be overwritten by those after it.
    Spread,
}

impl Reader<'_> {
    /// Those of the node's own keys or cases that it had before.
    fn duplicates(&self, node: Node<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut seen: HashMap<Key, usize> = HashMap::new();
        for entry in self.entries(node) {
            let Entry::Key(node) = entry else {
                seen.clear();
                continue;
            };
            let Some(key) = self.key(node) else { continue };
            let line = node.start_position().row + 1;
            if let Some(first) = seen.get(&key) {
                let text = self.text(node);
                let message = format!("`{text}` stands on line {first} already");
                hits.push(Hit { range: node.byte_range(), message: Some(message), fix: None });
            } else {
                seen.insert(key, line);
            }
        }
        hits
    }

    /// The entries of a node that has keys or cases.
    fn entries<'tree>(&self, node: Node<'tree>) -> Vec<Entry<'tree>> {
        use Language::{Go, JavaScript, Php, Python, Ruby, Tsx, TypeScript};
        let is_script = matches!(self.language, JavaScript | TypeScript | Tsx);
        let parts = named(node);
        let keys = |owner: &str, field: &str| -> Vec<_> {
            let owners = parts.iter().filter(|part| part.kind() == owner);
            owners.filter_map(|part| part.child_by_field_name(field)).map(Entry::Key).collect()
        };
        match (self.language, node.kind()) {
            (Python, "dictionary") | (Ruby, "hash") => parts
                .iter()
                .filter_map(|part| match part.kind() {
                    "pair" => part.child_by_field_name("key").map(Entry::Key),
                    "comment" => None,
                    _ => Some(Entry::Spread),
                })
                .collect(),
            (_, "object") if is_script => parts.iter().filter_map(|part| self.member(*part)).collect(),
            (_, "switch_body") if is_script => keys("switch_case", "value"),
            (Go, "literal_value") => {
                let keyed = parts.iter().filter(|part| part.kind() == "keyed_element");
                let key = |part: &Node<'tree>| part.named_child(0)?.named_child(0).map(Entry::Key);
                keyed.filter_map(key).collect()
            }
            (Go, "expression_switch_statement") if node.child_by_field_name("value").is_some() => {
                let cases = parts.iter().filter(|part| part.kind() == "expression_case");
                let values = cases.filter_map(|case| case.child_by_field_name("value"));
                values.flat_map(named).map(Entry::Key).collect()
            }
            (Php, "array_creation_expression") => {
                let pairs = parts.iter().filter(|part| part.kind() == "array_element_initializer");
                let key = |part: &Node<'tree>| match named(*part).as_slice() {
                    [key, _] => Some(Entry::Key(*key)),
                    [other] if other.kind() == "variadic_unpacking" => Some(Entry::Spread),
                    _ => None,
                };
                pairs.filter_map(key).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A member of an object; none for one of a pair of accessors.
    fn member<'tree>(&self, part: Node<'tree>) -> Option<Entry<'tree>> {
        match part.kind() {
            "pair" => part.child_by_field_name("key").map(Entry::Key),
            "method_definition" => {
                let mut cursor = part.walk();
                let is_accessor = part.children(&mut cursor).any(|it| matches!(it.kind(), "get" | "set"));
                part.child_by_field_name("name").filter(|_| !is_accessor).map(Entry::Key)
            }
            "shorthand_property_identifier" => Some(Entry::Key(part)),
            "spread_element" => Some(Entry::Spread),
            _ => None,
        }
    }

    /// None for what is not a literal, or not one that is read in one way only.
    fn key(&self, node: Node<'_>) -> Option<Key> {
        let text = self.text(node);
        let word = || Some(("word", text.to_owned()));
        match node.kind() {
            // Only these are called by name; `__proto__` sets what an object inherits from.
            "property_identifier" | "shorthand_property_identifier" if text != "__proto__" => word(),
            "hash_key_symbol" => Some(("symbol", text.to_owned())),
            "simple_symbol" => Some(("symbol", text.trim_start_matches(':').to_owned())),
            "string" | "interpreted_string_literal" | "raw_string_literal" | "encapsed_string" => {
                self.string(node, text)
            }
            "number" | "integer" | "int_literal"
                if text.parse::<u32>().is_ok_and(|it| it.to_string() == text) =>
            {
                let kind = if self.is_script() || self.language == Language::Php { "word" } else { "number" };
                Some((kind, text.to_owned()))
            }
            _ => None,
        }
    }

    /// A string without interpolation or escapes, by its content. In JavaScript a name is a key as
    /// good as a string.
    fn string(&self, node: Node<'_>, text: &str) -> Option<Key> {
        let is_plain = named(node).iter().all(|part| {
            matches!(part.kind(), "string_start" | "string_content" | "string_end" | "string_fragment")
                || part.kind().ends_with("_literal_content")
        });
        let quote = text.find(['"', '\'', '`'])?;
        let (prefix, quoted) = text.split_at(quote);
        // A string of three quotes begins and ends with an empty one, which is no simple one.
        let content = quoted.get(1..quoted.len() - 1)?;
        let is_simple = is_plain && !content.contains(['\\', '"', '\'', '`', '\n', '$']);
        let is_symbol = self.language == Language::Ruby
            && self.source.get(node.end_byte()..).is_some_and(|rest| rest.starts_with(':'));
        let kind = match prefix.to_ascii_lowercase().as_str() {
            "" | "u" | "r" if is_symbol => "symbol",
            "" | "u" | "r" if self.is_script() || self.language == Language::Php => "word",
            "" | "u" | "r" => "string",
            "b" | "rb" | "br" => "bytes",
            _ => return None,
        };
        is_simple.then(|| (kind, content.to_owned()))
    }

    fn is_script(&self) -> bool {
        matches!(self.language, Language::JavaScript | Language::TypeScript | Language::Tsx)
    }

    fn text(&self, node: Node<'_>) -> &str {
        self.source.get(node.byte_range()).unwrap_or_default()
    }
}

fn named(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}
