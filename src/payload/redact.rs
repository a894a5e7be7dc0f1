//! Secrets out, over the text as it would be sent. A [`Redacted`] can be made nowhere else.
//!
//! Three kinds are found: what the rules know by its form (provider tokens, credential URLs),
//! private-key blocks, and quoted values that a telling name is given and that look random.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet, RegexSetBuilder};

use crate::change::LineRange;
use crate::check::pack::RuleSet;

/// Text that has been through the redactor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    text: String,
    secrets: BTreeSet<usize>,
}

impl Redacted {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The numbers of the placeholders that this session put in.
    pub(super) fn secrets(&self) -> impl Iterator<Item = usize> + '_ {
        self.secrets.iter().copied()
    }

    /// Appends a block under its number.
    pub(super) fn push_block(&mut self, number: u32, block: &Self) {
        self.text.push_str(&format!("#{number}"));
        self.push(block);
    }

    /// Appends another text.
    pub(super) fn push(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.secrets.extend(&other.secrets);
    }

    /// The first `count` lines, each with its line break, and what follows them.
    pub(super) fn split_lines(self, count: usize) -> (Vec<Self>, Self) {
        let part = |text: &str| {
            let secrets = placeholders(text).filter(|number| self.secrets.contains(number)).collect();
            Self { text: text.to_owned(), secrets }
        };
        let mut parts = self.text.splitn(count + 1, '\n');
        let lines = parts.by_ref().take(count).map(|line| part(&format!("{line}\n"))).collect();
        (lines, part(parts.next().unwrap_or_default()))
    }

    /// Without a redactor, for the tests of later stages.
    #[cfg(test)]
    pub(super) fn for_test(text: &str) -> Self {
        Self { text: text.to_owned(), secrets: BTreeSet::new() }
    }
}

/// Finds and replaces secrets.
pub struct Redactor {
    patterns: Vec<Regex>,
    /// The same patterns as one automaton: most texts hold none of them.
    any: Option<RegexSet>,
}

impl Redactor {
    /// With the secret patterns of a rule set. Where a pattern has a group named `secret`, only
    /// that part is replaced, else the whole match.
    #[must_use]
    pub fn new(rules: &RuleSet) -> Self {
        Self::with_patterns(rules.secret_patterns().map(|(_, pattern)| pattern.clone()).collect())
    }

    pub(super) fn with_patterns(patterns: Vec<Regex>) -> Self {
        // Without the automaton, every pattern is tried: slower, and never less.
        let any = RegexSetBuilder::new(patterns.iter().map(Regex::as_str)).build().ok();
        Self { patterns, any }
    }

    /// Begins a run of texts in which one secret keeps one number.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session { redactor: self, numbers: HashMap::new() }
    }

    /// Byte ranges of the secrets in `text`, ascending and disjoint.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let candidates: Vec<usize> = match &self.any {
            Some(set) => set.matches(text).into_iter().collect(),
            None => (0..self.patterns.len()).collect(),
        };
        let known = candidates.into_iter().flat_map(|index| {
            self.patterns[index]
                .captures_iter(text)
                .filter_map(|found| Some(found.name("secret").or_else(|| found.get(0))?.range()))
        });
        let named = NAMED_VALUE.captures_iter(text).filter_map(|found| {
            let value = found.name("value")?;
            looks_random(value.as_str()).then(|| value.range())
        });
        let keys =
            key_lines(text).into_iter().chain(KEY_IN_A_LINE.find_iter(text).map(|found| found.range()));
        let mut ranges: Vec<_> = known
            .chain(named)
            .chain(keys)
            .filter(|range| !text[range.clone()].is_empty() && !is_placeholder(&text[range.clone()]))
            .collect();
        ranges.sort_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let overlaps = next.start < last.end;
            if overlaps {
                last.end = last.end.max(next.end);
            }
            overlaps
        });
        ranges
    }
}

/// A run of texts in which one secret keeps one number.
pub struct Session<'a> {
    redactor: &'a Redactor,
    numbers: HashMap<String, usize>,
}

