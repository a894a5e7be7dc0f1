//! Which grammar reads which file.

use std::borrow::Cow;
use std::str::FromStr;

use ast_grep_core::matcher::PatternBuilder;
use ast_grep_core::meta_var::MetaVariable;
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc, TSLanguage, TSRange};
use ast_grep_core::{Language as AstGrepLanguage, Node, Pattern, PatternError};
use ast_grep_language::SupportLang;
use serde::{Deserialize, Deserializer};

use crate::git::RepoPath;

/// A language that hookgate parses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript, JSX included.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C.
    C,
    /// C++.
    Cpp,
    /// C#.
    CSharp,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Kotlin.
    Kotlin,
    /// Bash and the shells that read nearly the same.
    Bash,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
    /// HTML.
    Html,
    /// CSS.
    Css,
}

/// How much hookgate knows of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Definitions, comments, directives and imports are known: changes can be proved and sliced.
    Code,
    /// Only its syntax is known.
    Data,
}

/// How a language is named and which files are written in it.
struct Entry {
    language: Language,
    /// The reporting name first, then the other names that rule files use.
    names: &'static [&'static str],
    extensions: &'static [&'static str],
    /// Whole file names.
    files: &'static [&'static str],
    /// Programs that a `#!` line may name.
    interpreters: &'static [&'static str],
}

/// One entry a language. Names and extensions are ast-grep's, with a few file names added.
const LANGUAGES: &[Entry] = &[
    Entry {
        language: Language::Rust,
        names: &["rust", "rs"],
        extensions: &["rs"],
        files: &[],
        interpreters: &["rust-script"],
    },
    Entry {
        language: Language::Python,
        names: &["python", "py"],
        extensions: &["py", "py3", "pyi", "pyw", "bzl", "bazel"],
        files: &["SConstruct", "SConscript", "wscript", "BUILD", "WORKSPACE"],
        interpreters: &["python", "python2", "python3", "pypy", "pypy3", "uv"],
    },
    Entry {
        language: Language::JavaScript,
        names: &["javascript", "js", "jsx"],
        extensions: &["js", "jsx", "mjs", "cjs"],
        files: &[],
        interpreters: &["node", "bun"],
    },
    Entry {
        language: Language::TypeScript,
        names: &["typescript", "ts"],
        extensions: &["ts", "mts", "cts"],
        files: &[],
        interpreters: &["deno", "ts-node", "tsx"],
    },
    Entry { language: Language::Tsx, names: &["tsx"], extensions: &["tsx"], files: &[], interpreters: &[] },
    Entry {
        language: Language::Go,
        names: &["go", "golang"],
        extensions: &["go"],
        files: &[],
        interpreters: &[],
    },
    Entry {
        language: Language::Java,
        names: &["java"],
        extensions: &["java"],
        files: &[],
        interpreters: &[],
    },
    Entry { language: Language::C, names: &["c"], extensions: &["c", "h"], files: &[], interpreters: &[] },
    Entry {
        language: Language::Cpp,
        names: &["cpp", "c++", "cc", "cxx"],
        extensions: &["cpp", "cc", "cxx", "c++", "hpp", "hh", "hxx", "h++", "ipp", "cu", "cuh", "ino"],
        files: &[],
        interpreters: &[],
    },
    Entry {
        language: Language::CSharp,
        names: &["csharp", "cs", "c#"],
        extensions: &["cs", "csx"],
        files: &[],
        interpreters: &[],
    },
    Entry {
        language: Language::Ruby,
        names: &["ruby", "rb"],
        extensions: &["rb", "rbw", "gemspec", "rake", "ru", "podspec"],
        files: &["Rakefile", "Gemfile", "Podfile", "Vagrantfile", "Brewfile", "Guardfile", "Fastfile"],
        interpreters: &["ruby", "jruby"],
    },
    Entry {
        language: Language::Php,
        names: &["php"],
        extensions: &["php"],
        files: &[],
        interpreters: &["php"],
    },
    Entry {
        language: Language::Kotlin,
        names: &["kotlin", "kt"],
        extensions: &["kt", "ktm", "kts"],
        files: &[],
        interpreters: &["kotlin"],
    },
    Entry {
        language: Language::Bash,
        names: &["bash", "sh", "shell"],
        extensions: &["sh", "bash", "bats", "ksh", "zsh", "command", "ebuild"],
        files: &[
            ".bashrc",
            ".bash_profile",
            ".bash_aliases",
            ".profile",
            ".zshrc",
            ".zshenv",
            ".envrc",
            "PKGBUILD",
            "APKBUILD",
        ],
        interpreters: &["sh", "bash", "dash", "ksh", "zsh", "ash", "bats"],
    },
    Entry {
        language: Language::Json,
        names: &["json"],
        extensions: &["json", "jsonc", "json5", "webmanifest", "geojson", "ipynb"],
        files: &[".babelrc", ".eslintrc", ".prettierrc", "composer.lock", "Pipfile.lock", "flake.lock"],
        interpreters: &[],
    },
    Entry {
        language: Language::Yaml,
        names: &["yaml", "yml"],
        extensions: &["yaml", "yml"],
        files: &[".clang-format", ".clang-tidy", ".clangd", "CITATION.cff"],
        interpreters: &[],
    },
    Entry {
        language: Language::Toml,
        names: &["toml"],
        extensions: &["toml"],
        files: &["Cargo.lock", "poetry.lock", "uv.lock", "Pipfile"],
        interpreters: &[],
    },
    Entry {
        language: Language::Html,
        names: &["html"],
        extensions: &["html", "htm", "xhtml"],
        files: &[],
        interpreters: &[],
    },
    Entry {
        language: Language::Css,
        names: &["css"],
        extensions: &["css", "scss"],
        files: &[],
        interpreters: &[],
    },
];

