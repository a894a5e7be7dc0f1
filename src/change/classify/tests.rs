//! The pitfalls of proving that a change means nothing, one line each.

use super::{ClassifyOptions, classify};
use crate::change::sample::{classified, parsed};
use crate::change::{ChangeClass, Content, LineRange, Opaque};
use ChangeClass::{Comment, Directive, Documentation, Import, Literal, Real, Whitespace};

fn check(cases: &[(&str, &str, &str, ChangeClass)]) {
    let mut wrong = Vec::new();
    for (path, old, new, expected) in cases {
        for (old, new) in [(old, new), (new, old)] {
            let change = classified(path, Some(old), Some(new));
            if change.class != *expected {
                wrong.push(format!("{path}: {old:?} -> {new:?}: {:?}, {}", change.class, change.because));
            }
            // A file that is real has a unit that is.
            if change.class == Real && change.units.iter().all(|unit| unit.class != Real) {
                wrong.push(format!("{path}: {old:?} -> {new:?}: no unit is real"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layout_and_plain_comments_are_proved() {
    check(&[
        ("a.rs", "fn f() { g(1,2) }\n", "fn f() {\n    g(1, 2)\n}\n", Whitespace),
        ("a.rs", "fn f() {}\n", "// why\nfn f() {}\n", Comment),
        ("a.rs", "fn f() { g(); } // a\n", "fn f() { g(); } // b\n", Comment),
        (
            "a.rs",
            "fn f() { println!(\"{}\", 1+2); }\n",
            "fn f() { println!( \"{}\" , 1 + 2 ); }\n",
            Whitespace,
        ),
        ("a.py", "def f():\n  return 1\n", "def f():\n    return 1\n", Whitespace),
        ("a.py", "x = [1,\n 2]\n", "x = [1, 2]\n", Whitespace),
        ("a.py", "x = 1\n\n\ny = 2\n", "x = 1\ny = 2\n", Whitespace),
        ("a.py", "x = 1\n", "# why\nx = 1  # that\n", Comment),
        ("a.py", "if x:\n    # a\n    f()\n", "if x:\n    # b\n    f()\n", Comment),
        ("a.js", "f(a,b)\n", "f(a, b)\n", Whitespace),
        ("a.js", "function f() { return x }\n", "function f() {\n\treturn x\n}\n", Whitespace),
        ("a.js", "f()\n", "// why\nf() /* that */\n", Comment),
        ("a.js", "/** Adds. */\nfunction f() {}\n", "/** Sums. */\nfunction f() {}\n", Comment),
        ("a.ts", "let a:number=1;\n", "let a: number = 1;\n", Whitespace),
        ("a.tsx", "let a = <b>\n<c/></b>;\n", "let a = <b>\n   <c/></b>;\n", Whitespace),
        ("a.go", "package a\nfunc f() { g() }\n", "package a\n\nfunc f() {\n\tg()\n}\n", Whitespace),
        ("a.go", "package a\n\nvar x = 1\n", "package a\n\n// X.\nvar x = 1 // one\n", Comment),
        ("A.java", "class A { int x=1; }\n", "class A {\n  int x = 1;\n}\n", Whitespace),
        ("A.java", "class A { int x; }\n", "/** A. */\nclass A { int x; /* no */ }\n", Comment),
        ("a.c", "int f(void){return 1;}\n", "int f(void)\n{\n  return 1;\n}\n", Whitespace),
        ("a.c", "#ifdef A\nint x;\n#endif\n", "#ifdef A\n  int  x;\n#endif\n", Whitespace),
        ("a.c", "#define A 1\nint x;\n", "#define A 1\n\n/* x */\nint x;\n", Comment),
        ("a.cpp", "int f(){return 1;}\n", "int f() { return 1; }\n", Whitespace),
        ("a.cs", "class A { int X(){return 1;} }\n", "class A {\n  int X() { return 1; }\n}\n", Whitespace),
        ("a.rb", "def f\n  g(1,2)\nend\n", "def f\n    g(1, 2)\nend\n", Whitespace),
        ("a.rb", "def f\n  1\nend\n", "# f\ndef f\n  1\nend\n", Comment),
        ("a.php", "<?php\nfunction f(){return 1;}\n", "<?php\nfunction f() { return 1; }\n", Whitespace),
        ("a.kt", "fun f(): Int { return 1 }\n", "fun f(): Int {\n    return 1\n}\n", Whitespace),
        ("a.sh", "f() {\n  echo a\n}\n", "f() {\n    echo a\n}\n", Whitespace),
        ("a.sh", "echo a\n", "# why\necho a\n", Comment),
    ]);
}

#[test]
fn blocks_are_not_flat() {
    check(&[
        ("a.py", "if x:\n    f()\n    g()\n", "if x:\n    f()\ng()\n", Real),
        (
            "a.py",
            "for a in b:\n    if a:\n        f()\n    else:\n        g()\n",
            "for a in b:\n    if a:\n        f()\nelse:\n    g()\n",
            Real,
        ),
        (
            "a.py",
            "class A:\n    def f(self):\n        pass\n    def g(self):\n        pass\n",
            "class A:\n    def f(self):\n        pass\ndef g(self):\n    pass\n",
            Real,
        ),
        (
            "a.py",
            "if x:\n    a()\n    def f():\n        \"\"\"doc\n        \"\"\"\n        g()\n",
            "if x:\n    a()\ndef f():\n    \"\"\"doc\n        \"\"\"\n    g()\n",
            Real,
        ),
        ("a.js", "if (x)\n  if (y) f();\n  else g();\n", "if (x) {\n  if (y) f();\n} else g();\n", Real),
        ("a.js", "function f() {\n  return x\n}\n", "function f() {\n  return\n  x\n}\n", Real),
        ("a.js", "function f() {\n  return /* a */ x\n}\n", "function f() {\n  return /*\n*/ x\n}\n", Real),
        ("a.py", "if x:\n        f()\n        g()\n", "if x:\n        f()\n\tg()\n", Real),
    ]);
}

#[test]
fn a_line_break_ends_a_statement() {
    let mut cases = Vec::new();
    for value in ["(x)", "[x]", "`x`", "/x/", "+x", "-x", "x", "!x", "<b/>", "function() {}", "async () => 1"]
    {
        for word in ["return", "throw", "yield"] {
            let text = |space| format!("function* f() {{\n  {word}{space}{value};\n}}\n");
            cases.push(("a.js", text(" "), text("\n")));
            cases.push(("a.tsx", text(" "), text("\n")));
        }
    }
    for (path, text) in [
        ("a.js", "f = async@(x) => x;\n"),
        ("a.js", "f = async@function() {};\n"),
        ("a.js", "class A { async@f() {} }\n"),
        ("a.js", "a: for (;;) { break@a; }\n"),
        ("a.js", "a: for (;;) { continue@a; }\n"),
        ("a.js", "x@++\ny\n"),
        ("a.ts", "type@A = 1\n"),
        ("a.ts", "declare@module 'a' {}\n"),
        ("a.ts", "declare@let a: number\n"),
        ("a.ts", "abstract@class A {}\n"),
        ("a.ts", "namespace@A {}\n"),
        ("a.ts", "interface@A {}\n"),
        ("a.ts", "class A { private@x = 1 }\n"),
        ("a.ts", "class A { readonly@x = 1 }\n"),
        ("a.ts", "class A { override@x() {} }\n"),
        ("a.kt", "fun f(): Int { return@(1) }\n"),
        ("a.kt", "fun f(): Int { return@1 }\n"),
        ("a.kt", "val x = a@(1)\n"),
        ("a.kt", "val x = a@[1]\n"),
        ("a.kt", "val x = a@+ 1\n"),
        ("a.rb", "def f\n  return@(1)\nend\n"),
        ("a.rb", "def f\n  return@[1]\nend\n"),
        ("a.rb", "def f\n  return@-1\nend\n"),
        ("a.rb", "x.each { next@(1) }\n"),
        ("a.rb", "def f\n  yield@(1)\nend\n"),
        ("a.rb", "def f\n  yield@[1]\nend\n"),
        ("a.rb", "f@-1\n"),
        ("a.rb", "f@[1]\n"),
        ("a.go", "package a\nfunc f() int { return@(1) }\n"),
        ("a.go", "package a\nfunc f() { a: for { break@a } }\n"),
    ] {
        cases.push((path, text.replace('@', " "), text.replace('@', "\n")));
    }
    let labelled = |space| format!("fun f(): Int {{ return@f{space}(1) }}\n");
    cases.push(("a.kt", labelled(" "), labelled("\n")));
    let cases: Vec<_> = cases.iter().map(|(path, old, new)| (*path, &**old, &**new, Real)).collect();
    check(&cases);
    check(&[
        ("a.js", "if (x) return (y)\n", "if (x)\n  return (y)\n", Whitespace),
        ("a.kt", "fun f() { if (x) return 1 }\n", "fun f() {\n  if (x)\n    return 1\n}\n", Whitespace),
        ("a.kt", "val x = a(1)\n", "val x =\n  a(1)\n", Whitespace),
        ("a.js", "f = async (x) => x;\n", "f = async (x) =>\n  x;\n", Whitespace),
        ("a.js", "function f() { return (x) }\n", "function f() { return (\n  x\n) }\n", Whitespace),
    ]);
}

#[test]
fn leaves_are_not_trimmed() {
    check(&[
        ("a.py", "x = ' foo'\n", "x = 'foo'\n", Literal),
        ("a.js", "x = ' foo'\n", "x = 'foo'\n", Literal),
        ("a.js", "x = `a ${b}`\n", "x = `a  ${b}`\n", Real),
        ("a.js", "x = /a b/\n", "x = /a  b/\n", Real),
        ("a.js", "x = <b>a b</b>\n", "x = <b>a  b</b>\n", Real),
        ("a.js", "x = <b> a</b>\n", "x = <b>a</b>\n", Real),
        ("a.js", "x = <b> {a}</b>\n", "x = <b>{a}</b>\n", Real),
        ("a.go", "package a\nvar x = \" a\"\n", "package a\nvar x = \"a\"\n", Literal),
        ("a.go", "package a\nvar x = `a\n b`\n", "package a\nvar x = `a\n  b`\n", Literal),
        ("a.rs", "const X: &str = \" a\";\n", "const X: &str = \"a\";\n", Literal),
        ("a.rs", "const X: &str = \"a\\\n  b\";\n", "const X: &str = \"a\\\n   b\";\n", Literal),
        ("a.sh", "cat <<EOF\na\nEOF\n", "cat <<EOF\n a\nEOF\n", Real),
        ("a.sh", "cat <<EOF\n\n a\nEOF\n", "cat <<EOF\n a\nEOF\n", Real),
        ("a.sh", "cat <<EOF | b c\na\nEOF\nd\n", "cat <<EOF | b c\n a\nEOF\nd\n", Real),
        ("a.sh", "cat <<-EOF > x\na\nEOF\nd\n", "cat <<-EOF > x\n a\nEOF\nd\n", Real),
        ("a.sh", "cat <<A; cat <<B\na\nA\nb\nB\n", "cat <<A; cat <<B\na\nA\n b\nB\n", Real),
        ("a.sh", "cat <<EOF\na $b c\nEOF\n", "cat <<EOF\na $b  c\nEOF\n", Real),
        ("a.sh", "echo \"a b\"\n", "echo \"a  b\"\n", Literal),
        ("a.sh", "echo ${a:- b}\n", "echo ${a:-b}\n", Real),
        ("a.rb", "x = <<~E\n  a b\nE\n", "x = <<~E\n  a  b\nE\n", Real),
        ("a.rb", "f(<<E)\na\nE\n", "f(<<E)\n a\nE\n", Real),
        ("a.rb", "f(<<E)\n\na\nE\n", "f(<<E)\na\nE\n", Real),
        ("a.php", "<?php\nf(<<<'E'\na\nE);\n", "<?php\nf(<<<'E'\n a\nE);\n", Real),
        ("a.rb", "x = %w[a b]\n", "x = %w[ab]\n", Real),
        ("a.rb", "x = \" a\"\n", "x = \"a\"\n", Literal),
        ("a.php", "<?php\n$x = <<<E\na b\nE;\n", "<?php\n$x = <<<E\na  b\nE;\n", Real),
        ("a.php", "<?php\n$x = \" a\";\n", "<?php\n$x = \"a\";\n", Literal),
        ("a.kt", "val x = \" a\"\n", "val x = \"a\"\n", Literal),
        ("a.kt", "val x = \"\"\"a\n b\"\"\"\n", "val x = \"\"\"a\n  b\"\"\"\n", Literal),
        ("A.java", "class A { String x = \" a\"; }\n", "class A { String x = \"a\"; }\n", Literal),
        (
            "A.java",
            "class A { String x = \"\"\"\n  a\n  \"\"\"; }\n",
            "class A { String x = \"\"\"\n   a\n  \"\"\"; }\n",
            Literal,
        ),
        ("a.cs", "class A { string X = \" a\"; }\n", "class A { string X = \"a\"; }\n", Literal),
        ("a.cs", "class A { string X = @\"a\n b\"; }\n", "class A { string X = @\"a\n  b\"; }\n", Literal),
        ("a.cs", "class A { string X = $\"a {b}\"; }\n", "class A { string X = $\"a  {b}\"; }\n", Real),
        ("a.c", "char *x = \" a\";\n", "char *x = \"a\";\n", Literal),
        ("a.cpp", "auto x = R\"(a b)\";\n", "auto x = R\"(a  b)\";\n", Literal),
    ]);
}

#[test]
fn tokens_without_a_node_count() {
    check(&[
        ("a.rs", "fn f() { g(r\"a\") }\n", "fn f() { g(br\"a\") }\n", Real),
        ("a.rs", "fn f() { g(r#\"a\"#) }\n", "fn f() { g(r##\"a\"##) }\n", Literal),
        ("a.rs", "fn f() { g(\"a\") }\n", "fn f() { g(b\"a\") }\n", Real),
        ("a.py", "x = 'a'\n", "x = b'a'\n", Real),
        ("a.py", "x = r'\\n'\n", "x = '\\n'\n", Real),
        ("a.c", "char *x = \"a\";\n", "wchar_t *x = L\"a\";\n", Real),
        ("a.cpp", "auto x = u8\"a\";\n", "auto x = u\"a\";\n", Real),
        ("a.py", "x = 1 + \\\n  2\n", "x = 1 + 2\n", Real),
        ("a.js", "f()\n", "\u{feff}f()\n", Real),
        ("a.js", "f( )\n", "f(\u{a0})\n", Real),
        ("a.rs", "m!(a <- b);\n", "m!(a < - b);\n", Real),
        ("a.sh", "echo a\n", "echo a\r\n", Real),
    ]);
}

#[test]
fn small_changes_of_meaning_are_real() {
    check(&[
        ("a.py", "if x: f()\n", "if not x: f()\n", Real),
        ("a.rs", "fn f() { if x { g() } }\n", "fn f() { if !x { g() } }\n", Real),
        ("a.py", "@d\ndef f(): pass\n", "def f(): pass\n", Real),
        ("a.rs", "#[test]\nfn f() {}\n", "fn f() {}\n", Real),
        ("a.py", "x = (1)\n", "x = (1,)\n", Real),
        ("a.py", "def f():\n    \"\"\"Does.\"\"\"\n", "def f():\n    \"\"\"Did.\"\"\"\n", Literal),
        ("a.py", "async def f(): pass\n", "def f(): pass\n", Real),
        ("a.js", "a = b\n;(c)()\n", "a = b\n(c)()\n", Real),
        ("a.js", "\"use strict\"\nf()\n", "f()\n", Real),
        ("a.c", "#include <a.h>\n#include <b.h>\n", "#include <b.h>\n#include <a.h>\n", Real),
        ("a.c", "#ifdef A\nf();\n#endif\n", "#ifdef A f();\n#endif\n", Real),
        ("a.c", "#define A 1\nint x;\n", "#define A \\\n1\nint x;\n", Real),
        ("a.c", "#define A(x) x\n", "#define A (x) x\n", Real),
        ("a.rs", "fn f() {}\nfn g() {}\n", "fn f() { }\n/*\nfn g() {}\n*/\n", Real),
        ("a.js", "function f() {} y = 2\n", "function f() {} y = 3\n", Real),
        ("a.go", "package a\nimport _ \"b\"\n", "package a\nimport \"b\"\n", Import),
        ("a.kt", "val x = a\nval y = -b\n", "val x = a\n-b\n", Real),
        ("a.sh", "a\nb\n", "a b\n", Real),
        ("a.sh", "a | b\n", "a || b\n", Real),
        ("a.rb", "foo (1)\n", "foo\n(1)\n", Real),
        ("a.py", "def f():\n    g()\nf()\n", "f()\ndef f():\n    g()\n", Real),
        (
            "a.py",
            "def f():\n    a()\n    b()\ndef g():\n    c()\n    d()\n",
            "def g():\n    c()\n    d()\ndef f():\n    a()\n    b()\n",
            Real,
        ),
        (
            "a.rs",
            "/// A.\nfn a() {}\n\nfn h() { x() }\n\n// k\nfn k() {}\n",
            "/// A.\nfn a() {}\n\n/*\nfn h() { x() }\n\n// k */\nfn k() {}\n",
            Real,
        ),
    ]);
}

#[test]
fn directives_are_more_than_comments() {
    check(&[
        ("a.py", "import a\n", "import a  # noqa\n", Directive),
        ("a.py", "x = []\n", "x = []  # type: list[int]\n", Directive),
        ("a.py", "x = 1  # noqa\ny = 2\n", "x = 1\n# noqa\ny = 2\n", Directive),
        ("a.py", "f(a, b)  # noqa\n", "f(\n    a, b\n)  # noqa\n", Directive),
        ("a.py", "# coding: latin-1\nx = 1\n", "x = 1\n", Real),
        ("a.py", "#!/usr/bin/python\nx = 1\n", "#!/usr/bin/python3\nx = 1\n", Real),
        ("a.sh", "#!/bin/bash\na\n", "  #!/bin/bash\na\n", Real),
        ("a.sh", "#!/bin/bash\na\n", "\n#!/bin/bash\na\n", Real),
        ("a.py", "#!/usr/bin/python\nx = 1\n", "# a\n#!/usr/bin/python\nx = 1\n", Real),
        ("a.py", "# a\n# coding: latin-1\nx = 1\n", "# a\n\n# coding: latin-1\nx = 1\n", Real),
        (
            "a.py",
            "# /// script\n# dependencies = []\n# ///\n",
            "# /// script\n# dependencies = ['a']\n# ///\n",
            Real,
        ),
        ("a.ts", "f()\n", "// @ts-ignore\nf()\n", Directive),
        ("a.js", "f()\n", "f() // eslint-disable-line\n", Directive),
        ("a.js", "import('a')\n", "import(/* webpackChunkName: \"a\" */ 'a')\n", Real),
        ("a.js", "f()\n", "/* global f */\nf()\n", Directive),
        ("a.js", "/** @type {number} */\nlet a\n", "/** @type {string} */\nlet a\n", Directive),
        ("a.go", "//go:build linux\n\npackage a\n", "//go:build darwin\n\npackage a\n", Real),
        ("a.go", "// +build linux\n\npackage a\n", "// +build linux\npackage a\n", Real),
        (
            "a.go",
            "package a\n\n// #include <a.h>\nimport \"C\"\n",
            "package a\n\n// #include <b.h>\nimport \"C\"\n",
            Real,
        ),
        (
            "a.go",
            "package a\n\n// int f() { return 1; }\n// int g;\nimport \"C\"\n",
            "package a\n\n// int f() { return 2; }\n// int g;\nimport \"C\"\n",
            Real,
        ),
        (
            "a.go",
            "package a\n\nfunc E() {\n\tf()\n\t// Output:\n\t// a\n}\n",
            "package a\n\nfunc E() {\n\tf()\n\t// Output:\n\t// b\n}\n",
            Real,
        ),
        (
            "a.go",
            "package a\n\n//go:embed a\nvar x string\n",
            "package a\n\n//go:embed a\n\nvar x string\n",
            Real,
        ),
        ("a.rs", "/// A.\nfn f() {}\n", "/// B.\nfn f() {}\n", Documentation),
        ("a.rs", "//! A.\nfn f() {}\n", "//! B.\nfn f() {}\n", Documentation),
        ("a.rs", "fn f() {}\n", "// SAFETY: never null.\nfn f() {}\n", Directive),
        ("a.rs", "fn f() {}\n", "//// A.\nfn f() {}\n", Comment),
        (
            "a.c",
            "void f() { switch (x) { case 1: g(); /* fallthrough */ case 2: h(); } }\n",
            "void f() { switch (x) { case 1: g(); case 2: h(); } }\n",
            Directive,
        ),
        ("a.cpp", "int x; // NOLINT\n", "int x;\n", Directive),
        ("a.rb", "# frozen_string_literal: true\nx = 1\n", "# frozen_string_literal: false\nx = 1\n", Real),
        ("a.rb", "x = 1 # rubocop:disable A/B\n", "x = 1\n", Directive),
        (
            "a.php",
            "<?php\n/** @Route(\"/a\") */\nfunction f() {}\n",
            "<?php\n/** @Route(\"/b\") */\nfunction f() {}\n",
            Real,
        ),
        ("a.sh", "#!/bin/sh\na\n", "#!/bin/bash\na\n", Real),
        ("a.sh", "a\n", "# shellcheck disable=SC1\na\n", Directive),
        ("a.sh", "#SBATCH -n 1\na\n", "#SBATCH -n 2\na\n", Real),
        ("A.java", "class A { int x; }\n", "class A { int x; // NOSONAR\n}\n", Directive),
        ("a.js", "f() // a\n", "f() // a\u{202e}\n", Real),
    ]);
}

/// One line a unit: name, class, deleted and added lines, reason.
fn units(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let change = classified(path, old, new);
    let ranges = |ranges: &[LineRange]| {
        ranges.iter().map(|range| format!("{}+{}", range.start, range.len)).collect::<Vec<_>>().join(",")
    };
    let lines = change.units.iter().map(|unit| {
        let because = unit.because.split(" (blake3").next().unwrap_or_default();
        let (deleted, added) = (ranges(&unit.deleted), ranges(&unit.added));
        format!("{} | {} | -{deleted} +{added} | {because}", unit.name, unit.class.as_str())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_definition_is_judged_alone() {
    let old = "use a;\n\nfn one() {\n    x();\n}\n\nfn two() {\n    y();\n}\n\nfn three() {}\n";
    let new = "use b;\n\nfn one() {\n    // why\n    x();\n}\n\nfn two() {\n    z();\n}\n\nfn four() {}\n";
    insta::assert_snapshot!(units("a.rs", Some(old), Some(new)), @r"
    (top level) | import | -1+1 +1+1 | same syntax; imports added: `b`; removed: `a`, beside definitions that changed
    one | comment | - +4+1 | same syntax, 1 comment differs
    two | real | -8+1 +9+1 | changed logic
    three | real | -11+1 + | deleted
    four | real | - +12+1 | added
    ");
    insta::assert_snapshot!(units("a.rs", None, Some(old)), @"(file) | real | - +1+11 | added");
    insta::assert_snapshot!(units("a.lua", Some("x = 1\n"), Some("x = 2\n")), @"(file) | real | -1+1 +1+1 | no grammar: sent as text");
    insta::assert_snapshot!(units("a.py", Some("def f():\n    x = 1\n"), Some("def f():\n    x = (1\n")), @"f | real | -2+1 +2+1 | changed; not proved: python does not parse");
}

/// A definition that goes away shifts the count of those of the same name, not those themselves.
#[test]
fn definitions_of_one_name_are_paired_by_their_lines() {
    let block = |name: &str| format!("impl A {{\n    fn {name}(&self) {{}}\n}}\n\n");
    let old = block("one") + &block("two") + &block("three");
    let new = block("two") + &block("three").replace("{}", "{ /* why */ }");
    insta::assert_snapshot!(units("a.rs", Some(&old), Some(&new)), @r"
    impl A / one | real | -2+1 + | deleted
    impl A | real | -3+2 + | changed logic
    impl A | real | -5+1 + | deleted
    impl A / three | comment | -10+1 +6+1 | same syntax, 1 comment differs
    ");
}

fn class(path: &str, old: Option<&str>, new: Option<&str>) -> ChangeClass {
    let change = classified(path, old, new);
    assert!(change.units.iter().all(|unit| unit.name == "(file)" && unit.class == change.class));
    change.class
}

#[test]
fn tables_name_what_is_not_reviewed() {
    let cases = [
        ("Cargo.lock", ChangeClass::Lock),
        ("web/package-lock.json", ChangeClass::Lock),
        ("go.sum", ChangeClass::Lock),
        ("a/b.min.js", ChangeClass::Generated),
        ("api/x_pb2.py", ChangeClass::Generated),
        ("vendor/a/b.go", ChangeClass::Vendored),
        ("web/node_modules/a.js", ChangeClass::Vendored),
        ("README.md", ChangeClass::Docs),
        ("docs/a.rst", ChangeClass::Docs),
        ("LICENSE", ChangeClass::Docs),
        ("LICENSE-MIT", ChangeClass::Docs),
        ("requirements-dev.txt", ChangeClass::Data),
        ("a.yaml", ChangeClass::Data),
        ("a.json", ChangeClass::Data),
        ("pyproject.toml", ChangeClass::Data),
        ("a.css", ChangeClass::Data),
        (".gitignore", ChangeClass::Data),
        ("CMakeLists.txt", Real),
        ("Makefile", Real),
        ("vendored.lua", Real),
        ("license.lua", Real),
        ("lock.lua", Real),
    ];
    for (path, expected) in cases {
        assert_eq!(class(path, Some("a: 1\n"), Some("a: 2\n")), expected, "{path}");
    }
}

#[test]
fn a_marker_counts_only_if_it_was_there_before() {
    let (plain, marked) = ("x = 1\n", "# @generated by a\nx = 2\n");
    assert_eq!(class("a.lua", Some(marked), Some(plain)), ChangeClass::Generated);
    assert_eq!(class("a.lua", Some(plain), Some(marked)), Real);
    assert_eq!(class("a.lua", None, Some(marked)), Real);
    let go = "// Code generated by a. DO NOT EDIT.\n\npackage a\n";
    assert_eq!(class("a.go", Some(go), Some(&go.replace("package a", "package b"))), ChangeClass::Generated);
    let late = "f()\n".repeat(40) + "# @generated\n";
    assert_eq!(class("a.lua", Some(&late), Some(&(late.clone() + "g()\n"))), Real);
}

#[test]
fn excluded_paths_are_not_reviewed() {
    let glob = globset::Glob::new("gen/**").unwrap();
    let excluded = globset::GlobSet::builder().add(glob).build().unwrap();
    let options = ClassifyOptions { excluded, tables_only: false };
    let change = parsed("gen/a.rs", Some("fn a() {}"), Some("fn b() {}"));
    let change = classify(vec![change], &options).pop().unwrap();
    assert_eq!(change.class, ChangeClass::Vendored);
}

#[test]
fn a_change_without_lines_has_no_units() {
    for (old, new, because) in
        [(Some("a\n"), Some("a\n"), "no line changed"), (None, Some(""), "an empty file was added")]
    {
        let change = classified("a.rs", old, new);
        assert_eq!((change.class, change.because.as_str()), (ChangeClass::Metadata, because));
        assert!(change.units.is_empty());
    }
    let mut change = parsed("a.png", None, Some(""));
    change.change.new.as_mut().unwrap().content = Content::Opaque(Opaque::Binary);
    let change = classify(vec![change], &ClassifyOptions::default()).pop().unwrap();
    assert_eq!((change.class, change.because.as_str()), (ChangeClass::Opaque, "binary"));
}
