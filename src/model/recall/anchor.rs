//! Findings of a review, put to paper and found again in a text whose lines have moved.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::change::{ClassifiedChange, Unit};
use crate::check::finding::{Confidence, Finding, Severity, Source};
use crate::model::schema::MAX_WHY;
use crate::payload::redact::Redactor;
use crate::text::{Lines, one_line, to_u32};

/// What is kept of a finding. The line is quoted as it would be sent, without secrets.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The beginning of the line that it is about, [`plain`].
    quote: String,
    /// How many lines below the unit's first one that is.
    offset: u32,
    /// How many lines of the unit above it read the same, and how many do in all.
    nth: usize,
    of: usize,
    rule: String,
    severity: Severity,
    confidence: Confidence,
    message: String,
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

/// The new side of a unit, on which its findings stand.
pub(super) struct Anchor<'a> {
    change: &'a ClassifiedChange,
    /// The file as it would be sent; as many lines as it has.
    lines: Vec<String>,
    /// First and last line of the unit, from 1, and the line after it, which stands in the place of
    /// lines that went from its end.
    extent: (u32, u32),
}

impl<'a> Anchor<'a> {
    /// None where the unit is gone, and its lines with it.
    pub(super) fn new(change: &'a ClassifiedChange, unit: &Unit, redactor: &Redactor) -> Option<Self> {
        let text = change.parsed.change.new.as_ref()?.content.text()?;
        let (first, last) = Lines::of(text).span(unit.new.as_ref()?);
        let redacted = redactor.session().redact(text);
        let lines = redacted.as_str().split('\n').map(str::to_owned).collect();
        Some(Self { change, lines, extent: (first, last.saturating_add(1)) })
    }

    /// Puts findings about the unit to paper.
    pub(super) fn write(&self, findings: &[&Finding]) -> Option<String> {
        let keep = |finding: &&Finding| {
            let quote = plain(self.lines.get(finding.line.checked_sub(1)? as usize)?);
            let same = self.quoting(&quote);
            Some(Kept {
                offset: finding.line.saturating_sub(self.extent.0),
                nth: same.iter().position(|&line| line == finding.line)?,
                of: same.len(),
                quote,
                rule: finding.rule.clone(),
                severity: finding.severity,
                confidence: finding.confidence,
                message: finding.message.clone(),
            })
        };
        let kept: Option<Vec<_>> = findings.iter().map(keep).collect();
        serde_json::to_string(&kept?).ok()
    }

    /// The findings whose lines are still there, each at the nearest to where it was.
    pub(super) fn findings(&self, kept: &[Kept]) -> Vec<Finding> {
        kept.iter().filter_map(|kept| self.locate(kept)).collect()
    }

    /// The lines of the unit that read like this one, ascending.
    fn quoting(&self, quote: &str) -> Vec<u32> {
        let (first, last) = self.extent;
        let unit = self.lines.iter().zip(1..).skip(first as usize - 1).take((last - first) as usize + 1);
        unit.filter(|(text, _)| plain(text) == quote).map(|(_, line)| line).collect()
    }

