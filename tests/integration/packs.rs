//! Where rules come from, and that people's ast-grep rules find here what they find there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::repo::{Repo, Said};

/// A finding as both programs tell it: path, rule, first and last line and column, severity, fix.
type Told = (String, String, [u64; 4], String, Option<String>);

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn project() -> Repo {
    let repo = Repo::with(&[("hookgate.toml", "[hooks.pre-commit]\ntiers = []\n")]);
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/ast_grep"), &repo.work_tree());
    repo.git(["add", "--all"]).expect(0);
    repo
}

fn all_files(repo: &Repo) -> Said {
    repo.hookgate(["run", "pre-commit", "--all-files", "--format", "json"])
}

fn told(said: &Said) -> BTreeSet<Told> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let finding = |it: &Value| {
        let place = ["line", "column", "end_line", "end_column"].map(|key| it[key].as_u64().unwrap());
        let fix = it["fix"].as_str().map(str::to_owned);
        (text(&it["path"]), text(&it["rule"]), place, text(&it["severity"]), fix)
    };
    let json = said.json();
    // Rules of ast-grep's have no pack before their names.
    let findings = json["findings"].as_array().unwrap().iter().map(finding);
    findings.filter(|(_, rule, ..)| rule != "syntax" && !rule.contains('/')).collect()
}

/// `ast_grep.jsonl` is what ast-grep 0.51.1 says of the project in `ast_grep/`, taken there by
///
/// ```sh
/// ast-grep scan --json=stream | jq -c '{file, rule: .ruleId, start: .range.byteOffset.start,
///   end: .range.byteOffset.end, severity, message, fix: (.replacement // null)}' | sort
/// ```
#[test]
fn rules_of_ast_grep_find_what_they_find_there() {
    let repo = project();
    let expected =
        include_str!("ast_grep.jsonl").lines().map(|line| -> Value { serde_json::from_str(line).unwrap() });
    // hookgate has no grammar for Lua, and says so; see below.
    let expected = expected.filter(|it| it["rule"] != "lua-global").map(|it| {
        let path = it["file"].as_str().unwrap();
        let text = fs::read(repo.work_tree().join(path)).unwrap();
        let place = |key: &str| {
            let before = &text[..it[key].as_u64().unwrap() as usize];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
            let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() as u64 + 1;
            [line, column]
        };
        let ([line, column], [end_line, end_column]) = (place("start"), place("end"));
        let severity = it["severity"].as_str().unwrap().replace("hint", "info");
        let fix = it["fix"].as_str().map(str::to_owned);
        let rule = it["rule"].as_str().unwrap().to_owned();
        (path.to_owned(), rule, [line, column, end_line, end_column], severity, fix)
    });
    let expected: BTreeSet<_> = expected.collect();
    let found = told(&all_files(&repo).expect(1));
    assert!(expected.len() > 50);
    assert_eq!(found.difference(&expected).collect::<Vec<_>>(), Vec::<&Told>::new(), "only hookgate");
    assert_eq!(expected.difference(&found).collect::<Vec<_>>(), Vec::<&Told>::new(), "only ast-grep");
    let doctor = repo.hookgate(["doctor"]).stdout;
    assert!(doctor.contains("rules/others.yml:22: rule `lua-global` does not run"), "{doctor}");
}

#[test]
fn messages_are_those_of_the_rules() {
    let repo = project();
    let json = all_files(&repo).json();
    let message = |path: &str, rule: &str| {
        let mut findings = json["findings"].as_array().unwrap().iter();
        let finding = findings.find(|it| it["path"] == path && it["rule"] == rule).unwrap();
        (finding["message"].as_str().unwrap().to_owned(), finding["note"].as_str().map(str::to_owned))
    };
    let (said, note) = message("src/crlf.js", "no-console");
    assert_eq!((said.as_str(), note.as_deref()), ("console.log with \"crlf\"", Some("Use the logger.")));
    assert_eq!(message("src/x.h", "c-goto").0, "this matches rule `c-goto`");
}

