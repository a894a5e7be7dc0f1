//! Workflow commands of GitHub Actions, which become annotations of the changed files:
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>. Values are
//! escaped as `@actions/core` does, and so is every control character, which a terminal would obey.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::alert::Alert;
use super::source::{Region, Sources};
use super::text::{Lines, verdict};
use super::{NotReviewed, Outcome, Report};
use crate::check::finding::{Finding, Severity};
use crate::tokens::Count;

/// Places that are named of those that were not reviewed for one reason.
const GAPS: usize = 5;

/// Renders a report: an annotation a finding, one for each reason why something was not reviewed, and
/// the verdict as a line of the log.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let written = write(&mut out, report);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    out
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    let sources = Sources::of(report);
    for finding in &report.findings {
        annotation(out, finding, sources.utf16_region(finding))?;
    }
    if !report.is_blocked() {
        gaps(out, report)?;
    }
    for Alert { name, message, .. } in &report.alerts {
        writeln!(out, "::warning title=hookgate {name}::{}", Data(message))?;
    }
    for note in &report.notes {
        writeln!(out, "::notice title=hookgate::{}", Data(note))?;
    }
    verdict(out, report)
}

fn annotation(out: &mut String, finding: &Finding, region: Region) -> fmt::Result {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let path = finding.path.to_text();
    write!(out, "::{command} file={},line={},endLine={}", Property(&path), region.line, region.end_line)?;
    // An annotation of several lines must not have columns.
    if region.line == region.end_line {
        write!(out, ",col={},endColumn={}", region.column, region.end_column)?;
    }
    write!(out, ",title={}::{}", Property(&finding.rule), Data(&finding.message))?;
    match &finding.note {
        Some(note) => writeln!(out, "{}", Data(&format!("\n{note}"))),
        None => writeln!(out),
    }
}

/// What nobody reviewed, one annotation a reason: GitHub shows ten of a kind at the most.
fn gaps(out: &mut String, report: &Report) -> fmt::Result {
    let mut by_reason: BTreeMap<_, Vec<NotReviewed<'_>>> = BTreeMap::new();
    for gap in report.not_reviewed() {
        by_reason.entry((gap.reason, gap.because)).or_default().push(gap);
    }
    let command = if report.outcome() == Outcome::Undecided { "error" } else { "notice" };
    for ((reason, because), gaps) in by_reason {
        let title = format!("NOT REVIEWED ({})", Count(gaps.len(), "unit"));
        let mut text = format!("{because} [{}]", reason.as_str());
        for gap in gaps.iter().take(GAPS) {
            match gap.lines {
                Some(lines) => write!(text, "\n{}:{}", gap.path, Lines(lines))?,
                None => write!(text, "\n{}", gap.path)?,
            }
        }
        if let Some(more) = gaps.len().checked_sub(GAPS + 1) {
            write!(text, "\n… and {} more", more + 1)?;
        }
        writeln!(out, "::{command} title={}::{}", Property(&title), Data(&text))?;
    }
    Ok(())
}

/// A command's message.
struct Data<'a>(&'a str);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, self.0, &['%', '\r', '\n'])
    }
}

/// The value of a command's property.
struct Property<'a>(&'a str);

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, self.0, &['%', '\r', '\n', ':', ','])
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str, special: &[char]) -> fmt::Result {
    text.chars().try_for_each(|character| match special.contains(&character) || character.is_control() {
        true => character.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "%{byte:02X}")),
        false => f.write_char(character),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        let path = "a\u{1b}[2J\u{7f}\u{9b}é: 1,\r\n100%";
        assert_eq!(Property(path).to_string(), "a%1B[2J%7F%C2%9Bé%3A 1%2C%0D%0A100%25");
        assert_eq!(Data(path).to_string(), "a%1B[2J%7F%C2%9Bé: 1,%0D%0A100%25");
    }
}
