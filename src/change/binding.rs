//! What the imports of a file bring into it, and by which names.

use tree_sitter::Node;

use super::language::Language;
use super::parse::SyntaxTree;
use super::profile::Profile;

/// A name that an import binds.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'tree> {
    /// The name that code uses: `c` of `import a.b as c`, `a` of `import a.b`.
    pub name: &'tree str,
    /// The part of the import that binds this name and no other.
    pub item: Node<'tree>,
    /// The whole import.
    pub import: Node<'tree>,
}

/// The names that imports bind, in source order: at the top level, and in Python in functions and
/// below `if TYPE_CHECKING` too. Left out is what an import binds without spelling it, and in Python
/// what a `try` or another `if` chooses. Empty for languages whose imports are not understood.
#[must_use]
pub fn bindings(tree: &SyntaxTree) -> Vec<Binding<'_>> {
    let mut reader = Reader { source: tree.source(), found: Vec::new() };
    match tree.language() {
        Language::Python => reader.python_block(tree.root()),
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            reader.each(tree.root(), "import_statement", Reader::javascript);
        }
        Language::Java => reader.each(tree.root(), "import_declaration", Reader::java),
        Language::Kotlin => {
            for list in children(tree.root()).into_iter().filter(|node| node.kind() == "import_list") {
                reader.each(list, "import_header", Reader::kotlin);
            }
        }
        Language::Go => reader.each(tree.root(), "import_declaration", Reader::go),
        Language::Php => {
            reader.each(tree.root(), "namespace_use_declaration", Reader::php);
            for namespace in
                named(tree.root()).into_iter().filter_map(|node| node.child_by_field_name("body"))
            {
                reader.each(namespace, "namespace_use_declaration", Reader::php);
            }
        }
        _ => {}
    }
    reader.found
}

struct Reader<'tree> {
    source: &'tree str,
    found: Vec<Binding<'tree>>,
}

