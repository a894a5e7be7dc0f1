//! What hookgate knows of a language beyond its grammar: one table each, read by whoever proves,
//! slices or strips.

mod directive;
mod tables;

pub use directive::Speech;

use super::language::Language;

/// The tables of one language. All names are node kinds of its grammar.
#[derive(Debug)]
pub struct Profile {
    /// Which nodes are definitions.
    pub definitions: &'static [DefinitionKind],
    /// Nodes that hold exactly one definition and belong to it: `export`, decorators, `const`.
    pub wrappers: &'static [&'static str],
    /// Siblings that belong to the definition below them: attributes.
    pub attributes: &'static [&'static str],
    /// Comments, documentation included.
    pub comments: &'static [&'static str],
    /// Words that make a comment mean something to a tool of this language, in lower case.
    pub directives: &'static [&'static str],
    /// Openings that make a comment mean something, as they stand in the text.
    pub directive_starts: &'static [&'static str],
    /// Openings of documentation that is part of the program.
    pub documentation: &'static [&'static str],
    /// What makes a directive part of the program, in lower case, where it is not only for linters,
    /// formatters and readers.
    pub program: &'static [&'static str],
    /// Text before which every comment is code; `import "C"` in Go.
    pub preamble: Option<&'static str>,
    /// Nodes whose bytes count as they stand, white space included.
    pub atoms: &'static [&'static str],
    /// Atoms whose meaning includes where their line ends.
    pub lines: &'static [&'static str],
    /// Nodes between whose children a line break means something.
    pub line_bound: &'static [&'static str],
    /// Words after which a line break ends the statement, or makes a name of the word: the grammars
    /// accept more line breaks there than the languages do.
    pub line_enders: &'static [&'static str],
    /// Nodes of raw tokens, in which adjoining operators are one.
    pub token_trees: &'static [&'static str],
    /// Whether a carriage return is more than layout.
    pub carriage_return_counts: bool,
    /// Whether indenting with tabs is not the same as with spaces.
    pub tabs_count: bool,
    /// Imports.
    pub imports: &'static [&'static str],
    /// Control flow whose header a reader of an inner line needs.
    pub controls: &'static [&'static str],
    /// Fields or kinds that hold a body.
    pub bodies: &'static [&'static str],
}

/// A kind of node that is a definition.
#[derive(Debug)]
pub struct DefinitionKind {
    /// The node's kind.
    pub kind: &'static str,
    /// What stands before its name in reports: `class`, or nothing for functions.
    pub label: &'static str,
    /// Where its name stands.
    pub name: Name,
}

/// Where a definition's name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The text of this field.
    Field(&'static str),
    /// The text of this field, and without a body it only refers to a definition elsewhere.
    WithBody(&'static str),
    /// The text of the first child of one of these kinds.
    Child(&'static [&'static str]),
    /// The innermost name of the field `declarator`, as in C.
    Declarator,
    /// `Type`, or `Trait for Type`, as of a Rust `impl`.
    Impl,
    /// `Type / name` of a Go method.
    Receiver,
    /// The text of the first field, if the second holds a function or a class.
    Assigned(&'static str, &'static str),
    /// No name: the label alone.
    Label,
}

impl Profile {
    /// The tables of a language; none for data.
    #[must_use]
    pub fn of(language: Language) -> Option<&'static Self> {
        tables::of(language)
    }

    /// Whether the kind is a comment.
    #[must_use]
    pub fn is_comment(&self, kind: &str) -> bool {
        self.comments.contains(&kind)
    }

    /// Whether a comment means something to the compiler, to a linter, or as documentation that is
    /// part of the program: such a comment is never left out, and a change of it is a real change.
    #[must_use]
    pub fn is_directive(&self, comment_text: &str) -> bool {
        directive::is_directive(self, comment_text)
    }

    /// Whom a comment speaks to that means something; none for a plain one.
    #[must_use]
    pub fn speech(&self, comment_text: &str) -> Option<Speech> {
        directive::speech(self, comment_text)
    }

    /// Whether the kind is an import.
    #[must_use]
    pub fn is_import(&self, kind: &str) -> bool {
        self.imports.contains(&kind)
    }

    /// Whether the kind is control flow: `if`, `for`, `while`, `match`, `try`, `with` and the like.
    #[must_use]
    pub fn is_control(&self, kind: &str) -> bool {
        self.controls.contains(&kind)
    }

    /// Whether the kind is a string, a template, a regular expression, a here document, or another
    /// node in which white space counts.
    #[must_use]
    pub fn is_atom(&self, kind: &str) -> bool {
        self.atoms.contains(&kind) || self.lines.contains(&kind)
    }

    /// The body of a definition or a control node.
    #[must_use]
    pub fn body<'tree>(&self, node: tree_sitter::Node<'tree>) -> Option<tree_sitter::Node<'tree>> {
        self.bodies.iter().find_map(|name| node.child_by_field_name(name)).or_else(|| {
            let mut cursor = node.walk();
            node.named_children(&mut cursor).find(|child| self.bodies.contains(&child.kind()))
        })
    }
}
