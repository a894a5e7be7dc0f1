//! Random histories of several runs, with crashes and clock jumps, against a naive model of the
//! protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::sqlite::SqliteStore;
use super::*;
use crate::meter::price::{Price, PriceSource};
use crate::meter::{Limit, Unit};
use crate::tokens::UsageSource;

const DAY_MS: u64 = 86_400_000;
/// 2026-11-28T12:00Z, three days before a month ends.
const START: u64 = 1_795_867_200_000;
/// The first ms of December 2026 to May 2027, which is as far as a history can get.
const MONTHS: [u64; 6] = [
    1_796_083_200_000,
    1_798_761_600_000,
    1_801_440_000_000,
    1_803_859_200_000,
    1_806_537_600_000,
    1_809_129_600_000,
];
const LEASE: Duration = Duration::from_secs(150);
const PRICE: Price = Price {
    input: PicoUsd(2),
    cached_input: PicoUsd(1),
    output: PicoUsd(3),
    source: PriceSource::User,
    ..Price::local()
};
fn limits() -> Limits {
    let limit = |window, unit, most| Limit { window, scope: Scope::User, unit, most };
    Limits::new(vec![
        limit(Window::Call, Unit::Tokens, 900),
        limit(Window::Hook, Unit::Tokens, 2500),
        limit(Window::Day, Unit::Tokens, 4000),
        limit(Window::Month, Unit::Tokens, 6000),
        limit(Window::Day, Unit::Money, 9000),
    ])
}
const RUNS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Reserve { run: usize, input: u64, output: u64, price: Option<Price> },
    Dispatch { pick: usize },
    Settle { pick: usize, permille: u64, full: bool },
    Release { pick: usize },
    Crash { run: usize },
    Reap { run: usize },
    Tick { ms: i64 },
}

fn step(most_permille: u64) -> impl Strategy<Value = Step> {
    let price = prop_oneof![8 => Just(Some(PRICE)), 2 => Just(Some(Price::local())), 1 => Just(None)];
    let ms = prop_oneof![
        4 => Just(1_000),
        2 => Just(151_000),
        2 => Just(DAY_MS as i64),
        1 => Just(-(DAY_MS as i64) * 2),
        1 => Just(-60_000),
    ];
    prop_oneof![
        6 => (0..RUNS, 0u64..600, 0u64..400, price)
            .prop_map(|(run, input, output, price)| Step::Reserve { run, input, output, price }),
        5 => (0usize..100).prop_map(|pick| Step::Dispatch { pick }),
        4 => (0usize..100, 0..=most_permille, prop::bool::weighted(0.2))
            .prop_map(|(pick, permille, full)| Step::Settle { pick, permille, full }),
        2 => (0usize..100).prop_map(|pick| Step::Release { pick }),
        1 => (0..RUNS).prop_map(|run| Step::Crash { run }),
        1 => (0..RUNS).prop_map(|run| Step::Reap { run }),
        2 => ms.prop_map(|ms| Step::Tick { ms }),
    ]
}

/// A request as the model sees it.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    run: String,
    state: State,
    time: u64,
    lease: u64,
    input: u64,
    output: u64,
    price: Option<Price>,
    tokens: u64,
    cost: u64,
}

impl Row {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Reserved | State::Dispatched)
    }

    fn is_charged(&self) -> bool {
        matches!(self.state, State::Settled | State::ChargedFull)
    }
}

fn month(time: u64) -> usize {
    MONTHS.iter().filter(|&&start| start <= time).count()
}

/// The protocol, as plainly as it can be said.
struct Model {
    rows: Vec<Row>,
    alive: Vec<String>,
    clock: u64,
}

impl Model {
    fn now(&self) -> u64 {
        self.rows.iter().map(|row| row.time).max().unwrap_or(0).max(self.clock)
    }

    fn reap(&mut self) {
        let now = self.now();
        for row in &mut self.rows {
            if row.is_open() && (row.lease <= now || !self.alive.contains(&row.run)) {
                if row.state == State::Reserved {
                    (row.state, row.tokens, row.cost) = (State::Released, 0, 0);
                } else {
                    row.state = State::ChargedFull;
                }
            }
        }
    }

    /// Used and reserved tokens, used and reserved cost.
    fn sum(&self, within: impl Fn(&Row) -> bool) -> [u64; 4] {
        let mut sums = [0; 4];
        for row in self.rows.iter().filter(|row| within(row)) {
            sums[0] += if row.is_charged() { row.tokens } else { 0 };
            sums[1] += if row.is_open() { row.tokens } else { 0 };
            sums[2] += if row.is_charged() { row.cost } else { 0 };
            sums[3] += if row.is_open() { row.cost } else { 0 };
        }
        sums
    }

