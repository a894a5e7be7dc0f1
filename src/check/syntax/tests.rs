//! Typical slips, each made in a text that was valid, and what is said of them. Lines were compared with
//! those of CPython 3.11, Node 20, rustc 1.95, javac, gcc and bash: where they differ, it is because the
//! tool notices only at the end of the file what is missing further up.

use crate::change::sample;
use crate::change::{ChangeClass, ClassifiedChange};
use crate::check::finding::{Finding, Severity};
use crate::check::pack::{RuleOptions, RuleSet};

fn findings_with(rules: &RuleSet, path: &str, old: Option<&str>, new: &str) -> Vec<Finding> {
    let parsed = sample::parsed(path, old, Some(new));
    let class = ChangeClass::Real;
    let change = ClassifiedChange { parsed, class, because: String::new(), units: Vec::new() };
    let mut findings = crate::check::check(&[change], &Default::default(), rules).findings;
    findings.retain(|finding| finding.rule == super::RULE);
    findings
}

fn finding(path: &str, old: Option<&str>, new: &str) -> Option<Finding> {
    let mut findings = findings_with(&RuleSet::bundled(), path, old, new);
    assert!(findings.len() <= 1, "{findings:?}");
    findings.pop()
}

fn severity(path: &str, old: Option<&str>, new: &str) -> Option<Severity> {
    finding(path, old, new).map(|finding| finding.severity)
}

/// Replaces the first text by the second one, and expects line, column and message.
fn slips(path: &str, valid: &str, slips: &[(&str, &str, &str)]) {
    assert_eq!(finding(path, None, valid), None);
    for (from, to, expected) in slips {
        assert!(valid.contains(from), "{path}: {from}");
        let new = valid.replacen(from, to, 1);
        let found = finding(path, Some(valid), &new);
        let said = found.map(|it| format!("{}:{} {}", it.line, it.column, it.message));
        assert_eq!(said.as_deref(), Some(*expected), "{new}");
    }
}

#[test]
fn slips_in_python() {
    slips(
        "a.py",
        "def f(a):\n    if a:\n        return g(a, 1)\n    return 'x'\n\n\ndef g(a, b):\n    return [a, b]\n",
        &[
            ("g(a, 1)", "g(a, 1", "3:17 syntax error: `(` is never closed"),
            ("'x'", "'x", "4:12 syntax error: `'` is not closed on its line"),
            ("if a:", "if a", "2:5 syntax error: `:` is missing at the end"),
            ("[a, b]", "[a, b", "8:12 syntax error: `[` is never closed"),
            ("def g(a, b):", "def g(a, b:", "7:6 syntax error: `(` is never closed"),
            ("    if a:", "    else:", "2:5 syntax error at `else:`"),
            (
                "    return 'x'",
                "   return 'x'",
                "4:4 syntax error: this line is not indented like those of its block",
            ),
            (
                "    return [a, b]",
                "return [a, b]",
                "7:1 syntax error: an indented block is missing below this line",
            ),
            ("return g", "x = = g", "3:13 syntax error at `=`"),
            ("[a, b]", "[a b]", "8:15 syntax error at `b`"),
            ("[a, b]", "a, b]", "8:16 syntax error: `]` closes nothing"),
        ],
    );
}

#[test]
fn slips_in_rust() {
    slips(
        "a.rs",
        "fn f(a: u32) -> u32 {\n    if a > 1 {\n        return g(a, 1);\n    }\n    let b = \"x\";\n    a\n}\n\nfn g(a: u32, b: u32) -> u32 {\n    a + b\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "3:17 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "5:13 syntax error: `\"` is not closed on its line"),
            ("> 1 {", "> 1", "2:5 syntax error: `}` of line 4 closes nothing"),
            ("    }\n    let", "    let", "2:14 syntax error: `{` is never closed"),
            ("1);", "1)\n let c = 1", "4:2 syntax error: unexpected token, expected `;`"),
            ("let b =", "let b", "5:11 syntax error: expected `;`"),
            ("if a > 1 {", "else {", "2:5 syntax error: expected an expression"),
            ("a + b", "a +", "10:5 syntax error, as the parser notices on line 11"),
            ("fn g(", "fnn g(", "9:5 syntax error: expected `!`"),
            ("    a\n}", "    a\n}}", "7:2 syntax error: `}` closes nothing"),
        ],
    );
}

