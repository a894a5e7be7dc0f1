//! Where names of variables stand in each language: a parent's kind and its field, `*` for any.

use std::ops::Range;

use tree_sitter::Node;

use crate::change::language::Language;

type Place = (&'static str, &'static str);

/// The places of one language.
pub(super) struct Table {
    /// Places that bind a name, and for how long.
    pub(super) bindings: &'static [(Place, Reach)],
    /// Places that stand for what is bound.
    pub(super) variables: &'static [Place],
    /// Places of names that are no variables.
    pub(super) members: &'static [Place],
    /// Nodes that hold names side by side, whose place is their own.
    pub(super) lists: &'static [&'static str],
    /// Functions, in which alone a name is nobody else's.
    functions: &'static [&'static str],
    /// Where the reach of a name ends that a statement binds.
    blocks: &'static [&'static str],
    /// Nodes into which the names around them do not reach, or not all.
    pub(super) barriers: &'static [&'static str],
    /// What may read names that it does not say.
    pub(super) dynamic: &'static [&'static str],
    /// Whether a name is nothing but a name.
    pub(super) is_plain: fn(&str) -> bool,
    language: Language,
}

/// How far a binding reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// From the end of what binds it to the end of the block around it.
    Rest,
    /// The same, where the names stand before `:=`.
    Declared,
    /// The body of the statement that binds it.
    Body,
    /// The body of the function around it.
    Function,
    /// The body of the function whose parameter it is.
    Parameter,
    /// The same, where a caller or a framework can know its name.
    Named,
}

impl Reach {
    /// Whether nobody outside the definition can know the name.
    pub(super) fn is_hidden(self) -> bool {
        self != Self::Named
    }
}

impl Table {
    /// The table of a language; none where no rename can be told from another change.
    pub(super) fn of(language: Language) -> Option<&'static Self> {
        Some(match language {
            Language::Rust => &RUST,
            Language::Python => &PYTHON,
            Language::JavaScript | Language::TypeScript | Language::Tsx => &JAVASCRIPT,
            Language::Go => &GO,
            Language::Java => &JAVA,
            _ => return None,
        })
    }

    /// The bytes that a binding reaches; none where it is not a binding after all. `place` is the
    /// part of `parent` that holds the name.
    pub(super) fn range(&self, reach: Reach, parent: Node<'_>, place: Node<'_>) -> Option<Range<usize>> {
        let function = || self.around(parent, self.functions);
        let body = |node: Node<'_>| node.child_by_field_name("body").map(|body| body.byte_range());
        let has = |kind: &str| parent.children(&mut parent.walk()).any(|child| child.kind() == kind);
        match reach {
            Reach::Declared if !has(":=") => None,
            Reach::Rest | Reach::Declared => {
                function()?;
                let block = self.around(parent, self.blocks)?;
                let is_field = parent.parent().is_some_and(|it| it.kind() == "field_declaration");
                // A pattern that can fail may be a constant's name.
                let can_fail = parent.child_by_field_name("alternative").is_some();
                (!is_field && !can_fail).then_some(parent.end_byte()..block.end_byte())
            }
            Reach::Body => {
                function()?;
                // `for (x of y)` sets a name that another statement binds.
                let is_bound =
                    parent.kind() != "for_in_statement" || parent.child_by_field_name("kind").is_some();
                body(parent).filter(|_| is_bound)
            }
            Reach::Function => body(function().filter(|it| it.kind() == "function_definition")?),
            Reach::Parameter | Reach::Named => {
                let list = match self.functions.contains(&parent.kind()) {
                    true => place,
                    false if parent.kind().ends_with("parameters") => parent,
                    false => parent.parent()?,
                };
                // The parameters of a type have no body.
                body(list.parent().filter(|it| self.functions.contains(&it.kind()))?)
            }
        }
    }

    /// Why a binding may be known elsewhere, although it is a local one.
    pub(super) fn doubt(&self, node: Node<'_>, source: &str) -> Option<String> {
        match self.language {
            // A procedural macro sees everything below it.
            Language::Rust => {
                const HARMLESS: &[&str] = &[
                    "allow",
                    "cfg",
                    "cold",
                    "deny",
                    "deprecated",
                    "doc",
                    "expect",
                    "ignore",
                    "inline",
                    "must_use",
                    "should_panic",
                    "test",
                    "track_caller",
                    "warn",
                ];
                let mut around = Some(node);
                while let Some(inner) = around {
                    let mut above = inner.prev_sibling();
                    while let Some(node) = above
                        .filter(|it| matches!(it.kind(), "attribute_item" | "line_comment" | "block_comment"))
                    {
                        let text = &source[node.byte_range()];
                        let name = text.trim_start_matches(['#', '[', ' ']);
                        let name =
                            name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                        let is_attribute = node.kind() == "attribute_item";
                        let is_harmless = HARMLESS.contains(&name);
                        if is_attribute && !is_harmless {
                            return Some(format!("`{name}` may read names"));
                        }
                        above = node.prev_sibling();
                    }
                    around = inner.parent();
                }
                None
            }
            _ => self.names_a_function(node, source),
        }
    }

    /// Why a function may have the name of the variable that it is bound or assigned to, as those of
    /// JavaScript do: `a ||= () => 1` calls it `a`.
    pub(super) fn names_a_function(&self, node: Node<'_>, source: &str) -> Option<String> {
        if !matches!(self.language, Language::JavaScript | Language::TypeScript | Language::Tsx) {
            return None;
        }
        let parent = node.parent()?;
        let value = parent.child_by_field_name("value").or_else(|| parent.child_by_field_name("right"))?;
        let text = &source[value.byte_range()];
        let is_function = ["=>", "function", "class"].iter().any(|word| text.contains(word));
        let is_call = value.kind() == "call_expression";
        (if is_call { text.ends_with('`') } else { is_function })
            .then(|| "a function may be named after it".to_owned())
    }

    fn around<'tree>(&self, node: Node<'tree>, kinds: &[&str]) -> Option<Node<'tree>> {
        let mut node = node.parent()?;
        while !kinds.contains(&node.kind()) {
            node = node.parent()?;
        }
        Some(node)
    }
}

