//! A change divided into units: every changed line goes to the definition that encloses it, and a
//! unit is proved to mean nothing only where its lines can show nothing else.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::compare::{Text, compare};
use super::imports::Imports;
use super::why_unproved;
use crate::change::definition::Outline;
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;
use crate::change::stream::{self, Comment, Script, Streams};
use crate::change::{ChangeClass, Edit, LineRange, Opaque, ParsedChange, Side, Unit};

mod lines;
mod pair;

use lines::Lines;
use pair::Pairs;

/// What a unit, or a whole file, amounts to.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) class: ChangeClass,
    pub(super) because: String,
    /// Whether that means nothing.
    pub(super) proved: bool,
    /// Old and new names of a rename.
    pub(super) renamed: Vec<(String, String)>,
}

impl Verdict {
    pub(super) fn real(because: &str) -> Self {
        Self::unproved(ChangeClass::Real, because.to_owned())
    }

    pub(super) fn unproved(class: ChangeClass, because: String) -> Self {
        Self { class, because, proved: false, renamed: Vec::new() }
    }

    pub(super) fn proved(class: ChangeClass, because: String) -> Self {
        Self { class, because, proved: true, renamed: Vec::new() }
    }
}

/// The one unit of a change that is not divided; none where no line changed.
pub(super) fn whole_file(parsed: &ParsedChange, verdict: &Verdict) -> Option<Unit> {
    let change = &parsed.change;
    let extent = |side: &Option<Side>| side.as_ref()?.content.text().map(|text| 0..text.len());
    let collect = |ranges: &mut dyn Iterator<Item = LineRange>| {
        let mut merged = Vec::new();
        ranges.flat_map(|range| range.lines()).for_each(|line| push_line(&mut merged, line));
        merged
    };
    (!change.edits.is_empty()).then(|| Unit {
        name: "(file)".to_owned(),
        class: verdict.class,
        because: verdict.because.clone(),
        proved: verdict.proved,
        old: extent(&change.old),
        new: extent(&change.new),
        added: collect(&mut change.edits.iter().map(|edit| edit.new)),
        deleted: collect(&mut change.edits.iter().map(|edit| edit.old)),
        steps: Vec::new(),
        renamed: Vec::new(),
    })
}

pub(super) fn describe(what: Opaque) -> &'static str {
    match what {
        Opaque::Binary => "binary",
        Opaque::TooLarge => "too large to read",
        Opaque::Missing => "not in this clone",
        Opaque::Symlink => "a symbolic link",
        Opaque::Submodule => "a submodule",
    }
}

/// One side with all that is known of it.
struct Parsed<'a> {
    tree: &'a SyntaxTree,
    outline: Outline,
    lines: Lines<'a>,
}

impl<'a> Parsed<'a> {
    fn new(tree: &'a SyntaxTree) -> Self {
        Self { tree, outline: Outline::of(tree), lines: Lines::new(tree.source()) }
    }

    /// Text of the definitions directly inside a region.
    fn nested(&self, region: usize) -> Vec<&'a str> {
        let source = self.tree.source();
        let inside = self.outline.definitions.iter().filter(|it| it.parent == region.checked_sub(1));
        inside.map(|definition| &source[definition.range.clone()]).collect()
    }

    /// The region around a byte, counted as in streams: 0 is the top level.
    fn region(&self, byte: usize) -> usize {
        self.outline.enclosing(byte).map_or(0, |index| index + 1)
    }
}

/// Class and units of a change that no table knows.
pub(super) fn divide(parsed: &ParsedChange) -> (Verdict, Vec<Unit>) {
    let unproved = why_unproved(parsed.new()).or_else(|| why_unproved(parsed.old()));
    let old = parsed.old().and_then(|it| it.tree());
    let new = parsed.new().and_then(|it| it.tree());
    let is_text = |side: &Option<Side>, tree: Option<&SyntaxTree>| side.is_some() && tree.is_none();
    if is_text(&parsed.change.old, old) || is_text(&parsed.change.new, new) {
        let verdict = Verdict::real(unproved.as_deref().unwrap_or("one side has no lines"));
        let unit = whole_file(parsed, &verdict);
        return (verdict, unit.into_iter().collect());
    }
    let old = old.map(Parsed::new);
    let new = new.map(Parsed::new);
    let streams = match (&old, &new) {
        (Some(old), Some(new)) if old.tree.language() == new.tree.language() => {
            Streams::of(old.tree, &old.outline).zip(Streams::of(new.tree, &new.outline))
        }
        _ => None,
    };
    if let (Some((before, after)), Some(old), Some(new)) = (&streams, &old, &new)
        && let Some(verdict) = whole_proof(before, after, &old.outline, &new.outline)
    {
        let unit = whole_file(parsed, &verdict);
        return (verdict, unit.into_iter().collect());
    }
    let division = Division { old, new, streams, unproved: unproved.clone(), scripts: OnceCell::new() };
    let units = division.run(parsed);
    match of_units(&units) {
        Some(verdict) if verdict.class != ChangeClass::Real => (verdict, units),
        _ => (Verdict::real(unproved.as_deref().unwrap_or(summary(parsed))), units),
    }
}

