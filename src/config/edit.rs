//! Changes to the files that people write: their comments and their layout stay.

use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError, value};

use crate::cli::Hook;

/// The text of a repository's file with `[hooks.<hook>] token_limit` set, and everything else as it
/// was, line ends included.
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
    // The parser reads both kinds of line ends and writes one.
    let edited = document.to_string().replace("\r\n", "\n");
    let is_crlf = text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    Ok(if is_crlf { edited.replace('\n', "\r\n") } else { edited })
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
    }

    #[test]
    fn line_ends_stay() {
        let text =
            "# ours\r\n[hooks.pre-commit]\r\ntoken_limit = 1 # a\r\n\r\n[exclude]\r\npaths = [\r\n]\r\n";
        assert_eq!(set(text), text.replace("= 1 ", "= 1234 "));
        let made = "# ours\r\n\r\n[hooks.pre-commit]\r\ntoken_limit = 1234\r\n";
        assert_eq!(set("# ours\r\n\r\n[hooks.pre-commit]\r\n"), made);
        assert!(!set("# ours\n").contains('\r'));
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
