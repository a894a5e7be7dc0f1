//! Changes as `git diff` prints them, which is what hookgate is measured against.

use std::ops::Range as Lines;

use super::Edit;
use super::collect::Range;
use crate::git::{Comparison, FilePatch, GitError, Repository};

/// Lines that `git diff` shows around a change.
const CONTEXT: usize = 3;

/// Bytes of a function's line that stand in the header of a hunk.
const HEADER: usize = 80;

/// A range as `git diff -U3` prints it, one entry a path; none where nothing is compared, and in a
/// partial clone that lacks a blob of it.
///
/// # Errors
/// What git could not read.
pub fn patches(repository: &Repository, range: Range) -> Result<Option<Vec<FilePatch>>, GitError> {
    match range {
        Range::Staged => repository.patches(Comparison::Staged, CONTEXT as u32),
        Range::Commits(from, to) => repository.patches(Comparison::Commits(from, to), CONTEXT as u32),
        Range::AllFiles => Ok(None),
    }
}

/// The same change as `git diff -W` prints it, which libgit2 cannot: every hunk reaches from the
/// function's line above it to the next function's line below it. `patch` is what
/// `git diff -U3` prints of it, `old` and `new` are the texts between which `edits` were made.
///
/// A function's line begins with a letter, `_` or `$`, which is what git takes for one where no
/// attribute names a driver for the path. The hunks are those of `xdl_emit_diff` in git's
/// xdiff/xemit.c.
#[must_use]
pub fn with_functions(patch: &str, old: &str, new: &str, edits: &[Edit]) -> String {
    let header = patch.find("\n@@ ").map_or(patch, |end| &patch[..=end]);
    let mut out = header.as_bytes().to_vec();
    let sides = Sides { old: split(old), new: split(new), edits: edits.iter().map(Run::of).collect() };
    sides.write_hunks(&mut out);
    // The header of a hunk may end within a character.
    String::from_utf8_lossy(&out).into_owned()
}

/// Lines with their ends.
fn split(text: &str) -> Vec<&[u8]> {
    text.as_bytes().split_inclusive(|&byte| byte == b'\n').collect()
}

/// A run of lines that differ, as indices from 0.
struct Run {
    old: Lines<usize>,
    new: Lines<usize>,
}

impl Run {
    fn of(edit: &Edit) -> Self {
        let lines = |range: super::LineRange| {
            // An empty range names the line that it follows.
            let start = range.start as usize - usize::from(range.len > 0 && range.start > 0);
            start..start + range.len as usize
        };
        Self { old: lines(edit.old), new: lines(edit.new) }
    }
}

/// Both texts by lines, and where they differ.
struct Sides<'t> {
    old: Vec<&'t [u8]>,
    new: Vec<&'t [u8]>,
    edits: Vec<Run>,
}

/// What one hunk shows: which runs, and the lines of both sides from the first to the last.
struct Hunk {
    runs: Lines<usize>,
    old: Lines<usize>,
    new: Lines<usize>,
}

impl Sides<'_> {
    fn write_hunks(&self, out: &mut Vec<u8>) {
        let mut function: &[u8] = b"";
        let mut searched = 0;
        let mut next = 0;
        while next < self.edits.len() {
            let hunk = self.hunk(next);
            let above = (searched..hunk.old.start).rev();
            if let Some(line) = above.map(|line| self.old[line]).find(|line| is_function(line)) {
                function = line[..line.len().min(HEADER)].trim_ascii_end();
            }
            searched = hunk.old.start;
            next = hunk.runs.end;
            self.write(&hunk, function, out);
        }
    }

    /// The hunk that begins with a run, with the runs that are too near to stand in a hunk of their own.
    fn hunk(&self, first: usize) -> Hunk {
        let (old_start, new_start) = self.start(first);
        let mut last = first;
        while let Some(next) = self.edits.get(last + 1)
            && next.old.start - self.edits[last].old.end <= 2 * CONTEXT
        {
            last += 1;
        }
        loop {
            let (old_end, new_end) = self.end(last);
            let Some(next) = self.edits.get(last + 1) else {
                return Hunk { runs: first..last + 1, old: old_start..old_end, new: new_start..new_end };
            };
            let line = next.old.start.min(self.old.len().saturating_sub(1));
            let is_apart =
                line > old_end + CONTEXT && self.old[old_end + 1..=line].iter().any(|line| is_function(line));
            if is_apart {
                return Hunk { runs: first..last + 1, old: old_start..old_end, new: new_start..new_end };
            }
            last += 1;
        }
    }

    /// Where a hunk that begins with this run starts on both sides.
    fn start(&self, run: usize) -> (usize, usize) {
        let Run { old, new } = &self.edits[run];
        let (start, new_start) = (old.start.saturating_sub(CONTEXT), new.start.saturating_sub(CONTEXT));
        let mut line = old.start;
        if line >= self.old.len() {
            // Nothing around a function that is appended whole is shown.
            if self.new[new.start.min(self.new.len())..].iter().any(|line| is_function(line)) {
                return (start, new_start);
            }
            line = self.old.len().saturating_sub(1);
        }
        let mut function = (0..self.old.len().min(line + 1)).rev().find(|&line| is_function(self.old[line]));
        // What stands right above a function belongs to it: its comment, its attributes.
        while let Some(line) = function
            && line > 0
            && !is_blank(self.old[line - 1])
            && !is_function(self.old[line - 1])
        {
            function = Some(line - 1);
        }
        let function = function.unwrap_or(0).min(start);
        (function, new_start.saturating_sub(start - function))
    }

    /// Where a hunk that ends with this run stops on both sides.
    fn end(&self, run: usize) -> (usize, usize) {
        let Run { old, new } = &self.edits[run];
        let after = CONTEXT.min(self.old.len() - old.end).min(self.new.len() - new.end);
        let (end, new_end) = (old.end + after, new.end + after);
        let function = (old.end..self.old.len()).find(|&line| is_function(self.old[line]));
        let mut stop = function.unwrap_or(self.old.len());
        while function.is_some() && stop > 0 && is_blank(self.old[stop - 1]) {
            stop -= 1;
        }
        let more = stop.saturating_sub(end);
        (end + more, (new_end + more).min(self.new.len()))
    }

    fn write(&self, hunk: &Hunk, function: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"@@ -");
        write_range(&hunk.old, out);
        out.extend_from_slice(b" +");
        write_range(&hunk.new, out);
        out.extend_from_slice(b" @@");
        if !function.is_empty() {
            out.push(b' ');
            out.extend_from_slice(function);
        }
        out.push(b'\n');
        let mut shown = hunk.new.start;
        for run in &self.edits[hunk.runs.clone()] {
            write_lines(b' ', &self.new[shown..run.new.start], out);
            write_lines(b'-', &self.old[run.old.clone()], out);
            write_lines(b'+', &self.new[run.new.clone()], out);
            shown = run.new.end;
        }
        write_lines(b' ', &self.new[shown..hunk.new.end], out);
    }
}

/// `12,3`, `12` for one line, `11,0` for none after line 11.
fn write_range(lines: &Lines<usize>, out: &mut Vec<u8>) {
    let written = match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        len => format!("{},{len}", lines.start + 1),
    };
    out.extend_from_slice(written.as_bytes());
}

fn write_lines(mark: u8, lines: &[&[u8]], out: &mut Vec<u8>) {
    for line in lines {
        out.push(mark);
        out.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

fn is_function(line: &[u8]) -> bool {
    line.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$')
}

/// Whether git sees nothing but white space on a line.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}
