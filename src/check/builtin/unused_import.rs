//! Imports whose names stand nowhere else. A name counts as used wherever the language, its
//! documentation or its reflection could mean it: as any identifier, whatever that is bound to, in
//! documentation comments, and in Python within strings. So what is found is not used.

use std::ops::Range;

use tree_sitter::Node;

use super::Hit;
use crate::change::binding::{Binding, bindings, words};
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;
use crate::check::finding::Fix;
use crate::check::rule::Text;

pub(super) fn find(text: &Text<'_>) -> Vec<Hit> {
    let Some(tree) = text.tree.filter(|tree| !tree.has_error()) else { return Vec::new() };
    let bindings = bindings(tree);
    if bindings.is_empty() || is_facade(tree) {
        return Vec::new();
    }
    let uses = Uses::of(tree, &bindings);
    let unused: Vec<_> = bindings
        .iter()
        .filter(|binding| !uses.has(binding.name) && !is_implicit(binding, tree) && !is_wanted(binding, tree))
        .collect();
    let hit = |binding: &&Binding<'_>| Hit {
        range: binding.item.byte_range(),
        message: Some(format!("`{}` is imported and not used", binding.name)),
        fix: fix(binding, &unused, tree),
    };
    unused.iter().map(hit).collect()
}

/// Looks for names outside of what binds them. Nearly every import is used, and its first use found
/// before long: to ask for one name after the other is faster than to gather all that there are.
struct Uses<'a> {
    tree: &'a SyntaxTree,
    bindings: &'a [Binding<'a>],
    /// The text in lower case for PHP, whose names of classes and functions have no case.
    lower: Option<String>,
}

impl<'a> Uses<'a> {
    fn of(tree: &'a SyntaxTree, bindings: &'a [Binding<'a>]) -> Self {
        let ignores_case = tree.language() == Language::Php;
        Self { tree, bindings, lower: ignores_case.then(|| tree.source().to_ascii_lowercase()) }
    }

    fn has(&self, name: &str) -> bool {
        let name = name.trim_matches('`');
        let (text, name) = match &self.lower {
            Some(lower) => (lower.as_str(), name.to_ascii_lowercase()),
            None => (self.tree.source(), name.to_owned()),
        };
        text.match_indices(&name).any(|(at, _)| self.is_use(text, &name, at..at + name.len()))
    }

    /// Whether the text that is spelt like the name, in bytes, is a use of it.
    fn is_use(&self, text: &str, name: &str, range: Range<usize>) -> bool {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let bytes = text.as_bytes();
        if bytes[..range.start].last().is_some_and(is_word) || bytes.get(range.end).is_some_and(is_word) {
            return false;
        }
        // What an import spells is no use. Most such places are found here, the others below.
        if self.bindings.iter().any(|binding| binding.import.byte_range().contains(&range.start)) {
            return false;
        }
        let language = self.tree.language();
        let Some(leaf) = self.tree.root().descendant_for_byte_range(range.start, range.end) else {
            return false;
        };
        let spelt = text.get(leaf.byte_range()).unwrap_or_default();
        if is_comment(leaf.kind()) {
            return reads_comment(language, spelt) && words(spelt).any(|word| word == name);
        }
        if language == Language::Python && leaf.kind() == "string_content" {
            return words(spelt).any(|word| word == name);
        }
        let mut around = std::iter::successors(Some(leaf), Node::parent);
        leaf.child_count() == 0
            && spelt.trim_matches('`') == name
            && may_name(leaf)
            && !around.any(|node| is_import(node.kind()))
    }
}

fn is_import(kind: &str) -> bool {
    matches!(
        kind,
        "import_statement"
            | "import_from_statement"
            | "import_declaration"
            | "import_header"
            | "namespace_use_declaration"
    )
}

fn is_comment(kind: &str) -> bool {
    kind.ends_with("comment")
}

/// Whether a leaf may name what was imported: not a member of something else, nor a keyword of a call.
fn may_name(leaf: Node<'_>) -> bool {
    let kind = leaf.kind();
    let is_field_of = |owner: &str, field: &str| {
        let owner = leaf.parent().filter(|parent| parent.kind() == owner);
        owner.and_then(|owner| owner.child_by_field_name(field)) == Some(leaf)
    };
    (kind.contains("identifier") || kind == "name")
        && !matches!(kind, "property_identifier" | "field_identifier" | "statement_identifier")
        && !is_field_of("attribute", "attribute")
        && !is_field_of("keyword_argument", "name")
}

/// Whether names in a comment of this text are links or types.
fn reads_comment(language: Language, comment: &str) -> bool {
    match language {
        Language::Python => comment.trim_start_matches(['#', ' ']).starts_with("type:"),
        Language::Go => false,
        Language::Php => true,
        _ => comment.starts_with("/*"),
    }
}

/// A file of Python that does nothing but import is there to be imported from.
fn is_facade(tree: &SyntaxTree) -> bool {
    let is_string = |node: Node<'_>| node.named_child(0).is_some_and(|inner| inner.kind() == "string");
    let is_other = |node: Node<'_>| match node.kind() {
        "future_import_statement" => false,
        "expression_statement" => !is_string(node),
        kind => !is_comment(kind) && !is_import(kind),
    };
    tree.language() == Language::Python && !tree.root().named_children(&mut tree.root().walk()).any(is_other)
}

