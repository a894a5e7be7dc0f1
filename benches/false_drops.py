#!/usr/bin/env python3
"""Has somebody else's parser judge every change that hookgate drops.

    benches/false_drops.py --hookgate target/release/hookgate --last 100 \\
        --node-modules DIR --go GO REPOSITORY...

Each of the last non-merge commits goes through `hookgate dry-run --commit`. Every unit with the route
`drop` is judged alone: its edits are made in the old text, and taken back in the new one, and an
oracle (benches/oracle) is asked whether that made a difference. Units of a file that are not confirmed
alone, as two methods that changed places, are judged together.

    confirmed     the oracle sees no difference
    inconclusive  no text that has these edits alone can be parsed, or git shows a line of them together
                  with others; each is listed
    unjudged      no oracle for the language, or its toolchain is missing
    FALSE         the oracle sees a difference

The exit status is 1 if there is a FALSE. DIR holds the npm package `typescript`, version 5
(`npm install --prefix DIR typescript@5.9`, and then DIR/node_modules); the oracle for Rust is built by
cargo into target/oracle, that for Go by GO, and that for Java is run by `java`, 17 or newer.
"""

import argparse
import collections
import difflib
import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from oracle import Oracles, language_of
from oracle.commits import Blobs, Hookgate, base_of, files_of, git, lines_of

# Which form of the oracle a class claims to be equal.
FORMS = {"import-order": "imports", "import": "used", "move": "sorted", "rename": "alpha"}
# Drops that a table made, not a proof.
BY_TABLE = {"generated", "lock", "vendored", "docs", "data", "opaque", "metadata"}
RESULTS = ("confirmed", "inconclusive", "unjudged", "FALSE")
# Texts that are tried for one unit at the most.
TRIES = 24


class Drop:
    """A dropped unit: its lines, and where it was found."""

    def __init__(self, path, unit):
        self.path, self.name, self.kind = path, unit["name"], unit["class"]
        self.reason = unit["reason"]
        self.old, self.new = lines_of(unit["deleted"]), lines_of(unit["added"])


def arrangements(edit, old, new, old_lines, new_lines):
    """What can stand in place of an edit's old lines when only the lines `old` are taken out and the
    lines `new` put in; more than one text where git does not say between which others they stand."""
    start, count, to, to_count = edit
    out = [line for line in range(start, start + count) if line in old]
    put = [new_lines[line - 1] for line in range(to, to + to_count) if line in new]
    kept = [(line, old_lines[line - 1]) for line in range(start, start + count) if line not in old]
    if not put:
        return [[text for _, text in kept]]
    texts = [text for _, text in kept]
    # Best in the place of what goes away, else wherever there is room.
    places = [sum(line < out[0] for line, _ in kept)] if out else []
    places += [place for place in (len(kept), 0, *range(1, len(kept))) if place not in places]
    return [texts[:place] + put + texts[place:] for place in places]


def hybrids(old_text, new_text, edits, old, new):
    """Texts with only these lines changed, likeliest first."""
    old_lines, new_lines = old_text.splitlines(True), new_text.splitlines(True)
    # Only a line feed ends a line for git.
    if old_text.count("\n") != sum(line.endswith("\n") for line in old_lines):
        return
    choices = [arrangements(edit, old, new, old_lines, new_lines) for edit in edits]
    many = [index for index, choice in enumerate(choices) if len(choice) > 1]
    first = [0] * len(choices)
    orders = [first]
    for index in many:
        orders += [[*first[:index], pick, *first[index + 1 :]] for pick in range(1, len(choices[index]))]
    for pick in (1, -1):
        orders.append([pick % len(choice) if len(choice) > 1 else 0 for choice in choices])
    for order in itertools.islice(orders, TRIES):
        result, at = [], 1
        for edit, choice, pick in zip(edits, choices, order):
            result += old_lines[at - 1 : edit[0] - 1]
            result += choice[pick]
            at = edit[0] + edit[1]
        result += old_lines[at - 1 :]
        yield "".join(result)


