//! Packs as they are written in TOML.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ast_grep_config::{
    DenyUnknownKeys, SerializableRule, SerializableRuleConfig, SerializableRuleCore, Transformation,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Problem;
use crate::change::language::Language;
use crate::check::ast::WrittenPattern;
use crate::check::builtin::Builtin;
use crate::check::finding::{Confidence, Severity};
use crate::check::rule::{Body, Examples, Glob, LazyGlobs, LazyRegex, Rule};
use crate::text::{instead, plain_message};

/// What can be used of a pack, and everything that is wrong with the rest of it.
pub(super) struct Written {
    pub(super) languages: Vec<Language>,
    /// Rules with whose text nothing is wrong.
    pub(super) rules: Vec<Rule>,
    pub(super) problems: Vec<Problem>,
}

/// A pack as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPack {
    #[serde(default)]
    languages: Vec<Spanned<String>>,
    #[serde(default)]
    secrets: bool,
    ignores: Option<Vec<String>>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

/// A rule as written. What must be there is optional too, so that all that is missing is said at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: Option<String>,
    severity: Option<Severity>,
    severity_in_tests: Option<Severity>,
    confidence: Option<Confidence>,
    message: Option<String>,
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
    /// Keys whose values were wrong, which has been said: without them no more can be told of some things.
    #[serde(skip)]
    unread: Vec<String>,
}

/// A pack as the build has made it of the TOML: JSON, and nothing wrong with it.
#[derive(Default, Deserialize)]
struct CompactPack<'a> {
    #[serde(default)]
    secrets: bool,
    ignores: Option<Vec<String>>,
    #[serde(borrow)]
    rule: Vec<CompactRule<'a>>,
}

/// A rule of it, with what it looks for in a syntax apart.
#[derive(Deserialize)]
struct CompactRule<'a> {
    rule: WrittenRule,
    #[serde(borrow)]
    syntax: Option<&'a RawValue>,
}

/// Reads a bundled pack, without the examples and explanations of its rules.
pub(super) fn parse_compact(file: &str, languages: &[Language], json: &'static str) -> Vec<Rule> {
    // A test reads each of them both ways.
    let pack: CompactPack = serde_json::from_str(json).unwrap_or_default();
    let ignores = pack.ignores.map(|globs| Arc::new(of_pack(globs)));
    let rule = |CompactRule { rule, syntax }| {
        let (rule, _) = build(rule);
        Rule {
            languages: languages.to_vec(),
            secret: pack.secrets,
            file: file.to_owned(),
            pack_ignores: ignores.clone(),
            body: syntax.map_or(rule.body, |json| Body::Syntax(WrittenPattern::Compact(json))),
            ..rule
        }
    };
    pack.rule.into_iter().map(rule).collect()
}

/// Reads a pack.
pub(super) fn parse(file: &str, text: &str) -> Written {
    let (written, faults) = match toml::from_str(text) {
        Ok(written) => (written, Vec::new()),
        // Read a second time, bit by bit, so that all that is wrong comes at once.
        Err(_) => salvage(text),
    };
    let problem = |offset: usize, message: String| Problem {
        file: file.to_owned(),
        line: line_at(text, offset),
        message,
    };
    let mut problems: Vec<_> = faults.into_iter().map(|(offset, fault)| problem(offset, fault)).collect();

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
    let mut rules = Vec::new();
    let ignores = written.ignores.map(|globs| Arc::new(of_pack(globs)));
    for rule in written.rule {
        let start = rule.span().start;
        let (rule, mut faults) = build(rule.into_inner());
        if written.languages.is_empty() && rule.is_about_nodes() {
            faults.push("looks at syntax, but its pack has no `languages`".to_owned());
        }
        if !written.languages.is_empty() && rule.is_about_file() {
            faults.push("looks at names and modes: its pack can have no `languages`".to_owned());
        }
        if faults.is_empty() {
            let (languages, file) = (languages.clone(), file.to_owned());
            let (pack_ignores, line) = (ignores.clone(), line_at(text, start));
            rules.push(Rule { languages, secret: written.secrets, file, pack_ignores, line, ..rule });
        } else {
            let name = if rule.id.is_empty() { "a rule".to_owned() } else { format!("rule `{}`", rule.id) };
            let faults = faults.iter().map(|fault| format!("{name} {fault}"));
            problems.extend(faults.map(|fault| problem(start, fault)));
        }
    }
    Written { languages, rules, problems }
}

