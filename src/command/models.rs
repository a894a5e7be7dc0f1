//! `hookgate models`: what the tiers of the user's file are, what else could be, and whether they
//! answer.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use crate::cli::{ListFormat, Models, ModelsAction};
use crate::config::{Environment, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::meter::Limits;
use crate::meter::breaker::{self, Admission};
use crate::meter::budget::{Budget, BudgetError};
use crate::meter::calendar::since_epoch;
use crate::meter::estimate;
use crate::meter::price::PriceSource;
use crate::meter::store::{Experience, LedgerRow, State};
use crate::model::detect::{Candidate, Kind, PATIENCE, detect, ollama_port};
use crate::model::prompt::render;
use crate::model::review::{Terms, review};
use crate::model::{Egress, Endpoint, dialect::Dialect};
use crate::payload::Payload;
use crate::payload::probe::PROBE_LINE;
use crate::payload::route::Reason;
use crate::payload::tokenizer::Tokenizer;
use crate::report::Answer;
use crate::report::models::{
    DAYS, EstimateError, PricePerMillion, Requests, Taken, Tier, Trial, before_trials, servers_json,
    servers_text, tiers_json, tiers_text, trial_text, trials_json,
};
use crate::text::instead;
use crate::tokens::UsageSource;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// How long after its deadline a trial that is stuck may hold its reservation.
const GRACE: Duration = Duration::from_secs(30);

pub(super) fn execute(
    arguments: &Models,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let user = UserConfig::load(environment)?;
    match &arguments.action {
        None => list(&user, arguments.format, out),
        Some(ModelsAction::List { format }) => list(&user, *format, out),
        Some(ModelsAction::Detect { ports, format }) => search(&user, environment, ports, *format, out),
        Some(ModelsAction::Test { tier, deadline, format }) => {
            test(&user, tier.as_deref(), Duration::from_secs(*deadline), *format, out)
        }
    }
}

/// What makes requests that no hook makes.
const HOOK: &str = "models test";

fn list(user: &UserConfig, format: ListFormat, out: &mut dyn Write) -> Result<ExitStatus, Error> {
    let mut notes = Vec::new();
    let now = since_epoch(SystemTime::now());
    let past = match Past::read(user, now) {
        Ok(past) => Some(past),
        Err(error) => {
            notes.push(format!("past requests and breakers are not known: {error}"));
            None
        }
    };
    let mut tiers = Vec::new();
    for name in user.file.tiers.keys() {
        tiers.push(tier(user, &user.priced(name)?, past.as_ref(), now));
    }
    let path = &user.path;
    match format {
        ListFormat::Text => out.write_all(tiers_text(&tiers, path, &notes).as_bytes())?,
        ListFormat::Json => {
            writeln!(out, "{}", tiers_json(&tiers, path, &notes).map_err(std::io::Error::other)?)?;
        }
    }
    Ok(ExitStatus::Allowed)
}

/// What the store knows of earlier requests.
#[derive(Default)]
struct Past {
    rows: Vec<LedgerRow>,
    /// Those of the breakers.
    cells: BTreeMap<String, String>,
    /// By provider and model.
    experience: BTreeMap<(String, String), Vec<Experience>>,
}

impl Past {
    fn read(user: &UserConfig, now: u64) -> Result<Self, BudgetError> {
        // No limit, since nothing is reserved.
        let budget = Budget::existing(&user.store(), Limits::default(), user.attribution(HOOK))?;
        let Some(budget) = budget else { return Ok(Self::default()) };
        let rows = budget.ledger(now.saturating_sub(DAYS * DAY))?;
        let mut experience = BTreeMap::new();
        for tier in user.file.tiers.values() {
            let seen = budget.experience(&tier.provider, &tier.model, estimate::SAMPLES)?;
            experience.insert((tier.provider.clone(), tier.model.clone()), seen);
        }
        Ok(Self { rows, cells: budget.cells("breaker:")?.into_iter().collect(), experience })
    }
}

fn tier(user: &UserConfig, endpoint: &Endpoint, past: Option<&Past>, now: u64) -> Tier {
    let is_sent = |row: &&LedgerRow| {
        row.provider == endpoint.provider
            && row.model == endpoint.model
            && !matches!(row.state, State::Denied | State::Reserved | State::Released)
    };
    let answered = |row: &LedgerRow| row.latency_ms.filter(|_| row.outcome.as_deref() == Some("ok"));
    let provider = user.file.providers.get(&endpoint.provider);
    let able = user.endpoint(&endpoint.tier);
    let admission = past.map(|past| {
        // Its cell depends on the key.
        let cell = past.cells.get(&able.as_ref().unwrap_or(endpoint).breaker());
        // Asked of a copy: nobody is about to send anything.
        let mut breaker = breaker::State::read(cell.map(String::as_str));
        breaker.admit(breaker::Now { store: now, wall: now }, Duration::ZERO)
    });
    let requests = past.map(|past| Requests::of(past.rows.iter().filter(is_sent).map(answered)));
    let usd = |per_token: crate::tokens::PicoUsd| per_token.as_usd() * 1e6;
    Tier {
        tier: endpoint.tier.clone(),
        provider: endpoint.provider.clone(),
        model: endpoint.model.clone(),
        dialect: dialect(endpoint.dialect),
        base_url: endpoint.base_url.clone(),
        local: match endpoint.egress() {
            Egress::Stays => Some(true),
            Egress::MayLeave => None,
            Egress::Leaves => Some(false),
        },
        key_variable: provider.and_then(|provider| provider.api_key_env.clone()),
        problem: able.err().map(|problem| problem.to_string()),
        price: endpoint
            .price
            .map(|price| PricePerMillion { input_usd: usd(price.input), output_usd: usd(price.output) }),
        price_source: PriceSource::of(endpoint.price.as_ref()),
        breaker: admission.as_ref().map(Admission::as_str),
        breaker_because: match &admission {
            None | Some(Admission::Closed) => None,
            Some(Admission::Probe) => Some("the next request finds out whether it works again".to_owned()),
            Some(Admission::Open(closure)) => Some(closure.to_string()),
        },
        requests: requests.unwrap_or_default(),
        estimate_error: past
            .and_then(|past| past.experience.get(&(endpoint.provider.clone(), endpoint.model.clone())))
            .and_then(|seen| EstimateError::of(seen)),
    }
}

fn dialect(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Openai => "openai",
        Dialect::Anthropic => "anthropic",
        Dialect::Ollama => "ollama",
    }
}

