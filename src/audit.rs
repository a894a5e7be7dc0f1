//! Past commits through the very same pipeline: what they would have asked a model, and for how much.
//! Nothing is sent and nothing is written, and no limit leaves anything out.

mod limit;
mod replay;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::git::{ObjectId, Repository};
use crate::meter::Limits;
use crate::meter::price::Price;
use crate::model::Endpoint;
use crate::model::prompt::{MAX_OUTPUT_TOKENS, overhead};
use crate::payload::route::Reason;
use crate::payload::tokenizer::Tokenizer;
use crate::pipeline::Options;
use crate::report::Barrier;
use crate::report::audit::{Audit, Cost, Skipped};
use crate::report::progress::Progress;
use crate::tokens::Usage;
use replay::{Answered, Replayed, replay};

/// Replays commits, each against its first parent. What cannot be read is listed, and stops nothing.
#[must_use]
pub fn audit(repository: &Repository, commits: &[ObjectId], options: Options) -> Audit {
    let options = unlimited(options);
    let mut audit = Audit {
        repository: options.attribution.repository.clone(),
        hook: options.attribution.hook.clone(),
        model: options.tiers.first().map(Endpoint::name),
        one_request_tokens: one_request_tokens(&options),
        ..Audit::default()
    };
    let mut needs = Vec::new();
    let mut plain_requests = 0;
    for (&commit, replayed) in commits.iter().zip(replay_all(repository, commits, &options)) {
        match replayed {
            Err(reason) => audit.skipped.push(Skipped { commit, reason }),
            Ok(replayed) => {
                plain_requests += u64::from(replayed.tokens.diff_u3 > 0);
                if replayed.answered == Answered::Model {
                    needs.push(replayed.limit_tokens);
                }
                add(&mut audit, commit, replayed);
            }
        }
    }
    if let Some((per_commit, limits)) = limit::propose(needs, audit.one_request_tokens) {
        (audit.per_commit, audit.limits) = (Some(per_commit), limits);
    }
    let price = options.tiers.first().and_then(|endpoint| endpoint.price);
    audit.cost = price.map(|price| cost(&audit, plain_requests, &price));
    audit.price_source = price.map(|price| price.source);
    audit
}

/// What a token limit has to hold for one request before any code goes into it.
fn one_request_tokens(options: &Options) -> u64 {
    let endpoint = options.tiers.first().cloned().unwrap_or_else(Endpoint::preview);
    let doubts = options.tiers.above(&endpoint).is_some();
    let overhead = overhead(&endpoint, doubts, &Tokenizer::load());
    endpoint.with_margin(overhead.fixed + overhead.output)
}

/// The options of a replay: as if nobody had consented to anything being sent. Then neither the ledger is
/// opened, for what is left in it, nor are earlier reviews, whose answers would hide what the history
/// takes.
fn unlimited(options: Options) -> Options {
    let message = "an audit sends nothing".to_owned();
    Options {
        limits: Limits::default(),
        barrier: Some(Barrier { reason: Reason::Consent, message }),
        ..options
    }
}

/// One outcome a commit, in their order.
///
/// Threads of their own take one commit each, and no more than one: a worker of rayon's that waits
/// for the files of a commit would begin another one meanwhile, and then a third, all of which would
/// be in memory together.
fn replay_all(
    repository: &Repository,
    commits: &[ObjectId],
    options: &Options,
) -> Vec<Result<Replayed, String>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(commits.len());
    let objects = repository.objects();
    let progress = Progress::replay(commits.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let own = objects.open();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&commit) = commits.get(index) else { return done };
            let outcome = match &own {
                Ok(own) => replay(own, commit, options),
                Err(error) => Err(error.to_string()),
            };
            done.push((index, outcome));
            progress.advance();
        }
    };
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    outcomes.sort_unstable_by_key(|&(index, _)| index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Takes a commit, the newest first, into the sums.
fn add(audit: &mut Audit, commit: ObjectId, replayed: Replayed) {
    let newest = audit.range.map_or(commit, |(_, newest)| newest);
    audit.range = Some((commit, newest));
    audit.commits += 1;
    match replayed.answered {
        Answered::Model => audit.asked += 1,
        Answered::Proof => audit.no_model.proof += 1,
        Answered::Policy => audit.no_model.policy += 1,
        Answered::Cache => audit.no_model.cache += 1,
        Answered::Nobody => audit.not_reviewed += 1,
    }
    if replayed.tokens.payload > replayed.tokens.diff_u3 {
        audit.larger.push(commit);
    }
    audit.tokens += replayed.tokens;
    audit.changed_lines += replayed.lines;
    audit.requests += replayed.requests;
    audit.max_output_tokens += replayed.max_output_tokens;
    for (class, units) in replayed.by_class {
        *audit.by_class.entry(class).or_default() += units;
    }
}

/// What the history costs. A plain diff and whole files are taken to travel in one request a commit,
/// without instructions, and to be answered as briefly as hookgate's requests.
fn cost(audit: &Audit, plain_requests: u64, price: &Price) -> Cost {
    let of = |input, output| price.cost(&Usage { input, output, ..Usage::default() });
    let plain_output = plain_requests * MAX_OUTPUT_TOKENS;
    Cost {
        diff_u3: of(audit.tokens.diff_u3, plain_output),
        full_files: of(audit.tokens.full_files, plain_output),
        hookgate: of(audit.tokens.input, audit.max_output_tokens),
    }
}
