//! `install`, then plain `git commit`: what a developer meets forty times a day.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::harness::repo::Repo;

const CART: &str = "\
import json


def total(items, rate):
    # Net of tax.
    net = sum(items)
    return net * (1 + rate)
";

fn installed() -> Repo {
    let repo = Repo::with(&[("cart.py", CART)]);
    repo.hookgate(["install"]).expect(0);
    repo
}

fn head(repo: &Repo) -> String {
    repo.git(["rev-parse", "HEAD"]).expect(0).stdout
}

#[test]
fn a_comment_only_change_is_dropped_with_proof_and_says_nothing() {
    let repo = installed();
    repo.stage("cart.py", CART.replace("Net of tax.", "Before tax."));
    let preview = repo.hookgate(["dry-run"]).expect(0);
    assert!(preview.stdout.contains("drop"), "{preview:#?}");
    assert!(preview.stdout.contains("same syntax"), "the proof is named: {preview:#?}");
    let commit = repo.git(["commit", "--quiet", "-m", "comment"]).expect(0);
    assert_eq!(commit.all(), "");
}

#[test]
fn a_leftover_breakpoint_refuses_the_commit() {
    let repo = installed();
    let before = head(&repo);
    repo.stage("cart.py", CART.replace("    net =", "    breakpoint()\n    net ="));
    let commit = repo.git(["commit", "--quiet", "-m", "oops"]).expect(1);
    assert!(commit.all().contains("python/breakpoint"), "{commit:#?}");
    assert!(commit.all().contains("cart.py:6:5"), "{commit:#?}");
    assert!(commit.all().contains("commit refused"), "{commit:#?}");
    assert_eq!(head(&repo), before);
}

#[test]
fn what_was_there_before_is_not_found_again() {
    let old = CART.replace("    net =", "    breakpoint()\n    net =");
    let repo = Repo::with(&[("cart.py", &old)]);
    repo.hookgate(["install"]).expect(0);
    repo.stage("cart.py", old.replace("1 + rate", "rate + 1"));
    repo.git(["commit", "--quiet", "-m", "elsewhere"]).expect(0);
}

#[test]
fn a_logic_change_without_a_model_is_allowed_and_listed_as_not_reviewed() {
    let repo = installed();
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    let commit = repo.git(["commit", "--quiet", "-m", "logic"]).expect(0);
    assert!(commit.all().contains("NOT REVIEWED (1 unit)"), "{commit:#?}");
    assert!(commit.all().contains("[no_model]"), "{commit:#?}");
    assert!(commit.all().contains("would send"), "{commit:#?}");
}

#[test]
fn a_required_review_that_is_missing_leaves_the_commit_undecided() {
    let repo = installed();
    repo.write("hookgate.toml", "[hooks.pre-commit]\nrequired = true\n");
    let hash = repo.hookgate(["trust", "--hash"]).expect(0).stdout;
    repo.hookgate(["trust", "--accept", hash.trim()]).expect(0);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.hookgate(["run", "pre-commit"]).expect(3);
    repo.git(["commit", "--quiet", "-m", "logic"]).expect(1);
}

#[test]
fn hookgate_0_skips_everything() {
    let repo = installed();
    repo.stage("cart.py", CART.replace("    net =", "    breakpoint()\n    net ="));
    let mut commit = repo.command("git");
    let commit = commit.args(["commit", "--quiet", "-m", "skip"]).env("HOOKGATE", "0").output().unwrap();
    assert!(commit.status.success(), "{commit:#?}");
}

/// The index that git names differs between the ways to commit; the work tree never counts.
#[test]
fn the_bytes_that_are_committed_are_the_bytes_that_are_checked() {
    let bad = CART.replace("    net =", "    breakpoint()\n    net =");

    let repo = installed();
    repo.stage("cart.py", CART.replace("Net", "Gross"));
    repo.write("cart.py", &bad);
    repo.git(["commit", "--quiet", "-m", "the work tree alone is bad"]).expect(0);

    let repo = installed();
    repo.stage("cart.py", &bad);
    repo.write("cart.py", CART);
    repo.git(["commit", "--quiet", "-m", "the index alone is bad"]).expect(1);

    let repo = installed();
    repo.write("cart.py", &bad);
    repo.git(["commit", "--quiet", "--all", "-m", "commit -a"]).expect(1);

    let repo = installed();
    repo.stage("other.py", "import pdb; pdb.set_trace()\n");
    repo.write("cart.py", CART.replace("Net", "Gross"));
    repo.git(["commit", "--quiet", "-m", "only this path", "--", "cart.py"]).expect(0);
    repo.git(["commit", "--quiet", "-m", "only that path", "--", "other.py"]).expect(1);
}

