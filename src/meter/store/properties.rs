//! Random histories of several runs, with crashes and clock jumps, played to a store and to a naive
//! model of the protocol, which must agree after every step.
//!
//! The invariants that are checked, by the names that the code below gives them:
//!
//! - I1: settled and open together are within the limit at every step, in every scope, as long as
//!   no request takes more than it reserved.
//! - I2: nothing is sent without a reservation and a dispatch that the store acknowledged.
//! - I3: a request ends once; only the truth may replace a full charge.
//! - I4: once all is quiet nothing is held, and no row is charged less than the provider served.
//! - I5: a later request never falls into an earlier window.
//! - I6: what a dead run held is free again: at once where the store notices deaths, else when its
//!   lease ends.

mod interleavings;
mod model;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use self::model::{Model, Row, cost, limits_of};
use super::sqlite::SqliteStore;
use super::*;
use crate::meter::calendar;
use crate::meter::price::{Price, PriceSource};
use crate::meter::{Limit, Unit};
use crate::tokens::{PicoUsd, UsageSource};

const DAY_MS: u64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS as i64;
/// 2026-11-28T12:00Z, three days before a month ends.
const START: u64 = 1_795_867_200_000;
const LEASE: Duration = Duration::from_secs(150);
const PRICE: Price = Price {
    input: PicoUsd(2),
    cached_input: PicoUsd(1),
    output: PicoUsd(3),
    source: PriceSource::User,
    ..Price::local()
};
const RUNS: usize = 4;
const CELLS: [&str; 3] = ["breaker/a", "breaker/b", "other"];

/// The limits, and the name in the scope that each is for: `small in ci` where only the runs of a stage
/// have it, over windows that count for the others too.
const LIMITS: [(Limit, &str); 10] = [
    (limit(Window::Call, Scope::User, Unit::Tokens, 900), "*"),
    (limit(Window::Hook, Scope::User, Unit::Tokens, 2500), "*"),
    (limit(Window::Day, Scope::User, Unit::Tokens, 4000), "*"),
    (limit(Window::Month, Scope::User, Unit::Tokens, 6000), "*"),
    (limit(Window::Hook, Scope::Repository, Unit::Tokens, 1500), "small"),
    (limit(Window::Day, Scope::Repository, Unit::Tokens, 2200), "small"),
    (limit(Window::Month, Scope::Team, Unit::Tokens, 3000), "red"),
    (limit(Window::Day, Scope::Team, Unit::Money, 3500), "red"),
    (limit(Window::Month, Scope::Stage, Unit::Money, 9000), "ci"),
    (limit(Window::Month, Scope::Repository, Unit::Money, 8000), "small in ci"),
];

const fn limit(window: Window, scope: Scope, unit: Unit, most: u64) -> Limit {
    Limit { window, scope, unit, most }
}

/// A store under test: a new and empty place, and a clock that all its runs read.
trait Harness {
    /// What it promises.
    const PLACE: Place;

    /// Makes the place; the clock shows `clock`.
    fn new(clock: u64) -> Self;

    /// Sets the clock, in ms since the epoch.
    fn set_clock(&self, clock: u64);

    /// Opens the place for a run that is new.
    fn open(&self, run: &str) -> Box<dyn Store>;

    /// Ends a run as SIGKILL does, which leaves no time to tidy up.
    fn crash(&self, run: &str, store: Box<dyn Store>);
}

/// In what stores may differ.
#[derive(Clone, Copy)]
struct Place {
    /// Several people share it, each with windows of their own. Else all rows are one user's, under
    /// whatever name.
    is_shared: bool,
    /// It knows of a run's death before its leases end.
    notices_death: bool,
    /// Its leases are of the clock as it is, not of the time that never runs back.
    leases_by_clock: bool,
}

struct Sqlite {
    directory: tempfile::TempDir,
    clock: Arc<AtomicU64>,
}

