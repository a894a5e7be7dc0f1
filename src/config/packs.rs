//! Where rules come from: the bundled packs, and files of the work tree. All of it is data, and needs
//! no consent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::file::REPOSITORY_FILE;
use super::{ConfigError, read};
use crate::check::pack::{AstGrepProject, PackSource, Problem, bundled_packs};
use crate::text::instead;

/// The word for what runs where the repository says nothing.
const DEFAULT: &str = "default";
/// The directory whose packs and rules run where the repository says nothing.
const DIRECTORY: &str = ".hookgate/rules";
/// The settings of ast-grep that are read where the repository says nothing: the first that is there.
const SETTINGS: [&str; 2] = ["sgconfig.yml", "sgconfig.yaml"];

const TOML: &[&str] = &["toml"];
const YAML: &[&str] = &["yml", "yaml"];

/// What `[rules] packs` asks for, read.
#[derive(Default)]
pub(super) struct Sources {
    /// Bundled packs by name; none for all of them.
    pub(super) bundled: Option<BTreeSet<String>>,
    pub(super) packs: Vec<PackSource>,
    pub(super) ast_grep: Vec<AstGrepProject>,
    /// What could not be found or read.
    pub(super) problems: Vec<Problem>,
}

/// Reads what `wanted` names, or what runs by default.
pub(super) fn read(work_tree: &Path, wanted: Option<&[String]>) -> Sources {
    let by_default = [DEFAULT.to_owned()];
    let wanted = wanted.unwrap_or(&by_default);
    let mut reader = Reader { work_tree, seen: BTreeSet::new(), sources: Sources::default() };
    let mut bundled = BTreeSet::new();
    let mut paths = Vec::new();
    for word in wanted {
        if word == DEFAULT {
            bundled.extend(bundled_packs().map(str::to_owned));
            let is_there = |name: &&str| fs::symlink_metadata(work_tree.join(name)).is_ok();
            paths.extend(SETTINGS.into_iter().find(is_there).map(str::to_owned));
            paths.extend([DIRECTORY].into_iter().filter(is_there).map(str::to_owned));
        } else if bundled_packs().any(|name| name == word) {
            bundled.insert(word.clone());
        } else {
            match reader.find("", word) {
                Ok(path) => paths.push(path),
                Err(fault) => reader.refuse(word, &fault),
            }
        }
    }
    // Settings first: a rule file that they name is read with what they say.
    paths.sort_by_key(|path| !is_settings(path));
    for path in paths {
        reader.read(&path);
    }
    if !bundled_packs().all(|name| bundled.contains(name)) {
        reader.sources.bundled = Some(bundled);
    }
    reader.sources
}

fn is_settings(path: &str) -> bool {
    SETTINGS.contains(&path.rsplit('/').next().unwrap_or(path))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|it| extensions.contains(&it))
}

struct Reader<'a> {
    work_tree: &'a Path,
    /// Files that have been read: none is read twice.
    seen: BTreeSet<String>,
    sources: Sources,
}

impl Reader<'_> {
    fn problem(&mut self, file: &str, message: String) {
        self.sources.problems.push(Problem { file: file.to_owned(), line: 0, message });
    }

    fn refuse(&mut self, word: &str, fault: &str) {
        let is_word = !word.contains(['/', '.']);
        let known: Vec<_> = bundled_packs().chain([DEFAULT]).collect();
        let message = if is_word {
            format!("[rules] packs: `{word}` is no bundled pack{}", instead(word, &known))
        } else {
            format!("[rules] packs: `{word}` {fault}")
        };
        self.problem(REPOSITORY_FILE, message);
    }

    /// A path from the top of the work tree, of one that is written in a file of `directory`.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence about it.
    fn find(&self, directory: &str, written: &str) -> Result<String, String> {
        let outside = || "is outside the work tree, of which alone rules are read".to_owned();
        let mut parts: Vec<String> = Vec::new();
        for component in Path::new(directory).join(written).components() {
            match component {
                Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
                Component::CurDir => {}
                Component::ParentDir => drop(parts.pop().ok_or_else(outside)?),
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        let mut path = PathBuf::from(self.work_tree);
        for (index, part) in parts.iter().enumerate() {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    let link = parts[..=index].join("/");
                    return Err(format!(
                        "cannot be read: `{link}` is a symbolic link, which is not followed"
                    ));
                }
                Ok(_) => {}
                Err(_) => return Err("does not exist".to_owned()),
            }
        }
        Ok(parts.join("/"))
    }

    fn read(&mut self, path: &str) {
        if is_settings(path) {
            return self.project(path);
        }
        for file in self.files(path, TOML) {
            let source = self.source(file);
            self.sources.packs.extend(source);
        }
        let files = self.files(path, YAML);
        let rules: Vec<_> = files.into_iter().filter_map(|file| self.source(file)).collect();
        if !rules.is_empty() {
            self.sources.ast_grep.push(AstGrepProject::without_settings(rules));
        }
    }

    /// Reads the rules of an ast-grep project.
    fn project(&mut self, settings: &str) {
        let Some(source) = self.source(settings.to_owned()) else { return };
        let mut project = match AstGrepProject::parse(source) {
            Ok(project) => project,
            Err(problem) => return self.sources.problems.push(problem),
        };
        let directory = settings.rsplit_once('/').map_or("", |(directory, _)| directory);
        let mut all = |key, written: &[String]| {
            let mut found = Vec::new();
            for path in written {
                match self.find(directory, path) {
                    Ok(path) => found.extend(self.files(&path, YAML)),
                    Err(fault) => {
                        self.sources.problems.push(project.problem(key, &format!("`{path}` {fault}")));
                    }
                }
            }
            found.into_iter().filter_map(|file| self.source(file)).collect()
        };
        let rules = all("ruleDirs", &project.rule_dirs);
        let utils = all("utilDirs", project.util_dirs.as_deref().unwrap_or_default());
        (project.rules, project.utils) = (rules, utils);
        self.sources.ast_grep.push(project);
    }

    /// The text of a file that has not been read before.
    fn source(&mut self, file: String) -> Option<PackSource> {
        if !self.seen.insert(file.clone()) {
            return None;
        }
        let message = match read::text(&self.work_tree.join(&file)) {
            Ok(Some(text)) => return Some(PackSource { file, text }),
            Ok(None) => "does not exist".to_owned(),
            Err(ConfigError::Read { source, .. }) => format!("cannot be read: {source}"),
            Err(error) => error.to_string(),
        };
        self.problem(&file, message);
        None
    }

    /// The files of a path with one of these extensions, in the order of their names: the file itself,
    /// or all in the directory and those below it. Like ast-grep, it passes over hidden ones.
    fn files(&mut self, path: &str, extensions: &[&str]) -> Vec<String> {
        let place = self.work_tree.join(path);
        if !place.is_dir() {
            let is_it = has_extension(&place, extensions);
            return if is_it { vec![path.to_owned()] } else { Vec::new() };
        }
        let entries = fs::read_dir(&place).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.problem(path, format!("cannot be read: {error}"));
                return Vec::new();
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut files = Vec::new();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let inner = if path.is_empty() { name } else { format!("{path}/{name}") };
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if !is_link {
                files.extend(self.files(&inner, extensions));
            } else if has_extension(Path::new(&inner), extensions) || entry.path().is_dir() {
                self.problem(&inner, "is a symbolic link, which is not followed".to_owned());
            }
        }
        files
    }
}
