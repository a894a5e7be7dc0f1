//! Parts of a text as reports may show them.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::pack::RuleSet;

/// A text as reports may show it: whatever a finding is about, no secret of the text is readable,
/// nor a part of one that goes over several lines.
pub(super) struct Excerpts<'a> {
    text: &'a str,
    rules: &'a RuleSet,
    secrets: OnceCell<Vec<Range<usize>>>,
    /// Lines by where they begin. One that is long may have many findings.
    lines: HashMap<usize, Arc<str>>,
}

impl<'a> Excerpts<'a> {
    pub(super) fn of(text: &'a str, rules: &'a RuleSet) -> Self {
        Self { text, rules, secrets: OnceCell::new(), lines: HashMap::new() }
    }

    fn secrets(&self) -> &[Range<usize>] {
        self.secrets.get_or_init(|| self.rules.secrets_in(self.text))
    }

    /// The line that begins at this byte, without its break.
    pub(super) fn line(&mut self, start: usize) -> Arc<str> {
        if let Some(line) = self.lines.get(&start) {
            return Arc::clone(line);
        }
        let line = self.text[start..].lines().next().unwrap_or_default();
        let end = start + line.len();
        let here = self.secrets().iter().filter(|secret| secret.start < end && start < secret.end);
        // Of a secret that began on an earlier line, nothing is left to say what kind it is.
        let own = here.map(|secret| {
            let shown = (secret.start + MARK).saturating_sub(start);
            shown.min(line.len())..(secret.end - start).min(line.len())
        });
        let masked: Arc<str> = mask(line, own).into();
        self.lines.insert(start, Arc::clone(&masked));
        masked
    }

    /// What a rule says of a match, in words that may quote the text; none where they quote so much
    /// that a secret could be cut off in them, and not be known for one.
    pub(super) fn message(&self, message: &str) -> Option<String> {
        if self.secrets().is_empty() {
            return Some(message.to_owned());
        }
        let secrets = self.rules.secrets_in(message).into_iter().map(|it| it.start + MARK..it.end);
        (!message.ends_with('…')).then(|| mask(message, secrets))
    }
}

/// The first bytes of a secret, which say what kind it is and are shown.
const MARK: usize = 4;

/// A text with these bytes as asterisks, so that columns stay as they were.
pub(super) fn mask(text: &str, hidden: impl Iterator<Item = Range<usize>>) -> String {
    let boundary =
        |byte: usize| (byte..text.len()).find(|&it| text.is_char_boundary(it)).unwrap_or(text.len());
    let mut masked = text.as_bytes().to_vec();
    for range in hidden {
        if let Some(bytes) = masked.get_mut(boundary(range.start)..boundary(range.end)) {
            bytes.fill(b'*');
        }
    }
    String::from_utf8(masked).unwrap_or_default()
}
