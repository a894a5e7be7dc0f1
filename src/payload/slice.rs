//! One unit at one level, as text.
//!
//! ```text
//!  fn login(&self, user: &User, password: &str) -> Result<Token> {
//! ⋮
//!  let row = find(user)?;
//! -if !verify(password, &row.hash) {
//! 41+if verify(password, &row.hash) {
//! +    audit(&row);
//! ```
//!
//! Added lines carry a plus, deleted ones a dash, context a blank, and a tilde those that are only
//! indented differently. The first line of each run of
//! changes carries its number too, and so does each twelfth after it: what a finding quotes tells
//! the lines in between apart. Where lines were deleted and none came, the number is that of the
//! line which stands there now. Where all lines are added they need no plus: the title says it
//! (`#1+41`). `⋮` stands for lines left out.
//!
//! What is left out of changed lines, at every level: comments, documentation where it is left to
//! rules (of Python also docstrings without doctests) and blank lines, unless nothing else changed;
//! and of a definition that is gone, all but its header.

mod control;
mod write;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::change::binding::words;
use crate::change::definition::Definition;
use crate::change::{ClassifiedChange, Edit, LineRange, Unit};

use super::redact::Session;
use super::side::Side;
use super::{Level, imports};
pub(super) use write::{Kind, Line, Rendered};

/// A header of more lines is shown without the parameters that no changed line uses.
const LONG_HEADER: usize = 6;

/// Both sides of a change, ready to be cut.
pub(super) struct Slicer<'a> {
    old: Option<Side<'a>>,
    new: Option<Side<'a>>,
    edits: &'a [Edit],
    /// Whether documentation is sent like code.
    documentation: bool,
    /// The file's name without what follows its first dot.
    stem: String,
}

/// A line at its place: before or at line `at` of the new side, the deleted ones first.
struct Row<'a> {
    at: u32,
    /// Line of the old side; none for a line of the new side, which comes after those of the old.
    old: Option<u32>,
    kind: Kind,
    text: Cow<'a, str>,
    /// Whether its indentation is content.
    in_atom: bool,
    /// The last line of the new side that it stands for.
    end: u32,
}

impl<'a> Slicer<'a> {
    /// Reads both sides of a change, of which documentation is sent or left to rules.
    #[must_use]
    pub(super) fn of(change: &'a ClassifiedChange, secrets: &mut Session<'_>, documentation: bool) -> Self {
        let parsed = &change.parsed;
        Self {
            old: Side::of(parsed.change.old.as_ref(), parsed.old(), secrets),
            new: Side::of(parsed.change.new.as_ref(), parsed.new(), secrets),
            edits: &parsed.change.edits,
            documentation,
            stem: stem(&change.path().to_string()),
        }
    }

    /// Cuts a unit down to a level.
    #[must_use]
    pub(super) fn render(&self, unit: &Unit, level: Level) -> Rendered {
        let mut rows = self.rows(unit);
        let mut around = Vec::new();
        if let Some(new) = self.new.as_ref().filter(|_| unit.new.is_some()) {
            self.complete(unit, new, &mut rows);
            let mut context = BTreeSet::new();
            let mut header = 0..0;
            if level >= Level::Slice {
                self.neighbours(unit, new, &rows, &mut context);
                header = self.enclosing(unit, new, &rows, &mut context, &mut around);
            }
            if level >= Level::Function {
                context.extend(self.bounds(unit, new));
                header = 0..0;
            }
            self.add_context(new, context, &header, &mut rows);
            if level >= Level::Slice {
                around.splice(0..0, self.imports(new, &rows));
            }
        }
        rows.sort_by_key(|row| (row.at, row.old.is_none(), row.old));
        let says_nothing =
            |row: &Row<'_>| row.kind == Kind::Context && !row.text.contains(char::is_alphanumeric);
        while level < Level::Function && rows.last().is_some_and(says_nothing) {
            rows.pop();
        }
        Rendered { title: self.title(unit, &rows), around, lines: self.write(rows) }
    }

    /// What a unit's change says wherever it is made: the names that it changes, or else its changed
    /// lines, however deep they stand. None where it is too little to be known as the same edit.
    #[must_use]
    pub(super) fn edit(&self, unit: &Unit) -> Option<String> {
        let rows = self.rows(unit);
        if !unit.renamed.is_empty() {
            return Some(format!("{:?}", unit.renamed));
        }
        let is_replaced = !unit.added.is_empty() && !unit.deleted.is_empty();
        let says_something = rows.iter().any(|row| row.text.contains(char::is_alphanumeric));
        let indent = common_indent(&rows);
        let mut edit = String::new();
        for row in &rows {
            edit.push_str(row.kind.mark());
            edit.push_str(row.without(indent));
            edit.push('\n');
        }
        (says_something && (is_replaced || rows.len() >= 3)).then_some(edit)
    }