impl Harness for Sqlite {
    const PLACE: Place = Place { is_shared: false, notices_death: true, leases_by_clock: false };

    fn new(clock: u64) -> Self {
        // Thousands of commits: in memory, where the system has a directory there.
        let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self { directory: memory.unwrap(), clock: Arc::new(AtomicU64::new(clock)) }
    }

    fn set_clock(&self, clock: u64) {
        self.clock.store(clock, Ordering::SeqCst);
    }

    fn open(&self, run: &str) -> Box<dyn Store> {
        let clock = Arc::clone(&self.clock);
        let read = Box::new(move || clock.load(Ordering::SeqCst));
        Box::new(SqliteStore::open(self.directory.path(), run, read, None).unwrap())
    }

    fn crash(&self, run: &str, store: Box<dyn Store>) {
        // The system drops the lock and leaves its file.
        drop(store);
        let runs = self.directory.path().join("runs");
        if runs.exists() {
            std::fs::write(runs.join(format!("{run}.lock")), "").unwrap();
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reserve { run: usize, input: u64, output: u64, price: Option<Price> },
    ReserveAgain { pick: usize },
    Refuse { run: usize },
    Dispatch { pick: usize, permille: u64 },
    Settle { pick: usize, full: bool },
    Release { pick: usize },
    Crash { run: usize, next: usize },
    Reap { run: usize },
    Tick { ms: i64 },
    Update { run: usize, cell: usize, text: Option<u8> },
}

fn step(most_permille: u64) -> impl Strategy<Value = Step> {
    let price = prop_oneof![8 => Just(Some(PRICE)), 2 => Just(Some(Price::local())), 2 => Just(None)];
    let ms = prop_oneof![
        8 => Just(1_000),
        4 => Just(151_000),
        4 => Just(DAY_MS as i64),
        2 => Just(-(DAY_MS as i64) * 2),
        2 => Just(-60_000),
        1 => prop_oneof![Just(-10 * YEAR_MS), Just(10 * YEAR_MS), -YEAR_MS..YEAR_MS],
    ];
    prop_oneof![
        12 => (0..RUNS, 0u64..600, 0u64..400, price)
            .prop_map(|(run, input, output, price)| Step::Reserve { run, input, output, price }),
        1 => (0usize..100).prop_map(|pick| Step::ReserveAgain { pick }),
        1 => (0..RUNS).prop_map(|run| Step::Refuse { run }),
        10 => (0usize..100, 0..=most_permille).prop_map(|(pick, permille)| Step::Dispatch { pick, permille }),
        8 => (0usize..100, prop::bool::weighted(0.2)).prop_map(|(pick, full)| Step::Settle { pick, full }),
        4 => (0usize..100).prop_map(|pick| Step::Release { pick }),
        2 => (0..RUNS, 0usize..24).prop_map(|(run, next)| Step::Crash { run, next }),
        2 => (0..RUNS).prop_map(|run| Step::Reap { run }),
        4 => ms.prop_map(|ms| Step::Tick { ms }),
        2 => (0..RUNS, 0..CELLS.len(), prop::option::of(0u8..9))
            .prop_map(|(run, cell, text)| Step::Update { run, cell, text }),
    ]
}

/// One of 24 ways to be attributed.
fn attribution(pick: usize) -> Attribution {
    Attribution {
        user: ["ada", "bob"][pick % 2].to_owned(),
        repository: ["large", "small"][pick / 2 % 2].to_owned(),
        team: [None, Some("red"), Some("blue")][pick / 4 % 3].map(str::to_owned),
        stage: ["ci", "local"][pick / 12 % 2].to_owned(),
        hook: "pre-commit".to_owned(),
        ..Attribution::default()
    }
}

/// A run of the store under test.
struct Run {
    name: String,
    attribution: Attribution,
    store: Box<dyn Store>,
}

/// A store under test, and the model of it.
struct Game<H> {
    harness: H,
    runs: Vec<Run>,
    names: usize,
    model: Model,
    cells: BTreeMap<&'static str, String>,
    /// The states that the ledger has shown last.
    states: BTreeMap<String, State>,
}

impl<H: Harness> Game<H> {
    fn new(attributions: [usize; RUNS]) -> Self {
        let model = Model { rows: Vec::new(), alive: Vec::new(), clock: START, place: H::PLACE };
        let (cells, states) = (BTreeMap::new(), BTreeMap::new());
        let mut game = Self { harness: H::new(START), runs: Vec::new(), names: 0, model, cells, states };
        for pick in attributions {
            let run = game.start(pick);
            game.runs.push(run);
        }
        game.count_alive();
        game
    }

    fn start(&mut self, pick: usize) -> Run {
        self.names += 1;
        let name = format!("run{}", self.names);
        let store = self.harness.open(&name);
        Run { name, attribution: attribution(pick), store }
    }

    fn crash(&mut self, run: usize, next: usize) {
        let next = self.start(next);
        let dead = std::mem::replace(&mut self.runs[run], next);
        self.harness.crash(&dead.name, dead.store);
        self.count_alive();
    }

    fn count_alive(&mut self) {
        self.model.alive = self.runs.iter().map(|run| run.name.clone()).collect();
    }

    /// A row that was made before, and its run where that is alive.
    fn owned(&mut self, pick: usize) -> Option<(&mut Row, &Run)> {
        let count = self.model.rows.len();
        let row = self.model.rows.get_mut(pick.checked_rem(count)?)?;
        let run = self.runs.iter().find(|run| run.name == row.run)?;
        Some((row, run))
    }

    fn apply(&mut self, step: &Step, index: usize) -> Result<(), TestCaseError> {
        match *step {
            Step::Reserve { run, input, output, price } => self.reserve(run, input, output, price, index)?,
            Step::ReserveAgain { pick } => {
                if self.owned(pick).is_some() {
                    self.model.reap();
                }
                let Some((row, run)) = self.owned(pick) else { return Ok(()) };
                let estimate = estimate(row.input, row.output, row.price);
                let request = request(&row.id, &run.attribution, &estimate);
                let limits = Limits::new(limits_of(&run.attribution).collect());
                // Whatever it says of a request that has ended: a second one holds nothing more.
                let again = run.store.reserve(&request, &limits);
                let is_held = matches!(again, Ok(Admission::Granted));
                prop_assert_eq!(is_held, row.state == State::Reserved, "{:?} {:?}", again, row);
                // The store may have reaped, or may have looked at the request first.
                run.store.reap().unwrap();
            }
            Step::Refuse { run } => {
                let Run { name, attribution, store } = &self.runs[run];
                let (id, time, begun) =
                    (format!("request{index}"), self.model.now(), self.model.lease_clock());
                let estimate = estimate(10, 10, Some(PRICE));
                store.refuse(&request(&id, attribution, &estimate), "breaker").unwrap();
                self.model.rows.push(Row {
                    id,
                    run: name.clone(),
                    attribution: attribution.clone(),
                    state: State::Denied,
                    time,
                    begun,
                    input: 10,
                    output: 10,
                    price: Some(PRICE),
                    tokens: 0,
                    cost: Some(0),
                    charged: None,
                    served: (0, 0),
                });
            }
            Step::Dispatch { pick, permille } => {
                let begun = self.model.lease_clock();
                let Some((row, run)) = self.owned(pick) else { return Ok(()) };
                let may_send = run.store.dispatch(&row.id, LEASE).is_ok();
                // I2: what was given back, or denied, or has ended, is not sent.
                prop_assert_eq!(may_send, row.state == State::Reserved);
                if may_send {
                    (row.state, row.begun) = (State::Dispatched, begun);
                    row.served = (row.input * permille / 1000, row.output * permille / 1000);
                }
            }
            Step::Settle { pick, full } => {
                let Some((row, run)) = self.owned(pick) else { return Ok(()) };
                let (input, output) = if full { (row.input, row.output) } else { row.served };
                let cost = row.cost_of(input, output);
                let accepted = run.store.settle(&row.id, &settlement(full, input, output, cost)).is_ok();
                let was_sent = matches!(row.state, State::Dispatched | State::ChargedFull | State::Settled);
                prop_assert_eq!(accepted, was_sent);
                if row.state == State::Dispatched || (row.state == State::ChargedFull && !full) {
                    row.state = if full { State::ChargedFull } else { State::Settled };
                    (row.tokens, row.cost, row.charged) = (input + output, cost, Some((input, output)));
                }
            }
            Step::Release { pick } => {
                let Some((row, run)) = self.owned(pick) else { return Ok(()) };
                let accepted = run.store.release(&row.id).is_ok();
                prop_assert_eq!(accepted, matches!(row.state, State::Reserved | State::Released));
                if accepted {
                    (row.state, row.tokens, row.cost) = (State::Released, 0, row.cost.map(|_| 0));
                }
            }
            Step::Crash { run, next } => self.crash(run, next),
            Step::Reap { run } => {
                let resolved = self.model.reap();
                prop_assert_eq!(self.runs[run].store.reap().unwrap(), resolved);
            }
            Step::Tick { ms } => {
                self.model.clock = self.model.clock.saturating_add_signed(ms);
                self.harness.set_clock(self.model.clock);
            }
            Step::Update { run, cell, text } => {
                let (mut seen, written) = (None, text.map(|text| format!("text {text}")));
                self.runs[run]
                    .store
                    .update(CELLS[cell], &mut |time, text| {
                        seen = Some((time, text.map(str::to_owned)));
                        written.clone()
                    })
                    .unwrap();
                prop_assert_eq!(seen, Some((self.model.now(), self.cells.get(CELLS[cell]).cloned())));
                if let Some(written) = written {
                    self.cells.insert(CELLS[cell], written);
                }
            }
        }
        Ok(())
    }

    fn reserve(
        &mut self,
        run: usize,
        input: u64,
        output: u64,
        price: Option<Price>,
        index: usize,
    ) -> Result<(), TestCaseError> {
        self.model.reap();
        let Run { name, attribution, store } = &self.runs[run];
        let id = format!("request{index}");
        let estimate = estimate(input, output, price);
        let limits = Limits::new(limits_of(attribution).collect());
        let admission = store.reserve(&request(&id, attribution, &estimate), &limits).unwrap();
        let (tokens, cost) = (input + output, cost(price, input, output));
        let admitted = self.model.admits(name, attribution, tokens, cost);
        prop_assert_eq!(admission == Admission::Granted, admitted, "{:?}", admission);
        if let Admission::Denied(Denial::Limit { window, scope, unit, used, reserved, asked, limit }) =
            admission
        {
            let totals = self.model.window(name, attribution, window, scope).unwrap();
            let told = match unit {
                Unit::Tokens => (totals.used, totals.reserved, tokens),
                Unit::Money => (totals.used_cost.0, totals.reserved_cost.0, cost.unwrap()),
            };
            prop_assert_eq!((used, reserved, asked), told);
            prop_assert!(used + reserved + asked > limit);
        }
        if let Admission::Denied(Denial::UnpricedBefore { window, scope, requests }) = admission {
            let totals = self.model.window(name, attribution, window, scope).unwrap();
            prop_assert!(requests > 0 && requests == totals.unpriced && cost > Some(0));
        }
        let (time, begun) = (self.model.now(), self.model.lease_clock());
        self.model.rows.push(Row {
            id,
            run: name.clone(),
            attribution: attribution.clone(),
            state: if admitted { State::Reserved } else { State::Denied },
            time,
            begun,
            input,
            output,
            price,
            tokens: if admitted { tokens } else { 0 },
            cost: if admitted { cost } else { cost.map(|_| 0) },
            charged: None,
            served: (0, 0),
        });
        // I6
        prop_assert!(!self.model.rows.iter().any(|row| self.model.is_abandoned(row)));
        Ok(())
    }

    /// The store says what the model says, row by row and window by window.
    fn agree(&mut self) -> Result<(), TestCaseError> {
        let ledger = self.runs[0].store.ledger(0).unwrap();
        prop_assert!(ledger.windows(2).all(|pair| pair[0].time <= pair[1].time), "oldest first");
        prop_assert_eq!(ledger.len(), self.model.rows.len());
        let by_id: BTreeMap<_, _> = ledger.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut day = "";
        for row in &self.model.rows {
            let told = by_id[row.id.as_str()];
            prop_assert_eq!((told.state, told.time, &told.run), (row.state, row.time, &row.run));
            prop_assert_eq!(&told.attribution, &row.attribution);
            let charged = told.usage.as_ref().map(|usage| (usage.input, usage.output));
            prop_assert_eq!((charged, told.cost.map(|cost| cost.0)), (row.charged, row.cost), "{:?}", row);
            prop_assert_eq!(&told.day, &calendar::window_ids(row.time).0);
            // I3
            let before = self.states.insert(row.id.clone(), row.state).unwrap_or(State::Reserved);
            let may_change = matches!(before, State::Reserved | State::Dispatched)
                || (before, row.state) == (State::ChargedFull, State::Settled);
            prop_assert!(may_change || before == row.state, "{:?} after {:?}", row, before);
            // I5: in the order in which they were made.
            prop_assert!(day <= told.day.as_str(), "{} after {}", told.day, day);
            day = &told.day;
        }
        for Run { name, attribution, store } in &self.runs {
            let totals = store.totals(attribution).unwrap();
            for scope in Scope::ALL {
                for window in [Window::Hook, Window::Day, Window::Month] {
                    let modelled = self.model.window(name, attribution, window, scope);
                    prop_assert_eq!(totals.of(window, scope), modelled, "{:?} {:?}", window, scope);
                }
            }
        }
        let cells: Vec<_> = self.cells.iter().map(|(&name, text)| (name.to_owned(), text.clone())).collect();
        prop_assert_eq!(&self.runs[1].store.cells("").unwrap(), &cells);
        let breakers: Vec<_> = cells.into_iter().filter(|(name, _)| name.starts_with("breaker/")).collect();
        prop_assert_eq!(self.runs[1].store.cells("breaker/").unwrap(), breakers);
        Ok(())
    }

    /// I1, summed over the ledger's own rows rather than by the store.
    fn keeps_limits(&self) -> Result<(), TestCaseError> {
        let ledger = self.runs[0].store.ledger(0).unwrap();
        for (limit, _) in LIMITS.iter().filter(|(limit, _)| limit.window != Window::Call) {
            let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for row in &ledger {
                let bound = limits_of(&row.attribution).any(|binding| binding == *limit);
                let everybody = limit.scope == Scope::User && !H::PLACE.is_shared;
                let name = if everybody { Some("") } else { row.attribution.scope(limit.scope) };
                let Some(name) = name.filter(|_| bound) else { continue };
                let window = match limit.window {
                    Window::Hook => row.run.as_str(),
                    Window::Day => row.day.as_str(),
                    _ => &row.day[..7],
                };
                let tokens = match (row.state, &row.usage) {
                    (State::Reserved | State::Dispatched, _) => row.estimate_input + row.estimate_output,
                    (_, Some(usage)) => usage.input + usage.output,
                    (_, None) => 0,
                };
                let amount = match limit.unit {
                    Unit::Tokens => tokens,
                    Unit::Money => row.cost.unwrap_or_default().0,
                };
                *sums.entry((name, window)).or_default() += amount;
            }
            for (window, sum) in sums {
                prop_assert!(sum <= limit.most, "{} in {:?} of {:?}", sum, window, limit);
            }
        }
        Ok(())
    }

    /// Ends every run, looks, and looks again when a lease's time has passed and what a clock may be
    /// ahead: however far it was once, nobody waits longer for what dead runs hold.
    fn quiet(&mut self) {
        for run in 0..RUNS {
            self.crash(run, run);
        }
        for wait in [0, model::LEASE_MS + model::AHEAD_MS] {
            self.model.clock += wait;
            self.harness.set_clock(self.model.clock);
            self.model.reap();
            self.runs[0].store.reap().unwrap();
        }
    }
}

fn request<'a>(id: &'a str, attribution: &'a Attribution, estimate: &'a Estimate) -> Request<'a> {
    Request { id, attribution, estimate, lease: LEASE }
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

fn settlement(full: bool, input: u64, output: u64, cost: Option<u64>) -> Settlement<'static> {
    Settlement {
        full,
        usage: Usage { input, output, source: UsageSource::Reported, ..Usage::default() },
        cost: cost.map(PicoUsd),
        energy: None,
        outcome: "ok",
        latency: None,
    }
}

