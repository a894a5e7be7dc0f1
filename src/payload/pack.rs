//! Units to payloads: levels chosen, requests filled, the limit kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::redact::{Redacted, Redactor, Session};
use super::route::{Reason, RoutedChange};
use super::slice::{Rendered, Slicer};
use super::tokenizer::Tokenizer;
use super::worth::worth;
use super::{Block, Level, Payload, SentLine, UnitRef};

/// What bounds a hook's payloads.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// The most that is sent of a unit.
    pub highest: Level,
    /// Tokens that all requests together may take, output included, and the code that names this
    /// limit; none for no limit.
    pub limit: Option<(u64, Reason)>,
    /// Units in one request at the most.
    pub units_per_request: usize,
    /// Payload tokens in one request at the most (a larger unit travels alone).
    pub tokens_per_request: u64,
    /// What a request costs beside its payload.
    pub overhead: Overhead,
}

/// What a request costs beside its payload, as the stage that renders requests bounds it from above.
#[derive(Clone, Copy, Debug)]
pub struct Overhead {
    /// Instructions, schema and message frame, in tokens.
    pub fixed: u64,
    /// The schema's share for each line that a reply may name, in tokens.
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
    /// Units that did not fit, or of which nothing could be sent, with the reason.
    pub left_out: Vec<(UnitRef, Reason)>,
    /// Units of which nothing is left to ask: the syntax proves that only comments and blank lines
    /// changed in them.
    pub nothing_left: Vec<UnitRef>,
    /// How many different secrets were taken out of the payloads.
    pub redactions: usize,
    /// What a limit has to hold for all payloads, in counted tokens: instructions, schema and replies
    /// included, bounded from above.
    pub bound: u64,
}

/// Cuts the units down and packs them into payloads, coverage first: every unit at its lowest
/// level before any is given more.
///
/// Where everything fits at the highest level, that is what is sent. Else every unit is taken at
/// [`Level::Lines`], the most valuable first where not even that fits, and what is left of the
/// limit goes to raising levels, most value for a token first.
#[must_use]
pub fn compress(
    units: &[UnitRef],
    changes: &[RoutedChange],
    tokenizer: &Tokenizer,
    redactor: &Redactor,
    options: &PackOptions,
) -> Compressed {
    let mut cutter = Cutter { changes, tokenizer, session: redactor.session(), slicers: BTreeMap::new() };
    let mut compressed = Compressed::default();
    let highest = options.highest;
    let mut drafts = Vec::new();
    for &unit in units {
        match cutter.cut(unit, highest) {
            Some(draft) => drafts.push(draft),
            None => compressed.nothing_left.push(unit),
        }
    }
    let mut requests = fill(drafts, options);
    if let Some((limit, reason)) = options.limit
        && cost(&requests, options) > limit
    {
        let full: Vec<Draft> = requests.into_iter().flatten().collect();
        let lines = full.iter().filter_map(|draft| cutter.cut(draft.unit, Level::Lines)).collect();
        requests = fill(lines, options);
        if cost(&requests, options) > limit {
            let (taken, left_out) = admit(requests.into_iter().flatten().collect(), limit, options);
            compressed.left_out.extend(left_out.into_iter().map(|unit| (unit, reason)));
            requests = taken;
        }
        let mut higher = vec![full];
        if highest > Level::Slice {
            let slices = requests.iter().flatten();
            higher.insert(0, slices.filter_map(|draft| cutter.cut(draft.unit, Level::Slice)).collect());
        }
        for drafts in higher {
            raise(&mut requests, drafts, limit, options);
        }
    }
    compressed.bound = cost(&requests, options);
    for request in &mut requests {
        request.sort_by_key(|draft| draft.unit);
    }
    requests.sort_by_key(|request| request.first().map(|draft| draft.unit));
    compressed.left_out.sort_unstable_by_key(|&(unit, _)| unit);
    let mut secrets = BTreeSet::new();
    for request in requests {
        let payload = seal(request, changes);
        secrets.extend(payload.text.secrets());
        compressed.payloads.push(payload);
    }
    compressed.redactions = secrets.len();
    compressed
}

/// A unit at a level, redacted and counted.
struct Draft {
    unit: UnitRef,
    level: Level,
    worth: u64,
    /// All lines but the number in the first one.
    text: Redacted,
    /// Tokens of the block, its number counted as one.
    tokens: u64,
    lines: Vec<SentLine>,
}

impl Draft {
    fn cost(&self, options: &PackOptions) -> u64 {
        self.tokens + options.overhead.per_line * self.lines.len() as u64
    }
}

/// Cuts, redacts and counts units; reads each file once.
struct Cutter<'a> {
    changes: &'a [RoutedChange],
    tokenizer: &'a Tokenizer,
    session: Session<'a>,
    slicers: BTreeMap<usize, Slicer<'a>>,
}

impl Cutter<'_> {
    fn cut(&mut self, place: UnitRef, level: Level) -> Option<Draft> {
        let change = &self.changes[place.change].classified;
        let unit = &change.units[place.unit];
        let slicer =
            self.slicers.entry(place.change).or_insert_with(|| Slicer::of(change, &mut self.session));
        let rendered = slicer.render(unit, level)?;
        let mut text = format!(" {} | {}\n", change.path(), unit.name);
        for line in &rendered.lines {
            text.push_str(&format!("{}{}\n", line.mark, line.text));
        }
        let text = self.session.redact(&text);
        let lines = sent_lines(&rendered, &text);
        let tokens = self.tokenizer.count(&format!("#1{}", text.as_str()));
        Some(Draft { unit: place, level, worth: worth(change, unit, &rendered), text, tokens, lines })
    }
}

