//! Whether data files are what their names say, judged by parsers of the formats themselves.

use std::collections::HashSet;

use ::toml::Table;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle};
use roxmltree::{Document, Error as XmlError, ParsingOptions};

use super::Hit;
use crate::change::language::Language;
use crate::check::rule::Text;
use crate::text::floor_boundary;

/// The hit of a text that is not what it should be: one place, of no length, so that a text that was
/// wrong before is not found anew when it is wrong in other words.
pub(super) fn fault(text: &str, offset: usize, message: String) -> Vec<Hit> {
    // What is missing at the end is missing after the last word, not on the line below.
    let offset = floor_boundary(text, offset.min(text.trim_end().len()));
    // A conflict that was left has a rule that says more of it.
    let line = &text[text[..offset].rfind('\n').map_or(0, |at| at + 1)..];
    if ["<<<<<<< ", "=======", ">>>>>>> "].iter().any(|marker| line.starts_with(marker)) {
        return Vec::new();
    }
    vec![Hit { range: offset..offset, message: Some(message), fix: None }]
}

/// Where a line, from 1, begins.
pub(super) fn line_start(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

/// The text without its byte order mark, which belongs to none of these formats' contents, and how
/// long that was.
pub(super) fn without_mark(text: &str) -> (&str, usize) {
    text.strip_prefix('\u{FEFF}').map_or((text, 0), |rest| (rest, text.len() - rest.len()))
}

/// Whether something else reads the text first and makes the data of it: Helm, Jinja, ERB, PHP. An
/// expression in quotes is for a later reader, and `${{` for GitHub's.
pub(super) fn is_template(text: &str) -> bool {
    let has_expression = |line: &str| {
        line.match_indices("{{").any(|(at, _)| {
            let before = &line[..at];
            !before.ends_with('$') && before.matches('"').count().is_multiple_of(2)
        })
    };
    ["{%", "<%", "<?php", "<?="].iter().any(|mark| text.contains(mark)) || text.lines().any(has_expression)
}

pub(super) fn invalid_yaml(text: &Text<'_>) -> Vec<Hit> {
    if text.language != Some(Language::Yaml) {
        return Vec::new();
    }
    let Some(error) = Parser::new_from_str(text.text).find_map(Result::err) else { return Vec::new() };
    let is_own_limit = matches!(
        error.kind(),
        ErrorKind::RecursionLimitExceeded
            | ErrorKind::AnchorCountOverflow
            | ErrorKind::DirectiveByteLimitExceeded { .. }
            | ErrorKind::TooManyReservedDirectiveParams { .. }
            | ErrorKind::UnsupportedYamlMajorVersion
    );
    if is_own_limit || is_template(text.text) {
        return Vec::new();
    }
    let marker = error.marker();
    let offset = marker.byte_offset().unwrap_or_else(|| line_start(text.text, marker.line()));
    fault(text.text, offset, format!("this is not valid YAML: {}", error.info()))
}

/// A level of nesting of a YAML text.
enum Level<'a> {
    Sequence,
    Mapping { keys: HashSet<(std::borrow::Cow<'a, str>, bool)>, key_is_next: bool },
}

/// Keys that differ in quoting may differ in type, and are not compared.
pub(super) fn duplicate_yaml_keys(text: &Text<'_>) -> Vec<Hit> {
    if text.language != Some(Language::Yaml) {
        return Vec::new();
    }
    let mut hits = Vec::new();
    let mut levels: Vec<Level<'_>> = Vec::new();
    for event in Parser::new_from_str(text.text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::DocumentStart(..) => levels.clear(),
            Event::SequenceEnd | Event::MappingEnd => _ = levels.pop(),
            _ => {}
        }
        if !event.is_node() {
            continue;
        }
        let mut key_is_here = false;
        if let Some(Level::Mapping { key_is_next, .. }) = levels.last_mut() {
            key_is_here = std::mem::replace(key_is_next, !*key_is_next);
        }
        match event {
            Event::SequenceStart(..) => levels.push(Level::Sequence),
            Event::MappingStart(..) => {
                levels.push(Level::Mapping { keys: HashSet::new(), key_is_next: true });
            }
            Event::Scalar(key, style, ..) if key_is_here => {
                let Some(Level::Mapping { keys, .. }) = levels.last_mut() else { continue };
                let message = format!("`{key}` is a key of this mapping already");
                // A mapping may merge several others.
                let is_new = key == "<<" || keys.insert((key, style == ScalarStyle::Plain));
                if let Some(range) = span.byte_range().filter(|_| !is_new) {
                    hits.push(Hit { range, message: Some(message), fix: None });
                }
            }
            _ => {}
        }
    }
    if !hits.is_empty() && is_template(text.text) {
        hits.clear();
    }
    hits
}

pub(super) fn invalid_toml(text: &Text<'_>) -> Vec<Hit> {
    if text.language != Some(Language::Toml) {
        return Vec::new();
    }
    let (text, skipped) = without_mark(text.text);
    let Err(error) = ::toml::from_str::<Table>(text) else { return Vec::new() };
    // What is nested too deep for the reader may be valid all the same.
    if is_template(text) || error.message().contains("recursion") {
        return Vec::new();
    }
    let offset = skipped + error.span().map_or(0, |span| span.start);
    // A message may go on with the whole of what was read.
    let what = error.message().lines().next().unwrap_or_default();
    fault(text, offset, format!("this is not valid TOML: {what}"))
}

pub(super) fn invalid_xml(text: &Text<'_>) -> Vec<Hit> {
    let text = text.text;
    if text.trim().is_empty() {
        return Vec::new();
    }
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let Err(error) = Document::parse_with_options(text, options) else { return Vec::new() };
    let is_excused = match error {
        // A part of a document leaves the names that the whole declares undeclared, and a file of
        // comments is filled in later.
        XmlError::UnknownNamespace(..) | XmlError::NoRootNode => true,
        XmlError::UnknownEntityReference(..) => text.contains("<!DOCTYPE"),
        XmlError::EntityResolver(..)
        | XmlError::EntityReferenceLoop(_)
        | XmlError::NodesLimitReached
        | XmlError::AttributesLimitReached
        | XmlError::NamespacesLimitReached => true,
        _ => false,
    };
    if is_excused || is_template(text) {
        return Vec::new();
    }
    let at_end = matches!(error, XmlError::UnclosedRootNode | XmlError::UnexpectedEndOfStream);
    let offset = if at_end { text.len() } else { xml_offset(text, error.pos()) };
    let message = error.to_string();
    let what = message.rsplit_once(" at ").map_or(message.as_str(), |(what, _)| what);
    fault(text, offset, format!("this is not well-formed XML: {what}"))
}

/// The byte at a place that is counted in characters.
fn xml_offset(text: &str, place: roxmltree::TextPos) -> usize {
    let start = line_start(text, place.row as usize);
    let before = text[start..].chars().take((place.col as usize).saturating_sub(1));
    start + before.map(char::len_utf8).sum::<usize>()
}
