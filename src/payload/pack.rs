//! Units to payloads: levels chosen, requests filled, the limit kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::redact::{Redacted, Redactor, Session};
use super::route::{Reason, RoutedChange};
use super::slice::{Kind, Rendered, Slicer};
use super::tokenizer::Tokenizer;
use super::worth::worth;
use super::{Block, Level, Payload, SentLine, UnitRef};
use crate::change::ChangeClass;
use crate::meter::estimate::Counting;

/// What bounds a hook's payloads.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// The most that is sent of a unit.
    pub highest: Level,
    /// Whether documentation that changed beside code is sent with it, rather than left to rules.
    pub documentation: bool,
    /// Tokens that all requests together may take, output included, and the code that names this
    /// limit; none for no limit.
    pub limit: Option<(u64, Reason)>,
    /// Units in one request at the most, where the limit has room for requests of no more.
    pub units_per_request: usize,
    /// Payload tokens in one request at the most (a larger unit travels alone).
    pub tokens_per_request: u64,
    /// What a request costs beside its payload.
    pub overhead: Overhead,
    /// How tokens are measured against limits. What is reported is always counted.
    pub counting: Counting,
}

/// What a request costs beside its payload, as the stage that renders requests bounds it from above.
#[derive(Clone, Copy, Debug)]
pub struct Overhead {
    /// Instructions, schema and message frame, in tokens.
    pub fixed: u64,
    /// The schema's share for each numbered line, which a reply may name, in tokens.
    pub per_line: u64,
    /// Tokens reserved for the reply.
    pub output: u64,
}

impl Overhead {
    /// Payload tokens that a request of at most `call` tokens has room for; any number without a
    /// limit.
    #[must_use]
    pub fn room_in(&self, call: Option<u64>) -> u64 {
        call.map_or(u64::MAX, |call| call.saturating_sub(self.fixed + self.output))
    }
}

/// What compression made of the units.
#[derive(Debug, Default)]
pub struct Compressed {
    /// One payload a request, in the order in which they are to be sent.
    pub payloads: Vec<Payload>,
    /// Units that did not fit, with the reason.
    pub left_out: Vec<(UnitRef, Reason)>,
    /// Units of which documentation was left to rules, with the number of its changed lines.
    pub documentation: BTreeMap<UnitRef, usize>,
    /// How many different secrets were taken out of the payloads.
    pub redactions: usize,
    /// What a limit has to hold for all payloads, as measured: instructions, schema and replies
    /// included, bounded from above.
    pub bound: u64,
}

/// Cuts the units down and packs them into payloads, coverage first: every unit at its lowest
/// level before any is given more.
///
/// Where everything fits at the highest level, that is what is sent. Else every unit is taken at
/// [`Level::Lines`], in fewer and fuller requests where not even that fits, and then the most
/// valuable first; what is left of the limit goes to raising levels, most value for a token first.
#[must_use]
pub fn compress(
    units: &[UnitRef],
    changes: &[RoutedChange],
    tokenizer: &Tokenizer,
    redactor: &Redactor,
    options: &PackOptions,
) -> Compressed {
    let mut cutter = Cutter {
        changes,
        tokenizer,
        counting: options.counting,
        documentation: options.documentation,
        session: redactor.session(),
        slicers: BTreeMap::new(),
    };
    let mut compressed =
        Compressed { documentation: cutter.documentation_left_out(units), ..Compressed::default() };
    let highest = options.highest;
    let edits = cutter.edits(units);
    let drafts = edits.iter().map(|edit| cutter.cut(edit, highest)).collect();
    let mut options = options.clone();
    let mut requests = fill(drafts, &options);
    if let Some((limit, reason)) = options.limit
        && cost(&requests, &options) > limit
    {
        let full: Vec<Draft> = requests.into_iter().flatten().collect();
        let lines = full.iter().map(|draft| cutter.cut(&draft.edit, Level::Lines)).collect();
        requests = fill(lines, &options);
        while cost(&requests, &options) > limit && options.units_per_request < CROWDED {
            options.units_per_request = (options.units_per_request.max(1) * 2).min(CROWDED);
            let mut drafts: Vec<Draft> = requests.into_iter().flatten().collect();
            drafts.sort_by_key(|draft| draft.edit.unit);
            requests = fill(drafts, &options);
        }
        if cost(&requests, &options) > limit {
            let (taken, left_out) = admit(requests.into_iter().flatten().collect(), limit, &options);
            let units = left_out.iter().flat_map(Edit::units);
            compressed.left_out.extend(units.map(|unit| (unit, reason)));
            requests = taken;
        }
        let mut higher = vec![full];
        if highest > Level::Slice {
            let slices = requests.iter().flatten();
            higher.insert(0, slices.map(|draft| cutter.cut(&draft.edit, Level::Slice)).collect());
        }
        for drafts in higher {
            raise(&mut requests, drafts, limit, &options);
        }
    }
    compressed.bound = cost(&requests, &options);
    for request in &mut requests {
        request.sort_by_key(|draft| draft.edit.unit);
    }
    requests.sort_by_key(|request| request.first().map(|draft| draft.edit.unit));
    compressed.left_out.sort_unstable_by_key(|&(unit, _)| unit);
    let mut secrets = BTreeSet::new();
    for request in requests {
        let payload = seal(request, changes, tokenizer);
        secrets.extend(payload.text.secrets());
        compressed.payloads.push(payload);
    }
    compressed.redactions = secrets.len();
    compressed
}

