//! Definitions that stand on one side only, for those who look for them elsewhere or put them
//! together.

use std::ops::Range;

use blake3::{Hash, Hasher};

use super::pair::Pairs;
use super::{Division, Owned, Parsed};
use crate::change::{LineRange, Step};

/// A definition, or the top level of a file, without a counterpart on the other side.
#[derive(Debug)]
pub(in crate::change::classify) struct Lone {
    /// Whether it is the top level of a file.
    pub(in crate::change::classify) is_file: bool,
    /// Whether it came; else it went away.
    pub(in crate::change::classify) is_new: bool,
    /// The unit of its changed lines, if it has any.
    pub(in crate::change::classify) unit: Option<usize>,
    /// The one around it, if that is alone too, by its place in the list.
    pub(in crate::change::classify) parent: Option<usize>,
    /// How many without a counterpart stand inside it; they follow in the list.
    pub(in crate::change::classify) inside: usize,
    /// Whether one of those inside has a counterpart.
    pub(in crate::change::classify) is_divided: bool,
    /// The pair of definitions around it.
    pub(in crate::change::classify) around: usize,
    /// Its bytes.
    pub(in crate::change::classify) range: Range<usize>,
    /// The line on which its header starts.
    pub(in crate::change::classify) line: u32,
    /// How many lines it has.
    pub(in crate::change::classify) lines: u32,
    /// Itself alone.
    pub(in crate::change::classify) step: Step,
    /// What it says with all that is inside it; none where that is not known, or where its lines
    /// hold something else too.
    pub(in crate::change::classify) identity: Option<Identity>,
}

/// What a definition says, wherever it stands.
#[derive(Debug)]
pub(in crate::change::classify) struct Identity {
    /// The word that it is called by.
    pub(in crate::change::classify) name: Option<String>,
    /// All streams, and the language.
    pub(in crate::change::classify) hash: Hash,
    /// The same without its own name.
    pub(in crate::change::classify) nameless: Hash,
    /// All plain comments.
    pub(in crate::change::classify) comments: Hash,
    /// How many leaves it has.
    pub(in crate::change::classify) leaves: usize,
    /// Whether its first line came or went, and most others with it.
    pub(in crate::change::classify) is_whole: bool,
    /// How many of its lines are not blank, without what stands above its header.
    pub(in crate::change::classify) text_lines: usize,
}

impl Division<'_> {
    /// All definitions without a counterpart, each side's in order. The top level of a new file is
    /// one of them; that of a deleted file is not, since of what is gone the names say enough.
    pub(super) fn lone(&self, pairs: &Pairs, owned: &[Owned], order: &[usize]) -> Vec<Lone> {
        let mut all = Vec::new();
        let mut units = vec![None; pairs.all.len()];
        order.iter().enumerate().for_each(|(unit, &pair)| units[pair] = Some(unit));
        for (side, of, is_new) in [(&self.old, &pairs.of_old, false), (&self.new, &pairs.of_new, true)] {
            let Some(side) = side else { continue };
            let top_is_lone = is_new && self.old.is_none();
            let is_lone = |region: usize| match region {
                0 => top_is_lone,
                _ => pairs.all[of[region]].old.is_none() || pairs.all[of[region]].new.is_none(),
            };
            let mut place = vec![None; of.len()];
            for region in (0..of.len()).filter(|&region| is_lone(region)) {
                place[region] = Some(all.len());
                let definition = region.checked_sub(1);
                let end = side.outline.end(definition) + 1;
                let outer = side.around(region);
                let is_divided = !(region..end).all(is_lone);
                let range = side.range(region);
                let first = side.definition(region).map_or(0, |it| it.header.start);
                let hash = Some(side.hash(region));
                let (old, new) = if is_new { (None, hash) } else { (hash, None) };
                let own = |region: usize| {
                    let own = &owned[of[region]];
                    if is_new { &own.added } else { &own.deleted }
                };
                let changed: Vec<LineRange> = (region..end).flat_map(own).copied().collect();
                let is_shared = || {
                    let within = |pair: &usize| (region..end).any(|region| of[region] == *pair);
                    !(region..end).all(|region| owned[of[region]].touched.iter().all(within))
                };
                all.push(Lone {
                    is_file: region == 0,
                    is_new,
                    unit: units[of[region]],
                    parent: definition.and_then(|_| place[outer]),
                    inside: (region + 1..end).filter(|&region| is_lone(region)).count(),
                    is_divided,
                    around: of[outer],
                    line: side.lines.number(first),
                    lines: side.lines.number(range.end.saturating_sub(1)) - side.lines.number(range.start)
                        + 1,
                    step: Step { name: side.name(region).to_owned(), old, new },
                    identity: (region > 0 && !is_divided && !is_shared())
                        .then(|| identity(side, region, end, &changed))
                        .flatten(),
                    range,
                });
            }
        }
        all
    }
}

/// What the definitions from `region` to `end` say, of which the first is around the others.
fn identity(side: &Parsed<'_>, region: usize, end: usize, changed: &[LineRange]) -> Option<Identity> {
    let regions = side.streams.as_ref()?.regions.get(region..end)?;
    let definition = side.definition(region)?;
    let source = side.tree.source();
    let language = side.tree.language().as_str();
    let mut hasher = Hasher::new();
    hasher.update(language.as_bytes());
    let mut nameless = hasher.clone();
    let mut comments = Hasher::new();
    for (index, region) in regions.iter().enumerate() {
        hasher.update(region.full.as_bytes());
        nameless.update(if index == 0 { &region.nameless } else { &region.full }.as_bytes());
        for comment in &region.comments {
            for part in [index, comment.anchor, comment.text.len()] {
                comments.update(&(part as u64).to_le_bytes());
            }
            comments.update(comment.text.as_bytes());
        }
    }
    let text = &source[definition.header.start..definition.range.end];
    let text_lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let first = side.lines.number(definition.header.start);
    let count: u32 = changed.iter().map(|range| range.len).sum();
    Some(Identity {
        name: definition.identifier.clone().map(|it| source[it].to_owned()),
        hash: hasher.finalize(),
        nameless: nameless.finalize(),
        comments: comments.finalize(),
        leaves: regions.iter().map(|region| region.leaves).sum(),
        is_whole: changed.iter().any(|range| range.contains(first)) && count as usize * 2 > text_lines,
        text_lines,
    })
}
