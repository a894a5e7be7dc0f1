//! Comments and documentation out, directives kept.

use std::borrow::Cow;
use std::ops::Range;

use tree_sitter::Node;

use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;

/// What of a text carries no code, and what of its white space is code: the ground on which lines
/// are shortened or left out.
#[derive(Debug, Default)]
pub(super) struct Strip {
    /// Plain comments and documentation, ascending and disjoint.
    comments: Vec<Comment>,
    /// Strings, templates and the like that span lines, ascending and disjoint.
    atoms: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Comment {
    range: Range<usize>,
    is_documentation: bool,
}

impl Strip {
    /// Finds the plain comments and the multi-line atoms of a tree. Comments beside a syntax error
    /// are not believed to be comments, and so stay.
    #[must_use]
    pub(super) fn of(tree: &SyntaxTree, profile: &Profile) -> Self {
        let source = tree.source();
        let mut strip = Self::default();
        let mut cursor = tree.root().walk();
        // Whether the nodes around the cursor hold errors. Asking a node for its parent searches all
        // of the parent's children.
        let mut around = Vec::new();
        loop {
            let node = cursor.node();
            let range = node.byte_range();
            let kind = node.kind();
            if profile.is_comment(kind) {
                let text = source.get(range.clone()).unwrap_or_default();
                let sound = around.last() != Some(&true);
                let is_documentation = is_documentation(text, tree.language());
                if sound && (is_documentation || !is_kept(profile, text)) {
                    let range = comment_body(range, text);
                    // What no tool reads as part of the program is a comment like any other.
                    let is_documentation =
                        is_documentation && profile.documentation.iter().any(|start| text.starts_with(start));
                    strip.comments.push(Comment { range, is_documentation });
                }
            } else if profile.is_atom(kind) {
                if node.start_position().row != node.end_position().row {
                    strip.atoms.push(range);
                }
            } else {
                let docstring = docstring(node, source).filter(|_| tree.language() == Language::Python);
                let found = docstring.map(|range| Comment { range, is_documentation: true });
                strip.comments.extend(found);
                if cursor.goto_first_child() {
                    around.push(node.has_error());
                    continue;
                }
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    strip.comments.sort_by_key(|comment| comment.range.start);
                    return strip;
                }
                around.pop();
            }
        }
    }

    /// Whether the byte lies within an atom, not at its start: white space there is content.
    #[must_use]
    pub(super) fn is_content(&self, byte: usize) -> bool {
        let after = self.atoms.partition_point(|atom| atom.start < byte);
        after > 0 && byte < self.atoms[after - 1].end
    }

    /// What is left of a line, given its byte range without the line break, without comments, and
    /// without documentation unless it is to be kept; none where nothing is left.
    #[must_use]
    pub(super) fn line<'a>(
        &self,
        source: &'a str,
        line: Range<usize>,
        keep_documentation: bool,
    ) -> Option<Cow<'a, str>> {
        let first = self.comments.partition_point(|comment| comment.range.end <= line.start);
        let touching = self.comments[first..].iter().take_while(|comment| comment.range.start < line.end);
        let mut left = Cow::Borrowed("");
        let mut at = line.start;
        let mut is_documented = false;
        for Comment { range, is_documentation } in
            touching.filter(|comment| !(comment.is_documentation && keep_documentation))
        {
            append(&mut left, source.get(at..range.start.max(at))?);
            is_documented |= *is_documentation;
            at = range.end.min(line.end);
        }
        append(&mut left, source.get(at..line.end)?);
        let is_gone = is_documented && left.trim_ascii().is_empty();
        if self.is_content(line.end) && !is_gone {
            return Some(left);
        }
        let code = match left {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
            Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
        };
        (!code.is_empty()).then_some(code)
    }
}

/// Directives speak to a tool, `SAFETY:` to the reviewer.
fn is_kept(profile: &Profile, text: &str) -> bool {
    profile.is_directive(text) || text.contains("SAFETY:")
}

/// Documentation is part of the program where tools read it, and says little about what it does. An
/// annotation in a comment of PHP says what is done: it has the name of a class, as `@IsGranted` does.
fn is_documentation(text: &str, language: Language) -> bool {
    let is_class = |name: &str| name.starts_with(|first: char| first.is_uppercase() || first == '\\');
    let is_annotated = language == Language::Php && text.split('@').skip(1).any(is_class);
    let starts = ["///", "//!", "/**", "/*!"];
    starts.iter().any(|start| text.starts_with(start)) && !text.contains("<reference") && !is_annotated
}

