//! Every format, over the same reports.

use serde_json::Value;

use super::sample::{report, rules};
use super::*;
use crate::check::Because;
use crate::meter::estimate::Counting;
use crate::payload::pack::{Overhead, PackOptions, compress};
use crate::payload::policy::Policy;
use crate::payload::redact::Redactor;
use crate::payload::route::{asked, route};
use crate::payload::tokenizer::Tokenizer;

const CODE: &str = "\
x = a == None
if True:
    go()
stop()
print(1)
";

/// A report without its colours.
fn plain(report: &Report, verbose: bool) -> String {
    anstream::adapter::strip_str(&text::render(report, &rules(), verbose)).to_string()
}

/// Annotations without the colours of the verdict.
fn annotations(report: &Report) -> String {
    anstream::adapter::strip_str(&github::render(report)).to_string()
}

/// Moves the findings of a rule to those that nobody wants to hear of.
fn suppress(report: &mut Report, rule: &str, because: &Because) {
    let (suppressed, open) =
        std::mem::take(&mut report.findings).into_iter().partition(|finding| finding.rule == rule);
    report.findings = open;
    let suppressed: Vec<Finding> = suppressed;
    report.suppressed =
        suppressed.into_iter().map(|finding| Suppressed { finding, because: because.clone() }).collect();
}

fn comment() -> Because {
    Because::Comment { line: 4, reason: Some("the demo stops here".to_owned()) }
}