/// Whether the language uses the name without its being spelt.
fn is_implicit(binding: &Binding<'_>, tree: &SyntaxTree) -> bool {
    const KOTLIN_OPERATORS: &[&str] = &[
        "getValue",
        "setValue",
        "provideDelegate",
        "invoke",
        "get",
        "set",
        "contains",
        "iterator",
        "next",
        "hasNext",
        "rangeTo",
        "rangeUntil",
        "compareTo",
        "equals",
        "plus",
        "minus",
        "times",
        "div",
        "rem",
        "plusAssign",
        "minusAssign",
        "timesAssign",
        "divAssign",
        "remAssign",
        "unaryPlus",
        "unaryMinus",
        "not",
        "inc",
        "dec",
        "assign",
    ];
    let name = binding.name;
    match tree.language() {
        Language::Python => {
            let reflects = ["globals(", "locals(", "eval(", "exec(", "vars("];
            // Importing these is what they are for.
            matches!(name, "_" | "readline" | "rlcompleter" | "this" | "antigravity")
                || reflects.iter().any(|call| tree.source().contains(call))
        }
        // What JSX is compiled to calls them, or did.
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            matches!(name, "React" | "Preact" | "h" | "jsx" | "jsxs" | "Fragment")
        }
        Language::Kotlin => {
            KOTLIN_OPERATORS.contains(&name)
                || name.strip_prefix("component").is_some_and(|rest| rest.parse::<u8>().is_ok())
        }
        _ => false,
    }
}

/// Whether a comment beside the import, or on the line above, says that it is there for a reason.
fn is_wanted(binding: &Binding<'_>, tree: &SyntaxTree) -> bool {
    const REASONS: &[&str] =
        &["noqa", "unused", "side effect", "side-effect", "regist", "re-export", "reexport", "export"];
    let source = tree.source();
    let import = binding.import.byte_range();
    let end = source[import.end..].find('\n').map_or(source.len(), |at| import.end + at);
    let start = source[..import.start].rfind('\n').map_or(0, |at| at + 1);
    let above = source[..start].lines().next_back().unwrap_or_default().trim();
    let above = Some(above).filter(|line| line.starts_with(['#', '/', '*']));
    let beside = source[start..end].lines().filter_map(|line| {
        let marks = [line.find('#'), line.find("//"), line.find("/*")];
        marks.into_iter().flatten().min().map(|at| &line[at..])
    });
    let profile = Profile::of(tree.language());
    above.into_iter().chain(beside).any(|comment| {
        let lower = comment.to_lowercase();
        REASONS.iter().any(|reason| lower.contains(reason))
            || profile.is_some_and(|profile| profile.is_directive(comment))
    })
}

/// Takes the name out of a list that keeps others; the whole import only where importing does
/// nothing else.
fn fix(binding: &Binding<'_>, unused: &[&Binding<'_>], tree: &SyntaxTree) -> Option<Fix> {
    let source = tree.source();
    let (item, import) = (binding.item.byte_range(), binding.import.byte_range());
    if item == import || binding.item.kind() == "import_spec" {
        let is_pure =
            matches!(tree.language(), Language::Java | Language::Kotlin | Language::Go | Language::Php);
        let siblings = unused.iter().filter(|other| other.import.id() == binding.import.id()).count();
        // A list that loses its last package would stay behind, empty.
        let is_safe = item == import || siblings < binding.item.parent()?.named_child_count();
        return (is_pure && is_safe).then(|| Fix { range: lines(source, item), text: String::new() });
    }
    // One item at a time: what two fixes of one list would leave depends on both.
    let others = unused.iter().filter(|other| other.import.id() == binding.import.id()).count();
    let is_listed = matches!(binding.item.kind(), "import_specifier" | "dotted_name" | "aliased_import");
    if others != 1 || !is_listed {
        return None;
    }
    let comma = |node: Option<Node<'_>>| node.filter(|node| node.kind() == ",").map(|node| node.byte_range());
    let after = comma(binding.item.next_sibling());
    let next = binding.item.next_named_sibling().filter(|next| !is_comment(next.kind()));
    let range = match (after, next, comma(binding.item.prev_sibling())) {
        (Some(_), Some(next), _) => item.start..next.start_byte(),
        (_, None, Some(before)) => before.start..item.end,
        _ => return None,
    };
    (!source[range.clone()].contains(['#', '/'])).then(|| Fix { range, text: String::new() })
}

/// The whole lines of a range, if nothing else stands on them.
fn lines(source: &str, range: Range<usize>) -> Range<usize> {
    let start = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = source[range.end..].find('\n').map_or(source.len(), |at| range.end + at + 1);
    let around = [&source[start..range.start], &source[range.end..end]];
    if around.iter().all(|text| text.trim().is_empty()) { start..end } else { range }
}