/// The string that opens a module, class or function of Python, for readers of the program; none
/// where it holds doctests, which are run, or beside a syntax error.
fn docstring(node: Node<'_>, source: &str) -> Option<Range<usize>> {
    let body = match node.kind() {
        "module" => Some(node),
        "class_definition" | "function_definition" => node.child_by_field_name("body"),
        _ => None,
    }?;
    let first = body.named_children(&mut body.walk()).find(|child| child.kind() != "comment")?;
    let string = first.named_child(0).filter(|child| {
        first.kind() == "expression_statement" && first.child_count() == 1 && child.kind() == "string"
    })?;
    let text = source.get(string.byte_range())?;
    let opens = text.trim_start_matches(['r', 'R', 'u', 'U']).starts_with(['"', '\'']);
    (opens && !text.contains(">>>") && !node.has_error()).then(|| string.byte_range())
}

/// Some grammars count the line break as part of a line comment.
fn comment_body(range: Range<usize>, text: &str) -> Range<usize> {
    range.start..range.start + text.trim_end_matches(['\n', '\r']).len()
}

/// Joins the pieces around a comment; two words do not become one.
fn append<'a>(left: &mut Cow<'a, str>, piece: &'a str) {
    if left.is_empty() {
        *left = Cow::Borrowed(piece);
    } else if !piece.is_empty() {
        let spaced = left.ends_with(char::is_whitespace) || piece.starts_with(char::is_whitespace);
        let joined = left.to_mut();
        if !spaced {
            joined.push(' ');
        }
        joined.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::language::Language;
    use crate::change::parse::{ParseLimits, parse_text};

    fn stripped(language: Language, source: &str) -> String {
        let tree = parse_text(source, language, &ParseLimits::default()).unwrap();
        let strip = Strip::of(&tree, Profile::of(language).unwrap());
        let mut at = 0;
        let mut kept = Vec::new();
        for line in source.split('\n') {
            kept.extend(strip.line(source, at..at + line.len(), false));
            at += line.len() + 1;
        }
        kept.join("\n")
    }

    #[test]
    fn comments_and_blank_lines_go() {
        let source =
            "// first\nfn f() { // why\n\n    g(/* one */1);\n    /* two\n       lines */ h(a/**/+b);\n}\n";
        insta::assert_snapshot!(stripped(Language::Rust, source), @r"
        fn f() {
            g( 1);
         h(a +b);
        }
        ");
    }

    #[test]
    fn what_only_looks_like_a_comment_stays() {
        let source = "url = 'https://example.org'  # go\ntext = f'{a} # b'\nx = 1  # noqa\n";
        insta::assert_snapshot!(stripped(Language::Python, source), @r"
        url = 'https://example.org'
        text = f'{a} # b'
        x = 1  # noqa
        ");
    }

    #[test]
    fn white_space_within_a_string_is_content() {
        let source = "text = '''a  \n\n  # b\n'''\n";
        assert_eq!(stripped(Language::Python, source), source.trim_end());
    }

    #[test]
    fn a_docstring_is_documentation_unless_it_is_run() {
        let source = r"'''One.'''
class A:  # a
    '''Two,

    three.
    '''
    def f(self):
        # b
        r'''Four.'''; g()
        'five'
    def h(self):
        '''
        >>> six
        '''
        f'seven'
x = '''
eight'''
";
        insta::assert_snapshot!(stripped(Language::Python, source), @r"
        class A:
            def f(self):
                ; g()
                'five'
            def h(self):
                '''
                >>> six
                '''
                f'seven'
        x = '''
        eight'''
        ");
    }

    #[test]
    fn an_annotation_is_no_documentation() {
        let source = "<?php\n/** @param int $a */\n/** @IsGranted(\"ADMIN\") */\nfunction f($a) {}\n";
        insta::assert_snapshot!(stripped(Language::Php, source), @r#"
        <?php
        /** @IsGranted("ADMIN") */
        function f($a) {}
        "#);
    }

    #[test]
    fn nothing_beside_an_error_is_believed_to_be_a_comment() {
        let source = "x = 'abc # d\ny = 1\n";
        assert_eq!(stripped(Language::Python, source), source.trim_end());
    }
}
