//! Breaker and retries over a scripted provider and a real store, by a clock in which nobody waits.

use std::sync::Mutex;

use tempfile::TempDir;

use super::super::provider::{Provider, Reply as Say};
use super::super::sample::{DIALECTS, endpoint, payload};
use super::super::{ApiKey, prompt};
use super::*;
use crate::meter::store::{LedgerRow, Place};
use crate::meter::{Attribution, Limit, Limits, Scope, Unit, Window};
use crate::payload::tokenizer::Tokenizer;

/// Goes on by as much as somebody waited.
#[derive(Default)]
struct TestClock(Mutex<Duration>);

impl TestClock {
    fn waited(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::now() + self.waited()
    }

    fn wall(&self) -> u64 {
        SystemClock.wall() + u64::try_from(self.waited().as_millis()).unwrap()
    }

    fn wait(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

/// A machine on which runs follow each other.
struct Machine {
    directory: TempDir,
    clock: TestClock,
    limits: Limits,
    deadline: Duration,
    by_hand: bool,
}

/// What a run came to: the code of each answer, `ok` for a review.
type Codes = Vec<&'static str>;

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let deadline = Duration::from_secs(60);
        Self { directory, clock: TestClock::default(), limits: Limits::default(), deadline, by_hand: false }
    }

    fn budget(&self) -> Budget {
        let place = Place { directory: self.directory.path().to_owned(), redis: None };
        Budget::open(&place, self.limits.clone(), Attribution::default()).unwrap()
    }

    fn answers(&self, endpoint: &Endpoint, requests: usize) -> Vec<Answer> {
        let payloads: Vec<_> = (0..requests).map(|_| payload()).collect();
        let tokenizer = Tokenizer::load();
        let rendered: Vec<_> =
            payloads.iter().map(|payload| prompt::render(payload, endpoint, false, &tokenizer)).collect();
        let budget = self.budget();
        let deadline = self.clock.now() + self.deadline;
        let by_hand = self.by_hand;
        let terms = Terms { endpoint, because: "first", budget: &budget, raw_tokens: 100, deadline, by_hand };
        review_by(&self.clock, &payloads, &rendered, &terms)
    }

    fn run(&self, endpoint: &Endpoint, requests: usize) -> Codes {
        let code = |answer: &Answer| match answer {
            Answer::Reviewed { .. } => "ok",
            Answer::Unreviewed { reason, .. } => reason.as_str(),
        };
        self.answers(endpoint, requests).iter().map(code).collect()
    }

    fn ledger(&self) -> Vec<LedgerRow> {
        self.budget().ledger(0).unwrap()
    }

    /// `because`, breaker, outcome and state of each row.
    fn rows(&self) -> Vec<String> {
        let row = |row: &LedgerRow| {
            let outcome = row.outcome.as_deref().unwrap_or("open");
            format!("{} {} {outcome} {}", row.because, row.breaker, row.state.as_str())
        };
        self.ledger().iter().map(row).collect()
    }
}

fn asking(provider: &Provider) -> Endpoint {
    endpoint(DIALECTS[0], &provider.base_url())
}

/// An endpoint that no connection can be made to, and that is not this machine's.
fn elsewhere() -> Endpoint {
    endpoint(DIALECTS[0], "https://no-such-host.invalid")
}

#[test]
fn three_failures_leave_the_rest_unsent() {
    let provider = Provider::always(Say::status(500, ""));
    let machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 2), ["rejected"; 2]);
    assert_eq!(machine.run(&endpoint, 3)[0], "rejected", "the next process counts on");
    assert!(provider.requests().len() >= 3);
    let rows = machine.rows();
    assert_eq!(rows.len(), 5, "every request has its row: {rows:?}");
    assert_eq!(rows[0], "first closed rejected charged_full");
}

#[test]
fn an_open_breaker_sends_nothing_and_says_so() {
    let provider = Provider::always(Say::status(401, ""));
    let machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 3), ["rejected", "breaker", "breaker"]);
    let answers = machine.answers(&endpoint, 1);
    let Answer::Unreviewed { reason: Reason::Breaker, message } = &answers[0] else { panic!("{answers:?}") };
    for part in
        ["scripted (model-1 at http", "not asked: its breaker is open since", "answered 401", "UTC on"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(provider.requests().len(), 1);
    let rows = machine.rows();
    assert_eq!(rows[0], "first closed rejected settled");
    assert_eq!(rows[1..], ["first open breaker denied"; 3]);
    assert!(machine.ledger()[1..].iter().all(|row| row.usage.is_none()));
}

