//! Who answers each unit: nobody, with proof; a rule; a model; or nobody, with a reason.

use crate::change::{ChangeClass, ClassifiedChange, Content, Opaque};

use super::UnitRef;
use super::policy::{Answerer, Kind, Policy};
use crate::meter::Window;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Proved to mean nothing: nobody needs to.
    Drop,
    /// Rules alone.
    Rules,
    /// An earlier review of the same text.
    Cache,
    /// A model.
    Model,
    /// Nobody, and the report says why.
    NotReviewed(Reason),
}

impl Route {
    /// The word that reports and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Rules => "rules",
            Self::Cache => "cache",
            Self::Model => "model",
            Self::NotReviewed(_) => "not_reviewed",
        }
    }
}

/// Why something that should have been reviewed was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// One request would be larger than a call may be.
    BudgetCall,
    /// The hook run's limit.
    BudgetHook,
    /// The day's limit.
    BudgetDay,
    /// The month's limit.
    BudgetMonth,
    /// A limit in money is set, and the model's price is unknown.
    Unpriced,
    /// The deadline passed.
    Timeout,
    /// The breaker is open.
    Breaker,
    /// No model is configured for the hook's tiers.
    NoModel,
    /// The endpoint could not be reached.
    Unreachable,
    /// The endpoint answered with an error.
    Rejected,
    /// The model declined to answer.
    Refusal,
    /// The model read fewer tokens than were sent.
    ShortRead,
    /// The reply is not what was asked for.
    Schema,
    /// The text could not be read, so that nothing can be said of it.
    Parse,
    /// Held back since it holds a secret.
    Secret,
    /// The user has not consented to send this repository's code.
    Consent,
    /// The ledger could not be read or written, so that no limit could be kept.
    Store,
    /// The commit is refused already, so that a review would be paid for nothing.
    Blocked,
}

impl Reason {
    /// The code that reports and the ledger use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BudgetCall => "budget:call",
            Self::BudgetHook => "budget:hook",
            Self::BudgetDay => "budget:day",
            Self::BudgetMonth => "budget:month",
            Self::Unpriced => "unpriced",
            Self::Timeout => "timeout",
            Self::Breaker => "breaker",
            Self::NoModel => "no_model",
            Self::Unreachable => "unreachable",
            Self::Rejected => "rejected",
            Self::Refusal => "refusal",
            Self::ShortRead => "short_read",
            Self::Schema => "schema",
            Self::Parse => "parse",
            Self::Secret => "secret",
            Self::Consent => "consent",
            Self::Store => "store",
            Self::Blocked => "blocked",
        }
    }
}

impl From<Window> for Reason {
    /// The code that names a window's limit.
    fn from(window: Window) -> Self {
        match window {
            Window::Call => Self::BudgetCall,
            Window::Hook => Self::BudgetHook,
            Window::Day => Self::BudgetDay,
            Window::Month => Self::BudgetMonth,
        }
    }
}

/// A route and why it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who answers.
    pub route: Route,
    /// One line for a reader.
    pub because: String,
}

/// A classified change with a decision for each unit.
#[derive(Debug)]
pub struct RoutedChange {
    /// The change.
    pub classified: ClassifiedChange,
    /// The decision for the file itself where it has no units.
    pub file: Option<Decision>,
    /// One decision a unit, in the order of the units.
    pub units: Vec<Decision>,
}

/// Decides for every unit.
#[must_use]
pub fn route(changes: Vec<ClassifiedChange>, policy: &Policy) -> Vec<RoutedChange> {
    changes
        .into_iter()
        .map(|classified| {
            let units: Vec<_> = classified
                .units
                .iter()
                .map(|unit| decide(unit.class, unit.proved, &unit.because, policy))
                .collect();
            let file = units.is_empty().then(|| decide_file(&classified, policy));
            RoutedChange { classified, file, units }
        })
        .collect()
}

/// What is proved is dropped, what a table names is left to rules, and the rest is the policy's.
fn decide(class: ChangeClass, proved: bool, because: &str, policy: &Policy) -> Decision {
    let decision = |route, because: String| Decision { route, because };
    if proved {
        return decision(Route::Drop, because.to_owned());
    }
    let rules = matches!(
        class,
        ChangeClass::Generated | ChangeClass::Lock | ChangeClass::Vendored | ChangeClass::Opaque
    );
    if rules {
        return decision(Route::Rules, because.to_owned());
    }
    match (Kind::of(class), &policy.rules_only) {
        (Some(kind), _) if policy.answerer(kind) == Answerer::Rules => {
            decision(Route::Rules, format!("{because}: left to rules ([review] {})", kind.as_str()))
        }
        (_, Some(why)) => decision(Route::Rules, why.clone()),
        (_, None) => decision(Route::Model, because.to_owned()),
    }
}

/// A file without units has no lines to ask about; where that is since it could not be read, it
/// was not reviewed.
fn decide_file(change: &ClassifiedChange, policy: &Policy) -> Decision {
    let sides = &change.parsed.change;
    let is_unread = [&sides.old, &sides.new]
        .into_iter()
        .flatten()
        .any(|side| matches!(side.content, Content::Opaque(Opaque::TooLarge | Opaque::Missing)));
    if is_unread {
        return Decision { route: Route::NotReviewed(Reason::Parse), because: change.because.clone() };
    }
    let decision = decide(change.class, change.class == ChangeClass::Metadata, &change.because, policy);
    match decision.route {
        Route::Model => Decision { route: Route::Rules, because: "no line to review".into() },
        _ => decision,
    }
}

/// The units that a model is to be asked about, in order.
pub fn asked(changes: &[RoutedChange]) -> impl Iterator<Item = UnitRef> + '_ {
    changes.iter().enumerate().flat_map(|(change, routed)| {
        routed
            .units
            .iter()
            .enumerate()
            .filter(|(_, decision)| decision.route == Route::Model)
            .map(move |(unit, _)| UnitRef { change, unit })
    })
}