    /// Where as many lines read the same as did then, it is the same one of them; else it is the one
    /// that is nearest to where it was.
    fn locate(&self, kept: &Kept) -> Option<Finding> {
        let same = self.quoting(&kept.quote);
        let wanted = self.extent.0.saturating_add(kept.offset);
        let line = match same.get(kept.nth) {
            Some(&line) if same.len() == kept.of => line,
            _ => same.into_iter().min_by_key(|line| line.abs_diff(wanted))?,
        };
        let text = self.lines.get(line as usize - 1)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::sample::classified;
    use crate::check::pack::{RuleOptions, RuleSet};

    const SECRET: &str = concat!("AKIA", "Q3EGTIZXJ7WNP5LM");
    const ANOTHER: &str = concat!("AKIA", "W7XEGTIZJ3QNP5LM");

    fn finding(change: &ClassifiedChange, line: u32) -> Finding {
        Finding {
            path: change.path().clone(),
            line,
            end_line: line,
            column: 1,
            end_column: 2,
            rule: "model/bug".to_owned(),
            source: Source::Model,
            severity: Severity::Warning,
            confidence: Confidence::High,
            message: "wrong".to_owned(),
            note: None,
            fix: None,
            excerpt: "".into(),
        }
    }

    /// Where findings on `lines` of a text are shown in another.
    fn carried(lines: &[u32], from: &str, to: &str) -> (String, Vec<Finding>) {
        // A new file as small as this would be one unit.
        let change = |text| classified("a.py", Some("z = 0\n"), Some(text));
        let (from, to) = (change(from), change(to));
        let unit = |change: &ClassifiedChange| change.units.iter().position(|it| it.name == "f").unwrap();
        let redactor = Redactor::new(&RuleSet::new(RuleOptions::default()).unwrap());
        let findings: Vec<_> = lines.iter().map(|&line| finding(&from, line)).collect();
        let said = Anchor::new(&from, &from.units[unit(&from)], &redactor).unwrap();
        let said = said.write(&findings.iter().collect::<Vec<_>>()).unwrap();
        let kept = read(&[said.clone(), said.clone()]).unwrap();
        (said, Anchor::new(&to, &to.units[unit(&to)], &redactor).unwrap().findings(&kept))
    }

    fn lines(found: &[Finding]) -> Vec<u32> {
        found.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_finding_is_found_where_its_line_is_now() {
        let before = "def f(a):\n    g(a)\n    h(a)\n    g(a)\n";
        let drifted = "import b\n\ng(a)\n\ndef f(a):\n    # Twice.\n    g( a )\n    h(a)\n    g(a)\n\ng(a)\n";
        assert_eq!(lines(&carried(&[2, 4], before, drifted).1), [7, 9]);
        let another = "def f(a):\n    g(a)\n    h(a)\n    h(b)\n    g(a)\n    g(a)\n";
        assert_eq!(lines(&carried(&[4], before, another).1), [5], "the nearest, where there are more");
        let gone = "def f(a):\n    g(a)\n\n\nh(a)\n";
        assert_eq!(lines(&carried(&[3], before, gone).1), [0; 0]);
        let shown = carried(&[3], before, drifted).1.remove(0);
        assert_eq!((shown.column, shown.end_column, &*shown.excerpt), (5, 9, "    h(a)"));
    }

    #[test]
    fn a_secret_is_neither_kept_nor_shown() {
        let before = format!("def f(a):\n    g('{SECRET}')\n    return a\n");
        let after = format!("key('{ANOTHER}')\n\ndef f(a):\n    h(a)\n    g('{SECRET}')\n    return a\n");
        let (said, found) = carried(&[2], &before, &after);
        assert!(!said.contains(SECRET) && said.contains("[redacted]"), "{said}");
        assert_eq!(lines(&found), [5], "although it is the second secret now");
        assert_eq!(&*found[0].excerpt, "    g('[redacted-2]')");
    }

    #[test]
    fn a_long_line_is_not_kept_whole() {
        let long = format!("def f(a):\n    return '{}'\n", "x".repeat(5000));
        let (said, found) = carried(&[2], &long, &long);
        assert!(said.len() < 600, "{}", said.len());
        assert_eq!(lines(&found), [2]);
    }

    #[test]
    fn what_no_review_says_is_not_read() {
        let kept = |rule: &str, severity: &str| {
            format!(
                r#"[{{"quote":"x","offset":1,"nth":0,"of":1,"rule":"{rule}","severity":"{severity}","confidence":"high","message":"m"}}]"#
            )
        };
        let read = |text: &str| read(&[text.to_owned()]).map(|kept| kept.len());
        assert_eq!(read("[]"), Some(0));
        assert_eq!(read(&kept("model/bug", "warning")), Some(1));
        assert_eq!(read(&kept("model/bug", "error")), None, "a model does not block");
        assert_eq!(read(&kept("python/breakpoint", "warning")), None);
        assert_eq!(read(&kept("model/bug", "warning").replace("quote", "code")), None);
        assert_eq!(read("[{}]"), None);
        assert_eq!(read(""), None);
    }
}
