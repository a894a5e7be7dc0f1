//! What was reviewed once is not paid for twice: not amended, rebased, reformatted, or pushed.

use serde_json::Value;

use crate::harness::provider::{Provider, Received, Reply, finding};
use crate::harness::repo::{Repo, Said};

const CART: &str = "\
import json


def load(path):
    with open(path) as file:
        return json.load(file)


def total(items, rate):
    if not items:
        return 0
    return sum(items) * (1 + rate)
";

/// A model that finds something wrong with every added line that says `wrong`, and names its block
/// and no line: the quote says which one is meant.
fn watchful() -> Provider {
    Provider::answering(|received: &Received| {
        let is_digit = |character: char| character.is_ascii_digit();
        let mut block = "";
        let mut findings = Vec::new();
        let code = received.code();
        for line in code.lines() {
            if let Some(header) = line.strip_prefix('#') {
                block = header.split(|character| !is_digit(character)).next().unwrap();
            } else if let Some(code) = line.trim_start_matches(is_digit).strip_prefix('+')
                && code.contains("wrong")
            {
                findings.push(finding(&format!("{block}:0"), code));
            }
        }
        Reply::findings(&findings)
    })
}

fn configure(repo: &Repo, provider: &Provider, model: &str) {
    repo.configure_user(&format!(
        "[providers.here]\ndialect = \"openai\"\nbase_url = \"{}\"\n\
         [tiers]\nlocal = {{ provider = \"here\", model = \"{model}\" }}\n",
        provider.base_url()
    ));
}

/// A repository with the hooks installed, and a remote that has its first commit.
fn shop(provider: &Provider, files: &[(&str, &str)]) -> Repo {
    let repo = Repo::with(files);
    configure(&repo, provider, "tiny");
    let remote = repo.beside("remote.git");
    let remote = remote.to_str().unwrap();
    repo.git(["init", "--quiet", "--bare", remote]).expect(0);
    repo.git(["remote", "add", "origin", remote]).expect(0);
    repo.git(["push", "--quiet", "--set-upstream", "origin", "main"]).expect(0);
    repo.hookgate(["install"]).expect(0);
    repo
}

fn commit(repo: &Repo, path: &str, text: &str) -> Said {
    repo.stage(path, text);
    repo.git(["commit", "--quiet", "-m", path]).expect(0)
}

/// What `hookgate cache` counts.
fn counted(repo: &Repo) -> Value {
    repo.hookgate(["cache", "--format", "json"]).expect(0).json()
}

#[test]
fn the_same_commit_is_not_asked_twice() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    commit(&repo, "cart.py", &CART.replace("1 + rate", "1 - rate"));
    assert_eq!(provider.requests().len(), 1);
    let spent = provider.served_tokens();

    // Unstaged by mistake and committed again, then amended.
    repo.git(["reset", "--quiet", "--soft", "HEAD~1"]).expect(0);
    let preview = repo.hookgate(["dry-run"]).expect(0).stdout;
    assert!(preview.contains("cache  cart.py:12") && preview.contains("by here tiny"), "{preview}");
    assert!(preview.contains("nothing to ask a model: 0 tokens"), "{preview}");
    let again = repo.git(["commit", "--quiet", "-m", "again"]).expect(0);
    assert_eq!(again.all(), "", "a commit that was reviewed is silent");
    repo.git(["commit", "--quiet", "--amend", "-m", "amended"]).expect(0);
    repo.git(["push", "--quiet"]).expect(0);
    assert_eq!(provider.requests().len(), 1);

    let counted = counted(&repo);
    assert_eq!((&counted["hits"], &counted["lookups"]), (&2.into(), &3.into()), "previews do not count");
    assert_eq!((&counted["misses"]["new"], &counted["entries"]), (&1.into(), &1.into()));
    assert_eq!(counted["tokens_saved"], 2 * spent);
}

