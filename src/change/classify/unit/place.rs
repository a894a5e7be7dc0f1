//! Definitions that say the same and stand elsewhere among those around them, and where that means
//! nothing.

use tree_sitter::Node;

use super::pair::Pairs;
use super::{Division, Owned, Parsed, Proofs, Verdict, differing, proof};
use crate::change::ChangeClass;
use crate::change::classify::test_code;
use crate::change::definition::Definition;
use crate::change::language::Language;
use crate::change::profile::Profile;

/// Where a definition stands on the new side, as far as that can be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Where it stood.
    Same,
    /// Elsewhere, among definitions whose order means nothing.
    Free,
    /// Elsewhere.
    Moved,
}

impl Division<'_> {
    /// The verdict on a definition of which the lines changed although it says the same.
    pub(super) fn moved(&self, pairs: &Pairs, proofs: &Proofs, owned: &Owned, index: usize) -> Verdict {
        let (Some((before, after)), Some(old), Some(new)) = (self.streams(), &self.old, &self.new) else {
            return Verdict::real("moved");
        };
        let (Some(from), Some(to)) = (pairs.all[index].old, pairs.all[index].new) else {
            return Verdict::real("moved");
        };
        let same = |from: usize, to: usize| {
            pairs.of_old[from] == pairs.of_new[to] && before.regions[from].full == after.regions[to].full
        };
        let inside = |side: &Parsed<'_>, region: usize| match region.checked_sub(1) {
            Some(definition) => region..side.outline.end(Some(definition)) + 1,
            None => 0..before.regions.len(),
        };
        let (olds, news) = (inside(old, from), inside(new, to));
        if olds.len() != news.len() || !olds.clone().zip(news).all(|(from, to)| same(from, to)) {
            return Verdict::real("moved, and changed inside");
        }
        let is_within = |other: usize| pairs.all[other].old.is_some_and(|region| olds.contains(&region));
        let is_same = |other: usize| match (pairs.all[other].old, pairs.all[other].new) {
            (Some(from), Some(to)) => same(from, to),
            _ => false,
        };
        if !owned.touched.iter().all(|&other| is_same(other)) {
            return Verdict::real("moved, and a line is shared with a changed definition");
        }
        let is_alone = owned.touched.iter().all(|&other| proofs.is_unchanged(other) || is_within(other));
        let (says, said) = (&after.regions[to], &before.regions[from]);
        let comments = differing(&said.comments, &says.comments);
        let short = &says.full.to_hex()[..8];
        match self.standing(pairs, proofs, from, to) {
            Some(Standing::Same) if is_alone => proof(comments, says.full),
            Some(Standing::Free) if is_alone => Verdict::proved(
                ChangeClass::Move,
                format!("moved to where order means nothing: same syntax (blake3 {short})"),
            ),
            _ => {
                let line = old.definition(from).map_or(1, |it| old.lines.number(it.header.start));
                // Below `private`, above what it decorates, behind its first use: it may mean more.
                Verdict::real(&format!("moved from line {line}, and its place may matter (blake3 {short})"))
            }
        }
    }

    /// The verdict on a definition of which the stream differs, if the definitions inside it stand in
    /// another order, and no more.
    pub(super) fn reordered(
        &self,
        pairs: &Pairs,
        proofs: &Proofs,
        owned: &Owned,
        index: usize,
    ) -> Option<Verdict> {
        let is_free = || {
            let (before, after) = self.streams()?;
            let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
            let (from, to) = (pairs.all[index].old?, pairs.all[index].new?);
            let (said, says) = (&before.regions[from], &after.regions[to]);
            let stands = |from: usize| {
                let to = pairs.all[pairs.of_old[from]].new?;
                // What stands between them may have moved past any of them.
                let is_free = is_unique(old, from) && is_unique(new, to);
                let is_free = is_free && is_order_free(old, from, &self.path);
                Some(is_free && pairs.of_new[new.around(to)] == index && is_order_free(new, to, &self.path))
            };
            // Those that say something else are units of their own.
            let is_inside = |other: usize| {
                let streams = pairs.all[other].old.zip(pairs.all[other].new);
                streams.is_some_and(|(o, n)| {
                    pairs.of_old[old.around(o)] == index && before.regions[o].full == after.regions[n].full
                })
            };
            let is_free = said.bare == says.bare
                && proofs.anchored[index]
                && has_same_names(old, from, new, to)
                && old.outline.inside(from.checked_sub(1)).all(|it| stands(it + 1) == Some(true))
                && owned.touched.iter().all(|&other| proofs.is_unchanged(other) || is_inside(other));
            is_free.then_some(says.bare)
        };
        let short = &is_free()?.to_hex()[..8];
        let what = "the definitions in it are in another order, which means nothing";
        Some(Verdict::proved(ChangeClass::Move, format!("{what}: same syntax (blake3 {short})")))
    }

    fn standing(&self, pairs: &Pairs, proofs: &Proofs, mut from: usize, mut to: usize) -> Option<Standing> {
        let (before, after) = self.streams()?;
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        // From the inside out: what stands where it stood in a definition has moved as that has.
        loop {
            if proofs.is_unchanged(pairs.of_old[from]) {
                return Some(Standing::Same);
            }
            let (outer_from, outer_to) = (old.around(from), new.around(to));
            let outer = pairs.of_old[outer_from];
            if from == 0 || outer != pairs.of_new[outer_to] {
                return Some(Standing::Moved);
            }
            let is_unique = is_unique(old, from) && is_unique(new, to);
            if is_unique && before.regions[outer_from].full == after.regions[outer_to].full {
                (from, to) = (outer_from, outer_to);
                continue;
            }
            let is_free = is_unique
                && proofs.anchored[outer]
                && before.regions[outer_from].bare == after.regions[outer_to].bare
                && has_same_names(old, outer_from, new, outer_to)
                && is_order_free(old, from, &self.path)
                && is_order_free(new, to, &self.path);
            return Some(if is_free { Standing::Free } else { Standing::Moved });
        }
    }
}

