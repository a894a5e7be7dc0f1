//! `hookgate budget`: every limit, and how much of it is left.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::SystemTime;

use crate::cli::{Budget as Arguments, Hook};
use crate::config::{Ceiling, Config, Environment, USUAL_LIMIT, UserConfig};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::{GitError, Repository};
use crate::meter::budget::Budget;
use crate::meter::calendar::since_epoch;
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
    let hooks = [Hook::PreCommit, Hook::PrePush];
    let (user, attribution, ceilings) = match Repository::open(&environment.directory) {
        Ok(repository) => {
            let config = Config::load(&repository, environment)?;
            let ceilings = hooks.map(|hook| config.ceilings(hook));
            let attribution = config.attribution(Hook::PreCommit);
            (config.user, attribution, ceilings)
        }
        Err(GitError::NotARepository(_) | GitError::Bare(_)) => {
            let user = UserConfig::load(environment)?;
            let attribution = user.attribution(Hook::PreCommit.as_str());
            let ceilings = hooks.map(|_| user.ceilings(Some(USUAL_LIMIT), &attribution));
            (user, attribution, ceilings)
        }
        Err(error) => return Err(error.into()),
    };
    let mut bounds: Vec<Bound> = Vec::new();
    let mut origins = BTreeMap::new();
    let mut limits = Vec::new();
    let of = |(hook, ceilings): (Hook, Vec<Ceiling>)| ceilings.into_iter().map(move |it| (hook, it));
    for (hook, Ceiling { limit, origin }) in hooks.into_iter().zip(ceilings).flat_map(of) {
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
                limits.push(limit);
            }
        }
    }
    bounds.sort_by_key(|bound| bound.limit.window);
    let now = since_epoch(SystemTime::now());
    let limits = Limits::new(limits);
    let place = user.store();
    let (standing, waiting) = match Budget::existing(&place, limits.clone(), attribution.clone())? {
        Some(budget) => (budget.standing()?, budget.waiting().cloned()),
        None => (Standing::unused(now, &limits, &attribution), None),
    };
    let user_file = user.path;
    let overview = Overview { attribution, place, standing, waiting, bounds, user_file, origins };
    write(&overview, args.format, environment.columns, out)?;
    Ok(ExitStatus::Allowed)
}
