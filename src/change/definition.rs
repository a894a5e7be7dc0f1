//! Functions, types and modules of a syntax tree: the places that changed lines belong to.

#[cfg(test)]
mod tests;

use std::ops::Range;

use tree_sitter::Node;

use super::parse::SyntaxTree;
use super::profile::{DefinitionKind, Name, Profile};
use crate::text::one_line;

/// A named region of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Names from the outside in: `impl Auth / login`.
    pub name: String,
    /// Bytes from the first attribute, decorator or comment directly above to the end.
    pub range: Range<usize>,
    /// Bytes of the header: the syntax before the body, without attributes and comments above it.
    pub header: Range<usize>,
    /// Index of the enclosing definition in the outline.
    pub parent: Option<usize>,
    /// Bytes of the word that it is called by; none where it has no name of its own, as an `impl`.
    pub(super) identifier: Option<Range<usize>>,
    /// The node's kind, without the wrappers around it.
    pub(super) kind: &'static str,
    /// How many nodes of the tree are around it.
    pub(super) depth: usize,
}

/// All definitions of a file, outer before inner, in source order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The definitions.
    pub definitions: Vec<Definition>,
}

impl Outline {
    /// Finds the definitions of a tree; none in a language of which only the syntax is known.
    #[must_use]
    pub fn of(tree: &SyntaxTree) -> Self {
        match Profile::of(tree.language()) {
            Some(profile) => Self { definitions: Walk::new(tree, profile).run() },
            None => Self::default(),
        }
    }

    /// The name of a definition without those around it: `login` of `impl Auth / login`.
    #[must_use]
    pub(super) fn own_name(&self, index: usize) -> &str {
        let definition = &self.definitions[index];
        let outer = definition.parent.map(|parent| self.definitions[parent].name.len() + SEPARATOR.len());
        definition.name.get(outer.unwrap_or(0)..).unwrap_or_default()
    }

    /// The definitions directly inside another, or at the top level.
    pub(super) fn inside(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        let first = parent.map_or(0, |it| it + 1);
        (first..self.end(parent)).filter(move |&it| self.definitions[it].parent == parent)
    }

    /// One past the last definition inside another, or of all.
    pub(super) fn end(&self, parent: Option<usize>) -> usize {
        let Some(parent) = parent else { return self.definitions.len() };
        let end = self.definitions[parent].range.end;
        parent + self.definitions[parent..].partition_point(|it| it.range.start < end).max(1)
    }

    /// Index of the smallest definition that contains the byte.
    #[must_use]
    pub fn enclosing(&self, byte: usize) -> Option<usize> {
        let before = self.definitions.partition_point(|definition| definition.range.start <= byte);
        // Definitions nest, so that the one sought is the last to start before the byte or one of
        // those around it.
        let mut found = before.checked_sub(1)?;
        while !self.definitions[found].range.contains(&byte) {
            found = self.definitions[found].parent?;
        }
        Some(found)
    }
}

/// What stands between the names of a definition and of the one around it.
const SEPARATOR: &str = " / ";

struct Walk<'tree> {
    source: &'tree str,
    profile: &'static Profile,
    cursor: tree_sitter::TreeCursor<'tree>,
    definitions: Vec<Definition>,
    /// Definitions around the cursor.
    open: Vec<usize>,
    /// The node that was taken as a definition together with the wrappers around it.
    taken: Option<usize>,
}

/// What is gathered while the children of one node are passed.
#[derive(Default)]
struct Level {
    /// How many definitions are around the node itself.
    open: usize,
    /// Start of the attributes and comments that stand directly above the next child.
    leading: Option<usize>,
    /// Whether an attribute is among them, which belongs to the next child across blank lines too.
    bound: bool,
    /// Row on which the previous child ended.
    row: Option<usize>,
}

impl<'tree> Walk<'tree> {
    fn new(tree: &'tree SyntaxTree, profile: &'static Profile) -> Self {
        Self {
            source: tree.source(),
            profile,
            cursor: tree.root().walk(),
            definitions: Vec::new(),
            open: Vec::new(),
            taken: None,
        }
    }

    fn run(mut self) -> Vec<Definition> {
        if !self.cursor.goto_first_child() {
            return self.definitions;
        }
        let mut levels: Vec<Level> = vec![Level::default()];
        while let Some(depth) = levels.len().checked_sub(1) {
            let around = self.open.len();
            if self.visit(&mut levels[depth], depth + 1) && self.cursor.goto_first_child() {
                levels.push(Level { open: around, ..Level::default() });
                continue;
            }
            self.open.truncate(around);
            while !self.cursor.goto_next_sibling() {
                let Some(level) = levels.pop() else { break };
                self.open.truncate(level.open);
                if levels.is_empty() || !self.cursor.goto_parent() {
                    return self.definitions;
                }
            }
        }
        self.definitions
    }

    /// Looks at the node under the cursor; says whether its children are worth a look.
    fn visit(&mut self, level: &mut Level, depth: usize) -> bool {
        let node = self.cursor.node();
        if !node.is_named() {
            level.leading = None;
            level.bound = false;
            level.row = Some(last_row(node));
            return false;
        }
        let kind = node.kind();
        let first_row = node.start_position().row;
        let adjoins = level.bound || level.row.is_some_and(|row| first_row <= row + 1);
        let is_attribute = self.profile.attributes.contains(&kind);
        if is_attribute || self.profile.is_comment(kind) {
            // A comment behind code on the same line belongs to that code.
            let trails = !is_attribute && level.leading.is_none() && level.row == Some(first_row);
            let start = level.leading.filter(|_| adjoins).unwrap_or(node.start_byte());
            level.leading = (!trails).then_some(start);
            level.bound |= is_attribute;
            level.row = Some(last_row(node));
            return false;
        }
        let leading = level.leading.take().filter(|_| adjoins);
        level.bound = false;
        level.row = Some(last_row(node));
        if let Some((inner, rule)) = definition_in(node, self.profile)
            && self.taken != Some(inner.id())
        {
            self.taken = Some(inner.id());
            self.push(node, inner, rule, leading, depth);
        }
        !self.profile.is_atom(kind)
    }

