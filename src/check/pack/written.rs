//! Packs as they are written in TOML.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ast_grep_config::{
    DenyUnknownKeys, SerializableRule, SerializableRuleConfig, SerializableRuleCore, Transformation,
};
use serde::Deserialize;
use toml::Spanned;

use super::Problem;
use crate::change::language::Language;
use crate::check::builtin::Builtin;
use crate::check::finding::{Confidence, Severity};
use crate::check::rule::{Body, Examples, LazyGlobs, LazyRegex, Rule};

/// A pack as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPack {
    #[serde(default)]
    languages: Vec<Spanned<String>>,
    #[serde(default)]
    secrets: bool,
    ignores: Option<Vec<String>>,
    rule: Vec<Spanned<WrittenRule>>,
}

/// A rule as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    severity: Severity,
    confidence: Confidence,
    message: String,
    note: Option<String>,
    why: Option<String>,
    ast: Option<SerializableRule>,
    constraints: Option<HashMap<String, SerializableRule>>,
    utils: Option<HashMap<String, SerializableRule>>,
    transform: Option<HashMap<String, Transformation>>,
    regex: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    except: Option<String>,
    builtin: Option<Builtin>,
    fix: Option<toml::Value>,
    files: Option<Vec<String>>,
    ignores: Option<Vec<String>>,
    #[serde(default)]
    tests: Vec<Examples>,
}

/// Reads a pack: its languages and its rules, or everything that is wrong with it. What TOML or a
/// field's type refuses ends the reading, so that such a problem comes alone.
pub(in crate::check) fn parse(file: &str, text: &str) -> Result<(Vec<Language>, Vec<Rule>), Vec<Problem>> {
    let problem = |offset: usize, message: String| Problem {
        file: file.to_owned(),
        line: line_at(text, offset),
        message,
    };
    let written: WrittenPack = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![problem(offset, error.message().to_owned())]
    })?;

    let mut problems = Vec::new();
    let mut languages = Vec::new();
    for name in &written.languages {
        match name.get_ref().parse() {
            Ok(language) => languages.push(language),
            Err(_) => problems
                .push(problem(name.span().start, format!("no language is called `{}`", name.get_ref()))),
        }
    }
    if written.secrets && !written.languages.is_empty() {
        problems.push(problem(0, "a pack of secrets reads any text: remove `languages`".to_owned()));
    }
    let mut ids = HashSet::new();
    let mut rules = Vec::new();
    let ignores = written.ignores.map(|globs| Arc::new(LazyGlobs::new(globs)));
    for rule in written.rule {
        let start = rule.span().start;
        let (mut rule, mut faults) = build(rule.into_inner());
        if !ids.insert(rule.id.clone()) {
            faults.push("is not the first of this id".to_owned());
        }
        problems.extend(faults.iter().map(|fault| problem(start, format!("rule `{}` {fault}", rule.id))));
        rule.languages.clone_from(&languages);
        rule.secret = written.secrets;
        rule.pack_ignores.clone_from(&ignores);
        rule.line = line_at(text, start);
        if languages.is_empty() && matches!(rule.body, Body::Syntax(_)) {
            problems.push(problem(
                start,
                format!("rule `{}` has `ast`, but its pack has no `languages`", rule.id),
            ));
        }
        if !languages.is_empty() && matches!(rule.body, Body::Builtin(builtin) if builtin.is_survey()) {
            problems.push(problem(
                start,
                format!("rule `{}` looks at names and modes: its pack can have no `languages`", rule.id),
            ));
        }
        rules.push(rule);
    }
    if problems.is_empty() { Ok((languages, rules)) } else { Err(problems) }
}

/// Makes a rule of what is written, with all that is wrong with it.
fn build(written: WrittenRule) -> (Rule, Vec<String>) {
    let mut faults = Vec::new();
    let kebab = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if !written.id.split_once('/').is_some_and(|(pack, name)| kebab(pack) && kebab(name)) {
        faults.push("needs an id like `pack/kebab-name`".to_owned());
    }
    let kinds = [written.ast.is_some(), written.regex.is_some(), written.builtin.is_some()];
    if kinds.into_iter().filter(|&is_it| is_it).count() != 1 {
        faults.push("needs either `ast` or `regex`".to_owned());
    }
    // What a builtin finds is tested where it is written.
    let has_no =
        |examples: fn(&Examples) -> &[String]| written.tests.iter().all(|it| examples(it).is_empty());
    if written.builtin.is_none() && (has_no(|it| &it.bad) || has_no(|it| &it.good)) {
        faults.push("needs `[[rule.tests]]` with at least one `bad` and one `good` text".to_owned());
    }
    if written.tests.iter().any(|it| !it.fixed.is_empty() && it.fixed.len() != it.bad.len()) {
        faults.push("needs as many `fixed` texts in a test as `bad` ones".to_owned());
    }
    let of_syntax = [written.constraints.is_some(), written.utils.is_some(), written.transform.is_some()];
    if written.ast.is_none() && of_syntax.contains(&true) {
        faults.push("has `constraints`, `utils` or `transform`, which belong to `ast`".to_owned());
    }
    if written.regex.is_none() && written.except.is_some() {
        faults.push("has `except`, which belongs to `regex`".to_owned());
    }
    if written.regex.is_some() && written.keywords.is_empty() {
        faults.push("needs `keywords`: texts of which a match holds at least one".to_owned());
    }
    if written.keywords.iter().any(String::is_empty) {
        faults.push("has an empty keyword".to_owned());
    }
    let body = if let Some(rule) = written.ast {
        let fix = written.fix.map(toml::Value::try_into).transpose().unwrap_or_else(|_| {
            faults.push("has a `fix` that is neither a text nor an ast-grep fix".to_owned());
            None
        });
        Body::Syntax(Box::new(SerializableRuleConfig {
            core: SerializableRuleCore {
                rule,
                constraints: written.constraints,
                utils: written.utils,
                transform: written.transform,
            },
            fix,
            id: written.id.clone(),
            message: written.message.clone(),
            // Compiled for each language of the pack, which replaces this one.
            language: Language::Rust,
            rewriters: None,
            note: None,
            severity: Default::default(),
            labels: None,
            files: None,
            ignores: None,
            url: None,
            metadata: None,
            unknown_keys: DenyUnknownKeys,
        }))
    } else {
        let fix = match written.fix {
            Some(toml::Value::String(template)) => Some(template),
            Some(_) => {
                faults.push("has a `fix` that is not a text".to_owned());
                None
            }
            None => None,
        };
        match written.builtin {
            Some(builtin) => Body::Builtin(builtin),
            None => Body::Text {
                pattern: LazyRegex::new(written.regex.unwrap_or_default()),
                except: written.except.map(LazyRegex::new),
                fix,
            },
        }
    };
    let rule = Rule {
        id: written.id,
        severity: written.severity,
        confidence: written.confidence,
        message: written.message,
        note: written.note,
        why: written.why,
        languages: Vec::new(),
        tests: written.tests,
        secret: false,
        line: 0,
        keywords: written.keywords,
        body,
        files: written.files.map(LazyGlobs::new),
        ignores: written.ignores.map(LazyGlobs::new),
        pack_ignores: None,
    };
    (rule, faults)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}
