//! Patches with whole functions, by git's own `git diff -W`.

use hookgate::change::collect::{Range, collect};
use hookgate::change::patch::{patches, with_functions};
use hookgate::change::{Change, Side};
use hookgate::git::Repository;

use crate::harness::repo::Repo;

/// Lines that begin a function by git's default, and lines that do not.
const LINES: [&str; 12] = [
    "fn a(x: u8) -> u8 {",
    "}",
    "    let x = 1;",
    "    let y = 2;",
    "    call(x, y);",
    "",
    "  \t",
    "# a note",
    "_b = 1",
    "$c = 2",
    "élan()",
    "class Long(of, more, than, eighty, bytes, which, is, where, git, cuts, it, off, as, it, does, here):",
];

/// A small generator, so that every run sees the same files (George Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn line(&mut self) -> &'static str {
        LINES[self.below(LINES.len() as u64) as usize]
    }

    /// Two versions of a file. Either may be empty, or lack the end of its last line.
    fn versions(&mut self) -> [String; 2] {
        let length = self.below(60);
        let rarity = 4 + self.below(30);
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for _ in 0..length {
            let line = self.line();
            old.push(line);
            match self.below(rarity) {
                0 => {}
                1 => new.extend([line, self.line()]),
                2 => new.push(self.line()),
                _ => new.push(line),
            }
        }
        if self.below(4) == 0 {
            new.extend((0..1 + self.below(9)).map(|_| self.line()));
        }
        [old, new].map(|lines| {
            let mut text = lines.join("\n");
            if !text.is_empty() && self.below(5) > 0 {
                text.push('\n');
            }
            text
        })
    }
}

fn text(side: Option<&Side>) -> &str {
    side.map_or("", |side| side.content.text().unwrap())
}

#[test]
fn hunks_with_whole_functions_are_gits() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let files: Vec<_> = (0..400).map(|index| (format!("{index:03}.txt"), random.versions())).collect();
    let repo = Repo::empty();
    repo.git(["config", "core.abbrev", "40"]).expect(0);
    for version in 0..2 {
        for (path, versions) in &files {
            repo.write(path, &versions[version]);
        }
        repo.git(["add", "--all"]).expect(0);
        repo.git(["commit", "--quiet", "--message=version"]).expect(0);
    }
    let git = |option| repo.git(["diff", "--no-color", option, "HEAD~1", "HEAD"]).expect(0).stdout;

    let repository = Repository::at(&repo.work_tree()).unwrap();
    let head = repository.head().unwrap().unwrap();
    let range = Range::Commits(repository.first_parent(head).unwrap(), head);
    let changes = collect(&repository, range).unwrap().changes;
    let patches = patches(&repository, range).unwrap().unwrap();
    assert!(patches.len() > 300 && patches.len() == changes.len(), "{}", patches.len());
    let whole = patches.iter().zip(&changes).map(|(patch, Change { old, new, edits, .. })| {
        with_functions(&patch.text, text(old.as_ref()), text(new.as_ref()), edits)
    });
    // File by file, so that a difference is shown with little around it.
    let split = |patch: &str| patch.split("diff --git ").map(str::to_owned).collect::<Vec<_>>();
    let expected = split(&git("-W"));
    for (mine, git) in split(&whole.collect::<String>()).iter().zip(&expected) {
        assert_eq!(mine, git);
    }
}
