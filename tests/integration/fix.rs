//! `--fix`: what it mends, what it leaves alone, and that nothing is lost.

use std::fs;

use crate::harness::repo::{Repo, Said};

const RULES: &str = r#"
[[rule]]
id = "ours/old"
severity = "error"
confidence = "high"
message = "renamed"
regex = 'old_name'
keywords = ["old_name"]
fix = "new_name"
[[rule.tests]]
bad = ["old_name"]
good = ["new_name"]

[[rule]]
id = "ours/cannot"
severity = "warning"
confidence = "high"
message = "contracted"
regex = 'can not old_name|can not'
keywords = ["can not"]
fix = "cannot"
[[rule.tests]]
bad = ["can not"]
good = ["cannot"]

[[rule]]
id = "ours/breaking"
severity = "error"
confidence = "high"
message = "mended for the worse"
regex = 'worse'
keywords = ["worse"]
fix = "= ="
[[rule.tests]]
bad = ["worse"]
good = ["better"]
"#;

fn repo(files: &[(&str, &str)]) -> Repo {
    let repo = Repo::with(files);
    repo.write(".hookgate/rules/ours.toml", RULES);
    repo.git(["config", "core.autocrlf", "false"]).expect(0);
    repo
}

fn fix(repo: &Repo) -> Said {
    repo.hookgate(["run", "pre-commit", "--fix"])
}

fn read(repo: &Repo, path: &str) -> String {
    fs::read_to_string(repo.work_tree().join(path)).unwrap()
}

#[track_caller]
fn says(said: &Said, words: &str) {
    assert!(said.stdout.contains(words), "{words:?} in {said:#?}");
}

#[test]
fn the_work_tree_is_mended_and_the_index_is_not() {
    let repo = repo(&[("a.py", "x = 1\n")]);
    repo.stage("a.py", "x = 1\ny = old_name  # ä old_name\n");
    let staged = repo.git(["ls-files", "--stage"]).expect(0).stdout;
    let index = fs::read(repo.work_tree().join(".git/index")).unwrap();
    // The verdict is on the index, which is as wrong as before.
    let said = fix(&repo).expect(1);
    says(&said, "fixed a.py: ours/old (2 times)");
    says(&said, "`git add a.py`");
    assert_eq!(read(&repo, "a.py"), "x = 1\ny = new_name  # ä new_name\n");
    assert_eq!(fs::read(repo.work_tree().join(".git/index")).unwrap(), index);
    assert_eq!(repo.git(["ls-files", "--stage"]).expect(0).stdout, staged);
    assert_eq!(repo.git(["stash", "list"]).expect(0).stdout, "");
    let diff = repo.git(["diff", "--unified=0", "--no-color"]).expect(0).stdout;
    assert!(diff.contains("-y = old_name") && diff.contains("+y = new_name"), "{diff}");
    assert_eq!(fs::read_dir(repo.work_tree()).unwrap().count(), 3, "no file is left behind");
    // `git restore` undoes it, `git add` takes it.
    repo.git(["restore", "a.py"]).expect(0);
    assert!(read(&repo, "a.py").contains("old_name"));
    fix(&repo).expect(1);
    repo.git(["add", "a.py"]).expect(0);
    repo.hookgate(["run", "pre-commit"]).expect(0);
}

#[test]
fn a_partially_staged_file_is_left_alone() {
    let repo = repo(&[("a.py", "x = 1\n"), ("b.py", "x = 1\n")]);
    repo.stage("a.py", "x = old_name\n");
    repo.stage("b.py", "x = old_name\n");
    let unstaged = "x = old_name\ny = 2\n";
    repo.write("a.py", unstaged);
    let said = fix(&repo).expect(1);
    says(&said, "left a.py alone, which has 1 fix: it has changes that are not staged");
    says(&said, "fixed b.py: ours/old");
    assert_eq!(read(&repo, "a.py"), unstaged);
}

#[test]
fn conflicting_fixes_take_turns() {
    let repo = repo(&[("a.md", "a\n")]);
    repo.stage("a.md", "can not old_name\nold_name\n");
    fix(&repo).expect(1);
    assert_eq!(read(&repo, "a.md"), "cannot\nnew_name\n");
}

