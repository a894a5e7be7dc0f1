//! Reports as the stages before would leave them, for tests.

use super::{Mode, Report};
use crate::change::{Surroundings, Tip, sample};
use crate::check::check;
use crate::check::finding::Source;
use crate::check::pack::{PackSource, RuleOptions, RuleSet};
use crate::meter::Attribution;
use crate::payload::policy::Policy;
use crate::payload::route::route;

/// Rules of every kind of answer: a fix on one line, on several, a deletion, white space, none.
const PACK: &str = r#"
languages = ["python"]
[[rule]]
id = "ours/none"
severity = "error"
confidence = "high"
message = "`==` asks the value"
note = "ask for identity"
why = "Values may lie."
ast = { pattern = "$A == None" }
fix = "$A is None"
[[rule.tests]]
bad = ["a == None"]
fixed = ["a is None"]
good = ["a is None"]
[[rule]]
id = "ours/flatten"
severity = "warning"
confidence = "medium"
message = "this condition is always true"
ast = { pattern = "if True: $A" }
fix = "$A"
[[rule.tests]]
bad = ["if True:\n    a()\n"]
fixed = ["a()\n"]
good = ["a()"]
[[rule]]
id = "ours/stop"
severity = "warning"
confidence = "high"
message = "this stops the program"
note = "remove the call"
ast = { pattern = "stop()" }
fix = ""
[[rule.tests]]
bad = ["stop()"]
fixed = [""]
good = ["go()"]
[[rule]]
id = "ours/print"
severity = "info"
confidence = "low"
message = "this prints"
ast = { pattern = "print($$$)" }
[[rule.tests]]
bad = ["print(1)"]
good = ["a"]
[[rule]]
id = "ours/blanks"
severity = "warning"
confidence = "high"
message = "one blank is enough"
note = "remove the others"
keywords = ["  ="]
regex = '[ ]{2,}='
fix = " ="
[[rule.tests]]
bad = ["a  = 1"]
fixed = ["a = 1"]
good = ["a = 1"]
"#;

/// The bundled rules, and those above.
pub(super) fn rules() -> RuleSet {
    let packs = vec![PackSource { file: "ours.toml".to_owned(), text: PACK.to_owned() }];
    RuleSet::new(RuleOptions { packs, ..RuleOptions::default() }).unwrap()
}

/// What a commit that adds these files is told.
pub(super) fn report(files: &[(&str, &str)], rules: &RuleSet) -> Report {
    let changes: Vec<_> =
        files.iter().map(|(path, text)| sample::classified(path, None, Some(text))).collect();
    let attribution = Attribution {
        repository: "team/web".to_owned(),
        branch: Some("main".to_owned()),
        team: None,
        hook: "pre-commit".to_owned(),
        ..Attribution::default()
    };
    let mut report = Report::new(Mode::Review, attribution, None, Tip::Index);
    report.findings = check(&changes, &Surroundings::default(), rules).findings;
    // Whatever the bundled packs may come to say of the same code.
    report.findings.retain(|finding| finding.source != Source::Rule || finding.rule.starts_with("ours/"));
    report.changes =
        route(changes, &Policy { rules_only: Some("rules only".to_owned()), ..Policy::default() });
    report
}
