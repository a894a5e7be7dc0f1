//! A limit that was crossed, for people and as JSON.

use serde::Serialize;

use crate::meter::crossing::{Crossing, Overrun};
use crate::meter::{Limit, Unit};

/// What happened, and what keeps it from happening again where estimates are learned.
pub(super) fn sentence(crossing: &Crossing, is_learned: bool) -> String {
    let advice = match crossing.overruns.iter().any(|overrun| overrun.percent > 0) {
        true if is_learned => " (`[limits] counting = \"strict\"` reserves what no tokenizer exceeds)",
        _ => "",
    };
    format!("{crossing}{advice}")
}

/// A crossed limit in the JSON of `run` and `budget`.
#[derive(Serialize)]
pub(super) struct JsonCrossing<'c> {
    window: &'static str,
    scope: &'static str,
    unit: &'static str,
    limit: u64,
    /// Used and reserved together.
    taken: u64,
    excess: u64,
    overruns: Vec<JsonOverrun<'c>>,
}

#[derive(Serialize)]
struct JsonOverrun<'c> {
    model: &'c str,
    percent: u64,
    reports_cost: bool,
}

impl<'c> From<&'c Crossing> for JsonCrossing<'c> {
    fn from(crossing: &'c Crossing) -> Self {
        let Limit { window, scope, unit, most } = crossing.limit;
        let overrun = |overrun: &'c Overrun| JsonOverrun {
            model: &overrun.model,
            percent: overrun.percent,
            reports_cost: overrun.reports_cost,
        };
        Self {
            window: window.as_str(),
            scope: scope.as_str(),
            unit: if unit == Unit::Tokens { "tokens" } else { "pico_usd" },
            limit: most,
            taken: crossing.taken,
            excess: crossing.excess(),
            overruns: crossing.overruns.iter().map(overrun).collect(),
        }
    }
}
