//! What `--fix` did, in notes.

use crate::check::fix::Fixed;
use crate::git::RepoPath;

/// Paths that are named in the command that takes the fixes.
const PATHS: usize = 8;

/// One line a file, and what to do next.
#[must_use]
pub fn notes(fixed: &Fixed) -> Vec<String> {
    let mut notes = Vec::new();
    for file in &fixed.files {
        let rules: Vec<_> = file
            .rules
            .iter()
            .map(|(rule, count)| if *count == 1 { rule.clone() } else { format!("{rule} ({count} times)") })
            .collect();
        notes.push(format!("fixed {}: {}", file.path, rules.join(", ")));
    }
    for left in &fixed.left {
        let fixes = if left.fixes == 1 { "1 fix".to_owned() } else { format!("{} fixes", left.fixes) };
        let is_written = fixed.files.iter().any(|file| file.path == left.path);
        notes.push(match is_written {
            true => format!("{fixes} of {} not made: {}", left.path, left.because),
            false => format!("left {} alone, which has {fixes}: {}", left.path, left.because),
        });
    }
    if fixed.files.is_empty() {
        notes.push("nothing was fixed".to_owned());
    } else {
        let next = "the index is as it was, and so is the verdict on it";
        notes.push(format!("{next}: see `git diff`, then `git add{}`", paths(fixed)));
    }
    notes
}

/// The files that were written, as a shell takes them; none where they are too many to type.
fn paths(fixed: &Fixed) -> String {
    if fixed.files.len() > PATHS {
        return String::new();
    }
    fixed.files.iter().map(|file| format!(" {}", quoted(&file.path))).collect()
}

fn quoted(path: &RepoPath) -> String {
    let path = path.to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=".contains(c);
    if path.chars().all(is_plain) && !path.starts_with('-') {
        path
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}
