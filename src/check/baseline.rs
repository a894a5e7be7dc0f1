//! Findings that are known and not wanted: what a repository had when it took hookgate up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Finding;

/// The version of the format.
const VERSION: u32 = 1;

/// Known findings by [`Finding::id`], so that they stay known when they move within their file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeMap<String, Known>);

/// A known finding, or several that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where, for readers.
    pub path: String,
    /// The rule's id, for readers.
    pub rule: String,
    /// How many of them.
    pub count: usize,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<Entry>,
}

/// One finding of the file, on a line of its own.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    rule: String,
    id: String,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    count: usize,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

impl Baseline {
    /// What is found now. Nothing of the lines themselves is kept but a hash, and that is taken after
    /// secrets were masked.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut baseline = Self::default();
        for finding in findings {
            let new = || Known { path: finding.path.to_text(), rule: finding.rule.clone(), count: 0 };
            baseline.0.entry(finding.id()).or_insert_with(new).count += 1;
        }
        baseline
    }

    /// Reads the file. Entries of one id, which a merge can leave, are one.
    ///
    /// # Errors
    /// The place of what is wrong with the JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(text)?;
        if file.version != VERSION {
            let message = format!("version {} is not known here, only {VERSION}", file.version);
            return Err(serde::de::Error::custom(message));
        }
        let mut baseline = Self::default();
        for Entry { path, rule, id, count } in file.findings {
            let known = baseline.0.entry(id).or_insert(Known { path, rule, count });
            known.count = known.count.max(count);
        }
        Ok(baseline)
    }

    /// The file: a line each, sorted by path and rule, so that its differences are readable.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let line = |(id, Known { path, rule, count }): (&String, &Known)| {
            let (path, rule, id) = (path.clone(), rule.clone(), id.clone());
            serde_json::to_string(&Entry { path, rule, id, count: *count })
        };
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|&(id, known)| (&known.path, &known.rule, id));
        let lines = entries.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let lines: Vec<_> = lines.iter().map(|line| format!("\n    {line}")).collect();
        Ok(format!("{{\n  \"version\": {VERSION},\n  \"findings\": [{}\n  ]\n}}\n", lines.join(",")))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many findings are known, those that are alike each counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(|known| known.count).sum()
    }

    /// How many findings of this id are known.
    pub(super) fn count(&self, id: &str) -> usize {
        self.0.get(id).map_or(0, |known| known.count)
    }

    /// What is known and not there any more, given all that is found.
    pub fn gone<'f>(&self, findings: impl IntoIterator<Item = &'f Finding>) -> Vec<&Known> {
        let found = Self::of(findings);
        let is_gone = |(id, known): &(&String, &Known)| found.count(id) < known.count;
        self.0.iter().filter(is_gone).map(|(_, known)| known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Surroundings, sample};
    use crate::check::pack::{RuleOptions, RuleSet};
    use crate::check::{Checked, check};

    fn run(baseline: &Baseline, old: Option<&str>, new: &str) -> Checked {
        let baseline = baseline.clone();
        let rules = RuleSet::new(RuleOptions { baseline, ..RuleOptions::default() }).unwrap();
        check(&[sample::classified("a.py", old, Some(new))], &Surroundings::default(), &rules)
    }

    fn taken(text: &str) -> Baseline {
        Baseline::of(&run(&Baseline::default(), None, text).findings)
    }

    const TWO: &str = "if y == None: pass\nbreakpoint()\n\nbreakpoint()\n";

    #[test]
    fn the_file_is_stable_and_reads_back() {
        let baseline = taken(TWO);
        let json = baseline.to_json().unwrap();
        let ids = regex::Regex::new("[0-9a-f]{12}").unwrap();
        insta::assert_snapshot!(ids.replace_all(&json, "IDS"), @r#"
        {
          "version": 1,
          "findings": [
            {"path":"a.py","rule":"python/breakpoint","id":"IDS","count":2},
            {"path":"a.py","rule":"python/none-comparison","id":"IDS"}
          ]
        }
        "#);
        assert_eq!(Baseline::parse(&json).unwrap(), baseline);
        assert_eq!(Baseline::parse(&Baseline::default().to_json().unwrap()).unwrap(), Baseline::default());
        for wrong in ["", "{}", "{\"version\": 2, \"findings\": []}", "{\"version\": 1, \"findings\": [{}]}"]
        {
            assert!(Baseline::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_answers_for_what_it_knows_and_no_more() {
        let baseline = taken(TWO);
        let all = run(&baseline, None, &format!("# moved\n{TWO}breakpoint()\n"));
        assert_eq!((all.findings.len(), all.suppressed.len()), (1, 3));
        // A change that adds one to those that are known is not excused by them.
        let change = run(&baseline, Some(TWO), &format!("{TWO}breakpoint()\n"));
        assert_eq!((change.findings.len(), change.suppressed.len()), (1, 0));
    }

    #[test]
    fn what_is_gone_is_named() {
        let baseline = taken(TWO);
        let all = run(&baseline, None, "breakpoint()\n");
        let gone = baseline.gone(all.suppressed.iter().map(|it| &it.finding));
        let gone: Vec<_> = gone.iter().map(|known| known.rule.as_str()).collect();
        assert_eq!(gone.len(), 2, "{gone:?}");
        assert!(baseline.gone(&run(&Baseline::default(), None, TWO).findings).is_empty());
    }

    #[test]
    fn a_secret_is_not_in_it_and_another_is_not_excused_by_it() {
        let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
        let text = format!("key = '{key}'\n");
        let baseline = taken(&text);
        assert_eq!(baseline.len(), 1);
        assert!(!baseline.to_json().unwrap().contains("Z7QX"));
        assert_eq!(run(&baseline, None, &text).findings, []);
        let other = text.replace("Z7QX", "Q7QX");
        assert_eq!(run(&baseline, Some(&text), &other).findings.len(), 1);
    }
}