    /// How many changed lines of the unit, of both sides, hold documentation that is left to rules. Of
    /// a definition that is gone, nothing is left to anybody but its header.
    #[must_use]
    pub(super) fn documentation_left_out(&self, unit: &Unit) -> usize {
        let is_gone = self.new.is_none() || (unit.new.is_none() && unit.old.is_some());
        if self.documentation || is_gone || self.changed(unit, Side::text).is_empty() {
            return 0;
        }
        let count = |side: &Option<Side<'a>>, ranges: &[LineRange]| {
            let is_documented =
                |&line: &u32| side.as_ref().is_some_and(|side| side.documented(line) != side.text(line));
            lines(ranges).filter(is_documented).count()
        };
        count(&self.old, &unit.deleted) + count(&self.new, &unit.added)
    }

    /// The changed lines of which something is sent.
    fn rows(&self, unit: &Unit) -> Vec<Row<'_>> {
        let mut rows = self.changed(unit, if self.documentation { Side::documented } else { Side::text });
        if rows.is_empty() {
            rows = self.changed(unit, Side::documented);
        }
        if rows.is_empty() {
            // Comments alone can take code away, when one begins above it and ends below.
            rows = self.changed(unit, Side::raw);
        }
        if unit.new.is_none() {
            self.keep_signature(unit, &mut rows);
        }
        self.join_shifted(unit, &mut rows);
        rows
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
                rows.push(Row::new(new, line, Kind::Added, text));
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
                let end = at.saturating_sub(1);
                rows.push(Row { at, old: Some(line), kind: Kind::Deleted, text, in_atom, end });
            }
        }
        rows
    }

    /// Lines that differ in nothing but their indentation, or in what is not sent of them, are one line
    /// instead of a deleted and an added one.
    fn join_shifted(&self, unit: &Unit, rows: &mut Vec<Row<'_>>) {
        let first_deleted = rows.iter().position(|row| row.old.is_some()).unwrap_or(rows.len());
        let (added, deleted) = rows.split_at_mut(first_deleted);
        let mut joined = HashSet::new();
        let mut edit = 0;
        for range in &unit.added {
            let after = self.edits.partition_point(|edit| edit.new.start <= range.start);
            if after == edit {
                continue;
            }
            edit = after;
            let Edit { old, new } = self.edits[edit - 1];
            let from = added.partition_point(|row| row.at < new.start);
            let to = added.partition_point(|row| row.at <= new.last());
            let gone = deleted.partition_point(|row| row.old < Some(old.start))
                ..deleted.partition_point(|row| row.old <= Some(old.last()));
            let added = &mut added[from..to];
            let deleted = &deleted[gone.start.min(gone.end)..gone.end];
            for (left, right) in write::same_lines(deleted, added) {
                joined.extend(deleted[left].old);
                added[right].kind = Kind::Shifted;
            }
        }
        rows.retain(|row| row.old.is_none_or(|line| !joined.contains(&line)));
    }

    /// A definition that is new is sent in one piece, with the few lines of it for which the
    /// difference happens to find others on the old side.
    fn complete<'s>(&'s self, unit: &Unit, new: &'s Side<'a>, rows: &mut Vec<Row<'s>>) {
        if unit.old.is_some() || !unit.deleted.is_empty() {
            return;
        }
        let is_found = |line: &u32| !self.is_changed(*line) && new.is_code(*line);
        let found: Vec<u32> = self.bounds(unit, new).filter(is_found).collect();
        if found.len() <= rows.len() {
            let found = found.into_iter().filter_map(|line| Some((line, new.text(line)?)));
            rows.extend(found.map(|(line, text)| Row::new(new, line, Kind::Added, text)));
        }
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

    /// The nearest line of code before every changed run, and after one that only takes lines away,
    /// unless it changed itself or is no more than a bracket.
    fn neighbours(&self, unit: &Unit, new: &Side<'_>, rows: &[Row<'_>], context: &mut BTreeSet<u32>) {
        let bounds = self.bounds(unit, new);
        let added = added(rows);
        for row in rows {
            let before = (bounds.start..row.at).rev().find(|&line| new.is_code(line));
            let after = (row.at.max(bounds.start)..bounds.end).find(|&line| new.is_code(line));
            for line in before.into_iter().chain(after.filter(|_| row.old.is_some())) {
                let says = |text: Cow<'_, str>| text.contains(char::is_alphanumeric);
                if !added.contains(&line) && !self.is_changed(line) && new.text(line).is_some_and(says) {
                    context.insert(line);
                }
            }
        }
    }

    fn is_changed(&self, line: u32) -> bool {
        let after = self.edits.partition_point(|edit| edit.new.start <= line);
        after > 0 && self.edits[after - 1].new.contains(line)
    }

    /// The header of the definition, those of the control flow around each changed run, and, around
    /// it, one line of each definition that encloses it. Gives the lines of the header.
    fn enclosing(
        &self,
        unit: &Unit,
        new: &Side<'_>,
        rows: &[Row<'_>],
        context: &mut BTreeSet<u32>,
        around: &mut Vec<String>,
    ) -> Range<u32> {
        let Some(code) = new.code() else { return 0..0 };
        let bounds = self.bounds(unit, new);
        let added = added(rows);
        for row in rows {
            // What encloses a line and begins before its run, encloses the first line of the run.
            let starts_run = row.old.is_some() || !added.contains(&(row.at - 1));
            let Some(byte) = new.first_byte(row.at).filter(|_| starts_run) else { continue };
            let headers = control::headers(code, byte).into_iter().map(|header| new.line_of(header));
            context.extend(headers.filter(|line| bounds.contains(line)));
        }
        let definitions = &code.outline.definitions;
        let Some(own) = unit.new.as_ref().and_then(|bytes| definition(definitions, bytes)) else {
            return 0..0;
        };
        let header = new.lines_of(&own.header);
        // Decorators and annotations say what a definition is for, attributes how it is compiled.
        let above = new.lines_of(&(own.range.start..own.header.end)).start..header.start;
        let starts = |line, with: &[&str]| {
            new.text(line).is_some_and(|text| with.iter().any(|it| text.trim_start().starts_with(it)))
        };
        context.extend(above.filter(|&line| starts(line, &["@", "["])));
        context.extend(header.filter(|&line| !starts(line, &["#["])));
        let mut frame = Vec::new();
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
        around.extend(frame.into_iter().rev());
        new.lines_of(&own.header)
    }

    /// Adds the context. A header of several lines in which nothing changed is written as one.
    fn add_context<'s>(
        &'s self,
        new: &'s Side<'a>,
        mut context: BTreeSet<u32>,
        header: &Range<u32>,
        rows: &mut Vec<Row<'s>>,
    ) {
        let added = added(rows);
        let is_decorator = |line| new.text(line).is_some_and(|text| text.trim_start().starts_with('@'));
        let is_plain = |line| !added.contains(&line) && !new.begins_in_atom(line) && !is_decorator(line);
        let is_split = rows.iter().any(|row| row.old.is_some() && header.contains(&row.at));
        if header.len() > LONG_HEADER {
            let used: HashSet<&str> = rows.iter().flat_map(|row| words(&row.text)).collect();
            let is_used = |line| new.text(line).and_then(|text| used.get(parameter(&text)?)).is_some();
            let is_bound = |line| line == header.start || line + 1 == header.end;
            context.retain(|&line| !header.contains(&line) || is_bound(line) || is_used(line));
        }
        if header.len() > 1 && !is_split && header.clone().all(is_plain) {
            let shown: Vec<u32> = header.clone().filter(|line| context.contains(line)).collect();
            context.retain(|line| !header.contains(line));
            let text = Cow::Owned(joined(shown.into_iter().filter_map(|line| Some((line, new.text(line)?)))));
            rows.push(Row { end: header.end - 1, ..Row::new(new, header.start, Kind::Context, text) });
        }
        for line in context.into_iter().filter(|line| !added.contains(line)) {
            rows.extend(new.text(line).map(|text| Row::new(new, line, Kind::Context, text)));
        }
    }

    /// The imports that added lines use, but for those that are sent anyway: a changed one with the
    /// unit that owns its line.
    fn imports(&self, new: &Side<'_>, rows: &[Row<'_>]) -> Vec<String> {
        let Some(code) = new.code() else { return Vec::new() };
        let added = rows.iter().filter(|row| row.kind == Kind::Added);
        let words: HashSet<&str> = added.flat_map(|row| words(&row.text)).collect();
        let shown: HashSet<u32> = rows.iter().filter(|row| row.old.is_none()).map(|row| row.at).collect();
        let is_shown = |line| shown.contains(&line) || self.is_changed(line);
        imports::used(code, &words, |row| is_shown(row as u32 + 1))
    }

    /// The names around the lines, without those that a reader has anyway: the definition's own where
    /// its header is shown, and a type's that the file is called after.
    fn title(&self, unit: &Unit, rows: &[Row<'_>]) -> String {
        let mut names: Vec<&str> = unit.name.split(" / ").collect();
        let Some(own) = names.pop().filter(|own| !own.starts_with('(')) else { return String::new() };
        names.retain(|name| words(name).last().is_none_or(|name| name != self.stem));
        if !self.shows_header(unit, own, rows) {
            names.push(own);
        }
        names.join(" / ")
    }

    /// Whether one of the rows is the part of the unit's header that names it.
    fn shows_header(&self, unit: &Unit, own: &str, rows: &[Row<'_>]) -> bool {
        let is_old = unit.new.is_none();
        let (side, bytes) = if is_old { (&self.old, &unit.old) } else { (&self.new, &unit.new) };
        let header = side.as_ref().zip(bytes.as_ref()).and_then(|(side, bytes)| {
            let definition = definition(&side.code()?.outline.definitions, bytes)?;
            Some(side.lines_of(&definition.header))
        });
        let (Some(header), Some(own)) = (header, words(own).last()) else { return false };
        rows.iter().filter(|row| row.old.is_some() == is_old).any(|row| {
            header.contains(&row.old.unwrap_or(row.at)) && words(&row.text).any(|word| word == own)
        })
    }

    /// Rows as lines, dedented and numbered, with marks for what was left out.
    fn write(&self, rows: Vec<Row<'_>>) -> Vec<Line> {
        let new = self.new.as_ref();
        let last_line = new.map_or(0, Side::line_count);
        let indent = common_indent(&rows);
        let mut lines: Vec<Line> = Vec::new();
        let mut end = None;
        for row in rows {
            let mut between = end.map_or(0..0, |end| end + 1..row.at);
            let is_left_out = |new: &Side<'_>, line| match row.old.is_some() || new.is_code(row.at) {
                true => new.is_code(line),
                // Beside a comment, a comment is something that is left out.
                false => new.raw(line).is_some_and(|text| !text.trim().is_empty()),
            };
            if new.is_some_and(|new| between.any(|line| is_left_out(new, line))) {
                lines.push(Line { kind: Kind::Gap, number: None, is_numbered: false, text: String::new() });
            }
            end = end.max(Some(row.end));
            let number = row.at.clamp(1, last_line.max(1));
            lines.push(Line {
                kind: row.kind,
                number: (row.kind.is_changed() && last_line > 0).then_some(number),
                is_numbered: false,
                text: row.without(indent).to_owned(),
            });
        }
        write::number(&mut lines);
        write::drop_told_gaps(&mut lines);
        lines
    }
}

