//! `hookgate rules`: what is looked for, whether it still finds it, and why it matters.

mod explain;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Effects, Style};
use serde_json::json;

use crate::change::language::Language;
use crate::check::finding::Severity;
use crate::check::pack::{PackError, PackSource, RuleOptions, RuleSet, Trial};
use crate::check::rule::Rule;
use crate::cli::{ListFormat, RulesAction};
use crate::config::{Config, ConfigError, Environment, read};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::{GitError, Repository};
use crate::tokens::Count;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const YELLOW: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const BLUE: Style = AnsiColor::BrightBlue.on_default().effects(Effects::BOLD);

/// The version of the JSON.
const VERSION: u32 = 1;

/// The widest column of ids: longer ones push only their own line.
const ID_WIDTH: usize = 40;

pub(super) fn execute(
    action: &RulesAction,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    match action {
        RulesAction::List { only, format } => {
            list(&rules(environment)?, only.as_deref(), *format, out)?;
            Ok(ExitStatus::Allowed)
        }
        RulesAction::Test { files } => test(&trials(files, environment)?, out),
        RulesAction::Explain { id } => {
            explain::explain(&rules(environment)?, id, out)?;
            Ok(ExitStatus::Allowed)
        }
    }
}

/// The configuration of the repository; none outside of one, where the bundled rules are as they are.
fn config(environment: &Environment) -> Result<Option<Config>, Error> {
    match Repository::open(&environment.directory) {
        Ok(repository) => Ok(Some(Config::load(&repository, environment)?)),
        Err(GitError::NotARepository(_) | GitError::Bare(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn rules(environment: &Environment) -> Result<RuleSet, Error> {
    match config(environment)? {
        Some(config) => Ok(config.rules(true)?),
        None => bundled(),
    }
}

fn bundled() -> Result<RuleSet, Error> {
    RuleSet::new(RuleOptions { with_examples: true, ..RuleOptions::default() })
        .map_err(|error| Error::Refused(error.to_string()))
}

/// The rules that were asked for, pack by pack.
fn list(rules: &RuleSet, only: Option<&str>, format: ListFormat, out: &mut dyn Write) -> Result<(), Error> {
    let is_wanted = |file: &str, rule: &Rule| {
        only.is_none_or(|only| {
            let prefix = rule.id.split('/').next().unwrap_or_default();
            let is_language = |language: &Language| language.as_str() == only;
            [file, stem(file), prefix].contains(&only) || rule.languages.iter().any(is_language)
        })
    };
    let all = rules.rules().map(|rule| (rule.file.as_str(), rule));
    let wanted: Vec<_> = all.filter(|(file, rule)| is_wanted(file, rule)).collect();
    if wanted.is_empty() {
        return Err(Error::Refused(unknown(rules, only.unwrap_or_default())));
    }
    match format {
        ListFormat::Text => list_text(rules, &wanted, out)?,
        ListFormat::Json => {
            let list: Vec<_> = wanted.iter().map(|(file, rule)| json(rules, file, rule)).collect();
            writeln!(out, "{}", json!({ "version": VERSION, "rules": list }))?;
        }
    }
    Ok(())
}

fn list_text(rules: &RuleSet, wanted: &[(&str, &Rule)], out: &mut dyn Write) -> io::Result<()> {
    let width = wanted.iter().map(|(_, rule)| rule.id.len()).max().unwrap_or(0).min(ID_WIDTH);
    let packs = || wanted.chunk_by(|(one, _), (other, _)| one == other);
    for pack in packs() {
        let languages = pack.iter().flat_map(|(_, rule)| &rule.languages);
        let languages: BTreeSet<_> = languages.map(|language| language.as_str()).collect();
        let languages = match languages.is_empty() {
            true => "any text".to_owned(),
            false => languages.into_iter().collect::<Vec<_>>().join(", "),
        };
        writeln!(out, "{BOLD}{}{BOLD:#}: {languages}", pack[0].0)?;
        for (_, rule) in pack {
            let (id, message) = (&rule.id, &rule.message);
            let severity = rules.usual_severity(rule);
            let style = style(severity);
            if !rules.is_enabled(rule) {
                writeln!(out, "  {id:width$}  {DIM}disabled {message}{DIM:#}")?;
            } else if severity == rule.severity {
                writeln!(out, "  {id:width$}  {style}{severity:8}{style:#} {message}")?;
            } else {
                let own = format!("(its pack says {})", rule.severity);
                writeln!(out, "  {id:width$}  {style}{severity:8}{style:#} {message} {DIM}{own}{DIM:#}")?;
            }
        }
        writeln!(out)?;
    }
    write!(out, "{}, {}", Count(packs().count(), "pack"), Count(wanted.len(), "rule"))?;
    match wanted.iter().filter(|(_, rule)| !rules.is_enabled(rule)).count() {
        0 => writeln!(out),
        disabled => writeln!(out, ", {disabled} of them disabled"),
    }
}

fn json(rules: &RuleSet, file: &str, rule: &Rule) -> serde_json::Value {
    json!({
        "id": rule.id,
        "pack": file,
        "line": rule.line,
        "languages": rule.languages.iter().map(|language| language.as_str()).collect::<Vec<_>>(),
        "severity": rules.usual_severity(rule).as_str(),
        "pack_severity": rule.severity.as_str(),
        "confidence": rule.confidence.as_str(),
        "enabled": rules.is_enabled(rule),
        "message": rule.message,
        "note": rule.note,
        "why": rule.why,
        "files": rule.files(),
        "ignores": rule.ignores(),
    })
}

/// What to say to somebody who names neither a pack nor a language that has rules.
fn unknown(rules: &RuleSet, only: &str) -> String {
    let languages = rules.rules().flat_map(|rule| &rule.languages).map(|language| language.as_str());
    let known: BTreeSet<_> = rules.rules().map(|rule| stem(&rule.file)).chain(languages).collect();
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    format!("no pack is called `{only}`, and no language that has rules; there are: {known}")
}

/// `python` of `rules/python.toml`.
fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file)
}

/// Tries the packs that are named, or the bundled ones and the repository's.
fn trials(files: &[PathBuf], environment: &Environment) -> Result<Vec<Trial>, Error> {
    if files.is_empty() {
        let options = config(environment)?.map(|config| config.rule_options()).transpose()?;
        let (options, problems) = options.unwrap_or_default();
        if !problems.is_empty() {
            return Err(ConfigError::Packs(PackError::Invalid(problems)).into());
        }
        let own = options.packs;
        return Ok(bundled()?.trials().into_iter().chain(own.into_iter().map(Trial::of)).collect());
    }
    let source = |file: &PathBuf| {
        let text = read::text(&environment.directory.join(file))?.ok_or_else(|| ConfigError::Read {
            path: file.clone(),
            source: std::io::Error::other("there is no such file"),
        })?;
        Ok(PackSource { file: file.display().to_string(), text })
    };
    let sources: Result<Vec<_>, ConfigError> = files.iter().map(source).collect();
    Ok(sources?.into_iter().map(Trial::of).collect())
}

/// What the trials found wrong, and one line on all of them.
fn test(trials: &[Trial], out: &mut dyn Write) -> Result<ExitStatus, Error> {
    for problem in trials.iter().flat_map(|trial| trial.faults.iter().chain(&trial.failures)) {
        writeln!(out, "{RED}fail{RED:#}  {problem}")?;
    }
    let sum = |of: fn(&Trial) -> usize| trials.iter().map(of).sum::<usize>();
    let (faults, failures) = (sum(|trial| trial.faults.len()), sum(|trial| trial.failures.len()));
    let packs = Count(trials.len(), "pack");
    let rules = Count(sum(|trial| trial.rules), "rule");
    let examples = Count(sum(|trial| trial.examples), "example");
    write!(out, "{packs}, {rules}, {examples}: ")?;
    if faults > 0 {
        let broken = trials.iter().filter(|trial| !trial.faults.is_empty()).count();
        writeln!(out, "{RED}{} cannot be used{RED:#}", Count(broken, "pack"))?;
        Ok(ExitStatus::Failed)
    } else if failures > 0 {
        writeln!(out, "{RED}{}{RED:#}", Count(failures, "failure"))?;
        Ok(ExitStatus::Blocked)
    } else {
        writeln!(out, "{GREEN}all pass{GREEN:#}")?;
        Ok(ExitStatus::Allowed)
    }
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
        Severity::Info => BLUE,
    }
}

#[cfg(test)]
mod tests;
