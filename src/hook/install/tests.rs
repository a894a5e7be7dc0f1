use super::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Real git, out of reach of the machine's configuration.
fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    let output = command
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn repository() -> (tempfile::TempDir, Repository) {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "--quiet", "--template="]);
    let repository = Repository::at(directory.path()).unwrap();
    (directory, repository)
}

fn shim(hook: &str) -> &'static Shim {
    SHIMS.iter().find(|shim| shim.hook == hook).unwrap()
}

/// Names and contents of everything below `directory`.
fn snapshot(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => snapshot(&path),
            false => vec![(path.display().to_string(), fs::read(&path).unwrap())],
        })
        .collect();
    entries.sort();
    entries
}

/// An executable file, written by another process: while one is open for writing here, a child that
/// another test forks holds it too, and the system runs no file that somebody may write.
#[cfg(unix)]
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}

#[test]
fn installing_twice_is_installing_once_and_uninstalling_leaves_no_trace() {
    let (directory, repository) = repository();
    let before = snapshot(directory.path());
    let hooks = hooks_directory(&repository).unwrap();
    for shim in &SHIMS {
        assert_eq!(install(shim, &hooks, None).unwrap(), Step::Written);
        assert_eq!(install(shim, &hooks, None).unwrap(), Step::Unchanged);
        assert_eq!(occupant(shim, &hooks, None).unwrap(), Occupant::Current);
    }
    assert_eq!(fs::read_dir(&hooks).unwrap().count(), 2, "no temporary file stays");
    #[cfg(unix)]
    for shim in &SHIMS {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&hooks.join(shim.hook).metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o755, "git runs executable hooks only");
    }
    for shim in &SHIMS {
        assert_eq!(uninstall(shim, &hooks).unwrap(), Step::Removed);
        assert_eq!(uninstall(shim, &hooks).unwrap(), Step::Absent);
    }
    assert_eq!(snapshot(directory.path()), before);
    assert!(!hooks.exists());
}

#[test]
fn a_foreign_hook_is_kept_and_comes_back_as_it_was() {
    let (directory, repository) = repository();
    let hooks = hooks_directory(&repository).unwrap();
    fs::create_dir_all(&hooks).unwrap();
    // It mentions hookgate, and is not ours for that.
    fs::write(hooks.join("pre-commit"), "#!/bin/sh\n# like hookgate shim 1\n").unwrap();
    let before = snapshot(directory.path());

    assert_eq!(install(shim("pre-commit"), &hooks, None).unwrap(), Step::Chained);
    assert_eq!(install(shim("pre-commit"), &hooks, None).unwrap(), Step::Unchanged);
    assert!(has_chained(shim("pre-commit"), &hooks));
    assert_eq!(uninstall(shim("pre-commit"), &hooks).unwrap(), Step::Restored);
    assert_eq!(snapshot(directory.path()), before);
    assert_eq!(uninstall(shim("pre-commit"), &hooks).unwrap(), Step::Absent, "the foreign hook stays");
    assert_eq!(snapshot(directory.path()), before);
}

#[test]
fn nothing_is_overwritten() {
    let (_directory, repository) = repository();
    let hooks = hooks_directory(&repository).unwrap();
    fs::create_dir_all(&hooks).unwrap();
    fs::write(hooks.join("pre-push"), "one").unwrap();
    fs::write(hooks.join("pre-push.hookgate-chained"), "two").unwrap();
    let before = snapshot(&hooks);
    let error = install(shim("pre-push"), &hooks, None).unwrap_err();
    assert!(matches!(error, InstallError::ChainedExists { .. }), "{error}");
    assert_eq!(snapshot(&hooks), before);
}

#[test]
fn a_shim_is_ours_while_its_content_is() {
    let (_directory, repository) = repository();
    let hooks = hooks_directory(&repository).unwrap();
    let shim = shim("pre-commit");
    install(shim, &hooks, Some(Path::new("/opt/one"))).unwrap();
    assert_eq!(occupant(shim, &hooks, Some(Path::new("/opt/two"))).unwrap(), Occupant::Stale);
    assert_eq!(install(shim, &hooks, Some(Path::new("/opt/two"))).unwrap(), Step::Updated);

    let path = hooks.join("pre-commit");
    fs::write(&path, fs::read_to_string(&path).unwrap() + "echo mine\n").unwrap();
    assert_eq!(occupant(shim, &hooks, None).unwrap(), Occupant::Edited);
    let edited = snapshot(&hooks);
    assert!(matches!(install(shim, &hooks, None), Err(InstallError::Edited(_))));
    assert!(matches!(uninstall(shim, &hooks), Err(InstallError::Edited(_))));
    assert_eq!(snapshot(&hooks), edited);
}

#[test]
fn hooks_paths_within_the_repository_are_used_and_others_refused() {
    let (directory, repository) = repository();
    git(directory.path(), &["config", "core.hooksPath", ".githooks"]);
    assert!(hooks_directory(&repository).unwrap().ends_with(".githooks"));

    let shared = tempfile::tempdir().unwrap();
    git(directory.path(), &["config", "core.hooksPath", shared.path().to_str().unwrap()]);
    let error = hooks_directory(&repository).unwrap_err();
    assert!(matches!(error, InstallError::OutsideRepository { .. }), "{error}");

    // The way out that the message names.
    let own = repository.common_dir().join("hooks");
    git(directory.path(), &["config", "core.hooksPath", own.to_str().unwrap()]);
    assert_eq!(hooks_directory(&repository).unwrap(), own);
}