/// The numbered lines as they read after redaction, which keeps the number of lines.
fn sent_lines(rendered: &Rendered, text: &Redacted) -> Vec<SentLine> {
    let redacted = text.as_str().split('\n').skip(1);
    let numbered = rendered.lines.iter().zip(redacted).filter_map(|(line, text)| {
        let number = line.mark.number()?;
        let mark = line.mark.to_string();
        Some(SentLine { number, text: text.strip_prefix(&mark).unwrap_or(text).to_owned() })
    });
    numbered.collect()
}

/// What all requests cost together, as the limit counts it.
fn cost(requests: &[Vec<Draft>], options: &PackOptions) -> u64 {
    let drafts: u64 = requests.iter().flatten().map(|draft| draft.cost(options)).sum();
    drafts + requests.len() as u64 * (options.overhead.fixed + options.overhead.output)
}

/// A block's number stays below this, so that it is a single token whatever it is.
const BLOCKS: usize = 999;

/// Whether units of `tokens` in total may travel in one request.
fn is_within(units: usize, tokens: u64, options: &PackOptions) -> bool {
    units <= 1 || (units <= options.units_per_request.min(BLOCKS) && tokens <= options.tokens_per_request)
}

fn tokens(drafts: &[Draft]) -> u64 {
    drafts.iter().map(|draft| draft.tokens).sum()
}

/// First-fit decreasing. What is placed is as many neighbours of one file as a request holds.
fn fill(drafts: Vec<Draft>, options: &PackOptions) -> Vec<Vec<Draft>> {
    let mut groups: Vec<Vec<Draft>> = Vec::new();
    for draft in drafts {
        let fitting = groups.last_mut().filter(|group| {
            group.last().is_some_and(|last| last.unit.change == draft.unit.change)
                && is_within(group.len() + 1, tokens(group) + draft.tokens, options)
        });
        match fitting {
            Some(group) => group.push(draft),
            None => groups.push(vec![draft]),
        }
    }
    groups.sort_by_cached_key(|group| Reverse(tokens(group)));
    let mut requests: Vec<Vec<Draft>> = Vec::new();
    for group in groups {
        let fitting = requests.iter_mut().find(|request| {
            is_within(request.len() + group.len(), tokens(request) + tokens(&group), options)
        });
        match fitting {
            Some(request) => request.extend(group),
            None => requests.push(group),
        }
    }
    requests
}

/// Takes units by value for a token while the limit holds; gives the requests and what is left out.
fn admit(mut drafts: Vec<Draft>, limit: u64, options: &PackOptions) -> (Vec<Vec<Draft>>, Vec<UnitRef>) {
    drafts.sort_by_key(|draft| (Reverse(rate(draft.worth, draft.cost(options))), draft.unit));
    let each = options.overhead.fixed + options.overhead.output;
    let mut left = limit;
    let mut requests: Vec<Vec<Draft>> = Vec::new();
    let mut left_out = Vec::new();
    for draft in drafts {
        let cost = draft.cost(options);
        let fitting = requests
            .iter_mut()
            .find(|request| is_within(request.len() + 1, tokens(request) + draft.tokens, options));
        match fitting {
            Some(request) if cost <= left => {
                left -= cost;
                request.push(draft);
            }
            None if cost + each <= left => {
                left -= cost + each;
                requests.push(vec![draft]);
            }
            _ => left_out.push(draft.unit),
        }
    }
    (requests, left_out)
}

/// Puts units at a higher level where request and limit hold it, most value for a token first.
fn raise(requests: &mut [Vec<Draft>], higher: Vec<Draft>, limit: u64, options: &PackOptions) {
    let mut left = limit.saturating_sub(cost(requests, options));
    let places: BTreeMap<UnitRef, (usize, usize)> = requests
        .iter()
        .enumerate()
        .flat_map(|(request, drafts)| {
            drafts.iter().enumerate().map(move |(index, draft)| (draft.unit, (request, index)))
        })
        .collect();
    let mut steps: Vec<(u64, (usize, usize), Draft)> = higher
        .into_iter()
        .filter_map(|draft| {
            let &(request, index) = places.get(&draft.unit)?;
            let more = draft.cost(options).saturating_sub(requests[request][index].cost(options));
            Some((rate(draft.worth, more), (request, index), draft))
        })
        .collect();
    steps.sort_by_key(|(rate, _, draft)| (Reverse(*rate), draft.unit));
    for (_, (request, index), draft) in steps {
        let request = &mut requests[request];
        let now = &request[index];
        let more = draft.cost(options).saturating_sub(now.cost(options));
        let within = is_within(request.len(), tokens(request) - now.tokens + draft.tokens, options);
        if more <= left && within {
            left -= more;
            request[index] = draft;
        }
    }
}

/// Value for a token, in thousandths.
fn rate(worth: u64, tokens: u64) -> u64 {
    worth * 1000 / tokens.max(1)
}

/// Numbers the blocks. Every block ends with a line break and begins with `#`, between which no
/// token reaches: the tokens of the payload are the sum of those of its blocks.
fn seal(request: Vec<Draft>, changes: &[RoutedChange]) -> Payload {
    let mut text = Redacted::default();
    let mut blocks = Vec::with_capacity(request.len());
    let mut tokens = 0;
    for (number, draft) in (1..).zip(request) {
        text.push_block(number, &draft.text);
        tokens += draft.tokens;
        blocks.push(Block {
            unit: draft.unit,
            number,
            path: changes[draft.unit.change].classified.path().clone(),
            level: draft.level,
            tokens: draft.tokens,
            lines: draft.lines,
        });
    }
    Payload { text, blocks, tokens }
}

#[cfg(test)]
mod tests;
