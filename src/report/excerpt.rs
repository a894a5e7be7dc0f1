//! Findings as a compiler would show them: the line, a caret, the remedy, and the fix as a patch.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Patch, Renderer, Snippet};

use super::Report;
use super::source::{Region, Sources};
use super::text::DIM;
use crate::check::finding::{Finding, Fix, Severity};
use crate::check::pack::RuleSet;
use crate::text::floor_boundary;
use crate::tokens::Grouped;

/// Findings of one rule in one file that are shown in full.
const ALIKE: usize = 5;

/// Lines that a patch may take away or put in to be shown.
const PATCH_LINES: usize = 8;

/// Bytes that a line of a patch may have to be shown.
const PATCH_COLUMNS: usize = 120;

/// Writes the findings that are worth reading: what is only good to know, and the sixth of a kind in
/// a file, only to those who ask for more.
pub(super) fn findings(out: &mut String, report: &Report, rules: &RuleSet, verbose: bool) -> fmt::Result {
    let wanted = report.findings.iter().filter(|finding| verbose || finding.severity > Severity::Info);
    let wanted: Vec<_> = wanted.collect();
    let mut alike: HashMap<_, usize> = HashMap::new();
    for finding in &wanted {
        *alike.entry((&finding.path, &finding.rule)).or_default() += 1;
    }
    let sources = Sources::of(report);
    let mut shown: HashMap<_, usize> = HashMap::new();
    for finding in wanted {
        let key = (&finding.path, &finding.rule);
        let nth = shown.entry(key).or_default();
        *nth += 1;
        if verbose || *nth <= ALIKE {
            writeln!(out, "{}\n", render(finding, &sources, rules))?;
        }
        if !verbose && *nth == alike[&key] && *nth > ALIKE {
            let (more, Finding { rule, path, .. }) = (Grouped((*nth - ALIKE) as u64), finding);
            writeln!(
                out,
                "{DIM}… and {more} more of {rule} in {path}, all of them with --verbose or --format json{DIM:#}\n"
            )?;
        }
    }
    Ok(())
}

fn render(finding: &Finding, sources: &Sources<'_>, rules: &RuleSet) -> String {
    let level = match finding.severity {
        Severity::Error => Title::ERROR,
        Severity::Warning => Title::WARNING,
        Severity::Info => Title::INFO,
    };
    let path = finding.path.to_string();
    let title = level.primary_title(finding.message.as_str()).id(finding.rule.as_str());
    let group = if finding.excerpt.is_empty() {
        let (line, column) = (finding.line as usize, finding.column as usize);
        title.element(Origin::path(path.as_str()).line(line).char_column(column))
    } else {
        let line = &*finding.excerpt;
        let start = floor_boundary(line, finding.column.saturating_sub(1) as usize);
        let end = if finding.end_line == finding.line { finding.end_column as usize - 1 } else { line.len() };
        let end = floor_boundary(line, end).max(start);
        title.element(
            Snippet::source(line)
                .path(path.as_str())
                .line_start(finding.line as usize)
                .annotation(AnnotationKind::Primary.span(start..end)),
        )
    };
    let patch = sources.fix(finding, rules).and_then(|(fix, region)| {
        let source = sources.of_finding(finding)?;
        let first = source.start(region.line);
        let lines = source.lines(region.line, region.end_line);
        patch(fix, region, first, lines)
    });
    match (patch, &finding.note) {
        (Some(snippet), note) => {
            let remedy = note.as_deref().unwrap_or("this would mend it");
            let remedy: Group<'_> = Title::HELP.secondary_title(remedy).element(snippet);
            Renderer::styled().render(&[group, remedy])
        }
        (None, Some(note)) => Renderer::styled().render(&[group.element(Title::HELP.message(note.as_str()))]),
        (None, None) => Renderer::styled().render(&[group]),
    }
}

/// A fix as a patch of its lines, the first of which begins at byte `first`. None where there is
/// nothing to see, since only white space differs, and where it is too much for a glance.
fn patch<'a>(fix: &'a Fix, region: Region, first: usize, lines: &'a str) -> Option<Snippet<'a, Patch<'a>>> {
    let span = fix.range.start - first..fix.range.end - first;
    // Of a fix that takes whole lines, the line on which it ends is no part.
    let is_of_lines = span.start == 0 && fix.text.is_empty() && lines[..span.end].ends_with('\n');
    let lines = if is_of_lines { &lines[..span.end] } else { lines };
    let fixed = [&lines[..span.start], &fix.text, &lines[span.end..]].concat();
    let is_seen = !lines.split_whitespace().eq(fixed.split_whitespace());
    let is_short = |text: &str| {
        text.lines().count() <= PATCH_LINES && text.lines().all(|line| line.len() <= PATCH_COLUMNS)
    };
    (is_seen && is_short(lines) && is_short(&fixed)).then(|| {
        Snippet::source(lines).line_start(region.line as usize).patch(Patch::new(span, fix.text.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Source;
    use super::*;

    proptest! {
        /// What is drawn is drawn by a crate that was made for compilers, whose spans are never odd.
        #[test]
        fn no_fix_of_any_text_is_too_odd_to_be_drawn(
            text in "[a-c é𝄞\t\u{1b}\r\n]{0,30}",
            replacement in "[a-c é𝄞\t\r\n]{0,10}",
            at in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let places: Vec<_> = (0..=text.len()).filter(|&byte| text.is_char_boundary(byte)).collect();
            let (a, b) = (places[at.0.index(places.len())], places[at.1.index(places.len())]);
            let fix = Fix { range: a.min(b)..a.max(b), text: replacement };
            let source = Source::new(&text);
            let region = source.region(&fix.range).unwrap();
            let lines = source.lines(region.line, region.end_line);
            if let Some(patch) = patch(&fix, region, source.start(region.line), lines) {
                let drawn = Renderer::plain().render(&[Title::HELP.secondary_title("mend it").element(patch)]);
                prop_assert!(drawn.starts_with("help: mend it"), "{}", drawn);
                prop_assert!(!drawn.contains('\u{1b}'), "{}", drawn);
            }
        }
    }
}
