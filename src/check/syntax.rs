//! Syntax errors that a change introduces. A parser that reads what it was not made for says that
//! valid text is wrong; so the grammar is believed only where the old side had no error, and blocks
//! only in languages of which it reads practically all valid text.

use tree_sitter::Node;

use super::finding::{Confidence, Finding, Severity, Source};
use super::{Sides, to_u32};
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::git::RepoPath;

/// The syntax error that a change introduces, if it does: at most one a file, at the changed lines.
pub(super) fn new_error(sides: &Sides<'_>) -> Option<Finding> {
    let tree = sides.new.tree.filter(|tree| tree.root().has_error())?;
    // Parsers of their own judge these.
    if matches!(tree.language(), Language::Json | Language::Yaml | Language::Toml) {
        return None;
    }
    if let Some(old) = sides.old() {
        // If the old side was wrong as well, or nobody can tell, then nobody knows what is new.
        old.tree.filter(|old| !old.root().has_error())?;
    }
    let (path, within) = (sides.path, sides.within());
    if is_dialect(path, tree) {
        return None;
    }
    let (severity, confidence) = trust(tree.language(), !sides.is_new(), path)?;
    let error = locate(tree, within)?;
    let line_text = tree.source().lines().nth(error.line as usize - 1).unwrap_or_default();
    Some(Finding {
        path: path.clone(),
        line: error.line,
        end_line: error.line,
        column: error.column,
        end_column: error.end_column,
        rule: "syntax/error".to_owned(),
        source: Source::Syntax,
        severity,
        confidence,
        message: error.message,
        note: None,
        fix: None,
        excerpt: line_text.to_owned(),
    })
}

/// What the parser found, on one line.
struct Located {
    line: u32,
    column: u32,
    end_column: u32,
    message: String,
}

/// The first error on a changed line, else the first at all. The parser often notices late that
/// something is missing: then the last changed line before it is where to look.
fn locate(tree: &SyntaxTree, within: Option<&[LineRange]>) -> Option<Located> {
    let errors = errors(tree.root());
    let changed = within.unwrap_or_default();
    let node = *errors.iter().find(|node| touches(**node, changed)).or(errors.first())?;

    let (start, end) = (node.start_position(), node.end_position());
    let (first, last) = (to_u32(start.row + 1), to_u32(end.row + 1));
    let line = changed
        .iter()
        .find(|range| range.touches(first, last))
        .map(|range| range.start.max(first))
        .or_else(|| changed.iter().map(LineRange::last).filter(|&line| line < first).max())
        .unwrap_or(first);

    let text = tree.source().lines().nth(line as usize - 1).unwrap_or_default();
    let mut from = if line == first { start.column } else { text.len() - text.trim_start().len() };
    let mut to = if line == last { end.column } else { text.trim_end().len() };
    from = from.min(text.len());
    to = to.clamp(from, text.len());
    let here = text.get(from..to).map(str::trim).filter(|here| (1..=30).contains(&here.len()));
    let what = match here {
        _ if node.is_missing() => format!("syntax error: `{}` is missing", node.kind()),
        Some(here) if line >= first => format!("syntax error at `{here}`"),
        _ => "syntax error".to_owned(),
    };
    let message = if line < first { format!("{what}, as the parser notices on line {first}") } else { what };
    Some(Located { line, column: to_u32(from + 1), end_column: to_u32(to + 1), message })
}

/// The innermost wrong nodes, in source order.
fn errors(root: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.is_missing() {
            found.push(node);
        } else if node.has_error() {
            let is_innermost =
                !node.children(&mut node.walk()).any(|child| child.is_missing() || child.has_error());
            if node.is_error() && is_innermost {
                found.push(node);
            }
            if cursor.goto_first_child() {
                continue;
            }
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

/// How far the grammar of a language is believed: by the share of published, valid files in which it
/// sees errors. That is next to none in the first group and a few in a thousand in the second; in the
/// rest up to half, mostly for the preprocessor's sake, so that only an old side without errors shows
/// that the grammar can read the file.
fn trust(language: Language, has_old: bool, path: &RepoPath) -> Option<(Severity, Confidence)> {
    use Language::{Css, Go, Java, JavaScript, Json, Python, Ruby, Rust, Toml, Tsx, TypeScript, Yaml};
    let (severity, confidence) = match language {
        Python | Go | Java | JavaScript | Json | Toml => (Severity::Error, Confidence::High),
        Rust | TypeScript | Tsx | Ruby | Css | Yaml => (Severity::Warning, Confidence::Medium),
        _ if has_old => (Severity::Warning, Confidence::Low),
        _ => return None,
    };
    Some(if is_fixture(path) { (Severity::Warning, Confidence::Low) } else { (severity, confidence) })
}

/// Test data is often wrong on purpose.
fn is_fixture(path: &RepoPath) -> bool {
    let names: &[&[u8]] = &[
        b"test",
        b"tests",
        b"testdata",
        b"test-data",
        b"test_data",
        b"spec",
        b"fixtures",
        b"__fixtures__",
        b"corpus",
        b"snapshots",
        b"ui",
        b"examples",
    ];
    path.as_bytes().split(|&byte| byte == b'/').any(|part| names.contains(&part))
}

/// Whether the text may be in another language than its name says: JSON with comments, templates.
fn is_dialect(path: &RepoPath, tree: &SyntaxTree) -> bool {
    let source = tree.source();
    let has = |marks: &[&str]| marks.iter().any(|mark| source.contains(mark));
    match tree.language() {
        Language::Json => allows_comments(path) || has(&["//", "/*", "{{", "{%", "<%"]),
        Language::JavaScript => has(&["@flow"]),
        Language::Yaml | Language::Html | Language::Css | Language::Toml => has(&["{{", "{%", "<%", "<?"]),
        _ => has(&["{%", "{{cookiecutter", "{{ cookiecutter"]),
    }
}

/// JSON files whose readers accept comments and trailing commas.
fn allows_comments(path: &RepoPath) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).to_ascii_lowercase();
    let parent = path.as_bytes().rsplit(|&byte| byte == b'/').nth(1);
    let known = [
        "tsconfig",
        "jsconfig",
        "appsettings",
        "launchsettings",
        "devcontainer",
        "nx",
        "angular",
        "biome",
        "deno",
        "turbo",
        "renovate",
        "rush",
        "api-extractor",
        "tslint",
        "global",
    ];
    !name.ends_with(".json")
        || name.starts_with('.')
        || known.iter().any(|known| name.starts_with(known))
        || matches!(parent, Some(b".vscode" | b".devcontainer" | b".zed"))
}
