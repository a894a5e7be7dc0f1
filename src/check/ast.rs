//! Syntax rules: one walk over the tree, and at each node only the rules that can match its kind.

use std::sync::OnceLock;

use ast_grep_config::{GlobalRules, RuleConfig, SerializableRuleConfig};
use ast_grep_core::matcher::MatcherExt;
use ast_grep_core::replacer::Replacer;
use ast_grep_core::tree_sitter::StrDoc;
use ast_grep_core::{AstGrep, Matcher as _, NodeMatch};
use serde_json::value::RawValue;
use tree_sitter::Node;

use super::builtin::NodeCheck;
use super::finding::Fix;
use super::rule::{Body, Match, Rule};
use crate::change::language::Language;
use crate::change::parse::SyntaxTree;
use crate::text::one_line;

/// Characters of a message that quotes what was matched.
const MESSAGE_LIMIT: usize = 300;

/// What a rule of a pack looks for in a syntax, as a rule of ast-grep's for one of its languages.
pub(super) enum WrittenPattern {
    Read(Box<SerializableRuleConfig<Language>>),
    /// JSON, which is read when a text first needs it: few texts need many rules.
    Compact(&'static RawValue),
}

impl WrittenPattern {
    pub(super) fn read(&self) -> Result<SerializableRuleConfig<Language>, serde_json::Error> {
        match self {
            Self::Read(written) => Ok((**written).clone()),
            Self::Compact(json) => serde_json::from_str(json.get()),
        }
    }
}

/// The syntax rules of a pack for one language, each compiled when a text first needs it.
pub(super) struct SyntaxRules {
    language: Language,
    /// By index of the rule; none for a rule that looks at no nodes, and for one that does not compile,
    /// which loading its pack refused.
    matchers: Vec<OnceLock<Option<Matcher>>>,
}

/// What looks at a node.
enum Matcher {
    Pattern(Box<RuleConfig<Language>>),
    Builtin(NodeCheck),
}

impl Matcher {
    fn new(rule: &Rule, language: Language) -> Option<Self> {
        match &rule.body {
            Body::Builtin(builtin) => builtin.of_nodes().map(Self::Builtin),
            _ => compile(rule, language)?.ok().map(|compiled| Self::Pattern(Box::new(compiled))),
        }
    }

    /// Ids of the kinds of nodes that it can match.
    fn kinds(&self, tree: &SyntaxTree) -> Vec<usize> {
        match self {
            Self::Pattern(compiled) => compiled.matcher.potential_kinds().iter().flatten().collect(),
            Self::Builtin(check) => {
                let grammar = tree.root().language();
                let ids = check.kinds.iter().map(|kind| grammar.id_for_node_kind(kind, true));
                // Zero stands for a kind that the grammar does not have.
                ids.filter(|&id| id > 0).map(usize::from).collect()
            }
        }
    }

    fn find<'r>(&self, rule: &'r Rule, tree: &SyntaxTree, node: Node<'_>, matches: &mut Vec<Match<'r>>) {
        match self {
            Self::Pattern(compiled) => {
                let found = compiled.matcher.match_node(tree.ast().adopt(node));
                matches.extend(found.map(|found| matched(rule, compiled, &found)));
            }
            Self::Builtin(check) => {
                matches.extend((check.find)(tree, node).into_iter().map(|hit| hit.of(rule)));
            }
        }
    }
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

    /// Adds the matches of the wanted rules, given by index.
    pub(super) fn find<'r>(
        &self,
        rules: &'r [Rule],
        tree: &SyntaxTree,
        wanted: &[bool],
        matches: &mut Vec<Match<'r>>,
    ) {
        // Rules by the kind of node that they can match.
        let mut by_kind: Vec<Vec<(&Rule, &Matcher)>> = Vec::new();
        for ((rule, slot), _) in rules.iter().zip(&self.matchers).zip(wanted).filter(|(_, wanted)| **wanted) {
            let Some(matcher) = slot.get_or_init(|| Matcher::new(rule, self.language)) else { continue };
            for kind in matcher.kinds(tree) {
                if by_kind.len() <= kind {
                    by_kind.resize_with(kind + 1, Vec::new);
                }
                by_kind[kind].push((rule, matcher));
            }
        }
        if by_kind.is_empty() {
            return;
        }
        each_node(tree.ast(), |node| {
            for (rule, matcher) in by_kind.get(usize::from(node.kind_id())).into_iter().flatten() {
                matcher.find(rule, tree, node, matches);
            }
        });
    }
}

/// Whether the grammar has read all of a match, and what it stands in. What a parser makes of text that
/// it has lost its way in looks like syntax and is none.
pub(super) fn is_understood(tree: &SyntaxTree, found: &Match<'_>) -> bool {
    let node = tree.root().descendant_for_byte_range(found.range.start, found.range.end);
    node.is_none_or(|node| {
        let mut around = std::iter::successors(Some(node), Node::parent);
        !node.has_error() && around.all(|it| !it.is_error())
    })
}

/// Visits every node of a tree, parents first.
pub(super) fn each_node<'t>(tree: &'t AstGrep<StrDoc<Language>>, mut visit: impl FnMut(Node<'t>)) {
    let mut cursor = tree.root().get_inner_node().walk();
    loop {
        visit(cursor.node());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// What a compiled rule says of a node that it matches.
pub(super) fn matched<'r>(
    rule: &'r Rule,
    compiled: &RuleConfig<Language>,
    found: &NodeMatch<'_, StrDoc<Language>>,
) -> Match<'r> {
    let fix = compiled.fixer.first().map(|fixer| Fix {
        range: fixer.get_replaced_range(found, &compiled.matcher),
        text: String::from_utf8_lossy(&fixer.generate_replacement(found)).into_owned(),
    });
    let message = rule.message.contains('$').then(|| one_line(&compiled.get_message(found), MESSAGE_LIMIT));
    Match { rule, range: found.range(), message, fix }
}

/// None for a rule that looks for no syntax, or for that of other languages.
fn compile(rule: &Rule, language: Language) -> Option<Result<RuleConfig<Language>, String>> {
    let Body::Syntax(written) = &rule.body else { return None };
    if !rule.languages.contains(&language) {
        return None;
    }
    let written = match written.read() {
        Ok(written) => written,
        Err(error) => return Some(Err(error.to_string())),
    };
    let (id, message) = (rule.id.clone(), rule.message.clone());
    let config = SerializableRuleConfig { id, message, language, ..written };
    Some(RuleConfig::try_from(config, &GlobalRules::default()).map_err(|error| cause(&error)))
}

/// The last cause of an error, which is the one that names the fault.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}
