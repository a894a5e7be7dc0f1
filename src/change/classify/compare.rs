//! By how much two streams differ that are not equal: in directives, imports, names, or literals
//! alone, or in what they do.

use std::collections::HashMap;

use tree_sitter::Node;

use super::imports::{Imports, is_unused};
use super::rename;
use super::unit::Verdict;
use crate::change::parse::SyntaxTree;
use crate::change::profile::{Profile, Speech};
use crate::change::stream::{Mark, Part, Script};
use crate::change::{ChangeClass, language::Language};
use crate::text::one_line;

/// One side of a region.
pub(super) struct Text<'a> {
    /// What it says.
    pub(super) script: &'a Script<'a>,
    /// The tree of the whole file.
    pub(super) tree: &'a SyntaxTree,
    /// The file's imports, where the region is its top level.
    pub(super) imports: Option<&'a Imports>,
    /// Text of the definitions inside it, which have streams of their own.
    pub(super) nested: Vec<&'a str>,
}

/// A part with its bytes in the stream.
pub(super) type Code<'a> = (&'a Part<'a>, &'a [u8]);

/// A directive with the number of code parts before it.
struct Directive<'a> {
    anchor: usize,
    bytes: &'a [u8],
    text: &'a str,
    speech: Speech,
    /// Whether it is about an import.
    of_import: bool,
}

/// What a stream consists of.
struct Divided<'a> {
    /// Everything but directives and imports.
    code: Vec<Code<'a>>,
    directives: Vec<Directive<'a>>,
    /// Everything in imports.
    imported: Vec<&'a [u8]>,
    /// How many code parts stand before each import, by the id of its node.
    places: HashMap<usize, usize>,
}

/// The class of a region whose streams are not equal. `hash` names the new side's stream.
pub(super) fn compare(old: &Text<'_>, new: &Text<'_>, profile: &Profile, hash: blake3::Hash) -> Verdict {
    judge((old, divide(old, true)), (new, divide(new, true)), profile, hash)
}

/// The class of a region without the definitions inside it, which are units of their own: what is left
/// may be no more than the import that they need. It is no proof, since the names around it have changed,
/// and only good where no line of code changed that could have moved past a definition.
pub(super) fn compare_beside(
    old: &Text<'_>,
    new: &Text<'_>,
    profile: &Profile,
    hash: blake3::Hash,
) -> Option<Verdict> {
    let verdict = judge((old, divide(old, false)), (new, divide(new, false)), profile, hash);
    let is_told = matches!(
        verdict.class,
        ChangeClass::Import
            | ChangeClass::ImportOrder
            | ChangeClass::Directive
            | ChangeClass::Documentation
            | ChangeClass::Test
    );
    let because = format!("{}, beside definitions that changed", verdict.because);
    is_told.then(|| Verdict::unproved(verdict.class, because))
}

fn judge(
    (old, before): (&Text<'_>, Divided<'_>),
    (new, after): (&Text<'_>, Divided<'_>),
    profile: &Profile,
    hash: blake3::Hash,
) -> Verdict {
    let real = || Verdict::real("changed logic");
    let sources = (old.tree.source(), new.tree.source());
    let Some(differing) = leaves(&before.code, &after.code, sources) else { return real() };
    let same_directives = before.directives.len() == after.directives.len()
        && before
            .directives
            .iter()
            .zip(&after.directives)
            .all(|(old, new)| (old.anchor, old.bytes) == (new.anchor, new.bytes));
    let same_imports = before.imported == after.imported;
    match (differing.is_empty(), same_imports, same_directives) {
        (true, true, false) => directives(&before, &after, old.tree.language()),
        (true, false, _) => {
            let others = |side: &Divided<'_>| -> Vec<String> {
                side.directives.iter().filter(|it| !it.of_import).map(|it| it.text.to_owned()).collect()
            };
            if !same_directives && others(&before) != others(&after) {
                return real();
            }
            imports((old, &before), (new, &after), profile, same_directives, hash)
        }
        (false, true, true) => literals(&differing)
            .or_else(|| rename::verdict((old, &before.code), (new, &after.code), &differing, hash))
            .unwrap_or_else(real),
        _ => real(),
    }
}

