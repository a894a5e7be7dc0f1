//! Which code is run by tests alone.
//!
//! A test that is taken for code costs a few tokens; code that is taken for a test may go
//! unreviewed. So what could be either is code: `testing.py` of a library, a `spec` package.

use std::ops::Range;

use tree_sitter::Node;

use crate::change::language::Language;
use crate::change::parse::{Syntax, SyntaxTree};
use crate::change::{ChangeClass, ClassifiedChange, ParsedChange, Unit};

/// Directories that hold tests wherever they are.
const DIRECTORIES: &[&str] = &["tests", "__tests__", "testdata", "step_definitions"];

/// Directories that hold tests at the root of a repository; elsewhere they may be a library's.
const ROOT_DIRECTORIES: &[&str] = &["test", "testing", "fixtures", "spec", "specs", "e2e"];

/// Starts and ends of file names, by test runners' own conventions.
const NAMES: &[(&str, &str)] = &[
    ("test_", ".py"),
    ("", "_test.py"),
    ("", "_test.go"),
    ("", "Test.java"),
    ("", "Tests.java"),
    ("", "Test.kt"),
    ("", "Tests.kt"),
    ("", "Test.cs"),
    ("", "Tests.cs"),
    ("", "Test.php"),
    ("", "_spec.rb"),
    ("", "_test.rb"),
    ("test_", ".rb"),
    ("", "_test.c"),
    ("", "_test.cc"),
    ("", "_test.cpp"),
    ("", "_test.cxx"),
    ("", "_unittest.cc"),
    ("", "_test.rs"),
    ("", "_tests.rs"),
    ("", ".feature"),
];

/// Whole file names.
const FILES: &[&str] = &["conftest.py", "tests.py", "tests.rs"];

/// Whether the path alone says that only tests run the code.
#[must_use]
pub fn is_test_path(path: &str) -> bool {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    is_in_test_directory(directories, name) || is_test_file(name)
}

