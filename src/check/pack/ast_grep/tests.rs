//! What `tests/integration/packs.rs` does not hold against ast-grep itself.

use super::*;
use crate::check::finding::Severity;
use crate::check::pack::{PackError, RuleOptions, RuleSet};

fn source(file: &str, text: &str) -> PackSource {
    PackSource { file: file.to_owned(), text: text.to_owned() }
}

fn project(settings: PackSource, rules: &[&str]) -> AstGrepProject {
    let rules = rules.iter().enumerate().map(|(index, text)| source(&format!("r{index}.yml"), text));
    AstGrepProject { rules: rules.collect(), ..AstGrepProject::parse(settings).unwrap() }
}

fn load(project: AstGrepProject) -> Result<RuleSet, PackError> {
    RuleSet::new(RuleOptions { ast_grep: vec![project], ..RuleOptions::default() })
}

/// Rules that match in a file.
fn found(set: &RuleSet, path: &str, text: &str) -> Vec<String> {
    let path = RepoPath::new(path);
    let text = Text { text, language: None, tree: None };
    let mut matches = Vec::new();
    set.ast_grep.find(&path, &text, &|rule| set.is_enabled(rule), &mut matches);
    matches.into_iter().map(|found| found.rule.id.clone()).collect()
}

const CALL: &str = "id: call\nlanguage: python\nrule: { pattern: f() }\n";

#[test]
fn each_wrong_utility_rule_is_named_and_none_that_is_right() {
    let util = |id: &str, rule: &str| {
        source(&format!("{id}.yml"), &format!("id: {id}\nlanguage: python\nrule: {rule}\n"))
    };
    let mut project = project(source("sgconfig.yml", "ruleDirs: []"), &[]);
    project.utils = vec![
        util("outer", "{ has: { matches: inner } }"),
        util("wrong", "{ kind: no_such_kind }"),
        util("inner", "{ kind: call }"),
        util("cyclic", "{ any: [{ matches: cyclic }] }"),
    ];
    insta::assert_snapshot!(load(project).err().unwrap(), @r"
    cyclic.yml:1: utility rule `cyclic` does not compile: Rule `cyclic` has a cyclic dependency in its `matches` sub-rule.
    wrong.yml:1: utility rule `wrong` does not compile: Kind `no_such_kind` is invalid.
    ");
}

#[test]
fn globs_begin_at_the_settings() {
    let rule = format!("{CALL}files: ['src/*']\n");
    let set = load(project(source("web/app/sgconfig.yml", ""), &[&rule])).unwrap();
    assert_eq!(found(&set, "web/app/src/deep/a.py", "f()\n"), ["call"]);
    assert!(found(&set, "web/src/a.py", "f()\n").is_empty());
    // ast-grep takes paths that are not below the settings as they are.
    assert_eq!(found(&set, "src/a.py", "f()\n"), ["call"]);
}

#[test]
fn a_rule_that_is_off_runs_where_it_is_given_a_severity() {
    let rules = [&*format!("{CALL}severity: off\n"), "id: other\nlanguage: python\nrule: { kind: string }\n"];
    let of = |severity: BTreeMap<String, Severity>| {
        let ast_grep = vec![project(source("sgconfig.yml", ""), &rules)];
        RuleSet::new(RuleOptions { ast_grep, severity, ..RuleOptions::default() }).unwrap()
    };
    assert!(found(&of(BTreeMap::new()), "a.py", "f()\n").is_empty());
    let switched_on = of([("call".to_owned(), Severity::Error)].into());
    assert_eq!(found(&switched_on, "a.py", "f()\n"), ["call"]);
}

#[test]
fn what_has_no_effect_is_no_error_and_is_said() {
    let settings = "languageInjections:\n- { hostLanguage: js, rule: { pattern: a }, injected: css }\n\
                    customLanguages:\n  mojo: { libraryPath: mojo.so, extensions: [py] }\n";
    let rules = [CALL, "id: m\nlanguage: mojo\nrule: { kind: call }\n", "id: s\nlanguage: Swift\nrule: {}\n"];
    let set = load(project(source("sgconfig.yml", settings), &rules)).unwrap();
    let said: Vec<_> = set.unsupported().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    sgconfig.yml:1: `languageInjections`: no effect here: of code within other code, only scripts and styles in HTML are read
    r1.yml:1: rule `m` does not run: hookgate has no grammar for mojo
    r2.yml:1: rule `s` does not run: hookgate has no grammar for Swift
    ");
    // The files are those of the project's own parser.
    assert!(found(&set, "a.py", "f()\n").is_empty());
}

#[test]
fn a_comment_without_effect_depends_on_rules_that_are_not_wanted_too() {
    let rules = [CALL, "id: other\nlanguage: python\nrule: { pattern: g() }\n"];
    let set = load(project(source("sgconfig.yml", ""), &rules)).unwrap();
    let path = RepoPath::new("a.py");
    let text = Text {
        text: "f()  # ast-grep-ignore: call\nx = 1  # ast-grep-ignore: call\n",
        language: None,
        tree: None,
    };
    let mut matches = Vec::new();
    set.ast_grep.find(&path, &text, &|rule| rule.id != "call", &mut matches);
    let found: Vec<_> = matches.iter().map(|found| (found.rule.id.as_str(), found.range.start)).collect();
    assert_eq!(found, [("unused-suppression", 36)]);
}

#[test]
fn bundled_packs_are_not_parsed_to_compare_ids() {
    let set =
        load(project(source("sgconfig.yml", ""), &[CALL, "id: go/x\nlanguage: go\nrule: { kind: block }\n"]));
    assert_eq!(set.unwrap().parsed_packs(), ["rules/go.toml"]);
}