    /// The sums of the run, the day and the month.
    fn windows(&self, run: &str) -> [[u64; 4]; 3] {
        let now = self.now();
        [
            self.sum(|row| row.run == run),
            self.sum(|row| row.time / DAY_MS == now / DAY_MS),
            self.sum(|row| month(row.time) == month(now)),
        ]
    }

    fn admits(&self, run: &str, tokens: u64, cost: Option<u64>) -> bool {
        let [hook, day, month] = self.windows(run);
        let Some(cost) = cost else { return false };
        tokens <= 900
            && hook[0] + hook[1] + tokens <= 2500
            && day[0] + day[1] + tokens <= 4000
            && month[0] + month[1] + tokens <= 6000
            && (cost == 0 || day[2] + day[3] + cost <= 9000)
    }
}

fn totals(totals: &Totals) -> [u64; 4] {
    [totals.used, totals.reserved, totals.used_cost.0, totals.reserved_cost.0]
}

/// The store under test: one connection a run, on one database and one clock.
struct System {
    directory: tempfile::TempDir,
    clock: Arc<AtomicU64>,
    runs: Vec<(String, SqliteStore)>,
    names: usize,
}

impl System {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut system =
            Self { directory, clock: Arc::new(AtomicU64::new(START)), runs: Vec::new(), names: 0 };
        for _ in 0..RUNS {
            let run = system.start();
            system.runs.push(run);
        }
        system
    }

    fn start(&mut self) -> (String, SqliteStore) {
        let clock = Arc::clone(&self.clock);
        self.names += 1;
        let name = format!("run{}", self.names);
        let read = Box::new(move || clock.load(Ordering::SeqCst));
        let store = SqliteStore::open(self.directory.path(), &name, read).unwrap();
        (name, store)
    }

    /// Ends a run as SIGKILL does: its lock is gone, its file stays; and starts another in its place.
    fn crash(&mut self, run: usize) {
        let next = self.start();
        let (name, store) = std::mem::replace(&mut self.runs[run], next);
        drop(store);
        let runs = self.directory.path().join("runs");
        if runs.exists() {
            std::fs::write(runs.join(format!("{name}.lock")), "").unwrap();
        }
    }

    fn owner(&self, row: &Row) -> Option<&SqliteStore> {
        self.runs.iter().find(|(name, _)| *name == row.run).map(|(_, store)| store)
    }
}

fn estimate(input: u64, output: u64, price: Option<Price>) -> Estimate {
    Estimate {
        input,
        output,
        price,
        provider: "p".into(),
        model: "m".into(),
        tier: "t".into(),
        counted_input: input,
        because: "first".into(),
        breaker: "closed",
        raw_tokens: 0,
        payload_tokens: 0,
        payload_hash: String::new(),
    }
}

