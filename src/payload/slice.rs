//! One unit at one level, as text.
//!
//! ```text
//! use crate::db::find
//!  fn login(&self, user: &User, password: &str) -> Result<Token> {
//! ⋮
//!  let row = find(user)?;
//! -if !verify(password, &row.hash) {
//! 41+if verify(password, &row.hash) {
//! ```
//!
//! Added lines carry their number, deleted ones a dash, context a blank. Where lines were deleted
//! and none came, the next line carries its number too (`42 return row`), so that a finding can
//! name a place. `⋮` stands for lines left out, except between two numbers, which say it.

mod control;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;

use crate::change::binding::words;
use crate::change::definition::Definition;
use crate::change::{ClassifiedChange, Edit, LineRange, Unit};

use super::redact::Session;
use super::side::Side;
use super::{Level, imports};

/// A unit cut down to a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The lines, in order.
    pub(super) lines: Vec<Line>,
}

/// A line as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// What it is.
    pub(super) mark: Mark,
    /// Its text, without the mark.
    pub(super) text: String,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// An import that a changed line uses.
    Import,
    /// Line of the new side that the change adds.
    Added(u32),
    /// Line of the old side that the change takes away.
    Deleted,
    /// A line that did not change.
    Context,
    /// A line that did not change, beside deleted ones.
    Anchor(u32),
    /// Lines left out.
    Gap,
}

impl Mark {
    /// The line of the new side that a finding may name.
    #[must_use]
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Self::Added(number) | Self::Anchor(number) => Some(number),
            Self::Import | Self::Deleted | Self::Context | Self::Gap => None,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import => Ok(()),
            Self::Added(number) => write!(f, "{number}+"),
            Self::Deleted => f.write_str("-"),
            Self::Context => f.write_str(" "),
            Self::Anchor(number) => write!(f, "{number} "),
            Self::Gap => f.write_str("⋮"),
        }
    }
}

/// Both sides of a change, ready to be cut.
pub(super) struct Slicer<'a> {
    old: Option<Side<'a>>,
    new: Option<Side<'a>>,
    edits: &'a [Edit],
}

/// A line at its place: before or at line `at` of the new side, the deleted ones first.
struct Row<'a> {
    at: u32,
    /// Line of the old side; none for a line of the new side, which comes after those of the old.
    old: Option<u32>,
    mark: Mark,
    text: Cow<'a, str>,
    /// Whether its indentation is content.
    in_atom: bool,
    /// The last line of the new side that it stands for.
    end: u32,
}

impl<'a> Slicer<'a> {
    /// Reads both sides of a change.
    #[must_use]
    pub(super) fn of(change: &'a ClassifiedChange, secrets: &mut Session<'_>) -> Self {
        let parsed = &change.parsed;
        Self {
            old: Side::of(parsed.change.old.as_ref(), parsed.old(), secrets),
            new: Side::of(parsed.change.new.as_ref(), parsed.new(), secrets),
            edits: &parsed.change.edits,
        }
    }

    /// Cuts a unit down to a level; none where it is proved that only comments and blank lines changed
    /// in it.
    #[must_use]
    pub(super) fn render(&self, unit: &Unit, level: Level) -> Option<Rendered> {
        let mut rows = self.changed(unit, Side::text);
        if rows.is_empty() {
            rows = self.changed(unit, Side::documented);
        }
        if rows.is_empty() {
            // Comments alone can take code away, when one begins above it and ends below.
            if unit.proved {
                return None;
            }
            rows = self.changed(unit, Side::raw);
        }
        if unit.new.is_none() {
            self.keep_signature(unit, &mut rows);
        }
        let mut frame = Vec::new();
        if let Some(new) = &self.new {
            let mut context = BTreeSet::new();
            let mut header = 0..0;
            if level >= Level::Slice {
                self.neighbours(unit, new, &rows, &mut context);
                header = self.enclosing(unit, new, &rows, &mut context, &mut frame);
            }
            if level >= Level::Function && unit.new.is_some() {
                context.extend(self.bounds(unit, new));
                header = 0..0;
            }
            self.add_context(unit, new, context, &header, &mut rows);
        }
        rows.sort_by_key(|row| (row.at, row.old.is_none(), row.old));
        let is_context =
            |row: &Row<'_>| row.mark == Mark::Context && !row.text.contains(char::is_alphanumeric);
        while level < Level::Function && rows.last().is_some_and(is_context) {
            rows.pop();
        }
        Some(self.write(level, frame, rows))
    }

