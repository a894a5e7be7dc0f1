//! What `syn` makes of a Rust text: a line of JSON in, a line of JSON out.
//!
//! `{"path", "text", "form"}` is answered by `{"form", "comments": [[tokens before, text]]}` or
//! `{"error"}`. The form is the stream of tokens, in which documentation comments are attributes:
//! `whole` as it stands, `imports` with the paths of runs of `use` sorted, `sorted` with functions,
//! types and implementations in order of their names, `alpha` with a number for each local variable.

mod alpha;

use std::io::{BufRead, Write};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use serde_json::{Value, json};
use syn::{ImplItem, Item, TraitItem, UseTree};

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let reply = answer(&line?).unwrap_or_else(|error| json!({ "error": error }));
        writeln!(output, "{reply}")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<Value, String> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = request["text"].as_str().unwrap_or_default();
    let file = syn::parse_file(text).map_err(|error| error.to_string())?;
    let form = match request["form"].as_str() {
        Some("imports") => with_sorted_imports(file),
        Some("sorted") => sorted(file),
        Some("alpha") => alpha::renamed(&file),
        // As `syn` has read it, so that the `>` of nested generics are what they are; what stands in
        // macros is as it was written.
        _ => print(file),
    };
    Ok(json!({ "form": form, "comments": comments(text) }))
}

/// A first line that is no attribute, replaced by as many spaces.
fn without_shebang(text: &str) -> String {
    match text.starts_with("#!") && !text.starts_with("#![") {
        true => {
            let end = text.find('\n').unwrap_or(text.len());
            format!("{}{}", " ".repeat(end), &text[end..])
        }
        false => text.to_owned(),
    }
}

fn print(tokens: impl ToTokens) -> String {
    let mut out = String::new();
    write_stream(tokens.into_token_stream(), &mut out);
    out
}

/// One token a line. Two operators are joined only where that makes another one of them.
fn write_stream(stream: TokenStream, out: &mut String) {
    const JOINED: [&str; 23] = [
        "&&", "||", "<<", ">>", "==", "<=", ">=", "!=", "->", "=>", "::", "..", "+=", "-=", "*=", "/=", "%=",
        "^=", "&=", "|=", "<-", ".=", "=.",
    ];
    let trees: Vec<_> = stream.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                out.push('\n');
                write_stream(group.stream(), out);
                out.push_str(close);
            }
            TokenTree::Punct(punct) => {
                out.push(punct.as_char());
                if let (Spacing::Joint, Some(TokenTree::Punct(next))) =
                    (punct.spacing(), trees.get(index + 1))
                    && JOINED.contains(&format!("{}{}", punct.as_char(), next.as_char()).as_str())
                {
                    out.push('~');
                }
            }
            other => out.push_str(&other.to_string()),
        }
        out.push('\n');
    }
}

/// What stands between tokens and is no white space, each with the number of tokens before it.
fn comments(text: &str) -> Vec<(usize, String)> {
    let Ok(stream) = without_shebang(text).parse::<TokenStream>() else { return Vec::new() };
    let mut spans = Vec::new();
    collect_spans(stream, &mut spans);
    let mut found = Vec::new();
    let mut from = 0;
    let end = text.len();
    for (index, span) in spans.iter().map(Some).chain([None]).enumerate() {
        let (start, next) = span.map_or((end, end), |span: &std::ops::Range<usize>| (span.start, span.end));
        let gap = text.get(from..start).unwrap_or_default();
        let mut rest = gap.trim_start();
        while !rest.is_empty() {
            let length = match rest.starts_with("/*") {
                true => block_comment(rest),
                false => rest.find('\n').unwrap_or(rest.len()),
            };
            found.push((index, rest[..length].trim_end().to_owned()));
            rest = rest[length..].trim_start();
        }
        from = from.max(next);
    }
    found
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn collect_spans(stream: TokenStream, spans: &mut Vec<std::ops::Range<usize>>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                spans.push(group.span_open().byte_range());
                collect_spans(group.stream(), spans);
                spans.push(group.span_close().byte_range());
            }
            // The tokens of one documentation comment all have its span.
            other => spans.push(other.span().byte_range()),
        }
    }
}

