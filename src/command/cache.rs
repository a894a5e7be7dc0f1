//! `hookgate cache`: what earlier reviews have saved, or nothing of them any more.

use std::io::Write;
use std::time::SystemTime;

use crate::cli::{Cache as Arguments, ListFormat};
use crate::config::{Environment, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::meter::cache::{Cache, CacheError};
use crate::meter::calendar::since_epoch;
use crate::report::cache::{json, period, text};
use crate::tokens::Count;

pub(super) fn execute(
    args: &Arguments,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let directory = UserConfig::load(environment)?.state_directory;
    let refused = |error: CacheError| Error::Refused(error.to_string());
    let now = since_epoch(SystemTime::now());
    let mut cache = Cache::existing(&directory, now).map_err(refused)?;
    if args.clear {
        let cleared = cache.as_mut().map_or(Ok(0), Cache::clear).map_err(refused)?;
        let cleared = Count(usize::try_from(cleared).unwrap_or(usize::MAX), "review");
        writeln!(out, "hookgate: forgot {cleared}")?;
        return Ok(ExitStatus::Allowed);
    }
    let statistics = cache.as_mut().map(|cache| cache.statistics(args.since, period(args.since)));
    let statistics = statistics.transpose().map_err(refused)?.unwrap_or_default();
    let path = directory.join(Cache::FILE);
    match args.format {
        ListFormat::Text => out.write_all(text(&path, &statistics, args.since).as_bytes())?,
        ListFormat::Json => {
            writeln!(out, "{}", json(&path, &statistics, args.since).map_err(std::io::Error::other)?)?;
        }
    }
    Ok(ExitStatus::Allowed)
}
