//! Syntax rules: one walk over the tree, and at each node only the rules that can match its kind.

use std::sync::OnceLock;

use ast_grep_config::{DeserializeEnv, RuleCore};
use ast_grep_core::Matcher;
use ast_grep_core::matcher::MatcherExt;

use super::rule::{Body, Match, Rule};
use super::to_u32;
use crate::change::LineRange;
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;

/// The syntax rules of a pack for one language, each compiled when a text first needs it.
pub(super) struct SyntaxRules {
    language: Language,
    /// By index of the rule; none for a rule that does not compile, which loading its pack refused.
    matchers: Vec<OnceLock<Option<RuleCore>>>,
}

impl SyntaxRules {
    pub(super) fn new(language: Language, rules: &[Rule]) -> Self {
        Self { language, matchers: rules.iter().map(|_| OnceLock::new()).collect() }
    }

    /// Whether any rule has been compiled.
    #[cfg(test)]
    pub(super) fn is_in_use(&self) -> bool {
        self.matchers.iter().any(|matcher| matcher.get().is_some())
    }

    /// Compiles all rules; gives index and reason of those that fail.
    pub(super) fn faults<'a>(&self, rules: &'a [Rule]) -> impl Iterator<Item = (&'a Rule, String)> {
        let language = self.language;
        rules.iter().filter_map(move |rule| {
            let reason = compile(rule, language)?.err()?;
            let message = format!("rule `{}` does not compile for {}: {reason}", rule.id, language.as_str());
            Some((rule, message))
        })
    }

    /// Adds the matches of the wanted rules, given by index; with `within`, of nodes that touch one
    /// of these lines.
    pub(super) fn find<'r>(
        &self,
        rules: &'r [Rule],
        tree: &SyntaxTree,
        within: Option<&[LineRange]>,
        wanted: &[bool],
        matches: &mut Vec<Match<'r>>,
    ) {
        // Rules by the kind of node that they can match.
        let mut by_kind: Vec<Vec<(&Rule, &RuleCore)>> = Vec::new();
        for ((rule, slot), _) in rules.iter().zip(&self.matchers).zip(wanted).filter(|(_, wanted)| **wanted) {
            let matcher = slot.get_or_init(|| compile(rule, self.language)?.ok());
            let Some(matcher) = matcher else { continue };
            for kind in &matcher.potential_kinds().unwrap_or_default() {
                if by_kind.len() <= kind {
                    by_kind.resize_with(kind + 1, Vec::new);
                }
                by_kind[kind].push((rule, matcher));
            }
        }
        if by_kind.is_empty() {
            return;
        }
        let mut cursor = tree.root().walk();
        loop {
            let node = cursor.node();
            // A match on a changed line has only ancestors on that line, too.
            let visited = within.is_none_or(|lines| touches(node, lines));
            if visited {
                let kind = usize::from(node.kind_id());
                for &(rule, matcher) in by_kind.get(kind).map_or(&[][..], Vec::as_slice) {
                    if let Some(found) = matcher.match_node(tree.ast().adopt(node)) {
                        let fix = rule.fix.as_deref().map(|template| {
                            let edit = found.replace_by(template);
                            String::from_utf8_lossy(&edit.inserted_text).into_owned()
                        });
                        matches.push(Match { rule, range: found.range(), fix });
                    }
                }
                if cursor.goto_first_child() {
                    continue;
                }
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }
}

/// None for a text rule.
fn compile(rule: &Rule, language: Language) -> Option<Result<RuleCore, String>> {
    let Body::Syntax(written) = &rule.body else { return None };
    let matcher = written.get_matcher(DeserializeEnv::new(language)).map_err(|error| cause(&error));
    Some(matcher.and_then(|matcher| match matcher.potential_kinds() {
        Some(_) => Ok(matcher),
        None => Err("no `pattern` or `kind` says which nodes to look at".to_owned()),
    }))
}

/// Whether a node stands on one of the lines.
pub(super) fn touches(node: tree_sitter::Node<'_>, lines: &[LineRange]) -> bool {
    let (first, last) = (to_u32(node.start_position().row + 1), to_u32(node.end_position().row + 1));
    lines.iter().any(|range| range.touches(first, last))
}

/// The last cause of an error, which is the one that names the fault.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}
