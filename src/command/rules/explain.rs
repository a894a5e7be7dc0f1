//! `hookgate rules explain`: one rule, as somebody wants to know it whose commit it refused.

use std::io::{self, Write};

use super::{BOLD, GREEN, RED, style};
use crate::check::finding::Severity;
use crate::check::pack::RuleSet;
use crate::check::rule::{Examples, Rule};
use crate::error::Error;

/// Columns of a line of prose.
const WIDTH: usize = 78;

/// Examples of a kind that are shown.
const EXAMPLES: usize = 3;

/// What models find has no pack, and people ask about it all the same.
const MODEL: &str = "It is no rule of a pack: a model made it, about lines of this change, and it may be wrong. \
                     The limits and tiers of the hook in hookgate.toml decide whether a model is asked at all.";

/// What the rule is about, why, with examples, where it looks, and how to silence it.
///
/// # Errors
/// No rule of this id, with the nearest one that there is.
pub(super) fn explain(rules: &RuleSet, id: &str, out: &mut dyn Write) -> Result<(), Error> {
    match rules.get(id) {
        Ok(rule) => about(rules, rule, out)?,
        Err(_) if id.starts_with("model/") => {
            writeln!(out, "{BOLD}{id}{BOLD:#}\na model's claim about code that it was sent\n")?;
            prose(out, MODEL)?;
        }
        Err(unknown) => {
            let all = "`hookgate rules list` names them all";
            return Err(Error::Refused(match &unknown.nearest {
                Some(_) => unknown.to_string(),
                None => format!("{unknown}; {all}"),
            }));
        }
    }
    Ok(())
}

fn about(rules: &RuleSet, rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let severity = rules.usual_severity(rule);
    let style = style(severity);
    writeln!(out, "{BOLD}{}{BOLD:#}: {style}{severity}{style:#}", rule.id)?;
    writeln!(out, "{}\n", rule.message)?;
    if let Some(why) = &rule.why {
        prose(out, why)?;
        writeln!(out)?;
    }
    if let Some(note) = rule.remedy() {
        writeln!(out, "{BOLD}What to do{BOLD:#}: {note}\n")?;
    }
    examples(rule, out)?;
    facts(rules, rule, out)?;
    silence(rules, rule, out)
}

/// Code that the rule finds, what its fix makes of it, and code that it does not find.
fn examples(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let tests = || rule.tests.iter();
    let fixed = |examples: &Examples, index: usize| examples.fixed.get(index).cloned();
    let bad = tests().flat_map(|it| (0..it.bad.len()).map(|index| (&it.bad[index], fixed(it, index))));
    for (index, (bad, fixed)) in bad.take(EXAMPLES).enumerate() {
        if index == 0 {
            writeln!(out, "{BOLD}It finds{BOLD:#}")?;
        }
        code(out, '-', RED, bad)?;
        if let Some(fixed) = fixed {
            code(out, '+', GREEN, &fixed)?;
        }
        writeln!(out)?;
    }
    for (index, good) in tests().flat_map(|it| &it.good).take(EXAMPLES).enumerate() {
        if index == 0 {
            writeln!(out, "{BOLD}It does not find{BOLD:#}")?;
        }
        code(out, ' ', GREEN, good)?;
        writeln!(out)?;
    }
    Ok(())
}

/// An example as it would stand in a file, or quoted where what it is about would not be seen.
fn code(out: &mut dyn Write, mark: char, style: anstyle::Style, text: &str) -> io::Result<()> {
    let shown = text.trim_end_matches('\n');
    // What is escaped is not shown: control, direction and zero-width characters.
    let is_unseen = |c: char| !matches!(c, '\n' | '\t' | '"' | '\'' | '\\') && c.escape_debug().len() > 1;
    let is_blank_at_end = |line: &str| line.ends_with([' ', '\t']);
    if shown.is_empty() || shown.contains(is_unseen) || shown.split('\n').any(is_blank_at_end) {
        return writeln!(out, "  {style}{mark}{style:#} {text:?}");
    }
    shown.lines().try_for_each(|line| writeln!(out, "  {style}{mark}{style:#} {line}"))
}

fn facts(rules: &RuleSet, rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let mut fact = |name: &str, value: &str| writeln!(out, "  {name:12}{value}");
    let severity = rules.usual_severity(rule);
    let blocks = if severity == Severity::Error { ", which refuses the commit" } else { "" };
    let own = match rule.severity {
        own if own == severity => String::new(),
        own => format!("; its pack says {own}"),
    };
    if !rules.is_enabled(rule) {
        fact("disabled", "by [rules] disabled in hookgate.toml")?;
    }
    fact("severity", &format!("{severity}{blocks}{own}"))?;
    if let Some(severity) = rule.severity_in_tests {
        fact("in tests", severity.as_str())?;
    }
    fact("confidence", rule.confidence.as_str())?;
    let languages: Vec<_> = rule.languages.iter().map(|language| language.as_str()).collect();
    fact("reads", if languages.is_empty() { "any text".to_owned() } else { languages.join(", ") }.as_str())?;
    for (name, globs) in [("files", rule.files()), ("but not", rule.ignores())] {
        if !globs.is_empty() {
            fact(name, &globs.join(", "))?;
        }
    }
    fact("written in", &format!("{}:{}", rule.file, rule.line))?;
    writeln!(out)
}

fn silence(rules: &RuleSet, rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let id = &rule.id;
    writeln!(out, "{BOLD}To silence it{BOLD:#}")?;
    if rule.is_about_file() {
        writeln!(out, "  once        a comment within the first 30 lines of the file, if it can hold one:")?;
        writeln!(out, "                  hookgate-ignore-file: {id} REASON")?;
    } else {
        writeln!(out, "  once        a comment at the end of the line, or on a line of its own above it:")?;
        writeln!(out, "                  hookgate-ignore: {id} REASON")?;
    }
    if rule.secret {
        writeln!(out, "              Without a reason it silences nothing.")?;
        writeln!(out, "\nNo repository can switch the rule off or tone it down.")?;
        return writeln!(out, "Silent or not, what it finds is never sent to a model.");
    }
    writeln!(out, "  for paths   in hookgate.toml:")?;
    writeln!(out, "                  [[rules.overrides]]\n                  paths = [\"tests/**\"]")?;
    writeln!(out, "                  disabled = [\"{id}\"]")?;
    writeln!(out, "  everywhere  in hookgate.toml:")?;
    writeln!(out, "                  [rules]\n                  disabled = [\"{id}\"]")?;
    if rules.usual_severity(rule) == Severity::Error {
        writeln!(out, "  or keep it as a warning, which refuses nothing:")?;
        writeln!(out, "                  [rules.severity]\n                  \"{id}\" = \"warning\"")?;
    }
    Ok(())
}

/// Text in lines of [`WIDTH`] columns; an empty line keeps paragraphs apart.
fn prose(out: &mut dyn Write, text: &str) -> io::Result<()> {
    for (index, paragraph) in text.trim().split("\n\n").enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                writeln!(out, "{line}")?;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}
