use proptest::prelude::*;

use super::*;
use crate::change::sample::classified;
use crate::payload::redact::Redactor;

fn rendered(change: &ClassifiedChange, level: Level) -> String {
    let redactor = Redactor::with_patterns(Vec::new());
    let slicer = Slicer::of(change, &mut redactor.session(), false);
    let mut text = String::new();
    for unit in &change.units {
        text.push_str(&format!("[{}]\n", unit.name));
        let rendered = slicer.render(unit, level);
        for line in &rendered.around {
            text.push_str(&format!(" {line}\n"));
        }
        let from = rendered.all_added_from().map_or(String::new(), |line| format!("+{line}"));
        text.push_str(format!("#{from} {}", rendered.title).trim_end());
        text.push('\n');
        for (mark, line) in rendered.marks().zip(&rendered.lines) {
            text.push_str(&format!("{mark}{}\n", line.text));
        }
    }
    text
}

const RUST_OLD: &str = r#"use std::collections::{BTreeMap, HashMap};
use crate::db::find;
use crate::log::warn;

struct Auth<T> { t: T }

impl<T: Store> Auth<T> {
    #[inline]
    fn login(&self, user: &User) -> Result<Token> {
        // Look it up.
        let row = find(user)?;
        let mut seen = HashMap::new();

        if row.active {
            seen.insert(1, 2);
            if !verify(&row) {
                return Err(Denied);
            }
            audit(&row);
        }
        Ok(Token::new(row))
    }
}
"#;

fn rust_change() -> ClassifiedChange {
    let new = RUST_OLD.replace(
        "            if !verify(&row) {\n                return Err(Denied);\n            }\n",
        "            // Checked before.\n            seen.insert(3, 4); // and this\n",
    );
    classified("src/auth.rs", Some(RUST_OLD), Some(&new))
}

