//! Which names are a definition's own.

use crate::change::ChangeClass::{Real, Rename};
use crate::change::classify::class_tests::check;
use crate::change::sample::classified;

#[test]
fn a_local_name_is_nobody_elses() {
    check(&[
        (
            "a.go",
            "package a\nfunc f() int {\n\tx := 1\n\treturn x\n}\n",
            "package a\nfunc f() int {\n\ty := 1\n\treturn y\n}\n",
            Rename,
            true,
        ),
        (
            "a.go",
            "package a\nfunc f(x int) int { return x }\n",
            "package a\nfunc f(y int) int { return y }\n",
            Rename,
            true,
        ),
        (
            "a.go",
            "package a\nfunc (x *T) f() { for i, v := range x.v { g(i, v) } }\n",
            "package a\nfunc (x *T) f() { for j, v := range x.v { g(j, v) } }\n",
            Rename,
            true,
        ),
        (
            "a.go",
            "package a\nfunc f() { x := 1; g(a.x, T{k: x}) }\n",
            "package a\nfunc f() { y := 1; g(a.x, T{k: y}) }\n",
            Rename,
            true,
        ),
        (
            "a.rs",
            "fn f(a: u8) -> u8 { let x = a; x + 1 }\n",
            "fn f(a: u8) -> u8 { let y = a; y + 1 }\n",
            Rename,
            true,
        ),
        ("a.rs", "fn f(a: u8) -> u8 { a + 1 }\n", "fn f(b: u8) -> u8 { b + 1 }\n", Rename, true),
        ("a.rs", "fn f() { g(|x| x.x) }\n", "fn f() { g(|y| y.x) }\n", Rename, true),
        (
            "a.rs",
            "fn f() { let (a, b) = g(); h(a, b) }\n",
            "fn f() { let (c, b) = g(); h(c, b) }\n",
            Rename,
            true,
        ),
        ("a.py", "def f():\n    x = 1\n    return x\n", "def f():\n    y = 1\n    return y\n", Rename, true),
        (
            "a.py",
            "def f():\n    with g() as x:\n        for i in x:\n            h(i.x, x=i)\n",
            "def f():\n    with g() as y:\n        for j in y:\n            h(j.x, x=j)\n",
            Rename,
            true,
        ),
        (
            "a.js",
            "function f() {\n  const x = 1\n  return x\n}\n",
            "function f() {\n  const y = 1\n  return y\n}\n",
            Rename,
            true,
        ),
        (
            "a.js",
            "function f(b) {\n  for (const x of b) g(x)\n  try {} catch (e) { h(e) }\n}\n",
            "function f(b) {\n  for (const y of b) g(y)\n  try {} catch (z) { h(z) }\n}\n",
            Rename,
            true,
        ),
        (
            "a.ts",
            "function f(): number {\n  let x: number = g();\n  return x;\n}\n",
            "function f(): number {\n  let y: number = g();\n  return y;\n}\n",
            Rename,
            true,
        ),
        (
            "A.java",
            "class A {\nint f() { int x = 1; return x; }\n}\n",
            "class A {\nint f() { int y = 1; return y; }\n}\n",
            Rename,
            true,
        ),
        (
            "A.java",
            "class A {\nvoid f() { for (int i = 0; i < n; i++) { i(i.i); } }\n}\n",
            "class A {\nvoid f() { for (int j = 0; j < n; j++) { i(j.i); } }\n}\n",
            Rename,
            true,
        ),
        (
            "A.java",
            "class A {\nvoid f() { g(x -> h(x)); }\n}\n",
            "class A {\nvoid f() { g(y -> h(y)); }\n}\n",
            Rename,
            true,
        ),
    ]);
    let change = classified("a.py", Some("def f():\n    x = 1\n"), Some("def f():\n    y = 1\n"));
    assert_eq!(change.units[0].renamed, [("x".to_owned(), "y".to_owned())]);
}

