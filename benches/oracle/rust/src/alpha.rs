//! Local variables by number, as their scopes bind them.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

/// The tokens of a file with a number for each use of a local variable that was bound by a pattern.
///
/// Uses are found by their place in the text: `syn` gives the spans, the scopes are walked here.
pub fn renamed(file: &syn::File) -> String {
    let mut scopes = Scopes::default();
    scopes.visit_file(file);
    let mut out = String::new();
    write(file.to_token_stream(), &scopes.uses, &mut out);
    out
}

fn write(stream: TokenStream, uses: &HashMap<(usize, usize), String>, out: &mut String) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                out.push_str(&format!("{:?}(\n", group.delimiter()));
                write(group.stream(), uses, out);
                out.push(')');
            }
            TokenTree::Ident(ident) => {
                let start = ident.span().start();
                match uses.get(&(start.line, start.column)) {
                    Some(name) => out.push_str(name),
                    None => out.push_str(&ident.to_string()),
                }
            }
            TokenTree::Literal(literal) => {
                let start = literal.span().start();
                match uses.get(&(start.line, start.column)) {
                    Some(text) => out.push_str(text),
                    None => out.push_str(&literal.to_string()),
                }
            }
            other => out.push_str(&other.to_string()),
        }
        out.push('\n');
    }
}

#[derive(Default)]
struct Scopes {
    around: Vec<HashMap<String, usize>>,
    bound: usize,
    uses: HashMap<(usize, usize), String>,
    /// Names that an or-pattern has bound already.
    alternatives: Option<HashMap<String, usize>>,
}

impl Scopes {
    fn within(&mut self, walk: impl FnOnce(&mut Self)) {
        self.around.push(HashMap::new());
        walk(self);
        self.around.pop();
    }

    fn mark(&mut self, ident: &syn::Ident, name: String) {
        let start = ident.span().start();
        self.uses.insert((start.line, start.column), name);
    }

    fn bind(&mut self, ident: &syn::Ident, prefix: &str) {
        let name = ident.to_string();
        let known = self.alternatives.as_ref().and_then(|it| it.get(&name)).copied();
        let number = known.unwrap_or(self.bound);
        if known.is_none() {
            self.bound += 1;
        }
        if let Some(alternatives) = &mut self.alternatives {
            alternatives.insert(name.clone(), number);
        }
        if let Some(scope) = self.around.last_mut() {
            scope.insert(name, number);
            self.mark(ident, format!("{prefix}#{number}"));
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.around.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    fn tokens(&mut self, stream: TokenStream) {
        let trees: Vec<_> = stream.into_iter().collect();
        for (index, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let is_punct = |at: Option<usize>, mark: char| matches!(at.and_then(|at| trees.get(at)), Some(TokenTree::Punct(it)) if it.as_char() == mark);
                    let is_member =
                        is_punct(index.checked_sub(1), '.') && !is_punct(index.checked_sub(2), '.');
                    let is_path = is_punct(index.checked_sub(1), ':') || is_punct(Some(index + 1), ':');
                    if let Some(number) = self.find(&ident.to_string())
                        && !is_member
                        && !is_path
                    {
                        self.mark(ident, format!("#{number}"));
                    }
                }
                TokenTree::Literal(literal) => self.format(literal),
                TokenTree::Punct(_) => {}
            }
        }
    }

    /// Marks what a format string captures: `"{name}"` and `"{name:?}"`.
    fn format(&mut self, literal: &proc_macro2::Literal) {
        let text = literal.to_string();
        let mut parts = text.split('{');
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
            match self.find(&part[..end]).filter(|_| part[end..].starts_with(['}', ':'])) {
                Some(number) => replaced.push_str(&format!("{{#{number}{}", &part[end..])),
                None => replaced.push_str(&format!("{{{part}")),
            }
        }
        if replaced != text {
            let start = literal.span().start();
            self.uses.insert((start.line, start.column), replaced);
        }
    }
}

impl<'ast> Visit<'ast> for Scopes {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        // Items do not see the variables around them.
        let around = std::mem::take(&mut self.around);
        visit::visit_item(self, item);
        self.around = around;
    }

    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        self.within(|scopes| visit::visit_item_fn(scopes, it));
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        self.within(|scopes| visit::visit_impl_item_fn(scopes, it));
    }

    fn visit_trait_item_fn(&mut self, it: &'ast syn::TraitItemFn) {
        self.within(|scopes| visit::visit_trait_item_fn(scopes, it));
    }

    fn visit_block(&mut self, it: &'ast syn::Block) {
        self.within(|scopes| visit::visit_block(scopes, it));
    }

    fn visit_arm(&mut self, it: &'ast syn::Arm) {
        self.within(|scopes| visit::visit_arm(scopes, it));
    }

    fn visit_expr_closure(&mut self, it: &'ast syn::ExprClosure) {
        self.within(|scopes| visit::visit_expr_closure(scopes, it));
    }

    fn visit_expr_if(&mut self, it: &'ast syn::ExprIf) {
        self.within(|scopes| {
            scopes.visit_expr(&it.cond);
            scopes.visit_block(&it.then_branch);
        });
        if let Some((_, branch)) = &it.else_branch {
            self.visit_expr(branch);
        }
    }

    fn visit_expr_while(&mut self, it: &'ast syn::ExprWhile) {
        self.within(|scopes| visit::visit_expr_while(scopes, it));
    }

    fn visit_expr_for_loop(&mut self, it: &'ast syn::ExprForLoop) {
        self.visit_expr(&it.expr);
        self.within(|scopes| {
            scopes.visit_pat(&it.pat);
            scopes.visit_block(&it.body);
        });
    }

    fn visit_local(&mut self, it: &'ast syn::Local) {
        if let Some(init) = &it.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        self.visit_pat(&it.pat);
    }

    fn visit_expr_let(&mut self, it: &'ast syn::ExprLet) {
        self.visit_expr(&it.expr);
        self.visit_pat(&it.pat);
    }

    fn visit_pat_or(&mut self, it: &'ast syn::PatOr) {
        let around = self.alternatives.replace(HashMap::new());
        visit::visit_pat_or(self, it);
        self.alternatives = around;
    }

    fn visit_field_pat(&mut self, it: &'ast syn::FieldPat) {
        match (&it.colon_token, &*it.pat) {
            (None, syn::Pat::Ident(pat)) => self.bind(&pat.ident, &format!("{}: ", pat.ident)),
            _ => self.visit_pat(&it.pat),
        }
    }

    fn visit_pat_ident(&mut self, it: &'ast syn::PatIdent) {
        let name = it.ident.to_string();
        let is_constant = name.starts_with(char::is_uppercase) && it.subpat.is_none() && it.by_ref.is_none();
        if !is_constant {
            self.bind(&it.ident, "");
        }
        if let Some((_, pat)) = &it.subpat {
            self.visit_pat(pat);
        }
    }

    fn visit_field_value(&mut self, it: &'ast syn::FieldValue) {
        if it.colon_token.is_none()
            && let syn::Member::Named(name) = &it.member
            && let Some(number) = self.find(&name.to_string())
        {
            self.mark(name, format!("{name}: #{number}"));
            return;
        }
        self.visit_expr(&it.expr);
    }

    fn visit_expr_path(&mut self, it: &'ast syn::ExprPath) {
        if let Some(ident) = it.path.get_ident()
            && let Some(number) = self.find(&ident.to_string())
        {
            self.mark(ident, format!("#{number}"));
        }
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        self.tokens(it.tokens.clone());
    }
}
