//! What each change amounts to, proved on the syntax trees; everything unproved is real.

mod compare;
mod gather;
mod imports;
mod moves;
pub(super) mod paths;
mod rename;
mod test_code;
mod trap;
mod unit;
#[cfg(test)]
mod class_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

pub use self::test_code::is_test_path;
use self::unit::{Lone, Verdict};
use super::language::Support;
use super::parse::Syntax;
use super::{ChangeClass, ClassifiedChange, Content, ParsedChange, Side};
use crate::git::FileMode;
use crate::git::attributes::Origin;

/// What the user adds to the tables of generated, vendored and other files.
#[derive(Clone, Debug, Default)]
pub struct ClassifyOptions {
    /// Paths that the configuration excludes from review (globs).
    pub excluded: globset::GlobSet,
    /// Nobody will be asked about what is not proved, so that nothing has to be: files are told
    /// apart by the tables alone.
    pub tables_only: bool,
}

/// Classifies every change, in parallel, and divides it into units.
#[must_use]
pub fn classify(changes: Vec<ParsedChange>, options: &ClassifyOptions) -> Vec<ClassifiedChange> {
    let mut divided: Vec<_> =
        changes.into_par_iter().map(|parsed| classify_change(parsed, options)).collect();
    moves::find(&mut divided);
    divided.into_par_iter().map(|it| it.finish(options)).collect()
}

/// A change whose units are not final: the definitions that stand on one side only may have been
/// elsewhere in the change set.
struct Divided {
    change: ClassifiedChange,
    lone: Vec<Lone>,
}

impl Divided {
    fn finish(mut self, options: &ClassifyOptions) -> ClassifiedChange {
        if !options.tables_only {
            test_code::mark(&mut self.change);
        }
        let mut change = self.change;
        change.units = gather::gather(change.units, &self.lone);
        // What has no unit that is real is no more than the most that its units are.
        if change.class == ChangeClass::Real
            && let Some(most) = change.units.iter().max_by_key(|unit| unit.class)
            && most.class != ChangeClass::Real
        {
            change.class = most.class;
            change.because = most.because.clone();
        }
        change
    }
}

fn classify_change(parsed: ParsedChange, options: &ClassifyOptions) -> Divided {
    let known = by_table(&parsed, options);
    let known = known
        .or_else(|| options.tables_only.then(|| (ChangeClass::Real, "rules only: not proved".to_owned())));
    let unit::Units { verdict: Verdict { class, because, .. }, units, lone } = match known {
        Some((class, because)) => unit::Units::whole(&parsed, Verdict::unproved(class, because)),
        None => unit::divide(&parsed),
    };
    Divided { change: ClassifiedChange { parsed, class, because, units }, lone }
}

/// The class of a change that can be told without looking at its syntax; the first that fits.
fn by_table(parsed: &ParsedChange, options: &ClassifyOptions) -> Option<(ChangeClass, String)> {
    let change = &parsed.change;
    if change.edits.is_empty() {
        return Some(without_lines(parsed));
    }
    let path = change.path();
    let name = String::from_utf8_lossy(path.as_bytes());
    if options.excluded.is_match(path.to_path()) {
        return Some((ChangeClass::Vendored, "excluded by the configuration".to_owned()));
    }
    if let Some((class, because)) = paths::class_of(&name) {
        return Some((class, because.to_owned()));
    }
    match change.origin {
        Some(Origin::Generated) => {
            return Some((ChangeClass::Generated, "generated, says .gitattributes".to_owned()));
        }
        Some(Origin::Vendored) => {
            return Some((ChangeClass::Vendored, "third-party code, says .gitattributes".to_owned()));
        }
        None => {}
    }
    // A marker that the change itself brings proves nothing: anybody could opt out of review.
    if let Some(marker) = change.old.as_ref().and_then(|old| generated_marker(old.content.text()?)) {
        return Some((ChangeClass::Generated, format!("its header said {marker:?} before this change")));
    }
    let language = parsed.language?;
    (language.support() == Support::Data)
        .then(|| (ChangeClass::Data, format!("{} is configuration or data", language.as_str())))
}

fn without_lines(parsed: &ParsedChange) -> (ChangeClass, String) {
    let change = &parsed.change;
    let opaque = [&change.new, &change.old].into_iter().flatten().find_map(|side| match side.content {
        Content::Opaque(what) => Some(what),
        _ => None,
    });
    if let Some(what) = opaque {
        return (ChangeClass::Opaque, unit::describe(what).to_owned());
    }
    // A path says when code is compiled, what it is called, and which tool reads it: `a_windows.go`,
    // `test_a.py`, `.github/workflows/a.yml`.
    if let (Some(old), Some(new)) = (&change.old, &change.new)
        && old.path != new.path
    {
        return (ChangeClass::Move, "the whole file, unchanged, from another path".to_owned());
    }
    let because = match (&change.old, &change.new) {
        (Some(old), Some(new)) => unchanged_text(old, new),
        (None, _) => "an empty file was added",
        (_, None) => "an empty file was deleted",
    };
    (ChangeClass::Metadata, because.to_owned())
}

fn unchanged_text(old: &Side, new: &Side) -> &'static str {
    match old.mode != new.mode {
        true if new.mode == FileMode::Executable => "only the mode changed: now executable",
        true => "only the mode changed: no longer executable",
        false => "no line changed",
    }
}

/// What a generator wrote into the head of a file.
fn generated_marker(text: &str) -> Option<&str> {
    const HEAD: usize = 20;
    text.lines().take(HEAD).map(str::trim).find(|line| {
        let says_so = line.contains("@generated")
            || line.contains("Code generated") && line.contains("DO NOT EDIT")
            || line.contains("<auto-generated");
        let is_comment = line.starts_with(['#', '/', '*', ';', '-', '<', '"', '%', '\'']);
        says_so && is_comment
    })
}

/// Why a side is no tree, or what is wrong with the tree.
fn why_unproved(syntax: Option<&Syntax>) -> Option<String> {
    match syntax? {
        Syntax::Text { reason } => Some(format!("{reason}: sent as text")),
        Syntax::Tree(tree) if tree.has_error() => {
            Some(format!("{} does not parse", tree.language().as_str()))
        }
        Syntax::Tree(tree) => trap::trap(tree).map(str::to_owned),
    }
}
