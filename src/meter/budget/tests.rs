//! What a request is charged in the end: money, electricity, and what is learned of it. Stores are
//! tried elsewhere; here the ledger is SQLite's.

use super::*;
use crate::meter::estimate;
use crate::meter::store::State;
use crate::tokens::{Usage, UsageSource};

const HOUR: Duration = Duration::from_secs(3600);

fn budget(directory: &tempfile::TempDir) -> Budget {
    let place = Place { directory: directory.path().to_owned(), redis: None };
    Budget::open(&place, Limits::default(), Attribution::default()).unwrap()
}

fn request(price: Option<Price>) -> Estimate {
    Estimate {
        input: 1_300,
        output: 300,
        price,
        provider: "p".to_owned(),
        model: "m".to_owned(),
        tier: "t".to_owned(),
        counted_input: 1_000,
        because: "first".to_owned(),
        breaker: "closed",
        raw_tokens: 0,
        payload_tokens: 0,
        payload_hash: String::new(),
    }
}

fn reported(input: u64) -> Usage {
    Usage { input, output: 100, source: UsageSource::Reported, ..Usage::default() }
}

/// The last row of the ledger once a request was charged.
fn charged(price: Option<Price>, charge: Charge, latency: Duration) -> LedgerRow {
    let directory = tempfile::tempdir().unwrap();
    let budget = budget(&directory);
    let permit = budget.reserve(&request(price)).unwrap().dispatch().unwrap();
    let cost = permit.settle(charge, "ok", latency).unwrap();
    let row = budget.ledger(0).unwrap().pop().unwrap();
    assert_eq!(row.cost, cost);
    row
}

#[test]
fn what_the_provider_says_it_cost_is_the_cost() {
    let price = Price::per_million(1.0, None, None, 5.0).unwrap();
    let cost = |price, reported_cost| {
        let row = charged(price, Charge::Usage(Usage { reported_cost, ..reported(1_000) }), Duration::ZERO);
        (row.cost.map(PicoUsd::as_usd), row.price_source)
    };
    // 1,000 tokens in at 1 USD and 100 out at 5 USD per million.
    assert_eq!(cost(Some(price), None), (Some(0.001_5), "user".to_owned()));
    // A discount, an overrun of the whole reservation, and a model whose price nobody knew.
    let reported = |usd| Some(PicoUsd::from_usd(usd));
    assert_eq!(cost(Some(price), reported(0.000_7)), (Some(0.000_7), "reported".to_owned()));
    assert_eq!(cost(Some(price), reported(0.9)), (Some(0.9), "reported".to_owned()));
    assert_eq!(cost(None, reported(0.002)), (Some(0.002), "reported".to_owned()));
    assert_eq!(cost(None, None), (None, "unknown".to_owned()));
    // A gateway on this machine may pass a bill on.
    assert_eq!(cost(Some(Price::local()), reported(0.002)), (Some(0.002), "reported".to_owned()));
}

/// A gateway on loopback that nobody has named, or a price of 0 in the user's file.
#[test]
fn a_model_that_reports_a_cost_counts_as_free_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { directory: directory.path().to_owned(), redis: None };
    let day =
        Limit { window: Window::Day, scope: Scope::User, unit: Unit::Money, most: PicoUsd::from_usd(9.0).0 };
    let time = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1_795_867_200_000));
    let open = |limits| {
        let time = std::sync::Arc::clone(&time);
        let clock = Box::new(move || time.load(std::sync::atomic::Ordering::Relaxed));
        Budget::open_with_clock(&place, Limits::new(limits), Attribution::default(), clock).unwrap()
    };
    let first = open(vec![day]);
    let free = request(Some(Price { source: crate::meter::price::PriceSource::User, ..Price::local() }));
    let usage = Usage { reported_cost: Some(PicoUsd::from_usd(0.5)), ..reported(1_000) };
    let send = |budget: &Budget, charge| {
        let permit = budget.reserve(&free).unwrap().dispatch().unwrap();
        permit.settle(charge, "ok", Duration::ZERO).unwrap()
    };
    assert_eq!(send(&first, Charge::Usage(reported(1_000))), Some(PicoUsd::ZERO));
    assert!(first.taken().billed.is_empty() && first.crossed().unwrap().is_empty());
    send(&first, Charge::Usage(usage));
    assert!(first.taken().billed.contains("p/m"), "the report can say so");
    // In this run and in the next.
    for budget in [&first, &open(vec![day])] {
        let denied = budget.reserve(&free).err().unwrap();
        assert!(matches!(denied, BudgetError::Denied(Denial::Billed)), "{denied}");
        let other = Estimate { model: "n".to_owned(), ..free.clone() };
        assert!(budget.reserve(&other).is_ok(), "another model is another matter");
        let priced = Price::per_million(1.0, None, None, 5.0).unwrap();
        assert!(budget.reserve(&request(Some(priced))).is_ok(), "and a price is a price");
    }
    // Without a limit in money it is asked, and what it takes unseen is of unknown cost.
    assert_eq!(send(&open(Vec::new()), Charge::Full), None);
    // The next month's windows know nothing of it.
    time.fetch_add(5 * 24 * 3_600_000, std::sync::atomic::Ordering::Relaxed);
    assert!(open(vec![day]).reserve(&free).is_ok());
}

