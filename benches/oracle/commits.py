"""Commits as git has them, and as hookgate sees them."""

import json
import os
import re
import subprocess
import tempfile

HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def git(repository, *args, **options):
    command = ["git", "-C", repository, "-c", "core.quotePath=false", *args]
    return subprocess.run(command, check=True, capture_output=True, **options).stdout


class Blobs:
    """Texts of a repository, read through one `git cat-file`."""

    def __init__(self, repository):
        command = ["git", "-C", repository, "cat-file", "--batch"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def text(self, revision, path):
        """The text of a path; none where there is none, or where it is not UTF-8."""
        self.process.stdin.write(f"{revision}:{path}\n".encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            return None
        content = self.process.stdout.read(int(head[2]) + 1)[:-1]
        try:
            return content.decode()
        except UnicodeDecodeError:
            return None

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class File:
    """A path of a commit: its name before, and its edits as (old, old count, new, new count), lines
    from 1; where a count is 0, the line that the other side's lines stand before."""

    def __init__(self, old_path):
        self.old_path = old_path
        self.edits = []


def base_of(repository, commit):
    parents = git(repository, "rev-list", "--parents", "-n1", commit).split()[1:]
    return parents[0].decode() if parents else EMPTY_TREE


def files_of(repository, base, commit):
    """The files of a commit by their path after it, or before it where it is deleted."""
    # Not -U0: without context git takes a short cut that can mark other lines than it usually does.
    options = ["--no-color", "--no-ext-diff", "--no-textconv", "-U3", "-M", "--no-prefix"]
    files, old_path, path = {}, None, None
    old = new = old_left = new_left = 0
    run = None
    for line in git(repository, "diff", *options, base, commit).split(b"\n"):
        if old_left > 0 or new_left > 0:
            if line.startswith(b"\\"):
                continue
            sign = line[:1]
            if sign not in (b"-", b"+"):
                run = None
                old, new, old_left, new_left = old + 1, new + 1, old_left - 1, new_left - 1
                continue
            if run is None:
                run = [old, 0, new, 0]
                files[path].edits.append(run)
            if sign == b"-":
                run[1] += 1
                old, old_left = old + 1, old_left - 1
            else:
                run[3] += 1
                new, new_left = new + 1, new_left - 1
        elif line.startswith(b"--- "):
            old_path = line[4:].rstrip(b"\t").decode(errors="replace")
        elif line.startswith(b"+++ "):
            new_path = line[4:].rstrip(b"\t").decode(errors="replace")
            path = new_path if new_path != "/dev/null" else old_path
            files[path] = File(old_path if old_path != "/dev/null" else None)
        elif hunk := HUNK.match(line):
            old, old_left, new, new_left = (int(n) if n else 1 for n in hunk.groups())
            # A side without lines is numbered by the line before.
            old, new = old + (old_left == 0), new + (new_left == 0)
            run = None
    return files


class Hookgate:
    """The binary under test, with a home of its own that is thrown away."""

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.home = tempfile.TemporaryDirectory()
        place = self.home.name
        self.environment = {"PATH": os.environ["PATH"], "HOME": place, "GIT_CONFIG_NOSYSTEM": "1"}
        self.environment.update({f"XDG_{it}_HOME": os.path.join(place, it) for it in ("CONFIG", "STATE", "DATA", "CACHE")})

    def dry_run(self, repository, commit):
        """The report on a commit, or none and what hookgate said instead."""
        command = [self.binary, "dry-run", "--commit", commit, "--no-limit", "--format", "json"]
        done = subprocess.run(command, cwd=repository, env=self.environment, capture_output=True)
        try:
            return json.loads(done.stdout), ""
        except ValueError:
            return None, f"exit {done.returncode}: {done.stderr.decode(errors='replace')[:300]}"


def lines_of(ranges):
    return {line for first, last in ranges for line in range(first, last + 1)}
