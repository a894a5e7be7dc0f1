//! Every kind of change that git knows has a defined place in the report.

use std::path::Path;

use serde_json::Value;

use crate::harness::repo::Repo;

const CODE: &str = "def f(a):\n    return a + 1\n";

fn preview(repo: &Repo) -> Value {
    preview_code(repo, 0)
}

/// The preview of a commit for which the command ends with `code`.
#[track_caller]
fn preview_code(repo: &Repo, code: i32) -> Value {
    repo.hookgate(["dry-run", "--format", "json"]).expect(code).json()
}

/// The report's entry for a path.
#[track_caller]
fn file<'r>(report: &'r Value, path: &str) -> &'r Value {
    let files = report["files"].as_array().unwrap();
    files.iter().find(|file| file["path"] == path).unwrap_or_else(|| panic!("no {path} in {report:#}"))
}

/// Class and routes of a path: `real:model`, or of the file where it has no units.
#[track_caller]
fn shape(report: &Value, path: &str) -> String {
    let file = file(report, path);
    let units = file["units"].as_array().unwrap();
    let mut routes: Vec<_> = units.iter().map(|unit| unit["route"].as_str().unwrap()).collect();
    routes.extend(file["route"].as_str());
    format!("{}:{}", file["class"].as_str().unwrap(), routes.join(","))
}

#[test]
fn the_first_commit_compares_with_nothing() {
    let repo = Repo::empty();
    repo.stage("a.py", CODE);
    let report = preview(&repo);
    assert_eq!(report["base"], Value::Null);
    assert_eq!(report["branch"], "main");
    assert_eq!(shape(&report, "a.py"), "real:model");
}

#[test]
fn nothing_staged_is_nothing_to_say() {
    let repo = Repo::with(&[("a.py", CODE)]);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(said.all(), "");
}

#[test]
fn renames_deletions_and_modes() {
    let long = CODE.repeat(8);
    let repo = Repo::with(&[("old.py", &long), ("gone.py", CODE), ("run.sh", "echo a\n")]);
    repo.git(["mv", "old.py", "new.py"]).expect(0);
    repo.git(["rm", "--quiet", "gone.py"]).expect(0);
    repo.git(["update-index", "--chmod=+x", "run.sh"]).expect(0);
    let report = preview(&repo);
    assert_eq!(shape(&report, "new.py"), "move:rules");
    assert_eq!(file(&report, "new.py")["old_path"], "old.py");
    assert_eq!(shape(&report, "run.sh"), "metadata:drop");
    let gone = file(&report, "gone.py");
    assert_eq!(gone["units"][0]["deleted"], serde_json::json!([[1, 2]]));
}

#[test]
fn a_rename_with_edits_is_compared_with_the_old_path() {
    let long = CODE.repeat(8);
    let repo = Repo::with(&[("old.py", &long)]);
    repo.git(["mv", "old.py", "new.py"]).expect(0);
    repo.stage("new.py", format!("{long}# more\n"));
    let report = preview(&repo);
    assert_eq!(shape(&report, "new.py"), "comment:drop");
}

#[test]
#[cfg(unix)]
fn links_and_submodules_are_never_followed() {
    let repo = Repo::with(&[("a.py", CODE), ("b.py", CODE)]);
    repo.write("secret.txt", "outside\n");
    std::os::unix::fs::symlink("secret.txt", repo.work_tree().join("link")).unwrap();
    std::fs::remove_file(repo.work_tree().join("b.py")).unwrap();
    std::os::unix::fs::symlink("a.py", repo.work_tree().join("b.py")).unwrap();
    repo.git(["add", "link", "b.py"]).expect(0);
    let head = repo.git(["rev-parse", "HEAD"]).expect(0).stdout;
    let entry = format!("160000,{},module", head.trim());
    repo.git(["update-index", "--add", "--cacheinfo", &entry]).expect(0);
    let report = preview(&repo);
    assert_eq!(shape(&report, "link"), "opaque:rules");
    assert_eq!(shape(&report, "module"), "opaque:rules");
    // A file that became a link: the lines that went away have a place all the same.
    let became = file(&report, "b.py");
    assert_eq!(became["units"][0]["deleted"], serde_json::json!([[1, 2]]), "{became:#}");
}

