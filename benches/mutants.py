#!/usr/bin/env python3
"""Makes mutants of real files and sees that hookgate drops none of them.

    benches/mutants.py --hookgate target/release/hookgate --rounds 4 \\
        --node-modules DIR --go GO REPOSITORY...

In each round one place in every file at HEAD is changed by an operator that fits its language: a
statement dedented, a guard removed, an operator or a directive changed, and so on. The oracle of the
language (benches/oracle) confirms first that the mutant can be parsed and says something else; those
that do not are counted as equivalent and never committed. All mutants of a round are one commit in a
scratch clone, which goes through `hookgate dry-run --commit`. A mutant counts as dropped if a line of
it that is not blank stands in a dropped unit, or if its file has no unit that is not dropped. Languages
without an oracle are mutated too; there, only the text tells that a mutant is none.

The choice of places is settled by --seed. The exit status is 1 if a mutant was dropped.
"""

import argparse
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

from oracle import Oracles, language_of
from oracle.commits import Hookgate, git, lines_of

# Longer files are left alone: a round is to take seconds.
LARGEST = 100_000
# Places that are tried in a file for one operator, and where most places make no mutant.
TRIES, TRIES_OF_LAYOUT = 6, 12

FAMILIES = {
    **dict.fromkeys((".py", ".pyi"), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"), "javascript"),
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".rb": "ruby",
    **dict.fromkeys((".sh", ".bash"), "bash"),
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".hpp"), "c"),
    ".php": "php",
    ".kt": "kotlin",
    ".cs": "csharp",
}
LINE_COMMENT = {"python": "#", "ruby": "#", "bash": "#"}
# Only an oracle tells which layout means something.
JUDGED = ("python", "javascript", "rust", "go", "java")
C_LIKE = {"javascript", "rust", "go", "java", "c", "kotlin", "csharp", "php"}
OPERATORS = collections.defaultdict(dict)


def operator(name, *families):
    """Registers a function from a text to places: (start, end, what stands there instead)."""

    def register(find):
        for family in families or sorted(set(FAMILIES.values())):
            OPERATORS[family].setdefault(name, []).append(find)
        return find

    return register


def pattern(name, regex, replace, *families, flags=re.M):
    """Registers an operator that rewrites the matches of a pattern."""
    compiled = re.compile(regex, flags)

    def find(text):
        for match in compiled.finditer(text):
            yield match.start(), match.end(), replace(match) if callable(replace) else match.expand(replace)

    operator(name, *families)(find)


SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "/",
    "and": "or", "or": "and", "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "===": "!==", "!==": "===",
    "-eq": "-ne", "-ne": "-eq", "is": "is not",
}  # fmt: skip
SPACED = "|".join(sorted(map(re.escape, SWAPS), key=len, reverse=True))