/// An edit and the units in which it is made.
#[derive(Clone)]
struct Edit {
    /// The first of them, which is sent.
    unit: UnitRef,
    /// The others, which are named.
    also: Vec<UnitRef>,
}

impl Edit {
    fn units(&self) -> impl Iterator<Item = UnitRef> + '_ {
        std::iter::once(self.unit).chain(self.also.iter().copied())
    }
}

/// An edit at a level, redacted and counted.
struct Draft {
    edit: Edit,
    level: Level,
    worth: u64,
    /// The path and what is known around the unit, a line each: once in a request for all units of
    /// the file.
    around: Vec<Counted>,
    /// The block; its text lacks the number in the first line, which is counted as one token.
    block: Counted,
    lines: Vec<SentLine>,
}

/// Text and its tokens, those of its last line break included.
struct Counted {
    text: Redacted,
    tokens: u64,
    /// What a limit has to hold for it.
    measured: u64,
}

/// The most places that are named beside an edit which is made in many; of more, the number is.
const NAMED: usize = 8;

/// Cuts, redacts and counts units; reads each file once.
struct Cutter<'a> {
    changes: &'a [RoutedChange],
    tokenizer: &'a Tokenizer,
    counting: Counting,
    documentation: bool,
    session: Session<'a>,
    slicers: BTreeMap<usize, Slicer<'a>>,
}

impl<'a> Cutter<'a> {
    fn slicer(&mut self, change: usize) -> &Slicer<'a> {
        let classified = &self.changes[change].classified;
        let slicer = || Slicer::of(classified, &mut self.session, self.documentation);
        self.slicers.entry(change).or_insert_with(slicer)
    }

    fn documentation_left_out(&mut self, units: &[UnitRef]) -> BTreeMap<UnitRef, usize> {
        let changes = self.changes;
        let counted = units.iter().map(|&place| {
            let unit = &changes[place.change].classified.units[place.unit];
            (place, self.slicer(place.change).documentation_left_out(unit))
        });
        counted.filter(|&(_, lines)| lines > 0).collect()
    }

    /// The units, those in which the same edit is made together.
    fn edits(&mut self, units: &[UnitRef]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for &unit in units {
            let changed = &self.changes[unit.change].classified.units[unit.unit];
            debug_assert!(!changed.proved, "what is proved to mean nothing is nobody's question");
            let key = self.slicer(unit.change).edit(changed);
            let index = key.map_or(edits.len(), |key| *known.entry(key).or_insert(edits.len()));
            match edits.get_mut(index) {
                Some(edit) => edit.also.push(unit),
                None => edits.push(Edit { unit, also: Vec::new() }),
            }
        }
        edits
    }

    fn cut(&mut self, edit: &Edit, level: Level) -> Draft {
        let change = &self.changes[edit.unit.change].classified;
        let unit = &change.units[edit.unit.unit];
        // Where no more than a value or a name differs, what surrounds it is what it was.
        let is_slight = matches!(unit.class, ChangeClass::Literal | ChangeClass::Rename);
        let level = if is_slight { Level::Lines } else { level };
        let rendered = self.slicer(edit.unit.change).render(unit, level);
        let mut text = format!("# {}\n", change.path());
        for line in &rendered.around {
            text.push_str(&format!(" {line}\n"));
        }
        if let Some(first) = rendered.all_added_from() {
            text.push_str(&format!("+{first}"));
        }
        if !rendered.title.is_empty() {
            text.push_str(&format!(" {}", rendered.title));
        }
        text.push('\n');
        if !edit.also.is_empty() {
            text.push_str(&format!("also {}\n", self.places(&edit.also)));
        }
        for (mark, line) in rendered.marks().zip(&rendered.lines) {
            text.push_str(&format!("{mark}{}\n", line.text));
        }
        let (around, block) = self.session.redact(&text).split_lines(1 + rendered.around.len());
        let lines = sent_lines(&rendered, &block);
        let counted = |text: Redacted, number: &str| {
            let tokens = self.tokenizer.count(&format!("{number}{}", text.as_str()));
            let measured = match self.counting {
                Counting::Margin(_) => tokens,
                Counting::Strict if number.is_empty() => text.as_str().len() as u64,
                Counting::Strict => (text.as_str().len() + LONGEST_NUMBER) as u64,
            };
            Counted { text, tokens, measured }
        };
        Draft {
            edit: edit.clone(),
            level,
            worth: worth(change, unit, &rendered),
            around: around.into_iter().map(|line| counted(line, "")).collect(),
            block: counted(block, "#1"),
            lines,
        }
    }

    /// `src/a.rs:12, src/b.rs:40 and 3 more`.
    fn places(&self, units: &[UnitRef]) -> String {
        let place = |unit: &UnitRef| {
            let change = &self.changes[unit.change].classified;
            format!("{}:{}", change.path(), change.units[unit.unit].span().0)
        };
        let named: Vec<String> = units.iter().take(NAMED).map(place).collect();
        match units.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// The changed lines as they read after redaction, which keeps the number of lines.
fn sent_lines(rendered: &Rendered, block: &Redacted) -> Vec<SentLine> {
    let text: Vec<&str> = block.as_str().lines().collect();
    let redacted = &text[text.len().saturating_sub(rendered.lines.len())..];
    let lines = rendered.lines.iter().zip(rendered.marks()).zip(redacted);
    let changed = lines.filter_map(|((line, mark), text)| {
        Some(SentLine {
            number: line.number?,
            is_numbered: line.is_numbered,
            is_deleted: line.kind == Kind::Deleted,
            text: text.strip_prefix(&*mark).unwrap_or(text).to_owned(),
        })
    });
    changed.collect()
}

/// What a request of these drafts costs, as the limit counts it.
fn request_cost<'d>(drafts: impl Iterator<Item = &'d Draft> + Clone, options: &PackOptions) -> u64 {
    let numbered = drafts.clone().flat_map(|draft| &draft.lines).filter(|line| line.is_numbered).count();
    let overhead = &options.overhead;
    tokens(drafts) + overhead.per_line * numbered as u64 + overhead.fixed + overhead.output
}

