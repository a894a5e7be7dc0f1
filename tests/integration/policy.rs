//! Who answers which kind of change, what a place is told about it, and what is said when payloads grow.

use crate::harness::repo::Repo;

const CODE: &str = "def f(a):\n    return a + 1\n";

fn repo() -> Repo {
    let repo = Repo::with(&[("README.md", "# Shop\n\nIt sells.\n"), ("shop.py", CODE)]);
    repo.stage("README.md", "# Shop\n\nIt sells shoes.\n");
    repo
}

#[test]
fn prose_goes_to_a_model_only_where_somebody_says_so_and_somebody_consents() {
    let repo = repo();
    repo.configure_user(
        "[providers.here]\ndialect = \"ollama\"\nbase_url = \"http://127.0.0.1:9\"\n\
         [tiers]\nlocal = { provider = \"here\", model = \"m\" }\n",
    );
    let unit = |said: &serde_json::Value| said["files"][0]["units"][0].clone();
    let usual = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(unit(&usual)["route"], "rules");
    assert_eq!(unit(&usual)["reason"], "prose: left to rules ([review] docs)");

    repo.write("hookgate.toml", "[review]\ndocs = \"model\"\n");
    let asked = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(unit(&asked)["route"], "model");
    assert_eq!(asked["not_reviewed"][0]["reason"], "consent");
    let body = repo.hookgate(["dry-run", "--show-payload"]).expect(0).stdout;
    assert!(body.contains("It sells shoes."), "{body}");

    let hash = repo.hookgate(["trust", "--hash"]).expect(0).stdout;
    repo.hookgate(["trust", "--accept", hash.trim()]).expect(0);
    let trusted = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(trusted["not_reviewed"], serde_json::json!([]));
}

#[test]
fn a_place_is_told_what_became_of_it() {
    let repo = repo();
    repo.stage("shop.py", "def f(a):\n    # one more\n    return a + 2\n");
    let whole = repo.hookgate(["explain", "shop.py"]).expect(0).stdout;
    assert!(whole.starts_with("shop.py:2-3  f\n  class    "), "{whole}");
    let line = repo.hookgate(["explain", "shop.py:3", "--format", "json"]).expect(0).json();
    assert_eq!((&line["units"][0]["name"], &line["units"][0]["route"]), (&"f".into(), &"model".into()));
    let old = repo.hookgate(["explain", "shop.py:2", "--old"]).expect(0).stdout;
    assert!(old.contains("route    model"), "{old}");

    let other = repo.hookgate(["explain", "shop.py:1"]).expect(0).stdout;
    assert_eq!(other, "shop.py:1 did not change; new lines that did: 2-3\n");
    let beyond = |args: &[&str]| repo.hookgate(["explain"].iter().chain(args)).expect(2).stderr;
    assert!(beyond(&["shop.py:4"]).contains("`shop.py` has only 3 lines after the change"));
    assert!(beyond(&["shop.py:3", "--old"]).contains("`shop.py` has only 2 lines before the change"));
    assert!(beyond(&["shop.py:0"]).contains("lines count from 1"));
    let unknown = repo.hookgate(["explain", "shop.pi:1"]).expect(2).stderr;
    assert!(unknown.contains("did you mean `shop.py`?"), "{unknown}");

    repo.git(["commit", "--quiet", "--message=second"]).expect(0);
    let commit = repo.hookgate(["explain", "README.md:3", "--commit", "HEAD"]).expect(0).stdout;
    assert!(commit.contains("route    rules"), "{commit}");
    let nothing = repo.hookgate(["explain", "README.md"]).expect(2).stderr;
    assert!(nothing.contains("nothing else did"), "{nothing}");

    repo.git(["mv", "shop.py", "store.py"]).expect(0);
    let renamed = repo.hookgate(["explain", "shop.py"]).expect(0).stdout;
    assert!(renamed.starts_with("store.py  (was shop.py)\n"), "{renamed}");
    let renamed = repo.hookgate(["explain", "shop.py", "--format", "json"]).expect(0).json();
    assert_eq!((&renamed["path"], &renamed["old_path"]), (&"store.py".into(), &"shop.py".into()));

    repo.git(["rm", "--quiet", "--cached", "store.py"]).expect(0);
    let gone = repo.hookgate(["explain", "shop.py:1"]).expect(0).stdout;
    assert_eq!(gone, "shop.py:1 did not change; new lines that did: none; old ones, with --old: 1-3\n");
}

#[test]
fn a_payload_that_grows_is_said_in_every_format() {
    let repo = repo();
    repo.write("hookgate.toml", "[alerts]\nmin_compression = 100\nmax_payload_tokens = 3\n");
    repo.stage("shop.py", "def f(a):\n    return a + 2 - a // 3\n");
    let said = |format| repo.hookgate(["dry-run", "--format", format]).expect(0);
    let text = said("text").stdout;
    assert!(text.contains("alert: ") && text.contains("([alerts] min_compression)"), "{text}");
    let names: Vec<_> =
        said("json").json()["alerts"].as_array().unwrap().iter().map(|alert| alert["name"].clone()).collect();
    assert_eq!(names, ["max_payload_tokens", "min_compression"]);
    assert!(said("github").stdout.contains("::warning title=hookgate max_payload_tokens::"));
    assert!(said("sarif").stdout.contains("alert/min_compression"));

    repo.write("hookgate.toml", "[alerts]\nmin_compression = 0\n");
    let wrong = repo.hookgate(["dry-run"]).expect(2).stderr;
    assert!(wrong.contains("0 is no ratio"), "{wrong}");
}

#[test]
fn documentation_that_changed_beside_code_is_sent_or_said_to_be_left_to_rules() {
    let repo = Repo::with(&[("shop.py", "def f(a):\n    \"\"\"One more.\"\"\"\n    return a + 1\n")]);
    repo.stage("shop.py", "def f(a):\n    \"\"\"Two more.\"\"\"\n    return g(a) + 2\n");
    let said = || {
        let json = repo.hookgate(["dry-run", "--format", "json"]).expect(0).json();
        let reason = json["files"][0]["units"][0]["reason"].as_str().unwrap_or_default().to_owned();
        (reason, repo.hookgate(["dry-run", "--show-payload"]).expect(0).stdout)
    };
    let (usual, body) = said();
    assert!(usual.ends_with("; 2 lines of documentation left to rules ([review] documentation)"), "{usual}");
    assert!(body.contains("g(a) + 2") && !body.contains("Two more."), "{body}");

    repo.write("hookgate.toml", "[review]\ndocumentation = \"model\"\n");
    let (asked, body) = said();
    assert!(!asked.contains("documentation"), "{asked}");
    assert!(body.contains("One more.") && body.contains("Two more."), "{body}");
}