#[test]
fn only_what_a_change_introduces_is_found_by_rules_of_ast_grep_too() {
    let repo = project();
    repo.git(["commit", "--quiet", "--message=all"]).expect(0);
    repo.stage("src/z.py", "x = 1\nprint(1)\nprint(2)\n");
    repo.stage("src/ignores.js", "console.log('one');\n");
    let said = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(1);
    let found: Vec<_> =
        told(&said).into_iter().map(|(path, rule, place, ..)| (path, rule, place[0])).collect();
    let expected = [("src/ignores.js", "no-console", 1), ("src/z.py", "print-call", 3)];
    // `'one'` was there, but silenced by a comment; its argument was found before.
    let expected: Vec<_> = expected.map(|(path, rule, line)| (path.to_owned(), rule.to_owned(), line)).into();
    let found: Vec<_> = found.into_iter().filter(|(_, rule, _)| rule != "called-with-literal").collect();
    assert_eq!(found, expected);
}

/// Rule ids of the findings, sorted.
fn rules(repo: &Repo, packs: &str) -> Vec<String> {
    repo.write("hookgate.toml", format!("[hooks.pre-commit]\ntiers = []\n{packs}"));
    let json = all_files(repo).json();
    let findings = json["findings"].as_array().unwrap().iter();
    let found: BTreeSet<_> = findings.map(|it| it["rule"].as_str().unwrap().to_owned()).collect();
    found.into_iter().collect()
}

const PACK: &str = r#"
[[rule]]
id = "ours/ticket"
severity = "info"
confidence = "low"
message = "ticket"
keywords = ["T-"]
regex = 'T-\d+'
[[rule.tests]]
bad = ["T-1"]
good = ["T-x"]
"#;

const YAML: &str = "id: call\nlanguage: python\nrule: { pattern: breakpoint() }\n";

#[test]
fn packs_says_what_runs() {
    let key = ["AKIA", "Z7QX2LMN4PRSTUVW"].concat();
    let repo = Repo::with(&[("a.py", &format!("breakpoint()  # T-1\nkey = '{key}'\n"))]);
    repo.write(".hookgate/rules/deep/ours.toml", PACK);
    repo.write("sgconfig.yml", "ruleDirs: [sg, .hookgate/rules]\n");
    repo.write("sg/call.yml", YAML);
    let secret = "secrets/aws-access-key-id";
    let bundled = "python/breakpoint";
    assert_eq!(rules(&repo, ""), ["call", "ours/ticket", bundled, secret]);
    assert_eq!(rules(&repo, "[rules]\npacks = [\"default\"]\n"), ["call", "ours/ticket", bundled, secret]);
    assert_eq!(rules(&repo, "[rules]\npacks = [\"python\"]\n"), [bundled, secret]);
    assert_eq!(rules(&repo, "[rules]\npacks = [\"go\", \"sg\"]\n"), ["call", secret]);
    assert_eq!(
        rules(&repo, "[rules]\npacks = [\"./.hookgate/rules/deep/ours.toml\"]\n"),
        ["ours/ticket", secret]
    );
    // A rule of a pack that is left out can be named all the same: another clone may have it in.
    let left_out = "[rules]\npacks = []\ndisabled = [\"python/breakpoint\"]\n";
    assert_eq!(rules(&repo, left_out), [secret]);
    repo.write("hookgate.local.toml", "[rules]\npacks = [\"sgconfig.yml\"]\n");
    assert_eq!(rules(&repo, left_out), ["call", secret]);
}

#[test]
fn rules_of_ast_grep_read_vendored_code_but_not_what_is_excluded() {
    let repo = Repo::with(&[("vendor/a.py", "breakpoint()\n"), ("b.py", "breakpoint()\n")]);
    repo.write(".hookgate/rules/call.yml", YAML);
    assert_eq!(
        rules(&repo, "[rules]\npacks = [\".hookgate/rules\"]\n[exclude]\npaths = [\"b.py\"]\n"),
        ["call"]
    );
    assert!(rules(&repo, "[exclude]\npaths = [\"**/*.py\"]\n").is_empty());
}