def differs(form, one, other):
    """What the oracle says against two verdicts being the same; empty where nothing."""
    if one.form != other.form:
        lines = difflib.unified_diff(one.form.split("\n"), other.form.split("\n"), lineterm="", n=2)
        return "\n".join(itertools.islice(lines, 2, 24))
    placed = form in ("whole", "alpha")
    before = one.directives if placed else one.texts_of_directives()
    after = other.directives if placed else other.texts_of_directives()
    if before != after:
        return "directives: " + "\n".join(difflib.unified_diff([str(it) for it in before], [str(it) for it in after], lineterm="", n=0))
    return ""


class Judge:
    def __init__(self, oracles):
        self.oracles = oracles

    def pairs(self, file, old_text, new_text, old, new):
        """Pairs of texts that must mean the same if the lines mean nothing."""
        for hybrid in hybrids(old_text, new_text, file.edits, old, new):
            yield file.old_path, old_text, hybrid
        back = [(edit[2], edit[3], edit[0], edit[1]) for edit in file.edits]
        for hybrid in hybrids(new_text, old_text, back, new, old):
            yield file.old_path, hybrid, new_text

    def judge(self, path, file, old_text, new_text, old, new, form):
        """A result and what speaks against it."""
        against, seen = "", False
        for _, before, after in self.pairs(file, old_text, new_text, old, new):
            if before == after:
                return "confirmed", ""
            one, other = self.oracles.ask(file.old_path, before, form), self.oracles.ask(path, after, form)
            if one.error or other.error:
                against = against or f"does not parse: {one.error or other.error}"
                continue
            difference = differs(form, one, other)
            if not difference:
                return "confirmed", ""
            if not seen:
                against, seen = difference, True
        return ("FALSE" if seen else "inconclusive"), against

    def file(self, path, file, old_text, new_text, drops):
        """Judges the drops of a file: (drop, result, against)."""
        results = []
        for drop in drops:
            form = FORMS.get(drop.kind, "whole")
            result, against = self.judge(path, file, old_text, new_text, drop.old, drop.new, form)
            results.append([drop, result, against])
        open_forms = {FORMS.get(drop.kind, "whole") for drop, result, _ in results if result != "confirmed"}
        for form in open_forms:
            # Units that prove each other: all of the class, or all that are dropped.
            for group in ([it for it in drops if FORMS.get(it.kind, "whole") == form], drops):
                if len(group) < 2:
                    continue
                old, new = set().union(*(it.old for it in group)), set().union(*(it.new for it in group))
                result, _ = self.judge(path, file, old_text, new_text, old, new, form)
                for entry in results:
                    if result == "confirmed" and entry[0] in group and FORMS.get(entry[0].kind, "whole") == form:
                        entry[1:] = ["confirmed", ""]
        for entry in results:
            drop = entry[0]
            if entry[1] == "FALSE" and is_mixed(file.edits, drop):
                alone = drop.old or drop.new
                entry[2] = f"(git shows its lines together with others: {len(alone)} lines)\n{entry[2]}"
        return results


def is_mixed(edits, drop):
    """Whether git shows lines of the drop and others in one run."""
    for start, count, to, to_count in edits:
        old, new = set(range(start, start + count)), set(range(to, to + to_count))
        if (old & drop.old or new & drop.new) and (old - drop.old or new - drop.new):
            return True
    return False


def excerpt(drop, old_text, new_text):
    old_lines, new_lines = old_text.splitlines(), new_text.splitlines()
    lines = [f"-{line}: {old_lines[line - 1]}" for line in sorted(drop.old) if line <= len(old_lines)]
    lines += [f"+{line}: {new_lines[line - 1]}" for line in sorted(drop.new) if line <= len(new_lines)]
    return lines[:16] + ([f"… {len(lines) - 16} more"] if len(lines) > 16 else [])


