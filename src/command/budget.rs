//! `hookgate budget`: every limit, and how much of it is left.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::{Budget as Arguments, Hook};
use crate::config::file::Counting;
use crate::config::{Ceiling, Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::{GitError, Repository};
use crate::meter::budget::Budget;
use crate::meter::standing::Standing;
use crate::meter::{Limits, Window};
use crate::report::budget::{Bound, Overview, write};

/// Reads what the limits of this place leave: of a repository and its user, or outside of one of the
/// user alone.
///
/// # Errors
/// A wrong configuration, or a ledger that cannot be read.
pub(super) fn execute(
    args: &Arguments,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let config = match Repository::open(&environment.directory) {
        Ok(repository) => Config::load(&repository, environment)?,
        Err(GitError::NotARepository(_) | GitError::Bare(_)) => Config::of_user(environment)?,
        Err(error) => return Err(error.into()),
    };
    let attribution = config.attribution(Hook::PreCommit);
    let mut bounds: Vec<Bound> = Vec::new();
    let mut origins = BTreeMap::new();
    let mut limits = Vec::new();
    let of = |hook: Hook| config.ceilings(hook).into_iter().map(move |ceiling| (hook, ceiling));
    for (hook, Ceiling { limit, origin }) in [Hook::PreCommit, Hook::PrePush].into_iter().flat_map(of) {
        match limit.window {
            Window::Call | Window::Hook => {
                let hook = (limit.window == Window::Hook).then(|| hook.as_str());
                let bound = Bound { limit, hook, origin };
                if !bounds.contains(&bound) {
                    bounds.push(bound);
                }
            }
            Window::Day | Window::Month => {
                origins.insert((limit.window, limit.scope, limit.unit), origin);
                // Both hooks count for it.
                if !limits.contains(&limit) {
                    limits.push(limit);
                }
            }
        }
    }
    bounds.sort_by_key(|bound| bound.limit.window);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let limits = Limits::new(limits);
    let standing = match Budget::existing(&config.store(), limits.clone(), attribution.clone())? {
        Some(budget) => budget.standing()?,
        None => Standing::unused(now, &limits, &attribution),
    };
    let is_learned = config.user.limits.counting == Counting::Learned;
    let user_file = config.user_path;
    let overview = Overview { attribution, now, standing, bounds, is_learned, user_file, origins };
    write(&overview, args.format, environment.columns, out)?;
    Ok(ExitStatus::Allowed)
}