pattern("operator swapped", rf"(?<=[\w)\]\"'}}] )({SPACED})(?= [\w(\[\"'!])", lambda m: SWAPS[m[1]])
pattern("number changed", r"(?<![\w.#])\d+(?![\w.])", lambda m: str(int(m[0]) + 1) if len(m[0]) < 12 else "7")
pattern("string: space added", r"(?<=[\w ,:])(?=[\w ]*[\"'](?:[,;)\]:]|$))(?<=[\"'\w ])", " ")
pattern("string: space at its end", r"([\"'])([^\"'\n\\]{2,})\1", r"\1\2 \1")
pattern("string: space at its start", r"([\"'])([^\"'\n\\]{2,})\1", r"\1 \2\1")
pattern("string: case changed", r"([\"'])([a-z]\w+)\1", lambda m: m[1] + m[2].capitalize() + m[1])
pattern("string: space doubled", r"([\"'])([^\"'\n\\]*\w) (\w[^\"'\n\\]*)\1", r"\1\2  \3\1")
pattern("arguments swapped", r"(?<=\w\()(\w[\w.]*), (\w[\w.]*)(?=\))", r"\2, \1")
pattern("layout: line break added", r"(?<=\S) (?=\S)", "\n", *JUDGED)
pattern("layout: line break after a keyword", r"\b(return|yield|throw|break|continue|async|static|get|set|type|abstract|declare|raise|else|defer|go|let|of|as|new|await) (?=\S)", r"\1\n", *JUDGED)
pattern("layout: line break removed", r"(?<=\S)\n[ \t]*(?=\S)", " ", *JUDGED)
pattern("layout: space added", r"(?<=\S)(?=\S)(?<!\w(?=\w))", " ", *JUDGED)
pattern("layout: space removed", r"(?<=\S) (?=\S)", "", *JUDGED)
pattern("layout: indentation changed", r"^(?=[ \t]*\S)", "  ", *JUDGED)
pattern("negation added", r"\bif (?=\w[\w.]*:)", "if not ", "python")
pattern("negation added", r"\bif \((?=[\w.]+\))", "if (!", "javascript", "java", "c", "kotlin", "csharp", "php")
pattern("negation added", r"\bif (?=[a-z][\w.]* \{)", "if !", "rust", "go")
pattern("negation removed", r"\bnot (?!in\b)", "", "python")
pattern("negation removed", r"(?<![\w!=])!(?=[\w(])(?!\w*[(\[]?!)", "", *sorted(C_LIKE))
pattern("await removed", r"\bawait ", "", "python", "javascript", "csharp")
pattern("await removed", r"\.await\b", "", "rust")
pattern("call made lazy", r"\bdefer (?=\w)", "", "go")
pattern("call made lazy", r"\bgo (?=func|\w+\()", "", "go")
pattern("return value on its own line", r"\breturn (?=[\w('\"\[])", "return\n", "javascript")
pattern("break between a name and its call", r"(?<=^)(\s*)(\w+) \+\+", r"\1\2\n++", "javascript")
pattern("bytes string", r"(?<![\w\"'])(?=[\"'][\w ]+[\"'])", "b", "python", "rust")
pattern("raw string", r"(?<![\w\"'])(?=[\"'][^\"'\n]*\\[ntdws][^\"'\n]*[\"'])", "r", "python")
pattern("raw bytes string", r"(?<![\w\"'])r(?=#*\")", "br", "rust")
pattern("format string", r"(?<![\w\"'])f(?=[\"'][^\"'\n]*\{)", "", "python")
pattern("decorator removed", r"^[ \t]*@\w[^\n]*\n", "", "python", "javascript", "java", "kotlin")
pattern("attribute removed", r"^[ \t]*#\[[^\n]*\]\n", "", "rust")
pattern("attribute changed", r"#\[cfg\(", "#[cfg(not_", "rust")
pattern("attribute changed", r"(?<=derive\()(\w+), ", "", "rust")
pattern("documentation changed", r"^([ \t]*//[/!] )(\w)", lambda m: m[1] + "Not " + m[2], "rust")
pattern("documentation: blank line", r"^([ \t]*//[/!]) (\w)", r"\1\n\1 \2", "rust")
pattern("documentation: blank line", r"^(/\*!\n\w[^\n]*\n)(?=\w)", r"\1\n", "rust")
pattern("directive unbound", r"^(//go:(?:embed|noinline|linkname|generate)[^\n]*\n)", r"\1\n", "go")
pattern("directive unbound", r"^([ \t]*//[^\n]*(?:@ts-ignore|@ts-expect-error|eslint-disable-next-line)[^\n]*\n)", r"\1\n", "javascript")
pattern("docstring changed", r'(""")(\w)', r"\1 \2", "python")
pattern("directive removed", r"[ \t]*# (?:noqa|type: ignore|pragma: no cover|pylint:|fmt: |isort:)[^\n]*", "", "python")
pattern("directive added", r"(?<=[\w)\]])$", "  # type: ignore", "python")
pattern("directive added", r"(?<=[\w)\]])$", "  # noqa: E501", "python")
pattern("directive changed", r"# (noqa|type: ignore)(?=\s)", r"# \1 # noqa: X1", "python")
pattern("directive removed", r"//\s*(?:eslint-[^\n]*|@ts-[^\n]*)|/\*\s*(?:eslint-|#__PURE__|@__PURE__|istanbul)[^\n]*?\*/", "", "javascript")
pattern("directive added", r"^(?=[ \t]+(?:const|return|if) )", "// @ts-ignore\n", "javascript")
pattern("directive changed", r"(//|/\*) (eslint-disable-(?:next-)?line|@ts-ignore|@ts-expect-error)", r"\1 not-\2", "javascript")
pattern("directive changed", r"^//go:(?:build|embed|generate|noinline|linkname) ", "// ", "go")
pattern("directive added", r"^(?=func )", "//go:noinline\n", "go")
pattern("directive removed", r"[ \t]*//nolint[^\n]*", "", "go")
pattern("build tag added", r"\Apackage (?=\w)|^package (?=\w)", "//go:build linux\n\npackage ", "go")
pattern("directive added", r"^(?=    \w[^\n]*;$)", "    //noinspection unused\n", "java")
pattern("import of effects removed", r"^import \w[\w.]*\n", "", "python")
pattern("import of effects removed", r"^import ['\"][^\n]*\n", "", "javascript")
pattern("import of effects removed", r"^\t_ \"[^\n]*\n", "", "go")
pattern("import removed", r"^(?:import|use|from|#include|using|require|require_relative) [^\n{(]*\n", "")
pattern("imports swapped", r"^((?:import|from) [^\n(]*\n)((?:import|from) [^\n(]*\n)", r"\2\1", "python")
pattern("imports swapped", r"^(import ['\"][^\n]*\n)(import [^\n]*\n)", r"\2\1", "javascript")
pattern("imports swapped", r"^(#include [^\n]*\n)(#include [^\n]*\n)", r"\2\1", "c")
pattern("imports swapped", r"^(require [^\n]*\n)(require [^\n]*\n)", r"\2\1", "ruby")
pattern("parameter renamed", r"(?<=def )(\w+\((?:self, )?)(\w+)(?=[,)])", r"\1\2_renamed", "python")
pattern("mutability changed", r"\blet mut\b", "let", "rust")
pattern("mutability changed", r"\bconst\b(?= \w+ =)", "let", "javascript")
pattern("visibility changed", r"\bpub (?=fn|struct|enum|const)", "", "rust")
pattern("visibility changed", r"\bprivate\b", "public", "java", "kotlin", "csharp", "php")
pattern("type changed", r": number\b", ": string", "javascript")
pattern("type changed", r"\bint (?=\w+\b[^(]*$)", "long ", "java")
pattern("type changed", r"\bu32\b", "u64", "rust")
pattern("type changed", r"\bint\b(?! *\()", "int64", "go")
pattern("question mark removed", r"\?(?=;)", "", "rust")
pattern("reference changed", r"&mut (?=\w)", "&", "rust")
pattern("brace moved over a statement", r"^([ \t]*)\}\n([ \t]*[a-z][^\n{}]*;\n)", r"\2\1}\n", "javascript", "java", "c", "rust", "csharp", "php")
pattern("brace moved over a statement", r"^([ \t]*)\}\n([ \t]*[a-z][\w.]*\([^\n{}]*\)\n)", r"\2\1}\n", "go")
pattern("semicolon removed", r"(?<=\));(?=\n[ \t]*\})", "", "rust")
pattern("semicolon added", r"(?<=\))(?= \{$)", ";", "java", "c", "javascript")
pattern("template space", r"`([^`\n]*\w) (\w[^`\n]*)`", r"`\1  \2`", "javascript", "go")
pattern("template line break", r"`([^`]*)\n([^`]*)`", r"`\1\n \2`", "javascript", "go")
pattern("JSX text", r">(\w[\w ]+)<", r"> \1 x<", "javascript")
pattern("raw text space", r'("""[^"]*?\n)([ \t]*\w)', r"\1 \2", "python", "java", "kotlin")
pattern("here document", r"(<<[-~]?['\"]?([A-Z]+)['\"]?\n)([ \t]*\S)", r"\1 x\3", "bash", "ruby", "php")
pattern("quoting changed", r"\"(\$\w+)\"", r"\1", "bash")
pattern("quoting changed", r"\"([^\"'\n]*\$\w+[^\"'\n]*)\"", r"'\1'", "bash")
pattern("quoting changed", r"\"([^\"'\n]*#\{[^\"'\n]*)\"", r"'\1'", "ruby")
pattern("line continuation", r"(?<=\w) (?=-\w)", "\n", "bash")
pattern("shebang changed", r"\A#!([^\n]*)", r"#!\1 -e", "bash", "python", "ruby")
pattern("macro definition", r"^(#define \w+)\(", r"\1 (", "c")
pattern("macro continued", r"\\\n(?=[ \t]+\w)", "\n", "c")
pattern("space made tokens", r"(\w)\+\+ ", r"\1+ + ", "c", "java", "javascript")
pattern("frozen literal", r"\A# frozen_string_literal: true\n", "", "ruby")
pattern("private moved", r"^([ \t]*)private\n", "", "ruby")
pattern("doc block changed", r"^([ \t]*)/\*\*\n", r"\1/*\n", "php")


