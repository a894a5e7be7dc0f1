//! Reads the bundled rule packs ahead of time, so that no hook run spends a moment on TOML: each pack
//! becomes JSON without the examples and explanations, which only `hookgate rules` wants, and with what
//! a rule looks for in a syntax apart, so that it is read only when a text needs the rule. A pack that is
//! no TOML fails the build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let rules = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("rules");
    let mut packs: Vec<_> =
        fs::read_dir(&rules)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    packs.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    packs.sort();

    let mut table = "&[\n".to_owned();
    for path in packs {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut pack: Value =
            toml::from_str(&fs::read_to_string(&path)?).map_err(|error| format!("rules/{file}: {error}"))?;
        let language = pack["languages"][0].clone();
        for rule in pack["rule"].as_array_mut().into_iter().flatten() {
            *rule = compact(rule.take(), &language);
        }
        let compact = out.join(&file).with_extension("json");
        fs::write(&compact, pack.to_string())?;
        let languages = pack["languages"].as_array().cloned().unwrap_or_default();
        writeln!(
            table,
            "Bundled {{ file: {:?}, languages: &{languages:?}, text: include_str!({path:?}), compact: include_str!({compact:?}) }},",
            format!("rules/{file}"),
            languages = languages.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        )?;
    }
    table.push(']');
    fs::write(out.join("bundled.rs"), table)?;
    Ok(())
}

/// A rule without what only people want, and what it looks for in a syntax apart, as ast-grep writes it.
fn compact(rule: Value, language: &Value) -> Value {
    let Value::Object(mut rule) = rule else { return rule };
    rule.remove("tests");
    rule.remove("why");
    let Some(ast) = rule.remove("ast") else { return json!({ "rule": rule }) };
    let mut syntax = Map::from_iter([("rule".to_owned(), ast), ("language".to_owned(), language.clone())]);
    let keys = ["constraints", "utils", "transform", "fix"];
    syntax.extend(keys.into_iter().filter_map(|key| rule.remove_entry(key)));
    json!({ "rule": rule, "syntax": syntax })
}
