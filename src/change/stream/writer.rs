//! Writes the streams: one walk over a tree, to one buffer a region.

use tree_sitter::Node;

use super::{Comment, Mark, Part};
use crate::change::definition::Outline;
use crate::change::parse::SyntaxTree;
use crate::change::profile::{Profile, Speech};

/// What was written of one region.
#[derive(Default)]
pub(super) struct Written<'tree> {
    pub(super) bytes: Vec<u8>,
    /// Where nested definitions are written in `bytes`.
    pub(super) nested: Vec<std::ops::Range<usize>>,
    pub(super) comments: Vec<Comment<'tree>>,
    /// Where each part starts, if somebody wants to know.
    pub(super) parts: Vec<Part<'tree>>,
    keeps_parts: bool,
    /// What the definition is called; empty where nothing is.
    name: &'tree str,
    /// Where that name is written in `bytes`.
    pub(super) named: Vec<std::ops::Range<usize>>,
    pub(super) leaves: usize,
}

impl<'tree> Written<'tree> {
    fn part(&mut self, mark: Mark, node: Option<Node<'tree>>, speech: Option<Speech>) {
        if self.keeps_parts {
            self.parts.push(Part { mark, node, speech, start: self.bytes.len() });
        }
        self.bytes.push(mark as u8);
    }

    fn mark(&mut self, mark: Mark) {
        self.part(mark, None, None);
    }

    fn kind(&mut self, mark: Mark, node: Node<'tree>) {
        self.part(mark, Some(node), None);
        self.bytes.extend_from_slice(&node.kind_id().to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(text);
    }
}

pub(super) struct Writer<'tree, 'outline> {
    source: &'tree str,
    outline: &'outline Outline,
    profile: &'static Profile,
    regions: Vec<Written<'tree>>,
    /// Definitions around the cursor; the top level is not among them.
    around: Vec<usize>,
    /// The next definition to come.
    next: usize,
    /// Kind and region of the nodes around the cursor.
    opened: Vec<(Node<'tree>, usize)>,
    /// Where the last leaf or comment ended.
    position: usize,
    /// Whether a line break was passed since the last leaf, outside and inside comments.
    newline: bool,
    newline_in_comment: bool,
    /// Where the last leaf of a stream began and ended.
    leaf_start: usize,
    leaf_end: usize,
    /// Where the last directive ended, and whom it spoke to.
    directive: Option<(usize, Speech)>,
    /// Comments that end before this byte are code.
    preamble_end: usize,
}

impl<'tree, 'outline> Writer<'tree, 'outline> {
    pub(super) fn new(
        tree: &'tree SyntaxTree,
        outline: &'outline Outline,
        profile: &'static Profile,
    ) -> Self {
        let source = tree.source();
        let mut regions = vec![Written::default()];
        regions.extend(outline.definitions.iter().map(|definition| {
            let name = definition.identifier.clone().and_then(|it| source.get(it)).unwrap_or_default();
            Written { name, ..Written::default() }
        }));
        Self {
            source,
            outline,
            profile,
            regions,
            around: Vec::new(),
            next: 0,
            opened: Vec::new(),
            position: 0,
            newline: false,
            newline_in_comment: false,
            leaf_start: 0,
            leaf_end: 0,
            directive: None,
            preamble_end: profile.preamble.and_then(|text| source.find(text)).unwrap_or(0),
        }
    }

    /// Notes where each part of the `wanted` regions starts.
    pub(super) fn keeping_parts(mut self, wanted: impl Fn(usize) -> bool) -> Self {
        for (index, region) in self.regions.iter_mut().enumerate() {
            region.keeps_parts = wanted(index);
        }
        self
    }

