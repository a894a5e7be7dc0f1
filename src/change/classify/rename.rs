//! Names that differ: whether other names stand for the same things, and whether nobody but the
//! definition itself can tell.
//!
//! A name counts as renamed only where the definition itself binds it and every place that says it is
//! in the reach of a binding; a name that comes from elsewhere stands for another thing, which is a
//! real change. The roles of places come from a table a language; a place that no table names has no
//! role, and makes the change real.

mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use tree_sitter::Node;

use self::tables::{Reach, Table};
use super::compare::{Code, Text};
use super::unit::Verdict;
use crate::change::ChangeClass;
use crate::change::binding::words;
use crate::change::stream::Mark;

/// What an identifier does where it stands.
enum Role {
    /// It binds a name, for these bytes.
    Binding(Reach, Range<usize>),
    /// It stands for what is bound to it.
    Variable,
    /// It is a token of a macro, which may read it in any way.
    Macro,
    /// It names something that variables have no part in: a field, a method.
    Member,
}

/// One side: its text and its code.
type Side<'a> = (&'a Text<'a>, &'a [Code<'a>]);

/// The class of a region in which nothing but the `differing` identifiers differs; none where that is
/// not a rename.
pub(super) fn verdict(
    (old, before): Side<'_>,
    (new, after): Side<'_>,
    differing: &[(Node<'_>, Node<'_>)],
    hash: blake3::Hash,
) -> Option<Verdict> {
    let table = Table::of(old.tree.language())?;
    let (old_source, new_source) = (old.tree.source(), new.tree.source());
    let mut renamed: BTreeMap<&str, &str> = BTreeMap::new();
    for (from, to) in differing {
        let (from, to) = (&old_source[from.byte_range()], &new_source[to.byte_range()]);
        if *renamed.entry(from).or_insert(to) != to {
            return None;
        }
    }
    let mut targets: Vec<&str> = renamed.values().copied().collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.len() != renamed.len() || targets.iter().any(|to| renamed.contains_key(to)) {
        return None;
    }

    let mut doubt = doubts(table, &renamed, old_source, differing)?;
    let is_named = |text: &str| words(text).any(|it| renamed.contains_key(it) || targets.contains(&it));
    if old.nested.iter().chain(&new.nested).any(|text| is_named(text)) {
        return None;
    }
    let changed: HashSet<usize> = differing.iter().flat_map(|(from, to)| [from.id(), to.id()]).collect();
    for (code, source) in [(before, old_source), (after, new_source)] {
        for (part, _) in code {
            let Some(node) = part.node else { continue };
            let text = &source[node.byte_range()];
            if part.mark == Mark::Leaf && is_spelt_otherwise(node, text) {
                doubt.get_or_insert_with(|| format!("`{text}` may be spelt in another way"));
            }
            if changed.contains(&node.id()) {
                continue;
            }
            if part.mark == Mark::Open {
                if node.kind() == "macro_invocation" && !tables::is_hygienic(node, text) {
                    doubt.get_or_insert_with(|| "a macro may read names".to_owned());
                }
                continue;
            }
            if table.dynamic.contains(&text) {
                doubt.get_or_insert_with(|| format!("`{text}` may read names"));
            }
            if !is_named(text) {
                continue;
            }
            // What is left of an old name, and what was there of a new one, must not be a variable.
            let is_name = node.kind().ends_with("identifier");
            let is_variable = match role(table, node) {
                Some(Role::Member) => false,
                Some(_) => true,
                None => tables::may_be_variable(node),
            };
            if is_name && is_variable {
                return None;
            }
            if !is_name || !renamed.contains_key(text) {
                doubt.get_or_insert_with(|| "a name also stands elsewhere".to_owned());
            }
        }
    }
    for text in [old, new] {
        let directives = text.script.parts().filter(|(part, _)| part.mark == Mark::Directive);
        let mut raw = directives.filter_map(|(part, _)| Some(&text.tree.source()[part.node?.byte_range()]));
        if raw.any(is_named) {
            doubt.get_or_insert_with(|| "a directive says a name".to_owned());
        }
    }

    let pairs: Vec<(String, String)> =
        renamed.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let list: Vec<String> = pairs.iter().map(|(from, to)| format!("`{from}` to `{to}`")).collect();
    let list = list.join(", ");
    let mut verdict = match doubt {
        None => {
            let short = &hash.to_hex()[..8];
            let because = format!("same syntax; local names renamed: {list} (blake3 {short})");
            Verdict::proved(ChangeClass::Rename, because)
        }
        Some(doubt) => Verdict::unproved(
            ChangeClass::Rename,
            format!("same syntax; renamed: {list}; not proved: {doubt}"),
        ),
    };
    verdict.renamed = pairs;
    Some(verdict)
}

/// Whether a name can be written in several ways: JavaScript and Java know escapes, and Python takes
/// characters for each other that look alike (NFKC).
fn is_spelt_otherwise(node: Node<'_>, text: &str) -> bool {
    node.kind().ends_with("identifier") && (text.contains('\\') || !text.is_ascii())
}

/// What keeps a rename from being proved, if anything; the outer none where it is no rename.
fn doubts(
    table: &Table,
    renamed: &BTreeMap<&str, &str>,
    source: &str,
    differing: &[(Node<'_>, Node<'_>)],
) -> Option<Option<String>> {
    let mut doubt = None;
    let mut bindings: Vec<(&str, Range<usize>, Range<usize>)> = Vec::new();
    let mut said = Vec::new();
    for (node, _) in differing {
        let name = &source[node.byte_range()];
        match role(table, *node)? {
            Role::Binding(reach, range) => {
                if !reach.is_hidden() {
                    doubt.get_or_insert_with(|| format!("`{name}` is a parameter"));
                }
                if let Some(why) = table.doubt(*node, source) {
                    doubt.get_or_insert(why);
                }
                bindings.push((name, node.byte_range(), range));
            }
            Role::Variable => {
                if let Some(why) = table.names_a_function(*node, source) {
                    doubt.get_or_insert(why);
                }
                said.push((name, *node));
            }
            Role::Macro => {
                doubt.get_or_insert_with(|| format!("a macro reads `{name}`"));
                said.push((name, *node));
            }
            Role::Member => return None,
        }
    }
    // Within the reach of a name, and not behind something that it does not reach into.
    let is_reached = |name: &str, node: Node<'_>| {
        bindings.iter().any(|(bound, _, range)| {
            let mut around = node.parent().filter(|_| *bound == name && range.contains(&node.start_byte()));
            let mut reached = around.is_some();
            while let Some(node) =
                around.filter(|node| range.contains(&node.start_byte()) && node.end_byte() <= range.end)
            {
                reached &= !table.barriers.contains(&node.kind());
                around = node.parent();
            }
            reached
        })
    };
    if !said.iter().all(|(name, node)| is_reached(name, *node)) {
        return None;
    }
    if !renamed.keys().all(|name| bindings.iter().any(|(bound, ..)| bound == name)) {
        return None;
    }
    let odd = renamed.iter().flat_map(|(from, to)| [from, to]).find(|name| !(table.is_plain)(name));
    if let Some(name) = odd {
        doubt.get_or_insert_with(|| format!("`{name}` is no ordinary name"));
    }
    Some(doubt)
}