/// The parts of a stream by what they are, with the definitions inside it or without.
fn divide<'a>(text: &Text<'a>, with_definitions: bool) -> Divided<'a> {
    let source = text.tree.source();
    let mut divided =
        Divided { code: Vec::new(), directives: Vec::new(), imported: Vec::new(), places: HashMap::new() };
    // How many nodes of an import are open.
    let mut open = 0usize;
    let (mut after_import, mut in_import) = (false, false);
    for (part, bytes) in text.script.parts() {
        let is_import = part.node.is_some_and(|node| text.imports.is_some_and(|imports| imports.has(node)));
        let is_terminator = |node: Node<'_>| matches!(node.kind(), "\n" | ";");
        let ends_import = after_import && part.mark == Mark::Leaf && part.node.is_some_and(is_terminator);
        match part.mark {
            // What stands before the first token is not part of an import: a byte order mark.
            Mark::Gap if !in_import => divided.code.push((part, bytes)),
            _ if open > 0 || is_import || ends_import => {
                divided.imported.push(bytes);
                divided
                    .places
                    .extend(part.node.filter(|_| is_import).map(|it| (it.id(), divided.code.len())));
                match part.mark {
                    Mark::Open => open += 1,
                    Mark::Close => open -= 1,
                    _ => {}
                }
                after_import = open == 0;
                in_import = open > 0 && part.mark != Mark::Open;
                continue;
            }
            Mark::Directive => {
                let raw = part.node.map_or("", |node| &source[node.byte_range()]);
                divided.directives.push(Directive {
                    anchor: divided.code.len(),
                    bytes,
                    text: raw.trim_end(),
                    speech: part.speech.unwrap_or(Speech::Program),
                    of_import: part
                        .node
                        .is_some_and(|node| text.imports.is_some_and(|imports| imports.has_beside(node))),
                });
            }
            Mark::Definition if !with_definitions => {}
            _ => divided.code.push((part, bytes)),
        }
        (after_import, in_import) = (false, false);
    }
    divided
}

/// The leaves that differ between two streams of the same shape; none where the shapes differ.
fn leaves<'a>(
    old: &[Code<'a>],
    new: &[Code<'a>],
    sources: (&str, &str),
) -> Option<Vec<(Node<'a>, Node<'a>)>> {
    if old.len() != new.len() {
        return None;
    }
    let mut differing = Vec::new();
    for ((old, before), (new, after)) in old.iter().zip(new) {
        if before == after {
            continue;
        }
        let (Mark::Leaf, Mark::Leaf, Some(old), Some(new)) = (old.mark, new.mark, old.node, new.node) else {
            return None;
        };
        let is_name = |node: Node<'_>| node.kind() == "identifier";
        let same_sort = || prefix(&sources.0[old.byte_range()]) == prefix(&sources.1[new.byte_range()]);
        if !(is_name(old) && is_name(new) || is_literal(old) && is_literal(new) && same_sort()) {
            return None;
        }
        differing.push((old, new));
    }
    Some(differing)
}

/// What stands before the quotes of a string, which says what sort of string it is; none of what is no
/// string.
fn prefix(literal: &str) -> Option<&str> {
    literal.find(['"', '\'', '`']).map(|at| literal[..at].trim_end_matches('#'))
}

/// Whether a leaf is a number, a string without anything computed in it, a truth value, or nothing.
fn is_literal(node: Node<'_>) -> bool {
    const KINDS: &[&str] = &[
        "ansi_c_string",
        "char_literal",
        "character",
        "character_literal",
        "encapsed_string",
        "interpreted_string_literal",
        "raw_string",
        "raw_string_literal",
        "rune_literal",
        "string",
        "string_literal",
        "template_string",
        "verbatim_string_literal",
        "binary_integer_literal",
        "bin_literal",
        "complex",
        "decimal_floating_point_literal",
        "decimal_integer_literal",
        "float",
        "float_literal",
        "hex_floating_point_literal",
        "hex_integer_literal",
        "hex_literal",
        "imaginary_literal",
        "int_literal",
        "integer",
        "integer_literal",
        "long_literal",
        "number",
        "number_literal",
        "octal_integer_literal",
        "rational",
        "real_literal",
        "unsigned_literal",
        "boolean",
        "boolean_literal",
        "false",
        "nil",
        "none",
        "null",
        "null_literal",
        "true",
    ];
    let is_text = |child: Node<'_>| {
        ["content", "fragment", "escape", "string_start", "string_end"]
            .iter()
            .any(|it| child.kind().contains(it))
            || child.kind() == "character"
    };
    KINDS.contains(&node.kind()) && node.named_children(&mut node.walk()).all(is_text)
}

fn literals(differing: &[(Node<'_>, Node<'_>)]) -> Option<Verdict> {
    let count = match differing.iter().all(|(old, _)| is_literal(*old)).then_some(differing.len())? {
        1 => "1 literal differs".to_owned(),
        n => format!("{n} literals differ"),
    };
    Some(Verdict::unproved(ChangeClass::Literal, format!("same syntax, {count}")))
}

