//! From text to syntax, once a side; or to text with the reason why there is no tree.

use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ast_grep_core::AstGrep;
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc};

use super::language::Language;
use super::{Change, ChangeSet, Content, ParsedChange, Side};

/// What bounds the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLimits {
    /// Larger sides stay text.
    pub bytes: usize,
    /// Deeper nested sides stay text: both brackets before parsing and syntax nodes after it.
    pub depth: usize,
    /// Wall time for one side. The parser looks at the clock between tokens only, so that a single
    /// long step can overrun it; size and depth are what bounds such a step.
    pub time: Duration,
}

impl Default for ParseLimits {
    /// 1 MiB, 1,000 levels, one second.
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 1000, time: Duration::from_secs(1) }
    }
}

/// One side as later stages see it.
pub enum Syntax {
    /// A syntax tree with its source.
    Tree(SyntaxTree),
    /// Text, and why it is no more than that.
    Text {
        /// Why there is no tree.
        reason: TextReason,
    },
}

impl Syntax {
    /// The tree, if there is one.
    #[must_use]
    pub fn tree(&self) -> Option<&SyntaxTree> {
        match self {
            Self::Tree(tree) => Some(tree),
            Self::Text { .. } => None,
        }
    }
}

/// Why a side with lines has no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextReason {
    /// No grammar for this path.
    UnknownLanguage,
    /// More bytes than the limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
    /// The parser ran out of time.
    TimedOut,
    /// Not UTF-8.
    NotUtf8,
}

impl fmt::Display for TextReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownLanguage => "no grammar",
            Self::TooLarge => "too large to parse",
            Self::TooDeep => "nested too deep to parse",
            Self::TimedOut => "parsing took too long",
            Self::NotUtf8 => "not UTF-8",
        })
    }
}

/// A tree-sitter tree together with its source, as ast-grep wants it.
pub struct SyntaxTree {
    ast: AstGrep<StrDoc<Language>>,
}

impl SyntaxTree {
    /// For the rule engine.
    #[must_use]
    pub fn ast(&self) -> &AstGrep<StrDoc<Language>> {
        &self.ast
    }

    /// The root node.
    #[must_use]
    pub fn root(&self) -> tree_sitter::Node<'_> {
        self.ast.root().get_inner_node()
    }

    /// The text that was parsed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.ast.root().get_doc().src
    }

    /// The language it was parsed as.
    #[must_use]
    pub fn language(&self) -> Language {
        *self.ast.lang()
    }

    /// Whether the grammar could not make sense of a part of the text.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.root().has_error()
    }
}

impl fmt::Debug for SyntaxTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyntaxTree({}, {} bytes)", self.language().as_str(), self.source().len())
    }
}

impl fmt::Debug for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(tree) => write!(f, "Tree({})", tree.language().as_str()),
            Self::Text { reason } => write!(f, "Text({reason:?})"),
        }
    }
}

/// Makes the sides of every change ready to be parsed, which they are when a stage first asks: see
/// [`ParsedChange`].
#[must_use]
pub fn parse(set: ChangeSet, limits: &ParseLimits) -> Vec<ParsedChange> {
    set.changes.into_iter().map(|change| parse_change(change, limits)).collect()
}

/// The same for one change.
#[must_use]
pub fn parse_change(change: Change, limits: &ParseLimits) -> ParsedChange {
    // A side that is a link now has no text to tell by.
    let language = [&change.new, &change.old].into_iter().flatten().find_map(language_of);
    ParsedChange { change, language, new: OnceLock::new(), old: OnceLock::new(), limits: *limits }
}

fn language_of(side: &Side) -> Option<Language> {
    Language::detect(&side.path, side.content.text()?)
}

/// A side without edits is parsed too: rules and signatures of unchanged code are looked up in it.
pub(super) fn parse_side(side: &Side, limits: &ParseLimits) -> Option<Syntax> {
    let parsed = match &side.content {
        Content::Opaque(_) => return None,
        Content::Lossy(_) => Err(TextReason::NotUtf8),
        Content::Text(text) => Language::detect(&side.path, text)
            .ok_or(TextReason::UnknownLanguage)
            .and_then(|language| parse_text(text, language, limits)),
    };
    Some(match parsed {
        Ok(tree) => Syntax::Tree(tree),
        Err(reason) => Syntax::Text { reason },
    })
}

