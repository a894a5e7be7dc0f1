//! Tables of figures for people, as wide as their terminal lets them be, and bars.

use std::fmt::Write as _;

use super::text::{BOLD, DIM};
use crate::tokens::Grouped;

/// How a column stands, and when it gives way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column<'t> {
    /// A name, which begins at the left and is shortened where nothing else gives way any more.
    Name(&'t str),
    /// Figures, which end at the right.
    Figures(&'t str),
    /// Figures that are left out where there is no room; of several, the last first.
    Optional(&'t str),
    /// What ends the line, as it is: a bar or a remark. It is left out first of all.
    Rest(&'t str),
}

impl<'t> Column<'t> {
    fn title(self) -> &'t str {
        match self {
            Self::Name(title) | Self::Figures(title) | Self::Optional(title) | Self::Rest(title) => title,
        }
    }
}

/// Characters that are left of a name at the least.
const SHORTEST_NAME: usize = 12;

/// Between two columns.
const GAP: usize = 2;

/// Appends a table of `rows`, under them `total` if there is one, in at most `width` characters where
/// that is possible; without one, as wide as it is.
pub(super) fn table(
    out: &mut String,
    columns: &[Column<'_>],
    rows: &[Vec<String>],
    total: Option<&[String]>,
    width: Option<usize>,
) {
    let length = |text: &str| text.chars().count();
    let lines = || rows.iter().map(Vec::as_slice).chain(total);
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = lines().map(|line| length(&line[at]));
            cells.chain([length(column.title())]).max().unwrap_or(0)
        })
        .collect();
    let mut shown = vec![true; columns.len()];
    // A column of which nothing is known says nothing.
    for (at, column) in columns.iter().enumerate() {
        if matches!(column, Column::Optional(_) | Column::Rest(_)) {
            shown[at] = lines().any(|line| !line[at].is_empty());
        }
    }
    let needed = |widths: &[usize], shown: &[bool]| {
        let shown: Vec<_> = widths.iter().zip(shown).filter(|(_, shown)| **shown).collect();
        shown.iter().map(|(width, _)| **width).sum::<usize>() + shown.len().saturating_sub(1) * GAP
    };
    if let Some(width) = width {
        let rest = (0..columns.len()).rev().filter(|&at| matches!(columns[at], Column::Rest(_)));
        let optional = (0..columns.len()).rev().filter(|&at| matches!(columns[at], Column::Optional(_)));
        for at in rest.chain(optional) {
            if needed(&widths, &shown) > width {
                shown[at] = false;
            }
        }
        loop {
            let names = (0..columns.len()).filter(|&at| matches!(columns[at], Column::Name(_)));
            let Some(widest) = names.max_by_key(|&at| widths[at]) else { break };
            if needed(&widths, &shown) <= width || widths[widest] <= SHORTEST_NAME {
                break;
            }
            widths[widest] -= 1;
        }
    }
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (at, column) in columns.iter().enumerate().filter(|&(at, _)| shown[at]) {
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let (cell, width) = (shortened(cells[at], widths[at]), widths[at]);
            // Writing to a string does not fail.
            let _ = match column {
                Column::Name(_) => write!(line, "{cell:width$}"),
                Column::Figures(_) | Column::Optional(_) => write!(line, "{cell:>width$}"),
                Column::Rest(_) => write!(line, "{cell}"),
            };
        }
        line.trim_end().to_owned()
    };
    let titles: Vec<_> = columns.iter().map(|column| column.title()).collect();
    let as_line = |cells: &[String]| line(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = writeln!(out, "{DIM}{}{DIM:#}", line(&titles));
    for row in rows {
        let _ = writeln!(out, "{}", as_line(row));
    }
    if let Some(total) = total {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}", as_line(total));
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// `part` of `whole` as so many cells of `length`, rounded up so that a little still shows.
pub(super) fn filled(part: u64, whole: u64, length: u64) -> u64 {
    let cells = (u128::from(part) * u128::from(length)).div_ceil(u128::from(whole.max(1)));
    cells.min(u128::from(length)) as u64
}

/// A bar of `length` cells, of which `part` of `whole` is filled; full only where nothing is left.
pub(super) fn bar(part: u64, whole: u64, length: u64) -> String {
    let most = if part < whole { length.saturating_sub(1) } else { length };
    let filled = filled(part, whole, length).min(most);
    (0..length).map(|at| if at < filled { '█' } else { '░' }).collect()
}

/// How long something took: `40 ms`, `1.2 s`, `90 s`, `3 min`, `5 h`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..10 => format!("{:.1} s", millis as f64 / 1000.0),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", Grouped(seconds / 3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<usize>) -> String {
        let columns = [
            Column::Name("repository"),
            Column::Figures("tokens"),
            Column::Optional("p50"),
            Column::Optional("energy"),
            Column::Rest(""),
        ];
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["acme/a-very-long-name", "1,810", "1.2 s", "", &bar(2, 3, 4)]),
            row(["b", "5", "90 s", "", &bar(0, 3, 4)]),
        ];
        let mut out = String::new();
        table(&mut out, &columns, &rows, Some(&row(["total", "1,815", "1.2 s", "", ""])), width);
        anstream::adapter::strip_str(&out).to_string()
    }

    #[test]
    fn what_has_no_room_gives_way() {
        insta::assert_snapshot!(shown(None), @r"
        repository             tokens    p50
        acme/a-very-long-name   1,810  1.2 s  ███░
        b                           5   90 s  ░░░░
        total                   1,815  1.2 s
        ");
        insta::assert_snapshot!(shown(Some(36)), @r"
        repository             tokens    p50
        acme/a-very-long-name   1,810  1.2 s
        b                           5   90 s
        total                   1,815  1.2 s
        ");
        insta::assert_snapshot!(shown(Some(25)), @r"
        repository         tokens
        acme/a-very-long…   1,810
        b                       5
        total               1,815
        ");
        assert!(shown(Some(1)).lines().all(|line| line.chars().count() <= 20));
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(
            [bar(0, 9, 3), bar(1, 900, 3), bar(899, 900, 3), bar(9, 9, 3)],
            ["░░░", "█░░", "██░", "███"]
        );
        assert_eq!([bar(5, 0, 2), bar(u64::MAX, 1, 2)], ["██", "██"]);
    }
}
