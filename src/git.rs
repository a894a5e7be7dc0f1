//! The repository, through libgit2. Only this room knows git2; nothing here writes the index, the
//! work tree or the stash.

pub mod attributes;
mod history;
mod patch;
mod path;
mod remote;
pub mod work_tree;

use std::fmt;
use std::path::{Path, PathBuf};

use git2::{Delta as DeltaStatus, DiffFindOptions, DiffOptions, ErrorCode, RepositoryOpenFlags};

pub use patch::FilePatch;
pub use path::RepoPath;
use remote::name_of_remote;

/// What git could not do.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No repository here or above.
    #[error("{0} is not in a git repository")]
    NotARepository(PathBuf),
    /// A repository without a work tree.
    #[error("{0} is a bare repository: hooks that look at commits in the making need a work tree")]
    Bare(PathBuf),
    /// A revision that names no commit.
    #[error("{0:?} names no commit in this repository")]
    UnknownRevision(String),
    /// A format of git's that libgit2 does not read.
    #[error("hookgate cannot read {0}")]
    Unsupported(&'static str),
    /// A path with more than one version in the index: git commits nothing then.
    #[error("{0} is in conflict; resolve it and `git add` it first")]
    Conflicted(RepoPath),
    /// A repository that belongs to another user.
    #[error("{0} belongs to another user; `git config --global --add safe.directory {0}` trusts it")]
    NotOwned(PathBuf),
    /// Anything else.
    #[error("failed to {action}: {message}")]
    Failed {
        /// What was being done.
        action: &'static str,
        /// What libgit2 says.
        message: String,
    },
}

impl GitError {
    /// Turns libgit2's error into ours, with what was being done.
    fn failed(action: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |error| match unsupported(error.message()) {
            Some(what) => Self::Unsupported(what),
            None => Self::Failed { action, message: error.message().to_owned() },
        }
    }
}

/// What libgit2 stumbled over, if that is a format of git's that it lacks, and the way around it.
fn unsupported(message: &str) -> Option<&'static str> {
    let known = [
        ("unknown object format", "repositories whose object format is not sha1"),
        ("extensions.refstorage", "reftables; `git refs migrate --ref-format=files` turns them into files"),
        (
            "extension: 'sdir'",
            "sparse indexes; `git sparse-checkout reapply --no-sparse-index` makes this one full",
        ),
        (
            "extension: 'link'",
            "split indexes; set core.splitIndex to false and run `git update-index --no-split-index`",
        ),
    ];
    known.into_iter().find(|(sign, _)| message.contains(sign)).map(|(_, what)| what)
}

/// A git object's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(git2::Oid);

#[cfg(test)]
impl ObjectId {
    /// An id for tests that have no repository.
    pub(crate) const ZERO: Self = Self(git2::Oid::ZERO_SHA1);
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The kind of a tree entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// 100644.
    Regular,
    /// 100755.
    Executable,
    /// 120000.
    Symlink,
    /// 160000.
    Submodule,
}

/// One path's difference as git names it, before anything is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The entry before; none where the path was added.
    pub old: Option<Entry>,
    /// The entry after; none where the path was deleted.
    pub new: Option<Entry>,
}

/// A path with what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: RepoPath,
    /// The kind.
    pub mode: FileMode,
    /// The blob, or a submodule's commit.
    pub id: ObjectId,
}

/// Two states of the tree to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `HEAD` with the index; the empty tree before the first commit.
    Staged,
    /// Two commits; without the first, the empty tree.
    Commits(Option<ObjectId>, ObjectId),
}

/// A blob, if it may be read.
#[derive(Debug)]
pub enum Blob {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It has more bytes than were allowed: this many.
    TooLarge(u64),
    /// It is not in this clone, as happens in a partial one. It is not fetched.
    Missing,
}

/// Where a repository's objects are.
pub struct Objects(PathBuf);

impl Objects {
    /// Opens the repository once more.
    ///
    /// # Errors
    /// [`GitError::NotARepository`], where it has gone meanwhile.
    pub fn open(&self) -> Result<Repository, GitError> {
        let exactly = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
        open_inner(&self.0, RepositoryOpenFlags::FROM_ENV | exactly).map(|inner| Repository { inner })
    }
}

/// An open repository.
pub struct Repository {
    inner: git2::Repository,
}