def lines_with_places(text):
    at, result = 0, []
    for line in text.split("\n"):
        result.append((at, line))
        at += len(line) + 1
    return result


def indent_of(line):
    return len(line) - len(line.lstrip(" "))


@operator("statement dedented", "python")
def dedented(text):
    lines = lines_with_places(text)
    for (at, line), (_, following) in zip(lines, lines[1:]):
        depth = indent_of(line)
        is_last = not following.strip() or indent_of(following) < depth
        if depth >= 8 and is_last and re.match(r"[a-z_][\w.]*(\(.*\)| = .*)$", line.strip()):
            yield at, at + 4, ""


@operator("statement indented", "python")
def indented(text):
    lines = lines_with_places(text)
    for (_, line), (at, following) in zip(lines, lines[1:]):
        if indent_of(line) == indent_of(following) + 4 and re.match(r"[a-z_][\w.]*(\(.*\)| = .*)$", following.strip()):
            yield at, at, "    "


@operator("guard removed", "python")
def guard_removed(text):
    for match in re.finditer(r"^([ \t]*)if [^\n]*:\n\1[ \t]+(?:return|raise|continue)\b[^\n]*\n(?=\1\w)", text, re.M):
        if not re.match(rf"{match[1]}el", text[match.end() :]):
            yield match.start(), match.end(), ""


