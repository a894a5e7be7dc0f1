use super::*;
use crate::tokens::{Usage, UsageSource};

fn embedded() -> (Table, Lint) {
    Table::parse(include_str!("../table.json"), PriceSource::Embedded).unwrap()
}

/// A list of one entry per line: host, model, and the price as it is written.
fn list(rows: &[(&str, &str, &str)]) -> (Table, Lint) {
    let mut prices: BTreeMap<&str, BTreeMap<&str, serde_json::Value>> = BTreeMap::new();
    for (host, model, price) in rows {
        prices.entry(host).or_default().insert(model, serde_json::from_str(price).unwrap());
    }
    let json = serde_json::json!({"version": 1, "date": "2026-11-01", "source": "a test", "prices": prices});
    Table::parse(&json.to_string(), PriceSource::Updated).unwrap()
}

#[test]
fn the_list_in_this_program_is_believed_as_a_whole() {
    let (table, lint) = embedded();
    assert_eq!(lint.dropped, []);
    // The list as it is kept says itself what was not believed when it was made.
    let doubted = table.iter().filter(|(.., listed)| listed.suspect.is_some()).count();
    assert_eq!(doubted, lint.suspect.len());
    assert!(lint.suspect.iter().all(|(_, why)| why.starts_with("the price `cache_write` (0)")), "{lint:?}");
    assert_eq!(&table, Table::embedded());
    assert!(table.iter().count() > 60, "{}", table.iter().count());
    for (host, model, Listed { price, suspect }) in table.iter() {
        assert!(
            suspect.is_none() || price.cache_write == price.input,
            "{model}: what is doubtful costs the input"
        );
        assert!(!host.contains('/') && host.contains('.'), "{host}");
        assert!(price.cached_input <= price.input && price.input <= price.cache_write, "{model}");
        assert!(price.input.0 <= price.output.0 && price.output.0 < price.input.0 * 12, "{model}: {price:?}");
        assert_eq!(price.source, PriceSource::Embedded(table.date));
    }
}

#[test]
fn published_prices_give_published_costs() {
    // The arithmetic of the providers' own pages: USD per million tokens, each kind by itself.
    let table = Table::embedded();
    let cost = |host: &str, model: &str, usage: Usage| {
        let usage = Usage { source: UsageSource::Reported, ..usage };
        table.get(host, model).unwrap().price.cost(&usage).as_usd()
    };
    let usage = Usage { input: 1_000, cached_input: 600, cache_write: 300, output: 200, ..Usage::default() };
    let near = |is: f64, should: f64| assert!((is - should).abs() < 1e-12, "{is} is not {should}");
    let anthropic = "api.anthropic.com";
    near(
        cost(anthropic, "claude-haiku-4-5-20251001", usage),
        (100.0 * 1.0 + 600.0 * 0.10 + 300.0 * 1.25 + 200.0 * 5.0) / 1e6,
    );
    near(
        cost(anthropic, "claude-opus-4-8", usage),
        (100.0 * 5.0 + 600.0 * 0.50 + 300.0 * 6.25 + 200.0 * 25.0) / 1e6,
    );
    // OpenAI's mini of 2025 asks nothing for writing.
    near(cost("api.openai.com", "gpt-5-mini", usage), (400.0 * 0.25 + 600.0 * 0.025 + 200.0 * 2.0) / 1e6);
    let long = |input| Usage { input, output: 100, ..Usage::default() };
    near(cost(anthropic, "claude-haiku-5-5", long(100_000)), (100_000.0 * 0.1 + 100.0 * 0.5) / 1e6);
    near(cost(anthropic, "claude-haiku-5-5", long(100_001)), (100_001.0 * 0.5 + 100.0 * 2.5) / 1e6);
}

