//! What people do not want to hear of: comments, paths, and what was there when they came.

use std::fs;

use crate::harness::repo::{Repo, Said};

const BAD: &str = "def f():\n    breakpoint()\n";

fn all_files(repo: &Repo) -> Said {
    repo.hookgate(["run", "pre-commit", "--all-files"])
}

#[test]
fn a_comment_lets_a_commit_through() {
    let repo = Repo::with(&[("README.md", "# A\n")]);
    repo.stage("a.py", BAD);
    repo.hookgate(["run", "pre-commit"]).expect(1);
    repo.stage("a.py", "def f():\n    breakpoint()  # hookgate-ignore: python/breakpoint a debugger\n");
    let said = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(0).json();
    assert_eq!(said["findings"], serde_json::json!([]));
}

#[test]
fn paths_have_rules_of_their_own() {
    let config = "[[rules.overrides]]\npaths = [\"debug/**\"]\ndisabled = [\"python/*\"]\n\
                  [[rules.overrides]]\npaths = [\"tools/**\"]\nseverity = { \"python/breakpoint\" = \"warning\" }\n";
    let repo = Repo::with(&[("hookgate.toml", config)]);
    repo.stage("debug/a.py", BAD);
    repo.stage("tools/a.py", BAD);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(said.contains("tools/a.py:2:5") && !said.contains("debug/a.py:2:5"), "{said}");
    repo.stage("src/a.py", BAD);
    repo.hookgate(["run", "pre-commit"]).expect(1);
}

#[test]
fn what_an_override_names_must_exist_and_be_no_secret() {
    let repo = Repo::with(&[("README.md", "# A\n")]);
    let with = |disabled: &str| {
        repo.write(
            "hookgate.toml",
            format!("[[rules.overrides]]\npaths = ['**']\ndisabled = ['{disabled}']\n"),
        );
        repo.hookgate(["run", "pre-commit"]).expect(2).stderr
    };
    let unknown = with("pyhton/*");
    assert!(unknown.contains("no rule is called `pyhton/*`; did you mean `python/*`?"), "{unknown}");
    for secret in ["secrets/*", "secrets/github-token"] {
        let refused = with(secret);
        assert!(refused.contains("cannot switch the secret scan off"), "{refused}");
    }
    repo.write("hookgate.toml", "[[rules.overrides]]\ndisabled = ['python/*']\n");
    let missing = repo.hookgate(["run", "pre-commit"]).expect(2).stderr;
    assert!(missing.contains("hookgate.toml:1:1") && missing.contains("paths"), "{missing}");
}

#[test]
fn a_baseline_lets_a_repository_begin() {
    let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
    let repo = Repo::with(&[("old.py", BAD), ("key.py", &format!("key = '{key}'\n"))]);
    all_files(&repo).expect(1);
    let said = repo.hookgate(["baseline"]).expect(0).stdout;
    assert!(said.contains("knows 2 findings") && said.contains("1 of them"), "{said}");
    let written = fs::read_to_string(repo.work_tree().join(".hookgate/baseline.json")).unwrap();
    assert!(!written.contains("Z7QX2"), "{written}");
    let said = all_files(&repo).expect(0);
    assert!(!said.all().contains("breakpoint"), "{said:#?}");
    // Once more is the same, byte for byte.
    repo.hookgate(["baseline"]).expect(0);
    assert_eq!(fs::read_to_string(repo.work_tree().join(".hookgate/baseline.json")).unwrap(), written);
    // What comes beside it is reported, here and in all files.
    repo.stage("new.py", BAD);
    repo.hookgate(["run", "pre-commit"]).expect(1);
    let said = all_files(&repo).expect(1).stdout;
    assert!(said.contains("new.py:2:5") && !said.contains("old.py:2:5"), "{said}");
    // What is gone is named, and dropped by the next one.
    repo.git(["rm", "--quiet", "--force", "new.py", "old.py"]).expect(0);
    let said = all_files(&repo).expect(0).stdout;
    assert!(said.contains("old.py (python/breakpoint)") && said.contains("`hookgate baseline`"), "{said}");
    repo.hookgate(["baseline"]).expect(0);
    assert!(!all_files(&repo).expect(0).stdout.contains("old.py"));
}

#[test]
fn a_damaged_baseline_is_an_error_that_names_the_line() {
    let repo = Repo::with(&[("old.py", BAD)]);
    repo.hookgate(["baseline"]).expect(0);
    let file = repo.work_tree().join(".hookgate/baseline.json");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replace("    {\"path\"", "<<<<<<< ours\n    {\"path\"")).unwrap();
    repo.stage("a.py", "x = 1\n");
    let said = repo.hookgate(["run", "pre-commit"]).expect(2).stderr;
    assert!(said.contains(".hookgate/baseline.json:4:1"), "{said}");
    repo.hookgate(["baseline"]).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}