    /// The changed lines of a unit, as `text` reads them.
    fn changed<'s>(
        &'s self,
        unit: &Unit,
        text: impl Fn(&'s Side<'a>, u32) -> Option<Cow<'s, str>>,
    ) -> Vec<Row<'s>> {
        let mut rows = Vec::new();
        let bounds = self.new.as_ref().and_then(|new| Some(new.lines_of(unit.new.as_ref()?)));
        for line in lines(&unit.added) {
            if let Some(new) = &self.new
                && let Some(text) = text(new, line)
            {
                let in_atom = new.begins_in_atom(line);
                rows.push(Row { at: line, old: None, mark: Mark::Added(line), text, in_atom, end: line });
            }
        }
        for line in lines(&unit.deleted) {
            if let Some(old) = &self.old
                && let Some(text) = text(old, line)
            {
                let in_atom = old.begins_in_atom(line);
                let at = self.place_of(line);
                // A run of edits can straddle definitions; what was deleted here is shown here.
                let at = bounds.as_ref().map_or(at, |bounds| at.clamp(bounds.start, bounds.end));
                rows.push(Row {
                    at,
                    old: Some(line),
                    mark: Mark::Deleted,
                    text,
                    in_atom,
                    end: at.saturating_sub(1),
                });
            }
        }
        rows
    }

    /// The line of the new side before which a line of the old side stood.
    fn place_of(&self, old: u32) -> u32 {
        let after = self.edits.partition_point(|edit| edit.old.start <= old);
        let Some(edit) = after.checked_sub(1).map(|index| self.edits[index]) else { return old };
        let place = if edit.new.len == 0 { edit.new.start + 1 } else { edit.new.start };
        if edit.old.contains(old) {
            place
        } else {
            let first = if edit.old.len == 0 { edit.old.start + 1 } else { edit.old.start };
            (place + edit.new.len + old).saturating_sub(first + edit.old.len)
        }
    }

    /// Of a definition that is gone, its header says enough; of a file that is gone, the first line
    /// of each statement.
    fn keep_signature(&self, unit: &Unit, rows: &mut Vec<Row<'_>>) {
        let Some(old) = &self.old else { return };
        let Some(code) = old.code() else { return };
        let signature: BTreeSet<u32> = if let Some(bytes) = &unit.old {
            let Some(definition) = definition(&code.outline.definitions, bytes) else { return };
            old.lines_of(&definition.header).collect()
        } else if self.new.is_none() {
            let root = code.tree.root();
            root.named_children(&mut root.walk())
                .filter(|node| !code.profile.is_import(node.kind()))
                .map(|node| old.line_of(node.start_byte()))
                .collect()
        } else {
            return;
        };
        let is_kept = |row: &Row<'_>| row.old.is_none_or(|line| signature.contains(&line));
        if rows.iter().any(|row| row.old.is_some() && is_kept(row)) {
            rows.retain(is_kept);
        }
    }

    /// The lines of the new side that belong to the unit.
    fn bounds(&self, unit: &Unit, new: &Side<'_>) -> Range<u32> {
        unit.new.as_ref().map_or(1..new.line_count() + 1, |bytes| new.lines_of(bytes))
    }

    /// The nearest line of code on both sides of every changed run, unless it changed itself.
    fn neighbours(&self, unit: &Unit, new: &Side<'_>, rows: &[Row<'_>], context: &mut BTreeSet<u32>) {
        let bounds = self.bounds(unit, new);
        let changed: HashSet<u32> = rows.iter().filter_map(|row| row.mark.number()).collect();
        for row in rows {
            let next = if row.old.is_some() { row.at } else { row.at + 1 };
            let before = (bounds.start..row.at).rev().find(|&line| new.is_code(line));
            let after = (next.max(bounds.start)..bounds.end).find(|&line| new.is_code(line));
            for line in before.into_iter().chain(after) {
                if !changed.contains(&line) && !self.is_changed(line) {
                    context.insert(line);
                }
            }
        }
    }

    fn is_changed(&self, line: u32) -> bool {
        let after = self.edits.partition_point(|edit| edit.new.start <= line);
        after > 0 && self.edits[after - 1].new.contains(line)
    }

    /// The header of the definition, those of the control flow around each changed run, and, as a
    /// frame, one line of each definition around it. Gives the lines of the header.
    fn enclosing(
        &self,
        unit: &Unit,
        new: &Side<'_>,
        rows: &[Row<'_>],
        context: &mut BTreeSet<u32>,
        frame: &mut Vec<String>,
    ) -> Range<u32> {
        let Some(code) = new.code() else { return 0..0 };
        let bounds = self.bounds(unit, new);
        let numbers: HashSet<u32> = rows.iter().filter_map(|row| row.mark.number()).collect();
        for row in rows {
            // What encloses a line and begins before its run, encloses the first line of the run.
            let starts_run = row.old.is_some() || !numbers.contains(&(row.at - 1));
            let Some(byte) = new.first_byte(row.at).filter(|_| starts_run) else { continue };
            let headers = control::headers(code, byte).into_iter().map(|header| new.line_of(header));
            context.extend(headers.filter(|line| bounds.contains(line)));
        }
        let definitions = &code.outline.definitions;
        let Some(own) = unit.new.as_ref().and_then(|bytes| definition(definitions, bytes)) else {
            return 0..0;
        };
        let header = new.lines_of(&(own.range.start..own.header.end));
        // Decorators and annotations say what a definition is for, attributes how it is compiled.
        let is_attribute = |line| new.text(line).is_some_and(|text| text.trim_start().starts_with("#["));
        context.extend(header.filter(|&line| !is_attribute(line)));
        let mut parent = own.parent;
        while let Some(definition) = parent.and_then(|index| definitions.get(index)) {
            let header = new
                .lines_of(&definition.header)
                .filter_map(|line| new.text(line))
                .find(|text| !text.trim_start().starts_with(['#', '@', '[']));
            frame.extend(
                header.filter(|text| says_more(text, &unit.name)).map(|text| text.trim_start().to_owned()),
            );
            parent = definition.parent;
        }
        frame.reverse();
        new.lines_of(&own.header)
    }

    /// Adds the context, and the anchors of what was deleted without anything in its place. A header
    /// of several lines in which nothing changed is written as one.
    fn add_context<'s>(
        &'s self,
        unit: &Unit,
        new: &'s Side<'a>,
        mut context: BTreeSet<u32>,
        header: &Range<u32>,
        rows: &mut Vec<Row<'s>>,
    ) {
        let bounds = self.bounds(unit, new);
        let added: HashSet<u32> = rows.iter().filter_map(|row| row.mark.number()).collect();
        let mut anchors = BTreeSet::new();
        for at in rows.iter().filter(|row| row.old.is_some()).map(|row| row.at).collect::<BTreeSet<_>>() {
            let next = (at.max(bounds.start)..bounds.end).find(|&line| new.is_code(line));
            let anchor = next.or_else(|| (bounds.start..at).rev().find(|&line| new.is_code(line)));
            anchors.extend(anchor.filter(|line| !added.contains(line)));
        }
        context.extend(&anchors);
        let is_decorator = |line| new.text(line).is_some_and(|text| text.trim_start().starts_with('@'));
        let is_told_apart =
            |line| added.contains(&line) || anchors.contains(&line) || new.begins_in_atom(line);
        let is_plain = |line| !is_told_apart(line) && !is_decorator(line);
        let is_split = rows.iter().any(|row| row.old.is_some() && header.contains(&row.at));
        if header.len() > 1 && !is_split && header.clone().all(is_plain) {
            context.retain(|line| !header.contains(line));
            let text = Cow::Owned(joined(header.clone().filter_map(|line| new.text(line))));
            let row = Row {
                at: header.start,
                old: None,
                mark: Mark::Context,
                text,
                in_atom: false,
                end: header.end - 1,
            };
            rows.push(row);
        }
        for line in context.into_iter().filter(|line| !added.contains(line)) {
            let Some(text) = new.text(line) else { continue };
            let mark = if anchors.contains(&line) { Mark::Anchor(line) } else { Mark::Context };
            rows.push(Row { at: line, old: None, mark, text, in_atom: new.begins_in_atom(line), end: line });
        }
    }

    /// Imports, frame and rows, dedented, with marks for what was left out.
    fn write(&self, level: Level, frame: Vec<String>, rows: Vec<Row<'_>>) -> Rendered {
        let mut lines = Vec::new();
        let new = self.new.as_ref();
        if level >= Level::Slice
            && let Some(code) = new.and_then(Side::code)
        {
            let changed = rows.iter().filter(|row| matches!(row.mark, Mark::Added(_) | Mark::Deleted));
            let words: HashSet<&str> = changed.flat_map(|row| words(&row.text)).collect();
            let shown: HashSet<u32> = rows.iter().filter(|row| row.old.is_none()).map(|row| row.at).collect();
            // A changed import is sent with the unit that owns its line.
            let is_shown = |row: usize| {
                let line = row as u32 + 1;
                shown.contains(&line) || self.is_changed(line)
            };
            let used = imports::used(code, &words, is_shown);
            lines.extend(used.into_iter().map(|text| Line { mark: Mark::Import, text }));
        }
        lines.extend(frame.into_iter().map(|text| Line { mark: Mark::Context, text }));
        let indent = common_indent(&rows);
        let mut last: Option<(u32, Mark)> = None;
        for row in rows {
            if let Some((end, mark)) = last {
                let is_left_out = new.is_some_and(|new| (end + 1..row.at).any(|line| new.is_code(line)));
                let is_told = mark.number().is_some() && row.mark.number().is_some();
                if is_left_out && !is_told {
                    lines.push(Line { mark: Mark::Gap, text: String::new() });
                }
            }
            last = Some((last.map_or(row.end, |(last, _)| last.max(row.end)), row.mark));
            let text = if row.in_atom { &row.text } else { row.text.get(indent..).unwrap_or_default() };
            lines.push(Line { mark: row.mark, text: text.to_owned() });
        }
        Rendered { lines }
    }
}