#[test]
fn index_work_tree_and_stash_are_never_written() {
    let repo = installed();
    repo.write("cart.py", CART.replace("Net", "Gross"));
    repo.git(["stash", "--quiet"]).expect(0);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.write("cart.py", CART.replace("1 + rate", "2 + rate"));
    repo.write("untracked.py", "breakpoint()\n");
    let snapshot = || {
        let index = fs::read(repo.work_tree().join(".git/index")).unwrap();
        let stash = repo.git(["stash", "list", "--format=%H"]).expect(0).stdout;
        (index, stash, tree(&repo.work_tree(), &[".git"]))
    };
    let before = snapshot();
    repo.hookgate(["run", "pre-commit"]).expect(0);
    repo.hookgate(["dry-run"]).expect(0);
    assert_eq!(snapshot(), before);
}

#[test]
fn uninstall_leaves_no_trace() {
    let repo = Repo::with(&[("cart.py", CART)]);
    let before = tree(&repo.work_tree(), &[]);
    repo.hookgate(["install"]).expect(0);
    assert_ne!(tree(&repo.work_tree(), &[]), before);
    repo.hookgate(["install"]).expect(0);
    repo.hookgate(["uninstall"]).expect(0);
    assert_eq!(tree(&repo.work_tree(), &[]), before);
}

#[test]
#[cfg(unix)]
fn a_foreign_hook_is_kept_run_first_and_put_back() {
    use std::os::unix::fs::PermissionsExt;
    let repo = Repo::with(&[("cart.py", CART)]);
    let hook = repo.work_tree().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho foreign hook ran\ntest ! -e refuse\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let before = tree(&repo.work_tree(), &[]);

    repo.hookgate(["install"]).expect(0);
    repo.stage("cart.py", CART.replace("Net", "Gross"));
    let commit = repo.git(["commit", "--quiet", "-m", "one"]).expect(0);
    assert!(commit.all().contains("foreign hook ran"), "{commit:#?}");

    repo.write("refuse", "");
    repo.stage("cart.py", CART.replace("Net", "Total"));
    repo.git(["commit", "--quiet", "-m", "two"]).expect(1);

    repo.hookgate(["uninstall"]).expect(0);
    let after = tree(&repo.work_tree(), &[]);
    assert_eq!(after.get(".git/hooks/pre-commit"), before.get(".git/hooks/pre-commit"));
    assert_eq!(hooks(&after), hooks(&before));
}

#[test]
fn linked_work_trees_share_the_hook_and_check_their_own_index() {
    let repo = installed();
    let linked = repo.beside("linked");
    repo.git(["worktree", "add", "--quiet", linked.to_str().unwrap()]).expect(0);
    let preview = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), &linked).arg("dry-run").output().unwrap();
    assert!(String::from_utf8_lossy(&preview.stdout).contains("of work on linked"), "{preview:#?}");
    let git = |args: &[&str]| repo.command_in("git", &linked).args(args).output().unwrap();
    fs::write(linked.join("cart.py"), CART.replace("    net =", "    breakpoint()\n    net =")).unwrap();
    let commit = git(&["commit", "--quiet", "--all", "-m", "bad"]);
    assert_eq!(commit.status.code(), Some(1), "{commit:#?}");
    fs::write(linked.join("cart.py"), CART.replace("Net", "Gross")).unwrap();
    let commit = git(&["commit", "--quiet", "--all", "-m", "good"]);
    assert_eq!(commit.status.code(), Some(0), "{commit:#?}");
}

