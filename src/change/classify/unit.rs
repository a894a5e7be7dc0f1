//! A change divided into units: every changed line goes to the definition that encloses it, and a
//! unit is proved to mean nothing only where its lines can show nothing else.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::compare::{Text, compare, compare_beside};
use super::imports::Imports;
use super::why_unproved;
use crate::change::definition::Outline;
use crate::change::parse::SyntaxTree;
use crate::change::profile::Profile;
use crate::change::stream::{self, Comment, Script, Streams};
use crate::change::{ChangeClass, Content, Edit, LineRange, Opaque, ParsedChange, Side, Step, Unit};

mod lines;
mod lone;
mod pair;
mod place;
mod side;

pub(super) use lone::{Identity, Lone};
use pair::Pairs;
use side::Parsed;

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
    const NAME: &str = "(file)";
    let change = &parsed.change;
    let step = || Step {
        name: NAME.to_owned(),
        old: change.old.as_ref().map(hash_of_file),
        new: change.new.as_ref().map(hash_of_file),
    };
    let extent = |side: &Option<Side>| side.as_ref()?.content.text().map(|text| 0..text.len());
    let collect = |ranges: &mut dyn Iterator<Item = LineRange>| {
        let mut merged = Vec::new();
        ranges.flat_map(|range| range.lines()).for_each(|line| push_line(&mut merged, line));
        merged
    };
    (!change.edits.is_empty()).then(|| Unit {
        name: NAME.to_owned(),
        class: verdict.class,
        because: verdict.because.clone(),
        proved: verdict.proved,
        old: extent(&change.old),
        new: extent(&change.new),
        added: collect(&mut change.edits.iter().map(|edit| edit.new)),
        deleted: collect(&mut change.edits.iter().map(|edit| edit.old)),
        steps: if verdict.proved { Vec::new() } else { vec![step()] },
        renamed: Vec::new(),
    })
}

