//! The user's tiers, the servers on this machine, and what came of trying them: for people and for
//! programs.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use super::table::duration;
use super::text::{BOLD, DIM, GREEN, RED, YELLOW};
use crate::meter::estimate;
use crate::meter::store::Experience;
use crate::text::one_line;
use crate::tokens::{Count, Grouped, PicoUsd};

/// The version of the JSON.
const VERSION: u32 = 1;

/// Tokens of context that most requests to a server on this machine fit into: 2,000 of code, the
/// instructions and the answer, with what another tokenizer adds.
const SMALLEST_CONTEXT: u64 = 4096;

/// Characters that are shown of a name or of a server's words.
const WORDS: usize = 120;

/// A tier of the user's file.
#[derive(Clone, Debug, Serialize)]
pub struct Tier {
    /// Its name.
    pub tier: String,
    /// The provider's name.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// How the provider is spoken to.
    pub dialect: &'static str,
    /// Where it is.
    pub base_url: String,
    /// Whether nothing that it is sent leaves this machine; none where the user's file does not tell.
    pub local: Option<bool>,
    /// The environment variable that holds its key; none where it needs none.
    pub key_variable: Option<String>,
    /// Why it cannot be asked; none where it can.
    pub problem: Option<String>,
    /// What a million tokens cost; none where it is unknown.
    pub price: Option<PricePerMillion>,
    /// Where the price comes from.
    pub price_source: String,
    /// How its breaker stands: `closed`, `open`, or `probe` where it lets one request through; none where
    /// the store cannot tell.
    pub breaker: Option<&'static str>,
    /// Why the breaker is open, and until when; none where it is closed.
    pub breaker_because: Option<String>,
    /// How its requests of the last [`DAYS`] went.
    #[serde(flatten)]
    pub requests: Requests,
    /// How far its counts were off; none before it has reported any.
    pub estimate_error: Option<EstimateError>,
}

/// Days whose requests are counted.
pub const DAYS: u64 = 30;

/// USD per million tokens.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PricePerMillion {
    /// Of input.
    pub input_usd: f64,
    /// Of output.
    pub output_usd: f64,
}

/// How the requests to a model went; nothing of it is known where the store cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Requests that were sent.
    pub requests: Option<u64>,
    /// Those of them that were answered.
    pub answered: Option<u64>,
    /// Milliseconds that half of the answered ones took at the most; none without any.
    pub latency_p50_ms: Option<u64>,
    /// Milliseconds that nineteen of twenty took at the most.
    pub latency_p95_ms: Option<u64>,
}

impl Requests {
    /// Sums up requests, of each of which the time is given that it took to be answered, none for one
    /// that was not.
    #[must_use]
    pub fn of(sent: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut latencies = Vec::new();
        let mut requests = 0;
        for latency in sent {
            requests += 1;
            latencies.extend(latency);
        }
        latencies.sort_unstable();
        // The nearest rank: the least time within which that share was answered.
        let rank = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100);
            latencies.get(rank.checked_sub(1)?).copied()
        };
        Self {
            requests: Some(requests),
            answered: Some(latencies.len() as u64),
            latency_p50_ms: rank(50),
            latency_p95_ms: rank(95),
        }
    }
}

/// How far our counts of input were from what the provider reported, in percent of what it reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EstimateError {
    /// Requests that it was learned from.
    pub requests: u64,
    /// The mean, with its sign: above zero, too much was counted.
    pub mean_percent: f64,
    /// Nineteen of twenty were not further off, in either direction.
    pub p95_percent: f64,
    /// The furthest.
    pub worst_percent: f64,
}

impl EstimateError {
    /// Compares what was counted with what was reported; none where there is nothing to compare.
    #[must_use]
    pub fn of(experience: &[Experience]) -> Option<Self> {
        let error = estimate::error(experience)?;
        Some(Self {
            requests: error.count as u64,
            mean_percent: error.mean,
            p95_percent: error.p95,
            worst_percent: error.worst,
        })
    }
}

/// A model server that answers on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// What it is: `Ollama`.
    pub name: &'static str,
    /// What a provider for it is called: `ollama`.
    pub provider: &'static str,
    /// How it is spoken to.
    pub dialect: &'static str,
    /// Where a provider for it points.
    pub base_url: String,
    /// Its version, where it says one.
    pub version: Option<String>,
    /// Whether it is still loading its model.
    pub loading: bool,
    /// Whether it says nothing without a key, not even what it serves.
    pub wants_key: bool,
    /// What it serves.
    pub models: Vec<ServedModel>,
}