impl Repository {
    /// Opens the repository of a hook or a command: `GIT_DIR`, `GIT_WORK_TREE` and
    /// `GIT_INDEX_FILE` are honoured, and without them `directory` and its parents are searched.
    ///
    /// # Errors
    /// [`GitError::NotARepository`], [`GitError::Bare`] and [`GitError::NotOwned`].
    pub fn open(directory: &Path) -> Result<Self, GitError> {
        // Objects that git wrote a moment ago are not hashed again to see whether the disk lies.
        git2::opts::strict_hash_verification(false);
        let variable = |name| std::env::var_os(name).map(|path| directory.join(path));
        let found = open_inner(directory, RepositoryOpenFlags::FROM_ENV);
        // Given a path to start from, libgit2 reads all of these variables but GIT_DIR.
        let (inner, is_named) = match (found, variable("GIT_DIR")) {
            (found, None) => (found?, false),
            // Nearly always; and only a search tells a linked work tree from the main one.
            (Ok(found), Some(named)) if is_same(found.path(), &named) => (found, false),
            (_, Some(named)) => {
                let exactly = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
                (open_inner(&named, RepositoryOpenFlags::FROM_ENV | exactly)?, true)
            }
        };
        // Git means these relative to the current directory, and libgit2 relative to GIT_DIR.
        let work_tree = variable("GIT_WORK_TREE").or_else(|| {
            let is_elsewhere = is_named
                && !inner.is_bare()
                && inner.config().is_ok_and(|config| config.get_entry("core.worktree").is_err());
            is_elsewhere.then(|| directory.to_owned())
        });
        if let Some(work_tree) = work_tree {
            inner.set_workdir(&work_tree, false).map_err(GitError::failed("use GIT_WORK_TREE"))?;
        }
        match inner.workdir() {
            Some(_) => Ok(Self { inner }),
            None => Err(GitError::Bare(inner.path().to_owned())),
        }
    }

    /// The way to this repository's objects for another thread.
    #[must_use]
    pub fn objects(&self) -> Objects {
        Objects(self.inner.path().to_owned())
    }

