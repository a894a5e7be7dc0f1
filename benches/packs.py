#!/usr/bin/env python3
"""Times what loading all bundled packs adds to a run.

    benches/packs.py --hookgate target/release/hookgate

A commit of one short file in each language has every pack loaded and next to nothing to check. It is run
with all packs and with none but those that always run, in turns; medians and their difference are
printed.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

FILES = {
    "a.sh": "echo a\n",
    "a.c": "int a;\n",
    "a.cs": "class A {}\n",
    "a.go": "package a\n",
    "a.java": "class A {}\n",
    "a.js": "a();\n",
    "a.kt": "val a = 1\n",
    "a.php": "<?php a();\n",
    "a.py": "a()\n",
    "a.rb": "a\n",
    "a.rs": "fn a() {}\n",
    "a.ts": "a();\n",
    "a.json": "{}\n",
    "a.toml": "a = 1\n",
    "a.yaml": "a: 1\n",
}
HOOK = "[hooks.pre-commit]\ntiers = []\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hookgate", required=True, type=os.path.abspath)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = os.path.join(scratch, "home")
        os.mkdir(home)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"}

        def repository(name, configuration):
            path = os.path.join(scratch, name)
            os.mkdir(path)
            for file, text in {**FILES, "hookgate.toml": configuration}.items():
                with open(os.path.join(path, file), "w") as out:
                    out.write(text)
            for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
                subprocess.run(command, cwd=path, env=environment, check=True)
            return path

        places = {
            "all packs": repository("all", HOOK),
            "none": repository("none", HOOK + "[rules]\npacks = []\n"),
        }
        times = {name: [] for name in places}
        for index in range(options.runs + 5):
            for name, path in places.items():
                started = time.perf_counter()
                subprocess.run([options.hookgate, "run", "pre-commit"], cwd=path, env=environment, check=True)
                if index >= 5:
                    times[name].append((time.perf_counter() - started) * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:10} min {min(values):6.2f}  median {medians[name]:6.2f} ms")
    print(f"difference of the medians: {medians['all packs'] - medians['none']:.2f} ms")


if __name__ == "__main__":
    main()