fn of_pack(globs: Vec<String>) -> LazyGlobs {
    LazyGlobs::new(globs.into_iter().map(Glob::of_pack).collect())
}

/// Byte of the text, and what is wrong there.
type Fault = (usize, String);

/// What can be read of a pack that is not all right, and each thing that is wrong with it.
fn salvage(text: &str) -> (WrittenPack, Vec<Fault>) {
    let mut pack = WrittenPack::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows from a first mistake of this kind on its line is no second one.
        let mut faults: Vec<_> = errors.iter().map(fault).collect();
        faults.dedup_by_key(|(offset, _)| line_at(text, *offset));
        return (pack, faults);
    }
    let mut faults = Vec::new();
    for (key, value) in root.into_inner() {
        let read = match key.get_ref().as_ref() {
            "languages" => Vec::deserialize(ValueDeserializer::from(value)).map(|it| pack.languages = it),
            "ignores" => Vec::deserialize(ValueDeserializer::from(value)).map(|it| pack.ignores = Some(it)),
            "secrets" => bool::deserialize(ValueDeserializer::from(value)).map(|it| pack.secrets = it),
            "rule" => {
                let span = value.span();
                match value.into_inner() {
                    DeValue::Array(rules) => {
                        let read = rules.into_iter().map(|rule| salvage_rule(rule, &mut faults));
                        pack.rule = read.collect::<Vec<_>>().into_iter().flatten().collect();
                    }
                    _ => faults.push((span.start, "each rule begins with a line `[[rule]]`".to_owned())),
                }
                Ok(())
            }
            key_text => {
                let known = ["languages", "ignores", "secrets", "rule"];
                faults.push((
                    key.span().start,
                    format!("unknown key `{key_text}`{}", instead(key_text, &known)),
                ));
                Ok(())
            }
        };
        faults.extend(read.err().as_ref().map(fault));
    }
    (pack, faults)
}

