//! Many processes want ten times what there is.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use hookgate::meter::budget::{BudgetError, Charge};

use super::{Ledger, Options, estimate, percentiles, told, used};

/// What a request asks for.
const ASKED: u64 = 1000;

pub(crate) fn measure(options: &Options) {
    println!(
        "share taken, held for | served of limit, overspent | granted, denied, failed | reserve, reserve+settle, reserve+dispatch+settle: p50 / p99 | seconds"
    );
    for (permille, hold) in [(1000, 0), (400, 0), (400, 20)] {
        once(options, &options.store(), permille, hold);
    }
}

/// The measurement for requests that take `permille` of what they asked for, `hold` ms after they
/// were sent.
pub(crate) fn once(options: &Options, ledger: &Ledger, permille: u64, hold: u64) {
    let processes = options.number("processes", 64);
    let requests = options.number("requests", 50);
    let limit = processes * requests * ASKED / 10;
    let numbers = [("requests", requests), ("limit", limit), ("permille", permille), ("hold", hold)];
    let numbers = numbers.map(|(name, number)| (name, number.to_string()));
    // Made beforehand, since the race is not for making it.
    drop(ledger.budget(limit));
    let mut children: Vec<_> = (0..processes).map(|_| ledger.client("race-child", &numbers)).collect();
    for child in &mut children {
        let mut ready = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    }
    let began = Instant::now();
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let (mut reserve, mut pair, mut all) = (Vec::new(), Vec::new(), Vec::new());
    let (mut denied, mut failed) = (0, Vec::new());
    for mut child in children {
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "granted" => {
                    let [first, second, third] =
                        [1, 2, 3].map(|n| Duration::from_nanos(words[n].parse().unwrap()));
                    reserve.push(first);
                    pair.push(first + third);
                    all.push(first + second + third);
                }
                "denied" => denied += 1,
                "failed" => failed.push(line),
                _ => {}
            }
        }
        assert!(child.wait().unwrap().success());
    }
    let seconds = began.elapsed().as_secs_f64();
    // A client reports what it was served, and every grant is served.
    let granted = all.len() as u64;
    let served = granted * ASKED * permille / 1000;
    println!(
        "{:.0} %, {hold} ms | {served} of {limit} ({:.1} %), {} | {granted}, {denied}, {} | {}, {}, {} | {seconds:.1}",
        permille as f64 / 10.0,
        served as f64 * 100.0 / limit as f64,
        served.saturating_sub(limit),
        failed.len(),
        percentiles(&mut reserve),
        percentiles(&mut pair),
        percentiles(&mut all),
    );
    for line in failed.iter().take(3) {
        println!("{line}");
    }
    assert!(served <= limit, "overspent");
    let (used, reserved) = ledger.totals();
    assert_eq!(reserved, 0, "something is held after the race");
    // What failed was perhaps sent, and is charged in full then.
    assert!(used == served || !failed.is_empty() && (served..=limit).contains(&used), "{used} charged");
}

pub(crate) fn child(options: &Options) {
    let [requests, limit, permille, hold] =
        ["requests", "limit", "permille", "hold"].map(|name| options.number(name, 0));
    let budget = told(options, limit);
    let mut out = std::io::stdout();
    out.write_all(b"\n").unwrap();
    out.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for _ in 0..requests {
        let mut times = Vec::new();
        let mut step = |began: Instant| times.push(began.elapsed().as_nanos().to_string());
        let mut request = || -> Result<(), BudgetError> {
            let began = Instant::now();
            let reservation = budget.reserve(&estimate(ASKED - 100, 100))?;
            step(began);
            let began = Instant::now();
            let dispatched = reservation.dispatch()?;
            step(began);
            std::thread::sleep(Duration::from_millis(hold));
            let began = Instant::now();
            let usage = used(ASKED * permille / 1000, 0);
            dispatched.settle(Charge::Usage(usage), "ok", Duration::ZERO)?;
            step(began);
            Ok(())
        };
        match request() {
            Ok(()) => println!("granted {}", times.join(" ")),
            Err(BudgetError::Denied(_)) => println!("denied"),
            Err(error) => println!("failed {error}"),
        }
    }
}
