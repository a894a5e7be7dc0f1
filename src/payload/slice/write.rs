//! The lines of a unit as a model reads them: marks, numbers, and what was left out.

use std::borrow::Cow;

/// A unit cut down to a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::payload) struct Rendered {
    /// Names from the outside in, where the lines do not say them.
    pub(in crate::payload) title: String,
    /// Imports and headers around the unit, for all units of the file that need them.
    pub(in crate::payload) around: Vec<String>,
    /// The lines, in order.
    pub(in crate::payload) lines: Vec<Line>,
}

/// A line as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::payload) struct Line {
    /// What it is.
    pub(in crate::payload) kind: Kind,
    /// Line of the new side at which a finding about it is reported: its own, or of a deleted one
    /// that of what stands in its place. None where there is no such line, and for context.
    pub(in crate::payload) number: Option<u32>,
    /// Whether the number is written.
    pub(in crate::payload) is_numbered: bool,
    /// Its text, without the mark.
    pub(in crate::payload) text: String,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::payload) enum Kind {
    /// Added by the change.
    Added,
    /// Taken away by the change.
    Deleted,
    /// Not changed.
    Context,
    /// Lines left out.
    Gap,
}

impl Kind {
    /// Whether the change is about it.
    #[must_use]
    pub(in crate::payload) fn is_changed(self) -> bool {
        matches!(self, Self::Added | Self::Deleted)
    }
}

/// A run of changed lines has its number again after so many lines: the quote in a reply says which
/// line is meant, so that a number costs more than it says on each.
const NUMBERED: usize = 12;

impl Rendered {
    /// Where all lines are added, the number of the first. The block's title says both, and only a
    /// number marks a line within.
    #[must_use]
    pub(in crate::payload) fn all_added_from(&self) -> Option<u32> {
        let is_added = |line: &Line| matches!(line.kind, Kind::Added | Kind::Gap);
        self.lines.iter().all(is_added).then(|| self.lines.first()?.number).flatten()
    }

    /// The marks of the lines, which stand before their text. Each begins with a character by which
    /// no line of code can be taken for a title or for another kind of line.
    pub(in crate::payload) fn marks(&self) -> impl Iterator<Item = Cow<'static, str>> + '_ {
        let all_added = self.all_added_from();
        self.lines.iter().enumerate().map(move |(index, line)| {
            let is_in_title = index == 0 && all_added.is_some();
            let number = line.number.filter(|_| line.is_numbered && !is_in_title);
            match (line.kind, number) {
                (Kind::Gap, _) => "⋮".into(),
                (Kind::Context, _) => " ".into(),
                (Kind::Added, Some(number)) => format!("{number}+").into(),
                (Kind::Added, None) if all_added.is_some() => " ".into(),
                (Kind::Added, None) => "+".into(),
                (Kind::Deleted, Some(number)) => format!("{number}-").into(),
                (Kind::Deleted, None) => "-".into(),
            }
        })
    }
}

/// Numbers the first line of each run of changed lines: the first one added, or the first one
/// deleted where nothing came in its place; and then again where a run is long.
pub(super) fn number(lines: &mut [Line]) {
    let mut since = 0;
    for index in 0..lines.len() {
        let kind = lines[index].kind;
        let follows = index > 0 && lines[index - 1].kind == kind;
        since = if follows { since + 1 } else { 0 };
        let is_due = match kind {
            Kind::Added => since % NUMBERED == 0,
            Kind::Deleted => {
                let next = lines[index..].iter().find(|line| line.kind != Kind::Deleted);
                since % NUMBERED == 0 && next.is_none_or(|line| line.kind != Kind::Added)
            }
            Kind::Context | Kind::Gap => false,
        };
        lines[index].is_numbered = is_due && lines[index].number.is_some();
    }
}

/// A number after a changed line says that lines are left out.
pub(super) fn drop_told_gaps(lines: &mut Vec<Line>) {
    let is_told: Vec<bool> = (0..lines.len())
        .map(|index| {
            let before = index.checked_sub(1).is_some_and(|before| lines[before].kind.is_changed());
            let after = lines.get(index + 1).is_some_and(|after| after.is_numbered);
            lines[index].kind == Kind::Gap && before && after
        })
        .collect();
    let mut is_told = is_told.into_iter();
    lines.retain(|_| is_told.next() != Some(true));
}
