//! `git push` with the pre-push hook: every ref that is pushed, and nothing that is there already.

use crate::harness::repo::Repo;

const BAD: &str = "def f():\n    breakpoint()\n";
const GOOD: &str = "def f():\n    return 1\n";

/// A repository with a bare remote that has its first commit.
fn with_remote() -> Repo {
    let repo = Repo::with(&[("README.md", "# Cart\n")]);
    let remote = repo.beside("remote.git");
    let remote = remote.to_str().unwrap();
    repo.git(["init", "--quiet", "--bare", remote]).expect(0);
    repo.git(["remote", "add", "origin", remote]).expect(0);
    repo.git(["push", "--quiet", "--set-upstream", "origin", "main"]).expect(0);
    repo.hookgate(["install"]).expect(0);
    repo
}

fn commit(repo: &Repo, path: &str, text: &str) {
    repo.stage(path, text);
    repo.git(["commit", "--quiet", "--no-verify", "-m", path]).expect(0);
}

fn remote_has(repo: &Repo, branch: &str) -> bool {
    !repo.git(["ls-remote", "origin", branch]).expect(0).stdout.is_empty()
}

#[test]
fn a_push_is_refused_for_what_the_commit_hook_never_saw() {
    let repo = with_remote();
    commit(&repo, "cart.py", BAD);
    let push = repo.git(["push", "--quiet"]).expect(1);
    assert!(push.all().contains("python/breakpoint"), "{push:#?}");
    assert!(push.all().contains("push refused"), "{push:#?}");
    commit(&repo, "cart.py", GOOD);
    repo.git(["push", "--quiet"]).expect(0);
}

#[test]
fn what_the_remote_has_is_not_looked_at_again() {
    let repo = with_remote();
    commit(&repo, "cart.py", BAD);
    repo.git(["push", "--quiet", "--no-verify"]).expect(0);
    commit(&repo, "README.md", "# Carts\n");
    repo.git(["push", "--quiet"]).expect(0);
    // A new branch starts where the remote's history ends.
    repo.git(["switch", "--quiet", "--create", "topic"]).expect(0);
    commit(&repo, "README.md", "# Carts!\n");
    repo.git(["push", "--quiet", "origin", "topic"]).expect(0);
}

#[test]
fn every_pushed_ref_counts() {
    let repo = with_remote();
    for (branch, text) in [("a-good", GOOD), ("b-bad", BAD)] {
        repo.git(["switch", "--quiet", "--create", branch, "main"]).expect(0);
        commit(&repo, "cart.py", text);
    }
    repo.git(["push", "--quiet", "origin", "a-good", "b-bad"]).expect(1);
    assert!(!remote_has(&repo, "a-good"));
    repo.git(["push", "--quiet", "origin", "a-good"]).expect(0);
}

#[test]
fn tags_are_peeled_and_deletions_skipped() {
    let repo = with_remote();
    commit(&repo, "cart.py", BAD);
    repo.git(["tag", "-a", "v1", "-m", "one"]).expect(0);
    repo.git(["push", "--quiet", "origin", "v1"]).expect(1);
    repo.git(["push", "--quiet", "--no-verify", "origin", "v1"]).expect(0);
    repo.git(["push", "--quiet", "origin", "--delete", "v1"]).expect(0);
}

#[test]
fn the_first_push_of_a_history_is_the_whole_tree() {
    let repo = Repo::with(&[("cart.py", BAD)]);
    let remote = repo.beside("remote.git");
    let remote = remote.to_str().unwrap();
    repo.git(["init", "--quiet", "--bare", remote]).expect(0);
    repo.git(["remote", "add", "origin", remote]).expect(0);
    repo.hookgate(["install"]).expect(0);
    repo.git(["push", "--quiet", "origin", "main"]).expect(1);
}

#[test]
fn a_range_can_be_named() {
    let repo = with_remote();
    commit(&repo, "cart.py", BAD);
    commit(&repo, "README.md", "# Carts\n");
    repo.hookgate(["run", "pre-push", "--from-ref", "HEAD~1", "--to-ref", "HEAD"]).expect(0);
    repo.hookgate(["run", "pre-push", "--from-ref", "HEAD~2", "--to-ref", "HEAD"]).expect(1);
    let unknown = repo.hookgate(["run", "pre-push", "--from-ref", "nowhere", "--to-ref", "HEAD"]).expect(2);
    assert!(unknown.stderr.contains("\"nowhere\" names no commit"), "{unknown:#?}");
}

#[test]
fn a_remote_tip_that_is_not_known_here_is_no_obstacle() {
    let repo = with_remote();
    commit(&repo, "cart.py", BAD);
    let head = repo.git(["rev-parse", "HEAD"]).expect(0).stdout;
    let line = format!("refs/heads/main {} refs/heads/main {}\n", head.trim(), "1".repeat(40));
    repo.hookgate_reads(["run", "pre-push", "--", "origin", "url"], &line).expect(1);
}

#[test]
#[cfg(unix)]
fn a_ref_whose_name_is_not_utf8_hides_no_other() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let repo = with_remote();
    let latin = OsStr::from_bytes(b"caf\xe9");
    repo.git([OsStr::new("branch"), latin]).expect(0);
    commit(&repo, "cart.py", BAD);
    repo.git([OsStr::new("push"), OsStr::new("--quiet"), OsStr::new("origin"), latin, OsStr::new("main")])
        .expect(1);
}

#[test]
fn what_is_pushed_may_be_named_by_words() {
    let repo = with_remote();
    commit(&repo, "cart.py", GOOD);
    repo.git(["push", "--quiet", "origin", ":/cart py$:refs/heads/topic"]).expect(1);
    repo.git(["commit", "--quiet", "--no-verify", "--amend", "-m", "two words"]).expect(0);
    repo.git(["push", "--quiet", "origin", ":/two words:refs/heads/topic"]).expect(0);
    assert!(remote_has(&repo, "topic"));
}

#[test]
fn what_git_would_not_say_is_refused() {
    let repo = with_remote();
    let said = repo.hookgate_reads(["run", "pre-push", "--", "origin", "url"], "nonsense\n").expect(2);
    assert!(said.stderr.contains("<local id>"), "{said:#?}");
    repo.git(["tag", "text", "HEAD:README.md"]).expect(0);
    let push = repo.git(["push", "--quiet", "origin", "text"]).expect(1);
    assert!(push.stderr.contains("only commits are checked"), "{push:#?}");
}

#[test]
fn a_preview_without_refs_is_that_of_a_push_of_head() {
    let repo = with_remote();
    let nothing = repo.hookgate(["dry-run", "pre-push"]).expect(0);
    assert!(nothing.stdout.contains("nothing to check"), "{nothing:#?}");
    commit(&repo, "cart.py", BAD);
    let preview = repo.hookgate(["dry-run", "pre-push"]).expect(1);
    assert!(preview.stdout.contains("python/breakpoint"), "{preview:#?}");
}
