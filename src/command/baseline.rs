//! `hookgate baseline`: what is found today is known, and only what comes beside it is reported.

use std::fs;
use std::io::Write;

use crate::change::collect::Range;
use crate::check::baseline::Baseline;
use crate::check::finding::Source;
use crate::cli::Hook;
use crate::config::file::BASELINE_FILE;
use crate::config::{Config, Environment};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::git::Repository;
use crate::pipeline;
use crate::report::Mode;
use crate::tokens::Count;

/// Checks every tracked file and writes down what is found.
///
/// # Errors
/// No repository, a wrong configuration, or a file that cannot be written.
pub(super) fn execute(environment: &Environment, out: &mut impl Write) -> Result<ExitStatus, Error> {
    let repository = Repository::open(&environment.directory)?;
    let config = Config::load(&repository, environment)?.without_baseline();
    let mut options = config.options(Hook::PreCommit)?;
    options.ask_nobody("a baseline is taken: rules only");
    let report = pipeline::run(&repository, Range::AllFiles, Mode::Review, &options, &mut None)?;
    let baseline = Baseline::of(&report.findings);

    let failed = |source| Error::Io { action: format!("write {BASELINE_FILE}"), source };
    let file = repository.work_tree().join(BASELINE_FILE);
    let directory = file.parent().unwrap_or(repository.work_tree());
    fs::create_dir_all(directory).map_err(failed)?;
    let text = baseline.to_json().map_err(|error| failed(error.into()))?;
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    // A temporary file is its owner's alone, which this one is not.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    temporary.persist(&file).map_err(|error| failed(error.error))?;

    writeln!(out, "{BASELINE_FILE} knows {}. Commit it.", Count(baseline.len(), "finding"))?;
    writeln!(out, "`hookgate run pre-commit --all-files` reports what comes beside them.")?;
    let secrets = report.findings.iter().filter(|finding| finding.source == Source::Secret).count();
    if secrets > 0 {
        let are = if secrets == 1 { "is a secret" } else { "are secrets" };
        writeln!(
            out,
            "{secrets} of them {are}, and a baseline hides none from those who have the repository: revoke it."
        )?;
    }
    Ok(ExitStatus::Allowed)
}