/// Whether a name at a place that no table knows may stand for a variable. Where Go's grammar cannot
/// tell, it takes one for a type: `handlers[kind](request)`, `new(count)`.
pub(super) fn may_be_variable(node: Node<'_>) -> bool {
    matches!(node.kind(), "identifier" | "type_identifier" | "package_identifier")
        || node.kind().starts_with("shorthand")
}

/// Whether a macro of Rust is known to read nothing but what it is given. A macro of another crate
/// may read a name that it does not say.
pub(super) fn is_hygienic(invocation: Node<'_>, text: &str) -> bool {
    const KNOWN: &[&str] = &[
        "assert",
        "assert_eq",
        "assert_ne",
        "debug_assert",
        "debug_assert_eq",
        "debug_assert_ne",
        "eprintln",
        "format",
        "matches",
        "panic",
        "print",
        "println",
        "todo",
        "unimplemented",
        "unreachable",
        "vec",
        "write",
        "writeln",
    ];
    let name = invocation.child_by_field_name("macro").map_or(0, |name| name.end_byte());
    let (name, rest) = text.split_at(name.saturating_sub(invocation.start_byte()).min(text.len()));
    let mut behind = rest.split('!').skip(2);
    KNOWN.contains(&name) && !behind.any(|text| text.trim_start().starts_with(['(', '[', '{']))
}

fn is_lower(name: &str) -> bool {
    name.trim_start_matches('_').starts_with(char::is_lowercase)
}

fn is_not_blank(name: &str) -> bool {
    name.chars().any(|c| c != '_')
}

fn is_unmangled(name: &str) -> bool {
    !name.starts_with("__") && is_not_blank(name)
}

fn is_no_keyword(name: &str) -> bool {
    is_not_blank(name)
        && !matches!(name, "arguments" | "async" | "await" | "eval" | "let" | "of" | "undefined" | "yield")
}