/// What an item is sorted by; none where its place means something.
fn item_name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Fn(it) => format!("fn {}", it.sig.ident),
        Item::Struct(it) => format!("struct {}", it.ident),
        Item::Enum(it) => format!("enum {}", it.ident),
        Item::Union(it) => format!("union {}", it.ident),
        Item::Trait(it) => format!("trait {}", it.ident),
        Item::Type(it) => format!("type {}", it.ident),
        Item::Const(it) => format!("const {}", it.ident),
        Item::Static(it) => format!("static {}", it.ident),
        Item::Impl(it) => {
            let mut head = it.clone();
            head.items.clear();
            head.attrs.clear();
            format!("impl {}", head.to_token_stream())
        }
        _ => return None,
    })
}

fn sort_items<T>(items: &mut Vec<T>, name: impl Fn(&T) -> Option<String>) {
    let (mut movable, mut fixed): (Vec<_>, Vec<_>) = items.drain(..).partition(|item| name(item).is_some());
    movable.sort_by_key(&name);
    fixed.append(&mut movable);
    *items = fixed;
}

fn sort_deep(items: &mut Vec<Item>) {
    for item in items.iter_mut() {
        match item {
            Item::Mod(it) => {
                if let Some((_, items)) = &mut it.content {
                    sort_deep(items);
                }
            }
            Item::Impl(it) => sort_items(&mut it.items, |member| match member {
                ImplItem::Fn(it) => Some(it.sig.ident.to_string()),
                _ => None,
            }),
            Item::Trait(it) => sort_items(&mut it.items, |member| match member {
                TraitItem::Fn(it) => Some(it.sig.ident.to_string()),
                _ => None,
            }),
            _ => {}
        }
    }
    // A macro is known below its definition alone, and what another one makes may be one.
    let mut sorted = Vec::new();
    let mut run = Vec::new();
    for item in items.drain(..) {
        if matches!(item, Item::Macro(_)) {
            sort_items(&mut run, item_name);
            sorted.append(&mut run);
            sorted.push(item);
        } else {
            run.push(item);
        }
    }
    sort_items(&mut run, item_name);
    sorted.append(&mut run);
    *items = sorted;
}

fn sorted(mut file: syn::File) -> String {
    sort_deep(&mut file.items);
    print(file)
}

fn paths(tree: &UseTree, before: &str, found: &mut Vec<String>) {
    match tree {
        UseTree::Path(it) => paths(&it.tree, &format!("{before}{}::", it.ident), found),
        UseTree::Group(it) => it.items.iter().for_each(|tree| paths(tree, before, found)),
        other => found.push(format!("{before}{}", other.to_token_stream())),
    }
}

fn with_sorted_imports(file: syn::File) -> String {
    let mut out = print(TokenStream::from_iter(file.attrs.iter().map(|it| it.to_token_stream())));
    write_items(&file.items, &mut out);
    out
}

fn write_items(items: &[Item], out: &mut String) {
    let mut run = Vec::new();
    for item in items {
        if let Item::Use(it) = item {
            let mut head = String::new();
            for part in it.attrs.iter().map(|it| it.to_token_stream()).chain([it.vis.to_token_stream()]) {
                head.push_str(&part.to_string());
            }
            let colon = if it.leading_colon.is_some() { "::" } else { "" };
            paths(&it.tree, &format!("{head} use {colon}"), &mut run);
            continue;
        }
        run.sort();
        run.drain(..).for_each(|path| {
            out.push_str(&path);
            out.push('\n');
        });
        match item {
            Item::Mod(it) if it.content.is_some() => {
                out.push_str(&print(TokenStream::from_iter(it.attrs.iter().map(|it| it.to_token_stream()))));
                out.push_str(&print(&it.vis));
                out.push_str(&format!("mod {} {{\n", it.ident));
                if let Some((_, items)) = &it.content {
                    write_items(items, out);
                }
                out.push_str("}\n");
            }
            other => out.push_str(&print(other)),
        }
    }
    run.sort();
    run.iter().for_each(|path| {
        out.push_str(path);
        out.push('\n');
    });
}