@operator("guard removed", "javascript", "java", "go", "rust", "c", "csharp", "php", "kotlin")
def guard_of_braces_removed(text):
    guard = r"^([ \t]*)if [^\n]*\{\n\1[ \t]+(?:return|throw|panic|continue|break)\b[^\n]*\n\1\}\n"
    for match in re.finditer(guard, text, re.M):
        yield match.start(), match.end(), ""


@operator("statement commented out from afar", *sorted(C_LIKE))
def commented_out_from_afar(text):
    """The lines that change are comments and nothing else."""
    for match in re.finditer(r"^([ \t]+)[a-z][\w.]*\([^\n]*\)[;?]*\n", text, re.M):
        yield match.start(), match.end(), f"{match[1]}/*\n{match[0]}{match[1]}*/\n"


STATEMENT = r"^([ \t]+)([a-z][\w.]*(?: :?= |\()[^\n]*[\w)\]\"'];?\n)\1([a-z][\w.]*(?: :?= |\()[^\n]*[\w)\]\"'];?\n)"


@operator("statements swapped")
def swapped(text):
    for match in re.finditer(STATEMENT, text, re.M):
        if match[2] != match[3]:
            yield match.start(), match.end(), f"{match[1]}{match[3]}{match[1]}{match[2]}"


@operator("statement removed")
def removed(text):
    for match in re.finditer(r"^[ \t]+[a-z][\w.]*\([^\n]*\);?\n", text, re.M):
        yield match.start(), match.end(), ""