#[test]
fn binary_empty_and_huge_files() {
    let repo = Repo::with(&[("README.md", "# A\n")]);
    repo.stage("image.png", b"\x89PNG\0\0");
    repo.stage("empty.py", "");
    repo.stage("huge.txt.in", "x = 1\n".repeat(4 << 20));
    repo.stage("big.py", "x = 1\n".repeat(200_000));
    let report = preview(&repo);
    assert_eq!(shape(&report, "image.png"), "opaque:rules");
    assert_eq!(file(&report, "empty.py")["units"], serde_json::json!([]));
    assert_eq!(shape(&report, "huge.txt.in"), "opaque:not_reviewed");
    assert_eq!(shape(&report, "big.py"), "real:not_reviewed", "it does not fit the limit");
    let because = file(&report, "big.py")["units"][0].to_string();
    assert!(because.contains("budget:hook"), "{because}");
}

#[test]
fn line_endings_and_encodings() {
    let repo = Repo::with(&[("crlf.py", "def f(a):\n    return a\n"), ("latin.py", "x = 1\n")]);
    repo.git(["config", "core.autocrlf", "false"]).expect(0);
    repo.stage("crlf.py", "def f(a):\r\n    return a\r\n");
    repo.stage("latin.py", b"x = '\xe9'\n");
    repo.stage("latin.txt.in", b"caf\xe9\n");
    let report = preview(&repo);
    assert_eq!(shape(&report, "crlf.py"), "whitespace:drop");
    assert_eq!(shape(&report, "latin.py"), "real:model");
    assert_eq!(shape(&report, "latin.txt.in"), "real:model");
}

#[test]
#[cfg(target_os = "linux")]
fn hostile_names_reach_neither_shell_nor_terminal() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let repo = Repo::with(&[("README.md", "# A\n")]);
    let names: [&[u8]; 5] =
        [b"$(touch pwned).py", b"-rf.py", b"new\nline.py", b"esc\x1b[31m.py", b"\xff\xfe.py"];
    for name in names {
        let path = repo.work_tree().join(Path::new(OsStr::from_bytes(name)));
        std::fs::write(path, "def f():\n    breakpoint()\n").unwrap();
    }
    repo.git(["add", "--all"]).expect(0);
    let said = repo.hookgate(["run", "pre-commit"]).expect(1);
    assert!(!said.all().contains('\u{1b}'), "{said:?}");
    assert_eq!(said.all().matches("python/breakpoint").count(), names.len(), "{said:#?}");
    assert!(!repo.work_tree().join("pwned").exists());
    let report = repo.hookgate(["run", "pre-commit", "--format", "json"]).expect(1).json();
    assert_eq!(report["files"].as_array().unwrap().len(), names.len());
    assert!(report["files"].to_string().contains("new\\nline.py"));
}

#[test]
fn an_intention_to_add_is_not_part_of_the_commit() {
    let repo = Repo::with(&[("a.py", CODE)]);
    repo.write("later.py", "def f():\n    breakpoint()\n");
    repo.git(["add", "--intent-to-add", "later.py"]).expect(0);
    let report = preview(&repo);
    assert_eq!(report["files"], serde_json::json!([]));
}

#[test]
fn files_of_tables_are_left_to_rules() {
    let repo = Repo::with(&[("README.md", "# A\n")]);
    let cases = [
        ("README.md", "# B\n", "docs:rules"),
        ("doc/tool.1", ".TH TOOL 1\n", "docs:rules"),
        ("Cargo.lock", "version = 4\n", "lock:rules"),
        ("vendor/x/y.go", "package y\n", "vendored:rules"),
        ("gradlew", "#!/bin/sh\n", "vendored:rules"),
        ("dist/tool.js", "f();\n", "generated:rules"),
        ("settings.yaml", "a: 1\n", "data:rules"),
        ("go.mod", "module a\n", "data:rules"),
        (".nvmrc", "v20\n", "data:rules"),
        ("district/tool.js", "f();\n", "real:model"),
        ("mod.go", "package mod\n", "real:model"),
    ];
    for (path, text, _) in cases {
        repo.stage(path, text);
    }
    let report = preview(&repo);
    for (path, _, expected) in cases {
        assert_eq!(shape(&report, path), expected, "{path}");
    }
    assert_eq!(report["totals"]["requests"], 1);
}