static GO: Table = Table {
    language: Language::Go,
    bindings: &[
        (("short_var_declaration", "left"), Reach::Rest),
        (("var_spec", "name"), Reach::Rest),
        (("const_spec", "name"), Reach::Rest),
        (("range_clause", "left"), Reach::Declared),
        (("receive_statement", "left"), Reach::Declared),
        (("parameter_declaration", "name"), Reach::Parameter),
        (("variadic_parameter_declaration", "name"), Reach::Parameter),
    ],
    variables: &[
        ("argument_list", "*"),
        ("assignment_statement", "*"),
        ("binary_expression", "*"),
        ("call_expression", "function"),
        ("dec_statement", "*"),
        ("defer_statement", "*"),
        ("expression_case", "value"),
        ("expression_statement", "*"),
        ("expression_switch_statement", "value"),
        ("for_clause", "condition"),
        ("for_statement", "*"),
        ("go_statement", "*"),
        ("if_statement", "condition"),
        ("inc_statement", "*"),
        ("index_expression", "*"),
        ("keyed_element", "value"),
        ("literal_value", "*"),
        ("parenthesized_expression", "*"),
        ("range_clause", "*"),
        ("receive_statement", "*"),
        ("return_statement", "*"),
        ("selector_expression", "operand"),
        ("send_statement", "*"),
        ("short_var_declaration", "right"),
        ("slice_expression", "*"),
        ("type_assertion_expression", "operand"),
        ("type_switch_statement", "value"),
        ("unary_expression", "*"),
        ("var_spec", "value"),
        ("variadic_argument", "*"),
    ],
    members: &[],
    lists: &["expression_list", "literal_element"],
    functions: &["function_declaration", "method_declaration", "func_literal"],
    blocks: &[
        "block",
        "communication_case",
        "default_case",
        "expression_case",
        "expression_switch_statement",
        "for_statement",
        "if_statement",
        "type_case",
        "type_switch_statement",
    ],
    barriers: &[],
    dynamic: &[],
    is_plain: is_not_blank,
};

static RUST: Table = Table {
    language: Language::Rust,
    bindings: &[
        (("let_declaration", "pattern"), Reach::Rest),
        (("for_expression", "pattern"), Reach::Body),
        (("closure_parameters", ""), Reach::Parameter),
        (("parameter", "pattern"), Reach::Parameter),
    ],
    variables: &[
        ("arguments", "*"),
        ("array_expression", ""),
        ("assignment_expression", "*"),
        ("await_expression", "*"),
        ("base_field_initializer", "*"),
        ("binary_expression", "*"),
        ("block", ""),
        ("break_expression", ""),
        ("call_expression", "function"),
        ("closure_expression", "body"),
        ("compound_assignment_expr", "*"),
        ("expression_statement", "*"),
        ("field_expression", "value"),
        ("field_initializer", "value"),
        ("for_expression", "value"),
        ("if_expression", "condition"),
        ("index_expression", "*"),
        ("let_condition", "value"),
        ("let_declaration", "value"),
        ("match_arm", "value"),
        ("match_expression", "value"),
        ("parenthesized_expression", "*"),
        ("range_expression", "*"),
        ("reference_expression", "value"),
        ("return_expression", "*"),
        ("try_expression", "*"),
        ("tuple_expression", "*"),
        ("type_cast_expression", "value"),
        ("unary_expression", "*"),
        ("while_expression", "condition"),
    ],
    members: &[],
    lists: &["tuple_pattern"],
    functions: &["function_item", "closure_expression"],
    blocks: &["block"],
    barriers: &["array_type", "const_block", "const_item", "static_item", "enum_variant", "type_arguments"],
    dynamic: &[],
    is_plain: is_lower,
};

static PYTHON: Table = Table {
    language: Language::Python,
    bindings: &[
        (("assignment", "left"), Reach::Function),
        (("for_statement", "left"), Reach::Function),
        (("named_expression", "name"), Reach::Function),
        (("as_pattern_target", "*"), Reach::Function),
        (("except_clause", "alias"), Reach::Function),
        (("parameters", ""), Reach::Named),
        (("default_parameter", "name"), Reach::Named),
        (("typed_parameter", ""), Reach::Named),
        (("typed_default_parameter", "name"), Reach::Named),
        (("lambda_parameters", ""), Reach::Named),
    ],
    variables: &[
        ("argument_list", "*"),
        ("as_pattern", ""),
        ("assert_statement", "*"),
        ("assignment", "right"),
        ("attribute", "object"),
        ("augmented_assignment", "*"),
        ("await", "*"),
        ("binary_operator", "*"),
        ("boolean_operator", "*"),
        ("call", "function"),
        ("comparison_operator", "*"),
        ("conditional_expression", "*"),
        ("dictionary_splat", "*"),
        ("elif_clause", "condition"),
        ("expression_list", "*"),
        ("expression_statement", "*"),
        ("for_in_clause", "right"),
        ("for_statement", "right"),
        ("generator_expression", "body"),
        ("if_clause", "*"),
        ("if_statement", "condition"),
        ("keyword_argument", "value"),
        ("lambda", "body"),
        ("list", "*"),
        ("list_comprehension", "body"),
        ("list_splat", "*"),
        ("named_expression", "value"),
        ("not_operator", "*"),
        ("pair", "*"),
        ("parenthesized_expression", "*"),
        ("raise_statement", "*"),
        ("return_statement", "*"),
        ("set", "*"),
        ("set_comprehension", "body"),
        ("slice", "*"),
        ("subscript", "*"),
        ("tuple", "*"),
        ("unary_operator", "*"),
        ("while_statement", "condition"),
        ("with_item", "value"),
        ("yield", "*"),
    ],
    members: &[("attribute", "attribute"), ("keyword_argument", "name")],
    lists: &["pattern_list", "tuple_pattern", "list_pattern"],
    functions: &[
        "function_definition",
        "class_definition",
        "lambda",
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    ],
    blocks: &[],
    barriers: &["class_definition"],
    dynamic: &[
        "_getframe",
        "dir",
        "eval",
        "exec",
        "f_back",
        "f_locals",
        "globals",
        "ic",
        "inspect",
        "locals",
        "varname",
        "vars",
    ],
    is_plain: is_unmangled,
};

