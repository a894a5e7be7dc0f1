//! Shims in, shims out.
//!
//! A shim is known by its content: its second line carries the BLAKE3 hash of all its other lines.
//! A file that only mentions hookgate is somebody's own, and a shim that was edited is no longer
//! ours to replace. A hook that is already there is renamed, run first by the shim, and put back by
//! [`uninstall`].

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::git::{GitError, Repository};

/// The name of the hook that was there before ends so.
const CHAINED: &str = ".hookgate-chained";
/// The second line of a shim, before its hash.
const MARK: &str = "# hookgate shim 1 ";
/// Stands in a template for the hash.
const HASH: &str = "@HASH@";
/// Stands in a template for the directory of the program.
const DIRECTORY: &str = "@DIRECTORY@";

/// Why shims could not be written or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// `core.hooksPath` points to a directory that other repositories may share.
    #[error(
        "core.hooksPath names {named}, which is outside this repository and may serve others; \
         `git config --local core.hooksPath '{own}'` gives this one its own, or run \
         `hookgate run <hook> -- \"$@\"` from the hooks there"
    )]
    OutsideRepository {
        /// The directory that is named.
        named: PathBuf,
        /// The one that git would use if none were.
        own: PathBuf,
    },
    /// husky writes its hooks anew and finds its scripts by the hook's name.
    #[error(
        "{0} belongs to husky, which would overwrite the shim; put `hookgate run {1} -- \"$@\"` into .husky/{1}"
    )]
    Husky(PathBuf, &'static str),
    /// A shim with other content than what was written.
    #[error(
        "{0} was written by hookgate and edited since; move your lines to a hook of their own and delete it"
    )]
    Edited(PathBuf),
    /// The place for the hook that is there is taken.
    #[error("{hook} would be kept as {chained}, but that exists already; remove one of them")]
    ChainedExists {
        /// The hook that is there.
        hook: PathBuf,
        /// Where it would go.
        chained: PathBuf,
    },
    /// The system refuses.
    #[error("failed to {action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The hooks' directory is unknown.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A hook that hookgate can be.
#[derive(Debug)]
pub struct Shim {
    /// Git's name of the hook.
    pub hook: &'static str,
    template: &'static str,
}

/// Every hook that hookgate can be.
pub static SHIMS: [Shim; 2] = [
    Shim { hook: "pre-commit", template: include_str!("../../hooks/pre-commit") },
    Shim { hook: "pre-push", template: include_str!("../../hooks/pre-push") },
];

/// What stands in a hook's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// Nothing.
    Nobody,
    /// The shim as this program would write it.
    Current,
    /// A shim that another version, or this one from another directory, wrote.
    Stale,
    /// A shim that was edited.
    Edited,
    /// A hook of somebody else.
    Foreign,
}

/// What [`install`] or [`uninstall`] did to one hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The shim was written where nothing was.
    Written,
    /// An older shim was replaced.
    Updated,
    /// The shim was there already.
    Unchanged,
    /// A hook was there: it is kept, and runs first.
    Chained,
    /// The shim was removed.
    Removed,
    /// The shim was removed, and the hook that was there before put back.
    Restored,
    /// There was no shim.
    Absent,
}

/// The directory of the repository's hooks, if shims may be written there.
///
/// # Errors
/// [`InstallError::OutsideRepository`]; an unreadable git configuration.
pub fn hooks_directory(repository: &Repository) -> Result<PathBuf, InstallError> {
    let hooks = repository.hooks_dir()?;
    let real = real_path(&hooks);
    let own = [repository.common_dir(), repository.work_tree()];
    if own.iter().any(|directory| real.starts_with(real_path(directory))) {
        Ok(hooks)
    } else {
        Err(InstallError::OutsideRepository { named: hooks, own: repository.common_dir().join("hooks") })
    }
}

