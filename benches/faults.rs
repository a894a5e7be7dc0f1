//! The faults of a server in every dialect, against the built binary: outcome, wall time over the
//! deadline, exit code without and with `required`, ledger, requests that the server read.
//!
//! `cargo bench --bench faults`, with a part of a fault's name to run only some.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a table is what this is for")]

#[path = "../tests/integration/harness/mod.rs"]
#[allow(dead_code, reason = "shared with the integration tests, and used in part")]
mod harness;

use std::time::{Duration, Instant};

use harness::faults::{DIALECTS, faults, meet};

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!(
        "| fault | dialect | outcome | ms | over the deadline | exit | required | ledger | tokens | read | breaker |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let (mut runs, mut longest) = (0, None);
    for fault in faults() {
        if !wanted.is_empty() && !wanted.iter().any(|part| fault.name.contains(part.as_str())) {
            continue;
        }
        for dialect in DIALECTS {
            let (free, required) = (meet(&fault, dialect, false), meet(&fault, dialect, true));
            let over = |elapsed: Duration, deadline| {
                i128::try_from(elapsed.as_millis()).unwrap()
                    - i128::try_from(Duration::as_millis(&deadline)).unwrap()
            };
            let over = over(free.elapsed, free.deadline).max(over(required.elapsed, required.deadline));
            runs += 2;
            longest = longest.max(Some(over));
            println!(
                "| {} | {dialect} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                fault.name,
                free.reason,
                free.elapsed.as_millis(),
                if over > 0 { format!("{over}") } else { "–".to_owned() },
                free.code,
                required.code,
                free.ledger,
                free.tokens,
                free.requests,
                if free.is_open { "open" } else { "closed" },
            );
        }
    }
    println!("\n{runs} runs; longest over the deadline: {} ms", longest.unwrap_or_default());
    skip();
}

/// How long a run takes that meets an open breaker, and how much of it the breaker is: the same run
/// without a model does all but ask.
fn skip() {
    use harness::provider::{Provider, Reply};
    let provider = Provider::always(Reply::status(401, ""));
    let repo = harness::repo::Repo::with(&[(
        "cart.py",
        "def total(items, rate):\n    return sum(items) * (1 + rate)\n",
    )]);
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"openai\"\nbase_url = \"{}\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n",
        provider.base_url()
    ));
    repo.stage("cart.py", "def total(items, rate):\n    return sum(items) * (1 - rate)\n");
    let median = |args: &[&str]| {
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                let started = Instant::now();
                repo.hookgate(args).expect(0);
                started.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() / 2]
    };
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let (open, preview) = (median(&["run", "pre-commit"]), median(&["dry-run"]));
    println!("open breaker: {open:.1?} a run, of which {preview:.1?} are what a dry run takes as well");
}
