//! Findings of an earlier review, put to paper and found again in a text whose lines have moved.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::change::{ClassifiedChange, Unit};
use crate::check::finding::{Confidence, Finding, Severity, Source};
use crate::model::schema::MAX_WHY;
use crate::payload::redact::Redactor;
use crate::text::{Lines, one_line, to_u32};

/// What is kept of a finding. The line is quoted as it was sent, without secrets.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The beginning of the line that it is about, [`plain`].
    quote: String,
    /// How many lines below the unit's first one that is.
    offset: u32,
    rule: String,
    severity: Severity,
    confidence: Confidence,
    message: String,
}

/// Writes down the findings about a unit; none where they could not be found again.
pub(super) fn write(findings: &[&Finding], change: &ClassifiedChange, unit: &Unit) -> Option<String> {
    if findings.is_empty() {
        return Some("[]".to_owned());
    }
    let text = change.parsed.change.new.as_ref()?.content.text()?;
    let first = Lines::of(text).span(unit.new.as_ref()?).0;
    let keep = |finding: &&Finding| Kept {
        quote: plain(&finding.excerpt),
        offset: finding.line.saturating_sub(first),
        rule: finding.rule.clone(),
        severity: finding.severity,
        confidence: finding.confidence,
        message: finding.message.clone(),
    };
    serde_json::to_string(&findings.iter().map(keep).collect::<Vec<_>>()).ok()
}

/// Reads what several reviews said, each finding once; none where one of them says what no review
/// can have said.
pub(super) fn read(said: &[String]) -> Option<Vec<Kept>> {
    let mut all: Vec<Kept> = Vec::new();
    for said in said {
        for kept in serde_json::from_str::<Vec<Kept>>(said).ok()? {
            if !kept.rule.starts_with("model/") || kept.severity > Severity::Warning {
                return None;
            }
            if !all.contains(&kept) {
                all.push(kept);
            }
        }
    }
    Some(all)
}

/// The new side of a unit, in which earlier findings are looked for.
pub(super) struct Anchor<'a> {
    change: &'a ClassifiedChange,
    /// The file as it would be sent; as many lines as it has.
    lines: Vec<String>,
    /// First and last line of the unit, from 1.
    extent: (u32, u32),
}

impl<'a> Anchor<'a> {
    /// None where the unit is gone, and its lines with it.
    pub(super) fn new(change: &'a ClassifiedChange, unit: &Unit, redactor: &Redactor) -> Option<Self> {
        let text = change.parsed.change.new.as_ref()?.content.text()?;
        let extent = Lines::of(text).span(unit.new.as_ref()?);
        let redacted = redactor.session().redact(text);
        Some(Self { change, lines: redacted.as_str().split('\n').map(str::to_owned).collect(), extent })
    }

    /// The findings whose lines are still there, each at the nearest to where it was.
    pub(super) fn findings(&self, kept: &[Kept]) -> Vec<Finding> {
        kept.iter().filter_map(|kept| self.locate(kept)).collect()
    }

    fn locate(&self, kept: &Kept) -> Option<Finding> {
        let (first, last) = self.extent;
        let wanted = first.saturating_add(kept.offset);
        let unit = self.lines.iter().zip(1_u32..).skip(first as usize - 1).take((last - first) as usize + 1);
        let (text, line) = unit
            .filter(|(text, _)| plain(text) == kept.quote)
            .min_by_key(|(_, line)| line.abs_diff(wanted))?;
        let text = text.trim_end();
        Some(Finding {
            path: self.change.path().clone(),
            line,
            end_line: line,
            column: to_u32(text.len() - text.trim_start().len() + 1),
            end_column: to_u32(text.len() + 1),
            rule: kept.rule.clone(),
            source: Source::Model,
            severity: kept.severity,
            confidence: kept.confidence,
            message: one_line(&kept.message, MAX_WHY),
            note: None,
            fix: None,
            excerpt: text.into(),
        })
    }
}

/// As much of a line as tells it from others: without white space, and without the numbers of its
/// secrets, which each run counts anew.
fn plain(line: &str) -> String {
    const ENOUGH: usize = 400;
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests")]
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[redacted-\d+\]").unwrap());
    NUMBER.replace_all(line, "[redacted]").split_whitespace().flat_map(str::chars).take(ENOUGH).collect()
}
