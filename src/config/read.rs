//! From text to the files as written, or to a message that says where and what instead.

use std::io::Read;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::ConfigError;
use super::file::{RepositoryFile, StoreSection, Tier, UserFile};
use crate::check::baseline::Baseline;
use crate::cli::Hook;
use crate::meter::store::{AddressError, Password, Server};
use crate::model::Endpoint;
use crate::text::{one_line, plain_message};

/// The longest file that is read, in bytes. Configuration is written by hand.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// The longest baseline that is read, in bytes: a line of some hundred for each known finding.
const BASELINE_LIMIT: u64 = 64 * SIZE_LIMIT;

/// Characters that are shown of what is wrong with a file.
const LONGEST_MESSAGE: usize = 1000;

/// Characters of the longest name of a tier or a provider.
const LONGEST_NAME: usize = 40;

/// The text of a file; none where there is no file.
///
/// # Errors
/// [`ConfigError::Read`].
pub fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    text_up_to(path, SIZE_LIMIT)
}

fn text_up_to(path: &Path, limit: u64) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    // Asked before opening, since opening a pipe waits for whoever writes into it.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(failed(std::io::Error::other("it is not a file"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > limit {
        return Err(failed(std::io::Error::other(format!("it is larger than {} MiB", limit >> 20))));
    }
    Ok(Some(text))
}

/// The text of the user's file.
///
/// # Errors
/// [`ConfigError::Invalid`], with the place and the nearest key that exists.
pub fn user_file(path: &Path, text: &str) -> Result<UserFile, ConfigError> {
    let file: UserFile = parse(path, text, |_| None)?;
    let inconsistent = |message| Err(ConfigError::Inconsistent { path: path.to_owned(), message });
    for name in file.tiers.keys() {
        plain_name(path, "[tiers]", name)?;
    }
    for (name, provider) in &file.providers {
        plain_name(path, "[providers]", name)?;
        // Here and not where a tier is asked, so that no command shows an address that holds a secret.
        if let Err(error) = Endpoint::check_address(&provider.base_url) {
            return inconsistent(format!("[providers.{name}]: {error}"));
        }
    }
    for (name, Tier { provider, .. }) in &file.tiers {
        if !file.providers.contains_key(provider) {
            return inconsistent(format!(
                "tier `{name}` names provider `{provider}`, but there is no [providers.{provider}]"
            ));
        }
    }
    for (model, price) in &file.prices {
        if let Err(error) = price.price() {
            return inconsistent(format!("[prices.{model:?}]: {error}"));
        }
        if !model.contains('/') {
            return inconsistent(format!(
                "[prices.{model:?}] names no provider: expected [prices.\"<provider>/{model}\"]"
            ));
        }
    }
    if let Some(directory) = &file.state.directory
        && !directory.is_absolute()
    {
        return inconsistent(format!(
            "[state] directory {directory:?} depends on where hookgate runs: write it from the root, without `~`"
        ));
    }
    Ok(file)
}

