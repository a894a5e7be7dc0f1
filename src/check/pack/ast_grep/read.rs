//! From rule files to compiled rules, or to everything that is wrong with them.

use std::path::Path;

use ast_grep_config::{
    DeserializeEnv, GlobalRules, RuleConfig, SerializableGlobalRule, SerializableRuleConfig,
    Severity as TheirSeverity,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::language::{Named, named};
use super::yaml::{Document, Fault};
use super::{AstGrepProject, PackSource, Problem};
use crate::change::language::Language;
use crate::check::ast::cause;
use crate::check::finding::{Confidence, Severity};
use crate::check::rule::{Body, Glob, LazyGlobs, Rule};

/// What the files of a project hold.
#[derive(Default)]
pub(super) struct Read {
    pub(super) rules: Vec<(Rule, RuleConfig<Language>)>,
    pub(super) problems: Vec<Problem>,
    /// What is right and has no effect here.
    pub(super) unsupported: Vec<Problem>,
}

/// What is read of a rule before its language is known.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: String,
    language: Option<String>,
    files: Option<Vec<WrittenGlob>>,
    ignores: Option<Vec<WrittenGlob>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenGlob {
    Bare(String),
    #[serde(rename_all = "camelCase")]
    Table {
        glob: String,
        #[serde(default)]
        case_insensitive: bool,
    },
}

/// Reads the rules of a project, its utility rules first.
pub(super) fn project(project: &AstGrepProject) -> Read {
    let mut read = Read::default();
    if !project.language_injections.is_empty() {
        let message = "no effect here: of code within other code, only scripts and styles in HTML are read";
        read.unsupported.push(project.problem("languageInjections", message));
    }
    let globals = utils(project, &mut read);
    for source in &project.rules {
        // Documents without content are none to ast-grep, which counts them for the ids that it gives.
        let mut documents = Document::all(&source.text);
        documents.retain(|document| !matches!(document.read::<Option<IgnoredAny>>(), Ok(None)));
        let stem = Path::new(&source.file).file_stem().unwrap_or_default().to_string_lossy();
        for (index, document) in documents.iter().enumerate() {
            let default_id = if documents.len() == 1 { stem.to_string() } else { format!("{stem}-{index}") };
            match rule(project, source, document, default_id, &globals) {
                Ok(Found::Rule(rule, config)) => read.rules.push((*rule, *config)),
                Ok(Found::WithoutGrammar(id, language)) => {
                    let message = format!("rule `{id}` does not run: hookgate has no grammar for {language}");
                    read.unsupported.push(source.problem(document.line, message));
                }
                Err((line, message)) => read.problems.push(source.problem(line, message)),
            }
        }
    }
    read
}

enum Found {
    Rule(Box<Rule>, Box<RuleConfig<Language>>),
    WithoutGrammar(String, String),
}

/// One rule.
fn rule(
    project: &AstGrepProject,
    source: &PackSource,
    document: &Document,
    default_id: String,
    globals: &GlobalRules,
) -> Result<Found, Fault> {
    let head: Head = document.read()?;
    let id = if head.id.is_empty() { default_id } else { head.id };
    let Some(language) = head.language else {
        return Err((document.line, format!("rule `{id}` needs a `language`")));
    };
    match named(&language, project) {
        Named::Known(_) => {}
        Named::WithoutGrammar => return Ok(Found::WithoutGrammar(id, language)),
        Named::Unknown => {
            let line = document.line_of("language").unwrap_or(document.line);
            return Err((line, format!("rule `{id}`: no language is called `{language}`")));
        }
    }
    let mut written: SerializableRuleConfig<Language> =
        document.read().map_err(|(line, message)| (line, format!("rule `{id}`: {message}")))?;
    written.id.clone_from(&id);
    let name = written.language.as_str();
    let config = RuleConfig::try_from(written, globals).map_err(|error| {
        (document.line, format!("rule `{id}` does not compile for {name}: {}", cause(&error)))
    })?;
    let globs = |globs: Option<Vec<WrittenGlob>>| {
        globs.map(|globs| {
            let globs = globs.into_iter().map(|glob| match glob {
                WrittenGlob::Bare(glob) => Glob::of_ast_grep(glob, false),
                WrittenGlob::Table { glob, case_insensitive } => Glob::of_ast_grep(glob, case_insensitive),
            });
            LazyGlobs::new(globs.collect()).below(project.root())
        })
    };
    let (files, ignores) = (globs(head.files), globs(head.ignores));
    let rule = Rule { files, ignores, line: document.line, file: source.file.clone(), ..of(&config) };
    if let Some(fault) = rule.fault() {
        return Err((document.line, fault));
    }
    Ok(Found::Rule(Box::new(rule), Box::new(config)))
}

/// A rule in hookgate's terms. What stands below the first line of a note explains it.
fn of(config: &RuleConfig<Language>) -> Rule {
    let note = config.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    let url = config.url.as_ref().map(|url| format!("See {url}"));
    let long = note.filter(|note| note.contains('\n')).map(str::to_owned);
    let why = [long, url].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    Rule {
        id: config.id.clone(),
        severity_in_tests: None,
        severity: match config.severity {
            TheirSeverity::Off | TheirSeverity::Hint | TheirSeverity::Info => Severity::Info,
            TheirSeverity::Warning => Severity::Warning,
            TheirSeverity::Error => Severity::Error,
        },
        confidence: Confidence::High,
        message: match &config.message {
            message if message.trim().is_empty() => format!("this matches rule `{}`", config.id),
            message => message.split_whitespace().collect::<Vec<_>>().join(" "),
        },
        note: note.and_then(|note| note.lines().next()).map(|line| line.trim().to_owned()),
        why: Some(why).filter(|why| !why.is_empty()),
        languages: vec![config.language],
        tests: Vec::new(),
        secret: false,
        file: String::new(),
        line: 0,
        keywords: Vec::new(),
        body: Body::AstGrep,
        files: None,
        ignores: None,
        pack_ignores: None,
    }
}

/// ast-grep's own rule about comments that silence nothing.
pub(super) fn unused_suppression(config: &RuleConfig<Language>) -> Rule {
    Rule {
        message: "this `ast-grep-ignore` comment silences nothing".to_owned(),
        note: Some("remove it".to_owned()),
        languages: Vec::new(),
        file: "ast-grep".to_owned(),
        ..of(config)
    }
}

#[derive(Deserialize)]
struct UtilHead {
    language: String,
}

/// The utility rules, which rules of every file can refer to.
fn utils(project: &AstGrepProject, read: &mut Read) -> GlobalRules {
    let mut utils = Vec::new();
    for source in &project.utils {
        let document = Document::whole(&source.text);
        let util = document.read::<UtilHead>().and_then(|head| match named(&head.language, project) {
            Named::Known(_) => document.read::<SerializableGlobalRule<Language>>().map(Some),
            Named::WithoutGrammar => Ok(None),
            Named::Unknown => {
                let line = document.line_of("language").unwrap_or(document.line);
                Err((line, format!("no language is called `{}`", head.language)))
            }
        });
        match util {
            Ok(Some(util)) => utils.push((source, util)),
            Ok(None) => {}
            Err((line, message)) => read.problems.push(source.problem(line, message)),
        }
    }
    let compile = |utils: &[(&PackSource, SerializableGlobalRule<Language>)]| {
        DeserializeEnv::parse_global_utils(utils.iter().map(|(_, util)| util.clone()).collect())
    };
    if let Ok(globals) = compile(&utils) {
        return globals;
    }
    // ast-grep does not say which one is wrong: it is each that cannot be added to those that are right.
    let mut right = Vec::new();
    let mut left = utils;
    loop {
        let mut wrong = Vec::new();
        let before = right.len();
        for util in left {
            right.push(util);
            if let Err(error) = compile(&right)
                && let Some(util) = right.pop()
            {
                wrong.push((util, cause(&error)));
            }
        }
        if right.len() == before || wrong.is_empty() {
            for ((source, util), reason) in wrong {
                let message = format!("utility rule `{}` does not compile: {reason}", util.id);
                read.problems.push(source.problem(1, message));
            }
            return compile(&right).unwrap_or_default();
        }
        left = wrong.into_iter().map(|(util, _)| util).collect();
    }
}
