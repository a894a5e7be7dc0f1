//! The rules over a change set; those over one text are tried on the examples of their packs.

use globset::{Glob, GlobSet};

use super::Parameters;
use crate::change::{ChangeClass, ClassifiedChange, Content, Opaque, Surroundings, Tracked, sample};
use crate::check::check;
use crate::check::pack::{RuleOptions, RuleSet};
use crate::git::{FileMode, RepoPath};

/// A change whose sides stand at these paths, are of these modes and hold these texts; for a link, its
/// target.
fn change(old: Option<(&str, FileMode, &str)>, new: Option<(&str, FileMode, &str)>) -> ClassifiedChange {
    let side = |(path, mode, text): (&str, FileMode, &str)| {
        let mut side = sample::change(path, None, Some(text)).new.unwrap();
        side.mode = mode;
        if matches!(mode, FileMode::Symlink) {
            side.content = Content::Opaque(Opaque::Symlink);
            side.link = Some(RepoPath::new(text));
        }
        side
    };
    let path = new.or(old).unwrap().0;
    let mut change = sample::classified(path, Some("a\n"), Some("b\n"));
    (change.parsed.change.old, change.parsed.change.new) = (old.map(side), new.map(side));
    change
}

fn added(path: &str) -> ClassifiedChange {
    change(None, Some((path, FileMode::Regular, "a\n")))
}

/// The new side's entries: paths, and links as `path -> target`.
fn entries(paths: &[&str]) -> Surroundings {
    let entry = |path: &&str| {
        let (path, link) = path.split_once(" -> ").map_or((*path, None), |(path, to)| (path, Some(to)));
        let mode = if link.is_some() { FileMode::Symlink } else { FileMode::Regular };
        Tracked { path: RepoPath::new(path), mode, link: link.map(RepoPath::new) }
    };
    Surroundings { entries: paths.iter().map(entry).collect(), ..Surroundings::default() }
}

/// `rule path` of each finding of the pack `git`.
fn found(changes: &[ClassifiedChange], surroundings: &Surroundings) -> Vec<String> {
    let found = check(changes, surroundings, &RuleSet::bundled()).findings.into_iter();
    let named =
        found.filter_map(|finding| Some(format!("{} {}", finding.rule.strip_prefix("git/")?, finding.path)));
    named.collect()
}

#[test]
fn a_new_path_conflicts_with_any_other_of_the_new_side() {
    let tree = ["Makefile", "docs/a.md", "makefile", "src/é.rs"];
    assert_eq!(found(&[added("makefile")], &entries(&tree)), ["case-conflict makefile"]);
    assert_eq!(found(&[added("Makefile")], &entries(&tree)), ["case-conflict Makefile"]);
    // Of two new ones, the later.
    let both = [added("Makefile"), added("makefile")];
    assert_eq!(found(&both, &entries(&tree)), ["case-conflict makefile"]);
    assert_eq!(found(&[added("docs/a.md")], &entries(&tree)), [""; 0]);
    assert_eq!(found(&[added("src/É.rs")], &entries(&[&tree[..], &["src/É.rs"]].concat())).len(), 1);
    // A file where others have a directory.
    assert_eq!(found(&[added("DOCS")], &entries(&["DOCS", "docs/a.md"])), ["case-conflict DOCS"]);
}

#[test]
fn a_path_that_only_moves_away_from_a_conflict_has_none() {
    let renamed =
        change(Some(("Makefile", FileMode::Regular, "a\n")), Some(("makefile", FileMode::Regular, "a\n")));
    assert_eq!(found(&[renamed], &entries(&["a", "makefile"])), [""; 0]);
}

#[test]
fn directories_conflict_once_and_apart_from_files() {
    let tree = entries(&["Docs/c.md", "docs/a.md", "docs/b.md", "docs/sub/d.md"]);
    let changes = [added("Docs/c.md")];
    assert_eq!(found(&changes, &tree), ["directory-case-conflict Docs/c.md"]);
    assert_eq!(found(&[added("docs/b.md"), added("docs/sub/d.md")], &tree).len(), 1);
}

#[test]
fn names_that_windows_keeps_for_itself() {
    let illegal =
        ["aux", "src/con.rs", "COM1.txt", "lpt²", "a:b", "a?", "dir./a", "a ", "tab\tin", "nul.tar.gz"];
    for path in illegal {
        assert_eq!(found(&[added(path)], &entries(&[path])).len(), 1, "{path}");
    }
    for path in ["auxiliary", "console.rs", "com", "com10", ".gitignore", "a.b.c", "lpt/x", "é"] {
        assert_eq!(found(&[added(path)], &entries(&[path])), [""; 0], "{path}");
    }
}

#[test]
fn links_are_followed_within_the_new_side_only() {
    let link = |target| change(None, Some(("a/link", FileMode::Symlink, target)));
    let tree = entries(&["a/link", "a/file", "b/c/file", "other -> b"]);
    for target in
        ["file", "./file", "../b", "../b/c/", "/etc/hosts", "../../outside", "../other/x", ".", ".."]
    {
        assert_eq!(found(&[link(target)], &tree), [""; 0], "{target}");
    }
    for target in ["gone", "../b/file", "file/x", "../B"] {
        assert_eq!(found(&[link(target)], &tree), ["broken-symlink a/link"], "{target}");
    }
}

