//! YAML, document by document, so that each tells what is wrong with it, and where.

use serde::de::DeserializeOwned;

use crate::text::plain_message;

/// One document of a file.
pub(super) struct Document {
    /// Line of its first key, from 1.
    pub(super) line: usize,
    /// Its text, below as many empty lines as stand before it in the file.
    text: String,
}

/// What is wrong, and the line.
pub(super) type Fault = (usize, String);

impl Document {
    /// A file that is one document.
    pub(super) fn whole(text: &str) -> Self {
        Self { line: 1, text: text.to_owned() }
    }

    /// The documents of a file. A line that begins with `---` or `...` cannot be part of a text
    /// within a document: it divides.
    pub(super) fn all(file: &str) -> Vec<Self> {
        let mut documents = Vec::new();
        let mut text = String::new();
        let mut line = None;
        let mut finish = |text: &mut String, line: &mut Option<usize>, read: usize| {
            if let Some(line) = line.take() {
                documents.push(Self { line, text: std::mem::take(text) });
            }
            *text = "\n".repeat(read);
        };
        for (index, content) in file.split_inclusive('\n').enumerate() {
            let marks = |mark| {
                content.strip_prefix(mark).is_some_and(|rest| rest.trim_start() != rest || rest.is_empty())
            };
            if marks("---") || marks("...") {
                finish(&mut text, &mut line, index);
                // The document may begin behind the marker.
                let rest = &content[3..];
                if !is_blank(rest) {
                    line = Some(index + 1);
                }
                text.push_str("   ");
                text.push_str(rest);
                continue;
            }
            if line.is_none() && !is_blank(content) && !content.starts_with('%') {
                line = Some(index + 1);
            }
            // Directives would be refused without the marker that follows them.
            text.push_str(if line.is_none() { "\n" } else { content });
        }
        finish(&mut text, &mut line, 0);
        documents
    }

    /// The document as a value.
    ///
    /// # Errors
    /// What is wrong with it, and the line.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        ast_grep_config::from_str(&self.text).map_err(|error| {
            let error = error.without_snippet();
            let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            // The place of a key is lost where ast-grep reads a table in two goes.
            let key = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
            let line = key.and_then(|key| self.line_of(key)).or(line).filter(|&line| line > 0);
            (line.unwrap_or(self.line), plain_message(message))
        })
    }

    /// The first line that has the key.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let has_key = |line: &str| {
            let mut rest = line;
            while let Some(at) = rest.find(key) {
                let is_start =
                    rest[..at].bytes().next_back().is_none_or(|before| b" {,\"'".contains(&before));
                rest = &rest[at + key.len()..];
                if is_start && rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':') {
                    return true;
                }
            }
            false
        };
        self.text.lines().position(has_key).map(|index| index + 1)
    }
}

fn is_blank(line: &str) -> bool {
    let content = line.trim_start();
    content.is_empty() || content.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(file: &str) -> Vec<(usize, String)> {
        Document::all(file).into_iter().map(|it| (it.line, it.read().unwrap())).collect()
    }

    #[test]
    fn markers_divide_and_lines_stay() {
        let read = |line, text: &str| (line, text.to_owned());
        assert_eq!(documents("a\n"), [read(1, "a")]);
        assert_eq!(documents("# c\n---\na\n---\n# nothing\n--- b\n...\n"), [read(3, "a"), read(6, "b")]);
        assert_eq!(documents("%YAML 1.2\n---\na\r\n---\r\nb"), [read(3, "a"), read(5, "b")]);
        assert_eq!(documents("|\n a\n ---\n b\n"), [read(1, "a\n---\nb\n")]);
        assert_eq!(documents("----\n"), [read(1, "----")]);
        assert_eq!(documents(""), []);
    }

    #[test]
    fn faults_are_placed_in_the_file() {
        let fault = |file: &str| {
            let document = Document::all(file).pop().unwrap();
            document.read::<std::collections::BTreeMap<String, Vec<u8>>>().unwrap_err()
        };
        assert_eq!(fault("a: [1]\n---\n\nb: [1\n").0, 4);
        assert_eq!(fault("a: [1]\n---\nb: [1]\nc: x\n").0, 4);
    }
}
