#!/usr/bin/env python3
"""Runs the ast-grep rules in benches/ast_grep_rules over repositories, once with `ast-grep scan` and once
with `hookgate run pre-commit --all-files`, compares what they find, and times them.

    benches/ast_grep.py --ast-grep path/to/ast-grep --hookgate target/release/hookgate --runs 10 \\
        path/to/rust-analyzer path/to/sqlalchemy path/to/etcd

Each repository is cloned, so that both see what is tracked and nothing else; hookgate's bundled packs are
left out but for that of secrets, which cannot be. A finding is the same if file, rule, first and last line
and column are. The programs take turns, so that both meet the same noise; medians are printed, and
ast-grep's time over hookgate's, by the clock and of the processors: above 1, hookgate is the faster one.
Exits with 1 if findings differ.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ast_grep_rules")
HOOKGATE = '[hooks.pre-commit]\ntiers = []\n[rules]\npacks = ["sgconfig.yml"]\n'
# hookgate goes by what is tracked, so that ast-grep must not leave out what is tracked and ignored.
NO_IGNORE = [f"--no-ignore={kind}" for kind in ("vcs", "parent", "global", "exclude", "dot")]


def cpu():
    """Seconds of processor time that finished children took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def position(starts, offset):
    """Line and column from 1, the column in bytes."""
    low, high = 0, len(starts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if starts[middle] <= offset else (low, middle)
    return low + 1, offset - starts[low] + 1


def of_ast_grep(text, repository):
    found, lines = Counter(), {}
    for line in text.splitlines():
        entry = json.loads(line)
        path = entry["file"]
        if path not in lines:
            with open(os.path.join(repository, path), "rb") as file:
                data = file.read()
            lines[path] = [0] + [at + 1 for at, byte in enumerate(data) if byte == 10]
        offsets = entry["range"]["byteOffset"]
        places = position(lines[path], offsets["start"]) + position(lines[path], offsets["end"])
        found[(path, entry["ruleId"], *places)] += 1
    return found


def of_hookgate(text):
    keys = ("path", "rule", "line", "column", "end_line", "end_column")
    findings = (entry for report in [json.loads(text)] for entry in report["findings"])
    return Counter(
        tuple(entry[key] for key in keys)
        for entry in findings
        if entry["source"] == "rule"
    )


def prepare(repository, place, environment):
    """A clone with the rules in it, and how many of its files they read."""
    subprocess.run(["git", "clone", "--quiet", "--shared", repository, place], env=environment, check=True)
    shutil.copytree(RULES, os.path.join(place, ".bench"))
    with open(os.path.join(place, "sgconfig.yml"), "w", encoding="utf-8") as file:
        file.write("ruleDirs: [.bench/rules]\nutilDirs: [.bench/utils]\n")
    with open(os.path.join(place, "hookgate.toml"), "w", encoding="utf-8") as file:
        file.write(HOOKGATE)
    endings = (".rs", ".py", ".pyi", ".go", ".ts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".java")
    tracked = subprocess.run(["git", "ls-files"], cwd=place, env=environment, check=True, capture_output=True)
    return sum(path.endswith(endings) for path in tracked.stdout.decode().splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--ast-grep", required=True)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("repositories", nargs="+")
    args = parser.parse_args()
    commands = {
        "ast-grep": [os.path.abspath(args.ast_grep), "scan", "--json=stream", *NO_IGNORE],
        "hookgate": [os.path.abspath(args.hookgate), "run", "pre-commit", "--all-files", "--format", "json"],
    }
    is_same = True
    totals = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"PATH": os.environ["PATH"], "HOME": os.path.join(scratch, "home")}
        os.makedirs(environment["HOME"])
        for repository in args.repositories:
            name = os.path.basename(os.path.normpath(repository))
            place = os.path.join(scratch, name)
            files = prepare(os.path.abspath(repository), place, environment)
            times, said = {program: [] for program in commands}, {}
            processor = {program: [] for program in commands}
            for _ in range(args.runs + 1):
                for program, command in commands.items():
                    started, before = time.perf_counter(), cpu()
                    done = subprocess.run(command, cwd=place, env=environment, capture_output=True)
                    times[program].append(time.perf_counter() - started)
                    processor[program].append(cpu() - before)
                    if done.returncode > 1:
                        sys.exit(f"{program} failed in {name}: {done.stderr.decode()}")
                    said[program] = done.stdout.decode()
            theirs, ours = of_ast_grep(said["ast-grep"], place), of_hookgate(said["hookgate"])
            for who, extra in (("ast-grep", theirs - ours), ("hookgate", ours - theirs)):
                is_same &= not extra
                for finding in sorted(extra)[:20]:
                    print(f"{name}: only {who}: {finding}")
                if len(extra) > 20:
                    print(f"{name}: only {who}: and {len(extra) - 20} more")
            # The first run warms the caches.
            median = {program: statistics.median(values[1:] or values) for program, values in times.items()}
            work = {program: statistics.median(values[1:] or values) for program, values in processor.items()}
            totals.update({"files": files, "findings": sum(theirs.values()), **median})
            totals.update({f"{program} cpu": seconds for program, seconds in work.items()})
            print(
                f"{name:16} {files:6} files {sum(theirs.values()):6} findings"
                f"  ast-grep {median['ast-grep'] * 1000:8.1f} ms  hookgate {median['hookgate'] * 1000:8.1f} ms"
                f"  ratio {median['ast-grep'] / median['hookgate']:5.2f}"
                f"  of processor time {work['ast-grep'] / work['hookgate']:5.2f}",
                flush=True,
            )
            shutil.rmtree(place)
    print(
        f"{'all':16} {totals['files']:6} files {totals['findings']:6} findings"
        f"  ratio {totals['ast-grep'] / totals['hookgate']:5.2f}"
        f"  of processor time {totals['ast-grep cpu'] / totals['hookgate cpu']:5.2f}"
        f"  findings {'are the same' if is_same else 'DIFFER'}"
    )
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