#[test]
fn a_trial_by_hand_passes_an_open_breaker_and_tells_it_of_success_alone() {
    let provider = Provider::scripted([Say::status(401, ""), Say::status(401, ""), Say::nothing()]);
    let mut machine = Machine::new();
    let endpoint = asking(&provider);
    let cells = |machine: &Machine| machine.budget().cells("breaker:").unwrap();
    machine.by_hand = true;
    assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    assert_eq!(cells(&machine), [], "a trial opens nothing");
    machine.by_hand = false;
    assert_eq!(machine.run(&endpoint, 2), ["rejected", "breaker"]);
    let open = cells(&machine);
    machine.by_hand = true;
    assert_eq!(machine.run(&endpoint, 1), ["ok"]);
    assert_ne!(cells(&machine), open);
    assert_eq!(machine.rows().last().unwrap(), "first probe ok settled");
}

#[test]
fn a_trial_by_hand_that_fails_leaves_an_open_breaker_as_it_is() {
    let provider = Provider::always(Say::status(401, ""));
    let mut machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    let open = machine.budget().cells("breaker:").unwrap();
    machine.by_hand = true;
    assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    assert_eq!(machine.budget().cells("breaker:").unwrap(), open);
}

#[test]
fn another_key_is_another_breaker() {
    let provider = Provider::scripted([Say::status(401, ""), Say::nothing()]);
    let machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    assert_eq!(machine.run(&endpoint, 1), ["breaker"]);
    let key = Some(ApiKey { value: "sk-other".to_owned(), origin: "file".to_owned() });
    assert_eq!(machine.run(&Endpoint { key, ..endpoint }, 1), ["ok"]);
    let cells = machine.budget().cells("breaker:").unwrap();
    assert!(!format!("{cells:?}").contains("sk-"), "{cells:?}");
}

#[test]
fn the_loopback_of_another_machine_is_another_server() {
    let on = |base_url: &str, machine: &str| {
        Endpoint { machine: machine.to_owned(), ..endpoint(DIALECTS[0], base_url) }.breaker()
    };
    assert_ne!(on("http://127.0.0.1:1", "a"), on("http://127.0.0.1:1", "b"));
    assert_eq!(on("https://api.example", "a"), on("https://api.example", "b"));
    assert!(on("https://api.example", "a").starts_with("breaker:scripted|https://api.example|model-1|"));
}

#[test]
fn a_probe_that_succeeds_closes_it() {
    let provider = Provider::scripted([
        Say::status(429, "").header("retry-after", "100"),
        Say::nothing(),
        Say::nothing(),
    ]);
    let machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 2), ["rejected", "breaker"]);
    machine.clock.wait(Duration::from_secs(99));
    assert_eq!(machine.run(&endpoint, 1), ["breaker"]);
    machine.clock.wait(Duration::from_secs(1));
    assert_eq!(machine.run(&endpoint, 2), ["ok", "ok"]);
    let rows = machine.rows();
    assert_eq!(rows[3..], ["first probe ok settled", "first closed ok settled"]);
}

#[test]
fn a_probe_that_may_not_be_paid_leaves_its_place() {
    let provider = Provider::always(Say::status(429, "").header("retry-after", "100"));
    let mut machine = Machine::new();
    let endpoint = asking(&provider);
    machine.run(&endpoint, 1);
    machine.clock.wait(Duration::from_secs(100));
    machine.limits =
        Limits::new(vec![Limit { window: Window::Day, scope: Scope::User, unit: Unit::Tokens, most: 1 }]);
    assert_eq!(machine.run(&endpoint, 1), ["budget:day"]);
    machine.limits = Limits::default();
    assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    assert_eq!(machine.rows().last().unwrap(), "first probe rejected settled");
}

#[test]
fn a_request_that_was_put_off_is_sent_once_more_as_another() {
    for (status, state) in [(429, "settled"), (503, "charged_full"), (529, "charged_full")] {
        let provider =
            Provider::scripted([Say::status(status, "").header("retry-after", "7"), Say::nothing()]);
        let machine = Machine::new();
        assert_eq!(machine.run(&asking(&provider), 1), ["ok"]);
        assert!(machine.clock.waited() >= Duration::from_secs(7));
        let first = format!("first closed rejected {state}");
        assert_eq!(machine.rows(), [first.as_str(), "retry:rejected probe ok settled"]);
        let ledger = machine.ledger();
        assert_ne!(ledger[0].id, ledger[1].id);
    }
}