#[test]
fn slips_in_javascript() {
    slips(
        "a.js",
        "function f(a) {\n  if (a > 1) {\n    return g(a, 1);\n  }\n  const b = 'x';\n  return { a, b };\n}\n\nfunction g(a, b) {\n  return [a, b];\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "3:13 syntax error: `(` is never closed"),
            ("'x'", "'x", "5:13 syntax error: `'` is not closed on its line"),
            ("(a > 1) {", "(a > 1 {", "2:6 syntax error: `(` is never closed"),
            ("  }\n  const", "  const", "2:14 syntax error: `{` is never closed"),
            ("> 1) {", "> 1)", "2:3 syntax error: `}` of line 4 closes nothing"),
            ("const b =", "const b = =", "5:13 syntax error: unexpected token"),
            ("if (a > 1) {", "else {", "2:3 syntax error: unexpected token"),
            ("[a, b]", "[a, b", "10:10 syntax error: `[` is never closed"),
            ("{ a, b }", "{ a b }", "6:14 syntax error: expected `,` or `}` but found `b`"),
            ("function g", "functon g", "9:8 syntax error: expected a semicolon, but found none"),
            ("[a, b];\n}", "[a, b];\n}}", "11:2 syntax error: `}` closes nothing"),
        ],
    );
}

#[test]
fn slips_in_typescript() {
    slips(
        "a.ts",
        "interface A {\n  a: string;\n}\n\nexport function f(a: A): number {\n  const b: number = 1;\n  return a.a.length + b;\n}\n",
        &[
            ("string;\n}", "string;\n", "4:1 syntax error: `{` of line 1 is never closed"),
            ("a: A)", "a: A", "5:18 syntax error: `(` is never closed"),
            (": number = 1", ": = 1", "6:12 syntax error: unexpected token"),
            ("length + b", "length +", "7:22 syntax error: unexpected token"),
            ("interface A {", "interface A", "1:1 syntax error: `}` of line 3 closes nothing"),
            ("b: number", "b number", "6:10 syntax error: expected a semicolon, but found none"),
        ],
    );
}

#[test]
fn slips_in_go() {
    slips(
        "a.go",
        "package a\n\nimport \"fmt\"\n\nfunc f(a int) int {\n\tif a > 1 {\n\t\treturn g(a, 1)\n\t}\n\tfmt.Println(\"x\")\n\treturn a\n}\n\nfunc g(a, b int) int {\n\treturn a + b\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "7:11 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "9:14 syntax error: `\"` is not closed on its line"),
            ("> 1 {", "> 1", "6:2 syntax error: `}` of line 8 closes nothing"),
            ("\t}\n\tfmt", "\tfmt", "6:11 syntax error: `{` is never closed"),
            ("if a > 1 {", "else {", "6:2 syntax error at `else`"),
            ("a + b", "a +", "14:11 syntax error at `+`"),
            ("func g", "fun g", "13:5 syntax error at `g`"),
            ("return a\n}", "return a\n}}", "11:2 syntax error: `}` closes nothing"),
        ],
    );
}