#[test]
fn a_name_that_others_can_know_is_not_proved() {
    check(&[
        ("a.py", "def f(x):\n    return x\n", "def f(y):\n    return y\n", Rename, false),
        (
            "a.py",
            "def f():\n    x = 1\n    return eval(g)\n",
            "def f():\n    y = 1\n    return eval(g)\n",
            Rename,
            false,
        ),
        (
            "a.py",
            "def f():\n    x = 1\n    return g(locals())\n",
            "def f():\n    y = 1\n    return g(locals())\n",
            Rename,
            false,
        ),
        (
            "a.py",
            "def f():\n    x = 1\n    return 'x', x\n",
            "def f():\n    y = 1\n    return 'x', y\n",
            Rename,
            false,
        ),
        (
            "a.py",
            "def f():\n    x = 1  # noqa: x\n    return x\n",
            "def f():\n    y = 1  # noqa: x\n    return y\n",
            Real,
            false,
        ),
        ("a.js", "function f(x) { return x }\n", "function f(y) { return y }\n", Rename, false),
        (
            "a.js",
            "function f() { let x = a ? () => 1 : b; return x }\n",
            "function f() { let y = a ? () => 1 : b; return y }\n",
            Rename,
            false,
        ),
        (
            "a.js",
            "function f() { let x = 1; eval(g) }\n",
            "function f() { let y = 1; eval(g) }\n",
            Rename,
            false,
        ),
        (
            "A.java",
            "class A {\nint f(int x) { return x; }\n}\n",
            "class A {\nint f(int y) { return y; }\n}\n",
            Rename,
            false,
        ),
        (
            "a.rs",
            "fn f() { let x = 1; println!(\"{}\", x); }\n",
            "fn f() { let y = 1; println!(\"{}\", y); }\n",
            Rename,
            false,
        ),
        (
            "a.rs",
            "fn f() { let x = 1; println!(\"{x}\"); }\n",
            "fn f() { let y = 1; println!(\"{x}\"); }\n",
            Rename,
            false,
        ),
        ("a.rs", "fn f() { let x = 1; own!(); }\n", "fn f() { let y = 1; own!(); }\n", Rename, false),
        (
            "a.rs",
            "#[instrument]\nfn f(x: u8) { g(x) }\n",
            "#[instrument]\nfn f(y: u8) { g(y) }\n",
            Rename,
            false,
        ),
        ("a.rs", "fn f() { let x = 1; g(x) }\n", "fn f() { let X = 1; g(X) }\n", Rename, false),
        (
            "a.rs",
            "fn f() { let x = 1; print!(\"{}\", own! { a }); g(x) }\n",
            "fn f() { let y = 1; print!(\"{}\", own! { a }); g(y) }\n",
            Rename,
            false,
        ),
        // A function is called after the variable.
        (
            "a.js",
            "function f() { let x; x ||= () => 1; return x }\n",
            "function f() { let y; y ||= () => 1; return y }\n",
            Rename,
            false,
        ),
        // The last place still says the old name, spelt otherwise.
        (
            "a.js",
            "function f() { let x = 1; g(x); return \\u0078 }\n",
            "function f() { let y = 1; g(y); return \\u0078 }\n",
            Rename,
            false,
        ),
        (
            "a.py",
            "def f():\n    fi = 1\n    g(fi)\n    return \u{fb01}\n",
            "def f():\n    y = 1\n    g(y)\n    return \u{fb01}\n",
            Rename,
            false,
        ),
    ]);
}

