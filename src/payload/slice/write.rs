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
    /// Added in the place of one that says the same, its indentation and what is not sent aside.
    Shifted,
    /// Not changed.
    Context,
    /// Lines left out.
    Gap,
}

impl Kind {
    /// Whether the change is about it.
    #[must_use]
    pub(in crate::payload) fn is_changed(self) -> bool {
        matches!(self, Self::Added | Self::Deleted | Self::Shifted)
    }

    /// What stands before its text.
    #[must_use]
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Added => "+",
            Self::Deleted => "-",
            Self::Shifted => "~",
            Self::Context => " ",
            Self::Gap => "⋮",
        }
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
            match number {
                Some(number) => format!("{number}{}", line.kind.mark()).into(),
                None if line.kind == Kind::Added && all_added.is_some() => " ".into(),
                None => line.kind.mark().into(),
            }
        })
    }
}

/// Numbers the first line of each run of changed lines: the first one added, or the first one
/// deleted where nothing came in its place; and then again where a run is long.
pub(super) fn number(lines: &mut [Line]) {
    let mut since = 0;
    for index in 0..lines.len() {
        let is_new = |line: &Line| matches!(line.kind, Kind::Added | Kind::Shifted);
        let is_deleted = |line: &Line| line.kind == Kind::Deleted;
        let line = &lines[index];
        let before = index.checked_sub(1).map(|before| &lines[before]);
        let is_run = |line: &Line| (is_new(line), is_deleted(line));
        let follows = before.is_some_and(|before| is_run(before) == is_run(line));
        since = if follows { since + 1 } else { 0 };
        let is_replaced = || lines[index..].iter().find(|line| !is_deleted(line)).is_some_and(is_new);
        let is_due = since % NUMBERED == 0 && (is_new(line) || (is_deleted(line) && !is_replaced()));
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

/// Lines of two texts up to this many times each other are compared with each other.
const COMPARED: usize = 1 << 18;

/// Pairs of lines that say the same, in the order of both texts and as many as possible; brackets
/// alone say nothing.
pub(super) fn same_lines<T: AsRef<str>>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let says = |text: &str| text.contains(char::is_alphanumeric);
    if old.is_empty() || new.is_empty() || old.len() * new.len() > COMPARED {
        return Vec::new();
    }
    let is_same =
        |left: usize, right: usize| old[left].as_ref() == new[right].as_ref() && says(old[left].as_ref());
    // The most pairs among the lines from (left, right) on.
    let width = new.len() + 1;
    let mut most = vec![0_u32; (old.len() + 1) * width];
    for left in (0..old.len()).rev() {
        for right in (0..new.len()).rev() {
            most[left * width + right] = if is_same(left, right) {
                most[(left + 1) * width + right + 1] + 1
            } else {
                most[(left + 1) * width + right].max(most[left * width + right + 1])
            };
        }
    }
    let (mut left, mut right) = (0, 0);
    let mut pairs = Vec::new();
    while left < old.len() && right < new.len() {
        if is_same(left, right) {
            pairs.push((left, right));
            (left, right) = (left + 1, right + 1);
        } else if most[(left + 1) * width + right] >= most[left * width + right + 1] {
            left += 1;
        } else {
            right += 1;
        }
    }
    pairs
}