#[test]
fn slips_in_java() {
    slips(
        "A.java",
        "class A {\n    int f(int a) {\n        if (a > 1) {\n            return g(a, 1);\n        }\n        String b = \"x\";\n        return a;\n    }\n\n    int g(int a, int b) {\n        return a + b;\n    }\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "4:21 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "6:20 syntax error: `\"` is not closed on its line"),
            ("> 1) {", "> 1 {", "3:12 syntax error: `(` is never closed"),
            ("        }\n        String", "        String", "3:20 syntax error: `{` is never closed"),
            ("1);", "1)", "4:27 syntax error: `;` is missing"),
            ("if (a > 1) {", "else {", "3:9 syntax error at `else`"),
            ("a + b", "a +", "11:19 syntax error: something is missing here"),
            ("int g", "itn int g", "10:13 syntax error at `g`"),
            ("return a;\n    }", "return a;\n    }}", "8:5 syntax error: `}` of line 13 closes nothing"),
        ],
    );
}

#[test]
fn slips_in_c() {
    slips(
        "a.c",
        "int g(int a, int b);\n\nint f(int a) {\n    if (a > 1) {\n        return g(a, 1);\n    }\n    char *b = \"x\";\n    return a;\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "5:17 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "7:15 syntax error: `\"` is not closed on its line"),
            ("> 1) {", "> 1 {", "4:8 syntax error: `(` is never closed"),
            ("1);", "1)", "5:23 syntax error: `;` is missing"),
            ("    }\n    char", "    char", "4:16 syntax error: `{` is never closed"),
        ],
    );
}

#[test]
fn slips_in_ruby() {
    slips(
        "a.rb",
        "def f(a)\n  if a > 1\n    return g(a, 1)\n  end\n  b = 'x'\n  [a, b]\nend\n",
        &[
            ("g(a, 1)", "g(a, 1", "3:13 syntax error: `(` is never closed"),
            ("'x'", "'x", "5:7 syntax error: `'` is not closed on its line"),
            ("  end\n", "", "1:1 syntax error: what begins here is not complete"),
            ("[a, b]", "[a, b", "6:3 syntax error: `[` is never closed"),
        ],
    );
}

#[test]
fn slips_in_bash() {
    slips(
        "a.sh",
        "f() {\n  if [ \"$1\" = x ]; then\n    echo \"x\"\n  fi\n}\n\nfor a in 1 2; do\n  f \"$a\"\ndone\n",
        &[
            ("  fi\n", "", "1:1 syntax error: what begins here is not complete"),
            ("\"x\"", "\"x", "3:10 syntax error: `\"` is not closed on its line"),
            ("; then", "", "2:3 syntax error: what begins here is not complete"),
            ("done\n", "", "9:1 syntax error: `done` is missing"),
            ("; do", "", "7:13 syntax error"),
        ],
    );
}

#[test]
fn slips_in_php() {
    slips(
        "a.php",
        "<?php\nfunction f($a) {\n    if ($a > 1) {\n        return g($a, 1);\n    }\n    $b = 'x';\n    return [$a, $b];\n}\n",
        &[
            ("g($a, 1)", "g($a, 1", "4:17 syntax error: `(` is never closed"),
            ("'x'", "'x", "6:10 syntax error: `'` is not closed on its line"),
            ("1);", "1)", "4:24 syntax error: `;` is missing"),
            ("> 1) {", "> 1 {", "3:8 syntax error: `(` is never closed"),
            ("$b]", "$b", "7:12 syntax error: `[` is never closed"),
        ],
    );
}