#[test]
fn work_trees_share_their_repositorys_hooks() {
    let (directory, repository) = repository();
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    git(directory.path(), &[&identity[..], &["commit", "--quiet", "--allow-empty", "-m", "one"]].concat());
    let other = directory.path().join("other");
    git(directory.path(), &["worktree", "add", "--quiet", other.to_str().unwrap()]);
    let linked = Repository::at(&other).unwrap();
    let real = |repository| real_path(&hooks_directory(repository).unwrap());
    assert_eq!(real(&linked), real(&repository));
}

/// The shim's process: whether it succeeded, its exit code and its standard error.
#[cfg(unix)]
fn run(hook: &Path, arguments: &[&str], input: &str, variables: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut child = Command::new("sh")
        .arg(hook)
        .args(arguments)
        .env_remove("HOOKGATE")
        .env_remove("HOOKGATE_BIN")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A hook that reads nothing closes its end first.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A script that appends its arguments and its input to a file.
#[cfg(unix)]
fn recorder(log: &Path, name: &str, exit: i32) -> String {
    let log = quoted(log.to_str().unwrap());
    format!("#!/bin/sh\n{{ echo {name} \"$@\"; cat; }} >> {log}\nexit {exit}\n")
}

#[cfg(unix)]
#[test]
fn the_kept_hook_runs_first_with_the_same_arguments_and_input() {
    // A name that a shell would take apart.
    let outer = tempfile::Builder::new().prefix("it's $HOME \"here\" ").tempdir().unwrap();
    let hooks = outer.path().join("hooks");
    let log = outer.path().join("log");
    let program = outer.path().join("bin");
    script(&hooks.join("pre-push"), &recorder(&log, "kept", 0));
    script(&program.join("hookgate"), &recorder(&log, "hookgate", 3));
    install(shim("pre-push"), &hooks, Some(&program)).unwrap();

    let refs = "refs/heads/a 1 refs/heads/a 2\nrefs/heads/b 3 refs/heads/b 4\n";
    let (code, _) = run(&hooks.join("pre-push"), &["origin", "a url"], refs, &[]);
    assert_eq!(code, Some(3), "hookgate's own exit code counts");
    let expected = format!("kept origin a url\n{refs}hookgate run pre-push -- origin a url\n{refs}");
    assert_eq!(fs::read_to_string(&log).unwrap(), expected);
}

#[cfg(unix)]
#[test]
fn the_kept_hook_refuses_on_its_own() {
    for hook in ["pre-commit", "pre-push"] {
        let outer = tempfile::tempdir().unwrap();
        let hooks = outer.path().join("hooks");
        let log = outer.path().join("log");
        script(&hooks.join(hook), &recorder(&log, "kept", 7));
        script(&outer.path().join("hookgate"), &recorder(&log, "hookgate", 0));
        install(shim(hook), &hooks, Some(outer.path())).unwrap();
        let (code, _) = run(&hooks.join(hook), &[], "", &[]);
        assert_eq!(code, Some(7));
        assert_eq!(fs::read_to_string(&log).unwrap(), "kept\n");
    }
}

#[cfg(unix)]
#[test]
fn input_reaches_hookgate_where_no_hook_was_kept() {
    let outer = tempfile::tempdir().unwrap();
    let hooks = outer.path().join("hooks");
    let log = outer.path().join("log");
    let program = outer.path().join("hookgate");
    script(&program, &recorder(&log, "hookgate", 0));
    install(shim("pre-push"), &hooks, None).unwrap();
    let (code, _) = run(&hooks.join("pre-push"), &["origin"], "a b c d\n", &[("HOOKGATE_BIN", &program)]);
    assert_eq!(code, Some(0));
    assert_eq!(fs::read_to_string(&log).unwrap(), "hookgate run pre-push -- origin\na b c d\n");
}

#[cfg(unix)]
#[test]
fn a_missing_program_refuses_and_zero_switches_off() {
    for hook in ["pre-commit", "pre-push"] {
        let outer = tempfile::tempdir().unwrap();
        install(shim(hook), outer.path(), None).unwrap();
        let path = outer.path().join(hook);
        let nowhere = Path::new("/nonexistent/hookgate");
        let (code, message) = run(&path, &[], "", &[("HOOKGATE_BIN", nowhere)]);
        assert_eq!(code, Some(1));
        assert!(message.contains("hookgate install") && message.contains("HOOKGATE=0"), "{message}");
        let off = [("HOOKGATE_BIN", nowhere), ("HOOKGATE", Path::new("0"))];
        assert_eq!(run(&path, &[], "", &off), (Some(0), String::new()));
    }
}

/// Git would not run it, and a file cannot be put back in its place.
#[test]
fn a_directory_in_place_of_a_hook_is_left_alone() {
    let (_directory, repository) = repository();
    let hooks = hooks_directory(&repository).unwrap();
    fs::create_dir_all(hooks.join("pre-commit")).unwrap();
    assert!(matches!(install(shim("pre-commit"), &hooks, None), Err(InstallError::Io { .. })));
    assert!(hooks.join("pre-commit").is_dir());
}