/// Whether no other definition beside this one has its name, nor a part of it that would be taken
/// for it. Overloads are told apart by their headers.
fn is_unique(side: &Parsed<'_>, region: usize) -> bool {
    let Some(definition) = side.definition(region) else { return true };
    let overloads = matches!(side.tree.language(), Language::Java | Language::CSharp | Language::Kotlin);
    let is_javascript =
        matches!(side.tree.language(), Language::JavaScript | Language::TypeScript | Language::Tsx);
    let source = side.tree.source();
    let header = |it: &Definition| source[it.header.clone()].split_whitespace().collect::<String>();
    let own = side.outline.own_name(region - 1);
    let own_header = header(definition);
    side.outline.inside(definition.parent).filter(|&other| other + 1 != region).all(|other| {
        let it = &side.outline.definitions[other];
        let is_namesake = match (is_javascript, &definition.identifier, &it.identifier) {
            (true, Some(own), Some(other)) => source[own.clone()] == source[other.clone()],
            _ => side.outline.own_name(other) == own,
        };
        !is_namesake || overloads && header(it) != own_header
    })
}

/// Whether the same definitions are directly inside a region on both sides, in whatever order; not
/// told of very many, since each is then held against all others.
fn has_same_names(old: &Parsed<'_>, from: usize, new: &Parsed<'_>, to: usize) -> bool {
    const MOST: usize = 500;
    let names = |side: &'_ Parsed<'_>, region: usize| {
        let inside = side.outline.inside(region.checked_sub(1));
        let mut names: Vec<_> = inside.map(|it| side.outline.own_name(it).to_owned()).collect();
        names.sort_unstable();
        names
    };
    let names = (names(old, from), names(new, to));
    names.0.len() <= MOST && names.0 == names.1
}

/// Kinds of definitions that mean the same wherever they stand among others, and the nodes that
/// they have to stand in directly: see the language references on declaration order.
fn free_kinds(language: Language) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match language {
        Language::Go => (&["function_declaration", "method_declaration"], &["source_file"]),
        Language::Java => (
            &[
                "method_declaration",
                "constructor_declaration",
                "class_declaration",
                "interface_declaration",
                "record_declaration",
                "enum_declaration",
            ],
            // `java A.java` runs the first class of a file.
            &["class_body", "interface_body"],
        ),
        Language::Kotlin => (
            &["function_declaration", "class_declaration", "object_declaration"],
            &["source_file", "class_body"],
        ),
        Language::CSharp => (
            &[
                "method_declaration",
                "constructor_declaration",
                "class_declaration",
                "struct_declaration",
                "record_declaration",
                "interface_declaration",
                "enum_declaration",
                "delegate_declaration",
            ],
            &["compilation_unit", "declaration_list"],
        ),
        Language::Php => (&["method_declaration"], &["declaration_list"]),
        Language::Rust => (
            &[
                "function_item",
                "struct_item",
                "union_item",
                "enum_item",
                "trait_item",
                "impl_item",
                "mod_item",
            ],
            &["source_file", "declaration_list"],
        ),
        Language::JavaScript => (
            &["function_declaration", "generator_function_declaration", "method_definition"],
            &["program", "statement_block", "class_body"],
        ),
        Language::TypeScript | Language::Tsx => (
            &[
                "function_declaration",
                "generator_function_declaration",
                "method_definition",
                "interface_declaration",
                "type_alias_declaration",
            ],
            &["program", "statement_block", "class_body"],
        ),
        _ => return None,
    })
}

/// Whether a definition means the same wherever it stands among those of its kind. Whoever runs
/// tests may run them in the order of the file.
fn is_order_free(side: &Parsed<'_>, region: usize, path: &str) -> bool {
    let language = side.tree.language();
    let (Some((kinds, holders)), Some(definition), Some(profile)) =
        (free_kinds(language), side.definition(region), Profile::of(language))
    else {
        return false;
    };
    let parent = |it: &Definition| it.parent.map(|outer| &side.outline.definitions[outer]);
    let outer = parent(definition);
    let mut around = std::iter::successors(outer, |it| parent(it));
    let Some(node) = node_of(side, definition) else { return false };
    let Some(holder) = node.parent() else { return false };
    // Directly in the outer definition: not in a condition of the preprocessor, nor in an object
    // that is made in it.
    let is_direct = match (holder.parent(), outer) {
        (None, None) => true,
        (Some(around), Some(outer)) => around.kind() == outer.kind && around.end_byte() == outer.range.end,
        _ => false,
    };
    is_direct
        && kinds.contains(&definition.kind)
        && holders.contains(&holder.kind())
        && !test_code::is_test_path(path)
        && is_plainly_named(side, definition)
        && !binds_order(side.tree.source(), language, path)
        && has_plain_attributes(side, definition, profile)
        && around.all(|outer| has_plain_attributes(side, outer, profile))
        && holder.children(&mut holder.walk()).all(|child| !rules_what_follows(child, side, profile))
}