    pub(super) fn run(mut self, root: Node<'tree>) -> Vec<Written<'tree>> {
        let mut cursor = root.walk();
        'walk: loop {
            let node = cursor.node();
            let region = self.enter(node);
            let is_whole = self.profile.is_comment(node.kind()) || self.profile.is_atom(node.kind());
            if !is_whole && node.child_count() > 0 {
                self.lead(node, region);
                self.regions[region].kind(Mark::Open, node);
                self.opened.push((node, region));
                cursor.goto_first_child();
                continue;
            }
            if self.profile.is_comment(node.kind()) {
                self.comment(node, region);
            } else {
                self.leaf(node, region);
            }
            while !cursor.goto_next_sibling() {
                let Some((_, region)) = self.opened.pop() else { break 'walk };
                self.regions[region].mark(Mark::Close);
                cursor.goto_parent();
            }
        }
        self.gap(self.source.len(), 0);
        self.regions
    }

    /// The region that a node belongs to.
    fn enter(&mut self, node: Node<'tree>) -> usize {
        let (start, depth) = (node.start_byte(), self.opened.len());
        while let Some(&last) = self.around.last() {
            let definition = &self.outline.definitions[last];
            if depth > definition.depth || start < definition.range.end {
                break;
            }
            self.around.pop();
        }
        if let Some(definition) = self.outline.definitions.get(self.next)
            && definition.depth == depth
            && definition.range.start <= start
            && node.end_byte() > start
        {
            let outer = self.region();
            let outer_depth = self.around.last().map_or(0, |&it| self.outline.definitions[it].depth);
            let bytes = &mut self.regions[outer];
            let from = bytes.bytes.len();
            bytes.mark(Mark::Definition);
            bytes.text(self.outline.own_name(self.next).as_bytes());
            bytes.nested.push(from..bytes.bytes.len());
            self.around.push(self.next);
            self.next += 1;
            // What a definition stands in is part of what it says: a method moved out of an `if`.
            let inner = self.region();
            for &(node, _) in &self.opened[outer_depth.min(depth)..] {
                self.regions[inner].kind(Mark::Open, node);
            }
        }
        self.region()
    }

    fn region(&self) -> usize {
        self.around.last().map_or(0, |&definition| definition + 1)
    }

    /// Writes what stands between leaves up to `end`.
    fn gap(&mut self, end: usize, region: usize) {
        let Some(gap) = self.source.as_bytes().get(self.position..end) else { return };
        self.newline |= gap.contains(&b'\n');
        let is_layout = |byte: &u8| match byte {
            b' ' | b'\t' | b'\n' => true,
            b'\r' => !self.profile.carriage_return_counts,
            _ => false,
        };
        if !gap.iter().all(is_layout) {
            let rest: Vec<u8> = gap.iter().copied().filter(|byte| !is_layout(byte)).collect();
            self.regions[region].mark(Mark::Gap);
            self.regions[region].text(&rest);
        }
        let indent = gap.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        if self.profile.tabs_count && self.newline && indent.contains(&b'\t') {
            self.regions[region].mark(Mark::Tab);
        }
        self.position = end;
    }

    /// Writes the marks that a line break or the lack of a space calls for before a node.
    fn lead(&mut self, node: Node<'tree>, region: usize) {
        let Some((parent, _)) = self.opened.last() else { return };
        let start = node.start_byte();
        let word = self.source.get(self.leaf_start..self.leaf_end).unwrap_or_default();
        // What stands before the first child stands before its parent, but for a preprocessor's line.
        let is_within = start > parent.start_byte() || self.source.as_bytes().get(start) == Some(&b'#');
        if is_within && self.profile.line_bound.contains(&parent.kind())
            || self.profile.line_enders.contains(&word)
        {
            let gap = self.source.get(self.position..start).unwrap_or_default();
            if self.newline || gap.contains('\n') {
                self.regions[region].mark(Mark::Newline);
            }
        }
        if self.profile.token_trees.contains(&parent.kind()) && self.leaf_end == start {
            let bytes = self.source.as_bytes();
            let is_operator = |byte: Option<&u8>| byte.is_some_and(|it| b"+-*/%^!&|=<>.:?@#~$'".contains(it));
            let before = start.checked_sub(1).and_then(|at| bytes.get(at));
            // A word before a quote is a prefix of the string, or reserved for one.
            let is_prefix = before.is_some_and(|it| it.is_ascii_alphanumeric() || b"_'".contains(it))
                && bytes.get(start).is_some_and(|it| b"\"'#".contains(it) || it.is_ascii_alphanumeric());
            if is_prefix || is_operator(before) && is_operator(bytes.get(start)) {
                self.regions[region].mark(Mark::Joint);
            }
        }
        // To a shell, `{a` is a command, and to a preprocessor only the first word of a line is its.
        let before = self.source[..start].trim_end_matches([' ', '\t']);
        let opens_line = before.is_empty() || before.ends_with('\n');
        if self.profile.carriage_return_counts && word == "{" && self.leaf_end == start
            || node.kind().starts_with("preproc_") && !opens_line
        {
            self.regions[region].mark(Mark::Joint);
        }
    }

    fn leaf(&mut self, node: Node<'tree>, region: usize) {
        self.lead(node, region);
        if node.is_missing() {
            self.regions[region].kind(Mark::Missing, node);
            return;
        }
        let (start, end) = (node.start_byte(), node.end_byte());
        if start == end {
            return;
        }
        self.gap(start, region);
        // A comment that runs over a line's end stands for a line break, in the languages in which
        // a line break can end a statement.
        if self.newline_in_comment && !self.newline {
            self.regions[region].mark(Mark::Newline);
        }
        let text = &self.source.as_bytes()[start..end];
        let own = &mut self.regions[region];
        own.kind(Mark::Leaf, node);
        let from = own.bytes.len();
        own.text(text);
        own.leaves += 1;
        if own.name.as_bytes() == text {
            own.named.push(from..own.bytes.len());
        }
        self.position = end;
        self.leaf_start = start;
        self.leaf_end = end;
        self.newline = false;
        self.newline_in_comment = false;
    }

    fn comment(&mut self, node: Node<'tree>, region: usize) {
        let (start, end) = (node.start_byte(), node.end_byte());
        // What follows a directive without a break may belong to it: the lines below `// Output:`.
        let above = self.directive.filter(|&(at, _)| {
            let between = &self.source[at..start];
            between.trim().is_empty() && between.matches('\n').count() <= 1
        });
        self.gap(start, region);
        let raw = &self.source[start..end];
        let text = raw.trim_end();
        let own = if end <= self.preamble_end { Some(Speech::Program) } else { self.profile.speech(text) };
        let above = above.map(|(_, speech)| speech);
        let speech = match (own, above) {
            (Some(own), Some(Speech::Program)) if own != Speech::Documentation => Some(Speech::Program),
            _ => own.or(above),
        };
        if let Some(speech) = speech {
            self.directive(node, speech, region);
            self.directive = Some((start + text.len(), speech));
        } else {
            let anchor = self.regions[region].leaves;
            self.regions[region].comments.push(Comment { anchor, text });
        }
        self.newline |= raw.ends_with('\n');
        self.newline_in_comment |= text.contains('\n');
        self.position = end;
    }

    /// Writes a directive together with what it is bound to: its own line and the next that is not
    /// blank, without their white space, and whether blank lines stand around it.
    fn directive(&mut self, node: Node<'tree>, speech: Speech, region: usize) {
        let (start, end) = (node.start_byte(), node.end_byte());
        let raw = &self.source[start..end];
        // The kernel reads a carriage return as part of the interpreter's name.
        let text = if raw.starts_with("#!") { raw.trim_end_matches('\n') } else { raw.trim_end() };
        let line_start = self.source[..start].rfind('\n').map_or(0, |at| at + 1);
        let rest = &self.source[start + text.len()..];
        let tail = rest.split('\n').next().unwrap_or_default();
        let following = rest.get(tail.len()..).unwrap_or_default();
        let next = following.trim_start();
        // Nobody looks for an interpreter or an encoding but in the first lines, from their first byte.
        let is_placed = text.starts_with("#!") || text.contains("coding");
        let line = self.source[..start].matches('\n').take(2).count();
        let blank = following[..following.len() - next.len()].matches('\n').count() > 1;
        let region = &mut self.regions[region];
        region.part(Mark::Directive, Some(node), Some(speech));
        for part in [&self.source[line_start..start], text, tail, next.lines().next().unwrap_or_default()] {
            let squeezed: Vec<u8> = match part == text {
                true => part.bytes().collect(),
                false => part.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect(),
            };
            region.text(&squeezed);
        }
        region.bytes.push(u8::from(blank));
        if is_placed {
            region.bytes.extend([line as u8, u8::from(line_start == start)]);
        }
    }
}