impl<'a> Row<'a> {
    /// A line of the new side.
    fn new(new: &Side<'_>, line: u32, kind: Kind, text: Cow<'a, str>) -> Self {
        Self { at: line, old: None, kind, text, in_atom: new.begins_in_atom(line), end: line }
    }

    /// The text without so many bytes of indentation, where that is none of a string's.
    fn without(&self, indent: usize) -> &str {
        if self.in_atom { &self.text } else { self.text.get(indent..).unwrap_or_default() }
    }
}

impl AsRef<str> for Row<'_> {
    /// The text without indentation; nothing of a line that begins within a string, where white space
    /// is content.
    fn as_ref(&self) -> &str {
        if self.in_atom { "" } else { self.text.trim() }
    }
}

/// The added lines among the rows.
fn added(rows: &[Row<'_>]) -> HashSet<u32> {
    let is_added = |row: &&Row<'_>| matches!(row.kind, Kind::Added | Kind::Shifted);
    rows.iter().filter(is_added).map(|row| row.at).collect()
}

fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn lines(ranges: &[LineRange]) -> impl Iterator<Item = u32> + '_ {
    ranges.iter().flat_map(LineRange::lines)
}

fn definition<'d>(definitions: &'d [Definition], bytes: &Range<usize>) -> Option<&'d Definition> {
    definitions.iter().find(|definition| definition.range == *bytes)
}