/// Identity of a side of which no syntax is known.
fn hash_of_file(side: &Side) -> blake3::Hash {
    match &side.content {
        Content::Text(text) => blake3::hash(text.as_bytes()),
        // What is not read as it is written is known by its object alone.
        Content::Lossy(_) | Content::Opaque(_) => blake3::hash(side.id.to_string().as_bytes()),
    }
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

/// Class and units of a change that no table knows.
pub(super) fn divide(parsed: &ParsedChange) -> Units {
    let unproved = why_unproved(parsed.new()).or_else(|| why_unproved(parsed.old()));
    let old = parsed.old().and_then(|it| it.tree());
    let new = parsed.new().and_then(|it| it.tree());
    let is_text = |side: &Option<Side>, tree: Option<&SyntaxTree>| side.is_some() && tree.is_none();
    if is_text(&parsed.change.old, old) || is_text(&parsed.change.new, new) {
        return Units::whole(parsed, Verdict::real(unproved.as_deref().unwrap_or("one side has no lines")));
    }
    let old = old.map(Parsed::new);
    let new = new.map(Parsed::new);
    let path = parsed.change.path().to_text();
    let division = Division { old, new, path, unproved, scripts: OnceCell::new() };
    if let (Some((before, after)), Some(old), Some(new)) = (division.streams(), &division.old, &division.new)
        && let Some(verdict) = whole_proof(before, after, &old.outline, &new.outline)
    {
        return Units::whole(parsed, verdict);
    }
    let (units, lone) = division.run(parsed);
    let verdict = Verdict::real(division.unproved.as_deref().unwrap_or(summary(parsed)));
    Units { verdict, units, lone }
}

/// A change divided into units.
pub(super) struct Units {
    /// What the file as a whole amounts to.
    pub(super) verdict: Verdict,
    pub(super) units: Vec<Unit>,
    /// Definitions that stand on one side only.
    pub(super) lone: Vec<Lone>,
}

impl Units {
    pub(super) fn whole(parsed: &ParsedChange, verdict: Verdict) -> Self {
        let units = whole_file(parsed, &verdict).into_iter().collect();
        Self { verdict, units, lone: Vec::new() }
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
pub(super) fn push_line(ranges: &mut Vec<LineRange>, line: u32) {
    match ranges.last_mut() {
        Some(last) if last.last() + 1 == line => last.len += 1,
        _ => ranges.push(LineRange { start: line, len: 1 }),
    }
}

/// Both sides of a real change, about to be divided.
struct Division<'a> {
    old: Option<Parsed<'a>>,
    new: Option<Parsed<'a>>,
    /// Where the file is.
    path: String,
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

/// What belongs to one pair of definitions.
#[derive(Default)]
struct Owned {
    deleted: Vec<LineRange>,
    added: Vec<LineRange>,
    /// Whether one of the lines is not blank.
    has_text: bool,
    /// Whether one of them holds more than a plain comment.
    has_code: bool,
    /// Whether one of them holds more than a comment or an import.
    has_logic: bool,
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

/// For each pair whether the definitions inside it are in the same order on both sides: several of
/// one name may have changed places, which the names do not tell.
fn in_order(old: &Parsed<'_>, new: &Parsed<'_>, pairs: &Pairs) -> Vec<bool> {
    let mut in_order = vec![true; pairs.all.len()];
    let mut last = vec![0; pairs.all.len()];
    for region in 1..pairs.of_old.len() {
        let around = pairs.of_old[old.around(region)];
        let Some(target) = pairs.all[pairs.of_old[region]].new else { continue };
        in_order[around] &= last[around] < target && pairs.of_new[new.around(target)] == around;
        last[around] = target;
    }
    in_order
}

/// What is known of every pair, where anything in the file can be proved.
struct Proofs {
    /// Whether it says the same on both sides, definitions inside it left out.
    same: Vec<bool>,
    /// Whether it stands at the same place.
    stays: Vec<bool>,
    /// Whether it has not moved past another that has not.
    anchored: Vec<bool>,
}

impl Proofs {
    fn is_unchanged(&self, pair: usize) -> bool {
        self.same[pair] && self.stays[pair]
    }
}

impl<'a> Division<'a> {
    /// The streams of both sides, where they can be compared.
    fn streams(&self) -> Option<(&Streams<'a>, &Streams<'a>)> {
        let (old, new) = self.old.as_ref().zip(self.new.as_ref())?;
        if old.tree.language() != new.tree.language() {
            return None;
        }
        old.streams.as_ref().zip(new.streams.as_ref())
    }

    fn run(&self, parsed: &ParsedChange) -> (Vec<Unit>, Vec<Lone>) {
        let edits = &parsed.change.edits;
        let kept = match (&self.old, &self.new) {
            (Some(old), Some(_)) => lines::kept(old.lines.count(), edits),
            _ => Vec::new(),
        };
        let pairs = Pairs::of(self.old.as_ref(), self.new.as_ref(), &kept);
        let (owned, order) = self.assign(edits, &pairs);
        let proofs = self.proofs(&pairs, &owned, &kept);
        let unit = |index: usize| {
            let verdict = self.verdict(&pairs, proofs.as_ref(), &owned[index], index);
            let pair = &pairs.all[index];
            let (old, new) = (self.old.as_ref().zip(pair.old), self.new.as_ref().zip(pair.new));
            let name = new.or(old).map_or("(top level)", |(side, region)| side.name(region));
            let hash = |side: Option<(&Parsed<'_>, usize)>| side.map(|(side, region)| side.hash(region));
            Unit {
                name: name.to_owned(),
                class: verdict.class,
                because: verdict.because,
                proved: verdict.proved,
                old: old.map(|(side, region)| side.range(region)),
                new: new.map(|(side, region)| side.range(region)),
                added: owned[index].added.clone(),
                deleted: owned[index].deleted.clone(),
                steps: vec![Step { name: name.to_owned(), old: hash(old), new: hash(new) }],
                renamed: verdict.renamed,
            }
        };
        let units = order.iter().map(|&index| unit(index)).collect();
        let lone = self.lone(&pairs, &owned, &order);
        (units, lone)
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
                    own.has_code |= !side.is_comment(&extent);
                    own.has_logic |= !side.is_comment_or_import(&extent);
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

    /// What can be proved of each pair. None where nothing in this file can be: a definition differs
    /// although none of its lines changed, or a line that did not change has come into another
    /// definition (as when code is commented out from afar), so that the changed lines mean more than
    /// the definitions they stand in.
    fn proofs(&self, pairs: &Pairs, owned: &[Owned], kept: &[Option<u32>]) -> Option<Proofs> {
        let (before, after) = self.streams()?;
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
        let in_order = in_order(old, new, pairs);
        // Outer definitions come before inner ones. Where the outer one says the same on both sides
        // and has not moved, neither have those inside it. Imports are no place to stand before.
        let mut settled = vec![false; pairs.all.len()];
        let imports = [ChangeClass::ImportOrder, ChangeClass::Import];
        settled[0] = same[0] || self.compared(0, 0).is_some_and(|it| imports.contains(&it.class));
        let mut stays = anchored.clone();
        for (region, definition) in old.outline.definitions.iter().enumerate() {
            let index = pairs.of_old[region + 1];
            let around = pairs.of_old[definition.parent.map_or(0, |it| it + 1)];
            stays[index] |= settled[around] && in_order[around];
            settled[index] = same[index] && settled[around] && in_order[around];
        }
        Some(Proofs { same, stays, anchored })
    }

    fn verdict(&self, pairs: &Pairs, proofs: Option<&Proofs>, owned: &Owned, index: usize) -> Verdict {
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
        let Some((before, after)) = self.streams() else { return real("the language changed") };
        let (before, after) = (&before.regions[old], &after.regions[new]);
        let Some(proofs) = proofs else {
            return real(match before.full == after.full {
                true => "same syntax, but its lines change what is around it",
                false => "changed logic",
            });
        };
        // Whatever became of the definitions inside it, these lines say nothing.
        if before.bare == after.bare && !owned.has_text {
            return Verdict::proved(ChangeClass::Whitespace, "blank lines".to_owned());
        }
        if before.bare == after.bare && !owned.has_code && before.full != after.full {
            return Verdict::proved(
                ChangeClass::Comment,
                "comments beside definitions that changed".to_owned(),
            );
        }
        let verdict = match before.full == after.full {
            true if !proofs.stays[index] => return self.moved(pairs, proofs, owned, index),
            true => proof(differing(&before.comments, &after.comments), after.full),
            false => self.compared(old, new).unwrap_or_else(|| real("changed logic")),
        };
        let verdict = match verdict.class {
            ChangeClass::Real => match self.reordered(pairs, proofs, owned, index) {
                Some(reordered) => return reordered,
                None if owned.has_logic => return verdict,
                None => self.compared_beside(old, new).unwrap_or(verdict),
            },
            _ => verdict,
        };
        if !proofs.stays[index] {
            return real("moved, and changed");
        }
        if !owned.touched.iter().all(|&other| proofs.is_unchanged(other)) {
            return real("same syntax, but a line is shared with a changed definition");
        }
        verdict
    }

    /// By how much two regions differ whose streams are not equal.
    fn compared(&self, old: usize, new: usize) -> Option<Verdict> {
        self.with_scripts(old, new, |from, to, profile, hash| Some(compare(from, to, profile, hash)))
    }

    /// The same without the definitions inside them.
    fn compared_beside(&self, old: usize, new: usize) -> Option<Verdict> {
        self.with_scripts(old, new, compare_beside)
    }

    fn with_scripts(
        &self,
        old: usize,
        new: usize,
        compare: impl Fn(&Text<'_>, &Text<'_>, &Profile, blake3::Hash) -> Option<Verdict>,
    ) -> Option<Verdict> {
        let (before, after) = (self.old.as_ref()?, self.new.as_ref()?);
        let profile = Profile::of(after.tree.language())?;
        let scripts = self.scripts.get_or_init(|| {
            let (from, to) = self.streams()?;
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
        let hash = self.streams()?.1.regions[new].full;
        compare(&from.text(before, old), &to.text(after, new), profile, hash)
    }
}
