//! JavaScript and TypeScript as oxc reads them.

use oxc::allocator::Allocator;
use oxc::diagnostics::OxcDiagnostic;
use oxc::parser::{ParseOptions, Parser};
use oxc::span::SourceType;

use super::{Opinion, SyntaxError};
use crate::change::language::Language;
use crate::git::RepoPath;

pub(super) fn parse(source: &str, language: Language, path: Option<&RepoPath>) -> Opinion {
    let is_declaration = path.is_some_and(|path| {
        let name = String::from_utf8_lossy(path.file_name());
        [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| name.ends_with(end))
    });
    let module = match language {
        Language::Tsx => SourceType::tsx(),
        Language::TypeScript if is_declaration => SourceType::d_ts(),
        Language::TypeScript => SourceType::ts(),
        _ => SourceType::jsx(),
    };
    let Err(error) = parse_as(source, module) else { return Opinion::Valid };
    // A script may use words as names that a module may not.
    match parse_as(source, module.with_script(true)) {
        Ok(()) => Opinion::Valid,
        Err(_) => Opinion::Wrong(error),
    }
}

fn parse_as(source: &str, source_type: SourceType) -> Result<(), SyntaxError> {
    let allocator = Allocator::default();
    // A module of Node's older kind is a function's body.
    let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
    let parsed = Parser::new(&allocator, source, source_type).with_options(options).parse();
    // What the parser could not go on after is its last word.
    let error = if parsed.panicked { parsed.errors.last() } else { parsed.errors.first() };
    match error {
        Some(error) => Err(translate(error, source)),
        None if parsed.panicked => Err(SyntaxError { range: 0..0, message: "syntax error".to_owned() }),
        None => Ok(()),
    }
}

fn translate(error: &OxcDiagnostic, source: &str) -> SyntaxError {
    let place = error.labels.as_ref().and_then(|labels| labels.first());
    let range = place.map_or(0..0, |label| label.offset()..label.offset() + label.len());
    let found = source.get(range.clone()).filter(|text| (1..=30).contains(&text.len()));
    let message =
        error.message.trim_end_matches('.').replace(" or an implicit semicolon after a statement", "");
    let message = match found {
        Some(found) => message.replace("found `Identifier`", &format!("found `{found}`")),
        None => message,
    };
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let message: String = first.into_iter().chain(letters).collect();
    SyntaxError { range, message: format!("syntax error: {message}") }
}
