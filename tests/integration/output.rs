//! What a run says, in every format that somebody reads or a program takes.

use serde_json::Value;

use crate::harness::repo::{Repo, Said};

/// Names that need care in each of the formats.
const NAMES: [&str; 3] = ["dir/plain.py", "dir/ä 50%,b:c.py", "dir/𝄞.py"];

const CODE: &str = "é = '𝄞'; breakpoint()\n";

fn repo() -> Repo {
    let repo = Repo::with(&[("README", "")]);
    for name in NAMES {
        repo.stage(name, CODE);
    }
    repo
}

/// SARIF, after the schema that OASIS publishes has found nothing wrong with it.
#[track_caller]
fn sarif(said: &Said) -> Value {
    let schema = serde_json::from_str(include_str!("../fixtures/sarif-2.1.0.json")).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let document = said.json();
    let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    document
}

#[test]
fn sarif_places_findings_by_encoded_path_and_utf16_columns() {
    let document = sarif(&repo().hookgate(["run", "pre-commit", "--format", "sarif"]).expect(1));
    let results = document["runs"][0]["results"].as_array().unwrap();
    let breakpoints = results.iter().filter(|it| it["ruleId"] == "python/breakpoint");
    let places: Vec<_> = breakpoints.map(|it| &it["locations"][0]["physicalLocation"]).collect();
    let mut uris: Vec<_> = places.iter().map(|it| it["artifactLocation"]["uri"].as_str().unwrap()).collect();
    uris.sort_unstable();
    assert_eq!(uris, ["dir/%C3%A4%2050%25%2Cb%3Ac.py", "dir/%F0%9D%84%9E.py", "dir/plain.py"]);
    for place in places {
        // `𝄞` is one character, two UTF-16 units and four bytes.
        assert_eq!(
            (&place["region"]["startColumn"], &place["region"]["endColumn"]),
            (&11.into(), &23.into())
        );
    }
}

#[test]
fn sarif_is_a_document_also_where_nothing_was_found() {
    let repo = Repo::with(&[("README", "")]);
    let document = sarif(&repo.hookgate(["run", "pre-commit", "--format", "sarif"]).expect(0));
    assert_eq!(document["runs"][0]["results"], serde_json::json!([]));
    let document = sarif(&repo.hookgate_reads(["run", "pre-push", "--format", "sarif"], "").expect(0));
    assert_eq!(document["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn sarif_of_several_pushed_refs_is_one_run() {
    let repo = Repo::with(&[("README", "")]);
    let head = |repo: &Repo| repo.git(["rev-parse", "HEAD"]).expect(0).stdout.trim().to_owned();
    let base = head(&repo);
    let mut lines = String::new();
    for branch in ["one", "two"] {
        repo.git(["checkout", "--quiet", "-b", branch, &base]).expect(0);
        repo.stage(&format!("{branch}.py"), CODE);
        repo.git(["commit", "--quiet", "-m", branch]).expect(0);
        lines += &format!("refs/heads/{branch} {} refs/heads/{branch} {base}\n", head(&repo));
    }
    let said = repo.hookgate_reads(["run", "pre-push", "--format", "sarif"], &lines).expect(1);
    let document = sarif(&said);
    let run = &document["runs"][0];
    assert_eq!(document["runs"].as_array().unwrap().len(), 1);
    assert_eq!(run["results"].as_array().unwrap().len(), 2);
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 1);
    let tips: Vec<_> = run["properties"]["ranges"].as_array().unwrap().iter().map(|it| &it["base"]).collect();
    assert_eq!(tips, [base.as_str(), base.as_str()]);
}

#[test]
fn github_gets_one_command_a_finding() {
    let said = repo().hookgate(["run", "pre-commit", "--format", "github"]).expect(1);
    let mut lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines.pop(), Some("hookgate: commit refused: 3 errors"));
    lines.sort_unstable();
    assert_eq!(
        lines[1],
        "::error file=dir/ä 50%25%2Cb%3Ac.py,line=1,endLine=1,col=11,endColumn=23,title=python/breakpoint::a \
         debugger call stops the program here%0Aremove the call"
    );
}

#[test]
fn github_is_told_what_nobody_reviewed() {
    let repo = Repo::with(&[("a.py", "def f():\n    return 1\n")]);
    repo.stage("a.py", "def f():\n    return 2\n");
    let said = repo.hookgate(["run", "pre-commit", "--format", "github"]).expect(0);
    assert!(said.stdout.starts_with("::notice title=NOT REVIEWED (1 unit)::"), "{said:#?}");
    assert!(said.stdout.ends_with("[no_model]%0Aa.py:2\n"), "{said:#?}");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let repo = repo();
    assert!(!repo.hookgate(["run", "pre-commit"]).expect(1).stdout.contains('\u{1b}'));
    let coloured = repo.hookgate(["run", "pre-commit", "--color", "always"]).expect(1).stdout;
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let coloured = repo.hookgate(["run", "pre-commit", "--color", "always", "--format", "json"]).expect(1);
    assert!(!coloured.stdout.contains('\u{1b}'));
}
