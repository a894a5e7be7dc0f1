//! Text from elsewhere, made fit for a terminal.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(one_line("a\u{1b}[2J\n\tb\u{202e}c", 40), "a\\u{1b}[2J b\\u{202e}c");
        assert_eq!(one_line("a\u{9b}é", 40), "a\\u{9b}é");
        assert_eq!(one_line("one two", 5), "one t…");
    }
}