fn search(
    user: &UserConfig,
    environment: &Environment,
    ports: &[u16],
    format: ListFormat,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let moved = environment.variable("OLLAMA_HOST").and_then(ollama_port);
    let usual = |kind: Kind| match moved {
        Some(port) if kind == Kind::Ollama => port,
        _ => kind.usual_port(),
    };
    let candidates: Vec<_> = if ports.is_empty() {
        Kind::ALL.into_iter().map(|kind| Candidate { kind, port: usual(kind) }).collect()
    } else {
        let any = |&port: &u16| Kind::ALL.into_iter().map(move |kind| Candidate { kind, port });
        ports.iter().flat_map(any).collect()
    };
    let servers = detect(&candidates, PATIENCE);
    let taken = Taken {
        providers: user.file.providers.iter().map(|(name, it)| (name.clone(), it.base_url.clone())).collect(),
        tiers: user.file.tiers.keys().cloned().collect(),
    };
    let path = &user.path;
    match format {
        ListFormat::Text => {
            let looked_for: Vec<_> =
                candidates.iter().map(|it| format!("{} on port {}", it.kind.as_str(), it.port)).collect();
            out.write_all(servers_text(&servers, &looked_for.join(", "), &taken, path).as_bytes())?;
        }
        ListFormat::Json => {
            writeln!(out, "{}", servers_json(&servers, &taken, path).map_err(std::io::Error::other)?)?;
        }
    }
    Ok(ExitStatus::Allowed)
}

