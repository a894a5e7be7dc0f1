#!/usr/bin/env python3
"""Times a clean commit of 20 staged source files: hookgate with every rule on and every file parsed,
against lefthook and prek running a hook that does nothing, in the same repository and the same run.

    python3 -m venv peers && peers/bin/pip install prek lefthook
    benches/clean_commit.py --hookgate target/release/hookgate --prek peers/bin/prek \\
        --lefthook peers/lib/python3*/site-packages/lefthook/bin/lefthook-linux-x86_64/lefthook

(The `lefthook` in peers/bin is a Python script around that program, which takes 40 ms more.)

The commands take turns, so that all of them meet the same noise; medians and ratios are printed.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

FILES = 20

PYTHON = '''"""Module {n}."""

import json
from dataclasses import dataclass


@dataclass
class Order{n}:
    """One order."""

    items: list[int]

    def total(self, rate: float) -> float:
        subtotal = sum(self.items)
        if subtotal > 100:
            subtotal -= {n}
        return subtotal * (1 + rate)


def load(path: str) -> list[Order{n}]:
    with open(path, encoding="utf-8") as file:
        return [Order{n}(entry["items"]) for entry in json.load(file)]
'''

RUST = '''//! Module {n}.

use std::collections::BTreeMap;

/// Counts words.
pub fn count{n}(text: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += {n};
    }
    counts
}
'''

TYPESCRIPT = '''import { readFile } from "node:fs/promises";

export interface Entry{n} {
  name: string;
  size: number;
}

export async function load{n}(path: string): Promise<Entry{n}[]> {
  const text = await readFile(path, "utf8");
  const entries = JSON.parse(text) as Entry{n}[];
  return entries.filter((entry) => entry.size > {n});
}
'''

KINDS = [(PYTHON, "py"), (RUST, "rs"), (TYPESCRIPT, "ts")]


def environment(home):
    kept = {"PATH": os.environ["PATH"], "HOME": home}
    identity = {f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **identity, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def write(repository, generation):
    for index in range(FILES):
        text, ending = KINDS[index % len(KINDS)]
        repeated = "\n\n".join(text.replace("{n}", str(index * 10 + part + generation)) for part in range(6))
        with open(os.path.join(repository, f"module{index}.{ending}"), "w", encoding="utf-8") as file:
            file.write(repeated)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--prek", required=True, help="the program prek")
    parser.add_argument("--lefthook", required=True, help="the program lefthook")
    parser.add_argument("--runs", type=int, default=60)
    args = parser.parse_args()
    hookgate, prek, lefthook = (os.path.abspath(it) for it in (args.hookgate, args.prek, args.lefthook))
    with tempfile.TemporaryDirectory() as scratch:
        repository, home = os.path.join(scratch, "work"), os.path.join(scratch, "home")
        os.makedirs(repository)
        os.makedirs(home)
        env = environment(home)

        def run(*command):
            subprocess.run(command, cwd=repository, env=env, check=True, capture_output=True)

        run("git", "init", "--quiet")
        settings = {
            "hookgate.toml": "[hooks.pre-commit]\ntiers = []\n",
            "lefthook.yml": "pre-commit:\n  jobs:\n    - name: nothing\n      run: 'true'\n",
            ".pre-commit-config.yaml": "repos:\n- repo: local\n  hooks:\n  - id: nothing\n    name: nothing\n"
            "    language: system\n    entry: 'true'\n    pass_filenames: false\n    always_run: true\n",
        }
        for name, text in settings.items():
            with open(os.path.join(repository, name), "w", encoding="utf-8") as file:
                file.write(text)
        write(repository, 0)
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--message", "first")
        write(repository, 1)
        run("git", "add", "--all")

        commands = {
            "hookgate": [hookgate, "run", "pre-commit"],
            "prek": [prek, "run", "--hook-stage", "pre-commit"],
            "lefthook": [lefthook, "run", "pre-commit"],
            "git status": ["git", "status", "--porcelain"],
        }
        times = {name: [] for name in commands}
        for index in range(args.runs + 5):
            for name, command in commands.items():
                started = time.perf_counter()
                run(*command)
                if index >= 5:
                    times[name].append((time.perf_counter() - started) * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{FILES} staged files, {args.runs} runs each, milliseconds per run, commands taking turns")
    for name, values in times.items():
        ratio = medians["hookgate"] / medians[name]
        print(
            f"{name:10} min {min(values):7.1f}  median {medians[name]:7.1f}  max {max(values):7.1f}"
            f"  hookgate takes {ratio:5.2f} of it"
        )


if __name__ == "__main__":
    main()