/// Parses one text, for tests, rule examples and callers that have no change.
///
/// # Errors
/// The reason why there is no tree.
pub fn parse_text(text: &str, language: Language, limits: &ParseLimits) -> Result<SyntaxTree, TextReason> {
    if text.len() > limits.bytes {
        return Err(TextReason::TooLarge);
    }
    if brackets_exceed(text, limits.depth) {
        return Err(TextReason::TooDeep);
    }
    let tree = run_parser(text, language, limits.time).ok_or(TextReason::TimedOut)?;
    if nodes_exceed(&tree, limits.depth) {
        return Err(TextReason::TooDeep);
    }
    Ok(SyntaxTree { ast: AstGrep::doc(StrDoc { src: text.to_owned(), lang: language, tree }) })
}

fn run_parser(text: &str, language: Language, time: Duration) -> Option<tree_sitter::Tree> {
    thread_local! {
        static PARSER: RefCell<tree_sitter::Parser> = RefCell::new(tree_sitter::Parser::new());
    }
    PARSER.with_borrow_mut(|parser| {
        parser.set_language(&language.get_ts_language()).ok()?;
        // A parse that was stopped would otherwise be resumed with the next text.
        parser.reset();
        let start = Instant::now();
        let mut within_time = |_: &tree_sitter::ParseState| match start.elapsed() > time {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let options = tree_sitter::ParseOptions::new().progress_callback(&mut within_time);
        let bytes = text.as_bytes();
        parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
    })
}

/// Whether more than `depth` brackets are open at once, counted without regard to strings and
/// comments. The parser needs quadratic time for such a text (50,000 parentheses: seconds), and
/// within one step, where no clock is looked at.
fn brackets_exceed(text: &str, depth: usize) -> bool {
    let mut open = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                if open > depth {
                    return true;
                }
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Whether the tree is deeper than `depth`, which a long chain of operators is without a bracket. What
/// has no more nodes than that leaves room for cannot be, and needs no walk.
fn nodes_exceed(tree: &tree_sitter::Tree, depth: usize) -> bool {
    let mut cursor = tree.walk();
    let mut level = 0usize;
    loop {
        if level + cursor.node().descendant_count() > depth && cursor.goto_first_child() {
            level += 1;
            if level > depth {
                return true;
            }
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
            level -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::sample;

    fn reason(text: &str, language: Language, limits: &ParseLimits) -> Option<TextReason> {
        parse_text(text, language, limits).err()
    }

    #[test]
    fn limits_leave_text() {
        let limits = ParseLimits::default();
        let parentheses = "(".repeat(50_000);
        assert_eq!(reason(&parentheses, Language::JavaScript, &limits), Some(TextReason::TooDeep));
        let chain = "x = ".to_owned() + &"a + ".repeat(5_000) + "a\n";
        assert_eq!(reason(&chain, Language::Python, &limits), Some(TextReason::TooDeep));
        let balanced = "f(); ".repeat(5_000);
        assert_eq!(reason(&balanced, Language::JavaScript, &limits), None);
        let large = "x\n".repeat(1 << 19) + "y";
        assert_eq!(reason(&large, Language::Python, &limits), Some(TextReason::TooLarge));
        let hasty = ParseLimits { time: Duration::ZERO, ..limits };
        assert_eq!(reason(&balanced, Language::JavaScript, &hasty), Some(TextReason::TimedOut));
        // The parser that was stopped reads the next text from its start.
        assert_eq!(reason("g()", Language::JavaScript, &limits), None);
    }

    #[test]
    fn sides_keep_why_they_are_text() {
        let mut change = sample::change("a.rs", Some("fn a() {}"), Some("fn b() {}"));
        change.old.as_mut().unwrap().content = Content::Lossy("fn a() {\u{fffd}}".to_owned());
        let parsed = parse_change(change, &ParseLimits::default());
        assert_eq!(parsed.language, Some(Language::Rust));
        assert!(matches!(parsed.old(), Some(Syntax::Text { reason: TextReason::NotUtf8 })));
        assert_eq!(parsed.new().and_then(Syntax::tree).unwrap().source(), "fn b() {}");

        let unknown = sample::parsed("a.lua", None, Some("x = 1"));
        assert!(unknown.old().is_none());
        assert!(matches!(unknown.new(), Some(Syntax::Text { reason: TextReason::UnknownLanguage })));
    }
}
