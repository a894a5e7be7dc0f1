#!/usr/bin/env python3
"""Sets hookgate's ledger against what a real model server reported, request by request.

The servers of the tests say what we believe that servers say. This stands between hookgate and one that
somebody else has written (llama.cpp, Ollama, vLLM, LM Studio, a gateway), passes everything on, keeps
what came back, and compares its sums with `hookgate spend`. Run it before a release, and when a server
changes:

    python3 benches/peers.py target/release/hookgate ../some-repository \\
        --dialect openai --base-url http://127.0.0.1:8080/v1 --model qwen2.5-coder --commits 10

It prints each exchange, what hookgate made of it, and `equal` or the difference, with which it exits 1. It
asks about the code of that repository's last commits: name a repository that the server may see.
"""

import argparse
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def relay(base_url, seen):
    """A server on loopback that passes on to `base_url`; what it sees is added to `seen`."""
    upstream = urllib.parse.urlsplit(base_url)
    connect = http.client.HTTPSConnection if upstream.scheme == "https" else http.client.HTTPConnection

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection = connect(upstream.netloc, timeout=600)
            connection.request("POST", upstream.path.rstrip("/") + self.path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            seen.append((response.status, answer))
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def usage(status, answer):
    """Input, cached input and output that an answer reports; None where it reports nothing."""
    try:
        reply = json.loads(answer)
    except ValueError:
        return None
    if status != 200 or not isinstance(reply, dict):
        return None
    figures = reply.get("usage") or {}
    if "prompt_tokens" in figures:
        cached = (figures.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        return figures["prompt_tokens"], cached, figures["completion_tokens"]
    if "input_tokens" in figures:
        cached = figures.get("cache_read_input_tokens") or 0
        written = figures.get("cache_creation_input_tokens") or 0
        return figures["input_tokens"] + cached + written, cached, figures["output_tokens"]
    if reply.get("prompt_eval_count"):
        cached = reply.get("prompt_eval_cached_count") or 0
        return reply["prompt_eval_count"], cached, reply["eval_count"]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hookgate", type=pathlib.Path)
    parser.add_argument("repository", type=pathlib.Path)
    parser.add_argument("--dialect", required=True, choices=["openai", "anthropic", "ollama"])
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--key-env", default="", help="the variable that holds the key")
    parser.add_argument("--commits", type=int, default=5)
    arguments = parser.parse_args()

    seen = []
    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        config = home / "config" / "hookgate" / "config.toml"
        config.parent.mkdir(parents=True)
        key = f'api_key_env = "{arguments.key_env}"\n' if arguments.key_env else ""
        config.write_text(
            f'[providers.peer]\ndialect = "{arguments.dialect}"\n'
            f'base_url = "{relay(arguments.base_url, seen)}"\n{key}\n'
            f'[tiers]\nlocal = {{ provider = "peer", model = {json.dumps(arguments.model)} }}\n'
        )
        kept = {name: os.environ[name] for name in ("PATH", arguments.key_env) if name in os.environ}
        places = {"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
        environment = kept | {name: str(home / place) for name, place in places.items()}
        clone = home / "clone"

        def run(*command, directory=clone):
            done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
            return (done.stdout + done.stderr).rstrip()

        hookgate = str(arguments.hookgate.resolve())
        shown = 0

        def show(title, said):
            nonlocal shown
            print(f"{title}\n{said}")
            for status, answer in seen[shown:]:
                print(f"    {status} {usage(status, answer) or answer[:200]}")
            shown = len(seen)

        show("models test", run(hookgate, "models", "test", "--deadline", "300", directory=home))
        run("git", "clone", "--quiet", "--shared", "--no-checkout", str(arguments.repository.resolve()), str(clone), directory=home)
        (clone / "hookgate.toml").write_text('[hooks.pre-commit]\ndeadline = "300s"\n')
        commits = run("git", "rev-list", "--no-merges", f"--max-count={arguments.commits}", "HEAD").split()
        for commit in commits:
            # Hooks look at the index alone.
            run("git", "update-ref", "--no-deref", "HEAD", f"{commit}~1")
            run("git", "read-tree", commit)
            show(commit, run(hookgate, "run", "pre-commit"))
        total = json.loads(run(hookgate, "spend", "--format", "json"))["total"]

    reported = [figures for figures in (usage(*exchange) for exchange in seen) if figures]
    expected = (len(seen), *(sum(figures[at] for figures in reported) for at in range(3)))
    ledger = (
        total["requests"] - total["denied"],
        total["input_tokens"],
        total["cached_input_tokens"],
        total["output_tokens"],
    )
    print(f"\nrequests, input, cached, output\n    of the server  {expected}\n    of the ledger  {ledger}")
    unreported = len(seen) - len(reported)
    if unreported:
        print(f"{unreported} answers report no usage; what they were charged all the same is the ledger's own")
    print("equal" if ledger == expected else "DIFFERENT")
    sys.exit(ledger != expected)


if __name__ == "__main__":
    main()