fn node_of<'a>(side: &'a Parsed<'_>, definition: &Definition) -> Option<Node<'a>> {
    side.tree.root().named_descendant_for_byte_range(definition.header.start, definition.range.end)
}

/// A name that is written out, and of which the language makes no more than a name.
fn is_plainly_named(side: &Parsed<'_>, definition: &Definition) -> bool {
    let name = definition.identifier.clone().map(|it| &side.tree.source()[it]);
    match name {
        None => definition.kind == "impl_item",
        Some("init") => side.tree.language() != Language::Go,
        Some(name) => name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#')),
    }
}

/// Whether something in the file may make the order of its definitions count: macros and their
/// scope, directives that have to come first, conditions, pragmas, scripts.
fn binds_order(source: &str, language: Language, path: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| source.contains(word));
    match language {
        Language::Rust => has(&["macro_rules", "macro_use"]),
        Language::JavaScript | Language::TypeScript | Language::Tsx => has(&["\"use ", "'use "]),
        Language::Go => has(&["//line ", "/*line "]),
        Language::Kotlin => path.ends_with(".kts"),
        Language::CSharp => source.lines().map(str::trim_start).any(|line| {
            line.starts_with('#') && !line.starts_with("#region") && !line.starts_with("#endregion")
        }),
        _ => false,
    }
}

/// Whether the definition has no attribute, annotation or decorator that might read the order.
fn has_plain_attributes(side: &Parsed<'_>, definition: &Definition, profile: &Profile) -> bool {
    const RUST: &[&str] = &[
        "allow",
        "cfg",
        "cold",
        "deny",
        "deprecated",
        "derive",
        "doc",
        "expect",
        "inline",
        "must_use",
        "non_exhaustive",
        "repr",
        "track_caller",
        "warn",
    ];
    const ANNOTATIONS: &[&str] = &[
        "interface",
        "CanIgnoreReturnValue",
        "CheckReturnValue",
        "Deprecated",
        "FunctionalInterface",
        "JvmStatic",
        "NonNull",
        "Nonnull",
        "Nullable",
        "Override",
        "SafeVarargs",
        "Suppress",
        "SuppressWarnings",
        "VisibleForTesting",
    ];
    let Some(node) = node_of(side, definition) else { return false };
    let source = side.tree.source();
    let word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    let mut above = node.prev_named_sibling();
    while let Some(it) =
        above.filter(|it| profile.attributes.contains(&it.kind()) || profile.is_comment(it.kind()))
    {
        let text = source[it.byte_range()].trim_start_matches(['#', '[', ' ']);
        let is_plain = profile.is_comment(it.kind())
            || side.tree.language() == Language::Rust && word(text).is_some_and(|it| RUST.contains(&&*it));
        if !is_plain {
            return false;
        }
        above = it.prev_named_sibling();
    }
    let header = &source[definition.header.clone()];
    match side.tree.language() {
        Language::CSharp => !header.trim_start().starts_with('['),
        Language::Php => {
            let lead = &source[definition.range.start..definition.header.start];
            let mut tags = lead.split('@').skip(1);
            !header.contains("#[") && !tags.any(|tag| tag.starts_with(|c: char| c.is_uppercase()))
        }
        Language::Rust | Language::Go => true,
        _ => {
            let mut annotations = header.split('@').skip(1);
            annotations.all(|text| word(text).is_some_and(|it| ANNOTATIONS.contains(&&*it)))
        }
    }
}

/// Whether a node beside the definition may have to do with what stands below it: a comment that
/// speaks to a tool, unless it speaks of the next definition only; a macro that may define another;
/// an overload, which has to stand before its body.
fn rules_what_follows(node: Node<'_>, side: &Parsed<'_>, profile: &Profile) -> bool {
    const OF_THE_NEXT: &[&str] = &["///", "//!", "/**", "/*!", "//go:"];
    if profile.is_comment(node.kind()) {
        let text = &side.tree.source()[node.byte_range()];
        let is_of_the_next = OF_THE_NEXT.iter().any(|start| text.starts_with(start));
        // Generators run in the order in which they stand.
        return profile.is_directive(text) && (!is_of_the_next || text.starts_with("//go:generate"));
    }
    let is_macro = |node: Node<'_>| node.kind() == "macro_invocation";
    matches!(node.kind(), "macro_invocation" | "method_signature")
        || node.kind() == "expression_statement" && node.named_child(0).is_some_and(is_macro)
}