/// Reads one rule, again and again without the key that was wrong, until nothing else is.
fn salvage_rule(rule: Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Spanned<WrittenRule>> {
    let span = rule.span();
    let DeValue::Table(mut table) = rule.into_inner() else {
        faults.push((span.start, "each rule begins with a line `[[rule]]`".to_owned()));
        return None;
    };
    let id = table.get("id").and_then(|id| id.get_ref().as_str()).unwrap_or_default().to_owned();
    let mut unread = Vec::new();
    loop {
        let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
        let error = match WrittenRule::deserialize(ValueDeserializer::from(value)) {
            Ok(rule) => return Some(Spanned::new(span, WrittenRule { unread, ..rule })),
            Err(error) => error,
        };
        let (mut offset, message) = fault(&error);
        let holds = |range: Range<usize>| range.contains(&offset);
        let wrong = table.iter().find(|(key, value)| holds(key.span()) || holds(value.span()));
        let wrong = wrong.map(|(key, _)| key.clone());
        if wrong.is_none() {
            offset = span.start;
        }
        faults.push((offset, format!("rule `{id}`: {message}")));
        let key = wrong?;
        table.remove(&key)?;
        unread.push(key.get_ref().to_string());
    }
}

fn fault(error: &toml::de::Error) -> Fault {
    (error.span().map_or(0, |span| span.start), plain_message(error.message()))
}

/// Keys that make no difference to what a rule finds.
const SAID: [&str; 5] = ["severity", "confidence", "message", "note", "why"];

/// Makes a rule of what is written, with all that is wrong with it.
fn build(written: WrittenRule) -> (Rule, Vec<String>) {
    let mut faults = Vec::new();
    let id = written.id.unwrap_or_default();
    let kebab = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    // A key that is misspelt is there all the same.
    let is_unread = |key: &str| written.unread.iter().any(|it| strsim::jaro_winkler(it, key) > 0.8);
    let is_id = id.split_once('/').is_some_and(|(pack, name)| kebab(pack) && kebab(name));
    if !is_id && !is_unread("id") {
        faults.push("needs an `id` like `pack/kebab-name`".to_owned());
    }
    let mut require = |key: &str, is_there: bool| {
        if !is_there && !is_unread(key) {
            faults.push(format!("needs a `{key}`"));
        }
    };
    require("severity", written.severity.is_some());
    require("confidence", written.confidence.is_some());
    require("message", written.message.is_some());
    let kinds = [written.ast.is_some(), written.regex.is_some(), written.builtin.is_some()];
    let has_unread_kind = ["ast", "regex", "builtin"].into_iter().any(is_unread);
    if kinds.into_iter().filter(|&is_it| is_it).count() != 1 && !has_unread_kind {
        faults.push("needs one of `ast`, `regex` and `builtin`, and no more".to_owned());
    }
    // What a builtin finds is tested where it is written.
    let has_no =
        |examples: fn(&Examples) -> &[String]| written.tests.iter().all(|it| examples(it).is_empty());
    let is_tested = written.builtin.is_some() || ["builtin", "tests"].into_iter().any(is_unread);
    if !is_tested && (has_no(|it| &it.bad) || has_no(|it| &it.good)) {
        faults.push("needs `[[rule.tests]]` with at least one `bad` and one `good` text".to_owned());
    }
    if written.tests.iter().any(|it| !it.fixed.is_empty() && it.fixed.len() != it.bad.len()) {
        faults.push("needs as many `fixed` texts in a test as `bad` ones".to_owned());
    }
    let of_syntax = [written.constraints.is_some(), written.utils.is_some(), written.transform.is_some()];
    if written.ast.is_none() && !is_unread("ast") && of_syntax.contains(&true) {
        faults.push("has `constraints`, `utils` or `transform`, which belong to `ast`".to_owned());
    }
    if written.regex.is_none() && !is_unread("regex") && written.except.is_some() {
        faults.push("has `except`, which belongs to `regex`".to_owned());
    }
    if written.builtin.is_some() && written.fix.is_some() {
        faults.push("has a `fix`, but what is `builtin` brings its own".to_owned());
    }
    if written.regex.is_some() && written.keywords.is_empty() && !is_unread("keywords") {
        faults.push("needs `keywords`: texts of which a match holds at least one".to_owned());
    }
    if written.keywords.iter().any(String::is_empty) {
        faults.push("has an empty keyword".to_owned());
    }
    let message = written.message.unwrap_or_default();
    let body = if let Some(rule) = written.ast {
        let fix = written.fix.map(toml::Value::try_into).transpose().unwrap_or_else(|_| {
            faults.push("has a `fix` that is neither a text nor an ast-grep fix".to_owned());
            None
        });
        Body::Syntax(WrittenPattern::Read(Box::new(SerializableRuleConfig {
            core: SerializableRuleCore {
                rule,
                constraints: written.constraints,
                utils: written.utils,
                transform: written.transform,
            },
            fix,
            // These three are the rule's own when it is compiled.
            id: String::new(),
            message: String::new(),
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
        })))
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
    let globs = |globs: Option<Vec<String>>| globs.map(of_pack);
    // Half a rule does something else than its examples say, and that is no second mistake.
    let is_half = written.unread.iter().any(|key| !SAID[..].contains(&key.as_str()));
    let rule = Rule {
        id,
        severity: written.severity.unwrap_or(Severity::Info),
        severity_in_tests: written.severity_in_tests,
        confidence: written.confidence.unwrap_or(Confidence::Low),
        message,
        note: written.note,
        why: written.why,
        languages: Vec::new(),
        tests: if is_half { Vec::new() } else { written.tests },
        secret: false,
        file: String::new(),
        line: 0,
        keywords: written.keywords,
        body,
        files: globs(written.files),
        ignores: globs(written.ignores),
        pack_ignores: None,
    };
    (rule, faults)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}
