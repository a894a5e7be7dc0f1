//! The shape of an answer, as JSON Schema. Made of structs, so that the fields keep this order: a
//! constrained decoder writes them in it, and evidence has to come before the verdict.

use serde::Serialize;

use crate::payload::Payload;

/// The most findings that one reply may hold.
pub(super) const MAX_FINDINGS: usize = 5;
/// Characters of a quote; of a longer line, the beginning is enough.
pub(super) const MAX_QUOTE: usize = 120;
/// Characters of an explanation.
pub(super) const MAX_WHY: usize = 300;
/// Up to this many lines the schema lists each place that a finding may name. Providers bound the
/// size of enumerations, and a grammar of thousands of alternatives is slow to build.
const MAX_PLACES: usize = 200;

/// The schema of one request's reply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    r#type: &'static str,
    additional_properties: bool,
    required: Vec<&'static str>,
    properties: Reply,
}

#[derive(Debug, Serialize)]
struct Reply {
    findings: Findings,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<Numbers>,
}

#[derive(Debug, Serialize)]
struct Numbers {
    r#type: &'static str,
    items: Number,
}

#[derive(Debug, Serialize)]
struct Number {
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_items: Option<usize>,
    items: Finding,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    r#type: &'static str,
    additional_properties: bool,
    required: [&'static str; 6],
    properties: Fields,
}

#[derive(Debug, Serialize)]
struct Fields {
    loc: Text,
    quote: Text,
    why: Text,
    cat: Text,
    sev: Text,
    conf: Text,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#enum: Option<Vec<String>>,
}

impl Text {
    fn free(max_length: Option<usize>) -> Self {
        Self { r#type: "string", max_length, r#enum: None }
    }

    fn one_of(words: Vec<String>) -> Self {
        Self { r#type: "string", max_length: None, r#enum: Some(words) }
    }

    fn words<const N: usize>(words: [&str; N]) -> Self {
        Self::one_of(words.map(str::to_owned).into())
    }
}

impl Schema {
    /// For findings at `places`. `sizes` says whether the provider accepts `maxLength` and
    /// `maxItems`; `doubts`, whether the blocks are asked for that somebody else had better judge. A
    /// strict provider wants every property to be required.
    pub(super) fn new(places: Vec<String>, sizes: bool, doubts: bool) -> Self {
        let size = |size| sizes.then_some(size);
        let loc = if places.is_empty() || places.len() > MAX_PLACES {
            Text::free(None)
        } else {
            Text::one_of(places)
        };
        let fields = Fields {
            loc,
            quote: Text::free(size(MAX_QUOTE)),
            why: Text::free(size(MAX_WHY)),
            cat: Text::words(["bug", "security", "perf", "api"]),
            sev: Text::words(["low", "medium", "high", "critical"]),
            conf: Text::words(["low", "medium", "high"]),
        };
        Self {
            r#type: "object",
            additional_properties: false,
            required: if doubts { vec!["findings", "unsure"] } else { vec!["findings"] },
            properties: Reply {
                findings: Findings {
                    r#type: "array",
                    max_items: size(MAX_FINDINGS),
                    items: Finding {
                        r#type: "object",
                        additional_properties: false,
                        required: ["loc", "quote", "why", "cat", "sev", "conf"],
                        properties: fields,
                    },
                },
                unsure: doubts.then_some(Numbers { r#type: "array", items: Number { r#type: "integer" } }),
            },
        }
    }

    /// The schema as it stands in the request.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }
}

/// What `loc` may be: `block:line` for each numbered line of the payload, in order.
pub(super) fn places(payload: &Payload) -> Vec<String> {
    payload
        .blocks()
        .iter()
        .flat_map(|block| {
            let numbered = block.lines.iter().filter(|line| line.is_numbered);
            numbered.map(|line| format!("{}:{}", block.number, line.number))
        })
        .collect()
}