fn summary(parsed: &ParsedChange) -> &'static str {
    match (&parsed.change.old, &parsed.change.new) {
        (None, _) => "added",
        (_, None) => "deleted",
        _ => "changed logic",
    }
}

/// The class of a file whose two sides say the same in every part.
fn whole_proof(before: &Streams<'_>, after: &Streams<'_>, old: &Outline, new: &Outline) -> Option<Verdict> {
    let names = |outline: &Outline| outline.definitions.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let is_same = before.regions.len() == after.regions.len()
        && before.regions.iter().zip(&after.regions).all(|(old, new)| old.full == new.full)
        && names(old) == names(new);
    is_same.then(|| {
        let pairs = before.regions.iter().zip(&after.regions);
        let differ = pairs.map(|(old, new)| differing(&old.comments, &new.comments)).sum();
        proof(differ, after.hash())
    })
}

/// The class of a file is the last of its units' in the order of classes.
pub(super) fn of_units(units: &[Unit]) -> Option<Verdict> {
    let class = units.iter().map(|unit| unit.class).max()?;
    let mut of_class = units.iter().filter(|unit| unit.class == class);
    let because = match (of_class.next()?, of_class.count()) {
        (unit, 0) => format!("{}: {}", unit.name, unit.because),
        (unit, more) => format!("{}: {}; and {more} more", unit.name, unit.because),
    };
    let proved = units.iter().all(|unit| unit.proved);
    Some(Verdict { class, because, proved, renamed: Vec::new() })
}

/// Class and reason of equal streams.
fn proof(comments: usize, hash: blake3::Hash) -> Verdict {
    let short = &hash.to_hex()[..8];
    let (class, what) = match comments {
        0 => (ChangeClass::Whitespace, "same comments".to_owned()),
        1 => (ChangeClass::Comment, "1 comment differs".to_owned()),
        n => (ChangeClass::Comment, format!("{n} comments differ")),
    };
    Verdict::proved(class, format!("same syntax, {what} (blake3 {short})"))
}

/// How many comments of the longer list have no counterpart; 0 only for equal lists.
fn differing(old: &[Comment<'_>], new: &[Comment<'_>]) -> usize {
    if old == new {
        return 0;
    }
    let mut counts: HashMap<&Comment<'_>, usize> = HashMap::new();
    for comment in old {
        *counts.entry(comment).or_default() += 1;
    }
    let mut common = 0;
    for comment in new {
        if let Some(count) = counts.get_mut(comment)
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    (old.len().max(new.len()) - common).max(1)
}

/// Appends a line to ascending ranges.
fn push_line(ranges: &mut Vec<LineRange>, line: u32) {
    match ranges.last_mut() {
        Some(last) if last.last() + 1 == line => last.len += 1,
        _ => ranges.push(LineRange { start: line, len: 1 }),
    }
}

/// Both sides of a real change, about to be divided.
struct Division<'a> {
    old: Option<Parsed<'a>>,
    new: Option<Parsed<'a>>,
    streams: Option<(Streams<'a>, Streams<'a>)>,
    unproved: Option<String>,
    /// What the streams consist of, if it had to be looked at.
    scripts: OnceCell<Option<[Scripts<'a>; 2]>>,
}

/// The regions of one side, and its imports.
struct Scripts<'a> {
    regions: Vec<Script<'a>>,
    imports: Imports,
}

impl Scripts<'_> {
    fn text<'a>(&'a self, side: &Parsed<'a>, region: usize) -> Text<'a> {
        Text {
            script: &self.regions[region],
            tree: side.tree,
            imports: (region == 0).then_some(&self.imports),
            nested: side.nested(region),
        }
    }
}

/// How a definition of one side stands to its counterpart.
#[derive(Clone, Copy, Default)]
struct Proof {
    /// Whether it says the same, definitions inside it left out.
    same: bool,
    /// Whether it stands at the same place.
    stays: bool,
}

impl Proof {
    fn is_unchanged(self) -> bool {
        self.same && self.stays
    }
}

