//! What goes in one file and comes in another, as git and a reader of the lines see it.

use serde_json::Value;

use crate::harness::repo::Repo;

/// The lines of the units of one class, without white space at their ends, as they stand in `text`.
fn lines(file: &Value, field: &str, text: &str) -> Vec<String> {
    let units = file["units"].as_array().unwrap().iter().filter(|unit| unit["class"] == "move");
    let ranges = units.flat_map(|unit| unit[field].as_array().unwrap());
    let numbers = ranges.flat_map(|range| range[0].as_u64().unwrap()..=range[1].as_u64().unwrap());
    let all: Vec<&str> = text.lines().collect();
    numbers.map(|line| all[line as usize - 1].trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_function_that_moved_to_another_file_is_one_that_nobody_asks_about() {
    let moved = "def check(user, token):\n    if token in user.tokens:\n        return user.active\n    return False\n";
    let kept = "def login(user):\n    return user.name\n";
    let before = format!("import os\n\n\n{moved}\n\n{kept}");
    let other = "def logout(user):\n    user.tokens.clear()\n";
    let repo = Repo::with(&[("app/auth.py", &before), ("app/tokens.py", other)]);
    let after = format!("import os\n\n\n{kept}");
    let elsewhere = format!("{other}\n\n{moved}\n\ndef fresh(user):\n    return not user.tokens\n");
    repo.stage("app/auth.py", &after);
    repo.stage("app/tokens.py", &elsewhere);
    let report = repo.hookgate(["dry-run", "--format", "json"]).json();
    let files = report["files"].as_array().unwrap();
    let gone = lines(&files[0], "deleted", &before);
    assert_eq!(gone, moved.lines().map(str::trim).collect::<Vec<_>>());
    assert_eq!(lines(&files[1], "added", &elsewhere), gone);
    let units = files.iter().flat_map(|file| file["units"].as_array().unwrap());
    let classes: Vec<_> =
        units.map(|unit| ["name", "class"].map(|field| unit[field].as_str().unwrap()).join(" ")).collect();
    assert_eq!(classes, ["check move", "check move", "fresh real"]);
    let routes = [&files[0], &files[1]].map(|file| &file["units"][0]["route"]);
    assert_eq!(routes, ["rules", "rules"]);
    let reason = files[1]["units"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("moved unchanged from app/auth.py:4 (blake3 "), "{reason}");
}
