//! Texts in which a compiler may see other lines or other comments than the grammar does, so that
//! nothing can be proved of them.

use crate::change::language::Language;
use crate::change::parse::SyntaxTree;

/// What may be read otherwise, if anything.
pub(super) fn trap(tree: &SyntaxTree) -> Option<&'static str> {
    let text = tree.source();
    // Half of the languages end a line, and with it a comment, where the other half see white space.
    if text.split("\r\n").any(|part| part.contains('\r')) {
        return Some("a carriage return without a line feed may end a line");
    }
    let starts = |markers: &[&str]| {
        text.lines().any(|line| markers.iter().any(|marker| line.trim_start().starts_with(marker)))
    };
    match tree.language() {
        Language::Java if escapes_an_end(text) => Some("a Unicode escape may end a comment"),
        Language::C | Language::Cpp if splices(text) => Some("a line may go on in the next one"),
        Language::JavaScript | Language::TypeScript | Language::Tsx
            if text.contains("<!--") || starts(&["-->"]) =>
        {
            Some("an HTML comment may begin in it")
        }
        Language::Php if !text.starts_with("<?php") => Some("what stands before `<?php` is output"),
        Language::Php if text.contains("?>") => Some("what stands behind `?>` is output"),
        Language::Php if text.contains("__halt_compiler") => Some("what stands at its end is data"),
        // They count where nothing stands before them.
        Language::Ruby if starts(&["=begin", "=end", "__END__"]) => Some("`=begin` or `__END__` is in it"),
        _ => None,
    }
}

/// Whether an escape of Java's stands for what ends a line, a comment or a string, which it does
/// wherever it stands: JLS 3.3.
fn escapes_an_end(text: &str) -> bool {
    text.match_indices("\\u").any(|(at, _)| {
        let digits = text[at + 1..].trim_start_matches('u');
        let code = digits.get(..4).and_then(|it| u8::from_str_radix(it, 16).ok());
        code.is_some_and(|code| b"\n\r\"'*/\\".contains(&code))
    })
}

/// Whether a backslash that ends a line but for white space, or the trigraph that stands for one, is
/// in the text: compilers differ from the grammar there.
fn splices(text: &str) -> bool {
    text.contains("??/")
        || text.lines().any(|line| line.trim_end() != line && line.trim_end().ends_with('\\'))
}