/// Lines as one, with the indentation of the first, and with `⋮` for those between that are left out.
fn joined<'t>(lines: impl Iterator<Item = (u32, Cow<'t, str>)>) -> String {
    let mut text = String::new();
    let mut next = 0;
    for (number, line) in lines {
        if text.is_empty() {
            text.push_str(&line);
        } else {
            let line = line.trim_start();
            if number > next {
                text.push_str(" ⋮ ");
            } else if !text.ends_with(['(', '[', '<']) && !line.starts_with([')', ']', '>']) {
                text.push(' ');
            }
            text.push_str(line);
        }
        next = number + 1;
    }
    text
}

/// The name that a line of a parameter list declares: the first word before a colon or a default, else
/// the last word.
fn parameter(line: &str) -> Option<&str> {
    match line.split_once([':', '=']) {
        Some((name, _)) => words(name).last(),
        None => words(line).last(),
    }
}

/// Whether a header says more than a unit's name and the kind of definition.
fn says_more(header: &str, name: &str) -> bool {
    const KINDS: [&str; 22] = [
        "abstract",
        "class",
        "const",
        "data",
        "default",
        "enum",
        "export",
        "final",
        "impl",
        "interface",
        "internal",
        "mod",
        "module",
        "namespace",
        "private",
        "protected",
        "pub",
        "public",
        "sealed",
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
