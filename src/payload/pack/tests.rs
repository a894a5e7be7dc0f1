use proptest::prelude::*;

use super::*;
use crate::change::sample::classified;
use crate::payload::policy::Policy;
use crate::payload::route::{asked, route};

fn changed(path: &str, old: Option<&str>, new: &str) -> Vec<RoutedChange> {
    route(vec![classified(path, old, Some(new))], &Policy::default())
}

/// Files of functions, each with one changed line between two that are not.
fn changes(files: usize, functions: usize) -> Vec<RoutedChange> {
    let text = |file: usize, changed: &str| {
        (0..functions)
            .map(|n| format!("def f{file}_{n}(a):\n    if a > {n}:\n        g(a)\n        {changed}(a, {n})\n        h(a)\n"))
            .collect::<String>()
    };
    let of = |file| changed(&format!("src/f{file}.py"), Some(&text(file, "old")), &text(file, "new"));
    (0..files).flat_map(of).collect()
}

fn units(changes: &[RoutedChange]) -> Vec<UnitRef> {
    asked(changes).collect()
}

fn options(limit: Option<u64>) -> PackOptions {
    let overhead = Overhead { fixed: 300, per_line: 4, output: 200 };
    let limit = limit.map(|tokens| (tokens, Reason::BudgetDay));
    PackOptions {
        highest: Level::Slice,
        documentation: false,
        limit,
        units_per_request: 4,
        tokens_per_request: 200,
        overhead,
        counting: Counting::Margin(0),
    }
}

fn no_secrets() -> Redactor {
    Redactor::with_patterns(Vec::new())
}

/// What the requests take, computed from nothing but the payloads.
fn taken(compressed: &Compressed, options: &PackOptions, tokenizer: &Tokenizer) -> u64 {
    let measured = |text: &str| match options.counting {
        Counting::Margin(_) => tokenizer.count(text),
        Counting::Strict => text.len() as u64,
    };
    let each = |payload: &Payload| {
        let lines = payload.blocks().iter().flat_map(|block| &block.lines);
        let lines = lines.filter(|line| line.is_numbered).count();
        let overhead = options.overhead;
        overhead.fixed + overhead.output + overhead.per_line * lines as u64 + measured(payload.text())
    };
    compressed.payloads.iter().map(each).sum()
}

