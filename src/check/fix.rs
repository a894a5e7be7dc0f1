//! Mending what rules found: fixes that do not overlap, round after round, and nothing that would make
//! another finding.

mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::finding::{Finding, Fix};
use super::pack::RuleSet;
use super::{Sides, check_change};
use crate::change::collect::with_text;
use crate::change::parse::{ParseLimits, parse_change};
use crate::change::{ClassifiedChange, Content};
use crate::git::{GitError, RepoPath, Repository};

/// How often a text is looked at again for what fixes are left.
const ROUNDS: usize = 10;

/// What came of the fixes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// Files of the work tree that were written, in the order of the changes.
    pub files: Vec<FixedFile>,
    /// Files that have fixes and were left as they are.
    pub left: Vec<LeftAlone>,
}

/// A file that was written.
#[derive(Debug, PartialEq, Eq)]
pub struct FixedFile {
    /// Where.
    pub path: RepoPath,
    /// How many findings of each rule were mended.
    pub rules: BTreeMap<String, usize>,
}

/// A file that was not, or not all of whose fixes were made.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// Where.
    pub path: RepoPath,
    /// How many fixes were not made.
    pub fixes: usize,
    /// Why, in words that end a sentence about the file.
    pub because: String,
}

/// Mends the findings in the files of the work tree, where those hold the text in which it was found:
/// neither the index nor anything else of the repository is written.
pub fn fix<'c>(
    repository: &Repository,
    changes: impl IntoIterator<Item = &'c ClassifiedChange>,
    findings: &[Finding],
    rules: &RuleSet,
    limits: &ParseLimits,
) -> Fixed {
    let mut of_path: HashMap<&RepoPath, Vec<&Finding>> = HashMap::new();
    for finding in findings {
        of_path.entry(&finding.path).or_default().push(finding);
    }
    let has_fix = |findings: &Vec<&Finding>| findings.iter().any(|finding| finding.fix.is_some());
    let wanted = changes.into_iter().filter_map(|change| {
        of_path.get(change.path()).filter(|findings| has_fix(findings)).map(|findings| (change, findings))
    });
    let wanted: Vec<_> = wanted.collect();
    let mended: Vec<_> =
        wanted.par_iter().map(|(change, findings)| mend(change, findings, rules, limits)).collect();

    let mut fixed = Fixed::default();
    for ((change, findings), mended) in wanted.into_iter().zip(mended) {
        let path = change.path().clone();
        let written = mended.and_then(|mended| {
            write::write(repository, &path, &mended).map_err(|because| because.to_string())?;
            Ok((mended.rules, mended.refused))
        });
        match written {
            Ok((rules, refused)) => {
                if !rules.is_empty() {
                    fixed.files.push(FixedFile { path: path.clone(), rules });
                }
                if let Some((fixes, rule)) = refused {
                    let what = if fixes == 1 { "it" } else { "they" };
                    let because = format!("{what} would make another finding of `{rule}`");
                    fixed.left.push(LeftAlone { path, fixes, because });
                }
            }
            Err(because) => {
                let fixes = findings.iter().filter(|finding| finding.fix.is_some()).count();
                fixed.left.push(LeftAlone { path, fixes, because });
            }
        }
    }
    fixed
}

/// A text before and after its fixes.
struct Mended<'c> {
    before: &'c str,
    after: String,
    rules: BTreeMap<String, usize>,
    /// How many fixes would make another finding, and of which rule.
    refused: Option<(usize, String)>,
}