fn test(
    user: &UserConfig,
    only: Option<&str>,
    deadline: Duration,
    format: ListFormat,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let names: Vec<&str> = user.file.tiers.keys().map(String::as_str).collect();
    let path = user.path.display();
    let chosen = match only {
        Some(name) if names.contains(&name) => vec![name],
        Some(name) => {
            let instead = instead(name, &names);
            return Err(Error::Refused(format!("{name:?} is no tier of {path}{instead}")));
        }
        None if names.is_empty() => {
            return Err(Error::Refused(format!(
                "no model is configured in {path}; `hookgate models detect` looks for servers on this machine"
            )));
        }
        None => names,
    };
    let tokenizer = Tokenizer::load();
    let payload = Payload::probe(&tokenizer);
    let attribution = user.attribution(HOOK);
    let limits = user.limits(&attribution);
    let budget = Budget::open(&user.store(), limits, attribution)?.with_lease(deadline + GRACE);
    let asked = chosen.iter().map(|&name| {
        let endpoint = user.endpoint(name).map(|mut endpoint| {
            endpoint.learn(&budget);
            endpoint
        });
        (name, endpoint)
    });
    let asked: Vec<_> = asked.collect();
    let most = asked.iter().filter_map(|(name, endpoint)| {
        let request = render(&payload, endpoint.as_ref().ok()?, false, &tokenizer);
        Some((*name, request.reserved_input + request.max_output_tokens))
    });
    let most: Vec<(&str, u64)> = most.collect();
    let most_tokens = most.iter().map(|(_, tokens)| tokens).sum();
    if format == ListFormat::Text {
        out.write_all(before_trials(&most).as_bytes())?;
        out.flush()?;
    }
    let mut trials = Vec::new();
    for (name, endpoint) in asked {
        let trial = match endpoint {
            Ok(endpoint) => try_out(&endpoint, &budget, deadline, &payload, &tokenizer),
            Err(problem) => {
                let tier = &user.file.tiers[name];
                let message = format!("the tier {problem}");
                let reason = Some(Reason::NoModel.as_str());
                Trial { reason, message: Some(message), ..unanswered(name, &tier.provider, &tier.model) }
            }
        };
        if format == ListFormat::Text {
            out.write_all(trial_text(&trial).as_bytes())?;
            out.flush()?;
        }
        trials.push(trial);
    }
    if format == ListFormat::Json {
        writeln!(out, "{}", trials_json(&trials, most_tokens).map_err(std::io::Error::other)?)?;
    }
    let is_well = trials.iter().all(|trial| trial.ok);
    Ok(if is_well { ExitStatus::Allowed } else { ExitStatus::Blocked })
}

/// Asks as a hook would: paid for before it is sent, and validated against what was sent.
fn try_out(
    endpoint: &Endpoint,
    budget: &Budget,
    deadline: Duration,
    payload: &Payload,
    tokenizer: &Tokenizer,
) -> Trial {
    let request = render(payload, endpoint, false, tokenizer);
    let counted_input = Some(request.input_tokens);
    let deadline = Instant::now() + deadline;
    let terms = Terms { endpoint, because: "test", budget, raw_tokens: 0, deadline, by_hand: true };
    let answers = review(std::slice::from_ref(payload), std::slice::from_ref(&request), &terms);
    let trial = unanswered(&endpoint.tier, &endpoint.provider, &endpoint.model);
    match answers.into_iter().next() {
        Some(Answer::Reviewed { findings, usage, elapsed, .. }) => Trial {
            ok: true,
            latency_ms: Some(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)),
            counted_input,
            input: Some(usage.input),
            output: Some(usage.output),
            usage_source: Some(usage.source.as_str()),
            schema: Some(true),
            // Without figures nobody knows.
            read_in_full: (usage.source == UsageSource::Reported).then_some(true),
            defect_found: Some(findings.iter().any(|finding| finding.line == PROBE_LINE)),
            ..trial
        },
        Some(Answer::Unreviewed { reason, message }) => Trial {
            reason: Some(reason.as_str()),
            message: Some(message),
            counted_input,
            schema: (reason == Reason::Schema).then_some(false),
            read_in_full: (reason == Reason::ShortRead).then_some(false),
            ..trial
        },
        None => trial,
    }
}

fn unanswered(tier: &str, provider: &str, model: &str) -> Trial {
    Trial {
        tier: tier.to_owned(),
        provider: provider.to_owned(),
        model: model.to_owned(),
        ok: false,
        reason: None,
        message: None,
        latency_ms: None,
        counted_input: None,
        input: None,
        output: None,
        usage_source: None,
        schema: None,
        read_in_full: None,
        defect_found: None,
    }
}