impl Language {
    /// By file name and extension; for a file without one, by the interpreter its first line names.
    /// A `.h` file is C unless its text says that it is C++.
    #[must_use]
    pub fn detect(path: &RepoPath, text: &str) -> Option<Self> {
        let name = String::from_utf8_lossy(path.file_name());
        let name = name.as_ref();
        let by_name = LANGUAGES.iter().find(|entry| entry.files.contains(&name));
        let found = match (by_name, name.rsplit_once('.')) {
            (Some(entry), _) => Some(entry.language),
            (None, Some((stem, extension))) if !stem.is_empty() => by_extension(extension),
            (None, _) => by_interpreter(text),
        };
        match found {
            Some(Self::C) if name.ends_with(".h") && reads_like_cpp(text) => Some(Self::Cpp),
            other => other,
        }
    }

    /// The name that rules and reports use: `rust`, `csharp`, `tsx`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.entry().names[0]
    }

    /// What is known of it.
    #[must_use]
    pub fn support(self) -> Support {
        match self {
            Self::Json | Self::Yaml | Self::Toml | Self::Html | Self::Css => Support::Data,
            _ => Support::Code,
        }
    }

    fn entry(self) -> &'static Entry {
        &LANGUAGES[self as usize]
    }

    /// ast-grep's name for it, which knows the grammar and how a pattern is read in it; none for
    /// TOML, which ast-grep does not have.
    fn support_lang(self) -> Option<SupportLang> {
        Some(match self {
            Self::Rust => SupportLang::Rust,
            Self::Python => SupportLang::Python,
            Self::JavaScript => SupportLang::JavaScript,
            Self::TypeScript => SupportLang::TypeScript,
            Self::Tsx => SupportLang::Tsx,
            Self::Go => SupportLang::Go,
            Self::Java => SupportLang::Java,
            Self::C => SupportLang::C,
            Self::Cpp => SupportLang::Cpp,
            Self::CSharp => SupportLang::CSharp,
            Self::Ruby => SupportLang::Ruby,
            Self::Php => SupportLang::Php,
            Self::Kotlin => SupportLang::Kotlin,
            Self::Bash => SupportLang::Bash,
            Self::Json => SupportLang::Json,
            Self::Yaml => SupportLang::Yaml,
            Self::Html => SupportLang::Html,
            Self::Css => SupportLang::Css,
            Self::Toml => return None,
        })
    }

    /// The language whose way with `$A` in patterns is taken: for TOML that of JSON, which takes
    /// patterns as they stand.
    fn pattern_lang(self) -> SupportLang {
        self.support_lang().unwrap_or(SupportLang::Json)
    }
}

fn by_extension(extension: &str) -> Option<Language> {
    let is_it = |known: &&'static str| known.eq_ignore_ascii_case(extension);
    LANGUAGES.iter().find(|entry| entry.extensions.iter().any(is_it)).map(|entry| entry.language)
}

/// `#!/usr/bin/env -S python3.12 -u` names `python3`.
fn by_interpreter(text: &str) -> Option<Language> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = match words.next()? {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('='))?,
        program => program,
    };
    let bare = program.split_once('.').map_or(program, |(bare, _)| bare);
    LANGUAGES.iter().find(|entry| entry.interpreters.contains(&bare)).map(|entry| entry.language)
}

fn reads_like_cpp(text: &str) -> bool {
    const STARTS: &[&str] =
        &["class ", "namespace ", "template<", "template <", "using ", "public:", "private:", "protected:"];
    text.lines().map(str::trim_start).any(|line| STARTS.iter().any(|start| line.starts_with(start)))
}

/// A language name that no entry has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language {0:?}; known are {known}", known = known_names())]
pub struct UnknownLanguage(pub String);

