#!/usr/bin/env python3
"""Tries the oracles themselves on pairs of which it is known whether they mean the same.

    benches/oracles.py --node-modules DIR --go GO

The exit status is 1 if an oracle is wrong, and 2 if one is missing.
"""

import argparse
import sys

from oracle import Oracles

# Path, form, two texts, and whether they are the same in that form.
# fmt: off
PAIRS = [
    ("a.py", "whole", "if x:\n    f()\n    g()\n", "if x:\n    f()\ng()\n", False),
    ("a.py", "whole", "f(1,2) # a\n", "f(1, 2)  # b\n", True),
    ("a.py", "whole", "f()\n", "f()  # noqa\n", False),
    ("a.js", "whole", "function f() { return x }\n", "function f() { return\nx }\n", False),
    ("a.js", "whole", "function f() { return (x) }\n", "function f() { return\n(x) }\n", False),
    ("a.tsx", "whole", "let a = <b>\n<c/></b>;", "let a = <b>\n   <c/></b>;", True),
    ("a.tsx", "whole", "let a = <b> x</b>;", "let a = <b>x</b>;", False),
    ("a.ts", "whole", "let a: number", "let a: string", False),
    ("a.ts", "whole", "f()", "// @ts-ignore\nf()", False),
    ("a.rs", "whole", "fn f() { g(r\"a\") }", "fn f() { g(br\"a\") }", False),
    ("a.rs", "whole", "/// a\nfn f() {}", "/// b\nfn f() {}", False),
    ("a.rs", "whole", "fn f() {g( 1 ,2)} // a", "fn f() { g(1, 2) }", True),
    ("a.rs", "whole", "m!(a <- b);", "m!(a < - b);", False),
    ("a.rs", "whole", "fn f(x: A<B<C>>) {}", "fn f(x: A<B<C> >) {}", True),
    ("a.rs", "whole", "fn f() { a && b }", "fn f() { a & &b }", False),
    ("a.rs", "whole", "fn f() { m!(a >> b) }", "fn f() { m!(a > > b) }", False),
    ("a.go", "whole", "package a\nfunc f() {}", "package a\n//go:noinline\nfunc f() {}", False),
    ("a.go", "whole", "package a\n\n// #include <a.h>\nimport \"C\"\n", "package a\n\n// #include <b.h>\nimport \"C\"\n", False),
    ("a.go", "whole", "package a\nfunc f() { g( ) }", "package a\n\n// f.\nfunc f() {\n\tg()\n}\n", True),
    ("A.java", "whole", "class A { int x=1; }", "class A {\n /* a */ int x = 1;\n}", True),
    ("A.java", "whole", "class A { int x=1; }", "class A { long x=1; }", False),
    ("A.java", "whole", "class A { int x; }", "class A { int x; // NOSONAR\n}", False),
    ("a.py", "alpha", "def f(x):\n    y = x\n    def g(): return y\n    return g\n", "def f(x):\n    a = x\n    def g(): return a\n    return g\n", True),
    ("a.py", "alpha", "def f(x):\n    y = x\n    return len(y)\n", "def f(x):\n    len = x\n    return len(len)\n", False),
    ("a.py", "alpha", "def f(x):\n    return x\n", "def f(y):\n    return y\n", False),
    ("a.py", "imports", "import b\nimport a\n", "import a\nimport b\n", True),
    ("a.py", "imports", "import b\nf()\nimport a\n", "import a\nf()\nimport b\n", False),
    ("a.py", "sorted", "def a(): 1\ndef b(): 2\n", "def b(): 2\ndef a(): 1\n", True),
    ("a.ts", "alpha", "export function f(x: number) { const y = x; return {y, x}; }", "export function f(x: number) { const z = x; return {y: z, x}; }", False),
    ("a.ts", "alpha", "export function f(x: number) { const y = x; return y; }", "export function f(x: number) { const z = x; return z; }", True),
    ("a.ts", "alpha", "export function f(x: number) { const y = x; return y + w; }", "export function f(x: number) { const w = x; return w + w; }", False),
    ("a.ts", "imports", "import {b} from 'b'\nimport a from 'a'\n", "import a from 'a'\nimport {b} from 'b'\n", True),
    ("a.ts", "imports", "import 'b'\nimport a from 'a'\n", "import a from 'a'\nimport 'b'\n", False),
    ("a.ts", "sorted", "class A { a() {1}\n b() {2} }\nfunction f(){}\nexport function e(){}", "class A { b() {2}\n a() {1} }\nexport function e(){}\nfunction f(){}\n", True),
    ("a.ts", "sorted", "interface A {a:1}\ninterface B {b:2}", "interface B {b:2}\ninterface A {a:1}\n", True),
    ("a.rs", "alpha", "fn f(x: u8) { let y = x; println!(\"{y}\", y); g(y) }", "fn f(x: u8) { let z = x; println!(\"{z}\", z); g(z) }", True),
    ("a.rs", "alpha", "fn f(x: u8) { let y = x; println!(\"{y}\"); g(y) }", "fn f(x: u8) { let z = x; println!(\"{y}\"); g(z) }", False),
    ("a.rs", "alpha", "fn f(x: u8) { let y = x; y.y(y) }", "fn f(x: u8) { let z = x; z.y(z) }", True),
    ("a.rs", "alpha", "fn f(x: u8) { let y = x; h(w, y) }", "fn f(x: u8) { let w = x; h(w, w) }", False),
    ("a.rs", "imports", "use b::{d, c};\nuse a;\n", "use a;\nuse b::c;\nuse b::d;\n", True),
    ("a.rs", "sorted", "fn a() {}\nfn b() {}\nimpl A { fn x() {} fn y() {} }", "fn b() {}\nfn a() {}\nimpl A { fn y() {} fn x() {} }", True),
    ("a.rs", "sorted", "macro_rules! m {() => {}}\nfn b() {}", "fn b() {}\nmacro_rules! m {() => {}}", False),
    ("a.go", "alpha", "package a\nimport \"b\"\nfunc f(x int) int { y := x; return b.y(y) }", "package a\nimport \"b\"\nfunc f(x int) int { z := x; return b.y(z) }", True),
    ("a.go", "alpha", "package a\nfunc f(x int) int { y := x; return g(y) }", "package a\nfunc f(x int) int { g := x; return g(g) }", False),
    ("a.go", "alpha", "package a\nfunc f(y int) { y = 1; z := S{y: y} }", "package a\nfunc f(w int) { w = 1; z := S{y: w} }", True),
    ("a.go", "imports", "package a\nimport (\n\"b\"\n\"a\"\n)\n", "package a\nimport (\n\"a\"\n\"b\"\n)\n", True),
    ("a.go", "sorted", "package a\nfunc f(){}\nfunc (a *A) g(){}\n", "package a\nfunc (a *A) g(){}\nfunc f(){}\n", True),
    ("A.java", "alpha", "class A { int f(int x) { int y = x; return this.y + y(y); } }", "class A { int f(int x) { int z = x; return this.y + y(z); } }", True),
    ("A.java", "alpha", "class A { int z; int f(int x) { int y = x; return y + z; } }", "class A { int z; int f(int x) { int z = x; return z + z; } }", False),
    ("A.java", "alpha", "class A { int f(int x) { int y = x; g(() -> y); } }", "class A { int f(int x) { int w = x; g(() -> w); } }", True),
    ("A.java", "imports", "import b.B;\nimport a.A;\nclass A {}", "import a.A;\nimport b.B;\nclass A {}", True),
    ("A.java", "used", "import b.B;\nimport a.C;\nclass A { C c; }", "import a.C;\nclass A { C c; }", True),
    ("A.java", "used", "import b.B;\nimport a.C;\nclass A { C c; }", "import b.B;\nclass A { C c; }", False),
    ("A.java", "sorted", "class A { int x = 1; void f() {} void g() {} }", "class A { void g() {} int x = 1; void f() {} }", True),
    ("A.java", "sorted", "class A { int x = 1; int y = x; }", "class A { int y = x; int x = 1; }", False),
]
# fmt: on


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--node-modules", help="directory that holds the npm package typescript 5")
    parser.add_argument("--go", default="go", help="the go command")
    options = parser.parse_args()
    oracles = Oracles(options.node_modules, options.go)
    wrong = 0
    for path, form, old, new, expected in PAIRS:
        one, other = oracles.ask(path, old, form), oracles.ask(path, new, form)
        if one is None:
            continue
        is_same = one.form == other.form and one.directives == other.directives
        if one.error or other.error or is_same != expected:
            wrong += 1
            print(f"{path} {form}: {old!r} -> {new!r}: {one.error or other.error or is_same}")
    print(f"{len(PAIRS)} pairs, {wrong} wrong")
    for language, reason in oracles.missing.items():
        print(f"missing: {language}: {reason}")
    oracles.close()
    sys.exit(1 if wrong else 2 if oracles.missing else 0)


if __name__ == "__main__":
    main()
