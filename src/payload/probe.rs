//! A change that nobody made, to see whether a model answers.

use super::redact::Redactor;
use super::tokenizer::Tokenizer;
use super::{Block, Level, Payload, SentLine, UnitRef};
use crate::git::RepoPath;

/// The path of the file that the change pretends to be in.
const PATH: &str = "sample.py";

/// As [`compress`](super::pack::compress) shows it, which a test holds it to. Every call raises an
/// `IndexError`.
const TEXT: &str = "\
# sample.py
#1
 def last(items):
-    return items[len(items) - 1]
2+    return items[len(items)]
";

impl Payload {
    /// A small constant change with one obvious defect in [`PROBE_LINE`]: what is asked when only the
    /// answer's form is of interest.
    #[must_use]
    pub fn probe(tokenizer: &Tokenizer) -> Self {
        let text = Redactor::with_patterns(Vec::new()).session().redact(TEXT);
        let tokens = tokenizer.count(text.as_str());
        let line = |number, is_numbered, is_deleted, text: &str| SentLine {
            number,
            is_numbered,
            is_deleted,
            text: text.to_owned(),
        };
        let lines = vec![
            line(PROBE_LINE, false, true, "    return items[len(items) - 1]"),
            line(PROBE_LINE, true, false, "    return items[len(items)]"),
        ];
        let block = Block {
            unit: UnitRef { change: 0, unit: 0 },
            also: Vec::new(),
            number: 1,
            path: RepoPath::new(PATH),
            level: Level::Slice,
            tokens,
            lines,
        };
        Self { text, blocks: vec![block], tokens }
    }
}

/// The line of [`Payload::probe`] in which the defect is.
pub const PROBE_LINE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::super::pack::{Overhead, PackOptions, compress};
    use super::super::policy::Policy;
    use super::super::route::{asked, route};
    use super::*;
    use crate::change::sample::classified;
    use crate::meter::estimate::Counting;

    /// What a model is tried with has the form of what it will be asked.
    #[test]
    fn it_is_what_would_be_sent_of_such_a_change() {
        let before = "def last(items):\n    return items[len(items) - 1]\n";
        let after = before.replace(" - 1]", "]");
        let changes = route(vec![classified(PATH, Some(before), Some(&after))], &Policy::default());
        let units: Vec<_> = asked(&changes).collect();
        let options = PackOptions {
            highest: Level::Slice,
            documentation: false,
            limit: None,
            units_per_request: 1,
            tokens_per_request: 1000,
            overhead: Overhead { fixed: 0, per_line: 0, output: 0 },
            counting: Counting::Margin(0),
        };
        let tokenizer = Tokenizer::load();
        let redactor = Redactor::with_patterns(Vec::new());
        let packed = compress(&units, &changes, &tokenizer, &redactor, &options);
        let probe = Payload::probe(&tokenizer);
        let [payload] = &packed.payloads[..] else { panic!("{:?}", packed.payloads) };
        assert_eq!(payload.text(), probe.text());
        assert_eq!(payload.tokens(), probe.tokens());
        assert_eq!(payload.blocks()[0].lines, probe.blocks()[0].lines);
    }
}
