//! Every changed line stands in exactly one unit, by git's own count of the changed lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::repo::Repo;

/// Side, path and line.
type Line = (char, String, u64);

/// Changed lines of the index as `git diff` marks them. (Without context, git takes a short cut that
/// can mark other lines than it usually does.)
fn changed(repo: &Repo) -> Vec<Line> {
    let diff = repo.git(["diff", "--cached", "--no-prefix", "--no-color", "-M", "-U3"]).expect(0).stdout;
    let (mut lines, mut old_path, mut new_path) = (Vec::new(), String::new(), String::new());
    let (mut old, mut new) = (0..0, 0..0);
    for line in diff.lines() {
        let path = if new_path == "/dev/null" { &old_path } else { &new_path };
        if !(old.is_empty() && new.is_empty()) {
            match line.as_bytes().first() {
                Some(b'-') => lines.push(('-', path.clone(), old.next().unwrap())),
                Some(b'+') => lines.push(('+', path.clone(), new.next().unwrap())),
                Some(b'\\') => {}
                _ => _ = (old.next(), new.next()),
            }
        } else if let Some(path) = line.strip_prefix("--- ") {
            path.clone_into(&mut old_path);
        } else if let Some(path) = line.strip_prefix("+++ ") {
            path.clone_into(&mut new_path);
        } else if let Some(header) = line.strip_prefix("@@ ") {
            let mut ranges = header.split(' ').map(|field| {
                let (start, count) = field[1..].split_once(',').unwrap_or((&field[1..], "1"));
                let (start, count): (u64, u64) = (start.parse().unwrap(), count.parse().unwrap());
                start..start + count
            });
            (old, new) = (ranges.next().unwrap(), ranges.next().unwrap());
        }
    }
    lines
}

/// Lines that the units claim, each with how often.
fn claimed(report: &Value) -> BTreeMap<Line, usize> {
    let mut claims = BTreeMap::new();
    for file in report["files"].as_array().unwrap() {
        for unit in file["units"].as_array().unwrap() {
            for (side, field) in [('+', "added"), ('-', "deleted")] {
                for range in unit[field].as_array().unwrap() {
                    for line in range[0].as_u64().unwrap()..=range[1].as_u64().unwrap() {
                        let path = file["path"].as_str().unwrap().to_owned();
                        *claims.entry((side, path, line)).or_insert(0) += 1;
                    }
                }
            }
        }
    }
    claims
}

#[track_caller]
fn assert_covered(repo: &Repo) {
    let report = repo.hookgate(["dry-run", "--format", "json"]).json();
    let expected: BTreeMap<_, _> = changed(repo).into_iter().map(|line| (line, 1)).collect();
    assert!(!expected.is_empty());
    assert_eq!(claimed(&report), expected);
}

const BEFORE: &[(&str, &str)] = &[
    (
        "shop.py",
        "import os\nimport sys\n\nRATE = 2\n\nclass Cart:\n    kind = 'a'\n\n    def total(self):\n        \
         return 1\n\n    def empty(self):\n        return not self\n\ndef main():\n    print(os)\n",
    ),
    ("lib.rs", "use std::fmt;\n\npub struct A;\n\nimpl A {\n    fn a(&self) -> u8 {\n        1\n    }\n}\n"),
    ("web.ts", "import x from 'x';\nexport const f = (a: number) => {\n  return a;\n};\n\nf(1);\n"),
    ("notes.md", "# Notes\n\nSome.\n"),
    ("data.json", "{\"a\": 1}\n"),
    ("Makefile", "all:\n\techo a\n"),
    ("broken.go", "package main\nfunc {{{\n"),
];

const AFTER: &[(&str, &str)] = &[
    (
        "shop.py",
        "import os\nimport re\n\n\nRATE = 3\n\nclass Cart:\n    kind = 'b'\n\n    # new\n    def total(self):\n\
         \n        return 2\n\nclass Other:\n    def empty(self):\n        return self\n\ndef main():\n    print(re)\n\n",
    ),
    (
        "lib.rs",
        "use std::fmt;\n\n/// A.\npub struct A;\n\nimpl B {\n    fn b(&self) -> u8 {\n        2\n    }\n}\n",
    ),
    ("web.ts", "import y from 'y';\nexport const f = (a: number) => {\n\n  return a + 1;\n};\n\nf(2);"),
    ("notes.md", "# Notes\n\nMore.\n"),
    ("data.json", "{\"a\": 2}\n"),
    ("Makefile", "all:\n\techo b\n"),
    ("broken.go", "package main\nfunc }}}\n"),
];

#[test]
fn units_cover_changes_additions_and_deletions() {
    let repo = Repo::with(BEFORE);
    for (path, text) in AFTER {
        repo.stage(path, text);
    }
    assert_covered(&repo);

    let repo = Repo::with(&[]);
    for (path, text) in BEFORE {
        repo.stage(path, text);
    }
    assert_covered(&repo);

    let repo = Repo::with(BEFORE);
    for (path, _) in BEFORE {
        repo.git(["rm", "--quiet", "--force", path]).expect(0);
    }
    assert_covered(&repo);
}