#[test]
fn a_crossed_limit_is_told_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { directory: directory.path().to_owned(), redis: None };
    let limit = |window, most| Limit { window, scope: Scope::User, unit: Unit::Tokens, most };
    let limits = [limit(Window::Call, 2_000), limit(Window::Hook, 2_000), limit(Window::Day, 9_000)];
    let open = || Budget::open(&place, Limits::new(limits.to_vec()), Attribution::default()).unwrap();
    let told = |crossed: Vec<Crossing>| -> Vec<String> { crossed.iter().map(ToString::to_string).collect() };
    let budgets = [open(), open()];
    let permits =
        budgets.each_ref().map(|budget| budget.reserve(&request(None)).unwrap().dispatch().unwrap());
    for permit in permits {
        permit.settle(Charge::Usage(reported(4_700)), "ok", Duration::ZERO).unwrap();
    }
    // 1,600 were reserved for each, and 4,800 taken.
    let why = "p/m took up to 200 % more than was reserved for it";
    assert_eq!(
        told(budgets[0].crossed().unwrap()),
        [
            format!("the request's limit of 2,000 tokens is crossed by 2,800: {why}"),
            format!("the hook's limit of 2,000 tokens is crossed by 2,800: {why}"),
            format!("the day's limit of 9,000 tokens is crossed by 600: {why}"),
        ]
    );
    let later = open();
    assert_eq!(told(later.crossed().unwrap()), ["the day's limit of 9,000 tokens is crossed by 600"]);
    let why = format!("the day's limit of 9,000 tokens is crossed by 600: {why}");
    assert_eq!(told(later.standing().unwrap().crossed), [why], "the ledger knows");
}

#[test]
fn an_unknown_end_costs_the_whole_reservation_with_the_dearest_kind_of_input() {
    let price = Price::per_million(4.0, Some(0.4), Some(5.0), 20.0).unwrap();
    let row = charged(Some(price), Charge::Full, Duration::ZERO);
    assert_eq!(row.cost.map(PicoUsd::as_usd), Some((1_300.0 * 5.0 + 300.0 * 20.0) / 1e6));
    assert_eq!(row.price_source, "user");
}

#[test]
fn electricity_stands_beside_the_cost_and_is_none_of_it() {
    // 60 W for half an hour at 0.30 USD a kilowatt-hour.
    let price = Price { energy: Some(PicoUsd::from_usd(0.06 * 0.30)), ..Price::local() };
    let row = charged(Some(price), Charge::Usage(reported(1_000)), HOUR / 2);
    assert_eq!(row.energy.map(PicoUsd::as_usd), Some(0.009));
    assert_eq!((row.cost, row.price_source.as_str()), (Some(PicoUsd::ZERO), "local"));
    // What it took before it failed, it took.
    let failed = charged(Some(price), Charge::Full, HOUR / 2);
    assert_eq!(failed.energy, row.energy);
    assert_eq!(charged(Some(Price::local()), Charge::Usage(reported(1_000)), HOUR).energy, None);
}

#[test]
fn margins_are_learned_of_whole_prompts_that_were_reported() {
    let directory = tempfile::tempdir().unwrap();
    let budget = budget(&directory);
    let margin = || estimate::margin(&budget.experience("p", "m", estimate::SAMPLES).unwrap(), 300);
    let settle = |charge, outcome| {
        let permit = budget.reserve(&request(None)).unwrap().dispatch().unwrap();
        permit.settle(charge, outcome, Duration::ZERO).unwrap();
    };
    // None of these says how the model counts.
    for _ in 0..8 {
        settle(Charge::Usage(reported(500)), "short_read");
        settle(Charge::Usage(reported(2_900)), "rejected");
        settle(Charge::Full, "timeout");
        settle(Charge::Nothing, "unreachable");
        settle(Charge::Usage(Usage { source: UsageSource::Estimated, ..reported(2_000) }), "ok");
    }
    assert_eq!(margin(), 300);
    for _ in 0..7 {
        settle(Charge::Usage(reported(1_120)), "ok");
    }
    assert_eq!(margin(), 300);
    settle(Charge::Usage(reported(1_120)), "schema");
    assert_eq!(margin(), 130);
    settle(Charge::Usage(reported(1_500)), "ok");
    assert!(margin() >= 500, "{}", margin());
    // Another model is another matter.
    assert!(budget.experience("p", "n", 64).unwrap().is_empty());
}