impl Session<'_> {
    /// Replaces every secret by a placeholder of the same number of lines: `[redacted-1]`, with the
    /// same number for the same secret.
    pub fn redact(&mut self, text: &str) -> Redacted {
        let mut text = text.to_owned();
        // A replaced secret can set free another one beside it. Each round leaves less text that
        // is not a placeholder, so the rounds come to an end.
        loop {
            let ranges = self.redactor.find(&text);
            if ranges.is_empty() {
                let secrets =
                    placeholders(&text).filter(|number| (1..=self.numbers.len()).contains(number)).collect();
                return Redacted { text, secrets };
            }
            let mut clean = String::with_capacity(text.len());
            let mut at = 0;
            for range in ranges {
                let secret = &text[range.clone()];
                clean.push_str(&text[at..range.start]);
                let placeholder = self.placeholder(secret);
                clean.push_str(&placeholder);
                for _ in secret.matches('\n') {
                    clean.push('\n');
                    clean.push_str(&placeholder);
                }
                at = range.end;
            }
            clean.push_str(&text[at..]);
            text = clean;
        }
    }

    /// The lines of private-key blocks in a whole file, each block with what stands for its lines.
    /// A change within a block is sent without the block's first line, by which it could be known.
    pub(super) fn key_blocks(&mut self, source: &str) -> Vec<(LineRange, String)> {
        let mut line = 1;
        let mut at = 0;
        key_lines(source)
            .into_iter()
            .map(|range| {
                line += source[at..range.start].matches('\n').count() as u32;
                at = range.start;
                let block = &source[range];
                let len = block.matches('\n').count() as u32 + 1;
                (LineRange { start: line, len }, self.placeholder(block))
            })
            .collect()
    }

    fn placeholder(&mut self, secret: &str) -> String {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(secret.to_owned()).or_insert(next);
        format!("[redacted-{number}]")
    }
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[redacted-(\d+)\]"));

/// The numbers of the placeholders in a text, whoever put them there.
fn placeholders(text: &str) -> impl Iterator<Item = usize> + '_ {
    PLACEHOLDER.captures_iter(text).filter_map(|found| found[1].parse().ok())
}

/// A quoted value of at least 12 characters that is given to a name which tells what it is.
static NAMED_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?xi)
        (?: password | passwd | secret | token | api_?key | access_?key | auth ) [\w.-]{0,24}
        ["'`\])]{0,2} \s* (?: : \s* [\w&<>\[\]?'\x20]{1,24} = | :=  | => | [:=] ) \s*
        [bru]{0,2} \\?["'`] (?<value> [^"'`\s\\]{12,} )"#,
    )
});

/// A private key written into one line, its line breaks escaped.
static KEY_IN_A_LINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\\ ]{16,}(?:-----END [A-Z0-9 ]*-----)?",
    )
});

/// Byte ranges of private-key blocks that span lines: the line that begins one, and the lines after
/// it for as long as they look like key material.
fn key_lines(text: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    if !text.contains("PRIVATE KEY") {
        return blocks;
    }
    let mut at = 0;
    let mut block: Option<(Range<usize>, bool)> = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        let range = at..at + body.len();
        at += line.len();
        let begins = body.contains("-----BEGIN ") && body.contains("PRIVATE KEY");
        match &mut block {
            Some((open, has_body)) if !begins => {
                let ends = body.contains("-----END ");
                let material = key_material(body);
                if ends || material.is_some() {
                    open.end = range.end;
                    *has_body |= material.is_some_and(|len| len >= 16);
                }
                if ends || material.is_none() {
                    blocks.extend(block.take().filter(|(_, has_body)| *has_body).map(|(range, _)| range));
                }
            }
            _ => {
                blocks.extend(block.take().filter(|(_, has_body)| *has_body).map(|(range, _)| range));
                block = begins.then_some((range, false));
            }
        }
    }
    blocks.extend(block.filter(|(_, has_body)| *has_body).map(|(range, _)| range));
    blocks
}

/// Length of the base64 in a line of a key block as it stands in files, string literals, comments
/// and diffs; none for a line of another kind.
fn key_material(line: &str) -> Option<usize> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || "\"'`#*|>-".contains(c));
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || "\"'`,;)\\+".contains(c));
    let line = line.strip_suffix("\\n").unwrap_or(line).trim_end_matches('\\');
    let is_header =
        line.starts_with("Proc-Type:") || line.starts_with("DEK-Info:") || line.starts_with("Comment:");
    // A rendered line begins with its number and a mark, or is a placeholder already.
    let bare = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let bare = bare.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
    let is_base64 = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if is_base64 { Some(bare.len()) } else { is_header.then_some(0) }
}

fn is_placeholder(text: &str) -> bool {
    text.lines().all(|line| PLACEHOLDER.find(line).is_some_and(|found| found.range() == (0..line.len())))
}

/// Whether a value has more entropy than words have, and none of the marks of a stand-in.
fn looks_random(value: &str) -> bool {
    const STAND_INS: [&str; 12] = [
        "example",
        "changeme",
        "change_me",
        "placeholder",
        "dummy",
        "xxxx",
        "your_",
        "your-",
        "${",
        "{{",
        "%(",
        "[redacted-",
    ];
    let lower = value.to_ascii_lowercase();
    if STAND_INS.iter().any(|mark| lower.contains(mark))
        || (value.starts_with('<') && value.ends_with('>'))
        || (value.contains("://") && !value.contains('@'))
    {
        return false;
    }
    let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    entropy(value) > if is_hex { 3.0 } else { 3.5 }
}

