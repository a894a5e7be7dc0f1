//! Who answers what no proof drops: a choice that the user reads and changes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::change::ChangeClass;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerer {
    /// A model, inside the limit.
    Model,
    /// Rules alone.
    Rules,
}

/// The kinds of change about which there is a choice. What is proved to mean nothing is nobody's
/// question, what a program wrote nobody's work, and a real change of code always a model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Configuration and data.
    Config,
    /// Comments that speak to a tool.
    Directives,
    /// Prose.
    Docs,
    /// Documentation that is part of the program.
    Documentation,
    /// Imports that came, went, or changed their order.
    Imports,
    /// Only literals differ.
    Literals,
    /// Definitions that stand elsewhere and say the same.
    Moves,
    /// Other names for the same things, where it is not proved that nobody else uses them.
    Renames,
    /// Code that only tests run.
    Tests,
}

impl Kind {
    /// The kind of a class; none where there is no choice.
    #[must_use]
    pub fn of(class: ChangeClass) -> Option<Self> {
        Some(match class {
            ChangeClass::Data => Self::Config,
            ChangeClass::Directive => Self::Directives,
            ChangeClass::Docs => Self::Docs,
            ChangeClass::Documentation => Self::Documentation,
            ChangeClass::Import | ChangeClass::ImportOrder => Self::Imports,
            ChangeClass::Literal => Self::Literals,
            ChangeClass::Move => Self::Moves,
            ChangeClass::Rename => Self::Renames,
            ChangeClass::Test => Self::Tests,
            _ => return None,
        })
    }

    /// The key in `[review]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Directives => "directives",
            Self::Docs => "docs",
            Self::Documentation => "documentation",
            Self::Imports => "imports",
            Self::Literals => "literals",
            Self::Moves => "moves",
            Self::Renames => "renames",
            Self::Tests => "tests",
        }
    }

    /// Who answers where the user says nothing.
    #[must_use]
    pub fn usual(self) -> Answerer {
        match self {
            Self::Literals | Self::Renames => Answerer::Model,
            _ => Answerer::Rules,
        }
    }
}

/// How the routes of a run are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Why rules alone answer, whatever kind of change it is; none where a model may be asked.
    pub rules_only: Option<String>,
    /// Who answers a kind, where it is not who usually does.
    pub answerers: BTreeMap<Kind, Answerer>,
}

impl Policy {
    /// Whether documentation is sent with the code that it stands at.
    #[must_use]
    pub fn sends_documentation(&self) -> bool {
        self.answerer(Kind::Documentation) == Answerer::Model
    }

    /// Who answers a kind.
    #[must_use]
    pub fn answerer(&self, kind: Kind) -> Answerer {
        self.answerers.get(&kind).copied().unwrap_or(kind.usual())
    }
}