    /// Opens the repository whose work tree is `directory`, whatever the environment says.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn at(directory: &Path) -> Result<Self, GitError> {
        open_inner(directory, RepositoryOpenFlags::NO_SEARCH).map(|inner| Self { inner })
    }

    /// Top of the work tree.
    #[must_use]
    pub fn work_tree(&self) -> &Path {
        self.inner.workdir().unwrap_or_else(|| self.inner.path())
    }

    /// The directory that all work trees of the repository share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        self.inner.commondir()
    }

    /// Where git looks for hooks: `core.hooksPath`, relative to the work tree, or `hooks` in the
    /// common directory.
    ///
    /// # Errors
    /// An unreadable git configuration.
    pub fn hooks_dir(&self) -> Result<PathBuf, GitError> {
        let config = self.inner.config().map_err(GitError::failed("read git's configuration"))?;
        match config.get_path("core.hooksPath") {
            Ok(path) => Ok(self.work_tree().join(path)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(self.common_dir().join("hooks")),
            Err(error) => Err(GitError::failed("read core.hooksPath")(error)),
        }
    }

    /// What to call the repository in the ledger: the last two parts of the path in `origin`'s address
    /// without `.git`, or the name of the main work tree's directory. In lower case, since forges take
    /// `Team/Web` and `team/web` for one.
    #[must_use]
    pub fn name(&self) -> String {
        // Not the value as configured: `url.*.insteadOf` may shorten an address to something else.
        let origin =
            self.inner.find_remote("origin").ok().and_then(|remote| Some(remote.url().ok()?.to_owned()));
        let name = origin.as_deref().and_then(name_of_remote).unwrap_or_else(|| {
            let main = self.inner.is_worktree().then(|| self.common_dir().parent()).flatten();
            let directory = main.unwrap_or_else(|| self.work_tree()).file_name();
            directory.map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
        });
        name.to_lowercase()
    }

    /// The branch that `HEAD` is on, also before its first commit; none when detached.
    #[must_use]
    pub fn branch(&self) -> Option<String> {
        let head = self.inner.find_reference("HEAD").ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    }

    /// The commit that `HEAD` is at; none before the first commit.
    ///
    /// # Errors
    /// A `HEAD` that cannot be read.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        match self.inner.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Ok(Some(ObjectId(commit.id()))),
            Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
            Err(error) => Err(GitError::failed("read HEAD")(error)),
        }
    }

    /// The commit that a revision names; tags are peeled.
    ///
    /// # Errors
    /// [`GitError::UnknownRevision`].
    pub fn resolve(&self, revision: &str) -> Result<ObjectId, GitError> {
        self.inner
            .revparse_single(revision)
            .and_then(|object| object.peel_to_commit())
            .map(|commit| ObjectId(commit.id()))
            .map_err(|_| GitError::UnknownRevision(revision.to_owned()))
    }

    /// The first parent of a commit; none for a root.
    ///
    /// # Errors
    /// A commit that cannot be read.
    pub fn first_parent(&self, commit: ObjectId) -> Result<Option<ObjectId>, GitError> {
        let commit = self.inner.find_commit(commit.0).map_err(GitError::failed("read a commit"))?;
        Ok(commit.parent_id(0).ok().map(ObjectId))
    }

    /// The best common ancestor of two commits; none where their histories never meet.
    #[must_use]
    pub fn merge_base(&self, one: ObjectId, other: ObjectId) -> Option<ObjectId> {
        self.inner.merge_base(one.0, other.0).ok().map(ObjectId)
    }

    /// The newest ancestor of `commit` that a branch of `remote` has, as far as this clone knows;
    /// none where the remote has nothing of its history.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn newest_pushed(&self, commit: ObjectId, remote: &str) -> Result<Option<ObjectId>, GitError> {
        let action = "find what the remote has";
        let pattern = format!("refs/remotes/{remote}/*");
        let heads = self.inner.references_glob(&pattern).map_err(GitError::failed(action))?;
        let heads: Vec<_> =
            heads.flatten().filter_map(|head| head.peel_to_commit().ok()).map(|head| head.id()).collect();
        let mut bases: Vec<_> =
            heads.iter().filter_map(|&head| self.inner.merge_base(head, commit.0).ok()).collect();
        bases.sort_unstable();
        bases.dedup();
        // All bases are ancestors of `commit`; the newest is the one with the least beyond it.
        let mut newest: Option<(usize, git2::Oid)> = None;
        for base in bases {
            let (ahead, _) =
                self.inner.graph_ahead_behind(commit.0, base).map_err(GitError::failed(action))?;
            if newest.is_none_or(|(best, _)| ahead < best) {
                newest = Some((ahead, base));
            }
        }
        Ok(newest.map(|(_, base)| ObjectId(base)))
    }

    /// The paths that differ, in git's order, with renames found where something was both added
    /// and deleted. Entries that are only intended to be added are left out, as git leaves them out
    /// of the commit.
    ///
    /// # Errors
    /// An index or tree that cannot be read.
    pub fn deltas(&self, comparison: Comparison) -> Result<Vec<Delta>, GitError> {
        let mut options = DiffOptions::new();
        options.include_typechange(true).skip_binary_check(true);
        let mut diff = self.diff(comparison, &mut options)?;
        find_renames(&mut diff)?;
        let index = match comparison {
            Comparison::Staged => Some(self.inner.index().map_err(GitError::failed("read the index"))?),
            Comparison::Commits(..) => None,
        };
        let conflicted = diff.deltas().find(|delta| delta.status() == DeltaStatus::Conflicted);
        if let Some(path) = conflicted.and_then(|delta| {
            delta.new_file().path_bytes().or(delta.old_file().path_bytes()).map(RepoPath::new)
        }) {
            return Err(GitError::Conflicted(path));
        }
        let intended = |entry: &Entry| {
            let entry = index.as_ref()?.get_path(&entry.path.to_os_path()?, 0)?;
            Some(entry.flags_extended & git2::IndexEntryExtendedFlag::INTENT_TO_ADD.bits() != 0)
        };
        let deltas = diff.deltas().map(|delta| Delta {
            old: entry(&delta.old_file()).filter(|_| delta.status() != DeltaStatus::Added),
            new: entry(&delta.new_file()).filter(|_| delta.status() != DeltaStatus::Deleted),
        });
        Ok(deltas
            .filter(|delta| delta.old.is_some() || delta.new.is_some())
            .filter(|delta| !(delta.old.is_none() && delta.new.as_ref().and_then(intended) == Some(true)))
            .collect())
    }

    /// Every file of the index, in git's order, conflicts left out.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn tracked(&self) -> Result<Vec<Entry>, GitError> {
        let index = self.inner.index().map_err(GitError::failed("read the index"))?;
        Ok(index
            .iter()
            .filter(|entry| (entry.flags >> 12) & 3 == 0)
            .filter_map(|entry| {
                let mode = file_mode(entry.mode)?;
                Some(Entry { path: RepoPath::new(entry.path), mode, id: ObjectId(entry.id) })
            })
            .collect())
    }

    /// Every file of a commit's tree; an error is a tree that cannot be read.
    pub fn tree(&self, commit: ObjectId) -> Result<Vec<Entry>, GitError> {
        let action = "read a commit's tree";
        let root = self.inner.find_commit(commit.0).and_then(|commit| commit.tree());
        let mut directories = vec![(Vec::new(), root.map_err(GitError::failed(action))?)];
        let mut entries = Vec::new();
        while let Some((directory, tree)) = directories.pop() {
            for entry in &tree {
                let mut path = directory.clone();
                path.extend_from_slice(entry.name_bytes());
                if entry.kind() == Some(git2::ObjectType::Tree) {
                    path.push(b'/');
                    let tree = self.inner.find_tree(entry.id()).map_err(GitError::failed(action))?;
                    directories.push((path, tree));
                } else if let Some(mode) = file_mode(entry.filemode().cast_unsigned()) {
                    entries.push(Entry { path: RepoPath::new(path), mode, id: ObjectId(entry.id()) });
                }
            }
        }
        Ok(entries)
    }

    /// Reads a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// A damaged object database.
    pub fn blob(&self, id: ObjectId, limit: u64) -> Result<Blob, GitError> {
        let action = "read a blob";
        let database = self.inner.odb().map_err(GitError::failed(action))?;
        match database.read_header(id.0) {
            Ok((size, _)) if size as u64 > limit => return Ok(Blob::TooLarge(size as u64)),
            Ok(_) => {}
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Blob::Missing),
            Err(error) => return Err(GitError::failed(action)(error)),
        }
        let object = database.read(id.0).map_err(GitError::failed(action))?;
        Ok(Blob::Bytes(object.data().to_vec()))
    }

    fn diff(&self, comparison: Comparison, options: &mut DiffOptions) -> Result<git2::Diff<'_>, GitError> {
        let tree = |commit: Option<ObjectId>| {
            let commit = commit.map(|id| self.inner.find_commit(id.0)).transpose();
            commit
                .and_then(|commit| commit.map(|commit| commit.tree()).transpose())
                .map_err(GitError::failed("read a commit's tree"))
        };
        match comparison {
            Comparison::Staged => {
                let base = tree(self.head()?)?;
                self.inner.diff_tree_to_index(base.as_ref(), None, Some(options))
            }
            Comparison::Commits(from, to) => {
                self.inner.diff_tree_to_tree(tree(from)?.as_ref(), tree(Some(to))?.as_ref(), Some(options))
            }
        }
        .map_err(GitError::failed("compare with the last commit"))
    }
}