fn lines(ranges: &[LineRange]) -> impl Iterator<Item = u32> + '_ {
    ranges.iter().flat_map(LineRange::lines)
}

fn definition<'d>(definitions: &'d [Definition], bytes: &Range<usize>) -> Option<&'d Definition> {
    definitions.iter().find(|definition| definition.range == *bytes)
}

/// Lines as one, with the indentation of the first.
fn joined<'t>(lines: impl Iterator<Item = Cow<'t, str>>) -> String {
    let mut text = String::new();
    for line in lines {
        if text.is_empty() {
            text.push_str(&line);
        } else {
            let line = line.trim_start();
            if !text.ends_with(['(', '[', '<']) && !line.starts_with([')', ']', '>']) {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text
}

/// Whether a header says more than a unit's name and the kind of definition.
fn says_more(header: &str, name: &str) -> bool {
    const KINDS: [&str; 14] = [
        "abstract",
        "class",
        "enum",
        "export",
        "impl",
        "interface",
        "mod",
        "module",
        "namespace",
        "pub",
        "public",
        "static",
        "struct",
        "trait",
    ];
    let named: HashSet<&str> = words(name).collect();
    words(header).any(|word| !named.contains(word) && !KINDS.contains(&word))
}

/// Bytes of white space that all rows begin with, those apart that begin within a string.
fn common_indent(rows: &[Row<'_>]) -> usize {
    let indents = rows.iter().filter(|row| !row.in_atom && !row.text.trim().is_empty()).map(|row| {
        let text = &*row.text;
        &text[..text.len() - text.trim_start().len()]
    });
    indents
        .reduce(|common, indent| {
            let same = common.bytes().zip(indent.bytes()).take_while(|(one, other)| one == other).count();
            // White space beyond ASCII takes more than a byte; a cut within it is none.
            common.get(..same).unwrap_or_default()
        })
        .map_or(0, str::len)
}

#[cfg(test)]
mod tests;