def report(name, commit, drop, result, against, shown):
    print(f"{result} {name} {commit[:12]} {drop.path} · {drop.name} · {drop.kind}: {drop.reason}")
    for line in [*shown, *against.split("\n")[:24]]:
        print(f"    {line}")


def replay(repository, options, hookgate, oracles, table):
    name = os.path.basename(os.path.abspath(repository).removesuffix("/repo"))
    log = ["log", "--no-merges", "--format=%H", f"-n{options.last}", options.revision]
    commits = git(repository, *log).decode().split()
    blobs, judge = Blobs(repository), Judge(oracles)
    failed = 0
    pool = ThreadPoolExecutor(2)
    for commit, (found, error) in zip(commits, pool.map(lambda it: hookgate.dry_run(repository, it), commits)):
        if found is None:
            failed += 1
            print(f"failed {name} {commit[:12]}: {error}", file=sys.stderr)
            continue
        by_path = {}
        for entry in found["files"]:
            units = (it for it in entry["units"] if it["route"] == "drop" and it["class"] not in BY_TABLE)
            if drops := [Drop(entry["path"], unit) for unit in units]:
                by_path[entry["path"]] = (entry.get("language") or "text", drops)
        if not by_path:
            continue
        try:
            base = base_of(repository, commit)
            files = files_of(repository, base, commit)
        except subprocess.CalledProcessError:
            print(f"left out {name} {commit[:12]}: git itself lacks an object of it", file=sys.stderr)
            continue
        for path, (language, drops) in by_path.items():
            file = files[path]
            old_text = blobs.text(base, file.old_path) if file.old_path else ""
            new_text = blobs.text(commit, path) or ""
            is_judged = language_of(path) and oracles.has(language_of(path)) and old_text is not None
            if not is_judged:
                for drop in drops:
                    table[language, drop.kind]["unjudged"] += 1
                continue
            for drop, result, against in judge.file(path, file, old_text, new_text, drops):
                table[language, drop.kind][result] += 1
                if result == "FALSE" or result == "inconclusive" and options.list:
                    report(name, commit, drop, result, against, excerpt(drop, old_text, new_text))
    blobs.close()
    return len(commits), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--last", type=int, default=100)
    parser.add_argument("--revision", default="HEAD", help="the newest commit that is replayed")
    parser.add_argument("--node-modules", help="directory that holds the npm package typescript 5")
    parser.add_argument("--go", default="go", help="the go command")
    parser.add_argument("--no-list", dest="list", action="store_false", help="only count what is inconclusive")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()
    hookgate, oracles = Hookgate(options.hookgate), Oracles(options.node_modules, options.go)
    totals = collections.defaultdict(collections.Counter)
    failed = 0
    for repository in options.repositories:
        table = collections.defaultdict(collections.Counter)
        started = time.perf_counter()
        commits, failures = replay(repository, options, hookgate, oracles, table)
        failed += failures
        sums = collections.Counter()
        for key, counts in table.items():
            totals[key].update(counts)
            sums.update(counts)
        cells = ", ".join(f"{sums[result]} {result}" for result in RESULTS)
        seconds = time.perf_counter() - started
        print(f"{os.path.basename(os.path.abspath(repository))}: {commits} commits in {seconds:.0f} s, {cells}", flush=True)
    print("\n| language | class | " + " | ".join(RESULTS) + " |\n|---|---|" + "---|" * len(RESULTS))
    for (language, kind), counts in sorted(totals.items()):
        print(f"| {language} | {kind} | " + " | ".join(str(counts[result]) for result in RESULTS) + " |")
    for language, reason in oracles.missing.items():
        print(f"not judged: {language}: {reason}")
    oracles.close()
    sys.exit(1 if failed or any(counts["FALSE"] for counts in totals.values()) else 0)


if __name__ == "__main__":
    main()
