//! Syntax errors that a change introduces. A parser that reads what it was not made for says that
//! valid text is wrong; so nothing is said where the old side was wrong as well, and tree-sitter's
//! grammar is not believed alone where a second parser exists: that one is asked whenever the
//! grammar sees an error, and what it accepts is valid. In other languages the grammar is believed as
//! far as it has earned it on published code.

mod bracket;
mod go;
mod javascript;
mod python;
mod quote;
mod rust;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::thread;

use tree_sitter::Node;

use super::Sides;
use super::finding::{Confidence, Severity};
use super::rule::{Text, is_test_data};
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::git::RepoPath;
use crate::text::{Lines, to_u32};

/// The rule that syntax errors are findings of.
pub(super) const RULE: &str = "syntax/error";

/// A syntax error, in bytes of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) range: Range<usize>,
    pub(super) message: String,
}

/// A syntax error that is new, and how far to believe it.
pub(super) struct NewError {
    pub(super) error: SyntaxError,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
}

/// The syntax error that a change introduces, if it does: at most one a file, at the changed lines.
pub(super) fn new_error(sides: &Sides<'_>) -> Option<NewError> {
    let tree = sides.new.tree?;
    let changed = sides.within().unwrap_or_default();
    let new = judge(tree, Some(sides.path));
    if new == Opinion::Valid || is_dialect(sides.path, tree) {
        return None;
    }
    let old = sides.old();
    if let Some(old) = &old {
        // If the old side was wrong as well, or nobody can tell, then nobody knows what is new.
        let was_valid = judge(old.tree?, Some(sides.path)) == Opinion::Valid;
        if !was_valid {
            return None;
        }
    }
    let (severity, confidence) = trust(tree.language(), &new, old.is_some(), sides.path)?;
    Some(NewError { error: place(tree, new, changed)?, severity, confidence })
}

/// The syntax error of a text that has no history.
pub(super) fn error(text: &Text<'_>) -> Option<SyntaxError> {
    let tree = text.tree?;
    match judge(tree, None) {
        Opinion::Valid => None,
        opinion => place(tree, opinion, &[]),
    }
}

/// What is thought of a text.
#[derive(Debug, PartialEq, Eq)]
enum Opinion {
    /// The grammar sees an error, and nobody else could be asked.
    Unsure,
    /// It is valid, maybe more than the grammar can read.
    Valid,
    /// It is wrong.
    Wrong(SyntaxError),
}

fn judge(tree: &SyntaxTree, path: Option<&RepoPath>) -> Opinion {
    if tree.has_error() {
        return second_opinion(tree, path);
    }
    let is_python = tree.language() == Language::Python;
    let misindented = is_python.then(|| python::misindented(tree)).flatten();
    misindented.map_or(Opinion::Valid, Opinion::Wrong)
}

/// Nodes below the wrong ones, up to which another parser is asked. They descend once a level, and
/// an operator can be a level; the tree itself is no deeper than the limits of its parser.
const MOST_WRONG_NODES: usize = 10_000;
/// Bytes of stack for them; only what is used is taken from the machine.
const STACK: usize = 256 << 20;

fn second_opinion(tree: &SyntaxTree, path: Option<&RepoPath>) -> Opinion {
    let source = tree.source();
    let language = tree.language();
    let parse = move || match language {
        Language::Rust => rust::parse(source),
        _ => javascript::parse(source, language, path),
    };
    match language {
        Language::Go => return go::parse(source),
        Language::Rust | Language::JavaScript | Language::TypeScript | Language::Tsx => {}
        _ => return Opinion::Unsure,
    }
    let wrong = suspects(tree.root()).into_iter().filter(Node::is_error);
    if wrong.map(|node| node.child_count() as usize).sum::<usize>() > MOST_WRONG_NODES {
        return Opinion::Unsure;
    }
    thread::scope(|scope| {
        let asked = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        asked.ok().and_then(|asked| asked.join().ok()).unwrap_or(Opinion::Unsure)
    })
}

/// Where to look and what to say: a quote or a bracket without its other half if that is what is wrong,
/// else what the second parser says, else the grammar's first wrong node. A parser often notices late that
/// something is missing: then the last changed line before it is where to look.
fn place(tree: &SyntaxTree, opinion: Opinion, changed: &[LineRange]) -> Option<SyntaxError> {
    let lines = Lines::of(tree.source());
    let noticed = match opinion {
        Opinion::Wrong(error) => error,
        _ => grammar_error(tree, changed)?,
    };
    let (row, end_row) = lines.span(&noticed.range);
    if tree.has_error() {
        let last = errors(tree.root()).last().map_or(row, |node| to_u32(node.end_position().row + 1));
        let half = quote::unpaired(tree, &lines, row.max(last), changed)
            .or_else(|| bracket::unpaired(tree, &lines, changed));
        if half.is_some() {
            return half;
        }
    }
    if changed.is_empty() || changed.iter().any(|range| range.touches(row, end_row)) {
        return Some(first_line(&lines, noticed, changed));
    }
    let Some(line) = changed.iter().map(LineRange::last).filter(|&line| line < row).max() else {
        return Some(first_line(&lines, noticed, &[]));
    };
    let range = trimmed_line(&lines, line);
    if tree.language() == Language::Python && lacks_colon(&lines.text()[range.clone()]) {
        return Some(SyntaxError { range, message: "syntax error: `:` is missing at the end".to_owned() });
    }
    Some(SyntaxError { range, message: format!("syntax error, as the parser notices on line {row}") })
}