/// What all requests cost together.
fn cost(requests: &[Vec<Draft>], options: &PackOptions) -> u64 {
    requests.iter().map(|request| request_cost(request.iter(), options)).sum()
}

/// Units in one request where fewer would leave some out: each request pays its overhead again, and a
/// review in company is better than none.
const CROWDED: usize = 16;

/// A block's number stays below this, so that it is a single token whatever it is.
const BLOCKS: usize = 999;

/// Bytes of a block's number with its mark, at the most.
const LONGEST_NUMBER: usize = "#999".len();

/// Whether units of `tokens` in total may travel in one request.
fn is_within(units: usize, tokens: u64, options: &PackOptions) -> bool {
    units <= 1 || (units <= options.units_per_request.min(BLOCKS) && tokens <= options.tokens_per_request)
}

/// Measured tokens of the drafts in one request: what stands around several units of a file is sent once.
fn tokens<'d>(drafts: impl Iterator<Item = &'d Draft>) -> u64 {
    let mut seen = HashSet::new();
    let mut tokens = 0;
    for draft in drafts {
        let mut around = draft.around.iter();
        let fresh = around.by_ref().filter(|line| seen.insert((draft.edit.unit.change, line.text.as_str())));
        tokens += draft.block.measured + fresh.map(|line| line.measured).sum::<u64>();
    }
    tokens
}

/// First-fit decreasing. What is placed is as many neighbours of one file as a request holds.
fn fill(drafts: Vec<Draft>, options: &PackOptions) -> Vec<Vec<Draft>> {
    let mut groups: Vec<Vec<Draft>> = Vec::new();
    for draft in drafts {
        let fitting = groups.last_mut().filter(|group| {
            group.last().is_some_and(|last| last.edit.unit.change == draft.edit.unit.change)
                && is_within(group.len() + 1, tokens(group.iter().chain([&draft])), options)
        });
        match fitting {
            Some(group) => group.push(draft),
            None => groups.push(vec![draft]),
        }
    }
    groups.sort_by_cached_key(|group| Reverse(tokens(group.iter())));
    let mut requests: Vec<Vec<Draft>> = Vec::new();
    for group in groups {
        let fitting = requests.iter_mut().find(|request| {
            is_within(request.len() + group.len(), tokens(request.iter().chain(&group)), options)
        });
        match fitting {
            Some(request) => request.extend(group),
            None => requests.push(group),
        }
    }
    requests
}