/// Changed runs of lines between two texts, without context, as `git diff` marks them: first
/// line and count on the old side, first line and count on the new side.
///
/// # Errors
/// Only where libgit2 runs out of memory.
pub fn line_edits(old: &[u8], new: &[u8]) -> Result<Vec<[u32; 4]>, GitError> {
    let action = "compare two texts";
    let mut options = DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).indent_heuristic(true).force_text(true);
    let patch = git2::Patch::from_buffers(old, None, new, None, Some(&mut options))
        .map_err(GitError::failed(action))?;
    (0..patch.num_hunks())
        .map(|index| {
            let (hunk, _) = patch.hunk(index).map_err(GitError::failed(action))?;
            Ok([hunk.old_start(), hunk.old_lines(), hunk.new_start(), hunk.new_lines()])
        })
        .collect()
}

fn open_inner(path: &Path, flags: RepositoryOpenFlags) -> Result<git2::Repository, GitError> {
    let no_ceilings: [&Path; 0] = [];
    git2::Repository::open_ext(path, flags, no_ceilings).map_err(|error| match error.code() {
        ErrorCode::NotFound => GitError::NotARepository(path.to_owned()),
        ErrorCode::Owner => GitError::NotOwned(path.to_owned()),
        _ => GitError::failed("open the repository")(error),
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Looks for renames where there can be any, which saves reading blobs where there cannot. In a
/// partial clone, whose blobs are not all there, none are found.
fn find_renames(diff: &mut git2::Diff<'_>) -> Result<(), GitError> {
    let has = |status| diff.deltas().any(|delta| delta.status() == status);
    if has(DeltaStatus::Added) && has(DeltaStatus::Deleted) {
        match diff.find_similar(Some(DiffFindOptions::new().renames(true))) {
            Err(error) if error.code() != ErrorCode::NotFound => {
                Err(GitError::failed("find renames")(error))?
            }
            _ => {}
        }
    }
    Ok(())
}

fn entry(file: &git2::DiffFile<'_>) -> Option<Entry> {
    let mode = file_mode(file.mode().into())?;
    Some(Entry { path: RepoPath::new(file.path_bytes()?), mode, id: ObjectId(file.id()) })
}

fn file_mode(mode: u32) -> Option<FileMode> {
    match mode {
        0o100_644 | 0o100_664 => Some(FileMode::Regular),
        0o100_755 => Some(FileMode::Executable),
        0o120_000 => Some(FileMode::Symlink),
        0o160_000 => Some(FileMode::Submodule),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_like_git_hunk_headers() {
        let edits = line_edits(b"a\nb\nc\n", b"a\nc\nd\n").unwrap();
        assert_eq!(edits, [[2, 1, 1, 0], [3, 0, 3, 1]]);
        assert!(line_edits(b"a\n", b"a\n").unwrap().is_empty());
        assert_eq!(line_edits(b"", b"a\n").unwrap(), [[0, 0, 1, 1]]);
    }
}
