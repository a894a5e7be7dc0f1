//! Which limits are in force, and which file says so.

use super::file::{Ceilings, UserLimits};
use crate::meter::{Attribution, Limit, Scope};

/// A limit, and the place that sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The limit.
    pub limit: Limit,
    /// Where it is written: a table of the user's file, `[limits]`, or `hookgate.toml`.
    pub origin: String,
}

/// The user's ceilings over whoever is charged, and for a hook the tokens that one run may take as the
/// repository has it, with where it says so: a repository lowers its user's ceilings, and cannot
/// raise them. Above what is built in, it needs their consent: see [`Capabilities`](super::trust::Capabilities).
pub(super) fn ceilings(
    user: &UserLimits,
    asked: Option<(u64, &str)>,
    attribution: &Attribution,
) -> Vec<Ceiling> {
    let counts = |own: &u64| asked.is_none_or(|(tokens, _)| *own < tokens);
    let own = Ceilings { hook_tokens: user.own.hook_tokens.filter(counts), ..user.own };
    let mut all: Vec<Ceiling> =
        own.limits(Scope::User).map(|limit| Ceiling { limit, origin: "[limits]".to_owned() }).collect();
    if let Some((tokens, origin)) = asked.filter(|_| own.hook_tokens.is_none()) {
        let asked = Ceilings { hook_tokens: Some(tokens), ..Ceilings::default() };
        all.extend(asked.limits(Scope::User).map(|limit| Ceiling { limit, origin: origin.to_owned() }));
    }
    let tables =
        [(Scope::Repository, &user.repository), (Scope::Team, &user.team), (Scope::Stage, &user.stage)];
    for (scope, table) in tables {
        let Some(name) = attribution.scope(scope) else { continue };
        let Some((name, ceilings)) = table.get_key_value(name).or_else(|| table.get_key_value("*")) else {
            continue;
        };
        let origin = format!("[limits.{}.{name:?}]", scope.as_str());
        all.extend(ceilings.limits(scope).map(|limit| Ceiling { limit, origin: origin.clone() }));
    }
    all
}
