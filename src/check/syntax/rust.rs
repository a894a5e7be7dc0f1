//! Rust as `syn` reads it: all of the stable language, whatever the edition.

use super::{Opinion, SyntaxError};

pub(super) fn parse(source: &str) -> Opinion {
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    // `#!` begins an attribute, or else a line for the system's loader.
    let is_script = body.strip_prefix("#!").is_some_and(|rest| !rest.trim_start().starts_with('['));
    let body = if is_script { body.find('\n').map_or("", |end| &body[end..]) } else { body };
    if is_script && body.trim_start().starts_with("---") {
        // The manifest of a cargo script.
        return Opinion::Unsure;
    }
    let Err(error) = syn::parse_str::<syn::File>(body) else { return Opinion::Valid };
    if ["#![feature(", "#[rustc_"].iter().any(|mark| source.contains(mark)) {
        // It may be written in what only a nightly compiler reads.
        return Opinion::Unsure;
    }
    let before = source.len() - body.len();
    let range = error.span().byte_range();
    let message = error.to_string();
    let message = match message.as_str() {
        "lex error" | "cannot parse string into token stream" => "syntax error".to_owned(),
        // What could have stood there can be a list of a dozen.
        long if long.len() > 80 => match body.get(range.clone()).filter(|it| (1..=30).contains(&it.len())) {
            Some(found) => format!("syntax error: unexpected `{found}`"),
            None => "syntax error".to_owned(),
        },
        short => format!("syntax error: {short}"),
    };
    Opinion::Wrong(SyntaxError { range: before + range.start..before + range.end, message })
}
