use proptest::prelude::*;

use super::super::store::Place;
use super::super::{Attribution, Limits};
use super::*;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
/// 2026-11-23 22:00:00 UTC, from `date -u -d`.
const START: u64 = 1_795_471_200_000;
/// 2026-12-01 00:00:00 UTC.
const NEXT_MONTH: u64 = 1_796_083_200_000;
const LEASE: Duration = Duration::from_secs(25);
const FAILED: Health = Health::Failed(None);

/// A time at which both clocks are right.
fn at(after: u64) -> Now {
    Now { store: START + after, wall: START + after }
}

fn wanting(seconds: u64) -> Health {
    Health::Failed(Some(Duration::from_secs(seconds)))
}

impl State {
    fn fails(&mut self, health: Health, now: Now, random: u64) {
        self.record(health, "answered 500", false, now, random);
    }

    fn probe_fails(&mut self, health: Health, now: Now, random: u64) {
        assert_eq!(self.admit(now, LEASE), Admission::Probe);
        self.record(health, "answered 500", true, now, random);
    }

    /// For how long it lets nothing through.
    fn closed_for(&self, now: Now) -> u64 {
        match self.clone().admit(now, LEASE) {
            Admission::Closed | Admission::Probe => 0,
            Admission::Open(closure) => closure.until - now.wall,
        }
    }
}

/// Failed three times just now, so that it is open for `most` of what chance may choose.
fn open_for(most: u64) -> State {
    let mut state = State::default();
    (0..3).for_each(|_| state.fails(FAILED, at(0), most));
    state
}

#[test]
fn three_failures_in_a_row_open_it() {
    let mut state = State::default();
    for _ in 0..2 {
        state.fails(FAILED, at(0), 20 * SECOND);
        assert_eq!(state.admit(at(0), LEASE), Admission::Closed);
    }
    state.record(Health::Sound, "", false, at(0), 0);
    assert_eq!(state, State::default());
    for minute in 0..3 {
        assert_eq!(state.admit(at(minute * 20 * MINUTE), LEASE), Admission::Closed);
        state.fails(FAILED, at(minute * 20 * MINUTE), 20 * SECOND);
    }
    assert_eq!(state.closed_for(at(40 * MINUTE)), 20 * SECOND);
}

#[test]
fn old_failures_are_forgotten() {
    let mut state = State::default();
    for hour in 0..9 {
        state.fails(FAILED, at(hour * 60 * MINUTE), 20 * SECOND);
        assert_eq!(state.closed_for(at(hour * 60 * MINUTE)), 0);
    }
}

