//! The bill for people.

use std::fmt::Write as _;

use super::{Spend, Sums};
use crate::meter::calendar::window_ids;
use crate::report::table::{Column, bar, duration, table};
use crate::report::text::{BOLD, DIM, YELLOW};
use crate::text::one_line;
use crate::tokens::{Count, Grouped};

/// Characters of a bar.
const BAR: u64 = 10;

/// Characters of the longest name that is shown whole.
const LONGEST_NAME: usize = 120;

pub(super) fn render(spend: &Spend, width: Option<usize>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail, here and below.
    let _ = writeln!(
        out,
        "{BOLD}spend{BOLD:#} since {}{} (UTC)",
        window_ids(spend.period.since).0,
        spend
            .period
            .until
            .map_or_else(String::new, |until| format!(", up to {}", window_ids(until.saturating_sub(1)).0)),
    );
    let total = &spend.total;
    if total.requests == 0 && spend.groups.is_empty() {
        let _ = writeln!(out, "no request was made, and none avoided");
    } else {
        rows(&mut out, spend, width);
    }
    if total.unpriced > 0 {
        let requests = Count(total.unpriced as usize, "request");
        let _ = writeln!(
            out,
            "{YELLOW}note{YELLOW:#}: ? is the cost of {requests} to models whose price is unknown; \
             [prices.\"provider/model\"] in your own file gives it"
        );
    }
    if total.open > 0 {
        let _ = writeln!(out, "{DIM}{} under way{DIM:#}", Count(total.open as usize, "request"));
    }
    avoided(&mut out, spend);
    for note in &spend.notes {
        let _ = writeln!(out, "{YELLOW}note{YELLOW:#}: {}", one_line(note, 400));
    }
    out
}

fn rows(out: &mut String, spend: &Spend, width: Option<usize>) {
    let titles: Vec<_> = spend.by.iter().map(ToString::to_string).collect();
    let figures = [
        Column::Figures("requests"),
        Column::Optional("denied"),
        Column::Optional("failed"),
        Column::Figures("input"),
        Column::Optional("cached"),
        Column::Figures("output"),
        Column::Figures("cost"),
        Column::Optional("avoided"),
        Column::Optional("p50"),
        Column::Optional("p95"),
        Column::Optional("reserved"),
        Column::Optional("energy"),
        Column::Rest(""),
    ];
    let columns: Vec<_> = titles.iter().map(|title| Column::Name(title)).chain(figures).collect();
    let is_priced = spend.total.cost.0 > 0;
    let weight = |sums: &Sums| if is_priced { sums.cost.0 } else { sums.used() };
    let whole = weight(&spend.total);
    let tells_avoided = spend.tells_avoided();
    let shown: Vec<Vec<String>> = spend
        .sorted()
        .into_iter()
        .map(|(key, sums)| {
            let name = |value: &Option<String>| {
                value.as_deref().map_or("–".to_owned(), |value| one_line(value, LONGEST_NAME))
            };
            let bar = if whole > 0 { bar(weight(sums), whole, BAR) } else { String::new() };
            key.iter().map(name).chain(cells(sums, tells_avoided)).chain([bar]).collect()
        })
        .collect();
    let mut total: Vec<String> = vec![String::new(); spend.by.len()];
    if let Some(first) = total.first_mut() {
        "total".clone_into(first);
    }
    total.extend(cells(&spend.total, true));
    total.push(String::new());
    table(out, &columns, &shown, Some(&total), width);
}

/// The figures of one line; empty ones where there is nothing to say.
fn cells(sums: &Sums, tells_avoided: bool) -> [String; 12] {
    let some = |count: u64| if count == 0 { String::new() } else { Grouped(count).to_string() };
    let latency = |at: usize| sums.latency().map_or_else(String::new, |latency| duration(latency[at]));
    let cost = match (sums.unpriced, sums.cost.0) {
        (0, _) => sums.cost.to_string(),
        (_, 0) => "?".to_owned(),
        _ => format!("{} + ?", sums.cost),
    };
    [
        Grouped(sums.requests).to_string(),
        some(sums.denied),
        some(sums.failed),
        Grouped(sums.input).to_string(),
        some(sums.cached_input),
        Grouped(sums.output).to_string(),
        cost,
        if tells_avoided { some(sums.avoided.tokens()) } else { String::new() },
        latency(0),
        latency(1),
        some(sums.reserved),
        sums.energy.map_or_else(String::new, |energy| energy.to_string()),
    ]
}

fn avoided(out: &mut String, spend: &Spend) {
    let avoided = spend.total.avoided;
    if avoided.tokens() > 0 {
        let _ = writeln!(
            out,
            "{DIM}avoided: {} tokens that earlier reviews took, {} of the plain diff of what was dropped or answered by rules{DIM:#}",
            Grouped(avoided.cache),
            Grouped(avoided.diff)
        );
    }
    if avoided.uncounted > 0 {
        let units = Count(avoided.uncounted as usize, "unit");
        let _ =
            writeln!(out, "{DIM}avoided and not counted: {units} of runs that had nothing to send{DIM:#}");
    }
}
