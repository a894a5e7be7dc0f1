//! Changes to the files that people write: their comments and their layout stay.

use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError, value};

use crate::cli::Hook;

/// The text of a repository's file with `[hooks.<hook>] token_limit` set, and everything else as it
/// was.
///
/// # Errors
/// A text that is not TOML, or one whose `hooks` are no tables.
pub fn with_token_limit(text: &str, hook: Hook, tokens: u64) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse()?;
    let hooks = section(document.as_table_mut(), "hooks", true).ok_or(EditError::NotATable("hooks"))?;
    let hook = section(hooks, hook.as_str(), false).ok_or(EditError::NotATable(hook.as_str()))?;
    let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
    match hook.get_mut("token_limit").and_then(Item::as_value_mut) {
        Some(written) => {
            let decor = written.decor().clone();
            *written = tokens.into();
            *written.decor_mut() = decor;
        }
        None => _ = hook.insert("token_limit", value(tokens)),
    }
    Ok(document.to_string())
}

/// A section within another one, made where there is none; `implicit` if its header needs no line of
/// its own. None where something else has its name.
fn section<'t>(table: &'t mut dyn TableLike, name: &str, implicit: bool) -> Option<&'t mut dyn TableLike> {
    if table.get(name).is_none() {
        let mut made = Table::new();
        made.set_implicit(implicit);
        table.insert(name, Item::Table(made));
    }
    table.get_mut(name)?.as_table_like_mut()
}

/// Why a file could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not TOML.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A name that should be a section's.
    #[error("`{0}` is not a section")]
    NotATable(&'static str),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::read;

    fn set(text: &str) -> String {
        let text = with_token_limit(text, Hook::PreCommit, 1234).unwrap();
        let file =
            read::repository_file(Path::new("hookgate.toml"), &text, Path::new("config.toml")).unwrap();
        assert_eq!(file.hooks.pre_commit.token_limit, Some(1234), "{text}");
        text
    }

    #[test]
    fn comments_and_layout_stay() {
        insta::assert_snapshot!(set("# ours\n[hooks.pre-commit]  # first\n# why\ntoken_limit   =   9000     # a lot\ntiers=[\"local\"]\n\n[rules]\n"), @r#"
        # ours
        [hooks.pre-commit]  # first
        # why
        token_limit   =   1234     # a lot
        tiers=["local"]

        [rules]
        "#);
    }

    #[test]
    fn what_is_missing_is_made() {
        insta::assert_snapshot!(set(""), @"
        [hooks.pre-commit]
        token_limit = 1234
        ");
        insta::assert_snapshot!(set("[exclude]\npaths = []\n\n[hooks.pre-push]\nrequired = true\n"), @"
        [exclude]
        paths = []

        [hooks.pre-push]
        required = true

        [hooks.pre-commit]
        token_limit = 1234
        ");
        set("hooks.pre-commit.required = true\n");
        set("hooks = { pre-commit = { required = true } }\n");
        set("hooks = {}\n");
        set("[hooks]\n[hooks.pre-commit]\n");
        set("[hooks.pre-commit]\r\ntoken_limit = 1 # a\r\n");
    }

    #[test]
    fn the_template_can_be_changed() {
        let template = include_str!("../command/init.toml");
        let text = set(template);
        let added: Vec<_> = text.lines().filter(|line| !template.contains(line)).collect();
        assert_eq!(added, ["token_limit = 1234"]);
        assert_eq!(text.lines().count(), template.lines().count() + 1);
    }
}
