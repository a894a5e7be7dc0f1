//! LiteLLM's list of prices, which its project keeps for some thousand models: what is read of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::table::{WrittenLong, WrittenPrice};

/// LiteLLM's name of a provider, and the host that serves its models. Providers whose host differs
/// by customer or region are left out: their prices do, too.
const HOSTS: [(&str, &str); 11] = [
    ("openai", "api.openai.com"),
    ("anthropic", "api.anthropic.com"),
    ("gemini", "generativelanguage.googleapis.com"),
    ("mistral", "api.mistral.ai"),
    ("deepseek", "api.deepseek.com"),
    ("xai", "api.x.ai"),
    ("groq", "api.groq.com"),
    ("cerebras", "api.cerebras.ai"),
    ("together_ai", "api.together.xyz"),
    ("fireworks_ai", "api.fireworks.ai"),
    ("openrouter", "openrouter.ai"),
];

/// The chat models of providers that a hook could ask. What is listed twice, with the provider's name
/// before its id and without, costs the dearer of both.
pub(super) fn trim(models: &Map<String, Value>) -> BTreeMap<String, BTreeMap<String, WrittenPrice>> {
    let mut trimmed: BTreeMap<String, BTreeMap<String, WrittenPrice>> = BTreeMap::new();
    for (name, model) in models {
        let word = |field: &str| model.get(field).and_then(Value::as_str);
        let provider = word("litellm_provider").unwrap_or_default();
        let Some(&(_, host)) = HOSTS.iter().find(|&&(known, _)| known == provider) else { continue };
        if word("mode") != Some("chat") {
            continue;
        }
        let id = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        let Some(price) = price(model) else { continue };
        let of_host = trimmed.entry(host.to_owned()).or_default();
        let dearer =
            of_host.get(id).is_some_and(|known| known.input + known.output >= price.input + price.output);
        if !dearer {
            of_host.insert(id.to_owned(), price);
        }
    }
    trimmed
}

/// A model's price per million tokens; none where input or output has none.
fn price(model: &Value) -> Option<WrittenPrice> {
    // To six places of a micro-dollar: 1e-7 times a million is not quite 0.1.
    let usd = |field: &str| Some((model.get(field)?.as_f64()? * 1e12).round() / 1e6);
    let (input, output) = (usd("input_cost_per_token")?, usd("output_cost_per_token")?);
    // Some models' reasoning costs more than their words, and providers report both as output.
    let output = usd("output_cost_per_reasoning_token").map_or(output, |reasoning| output.max(reasoning));
    Some(WrittenPrice {
        input,
        cached_input: usd("cache_read_input_token_cost"),
        cache_write: usd("cache_creation_input_token_cost"),
        output,
        long: long(model, input, output, usd),
        ..WrittenPrice::default()
    })
}

/// What long prompts cost: `input_cost_per_token_above_200k_tokens` and its like. Of several steps, the
/// lowest and the dearest price, since too much is better held than too little.
fn long(model: &Value, input: f64, output: f64, usd: impl Fn(&str) -> Option<f64>) -> Option<WrittenLong> {
    let mut long: Option<WrittenLong> = None;
    for field in model.as_object()?.keys() {
        let Some((thousands, is_input)) = threshold(field) else { continue };
        let Some(price) = usd(field) else { continue };
        let above = thousands.saturating_mul(1000);
        let step = long.get_or_insert(WrittenLong { above, input, output });
        step.above = step.above.min(above);
        let rate = if is_input { &mut step.input } else { &mut step.output };
        *rate = rate.max(price);
    }
    long
}

/// Thousands of tokens in the name of a field, and whether it is about input.
fn threshold(field: &str) -> Option<(u64, bool)> {
    let (rest, is_input) = match field.strip_prefix("input_cost_per_token_above_") {
        Some(rest) => (rest, true),
        None => (field.strip_prefix("output_cost_per_token_above_")?, false),
    };
    Some((rest.strip_suffix("k_tokens")?.parse().ok()?, is_input))
}
