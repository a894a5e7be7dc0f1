use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::meter::store::RecordedUsage;

/// 2026-11-23, 12:00 UTC.
const NOON: u64 = 1_795_435_200_000;
const DAY: u64 = 24 * 60 * 60 * 1000;
const ALL: Period = Period { since: 0, until: None };

fn row(time: u64) -> LedgerRow {
    LedgerRow {
        id: "1".to_owned(),
        run: "2".to_owned(),
        state: State::Settled,
        time,
        day: window_ids(time).0,
        attribution: Attribution {
            user: "ada".to_owned(),
            repository: "acme/web".to_owned(),
            branch: Some("main".to_owned()),
            team: None,
            hook: "pre-commit".to_owned(),
            stage: "local".to_owned(),
            ci_run: None,
            labels: BTreeMap::new(),
        },
        provider: "openai".to_owned(),
        model: "gpt".to_owned(),
        tier: "remote".to_owned(),
        estimate_input: 1500,
        estimate_output: 300,
        usage: Some(usage(1200, 64)),
        cost: Some(PicoUsd::from_usd(0.0012)),
        price_source: "user".to_owned(),
        energy: None,
        counted_input: 1150,
        because: "first".to_owned(),
        breaker: "closed".to_owned(),
        raw_tokens: 900,
        payload_tokens: 300,
        payload_hash: String::new(),
        latency_ms: Some(1234),
        outcome: Some("ok".to_owned()),
    }
}

fn usage(input: u64, output: u64) -> RecordedUsage {
    RecordedUsage { input, cached_input: input / 4, cache_write: 0, output, source: "reported".to_owned() }
}

fn units(route: &str, raw_tokens: Option<u64>, saved_tokens: u64) -> RecordedUnits {
    let LedgerRow { attribution, .. } = row(0);
    RecordedUnits { time: NOON, attribution, route: route.to_owned(), units: 2, raw_tokens, saved_tokens }
}

fn sample(by: &[By]) -> Spend {
    let mut spend = Spend::new(by.to_vec(), ALL);
    let mut on_branch = row(NOON);
    on_branch.attribution.branch = Some("fix/a, \"b\"\u{1b}[2J".to_owned());
    on_branch.cost = None;
    on_branch.outcome = Some("timeout".to_owned());
    on_branch.state = State::ChargedFull;
    on_branch.usage = Some(usage(1500, 300));
    let mut denied = row(NOON - DAY);
    denied.state = State::Denied;
    denied.outcome = Some("budget:day".to_owned());
    (denied.usage, denied.cost, denied.latency_ms) = (None, Some(PicoUsd::ZERO), None);
    let mut open = row(NOON);
    open.state = State::Dispatched;
    (open.usage, open.outcome, open.latency_ms) = (None, None, None);
    let mut local = row(NOON);
    local.attribution.repository = "ada/notes".to_owned();
    (local.attribution.branch, local.cost) = (None, Some(PicoUsd::ZERO));
    local.latency_ms = Some(61_000);
    for row in [row(NOON), row(NOON - DAY), on_branch, denied, open, local] {
        spend.request(&row);
    }
    for units in [
        units("cache", Some(70), 512),
        units("drop", Some(40), 0),
        units("rules", Some(8), 0),
        units("drop", None, 0),
        units("model", Some(900), 0),
        units("not_reviewed", Some(11), 0),
    ] {
        spend.units(&units);
    }
    spend
}

fn text(spend: &Spend, width: Option<usize>) -> String {
    let mut out = Vec::new();
    spend.write(SpendFormat::Text, width, &mut out).unwrap();
    anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
}