/// Applies the fixes of the wanted findings, and of those that are still there after that.
fn mend<'c>(
    change: &'c ClassifiedChange,
    wanted: &[&Finding],
    rules: &RuleSet,
    limits: &ParseLimits,
) -> Result<Mended<'c>, String> {
    let Some(Content::Text(before)) = change.parsed.change.new.as_ref().map(|side| &side.content) else {
        return Err("it is not UTF-8".to_owned());
    };
    let mut mended = Mended { before, after: before.clone(), rules: BTreeMap::new(), refused: None };
    let mut findings = check_change(change, rules).findings;
    // What another file of the change set lost is found in this one alone, and is not to be mended.
    let wanted: BTreeSet<_> = wanted.iter().map(|finding| finding.id()).collect();
    let mut unwanted: BTreeSet<_> =
        findings.iter().map(Finding::id).filter(|finding| !wanted.contains(finding)).collect();
    let most = census(change, rules);
    let is_crlf = before.contains("\r\n") && !before.replace("\r\n", "").contains('\n');
    let look_at = |text: String| -> Result<Option<ClassifiedChange>, String> {
        let next = with_text(&change.parsed.change, text).map_err(|error: GitError| error.to_string())?;
        Ok(next.map(|next| ClassifiedChange {
            parsed: parse_change(next, limits),
            class: change.class,
            because: String::new(),
            units: Vec::new(),
        }))
    };
    for _ in 0..ROUNDS {
        findings.retain(|finding| finding.fix.is_some() && !unwanted.contains(&finding.id()));
        let mut fixes: Vec<_> = findings.iter().filter_map(|finding| finding.fix.clone()).collect();
        if is_crlf {
            fixes.iter_mut().for_each(|fix| fix.text = fix.text.replace("\r\n", "\n").replace('\n', "\r\n"));
        }
        let mut chosen = Vec::new();
        let mut next = None;
        // All at once; where that would make another finding, by halves, until it is known which would.
        let mut parts = vec![without_conflicts(&mended.after, &fixes)];
        while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
            let mut tried = [&chosen[..], &part[..]].concat();
            tried.sort_by_key(|&index: &usize| (fixes[index].range.start, fixes[index].range.end));
            let text = replace(&mended.after, tried.iter().map(|&index| &fixes[index]));
            if text == mended.after {
                continue;
            }
            let Some(looked_at) = look_at(text.clone())? else { continue };
            match more(&most, &census(&looked_at, rules)) {
                None => {
                    chosen = tried;
                    next = Some((text, looked_at));
                }
                Some(rule) if part.len() == 1 => {
                    let refused = mended.refused.get_or_insert_with(|| (0, rule.to_owned()));
                    refused.0 += 1;
                    unwanted.insert(findings[part[0]].id());
                }
                Some(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second.to_vec(), first.to_vec()]);
                }
            }
        }
        let Some((text, looked_at)) = next else { break };
        for index in chosen {
            *mended.rules.entry(findings[index].rule.clone()).or_default() += 1;
        }
        mended.after = text;
        findings = check_change(&looked_at, rules).findings;
    }
    if mended.after == mended.before {
        mended.rules.clear();
    }
    Ok(mended)
}

/// How many matches each rule has in the whole of the new side, and whether its syntax is wrong.
fn census(change: &ClassifiedChange, rules: &RuleSet) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let Some(sides) = Sides::of(change, change.parsed.new()) else { return counts };
    for found in sides.place().find(&sides.new, rules, |_| true).0 {
        *counts.entry(found.rule.id.clone()).or_default() += 1;
    }
    let is_wrong = sides.new.tree.is_some_and(|tree| tree.has_error());
    counts.insert(super::syntax::RULE.to_owned(), usize::from(is_wrong));
    counts
}

/// A rule that has more matches than it had.
fn more<'a>(before: &BTreeMap<String, usize>, after: &'a BTreeMap<String, usize>) -> Option<&'a str> {
    let has_more = |(rule, count): &(&String, &usize)| *count > before.get(*rule).unwrap_or(&0);
    after.iter().find(has_more).map(|(rule, _)| rule.as_str())
}

/// The text with its fixes, in the order of their places, but for those that conflict with others.
pub(super) fn apply(text: &str, fixes: &[Fix]) -> String {
    replace(text, without_conflicts(text, fixes).iter().map(|&index| &fixes[index]))
}

/// The indexes of the fixes in the order of their places. Of two that overlap, or that insert at one
/// place, the later one is left out, as is one that does not fit the text.
fn without_conflicts(text: &str, fixes: &[Fix]) -> Vec<usize> {
    let mut order: Vec<_> =
        (0..fixes.len()).filter(|&it| text.get(fixes[it].range.clone()).is_some()).collect();
    order.sort_by_key(|&index| (fixes[index].range.start, fixes[index].range.end));
    let (mut end, mut inserted_at) = (0, None);
    order.retain(|&index| {
        let range = &fixes[index].range;
        let fits = range.start >= end && Some(range.start) != inserted_at;
        if fits {
            end = range.end;
            inserted_at = range.is_empty().then_some(range.start);
        }
        fits
    });
    order
}

/// The text with fixes that stand in order and do not overlap.
fn replace<'f>(text: &str, fixes: impl Iterator<Item = &'f Fix>) -> String {
    let mut fixed = String::with_capacity(text.len());
    let mut end = 0;
    for fix in fixes {
        fixed.push_str(&text[end..fix.range.start]);
        fixed.push_str(&fix.text);
        end = fix.range.end;
    }
    fixed.push_str(&text[end..]);
    fixed
}

#[cfg(test)]
mod tests;
