"""Other people's parsers as judges: CPython's, the TypeScript compiler, syn, go/parser and javac.

An oracle turns a text into a form: what the text says, without layout and plain comments. Equal forms
mean the same program. There is a form for each kind of claim that hookgate makes:

    whole    nothing but layout and comments may differ
    imports  and the order of imports
    sorted   and the order of definitions whose order means nothing
    alpha    and the names of variables that nobody else can see
    used     and imports that nothing in the file speaks of (Java alone)

Comments that speak to a tool are compared apart, with the number of tokens before each.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import warnings

from . import python

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "target", "oracle")

LANGUAGES = {
    ".py": "python",
    ".pyi": "python",
    ".js": "typescript",
    ".mjs": "typescript",
    ".cjs": "typescript",
    ".jsx": "typescript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescript",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
}

# Comments that a compiler, a linter or another tool reads: written down here from the manuals of
# the tools, without a look at hookgate's own tables.
DIRECTIVES = {
    "python": r"(?i)\bno ?qa\b|\btype:|\bpragma:|\bpylint:|\bmypy:|\bpyright:|\bfmt:|\bisort:|\bnosec\b|\bpytype:"
    r"|^#!|coding[:=]|\bdoctest:|\byapf:|\bruff:|^#:",
    "typescript": r"(?i)\beslint|@ts-|prettier-ignore|istanbul ignore|\b[cv]8 ignore|webpack[A-Z]\w*:|@vite-ignore"
    r"|[#@]__\w+__|@jsx|sourceMapp?ingURL|<reference|<amd|biome-ignore|jshint|^/\*\s*globals?\s|@flow|@vitest-"
    r"|@jest-|@preserve|@license|#(end)?region|deno-|@internal|@param \{|@returns? \{|@type\b|@typedef|@template"
    r"|@satisfies|@overload|@import\b",
    "rust": r"^//[@~]|^#!",
    "go": r"^//[a-z]+:[a-z]|^//line |^/\*line |^//export |^// ?\+build|^//\s*nolint|^//\s*(Unordered )?[Oo]utput:|^//extern "
    r"|^//\s*#nosec|^// ?want ",
    "java": r"(?i)noinspection|nosonar|checkstyle|@formatter:|\$non-nls|nopmd|@deprecated|spotless:|language=",
}

JAVA_COMMENT = re.compile(r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|(//[^\n]*|/\*.*?\*/)', re.S)


def language_of(path):
    """The oracle's language for a path; none where there is no oracle."""
    return LANGUAGES.get(os.path.splitext(path)[1])


class Verdict:
    """What one text is: its form and its directives, or why it has none."""

    def __init__(self, language, reply):
        self.error = reply.get("error")
        self.form = reply.get("form", "")
        pattern = re.compile(DIRECTIVES[language], re.M)
        comments = reply.get("comments") or []
        self.directives = [(at, " ".join(text.split())) for at, text in comments if pattern.search(text)]

    def texts_of_directives(self):
        return sorted(text for _, text in self.directives)


class Oracles:
    """One process a language, started when it is first asked and kept."""

    def __init__(self, node_modules=None, go="go"):
        self.node_modules = os.path.abspath(node_modules) if node_modules else None
        self.go = go
        self.processes = {}
        self.missing = {}
        self.known = {}
        warnings.simplefilter("ignore")

    def close(self):
        for process in self.processes.values():
            process.stdin.close()
            process.wait()

    def has(self, language):
        """Whether the language can be judged; `missing` says why it cannot."""
        return language == "python" or self.process(language) is not None

    def process(self, language):
        if language not in self.processes and language not in self.missing:
            try:
                command = getattr(self, f"start_{language}")()
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
                self.processes[language] = subprocess.Popen(command, **pipes)
            except (OSError, subprocess.CalledProcessError) as error:
                detail = getattr(error, "stderr", None) or b""
                self.missing[language] = f"{error} {detail.decode(errors='replace')[-300:]}".strip()
        return self.processes.get(language)

    def start_typescript(self):
        if not shutil.which("node"):
            raise FileNotFoundError("node is not installed")
        if not self.node_modules or not os.path.isdir(os.path.join(self.node_modules, "typescript")):
            raise FileNotFoundError("--node-modules names no directory with typescript 5")
        return ["node", "--max-old-space-size=2048", os.path.join(HERE, "typescript.js"), self.node_modules]

    def start_rust(self):
        place = os.path.join(TOOLS, "rust")
        environment = {**os.environ, "CARGO_TARGET_DIR": place}
        command = ["cargo", "build", "--quiet", "--locked"]
        subprocess.run(command, cwd=os.path.join(HERE, "rust"), env=environment, check=True, capture_output=True)
        return [os.path.join(place, "debug", "oracle")]

    def start_go(self):
        program = os.path.join(TOOLS, "go")
        os.makedirs(TOOLS, exist_ok=True)
        command = [self.go, "build", "-o", program, "."]
        subprocess.run(command, cwd=os.path.join(HERE, "go"), check=True, capture_output=True)
        return [program]

    def start_java(self):
        if not shutil.which("java"):
            raise FileNotFoundError("java is not installed")
        return ["java", "-Xmx1g", os.path.join(HERE, "Oracle.java")]

    def ask(self, path, text, form="whole"):
        """The verdict on a text; none where the language has no oracle or it is missing."""
        language = language_of(path)
        if language is None or not self.has(language):
            return None
        key = (path, hash(text), form)
        if key not in self.known:
            if len(self.known) > 500:
                self.known.clear()
            self.known[key] = Verdict(language, self.reply(language, path, text, form))
        return self.known[key]

    def reply(self, language, path, text, form):
        if language == "python":
            return python.answer(text, form)
        process = self.processes[language]
        if language == "java":
            encoded = [base64.b64encode(part.encode()) for part in (path, text)]
            process.stdin.write(b"\n".join([form.encode(), *encoded]) + b"\n")
            process.stdin.flush()
            status, _, result = process.stdout.readline().decode().partition(" ")
            result = base64.b64decode(result).decode()
            if status != "ok":
                return {"error": result or "no answer"}
            comments = [it.group(1) for it in JAVA_COMMENT.finditer(text)]
            return {"form": result, "comments": [[0, it] for it in comments if it]}
        process.stdin.write(json.dumps({"path": path, "text": text, "form": form}).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        return json.loads(line) if line else {"error": "the oracle ended"}