#[test]
fn what_a_partial_clone_does_not_have_is_not_reviewed() {
    let origin = Repo::with(&[("a.py", CODE), ("b.py", CODE)]);
    origin.git(["config", "uploadpack.allowFilter", "true"]).expect(0);
    origin.stage("a.py", CODE.replace("1", "2"));
    origin.git(["commit", "--quiet", "-m", "second"]).expect(0);
    let clone = origin.beside("clone");
    let url = format!("file://{}", origin.work_tree().display());
    let options = ["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, clone.to_str().unwrap()];
    origin.git(options).expect(0);
    let hookgate = env!("CARGO_BIN_EXE_hookgate");
    let said = origin
        .command_in(hookgate, &clone)
        .args(["dry-run", "--commit", "HEAD", "--format", "json"])
        .output();
    let said = said.unwrap();
    assert!(said.status.success(), "{said:#?}");
    let report: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(shape(&report, "a.py"), "opaque:not_reviewed");
    assert_eq!(report["not_reviewed"][0]["reason"], "parse");
}

#[test]
fn prose_that_becomes_code_is_code() {
    let repo = Repo::with(&[("notes.md", "def f():\n    breakpoint()\n"), ("vendor/v.py", &CODE.repeat(8))]);
    repo.git(["mv", "notes.md", "run.py"]).expect(0);
    repo.git(["mv", "vendor/v.py", "v.py"]).expect(0);
    let report = preview_code(&repo, 1);
    assert_eq!(report["findings"][0]["rule"], "python/breakpoint");
    assert_eq!(file(&report, "v.py")["units"][0]["added"], serde_json::json!([[1, 2]]));
}

#[test]
fn many_gaps_are_counted_and_not_all_listed() {
    let repo = Repo::with(&[("README.md", "# A\n")]);
    for number in 0..50 {
        repo.write(&format!("m{number}.py"), CODE);
    }
    repo.git(["add", "--all"]).expect(0);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(said.contains("(50 units)") && said.contains("… and 30 more"), "{said}");
    let said = repo.hookgate(["run", "pre-commit", "--verbose"]).expect(0).stdout;
    assert!(!said.contains("more, all of them"), "{said}");
}

#[test]
fn attributes_say_who_wrote_a_file_unless_the_change_itself_brings_them() {
    let class = |repo: &Repo| {
        let said = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
        let files = said["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["path"] == "api/client.py").unwrap();
        file["class"].as_str().unwrap().to_owned()
    };
    let attributes = "api/*.py linguist-generated=true\n";
    let repo = Repo::with(&[(".gitattributes", attributes), ("api/client.py", "a = f(1)\n")]);
    repo.stage("api/client.py", "a = g(1)\n");
    assert_eq!(class(&repo), "generated");
    repo.stage(".gitattributes", "api/*.py linguist-generated\n");
    assert_ne!(class(&repo), "generated", "whoever changes the attributes is reviewed");

    let repo = Repo::with(&[
        ("api/.gitattributes", "*.py linguist-generated=false\n"),
        ("api/client.py", "a = f(1)\n"),
    ]);
    repo.stage("api/client.py", "a = g(1)\n");
    assert_ne!(class(&repo), "generated");
}

#[test]
#[cfg(unix)]
fn data_that_became_a_link_is_data() {
    let repo = Repo::with(&[("a.yml", "a: 1\n"), ("b.yml", "a: 1\n")]);
    std::fs::remove_file(repo.work_tree().join("a.yml")).unwrap();
    std::os::unix::fs::symlink("b.yml", repo.work_tree().join("a.yml")).unwrap();
    repo.git(["add", "--all"]).expect(0);
    assert_eq!(shape(&preview(&repo), "a.yml"), "data:rules");
}