#[test]
fn a_rebase_takes_its_findings_along() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    let first = commit(&repo, "cart.py", &CART.replace("(1 + rate)", "wrong(rate)"));
    assert!(first.all().contains("cart.py:12"), "{first:#?}");

    // Somebody else puts lines above, in the same file.
    repo.git(["switch", "--quiet", "--create", "theirs", "origin/main"]).expect(0);
    let above = CART.replace("\n\ndef load", "\nLIMIT = 3\nwrong = 4\n\n\ndef load");
    repo.stage("cart.py", above);
    repo.git(["commit", "--quiet", "--no-verify", "-m", "theirs"]).expect(0);
    repo.git(["push", "--quiet", "--no-verify", "origin", "theirs:main"]).expect(0);
    repo.git(["switch", "--quiet", "main"]).expect(0);
    repo.git(["rebase", "--quiet", "origin/main"]).expect(0);
    let push = repo.git(["push", "--quiet"]).expect(0);
    assert_eq!(provider.requests().len(), 1);
    assert!(push.all().contains("cart.py:15"), "{push:#?}");
    assert!(push.all().contains("an empty list makes this panic"), "{push:#?}");
}

#[test]
fn a_finding_goes_with_its_line() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    commit(&repo, "cart.py", &CART.replace("(1 + rate)", "wrong(rate)").replace("return 0", "return wrong"));
    assert_eq!(
        commit(&repo, "cart.py", &CART.replace("return 0", "return wrong")).all().matches("-->").count(),
        0
    );
    assert_eq!(provider.requests().len(), 2);
    let report = repo.hookgate([
        "run",
        "pre-push",
        "--from-ref",
        "origin/main",
        "--to-ref",
        "HEAD",
        "--format",
        "json",
    ]);
    let report = report.expect(0).json();
    let lines: Vec<_> = report["findings"].as_array().unwrap().iter().map(|it| it["line"].clone()).collect();
    assert_eq!(lines, [11], "{report:#}");
    assert_eq!(report["files"][0]["units"][0]["route"], "cache");
    assert!(report["totals"]["saved_tokens"].as_u64().unwrap() > 0);
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn what_is_reformatted_is_not_asked_again() {
    let languages = [
        (
            "a.py",
            "def f(a, b):\n    return a + b\n",
            "a - b",
            "def f(a,\n      b):\n    # The sum.\n    return a - b\n",
        ),
        (
            "a.rs",
            "fn f(a: u8, b: u8) -> u8 {\n    a + b\n}\n",
            "a - b",
            "fn f(a: u8, b: u8) -> u8 {\n    // The sum.\n\n        a   -   b\n}\n",
        ),
        (
            "a.js",
            "function f(a, b) {\n  return a + b;\n}\n",
            "a - b",
            "function f(a, b)\n{\n\n    /* The sum. */\n    return a - b;\n}\n",
        ),
    ];
    for (path, before, logic, reformatted) in languages {
        let provider = watchful();
        let repo = shop(&provider, &[(path, before)]);
        commit(&repo, path, &before.replace("a + b", logic));
        assert_eq!(provider.requests().len(), 1, "{path}");
        commit(&repo, path, reformatted);
        repo.git(["push", "--quiet"]).expect(0);
        assert_eq!(provider.requests().len(), 1, "{path}");
    }
}

#[test]
fn a_push_asks_nothing_that_each_commit_was_asked() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    let one = CART.replace("1 + rate", "1 - rate");
    let two = one.replace("return 0", "return None");
    let three = two.replace("json.load(file)", "json.load(file) or {}");
    for text in [&one, &two, &three] {
        commit(&repo, "cart.py", text);
    }
    commit(&repo, "new.py", "def f(a):\n    return a + 1\n");
    commit(&repo, "new.py", "def f(a):\n    return a + 2\n");
    assert_eq!(provider.requests().len(), 5);
    repo.git(["push", "--quiet"]).expect(0);
    assert_eq!(provider.requests().len(), 5);
}

#[test]
fn an_edit_that_is_sent_once_is_known_everywhere() {
    let functions = |sign: &str| -> String {
        (0..5).map(|n| format!("def f{n}(a):\n    return a {sign} 1\n\n\n")).collect()
    };
    let provider = watchful();
    let repo = shop(&provider, &[("a.py", &functions("+"))]);
    commit(&repo, "a.py", &functions("-"));
    let asked = provider.requests().len();
    repo.git(["reset", "--quiet", "--soft", "HEAD~1"]).expect(0);
    repo.git(["commit", "--quiet", "-m", "again"]).expect(0);
    repo.git(["push", "--quiet"]).expect(0);
    assert_eq!(provider.requests().len(), asked);
    assert_eq!(counted(&repo)["entries"], 5);
}

