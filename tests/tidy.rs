//! The shape of the house, as CONTRIBUTING.md describes it: who may import whom, and which crate
//! has which single user.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the ground up. A room imports those before it, never those after it.
const FLOORS: [&str; 17] = [
    "text", "tokens", "exit", "git", "cli", "change", "meter", "check", "hook", "payload", "report", "model",
    "pipeline", "audit", "config", "error", "command",
];

/// Crates that one place alone may know, so that they can be replaced there.
const SOLE_USERS: [(&str, &str); 11] = [
    ("git2", "git"),
    ("tiktoken_rs", "payload/tokenizer.rs"),
    ("bpe_openai", "payload/tokenizer.rs"),
    ("reqwest", "model/http.rs"),
    ("rusqlite", "meter/"),
    ("redis", "meter/"),
    ("rustix", "meter/"),
    ("aws_lc_rs", "meter/cache/shared/seal.rs"),
    ("dirs", "config/"),
    ("toml_edit", "config/"),
    ("clap", "cli"),
];

/// Lines that a file may have before it has to be divided.
const LONGEST_FILE: usize = 620;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file with its path below `src` and its text.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![source()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(source()).expect("it is below src");
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                files.insert(name.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    assert!(files.len() > 40, "the walk found only {} files", files.len());
    files
}

/// The files of the product: those that only tests compile are left out.
fn product() -> BTreeMap<String, String> {
    let mut files = files();
    let tests: Vec<_> = files.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    files.retain(|file, _| !tests.contains(file));
    files
}

/// Files of the modules that `file` declares under `#[cfg(test)]`.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let home = match file.rsplit_once('/') {
        Some((directory, "mod.rs")) => format!("{directory}/"),
        None if matches!(file, "lib.rs" | "main.rs") => String::new(),
        _ => format!("{}/", file.trim_end_matches(".rs")),
    };
    let lines: Vec<_> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    declared
        .filter_map(|pair| pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| format!("{home}{name}.rs"))
        .collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Code without comments and without what follows `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

#[test]
fn nothing_imports_upwards() {
    let floor = |room: &str| FLOORS.iter().position(|&name| name == room);
    let mut wrong = Vec::new();
    for (file, text) in product() {
        let Some(here) = floor(room(&file)) else {
            assert!(matches!(file.as_str(), "lib.rs" | "main.rs"), "{file} stands on no floor");
            continue;
        };
        for (number, line) in code(&text) {
            for import in line.split("crate::").skip(1) {
                let end = import.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(import.len());
                match floor(&import[..end]) {
                    Some(there) if there <= here => {}
                    Some(_) => wrong.push(format!("{file}:{number} imports {} from above", &import[..end])),
                    None => wrong
                        .push(format!("{file}:{number} imports {:?}, which has no floor", &import[..end])),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn adapter_crates_have_one_user() {
    let mut wrong = Vec::new();
    for (file, text) in product() {
        for (number, line) in code(&text) {
            for (name, user) in SOLE_USERS {
                let uses = line.contains(&format!("{name}::")) || line.contains(&format!("use {name}"));
                if uses && !file.starts_with(user) && file != "main.rs" {
                    wrong.push(format!("{file}:{number} uses {name}, which belongs to {user}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_lists_the_rooms_in_their_order() {
    let map = fs::read_to_string(source().join("lib.rs")).expect("lib.rs is readable");
    let rooms: Vec<_> =
        map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(rooms, FLOORS, "lib.rs and the floors of this test differ");
}

#[test]
fn no_file_outgrows_its_purpose() {
    let long: Vec<_> = files()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:?}");
}