/// A model that a server on this machine offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServedModel {
    /// Its id.
    pub name: String,
    /// Tokens of its context: as it is loaded, else the most that it can have.
    pub context: Option<u64>,
    /// Whether it is loaded.
    pub loaded: bool,
    /// Whether it cannot answer questions.
    pub embeds_only: bool,
    /// Whether the server sends what it is asked to another machine.
    pub elsewhere: bool,
}

impl Server {
    /// The model that is proposed: one that answers, on this machine, loaded rather than not, made
    /// for code rather than not.
    fn proposed(&self) -> Option<&ServedModel> {
        let able = self.models.iter().filter(|model| !model.embeds_only && !model.elsewhere);
        let is_for_code = |model: &ServedModel| model.name.to_ascii_lowercase().contains("code");
        // Of equals the first, which `max_by_key` would give last.
        able.rev().max_by_key(|model| (model.loaded, is_for_code(model)))
    }
}

/// What the user's file has already.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Names and addresses of its providers.
    pub providers: Vec<(String, String)>,
    /// Names of its tiers.
    pub tiers: Vec<String>,
}

/// The lines for the user's file that would use what was found; none where there is nothing new.
/// They can stand at its end, whatever is above.
#[must_use]
pub fn lines(servers: &[Server], taken: &Taken) -> Option<String> {
    let mut taken = taken.clone();
    let mut lines = String::new();
    for server in servers {
        let same = |url: &str| url.trim_end_matches('/').replace("localhost", "127.0.0.1") == server.base_url;
        let Some(model) = server.proposed() else { continue };
        if taken.providers.iter().any(|(_, url)| same(url)) {
            continue;
        }
        let providers: Vec<_> = taken.providers.iter().map(|(name, _)| name.as_str()).collect();
        let provider = free(server.provider, &providers);
        let tiers: Vec<_> = taken.tiers.iter().map(String::as_str).collect();
        let tier = if tiers.contains(&"local") { free(server.provider, &tiers) } else { "local".to_owned() };
        lines.push_str(&format!(
            "[providers.{provider}]\ndialect = \"{}\"\nbase_url = \"{}\"\n\n\
             [tiers.{tier}]\nprovider = \"{provider}\"\nmodel = {}\n\n",
            server.dialect,
            server.base_url,
            serde_json::Value::from(model.name.as_str()),
        ));
        taken.providers.push((provider, server.base_url.clone()));
        taken.tiers.push(tier);
    }
    lines.truncate(lines.trim_end().len());
    (!lines.is_empty()).then_some(lines)
}

/// `name`, or `name-2` and so on where that is taken.
fn free(name: &str, taken: &[&str]) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

/// What came of trying a tier.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The tier.
    pub tier: String,
    /// The provider's name.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// Whether an answer came that can be believed.
    pub ok: bool,
    /// Why not: the code of the reason.
    pub reason: Option<&'static str>,
    /// Why not, in words.
    pub message: Option<String>,
    /// Milliseconds to the answer; none where none was believed.
    pub latency_ms: Option<u64>,
    /// Input tokens as counted, without a margin; none where nothing was asked.
    pub counted_input: Option<u64>,
    /// Input tokens as reported.
    pub input: Option<u64>,
    /// Output tokens as reported.
    pub output: Option<u64>,
    /// Who says so: `reported`, or `estimated` where the provider reports nothing.
    pub usage_source: Option<&'static str>,
    /// Whether the answer followed the schema; none where there was no answer.
    pub schema: Option<bool>,
    /// Whether the server read the whole prompt; none where there was no answer.
    pub read_in_full: Option<bool>,
    /// Whether the planted defect was found; none where there was no answer.
    pub defect_found: Option<bool>,
}

/// Renders the tiers for people. `user_file` is where they are defined.
#[must_use]
pub fn tiers_text(tiers: &[Tier], user_file: &Path, notes: &[String]) -> String {
    written(|out| {
        if tiers.is_empty() {
            writeln!(out, "no model is configured in {}", user_file.display())?;
            writeln!(out, "`hookgate models detect` looks for servers on this machine")?;
        }
        for tier in tiers {
            write_tier(out, tier)?;
        }
        notes.iter().try_for_each(|note| writeln!(out, "{YELLOW}note{YELLOW:#}: {note}"))
    })
}

