//! What changes of imports, names, literals, directives and documentation amount to, and which of
//! them are proved to mean nothing.

use crate::change::ChangeClass;
use crate::change::sample::classified;
use ChangeClass::{Comment, Directive, Documentation, Import, ImportOrder, Literal, Real, Test, Whitespace};

/// Path, both sides, the class, and whether the change means nothing.
pub(super) type Case = (&'static str, &'static str, &'static str, ChangeClass, bool);

pub(super) fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (path, old, new, class, proved) in cases {
        let change = classified(path, Some(old), Some(new));
        let is_proved = change.units.iter().all(|unit| unit.proved);
        if (change.class, is_proved) != (*class, *proved) {
            let found = change.class.as_str();
            wrong.push(format!("{path}: {old:?} -> {new:?}: {found}, {is_proved}, {}", change.because));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_imports_means_nothing_where_they_run_nothing() {
    check(&[
        ("a.rs", "use a;\nuse b;\nfn f() {}\n", "use b;\nuse a;\nfn f() {}\n", ImportOrder, true),
        ("a.rs", "use a::b;\nuse a::c;\n", "use a::{c, b};\n", ImportOrder, true),
        ("a.rs", "use a::{b::{c, d}, e};\n", "use a::e;\nuse a::b::d;\nuse a::b::c;\n", ImportOrder, true),
        ("a.rs", "use a as b;\nuse c::*;\n", "use c::*;\nuse a as b;\n", ImportOrder, true),
        (
            "a.go",
            "package a\n\nimport \"b\"\nimport \"c\"\n",
            "package a\n\nimport (\n\t\"c\"\n\t\"b\"\n)\n",
            ImportOrder,
            true,
        ),
        (
            "a.go",
            "package a\n\nimport (\n\tx \"b\"\n\t_ \"c\"\n)\n",
            "package a\n\nimport (\n\t_ \"c\"\n\tx \"b\"\n)\n",
            ImportOrder,
            true,
        ),
        (
            "A.java",
            "import a.B;\nimport c.D;\nclass A {}\n",
            "import c.D;\n\nimport a.B;\nclass A {}\n",
            ImportOrder,
            true,
        ),
        (
            "A.java",
            "import a.*;\nimport static c.D.e;\nclass A {}\n",
            "import static c.D.e;\nimport a.*;\nclass A {}\n",
            ImportOrder,
            true,
        ),
        (
            "a.kt",
            "import a.B\nimport c.D as E\nval x = 1\n",
            "import c.D as E\nimport a.B\nval x = 1\n",
            ImportOrder,
            true,
        ),
        (
            "a.cs",
            "using A;\nusing B = C.D;\nclass X {}\n",
            "using B = C.D;\nusing A;\nclass X {}\n",
            ImportOrder,
            true,
        ),
        // Brackets that are no list's.
        (
            "a.cs",
            "using A = ((int, int), int);\nclass X {}\n",
            "using A = (int, (int, int));\nclass X {}\n",
            Import,
            false,
        ),
        ("a.rs", "pub(crate) use a;\nuse b;\n", "use b;\npub(crate) use a;\n", ImportOrder, true),
        // A unit each, of which the weightier class is the file's.
        (
            "a.rs",
            "use a;\nuse b;\nfn f() { g() }\n",
            "use b;\nuse a;\nfn f() {\n    // why\n    g()\n}\n",
            ImportOrder,
            true,
        ),
    ]);
}

#[test]
fn the_order_of_imports_may_mean_something() {
    check(&[
        ("a.py", "import a\nimport b\n", "import b\nimport a\n", ImportOrder, false),
        ("a.py", "from a import b, c\n", "from a import (\n    c,\n    b,\n)\n", ImportOrder, false),
        ("a.py", "import a, b\nx = 1\n", "import a\nimport b\nx = 1\n", ImportOrder, false),
        ("a.js", "import 'a'\nimport b from 'b'\n", "import b from 'b'\nimport 'a'\n", ImportOrder, false),
        ("a.ts", "import {a, b} from 'c';\n", "import {b, a} from 'c';\n", ImportOrder, false),
        ("a.php", "<?php\nuse A\\B;\nuse C;\n", "<?php\nuse C;\nuse A\\B;\n", ImportOrder, false),
        // An import may run before or after other code.
        ("a.py", "import a\nimport b\nf()\n", "import b\nf()\nimport a\n", Real, false),
        ("a.py", "import a\nf()\n", "import b\nf()\nimport a\n", Real, false),
        ("a.py", "import a\nf()\n", "f()\nimport b\n", Import, false),
        ("a.py", "import a\nf()\n", "f()\nimport a\n", Real, false),
        (
            "a.rs",
            "#[macro_use] extern crate a;\n#[macro_use] extern crate b;\n",
            "#[macro_use] extern crate b;\n#[macro_use] extern crate a;\n",
            ImportOrder,
            false,
        ),
        ("a.rs", "#[cfg(a)]\nuse b;\nuse c;\n", "#[cfg(a)]\nuse c;\nuse b;\n", Import, false),
        ("a.rs", "mod a;\nmod b;\n", "mod b;\nmod a;\n", Real, false),
        ("a.rs", "use a;\nmod b;\nmod c;\n", "use a;\nmod c;\nmod b;\n", Real, false),
        (
            "a.go",
            "package a\n\nimport (\n\t_ \"b\"\n\t_ \"c\"\n)\n",
            "package a\n\nimport (\n\t_ \"c\"\n\t_ \"b\"\n)\n",
            ImportOrder,
            false,
        ),
        (
            "a.go",
            "package a\n\n// int x;\nimport \"C\"\nimport \"fmt\"\n",
            "package a\n\n// int x;\nimport \"fmt\"\nimport \"C\"\n",
            Real,
            false,
        ),
        ("a.c", "#include <a.h>\n#include <b.h>\n", "#include <b.h>\n#include <a.h>\n", Real, false),
        ("a.cpp", "using a::b;\nusing c::d;\n", "using c::d;\nusing a::b;\n", Real, false),
        ("a.rb", "require 'a'\nrequire 'b'\n", "require 'b'\nrequire 'a'\n", Literal, false),
        (
            "a.cs",
            "#if A\nusing B;\n#endif\nusing C;\nclass X {}\n",
            "#if A\nusing C;\n#endif\nusing B;\nclass X {}\n",
            Real,
            false,
        ),
        (
            "a.py",
            "def f():\n    import a\n    import b\n",
            "def f():\n    import b\n    import a\n",
            Real,
            false,
        ),
        ("a.rs", "\u{feff}use a;\nuse b;\n", "use b;\nuse a;\n", Real, false),
        ("a.rs", "use a; // nolint\nuse b;\n", "use b; // nolint\nuse a;\n", ImportOrder, false),
        (
            "a.rs",
            "use a;\nuse b;\nfn f() {}\nfn g() {}\n",
            "use b;\nuse a;\nfn g() {}\nfn f() {}\n",
            Real,
            false,
        ),
    ]);
}

#[test]
fn imports_that_came_or_went_are_told_apart() {
    check(&[
        ("a.py", "import a\nf()\n", "import a\nimport b\nf()\n", Import, false),
        ("a.py", "f()\n", "import a\nf()\n", Import, false),
        ("a.py", "from a import b\n", "from a import b  # noqa: F401\n", Directive, false),
        ("a.py", "from a import b\n", "from a import c  # noqa: F401\n", Import, false),
        ("a.py", "from a import *\n", "from a import b\n", Import, false),
        ("a.py", "import a\n", "from __future__ import annotations\nimport a\n", Real, false),
        ("a.js", "import a from 'a'\n", "import {a} from 'a'\n", Import, false),
        ("a.js", "f()\n", "import './a'\nf()\n", Import, false),
        ("a.ts", "import {a} from 'a';\n", "import type {a} from 'a';\n", Import, false),
        (
            "a.go",
            "package a\n\nimport \"fmt\"\n",
            "package a\n\nimport (\n\t\"fmt\"\n\t_ \"b\"\n)\n",
            Import,
            false,
        ),
        ("a.go", "package a\n\nvar x = 1\n", "package a\n\nimport \"C\"\n\nvar x = 1\n", Real, false),
        ("a.rs", "use a::b;\n", "pub use a::b;\n", Import, false),
        ("a.rs", "fn f() {}\n", "use a::B;\n\nfn f() {}\n", Import, false),
        ("a.kt", "import a.B\nval x = 1\n", "val x = 1\n", Import, false),
        ("a.cs", "using A;\nclass X {}\n", "class X {}\n", Import, false),
        ("a.php", "<?php\nuse A\\B;\nf();\n", "<?php\nuse A\\B, A\\C;\nf();\n", Import, false),
        // Code next to it.
        ("a.py", "import a\nf()\n", "import b\ng()\n", Real, false),
        ("a.py", "if x:\n    import a\n", "if x:\n    import b\n", Real, false),
        ("a.py", "def f():\n    import a\n", "def f():\n    import b\n", Real, false),
        ("a.py", "import a\n", "import a; f()\n", Real, false),
    ]);
    let change = classified("a.py", Some("import os\nx = 1\n"), Some("import json\nx = 1\n"));
    assert_eq!(change.units[0].because, "same syntax; imports added: `json`; removed: `os`");
    // Only the imports of a file whose other lines changed.
    let old = "import a\n\ndef f():\n    return g\n";
    let change = classified("a.py", Some(old), Some(&old.replace("a\n\n", "b\n\n").replace('g', "h()")));
    let classes: Vec<_> = change.units.iter().map(|unit| unit.class).collect();
    assert_eq!((change.class, classes), (Real, vec![Import, Real]));
}

#[test]
fn what_nothing_uses_means_nothing_in_java_alone() {
    let with = "import a.B;\nimport c.D;\nclass A { D x; }\n";
    let without = "import c.D;\nclass A { D x; }\n";
    check(&[
        ("A.java", with, without, Import, true),
        ("A.java", without, with, Import, true),
        (
            "A.java",
            "import a.B;\n/** {@link B} */\nclass A {}\n",
            "/** {@link B} */\nclass A {}\n",
            Import,
            true,
        ),
        ("A.java", "import a.B;\nclass A { B x; }\n", "class A { B x; }\n", Import, false),
        ("A.java", "import a.*;\nclass A {}\n", "class A {}\n", Import, false),
        ("A.java", "import static a.B.c;\nclass A {}\n", "class A {}\n", Import, false),
        (
            "A.java",
            "import a.B;\nclass A { Object x = \\u0042.x; }\n",
            "class A { Object x = \\u0042.x; }\n",
            Real,
            false,
        ),
        (
            "A.java",
            "import a.B;\nclass A { String s = \"\\u0042\"; }\n",
            "class A { String s = \"\\u0042\"; }\n",
            Import,
            false,
        ),
        ("a.kt", "import a.B\nclass A\n", "class A\n", Import, false),
    ]);
}

#[test]
fn literals_alone() {
    check(&[
        ("a.py", "x = 1\n", "x = 2\n", Literal, false),
        ("a.py", "f(True, None)\n", "f(False, 0)\n", Literal, false),
        ("a.py", "x = f'{a}'\n", "x = f'{b}'\n", Real, false),
        ("a.py", "x = 1\n", "x = -1\n", Real, false),
        ("a.js", "f(`a`)\n", "f(`b`)\n", Literal, false),
        ("a.js", "f(`a${b}`)\n", "f(`c${b}`)\n", Real, false),
        ("a.js", "f(/a/)\n", "f(/b/)\n", Real, false),
        ("a.js", "f(1)\n", "f('1')\n", Real, false),
        ("a.go", "package a\nvar x = true\n", "package a\nvar x = false\n", Literal, false),
        ("a.rs", "const X: bool = true;\n", "const X: bool = false;\n", Literal, false),
        (
            "A.java",
            "class A {\nint f() { return 1; }\n}\n",
            "class A {\nint f() { return 0x1F; }\n}\n",
            Literal,
            false,
        ),
        ("a.c", "int x = 1;\n", "int x = 2;\n", Literal, false),
        ("a.cpp", "auto x = 'a';\n", "auto x = 'b';\n", Literal, false),
        (
            "a.cs",
            "class A { int X = 1; string Y = \"a\"; }\n",
            "class A { int X = 2; string Y = \"b\"; }\n",
            Literal,
            false,
        ),
        ("a.cs", "class A { string Y = $\"a{b}\"; }\n", "class A { string Y = $\"a{c}\"; }\n", Real, false),
        ("a.rb", "x = \"a\"\n", "x = \"b\"\n", Literal, false),
        ("a.rb", "x = \"a#{b}\"\n", "x = \"a#{c}\"\n", Real, false),
        ("a.php", "<?php\n$x = 'a';\n", "<?php\n$x = 'b';\n", Literal, false),
        ("a.php", "<?php\n$x = \"$a\";\n", "<?php\n$x = \"$b\";\n", Real, false),
        ("a.kt", "val x = \"a\"\n", "val x = \"b\"\n", Literal, false),
        ("a.kt", "val x = \"$a\"\n", "val x = \"$b\"\n", Real, false),
        ("a.sh", "f 'a'\n", "f 'b'\n", Literal, false),
        ("a.sh", "f \"$a\"\n", "f \"$b\"\n", Real, false),
        ("a.sh", "rm a\n", "rm b\n", Real, false),
        ("a.py", "def f():\n    x = 1\n    return 2\n", "def f():\n    y = 1\n    return 3\n", Real, false),
    ]);
}

#[test]
fn documentation_that_runs_is_a_test() {
    check(&[
        ("a.rs", "/// A.\nfn f() {}\n", "/// A.\n///\n/// More.\nfn f() {}\n", Documentation, false),
        (
            "a.rs",
            "/// ```\n/// f();\n/// ```\nfn f() {}\n",
            "/// ```\n/// g();\n/// ```\nfn f() {}\n",
            Test,
            false,
        ),
        (
            "a.rs",
            "/// A.\n///\n///     f();\nfn f() {}\n",
            "/// A.\n///\n///     g();\nfn f() {}\n",
            Test,
            false,
        ),
        (
            "a.rs",
            "/** A.\n * ~~~\n * f();\n * ~~~\n */\nfn f() {}\n",
            "/** A.\n * ~~~\n * g();\n * ~~~\n */\nfn f() {}\n",
            Test,
            false,
        ),
        (
            "a.rs",
            "/// A.\n/// ```\n/// f();\n/// ```\nfn f() {}\n",
            "/// B.\n/// ```\n/// f();\n/// ```\n/// C.\nfn f() {}\n",
            Documentation,
            false,
        ),
        (
            "a.rs",
            "/// ```\n/// f();\n/// ```\nfn f() {}\n",
            "/// ```\n/// f();\n/// ```text\nfn f() {}\n",
            Test,
            false,
        ),
        ("a.rs", "/** A. */\nfn f() {}\n", "/** B. */\nfn f() {}\n", Documentation, false),
        ("a.rs", "#[doc = \"A.\"]\nfn f() {}\n", "#[doc = \"B.\"]\nfn f() {}\n", Literal, false),
        (
            "a.php",
            "<?php\n/** A. */\nfunction f() {}\n",
            "<?php\n/** B. */\nfunction f() {}\n",
            Documentation,
            false,
        ),
        (
            "a.php",
            "<?php\n/** A. */\nfunction f() {}\n",
            "<?php\n/** @Route(\"/a\") */\nfunction f() {}\n",
            Real,
            false,
        ),
    ]);
}

#[test]
fn directives_of_the_program_are_code() {
    check(&[
        ("a.go", "package a\n\n//go:generate a\n", "package a\n\n//go:generate b\n", Real, false),
        ("a.go", "package a\n\nvar x = 1 //nolint:gosec\n", "package a\n\nvar x = 1\n", Directive, false),
        ("a.py", "# fmt: off\nx = 1\n", "x = 1\n", Directive, false),
        ("a.py", "# own:tool\nx = 1\n", "x = 1\n", Real, false),
        ("a.rb", "# frozen_string_literal: true\nx = 1\n", "x = 1\n", Real, false),
        ("a.js", "/* @__PURE__ */ f()\n", "f()\n", Real, false),
        ("a.js", "/** @jsx h */\nf()\n", "f()\n", Real, false),
        ("a.py", "# @generated\nx = 1\n", "x = 1\n", ChangeClass::Generated, false),
        ("a.py", "x = 1\n", "# @generated\nx = 1\n", Real, false),
    ]);
}

#[test]
fn pitfalls() {
    check(&[
        // A license header; line endings; a byte order mark.
        ("a.py", "x = 1\n", "# Copyright somebody.\n\nx = 1\n", Comment, true),
        ("a.rs", "/* Copyright 2023 */\nfn f() {}\n", "/* Copyright 2024 */\nfn f() {}\n", Comment, true),
        ("a.py", "x = 1\ny = 2\n", "x = 1\r\ny = 2\r\n", Whitespace, true),
        ("a.rs", "fn f() {}\n", "fn f() {}\r\n", Whitespace, true),
        ("a.py", "x = '''a\nb'''\n", "x = '''a\r\nb'''\r\n", Literal, false),
        ("a.js", "x = `a\nb`\n", "x = `a\r\nb`\r\n", Literal, false),
        ("a.py", "x = 1\n", "\u{feff}x = 1\n", Real, false),
        // What sees its own layout.
        ("a.rs", "const X: &str = stringify!(a b);\n", "const X: &str = stringify!(a c);\n", Real, false),
        ("a.rs", "#[derive(Debug)]\nstruct A;\n", "#[derive(Debug, Clone)]\nstruct A;\n", Real, false),
        ("a.js", "'use strict'\nf()\n", "f()\n", Real, false),
        ("a.js", "return_\n(a)\n", "return_(a)\n", Whitespace, true),
        ("a.css", "a { b: c }\n", "a {  b: c }\n", ChangeClass::Data, false),
        ("a.yaml", "a: |\n  b\n", "a: |\n   b\n", ChangeClass::Data, false),
    ]);
}

#[test]
fn lines_beside_definitions_that_changed_are_judged_by_themselves() {
    let class = |path: &str, old: &str, new: &str| {
        let change = classified(path, Some(old), Some(new));
        let top = change.units.iter().find(|unit| unit.name == "(top level)");
        top.map(|unit| (unit.class, unit.proved)).unwrap()
    };
    let code = "import a\n\n# one\n\ndef f():\n    g()\n";
    let more = "\n\ndef h():\n    b.i()\n";
    assert_eq!(class("a.py", code, &(code.replace("a\n", "a, b\n") + more)), (Import, false));
    assert_eq!(class("a.py", code, &(code.replace("one", "two") + more)), (Comment, true));
    // A statement that moved past a definition is code that changed its line.
    let moved = ("x = f\n\n\ndef f():\n    g()\n", "def f():\n    g(1)\n\n\nx = f\n");
    assert_eq!(class("a.py", moved.0, moved.1), (Real, false));
    let hidden =
        ("import a\nx = f\n\n\ndef f():\n    g()\n", "import a, b\n\n\ndef f():\n    g(1)\n\n\nx = f\n");
    assert_eq!(class("a.py", hidden.0, hidden.1), (Real, false), "the import does not hide it");
    let hidden =
        ("def f():\n    g()\n\n\nx = 1\ny = 2\n", "def f():\n    g(1)\n\n\n\"\"\"\nx = 1\n\"\"\"\ny = 2\n");
    assert_eq!(class("a.py", hidden.0, hidden.1), (Real, false));
}

#[test]
fn what_a_compiler_reads_otherwise_than_the_grammar_is_not_proved() {
    let cases = [
        ("a.py", "# a\nz = 1\n", "# a\rx()\nz = 1\n"),
        ("a.js", "f(() => { return b })\n", "f(() => { return\rb })\n"),
        ("A.java", "class A {\n// a\nint x;\n}\n", "class A {\n// a \\u000a int y;\nint x;\n}\n"),
        ("A.java", "class A {\n/* a */\nint x;\n}\n", "class A {\n/* a \\uu002a/ int y; /* */\nint x;\n}\n"),
        (
            "a.c",
            "int f() {\n// a\nreturn 1;\nreturn 2;\n}\n",
            "int f() {\n// a \\ \nreturn 1;\nreturn 2;\n}\n",
        ),
        ("a.c", "// a\nint x;\n", "// a ??/\nint x;\n"),
        ("a.c", "int x;\n#define A 1\nint y;\n", "int x; #define A 1\nint y;\n"),
        (
            "a.go",
            "package a\n\nimport (\n\t// int x = 1;\n\t\"C\"\n)\n",
            "package a\n\nimport (\n\t// int x = 2;\n\t\"C\"\n)\n",
        ),
        ("a.php", "<?php\nf();\n", "\n<?php\nf();\n"),
        ("a.php", "<?php\nf();\n?>\n", "<?php\nf();\n?>\n\n"),
        ("a.rb", "=begin\ny\n=end\nx\n", "=begin\ny\n =end\nx\n"),
        ("a.rb", "x\n__END__\ny\n", "x\n __END__\ny\n"),
        ("a.js", "var y = a < !--b\n", "var y = a <!--b\n"),
        ("a.js", "while (x --> 0) f()\n", "while (x\n--> 0) f()\n"),
        ("a.sh", "f() { a; }\n", "f() {a; }\n"),
        ("a.rs", "m!(z \"b\");\n", "m!(z\"b\");\n"),
        ("a.py", "# MAGIC %sql drop\nx = 1\n", "# MAGIC %sql select\nx = 1\n"),
        ("a.js", "//= require a\nf()\n", "//= require b\nf()\n"),
    ];
    for (path, old, new) in cases {
        let change = classified(path, Some(old), Some(new));
        assert!(
            change.units.iter().all(|unit| !unit.proved),
            "{path}: {old:?} -> {new:?}: {:?}",
            change.units
        );
    }
}
