//! A ledger that cannot be used: nothing is sent, the commit goes on, and the report says why.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::harness::provider::{Provider, Reply};
use crate::harness::repo::Repo;

/// A repository with a staged change, a model, and a ledger that one review has made.
struct Scene {
    repo: Repo,
    provider: Provider,
}

impl Scene {
    fn new(hook: &str) -> Self {
        let provider = Provider::always(Reply::nothing());
        let repo = Repo::with(&[("a.py", "def f(a):\n    return a\n")]);
        let scene = Self { repo, provider };
        scene.configure(&scene.state());
        scene.repo.write("hookgate.toml", format!("[hooks.pre-commit]\n{hook}\n"));
        if hook.contains("required") {
            let hash = scene.repo.hookgate(["trust", "--hash"]).expect(0).stdout;
            scene.repo.hookgate(["trust", "--accept", hash.trim()]).expect(0);
        }
        scene.repo.stage("a.py", "def f(a):\n    return a + 1\n");
        scene
    }

    fn configure(&self, state: &Path) {
        self.repo.configure_user(&format!(
            "[state]\ndirectory = {state:?}\n[providers.here]\ndialect = \"ollama\"\nbase_url = {:?}\n\
             [tiers]\nlocal = {{ provider = \"here\", model = \"tiny\" }}\n",
            self.provider.base_url()
        ));
    }

    fn state(&self) -> PathBuf {
        self.repo.home().join("state")
    }

    fn ledger(&self) -> PathBuf {
        self.state().join("ledger.sqlite")
    }

    /// Lets one review make the ledger, and stages the next change.
    fn reviewed(self) -> Self {
        self.repo.hookgate(["run", "pre-commit"]).expect(0);
        assert_eq!(self.provider.requests().len(), 1, "with a sound ledger the model is asked");
        self.repo.stage("a.py", "def f(a):\n    return a + 2\n");
        self
    }

    /// Nothing more is sent, the units are listed with the reason, and `told` is said, by the run and
    /// by the doctor.
    fn refuses(&self, told: &str) {
        let before = self.provider.requests().len();
        let said = self.repo.hookgate(["run", "pre-commit"]).expect(0);
        assert_eq!(self.provider.requests().len(), before, "{said:#?}");
        assert!(said.stdout.contains("NOT REVIEWED") && said.stdout.contains("[store]"), "{said:#?}");
        assert!(said.all().contains(told), "{told:?} in {said:#?}");
        let doctor = self.repo.hookgate(["doctor"]).expect(2);
        assert!(doctor.all().contains(told), "{told:?} in {doctor:#?}");
    }
}

#[test]
fn a_damaged_ledger_is_left_as_it_is() {
    let scene = Scene::new("").reviewed();
    let mut bytes = fs::read(scene.ledger()).unwrap();
    bytes[..100].fill(0xA5);
    fs::write(scene.ledger(), &bytes).unwrap();
    scene.refuses("is damaged or not a hookgate ledger");
    assert_eq!(fs::read(scene.ledger()).unwrap(), bytes);
}

#[test]
fn a_ledger_that_was_cut_off_is_left_as_it_is() {
    let scene = Scene::new("").reviewed();
    let bytes = fs::read(scene.ledger()).unwrap();
    for length in [0, 4096] {
        fs::write(scene.ledger(), &bytes[..length]).unwrap();
        scene.refuses("is damaged or not a hookgate ledger");
        assert_eq!(fs::read(scene.ledger()).unwrap(), bytes[..length]);
    }
}

#[test]
fn a_required_review_without_a_ledger_refuses() {
    let scene = Scene::new("required = true").reviewed();
    fs::write(scene.ledger(), "this is no database").unwrap();
    let said = scene.repo.hookgate(["run", "pre-commit"]).expect(3);
    assert!(said.stdout.contains("[store]"), "{said:#?}");
    assert_eq!(scene.provider.requests().len(), 1);
}

#[test]
fn a_locked_ledger_is_waited_for_and_not_gone_around() {
    let scene = Scene::new("").reviewed();
    // Another program's lock, which does not stand in line.
    let other = Connection::open(scene.ledger()).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM cells").unwrap();
    scene.refuses("is locked by another process");
    drop(other);
    scene.repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(scene.provider.requests().len(), 2);
}

#[test]
fn a_process_that_stopped_in_its_turn_stops_the_spending() {
    let scene = Scene::new("").reviewed();
    let line = fs::File::open(scene.ledger().with_extension("lock")).unwrap();
    line.lock().unwrap();
    scene.refuses("is locked by another process");
    drop(line);
    scene.repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(scene.provider.requests().len(), 2);
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let scene = Scene::new("").reviewed();
    Connection::open(scene.ledger()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    scene.refuses("use the newer hookgate");
}

#[test]
fn a_state_directory_that_is_a_file_is_named() {
    let scene = Scene::new("");
    let file = scene.repo.home().join("file");
    fs::write(&file, "").unwrap();
    scene.configure(&file.join("state"));
    scene.refuses("cannot use the state directory");
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new("").reviewed();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&scene.ledger(), 0o400);
    // Permissions do not bind the superuser.
    if fs::OpenOptions::new().write(true).open(scene.ledger()).is_err() {
        scene.refuses("cannot be written");
        allow(&scene.ledger(), 0o600);
        allow(&scene.state(), 0o500);
        scene.refuses("write");
        allow(&scene.state(), 0o700);
    }
    allow(&scene.ledger(), 0o600);
    scene.repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(scene.provider.requests().len(), 2);
}
