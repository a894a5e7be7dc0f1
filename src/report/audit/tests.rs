//! Both forms of one audit.

use super::*;

fn audit() -> Audit {
    Audit {
        repository: "team/web".to_owned(),
        hook: "pre-commit".to_owned(),
        range: Some((ObjectId::ZERO, ObjectId::ZERO)),
        commits: 100,
        asked: 51,
        no_model: NoModel { proof: 20, policy: 28, cache: 0 },
        not_reviewed: 1,
        skipped: vec![Skipped {
            commit: ObjectId::ZERO,
            reason: "this clone lacks an object of it".to_owned(),
        }],
        by_class: BTreeMap::from([
            (ChangeClass::Whitespace, 3),
            (ChangeClass::Docs, 61),
            (ChangeClass::Real, 180),
        ]),
        tokens: Tokens {
            diff_u3: 120_000,
            diff_u3_code: 66_000,
            diff_u3_sent: 60_000,
            diff_w: 300_000,
            full_files: 1_350_000,
            payload: 30_000,
            input: 51_000,
        },
        requests: 64,
        max_output_tokens: 19_200,
        one_request_tokens: 850,
        per_commit: Some(PerCommit { p50: 900, p90: 3000, p95: 4200, mean: 1376 }),
        larger: vec![ObjectId::ZERO; 2],
        limits: vec![
            Candidate { name: "mean-20%", tokens: 1100, denied: 19, sends_nothing: false },
            Candidate { name: "p50", tokens: 900, denied: 25, sends_nothing: false },
            Candidate { name: "p90", tokens: 3000, denied: 5, sends_nothing: false },
            Candidate { name: "p95", tokens: 4200, denied: 2, sends_nothing: false },
        ],
        changed_lines: ChangedLines {
            total: 12_000,
            dropped: 1_200,
            rules: 5_990,
            cache: 0,
            sent: 4_800,
            not_reviewed: 10,
            uncovered: 0,
        },
        cost: Some(Cost {
            diff_u3: PicoUsd::from_usd(0.18),
            full_files: PicoUsd::from_usd(1.41),
            hookgate: PicoUsd::from_usd(0.0894),
        }),
        model: Some(ModelName {
            tier: "remote".to_owned(),
            provider: "openai".to_owned(),
            name: "model-1".to_owned(),
        }),
        price_source: Some(PriceSource::User),
        applied: None,
        elapsed: Duration::from_millis(12_500),
    }
}

/// The text without its colours.
fn plain(audit: &Audit, verbose: bool) -> String {
    anstream::adapter::strip_str(&text::render(audit, verbose)).to_string()
}