fn known_names() -> String {
    LANGUAGES.iter().map(|entry| entry.names[0]).collect::<Vec<_>>().join(", ")
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads any name that ast-grep accepts, in any case: `rust`, `rs`, `C++`, `CSharp`.
    fn from_str(name: &str) -> Result<Self, UnknownLanguage> {
        LANGUAGES
            .iter()
            .find(|entry| entry.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
            .map(|entry| entry.language)
            .ok_or_else(|| UnknownLanguage(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl AstGrepLanguage for Language {
    fn pre_process_pattern<'q>(&self, query: &'q str) -> Cow<'q, str> {
        self.pattern_lang().pre_process_pattern(query)
    }

    fn meta_var_char(&self) -> char {
        self.pattern_lang().meta_var_char()
    }

    fn expando_char(&self) -> char {
        self.pattern_lang().expando_char()
    }

    fn extract_meta_var(&self, source: &str) -> Option<MetaVariable> {
        self.pattern_lang().extract_meta_var(source)
    }

    fn kind_to_id(&self, kind: &str) -> u16 {
        self.get_ts_language().id_for_node_kind(kind, true)
    }

    fn field_to_id(&self, field: &str) -> Option<u16> {
        self.get_ts_language().field_id_for_name(field).map(std::num::NonZero::get)
    }

    fn build_pattern(&self, builder: &PatternBuilder) -> Result<Pattern, PatternError> {
        builder.build(|source| StrDoc::try_new(source, *self))
    }
}

impl LanguageExt for Language {
    fn get_ts_language(&self) -> TSLanguage {
        match self.support_lang() {
            Some(language) => language.get_ts_language(),
            None => tree_sitter_toml_ng::LANGUAGE.into(),
        }
    }

    fn extract_injections<L: LanguageExt>(&self, root: Node<StrDoc<L>>) -> Vec<(String, Vec<TSRange>)> {
        self.support_lang().map_or_else(Vec::new, |language| language.extract_injections(root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(path: &str, text: &str) -> Option<&'static str> {
        Language::detect(&RepoPath::new(path), text).map(Language::as_str)
    }

    #[test]
    fn table_stands_in_the_order_of_the_enum() {
        for (index, entry) in LANGUAGES.iter().enumerate() {
            assert_eq!(entry.language as usize, index, "{:?}", entry.language);
        }
    }

    #[test]
    fn path_decides_before_the_first_line() {
        assert_eq!(detect("src/a.rs", "#!/bin/sh"), Some("rust"));
        assert_eq!(detect("a/B.TSX", ""), Some("tsx"));
        assert_eq!(detect("Gemfile", ""), Some("ruby"));
        assert_eq!(detect("a.weird", "#!/bin/sh\n"), None);
        assert_eq!(detect(".py", ""), None);
    }

    #[test]
    fn first_line_decides_for_files_without_extension() {
        assert_eq!(detect("bin/tool", "#!/usr/bin/env -S python3.12 -u\n"), Some("python"));
        assert_eq!(detect("bin/tool", "#!/bin/bash -e\r\n"), Some("bash"));
        assert_eq!(detect("bin/tool", "#!/usr/bin/env A=1 node\n"), Some("javascript"));
        assert_eq!(detect("bin/tool", "#!\n"), None);
        assert_eq!(detect("bin/tool", "echo"), None);
    }

    #[test]
    fn headers_are_c_until_they_read_like_cpp() {
        assert_eq!(detect("a.h", "int f(void);\n"), Some("c"));
        assert_eq!(detect("a.h", "namespace a {\nint f();\n}\n"), Some("cpp"));
    }

    #[test]
    fn names_of_rule_files_are_read() {
        for (name, language) in [
            ("ts", Language::TypeScript),
            ("C++", Language::Cpp),
            ("cs", Language::CSharp),
            ("kt", Language::Kotlin),
        ] {
            assert_eq!(name.parse(), Ok(language));
        }
        assert!("cobol".parse::<Language>().unwrap_err().to_string().contains("rust"));
    }

    /// Every name that ast-grep's rule files may carry means the same language here.
    #[test]
    fn names_agree_with_ast_grep() {
        for entry in LANGUAGES {
            let Some(theirs) = entry.language.support_lang() else { continue };
            for name in entry.names {
                if let Ok(parsed) = name.parse::<SupportLang>() {
                    assert_eq!(parsed, theirs, "{name}");
                }
            }
        }
    }

    #[test]
    fn patterns_with_meta_variables_match_in_every_code_language() {
        let cases = [
            (Language::Rust, "f($A)", "fn main() { f(1); }"),
            (Language::Python, "f($A)", "f(1)"),
            (Language::JavaScript, "f($A)", "f(1)"),
            (Language::TypeScript, "f($A)", "f(1)"),
            (Language::Tsx, "f($A)", "f(1)"),
            (Language::Go, "f($A)", "package a\nfunc g() { f(1) }"),
            (Language::Java, "f($A)", "class A { void g() { f(1); } }"),
            (Language::C, "f($A);", "void g() { f(1); }"),
            (Language::Cpp, "f($A)", "void g() { f(1); }"),
            (Language::CSharp, "f($A)", "class A { void g() { f(1); } }"),
            (Language::Ruby, "f($A)", "f(1)"),
            (Language::Kotlin, "f($A)", "fun g() { f(1) }"),
            (Language::Bash, "f $A", "f 1"),
        ];
        for (language, pattern, source) in cases {
            let pattern = Pattern::try_new(pattern, language).unwrap();
            let tree = language.ast_grep(source);
            assert!(tree.root().find(&pattern).is_some(), "{language:?}");
        }
    }
}