@operator("statement commented out", "python", "ruby", "bash")
def commented_out(text):
    for match in re.finditer(r"^([ \t]+)(?=[a-z][\w.]*\([^\n]*\)\n)", text, re.M):
        yield match.end(), match.end(), "# "


@operator("statement commented out", *sorted(C_LIKE))
def commented_out_c(text):
    for match in re.finditer(r"^([ \t]+)(?=[a-z][\w.]*\([^\n]*\);?\n)", text, re.M):
        yield match.end(), match.end(), "// "


@operator("name captured", "python")
def captured_python(text):
    """A local variable takes the name of something around it that its function uses."""
    for match in re.finditer(r"^([ \t]*)def [^\n]*\n((?:\1[ \t]+[^\n]*\n|[ \t]*\n)+)", text, re.M):
        yield from capture(match.start(2), match[2], r"^[ \t]+([a-z]\w*) = ")


@operator("name captured", "javascript")
def captured_javascript(text):
    for match in re.finditer(r"^([ \t]*)(?:export )?(?:async )?function [^\n]*\{\n(.*?)^\1\}", text, re.M | re.S):
        yield from capture(match.start(2), match[2], r"\b(?:const|let|var) ([a-z]\w*) = ")


@operator("name captured", "go")
def captured_go(text):
    for match in re.finditer(r"^func [^\n]*\{\n(.*?)^\}", text, re.M | re.S):
        yield from capture(match.start(1), match[1], r"^\t+([a-z]\w*) := ")


@operator("name captured", "java")
def captured_java(text):
    for match in re.finditer(r"^    [^\n=;]*\) \{\n(.*?)^    \}", text, re.M | re.S):
        yield from capture(match.start(1), match[1], r"^ +(?:final )?[A-Z]\w* ([a-z]\w*) = ")


@operator("name captured", "rust")
def captured_rust(text):
    for match in re.finditer(r"^([ \t]*)(?:pub )?fn [^\n]*\{\n(.*?)^\1\}", text, re.M | re.S):
        yield from capture(match.start(2), match[2], r"\blet (?:mut )?([a-z]\w*) = ")


WORDS = set("self this return if else for in not and or None True False let mut const var new await true false null func nil".split())


def capture(start, body, binding):
    locals_ = [it for it in dict.fromkeys(re.findall(binding, body, re.M)) if len(it) > 1]
    # A word of a comment or a string is nobody's name.
    code = re.sub(r"//[^\n]*|#[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", "", body, flags=re.S)
    names = re.findall(r"(?<![\w.\"'])([a-z]\w+)\b(?=[.(\[])", code)
    others = [it for it in dict.fromkeys(names) if it not in locals_ and it not in WORDS]
    for name in locals_:
        for other in others[:3]:
            yield start, start + len(body), re.sub(rf"(?<![\w.\"'])\b{name}\b", other, body)


@operator("methods swapped around private", "ruby")
def around_private(text):
    method = r"(^([ \t]*)def [^\n]*\n(?:(?!\2end\b)[^\n]*\n)*\2end\n)"
    for match in re.finditer(method + r"(\s*private\n\s*)" + method.replace(r"\2", r"\5"), text, re.M):
        yield match.start(), match.end(), match[4] + match[3] + match[1]


@operator("functions of one name swapped", "python")
def of_one_name(text):
    """A second definition of a name, which wins, before the first."""
    for match in re.finditer(r"^(def (\w+)\([^\n]*\n(?:[ \t]+[^\n]*\n)+)", text, re.M):
        yield match.start(), match.start(), f"def {match[2]}(): pass\n\n\n"


