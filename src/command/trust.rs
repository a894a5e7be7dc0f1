//! `hookgate trust`: consent by value, never by yes or no.

use std::io::Write;

use crate::cli::Trust;
use crate::config::trust::Consent;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;

pub(super) fn execute(
    arguments: &Trust,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    let config = Config::load(&repository, environment)?;
    if arguments.revoke {
        let was_given = config.record.revoke()?;
        writeln!(out, "{}", if was_given { "Consent is taken back." } else { "There was no consent." })?;
        return Ok(ExitStatus::Allowed);
    }
    if arguments.hash {
        writeln!(out, "{}", config.capabilities().hash())?;
        return Ok(ExitStatus::Allowed);
    }
    if let Some(hash) = &arguments.accept {
        return accept(&config, hash, out);
    }
    show(&config, out)?;
    if config.consent.allows() {
        return Ok(ExitStatus::Allowed);
    }
    say_how(&config, out)?;
    Ok(ExitStatus::Undecided)
}

/// Records consent to what the repository's files ask for, if that is what `hash` names.
pub(super) fn accept(config: &Config, hash: &str, out: &mut dyn Write) -> Result<ExitStatus, Error> {
    let capabilities = config.capabilities();
    if capabilities.hash() != hash {
        return Err(Error::Refused(format!(
            "consent was given to {hash}, but what is asked for now is {}; `hookgate trust` shows it",
            capabilities.hash()
        )));
    }
    config.record.record(&capabilities)?;
    writeln!(out, "Consent is recorded. `hookgate trust --revoke` takes it back.")?;
    Ok(ExitStatus::Allowed)
}

/// What is asked for, as a difference where something else was agreed to.
pub(super) fn show(config: &Config, out: &mut dyn Write) -> Result<(), Error> {
    let asked = config.capabilities().lines();
    match &config.consent {
        Consent::NotNeeded => writeln!(out, "The repository's files ask for nothing that needs consent.")?,
        Consent::Given => writeln!(out, "You allow the repository's files to:")?,
        Consent::Missing => writeln!(out, "The repository's files ask you to allow:")?,
        Consent::Outdated { agreed } => {
            writeln!(out, "The repository's files ask for something else than you agreed to:")?;
            let agreed = agreed.lines();
            for line in agreed.iter().filter(|line| !asked.contains(line)) {
                writeln!(out, "- {line}")?;
            }
            for line in &asked {
                writeln!(out, "{} {line}", if agreed.contains(line) { ' ' } else { '+' })?;
            }
            return Ok(());
        }
    }
    for line in &asked {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// The command that gives consent.
pub(super) fn say_how(config: &Config, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "Until you allow it, nothing is sent. To allow exactly this:")?;
    writeln!(out, "  hookgate trust --accept {}", config.capabilities().hash())?;
    Ok(())
}
