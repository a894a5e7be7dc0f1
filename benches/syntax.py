#!/usr/bin/env python3
"""Counts syntax errors that hookgate sees in published code, where there should be none.

    benches/syntax.py --hookgate target/release/hookgate [--tags N] [--last N] REPOSITORY...

Runs `run --all-files` over a temporary clone of each repository, at its HEAD and at its newest release
tags, then replays its last commits with `run pre-commit --from-ref C^ --to-ref C`. Prints each
`syntax/error` finding, and a table of files and findings per language. Exit status 1 if there is any.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

RULE = "syntax/error"


def git(repository, *args):
    command = ["git", "-C", repository, "-c", "core.quotePath=false", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def run(hookgate, repository, environment, *args):
    """The files and findings of a run; a report for each range, or one object for one."""
    command = [hookgate, "run", "pre-commit", *args, "--format", "json"]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode not in (0, 1):
        print(f"{repository}: {' '.join(args)}: exit {done.returncode}: {done.stderr[:300]}", file=sys.stderr)
        return [], []
    report = json.loads(done.stdout) if done.stdout.strip() else {}
    reports = report if isinstance(report, list) else [report]
    files = [file for report in reports for file in report.get("files", [])]
    findings = [finding for report in reports for finding in report.get("findings", [])]
    return files, [finding for finding in findings if finding["rule"] == RULE]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hookgate", required=True)
    parser.add_argument("--tags", type=int, default=2, help="newest release tags to look at")
    parser.add_argument("--last", type=int, default=300, help="commits to replay")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()
    hookgate = os.path.abspath(options.hookgate)

    files_of = collections.Counter()
    findings_of = collections.Counter()
    commits = new_errors = 0
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home}
        for index, repository in enumerate(options.repositories):
            source = os.path.abspath(repository)
            name = os.path.basename(source)
            clone = os.path.join(home, f"clone-{index}")
            # The index is all that a run reads.
            subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", source, clone], check=True)
            tags = git(source, "tag", "--sort=-creatordate", "--merged", "HEAD").split()[: options.tags]
            for revision in ["HEAD", *tags]:
                git(clone, "read-tree", revision)
                files, findings = run(hookgate, clone, environment, "--all-files")
                language_of = {file["path"]: file.get("language") for file in files}
                for language in language_of.values():
                    files_of[language or "none"] += 1
                for finding in findings:
                    findings_of[language_of.get(finding["path"]) or "none"] += 1
                    say(name, revision, finding)
            for commit in git(source, "rev-list", "--no-merges", f"--max-count={options.last}", "HEAD").split():
                parents = git(source, "rev-list", "--parents", "-n1", commit).split()[1:]
                if not parents:
                    continue
                commits += 1
                _, findings = run(hookgate, clone, environment, "--from-ref", parents[0], "--to-ref", commit)
                new_errors += len(findings)
                for finding in findings:
                    say(name, commit[:10], finding)
            subprocess.run(["rm", "-rf", "--", clone], check=True)

    print(f"\n{'language':<12} {'files':>8} {'findings':>8}")
    for language, count in files_of.most_common():
        print(f"{language:<12} {count:>8} {findings_of[language]:>8}")
    print(f"{commits} commits replayed: {new_errors} new errors")
    return 1 if new_errors or findings_of else 0


def say(name, revision, finding):
    print(f"{name} {revision} {finding['path']}:{finding['line']}: {finding['severity']}: {finding['message']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
