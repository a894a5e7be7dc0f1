//! Which language ast-grep reads a file as, which is not always the one that hookgate would say.

use std::path::Path;

use ast_grep_language::{Language as _, SupportLang};
use globset::{GlobBuilder, GlobMatcher};

use super::AstGrepProject;
use crate::change::language::Language;
use crate::check::pack::Problem;
use crate::git::RepoPath;

/// What a rule file may call a language.
pub(super) enum Named {
    /// One that hookgate parses.
    Known(Language),
    /// One that ast-grep, or a parser that the project brings, reads, and hookgate does not.
    WithoutGrammar,
    /// None of them.
    Unknown,
}

/// The language of each path, as the projects' settings have it.
#[derive(Default)]
pub(super) struct Languages {
    globs: Vec<(GlobMatcher, Option<Language>)>,
    /// Extensions of languages that the projects bring parsers for.
    custom: Vec<String>,
}

impl Languages {
    /// Adds the settings of a project; gives what is wrong with them.
    pub(super) fn add(&mut self, project: &AstGrepProject) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, globs) in project.language_globs.iter().flatten() {
            let language = match named(name, project) {
                Named::Known(language) => Some(language),
                Named::WithoutGrammar => None,
                Named::Unknown => {
                    problems
                        .push(project.problem("languageGlobs", &format!("no language is called `{name}`")));
                    continue;
                }
            };
            for glob in globs {
                match GlobBuilder::new(glob).literal_separator(true).build() {
                    Ok(glob) => self.globs.push((glob.compile_matcher(), language)),
                    Err(error) => {
                        let message = format!("{name} has a wrong glob `{glob}`: {}", error.kind());
                        problems.push(project.problem("languageGlobs", &message));
                    }
                }
            }
        }
        let custom = project.custom_languages.iter().flat_map(|languages| languages.values());
        self.custom.extend(custom.flat_map(|language| language.extensions.iter().cloned()));
        problems
    }

    /// The language as which `ast-grep scan` reads a file; none for one that it passes over. It asks
    /// the settings first, which know file names only, and then the extension.
    pub(super) fn of(&self, path: &RepoPath) -> Option<Language> {
        // It never looks at hidden files and directories.
        if path.as_bytes().split(|&byte| byte == b'/').any(|part| part.starts_with(b".")) {
            return None;
        }
        let name = String::from_utf8_lossy(path.file_name());
        let name = Path::new(name.as_ref());
        if let Some((_, language)) = self.globs.iter().find(|(glob, _)| glob.is_match(name)) {
            return *language;
        }
        let extension = name.extension()?.to_str()?;
        if self.custom.iter().any(|custom| custom == extension) {
            return None;
        }
        known(SupportLang::from_path(name)?)
    }
}

/// The language of a name in a project's files.
pub(super) fn named(name: &str, project: &AstGrepProject) -> Named {
    match name.parse() {
        Ok(language) => known(language).map_or(Named::WithoutGrammar, Named::Known),
        Err(_) if project.custom_languages.iter().any(|custom| custom.contains_key(name)) => {
            Named::WithoutGrammar
        }
        Err(_) => Named::Unknown,
    }
}

fn known(language: SupportLang) -> Option<Language> {
    language.to_string().parse().ok()
}