fn history(most_permille: u64) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(most_permille), 1..60)
}

/// A few histories at every test run; as many as `PROPTEST_CASES` says where it is set.
fn config(cases: u32) -> ProptestConfig {
    let is_told = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: if is_told { default.cases } else { cases },
        failure_persistence: None,
        ..default
    }
}

/// No request takes more than it reserved: then no limit is ever crossed, and no row is ever charged
/// less than the provider served.
fn truthful<H: Harness>(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut game = Game::<H>::new([0, 7, 14, 21]);
    for (index, step) in steps.iter().enumerate() {
        game.apply(step, index)?;
        game.agree()?;
        game.keeps_limits()?;
    }
    game.quiet();
    game.agree()?;
    // I4, by the ledger's own rows.
    let served: BTreeMap<_, _> = game.model.rows.iter().map(|row| (row.id.as_str(), row.served)).collect();
    for row in game.runs[0].store.ledger(0).unwrap() {
        prop_assert!(!matches!(row.state, State::Reserved | State::Dispatched), "{:?}", row);
        let charged = row.usage.as_ref().map_or((0, 0), |usage| (usage.input, usage.output));
        let served = served[row.id.as_str()];
        prop_assert!(charged.0 >= served.0 && charged.1 >= served.1, "{:?} of {:?}", row, served);
    }
    Ok(())
}