#[test]
fn comments_that_take_code_away_are_shown() {
    let (old, new) =
        ("fn f() {\n    a();\n    b();\n}\n", "fn f() {\n    a();\n    /*\n    b();\n    */\n}\n");
    insta::assert_snapshot!(rendered(&classified("a.rs", Some(old), Some(new)), Level::Lines), @r"
    [f]
    #+3 f
     /*
    5+*/
    ");
}

#[test]
fn rust_lines() {
    insta::assert_snapshot!(rendered(&rust_change(), Level::Lines), @r"
    [impl Auth<T> / login]
    # impl Auth<T> / login
    -if !verify(&row) {
    -    return Err(Denied);
    -}
    17+seen.insert(3, 4);
    ");
}

#[test]
fn rust_slice() {
    insta::assert_snapshot!(rendered(&rust_change(), Level::Slice), @r"
    [impl Auth<T> / login]
     impl<T: Store> Auth<T> {
    # impl Auth<T>
     fn login(&self, user: &User) -> Result<Token> {
    ⋮
         if row.active {
             seen.insert(1, 2);
    -        if !verify(&row) {
    -            return Err(Denied);
    -        }
    17+        seen.insert(3, 4);
    ");
}

#[test]
fn rust_function() {
    insta::assert_snapshot!(rendered(&rust_change(), Level::Function), @r"
    [impl Auth<T> / login]
     impl<T: Store> Auth<T> {
    # impl Auth<T>
     #[inline]
     fn login(&self, user: &User) -> Result<Token> {
         let row = find(user)?;
         let mut seen = HashMap::new();
         if row.active {
             seen.insert(1, 2);
    -        if !verify(&row) {
    -            return Err(Denied);
    -        }
    17+        seen.insert(3, 4);
             audit(&row);
         }
         Ok(Token::new(row))
     }
    ");
}

#[test]
fn a_deletion_alone_numbers_the_next_line() {
    let old = "def f(a):\n    check(a)\n    # done\n    return a\n\ndef g(a):\n    b(a)\n    c(a)\n";
    let new = "def f(a):\n    # done\n    return a\n\ndef g(a):\n    b(a)\n";
    let change = classified("a.py", Some(old), Some(new));
    insta::assert_snapshot!(rendered(&change, Level::Lines), @r"
    [f]
    # f
    2-check(a)
    [g]
    # g
    6-c(a)
    ");
}

#[test]
fn python_slice_keeps_decorators_and_strings() {
    let old = "import os\nfrom db import find, keep\n\nclass A(Base):\n    @route('/x')\n    def f(self):\n        text = '''\n  a\n'''\n        return text\n";
    let new = old.replace("  a\n", "  b\n\n").replace("return text", "return find(text)");
    let change = classified("a.py", Some(old), Some(&new));
    insta::assert_snapshot!(rendered(&change, Level::Slice), @r"
    [class A / f]
     from db import find
     class A(Base):
    # class A
     @route('/x')
     def f(self):
         text = '''
    -  a
    8+  b
    +
    ⋮
    -    return text
    11+    return find(text)
    ");
}

#[test]
fn typescript_slice() {
    let old = "import { a, b as c } from './x';\nimport d from 'd';\n\nexport function f(x: number) {\n  for (const y of d(x)) {\n    // why\n    c(y);\n  }\n}\n";
    let new = old.replace("    c(y);\n", "    c(y, 1);\n");
    let change = classified("a.ts", Some(old), Some(&new));
    insta::assert_snapshot!(rendered(&change, Level::Slice), @r"
    [f]
     import {b as c} from './x'
    #
     export function f(x: number) {
       for (const y of d(x)) {
    -    c(y);
    7+    c(y, 1);
    ");
}

/// The slice of a program in which `of` becomes `y`.
fn slice(path: &str, program: &str, of: char) -> String {
    rendered(&classified(path, Some(program), Some(&program.replace(of, "y"))), Level::Slice)
}

#[test]
fn of_a_chain_of_conditions_only_the_own_branch_has_a_header() {
    let c = "int f(int n) {\n  if (n == 1) {\n    a();\n  } else if (n == 2) {\n    b();\n  } else if (n == 3) {\n    c();\n    p(x);\n    d();\n  } else {\n    e();\n    q(z);\n  }\n  return 0;\n}\n";
    insta::assert_snapshot!(slice("a.c", c, 'x'), @r"
    [f]
    #
     int f(int n) {
    ⋮
       } else if (n == 3) {
         c();
    -    p(x);
    8+    p(y);
    ");
    insta::assert_snapshot!(slice("a.c", c, 'z'), @r"
    [f]
    #
     int f(int n) {
    ⋮
       } else if (n == 3) {
    ⋮
       } else {
         e();
    -    q(z);
    12+    q(y);
    ");
    let python = "def f(n):\n    for i in n:\n        if i == 1:\n            a()\n        elif i == 2:\n            b()\n            p(x)\n            c()\n    else:\n        d()\n        q(z)\n";
    insta::assert_snapshot!(slice("a.py", python, 'x'), @r"
    [f]
    #
     def f(n):
         for i in n:
    ⋮
             elif i == 2:
                 b()
    -            p(x)
    7+            p(y)
    ");
    insta::assert_snapshot!(slice("a.py", python, 'z'), @r"
    [f]
    #
     def f(n):
         for i in n:
    ⋮
         else:
             d()
    -        q(z)
    11+        q(y)
    ");
    let rust = "fn f(n: u8) {\n    if n == 1 {\n        a();\n    } else {\n        b();\n        if n == 2 {\n            c();\n            p(x);\n        }\n    }\n}\n";
    insta::assert_snapshot!(slice("a.rs", rust, 'x'), @r"
    [f]
    #
     fn f(n: u8) {
         if n == 1 {
    ⋮
         } else {
    ⋮
             if n == 2 {
                 c();
    -            p(x);
    8+            p(y);
    ");
}

#[test]
fn a_chain_of_conditions_reads_alike_in_every_grammar() {
    let braces = "if (n == 1) {\n a();\n} else if (n == 2) {\n b();\n c();\n p(x);\n d();\n} else {\n e();\n h();\n q(z);\n}\n";
    let bare = braces.replace("if (n == 1)", "if n == 1").replace("if (n == 2)", "if n == 2");
    let programs = [
        ("a.c", format!("void f(int n) {{\n{braces}}}\n")),
        ("a.cpp", format!("void f(int n) {{\n{braces}}}\n")),
        ("a.js", format!("function f(n) {{\n{braces}}}\n")),
        ("a.ts", format!("function f(n) {{\n{braces}}}\n")),
        ("a.java", format!("class A {{\nvoid f(int n) {{\n{braces}}}\n}}\n")),
        ("a.cs", format!("class A {{\nvoid f(int n) {{\n{braces}}}\n}}\n")),
        ("a.php", format!("<?php\nfunction f($n) {{\n{braces}}}\n")),
        ("b.php", format!("<?php\nfunction f($n) {{\n{}}}\n", braces.replace("else if", "elseif"))),
        ("a.kt", format!("fun f(n: Int) {{\n{braces}}}\n")),
        ("a.go", format!("package a\nfunc f(n int) {{\n{bare}}}\n")),
        ("a.rs", format!("fn f(n: u8) {{\n{bare}}}\n")),
        (
            "a.py",
            "def f(n):\n if n == 1:\n  a()\n elif n == 2:\n  b()\n  c()\n  p(x)\n  d()\n else:\n  e()\n  h()\n  q(z)\n".to_owned(),
        ),
        (
            "a.rb",
            "def f(n)\nif n == 1\n a()\nelsif n == 2\n b()\n c()\n p(x)\n d()\nelse\n e()\n h()\n q(z)\nend\nend\n".to_owned(),
        ),
        (
            "a.sh",
            "f() {\nif test $1 = 1; then\n a\nelif test $1 = 2; then\n b\n c\n p x\n d\nelse\n e\n h\n q z\nfi\n}\n".to_owned(),
        ),
    ];
    for (path, program) in &programs {
        for (changed, plain_else) in [('x', 0), ('z', 1)] {
            let slice = slice(path, program, changed);
            let lines = |is_one: fn(&str) -> bool| slice.lines().filter(|line| is_one(line)).count();
            let first = lines(|line| line.contains("= 1"));
            let second = lines(|line| line.contains("= 2"));
            let last = lines(|line| line.contains("else") && !line.contains('='));
            assert_eq!([first, second, last], [0, 1, plain_else], "{path}:\n{slice}");
        }
    }
}

#[test]
fn a_long_header_is_one_line_unless_it_changed() {
    let old = "fn f(\n    a: u8, // one\n    b: u8,\n) -> u8 {\n    g(a);\n    h(b);\n    i()\n}\n";
    let body = classified("a.rs", Some(old), Some(&old.replace("i()", "j()")));
    insta::assert_snapshot!(rendered(&body, Level::Slice), @r"
    [f]
    #
     fn f(a: u8, b: u8,) -> u8 {
    ⋮
         h(b);
    -    i()
    7+    j()
    ");
    let header = classified("a.rs", Some(old), Some(&old.replace("b: u8", "b: u16")));
    insta::assert_snapshot!(rendered(&header, Level::Slice), @r"
    [f]
    #
     fn f(
         a: u8,
    -    b: u8,
    3+    b: u16,
     ) -> u8 {
    ");
}

#[test]
fn what_is_gone_is_a_signature() {
    let old = "fn kept() {}\nfn gone(a: u8) -> u8 {\n    // why\n    a + 1\n}\n";
    let one = classified("a.rs", Some(old), Some("fn kept() {}\n"));
    insta::assert_snapshot!(rendered(&one, Level::Slice), @r"
    [gone]
    #
    1-fn gone(a: u8) -> u8 {
    ");
    let all = classified("a.rs", Some(old), None);
    insta::assert_snapshot!(rendered(&all, Level::Slice), @r"
    [kept]
    #
    -fn kept() {}
    [gone]
    #
    -fn gone(a: u8) -> u8 {
    ");
}

#[test]
fn what_is_new_is_all_of_it() {
    let new = "use a::b;\n\n/// Why.\nfn f() -> u8 {\n    // how\n    b()\n}\n";
    let change = classified("a.rs", None, Some(new));
    insta::assert_snapshot!(rendered(&change, Level::Slice), @r"
    [(file)]
    #+1
     use a::b;
     fn f() -> u8 {
         b()
     }
    ");
}

#[test]
fn a_line_that_is_only_indented_anew_is_sent_once() {
    let old = "def f(a):\n    b(a)\n    c(a)  # why\n    return a\n";
    let new = "def f(a):\n    if a:\n        b(a)\n        c(a)\n        d(a)\n    return a\n";
    insta::assert_snapshot!(rendered(&classified("a.py", Some(old), Some(new)), Level::Lines), @r"
    [f]
    # f
    2+if a:
    ~    b(a)
    ~    c(a)
    +    d(a)
    ");
}

#[test]
fn a_definition_that_is_new_is_one_piece() {
    let old = "fn f() {\n    a();\n    b();\n}\n";
    let new = "fn f() {\n    a();\n}\n\nfn g() {\n    one();\n    b();\n}\n";
    insta::assert_snapshot!(rendered(&classified("a.rs", Some(old), Some(new)), Level::Slice), @r"
    [f]
    #
     fn f() {
         a();
    3+}
    [g]
    #+5
     fn g() {
         one();
         b();
     }
    ");
}

#[test]
fn comments_alone_are_sent_where_no_proof_drops_them() {
    let old = "fn f() {\n    // one\n    a();\n}\n";
    let new = old.replace("one", "two");
    assert!(classified("a.rs", Some(old), Some(&new)).units.iter().all(|unit| unit.proved));
    let text = classified("a.unknown", Some(old), Some(&new));
    insta::assert_snapshot!(rendered(&text, Level::Slice), @r"
    [(file)]
    #
     fn f() {
    -    // one
    2+    // two
    ");
    let broken = format!("{new}fn g( {{\n");
    let broken = classified("a.rs", Some(&format!("{old}fn g( {{\n")), Some(&broken));
    assert!(rendered(&broken, Level::Lines).contains("// two"));
}

/// Lines of Python: statements at some depth, comments, docstrings, and blank ones.
fn program() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(line(), 0..30)
        .prop_map(|lines| lines.iter().flat_map(|line| line.split('\n')).collect())
}

fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "x = 1",
        "    x = 1",
        "y = f(x)",
        "# a",
        "",
        "z = 'a # b'  # c",
        "if x:",
        "    y = 2",
        "    # d",
        "    g(y)",
        "",
        "def f(a):",
        "    return a",
        "class C:",
        "    def m(self):",
        "        self.x()",
        "        '''D.'''",
        "t = '''\n  a\n'''",
    ])
}

proptest! {
    #[test]
    fn every_added_line_of_code_is_sent_once_under_its_number(
        old in program(),
        new in program(),
        level in prop::sample::select(vec![Level::Lines, Level::Slice, Level::Function]),
        is_text in any::<bool>(),
    ) {
        let text = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let path = if is_text { "a.unknown" } else { "a.py" };
        let change = classified(path, Some(&text(&old)), Some(&text(&new)));
        let redactor = Redactor::with_patterns(Vec::new());
        let slicer = Slicer::of(&change, &mut redactor.session(), false);
        for unit in &change.units {
            let sent = slicer.render(unit, level).lines;
            let added = sent.iter().filter(|line| matches!(line.kind, Kind::Added | Kind::Shifted));
            let numbers: Vec<u32> = added.clone().filter_map(|line| line.number).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "ascending, each once");
            for number in lines(&unit.added) {
                let source = new[number as usize - 1];
                let found = added.clone().find(|line| line.number == Some(number));
                let is_silent = ["", "# a", "# d", "'''D.'''"].contains(&source.trim());
                prop_assert!(found.is_some() || (is_silent && !is_text), "{number}: {source:?}");
                if let Some(found) = found {
                    let text = found.text.trim();
                    prop_assert!(source.trim() == text || source.trim().strip_suffix("  # c") == Some(text));
                }
            }
            // The number above a changed line is near, and no later than the line itself.
            let mut above = None;
            for line in &sent {
                if line.is_numbered {
                    above = line.number;
                }
                if line.kind == Kind::Added {
                    prop_assert!(above.is_some() && above <= line.number, "{line:?}");
                }
            }
            let is_context = |line: &&Line| line.kind == Kind::Context;
            for line in sent.iter().filter(is_context) {
                prop_assert!(new.iter().any(|source| source.contains(line.text.trim())));
            }
        }
    }
}