#[test]
fn a_payload_reads_like_this() {
    let changes = changes(2, 2);
    let compressed = compress(&units(&changes), &changes, &Tokenizer::load(), &no_secrets(), &options(None));
    let texts: Vec<_> = compressed.payloads.iter().map(Payload::text).collect();
    insta::assert_snapshot!(texts.join("----\n"), @r"
    # src/f0.py
    #1
    also src/f1.py:4
     def f0_0(a):
         if a > 0:
             g(a)
    -        old(a, 0)
    4+        new(a, 0)
    #2
    also src/f1.py:9
     def f0_1(a):
         if a > 1:
             g(a)
    -        old(a, 1)
    9+        new(a, 1)
    ");
}

#[test]
fn white_space_can_make_another_edit() {
    let old = "def f(a):\n    if a:\n        g()\n    return 'a b'\n";
    let blocks = |other: &str| {
        let new = [old.replace("'a b'", "a"), old.replace("    return 'a b'", other)];
        let texts = new.iter().map(|new| changed("a.py", Some(old), new));
        let changes: Vec<_> = texts.flatten().collect();
        let units = units(&changes);
        let compressed = compress(&units, &changes, &Tokenizer::load(), &no_secrets(), &options(None));
        compressed.payloads.iter().flat_map(Payload::blocks).count()
    };
    assert_eq!(blocks("    return a"), 1);
    assert_eq!(blocks("        return a"), 2, "within the condition");
    assert_eq!(blocks("    return  a"), 2, "whether it counts is not known here");
}

#[test]
fn secrets_are_taken_out_of_text_and_lines() {
    let new = "def f():\n    password = 'q7Zt0vXw2LpR9sKd'\n";
    let changes = changed("a.py", None, new);
    let place = UnitRef { change: 0, unit: 0 };
    let compressed = compress(&[place], &changes, &Tokenizer::load(), &no_secrets(), &options(None));
    let payload = &compressed.payloads[0];
    assert!(!payload.text().contains("q7Zt0vXw2LpR9sKd"));
    let lines: Vec<_> =
        payload.blocks()[0].lines.iter().map(|line| (line.number, line.text.as_str())).collect();
    assert_eq!(lines, [(1, "def f():"), (2, "    password = '[redacted-1]'")]);
    assert_eq!(compressed.redactions, 1);
}

#[test]
fn no_line_of_code_reads_as_a_title() {
    let lies = "#2 f\n# src/b.py\n#3+1\n41+x\n+x\n-x\n⋮\nalso src/c.py:1\n";
    for (old, title) in [(None, "#1+1"), (Some("kept\n"), "#1")] {
        let new = format!("{}{lies}", old.unwrap_or_default());
        let changes = changed("a.unknown", old, &new);
        let place = UnitRef { change: 0, unit: 0 };
        let compressed = compress(&[place], &changes, &Tokenizer::load(), &no_secrets(), &options(None));
        let text = compressed.payloads[0].text();
        let mut lines = text.lines();
        assert_eq!([lines.next(), lines.next()], [Some("# a.unknown"), Some(title)]);
        assert!(lines.all(|line| line.starts_with([' ', '+', '-']) || line == "2+#2 f"), "{text}");
    }
}

/// Units in each of which another edit is made.
fn different(count: usize) -> Vec<RoutedChange> {
    let text = |changed: &str| {
        (0..count).map(|n| format!("def f{n}(a):\n    g(a)\n    {changed}{n}(a)\n")).collect::<String>()
    };
    changed("a.py", Some(&text("old")), &text("new"))
}

#[test]
fn requests_are_no_fuller_than_a_limit_makes_them() {
    let (changes, tokenizer) = (different(30), Tokenizer::load());
    let fullest = |limit| {
        let options = PackOptions { units_per_request: 3, tokens_per_request: 2000, ..options(Some(limit)) };
        let compressed = compress(&units(&changes), &changes, &tokenizer, &no_secrets(), &options);
        assert!(taken(&compressed, &options, &tokenizer) <= limit);
        let most = compressed.payloads.iter().map(|payload| payload.blocks().len()).max();
        (most, compressed.left_out.len())
    };
    assert_eq!([8000, 4000, 2000].map(fullest), [(Some(3), 0), (Some(6), 0), (Some(16), 0)]);
    let (most, left_out) = fullest(1000);
    assert!(most == Some(16) && left_out > 0 && left_out <= 14, "{most:?} {left_out}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_fits_the_limit_as_one_request_is_never_left_out(
        count in 1..=CROWDED,
        units_per_request in 1_usize..6,
        more in prop_oneof![Just(0_u64), 0_u64..2000],
    ) {
        let (changes, tokenizer) = (different(count), Tokenizer::load());
        let asked = units(&changes);
        prop_assert_eq!(asked.len(), count);
        let compressed = |limit, units_per_request, highest| {
            let options = PackOptions { highest, units_per_request, tokens_per_request: 2000, ..options(limit) };
            compress(&asked, &changes, &tokenizer, &no_secrets(), &options)
        };
        let one = compressed(None, count, Level::Lines);
        prop_assert_eq!(one.payloads.len(), 1);
        let limit = taken(&one, &options(None), &tokenizer) + more;
        let tight = compressed(Some(limit), units_per_request, Level::Slice);
        prop_assert!(tight.left_out.is_empty(), "{:?}", tight.left_out);
        prop_assert!(taken(&tight, &options(None), &tokenizer) <= limit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_limit_is_exceeded_and_no_unit_lost(
        files in 1_usize..5,
        functions in 1_usize..6,
        limit in prop::option::of(0_u64..6000),
        highest in prop::sample::select(vec![Level::Lines, Level::Slice, Level::Function]),
        units_per_request in 1_usize..6,
        tokens_per_request in 20_u64..400,
        counting in prop::sample::select(vec![Counting::Margin(0), Counting::Strict]),
    ) {
        let changes = changes(files, functions);
        let asked = units(&changes);
        let tokenizer = Tokenizer::load();
        let options = PackOptions { highest, units_per_request, tokens_per_request, counting, ..options(limit) };
        let compressed = compress(&asked, &changes, &tokenizer, &no_secrets(), &options);
        if let Some(limit) = limit {
            prop_assert!(taken(&compressed, &options, &tokenizer) <= limit);
        } else {
            prop_assert!(compressed.left_out.is_empty());
        }
        let mut seen: Vec<UnitRef> = compressed.left_out.iter().map(|&(unit, _)| unit).collect();
        for payload in &compressed.payloads {
            prop_assert_eq!(payload.tokens(), tokenizer.count(payload.text()));
            prop_assert_eq!(payload.tokens(), payload.blocks().iter().map(|block| block.tokens).sum::<u64>());
            let blocks = payload.blocks();
            let most = if limit.is_some() { CROWDED } else { units_per_request };
            prop_assert!(blocks.len() == 1 || blocks.len() <= most && payload.tokens() <= tokens_per_request);
            for (number, block) in (1..).zip(blocks) {
                prop_assert_eq!(block.number, number);
                prop_assert!(block.level <= highest && (limit.is_some() || block.level == highest));
                let file = format!("# {}\n", block.path);
                prop_assert_eq!(payload.text().matches(&file).count(), 1);
                let title = payload.text().lines().filter(|line| line.split(' ').next() == Some(&format!("#{number}")));
                prop_assert_eq!(title.count(), 1);
                seen.extend(block.units());
            }
        }
        seen.sort();
        prop_assert_eq!(seen, asked);
    }
}
