#!/usr/bin/env python3
"""Replays real histories through `hookgate dry-run --commit` and judges the result by git itself.

    benches/history.py --hookgate target/release/hookgate --last 100 REPOSITORY...

For each repository it prints a row: commits replayed, failures, changed lines that stand in no unit
or in more than one (by `git diff`), commits that need no model, tokens of `git diff -U3`, tokens
of code that would be sent, their ratio, and milliseconds per commit. The exit status is 1 if a
commit failed or a line was lost.
"""

import argparse
import collections
import json
import os
import re
import statistics
import subprocess
import sys
import time

HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def git(repository, *args):
    command = ["git", "-C", repository, "-c", "core.quotePath=false", *args]
    return subprocess.run(command, check=True, capture_output=True).stdout


def changed_lines(repository, commit):
    """Changed lines of a commit as `git diff` marks them: a set of (side, path, line)."""
    parents = git(repository, "rev-list", "--parents", "-n1", commit).split()[1:]
    base = parents[0].decode() if parents else EMPTY_TREE
    # Not -U0: without context git takes a short cut that can mark other lines than it usually does.
    options = ["--no-color", "--no-ext-diff", "--no-textconv", "-U3", "-M", "--no-prefix"]
    old_path = new_path = None
    lines = set()
    old = new = old_left = new_left = 0
    for line in git(repository, "diff", *options, base, commit).split(b"\n"):
        if old_left > 0 or new_left > 0:
            path = new_path if new_path != "/dev/null" else old_path
            if not line.startswith((b"+", b"\\")):
                if line.startswith(b"-"):
                    lines.add(("old", path, old))
                old, old_left = old + 1, old_left - 1
            if not line.startswith((b"-", b"\\")):
                if line.startswith(b"+"):
                    lines.add(("new", path, new))
                new, new_left = new + 1, new_left - 1
        elif line.startswith(b"--- "):
            old_path = line[4:].rstrip(b"\t").decode(errors="replace")
        elif line.startswith(b"+++ "):
            new_path = line[4:].rstrip(b"\t").decode(errors="replace")
        elif hunk := HUNK.match(line):
            old, old_left, new, new_left = (int(n) if n else 1 for n in hunk.groups())
    return lines


def covered_lines(report):
    """Lines that the units of a report claim, each with how often."""
    claims = collections.Counter()
    for file in report["files"]:
        for unit in file["units"]:
            for side, ranges in (("new", unit["added"]), ("old", unit["deleted"])):
                for first, last in ranges:
                    claims.update((side, file["path"], line) for line in range(first, last + 1))
    return claims


def replay(hookgate, repository, commit, environment):
    command = [hookgate, "dry-run", "--commit", commit, "--no-limit", "--format", "json"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True)
    elapsed = time.perf_counter() - started
    try:
        return json.loads(done.stdout), elapsed, ""
    except ValueError:
        return None, elapsed, f"exit {done.returncode}: {done.stderr.decode(errors='replace')[:300]}"


def measure(hookgate, repository, last, environment, verbose):
    commits = git(repository, "log", "--no-merges", "--format=%H", f"-n{last}").decode().split()
    sums = collections.Counter()
    seconds, raw, code = [], [], []
    for commit in commits:
        report, elapsed, error = replay(hookgate, repository, commit, environment)
        seconds.append(elapsed)
        if report is None:
            sums["failed"] += 1
            print(f"  {commit[:10]} failed: {error}", file=sys.stderr)
            continue
        try:
            expected, claims = changed_lines(repository, commit), covered_lines(report)
        except subprocess.CalledProcessError:
            print(f"  {commit[:10]} is left out: git itself lacks an object of it", file=sys.stderr)
            continue
        wrong = {line for line in expected if claims[line] != 1} | (set(claims) - expected)
        sums["wrong"] += len(wrong)
        if wrong and verbose:
            print(f"  {commit[:10]} wrong: {sorted(wrong)[:3]} of {len(wrong)}", file=sys.stderr)
        sums["lines"] += len(expected)
        sums["no_model"] += report["totals"]["requests"] == 0
        raw.append(report["totals"]["raw_tokens"] or 0)
        code.append(report["totals"]["payload_tokens"])
        sums["larger"] += code[-1] > raw[-1]
    return commits, sums, seconds, raw, code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--last", type=int, default=100)
    parser.add_argument("--verbose", action="store_true", help="name the commits with wrong lines")
    parser.add_argument("repositories", nargs="+")
    args = parser.parse_args()
    hookgate = os.path.abspath(args.hookgate)
    # No user configuration reaches the runs: no model is known, and no limit leaves anything out.
    environment = {**os.environ, "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
    columns = "commits failed lines wrong no-model raw sent ratio larger ms/p50 ms/max"
    print(f"{'repository':24}" + "".join(f"{name:>9}" for name in columns.split()))
    bad = 0
    for repository in args.repositories:
        commits, sums, seconds, raw, code = measure(
            hookgate, repository, args.last, environment, args.verbose
        )
        bad += sums["failed"] + sums["wrong"]
        cells = [
            len(commits),
            sums["failed"],
            sums["lines"],
            sums["wrong"],
            sums["no_model"],
            sum(raw),
            sum(code),
            f"{sum(raw) / max(1, sum(code)):.2f}",
            sums["larger"],
            f"{statistics.median(seconds) * 1000:.0f}",
            f"{max(seconds) * 1000:.0f}",
        ]
        name = os.path.basename(os.path.abspath(repository).removesuffix("/repo"))
        print(f"{name[:24]:24}" + "".join(f"{cell:>9}" for cell in cells), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