/// Has the ledger fail every step that writes, until that is undone.
#[cfg(unix)]
fn fail(directory: &tempfile::TempDir, fails: bool) {
    let lock = directory.path().join("ledger.lock");
    std::fs::remove_file(&lock).unwrap();
    if fails {
        // Which leads nowhere.
        std::os::unix::fs::symlink(&lock, &lock).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn the_parts_of_a_run_share_its_limit_also_where_the_store_fails_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { directory: directory.path().to_owned(), redis: None };
    let limit = Limit { window: Window::Hook, scope: Scope::User, unit: Unit::Tokens, most: 3_000 };
    let run = RunId::random();
    let later = Instant::now() + HOUR;
    let open =
        || Budget::open_for(&run, later, &place, Limits::new(vec![limit]), Attribution::default()).unwrap();
    let first = open();
    let permit = first.reserve(&request(None)).unwrap().dispatch().unwrap();
    fail(&directory, true);
    permit.settle(Charge::Usage(reported(2_000)), "ok", Duration::ZERO).unwrap_err();
    let taken = first.taken();
    assert_eq!((taken.used, taken.reserved, taken.cost), (0, 1_600, None));
    fail(&directory, false);
    // It is over for this part of the run, which does not wait once more to learn it.
    let failure = taken.failure.unwrap();
    assert!(matches!(first.headroom(), Err(BudgetError::Store(same)) if same == failure));
    drop(first);
    let second = open();
    assert_eq!(second.taken().used, 0, "what a part takes is its own");
    assert_eq!(
        second.headroom().unwrap(),
        Some(Room { window: Window::Hook, scope: Scope::User, tokens: 900 }),
        "charged as used, late"
    );
    assert!(matches!(second.reserve(&request(None)), Err(BudgetError::Denied(_))));
}

#[cfg(unix)]
#[test]
fn what_the_ledger_could_not_be_told_it_is_told_once_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("unsettled.jsonl");
    let price = Price::per_million(1.0, None, None, 5.0).unwrap();
    let lose = |usage| {
        let failing = budget(&directory);
        let permit = failing.reserve(&request(Some(price))).unwrap().dispatch().unwrap();
        fail(&directory, true);
        permit.settle(Charge::Usage(usage), "ok", HOUR).unwrap_err();
        drop(failing);
        let place = Place { directory: directory.path().to_owned(), redis: None };
        assert!(Budget::open(&place, Limits::default(), Attribution::default()).is_err());
        // What is there can be read, and what waits is counted: this store's, and no other's.
        let read = Budget::open_to_read(&place, Limits::default(), Attribution::default()).unwrap();
        assert_eq!(read.ledger(0).unwrap().last().unwrap().state, State::Dispatched);
        let waiting = read.waiting().unwrap();
        assert_eq!((waiting.charges, waiting.tokens), (1, usage.total()));
        assert!(waiting.because.contains("ledger.lock"), "{}", waiting.because);
        fail(&directory, false);
    };
    lose(reported(50_000));
    // Of a process that died at it, and of another store.
    let half = "\n{\"place\":\"local\",\"id\":\"a\n{\"place\":\"other\"}\n{\"pla";
    let kept = std::fs::read_to_string(&spool).unwrap();
    std::fs::write(&spool, format!("{kept}{half}")).unwrap();
    let first = budget(&directory);
    let row = first.ledger(0).unwrap().pop().unwrap();
    assert_eq!((row.usage.unwrap().input, row.latency_ms), (50_000, Some(3_600_000)), "above what was held");
    assert_eq!(row.cost.map(PicoUsd::as_usd), Some(0.050_5));
    drop(first);
    lose(reported(70_000));
    let rows = budget(&directory).ledger(0).unwrap();
    let inputs: Vec<_> = rows.into_iter().map(|row| row.usage.unwrap().input).collect();
    assert_eq!(inputs, [50_000, 70_000], "each once, whatever stands between them");
    assert!(std::fs::read_to_string(&spool).unwrap().contains(half), "what is not ours stays");
    std::fs::write(&spool, "").unwrap();
    lose(reported(90_000));
    drop(budget(&directory));
    assert_eq!(std::fs::metadata(&spool).unwrap().len(), 0);
}

#[cfg(unix)]
#[test]
fn a_cost_that_the_ledger_could_not_be_told_is_remembered_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let failing = budget(&directory);
    let permit = failing.reserve(&request(Some(Price::local()))).unwrap().dispatch().unwrap();
    fail(&directory, true);
    let usage = Usage { reported_cost: Some(PicoUsd::from_usd(0.5)), ..reported(1_000) };
    permit.settle(Charge::Usage(usage), "ok", HOUR).unwrap_err();
    drop(failing);
    fail(&directory, false);
    assert!(budget(&directory).has_billed("p", "m").unwrap());
}