#[test]
fn a_request_is_sent_once_more_at_most() {
    let provider = Provider::always(Say::status(429, "").header("retry-after", "7"));
    let machine = Machine::new();
    assert_eq!(machine.run(&asking(&provider), 1), ["rejected"]);
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn what_would_come_too_late_is_not_sent_again() {
    let provider = Provider::always(Say::status(429, "").header("retry-after", "58"));
    let machine = Machine::new();
    assert_eq!(machine.run(&asking(&provider), 1), ["rejected"]);
    assert_eq!((provider.requests().len(), machine.clock.waited()), (1, Duration::ZERO));
}

#[test]
fn what_may_have_been_taken_is_not_sent_again() {
    for reply in [
        Say::status(500, "").header("retry-after", "1"),
        Say::status(429, ""),
        Say::close(),
        Say::truncated(),
        Say::text("LGTM"),
        Say::refusal(),
        Say::nothing().usage(3, 3),
    ] {
        let provider = Provider::always(reply.clone());
        let machine = Machine::new();
        assert_ne!(machine.run(&asking(&provider), 1), ["ok"]);
        assert_eq!(provider.requests().len(), 1, "{reply:?}");
        assert_eq!(machine.clock.waited(), Duration::ZERO);
    }
}

#[test]
fn a_connection_that_was_not_made_is_tried_once_more() {
    let machine = Machine::new();
    assert_eq!(machine.run(&elsewhere(), 1), ["unreachable"]);
    let free = "closed unreachable settled";
    assert_eq!(machine.rows(), [format!("first {free}"), format!("retry:unreachable {free}")]);
    assert!(machine.ledger().iter().all(|row| row.usage.as_ref().is_some_and(|usage| usage.input == 0)));
    // The third failure opens it, and then there is no other attempt.
    assert_eq!(machine.run(&elsewhere(), 1), ["unreachable"]);
    assert_eq!(machine.rows()[2], format!("first {free}"));
}

#[test]
fn nobody_listening_here_is_not_asked_again_for_a_minute() {
    let provider = Provider::always(Say::nothing());
    let endpoint = asking(&provider);
    drop(provider);
    let machine = Machine::new();
    assert_eq!(machine.run(&endpoint, 2), ["unreachable", "breaker"]);
    assert_eq!(machine.clock.waited(), Duration::ZERO);
    machine.clock.wait(Duration::from_secs(60));
    assert_eq!(machine.run(&endpoint, 1), ["unreachable"]);
}

#[test]
fn a_model_that_is_loading_is_waited_for_and_has_not_failed() {
    let loading =
        || Say::status(503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#);
    let provider = Provider::scripted((0..8).map(|_| loading()).chain([Say::nothing()]));
    let machine = Machine::new();
    let endpoint = asking(&provider);
    for _ in 0..4 {
        assert_eq!(machine.run(&endpoint, 1), ["rejected"]);
    }
    assert_eq!(machine.run(&endpoint, 1), ["ok"]);
    assert_eq!(machine.rows()[0], "first closed rejected settled");
    assert!(machine.budget().cells("breaker:").unwrap().is_empty(), "nothing was worth writing down");
}

#[test]
fn an_answer_that_is_of_no_use_is_a_sign_of_life() {
    for reply in [Say::text("LGTM"), Say::refusal()] {
        let provider = Provider::always(reply);
        let machine = Machine::new();
        machine.run(&asking(&provider), 5);
        assert_eq!(provider.requests().len(), 5);
    }
}

#[test]
fn an_endpoint_that_does_not_read_what_it_is_sent_is_left_alone() {
    let provider = Provider::always(Say::nothing().usage(3, 3));
    let machine = Machine::new();
    assert_eq!(machine.run(&asking(&provider), 3), ["short_read"; 3]);
    let cells = machine.budget().cells("breaker:").unwrap();
    assert!(cells[0].1.contains("\"open\""), "{cells:?}");
}

#[test]
fn a_configuration_that_does_not_fit_is_not_tried_for_every_request() {
    let provider = Provider::always(Say::status(404, ""));
    let machine = Machine::new();
    let endpoint = asking(&provider);
    assert_eq!(machine.run(&endpoint, 3), ["rejected"; 3]);
    assert_eq!(provider.requests().len(), 1);
    let refused = "first closed rejected denied";
    assert_eq!(machine.rows(), ["first closed rejected settled", refused, refused]);
    assert_eq!(machine.run(&endpoint, 1), ["rejected"], "and the next run tries it again");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn one_request_that_is_too_large_says_nothing_of_the_next() {
    let provider = Provider::scripted([Say::status(413, ""), Say::nothing()]);
    assert_eq!(Machine::new().run(&asking(&provider), 2), ["rejected", "ok"]);
}

#[test]
fn after_the_deadline_nothing_is_reserved() {
    let provider = Provider::always(Say::nothing());
    let mut machine = Machine::new();
    machine.deadline = Duration::ZERO;
    assert_eq!(machine.run(&asking(&provider), 2), ["timeout"; 2]);
    assert_eq!(machine.rows(), ["first closed timeout denied"; 2]);
    assert_eq!(provider.requests().len(), 0);
}
