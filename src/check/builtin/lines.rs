//! How lines end, how a text begins and ends, and what in it is not shown. All of it can be mended
//! without a doubt.

use std::ops::Range;

use super::Hit;
use crate::change::parse::SyntaxTree;
use crate::check::finding::Fix;
use crate::check::rule::Text;

/// The two bytes that are white space to everybody: a form feed divides pages, and other scripts'
/// spaces may be meant.
const BLANKS: [char; 2] = [' ', '\t'];

/// What stands in `range`, and what had better stand there.
fn hit(range: Range<usize>, better: &str) -> Hit {
    Hit { range: range.clone(), message: None, fix: Some(Fix { range, text: better.to_owned() }) }
}

/// Every line without its line break, and where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = next;
        next += line.len();
        let content = line.strip_suffix('\n').unwrap_or(line);
        (start, content.strip_suffix('\r').unwrap_or(content))
    })
}

pub(super) fn trailing_whitespace(text: &Text<'_>) -> Vec<Hit> {
    lines(text.text)
        .filter(|(_, line)| line.ends_with(BLANKS))
        .map(|(start, line)| start + line.trim_end_matches(BLANKS).len()..start + line.len())
        .filter(|range| !text.tree.is_some_and(|tree| is_in_literal(tree, range)))
        .map(|range| hit(range, ""))
        .collect()
}

/// Whether a range belongs to a text that the program works with, where a space at the end of a line
/// may be wanted.
fn is_in_literal(tree: &SyntaxTree, range: &Range<usize>) -> bool {
    let mut node = tree.root().descendant_for_byte_range(range.start, range.end);
    while let Some(here) = node {
        let kind = here.kind();
        if ["string", "heredoc", "nowdoc", "block_scalar", "regex", "char"]
            .iter()
            .any(|literal| kind.contains(literal))
        {
            return true;
        }
        node = here.parent();
    }
    false
}

/// Two spaces after a text break the line; more say no more than two.
pub(super) fn trailing_whitespace_in_markdown(text: &Text<'_>) -> Vec<Hit> {
    lines(text.text)
        .filter_map(|(start, line)| {
            let kept = line.trim_end_matches(BLANKS);
            let tail = &line[kept.len()..];
            let better = if !kept.is_empty() && tail.ends_with("  ") { "  " } else { "" };
            (tail != better).then(|| hit(start + kept.len()..start + line.len(), better))
        })
        .collect()
}

/// Lines of nothing but blanks at the end are empty ones: each of the two rules sees what it has to,
/// and neither's fix makes a finding of the other.
pub(super) fn final_newline(text: &Text<'_>) -> Vec<Hit> {
    let text = text.text;
    let seen = text.trim_end_matches(['\n', '\r', ' ', '\t']).len();
    let content = seen + text[seen..].find(['\n', '\r']).unwrap_or(text.len() - seen);
    let end = &text[content..];
    let mut found = if text.is_empty() {
        return Vec::new();
    } else if seen == 0 {
        hit(0..text.len(), "")
    } else if end.is_empty() {
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        hit(text.len()..text.len(), line_break)
    } else {
        let first = if end.starts_with("\r\n") { 2 } else { 1 };
        if end.len() <= first {
            return Vec::new();
        }
        hit(content + first..text.len(), "")
    };
    let what = if found.range.is_empty() {
        "the last line does not end with a line break"
    } else {
        "the text ends with empty lines"
    };
    found.message = Some(what.to_owned());
    vec![found]
}

/// The endings of which there are fewer: one hit for each run of lines that have them.
pub(super) fn mixed_line_endings(text: &Text<'_>) -> Vec<Hit> {
    let text = text.text;
    let crlf = text.matches("\r\n").count();
    let lf = text.matches('\n').count() - crlf;
    if crlf == 0 || lf == 0 {
        return Vec::new();
    }
    let (few, many, name) =
        if crlf > lf { ("\n", "\r\n", "LF, most in CR LF") } else { ("\r\n", "\n", "CR LF, most in LF") };
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut is_run = false;
    for (start, line) in lines(text) {
        let end = start + line.len();
        let ending = if text[end..].starts_with("\r\n") { "\r\n" } else { "\n" };
        let is_odd = ending == few && text[end..].starts_with(few);
        match runs.last_mut().filter(|_| is_run && is_odd) {
            Some(run) => run.end = end + few.len(),
            None if is_odd => runs.push(end..end + few.len()),
            None => {}
        }
        is_run = is_odd;
    }
    let to_hit = |run: Range<usize>| {
        let better = text[run.clone()].replace("\r\n", "\n").replace('\n', many);
        let message = format!("lines end in {name}");
        Hit { message: Some(message), ..hit(run, &better) }
    };
    runs.into_iter().map(to_hit).collect()
}

pub(super) fn byte_order_mark(text: &Text<'_>) -> Vec<Hit> {
    let mark = '\u{FEFF}';
    if text.text.starts_with(mark) { vec![hit(0..mark.len_utf8(), "")] } else { Vec::new() }
}

/// Characters that no script writes anything with.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{200B}' | '\u{2060}'
            ..='\u{2064}' | '\u{180E}' | '\u{3164}' | '\u{FFA0}' | '\u{115F}' | '\u{1160}' | '\u{FEFF}'
    )
}

/// An alphabet without glyphs, made for tagging languages, by which emoji name the flags of parts of
/// countries.
fn is_tag(character: char) -> bool {
    matches!(character, '\u{E0020}'..='\u{E007F}')
}

/// Joiners within a word of Latin letters; in emoji and in other scripts they change what is shown.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200C}' | '\u{200D}')
}

/// Only in code, where strings are told from all else. A mark before the text has a rule of its own.
pub(super) fn invisible_characters(text: &Text<'_>) -> Vec<Hit> {
    let Some(tree) = text.tree else { return Vec::new() };
    let kind = |character: char| match character {
        it if is_tag(it) => Some(is_tag as fn(char) -> bool),
        it if is_blank(it) => Some(is_blank as fn(char) -> bool),
        it if is_joiner(it) => Some(is_joiner as fn(char) -> bool),
        _ => None,
    };
    let text = text.text;
    let mut hits = Vec::new();
    let mut next = 0;
    for (start, character) in text.char_indices().filter(|(_, character)| !character.is_ascii()) {
        let Some(is_same) = kind(character).filter(|_| start >= next && start > 0) else { continue };
        let length: usize = text[start..].chars().take_while(|&it| is_same(it)).map(char::len_utf8).sum();
        next = start + length;
        let before = text[..start].chars().next_back();
        let after = text[next..].chars().next();
        let is_word = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric() || it == '_');
        let range = start..next;
        let is_meant = if is_tag(character) {
            before == Some('\u{1F3F4}')
        } else if (before, after) == (Some('*'), Some('/')) {
            // It keeps a glob in a comment from ending the comment.
            true
        } else {
            is_joiner(character) && !(is_word(before) && is_word(after)) || is_in_literal(tree, &range)
        };
        if !is_meant {
            let message = format!("U+{:04X}, which is not shown, stands here", character as u32);
            hits.push(Hit { message: Some(message), ..hit(range, "") });
        }
    }
    hits
}
