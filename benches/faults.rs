//! The faults of a server in every dialect, against the built binary: outcome, wall time over the
//! deadline, exit code without and with `required`, ledger, requests that the server read.
//!
//! `cargo bench --bench faults`, with a part of a fault's name to run only some.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a table is what this is for")]

#[path = "../tests/integration/harness/mod.rs"]
#[allow(dead_code, reason = "shared with the integration tests, and used in part")]
mod harness;

use std::time::{Duration, Instant};

use harness::faults::{DIALECTS, faults, meet, sound};
use hookgate::meter::breaker::{Admission, Breaker, Health};
use hookgate::meter::budget::{Budget, Estimate};
use hookgate::meter::store::Place;
use hookgate::meter::{Attribution, Limits};

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
    let sound = median((0..11).map(|_| meet(&sound(), "openai", false).elapsed));
    println!("\n{runs} runs; longest over the deadline: {} ms", longest.unwrap_or_default());
    println!("a run whose server answers at once, which is what all but the waiting takes: {sound:.1?}");
    println!("a request that meets an open breaker, with its row in the ledger: {:.2?}", skip());
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

/// How long it takes to learn that a breaker is open and to put that on the ledger.
fn skip() -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { directory: directory.path().to_owned(), redis: None };
    let budget = Budget::open(&place, Limits::default(), Attribution::default()).unwrap();
    let breaker = Breaker::new(&budget, "breaker:a|b|c".to_owned());
    breaker.record(Health::KeyRefused, "answered 401", &Admission::Closed, 0).unwrap();
    let estimate = Estimate {
        input: 1,
        output: 1,
        price: None,
        provider: String::new(),
        model: String::new(),
        tier: String::new(),
        counted_input: 1,
        because: "first".to_owned(),
        breaker: "open",
        raw_tokens: 0,
        payload_tokens: 0,
        payload_hash: String::new(),
    };
    median((0..101).map(|_| {
        let started = Instant::now();
        assert!(matches!(breaker.admit(0, Duration::ZERO).unwrap(), Admission::Open(_)));
        budget.refuse(&estimate, "breaker").unwrap();
        started.elapsed()
    }))
}