/// What belongs to one pair of definitions.
#[derive(Default)]
struct Owned {
    deleted: Vec<LineRange>,
    added: Vec<LineRange>,
    /// Whether one of the lines is not blank.
    has_text: bool,
    /// Whether a run of lines was replaced by another within it, so that it stands where it stood.
    anchored: bool,
    /// Other pairs that have bytes on the same lines.
    touched: Vec<usize>,
}

impl Owned {
    fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }
}

impl<'a> Division<'a> {
    fn run(&self, parsed: &ParsedChange) -> Vec<Unit> {
        let edits = &parsed.change.edits;
        let kept = match (&self.old, &self.new) {
            (Some(old), Some(_)) => lines::kept(old.lines.count(), edits),
            _ => Vec::new(),
        };
        let pairs = Pairs::of(self.old.as_ref(), self.new.as_ref(), &kept);
        let (owned, order) = self.assign(edits, &pairs);
        let proofs = self.proofs(&pairs, &owned, &kept);
        let unit = |index: usize| {
            let verdict = self.verdict(&pairs, proofs.as_deref(), &owned[index], index);
            let pair = &pairs.all[index];
            let (old, new) = (region_of(&self.old, pair.old), region_of(&self.new, pair.new));
            let name = new.as_ref().or(old.as_ref()).map_or("(top level)", |(name, _)| name);
            Unit {
                name: name.to_owned(),
                class: verdict.class,
                because: verdict.because,
                proved: verdict.proved,
                old: old.as_ref().map(|(_, range)| range.clone()),
                new: new.as_ref().map(|(_, range)| range.clone()),
                added: owned[index].added.clone(),
                deleted: owned[index].deleted.clone(),
                steps: Vec::new(),
                renamed: verdict.renamed,
            }
        };
        order.into_iter().map(unit).collect()
    }

    /// Gives every changed line to one pair; the order is that of each pair's first line.
    fn assign(&self, edits: &[Edit], pairs: &Pairs) -> (Vec<Owned>, Vec<usize>) {
        let mut owned: Vec<Owned> = Vec::new();
        owned.resize_with(pairs.all.len(), Owned::default);
        let mut order = Vec::new();
        for edit in edits {
            let mut owners = Vec::new();
            for (side, of, range, is_new) in
                [(&self.old, &pairs.of_old, edit.old, false), (&self.new, &pairs.of_new, edit.new, true)]
            {
                let Some(side) = side else { continue };
                let mut above = None;
                for line in range.lines() {
                    let extent = side.lines.extent(line);
                    let is_blank = extent.is_empty();
                    // A blank line goes with the changed lines next to it.
                    let text_from = |line| (line..range.start + range.len).map(|it| side.lines.extent(it));
                    let near =
                        || text_from(line).find(|it| !it.is_empty()).map(|it| of[side.region(it.start)]);
                    let owner = match above.filter(|_| is_blank) {
                        Some(above) => above,
                        None => near().filter(|_| is_blank).unwrap_or(of[side.region(extent.start)]),
                    };
                    above = Some(owner);
                    owners.push(owner);
                    let own = &mut owned[owner];
                    if own.is_empty() {
                        order.push(owner);
                    }
                    push_line(if is_new { &mut own.added } else { &mut own.deleted }, line);
                    if is_blank {
                        continue;
                    }
                    own.has_text = true;
                    lines::touching(&side.outline, extent, |region| {
                        if of[region] != owner && !own.touched.contains(&of[region]) {
                            own.touched.push(of[region]);
                        }
                    });
                }
            }
            if edit.old.len > 0 && edit.new.len > 0 && owners.windows(2).all(|pair| pair[0] == pair[1]) {
                owned[owners[0]].anchored = true;
            }
        }
        (owned, order)
    }