#[test]
fn a_fix_that_breaks_the_syntax_is_not_made_but_the_others_are() {
    let repo = repo(&[("a.py", "x = 1\n")]);
    repo.stage("a.py", "x = worse\ny = old_name\n");
    let said = fix(&repo).expect(1);
    says(&said, "1 fix of a.py not made: it would make another finding of `syntax/error`");
    assert_eq!(read(&repo, "a.py"), "x = worse\ny = new_name\n");
}

#[test]
fn line_ends_are_those_of_the_work_tree() {
    let repo = repo(&[("a.txt", "a\n"), ("b.txt", "a\n"), ("c.txt", "a\n")]);
    // What git converts.
    repo.git(["config", "core.autocrlf", "true"]).expect(0);
    repo.stage("a.txt", "old_name\r\nb\r\n");
    let blob = repo.git(["cat-file", "blob", ":a.txt"]).expect(0).stdout;
    assert_eq!(blob, "old_name\nb\n");
    repo.stage("b.txt", "old_name\nb\n");
    fix(&repo).expect(1);
    assert_eq!(read(&repo, "a.txt"), "new_name\r\nb\r\n");
    assert_eq!(read(&repo, "b.txt"), "new_name\nb\n");
    repo.git(["add", "a.txt", "b.txt"]).expect(0);
    assert_eq!(repo.git(["cat-file", "blob", ":a.txt"]).expect(0).stdout, "new_name\nb\n");
    // What is in the index as it is.
    repo.git(["config", "core.autocrlf", "false"]).expect(0);
    repo.stage("c.txt", "old_name\r\nb\r\n");
    fix(&repo).expect(1);
    assert_eq!(read(&repo, "c.txt"), "new_name\r\nb\r\n");
    repo.git(["add", "c.txt"]).expect(0);
    // What somebody is about to convert.
    repo.stage("c.txt", "old_name\nb\n");
    repo.write("c.txt", "old_name\r\nb\r\n");
    let said = fix(&repo).expect(1);
    says(&said, "left c.txt alone, which has 1 fix: it has changes that are not staged");
}

#[test]
fn what_git_filters_is_left_alone() {
    let repo = repo(&[("a.txt", "a\n"), (".gitattributes", "*.txt filter=upper\n*.id ident\n")]);
    repo.stage("a.txt", "old_name\n");
    repo.stage("a.id", "old_name $Id$\n");
    let said = fix(&repo).expect(1);
    says(&said, "left a.txt alone, which has 1 fix: git converts it at checkout");
    says(&said, "left a.id alone");
}