    fn push(
        &mut self,
        node: Node<'tree>,
        inner: Node<'tree>,
        rule: &DefinitionKind,
        leading: Option<usize>,
        depth: usize,
    ) {
        let parent = self.open.last().copied();
        let own = own_name(inner, rule, self.source);
        let name = match parent {
            Some(parent) => format!("{}{SEPARATOR}{own}", self.definitions[parent].name),
            None => own,
        };
        let body = match rule.name {
            Name::Assigned(_, value) => inner.child_by_field_name(value).and_then(|it| self.profile.body(it)),
            _ => self.profile.body(inner),
        };
        let (start, end) = (node.start_byte(), node.end_byte());
        let header_end = match body {
            Some(body) => body.start_byte(),
            // The rest of a definition without a known body may be its body: the first line it is.
            None => self.source[inner.start_byte()..end].find('\n').map_or(end, |at| inner.start_byte() + at),
        };
        self.open.push(self.definitions.len());
        self.definitions.push(Definition {
            name,
            range: leading.unwrap_or(start)..end,
            header: start..header_end.max(start),
            parent,
            identifier: identifier(inner, rule).map(|it| it.byte_range()),
            kind: rule.kind,
            depth,
        });
    }
}

/// The row of a node's last character: some comments and directives include their line's end.
fn last_row(node: Node<'_>) -> usize {
    let end = node.end_position();
    if end.column == 0 && end.row > node.start_position().row { end.row - 1 } else { end.row }
}

/// The definition that a node is, or the only one that it wraps.
fn definition_in<'tree>(
    mut node: Node<'tree>,
    profile: &'static Profile,
) -> Option<(Node<'tree>, &'static DefinitionKind)> {
    loop {
        if let Some(rule) = rule_for(node, profile) {
            return Some((node, rule));
        }
        if !profile.wrappers.contains(&node.kind()) {
            return None;
        }
        let mut cursor = node.walk();
        let mut inner = node
            .named_children(&mut cursor)
            .filter(|child| rule_for(*child, profile).is_some() || profile.wrappers.contains(&child.kind()));
        let only = inner.next()?;
        if inner.next().is_some() {
            return None;
        }
        drop(inner);
        node = only;
    }
}

fn rule_for(node: Node<'_>, profile: &'static Profile) -> Option<&'static DefinitionKind> {
    const FUNCTIONS: &[&str] =
        &["arrow_function", "function_expression", "generator_function", "class", "anonymous_function"];
    let kind = node.kind();
    let rule = profile.definitions.iter().find(|rule| rule.kind == kind)?;
    let is_one = match rule.name {
        Name::WithBody(_) => node.child_by_field_name("body").is_some(),
        Name::Assigned(_, value) => {
            node.child_by_field_name(value).is_some_and(|value| FUNCTIONS.contains(&value.kind()))
        }
        _ => true,
    };
    is_one.then_some(rule)
}

fn own_name(node: Node<'_>, rule: &DefinitionKind, source: &str) -> String {
    let field = |name| node.child_by_field_name(name).map(|it| text(it, source));
    let name = match rule.name {
        Name::Impl => field("type").map(|of| match field("trait") {
            Some(what) => format!("{what} for {of}"),
            None => of,
        }),
        Name::Receiver => field("name").map(|name| match receiver_type(node) {
            Some(of) => format!("{} / {name}", text(of, source)),
            None => name,
        }),
        _ => identifier(node, rule).map(|it| text(it, source)),
    };
    match (rule.label, name) {
        ("", Some(name)) => name,
        ("", None) => "(unnamed)".to_owned(),
        (label, None) => label.to_owned(),
        (label, Some(name)) if label.ends_with('.') => format!("{label}{name}"),
        (label, Some(name)) => format!("{label} {name}"),
    }
}

/// The node that holds the name alone.
fn identifier<'tree>(node: Node<'tree>, rule: &DefinitionKind) -> Option<Node<'tree>> {
    match rule.name {
        Name::Field(name) | Name::WithBody(name) | Name::Assigned(name, _) => node.child_by_field_name(name),
        Name::Child(kinds) => {
            let mut cursor = node.walk();
            node.named_children(&mut cursor).find(|child| kinds.contains(&child.kind()))
        }
        Name::Declarator => declared_name(node),
        Name::Receiver => node.child_by_field_name("name"),
        Name::Impl | Name::Label => None,
    }
}

/// Not a long one: a name may be an expression.
fn text(node: Node<'_>, source: &str) -> String {
    one_line(&source[node.byte_range()], 80)
}

/// `f` of `char *(*f(int))[3]`.
fn declared_name(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node.child_by_field_name("declarator")?;
    while node.kind().ends_with("_declarator") {
        let inner = node.child_by_field_name("declarator");
        node = inner.or_else(|| node.named_child(node.named_child_count().checked_sub(1)? as u32))?;
    }
    Some(node)
}

/// `Server` of `(s *Server[T])`.
fn receiver_type(method: Node<'_>) -> Option<Node<'_>> {
    let mut node = method.child_by_field_name("receiver")?.named_child(0)?.child_by_field_name("type")?;
    while node.kind() != "type_identifier" {
        node = node.named_child(0)?;
    }
    Some(node)
}