    /// For each pair whether it says the same on both sides, and at the same place. None where nothing
    /// in this file can be proved: a definition differs although none of its lines changed, or a
    /// line that did not change has come into another definition (as when code is commented out from
    /// afar), so that the changed lines mean more than the definitions they stand in.
    fn proofs(&self, pairs: &Pairs, owned: &[Owned], kept: &[Option<u32>]) -> Option<Vec<Proof>> {
        let (before, after) = self.streams.as_ref()?;
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        let mut same = vec![false; pairs.all.len()];
        for (index, pair) in pairs.all.iter().enumerate() {
            let streams = pair.old.zip(pair.new).map(|(o, n)| (&before.regions[o], &after.regions[n]));
            same[index] = streams.is_some_and(|(old, new)| old.full == new.full);
            if owned[index].is_empty() && !streams.is_some_and(|(old, new)| old.bare == new.bare) {
                return None;
            }
        }
        let mut anchored: Vec<bool> = owned.iter().map(|it| it.anchored).collect();
        anchored[0] = true;
        for (line, target) in kept.iter().enumerate() {
            let Some(target) = *target else { continue };
            let here = old.lines.extent(line as u32 + 1);
            let there = new.lines.extent(target);
            let (from, to) = (old.region(here.start), new.region(there.start));
            if pairs.of_old[from] == pairs.of_new[to] {
                // What holds an unchanged line cannot have moved past another that holds one.
                let mut definition = from.checked_sub(1);
                while let Some(index) = definition {
                    anchored[pairs.of_old[index + 1]] = true;
                    definition = old.outline.definitions[index].parent;
                }
            } else if old.lines.text(here).chars().any(char::is_alphanumeric) {
                return None;
            }
        }
        // Outer definitions come before inner ones. Where the outer one says the same on both sides
        // and has not moved, neither have those inside it. Imports are no place to stand before.
        let mut settled = vec![false; pairs.all.len()];
        let imports = [ChangeClass::ImportOrder, ChangeClass::Import];
        settled[0] = same[0] || self.compared(0, 0).is_some_and(|it| imports.contains(&it.class));
        let mut proofs = vec![Proof::default(); pairs.all.len()];
        proofs[0] = Proof { same: same[0], stays: true };
        for (region, definition) in old.outline.definitions.iter().enumerate() {
            let index = pairs.of_old[region + 1];
            let around = pairs.of_old[definition.parent.map_or(0, |it| it + 1)];
            settled[index] = same[index] && settled[around];
            proofs[index] = Proof { same: same[index], stays: anchored[index] || settled[around] };
        }
        Some(proofs)
    }

    fn verdict(&self, pairs: &Pairs, proofs: Option<&[Proof]>, owned: &Owned, index: usize) -> Verdict {
        let real = Verdict::real;
        if self.old.is_none() {
            return real("added");
        }
        if self.new.is_none() {
            return real("deleted");
        }
        let (old, new) = match (pairs.all[index].old, pairs.all[index].new) {
            (Some(old), Some(new)) => (old, new),
            (None, _) => return real("added"),
            (_, None) => return real("deleted"),
        };
        if let Some(because) = &self.unproved {
            return real(&format!("changed; not proved: {because}"));
        }
        let Some((before, after)) = &self.streams else { return real("the language changed") };
        let (before, after) = (&before.regions[old], &after.regions[new]);
        let Some(proofs) = proofs else {
            return real(match before.full == after.full {
                true => "same syntax, but its lines change what is around it",
                false => "changed logic",
            });
        };
        if before.bare == after.bare && !owned.has_text {
            return Verdict::proved(ChangeClass::Whitespace, "blank lines".to_owned());
        }
        let verdict = match before.full == after.full {
            true => proof(differing(&before.comments, &after.comments), after.full),
            false => self.compared(old, new).unwrap_or_else(|| real("changed logic")),
        };
        if verdict.class == ChangeClass::Real {
            return verdict;
        }
        if !proofs[index].stays {
            return real("moved");
        }
        if !owned.touched.iter().all(|&other| proofs[other].is_unchanged()) {
            return real("same syntax, but a line is shared with a changed definition");
        }
        verdict
    }

    /// By how much two regions differ whose streams are not equal.
    fn compared(&self, old: usize, new: usize) -> Option<Verdict> {
        let (before, after) = (self.old.as_ref()?, self.new.as_ref()?);
        let profile = Profile::of(after.tree.language())?;
        let scripts = self.scripts.get_or_init(|| {
            let (from, to) = self.streams.as_ref()?;
            let of = |side: &Parsed<'a>, own: &Streams<'a>, other: &Streams<'a>| {
                let same: HashSet<_> = other.regions.iter().map(|region| region.full).collect();
                let differs = |region: usize| !same.contains(&own.regions[region].full);
                Scripts {
                    regions: stream::scripts(side.tree, &side.outline, profile, differs),
                    imports: Imports::of(side.tree, profile),
                }
            };
            Some([of(before, from, to), of(after, to, from)])
        });
        let [from, to] = scripts.as_ref()?;
        let hash = self.streams.as_ref()?.1.regions[new].full;
        Some(compare(&from.text(before, old), &to.text(after, new), profile, hash))
    }
}

/// Name and bytes of a region; the top level has no name, and the bytes of the whole file.
fn region_of<'a>(side: &'a Option<Parsed<'_>>, region: Option<usize>) -> Option<(&'a str, Range<usize>)> {
    let side = side.as_ref()?;
    Some(match region?.checked_sub(1) {
        None => ("(top level)", 0..side.tree.source().len()),
        Some(index) => {
            let definition = &side.outline.definitions[index];
            (&definition.name, definition.range.clone())
        }
    })
}
