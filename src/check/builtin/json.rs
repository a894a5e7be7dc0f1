//! JSON and its dialect with comments.

use std::collections::HashSet;

use serde::de::IgnoredAny;

use super::Hit;
use super::data::{fault, is_template, line_start, without_mark};
use crate::change::language::Language;
use crate::check::ast::each_node;
use crate::check::rule::Text;

/// Keys that hold comments, for want of another way to write them.
const COMMENT_KEYS: [&str; 5] = ["//", "#", "_comment", "__comment__", "$comment"];

pub(super) fn invalid(text: &Text<'_>) -> Vec<Hit> {
    let (json, _) = without_mark(text.text);
    let Some(error) = error(text, json) else { return Vec::new() };
    let plain = strip_comments(json);
    // Whoever writes comments into it has a reader that takes them, and a file of many values is a
    // log that has the wrong ending.
    let has_comments = plain.len() != json.len() || plain != json;
    let is_other = has_comments && is_json(&strip_commas(&plain)) || is_stream(json);
    if is_other { Vec::new() } else { report(text, &error) }
}

pub(super) fn invalid_with_comments(text: &Text<'_>) -> Vec<Hit> {
    let (json, _) = without_mark(text.text);
    let plain = strip_commas(&strip_comments(json));
    error(text, &plain).map_or_else(Vec::new, |error| report(text, &error))
}

/// What is wrong with the text of `json`, unless it is not meant to be JSON.
fn error(text: &Text<'_>, json: &str) -> Option<serde_json::Error> {
    let error = serde_json::from_str::<IgnoredAny>(json).err()?;
    let is_other = text.language != Some(Language::Json) || json.trim().is_empty() || is_template(text.text);
    (!is_other).then_some(error)
}

fn report(text: &Text<'_>, error: &serde_json::Error) -> Vec<Hit> {
    let mark = if error.line() == 1 { without_mark(text.text).1 } else { 0 };
    let offset = line_start(text.text, error.line()) + mark + error.column().saturating_sub(1);
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    fault(text.text, offset, format!("this is not valid JSON: {what}"))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether the text holds several values one after another, as logs do.
fn is_stream(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.all(|value| value.is_ok())
}

/// The text with spaces in place of comments, every byte where it was.
fn strip_comments(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match &text.as_bytes()[at..] {
            [b'"', ..] => {
                at = string_end(text.as_bytes(), at);
                continue;
            }
            [b'/', b'/', ..] => text.as_bytes()[at..].iter().position(|&byte| byte == b'\n'),
            [b'/', b'*', ..] => text.get(at + 2..).and_then(|rest| rest.find("*/")).map(|length| length + 4),
            _ => {
                at += 1;
                continue;
            }
        };
        let end = end.map_or(bytes.len(), |length| at + length);
        bytes[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The text with spaces in place of commas that close a list.
fn strip_commas(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let (mut at, mut comma) = (0, None);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                (at, comma) = (string_end(text.as_bytes(), at), None);
                continue;
            }
            b',' => comma = Some(at),
            b']' | b'}' => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The byte after the string that begins at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        at += match byte {
            b'\\' => 2,
            b'"' => return at + 1,
            // No string goes on over a line.
            b'\n' => return at,
            _ => 1,
        };
    }
    text.len()
}

/// Keys are compared as they are written.
pub(super) fn duplicate_keys(text: &Text<'_>) -> Vec<Hit> {
    let Some(tree) = text.tree.filter(|tree| tree.language() == Language::Json && !tree.has_error()) else {
        return Vec::new();
    };
    let mut hits = Vec::new();
    each_node(tree.ast(), |node| {
        if node.kind() == "object" {
            let mut keys = HashSet::new();
            let pairs: Vec<_> = node.named_children(&mut node.walk()).collect();
            for key in pairs.iter().filter_map(|pair| pair.child_by_field_name("key")) {
                let Some(written) = text.text.get(key.byte_range()) else { continue };
                let name = written.trim_matches('"');
                if !COMMENT_KEYS.contains(&name) && !keys.insert(written) {
                    let message = format!("`{name}` is a key of this object already");
                    hits.push(Hit { range: key.byte_range(), message: Some(message), fix: None });
                }
            }
        }
    });
    hits
}
