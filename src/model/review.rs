//! One request after the other, each paid for before it is sent, all under one deadline.

mod clock;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use self::clock::{Clock, SystemClock};
use super::Endpoint;
use super::fault::Fault;
use super::http::{AskError, Client};
use super::prompt::Request;
use super::reply::Reply;
use crate::meter::breaker::{Admission, Breaker, Health};
use crate::meter::budget::{Budget, BudgetError, Charge, Estimate, Reservation};
use crate::meter::denial::Denial;
use crate::payload::Payload;
use crate::payload::route::Reason;
use crate::report::Answer;
use crate::report::progress::Progress;

/// The shortest and the longest wait before a request is sent once more, where the provider names
/// none: with a random time between them, so that hooks which failed together return apart.
const BACKOFF: (u64, u64) = (200, 1000);

/// What an answer is expected to take before the run has seen one.
const LATENCY: Duration = Duration::from_secs(3);

/// How much longer than its deadline a probe may hold off other processes.
const PROBE_GRACE: Duration = Duration::from_secs(5);

/// An answer that did not come within this time, or within half the time of the run, says that the
/// endpoint is slow, and not only that earlier requests had used the time up.
const PATIENCE: Duration = Duration::from_secs(10);

/// On what terms the requests of one run are sent.
pub struct Terms<'a> {
    /// Whom to ask.
    pub endpoint: &'a Endpoint,
    /// Why this endpoint and no other, for the ledger: `first`, `failover:local:breaker`,
    /// `escalated:local`.
    pub because: &'a str,
    /// Who pays.
    pub budget: &'a Budget,
    /// Tokens of `git diff -U3` of the run, which the ledger divides among the requests.
    pub raw_tokens: u64,
    /// When the last reply must be in.
    pub deadline: Instant,
    /// Whether somebody wants to know by hand whether the endpoint works: then it is asked whatever its
    /// breaker says, which learns of a success only.
    pub by_hand: bool,
}

/// Sends the requests in order and gives an answer for each. Every request has its row in the ledger,
/// also one that is not sent: since the breaker is open, the deadline has passed, a limit would be
/// crossed, or the endpoint has answered an earlier one in a way in which it answers all.
#[must_use]
pub fn review(payloads: &[Payload], requests: &[Request], terms: &Terms<'_>) -> Vec<Answer> {
    review_by(&SystemClock, payloads, requests, terms)
}

fn review_by(
    clock: &dyn Clock,
    payloads: &[Payload],
    requests: &[Request],
    terms: &Terms<'_>,
) -> Vec<Answer> {
    let progress = Progress::start(requests.len(), &terms.endpoint.model);
    let all_tokens = payloads.iter().map(Payload::tokens).sum::<u64>().max(1);
    let mut reviewer = Reviewer {
        client: None,
        terms,
        clock,
        breaker: Breaker::new(terms.budget, terms.endpoint.breaker()),
        started: clock.now(),
        latency: None,
        standing: None,
    };
    let mut answers = Vec::with_capacity(requests.len());
    for (payload, request) in payloads.iter().zip(requests) {
        let raw_tokens = terms.raw_tokens * payload.tokens() / all_tokens;
        answers.push(reviewer.ask(request, payload, &estimate(request, payload, terms, raw_tokens)));
        progress.advance();
    }
    answers
}

/// Who asks one endpoint during one run.
struct Reviewer<'a> {
    /// Made for the first request that is sent, since it takes longer than all that an open breaker
    /// does; and anew where less time is left than it would wait for a connection.
    client: Option<Client>,
    terms: &'a Terms<'a>,
    clock: &'a dyn Clock,
    breaker: Breaker<'a>,
    started: Instant,
    /// The longest that an answer has taken.
    latency: Option<Duration>,
    /// Why the rest of the requests is not sent.
    standing: Option<(Reason, String)>,
}

/// What came of one attempt.
enum Attempt {
    /// A reply, after this time.
    Answered(Reply, Duration),
    /// None, though it was sent.
    Failed(Box<AskError>),
    /// It was not sent.
    Unsent(Reason, String),
}