static JAVASCRIPT: Table = Table {
    language: Language::JavaScript,
    bindings: &[
        (("variable_declarator", "name"), Reach::Rest),
        (("for_in_statement", "left"), Reach::Body),
        (("catch_clause", "parameter"), Reach::Body),
        (("formal_parameters", ""), Reach::Named),
        (("required_parameter", "pattern"), Reach::Named),
        (("optional_parameter", "pattern"), Reach::Named),
        (("arrow_function", "parameter"), Reach::Named),
    ],
    variables: &[
        ("arguments", "*"),
        ("array", "*"),
        ("arrow_function", "body"),
        ("as_expression", ""),
        ("assignment_expression", "*"),
        ("augmented_assignment_expression", "*"),
        ("await_expression", "*"),
        ("binary_expression", "*"),
        ("call_expression", "function"),
        ("computed_property_name", "*"),
        ("expression_statement", "*"),
        ("for_in_statement", "*"),
        ("jsx_expression", "*"),
        ("member_expression", "object"),
        ("new_expression", "constructor"),
        ("non_null_expression", "*"),
        ("pair", "value"),
        ("parenthesized_expression", "*"),
        ("return_statement", "*"),
        ("satisfies_expression", ""),
        ("sequence_expression", "*"),
        ("spread_element", "*"),
        ("subscript_expression", "*"),
        ("switch_case", "value"),
        ("ternary_expression", "*"),
        ("throw_statement", "*"),
        ("unary_expression", "*"),
        ("update_expression", "*"),
        ("variable_declarator", "value"),
        ("yield_expression", "*"),
    ],
    members: &[],
    lists: &["array_pattern"],
    functions: &[
        "arrow_function",
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    ],
    blocks: &["statement_block", "for_statement", "switch_body"],
    barriers: &["class_static_block"],
    dynamic: &["eval", "with", "Function", "$$", "toString"],
    is_plain: is_no_keyword,
};

static JAVA: Table = Table {
    language: Language::Java,
    bindings: &[
        (("variable_declarator", "name"), Reach::Rest),
        (("enhanced_for_statement", "name"), Reach::Body),
        (("catch_formal_parameter", "name"), Reach::Rest),
        (("inferred_parameters", ""), Reach::Parameter),
        (("lambda_expression", "parameters"), Reach::Parameter),
        (("formal_parameter", "name"), Reach::Named),
    ],
    variables: &[
        ("argument_list", "*"),
        ("array_access", "*"),
        ("array_initializer", "*"),
        ("assert_statement", "*"),
        ("assignment_expression", "*"),
        ("binary_expression", "*"),
        ("cast_expression", "value"),
        ("dimensions_expr", "*"),
        ("enhanced_for_statement", "value"),
        ("expression_statement", "*"),
        ("field_access", "object"),
        ("instanceof_expression", "left"),
        ("lambda_expression", "body"),
        ("method_invocation", "object"),
        ("parenthesized_expression", "*"),
        ("return_statement", "*"),
        ("ternary_expression", "*"),
        ("throw_statement", "*"),
        ("unary_expression", "*"),
        ("update_expression", "*"),
        ("variable_declarator", "value"),
        ("yield_statement", "*"),
    ],
    members: &[("method_invocation", "name"), ("field_access", "field")],
    lists: &[],
    functions: &[
        "method_declaration",
        "constructor_declaration",
        "compact_constructor_declaration",
        "lambda_expression",
        "static_initializer",
    ],
    blocks: &[
        "block",
        "catch_clause",
        "constructor_body",
        "for_statement",
        "switch_block",
        "switch_block_statement_group",
    ],
    barriers: &["class_body"],
    dynamic: &[],
    is_plain: is_not_blank,
};