fn apply(system: &mut System, model: &mut Model, step: &Step, index: usize) -> Result<(), TestCaseError> {
    let pick = |pick: usize, rows: &[Row]| (!rows.is_empty()).then(|| pick % rows.len());
    match *step {
        Step::Reserve { run, input, output, price } => {
            model.reap();
            let (name, store) = &system.runs[run];
            let id = format!("request{index}");
            let estimate = estimate(input, output, price);
            let attribution = Attribution::default();
            let request = Request { id: &id, attribution: &attribution, estimate: &estimate, lease: LEASE };
            let admission = store.reserve(&request, &limits()).unwrap();
            let tokens = input + output;
            let cost = price.map(|price| price.input.0 * input + price.output.0 * output);
            let admitted = model.admits(name, tokens, cost);
            prop_assert_eq!(admission == Admission::Granted, admitted, "{:?}", admission);
            let time = model.now();
            model.rows.push(Row {
                id,
                run: name.clone(),
                state: if admitted { State::Reserved } else { State::Denied },
                time,
                lease: time + 150_000,
                input,
                output,
                price,
                tokens: if admitted { tokens } else { 0 },
                cost: if admitted { cost.unwrap() } else { 0 },
            });
        }
        Step::Dispatch { pick: number } => {
            let Some(number) = pick(number, &model.rows) else { return Ok(()) };
            let now = model.now();
            let row = &mut model.rows[number];
            let Some(store) = system.owner(row) else { return Ok(()) };
            let sent = store.dispatch(&row.id, LEASE).is_ok();
            prop_assert_eq!(sent, row.state == State::Reserved);
            if sent {
                (row.state, row.lease) = (State::Dispatched, now + 150_000);
            }
        }
        Step::Settle { pick: number, permille, full } => {
            let Some(number) = pick(number, &model.rows) else { return Ok(()) };
            let row = &mut model.rows[number];
            let Some(store) = system.owner(row) else { return Ok(()) };
            let part = |amount: u64| if full { amount } else { amount * permille / 1000 };
            let (input, output) = (part(row.input), part(row.output));
            let usage =
                Usage { input, cached_input: 0, output, source: UsageSource::Reported, ..Usage::default() };
            let cost = row.price.map(|price| price.input.0 * input + price.output.0 * output);
            let settlement = Settlement {
                full,
                usage,
                cost: cost.map(PicoUsd),
                energy: None,
                outcome: "ok",
                latency: None,
            };
            let accepted = store.settle(&row.id, &settlement).is_ok();
            prop_assert_eq!(
                accepted,
                matches!(row.state, State::Dispatched | State::ChargedFull | State::Settled)
            );
            let replaces = row.state == State::Dispatched || (row.state == State::ChargedFull && !full);
            if replaces {
                row.state = if full { State::ChargedFull } else { State::Settled };
                (row.tokens, row.cost) = (input + output, cost.unwrap());
            }
        }
        Step::Release { pick: number } => {
            let Some(number) = pick(number, &model.rows) else { return Ok(()) };
            let row = &mut model.rows[number];
            let Some(store) = system.owner(row) else { return Ok(()) };
            let accepted = store.release(&row.id).is_ok();
            prop_assert_eq!(accepted, matches!(row.state, State::Reserved | State::Released));
            if accepted {
                (row.state, row.tokens, row.cost) = (State::Released, 0, 0);
            }
        }
        Step::Crash { run } => {
            system.crash(run);
            model.alive = system.runs.iter().map(|(name, _)| name.clone()).collect();
        }
        Step::Reap { run } => {
            let open = |model: &Model| model.rows.iter().filter(|row| row.is_open()).count() as u64;
            let before = open(model);
            model.reap();
            prop_assert_eq!(system.runs[run].1.reap().unwrap(), before - open(model));
        }
        Step::Tick { ms } => {
            model.clock = model.clock.saturating_add_signed(ms);
            system.clock.store(model.clock, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// The store says what the model says, row by row and window by window.
fn agree(system: &System, model: &Model) -> Result<(), TestCaseError> {
    let ledger = system.runs[0].1.ledger(0).unwrap();
    let said: Vec<_> = ledger.iter().map(|row| (row.id.as_str(), row.state, row.time)).collect();
    let modelled: Vec<_> = model.rows.iter().map(|row| (row.id.as_str(), row.state, row.time)).collect();
    prop_assert_eq!(said, modelled);
    // I5: a later reservation never falls into an earlier window.
    prop_assert!(ledger.windows(2).all(|pair| pair[0].day <= pair[1].day));
    for (name, store) in &system.runs {
        let WindowTotals { run, scopes, .. } = store.totals(&Attribution::default()).unwrap();
        let ScopeTotals { day, month } = scopes[&Scope::User];
        prop_assert_eq!([&run, &day, &month].map(totals), model.windows(name));
    }
    Ok(())
}

fn history(most_permille: u64) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(most_permille), 1..60)
}

fn play(
    steps: &[Step],
    mut check: impl FnMut(&System) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut system = System::new();
    let alive = system.runs.iter().map(|(name, _)| name.clone()).collect();
    let mut model = Model { rows: Vec::new(), alive, clock: START };
    for (index, step) in steps.iter().enumerate() {
        apply(&mut system, &mut model, step, index)?;
        agree(&system, &model)?;
        check(&system)?;
    }
    // I4: once every holder is dead, nothing is held, and what was sent is charged.
    for run in 0..RUNS {
        system.crash(run);
    }
    model.alive.clear();
    model.reap();
    system.runs[0].1.reap().unwrap();
    agree(&system, &model)?;
    prop_assert!(model.rows.iter().all(|row| !row.is_open()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// I1: as long as nobody uses more than was reserved, no window ever holds more than its limit.
    #[test]
    fn no_history_of_truthful_estimates_crosses_a_limit(steps in history(1000)) {
        play(&steps, |system| {
            for (_, store) in &system.runs {
                let WindowTotals { run, scopes, .. } = store.totals(&Attribution::default()).unwrap();
        let ScopeTotals { day, month } = scopes[&Scope::User];
                prop_assert!(run.used + run.reserved <= 2500);
                prop_assert!(day.used + day.reserved <= 4000);
                prop_assert!(month.used + month.reserved <= 6000);
                prop_assert!(day.used_cost + day.reserved_cost <= PicoUsd(9000));
            }
            Ok(())
        })?;
    }

    /// Use above the reservation is charged as it is, and later requests pay for it.
    #[test]
    fn the_ledger_follows_the_model_through_overruns(steps in history(2500)) {
        play(&steps, |_| Ok(()))?;
    }
}