#[test]
fn people_see_where_the_lines_went_and_what_they_would_have_taken() {
    insta::assert_snapshot!(plain(&audit(), false), @"
    audit of team/web for pre-commit: 100 commits, 0000000000 to 0000000000

    changed lines               12,000
      dropped with proof         1,200   10 %  ███
      rules and policy           5,990   50 %  ███████████████
      sent to a model            4,800   40 %  ████████████
      not reviewed                  10    0 %  █

    tokens                                   ÷ sent
      git diff -U3                120,000       4.0
      git diff -U3, code           66,000       2.2
      git diff -U3, files sent     60,000       2.0
      git diff -W                 300,000      10.0
      whole files               1,350,000      45.0
      hookgate, code sent          30,000
      with instructions            51,000  in 64 requests

    48 of 100 commits need no model (48 %): 20 by proof, 28 by policy
    NOT REVIEWED: of 1 commit nothing can be sent, though a review is due
    51 commits ask one, and take of a token limit: p50 900, p90 3,000, p95 4,200, mean 1,376

    limits                      token_limit  would have cut short
      mean − 20 %                     1,100  19 of 51 commits  --apply writes it
      p50                               900  25 of 51 commits
      p90                             3,000  5 of 51 commits
      p95                             4,200  2 of 51 commits

    cost by openai model-1: plain diffs $0.18, whole files $1.41, hookgate $0.09 at most
    2 commits take more than their plain diff: 0000000000, 0000000000
    skipped: 1 commit
      0000000000  this clone lacks an object of it
    hookgate: 12.5 s, 8.0 commits a second, nothing was sent
    ");
}

#[test]
fn programs_read_every_figure() {
    let json = json::render(&audit()).unwrap().replace(&ObjectId::ZERO.to_string(), "ID");
    insta::assert_snapshot!(json, @r#"{"version":1,"repository":"team/web","hook":"pre-commit","commits":100,"range":["ID","ID"],"skipped":[{"commit":"ID","reason":"this clone lacks an object of it"}],"asked_commits":51,"no_model_commits":48,"no_model_by":{"proof":20,"policy":28,"cache":0},"not_reviewed_commits":1,"by_class":{"docs":61,"real":180,"whitespace":3},"tokens":{"diff_u3":120000,"diff_u3_code":66000,"diff_u3_sent":60000,"diff_w":300000,"full_files":1350000,"payload":30000,"input":51000},"ratios":{"diff_u3":4.0,"diff_u3_code":2.2,"diff_u3_sent":2.0,"diff_w":10.0,"full_files":45.0},"requests":64,"max_output_tokens":19200,"one_request_tokens":850,"per_commit":{"p50":900,"p90":3000,"p95":4200,"mean":1376,"larger_than_diff_u3":2},"larger":["ID","ID"],"proposed_limit":{"tokens":1100,"would_have_denied":19},"limits":[{"name":"mean-20%","tokens":1100,"denied":19,"sends_nothing":false},{"name":"p50","tokens":900,"denied":25,"sends_nothing":false},{"name":"p90","tokens":3000,"denied":5,"sends_nothing":false},{"name":"p95","tokens":4200,"denied":2,"sends_nothing":false}],"changed_lines":{"total":12000,"dropped":1200,"rules":5990,"cache":0,"sent":4800,"not_reviewed":10,"uncovered":0},"uncovered":0,"model":{"tier":"remote","provider":"openai","name":"model-1"},"price_source":"user","cost_usd":{"diff_u3":0.18,"full_files":1.41,"hookgate":0.0894},"applied":null,"elapsed_ms":12500}"#);
}

#[test]
fn a_limit_that_sends_nothing_says_so() {
    let mut audit = Audit { one_request_tokens: 1150, ..audit() };
    for limit in &mut audit.limits[..2] {
        limit.sends_nothing = true;
    }
    let text = plain(&audit, false);
    let said = "nothing would be sent: one request takes 1,150 before any code";
    assert!(text.contains(&format!("19 of 51 commits\n    {said}\n")), "{text}");
    assert!(text.contains(&format!("25 of 51 commits\n    {said}\n")), "{text}");
    assert!(!text.contains("--apply"), "the proposed limit cannot be written: {text}");
}

#[test]
fn one_commit_is_not_many() {
    let mut audit = Audit { commits: 1, asked: 1, larger: vec![ObjectId::ZERO], ..audit() };
    audit.no_model = NoModel::default();
    let text = plain(&audit, false);
    assert!(text.contains("\n0 of 1 commit needs no model (0 %)"), "{text}");
    assert!(text.contains("\n1 commit asks one, and takes of a token limit"), "{text}");
    assert!(text.contains("\n1 commit takes more than its plain diff"), "{text}");
    audit.commits = 2;
    audit.no_model.proof = 1;
    assert!(plain(&audit, false).contains("\n1 of 2 commits needs no model (50 %)"));
}

#[test]
fn what_is_unknown_is_no_figure() {
    let audit = Audit {
        cost: None,
        price_source: None,
        tokens: Tokens::default(),
        limits: vec![],
        per_commit: None,
        ..audit()
    };
    let text = plain(&audit, false);
    assert!(text.contains("cost by openai model-1: price unknown\n"), "{text}");
    assert!(!text.contains("token_limit"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&json::render(&audit).unwrap()).unwrap();
    for field in ["/cost_usd/hookgate", "/ratios/diff_w", "/proposed_limit"] {
        assert!(json.pointer(field).unwrap().is_null(), "{field}");
    }
    assert_eq!(json["price_source"], "unknown");
}

#[test]
fn a_limit_that_does_not_count_is_never_silent() {
    let applied = Applied {
        file: "hookgate.toml".to_owned(),
        hook: "pre-push".to_owned(),
        token_limit: 5000,
        in_force: 77,
        because: Some("`hook_tokens` in config.toml is lower".to_owned()),
        needs_consent: false,
    };
    let text = plain(&Audit { applied: Some(applied), ..audit() }, false);
    let end = text.lines().rev().take(3).collect::<Vec<_>>();
    assert_eq!(
        end[1..],
        [
            "note: 77 counts, and not 5,000: `hook_tokens` in config.toml is lower",
            "Wrote hookgate.toml: [hooks.pre-push] token_limit = 5000",
        ]
    );
    assert!(!text.contains("--apply"), "{text}");
}

#[test]
fn lines_that_were_lost_are_never_silent() {
    let mut audit = audit();
    audit.changed_lines.uncovered = 3;
    assert!(plain(&audit, false).contains("lost: 3 lines in no unit or in two\n"));
}