/// Takes edits by value for a token while the limit holds; gives the requests and what is left out.
fn admit(mut drafts: Vec<Draft>, limit: u64, options: &PackOptions) -> (Vec<Vec<Draft>>, Vec<Edit>) {
    let each = options.overhead.fixed + options.overhead.output;
    drafts.sort_by_cached_key(|draft| {
        let alone = request_cost([draft].into_iter(), options) - each;
        (Reverse(rate(draft.worth, alone)), draft.edit.unit)
    });
    let mut left = limit;
    let mut requests: Vec<Vec<Draft>> = Vec::new();
    let mut left_out = Vec::new();
    for draft in drafts {
        let fitting = requests
            .iter_mut()
            .find(|request| is_within(request.len() + 1, tokens(request.iter().chain([&draft])), options));
        let more = match &fitting {
            Some(request) => {
                let with = request_cost(request.iter().chain([&draft]), options);
                with - request_cost(request.iter(), options)
            }
            None => request_cost([&draft].into_iter(), options),
        };
        match fitting {
            _ if more > left => left_out.push(draft.edit),
            Some(request) => {
                left -= more;
                request.push(draft);
            }
            None => {
                left -= more;
                requests.push(vec![draft]);
            }
        }
    }
    (requests, left_out)
}

/// Puts edits at a higher level where request and limit hold it, most value for a token first.
fn raise(requests: &mut [Vec<Draft>], higher: Vec<Draft>, limit: u64, options: &PackOptions) {
    let mut left = limit.saturating_sub(cost(requests, options));
    let places: BTreeMap<UnitRef, (usize, usize)> = requests
        .iter()
        .enumerate()
        .flat_map(|(request, drafts)| {
            drafts.iter().enumerate().map(move |(index, draft)| (draft.edit.unit, (request, index)))
        })
        .collect();
    let alone = |draft: &Draft| request_cost([draft].into_iter(), options);
    let mut steps: Vec<(u64, (usize, usize), Draft)> = higher
        .into_iter()
        .filter_map(|draft| {
            let &(request, index) = places.get(&draft.edit.unit)?;
            let more = alone(&draft).saturating_sub(alone(&requests[request][index]));
            Some((rate(draft.worth, more), (request, index), draft))
        })
        .collect();
    steps.sort_by_key(|(rate, _, draft)| (Reverse(*rate), draft.edit.unit));
    for (_, (request, index), mut draft) in steps {
        let request = &mut requests[request];
        let before = request_cost(request.iter(), options);
        std::mem::swap(&mut request[index], &mut draft);
        let more = request_cost(request.iter(), options).saturating_sub(before);
        if more <= left && is_within(request.len(), tokens(request.iter()), options) {
            left -= more;
        } else {
            std::mem::swap(&mut request[index], &mut draft);
        }
    }
}

/// Value for a token, in thousandths.
fn rate(worth: u64, tokens: u64) -> u64 {
    worth * 1000 / tokens.max(1)
}

/// Puts the parts together: each file's path and what stands around its units, then its blocks,
/// numbered. Every part ends with a line break and begins with `#` or with a blank before a word,
/// between which no token reaches: the tokens of the payload are the sum of those of its parts.
fn seal(request: Vec<Draft>, changes: &[RoutedChange], tokenizer: &Tokenizer) -> Payload {
    let mut text = Redacted::default();
    let mut blocks = Vec::with_capacity(request.len());
    for file in request.chunk_by(|one, next| one.edit.unit.change == next.edit.unit.change) {
        let mut seen = HashSet::new();
        let mut shares = Vec::with_capacity(file.len());
        for draft in file {
            let fresh = draft.around.iter().filter(|line| seen.insert(line.text.as_str()));
            let share: u64 = fresh
                .map(|line| {
                    text.push(&line.text);
                    line.tokens
                })
                .sum();
            shares.push(share);
        }
        for (draft, share) in file.iter().zip(shares) {
            let number = blocks.len() as u32 + 1;
            text.push_block(number, &draft.block.text);
            blocks.push(Block {
                unit: draft.edit.unit,
                also: draft.edit.also.clone(),
                number,
                path: changes[draft.edit.unit.change].classified.path().clone(),
                level: draft.level,
                tokens: share + draft.block.tokens,
                lines: draft.lines.clone(),
            });
        }
    }
    let tokens = blocks.iter().map(|block| block.tokens).sum();
    debug_assert_eq!(tokens, tokenizer.count(text.as_str()), "a token reaches over parts");
    Payload { text, blocks, tokens }
}

#[cfg(test)]
mod tests;