/// Requests may take more than they reserved: it is charged as it is, and later ones pay for it.
fn overrun<H: Harness>(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut game = Game::<H>::new([0, 7, 14, 21]);
    for (index, step) in steps.iter().enumerate() {
        game.apply(step, index)?;
        game.agree()?;
    }
    game.quiet();
    game.agree()?;
    prop_assert!(!game.model.rows.iter().any(Row::is_open));
    Ok(())
}

/// The tests of one store.
macro_rules! prove {
    ($store:ident, $harness:ty, $cases:expr, $states:expr) => {
        mod $store {
            use super::*;

            proptest! {
                #![proptest_config(config($cases))]

                #[test]
                fn no_history_of_truthful_estimates_crosses_a_limit(steps in history(1000)) {
                    truthful::<$harness>(&steps)?;
                }

                #[test]
                fn the_ledger_follows_the_model_through_overruns(steps in history(2500)) {
                    overrun::<$harness>(&steps)?;
                }
            }

            #[test]
            fn no_order_of_three_clients_steps_crosses_a_limit() {
                interleavings::all::<$harness>($states);
            }
        }
    };
}

// A store that does not notice deaths comes to fewer states.
prove!(sqlite, Sqlite, 48, 200);
prove!(redis, server::Redis, 24, 150);