#[test]
fn after_a_refusal_only_what_is_new_is_asked() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    repo.stage("b.py", "def g():\n    breakpoint()\n");
    repo.git(["commit", "--quiet", "-m", "refused"]).expect(1);
    repo.stage("b.py", "def g():\n    return 1\n");
    repo.git(["commit", "--quiet", "-m", "mended"]).expect(0);
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].code().contains("b.py") && !requests[1].code().contains("cart.py"));
}

#[test]
fn what_differs_is_asked_and_the_cause_is_counted() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    let text = CART.replace("1 + rate", "1 - rate");
    let mut asked = 0;
    let mut causes = Vec::new();
    let mut miss = |cause: &str, repo: &Repo| {
        repo.hookgate(["run", "pre-commit"]).expect(0);
        asked += 1;
        assert_eq!(provider.requests().len(), asked, "{cause}");
        causes.push(cause.to_owned());
        let misses = counted(repo)["misses"].clone();
        let of = |cause: &str| causes.iter().filter(|it| *it == cause).count();
        for cause in ["new", "changed", "model", "level", "prompt", "no_steps", "unreadable"] {
            assert_eq!(misses[cause], of(cause), "{cause}: {misses}");
        }
        repo.hookgate(["run", "pre-commit"]).expect(0);
        assert_eq!(provider.requests().len(), asked, "and now it is known");
    };
    repo.stage("cart.py", &text);
    miss("new", &repo);
    repo.stage("cart.py", text.replace("1 - rate", "2 - rate"));
    miss("changed", &repo);
    configure(&repo, &provider, "big");
    miss("model", &repo);
    repo.write("hookgate.toml", "[hooks.pre-commit]\nlevel = \"function\"\n");
    miss("level", &repo);
}

#[test]
fn an_answer_that_is_not_believed_is_not_kept() {
    let provider = Provider::scripted([
        Reply::text("Looks good to me!"),
        Reply::status(500, "oops"),
        Reply::refusal(),
        Reply::nothing(),
    ]);
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    for asked in [1, 2, 3, 4, 4, 4] {
        repo.hookgate(["run", "pre-commit"]).expect(0);
        assert_eq!(provider.requests().len(), asked);
    }
}

#[test]
fn a_review_counts_where_none_could_be_had() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("(1 + rate)", "wrong(rate)"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let known = |repo: &Repo| {
        let said = repo.hookgate(["run", "pre-commit"]).expect(0);
        assert!(!said.all().contains("NOT REVIEWED"), "{said:#?}");
        assert!(said.stdout.contains("cart.py:12"), "{said:#?}");
        assert_eq!(provider.requests().len(), 1);
    };
    repo.write("hookgate.toml", "[hooks.pre-commit]\ntoken_limit = 1\n");
    known(&repo);
    let ledger = std::fs::read_dir(state(&repo)).unwrap().map(|entry| entry.unwrap().path());
    for path in ledger.filter(|path| path.to_string_lossy().contains("ledger")) {
        std::fs::write(path, "").unwrap();
    }
    known(&repo);

    // But without consent nothing is asked, and nothing is answered.
    repo.write("hookgate.toml", "[hooks.pre-commit]\ntiers = [\"local\"]\n");
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(said.contains("[consent]") && !said.contains("cart.py:12:"), "{said}");

    std::fs::remove_file(repo.work_tree().join("hookgate.toml")).unwrap();
    drop(provider);
    let said = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(said.contains("cart.py:12") && !said.contains("NOT REVIEWED"), "{said}");
}

fn state(repo: &Repo) -> std::path::PathBuf {
    let file = find(&repo.home(), "reviews.sqlite3").unwrap();
    file.parent().unwrap().to_owned()
}

fn find(directory: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let found = files.into_iter().find(|path| path.file_name().is_some_and(|it| it == name));
    found.or_else(|| directories.iter().find_map(|directory| find(directory, name)))
}