class Mutant:
    def __init__(self, path, name, before, after):
        self.path, self.name, self.before, self.after = path, name, before, after


def plain(text, family):
    """The text without white space and whole-line comments: enough to see that something is left."""
    mark = LINE_COMMENT.get(family)
    lines = (line for line in text.split("\n") if not mark or not line.lstrip().startswith(mark) or line.startswith("#!"))
    return "".join("".join(lines).split())


def in_comment(text, place, family):
    """Whether a place seems to stand in a comment, where there is no oracle to ask."""
    line = text[text.rfind("\n", 0, place) + 1 : place]
    if family in C_LIKE:
        inside = text.rfind("/*", 0, place) > text.rfind("*/", 0, place)
        return inside or "//" in line or line.lstrip().startswith("*")
    return "#" in line


def is_other(oracles, path, family, before, after, start, form):
    """Whether a mutant can be parsed and says something else, in a form of the oracle."""
    if oracles is None or language_of(path) is None or not oracles.has(language_of(path)):
        return not in_comment(before, start, family) and plain(before, family) != plain(after, family)
    one, other = oracles.ask(path, before, form), oracles.ask(path, after, form)
    if one.error or other.error:
        return None
    return one.form != other.form or one.directives != other.directives


def mutate(oracles, path, family, text, name, chance, table):
    places = [place for find in OPERATORS[family][name] for place in find(text)]
    chance.shuffle(places)
    for start, end, instead in places[: TRIES_OF_LAYOUT if name.startswith("layout") else TRIES]:
        after = text[:start] + instead + text[end:]
        if after == text:
            continue
        # A name that is taken in another scope, or for a method, captures nothing; an import of Java's
        # that nothing uses does nothing.
        form = {"name captured": "alpha", "import removed": "used" if family == "java" else "whole"}.get(name, "whole")
        verdict = is_other(oracles, path, family, text, after, start, form)
        if verdict:
            return Mutant(path, name, text, after)
        table[family, name]["unparsable" if verdict is None else "equivalent"] += 1
    return None


def mutants_of_round(clone, paths, oracles, chance, table, only):
    """At most one mutant a file; operators take turns, those first that have fewest mutants."""
    for path in paths:
        family = FAMILIES[os.path.splitext(path)[1]]
        place = os.path.join(clone, path)
        if os.path.islink(place) or not os.path.isfile(place) or os.path.getsize(place) > LARGEST:
            continue
        try:
            with open(place, encoding="utf-8", newline="") as file:
                text = file.read()
        except UnicodeDecodeError:
            continue
        names = [name for name in OPERATORS[family] if re.search(only, name)]
        names.sort(key=lambda name: (table[family, name]["mutants"], chance.random()))
        for name in names[:12]:
            if mutant := mutate(oracles, path, family, text, name, chance, table):
                table[family, name]["mutants"] += 1
                yield mutant
                break


def dropped_lines(mutant, entry):
    """Lines of a mutant that stand in dropped units and are not blank, with the units."""
    old, new = mutant.before.split("\n"), mutant.after.split("\n")
    for unit in entry["units"]:
        if unit["route"] != "drop":
            continue
        lines = [f"-{it}: {old[it - 1]}" for it in sorted(lines_of(unit["deleted"])) if old[it - 1].strip()]
        lines += [f"+{it}: {new[it - 1]}" for it in sorted(lines_of(unit["added"])) if new[it - 1].strip()]
        if lines:
            yield unit, lines


def judge(report, mutants, table):
    entries = {entry["path"]: entry for entry in report["files"]}
    failures = 0
    for mutant in mutants:
        family = FAMILIES[os.path.splitext(mutant.path)[1]]
        entry = entries.get(mutant.path)
        if entry is None or entry["class"] in ("generated", "vendored", "lock"):
            table[family, mutant.name]["by table"] += 1
            continue
        dropped = list(dropped_lines(mutant, entry))
        # One name taken in several functions is captured in one of them, and may be free in the others.
        may_lie_apart = mutant.name == "name captured"
        if dropped and not may_lie_apart or all(unit["route"] == "drop" for unit in entry["units"]):
            failures += 1
            table[family, mutant.name]["dropped"] += 1
            print(f"DROPPED {mutant.name}: {mutant.path}")
            for unit, lines in dropped:
                print(f"    {unit['name']} · {unit['class']}: {unit['reason']}")
                print("\n".join(f"        {line}" for line in lines[:12]))
    return failures