/// Writes the shim into `hooks`; `program` is the directory that `PATH` may lack.
///
/// # Errors
/// See [`InstallError`]. Nothing has changed then.
pub fn install(shim: &Shim, hooks: &Path, program: Option<&Path>) -> Result<Step, InstallError> {
    if hooks.ends_with(".husky/_") {
        return Err(InstallError::Husky(hooks.to_owned(), shim.hook));
    }
    let path = hooks.join(shim.hook);
    let occupant = occupant(shim, hooks, program)?;
    let step = match occupant {
        Occupant::Current => return Ok(Step::Unchanged),
        Occupant::Edited => return Err(InstallError::Edited(path)),
        Occupant::Nobody => Step::Written,
        Occupant::Stale => Step::Updated,
        Occupant::Foreign => Step::Chained,
    };
    std::fs::create_dir_all(hooks).map_err(failed("create", hooks))?;
    let file = written(&shim.text(program), hooks).map_err(failed("write a file into", hooks))?;
    if step == Step::Chained {
        let chained = chained_path(&path);
        if chained.symlink_metadata().is_ok() {
            return Err(InstallError::ChainedExists { hook: path, chained });
        }
        std::fs::rename(&path, &chained).map_err(failed("rename", &path))?;
        return match file.persist(&path) {
            Ok(_) => Ok(step),
            Err(error) => {
                std::fs::rename(&chained, &path).map_err(failed("put back", &path))?;
                Err(failed("write", &path)(error.error))
            }
        };
    }
    file.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
    Ok(step)
}

/// Removes the shim from `hooks` and puts back the hook that was there before.
///
/// # Errors
/// [`InstallError::Edited`] and [`InstallError::Io`].
pub fn uninstall(shim: &Shim, hooks: &Path) -> Result<Step, InstallError> {
    let path = hooks.join(shim.hook);
    let chained = chained_path(&path);
    let is_chained = chained.symlink_metadata().is_ok();
    let step = match occupant(shim, hooks, None)? {
        Occupant::Edited => return Err(InstallError::Edited(path)),
        Occupant::Foreign => return Ok(Step::Absent),
        Occupant::Nobody if !is_chained => return Ok(Step::Absent),
        _ if is_chained => {
            std::fs::rename(&chained, &path).map_err(failed("put back", &path))?;
            Step::Restored
        }
        _ => {
            std::fs::remove_file(&path).map_err(failed("remove", &path))?;
            Step::Removed
        }
    };
    // Only an empty directory goes, which is one that git does without.
    let _ = std::fs::remove_dir(hooks);
    Ok(step)
}

/// What stands where `shim` would.
///
/// # Errors
/// [`InstallError::Io`]: there is something that cannot be read.
pub fn occupant(shim: &Shim, hooks: &Path, program: Option<&Path>) -> Result<Occupant, InstallError> {
    let path = hooks.join(shim.hook);
    // A link is somebody's own, wherever it leads, and even if it leads nowhere.
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nobody),
        Err(error) => return Err(failed("read", &path)(error)),
        Ok(metadata) if metadata.is_dir() => {
            return Err(failed("put a hook in place of", &path)(io::ErrorKind::IsADirectory.into()));
        }
        Ok(metadata) if !metadata.is_file() => return Ok(Occupant::Foreign),
        Ok(_) => {}
    }
    let bytes = std::fs::read(&path).map_err(failed("read", &path))?;
    let Ok(text) = String::from_utf8(bytes) else { return Ok(Occupant::Foreign) };
    Ok(match text.lines().nth(1).and_then(|line| line.strip_prefix(MARK)) {
        None => Occupant::Foreign,
        Some(_) if text == shim.text(program) => Occupant::Current,
        Some(hash) if hash == hash_without(&text, hash) => Occupant::Stale,
        Some(_) => Occupant::Edited,
    })
}

/// Whether a hook from before hookgate is kept in `hooks`.
#[must_use]
pub fn has_chained(shim: &Shim, hooks: &Path) -> bool {
    chained_path(&hooks.join(shim.hook)).symlink_metadata().is_ok()
}

impl Shim {
    /// The shim as it is written.
    fn text(&self, program: Option<&Path>) -> String {
        let directory = program.and_then(Path::to_str).filter(|directory| !directory.contains(':'));
        let directory = directory.map_or_else(String::new, |directory| format!(":{}", quoted(directory)));
        let text = self.template.replace(DIRECTORY, &directory);
        let hash = hash_without(&text, HASH);
        text.replacen(HASH, &hash, 1)
    }
}

/// The hash of `text` with the first `hash` in it left out.
fn hash_without(text: &str, hash: &str) -> String {
    blake3::hash(text.replacen(hash, "", 1).as_bytes()).to_hex().to_string()
}

/// One word of a POSIX shell, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn chained_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(CHAINED);
    PathBuf::from(name)
}

/// An executable file in `directory` that has no name yet.
fn written(text: &str, directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The path with all links followed, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), _, _) => real,
        (Err(_), Some(parent), Some(name)) => real_path(parent).join(name),
        (Err(_), _, _) => path.to_owned(),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    move |source| InstallError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
