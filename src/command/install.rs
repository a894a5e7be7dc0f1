//! `hookgate install` and `hookgate uninstall`.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::trust;
use crate::cli::Install;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;
use crate::hook::install::{self, SHIMS, Step};

pub(super) fn execute(
    arguments: &Install,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    // What does not load now would refuse the next commit.
    let config = Config::load(&repository, environment)?;
    let hooks = install::hooks_directory(&repository)?;
    let program = program_directory(environment);
    for shim in SHIMS.iter().filter(|shim| arguments.hooks.iter().any(|hook| hook.as_str() == shim.hook)) {
        let step = install::install(shim, &hooks, program.as_deref())?;
        let path = hooks.join(shim.hook);
        let path = path.strip_prefix(repository.work_tree()).unwrap_or(&path).display();
        match step {
            Step::Unchanged => writeln!(out, "{path}: installed already")?,
            Step::Updated => writeln!(out, "{path}: updated")?,
            Step::Chained => {
                writeln!(out, "{path}: installed; the hook that was there is kept and runs first")?
            }
            _ => writeln!(out, "{path}: installed")?,
        }
    }

    if let Some(hash) = &arguments.accept {
        return trust::accept(&config, hash, out);
    }
    if config.consent.allows() {
        return Ok(ExitStatus::Allowed);
    }
    writeln!(out)?;
    trust::show(&config, out)?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        write!(out, "Allow this? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|source| Error::Io { action: "read the answer".to_owned(), source })?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return trust::accept(&config, &config.capabilities().hash(), out);
        }
    }
    trust::say_how(&config, out)?;
    Ok(ExitStatus::Allowed)
}

pub(super) fn undo(environment: &Environment, out: &mut dyn Write) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    let hooks = install::hooks_directory(&repository)?;
    for shim in &SHIMS {
        let step = install::uninstall(shim, &hooks)?;
        let path = hooks.join(shim.hook);
        let path = path.strip_prefix(repository.work_tree()).unwrap_or(&path).display();
        match step {
            Step::Removed => writeln!(out, "{path}: removed")?,
            Step::Restored => writeln!(out, "{path}: the hook that was there before is back")?,
            _ => writeln!(out, "{path}: not installed")?,
        }
    }
    Ok(ExitStatus::Allowed)
}

/// The directory that shims append to `PATH`: where `PATH` finds this very program, which outlives
/// an upgrade when the file itself does not; or else where the file is.
pub(super) fn program_directory(environment: &Environment) -> Option<PathBuf> {
    // Git for Windows translates PATH for its shell, and a directory written into a script is not.
    if cfg!(windows) {
        return None;
    }
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let name = program.file_name()?;
    let is_here = |directory: &PathBuf| {
        directory.is_absolute() && directory.join(name).canonicalize().is_ok_and(|found| found == program)
    };
    let path = environment.variables.get(std::ffi::OsStr::new("PATH"));
    let found = path.and_then(|path| std::env::split_paths(path).find(is_here));
    found.or_else(|| program.parent().map(Path::to_owned))
}