/// Whether a line of Python begins a block and does not say so.
fn lacks_colon(line: &str) -> bool {
    const WORDS: &[&str] = &[
        "async", "case", "class", "def", "elif", "else", "except", "finally", "for", "if", "match", "try",
        "while", "with",
    ];
    let word = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    WORDS.contains(&word) && line.ends_with(|c: char| c.is_alphanumeric() || "_)]}'\"".contains(c))
}

/// The error cut down to its first line that was changed, or to its first one.
fn first_line(lines: &Lines<'_>, error: SyntaxError, changed: &[LineRange]) -> SyntaxError {
    let (row, _) = lines.position(error.range.start);
    let first = changed.iter().map(|range| range.start.max(row)).filter(|&line| {
        changed.iter().any(|range| range.contains(line))
            && lines.range(line).start < error.range.end.max(error.range.start + 1)
    });
    let line = trimmed_line(lines, first.min().unwrap_or(row));
    let start = error.range.start.max(line.start).min(lines.text().len());
    let end = error.range.end.min(line.end.max(start)).max(start);
    SyntaxError { range: start..end, message: error.message }
}

/// The bytes of a line without white space around it.
fn trimmed_line(lines: &Lines<'_>, line: u32) -> Range<usize> {
    let range = lines.range(line);
    let text = &lines.text()[range.clone()];
    let start = range.start + text.len() - text.trim_start().len();
    start..(range.start + text.trim_end().len()).max(start)
}

/// The grammar's first error on a changed line, else its first at all.
fn grammar_error(tree: &SyntaxTree, changed: &[LineRange]) -> Option<SyntaxError> {
    let errors = errors(tree.root());
    let node = *errors.iter().find(|node| touches(**node, changed)).or(errors.first())?;
    let text = tree.source().get(node.byte_range()).unwrap_or_default().trim();
    let message = match text {
        _ if node.is_missing() && node.is_named() => "syntax error: something is missing here".to_owned(),
        _ if node.is_missing() => format!("syntax error: `{}` is missing", node.kind()),
        text if (1..=30).contains(&text.len()) && !text.contains('\n') => format!("syntax error at `{text}`"),
        text if text.contains('\n') => "syntax error: what begins here is not complete".to_owned(),
        _ => "syntax error".to_owned(),
    };
    Some(SyntaxError { range: node.byte_range(), message })
}

/// The innermost wrong nodes, in source order.
fn errors(root: Node<'_>) -> Vec<Node<'_>> {
    let is_wrong = |node: &Node<'_>| node.is_missing() || node.has_error();
    let is_innermost =
        |node: &Node<'_>| node.is_error() && !node.children(&mut node.walk()).any(|child| is_wrong(&child));
    let mut errors = suspects(root);
    errors.retain(|node| node.is_missing() || is_innermost(node));
    errors
}

/// All nodes that are wrong or hold a wrong one, in source order.
fn suspects(root: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        let has_error = node.has_error();
        if node.is_missing() || has_error {
            found.push(node);
        }
        if has_error && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

/// Whether a node stands on one of the lines.
fn touches(node: Node<'_>, lines: &[LineRange]) -> bool {
    let (first, last) = (to_u32(node.start_position().row + 1), to_u32(node.end_position().row + 1));
    lines.iter().any(|range| range.touches(first, last))
}

/// How far an error is believed. One that two parsers see is certain, and so is one of a grammar that
/// reads all valid text; `benches/syntax.py` measures that. Other grammars see errors in up to half
/// of all valid files, mostly for the preprocessor's sake: there only an old side without errors shows
/// that the grammar can read the file. A new file below a directory of tests may be wrong on purpose;
/// one that was right is not.
fn trust(
    language: Language,
    opinion: &Opinion,
    has_old: bool,
    path: &RepoPath,
) -> Option<(Severity, Confidence)> {
    use Language::{Bash, Css, Go, Html, Java, Python, Ruby};
    let trusted = match language {
        _ if matches!(opinion, Opinion::Wrong(_)) => (Severity::Error, Confidence::High),
        Python | Go | Java => (Severity::Error, Confidence::High),
        Ruby | Css | Bash | Html if has_old => (Severity::Warning, Confidence::Medium),
        _ if has_old => (Severity::Warning, Confidence::Low),
        _ => return None,
    };
    (has_old || !is_test_data(path)).then_some(trusted)
}

/// Whether the text may be in another language than its name says: a template, or a dialect.
fn is_dialect(path: &RepoPath, tree: &SyntaxTree) -> bool {
    let source = tree.source();
    let has = |marks: &[&str]| marks.iter().any(|mark| source.contains(mark));
    match tree.language() {
        Language::JavaScript if has(&["@flow"]) => true,
        // What the preprocessor makes of it, no grammar knows.
        Language::C | Language::Cpp => has(&["#if", "#define"]),
        Language::Html | Language::Css => has(&["{{", "{%", "<%", "<?"]),
        // The grammars are those of CSS and Bash.
        _ if [&b".scss"[..], b".zsh", b".zsh-theme"].iter().any(|it| path.as_bytes().ends_with(it)) => true,
        _ => has(&["{%", "{{cookiecutter", "{{ cookiecutter"]),
    }
}