#[cfg(unix)]
#[test]
fn everything_that_is_wrong_is_said_at_once_and_nothing_runs() {
    let repo = Repo::with(&[("a.py", "breakpoint()\n")]);
    let wrong = [
        ("broken.toml", "[[rule]\nid = 1\n".to_owned()),
        ("copy.toml", PACK.replace("ours/ticket", "text/bidi-character")),
        ("keys.toml", PACK.replace("severity = \"info\"", "severty = 1\nfiles = \"*.py\"\nkeyword = 2")),
        ("large.toml", PACK.replace(r"T-\d+", r"T-\w{1,9999}")),
        ("tests.toml", PACK.replace("T-x", "T-2").replace("ours/", "other/")),
        ("a.yml", format!("{YAML}---\n{YAML}severty: error\n---\nrule: [\n")),
        ("b.yml", YAML.replace("python", "pyhton")),
        ("c.yml", YAML.replace("pattern", "kind").replace("()", "")),
        ("e.yml", YAML.to_owned()),
        ("d.yml", format!("{YAML}files: ['[a']\n")),
    ];
    for (name, text) in wrong {
        repo.write(&format!(".hookgate/rules/{name}"), text);
    }
    repo.write("hookgate.toml", "[rules]\npacks = [\"default\", \"pyton\", \"../rules\", \"missing/\"]\n");
    repo.write("sgconfig.yml", "ruleDirs: [nowhere]\nlanguageGlobs: { klingon: ['*.k'] }\n");
    std::os::unix::fs::symlink("a.yml", repo.work_tree().join(".hookgate/rules/z.yml")).unwrap();
    let said = repo.hookgate(["run", "pre-commit", "--all-files"]).expect(2);
    assert_eq!(said.stdout, "");
    insta::assert_snapshot!(said.stderr, @r#"
    hookgate: error: hookgate.toml: [rules] packs: `pyton` is no bundled pack; did you mean `python`?
    hookgate.toml: [rules] packs: `../rules` is outside the work tree, of which alone rules are read
    hookgate.toml: [rules] packs: `missing/` does not exist
    sgconfig.yml:1: `ruleDirs`: `nowhere` does not exist
    .hookgate/rules/z.yml: is a symbolic link, which is not followed
    .hookgate/rules/a.yml:8: rule `call`: unknown key `severty`; did you mean `severity`?
    .hookgate/rules/a.yml:10: unclosed bracket '['
    .hookgate/rules/b.yml:2: rule `call`: no language is called `pyhton`
    .hookgate/rules/broken.toml:1: unclosed array table, expected `]`
    .hookgate/rules/c.yml:1: rule `call` does not compile for python: Kind `breakpoint` is invalid.
    .hookgate/rules/copy.toml:2: rule `text/bidi-character` has the id of a bundled rule: give it another
    .hookgate/rules/d.yml:1: rule `call` has a wrong glob `[a`: unclosed character class; missing ']'
    .hookgate/rules/e.yml:1: rule `call` is not the first of this id: see .hookgate/rules/a.yml:1
    .hookgate/rules/keys.toml:4: rule `ours/ticket`: unknown key `severty`; did you mean `severity`?
    .hookgate/rules/keys.toml:5: rule `ours/ticket`: invalid type: string "*.py", expected a list
    .hookgate/rules/keys.toml:6: rule `ours/ticket`: unknown key `keyword`; did you mean `keywords`?
    .hookgate/rules/large.toml:2: rule `ours/ticket` has a wrong regular expression: compiled, it takes more than 1 MiB, the most that one may take
    .hookgate/rules/large.toml:2: rule `ours/ticket` is not the first of this id: see .hookgate/rules/keys.toml:2
    .hookgate/rules/tests.toml:2: `other/ticket` matches "T-2" as any text
    sgconfig.yml:2: `languageGlobs`: no language is called `klingon`
    "#);
}