#[test]
#[cfg(unix)]
fn modes_are_kept_and_respected() {
    use std::os::unix::fs::PermissionsExt;
    let repo = repo(&[("README.md", "# A\n")]);
    let mode = |path: &str| fs::metadata(repo.work_tree().join(path)).unwrap().permissions().mode() & 0o777;
    let set = |path: &str, mode| {
        fs::set_permissions(repo.work_tree().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, bits) in [("run.sh", 0o755), ("shared.sh", 0o664), ("fixed.sh", 0o444)] {
        repo.write(path, "#!/bin/sh\nold_name\n");
        set(path, bits);
    }
    repo.git(["add", "--all"]).expect(0);
    let said = fix(&repo).expect(1);
    assert_eq!((mode("run.sh"), mode("shared.sh"), mode("fixed.sh")), (0o755, 0o664, 0o444));
    assert_eq!(read(&repo, "run.sh"), "#!/bin/sh\nnew_name\n");
    says(&said, "left fixed.sh alone, which has 1 fix: it is read-only");
}

#[test]
#[cfg(unix)]
fn links_and_missing_files_are_left_alone() {
    use std::os::unix::fs::symlink;
    let repo = repo(&[("README.md", "# A\n")]);
    for path in ["gone.txt", "link.txt", "dir/below.txt"] {
        repo.stage(path, "old_name\n");
    }
    fs::remove_file(repo.work_tree().join("gone.txt")).unwrap();
    fs::remove_file(repo.work_tree().join("link.txt")).unwrap();
    fs::write(repo.beside("outside.txt"), "old_name\n").unwrap();
    symlink(repo.beside("outside.txt"), repo.work_tree().join("link.txt")).unwrap();
    fs::create_dir(repo.beside("elsewhere")).unwrap();
    fs::write(repo.beside("elsewhere/below.txt"), "old_name\n").unwrap();
    fs::remove_dir_all(repo.work_tree().join("dir")).unwrap();
    symlink(repo.beside("elsewhere"), repo.work_tree().join("dir")).unwrap();
    let said = fix(&repo).expect(1);
    says(&said, "left gone.txt alone, which has 1 fix: it is not in the work tree");
    says(&said, "left link.txt alone, which has 1 fix: it is not a file in the work tree");
    says(&said, "left dir/below.txt alone, which has 1 fix: a symbolic link leads to it");
    assert_eq!(fs::read_to_string(repo.beside("outside.txt")).unwrap(), "old_name\n");
    assert_eq!(fs::read_to_string(repo.beside("elsewhere/below.txt")).unwrap(), "old_name\n");
    assert!(!repo.work_tree().join("gone.txt").exists());
}

#[test]
fn other_encodings_are_left_alone() {
    let repo = repo(&[("README.md", "# A\n")]);
    let latin = b"caf\xe9 old_name\n";
    repo.stage("a.txt", latin);
    let said = fix(&repo).expect(1);
    says(&said, "left a.txt alone, which has 1 fix: it is not UTF-8");
    assert_eq!(fs::read(repo.work_tree().join("a.txt")).unwrap(), latin);
}

#[test]
fn all_files_are_mended_and_silenced_ones_are_not() {
    let silenced = "x = old_name  # hookgate-ignore: ours/old its name is that\n";
    let repo = repo(&[("a.py", "x = old_name\n"), ("b.py", silenced)]);
    let said = repo.hookgate(["run", "pre-commit", "--all-files", "--fix"]).expect(1);
    says(&said, "fixed a.py");
    assert_eq!((read(&repo, "a.py").as_str(), read(&repo, "b.py").as_str()), ("x = new_name\n", silenced));
    let report =
        repo.hookgate(["run", "pre-commit", "--all-files", "--fix", "--format", "json"]).expect(1).json();
    assert!(report["notes"].to_string().contains("it has changes that are not staged"), "{report:#}");
}

/// `git commit --all` names an index of its own, and so does `git commit -- path`.
#[test]
#[cfg(unix)]
fn the_index_that_git_names_is_the_one_that_counts() {
    use std::os::unix::fs::PermissionsExt;
    let repo = repo(&[("a.py", "x = 1\n"), ("b.py", "x = 1\n")]);
    let hook = repo.work_tree().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexec hookgate run pre-commit --fix\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    repo.write("a.py", "x = old_name\n");
    repo.stage("b.py", "x = old_name\n");
    repo.write("b.py", "x = old_name\ny = 2\n");
    // In this index both files are as in the work tree.
    repo.git(["commit", "--quiet", "--all", "-m", "all"]).expect(1);
    assert_eq!(read(&repo, "a.py"), "x = new_name\n");
    assert_eq!(read(&repo, "b.py"), "x = new_name\ny = 2\n");
    assert_eq!(repo.git(["cat-file", "blob", ":b.py"]).expect(0).stdout, "x = old_name\n");
}

#[test]
fn commits_cannot_be_mended() {
    let repo = repo(&[("a.py", "x = 1\n")]);
    let range = ["run", "pre-commit", "--fix", "--from-ref", "HEAD", "--to-ref", "HEAD"];
    assert!(repo.hookgate(range).expect(2).stderr.contains("--fix"));
    let said = repo.hookgate(["run", "pre-push", "--fix"]).expect(2);
    assert!(said.stderr.contains("`hookgate run pre-commit --fix`"), "{said:#?}");
}

#[test]
fn names_are_quoted_for_the_shell() {
    let repo = repo(&[("README.md", "# A\n")]);
    repo.stage("it's ä.txt", "old_name\n");
    says(&fix(&repo).expect(1), "`git add 'it'\\''s ä.txt'`");
}
