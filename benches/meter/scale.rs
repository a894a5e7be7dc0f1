//! Steps in a second, and how that changes with open leases and with rows.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use hookgate::meter::budget::{Budget, Charge};

use super::{Ledger, Options, estimate, percentiles, told, used};

const ASKED: u64 = 1000;

/// Many clients at once, while others hold leases.
pub(crate) fn measure(options: &Options) {
    let clients = options.number("clients", 32);
    let requests = options.number("requests", 50);
    println!("open leases | pairs of reserve and settle a second by {clients} clients | a pair: p50 / p99");
    for open in [0, 1000, 10_000] {
        let ledger = options.store();
        let holder = ledger.budget(u64::MAX);
        let held: Vec<_> = (0..open).map(|_| holder.reserve(&estimate(ASKED, 0)).unwrap()).collect();
        let numbers = [("requests", requests.to_string())];
        let mut children: Vec<_> = (0..clients).map(|_| ledger.client("scale-child", &numbers)).collect();
        for child in &mut children {
            let mut ready = [0];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        }
        let began = Instant::now();
        for child in &mut children {
            child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        }
        let mut times = Vec::new();
        for mut child in children {
            for line in BufReader::new(child.stdout.take().unwrap()).lines() {
                times.extend(line.unwrap().parse().ok().map(Duration::from_nanos));
            }
            assert!(child.wait().unwrap().success());
        }
        let a_second = times.len() as f64 / began.elapsed().as_secs_f64();
        println!("{open:>6} | {a_second:.0} | {}", percentiles(&mut times));
        // Not one by one: the ledger is thrown away.
        held.into_iter().for_each(std::mem::forget);
    }
}

pub(crate) fn child(options: &Options) {
    let budget = told(options, u64::MAX);
    let mut out = std::io::stdout();
    out.write_all(b"\n").unwrap();
    out.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for _ in 0..options.number("requests", 0) {
        println!("{}", pair(&budget).as_nanos());
    }
}

/// Reserves, sends and settles; the time of the first and the last.
fn pair(budget: &Budget) -> Duration {
    let began = Instant::now();
    let reservation = budget.reserve(&estimate(ASKED, 0)).unwrap();
    let reserved = began.elapsed();
    let dispatched = reservation.dispatch().unwrap();
    let began = Instant::now();
    dispatched.settle(Charge::Usage(used(ASKED, 0)), "ok", Duration::ZERO).unwrap();
    reserved + began.elapsed()
}

/// One client alone, in a ledger with more and more rows of the month.
pub(crate) fn growth(options: &Options) {
    if options.word("store").is_some_and(|store| store != "sqlite") {
        println!("growth measures SQLite alone: a server knows no months of rows");
        return;
    }
    println!("rows in the month | a pair of reserve and settle by one client: p50 / p99");
    let ledger = options.store();
    let budget = ledger.budget(u64::MAX);
    for more in [0, 3000, 30_000] {
        fill(&ledger, more);
        let mut times: Vec<_> = (0..options.number("requests", 300)).map(|_| pair(&budget)).collect();
        println!("{more:>6} | {}", percentiles(&mut times));
    }
}

/// Adds rows of other runs of this month until there are `rows`.
fn fill(ledger: &Ledger, rows: i64) {
    let mut connection = rusqlite::Connection::open(ledger.file()).unwrap();
    let transaction = connection.transaction().unwrap();
    let count = "SELECT count(*) FROM requests";
    let there: i64 = transaction.query_row(count, [], |row| row.get(0)).unwrap();
    transaction.execute_batch("CREATE TEMP TABLE past AS SELECT * FROM requests LIMIT 1").unwrap();
    for _ in there..rows {
        transaction
            .execute_batch(
                "UPDATE past SET id = hex(randomblob(16)), run = hex(randomblob(16));
                 INSERT INTO requests SELECT * FROM past;",
            )
            .unwrap();
    }
    transaction.execute_batch("DROP TABLE past").unwrap();
    transaction.commit().unwrap();
}

/// What the ledger takes of a hook that asks once: opening it, three steps, and closing it.
pub(crate) fn alone(ledger: &Ledger, runs: u64) {
    let mut times = Vec::new();
    for _ in 0..runs {
        let began = Instant::now();
        let budget = ledger.budget(u64::MAX);
        let dispatched = budget.reserve(&estimate(ASKED, 0)).unwrap().dispatch().unwrap();
        dispatched.settle(Charge::Usage(used(ASKED, 0)), "ok", Duration::ZERO).unwrap();
        drop(budget);
        times.push(began.elapsed());
    }
    println!("open, reserve, dispatch, settle, close: {}", percentiles(&mut times));
}
