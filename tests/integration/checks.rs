//! Rules about names, kinds, sizes and data, on the index and on commits, never on the work tree.

use serde_json::Value;

use crate::harness::repo::Repo;

/// Rules only: no model is asked.
const RULES_ONLY: &str = "[hooks.pre-commit]\ntiers = []\n";

/// `rule path:line` of each finding of a run that ends with `code`.
#[track_caller]
fn found(repo: &Repo, args: &[&str], code: i32) -> Vec<String> {
    let args = [&["run", "pre-commit", "--format", "json"], args].concat();
    let report = repo.hookgate(args).expect(code).json();
    let named = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        format!("{} {}:{}", text("rule"), text("path"), finding["line"])
    };
    report["findings"].as_array().unwrap().iter().map(named).collect()
}

#[test]
fn the_index_is_judged_and_not_the_work_tree() {
    let repo = Repo::with(&[("hookgate.toml", RULES_ONLY)]);
    repo.stage("a.json", "{\"a\": 1,}\n");
    repo.write("a.json", "{\"a\": 1}\n");
    assert_eq!(found(&repo, &[], 1), ["data/invalid-json a.json:1"]);
    repo.stage("a.json", "{\"a\": 1}\n");
    repo.write("a.json", "{\"a\": 1,}\n");
    assert_eq!(found(&repo, &[], 0), [""; 0]);
}

#[test]
fn data_that_was_wrong_before_is_nobody_elses_business() {
    let repo = Repo::with(&[("hookgate.toml", RULES_ONLY), ("a.yaml", "a: b: c\nd: 1\n")]);
    repo.stage("a.yaml", "a: b: c\nd: 1\ne: f: g\n");
    assert_eq!(found(&repo, &[], 0), [""; 0]);
    repo.stage("b.yaml", "a: 1\nb: c: d\n");
    assert_eq!(found(&repo, &[], 1), ["data/invalid-yaml b.yaml:2"]);
}

#[test]
fn entries_of_the_index_need_no_file_system_that_has_them() {
    let repo = Repo::with(&[("hookgate.toml", RULES_ONLY), ("Makefile", "all:\n"), ("lib/a.sh", "a\n")]);
    let blob = |text: &str| {
        repo.write("scratch", text);
        let id = repo.git(["hash-object", "-w", "scratch"]).expect(0).stdout;
        std::fs::remove_file(repo.work_tree().join("scratch")).unwrap();
        id.trim().to_owned()
    };
    let add = |mode: &str, text: &str, path: &str| {
        let entry = format!("{mode},{},{path}", blob(text));
        repo.git(["update-index", "--add", "--cacheinfo", &entry]).expect(0);
    };
    add("100644", "all:\n", "makefile");
    add("120000", "lib/gone.sh", "broken");
    add("120000", "lib/a.sh", "whole");
    add("100755", "no first line\n", "run");
    add("100644", "x\n", "aux.txt");
    add("100644", &"x\n".repeat(300 << 10), "large.txt");
    let head = repo.git(["rev-parse", "HEAD"]).expect(0).stdout;
    let module = format!("160000,{},module", head.trim());
    repo.git(["update-index", "--add", "--cacheinfo", &module]).expect(0);
    let expected = [
        "git/case-conflict makefile:1",
        "git/illegal-windows-name aux.txt:1",
        "git/broken-symlink broken:1",
        "git/new-submodule module:1",
        "git/unlisted-submodule module:1",
        "git/executable-without-shebang run:1",
        "git/large-file large.txt:1",
    ];
    assert_eq!(found(&repo, &[], 1), expected);
    // The same of the commit that is made of it, whose tree is walked instead.
    let tree = repo.git(["write-tree"]).expect(0).stdout;
    let commit = repo.git(["commit-tree", tree.trim(), "-p", "HEAD", "-m", "second"]).expect(0).stdout;
    assert_eq!(found(&repo, &["--from-ref", "HEAD", "--to-ref", commit.trim()], 1), expected);
}

#[test]
fn a_link_that_git_wrote_as_a_file_is_noticed() {
    let repo = Repo::with(&[("hookgate.toml", RULES_ONLY), ("a/target", "x\n")]);
    repo.write("link-text", "a/target");
    let id = repo.git(["hash-object", "-w", "link-text"]).expect(0).stdout;
    let entry = |mode: &str| format!("{mode},{},link", id.trim());
    repo.git(["update-index", "--add", "--cacheinfo", &entry("120000")]).expect(0);
    repo.git(["commit", "--quiet", "--message=link"]).expect(0);
    repo.git(["update-index", "--cacheinfo", &entry("100644")]).expect(0);
    let found = found(&repo, &[], 1);
    assert_eq!(found[0], "git/destroyed-symlink link:1", "{found:?}");
}

#[test]
fn a_commit_to_a_protected_branch_is_refused_even_when_it_is_empty() {
    let settings = format!("{RULES_ONLY}[rules]\nprotected_branches = [\"main\", \"release/*\"]\n");
    let repo = Repo::with(&[("hookgate.toml", &settings)]);
    let said = repo.hookgate(["run", "pre-commit"]).expect(1);
    assert!(said.all().contains("the branch `main` itself"), "{said:#?}");
    repo.git(["switch", "--quiet", "--create", "release/1.0"]).expect(0);
    repo.hookgate(["run", "pre-commit"]).expect(1);
    repo.git(["switch", "--quiet", "--create", "topic"]).expect(0);
    repo.hookgate(["run", "pre-commit"]).expect(0);
    // A range is not committed to where the work tree happens to be.
    repo.git(["switch", "--quiet", "main"]).expect(0);
    repo.hookgate(["run", "pre-commit", "--from-ref", "HEAD", "--to-ref", "HEAD"]).expect(0);
}

#[test]
fn the_limit_for_large_files_is_the_repositorys() {
    let settings =
        format!("{RULES_ONLY}[rules]\nlarge_file_kib = 1\nseverity = {{ \"git/large-file\" = \"error\" }}\n");
    let repo = Repo::with(&[("hookgate.toml", &settings)]);
    repo.stage("a.bin", [0; 1024]);
    assert_eq!(found(&repo, &[], 0), [""; 0]);
    repo.stage("a.bin", [0; 1025]);
    assert_eq!(found(&repo, &[], 1), ["git/large-file a.bin:1"]);
}