/// The document, after the schema that OASIS publishes has found nothing wrong with it.
fn sarif(reports: &[Report]) -> Value {
    let schema = include_str!("../../tests/fixtures/sarif-2.1.0.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let document = serde_json::from_str(&sarif::render(reports, &rules()).unwrap()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    document
}

#[test]
fn findings_show_the_line_the_remedy_and_the_fix() {
    insta::assert_snapshot!(plain(&report(&[("a.py", CODE)], &rules()), false), @"
    error[ours/none]: `==` asks the value
     --> a.py:1:5
      |
    1 | x = a == None
      |     ^^^^^^^^^
      |
    help: ask for identity
      |
    1 - x = a == None
    1 + x = a is None
      |

    warning[ours/flatten]: this condition is always true
     --> a.py:2:1
      |
    2 | if True:
      | ^^^^^^^^
      |
    help: this would mend it
      |
    2 - if True:
    3 -     go()
    2 + go()
      |

    warning[ours/stop]: this stops the program
     --> a.py:4:1
      |
    4 | stop()
      | ^^^^^^
      |
    help: remove the call
      |
    4 - stop()
      |

    hookgate: commit refused: 1 error
    ");
}

#[test]
fn a_name_of_a_branch_is_no_escape_sequence() {
    let mut report = report(&[("a.py", "x = 1\n")], &rules());
    report.mode = Mode::Preview;
    report.attribution.repository = "team/\u{9b}2Kweb".to_owned();
    report.attribution.branch = Some("a\u{202e}b".to_owned());
    let text = text::render(&report, &rules(), false);
    assert!(text.lines().next().unwrap().contains("team/\\u{9b}2Kweb on a\\u{202e}b: 1 file"), "{text:?}");
}

#[test]
fn a_tier_that_gave_no_answer_is_not_said_to_have_been_asked() {
    let mut report = report(&[("a.py", "x = 1\n")], &rules());
    let turn = |tier: &str, because: &str, reviewed, trouble: &str| turn::Turn {
        model: ModelName { tier: tier.to_owned(), provider: "p".to_owned(), name: "m".to_owned() },
        because: because.to_owned(),
        requests: 1,
        units: 2,
        reviewed,
        trouble: Some(trouble.to_owned()),
    };
    report.turns = vec![
        turn("local", "first", 0, "nobody listens"),
        turn("other", "failover:local:unreachable", 0, "not asked: its breaker is open"),
        turn("third", "failover:other:breaker", 2, ""),
    ];
    let mut out = String::new();
    turn::lines(&mut out, &report).unwrap();
    insta::assert_snapshot!(out, @r"
    hookgate: `other` gave no answer about 2 units in place of `local` either: not asked: its breaker is open
    hookgate: `third` was asked about 2 units in place of `other`: not asked: its breaker is open
    ");
}

#[test]
fn who_asks_for_more_sees_what_is_good_to_know_and_what_is_suppressed() {
    let mut report = report(&[("a.py", "stop()\nprint(1)\n")], &rules());
    suppress(&mut report, "ours/stop", &comment());
    assert_eq!(plain(&report, false), "");
    insta::assert_snapshot!(plain(&report, true), @"
      rules  a.py:1-2  (file)  rules only
    info[ours/print]: this prints
     --> a.py:2:1
      |
    2 | print(1)
      | ^^^^^^^^

      suppressed  a.py:1:1  ours/stop  comment on line 4: the demo stops here
    hookgate: 1 finding suppressed
    ");
}

#[test]
fn many_of_a_kind_do_not_flood_the_terminal() {
    let report = report(&[("a.py", &"stop()\n".repeat(9)), ("b.py", "stop()\n")], &rules());
    let shown = plain(&report, false);
    assert_eq!(shown.matches("[ours/stop]").count(), 6);
    assert!(
        shown.contains("… and 4 more of ours/stop in a.py, all of them with --verbose or --format json\n"),
        "{shown}"
    );
    assert_eq!(plain(&report, true).matches("[ours/stop]").count(), 10);
}

#[test]
fn a_line_of_thousands_of_columns_is_cut_around_its_finding() {
    let line = format!("{}stop();{}\n", "a=1;".repeat(9000), "b=2;".repeat(9000));
    let shown = plain(&report(&[("a.py", &line)], &rules()), false);
    assert!(shown.contains("a.py:1:36001"), "{shown}");
    assert!(shown.contains("a=1;stop();b=2;"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 200), "{shown}");
}

#[test]
fn a_fix_that_nobody_could_see_is_no_patch() {
    insta::assert_snapshot!(plain(&report(&[("a.py", "a   = 1\n")], &rules()), false), @"
    warning[ours/blanks]: one blank is enough
     --> a.py:1:2
      |
    1 | a   = 1
      |  ^^^^
      |
      = help: remove the others
    ");
}

#[test]
fn no_format_shows_a_secret() {
    let key = ["ghp_", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"].concat();
    let rules = rules();
    let code = format!("x = '{key}' == None\n");
    let report = report(&[("a.py", &code)], &rules);
    assert_eq!(report.findings.len(), 2);
    let reports = [report];
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        let mut out = Vec::new();
        write(&reports, &rules, format, true, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("ours/none") && !out.contains(&key), "{format:?}: {out}");
    }
}

#[test]
fn json_says_what_a_fix_replaces_and_what_is_suppressed() {
    let rules = rules();
    let mut report = report(&[("a.py", "é = '𝄞'; x = a == None\nstop()\n")], &rules);
    suppress(&mut report, "ours/stop", &Because::Baseline);
    let document: Value = serde_json::from_str(&json::render(&report, &rules).unwrap()).unwrap();
    let finding = &document["findings"][0];
    assert_eq!(finding["fix"], "a is None");
    // Bytes: `é` has two of them and `𝄞` four.
    let range = serde_json::json!({ "line": 1, "column": 18, "end_line": 1, "end_column": 27 });
    assert_eq!(finding["fix_range"], range);
    let suppressed = &document["suppressed"][0];
    assert_eq!(
        (&suppressed["rule"], &suppressed["because"]),
        (&"ours/stop".into(), &"in the baseline".into())
    );
}

#[test]
fn sarif_is_valid_whatever_there_is_to_say() {
    let rules = rules();
    assert_eq!(sarif(&[])["runs"].as_array().unwrap().len(), 1);
    assert_eq!(sarif(&[report(&[("a.py", "a\n")], &rules)])["runs"][0]["results"], serde_json::json!([]));

    let mut first = report(&[("dir/ä b%20:#?.py", CODE), ("b.py", "x = (\n")], &rules);
    suppress(&mut first, "ours/stop", &comment());
    first.notes.push("a note".to_owned());
    let mut second = report(&[("c.py", "stop()\n"), ("d.py", "def f():\n    return 1\n")], &rules);
    second.changes = route(
        vec![crate::change::sample::classified("d.py", None, Some("def f():\n    return 1\n"))],
        &Policy::default(),
    );
    second.barrier = Some(Barrier { reason: Reason::NoModel, message: "no model".to_owned() });
    let document = sarif(&[first, second]);
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    let of = |id: &str| results.iter().find(|result| result["ruleId"] == id).unwrap();
    let uri = |result: &Value| {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap().to_owned()
    };
    assert_eq!(uri(of("ours/none")), "dir/%C3%A4%20b%2520%3A%23%3F.py");
    assert_eq!(of("ours/stop")["suppressions"][0]["justification"], "comment on line 4: the demo stops here");
    assert_eq!(of("ours/stop")["suppressions"][0]["kind"], "inSource");
    assert_eq!(of("ours/none")["suppressions"], serde_json::json!([]));
    let notifications = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notifications.last().unwrap()["message"]["text"], "NOT REVIEWED (lines 1-2): no model");
    assert_eq!(run["properties"]["ranges"].as_array().unwrap().len(), 2);
}

/// The oracle does what a reader of the document would: it cuts by UTF-16 units and pastes.
#[test]
fn whoever_applies_the_fixes_of_sarif_gets_the_fixed_text() {
    let code = "é = '𝄞'; x = '𝄞é' == None\r\nif True:\r\n    é = '𝄞'\r\n";
    let document = sarif(&[report(&[("a.py", code)], &rules())]);
    let mut lines: Vec<Vec<u16>> =
        code.split_inclusive('\n').map(|line| line.encode_utf16().collect()).collect();
    let results = document["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results.iter().rev() {
        let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        let at = |key: &str| replacement["deletedRegion"][key].as_u64().unwrap() as usize - 1;
        let (first, last) = (at("startLine"), at("endLine"));
        let mut text = lines[first][..at("startColumn")].to_vec();
        text.extend(replacement["insertedContent"]["text"].as_str().unwrap().encode_utf16());
        text.extend(&lines[last][at("endColumn")..]);
        lines.splice(first..=last, [text]);
    }
    let fixed = String::from_utf16(&lines.concat()).unwrap();
    assert_eq!(fixed, "é = '𝄞'; x = '𝄞é' is None\r\né = '𝄞'\r\n");
}

#[test]
fn a_finding_in_sarif() {
    let document = sarif(&[report(&[("a.py", "x = a == None\n")], &rules())]);
    let run = &document["runs"][0];
    insta::assert_snapshot!(serde_json::to_string_pretty(&run["results"][0]).unwrap(), @r#"
    {
      "fixes": [
        {
          "artifactChanges": [
            {
              "artifactLocation": {
                "uri": "a.py",
                "uriBaseId": "%SRCROOT%"
              },
              "replacements": [
                {
                  "deletedRegion": {
                    "endColumn": 14,
                    "endLine": 1,
                    "startColumn": 5,
                    "startLine": 1
                  },
                  "insertedContent": {
                    "text": "a is None"
                  }
                }
              ]
            }
          ],
          "description": {
            "text": "ask for identity"
          }
        }
      ],
      "level": "error",
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "a.py",
              "uriBaseId": "%SRCROOT%"
            },
            "contextRegion": {
              "endLine": 1,
              "snippet": {
                "text": "x = a == None"
              },
              "startLine": 1
            },
            "region": {
              "endColumn": 14,
              "endLine": 1,
              "startColumn": 5,
              "startLine": 1
            }
          }
        }
      ],
      "message": {
        "text": "`==` asks the value"
      },
      "partialFingerprints": {
        "hookgateFinding/v1": "fb0311669ccf"
      },
      "properties": {
        "confidence": "high",
        "note": "ask for identity",
        "source": "rule"
      },
      "ruleId": "ours/none",
      "ruleIndex": 0,
      "suppressions": []
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&run["tool"]["driver"]["rules"]).unwrap(), @r#"
    [
      {
        "defaultConfiguration": {
          "level": "error"
        },
        "fullDescription": {
          "text": "Values may lie."
        },
        "help": {
          "text": "Values may lie.\n\nask for identity\n\n`hookgate rules explain ours/none` shows examples, and how to silence the rule."
        },
        "id": "ours/none",
        "properties": {
          "precision": "high",
          "problem.severity": "error",
          "tags": [
            "python"
          ]
        },
        "shortDescription": {
          "text": "`==` asks the value"
        }
      }
    ]
    "#);
}

#[test]
fn annotations_are_escaped_as_the_toolkit_does() {
    let mut report = report(&[("50%,a:b.py", CODE)], &rules());
    report.findings[0].message = "100 %: a,\r\nb".to_owned();
    insta::assert_snapshot!(annotations(&report), @"
    ::error file=50%25%2Ca%3Ab.py,line=1,endLine=1,col=5,endColumn=14,title=ours/none::100 %25: a,%0D%0Ab%0Aask for identity
    ::warning file=50%25%2Ca%3Ab.py,line=2,endLine=3,title=ours/flatten::this condition is always true
    ::warning file=50%25%2Ca%3Ab.py,line=4,endLine=4,col=1,endColumn=7,title=ours/stop::this stops the program%0Aremove the call
    ::notice file=50%25%2Ca%3Ab.py,line=5,endLine=5,col=1,endColumn=9,title=ours/print::this prints
    hookgate: commit refused: 1 error
    ");
}

#[test]
fn an_annotation_a_reason_says_what_was_not_reviewed() {
    let rules = rules();
    let mut report = report(&[("a.py", "def f():\n    return 1\n")], &rules);
    let files: Vec<_> = (0..7)
        .map(|i| {
            crate::change::sample::classified(&format!("{i}.py"), None, Some("def f():\n    return 1\n"))
        })
        .collect();
    report.changes = route(files, &Policy::default());
    report.barrier = Some(Barrier { reason: Reason::NoModel, message: "no model".to_owned() });
    insta::assert_snapshot!(annotations(&report), @"::notice title=NOT REVIEWED (7 units)::no model [no_model]%0A0.py:1-2%0A1.py:1-2%0A2.py:1-2%0A3.py:1-2%0A4.py:1-2%0A… and 2 more");
    report.required = true;
    assert!(github::render(&report).starts_with("::error title=NOT REVIEWED"));
}

#[test]
fn the_same_edit_elsewhere_shares_the_fate_of_the_one_that_is_sent() {
    let edited = |path| {
        let text = |check: &str| format!("def f(a):\n    {check}(a)\n    return a\n");
        crate::change::sample::classified(path, Some(&text("check")), Some(&text("verify")))
    };
    let mut report = report(&[], &rules());
    report.changes = route(vec![edited("a.py"), edited("b.py")], &Policy::default());
    let units: Vec<_> = asked(&report.changes).collect();
    let options = PackOptions {
        highest: Level::Slice,
        documentation: false,
        limit: None,
        units_per_request: 3,
        tokens_per_request: 2000,
        overhead: Overhead { fixed: 0, per_line: 0, output: 0 },
        counting: Counting::Margin(0),
    };
    let redactor = Redactor::new(&rules());
    let compressed = compress(&units, &report.changes, &Tokenizer::load(), &redactor, &options);
    report.place(&compressed.payloads, 0);
    assert_eq!(report.changes[1].units[0].because, "same edit as a.py:2");
    assert_eq!(report.placements[&units[1]].tokens, 0);
    assert!(report.not_reviewed().next().is_none());
    for unit in compressed.payloads[0].blocks()[0].units() {
        report.leave_unreviewed(unit, Reason::Timeout, "too late");
    }
    assert_eq!(report.not_reviewed().count(), 2);
}

#[test]
fn documentation_that_is_not_sent_is_said_to_be_left_to_rules() {
    let edited = |path, old: &str, new: &str| crate::change::sample::classified(path, Some(old), Some(new));
    let python = |says: &str, value| format!("def f(a):\n    \"\"\"{says}\"\"\"\n    return g(a, {value})\n");
    let rust = |says: &str, value| format!("/// {says}\nfn f(a: u8) -> u8 {{\n    g(a, {value})\n}}\n");
    let java = |says: &str, value| {
        format!(
            "class A {{\n    /** {says} */\n    int f(int a) {{\n        return g(a, {value});\n    }}\n}}\n"
        )
    };
    let changes = || {
        let files = vec![
            edited("a.py", &python("One.", "h"), &python("Two,\n\n    or three.\n    ", "k")),
            edited("b.rs", &rust("One.", "h"), &rust("Two.", "k + 1")),
            edited("C.java", &java("One.", "h"), &java("Two.", "k - 1")),
            edited("d.py", &python("One.", "h"), &python("One.", "k * 2")),
            edited("e.py", "def f():\n    'One.'\n    g()\nh()\n", "h()\n"),
        ];
        route(files, &Policy::default())
    };
    let said = |documentation| {
        let mut report = report(&[], &rules());
        report.changes = changes();
        let units: Vec<_> = asked(&report.changes).collect();
        let options = PackOptions {
            highest: Level::Slice,
            documentation,
            limit: None,
            units_per_request: 9,
            tokens_per_request: 2000,
            overhead: Overhead { fixed: 0, per_line: 0, output: 0 },
            counting: Counting::Margin(0),
        };
        let redactor = Redactor::new(&rules());
        let compressed = compress(&units, &report.changes, &Tokenizer::load(), &redactor, &options);
        report.place(&compressed.payloads, 0);
        report.leave_documentation(&compressed.documentation);
        let is_left = |unit: &UnitRef| {
            let because = &report.changes[unit.change].units[unit.unit].because;
            Some(because.split_once("; ")?.1.to_owned())
        };
        let left: Vec<_> = units.iter().map(is_left).collect();
        let text: String = compressed.payloads.iter().map(Payload::text).collect();
        (left, text)
    };
    let left = |lines| Some(format!("{lines} lines of documentation left to rules ([review] documentation)"));
    let (because, text) = said(false);
    assert_eq!(because, [left(5), left(2), None, None, None]);
    assert!(!text.contains("One.") && !text.contains("Two"), "{text}");
    let (because, text) = said(true);
    assert_eq!(because, [None, None, None, None, None]);
    for line in ["-    \"\"\"One.\"\"\"", "+    \"\"\"Two,", "+    or three.", "-/// One.", "+/// Two."] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("/** Two. */"), "a comment, whatever happens to documentation: {text}");
}
