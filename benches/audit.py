#!/usr/bin/env python3
"""Runs `hookgate audit` over real histories and prints its table, one row a repository.

    benches/audit.py --hookgate target/release/hookgate --last 300 REPOSITORY...

Columns: commits replayed and skipped, percent that need no model (by proof and by policy apart),
tokens of code that would be sent, what `git diff -U3` and the other forms are of that, tokens
with instructions, commits of which more is sent than `git diff -U3` prints, changed lines in no unit or in
two, commits a second, and peak memory. The last row has the medians. Below, the commits that are
larger are named. The exit status is 1 if an audit failed or lost a line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

FORMS = ["diff_u3", "diff_u3_code", "diff_u3_sent", "diff_w", "full_files"]


def run(command, directory, environment):
    """Standard output, standard error, exit status and peak memory in MiB of one process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=out, stderr=err)
        # Not RUSAGE_CHILDREN, which keeps the largest of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return out.read(), err.read(), process.returncode, usage.ru_maxrss / unit


def cells(audit, memory):
    commits = max(1, audit["commits"])
    by = audit["no_model_by"]
    share = 100 * audit["no_model_commits"] / commits
    yield f"{audit['commits']}"
    yield f"{len(audit['skipped'])}"
    yield share, f"{share:.0f} %"
    yield f"{100 * by['proof'] / commits:.0f} %"
    yield f"{100 * by['policy'] / commits:.0f} %"
    yield f"{audit['tokens']['payload']}"
    for form in FORMS:
        ratio = audit["ratios"][form]
        yield ratio, "-" if ratio is None else f"{ratio:.2f}"
    yield f"{audit['tokens']['input']}"
    yield f"{len(audit['larger'])}"
    yield f"{audit['uncovered']}"
    rate = audit["commits"] / max(0.001, audit["elapsed_ms"] / 1000)
    yield rate, f"{rate:.1f}"
    yield memory, f"{memory:.0f}"


def print_row(name, texts):
    print(f"{name[:20]:20}" + "".join(f"{text:>9}" for text in texts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--last", type=int, default=300)
    parser.add_argument("--json", metavar="FILE", help="keep every audit, one line each")
    parser.add_argument("repositories", nargs="+")
    args = parser.parse_args()
    command = [os.path.abspath(args.hookgate), "audit", "--last", str(args.last), "--format", "json"]
    # No user configuration reaches the runs: no tier changes what a request holds.
    home = tempfile.TemporaryDirectory()
    environment = {**os.environ, "HOME": home.name, "XDG_CONFIG_HOME": home.name}
    titles = "commits skipped no-model proof policy sent -U3 code files -W whole input larger lost commits/s MiB"
    print_row("repository", titles.split())
    columns, larger, bad = [], [], 0
    kept = open(args.json, "w") if args.json else None
    for repository in args.repositories:
        name = os.path.basename(os.path.abspath(repository).removesuffix("/repo"))
        out, err, status, memory = run(command, repository, environment)
        if status != 0:
            bad += 1
            print(f"{name}: exit {status}: {err.decode(errors='replace')[:300]}", file=sys.stderr)
            continue
        audit = json.loads(out)
        if kept:
            kept.write(out.decode())
        bad += audit["uncovered"]
        row = [cell if isinstance(cell, tuple) else (None, cell) for cell in cells(audit, memory)]
        columns.append([figure for figure, _ in row])
        print_row(name, [text for _, text in row])
        larger.append((name, audit["larger"]))
    medians = [[figure for figure in column if figure is not None] for column in zip(*columns)]
    print_row("median", [f"{statistics.median(column):.2f}" if column else "" for column in medians])
    for name, commits in larger:
        if commits:
            print(f"{name}: larger than git diff -U3: {' '.join(commit[:10] for commit in commits)}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