fn write_tier(out: &mut String, tier: &Tier) -> fmt::Result {
    writeln!(
        out,
        "{BOLD}{}{BOLD:#}  {} {DIM}of {} at {}{DIM:#}",
        shown(&tier.tier),
        shown(&tier.model),
        shown(&tier.provider),
        shown(&tier.base_url)
    )?;
    if let Some(problem) = &tier.problem {
        writeln!(out, "  {RED}cannot be asked{RED:#}: it {problem}")?;
    }
    let key = match (&tier.key_variable, &tier.problem) {
        (None, _) => "no key needed".to_owned(),
        (Some(variable), None) => format!("key from {}", shown(variable)),
        (Some(variable), Some(_)) => format!("key in {}", shown(variable)),
    };
    let price = match &tier.price {
        Some(price) if price.input_usd == 0.0 && price.output_usd == 0.0 => "free".to_owned(),
        Some(price) => {
            let usd = |usd: f64| PicoUsd::from_usd(usd);
            format!(
                "{} in, {} out a million tokens ({})",
                usd(price.input_usd),
                usd(price.output_usd),
                tier.price_source
            )
        }
        None => "price unknown".to_owned(),
    };
    writeln!(out, "  {key}; {price}")?;
    if tier.local.is_none() {
        writeln!(out, "  {YELLOW}{}{YELLOW:#}", may_leave(&tier.provider))?;
    }
    if let Some(because) = &tier.breaker_because {
        writeln!(
            out,
            "  {YELLOW}breaker {}{YELLOW:#}: {}",
            tier.breaker.unwrap_or("unknown"),
            one_line(because, 3 * WORDS)
        )?;
    }
    let count = |count: u64, noun| Count(usize::try_from(count).unwrap_or(usize::MAX), noun);
    if let Requests { requests: Some(requests), answered: Some(answered), .. } = tier.requests {
        write!(out, "  {} in {DAYS} days", count(requests, "request"))?;
        if requests > 0 {
            write!(out, ", {} answered", Grouped(answered))?;
        }
        if let (Some(p50), Some(p95)) = (tier.requests.latency_p50_ms, tier.requests.latency_p95_ms) {
            write!(out, ", in {} (p95 {})", duration(p50), duration(p95))?;
        }
        writeln!(out)?;
    }
    if let Some(error) = &tier.estimate_error {
        writeln!(
            out,
            "  counts {:.1} % {} on average, p95 {:.1} %, worst {:.1} % off ({})",
            error.mean_percent.abs(),
            if error.mean_percent > 0.0 { "too high" } else { "too low" },
            error.p95_percent,
            error.worst_percent,
            count(error.requests, "request")
        )?;
    }
    Ok(())
}

/// What there is to say of a tier whose provider is on this machine, wants a key, and may be a gateway.
#[must_use]
pub fn may_leave(provider: &str) -> String {
    let provider = shown(provider);
    format!(
        "may send code off this machine, since it wants a key: gateway = false in [providers.{provider}] says that it does not"
    )
}

/// Renders the tiers as one line of JSON.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn tiers_json(tiers: &[Tier], user_file: &Path, notes: &[String]) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Document<'t> {
        version: u32,
        user_file: String,
        days: u64,
        tiers: &'t [Tier],
        notes: &'t [String],
    }
    let user_file = user_file.display().to_string();
    serde_json::to_string(&Document { version: VERSION, user_file, days: DAYS, tiers, notes })
}

/// Renders for people what answers on this machine; `looked_for` says where it was looked.
#[must_use]
pub fn servers_text(servers: &[Server], looked_for: &str, taken: &Taken, user_file: &Path) -> String {
    written(|out| {
        if servers.is_empty() {
            writeln!(out, "no model server answers on this machine: looked for {looked_for}")?;
            writeln!(out, "start one, or name its port with --port;")?;
            let file = user_file.display();
            return writeln!(
                out,
                "gateways and other servers are not looked for: write one into {file} yourself"
            );
        }
        for server in servers {
            let version = server.version.as_deref().map_or_else(String::new, |it| format!(" {}", shown(it)));
            let state = match server {
                Server { loading: true, .. } => ", still loading its model: look again in a moment",
                Server { wants_key: true, .. } => ", which wants a key: name its variable with api_key_env",
                _ => "",
            };
            writeln!(out, "{BOLD}{}{}{BOLD:#} at {}{state}", server.name, version, server.base_url)?;
            if server.models.is_empty() && state.is_empty() {
                writeln!(out, "  {DIM}without a model{DIM:#}")?;
            }
            let width = server.models.iter().map(|model| model.name.chars().count()).max();
            let width = width.unwrap_or(0).min(40);
            for model in &server.models {
                writeln!(out, "  {:width$}  {DIM}{}{DIM:#}", shown(&model.name), about(model, server))?;
            }
        }
        match lines(servers, taken) {
            Some(lines) => {
                writeln!(out, "\nTo use them, add this to {}:\n", user_file.display())?;
                lines.lines().try_for_each(|line| writeln!(out, "{}", format!("    {line}").trim_end()))?;
                writeln!(out, "\nThen `hookgate models test` tries them.")
            }
            None if servers.iter().all(|server| server.proposed().is_none()) => {
                writeln!(out, "\nno model of it can be proposed")
            }
            None => writeln!(out, "\nnothing of it is new to {}", user_file.display()),
        }
    })
}

