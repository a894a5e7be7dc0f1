//! What moves, what is renamed, what is taken together, and the steps of each.

use crate::change::sample::{classified, classified_together};
use crate::change::{ChangeClass, ClassifiedChange, Unit};

/// One line a unit: path, name, class, whether it is proved, reason without hashes.
fn units(changes: &[ClassifiedChange]) -> String {
    let line = |change: &ClassifiedChange, unit: &Unit| {
        let because = unit.because.split(" (blake3").next().unwrap_or_default();
        let proved = if unit.proved { "proved" } else { "-" };
        format!("{} | {} | {} | {proved} | {because}", change.path(), unit.name, unit.class.as_str())
    };
    let lines = changes.iter().flat_map(|change| change.units.iter().map(move |unit| line(change, unit)));
    lines.collect::<Vec<_>>().join("\n")
}

const FUNCTION: &str = "fn moves(a: u32) -> u32 {\n    let b = a + 1;\n    b * 2\n}\n";

#[test]
fn a_definition_that_went_and_came_has_moved_once() {
    let kept = "fn stays() {}\n";
    let old = format!("{kept}{FUNCTION}");
    let new = format!("use x;\n\n{FUNCTION}");
    let copy = format!("// Another.\n{}", FUNCTION.replace("  let", "let"));
    let changes = classified_together(&[
        ("src/a.rs", Some(&old), Some(kept)),
        ("src/b.rs", Some("use x;\n"), Some(&new)),
        ("src/c.rs", Some("use y;\n"), Some(&format!("use y;\n{copy}"))),
    ]);
    insta::assert_snapshot!(units(&changes), @r"
    src/a.rs | moves | move | - | moved unchanged to src/b.rs:3
    src/b.rs | moves | move | - | moved unchanged from src/a.rs:2
    src/c.rs | moves | real | - | added
    ");
    let changes = classified_together(&[("a.rs", Some(&old), Some(kept)), ("b.rs", None, Some(&copy))]);
    insta::assert_snapshot!(units(&changes), @r"
    a.rs | moves | move | - | moved with other comments to b.rs:2
    b.rs | moves | move | - | moved with other comments from a.rs:2
    ");
}

#[test]
fn what_differs_or_is_slight_has_not_moved() {
    let cases = [
        ("b.rs", FUNCTION.replace("+ 1", "+ 2")),
        ("b.rs", format!("#[inline]\n{FUNCTION}")),
        ("b.rs", format!("/// Doubles.\n{FUNCTION}")),
        ("b.rs", format!("impl A {{\n{FUNCTION}}}\n")),
        ("b.rs", FUNCTION.replace("moves", "moved")),
        ("b.rs", format!("{FUNCTION}fn broken( {{\n")),
        ("b.lua", FUNCTION.to_owned()),
    ];
    for (path, new) in cases {
        let changes = classified_together(&[("a.rs", Some(FUNCTION), None), (path, None, Some(&new))]);
        for change in &changes {
            assert!(change.units.iter().all(|unit| unit.class == ChangeClass::Real), "{new}: {change:?}");
        }
    }
    let slight = "fn f() {\n    g()\n}\n";
    let changes = classified_together(&[("a.rs", Some(slight), None), ("b.rs", None, Some(slight))]);
    assert!(changes.iter().all(|change| change.class == ChangeClass::Real));
}

#[test]
fn a_class_moves_with_what_is_inside_it() {
    let class = "class A:\n    def f(self, x):\n        y = x + 1\n        return y\n\n    def g(self):\n        return 2\n";
    let changed = class.replace("return 2", "return 3");
    let changes = classified_together(&[("a.py", Some(class), None), ("b.py", None, Some(class))]);
    insta::assert_snapshot!(units(&changes), @r"
    a.py | class A | move | - | moved unchanged to b.py:1
    b.py | class A | move | - | moved unchanged from a.py:1
    ");
    let changes = classified_together(&[("a.py", Some(class), None), ("b.py", None, Some(&changed))]);
    insta::assert_snapshot!(units(&changes), @r"
    a.py | class A | real | - | deleted
    a.py | class A / f | move | - | moved unchanged to b.py:2
    b.py | class A | real | - | added
    b.py | class A / f | move | - | moved unchanged from a.py:2
    ");
}

#[test]
fn a_new_name_alone_is_a_rename() {
    let old = "def old(a, b):\n    if a:\n        return old(b, a - 1)\n    return [a, b]\n";
    let cases = [
        (
            old.replace("old", "new"),
            "a.py | old | rename | - | renamed to new, and nothing else changed\na.py | new | rename | - | renamed from old, and nothing else changed",
        ),
        (old.replacen("old", "new", 1), "a.py | old | real | - | deleted\na.py | new | real | - | added"),
        // The new name was another's.
        (old.replace("old", "b"), "a.py | old | real | - | deleted\na.py | b | real | - | added"),
        // Either may be the one.
        (
            old.replace("old", "x") + &old.replace("old", "y"),
            "a.py | old | real | - | deleted\na.py | x | real | - | added\na.py | y | real | - | added",
        ),
    ];
    for (new, expected) in cases {
        let changes = [classified("a.py", Some(old), Some(&new))];
        assert_eq!(units(&changes), expected, "{new}");
    }
    let renamed = &classified("a.py", Some(old), Some(&old.replace("old", "new"))).units;
    assert!(renamed.iter().all(|unit| unit.renamed == [("old".to_owned(), "new".to_owned())]), "{renamed:?}");
}

/// Whether swapping two definitions in a language is proved to mean nothing.
#[test]
fn order_is_proved_to_mean_nothing_only_where_it_does() {
    let go = |one: &str, two: &str| format!("package a\n\n{one}\n{two}");
    let class = |one: &str, two: &str| format!("class A {{\n{one}\n{two}}}\n");
    let plain = |one: &str, two: &str| format!("{one}\n{two}");
    let strict = |one: &str, two: &str| format!("\"use strict\"\n{one}\n{two}");
    let region = |one: &str, two: &str| format!("class A {{\n// CHECKSTYLE:OFF\n{one}\n{two}}}\n");
    let pragma = |one: &str, two: &str| format!("class A {{\n#pragma warning disable\n{one}\n{two}}}\n");
    let condition = |one: &str, two: &str| format!("class A {{\n#if A\n{one}#else\n{two}#endif\n}}\n");
    let object = |one: &str, two: &str| {
        format!("class A {{\nvoid z() {{ f(new B() {{ {one} }}, new B() {{ {two} }}); }}\n}}\n")
    };
    let rust_macro = |one: &str, two: &str| format!("macro_rules! m {{ () => {{}} }}\n{one}\n{two}");
    let item_macro = |one: &str, two: &str| format!("{one}\nm!();\n{two}");
    let bridge = |one: &str, two: &str| format!("#[bridge]\nmod a {{\n{one}\n{two}}}\n");
    let in_bridge = |one: &str, two: &str| format!("#[bridge]\nmod a {{\nimpl A {{\n{one}\n{two}}}\n}}\n");
    let in_mod = |one: &str, two: &str| {
        format!("/// A.\n#[cfg(a)]\nmod a {{\n    //! B.\n\n    use x;\n\n{one}\n{two}}}\n")
    };
    type Around<'a> = &'a dyn Fn(&str, &str) -> String;
    let cases: &[(&str, Around<'_>, &str, &str, bool)] = &[
        ("a.go", &go, "func one() {\n\tx()\n\ty()\n}\n", "func two() {\n\tz()\n}\n", true),
        ("a.go", &go, "func (a *A) one() {\n\tx()\n\ty()\n}\n", "func two() {\n\tz()\n}\n", true),
        ("a.go", &go, "func init() {\n\tx()\n\ty()\n}\n", "func init() {\n\tz()\n}\n", false),
        (
            "a.go",
            &go,
            "//go:generate a\nfunc one() {\n\tx()\n\ty()\n}\n",
            "//go:generate b\nfunc two() {\n\tz()\n}\n",
            false,
        ),
        ("a.go", &go, "//go:noinline\nfunc one() {\n\tx()\n\ty()\n}\n", "func two() {\n\tz()\n}\n", true),
        ("a_test.go", &go, "func one() {\n\tx()\n\ty()\n}\n", "func two() {\n\tz()\n}\n", false),
        ("A.java", &class, "void one() {\n  x();\n  y();\n}\n", "void two() {\n  z();\n}\n", true),
        (
            "A.java",
            &class,
            "@Override void one() {\n  x();\n  y();\n}\n",
            "void one(int a) {\n  z();\n}\n",
            true,
        ),
        (
            "A.java",
            &class,
            "@Bean void one() {\n  x();\n  y();\n}\n",
            "@Bean void two() {\n  z();\n}\n",
            false,
        ),
        ("A.java", &class, "static {\n  x();\n  y();\n}\n", "static {\n  z();\n}\n", false),
        ("A.java", &plain, "class One {\n  int x;\n  int y;\n}\n", "class Two {\n  int z;\n}\n", false),
        ("A.java", &region, "void one() {\n  x();\n  y();\n}\n", "void two() {\n  z();\n}\n", false),
        ("A.java", &object, "\nvoid one() {\n  x();\n  y();\n}\n", "\nvoid two() {\n  z();\n}\n", false),
        ("a.cs", &class, "void One() {\n  X();\n  Y();\n}\n", "void Two() {\n  Z();\n}\n", true),
        ("a.cs", &class, "[A] void One() {\n  X();\n  Y();\n}\n", "[A] void Two() {\n  Z();\n}\n", false),
        ("a.cs", &pragma, "void One() {\n  X();\n  Y();\n}\n", "void Two() {\n  Z();\n}\n", false),
        ("a.cs", &condition, "void One() {\n  X();\n  Y();\n}\n", "void Two() {\n  Z();\n}\n", false),
        ("a.kt", &class, "fun one() {\n  x()\n  y()\n}\n", "fun two() {\n  z()\n}\n", true),
        ("a.kt", &class, "init {\n  x()\n  y()\n}\n", "init {\n  z()\n}\n", false),
        ("a.kts", &plain, "fun one() {\n  x()\n  y()\n}\n", "fun two() {\n  z()\n}\n", false),
        ("a.rs", &plain, "fn one() {\n    x();\n    y();\n}\n", "struct Two {\n    a: u8,\n}\n", true),
        ("a.rs", &in_mod, "fn one() {\n    x();\n    y();\n}\n", "/// B.\nfn two() {\n    z();\n}\n", true),
        (
            "a.rs",
            &plain,
            "#[get(\"/\")]\nfn one() {\n    x();\n    y();\n}\n",
            "#[get(\"/a\")]\nfn two() {\n    z();\n}\n",
            false,
        ),
        ("a.rs", &in_bridge, "fn one() {\n    x();\n    y();\n}\n", "fn two() {\n    z();\n}\n", false),
        ("a.rs", &rust_macro, "fn one() {\n    x();\n    y();\n}\n", "fn two() {\n    z();\n}\n", false),
        ("a.rs", &item_macro, "fn one() {\n    x();\n    y();\n}\n", "fn two() {\n    z();\n}\n", false),
        ("a.rs", &bridge, "fn one() {\n    x();\n    y();\n}\n", "fn two() {\n    z();\n}\n", false),
        (
            "a.rs",
            &plain,
            "#[cfg(a)]\nfn one() {\n    x();\n    y();\n}\n",
            "#[cfg(b)]\nfn one() {\n    z();\n}\n",
            false,
        ),
        ("a.js", &plain, "function one() {\n  x()\n  y()\n}\n", "export function two() {\n  z()\n}\n", true),
        ("a.js", &class, "one() {\n  x()\n  y()\n}\n", "two() {\n  z()\n}\n", true),
        ("a.js", &class, "get one() {\n  x()\n  y()\n}\n", "set one(a) {\n  z()\n}\n", false),
        ("a.js", &class, "[one()]() {\n  x()\n  y()\n}\n", "[two()]() {\n  z()\n}\n", false),
        ("a.js", &plain, "function one() {\n  x()\n  y()\n}\n", "function one() {\n  z()\n}\n", false),
        ("a.js", &plain, "const one = () => {\n  x()\n  y()\n}\n", "const two = () => {\n  z()\n}\n", false),
        ("a.js", &strict, "function one() {\n  x()\n  y()\n}\n", "function two() {\n  z()\n}\n", false),
        (
            "a.ts",
            &plain,
            "interface One {\n  a: number\n  b: number\n}\n",
            "type Two = {\n  c: number\n}\n",
            true,
        ),
        ("a.ts", &plain, "enum One {\n  A = x(),\n  B = y(),\n}\n", "enum Two {\n  A = z(),\n}\n", false),
        (
            "a.ts",
            &class,
            "one(a: string): void\n  one(a) {\n  x(a)\n  y()\n}\n",
            "two() {\n  z()\n}\n",
            false,
        ),
        ("a.ts", &class, "@A() one() {\n  x()\n  y()\n}\n", "@B() two() {\n  z()\n}\n", false),
        (
            "a.php",
            &|one, two| format!("<?php\n{}", class(one, two)),
            "function one() {\n  x();\n  y();\n}\n",
            "function two() {\n  z();\n}\n",
            true,
        ),
        (
            "a.php",
            &|one, two| format!("<?php\n{}", class(one, two)),
            "#[Route]\nfunction one() {\n  x();\n  y();\n}\n",
            "#[Route]\nfunction two() {\n  z();\n}\n",
            false,
        ),
        ("a.py", &plain, "def one():\n    x()\n    y()\n", "def one():\n    z()\n", false),
        ("a.py", &plain, "def one():\n    x()\n    y()\n", "def two():\n    z()\n", false),
        ("a.rb", &plain, "def one\n  x\n  y\nend\n", "def two\n  z\nend\n", false),
        ("a.c", &plain, "int one() {\n  x();\n  y();\n}\n", "int two() {\n  z();\n}\n", false),
        ("a.sh", &plain, "one() {\n  x\n  y\n}\n", "two() {\n  z\n}\n", false),
    ];
    let mut wrong = Vec::new();
    for (path, around, one, two, expected) in cases {
        let (before, after) = (around(one, two), around(two, one));
        for (old, new) in [(&before, &after), (&after, &before)] {
            let change = classified(path, Some(old), Some(new));
            let proved = change.units.iter().all(|unit| unit.proved);
            if proved != *expected || change.units.is_empty() {
                wrong.push(format!("{path}:\n{old}---\n{}\n", units(&[change])));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_inside_a_new_definition_goes_with_it_while_it_is_small() {
    let method = |name: &str, lines: usize| {
        format!("    fn {name}(&self) {{\n{}    }}\n\n", "        x();\n".repeat(lines))
    };
    let small = format!("impl A {{\n{}{}}}\n", method("one", 3), method("two", 3));
    let large = format!("impl A {{\n{}{}}}\n", method("one", 80), method("two", 80));
    let both = |text: &str| [classified("a.rs", Some("use x;\n"), Some(&format!("use x;\n\n{text}")))];
    insta::assert_snapshot!(units(&both(&small)), @"a.rs | impl A | real | - | added");
    insta::assert_snapshot!(units(&both(&large)), @r"
    a.rs | impl A | real | - | added
    a.rs | impl A / one | real | - | added
    a.rs | impl A / two | real | - | added
    ");
    insta::assert_snapshot!(units(&[classified("a.rs", Some(&small), Some(""))]), @"a.rs | impl A | real | - | deleted");
    let tests = format!(
        "{small}\n#[cfg(test)]\nmod tests {{\n    #[test]\n    fn one() {{}}\n    fn two() {{}}\n}}\n"
    );
    insta::assert_snapshot!(units(&[classified("a.rs", None, Some(&tests))]), @r"
    a.rs | impl A | real | - | added
    a.rs | mod tests | test | - | test code: added
    ");
}

#[test]
fn test_code_is_told_by_path_or_by_its_attributes() {
    let text = "fn one() {\n    x();\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {\n        b();\n    }\n}\n";
    let new = text.replace("x()", "y()").replace("b()", "c()");
    insta::assert_snapshot!(units(&[classified("a.rs", Some(text), Some(&new))]), @r"
    a.rs | one | real | - | changed logic
    a.rs | mod tests / a | test | - | test code: changed logic
    ");
    insta::assert_snapshot!(units(&[classified("tests/a.rs", Some(text), Some(&new))]), @r"
    tests/a.rs | one | test | - | test code: changed logic
    tests/a.rs | mod tests / a | test | - | test code: changed logic
    ");
    // What is taken out of the product with the same stroke is not a change of a test.
    let hidden = "#[cfg(test)]\nfn one() {\n    x();\n}\n";
    insta::assert_snapshot!(units(&[classified("b.rs", Some("fn one() {\n    x();\n}\n"), Some(hidden))]), @"b.rs | one | real | - | changed logic");
    let commented = "/*\n#[cfg(test)]\n*/\nfn one() {\n    y();\n}\n";
    insta::assert_snapshot!(units(&[classified("b.rs", Some(&commented.replace('y', "x")), Some(commented))]), @"b.rs | one | real | - | changed logic");
}

/// Names and hashes of all steps, one line each.
fn steps(change: &ClassifiedChange) -> Vec<(String, Option<blake3::Hash>, Option<blake3::Hash>)> {
    let all = change.units.iter().flat_map(|unit| &unit.steps);
    all.map(|step| (step.name.clone(), step.old, step.new)).collect()
}

#[test]
fn steps_know_what_a_definition_says_and_not_where() {
    let body = "import x\nclass A:\n    def f(self):\n        return 1\n";
    let new = steps(&classified("a.py", None, Some(body)));
    let names: Vec<_> = new.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["(top level)", "class A", "class A / f"]);
    assert!(new.iter().all(|(_, old, new)| old.is_none() && new.is_some()));
    // Elsewhere, laid out otherwise, and with a comment: the same.
    let other = "import x\n# Why.\nclass A:\n\n  def f( self ):\n      return 1  # one\n";
    assert_eq!(steps(&classified("b/c.py", None, Some(other))), new);
    // What a later commit starts from is what this one ended in.
    let changed = steps(&classified("a.py", Some(other), Some(&body.replace('1', "2"))));
    let changed = changed.iter().find(|(name, ..)| name == "class A / f").unwrap();
    assert_eq!(changed.1, new[2].2);
    assert_ne!(changed.2, new[2].2);
    for real in [
        "import x\n# noqa\nclass A:\n    def f(self):\n        return 1\n",
        "import x\nclass A(B):\n    def f(self):\n        return 1\n",
    ] {
        assert_ne!(steps(&classified("a.py", None, Some(real))), new, "{real}");
    }
    let broken = |text: &str| steps(&classified("a.py", Some("x = 1\n"), Some(text)));
    assert_ne!(broken("def f():\n    return (1\n"), broken("def f():\n    return (2\n"));
    assert_eq!(broken("def f():\n    return (1\n"), broken("def f():\n    return (1\n"));
    let text = steps(&classified("a.lua", Some("x = 1\n"), Some("x = 2\n")));
    assert_eq!(text, [("(file)".to_owned(), Some(blake3::hash(b"x = 1\n")), Some(blake3::hash(b"x = 2\n")))]);
}
