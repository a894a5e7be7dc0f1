//! One request after the other, each paid for before it is sent, all under one deadline.

use std::time::Instant;

use super::Endpoint;
use super::http::{AskError, Client};
use super::prompt::Request;
use crate::meter::budget::{Budget, BudgetError, Charge, Estimate, Reservation};
use crate::meter::denial::Denial;
use crate::payload::Payload;
use crate::payload::route::Reason;
use crate::report::Answer;
use crate::report::progress::Progress;

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
}

/// Sends the requests in order and gives an answer for each. Once an endpoint has failed in a way
/// that the next request would meet as well, the rest is not sent.
#[must_use]
pub fn review(payloads: &[Payload], requests: &[Request], terms: &Terms<'_>) -> Vec<Answer> {
    let client = match Client::new(terms.endpoint) {
        Ok(client) => client,
        Err(error) => return requests.iter().map(|_| unreviewed(&error)).collect(),
    };
    let progress = Progress::start(requests.len(), &terms.endpoint.model);
    let all_tokens = payloads.iter().map(Payload::tokens).sum::<u64>().max(1);
    let mut standing: Option<(Reason, String)> = None;
    let mut answers = Vec::with_capacity(requests.len());
    for (payload, request) in payloads.iter().zip(requests) {
        let answer = match standing.clone() {
            Some((reason, message)) => Answer::Unreviewed { reason, message },
            None => ask(&client, request, payload, terms, terms.raw_tokens * payload.tokens() / all_tokens),
        };
        if let Answer::Unreviewed { reason, message } = &answer
            && is_lasting(*reason)
        {
            standing = Some((*reason, message.clone()));
        }
        answers.push(answer);
        progress.advance();
    }
    answers
}

/// Whether the next request of the same run would meet the same fate.
fn is_lasting(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Timeout | Reason::Unreachable | Reason::Rejected | Reason::Store | Reason::Unpriced
    )
}

fn ask(client: &Client, request: &Request, payload: &Payload, terms: &Terms<'_>, raw_tokens: u64) -> Answer {
    let estimate = estimate(request, payload, terms, raw_tokens);
    let permit = match terms.budget.reserve(&estimate).and_then(Reservation::dispatch) {
        Ok(permit) => permit,
        Err(error) => return Answer::Unreviewed { reason: denial(&error), message: error.to_string() },
    };
    let started = Instant::now();
    let reply = client.ask(request, payload, terms.endpoint, &permit, terms.deadline);
    let (charge, outcome) = match &reply {
        Ok(reply) => (Charge::Usage(reply.usage), "ok"),
        Err(error) => (error.charge, error.reason.as_str()),
    };
    // A settlement that fails leaves the request charged in full, and takes nothing from the reply.
    let elapsed = started.elapsed();
    let _ = permit.settle(charge, outcome, elapsed);
    match reply {
        Ok(reply) => {
            let (findings, dropped, usage) = (reply.findings, reply.dropped, reply.usage);
            Answer::Reviewed { findings, dropped, usage, elapsed }
        }
        Err(error) => unreviewed(&error),
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
        BudgetError::Denied(Denial::Unpriced) => Reason::Unpriced,
        BudgetError::Store(_) => Reason::Store,
    }
}
