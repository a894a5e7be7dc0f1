//! From a reply to findings: nothing is believed that names a line which was not sent, and text
//! that is not what was asked for is never bent into it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::dialect::{Answer, Finish};
use super::prompt::Request;
use super::schema::{MAX_FINDINGS, MAX_QUOTE, MAX_WHY};
use crate::check::finding::{Confidence, Finding, Severity, Source};
use crate::payload::tokenizer::Tokenizer;
use crate::payload::{Block, Payload, SentLine};
use crate::text::one_line;
use crate::tokens::{Usage, UsageSource};

/// A valid reply.
#[derive(Debug)]
pub struct Reply {
    /// Findings on lines that were sent.
    pub findings: Vec<Finding>,
    /// Findings that were dropped: they name or quote what was not sent, say nothing, or exceed the
    /// number that was asked for.
    pub dropped: usize,
    /// Numbers of the blocks that the model is unsure of: those that it names, and those of which it
    /// reports a finding with low confidence.
    pub unsure: Vec<u32>,
    /// What the provider says it used.
    pub usage: Usage,
}

/// Findings of the same category within so many lines of each other are one.
const NEAR: u32 = 3;

/// Bytes of an answer, reasoning aside: fifty times what its tokens can sensibly hold, and little
/// enough that a hostile text cannot keep the parser busy.
const ANSWER_LIMIT: usize = 16 << 10;

