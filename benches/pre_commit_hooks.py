#!/usr/bin/env python3
"""Times `hookgate run pre-commit --all-files`, with every rule on and every file parsed, against prek
running the equivalent hooks over the same files: pre-commit-hooks' own programs, and the ones that are
built into prek.

    python3 -m venv peers && peers/bin/pip install prek pre-commit-hooks
    benches/pre_commit_hooks.py --hookgate target/release/hookgate --prek peers/bin/prek \\
        --hooks-dir peers/bin ~/src/flask ~/src/ripgrep

Each repository is cloned first, and what the hooks would mend is mended and committed there, so that
none of them writes while it is timed. The commands take turns, so that all of them meet the same noise;
medians and ratios are printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

# Hook, console script, arguments, and the files that it is run on, as in the hooks' own manifest.
HOOKS = [
    ("check-added-large-files", "check-added-large-files", ["--enforce-all"], {}),
    ("check-case-conflict", "check-case-conflict", [], {}),
    ("check-executables-have-shebangs", "check-executables-have-shebangs", [], {"types": ["text", "executable"]}),
    ("check-shebang-scripts-are-executable", "check-shebang-scripts-are-executable", [], {"types": ["text"]}),
    ("check-symlinks", "check-symlinks", [], {"types": ["symlink"]}),
    ("destroyed-symlinks", "destroyed-symlinks", [], {"types": ["file"]}),
    ("forbid-new-submodules", "forbid-new-submodules", [], {"types": ["directory"]}),
    ("check-json", "check-json", [], {"types": ["json"]}),
    ("check-toml", "check-toml", [], {"types": ["toml"]}),
    ("check-xml", "check-xml", [], {"types": ["xml"]}),
    ("check-yaml", "check-yaml", ["--allow-multiple-documents"], {"types": ["yaml"]}),
    ("check-merge-conflict", "check-merge-conflict", ["--assume-in-merge"], {"types": ["text"]}),
    ("check-vcs-permalinks", "check-vcs-permalinks", [], {"types": ["text"]}),
    ("detect-private-key", "detect-private-key", [], {"types": ["text"]}),
    ("end-of-file-fixer", "end-of-file-fixer", [], {"types": ["text"]}),
    ("fix-byte-order-marker", "fix-byte-order-marker", [], {"types": ["text"]}),
    ("mixed-line-ending", "mixed-line-ending", [], {"types": ["text"]}),
    ("trailing-whitespace", "trailing-whitespace-fixer", ["--markdown-linebreak-ext=md"], {"types": ["text"]}),
]
# These are not built into prek, but run by it as they are.
PYTHON = [
    ("check-ast", "check-ast", [], {"types": ["python"]}),
    ("check-docstring-first", "check-docstring-first", [], {"types": ["python"]}),
    ("debug-statements", "debug-statement-hook", [], {"types": ["python"]}),
]


def local(hooks_dir):
    """A configuration for the programs of pre-commit-hooks."""
    hooks = [
        {"id": name, "name": name, "language": "system", "entry": os.path.join(hooks_dir, script), "args": args, **files}
        for name, script, args, files in HOOKS + PYTHON
    ]
    return {"repos": [{"repo": "local", "hooks": hooks}]}


def builtin():
    """A configuration for the hooks that prek has itself."""
    hooks = [{"id": name, "args": args} for name, _, args, _ in HOOKS]
    return {"repos": [{"repo": "builtin", "hooks": hooks}]}


def environment(home):
    identity = {f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    kept = {"PATH": os.environ["PATH"], "HOME": home}
    return {**kept, **identity, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def measure(repository, commands, runs, env):
    times = {name: [] for name in commands}
    for index in range(runs + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            ended = subprocess.run(command, cwd=repository, env=env, capture_output=True)
            if ended.returncode not in (0, 1):
                raise SystemExit(f"{name} ended with {ended.returncode}:\n{ended.stdout.decode()}{ended.stderr.decode()}")
            if index > 0:
                times[name].append(time.perf_counter() - started)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hookgate", default="target/release/hookgate")
    parser.add_argument("--prek", required=True, help="the program prek")
    parser.add_argument("--hooks-dir", required=True, help="where pre-commit-hooks' programs are")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("repositories", nargs="+")
    args = parser.parse_args()
    hookgate, prek, hooks_dir = (os.path.abspath(it) for it in (args.hookgate, args.prek, args.hooks_dir))
    with tempfile.TemporaryDirectory() as scratch:
        home = os.path.join(scratch, "home")
        os.makedirs(home)
        env = environment(home)
        configurations = {"pre-commit-hooks": local(hooks_dir), "prek's own": builtin()}
        commands = {"hookgate": [hookgate, "run", "pre-commit", "--all-files"]}
        for name, configuration in configurations.items():
            path = os.path.join(scratch, f"{len(commands)}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(configuration, file)
            commands[name] = [prek, "run", "--all-files", "--config", path]
        for source in args.repositories:
            name = os.path.basename(os.path.abspath(source))
            repository = os.path.join(scratch, name)
            subprocess.run(["git", "clone", "--quiet", "--shared", source, repository], env=env, check=True)
            for command in list(commands.values())[1:] * 2:
                subprocess.run(command, cwd=repository, env=env, capture_output=True)
            commit = ["git", "commit", "--quiet", "--all", "--allow-empty", "--message", "mended"]
            subprocess.run(commit, cwd=repository, env=env, check=True)
            tracked = subprocess.run(["git", "ls-files", "-z"], cwd=repository, env=env, check=True, capture_output=True)
            times = measure(repository, commands, args.runs, env)
            print(f"{name}: {tracked.stdout.count(0)} files, {args.runs} runs each, seconds per run")
            ours = statistics.median(times["hookgate"])
            for contender, values in times.items():
                median = statistics.median(values)
                print(
                    f"  {contender:16} min {min(values):7.3f}  median {median:7.3f}  max {max(values):7.3f}"
                    f"  {median / ours:6.2f} times hookgate's"
                )


if __name__ == "__main__":
    main()
