//! Text from elsewhere: where its lines are, and how it is made fit for a terminal and for its reader.

mod lines;

pub use lines::{Lines, to_u32};

/// Whether a terminal would obey the character or hide it: C0 and C1 controls, what Unicode calls
/// format characters (bidirectional controls, zero-width characters, tags), and the invisible
/// variation selectors that can carry hidden text.
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The last boundary of characters that is not behind `byte`.
#[must_use]
pub fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

/// One line of at most `limit` characters, and an ellipsis where there was more: runs of white space
/// are one space, and unprintable characters are escaped.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for (index, word) in text.split_whitespace().enumerate() {
        let gap = (index > 0).then_some(' ');
        for character in gap.into_iter().chain(word.chars()) {
            if length >= limit {
                line.push('…');
                return line;
            }
            if is_unprintable(character) {
                let escaped = character.escape_unicode();
                length += escaped.len();
                line.extend(escaped);
            } else {
                length += 1;
                line.push(character);
            }
        }
    }
    line
}

/// What serde says is wrong with a file that somebody wrote, without the words of Rust: the key or
/// word that was probably meant where one is unknown, and types by the names that files give them.
#[must_use]
pub fn plain_message(message: &str) -> String {
    // serde names the key and the keys it knows in its message, and nowhere else.
    let mut names = message.split('`').skip(1).step_by(2);
    for (start, what) in [("unknown field ", "key"), ("unknown variant ", "word")] {
        if message.starts_with(start)
            && let Some(written) = names.next()
        {
            // Some formats quote what is known, others do not.
            let bare = || {
                let known = message.split_once(", expected ").map_or("", |(_, known)| known);
                known.trim_start_matches("one of ").split(", ").filter(|name| !name.is_empty()).collect()
            };
            let mut known: Vec<&str> = names.collect();
            if known.is_empty() {
                known = bare();
            }
            return format!("unknown {what} `{written}`{}", instead(written, &known));
        }
    }
    // What TOML's and YAML's readers, and serde for a choice of forms, say in no such form.
    match message {
        "wanted string or table" => return "expected a string in quotes".to_owned(),
        "expected string scalar" => return "expected a string".to_owned(),
        "expected sequence start" => return "expected a list".to_owned(),
        "expected mapping start" => return "expected a section with keys of its own".to_owned(),
        _ if message.starts_with("data did not match any variant") => {
            return "this has a form that is not known here".to_owned();
        }
        _ => {}
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("{key} is missing");
    }
    let Some((found, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    let found = found.strip_suffix(" as i128").or(found.strip_suffix(" as u128")).unwrap_or(found);
    let found = found.replace("invalid type: sequence", "invalid type: list");
    let found = found.replace("invalid type: map", "invalid type: section");
    let expected = match expected {
        "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a sequence" | "sequence" => "a list",
        "a string" | "path string" => "a string in quotes",
        "a boolean" => "true or false",
        _ if expected.starts_with("struct ") || expected == "a map" => "a section with keys of its own",
        _ => expected,
    };
    format!("{found}, expected {expected}")
}

/// What was probably meant, or everything that could have been, as the end of a sentence.
#[must_use]
pub fn instead(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; expected one of: {}", known.join(", ")),
    }
}

/// The name that was probably meant, if one is like what was written.
#[must_use]
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let known = known.into_iter().map(|name| (strsim::jaro_winkler(written, name), name));
    let (similarity, nearest) = known.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (similarity > 0.8).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(one_line("a\u{1b}[2J\n\tb\u{202e}c", 40), "a\\u{1b}[2J b\\u{202e}c");
        assert_eq!(one_line("a\u{9b}é", 40), "a\\u{9b}é");
        assert_eq!(one_line("one two", 5), "one t…");
    }

    #[test]
    fn nothing_of_rust_is_said_about_a_file() {
        let cases = [
            (
                "unknown field `sevrity`, expected one of `id`, `severity`",
                "unknown key `sevrity`; did you mean `severity`?",
            ),
            (
                "unknown field `zzz`, expected one of id, severity",
                "unknown key `zzz`; expected one of: id, severity",
            ),
            ("unknown variant `fatal`, expected `error`", "unknown word `fatal`; expected one of: error"),
            ("invalid type: integer `3`, expected a sequence", "invalid type: integer `3`, expected a list"),
            ("invalid type: map, expected a string", "invalid type: section, expected a string in quotes"),
            ("missing field `rule`", "`rule` is missing"),
            ("data did not match any variant of untagged enum Fix", "this has a form that is not known here"),
            ("unclosed array, expected `]`", "unclosed array, expected `]`"),
        ];
        for (serde, plain) in cases {
            assert_eq!(plain_message(serde), plain);
        }
    }
}