fn about(model: &ServedModel, server: &Server) -> String {
    let mut about = Vec::new();
    if let Some(context) = model.context {
        // Ollama is told with each request how much it needs.
        let is_small = context < SMALLEST_CONTEXT && server.dialect != "ollama" && !model.embeds_only;
        let small = if is_small { ", too few for most requests" } else { "" };
        about.push(format!("{} tokens of context{small}", Grouped(context)));
    }
    if model.loaded {
        about.push("loaded".to_owned());
    }
    if model.embeds_only {
        about.push("for embeddings only".to_owned());
    }
    if model.elsewhere {
        about.push("runs elsewhere: code would leave this machine".to_owned());
    }
    about.join(", ")
}

/// Renders the servers as one line of JSON.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn servers_json(
    servers: &[Server],
    taken: &Taken,
    user_file: &Path,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Document<'s> {
        version: u32,
        user_file: String,
        servers: &'s [Server],
        lines: Option<String>,
    }
    let (user_file, lines) = (user_file.display().to_string(), lines(servers, taken));
    serde_json::to_string(&Document { version: VERSION, user_file, servers, lines })
}

/// What trials take at the most, said before them: of each tier the tokens that are reserved.
#[must_use]
pub fn before_trials(most: &[(&str, u64)]) -> String {
    let requests = Count(most.len(), "small request");
    if most.is_empty() {
        return format!("{DIM}sending {requests}{DIM:#}\n");
    }
    let each = most.iter().map(|(tier, tokens)| format!("{} to {}", Grouped(*tokens), shown(tier)));
    let each: Vec<_> = each.collect();
    let again = "as many again for one that has to be sent once more";
    format!("{DIM}sending {requests}, tokens at the most: {}; {again}{DIM:#}\n", each.join(", "))
}

/// Renders a trial for people.
#[must_use]
pub fn trial_text(trial: &Trial) -> String {
    written(|out| {
        let (style, word) = if trial.ok { (GREEN, "ok") } else { (RED, "failed") };
        write!(
            out,
            "{style}{word}{style:#}  {BOLD}{}{BOLD:#}  {} {DIM}of {}{DIM:#}",
            shown(&trial.tier),
            shown(&trial.model),
            shown(&trial.provider)
        )?;
        match trial.latency_ms {
            Some(latency) => writeln!(out, ", {}", duration(latency))?,
            None => writeln!(out)?,
        }
        if let Some(message) = &trial.message {
            let reason = trial.reason.unwrap_or("error");
            writeln!(out, "    [{reason}] {}", one_line(message, 4 * WORDS))?;
        }
        if let (Some(input), Some(output), Some(counted)) = (trial.input, trial.output, trial.counted_input) {
            if trial.usage_source == Some("reported") {
                writeln!(
                    out,
                    "    usage   {} tokens in, {} out; counted {} in ({:+.0} %)",
                    Grouped(input),
                    Grouped(output),
                    Grouped(counted),
                    (counted as f64 - input as f64) * 100.0 / input.max(1) as f64
                )?;
            } else {
                writeln!(out, "    usage   not reported: each request is charged its whole reservation")?;
            }
        }
        let yes_no = |value: bool| if value { "yes" } else { "no" };
        if let Some(schema) = trial.schema {
            writeln!(out, "    schema  {}", if schema { "followed" } else { "not followed" })?;
        }
        if let Some(read) = trial.read_in_full {
            writeln!(out, "    prompt  {}", if read { "read in full" } else { "cut short by the server" })?;
        }
        if let Some(found) = trial.defect_found {
            writeln!(out, "    defect  the planted one was found: {}", yes_no(found))?;
        }
        Ok(())
    })
}

/// Renders the trials as one line of JSON.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn trials_json(trials: &[Trial], most_tokens: u64) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Document<'t> {
        version: u32,
        most_tokens: u64,
        trials: &'t [Trial],
    }
    serde_json::to_string(&Document { version: VERSION, most_tokens, trials })
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let done = write(&mut out);
    debug_assert!(done.is_ok(), "writing to a string does not fail");
    out
}

/// What somebody else has named, fit for a terminal.
fn shown(name: &str) -> String {
    one_line(name, WORDS)
}

#[cfg(test)]
mod tests;