def measure(repository, options, hookgate, oracles, table):
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        clone = os.path.join(scratch, "clone")
        git(repository, "clone", "--quiet", "--shared", "--no-checkout", os.path.abspath(repository), clone)
        head = git(clone, "rev-parse", "HEAD").decode().strip()
        git(clone, "reset", "--quiet", "--hard")
        tracked = git(clone, "ls-files", "-z").decode(errors="replace").split("\0")
        paths = [path for path in tracked if os.path.splitext(path)[1] in FAMILIES]
        for number in range(options.rounds):
            chance = random.Random(f"{options.seed} {os.path.basename(repository)} {number}")
            chosen = sorted(chance.sample(paths, min(options.files, len(paths))))
            mutants = list(mutants_of_round(clone, chosen, oracles, chance, table, options.operators))
            for mutant in mutants:
                with open(os.path.join(clone, mutant.path), "w", encoding="utf-8", newline="") as file:
                    file.write(mutant.after)
            who = ["-c", "user.name=mutants", "-c", "user.email=mutants@localhost", "-c", "commit.gpgSign=false"]
            mutated = "\0".join(mutant.path for mutant in mutants).encode()
            if not mutated:
                continue
            named = ["--pathspec-from-file=-", "--pathspec-file-nul"]
            git(clone, "--literal-pathspecs", "add", *named, input=mutated)
            git(clone, *who, "commit", "--quiet", "--no-verify", "-m", f"Round {number}")
            report, error = hookgate.dry_run(clone, "HEAD")
            if report is None:
                sys.exit(f"hookgate failed in round {number}: {error}")
            failures += judge(report, mutants, table)
            git(clone, "reset", "--quiet", "--soft", head)
            git(clone, "--literal-pathspecs", "checkout", "--quiet", head, *named, input=mutated)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--files", type=int, default=300, help="files that are mutated in a round at the most")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--operators", default="", help="a pattern that the names of operators must match")
    parser.add_argument("--node-modules", help="directory that holds the npm package typescript 5")
    parser.add_argument("--go", default="go", help="the go command")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()
    hookgate, oracles = Hookgate(options.hookgate), Oracles(options.node_modules, options.go)
    table = collections.defaultdict(collections.Counter)
    failures = 0
    for repository in options.repositories:
        before = sum(counts["mutants"] for counts in table.values())
        try:
            failures += measure(repository, options, hookgate, oracles, table)
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip().split("\n")[0]
            print(f"{repository} is left out, git cannot make a clone of it: {reason}", file=sys.stderr)
            continue
        made = sum(counts["mutants"] for counts in table.values()) - before
        print(f"{os.path.basename(os.path.abspath(repository))}: {made} mutants", flush=True)
    columns = ("mutants", "dropped", "by table", "equivalent", "unparsable")
    print("\n| language | operator | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    for (family, name), counts in sorted(table.items()):
        if counts["mutants"]:
            print(f"| {family} | {name} | " + " | ".join(str(counts[column]) for column in columns) + " |")
    total = collections.Counter()
    for counts in table.values():
        total.update(counts)
    print("| all | | " + " | ".join(str(total[column]) for column in columns) + " |")
    seen = {family for family, _ in table}
    unused = [f"{family}: {name}" for family in seen for name in OPERATORS[family] if not table[family, name]["mutants"]]
    print("no mutant by: " + ", ".join(sorted(unused)))
    for language, reason in oracles.missing.items():
        print(f"not filtered: {language}: {reason}")
    oracles.close()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