#[test]
fn slips_in_kotlin() {
    slips(
        "a.kt",
        "fun f(a: Int): Int {\n    if (a > 1) {\n        return g(a, 1)\n    }\n    val b = \"x\"\n    return a\n}\n",
        &[
            ("g(a, 1)", "g(a, 1", "3:17 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "5:13 syntax error: `\"` is not closed on its line"),
            ("> 1) {", "> 1 {", "2:8 syntax error: `(` is never closed"),
            ("    }\n    val", "    val", "2:16 syntax error: `{` is never closed"),
            ("val b =", "val b = =", "5:13 syntax error at `=`"),
        ],
    );
}

#[test]
fn slips_in_csharp() {
    slips(
        "A.cs",
        "class A {\n    int F(int a) {\n        if (a > 1) {\n            return G(a, 1);\n        }\n        var b = \"x\";\n        return a;\n    }\n}\n",
        &[
            ("G(a, 1)", "G(a, 1", "4:21 syntax error: `(` is never closed"),
            ("\"x\"", "\"x", "6:17 syntax error: `\"` is not closed on its line"),
            ("1);", "1)", "4:27 syntax error: `;` is missing"),
            ("> 1) {", "> 1 {", "3:12 syntax error: `(` is never closed"),
            ("        }\n        var", "        var", "3:20 syntax error: `{` is never closed"),
        ],
    );
}

#[test]
fn nothing_is_said_where_the_old_side_was_wrong_as_well() {
    assert_eq!(finding("a.py", Some("x = (\n"), "x = (\ny = )\n"), None);
    assert_eq!(finding("a.rs", Some("fn f( {}\n"), "fn f( {}\nfn g( {}\n"), None);
    assert_eq!(finding("a.py", Some("x = 1\n y = 2\n"), "x = 1\n y = 2\nz = (\n"), None);
}

/// The grammars of these versions cannot read either, and other parsers can.
#[test]
fn a_second_parser_outvotes_the_grammar() {
    let rust = "fn f() {\n    let _ = &raw const x;\n    let _ = async move || 1;\n}\n";
    assert_eq!(finding("a.rs", None, rust), None);
    let nightly = "#![feature(const_trait_impl)]\nconst impl A for B where C: [const] D {}\n";
    assert_eq!(finding("a.rs", None, nightly), None);
    let go = "package a\n\nfunc f() *uint64 {\n\tg(new([]int), new(struct{}))\n\treturn new(uint64(1))\n}\n";
    assert_eq!(finding("a.go", None, go), None);
    assert!(finding("a.go", None, &go.replace("f()", "f(")).is_some());
    let script = "var await = 1;\nif (await) return;\n";
    assert_eq!(finding("a.js", None, script), None);
}

#[test]
fn grammars_are_believed_as_far_as_they_are_right() {
    // Their own rules judge data.
    assert_eq!(finding("a.json", None, "{\"a\": }"), None);
    assert_eq!(finding("a.c", None, "int main( {"), None);
    assert_eq!(severity("a.c", Some("int a;\n"), "int main( {\n"), Some(Severity::Warning));
    assert_eq!(severity("a.go", None, "package a\nfunc f( {\n"), Some(Severity::Error));
    assert_eq!(severity("a.tsx", None, "const a = <b>;\n"), Some(Severity::Error));
}

#[test]
fn test_data_may_be_wrong_on_purpose_unless_it_was_right() {
    assert_eq!(severity("tests/fixtures/a.py", None, "x = (\n"), None);
    assert_eq!(severity("tests/fixtures/a.py", Some("x = 1\n"), "x = (\n"), Some(Severity::Error));
}

#[test]
fn options_are_obeyed() {
    let with = |options| findings_with(&RuleSet::new(options).unwrap(), "a.py", None, "x = (\n");
    let disabled = RuleOptions { disabled: vec![super::RULE.to_owned()], ..RuleOptions::default() };
    assert_eq!(with(disabled), []);
    let info =
        RuleOptions { severity: [(super::RULE.to_owned(), Severity::Info)].into(), ..RuleOptions::default() };
    assert_eq!(with(info)[0].severity, Severity::Info);
}

#[test]
fn what_nests_too_deep_for_another_parser_stops_nothing() {
    let minus = "-".repeat(200_000);
    finding("a.rs", None, &format!("fn f( {{ {minus}1 }}\n"));
    finding("a.js", None, &format!("f( {{ {minus}\n"));
    finding("a.ts", None, &"a = b => ".repeat(50_000));
    finding("a.rs", None, &format!("fn f() {{ {} }} }}", "1 + ".repeat(50_000)));
}
