//! `hookgate init`: a commented `hookgate.toml`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use crate::cli::Init;
use crate::config::Environment;
use crate::config::file::REPOSITORY_FILE;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;

const TEMPLATE: &str = include_str!("init.toml");

const USER_EXAMPLE: &str = r#"
    [providers.ollama]
    dialect = "ollama"                     # or "openai", "anthropic"
    base_url = "http://127.0.0.1:11434"

    [tiers]
    local = { provider = "ollama", model = "qwen2.5-coder:7b" }

    [limits]
    day_tokens = 200000
"#;

pub(super) fn execute(
    arguments: &Init,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    let path = repository.work_tree().join(REPOSITORY_FILE);
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    if arguments.force {
        options.truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(&path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => {
            Error::Refused(format!("{} exists already; --force replaces it", path.display()))
        }
        _ => Error::Io { action: format!("create {}", path.display()), source },
    })?;
    file.write_all(TEMPLATE.as_bytes())
        .map_err(|source| Error::Io { action: format!("write {}", path.display()), source })?;
    writeln!(out, "Wrote {}.", path.display())?;

    if let Some(path) = environment.user_file() {
        if path.exists() {
            writeln!(out, "Your models and limits are in {}.", path.display())?;
        } else {
            writeln!(out, "No model is configured: rules answer, and the rest is previewed.")?;
            writeln!(out, "For reviews by a model, write {}:\n{USER_EXAMPLE}", path.display())?;
            writeln!(out, "`hookgate models detect` finds servers on this machine, and what to write.\n")?;
        }
    }
    writeln!(
        out,
        "Next: `hookgate install` puts the hooks in; `hookgate dry-run` shows what they would do."
    )?;
    Ok(ExitStatus::Allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;
    use std::path::Path;

    /// Every key that the template shows is one that exists, with a value that it takes.
    #[test]
    fn template_holds_with_every_key_in_force() {
        let in_force: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.contains(" = ") => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(in_force.contains("\ntoken_limit = 4000"));
        for text in [TEMPLATE, &in_force] {
            read::repository_file(Path::new(REPOSITORY_FILE), text, Path::new("config.toml")).unwrap();
        }
    }

    #[test]
    fn the_users_example_holds() {
        let file = read::user_file(Path::new("config.toml"), USER_EXAMPLE).unwrap();
        assert!(file.tiers.contains_key("local"));
    }
}