/// What the schema asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    findings: Vec<StatedFinding>,
    /// Only where it was asked for, and not even there by every model.
    #[serde(default)]
    unsure: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedFinding {
    loc: String,
    quote: String,
    why: String,
    cat: Category,
    sev: Harm,
    conf: Confidence,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Category {
    Bug,
    Security,
    Perf,
    Api,
}

impl Category {
    fn rule(self) -> &'static str {
        match self {
            Self::Bug => "model/bug",
            Self::Security => "model/security",
            Self::Perf => "model/perf",
            Self::Api => "model/api",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Harm {
    Low,
    Medium,
    High,
    Critical,
}

impl From<Harm> for Severity {
    /// Never an error: a model may be wrong or talked into something by the code that it reads, so
    /// what it says alone does not block a commit.
    fn from(harm: Harm) -> Self {
        match harm {
            Harm::Low => Self::Info,
            Harm::Medium | Harm::High | Harm::Critical => Self::Warning,
        }
    }
}

/// How many times what was sent, or asked for, a provider's figures may be.
const BELIEVED: u64 = 10;

/// Whether a provider's figures for `request` can be true, be it in an answer or in an error.
pub(super) fn is_believed(usage: &Usage, request: &Request) -> bool {
    let most_input = (request.body.len() as u64).saturating_mul(BELIEVED);
    let most_output = request.max_output_tokens.saturating_mul(BELIEVED);
    usage.input <= most_input && usage.output <= most_output
}

/// What an answer took, for the ledger. Without figures, or with figures that what was sent and asked
/// for cannot come to, it is what was reserved. Output tokens that are less than half of what the text
/// before us has by our own count, which is as far as tokenizers differ, are replaced by that count.
pub(super) fn usage(answer: &Answer, request: &Request) -> Usage {
    let Some(usage) = answer.usage.filter(|usage| is_believed(usage, request)) else {
        return estimate(request);
    };
    let counted = Tokenizer::load().count(&answer.text);
    if usage.output < counted / 2 {
        return Usage { output: counted, source: UsageSource::Counted, ..usage };
    }
    usage
}

/// What was reserved, where nothing else is known.
pub(super) fn estimate(request: &Request) -> Usage {
    let (input, output) = (request.reserved_input, request.max_output_tokens);
    Usage { input, output, source: UsageSource::Estimated, ..Usage::default() }
}

/// Validates an answer against the payload that was asked about; `usage` is what it took. The error
/// says in a few words why the answer is not what was asked for.
pub(super) fn read(answer: &Answer, payload: &Payload, usage: Usage) -> Result<Reply, String> {
    let text = without_thoughts(&answer.text);
    if text.len() > ANSWER_LIMIT {
        return Err(format!("it has {} bytes", text.len()));
    }
    let (stated, cut) = match answer.finish {
        // An answer that was cut off still says what stands in it completely, worst first.
        Finish::Length => (Stated { findings: complete_ones(text), unsure: Vec::new() }, 1),
        _ => (object(text)?, 0),
    };
    let Stated { findings: stated, mut unsure } = stated;
    if cut > 0 && stated.is_empty() {
        return Err("it was cut off before its first finding was complete".to_owned());
    }
    let mut kept: Vec<(u32, Category, Finding)> = Vec::new();
    let mut dropped = cut + stated.len().saturating_sub(MAX_FINDINGS);
    for finding in stated.into_iter().take(MAX_FINDINGS) {
        let Some((block, line)) = anchor(&finding, payload) else {
            dropped += 1;
            continue;
        };
        let repeats = kept.iter().any(|(number, category, other)| {
            *number == block.number && *category == finding.cat && other.line.abs_diff(line.number) <= NEAR
        });
        if !repeats {
            kept.push((block.number, finding.cat, located(&finding, block, line)));
        }
    }
    let doubtful = kept.iter().filter(|(_, _, finding)| finding.confidence == Confidence::Low);
    unsure.extend(doubtful.map(|(number, ..)| number));
    unsure.retain(|&number| payload.blocks().iter().any(|block| block.number == number));
    unsure.sort_unstable();
    unsure.dedup();
    let findings = kept.into_iter().map(|(_, _, finding)| finding).collect();
    Ok(Reply { findings, dropped, unsure, usage })
}

/// What follows the model's reasoning, which some servers leave in the text: nothing where the
/// reasoning has no end.
fn without_thoughts(text: &str) -> &str {
    match text.rsplit_once("</think>") {
        Some((_, rest)) => rest,
        None if text.trim_start().starts_with("<think>") => "",
        None => text,
    }
}

/// The first JSON object in the text, which has to be the answer; prose and code fences may
/// surround it.
fn object(text: &str) -> Result<Stated, String> {
    for (start, _) in text.match_indices('{') {
        let text = &text[start..];
        if Deserializer::from_str(text).into_iter::<IgnoredAny>().next().is_some_and(|value| value.is_ok()) {
            let mut values = Deserializer::from_str(text).into_iter::<Stated>();
            return match values.next() {
                Some(Ok(stated)) => Ok(stated),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("it is empty".to_owned()),
            };
        }
    }
    Err("it holds no JSON object".to_owned())
}

/// The complete findings at the beginning of an answer whose end is missing.
fn complete_ones(text: &str) -> Vec<StatedFinding> {
    let mut findings = Vec::new();
    let opening = text.find('{').and_then(|start| {
        let rest = text[start + 1..].trim_start().strip_prefix("\"findings\"")?;
        rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')
    });
    let mut rest = opening.unwrap_or_default();
    loop {
        let mut values = Deserializer::from_str(rest).into_iter();
        let Some(Ok(finding)) = values.next() else { return findings };
        findings.push(finding);
        match rest[values.byte_offset()..].trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None => return findings,
        }
    }
}

/// The sent line that a finding is about, which is one that it quotes: the one of the number that it
/// names, or the first one from there to the next number, or the only one of the same block.
fn anchor<'p>(finding: &StatedFinding, payload: &'p Payload) -> Option<(&'p Block, &'p SentLine)> {
    if finding.why.trim().is_empty() {
        return None;
    }
    let (block, named) = finding.loc.trim().split_once(':')?;
    let (block, named): (u32, u32) = (block.parse().ok()?, named.parse().ok()?);
    let block = payload.blocks().iter().find(|candidate| candidate.number == block)?;
    let mut above = None;
    let mut quoted = Vec::new();
    for line in &block.lines {
        above = line.is_numbered.then_some(line.number).or(above);
        if quotes(&finding.quote, &line.text) {
            quoted.push((line, above));
        }
    }
    let exact = quoted.iter().find(|(line, _)| line.number == named && !line.is_deleted);
    let below = || quoted.iter().find(|(_, above)| *above == Some(named));
    let only = || quoted.first().filter(|_| quoted.len() == 1);
    let (line, _) = exact.or_else(below).or_else(only)?;
    Some((block, line))
}

/// Whether `quote` is the line, white space aside, or the beginning of one that is too long to be
/// quoted whole.
fn quotes(quote: &str, line: &str) -> bool {
    let (quote, full) = (collapsed(quote), collapsed(line));
    let long = line.chars().count() > MAX_QUOTE && quote.chars().count() >= MAX_QUOTE / 2;
    !quote.is_empty() && (quote == full || (long && full.starts_with(&quote)))
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The columns span the line as it was sent, without its indentation; of a line that is gone, there
/// is only the place.
fn located(finding: &StatedFinding, block: &Block, line: &SentLine) -> Finding {
    let text = if line.is_deleted { "" } else { line.text.as_str() };
    Finding {
        path: block.path.clone(),
        line: line.number,
        end_line: line.number,
        column: u32::try_from(text.len() - text.trim_start().len()).unwrap_or(0) + 1,
        end_column: u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_add(1),
        rule: finding.cat.rule().to_owned(),
        source: Source::Model,
        severity: finding.sev.into(),
        confidence: finding.conf,
        message: one_line(&finding.why, MAX_WHY),
        note: None,
        fix: None,
        excerpt: line.text.as_str().into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::provider::finding;
    use super::super::sample::{block, payload};
    use super::*;

    fn findings(answer: &Answer, payload: &Payload) -> Result<(Vec<Finding>, usize), String> {
        super::read(answer, payload, Usage::default()).map(|reply| (reply.findings, reply.dropped))
    }

    fn read(text: &str) -> Result<(Vec<Finding>, usize), String> {
        findings(&Answer { text: text.to_owned(), usage: None, finish: Finish::Complete }, &payload())
    }

    fn unsure(text: &str) -> Option<Vec<u32>> {
        let answer = Answer { text: text.to_owned(), usage: None, finish: Finish::Complete };
        super::read(&answer, &payload(), Usage::default()).ok().map(|reply| reply.unsure)
    }

    fn said(findings: &[Value]) -> (Vec<Finding>, usize) {
        read(&json!({ "findings": findings }).to_string()).unwrap()
    }

    const MEAN: &str = "sum / values.len() as f64";

    #[test]
    fn figures_are_believed_within_reason() {
        let request = Request {
            body: "x".repeat(4_000),
            path: "",
            input_tokens: 1_000,
            prompt_tokens: 900,
            reserved_input: 1_300,
            max_output_tokens: 300,
        };
        let long = "the sum is not the mean. ".repeat(40);
        let taken = |text: &str, input, output| {
            let reported = Usage { input, output, source: UsageSource::Reported, ..Usage::default() };
            let answer = Answer { text: text.to_owned(), usage: Some(reported), finish: Finish::Complete };
            let usage = usage(&answer, &request);
            (usage.input, usage.output, usage.source)
        };
        let counted = Tokenizer::load().count(&long);
        assert_eq!(taken(&long, 1_000, 0), (1_000, counted, UsageSource::Counted));
        for output in [counted / 2, counted, 3_000] {
            assert_eq!(taken(&long, 1_000, output), (1_000, output, UsageSource::Reported));
        }
        assert_eq!(taken("", 40_000, 0), (40_000, 0, UsageSource::Reported));
        let reserved = (1_300, 300, UsageSource::Estimated);
        assert_eq!(taken(&long, 40_001, 300), reserved);
        assert_eq!(taken(&long, 1_000, 3_001), reserved);
    }

    #[test]
    fn a_finding_is_located() {
        let (findings, dropped) = said(&[finding("2:8", MEAN)]);
        assert_eq!(dropped, 0);
        let expected = Finding {
            path: crate::git::RepoPath::new("src/mean.rs"),
            line: 8,
            end_line: 8,
            column: 2,
            end_column: 27,
            rule: "model/bug".to_owned(),
            source: Source::Model,
            severity: Severity::Warning,
            confidence: Confidence::High,
            message: "an empty list makes this panic".to_owned(),
            note: None,
            fix: None,
            excerpt: format!("\t{MEAN}").into(),
        };
        assert_eq!(findings, [expected]);
    }

    #[test]
    fn the_quote_decides_where() {
        let lines = |loc, quote| said(&[finding(loc, quote)]).0.iter().map(|f| f.line).collect::<Vec<_>>();
        assert_eq!(lines("2:8", "  sum  /\tvalues.len() as f64 "), [8], "white space is no difference");
        assert_eq!(lines("2:7", MEAN), [8], "moved to the only line that it quotes");
        assert_eq!(lines("2:999", MEAN), [8], "also from a line that was not sent");
        assert_eq!(lines("1:41", MEAN), [0; 0], "but not to another block");
        assert_eq!(lines("3:8", MEAN), [0; 0], "nor from a block that was not sent");
        assert_eq!(lines("2:8", "sum / values.len()"), [0; 0], "a part is no quote");
        assert_eq!(lines("2:8", ""), [0; 0]);
        for loc in ["", "8", "2:", ":8", "2:8:1", "-2:8", "src/mean.rs:8", "99999999999:8"] {
            assert_eq!(lines(loc, MEAN), [0; 0], "{loc}");
        }
    }

    #[test]
    fn a_quote_that_stands_twice_is_not_moved() {
        let payload =
            Payload::for_test("", vec![block(1, "a.rs", &[(1, "return;"), (5, "return;"), (9, "x")])]);
        let at = |loc| {
            let text = json!({ "findings": [finding(loc, "return;")] }).to_string();
            let answer = Answer { text, usage: None, finish: Finish::Complete };
            findings(&answer, &payload).unwrap().0.iter().map(|finding| finding.line).collect::<Vec<_>>()
        };
        assert_eq!(at("1:5"), [5]);
        assert_eq!(at("1:9"), [0; 0]);
    }

    #[test]
    fn a_line_without_a_number_is_found_below_the_number_above_it() {
        let mut block = block(1, "a.rs", &[(1, "gone"), (1, "a"), (2, "}"), (3, "}"), (9, "x"), (10, "}")]);
        for index in [0, 2, 3, 5] {
            block.lines[index].is_numbered = false;
        }
        block.lines[0].is_deleted = true;
        let payload = Payload::for_test("", vec![block]);
        let at = |loc, quote| {
            let text = json!({ "findings": [finding(loc, quote)] }).to_string();
            let answer = Answer { text, usage: None, finish: Finish::Complete };
            findings(&answer, &payload).unwrap().0.pop().map(|finding| (finding.line, finding.end_column))
        };
        assert_eq!(at("1:1", "}"), Some((2, 2)), "the first of two between the same numbers");
        assert_eq!(at("1:3", "}"), Some((3, 2)), "or the one that is named");
        assert_eq!(at("1:9", "}"), Some((10, 2)));
        assert_eq!(at("1:5", "}"), None);
        assert_eq!(at("1:9", "a"), Some((1, 2)));
        assert_eq!(at("1:1", "gone"), Some((1, 1)), "of a line that is gone there is only the place");
    }

    #[test]
    fn a_long_line_is_quoted_by_its_beginning() {
        let long = format!("let table = [{}];", "1, ".repeat(60));
        let quote = |characters: usize| long.chars().take(characters).collect::<String>();
        assert!(quotes(&long, &long) && quotes(&quote(120), &long) && quotes(&quote(100), &long));
        assert!(!quotes(&quote(20), &long), "too little to tell lines apart");
        assert!(!quotes(&quote(60), &quote(110)), "short lines are quoted whole");
    }

    #[test]
    fn findings_that_were_not_asked_for_are_counted_and_dropped() {
        let mut silent = finding("2:8", MEAN);
        silent["why"] = " \n".into();
        assert_eq!(said(&[silent, finding("7:7", "x"), finding("2:8", "x")]), (vec![], 3));

        let lines: Vec<_> = (1..=40).map(|line| (line * 10, "let x = 1;")).collect();
        let payload = Payload::for_test("", vec![block(1, "a.rs", &lines)]);
        let many: Vec<_> = (1..=8).map(|line| finding(&format!("1:{}", line * 10), "let x = 1;")).collect();
        let text = json!({ "findings": many }).to_string();
        let answer = Answer { text, usage: None, finish: Finish::Complete };
        let (kept, dropped) = findings(&answer, &payload).unwrap();
        assert_eq!((kept.len(), dropped), (MAX_FINDINGS, 3));
    }

    #[test]
    fn the_same_finding_on_neighbouring_lines_is_one() {
        let verify = finding("1:41", "if verify(user, &row) {");
        let deny = finding("1:42", "return deny();");
        let mut security = deny.clone();
        security["cat"] = "security".into();
        let (findings, dropped) = said(&[verify, deny, security, finding("2:8", MEAN)]);
        let places: Vec<_> = findings.iter().map(|f| (f.line, f.rule.as_str())).collect();
        assert_eq!(places, [(41, "model/bug"), (42, "model/security"), (8, "model/bug")]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn a_model_never_blocks() {
        for (said_to_be, severity) in [("low", Severity::Info), ("critical", Severity::Warning)] {
            let mut finding = finding("2:8", MEAN);
            finding["sev"] = said_to_be.into();
            assert_eq!(said(&[finding]).0[0].severity, severity);
        }
    }

    #[test]
    fn what_surrounds_the_answer_is_ignored() {
        let answer = json!({ "findings": [finding("2:8", MEAN)] }).to_string();
        for text in [
            format!("```json\n{answer}\n```"),
            format!("<think>the draft {{\"findings\":[]}} is wrong</think>\n{answer}"),
            format!("draft {{\"findings\":[]}}</think>{answer}"),
            format!("In `fn f() {{ x }}` I see:\n{answer}\nHope this helps {{}}"),
        ] {
            assert_eq!(read(&text).unwrap().0.len(), 1, "{text}");
        }
    }

    #[test]
    fn nothing_is_bent_into_an_answer() {
        let mut unknown = finding("2:8", MEAN);
        unknown["cat"] = "style".into();
        let mut extra = finding("2:8", MEAN);
        extra["fix"] = "x".into();
        let mut number = finding("2:8", MEAN);
        number["loc"] = 8.into();
        let mut missing = finding("2:8", MEAN);
        missing.as_object_mut().unwrap().remove("conf");
        for finding in [unknown, extra, number, missing, json!({}), json!("x"), Value::Null] {
            assert!(read(&json!({ "findings": [finding] }).to_string()).is_err(), "{finding}");
        }
        for text in [
            "",
            "looks good to me",
            "[]",
            "{}",
            "null",
            r#"{"findings":null}"#,
            r#"{"findings":{}}"#,
            r#"{"findings":[],"verdict":"pass"}"#,
            r#"{"findings":[],"findings":[]}"#,
            r#"{"answer":{"findings":[]}}"#,
            r#"{"findings":["#,
            r#"<think>{"findings":[]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_model_is_unsure_of_blocks_that_it_was_sent() {
        assert_eq!(unsure(r#"{"findings":[]}"#), Some(vec![]));
        assert_eq!(unsure(r#"{"findings":[],"unsure":[]}"#), Some(vec![]));
        assert_eq!(unsure(r#"{"unsure":[2,7,1,0,2],"findings":[]}"#), Some(vec![1, 2]));
        for text in [
            r#"{"findings":[],"unsure":["1"]}"#,
            r#"{"findings":[],"unsure":[-1]}"#,
            r#"{"findings":[],"unsure":[1.5]}"#,
            r#"{"findings":[],"unsure":true}"#,
            r#"{"unsure":[1]}"#,
        ] {
            assert_eq!(unsure(text), None, "{text}");
        }
        let mut low = finding("2:8", MEAN);
        low["conf"] = "low".into();
        let text = json!({ "findings": [finding("1:42", "return deny();"), low] }).to_string();
        assert_eq!(unsure(&text), Some(vec![2]), "low confidence is doubt too");
    }

    #[test]
    fn depth_is_bounded() {
        for deep in ["{\"a\":", "[", "{\"findings\":["] {
            assert!(read(&deep.repeat(100_000)).is_err());
            assert!(read(&deep.repeat(ANSWER_LIMIT / deep.len())).is_err());
        }
    }

    #[test]
    fn an_answer_that_was_cut_keeps_its_complete_findings() {
        let full =
            json!({ "findings": [finding("2:8", MEAN), finding("1:42", "return deny();")] }).to_string();
        let cut = |end: usize| {
            let text = full[..end].to_owned();
            findings(&Answer { text, usage: None, finish: Finish::Length }, &payload())
        };
        let second = full.rfind("{\"").unwrap();
        for end in 0..full.len() {
            match cut(end) {
                Ok((findings, dropped)) => {
                    assert!(end >= second - 1, "{end}");
                    assert_eq!((findings[0].line, dropped), (8, 1));
                }
                Err(_) => assert!(end < second - 1, "{end}"),
            }
        }
    }

    proptest! {
        /// No text makes the reader panic, and no finding leaves the lines that were sent.
        #[test]
        fn findings_lie_on_lines_that_were_sent(
            text in r#"([ {}\[\]:,"\\]|findings|loc|</?think>|\PC){0,40}"#,
            loc in "[0-9:]{0,5}",
            quote in prop_oneof![Just(MEAN.to_owned()), any::<String>()],
            why in any::<String>(),
        ) {
            let _ = read(&text);
            let mut stated = finding(&loc, &quote);
            stated["why"] = why.into();
            let (findings, dropped) = said(&[stated]);
            prop_assert_eq!(findings.len() + dropped, 1);
            for finding in findings {
                let sent = payload().blocks().iter().any(|block| {
                    block.path == finding.path && block.lines.iter().any(|line| line.number == finding.line)
                });
                prop_assert!(sent);
                prop_assert!(!finding.message.chars().any(char::is_control));
            }
        }
    }
}