impl Reviewer<'_> {
    /// Asks, and once more where the first attempt did not reach the provider or was put off by it,
    /// and there is time for an answer.
    fn ask(&mut self, request: &Request, payload: &Payload, estimate: &Estimate) -> Answer {
        if let Some((reason, message)) = self.standing.clone() {
            self.refuse(estimate, reason);
            return Answer::Unreviewed { reason, message };
        }
        let first = self.attempt(request, payload, estimate);
        let Attempt::Failed(error) = &first else { return self.answer(first) };
        let Some(wait) = self.wait(error) else { return self.answer(first) };
        self.clock.wait(wait);
        let retry = format!("retry:{}", error.reason.as_str());
        let because = match estimate.because.as_str() {
            "first" => retry,
            turn => format!("{turn},{retry}"),
        };
        match self.attempt(request, payload, &Estimate { because, ..estimate.clone() }) {
            // Why it was not sent again is in the ledger; what went wrong is what went wrong first.
            Attempt::Unsent(..) => self.answer(first),
            second => self.answer(second),
        }
    }

    /// How long to wait before the request is sent again; none where it must not be, or where no
    /// answer could be expected before the deadline.
    fn wait(&self, error: &AskError) -> Option<Duration> {
        if self.terms.budget.taken().failure.is_some() {
            return None;
        }
        let (shortest, longest) = BACKOFF;
        let backoff = shortest + RandomState::new().hash_one(0u8) % (longest - shortest + 1);
        let wait = error.again()?.max(Duration::from_millis(backoff));
        let ready = self.clock.now().checked_add(wait)?.checked_add(self.latency.unwrap_or(LATENCY))?;
        (ready <= self.terms.deadline).then_some(wait)
    }

    fn attempt(&mut self, request: &Request, payload: &Payload, estimate: &Estimate) -> Attempt {
        let Terms { endpoint, budget, deadline, .. } = *self.terms;
        let left = deadline.saturating_duration_since(self.clock.now());
        if left.is_zero() {
            return self.unsent(estimate, &Fault(endpoint).too_late());
        }
        let admitted = if self.terms.by_hand {
            Ok(Admission::Probe)
        } else {
            self.breaker.admit(self.clock.wall(), left + PROBE_GRACE)
        };
        let admission = match admitted {
            Ok(admission) => admission,
            Err(error) => return self.denied(&error),
        };
        let estimate = Estimate { breaker: admission.as_str(), ..estimate.clone() };
        if let Admission::Open(closure) = &admission {
            return self.unsent(&estimate, &Fault(endpoint).open(closure));
        }
        let client = self.client.take().filter(|client| client.is_for(left));
        let client = match client.map_or_else(|| Client::new(endpoint, left), Ok) {
            Ok(client) => self.client.insert(client),
            Err(error) => {
                self.learn(Health::Unsaid, "", &admission);
                return self.unsent(&estimate, &error);
            }
        };
        let permit = match budget.reserve(&estimate).and_then(Reservation::dispatch) {
            Ok(permit) => permit,
            Err(error) => {
                self.learn(Health::Unsaid, "", &admission);
                return self.denied(&error);
            }
        };
        let sent = self.clock.now();
        let reply = client.ask(request, payload, endpoint, &permit, deadline);
        let elapsed = self.clock.now().saturating_duration_since(sent);
        let (charge, outcome) = match &reply {
            Ok(reply) => (Charge::Usage(reply.usage), "ok"),
            Err(error) => (error.charge, error.reason.as_str()),
        };
        // One that fails takes nothing from the reply, and the budget knows of it: it keeps what is to
        // be charged, and takes no further step.
        let _ = permit.settle(charge, outcome, elapsed);
        match reply {
            Ok(reply) => {
                self.learn(Health::Sound, "", &admission);
                self.latency = self.latency.max(Some(elapsed));
                Attempt::Answered(reply, elapsed)
            }
            Err(error) => {
                let was_hurried = error.reason == Reason::Timeout
                    && left < PATIENCE.min(deadline.saturating_duration_since(self.started) / 2);
                let health = if was_hurried { Health::Unsaid } else { error.health };
                self.learn(health, &error.what, &admission);
                Attempt::Failed(error)
            }
        }
    }

    fn answer(&mut self, attempt: Attempt) -> Answer {
        match attempt {
            Attempt::Answered(reply, elapsed) => {
                let Reply { findings, dropped, unsure, usage } = reply;
                Answer::Reviewed { findings, dropped, unsure, usage, elapsed }
            }
            Attempt::Failed(error) => {
                if error.health == Health::Misfit {
                    self.standing = Some((error.reason, error.message.clone()));
                }
                unreviewed(&error)
            }
            Attempt::Unsent(reason, message) => Answer::Unreviewed { reason, message },
        }
    }

    /// Not sent, for a reason that is not the budget's.
    fn unsent(&self, estimate: &Estimate, error: &AskError) -> Attempt {
        self.refuse(estimate, error.reason);
        Attempt::Unsent(error.reason, error.message.clone())
    }

    /// Not sent, for a reason of the budget's. A store that fails would fail for the rest as well,
    /// and take its time; a price that is unknown stays so.
    fn denied(&mut self, error: &BudgetError) -> Attempt {
        let (reason, message) = (denial(error), error.to_string());
        if matches!(reason, Reason::Store | Reason::Unpriced) {
            self.standing = Some((reason, message.clone()));
        }
        Attempt::Unsent(reason, message)
    }

    /// A row for a request that is not sent. Where the store fails there is none, and nothing was
    /// taken that it could tell of.
    fn refuse(&self, estimate: &Estimate, reason: Reason) {
        if reason != Reason::Store {
            let _ = self.terms.budget.refuse(estimate, reason.as_str());
        }
    }

    /// What is not learned is found out again: no reason to lose an answer.
    fn learn(&self, health: Health, what: &str, admission: &Admission) {
        if !self.terms.by_hand || health == Health::Sound {
            let _ = self.breaker.record(health, what, admission, self.clock.wall());
        }
    }
}

/// What a request may take at the most: its input as bounded for the endpoint, and all the output it
/// asks for.
fn estimate(request: &Request, payload: &Payload, terms: &Terms<'_>, raw_tokens: u64) -> Estimate {
    let endpoint = terms.endpoint;
    Estimate {
        input: request.reserved_input,
        output: request.max_output_tokens,
        price: endpoint.price,
        provider: endpoint.provider.clone(),
        model: endpoint.model.clone(),
        tier: endpoint.tier.clone(),
        counted_input: request.input_tokens,
        because: terms.because.to_owned(),
        breaker: "closed",
        raw_tokens,
        payload_tokens: payload.tokens(),
        payload_hash: blake3::hash(request.body.as_bytes()).to_hex().to_string(),
    }
}

fn unreviewed(error: &AskError) -> Answer {
    Answer::Unreviewed { reason: error.reason, message: error.message.clone() }
}

fn denial(error: &BudgetError) -> Reason {
    match error {
        BudgetError::Denied(Denial::Limit { window, .. }) => (*window).into(),
        BudgetError::Denied(Denial::Unpriced | Denial::Billed | Denial::UnpricedBefore { .. }) => {
            Reason::Unpriced
        }
        BudgetError::Store(_) => Reason::Store,
    }
}
