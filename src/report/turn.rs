//! Which tier was asked about what, and why that one.

use std::fmt::{self, Write as _};

use super::{Mode, ModelName, Report};
use crate::payload::UnitRef;
use crate::payload::route::Route;
use crate::tokens::Count;

/// One tier's turn in a run, or in a preview the first one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub model: ModelName,
    /// Why, as the ledger has it: `first`, `failover:local:unreachable`, `escalated:local`.
    pub because: String,
    /// Requests that were built for it.
    pub requests: usize,
    /// Units that it is to answer.
    pub units: usize,
    /// Units of these that it has answered.
    pub reviewed: usize,
    /// Why it has not answered the first of those that are missing, in one line.
    pub trouble: Option<String>,
}

/// Who is asked only if something goes wrong, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standby {
    /// Tiers that are asked, in this order, about what those before them leave unanswered.
    pub next: Vec<String>,
    /// The tier that is asked again about what the first one is unsure of.
    pub escalation: Option<String>,
    /// Tiers that are named and not asked.
    pub skipped: Vec<Skipped>,
}

/// A tier that is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub tier: String,
    /// Why, in words that end a sentence about it.
    pub because: String,
}

impl Turn {
    fn is_escalation(&self) -> bool {
        self.because.starts_with("escalated:")
    }

    /// The tier in whose place, or after which, this one is asked.
    fn from(&self) -> &str {
        self.because.split(':').nth(1).unwrap_or_default()
    }
}

impl Report {
    /// The tier that answered a unit, or in a preview would.
    #[must_use]
    pub fn tier(&self, unit: UnitRef) -> Option<&str> {
        let decision = self.changes.get(unit.change)?.units.get(unit.unit)?;
        let placement = self.placements.get(&unit).filter(|_| decision.route == Route::Model)?;
        self.turns.get(placement.turn).map(|turn| turn.model.tier.as_str())
    }

    /// The models that answered something; the one that is asked first where none has.
    pub(super) fn reviewers(&self) -> Vec<&ModelName> {
        let mut models: Vec<_> =
            self.turns.iter().filter(|turn| turn.reviewed > 0).map(|turn| &turn.model).collect();
        models.dedup();
        if models.is_empty() { self.model.iter().collect() } else { models }
    }
}

/// One line for each tier that was not asked, that took another one's place, or that was asked again.
pub(super) fn lines(out: &mut String, report: &Report) -> fmt::Result {
    let Some(first) = report.turns.first() else { return Ok(()) };
    for Skipped { tier, because } in &report.standby.skipped {
        writeln!(out, "hookgate: tier `{tier}` is passed over: it {because}")?;
    }
    if report.mode == Mode::Preview {
        return follow(out, report, &first.model.tier);
    }
    for turn in &report.turns {
        let (tier, from, units) = (&turn.model.tier, turn.from(), Count(turn.units, "unit"));
        let trouble = turn.trouble.as_deref().unwrap_or("no answer");
        if turn.is_escalation() {
            if turn.reviewed > 0 {
                let reviewed = Count(turn.reviewed, "unit");
                writeln!(
                    out,
                    "hookgate: `{tier}` was asked again about {reviewed} that `{from}` is unsure of"
                )?;
            }
            if let Some(missing) = turn.units.checked_sub(turn.reviewed + 1) {
                let missing = Count(missing + 1, "unit");
                writeln!(
                    out,
                    "hookgate: `{from}` is unsure of {missing}, and its answer stands, since `{tier}` gave none: {trouble}"
                )?;
            }
        } else if turn.because.starts_with("failover:") {
            let before = report.turns.iter().find(|other| other.model.tier == from);
            let why = before.and_then(|turn| turn.trouble.as_deref()).unwrap_or("no answer");
            // Without an answer it may not have been asked at all: its breaker was open, or a limit near.
            match turn.reviewed {
                0 => writeln!(
                    out,
                    "hookgate: `{tier}` gave no answer about {units} in place of `{from}` either: {trouble}"
                )?,
                _ => writeln!(out, "hookgate: `{tier}` was asked about {units} in place of `{from}`: {why}")?,
            }
        }
    }
    Ok(())
}

/// Who else could be asked in a run.
fn follow(out: &mut String, report: &Report, first: &str) -> fmt::Result {
    let Standby { next, escalation, .. } = &report.standby;
    if !next.is_empty() {
        writeln!(out, "hookgate: where `{first}` gives no answer, `{}` is asked", next.join("`, then `"))?;
    }
    if let Some(escalation) = escalation {
        writeln!(out, "hookgate: `{escalation}` is asked again about what `{first}` is unsure of")?;
    }
    Ok(())
}