#[test]
fn another_name_is_often_another_thing() {
    check(&[
        // What comes from elsewhere.
        ("a.py", "def f():\n    return min(a, b)\n", "def f():\n    return max(a, b)\n", Real, false),
        ("a.py", "x = 1\ng(x)\n", "y = 1\ng(y)\n", Real, false),
        ("a.go", "package a\nfunc f() { x() }\n", "package a\nfunc f() { y() }\n", Real, false),
        (
            "a.go",
            "package a\nfunc f() { x(); x := 1; g(x) }\n",
            "package a\nfunc f() { y(); y := 1; g(y) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f() { { x := 1; g(x) }; x() }\n",
            "package a\nfunc f() { { y := 1; g(y) }; y() }\n",
            Real,
            false,
        ),
        ("a.rs", "fn f() { let x = x(); x }\n", "fn f() { let y = y(); y }\n", Real, false),
        ("a.rs", "fn f() { { let x = 1; } g(x) }\n", "fn f() { { let y = 1; } g(y) }\n", Real, false),
        (
            "a.js",
            "function f() { { let x = 1 } return x }\n",
            "function f() { { let y = 1 } return y }\n",
            Real,
            false,
        ),
        (
            "A.java",
            "class A {\nint f() { g(x); int x = 1; return x; }\n}\n",
            "class A {\nint f() { g(y); int y = 1; return y; }\n}\n",
            Real,
            false,
        ),
        (
            "a.py",
            "def f(a=x):\n    x = a\n    return x\n",
            "def f(a=y):\n    y = a\n    return y\n",
            Real,
            false,
        ),
        (
            "a.py",
            "def f():\n    return [x for x in a], x\n",
            "def f():\n    return [y for y in a], y\n",
            Real,
            false,
        ),
        ("a.py", "def f():\n    global x\n    x = 1\n", "def f():\n    global y\n    y = 1\n", Real, false),
        // Some places, or two names for one.
        (
            "a.go",
            "package a\nfunc f() { x := 1; g(x, x) }\n",
            "package a\nfunc f() { y := 1; g(y, x) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f(a, b int) { g(a, b) }\n",
            "package a\nfunc f(a, b int) { g(b, a) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f(a, b int) { g(a, b) }\n",
            "package a\nfunc f(b, a int) { g(b, a) }\n",
            Real,
            false,
        ),
        ("a.py", "def f():\n    x = 1\n    g(x, y)\n", "def f():\n    y = 1\n    g(y, y)\n", Real, false),
        ("a.rs", "fn f(y: u8) { let x = 1; g(x, y) }\n", "fn f(y: u8) { let y = 1; g(y, y) }\n", Real, false),
        // The grammar takes the place that is left for a type.
        (
            "a.go",
            "package a\nfunc f(x int) { g(x); handlers[x](1) }\n",
            "package a\nfunc f(y int) { g(y); handlers[x](1) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f() *int { x := 1; g(x); return new(x) }\n",
            "package a\nfunc f() *int { y := 1; g(y); return new(x) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f(x T) *int { g(x); return new(x.a) }\n",
            "package a\nfunc f(y T) *int { g(y); return new(x.a) }\n",
            Real,
            false,
        ),
        // What is read by its name.
        (
            "a.js",
            "function f() { let x = 1; return {x} }\n",
            "function f() { let y = 1; return {y} }\n",
            Real,
            false,
        ),
        (
            "a.js",
            "function f() { let x = 1; return {x} }\n",
            "function f() { let y = 1; return {x} }\n",
            Real,
            false,
        ),
        ("a.rs", "fn f() { let x = 1; S { x } }\n", "fn f() { let y = 1; S { y } }\n", Real, false),
        ("a.py", "def f():\n    g(x=1)\n", "def f():\n    g(y=1)\n", Real, false),
        ("a.py", "def f():\n    a.x = 1\n", "def f():\n    a.y = 1\n", Real, false),
        ("a.py", "class A:\n    x = 1\n", "class A:\n    y = 1\n", Real, false),
        (
            "a.go",
            "package a\nfunc f() { x := 1; g(T{x: 1}) }\n",
            "package a\nfunc f() { y := 1; g(T{y: 1}) }\n",
            Real,
            false,
        ),
        (
            "a.go",
            "package a\nfunc f() { a, err := g(); h(a) }\n",
            "package a\nfunc f() { a, _ := g(); h(a) }\n",
            Rename,
            false,
        ),
        (
            "a.js",
            "function f() { let x = 1; return <x/> }\n",
            "function f() { let y = 1; return <y/> }\n",
            Real,
            false,
        ),
        // What is inside it.
        (
            "a.py",
            "def f():\n    x = 1\n    def g():\n        return x\n",
            "def f():\n    y = 1\n    def g():\n        return x\n",
            Real,
            false,
        ),
        (
            "a.rs",
            "fn f() { let x = 1; fn g() -> u8 { x } g(x) }\n",
            "fn f() { let y = 1; fn g() -> u8 { x } g(y) }\n",
            Real,
            false,
        ),
        // No table.
        (
            "a.c",
            "int f(void) { int x = 1; return x; }\n",
            "int f(void) { int y = 1; return y; }\n",
            Real,
            false,
        ),
        ("a.rb", "def f\n  x = 1\n  x\nend\n", "def f\n  y = 1\n  y\nend\n", Real, false),
    ]);
}

/// A kind that no grammar has, or a misspelt one, would silently keep a place without its role.
#[test]
fn tables_name_kinds_that_exist() {
    use super::tables::Table;
    use crate::change::language::Language;
    use ast_grep_core::tree_sitter::LanguageExt;
    let families: [&[Language]; 5] = [
        &[Language::Rust],
        &[Language::Python],
        &[Language::JavaScript, Language::Tsx, Language::TypeScript],
        &[Language::Go],
        &[Language::Java],
    ];
    for family in families {
        let table = Table::of(family[0]).unwrap();
        let places =
            table.bindings.iter().map(|(place, _)| place).chain(table.variables).chain(table.members);
        let (kinds, fields): (Vec<&str>, Vec<&str>) = places.copied().unzip();
        for kind in kinds.iter().chain(table.lists).chain(table.barriers) {
            let exists = |it: &Language| it.get_ts_language().id_for_node_kind(kind, true) != 0;
            assert!(family.iter().any(exists), "{kind} in {:?}", family[0]);
        }
        for field in fields.iter().filter(|field| !matches!(**field, "" | "*")) {
            let exists = |it: &Language| it.get_ts_language().field_id_for_name(field).is_some();
            assert!(family.iter().any(exists), "{field} in {:?}", family[0]);
        }
    }
}