fn csv(spend: &Spend) -> String {
    let mut out = Vec::new();
    spend.write(SpendFormat::Csv, None, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn people_read_this() {
    insta::assert_snapshot!(text(&sample(&[By::Repository, By::Branch]), None), @r#"
    spend since 1970-01-01 (UTC)
    repository  branch               requests  denied  failed  input  cached  output         cost  avoided    p50    p95  reserved
    acme/web    main                        4       1          2,400     600     128      $0.0024      560  1.2 s  1.2 s     3,600  ██████████
    acme/web    fix/a, "b"\u{1b}[2J         1               1  1,500     375     300            ?           1.2 s  1.2 s     1,800  ░░░░░░░░░░
    ada/notes   –                           1                  1,200     300      64           $0            61 s   61 s     1,800  ░░░░░░░░░░
    total                                   6       1       1  5,100   1,275     492  $0.0024 + ?      560  1.2 s   61 s     7,200
    note: ? is the cost of 1 request to models whose price is unknown; [prices."provider/model"] in your own file gives it
    1 request under way
    avoided: 512 tokens that earlier reviews took, 48 of the plain diff of what was dropped or answered by rules
    avoided and not counted: 2 units of runs that had nothing to send
    "#);
}

#[test]
fn a_narrow_terminal_shows_what_matters() {
    let text = text(&sample(&[By::Repository, By::Branch]), Some(72));
    assert!(text.lines().skip(1).take(5).all(|line| line.chars().count() <= 72), "{text}");
    insta::assert_snapshot!(text.lines().skip(1).take(5).collect::<Vec<_>>().join("\n"), @r#"
    repository  branch               requests  input  output         cost
    acme/web    main                        4  2,400     128      $0.0024
    acme/web    fix/a, "b"\u{1b}[2J         1  1,500     300            ?
    ada/notes   –                           1  1,200      64           $0
    total                                   6  5,100     492  $0.0024 + ?
    "#);
}

#[test]
fn what_was_not_sent_has_no_model() {
    insta::assert_snapshot!(text(&sample(&[By::Model, By::Reason]), None), @r#"
    spend since 1970-01-01 (UTC)
    model  reason      requests  denied  failed  input  cached  output         cost  avoided    p50    p95  reserved
    gpt    ok                 3                  3,600     900     192      $0.0024           1.2 s   61 s     5,400  ██████████
    gpt    timeout            1               1  1,500     375     300            ?           1.2 s  1.2 s     1,800  ░░░░░░░░░░
    gpt    budget:day         1       1              0               0           $0                                   ░░░░░░░░░░
    gpt    dispatched         1                      0               0           $0                                   ░░░░░░░░░░
    total                     6       1       1  5,100   1,275     492  $0.0024 + ?      560  1.2 s   61 s     7,200
    note: ? is the cost of 1 request to models whose price is unknown; [prices."provider/model"] in your own file gives it
    1 request under way
    avoided: 512 tokens that earlier reviews took, 48 of the plain diff of what was dropped or answered by rules
    avoided and not counted: 2 units of runs that had nothing to send
    "#);
}

#[test]
fn nothing_is_a_bill_too() {
    insta::assert_snapshot!(text(&Spend::new(vec![By::Repository], ALL), None), @r"
    spend since 1970-01-01 (UTC)
    no request was made, and none avoided
    ");
    assert_eq!(csv(&Spend::new(vec![By::Day], ALL)).lines().count(), 1);
}

#[test]
fn spreadsheets_read_this() {
    insta::assert_snapshot!(csv(&sample(&[By::Branch, By::Label("a,b".to_owned())])), @r#"
    branch,"label:a,b",requests,ok,denied,failed,open,input_tokens,cached_input_tokens,output_tokens,reserved_tokens,cost_usd,known_cost_pico_usd,unpriced_requests,energy_pico_usd,latency_p50_ms,latency_p95_ms,avoided_cache_tokens,avoided_diff_tokens,avoided_uncounted_units
    main,,4,2,1,0,1,2400,600,128,3600,0.002400000000,2400000000,0,,1234,1234,512,48,2
    "fix/a, ""b""\u{1b}[2J",,1,0,0,1,0,1500,375,300,1800,,0,1,,1234,1234,0,0,0
    ,,1,1,0,0,0,1200,300,64,1800,0.000000000000,0,0,,61000,61000,0,0,0
    "#);
}

#[test]
fn no_name_is_a_formula() {
    let mut spend = Spend::new(vec![By::Branch], ALL);
    for branch in ["=HYPERLINK(\"https://evil.example\",1)", "+1", "-1", "@sum", "\tx", "main"] {
        let mut row = row(NOON);
        row.attribution.branch = Some(branch.to_owned());
        spend.request(&row);
    }
    let csv = csv(&spend);
    let names: Vec<_> = csv.lines().skip(1).map(|line| line.split_once(",1,").unwrap().0).collect();
    for name in ["'+1", "'-1", "'@sum", "'\\u{9}x", "main"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(csv.contains("\"'=HYPERLINK(\"\"https://evil.example\"\",1)\","), "{csv}");
}

#[test]
fn programs_read_this() {
    let mut out = Vec::new();
    sample(&[By::Day]).write(SpendFormat::Json, None, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
    {
      "by": [
        "day"
      ],
      "groups": [
        {
          "avoided": {
            "cache_tokens": 0,
            "diff_tokens": 0,
            "uncounted_units": 0
          },
          "cached_input_tokens": 300,
          "cost_usd": 0.0012,
          "denied": 1,
          "energy_usd": null,
          "failed": 0,
          "input_tokens": 1200,
          "key": {
            "day": "2026-11-22"
          },
          "known_cost_pico_usd": 1200000000,
          "latency_ms": {
            "p50": 1234,
            "p95": 1234
          },
          "ok": 1,
          "open": 0,
          "output_tokens": 64,
          "requests": 2,
          "reserved_tokens": 1800,
          "unpriced_requests": 0
        },
        {
          "avoided": {
            "cache_tokens": 512,
            "diff_tokens": 48,
            "uncounted_units": 2
          },
          "cached_input_tokens": 975,
          "cost_usd": null,
          "denied": 0,
          "energy_usd": null,
          "failed": 1,
          "input_tokens": 3900,
          "key": {
            "day": "2026-11-23"
          },
          "known_cost_pico_usd": 1200000000,
          "latency_ms": {
            "p50": 1234,
            "p95": 61000
          },
          "ok": 2,
          "open": 1,
          "output_tokens": 428,
          "requests": 4,
          "reserved_tokens": 5400,
          "unpriced_requests": 1
        }
      ],
      "notes": [],
      "since": "1970-01-01T00:00:00Z",
      "total": {
        "avoided": {
          "cache_tokens": 512,
          "diff_tokens": 48,
          "uncounted_units": 2
        },
        "cached_input_tokens": 1275,
        "cost_usd": null,
        "denied": 1,
        "energy_usd": null,
        "failed": 1,
        "input_tokens": 5100,
        "known_cost_pico_usd": 2400000000,
        "latency_ms": {
          "p50": 1234,
          "p95": 61000
        },
        "ok": 3,
        "open": 1,
        "output_tokens": 492,
        "requests": 6,
        "reserved_tokens": 7200,
        "unpriced_requests": 1
      },
      "until": null,
      "version": 1
    }
    "#);
}

#[test]
fn a_period_has_a_first_and_a_last_moment() {
    let mut spend = Spend::new(vec![By::Day], Period { since: NOON, until: Some(NOON + DAY) });
    for time in [NOON - 1, NOON, NOON + DAY - 1, NOON + DAY] {
        spend.request(&row(time));
    }
    assert_eq!(spend.total.requests, 2);
}

fn any_row() -> impl Strategy<Value = LedgerRow> {
    let attribution = (
        select(vec!["a/x", "b/y"]),
        proptest::option::of(select(vec!["main", "fix"])),
        proptest::option::of(select(vec!["1", "2"])),
        select(vec!["alpha", "beta"]),
    );
    let figures = (
        proptest::option::of((0..5000_u64, 0..500_u64)),
        proptest::option::of(0..10_000_000_u64),
        proptest::option::of(0..90_000_u64),
        select(vec![
            State::Reserved,
            State::Dispatched,
            State::Settled,
            State::ChargedFull,
            State::Released,
            State::Denied,
        ]),
        select(vec!["ok", "timeout"]),
        0..40_u64,
    );
    (attribution, figures).prop_map(|((repository, branch, label, model), figures)| {
        let (tokens, cost, latency, state, outcome, days) = figures;
        let mut row = row(NOON - days * DAY);
        row.attribution.repository = repository.to_owned();
        row.attribution.branch = branch.map(str::to_owned);
        row.attribution.labels.extend(label.map(|value| ("cost".to_owned(), value.to_owned())));
        row.model = model.to_owned();
        row.usage = tokens.map(|(input, output)| usage(input, output));
        row.cost = cost.map(PicoUsd);
        row.latency_ms = latency.filter(|_| tokens.is_some());
        row.state = state;
        row.outcome = Some(outcome.to_owned());
        row
    })
}

proptest! {
    /// Groups are what filtering the ledger for each of their keys comes to, and add up to the total.
    #[test]
    fn groups_are_what_a_filter_finds(rows in proptest::collection::vec(any_row(), 0..60)) {
        let by = [By::Label("cost".to_owned()), By::Month, By::Repository, By::Model, By::Branch];
        let mut spend = Spend::new(by.to_vec(), ALL);
        rows.iter().for_each(|row| spend.request(row));
        let mut found = 0;
        for (key, sums) in spend.sorted() {
            let of_group: Vec<_> = rows
                .iter()
                .filter(|row| {
                    row.attribution.labels.get("cost") == key[0].as_ref()
                        && key[1].as_deref().is_some_and(|month| row.day.starts_with(month))
                        && Some(&row.attribution.repository) == key[2].as_ref()
                        && Some(&row.model) == key[3].as_ref()
                        && row.attribution.branch == key[4]
                })
                .collect();
            found += of_group.len();
            let usages = || of_group.iter().filter_map(|row| row.usage.as_ref().map(|usage| (row, usage)));
            prop_assert_eq!(sums.requests, of_group.len() as u64);
            prop_assert_eq!(sums.ok + sums.denied + sums.failed + sums.open, sums.requests);
            prop_assert_eq!(sums.input, usages().map(|(_, usage)| usage.input).sum::<u64>());
            prop_assert_eq!(sums.used(), usages().map(|(_, usage)| usage.input + usage.output).sum::<u64>());
            let cost: u64 = usages().filter_map(|(row, _)| row.cost).map(|cost| cost.0).sum();
            prop_assert_eq!(sums.cost.0, cost);
            let unpriced = usages().filter(|(row, usage)| row.cost.is_none() && usage.input + usage.output > 0);
            prop_assert_eq!(sums.unpriced, unpriced.count() as u64);
            let latencies: Vec<_> = of_group.iter().filter_map(|row| row.latency_ms).collect();
            match sums.latency() {
                None => prop_assert!(latencies.is_empty()),
                Some([p50, p95]) => {
                    let up_to = |bound| latencies.iter().filter(|&&latency| latency <= bound).count();
                    prop_assert!(up_to(p50) * 2 >= latencies.len() && up_to(p95) * 20 >= latencies.len() * 19);
                    prop_assert!(latencies.contains(&p50) && latencies.contains(&p95) && p50 <= p95);
                }
            }
        }
        prop_assert_eq!(found, rows.len());
        prop_assert_eq!(spend.total.requests, rows.len() as u64);
        let costs: u64 = spend.groups.values().map(|sums| sums.cost.0).sum();
        prop_assert_eq!(spend.total.cost.0, costs);
    }

    /// Of groups in one group, the dearer comes first, and days come in their order.
    #[test]
    fn the_dearest_comes_first(rows in proptest::collection::vec(any_row(), 0..60)) {
        let mut spend = Spend::new(vec![By::Repository, By::Day, By::Model], ALL);
        rows.iter().for_each(|row| spend.request(row));
        let weight = |prefix: &[Option<String>]| {
            let of_prefix = spend.groups.iter().filter(|(key, _)| key.starts_with(prefix));
            of_prefix.fold((0, 0), |(cost, tokens), (_, sums)| (cost + sums.cost.0, tokens + sums.used()))
        };
        let sorted = spend.sorted();
        for pair in sorted.windows(2) {
            let (one, other) = (pair[0].0, pair[1].0);
            if one[0] != other[0] {
                prop_assert!(weight(&one[..1]) >= weight(&other[..1]));
                prop_assert!(!sorted.iter().skip_while(|(key, _)| key != &one).skip(1).any(|(key, _)| key[0] == one[0]));
            } else if one[1] != other[1] {
                prop_assert!(one[1] < other[1]);
            } else {
                prop_assert!(weight(one) >= weight(other));
            }
        }
    }
}
