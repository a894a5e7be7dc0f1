use insta::assert_snapshot;

use super::Outline;
use crate::change::language::{Language, Support};
use crate::change::parse::{ParseLimits, SyntaxTree, parse_text};

fn tree(language: Language, source: &str) -> SyntaxTree {
    let tree = parse_text(source, language, &ParseLimits::default()).unwrap();
    assert!(!tree.has_error(), "{}", tree.root().to_sexp());
    tree
}

/// One line a definition: its lines, its name, its header.
fn outline(language: Language, source: &str) -> String {
    let line = |byte: usize| source[..byte].matches('\n').count() + 1;
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let show = |outline: Outline| {
        let lines = outline.definitions.into_iter().map(|it| {
            let (first, last) = (line(it.range.start), line(it.range.end - 1));
            format!("{first}-{last} {} | {}", it.name, one_line(&source[it.header]))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    show(Outline::of(&tree(language, source)))
}

#[test]
fn rust() {
    assert_snapshot!(outline(Language::Rust, "\
//! Module.

use a::b;

/// Doc.
#[derive(Debug)]
pub struct Auth { key: u8 }

impl Auth {
    // Plain.
    #[inline]
    pub fn login(&self) -> bool { fn inner() {} true } // trailing
    fn next() {}
}
impl<T> From<T> for Auth where T: Copy {
    fn from(_: T) -> Self { Auth { key: 0 } }
}
mod outer;
mod tests { #[test] fn works() {} }
trait T { fn sig(&self); }
macro_rules! m { () => {} }
"), @r#"
        5-7 struct Auth | pub struct Auth
        9-14 impl Auth | impl Auth
        10-12 impl Auth / login | pub fn login(&self) -> bool
        12-12 impl Auth / login / inner | fn inner()
        13-13 impl Auth / next | fn next()
        15-17 impl From<T> for Auth | impl<T> From<T> for Auth where T: Copy
        16-16 impl From<T> for Auth / from | fn from(_: T) -> Self
        19-19 mod tests | mod tests
        19-19 mod tests / works | fn works()
        20-20 trait T | trait T
        21-21 macro m | macro_rules! m { () => {} }
        "#);
}

#[test]
fn python() {
    assert_snapshot!(outline(Language::Python, "\
import a

# Above.
@decorated
class Foo(Base):
    x = 1

    @property
    async def bar(self):
        def inner(): pass
        return inner

def plain(): return 1
if a:
    def nested(): pass
"), @r#"
        3-11 class Foo | @decorated class Foo(Base):
        8-11 class Foo / bar | @property async def bar(self):
        10-10 class Foo / bar / inner | def inner():
        13-13 plain | def plain():
        15-15 nested | def nested():
        "#);
}

#[test]
fn javascript() {
    assert_snapshot!(outline(Language::JavaScript, "\
/** Doc. */
export default function main() {}
export const f = async (a) => { return a }, one = 1
const g = x => x
let a = () => 1, b = () => 2
class A extends B {
  #x = 1
  handler = () => {}
  constructor() { super() }
  static m() {}
}
module.exports.run = function () { helper() }
const api = { get() {}, post: async function () {}, n: 1 }
function* gen() {}
"), @r#"
        1-2 main | export default function main()
        3-3 f | export const f = async (a) =>
        4-4 g | const g = x =>
        5-5 a | a = () =>
        5-5 b | b = () =>
        6-11 class A | class A extends B
        8-8 class A / handler | handler = () =>
        9-9 class A / constructor | constructor()
        10-10 class A / m | static m()
        12-12 module.exports.run | module.exports.run = function ()
        13-13 get | get()
        13-13 post | post: async function ()
        14-14 gen | function* gen()
        "#);
}

#[test]
fn typescript() {
    assert_snapshot!(outline(Language::TypeScript, "\
export interface I { m(): void }
type T = string;
@Component({a: 1})
export abstract class A<T> {
  abstract n(): void;
  private h = (): void => {};
  @Input() get(x: T): T { return x }
}
namespace N { export function f(): void {} }
declare function d(): void;
enum E { A }
export const k = (x: number): number => x;
"), @r#"
        1-1 interface I | export interface I
        2-2 type T | type T = string;
        3-8 class A | @Component({a: 1}) export abstract class A<T>
        5-5 class A / n | abstract n(): void
        6-6 class A / h | private h = (): void =>
        7-7 class A / get | get(x: T): T
        9-9 namespace N | namespace N
        9-9 namespace N / f | export function f(): void
        10-10 d | declare function d(): void;
        11-11 enum E | enum E
        12-12 k | export const k = (x: number): number =>
        "#);
    assert_snapshot!(outline(Language::Tsx, "export const App = () => { return <a/> }\n"), @"1-1 App | export const App = () =>");
}

#[test]
fn go() {
    assert_snapshot!(outline(Language::Go, "\
package a

// Server serves.
type Server[T any] struct {
	x T
}

type (
	A int
	B interface{ M() }
)

func (s *Server[T]) Handle(w int) error {
	f := func() {}
	return nil
}
func main() {}
"), @r#"
        3-6 type Server | type Server[T any] struct {
        9-9 type A | A int
        10-10 type B | B interface{ M() }
        13-16 Server / Handle | func (s *Server[T]) Handle(w int) error
        17-17 main | func main()
        "#);
}

#[test]
fn java() {
    assert_snapshot!(outline(Language::Java, "\
package a;
/** Doc. */
@Entity
public class A<T> extends B {
  static { f(); }
  A() { }
  @Override public <U> U m(U u) throws E { return u; }
  interface I { void n(); }
  enum E { X; void p() {} }
  record R(int x) {}
}
"), @r#"
        2-11 class A | @Entity public class A<T> extends B
        5-5 class A / static | static
        6-6 class A / A | A()
        7-7 class A / m | @Override public <U> U m(U u) throws E
        8-8 class A / interface I | interface I
        8-8 class A / interface I / n | void n();
        9-9 class A / enum E | enum E
        9-9 class A / enum E / p | void p()
        10-10 class A / record R | record R(int x)
        "#);
}

#[test]
fn c_and_cpp() {
    assert_snapshot!(outline(Language::C, "\
#include <a.h>
#define MAX(a, b) ((a) > (b) ? (a) : (b))
struct node { int x; };
typedef struct { int y; } item_t;
struct node *use;
enum color { RED };
static char *name(struct node *n) { return 0; }
"), @r#"
        2-2 macro MAX | #define MAX(a, b) ((a) > (b) ? (a) : (b))
        3-3 struct node | struct node
        4-4 struct | typedef struct
        6-6 enum color | enum color
        7-7 name | static char *name(struct node *n)
        "#);
    assert_snapshot!(outline(Language::Cpp, "\
namespace a {
template <typename T> class Box : Base {
 public:
  Box() {}
  ~Box() {}
  T &get() const { return x; }
  bool operator==(const Box &o) { return true; }
};
}
int a::Box::size() { return 1; }
"), @r#"
        1-9 namespace a | namespace a
        2-8 namespace a / class Box | template <typename T> class Box : Base
        4-4 namespace a / class Box / Box | Box()
        5-5 namespace a / class Box / ~Box | ~Box()
        6-6 namespace a / class Box / get | T &get() const
        7-7 namespace a / class Box / operator== | bool operator==(const Box &o)
        10-10 a::Box::size | int a::Box::size()
        "#);
}

#[test]
fn csharp() {
    assert_snapshot!(outline(Language::CSharp, "\
using System;
namespace N {
  [Attr] public class A {
    public int P { get; set; }
    A() { }
    public int M(int x) => x;
    record R(int X);
    interface I { void N(); }
  }
}
"), @r#"
        2-10 namespace N | namespace N
        3-9 namespace N / class A | [Attr] public class A
        4-4 namespace N / class A / P | public int P
        5-5 namespace N / class A / A | A()
        6-6 namespace N / class A / M | public int M(int x)
        7-7 namespace N / class A / record R | record R(int X);
        8-8 namespace N / class A / interface I | interface I
        8-8 namespace N / class A / interface I / N | void N();
        "#);
}

#[test]
fn ruby() {
    assert_snapshot!(outline(Language::Ruby, "\
module M
  # Above.
  class A < B
    attr_reader :x
    def initialize(x)
      @x = x
    end
    def self.build = new(1)
    class << self
      def other; end
    end
  end
end
"), @r#"
        1-13 module M | module M # Above.
        3-12 module M / class A | class A < B
        5-7 module M / class A / initialize | def initialize(x)
        8-8 module M / class A / self.build | def self.build =
        9-11 module M / class A / class << self | class << self
        10-10 module M / class A / class << self / other | def other; end
        "#);
}

#[test]
fn php() {
    assert_snapshot!(outline(Language::Php, "\
<?php
namespace A;
use B\\C;
function plain() { return 1; }
final class K extends L {
  /** Doc. */
  #[Attr]
  public function m(int $x): int { return $x; }
}
interface I { public function n(); }
trait T { }
$f = function () { return 1; };
"), @r#"
        4-4 plain | function plain()
        5-9 class K | final class K extends L
        6-8 class K / m | #[Attr] public function m(int $x): int
        10-10 interface I | interface I
        10-10 interface I / n | public function n();
        11-11 trait T | trait T
        12-12 $f | $f = function ()
        "#);
}

#[test]
fn kotlin() {
    assert_snapshot!(outline(Language::Kotlin, "\
package a
import b.c
/** Doc. */
@Anno
class A(val x: Int) : B() {
    init { f() }
    constructor() : this(1) { }
    fun m(): Int = 1
    companion object {
        fun make() = A(1)
    }
}
object O { }
fun String.ext(): Int { return 1 }
"), @r#"
        3-12 class A | @Anno class A(val x: Int) : B()
        6-6 class A / init | init {
        7-7 class A / constructor | constructor() : this(1) { }
        8-8 class A / m | fun m(): Int
        9-11 class A / companion object | companion object
        10-10 class A / companion object / make | fun make()
        13-13 object O | object O
        14-14 ext | fun String.ext(): Int
        "#);
}

#[test]
fn bash() {
    assert_snapshot!(outline(Language::Bash, "#!/bin/sh\nset -e\n# Above.\nf() { echo a; }\nfunction g {\n  f\n}\n"), @r#"
        3-4 f | f()
        5-7 g | function g
        "#);
}

#[test]
fn every_language_parses() {
    let data = [
        (Language::Json, "{\"a\": [1, true]}\n"),
        (Language::Yaml, "a:\n  - b: 1\n"),
        (Language::Toml, "[a]\nb = 1\n"),
        (Language::Html, "<!doctype html><p>a</p>\n"),
        (Language::Css, "a { color: red; }\n"),
    ];
    for (language, source) in data {
        assert_eq!(language.support(), Support::Data);
        assert_eq!(Outline::of(&tree(language, source)), Outline::default());
    }
}

/// What the search by halves finds is what looking at every definition finds.
#[test]
fn enclosing_is_the_smallest_around() {
    let source = "fn a() { fn b() {} }\n\nimpl X { fn c() {}\n fn d() { fn e() {} } }\nfn f() {}\n";
    let outline = Outline::of(&tree(Language::Rust, source));
    assert_eq!(outline.definitions.len(), 7);
    for byte in 0..=source.len() {
        let around = outline.definitions.iter().enumerate().filter(|(_, it)| it.range.contains(&byte));
        let smallest = around.min_by_key(|(_, it)| it.range.len()).map(|(index, _)| index);
        assert_eq!(outline.enclosing(byte), smallest, "byte {byte}");
    }
}
