//! What a review of a unit is likely to be worth, for the order in which a short budget is spent.

use crate::change::binding::words;
use crate::change::classify::is_test_path;
use crate::change::{ChangeClass, ClassifiedChange, Unit};

use super::slice::{Kind, Rendered};

/// Words of code that decides, leaves or fails.
const DECISIONS: [&str; 18] = [
    "if", "else", "elif", "match", "switch", "case", "while", "for", "return", "throw", "raise", "catch",
    "except", "unwrap", "assert", "require", "guard", "panic",
];

/// Parts of names that have to do with who may do what, and with what is run or read.
const SENSITIVE: [&str; 16] = [
    "auth",
    "password",
    "token",
    "secret",
    "crypt",
    "verify",
    "permission",
    "admin",
    "exec",
    "eval",
    "query",
    "sql",
    "unsafe",
    "deserialize",
    "path",
    "url",
];

/// A rough figure: 0 for a definition that is gone, of which only the signature is sent; else 1, and
/// for sensitive names 3, for a public signature 2, for conditions, returns and errors 2, for a
/// condition taken away 2, up to 3 for size; 2 less in a test.
#[must_use]
pub(super) fn worth(change: &ClassifiedChange, unit: &Unit, lines: &Rendered) -> u64 {
    if unit.new.is_none() && unit.added.is_empty() && unit.old.is_some() {
        return 0;
    }
    let mut size = 0_u64;
    let (mut sensitive, mut public, mut decides, mut guard) = (false, false, false, false);
    for line in lines.lines.iter().filter(|line| line.kind.is_changed()) {
        size += 1;
        for word in words(&line.text) {
            let is_decision = DECISIONS.contains(&word);
            decides |= is_decision;
            guard |= is_decision && line.kind == Kind::Deleted;
            public |= matches!(word, "pub" | "public" | "export");
            let lower = word.to_ascii_lowercase();
            sensitive |= SENSITIVE.iter().any(|part| lower.contains(part));
        }
    }
    let sum = 1
        + 3 * u64::from(sensitive)
        + 2 * (u64::from(public) + u64::from(decides) + u64::from(guard))
        + u64::from(size.max(1).ilog2() / 2).min(3);
    if is_test(change, unit) { sum.saturating_sub(2).max(1) } else { sum }
}

fn is_test(change: &ClassifiedChange, unit: &Unit) -> bool {
    unit.class == ChangeClass::Test || is_test_path(&change.path().to_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::sample::classified;
    use crate::check::pack::RuleSet;
    use crate::payload::Level;
    use crate::payload::redact::Redactor;
    use crate::payload::slice::Slicer;

    fn worths(path: &str, old: &str, new: &str) -> Vec<u64> {
        let change = classified(path, Some(old), Some(new));
        let redactor = Redactor::new(&RuleSet::bundled());
        let slicer = Slicer::of(&change, &mut redactor.session(), false);
        let each = change.units.iter().map(|unit| worth(&change, unit, &slicer.render(unit, Level::Lines)));
        each.collect()
    }

    #[test]
    fn a_guard_taken_away_is_worth_more_than_a_constant_and_a_test_less() {
        let guard =
            worths("a.py", "def f(a):\n    if a:\n        g()\n    h()\n", "def f(a):\n    g()\n    h()\n")
                [0];
        let constant = worths("a.py", "def f(a):\n    x = 1\n", "def f(a):\n    x = 2\n")[0];
        let returned = |path| worths(path, "def f(a):\n    return 1\n", "def f(a):\n    return 2\n")[0];
        let (code, test) = (returned("a.py"), returned("test_a.py"));
        let gone =
            worths("a.py", "def f(a):\n    return auth(a)\n\ndef g():\n    h()\n", "def g():\n    h()\n")[0];
        assert!(guard > constant && code > test, "{guard} > {constant}, {code} > {test}");
        assert!(constant > gone && test > gone, "{gone}");
    }
}
