#!/usr/bin/env python3
"""Runs the bundled rules over real repositories, to see whether they can be trusted.

    benches/rules.py --hookgate target/release/hookgate --last 300 REPOSITORY...

For each repository: every file at its newest tag that is an ancestor of HEAD (`run --all-files`), and
each of the last non-merge commits (`run --from-ref --to-ref`). It prints what was found per severity
and per thousand lines, changed or in the tree, and then every error and the warnings, each with the
line it is about, so that they can be read and judged; `--findings FILE` writes all of them as JSON
lines. The repositories are not touched: the work is done in a shared clone without a work tree.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

SEVERITIES = ("error", "warning", "info")
# No model: rules alone are measured.
CONFIGURATION = "[hooks.pre-commit]\ntiers = []\n"


def git(repository, *args):
    command = ["git", "-C", repository, "-c", "core.quotePath=false", *args]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="replace")


def run(hookgate, repository, environment, *args):
    command = [hookgate, "run", "pre-commit", "--format", "json", *args]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True)
    if done.returncode not in (0, 1):
        return None, done.stderr.decode(errors="replace").strip()
    return json.loads(done.stdout or b'{"findings": []}'), ""


def line_at(repository, revision, path, number):
    try:
        return git(repository, "show", f"{revision}:{path}").split("\n")[number - 1].strip()[:160]
    except (subprocess.CalledProcessError, IndexError):
        return ""


def changed_lines(repository, commit):
    rows = git(repository, "diff", "--numstat", "-M", f"{commit}^", commit).split("\n")
    counts = (row.split("\t")[:2] for row in rows if row)
    return sum(int(count) for row in counts for count in row if count != "-")


def lines_in_tree(repository):
    # What git itself takes for text.
    rows = git(repository, "diff", "--numstat", "--cached", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    counts = (row.split("\t")[0] for row in rows.split("\n") if row)
    return sum(int(count) for count in counts if count != "-")


def judge(name, repository, revision, what, report, findings):
    for finding in report["findings"]:
        line = line_at(repository, revision, finding["path"], finding["line"])
        findings.append({"repository": name, "where": what, "text": line, **finding})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hookgate", required=True, type=os.path.abspath)
    parser.add_argument("--last", type=int, default=300)
    parser.add_argument("--findings", help="write every finding to this file")
    parser.add_argument("--show", type=int, default=200, help="warnings that are printed at the most")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()

    findings, rows, failures = [], [], []
    for path in options.repositories:
        name = os.path.basename(os.path.normpath(path))
        with tempfile.TemporaryDirectory() as scratch:
            clone, home = os.path.join(scratch, name), os.path.join(scratch, "home")
            os.mkdir(home)
            git(path, "clone", "--quiet", "--shared", "--no-checkout", os.path.abspath(path), clone)
            environment = {"HOME": home, "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
            with open(os.path.join(clone, "hookgate.local.toml"), "w") as file:
                file.write(CONFIGURATION)

            try:
                tag = git(clone, "describe", "--tags", "--abbrev=0").strip()
            except subprocess.CalledProcessError:
                tag = "HEAD"
            git(clone, "read-tree", tag)
            tree_lines = lines_in_tree(clone)
            before = len(findings)
            report, failure = run(options.hookgate, clone, environment, "--all-files")
            if failure:
                failures.append(f"{name} at {tag}: {failure}")
            else:
                judge(name, clone, tag, tag, report, findings)
            rows.append((name, tag, tree_lines, findings[before:]))

            before, lines = len(findings), 0
            commits = git(clone, "rev-list", "--no-merges", "--min-parents=1", f"-n{options.last}", "HEAD").split()
            for commit in commits:
                try:
                    changed = changed_lines(clone, commit)
                except subprocess.CalledProcessError:
                    print(f"{name} {commit[:10]}: left out, git itself cannot read it", file=sys.stderr)
                    continue
                report, failure = run(options.hookgate, clone, environment, "--from-ref", f"{commit}^", "--to-ref", commit)
                if failure:
                    failures.append(f"{name} {commit[:10]}: {failure}")
                    continue
                lines += changed
                judge(name, clone, commit, commit[:10], report, findings)
            rows.append((name, f"{len(commits)} commits", lines, findings[before:]))

    print("| repository | what | lines | errors | warnings | infos | per 1,000 lines: errors | warnings | infos |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, what, lines, found in rows:
        counts = collections.Counter(finding["severity"] for finding in found)
        shares = " | ".join(f"{counts[severity] * 1000 / max(lines, 1):.3f}" for severity in SEVERITIES)
        print(f"| {name} | {what} | {lines:,} | {' | '.join(str(counts[s]) for s in SEVERITIES)} | {shares} |")

    for severity in ("error", "warning"):
        shown = [finding for finding in findings if finding["severity"] == severity]
        print(f"\n{len(shown)} {severity}s:")
        for finding in shown if severity == "error" else shown[: options.show]:
            place = f"{finding['repository']} {finding['where']} {finding['path']}:{finding['line']}"
            print(f"  {finding['rule']:32} {place}\n      {finding['text']}")
    by_rule = collections.Counter((finding["rule"], finding["severity"]) for finding in findings)
    print("\nfindings by rule:")
    for (rule, severity), count in by_rule.most_common():
        print(f"  {count:6} {severity:8} {rule}")
    if options.findings:
        with open(options.findings, "w") as file:
            file.writelines(json.dumps(finding) + "\n" for finding in findings)
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
