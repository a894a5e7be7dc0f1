//! Classes that a path alone decides.

use crate::change::ChangeClass;

/// Lock files of package managers, by file name.
const LOCK: &[&str] = &[
    "bun.lock",
    "bun.lockb",
    "Cargo.lock",
    "cabal.project.freeze",
    "Cartfile.resolved",
    "composer.lock",
    "conan.lock",
    "deno.lock",
    "flake.lock",
    "Gemfile.lock",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "mix.lock",
    "MODULE.bazel.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "Package.resolved",
    "packages.lock.json",
    "pdm.lock",
    "Pipfile.lock",
    "pixi.lock",
    "pnpm-lock.yaml",
    "Podfile.lock",
    "poetry.lock",
    "pubspec.lock",
    "renv.lock",
    "rebar.lock",
    "stack.yaml.lock",
    "uv.lock",
    "yarn.lock",
    ".terraform.lock.hcl",
];

/// Endings of generated files.
const GENERATED: &[&str] = &[
    ".min.js",
    ".min.mjs",
    ".min.css",
    ".bundle.js",
    ".js.map",
    ".cjs.map",
    ".mjs.map",
    ".css.map",
    ".pb.go",
    ".pb.gw.go",
    ".pb.cc",
    ".pb.h",
    ".pb.swift",
    "_pb2.py",
    "_pb2.pyi",
    "_pb2_grpc.py",
    "_pb.js",
    "_pb.d.ts",
    "_grpc.pb.go",
    ".g.dart",
    ".freezed.dart",
    ".g.cs",
    ".designer.cs",
    ".Designer.cs",
    ".snap",
    ".snap.new",
    "_generated.go",
    ".generated.ts",
    ".tsbuildinfo",
];

/// Directories of third-party code.
const VENDORED: &[&str] =
    &["vendor", "node_modules", "third_party", "third-party", "bower_components", "Pods", "site-packages"];

/// Directories of what a build made, which GitHub too takes for nobody's work.
const BUILT: &[&str] = &["dist"];

/// Scripts that build tools bring along.
const WRAPPERS: &[&str] = &["gradlew", "gradlew.bat", "mvnw", "mvnw.cmd"];

/// Extensions of prose.
const DOCS: &[&str] =
    &["md", "markdown", "mdown", "rst", "txt", "adoc", "asciidoc", "org", "textile", "tex", "pod"];

/// Names of prose, with or without an extension.
const DOCS_NAMES: &[&str] = &[
    "AUTHORS",
    "CHANGELOG",
    "CHANGES",
    "CODE_OF_CONDUCT",
    "CONTRIBUTING",
    "CONTRIBUTORS",
    "COPYING",
    "COPYRIGHT",
    "HISTORY",
    "LICENCE",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "MAINTAINERS",
    "NEWS",
    "NOTICE",
    "PATENTS",
    "README",
    "SECURITY",
    "THANKS",
    "UNLICENSE",
];

/// Text files that are not prose: what a build or an installer reads.
const NOT_DOCS: &[&str] = &["CMakeLists.txt", "meson_options.txt", "conanfile.txt"];

/// Files of configuration and data that no extension gives away.
const DATA_NAMES: &[&str] = &["CODEOWNERS", "go.mod", "go.work", "VERSION"];

/// Extensions and whole names of configuration and data that no grammar here reads.
const DATA: &[&str] = &[
    "asc",
    "cfg",
    "conf",
    "crt",
    "csv",
    "editorconfig",
    "gitattributes",
    "gitignore",
    "gitmodules",
    "go-version",
    "golden",
    "dockerignore",
    "npmignore",
    "ini",
    "ndjson",
    "jsonl",
    "key",
    "mailmap",
    "node-version",
    "npmrc",
    "nvmrc",
    "pem",
    "plist",
    "po",
    "pot",
    "properties",
    "python-version",
    "resx",
    "ruby-version",
    "sig",
    "svg",
    "tool-versions",
    "tsv",
    "xml",
    "xlf",
];

/// The class that the tables give a path, and why.
pub(in crate::change) fn class_of(path: &str) -> Option<(ChangeClass, &'static str)> {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    if LOCK.contains(&name) {
        return Some((ChangeClass::Lock, "lock file of a package manager"));
    }
    if GENERATED.iter().any(|ending| name.ends_with(ending)) {
        return Some((ChangeClass::Generated, "a generator's file name"));
    }
    if directories.split('/').any(|directory| VENDORED.contains(&directory)) {
        return Some((ChangeClass::Vendored, "in a directory of third-party code"));
    }
    if directories.split('/').any(|directory| BUILT.contains(&directory)) {
        return Some((ChangeClass::Generated, "in a directory of build output"));
    }
    if WRAPPERS.contains(&name) {
        return Some((ChangeClass::Vendored, "a build tool's own script"));
    }
    if NOT_DOCS.contains(&name) {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let extension = extension.to_ascii_lowercase();
    if extension == "txt" && ["requirements", "constraints"].iter().any(|word| stem.contains(word)) {
        return Some((ChangeClass::Data, "a list of packages"));
    }
    if matches!(extension.as_bytes(), [b'1'..=b'8']) {
        return Some((ChangeClass::Docs, "a manual page"));
    }
    if DOCS.contains(&extension.as_str()) || extension.is_empty() && DOCS_NAMES.contains(&stem) {
        return Some((ChangeClass::Docs, "prose"));
    }
    (DATA.contains(&extension.as_str()) || DATA_NAMES.contains(&name))
        .then_some((ChangeClass::Data, "configuration or data"))
}