/// The server of `[store]`, with what `variable` says of the password; none where none is named.
///
/// # Errors
/// A key that is wrong, without the password that it may hold.
pub fn store(
    section: &StoreSection,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Server>, String> {
    let StoreSection { redis, username, password_env, ca_file, namespace, timeout, keep_days } = section;
    let Some(address) = redis else {
        let others = username.is_some()
            || password_env.is_some()
            || ca_file.is_some()
            || namespace.is_some()
            || timeout.is_some()
            || keep_days.is_some();
        return if others {
            Err("[store] names no server: write redis = \"redis://host:6379/0\"".to_owned())
        } else {
            Ok(None)
        };
    };
    if username.is_some() && password_env.is_none() {
        return Err(
            "[store] username is sent with a password: name its variable with password_env".to_owned()
        );
    }
    if let Some(path) = ca_file.as_ref().filter(|path| !path.is_absolute()) {
        return Err(format!(
            "[store] ca_file {path:?} depends on where hookgate runs: write it from the root"
        ));
    }
    let usual = Server::at(address.parse().map_err(|error: AddressError| error.to_string())?);
    let days = |days: NonZeroU16| Duration::from_secs(u64::from(days.get()) * 86_400);
    let password = |name: &String| Password { variable: name.clone(), value: variable(name) };
    Ok(Some(Server {
        username: username.clone(),
        password: password_env.as_ref().map(password),
        ca_file: ca_file.clone(),
        namespace: namespace.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        timeout: timeout.map_or(usual.timeout, |timeout| timeout.0),
        keep: keep_days.map_or(usual.keep, days),
        ..usual
    }))
}

/// The text of a repository's file; `user_file` is named where a key belongs there.
///
/// # Errors
/// [`ConfigError::Invalid`] and [`ConfigError::Forbidden`].
pub fn repository_file(path: &Path, text: &str, user_file: &Path) -> Result<RepositoryFile, ConfigError> {
    let file: RepositoryFile = parse(path, text, |key| why_forbidden(key, user_file))?;
    if let Some(rule) = file.rules.names().find(|rule| rule.starts_with("secrets/")) {
        let message = format!(
            "[rules] names `{rule}`, but a repository cannot switch the secret scan off or tone it down"
        );
        return Err(ConfigError::Inconsistent { path: path.to_owned(), message });
    }
    for hook in [Hook::PreCommit, Hook::PrePush] {
        let section = file.hooks.section(hook);
        let keys = [
            ("tiers", section.tiers.as_deref().unwrap_or_default()),
            ("escalate", section.escalate.as_slice()),
        ];
        for (key, names) in keys {
            for name in names {
                plain_name(path, &format!("[hooks.{}] {key}", hook.as_str()), name)?;
            }
        }
    }
    Ok(file)
}

/// Refuses a name of a tier or a provider that is not plain. Such names stand in what a user consents
/// to, where an escape sequence could hide a line, and in the ledger between colons.
fn plain_name(path: &Path, place: &str, name: &str) -> Result<(), ConfigError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    let message = format!(
        "{place}: `{}` cannot be a name here: expected 1 to {LONGEST_NAME} of A-Z, a-z, 0-9, `.`, `_` and `-`",
        one_line(name, 2 * LONGEST_NAME)
    );
    Err(ConfigError::Inconsistent { path: path.to_owned(), message })
}

/// The findings that a repository knows of and does not want to hear of; none where it keeps no file.
///
/// # Errors
/// [`ConfigError::Read`] and [`ConfigError::Invalid`].
pub fn baseline(path: &Path, name: &Path) -> Result<Baseline, ConfigError> {
    let Some(text) = text_up_to(path, BASELINE_LIMIT)? else { return Ok(Baseline::default()) };
    Baseline::parse(&text).map_err(|error| {
        // serde_json ends its messages with the place, which stands before them here.
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        let message = format!("{reason}; `hookgate baseline` writes the file anew");
        ConfigError::Invalid { path: name.to_owned(), line: error.line(), column: error.column(), message }
    })
}

/// Why a key that `hookgate.toml` does not know must not be there, for keys that mean something.
fn why_forbidden(key: &str, user_file: &Path) -> Option<String> {
    let user_file = user_file.display();
    match key {
        "providers" | "provider" | "dialect" | "base_url" | "model" | "api_key" | "api_key_env"
        | "headers" | "proxy" | "gateway" => Some(format!("endpoints and keys live only in {user_file}")),
        "tiers" => Some(format!(
            "tiers are defined only in {user_file}; here they are named in a hook's section, tiers = [\"local\"]"
        )),
        "limits" | "counting" | "hook_tokens" | "call_tokens" | "day_tokens" | "month_tokens" | "day_usd"
        | "month_usd" => {
            Some(format!("ceilings live only in {user_file}; here `token_limit` of a hook may lower them"))
        }
        "prices" | "energy" | "state" | "store" | "redis" | "team" | "user" | "cache" => {
            Some(format!("it lives only in {user_file}"))
        }
        "secrets" | "redact" => Some("the secret scan cannot be configured away".to_owned()),
        _ => None,
    }
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    why_forbidden: impl Fn(&str) -> Option<String>,
) -> Result<T, ConfigError> {
    let error = match toml::from_str(text) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
    let path = path.to_owned();

    // It quotes the file.
    let message = &one_line(error.message(), LONGEST_MESSAGE);
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((key, known)) = rest.split_once('`')
    {
        if key == "jobs" && known.contains("token_limit") {
            let message = "command jobs are not supported yet".to_owned();
            return Err(ConfigError::Invalid { path, line, column, message });
        }
        if let Some(reason) = why_forbidden(key) {
            return Err(ConfigError::Forbidden { path, line, column, key: key.to_owned(), reason });
        }
    }
    Err(ConfigError::Invalid { path, line, column, message: plain_message(message) })
}