#[test]
fn only_the_exact_host_and_id_are_priced() {
    let table = Table::embedded();
    assert!(table.get("api.openai.com", "gpt-5-mini-2025-08-07").is_some());
    for (host, model) in [
        ("api.openai.com", "gpt-5-mini-2027-01-01"),
        ("api.openai.com", "openai/gpt-5-mini"),
        ("api.openai.com", "GPT-5-mini"),
        ("api.openai.com", "claude-haiku-4-5"),
        ("api.openai.com.example.org", "gpt-5-mini"),
        ("openai", "gpt-5-mini"),
        ("", ""),
    ] {
        assert_eq!(table.get(host, model), None, "{host}/{model}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_no_id() {
    let fine = r#"{"input": 1, "output": 5}"#;
    let (table, lint) = list(&[
        ("h.example", "a\u{1b}[2Kb", fine),
        ("h.example", "two words", fine),
        ("h.example", "", fine),
        ("h\u{202e}.example", "m", fine),
        ("h.example", "of-another", r#"{"input": 1, "output": 5, "also": ["c\u0007"]}"#),
        ("h.example", "fine", r#"{"input": 1, "output": 5, "suspect": "is\u001b[8m odd"}"#),
    ]);
    assert_eq!(table.iter().map(|(_, model, _)| model).collect::<Vec<_>>(), ["fine"]);
    assert_eq!(lint.dropped.len(), 5);
    let shown = lint.dropped.iter().chain(&lint.suspect).flat_map(|(name, why)| [name, why]);
    assert!(!shown.into_iter().any(|text| text.contains(is_unprintable)), "{lint:?}");
}

#[test]
fn what_cannot_be_is_dropped_and_what_is_doubtful_costs_the_input() {
    let (table, lint) = list(&[
        ("h.example", "fine", r#"{"input": 3, "cached_input": 0.3, "cache_write": 3.75, "output": 15}"#),
        ("h.example", "per-token", r#"{"input": 3e-6, "output": 15e-6}"#),
        ("h.example", "negative", r#"{"input": -1, "output": 5}"#),
        ("h.example", "free", r#"{"input": 0, "output": 0}"#),
        ("h.example", "free-output", r#"{"input": 1, "output": 0}"#),
        ("h.example", "dear", r#"{"input": 1, "output": 1001}"#),
        (
            "h.example",
            "long-is-cheaper",
            r#"{"input": 3, "output": 15, "long": {"above": 200000, "input": 2, "output": 15}}"#,
        ),
        ("h.example", "swapped", r#"{"input": 0.1, "cached_input": 1, "output": 5}"#),
        (
            "h.example",
            "write-24",
            r#"{"input": 0.25, "cached_input": 0.03, "cache_write": 6, "output": 1.25}"#,
        ),
        ("h.example", "write-below", r#"{"input": 15, "cache_write": 6, "output": 75}"#),
        ("h.example", "cached-for-nothing", r#"{"input": 1, "cached_input": 0, "output": 5}"#),
    ]);
    let names = |list: &[(String, String)]| {
        let names: Vec<_> =
            list.iter().map(|(name, _)| name.trim_start_matches("h.example/").to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(names(&lint.dropped), "dear free free-output long-is-cheaper negative per-token");
    assert_eq!(names(&lint.suspect), "cached-for-nothing swapped write-24 write-below");
    let price = |model| table.get("h.example", model).unwrap().price;
    assert_eq!((price("fine").cached_input.0, price("fine").cache_write.0), (300_000, 3_750_000));
    assert_eq!((price("swapped").cached_input, price("swapped").input.0), (price("swapped").input, 100_000));
    // The price of reading is believed although that of writing is not.
    assert_eq!((price("write-24").cached_input.0, price("write-24").cache_write.0), (30_000, 250_000));
    assert_eq!(price("write-below").cache_write.0, 15_000_000);
    assert_eq!(price("cached-for-nothing").cached_input.0, 1_000_000);
}

#[test]
fn litellms_list_is_trimmed_and_believed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model_prices.json");
    let json = r#"{
        "sample_spec": {"litellm_provider": "one of https://docs", "mode": "one of: chat", "input_cost_per_token": 0.0},
        "claude-haiku-4-5": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1e-06,
            "output_cost_per_token": 5e-06, "cache_read_input_token_cost": 1e-07,
            "cache_creation_input_token_cost": 1.25e-06, "cache_creation_input_token_cost_above_1hr": 2e-06},
        "claude-odd": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 2.5e-07,
            "output_cost_per_token": 1.25e-06, "cache_creation_input_token_cost": 6e-06},
        "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06,
            "output_cost_per_token": 1e-05, "input_cost_per_token_above_200k_tokens": 2.5e-06,
            "output_cost_per_token_above_200k_tokens": 1.5e-05, "input_cost_per_token_above_200k_tokens_priority": 1.0},
        "together_ai/meta-llama/Llama-3.3-70B": {"litellm_provider": "together_ai", "mode": "chat",
            "input_cost_per_token": 8.8e-07, "output_cost_per_token": 8.8e-07},
        "deepseek-chat": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 3e-07, "output_cost_per_token": 4e-07,
            "output_cost_per_reasoning_token": 3.5e-06},
        "deepseek/deepseek-chat": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 2.8e-07, "output_cost_per_token": 4e-07},
        "openrouter/x/free": {"litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0},
        "gpt-slip": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5, "output_cost_per_token": 6},
        "gpt-unpriced": {"litellm_provider": "openai", "mode": "chat"},
        "gpt-words": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "1.5e-06", "output_cost_per_token": 6e-06},
        "gpt-long-words": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-06, "output_cost_per_token": 6e-06,
            "input_cost_per_token_above_200k_tokens": "3e-06"},
        "claude-words": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06,
            "cache_read_input_token_cost": 1e-07, "cache_creation_input_token_cost": "1.25e-06"},
        "text-embedding-3-small": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08, "output_cost_per_token": 0},
        "azure/gpt-5": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-05}
    }"#;
    std::fs::write(&path, json).unwrap();
    let (table, lint) = Table::import(&path, Some("2026-11-20".parse().unwrap())).unwrap();
    let listed: Vec<_> = table.iter().map(|(host, model, _)| format!("{host}/{model}")).collect();
    assert_eq!(
        listed,
        [
            "api.anthropic.com/claude-haiku-4-5",
            "api.anthropic.com/claude-odd",
            "api.anthropic.com/claude-words",
            "api.deepseek.com/deepseek-chat",
            "api.together.xyz/meta-llama/Llama-3.3-70B",
            "generativelanguage.googleapis.com/gemini-2.5-pro",
        ]
    );
    let dropped: Vec<_> = lint.dropped.iter().map(|(name, _)| name.as_str()).collect();
    let openai = |model: &str| format!("api.openai.com/{model}");
    let [slip, long, unpriced, words] =
        ["gpt-slip", "gpt-long-words", "gpt-unpriced", "gpt-words"].map(openai);
    assert_eq!(dropped, [slip, "openrouter.ai/x/free".to_owned(), long, unpriced, words]);
    let reason = |at: usize| lint.dropped[at].1.as_str();
    assert_eq!(reason(2), "its `input_cost_per_token_above_200k_tokens` is no number");
    assert_eq!(reason(3), "it has no `input_cost_per_token`");
    assert_eq!(reason(4), "its `input_cost_per_token` is no number");
    let [(_, odd), (doubted, words)] = &lint.suspect[..] else { panic!("{lint:?}") };
    assert!(odd.contains("`cache_write` (6)"), "{odd}");
    assert_eq!(doubted, "api.anthropic.com/claude-words");
    assert_eq!(words, "its `cache_creation_input_token_cost` is no number");
    let price = |host, model| table.get(host, model).unwrap().price;
    // What both lists have, they have alike.
    let haiku = price("api.anthropic.com", "claude-haiku-4-5");
    let ours = Table::embedded().get("api.anthropic.com", "claude-haiku-4-5").unwrap().price;
    assert_eq!(haiku, Price { source: PriceSource::Updated("2026-11-20".parse().unwrap()), ..ours });
    let long = price("generativelanguage.googleapis.com", "gemini-2.5-pro").long.unwrap();
    assert_eq!((long.above, long.input.0, long.output.0), (200_000, 2_500_000, 15_000_000));
    let deepseek = price("api.deepseek.com", "deepseek-chat");
    assert_eq!((deepseek.input.0, deepseek.output.0), (300_000, 3_500_000));

    // Without a date, the day on which the file was last changed.
    let (dated, _) = Table::import(&path, None).unwrap();
    assert_eq!(dated.date, date(since_epoch(std::time::SystemTime::now())));
}

#[test]
fn a_list_is_kept_read_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    assert!(!forget(&state).unwrap());
    let (table, _) =
        list(&[("api.openai.com", "gpt-5-mini", r#"{"input": 0.5, "cached_input": 0.05, "output": 4}"#)]);
    let path = keep(&state, &table).unwrap();
    let prices = Prices::load(&state).unwrap();
    assert_eq!(prices.first(), &table);
    let source = |model| prices.get("api.openai.com", model).unwrap().price.source.to_string();
    assert_eq!(source("gpt-5-mini"), "updated 2026-11-01");
    // What the user's list does not have, the one in this program may.
    assert_eq!(source("gpt-5-nano"), format!("embedded {}", Table::embedded().date));

    // Its own form can be read again, and nothing else lies beside it.
    assert_eq!(Table::import(&path, None).unwrap().0, table);
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
    assert!(forget(&state).unwrap());
    assert_eq!(Prices::load(&state).unwrap().first(), Table::embedded());
}

#[test]
fn what_is_no_list_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Table::import(&path, None).unwrap_err().to_string()
    };
    for text in [
        "",
        "[]",
        "<html>",
        r#"{"version":1,"prices":{}}"#,
        r#"{"version":2,"date":"2026-11-01","source":"","prices":{}}"#,
    ] {
        assert!(refused(text).contains("is no price list"), "{text}: {}", refused(text));
    }
    assert!(refused("{}").contains("prices no chat model"));
    let words = |names: &[&str]| {
        let model = serde_json::json!({"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "1e-06"});
        let models: BTreeMap<_, _> = names.iter().map(|name| (*name, &model)).collect();
        refused(&serde_json::to_string(&models).unwrap())
    };
    let said = words(&["gpt-a", "gpt-b", "gpt-c", "gpt-d"]);
    assert!(said.contains("no price of 4 models can be believed") && said.contains("and 1 more"), "{said}");
    assert!(said.contains("api.openai.com/gpt-a: its `input_cost_per_token` is no number"), "{said}");
    assert!(!words(&["gpt\u{1b}[2J"]).contains('\u{1b}'));
    assert!(refused(r#"{"version":1,"date":"yesterday","source":"","prices":{}}"#).contains("yesterday"));
    let damaged = || Prices::load(directory.path()).unwrap_err().to_string();
    assert!(damaged().contains("is damaged") && damaged().contains("--remove"), "{}", damaged());
    std::fs::write(&path, b"PK\x03\x04\xff").unwrap();
    let said = Table::import(&path, None).unwrap_err().to_string();
    assert!(said.contains("is no price list (it is not UTF-8 text)"), "{said}");
    assert!(damaged().contains("is damaged (it is not UTF-8 text)"), "{}", damaged());
}

#[test]
fn a_list_is_old_after_ninety_days() {
    let (table, _) = list(&[]);
    let old = |today: &str| table.old_at(today.parse().unwrap());
    assert_eq!(old("2026-10-01"), None);
    assert_eq!(old("2027-01-30"), None);
    assert_eq!(old("2027-01-31"), Some(91));
}
