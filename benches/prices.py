#!/usr/bin/env python3
"""Makes the price list in the program out of LiteLLM's.

    hookgate prices update model_prices_and_context_window.json --date 2026-11-12
    hookgate prices --all --format json | benches/prices.py "LiteLLM 1.109.1" > src/meter/price/table.json
    hookgate prices update --remove

The first command reads and lints LiteLLM's list (it is in its wheel on PyPI, too, as
`litellm/model_prices_and_context_window_backup.json`), and says what it does not believe. This script
leaves out what no hook would ask: other services than chat, tuned models, and a host with hundreds of
models that few use. It prints a model a line, so that a diff shows which prices changed.
"""

import json
import re
import sys

HOSTS_LEFT_OUT = {"api.fireworks.ai"}
MODELS_LEFT_OUT = re.compile(
    r"^ft:|audio|realtime|tts|search|robotics|lyria|image|transcribe|guard|live|moderation|deep-research|voxtral"
)


def main() -> None:
    prices = json.load(sys.stdin)
    source = f"{sys.argv[1]}, model_prices_and_context_window.json"
    head = {"version": prices["version"], "date": prices["date"], "source": source}
    hosts = []
    for host, models in sorted(prices["prices"].items()):
        if host in HOSTS_LEFT_OUT:
            continue
        kept = sorted((name, price) for name, price in models.items() if not MODELS_LEFT_OUT.search(name))
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(price)}" for name, price in kept)
        hosts.append(f"  {json.dumps(host)}: {{\n{lines}\n  }}")
    start = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    print(f"{{\n{start},\n" + '"prices": {\n' + ",\n".join(hosts) + "\n}}")


if __name__ == "__main__":
    main()