/// The role of an identifier; none where no table knows the place.
fn role(table: &Table, node: Node<'_>) -> Option<Role> {
    if node.kind() != "identifier" {
        return None;
    }
    let mut place = node;
    loop {
        let parent = place.parent()?;
        let field = field_of(parent, place);
        let is_at = |&(kind, at): &(&str, &str)| kind == parent.kind() && (at == field || at == "*");
        if let Some((_, reach)) = table.bindings.iter().find(|(at, _)| is_at(at))
            && let Some(range) = table.range(*reach, parent, place)
        {
            return Some(Role::Binding(*reach, range));
        }
        if parent.kind() == "token_tree" {
            return Some(Role::Macro);
        }
        if table.members.iter().any(is_at) {
            return (place == node).then_some(Role::Member);
        }
        if table.lists.contains(&parent.kind()) {
            place = parent;
            continue;
        }
        return table.variables.iter().any(is_at).then_some(Role::Variable);
    }
}

/// The field that a node is of its parent; empty where it is none.
fn field_of<'tree>(parent: Node<'tree>, child: Node<'tree>) -> &'tree str {
    let mut cursor = parent.walk();
    let mut more = cursor.goto_first_child();
    while more {
        if cursor.node() == child {
            return cursor.field_name().unwrap_or_default();
        }
        more = cursor.goto_next_sibling();
    }
    ""
}