fn directives(old: &Divided<'_>, new: &Divided<'_>, language: Language) -> Verdict {
    let differ = |one: &[Directive<'_>], other: &[Directive<'_>], exact: bool| -> Vec<(Speech, String)> {
        let is_same = |a: &Directive<'_>, b: &Directive<'_>| {
            if exact { (a.anchor, a.bytes) == (b.anchor, b.bytes) } else { a.text == b.text }
        };
        let mut left: Vec<&Directive<'_>> = other.iter().collect();
        let mut only = Vec::new();
        for directive in one {
            match left.iter().position(|it| is_same(it, directive)) {
                Some(at) => drop(left.remove(at)),
                None => only.push((directive.speech, directive.text.to_owned())),
            }
        }
        only
    };
    let (before, after) = (&old.directives, &new.directives);
    let moved = differ(after, before, true);
    let touched = [differ(before, after, true), moved.clone()].concat();
    let speaks = |speech: Speech| touched.iter().any(|(it, _)| *it == speech);
    if speaks(Speech::Program) || touched.is_empty() {
        return Verdict::real("changed logic");
    }
    let is_documentation = speaks(Speech::Documentation);
    let is_annotated = |side: &[Directive<'_>]| {
        side.iter().any(|it| it.speech == Speech::Documentation && it.text.contains('@'))
    };
    if is_documentation && language == Language::Php && (is_annotated(before) || is_annotated(after)) {
        return Verdict::real("a documentation comment changed that holds annotations");
    }
    if is_documentation && examples(before) != examples(after) {
        let because = "examples in documentation changed, which tests run".to_owned();
        return Verdict::unproved(ChangeClass::Test, because);
    }
    let (class, noun) = match (is_documentation, speaks(Speech::Tool)) {
        (true, false) => (ChangeClass::Documentation, "documentation"),
        (false, _) => (ChangeClass::Directive, "directive"),
        (true, true) => return Verdict::real("directives and documentation differ"),
    };
    let (gone, came) = (differ(before, after, false), differ(after, before, false));
    let first = |list: &[(Speech, String)]| {
        let (_, text) = list.first()?;
        let more = if list.len() > 1 { format!(" and {} more", list.len() - 1) } else { String::new() };
        Some(format!("`{}`{more}", one_line(text, 60)))
    };
    let what = match (first(&gone), first(&came)) {
        (None, Some(came)) => format!("{noun} added: {came}"),
        (Some(gone), None) => format!("{noun} removed: {gone}"),
        (Some(gone), Some(came)) => format!("{noun} changed from {gone} to {came}"),
        (None, None) => format!("{noun} on another line: {}", first(&moved).unwrap_or_default()),
    };
    Verdict::unproved(class, format!("same syntax; {what}"))
}

/// The lines of documentation that may be run, as the examples of Rust are: between fences, or indented.
fn examples<'a>(directives: &[Directive<'a>]) -> Vec<(usize, &'a str)> {
    let mut lines = Vec::new();
    let mut fenced_at = None;
    for directive in directives.iter().filter(|it| it.speech == Speech::Documentation) {
        let starts = ["///", "//!", "/**", "/*!"];
        let body = starts.iter().find_map(|start| directive.text.strip_prefix(start));
        for line in body.unwrap_or(directive.text).lines() {
            let line = line.trim_start().strip_prefix('*').unwrap_or(line);
            let text = line.trim_start();
            let indent = &line[..line.len() - text.len()];
            let is_fence = text.starts_with("```") || text.starts_with("~~~");
            // A fence that is never closed ends with its comment.
            let is_fenced = fenced_at == Some(directive.anchor);
            if is_fence {
                fenced_at = (!is_fenced).then_some(directive.anchor);
            }
            let is_indented = !text.is_empty() && (indent.len() > 4 || indent.contains('\t'));
            if is_fence || is_fenced || is_indented {
                lines.push((directive.anchor, line));
            }
        }
    }
    lines
}

/// The class of a top level that differs in its imports alone.
fn imports(
    (old, from): (&Text<'_>, &Divided<'_>),
    (new, to): (&Text<'_>, &Divided<'_>),
    profile: &Profile,
    same_directives: bool,
    hash: blake3::Hash,
) -> Verdict {
    let (Some(before), Some(after)) = (old.imports, new.imports) else {
        return Verdict::real("changed logic");
    };
    if before.include_c() || after.include_c() {
        return Verdict::real("imports next to `import \"C\"` differ");
    }
    let language = new.tree.language();
    if !before.same_places(after, (&from.places, &to.places), language) {
        return Verdict::real("an import moved past other code");
    }
    let short = &hash.to_hex()[..8];
    let difference = before.difference(after);
    if difference.added.is_empty() && difference.removed.is_empty() {
        if before.same_order(after, language) && same_directives {
            let because = format!("same syntax, the same imports in another order (blake3 {short})");
            return Verdict::proved(ChangeClass::ImportOrder, because);
        }
        let because = format!("the same imports in another order, which may matter in {}", language.as_str());
        return Verdict::unproved(ChangeClass::ImportOrder, because);
    }
    let list = |what: &str, items: &[&super::imports::Item]| {
        let names: Vec<String> =
            items.iter().take(4).map(|item| format!("`{}`", one_line(&item.display(), 60))).collect();
        let more = if items.len() > 4 { format!(" and {} more", items.len() - 4) } else { String::new() };
        (!items.is_empty()).then(|| format!("{what}: {}{more}", names.join(", ")))
    };
    let lists = [list("added", &difference.added), list("removed", &difference.removed)];
    let names = lists.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let unused =
        difference.added.iter().chain(&difference.removed).all(|item| is_unused(item, new.tree, profile));
    if unused && same_directives && before.same_order(after, language) {
        let because = format!("same syntax; imports that nothing here uses {names} (blake3 {short})");
        return Verdict::proved(ChangeClass::Import, because);
    }
    Verdict::unproved(ChangeClass::Import, format!("same syntax; imports {names}"))
}