#[test]
fn a_link_is_broken_by_what_is_taken_from_under_it() {
    let gone = || change(Some(("b/c/file", FileMode::Regular, "a\n")), None);
    let tree = entries(&["link -> b/c", "old -> nowhere", "whole -> a"]);
    assert_eq!(found(&[gone()], &tree), ["broken-symlink link"]);
    assert_eq!(found(&[gone()], &entries(&["b/c/more", "link -> b/c"])), [""; 0]);
}

#[test]
fn a_link_that_became_its_target_is_destroyed() {
    let became = |text| {
        let old = Some(("link", FileMode::Symlink, "../target"));
        change(old, Some(("link", FileMode::Regular, text)))
    };
    assert_eq!(found(&[became("../target")], &entries(&["link"])), ["destroyed-symlink link"]);
    assert_eq!(found(&[became("../target\r\n")], &entries(&["link"])), ["destroyed-symlink link"]);
    assert_eq!(found(&[became("the text itself\n")], &entries(&["link"])), [""; 0]);
}

#[test]
fn a_submodule_needs_an_address() {
    let came = || change(None, Some(("lib/x", FileMode::Submodule, "")));
    let listed = |modules: &str| Surroundings { modules: Some(modules.to_owned()), ..entries(&["lib/x"]) };
    let both = ["new-submodule lib/x", "unlisted-submodule lib/x"];
    assert_eq!(found(&[came()], &entries(&["lib/x"])), both);
    assert_eq!(found(&[came()], &listed("[submodule \"y\"]\n\tpath = lib/y\n\turl = ../y\n")), both);
    assert_eq!(found(&[came()], &listed("[submodule \"x\"]\n\tpath = lib/x\n\turl = ../x\n")), both[..1]);
    let moved = change(Some(("lib/x", FileMode::Submodule, "")), Some(("lib/x", FileMode::Submodule, "")));
    assert_eq!(found(&[moved], &entries(&[])), [""; 0]);
}

#[test]
fn bits_and_first_lines_go_together() {
    use FileMode::{Executable, Regular};
    let cases = [
        (None, (Executable, "a\n"), Some("executable-without-shebang")),
        (None, (Executable, "#!/bin/sh\n"), None),
        (None, (Executable, "#! /bin/sh\n"), None),
        (None, (Regular, "#!/bin/sh\n"), Some("script-not-executable")),
        (None, (Regular, "#![no_std]\n"), None),
        (Some((Regular, "a\n")), (Executable, "a\n"), Some("executable-without-shebang")),
        (Some((Executable, "#!/bin/sh\n")), (Executable, "a\n"), Some("executable-without-shebang")),
        (Some((Executable, "a\n")), (Executable, "b\n"), None),
        (Some((Executable, "#!/bin/sh\n")), (Regular, "#!/bin/sh\n"), Some("script-not-executable")),
    ];
    for (old, (mode, text), rule) in cases {
        let old = old.map(|(mode, text)| ("run", mode, text));
        let found = found(&[change(old, Some(("run", mode, text)))], &entries(&["run"]));
        assert_eq!(found, rule.map(|rule| format!("{rule} run")).as_slice(), "{old:?} {text:?}");
    }
}

#[test]
fn a_file_is_large_once() {
    let file = ("data.bin", FileMode::Regular, "");
    let sized = |old: Option<u64>, new: u64| {
        let mut change = change(old.map(|_| file), Some(file));
        let sides = &mut change.parsed.change;
        sides.old.iter_mut().for_each(|side| side.size = old);
        sides.new.iter_mut().for_each(|side| side.size = Some(new));
        change
    };
    let limit = 500 << 10;
    let tree = entries(&["data.bin"]);
    assert_eq!(found(&[sized(None, limit)], &tree), [""; 0]);
    assert_eq!(found(&[sized(None, limit + 1)], &tree), ["large-file data.bin"]);
    assert_eq!(found(&[sized(Some(1), limit + 1)], &tree), ["large-file data.bin"]);
    assert_eq!(found(&[sized(Some(limit + 1), 2 * limit)], &tree), [""; 0]);
    let lock = ClassifiedChange { class: ChangeClass::Lock, ..sized(None, 2 * limit) };
    assert_eq!(found(&[lock], &tree), [""; 0]);
}

#[test]
fn a_branch_is_protected_where_the_user_says_so() {
    let surroundings = |branch: &str| Surroundings { branch: Some(branch.to_owned()), ..entries(&[]) };
    assert_eq!(found(&[], &surroundings("main")), [""; 0]);
    let globs = ["main", "release/*"].map(|glob| Glob::new(glob).unwrap());
    let protected_branches = GlobSet::new(globs).unwrap();
    let parameters = Parameters { protected_branches, ..Parameters::default() };
    let rules = RuleSet::new(RuleOptions { parameters, ..RuleOptions::default() }).unwrap();
    let messages = |branch| -> Vec<_> {
        let findings = check(&[], &surroundings(branch), &rules).findings;
        findings.into_iter().map(|finding| finding.message).collect()
    };
    assert_eq!(messages("main"), ["nothing is committed to the branch `main` itself"]);
    assert_eq!(messages("release/1.0").len(), 1);
    assert_eq!(messages("topic"), [""; 0]);
    assert!(check(&[], &entries(&[]), &rules).findings.is_empty(), "no branch, as in a push");
}