impl<'tree> Reader<'tree> {
    fn each(&mut self, parent: Node<'tree>, kind: &str, read: fn(&mut Self, Node<'tree>)) {
        children(parent).into_iter().filter(|node| node.kind() == kind).for_each(|node| read(self, node));
    }

    fn add(&mut self, name: Node<'tree>, item: Node<'tree>, import: Node<'tree>) {
        if let Some(name) = self.source.get(name.byte_range()) {
            self.found.push(Binding { name, item, import });
        }
    }

    fn python_block(&mut self, block: Node<'tree>) {
        for statement in named(block) {
            match statement.kind() {
                "import_statement" | "import_from_statement" => self.python(statement),
                "decorated_definition" => self.python_block(statement),
                "function_definition" => {
                    statement.child_by_field_name("body").into_iter().for_each(|body| self.python_block(body))
                }
                // What is imported in a class is its attribute.
                "class_definition" => {
                    let members = statement.child_by_field_name("body").map(named).unwrap_or_default();
                    let methods = members.into_iter().filter(|it| it.kind().ends_with("_definition"));
                    methods
                        .filter_map(|method| definition(method)?.child_by_field_name("body"))
                        .for_each(|body| self.python_block(body));
                }
                "if_statement" => {
                    let condition = statement.child_by_field_name("condition");
                    let text = condition.and_then(|it| self.source.get(it.byte_range())).unwrap_or_default();
                    if text.rsplit('.').next() == Some("TYPE_CHECKING") {
                        let body = statement.child_by_field_name("consequence");
                        body.into_iter().for_each(|body| self.python_block(body));
                    }
                }
                _ => {}
            }
        }
    }

    fn python(&mut self, import: Node<'tree>) {
        let items: Vec<_> = import.children_by_field_name("name", &mut import.walk()).collect();
        for item in items {
            match (item.kind(), item.child_by_field_name("name"), item.child_by_field_name("alias")) {
                ("aliased_import", Some(name), Some(alias)) => {
                    // `a as a` says that others may import it from here.
                    if self.source.get(name.byte_range()) != self.source.get(alias.byte_range()) {
                        self.add(alias, item, import);
                    }
                }
                _ => item.named_child(0).into_iter().for_each(|name| self.add(name, item, import)),
            }
        }
    }

    fn javascript(&mut self, import: Node<'tree>) {
        for clause in named(import) {
            match clause.kind() {
                "import_require_clause" => self.first_identifier(clause, import, import),
                "import_clause" => {
                    let parts = named(clause);
                    for part in &parts {
                        match part.kind() {
                            "identifier" if parts.len() == 1 => self.add(*part, import, import),
                            "identifier" => self.add(*part, *part, import),
                            "namespace_import" => {
                                let item = if parts.len() == 1 { import } else { *part };
                                self.first_identifier(*part, item, import);
                            }
                            _ => self.javascript_list(*part, import),
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn javascript_list(&mut self, list: Node<'tree>, import: Node<'tree>) {
        for item in named(list).into_iter().filter(|item| item.kind() == "import_specifier") {
            let name = item.child_by_field_name("alias").or(item.child_by_field_name("name"));
            name.into_iter().for_each(|name| self.add(name, item, import));
        }
    }

    fn first_identifier(&mut self, node: Node<'tree>, item: Node<'tree>, import: Node<'tree>) {
        let name = named(node).into_iter().find(|part| part.kind() == "identifier");
        name.into_iter().for_each(|name| self.add(name, item, import));
    }

    fn java(&mut self, import: Node<'tree>) {
        let parts = named(import);
        if parts.iter().any(|part| part.kind() == "asterisk") {
            return;
        }
        let path = parts.into_iter().find(|part| part.kind() == "scoped_identifier");
        let name = path.and_then(|path| path.child_by_field_name("name"));
        name.into_iter().for_each(|name| self.add(name, import, import));
    }

    fn kotlin(&mut self, import: Node<'tree>) {
        let parts = named(import);
        let part = |kind: &str| parts.iter().find(|part| part.kind() == kind).copied();
        if part("wildcard_import").is_some() {
            return;
        }
        let name = part("import_alias").or(part("identifier")).and_then(|path| named(path).pop());
        name.into_iter().for_each(|name| self.add(name, import, import));
    }

    /// A package need not be called like the last part of its path; those of the standard library are.
    fn go(&mut self, import: Node<'tree>) {
        let mut specs = named(import);
        specs.extend(specs.clone().into_iter().filter(|it| it.kind() == "import_spec_list").flat_map(named));
        for spec in specs.into_iter().filter(|spec| spec.kind() == "import_spec") {
            let Some(path) = spec.child_by_field_name("path") else { continue };
            let quoted = self.source.get(path.byte_range()).unwrap_or_default();
            match spec.child_by_field_name("name") {
                Some(name) if name.kind() == "package_identifier" => self.add(name, spec, import),
                None if is_standard_go(quoted) => {
                    let name = package_of(quoted);
                    self.found.extend(name.map(|name| Binding { name, item: spec, import }));
                }
                _ => {}
            }
        }
    }

    fn php(&mut self, import: Node<'tree>) {
        let parts = named(import);
        let group = parts.iter().find(|part| part.kind() == "namespace_use_group");
        let clauses = group.map_or(parts.clone(), |group| named(*group));
        for clause in clauses.into_iter().filter(|clause| clause.kind() == "namespace_use_clause") {
            let innermost = |node: Node<'tree>| match node.kind() {
                "qualified_name" => named(node).pop(),
                _ => Some(node),
            };
            let name = clause.child_by_field_name("alias").or_else(|| innermost(*named(clause).last()?));
            let alone = group.is_none() && parts.len() == 1;
            name.into_iter().for_each(|name| self.add(name, if alone { import } else { clause }, import));
        }
    }
}

/// The definition within its decorators.
fn definition(node: Node<'_>) -> Option<Node<'_>> {
    if node.kind() == "decorated_definition" { node.child_by_field_name("definition") } else { Some(node) }
}

/// Whether a quoted path is one of Go's standard library.
fn is_standard_go(quoted: &str) -> bool {
    const ROOTS: &[&str] = &[
        "archive",
        "bufio",
        "bytes",
        "cmp",
        "compress",
        "container",
        "context",
        "crypto",
        "database",
        "debug",
        "encoding",
        "errors",
        "expvar",
        "flag",
        "fmt",
        "go",
        "hash",
        "html",
        "image",
        "index",
        "io",
        "iter",
        "log",
        "maps",
        "math",
        "mime",
        "net",
        "os",
        "path",
        "plugin",
        "reflect",
        "regexp",
        "runtime",
        "slices",
        "sort",
        "strconv",
        "strings",
        "structs",
        "sync",
        "syscall",
        "testing",
        "text",
        "time",
        "unicode",
        "unique",
        "unsafe",
        "weak",
    ];
    let path = quoted.trim_matches(|c| c == '"' || c == '`');
    ROOTS.contains(&path.split('/').next().unwrap_or_default())
}

/// Words of a text that may be names.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// The name that a quoted path goes by: `http` of `"net/http"`, `yaml` of `"gopkg.in/yaml.v3"`.
#[must_use]
pub fn package_of(quoted: &str) -> Option<&str> {
    let path = quoted.trim_matches(|c: char| !is_word(c));
    let is_version = |part: &&str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let last = path.rsplit('/').find(|part| !is_version(part))?;
    words(last).next()
}

/// The imports at the top level of a file.
#[must_use]
pub fn imports<'tree>(tree: &'tree SyntaxTree, profile: &Profile) -> Vec<Node<'tree>> {
    let is_import = |node: &Node<'_>| profile.is_import(node.kind());
    let mut imports = Vec::new();
    for child in children(tree.root()) {
        if is_import(&child) {
            imports.push(child);
        } else if child.kind().contains("import") {
            imports.extend(children(child).into_iter().filter(is_import));
        }
    }
    imports
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

fn named(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::parse::{ParseLimits, parse_text};

    fn bound(language: Language, text: &str) -> Vec<String> {
        let tree = parse_text(text, language, &ParseLimits::default()).unwrap();
        assert!(!tree.has_error(), "{text}");
        bindings(&tree).iter().map(|binding| binding.name.to_owned()).collect()
    }

    #[test]
    fn names_are_those_that_code_uses() {
        let python = "import a.b as c, d.e\nfrom .x import (y as z, w, v as v)\nfrom q import *\n\
                      from __future__ import annotations\nif TYPE_CHECKING:\n    import t\nif x:\n    import u\n\
                      try:\n    import k\nexcept ImportError:\n    k = None\ndef f():\n    import l\n\
                      class C:\n    import m\n    def g(self):\n        import n\n";
        assert_eq!(bound(Language::Python, python), ["c", "d", "z", "w", "t", "l", "n"]);
        let typescript = "import a, * as b from 'x';\nimport type { c, d as e, type f } from 'y';\n\
                          import g = require('g');\nimport 'h';\n";
        assert_eq!(bound(Language::TypeScript, typescript), ["a", "b", "c", "e", "f", "g"]);
        let java = "import a.b.C;\nimport static a.B.c;\nimport a.d.*;\nclass A {}\n";
        assert_eq!(bound(Language::Java, java), ["C", "c"]);
        let kotlin = "import a.b.C\nimport a.b as d\nimport a.*\nfun f() {}\n";
        assert_eq!(bound(Language::Kotlin, kotlin), ["C", "d"]);
        let go = "package a\n\nimport \"fmt\"\n\nimport (\n\tx \"a/b\"\n\t_ \"c\"\n\t. \"d\"\n\t\"math/rand/v2\"\n\
                  \t\"gopkg.in/yaml.v3\"\n)\n";
        assert_eq!(bound(Language::Go, go), ["fmt", "x", "rand"]);
        let php = "<?php\nuse A\\B;\nuse C;\nuse A\\D as E, A\\F;\nuse A\\{G, H as I};\nuse function A\\j;\n";
        assert_eq!(bound(Language::Php, php), ["B", "C", "E", "F", "G", "I", "j"]);
    }
}