fn is_in_test_directory(directories: &str, name: &str) -> bool {
    let parts: Vec<&str> = directories.split('/').collect();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_script = matches!(extension, "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "rb");
    parts.iter().enumerate().any(|(index, part)| {
        let after = index.checked_sub(1).map(|before| parts[before]);
        DIRECTORIES.contains(part)
            || index == 0 && ROOT_DIRECTORIES.contains(part)
            // `src/test/java`, `src/commonTest/kotlin`.
            || after == Some("src") && (*part == "test" || part.ends_with("Test"))
            // In Python `test` is a package that others may import: `django/test`.
            || is_script && matches!(*part, "test" | "spec" | "specs")
    })
}

fn is_test_file(name: &str) -> bool {
    let is_named = |(start, end): &(&str, &str)| {
        name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    if FILES.contains(&name) || NAMES.iter().any(is_named) {
        return true;
    }
    // `a.test.ts`, `a.spec.js`.
    let mut parts = name.rsplit('.');
    let extension = parts.next().unwrap_or_default();
    let is_script = matches!(extension, "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts");
    is_script && matches!(parts.next(), Some("test" | "spec")) && parts.next().is_some()
}

/// Gives the units of a change that only tests run their class.
pub(super) fn mark(change: &mut ClassifiedChange) {
    let sides = [&change.parsed.change.old, &change.parsed.change.new];
    let is_test = sides.into_iter().flatten().all(|side| is_test_path(&side.path.to_text()));
    let parsed = &change.parsed;
    for unit in &mut change.units {
        let is_code = matches!(unit.class, ChangeClass::Real | ChangeClass::Literal | ChangeClass::Rename);
        if is_code && !unit.proved && (is_test || is_test_unit(unit, parsed)) {
            unit.class = ChangeClass::Test;
            unit.because = format!("test code: {}", unit.because);
        }
    }
}

/// Whether a unit is test code on every side on which it stands.
fn is_test_unit(unit: &Unit, parsed: &ParsedChange) -> bool {
    if parsed.language != Some(Language::Rust) {
        return false;
    }
    let is_test = |range: &Option<Range<usize>>, side: Option<&Syntax>| {
        let Some(range) = range else { return true };
        let tree = side.and_then(Syntax::tree);
        let sound = tree.filter(|tree| tree.language() == Language::Rust && !tree.has_error());
        sound.is_some_and(|tree| is_rust_test(tree, range.start, range.end))
    };
    is_test(&unit.old, parsed.old()) && is_test(&unit.new, parsed.new())
}

/// Whether a definition of Rust, or one around it, is compiled for tests only.
fn is_rust_test(tree: &SyntaxTree, start: usize, end: usize) -> bool {
    let root = tree.root();
    // The attributes above a definition are beside it in the tree.
    let Some(mut node) = root.named_descendant_for_byte_range(end.saturating_sub(1).max(start), end) else {
        return false;
    };
    while let Some(outer) = node.parent()
        && outer.parent().is_some()
        && outer.start_byte() >= start
    {
        node = outer;
    }
    loop {
        let Some(outer) = node.parent() else { return false };
        if has_test_attribute(node, tree.source()) {
            return true;
        }
        node = outer;
    }
}

fn has_test_attribute(node: Node<'_>, source: &str) -> bool {
    let mut above = node.prev_named_sibling();
    while let Some(it) = above {
        match it.kind() {
            "attribute_item" if is_test_attribute(&source[it.byte_range()]) => return true,
            "attribute_item" | "line_comment" | "block_comment" => above = it.prev_named_sibling(),
            _ => return false,
        }
    }
    false
}

/// `#[cfg(test)]`, `#[test]`, `#[tokio::test(…)]`.
fn is_test_attribute(attribute: &str) -> bool {
    let text: String = attribute.split_whitespace().collect();
    let Some(text) = text.strip_prefix("#[").and_then(|it| it.strip_suffix(']')) else { return false };
    if let Some(condition) = text.strip_prefix("cfg(") {
        return condition == "test)" || condition.starts_with("all(test,");
    }
    let path = text.split('(').next().unwrap_or_default();
    matches!(path.rsplit("::").next(), Some("test" | "bench" | "rstest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_tests_are_told_by_whole_words() {
        let tests = [
            "tests/a.py",
            "src/test/java/A.java",
            "lib/src/commonTest/kotlin/A.kt",
            "packages/a/__tests__/b.ts",
            "packages/a/test/b.js",
            "a/spec/b.rb",
            "spec/b.rb",
            "testing/a.py",
            "e2e/login.ts",
            "test_a.py",
            "a/b_test.py",
            "a/conftest.py",
            "conftest.py",
            "a_test.go",
            "a/b.test.tsx",
            "b.spec.mjs",
            "FooTest.java",
            "FooTests.kt",
            "a_spec.rb",
            "a_test.cc",
            "src/a/tests.rs",
            "src/a/property_tests.rs",
            "crates/a/tests/b.rs",
        ];
        for path in tests {
            assert!(is_test_path(path), "{path}");
        }
        let code = [
            "latest.py",
            "contest/a.py",
            "src/testing_tools.rs",
            "src/flask/testing.py",
            "django/test/client.py",
            "numpy/testing/utils.py",
            "pkg/spec/parser.go",
            "pkg/test/framework.go",
            "src/Contest.java",
            "Test.java",
            "test.py",
            "src/test.rs",
            "test.js",
            "src/spec.ts",
            "latest.go",
            "attest/a.c",
            "src/tests_runner.rs",
            "src/fixtures/mod.rs",
            "contests.rs",
            "src/attestation/Attest.kt",
            "_test.go",
            "src/crypto/e2e/session.ts",
        ];
        for path in code {
            assert!(!is_test_path(path), "{path}");
        }
    }

    #[test]
    fn attributes_of_tests_are_exact() {
        for attribute in ["#[test]", "#[cfg(test)]", "#[cfg( test )]", "#[tokio::test(flavor = \"a\")]"] {
            assert!(is_test_attribute(attribute), "{attribute}");
        }
        let others = [
            "#[cfg(not(test))]",
            "#[cfg(any(test, a))]",
            "#[cfg_attr(test, a)]",
            "#[test_only]",
            "#[a(test)]",
        ];
        for attribute in others {
            assert!(!is_test_attribute(attribute), "{attribute}");
        }
    }
}
