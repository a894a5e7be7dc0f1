//! A scratch repository with its own home: nothing of the machine's configuration reaches it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A repository and the home of the user who works in it.
pub(crate) struct Repo {
    root: TempDir,
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Both streams, standard output first.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// Fails the test, with everything that was said, unless the command ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Repo {
    /// An empty repository on branch `main`.
    pub(crate) fn empty() -> Self {
        let repo = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(repo.work_tree()).unwrap();
        std::fs::create_dir_all(repo.home()).unwrap();
        repo.git(["init", "--quiet", "--initial-branch=main"]).expect(0);
        repo
    }

    /// A repository with one commit that holds `files`.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        for (path, text) in files {
            repo.write(path, text);
        }
        repo.git(["add", "--all"]).expect(0);
        repo.git(["commit", "--quiet", "--allow-empty", "--message=first"]).expect(0);
        repo
    }

    pub(crate) fn work_tree(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// A place beside the repository, for remotes and linked work trees.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.work_tree().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file and adds it to the index.
    pub(crate) fn stage(&self, path: &str, text: impl AsRef<[u8]>) {
        self.write(path, text);
        self.git(["add", "--", path]).expect(0);
    }

    /// Writes the user's own configuration file.
    pub(crate) fn configure_user(&self, text: &str) {
        let path = self.config_file();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Where the user's own configuration file is.
    pub(crate) fn config_file(&self) -> PathBuf {
        if cfg!(target_os = "macos") {
            self.home().join("Library/Application Support/hookgate/config.toml")
        } else {
            self.home().join(".config/hookgate/config.toml")
        }
    }

    pub(crate) fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        self.command("git").args(args).output().unwrap().into()
    }

    pub(crate) fn hookgate<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        self.command(env!("CARGO_BIN_EXE_hookgate")).args(args).output().unwrap().into()
    }

    /// Consents to what the repository's files ask for.
    pub(crate) fn consent(&self) {
        let hash = self.hookgate(["trust", "--hash"]).expect(0).stdout;
        self.hookgate(["trust", "--accept", hash.trim()]).expect(0);
    }

    /// Runs the hook with `text` on standard input.
    pub(crate) fn hookgate_reads<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        text: &str,
    ) -> Said {
        let input = self.root.path().join("stdin");
        std::fs::write(&input, text).unwrap();
        let stdin = std::fs::File::open(input).unwrap();
        let mut command = self.command(env!("CARGO_BIN_EXE_hookgate"));
        command.args(args).stdin(stdin).output().unwrap().into()
    }

    /// A command in the work tree, with an environment of its own.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in(program, &self.work_tree())
    }

    /// A command in another directory.
    pub(crate) fn command_in(&self, program: impl AsRef<OsStr>, directory: &Path) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_hookgate")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([binary.to_owned()].into_iter().chain(std::env::split_paths(&path)));
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .stdin(Stdio::null());
        command
    }
}