/// The way that some keep their dotfiles: the repository is not where the work tree is.
#[test]
fn a_repository_named_by_git_dir_is_the_one_that_is_checked() {
    let repo = Repo::with(&[("cart.py", CART)]);
    let hooks = repo.beside("dotfiles.git/hooks");
    let git_dir = format!("--git-dir={}", repo.beside("dotfiles.git").display());
    let work_tree = repo.beside("dotfiles");
    fs::create_dir(&work_tree).unwrap();
    repo.git(["init", "--quiet", "--bare", repo.beside("dotfiles.git").to_str().unwrap()]).expect(0);
    // The same commit is made below nothing, and below the work tree of another repository.
    for directory in [&work_tree, &repo.work_tree()] {
        let named = format!("--work-tree={}", directory.display());
        let git = |args: &[&str]| {
            repo.git([&git_dir, &named].into_iter().map(String::as_str).chain(args.iter().copied()))
        };
        let mut install = repo.command_in(env!("CARGO_BIN_EXE_hookgate"), directory);
        install.env("GIT_DIR", repo.beside("dotfiles.git")).env("GIT_WORK_TREE", directory).arg("install");
        assert!(install.output().unwrap().status.success());
        assert!(hooks.join("pre-commit").exists());
        fs::write(directory.join("rc.py"), "breakpoint()\n").unwrap();
        git(&["add", "--", directory.join("rc.py").to_str().unwrap()]).expect(0);
        let commit = git(&["commit", "--quiet", "-m", "bad"]).expect(1);
        assert!(commit.all().contains("rc.py:1:1"), "{commit:#?}");
        // The work tree is known too: its configuration counts.
        fs::write(directory.join("hookgate.toml"), "[rules]\ndisabled = [\"python/breakpoint\"]\n").unwrap();
        git(&["commit", "--quiet", "-m", "good"]).expect(0);
        repo.git([&git_dir, "update-ref", "-d", "HEAD"]).expect(0);
    }
}

#[test]
fn the_demo_does_not_say_that_a_model_answered_that_did_not() {
    let repo = Repo::empty();
    repo.configure_user(
        "[providers.here]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:9\"\n\
         [tiers]\nlocal = { provider = \"here\", model = \"m\" }\n",
    );
    let demo = repo.hookgate(["demo"]).expect(0);
    assert!(demo.stdout.contains("Your model gave no review"), "{demo:#?}");
}

/// As below an alias of git, which names the repository that it was called in.
#[test]
fn the_demo_stays_in_its_own_repository() {
    let repo = installed();
    repo.write("hookgate.toml", "nonsense");
    let before = tree(&repo.work_tree(), &[]);
    let mut demo = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    let demo = demo.arg("demo").env("GIT_DIR", ".git").env("GIT_WORK_TREE", ".").output().unwrap();
    assert!(demo.status.success(), "{demo:#?}");
    assert_eq!(tree(&repo.work_tree(), &[]), before);
}

/// `git commit 2>&1 | true`
#[test]
fn a_closed_pipe_changes_no_verdict() {
    let repo = installed();
    repo.stage("cart.py", CART.replace("    net =", "    breakpoint()\n    net ="));
    for args in [&["run", "pre-commit"][..], &["run", "pre-commit", "--format", "json"], &["dry-run"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = repo.command(env!("CARGO_BIN_EXE_hookgate"));
        let status = command.args(args).stdout(writer).status().unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}

/// Every file below a directory with its bytes, but for what git itself rewrites at any time.
fn tree(root: &Path, left_out: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if left_out.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn hooks(files: &BTreeMap<String, Vec<u8>>) -> Vec<&String> {
    files.keys().filter(|name| name.starts_with(".git/hooks/")).collect()
}

#[test]
fn the_demo_goes_as_described_and_removes_what_it_made() {
    let repo = Repo::empty();
    let scratch = repo.beside("tmp");
    fs::create_dir(&scratch).unwrap();
    let before = tree(&repo.home(), &[]);
    let mut demo = repo.command(env!("CARGO_BIN_EXE_hookgate"));
    let demo = demo.arg("demo").env("TMPDIR", &scratch).output().unwrap();
    let said = String::from_utf8_lossy(&demo.stdout);
    assert!(demo.status.success(), "{demo:#?}");
    for words in ["same syntax, 1 comment differs", "[exit 1]", "python/breakpoint", "NOT REVIEWED"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(tree(&repo.home(), &[]), before);
}