#[test]
fn a_cache_that_fails_costs_a_note_and_no_commit() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("(1 + rate)", "wrong(rate)"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let file = state(&repo).join("reviews.sqlite3");
    std::fs::write(&file, "no database ".repeat(1000)).unwrap();
    let doctor = repo.hookgate(["doctor"]).all();
    assert!(doctor.contains("warn  cache: ") && doctor.contains("reviews.sqlite3.damaged"), "{doctor}");
    std::fs::write(&file, "no database ".repeat(1000)).unwrap();
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(said.stdout.matches("note: earlier reviews do not count").count(), 1, "{said:#?}");
    assert!(said.stdout.contains("cart.py:12"), "{said:#?}");
    assert_eq!(provider.requests().len(), 2);
    for asked in [3, 3] {
        let said = repo.hookgate(["run", "pre-commit"]).expect(0);
        assert!(!said.all().contains("note:"), "{said:#?}");
        assert_eq!(provider.requests().len(), asked, "a new one was begun");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let said = repo.hookgate(["run", "pre-commit"]).expect(0);
    assert!(said.stdout.contains("note: earlier reviews do not count"), "{said:#?}");
}

#[test]
fn two_runs_at_once_do_no_harm() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let said = repo.hookgate(["run", "pre-commit"]).expect(0);
                assert!(!said.all().contains("note:"), "{said:#?}");
            });
        }
    });
    let asked = provider.requests().len();
    repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(provider.requests().len(), asked);
    let counted = counted(&repo);
    assert_eq!((&counted["lookups"], &counted["entries"]), (&3.into(), &1.into()));
}

#[test]
fn everything_can_be_asked_anew() {
    let answers = [Reply::nothing(), Reply::findings(&[finding("1:12", "return sum(items) * (1 - rate)")])];
    let provider = Provider::scripted(answers);
    let repo = shop(&provider, &[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let preview = repo.hookgate(["dry-run", "--no-cache"]).expect(0).stdout;
    assert!(preview.contains("model  cart.py:12"), "{preview}");
    let anew = repo.hookgate(["run", "pre-commit", "--no-cache"]).expect(0).stdout;
    assert!(anew.contains("cart.py:12"), "{anew}");
    assert_eq!(provider.requests().len(), 2);
    let later = repo.hookgate(["run", "pre-commit"]).expect(0).stdout;
    assert!(later.contains("cart.py:12"), "the last word counts: {later}");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn what_does_not_parse_is_known_by_its_bytes() {
    let provider = watchful();
    // What is new is no syntax error, and the old one is not the commit's business.
    let broken = "def f(a:\n    return a + 1\n\ndef g(a):\n    return a\n";
    let repo = shop(&provider, &[("a.py", broken)]);
    repo.stage("a.py", broken.replace("a + 1", "a - 1"));
    for _ in 0..2 {
        repo.hookgate(["run", "pre-commit"]).expect(0);
        assert_eq!(provider.requests().len(), 1);
    }
    repo.stage("a.py", broken.replace("a + 1", "a  -  1"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(provider.requests().len(), 2, "nothing proves that white space means nothing here");
}

#[test]
fn the_cache_is_shown_and_cleared() {
    let provider = watchful();
    let repo = shop(&provider, &[("cart.py", CART)]);
    let none = repo.hookgate(["cache"]).expect(0).stdout;
    assert!(none.contains("0 reviews kept"), "{none}");
    assert!(find(&repo.home(), "reviews.sqlite3").is_none(), "looking leaves no trace");
    assert!(repo.hookgate(["doctor"]).stdout.contains("ok    cache: no review yet"));
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    repo.hookgate(["run", "pre-commit"]).expect(0);
    let some = repo.hookgate(["cache", "--since", "7"]).expect(0).stdout;
    for line in ["1 review kept", "1 of 2 units", "(50 %)", "new ", "hits a day", "1 of 2"] {
        assert!(some.contains(line), "{line}: {some}");
    }
    assert!(repo.hookgate(["doctor"]).stdout.contains("ok    cache: 1 review in "));
    let cleared = repo.hookgate(["cache", "--clear"]).expect(0).stdout;
    assert_eq!(cleared, "hookgate: forgot 1 review\n");
    repo.hookgate(["run", "pre-commit"]).expect(0);
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn nothing_is_kept_where_no_model_is_configured() {
    let repo = Repo::with(&[("cart.py", CART)]);
    repo.stage("cart.py", CART.replace("1 + rate", "1 - rate"));
    repo.hookgate(["run", "pre-commit"]).expect(0);
    repo.hookgate(["dry-run"]).expect(0);
    assert!(find(&repo.home(), "reviews.sqlite3").is_none());
}
