//! `hookgate audit`: the last commits, as if they were made today.

use std::fs;
use std::io::Write;
use std::time::Instant;

use crate::audit::audit;
use crate::cli::{self, Apply};
use crate::config::file::{LOCAL_FILE, REPOSITORY_FILE};
use crate::config::{Config, Environment, read, with_token_limit};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;
use crate::meter::Window;
use crate::report::audit::{Applied, Audit, write};
use crate::tokens::Grouped;

/// Replays commits, and writes a limit where that is asked for.
///
/// # Errors
/// No repository, no commit, a wrong configuration, or a limit that cannot be written.
pub(super) fn execute(
    args: &cli::Audit,
    verbose: bool,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<ExitStatus, Error> {
    let started = Instant::now();
    let repository = Repository::open(&environment.directory)?;
    let config = Config::load(&repository, environment)?;
    let mut options = config.options(args.hook)?;
    options.tiers.asked = config.priced(args.hook, args.model.as_deref())?.into_iter().collect();
    let tip = match &args.revision {
        Some(revision) => repository.resolve(revision)?,
        None => {
            repository.head()?.ok_or_else(|| Error::Refused("there is no commit to replay yet".to_owned()))?
        }
    };
    let commits = repository.history(tip, args.last as usize)?;
    let mut audit = audit(&repository, &commits, options);
    if let Some(chosen) = args.apply {
        audit.applied = Some(apply(chosen, &audit, args.hook, &config, &repository, environment)?);
    }
    audit.elapsed = started.elapsed();
    write(&audit, args.format, verbose, out)?;
    Ok(ExitStatus::Allowed)
}

/// Writes the chosen limit into the repository's file.
fn apply(
    chosen: Apply,
    audit: &Audit,
    hook: cli::Hook,
    config: &Config,
    repository: &Repository,
    environment: &Environment,
) -> Result<Applied, Error> {
    let named = |name: &str| audit.limits.iter().find(|limit| limit.name == name).map(|limit| limit.tokens);
    let chosen = match chosen {
        Apply::Mean => named("mean-20%"),
        Apply::P50 => named("p50"),
        Apply::P90 => named("p90"),
        Apply::P95 => named("p95"),
        Apply::Tokens(tokens) => Some(tokens),
    };
    let Some(token_limit) = chosen else {
        let message = "--apply: no commit here asks a model, so that no limit follows from them; \
                       --apply=N writes one of your own";
        return Err(Error::Refused(message.to_owned()));
    };
    if token_limit <= audit.one_request_tokens {
        return Err(Error::Refused(sends_nothing(token_limit, audit)));
    }
    let path = repository.work_tree().join(REPOSITORY_FILE);
    let text = read::text(&path)?.unwrap_or_default();
    let text = with_token_limit(&text, hook, token_limit)
        .map_err(|error| Error::Refused(format!("{REPOSITORY_FILE} cannot be changed: {error}")))?;
    fs::write(&path, text)
        .map_err(|source| Error::Io { action: format!("write {}", path.display()), source })?;
    // What counts is what the files say together, now that one of them says something else.
    let now = Config::load(repository, environment)?;
    let in_force = now.options(hook)?.limits.tokens(Window::Hook).unwrap_or(token_limit);
    let because = if in_force == token_limit {
        None
    } else if config.user.file.limits.own.hook_tokens == Some(in_force) {
        Some(format!("`hook_tokens` in {} is lower", config.user.path.display()))
    } else {
        Some(format!("{LOCAL_FILE} says so"))
    };
    let hook = hook.as_str().to_owned();
    let needs_consent = !now.consent.allows();
    Ok(Applied { file: REPOSITORY_FILE.to_owned(), hook, token_limit, in_force, because, needs_consent })
}

/// Why a limit is not written that leaves no room for code, and which one could be.
fn sends_nothing(token_limit: u64, audit: &Audit) -> String {
    let (limit, floor) = (Grouped(token_limit), Grouped(audit.one_request_tokens));
    let sensible = audit.limits.iter().filter(|limit| !limit.sends_nothing).min_by_key(|limit| limit.tokens);
    let instead = sensible.map_or_else(
        || "a limit has to be larger".to_owned(),
        |limit| {
            let chosen = if limit.name == "mean-20%" { "mean" } else { limit.name };
            format!("--apply={chosen} writes {}", Grouped(limit.tokens))
        },
    );
    format!(
        "--apply: under a limit of {limit} nothing would be sent, since one request takes {floor} tokens \
         before any code; {instead}"
    )
}