/// Shannon entropy in bits a character.
fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<char, f64> = HashMap::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1.0;
    }
    let total: f64 = counts.values().sum();
    counts.values().map(|count| count / total).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor() -> Redactor {
        let patterns = [r"\bAKIA[A-Z0-9]{16}\b", r"ghp_[A-Za-z0-9]{36}", r"key=(?<secret>\w+)"];
        Redactor::with_patterns(patterns.into_iter().map(pattern).collect())
    }

    fn key_block(body: &str) -> String {
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----")
    }

    #[test]
    fn one_secret_has_one_number() {
        let text = "a = AKIAABCDEFGHIJKLMNOP\nb = key=other\nc = AKIAABCDEFGHIJKLMNOP\n";
        let redacted = redactor().session().redact(text);
        insta::assert_snapshot!(redacted.as_str(), @r"
        a = [redacted-1]
        b = key=[redacted-2]
        c = [redacted-1]
        ");
        assert_eq!(redacted.secrets().count(), 2);
    }

    #[test]
    fn named_values_that_look_random() {
        let secret = "q7Zt0vXw2LpR9sKd";
        for line in [
            format!("password = \"{secret}\""),
            format!("\"api_key\": \"{secret}\","),
            format!("const AUTH_TOKEN: &str = \"{secret}\";"),
            format!("'secret' => '{secret}'"),
            format!("accessKey := `{secret}`"),
            "token = '3f786850e387550fdab836ed7e6dc881de23001b'".to_owned(),
        ] {
            assert!(redactor().session().redact(&line).as_str().contains("[redacted-1]"), "{line}");
        }
    }

    #[test]
    fn stand_ins_and_code_stay() {
        for line in [
            "password = \"${DB_PASSWORD_FROM_ENV}\"",
            "password = \"<your-password-here-1>\"",
            "secret = \"changeme-12345Abc\"",
            "token_url = \"https://login.test/oauth2/v2.0/token\"",
            "token = \"xxxxxxxxxxxxxxxxxxxx\"",
            "password = \"short\"",
            "author = \"aaaaaaaaaaaaaaaa\"",
            "let token = self.next_token(&input[1..])?;",
        ] {
            assert_eq!(redactor().session().redact(line).as_str(), line);
        }
    }

    #[test]
    fn a_key_block_goes_line_by_line() {
        let text = format!("before\n{}\nafter\n", key_block(&format!("{0}\n{0}", "MIIEowIBAAKCAQEA7bq")));
        insta::assert_snapshot!(redactor().session().redact(&text).as_str(), @r"
        before
        [redacted-1]
        [redacted-1]
        [redacted-1]
        [redacted-1]
        after
        ");
        let marker = "if line == \"-----BEGIN PRIVATE KEY-----\" {\n    return parse(rest);\n}\n";
        assert_eq!(redactor().session().redact(marker).as_str(), marker, "a marker alone is no key");
    }

    #[test]
    fn a_part_of_a_key_block_is_known_by_the_file() {
        let body = "MIIEowIBAAKCAQEA7bq\nMIIEowIBAAKCAQEA8cr";
        let source = format!("x\ny\n{}\nz\n{}\n", key_block(body), key_block("MIIEowIBAAKCAQEA9ds"));
        let redactor = redactor();
        let found = redactor.session().key_blocks(&source);
        let lines: Vec<_> = found.iter().map(|(lines, _)| (lines.start, lines.len)).collect();
        assert_eq!(lines, [(3, 4), (8, 3)]);
    }

    proptest! {
        #[test]
        fn no_planted_secret_is_left(
            around in prop::collection::vec("[ -~]{0,24}(\n|\r\n)?", 0..8),
            key in "[A-Z0-9]{16}",
            token in "[A-Za-z0-9]{36}",
            body in prop::collection::vec("[A-Za-z0-9+/]{40,64}", 1..5),
            place in 0_usize..8,
        ) {
            let key = format!("AKIA{key}");
            let token = format!("ghp_{token}");
            let mut parts = around;
            let place = place.min(parts.len());
            parts.insert(place, format!("\n{key}\n{token}\n{}\n", key_block(&body.join("\n"))));
            let text = parts.concat();
            let redactor = redactor();
            let redacted = redactor.session().redact(&text);
            let clean = redacted.as_str();
            for secret in [&key, &token].into_iter().chain(&body) {
                prop_assert!(!clean.contains(secret.as_str()), "{clean}");
            }
            prop_assert_eq!(clean.matches('\n').count(), text.matches('\n').count());
            let again = redactor.session().redact(clean);
            prop_assert_eq!(again.as_str(), clean);
        }

        #[test]
        fn any_text_keeps_its_lines_and_is_left_alone_the_second_time(text in "(?s).{0,200}|(password|token|[=:'\" \nA-Z0-9a-z-]{1,8}){0,40}") {
            static BUNDLED: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&RuleSet::bundled()));
            for redactor in [&redactor(), &*BUNDLED] {
                let once = redactor.session().redact(&text);
                prop_assert_eq!(once.as_str().matches('\n').count(), text.matches('\n').count());
                let twice = redactor.session().redact(once.as_str());
                prop_assert_eq!(twice.as_str(), once.as_str());
            }
        }
    }
}