#[test]
fn spans_double_up_to_half_an_hour_with_full_jitter() {
    let mut state = open_for(FIRST);
    let mut now = 0;
    let mut spans = vec![state.closed_for(at(now))];
    for _ in 0..8 {
        now += state.closed_for(at(now));
        // The largest value that a span may take is the one that chance has to choose.
        let most = (FIRST << spans.len()).min(LONGEST);
        state.probe_fails(FAILED, at(now), most);
        spans.push(state.closed_for(at(now)));
    }
    let minutes: Vec<_> = spans.iter().map(|ms| *ms as f64 / MINUTE as f64).collect();
    assert_eq!(minutes, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
    // A success begins anew.
    now += state.closed_for(at(now));
    assert_eq!(state.admit(at(now), LEASE), Admission::Probe);
    state.record(Health::Sound, "", true, at(now), 0);
    assert_eq!(state, State::default());
}

#[test]
fn a_provider_that_names_a_time_is_left_alone_so_long_at_once() {
    let mut state = State::default();
    state.fails(wanting(90), at(0), u64::MAX);
    assert_eq!(state.closed_for(at(0)), 90 * SECOND);
    state.probe_fails(wanting(7), at(90 * SECOND), 40 * SECOND);
    assert_eq!(state.closed_for(at(90 * SECOND)), 40 * SECOND, "it is the least, not the most");
    let mut state = State::default();
    state.fails(wanting(u64::MAX), at(0), 0);
    assert_eq!(state.closed_for(at(0)), DAY);
}

#[test]
fn a_refused_key_opens_it_for_a_day() {
    let mut state = State::default();
    state.record(Health::KeyRefused, "answered 401", false, at(0), 0);
    assert_eq!(state.closed_for(at(0)), DAY);
    assert_eq!(state.closed_for(at(DAY)), 0);
}

#[test]
fn a_quota_opens_it_until_it_is_back_or_the_month_ends() {
    let mut state = State::default();
    state.record(Health::Exhausted(None), "answered 429", false, at(0), 0);
    assert_eq!(state.closed_for(at(0)), NEXT_MONTH - START);
    state.record(Health::Exhausted(Some(Duration::from_secs(360))), "answered 429", false, at(0), 0);
    assert_eq!(state.closed_for(at(0)), 360 * SECOND);
    state.record(Health::Exhausted(Some(Duration::MAX)), "answered 429", false, at(0), 0);
    assert_eq!(state.closed_for(at(0)), MONTH);
}

#[test]
fn nobody_listening_opens_it_for_a_minute() {
    let mut state = State::default();
    state.record(Health::Away, "cannot be reached", false, at(0), u64::MAX);
    for round in 1..5 {
        assert_eq!(state.closed_for(at((round - 1) * MINUTE)), MINUTE);
        state.probe_fails(Health::Away, at(round * MINUTE), u64::MAX);
    }
}

#[test]
fn one_request_finds_out_and_the_others_do_not_wait_for_it() {
    let mut state = open_for(20 * SECOND);
    let later = at(20 * SECOND);
    assert_eq!(state.admit(later, LEASE), Admission::Probe);
    for _ in 0..9 {
        assert_eq!(state.closed_for(later), 25 * SECOND);
    }
    state.record(Health::Sound, "", true, later, 0);
    assert_eq!(state.admit(later, LEASE), Admission::Closed);
}

#[test]
fn a_probe_that_never_returns_does_not_stick() {
    let mut state = open_for(0);
    assert_eq!(state.admit(at(0), LEASE), Admission::Probe);
    assert_eq!(state.closed_for(at(24 * SECOND)), SECOND);
    assert_eq!(state.admit(at(25 * SECOND), LEASE), Admission::Probe);
}

#[test]
fn a_probe_that_says_nothing_leaves_its_place_to_the_next() {
    let mut state = open_for(0);
    assert_eq!(state.admit(at(0), LEASE), Admission::Probe);
    state.record(Health::Unsaid, "", false, at(0), 0);
    assert_eq!(state.closed_for(at(0)), 25 * SECOND, "another's request does not free it");
    state.record(Health::Unsaid, "", true, at(0), 0);
    assert_eq!(state.admit(at(0), LEASE), Admission::Probe);
}

#[test]
fn what_was_sent_before_it_opened_lengthens_nothing() {
    let mut state = open_for(20 * SECOND);
    let before = state.clone();
    (0..9).for_each(|_| state.fails(FAILED, at(SECOND), FIRST));
    assert_eq!(state, before);
    state.record(Health::Sound, "", false, at(SECOND), 0);
    assert_eq!(state.admit(at(SECOND), LEASE), Admission::Closed, "but a success is one");
}

#[test]
fn a_late_word_that_nobody_listens_ends_no_quota() {
    for health in [Health::Exhausted(None), Health::KeyRefused] {
        let mut state = State::default();
        state.record(health, "answered 429", false, at(0), 0);
        let before = state.clone();
        state.record(Health::Away, "cannot be reached", false, at(SECOND), 0);
        assert_eq!(state, before);
    }
}

#[test]
fn requests_that_say_nothing_neither_open_nor_close_it() {
    let mut state = State::default();
    state.fails(FAILED, at(0), FIRST);
    state.fails(FAILED, at(0), FIRST);
    let before = state.clone();
    state.record(Health::Unsaid, "", false, at(0), FIRST);
    state.record(Health::Misfit, "answered 404", false, at(0), FIRST);
    assert_eq!(state, before);
}

#[test]
fn a_message_says_since_when_why_and_until_when() {
    let said = |state: &State, now| match state.clone().admit(now, LEASE) {
        Admission::Open(closure) => closure.to_string(),
        other => panic!("{other:?}"),
    };
    let mut state = open_for(20 * SECOND);
    assert_eq!(
        said(&state, at(5 * SECOND)),
        "since 22:00:00 UTC, after 3 failures in a row, the last: answered 500; \
         it is asked again from 22:00:20 UTC on"
    );
    // It has not worked since the first time.
    state.probe_fails(FAILED, at(20 * SECOND), 40 * SECOND);
    assert!(said(&state, at(20 * SECOND)).contains("since 22:00:00 UTC, after 4 failures"));
    state.record(Health::KeyRefused, "answered \u{1b}[31m401", false, at(0), 0);
    assert_eq!(
        said(&state, at(0)),
        "since 22:00:00 UTC, when the key was refused: answered \\u{1b}[31m401; \
         set another key, or it is asked again from 2026-11-24 22:00:00 UTC on"
    );
}

#[test]
fn a_cell_that_cannot_be_read_is_closed() {
    for text in [None, Some(""), Some("{"), Some("null"), Some("[true]"), Some("{\"failures\":-1}")] {
        assert_eq!(State::read(text), State::default(), "{text:?}");
    }
}

#[test]
fn many_processes_choose_one_probe() {
    let home = tempfile::tempdir().unwrap();
    let place = Place { directory: home.path().to_owned(), redis: None };
    let open = |now| {
        Budget::open_with_clock(&place, Limits::default(), Attribution::default(), Box::new(move || now))
            .unwrap()
    };
    let wall = 2 * START;
    let first = open(wall);
    let breaker = Breaker::new(&first, "breaker:a|b|c".to_owned());
    assert_eq!(breaker.admit(wall, LEASE).unwrap(), Admission::Closed);
    breaker.record(Health::Away, "cannot be reached", &Admission::Closed, wall).unwrap();
    assert!(matches!(breaker.admit(wall, LEASE).unwrap(), Admission::Open(_)));
    let admissions: Vec<_> = std::thread::scope(|scope| {
        let ask = || {
            let budget = open(wall + AWAY);
            Breaker::new(&budget, "breaker:a|b|c".to_owned()).admit(wall + AWAY, LEASE).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(admissions.iter().filter(|admission| **admission == Admission::Probe).count(), 1);
    assert!(!admissions.contains(&Admission::Closed));
    let other = Breaker::new(&first, "breaker:a|b|d".to_owned());
    assert_eq!(other.admit(wall, LEASE).unwrap(), Admission::Closed, "another endpoint is another breaker");
}

fn health() -> impl Strategy<Value = Health> {
    let wait = || proptest::option::of(any::<u64>().prop_map(Duration::from_millis));
    prop_oneof![
        Just(Health::Sound),
        Just(Health::Unsaid),
        Just(Health::Misfit),
        wait().prop_map(Health::Failed),
        Just(Health::KeyRefused),
        wait().prop_map(Health::Exhausted),
        Just(Health::Away),
    ]
}

proptest! {
    /// Whatever happens at whatever times, what is written is read again, and nothing overflows.
    #[test]
    fn a_cell_holds_the_whole_state(
        events in proptest::collection::vec((health(), any::<bool>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..20),
    ) {
        let mut state = State::default();
        for (health, was_probe, store, wall, random) in events {
            let now = Now { store, wall };
            let _ = state.admit(now, LEASE);
            state.record(health, "answered 500", was_probe, now, random);
            let read = State::read(Some(&state.write()));
            prop_assert_eq!(&read, &state);
            if let Admission::Open(closure) = state.admit(now, LEASE) {
                prop_assert!(!closure.to_string().is_empty());
            }
        }
    }

    /// Clocks that are set, in whatever order, hold nothing off for longer than its span of true time
    /// after the last of it; and a store whose time stands still does not either.
    #[test]
    fn clocks_that_jump_do_no_harm(
        random in any::<u64>(),
        jumps in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..8),
        stands_still in any::<bool>(),
    ) {
        let mut state = open_for(random);
        let mut now = at(0);
        prop_assert_eq!(state.closed_for(now), random % (FIRST + 1));
        for (store, wall) in jumps {
            now = Now { store: u64::from(store) * MINUTE, wall: u64::from(wall) * MINUTE };
            let _ = state.clone().admit(now, LEASE);
            if let Admission::Open(closure) = state.admit(now, LEASE) {
                prop_assert!(closure.until - now.wall <= FIRST);
            } else {
                state = open_for(random);
            }
        }
        let admission = state.admit(now, LEASE);
        if let Admission::Open(closure) = &admission {
            let early = closure.until - now.wall - 1;
            let store = now.store + if stands_still { 0 } else { early };
            prop_assert!(state.closed_for(Now { store, wall: now.wall + early }) >= 1, "it held too short");
        }
        let later = FIRST.max(ms(LEASE));
        now.wall += later;
        now.store += if stands_still { 0 } else { later };
        let after = state.admit(now, LEASE);
        prop_assert!(matches!(after, Admission::Probe), "{admission:?} then {after:?}");
    }

    /// The clocks of the machines that share a store may say what they like: a span ends for all of
    /// them when it is over by the store's, and no sooner.
    #[test]
    fn a_machine_whose_clock_is_wrong_ends_no_span(
        random in any::<u64>(),
        walls in proptest::collection::vec((1..=2 * FIRST, any::<u64>()), 1..20),
    ) {
        let mut state = open_for(random);
        let mut times = walls;
        times.sort_unstable();
        for (after, wall) in times {
            let admission = state.admit(Now { store: START + after, wall }, LEASE);
            prop_assert_eq!(matches!(admission, Admission::Open(_)), after < random % (FIRST + 1));
            if admission == Admission::Probe {
                break;
            }
        }
    }

    /// Chance chooses within the bounds, all of them.
    #[test]
    fn jitter_is_full(random in any::<u64>()) {
        prop_assert_eq!(open_for(random).closed_for(at(0)), random % (FIRST + 1));
    }
}
