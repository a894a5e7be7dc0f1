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

/// Models by the host that serves them.
type Models = BTreeMap<String, BTreeMap<String, WrittenPrice>>;

/// The chat models of providers that a hook could ask, and those of them, as `host/model`, that have no
/// price to read, with the reason. What is listed twice, with the provider's name before its id and
/// without, costs the dearer of both.
pub(super) fn trim(models: &Map<String, Value>) -> (Models, Vec<(String, String)>) {
    let (mut trimmed, mut left_out) = (Models::new(), Vec::new());
    for (name, model) in models {
        let word = |field: &str| model.get(field).and_then(Value::as_str);
        let provider = word("litellm_provider").unwrap_or_default();
        let Some(&(_, host)) = HOSTS.iter().find(|&&(known, _)| known == provider) else { continue };
        if word("mode") != Some("chat") {
            continue;
        }
        let id = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        let price = match price(model) {
            Ok(price) => price,
            Err(why) => {
                left_out.push((format!("{host}/{id}"), why));
                continue;
            }
        };
        let of_host = trimmed.entry(host.to_owned()).or_default();
        let dearer =
            of_host.get(id).is_some_and(|known| known.input + known.output >= price.input + price.output);
        if !dearer {
            of_host.insert(id.to_owned(), price);
        }
    }
    (trimmed, left_out)
}

/// A figure per token as one per million; none where the list has none.
fn usd(model: &Value, field: &str) -> Result<Option<f64>, String> {
    match model.get(field) {
        None | Some(Value::Null) => Ok(None),
        // To six places of a micro-dollar: 1e-7 times a million is not quite 0.1.
        Some(figure) => match figure.as_f64() {
            Some(usd) => Ok(Some((usd * 1e12).round() / 1e6)),
            None => Err(format!("its `{field}` is no number")),
        },
    }
}

/// A model's price per million tokens, or why it has none. A cache price that is no number is doubted,
/// and the others are not.
fn price(model: &Value) -> Result<WrittenPrice, String> {
    let known = |field: &str| usd(model, field)?.ok_or_else(|| format!("it has no `{field}`"));
    let (input, output) = (known("input_cost_per_token")?, known("output_cost_per_token")?);
    // Some models' reasoning costs more than their words, and providers report both as output.
    let reasoning = usd(model, "output_cost_per_reasoning_token")?;
    let output = reasoning.map_or(output, |reasoning| output.max(reasoning));
    let mut suspect = None;
    let mut of_cache = |field| {
        usd(model, field).unwrap_or_else(|why| {
            suspect = Some(why);
            None
        })
    };
    let cached_input = of_cache("cache_read_input_token_cost");
    let cache_write = of_cache("cache_creation_input_token_cost");
    let long = long(model, input, output)?;
    Ok(WrittenPrice { input, cached_input, cache_write, output, long, suspect, also: Vec::new() })
}

/// What long prompts cost: `input_cost_per_token_above_200k_tokens` and its like. Of several steps, the
/// lowest and the dearest price, since too much is better held than too little.
fn long(model: &Value, input: f64, output: f64) -> Result<Option<WrittenLong>, String> {
    let mut long: Option<WrittenLong> = None;
    for field in model.as_object().into_iter().flat_map(Map::keys) {
        let Some((thousands, is_input)) = threshold(field) else { continue };
        let Some(price) = usd(model, field)? else { continue };
        let above = thousands.saturating_mul(1000);
        let step = long.get_or_insert(WrittenLong { above, input, output });
        step.above = step.above.min(above);
        let rate = if is_input { &mut step.input } else { &mut step.output };
        *rate = rate.max(price);
    }
    Ok(long)
}

/// Thousands of tokens in the name of a field, and whether it is about input.
fn threshold(field: &str) -> Option<(u64, bool)> {
    let (rest, is_input) = match field.strip_prefix("input_cost_per_token_above_") {
        Some(rest) => (rest, true),
        None => (field.strip_prefix("output_cost_per_token_above_")?, false),
    };
    Some((rest.strip_suffix("k_tokens")?.parse().ok()?, is_input))
}
