//! The tables, one a language.

mod javascript;

use self::javascript::{JAVASCRIPT, TYPESCRIPT};
use super::{DefinitionKind, Name, Profile};
use crate::change::language::Language;

pub(super) fn of(language: Language) -> Option<&'static Profile> {
    Some(match language {
        Language::Rust => &RUST,
        Language::Python => &PYTHON,
        Language::JavaScript => &JAVASCRIPT,
        Language::TypeScript | Language::Tsx => &TYPESCRIPT,
        Language::Go => &GO,
        Language::Java => &JAVA,
        Language::C => &C,
        Language::Cpp => &CPP,
        Language::CSharp => &CSHARP,
        Language::Ruby => &RUBY,
        Language::Php => &PHP,
        Language::Kotlin => &KOTLIN,
        Language::Bash => &BASH,
        Language::Json | Language::Yaml | Language::Toml | Language::Html | Language::Css => return None,
    })
}

const fn function(kind: &'static str) -> DefinitionKind {
    DefinitionKind { kind, label: "", name: Name::Field("name") }
}

const fn labelled(kind: &'static str, label: &'static str) -> DefinitionKind {
    DefinitionKind { kind, label, name: Name::Field("name") }
}

const fn with_body(kind: &'static str, label: &'static str) -> DefinitionKind {
    DefinitionKind { kind, label, name: Name::WithBody("name") }
}

const fn definition(kind: &'static str, label: &'static str, name: Name) -> DefinitionKind {
    DefinitionKind { kind, label, name }
}

/// What a language has none of.
const EMPTY: Profile = Profile {
    definitions: &[],
    wrappers: &[],
    attributes: &[],
    comments: &["comment"],
    directives: &[],
    directive_starts: &[],
    documentation: &[],
    program: &[],
    preamble: None,
    atoms: &[],
    lines: &[],
    line_bound: &[],
    line_enders: &[],
    token_trees: &[],
    carriage_return_counts: false,
    tabs_count: false,
    imports: &[],
    controls: &[],
    bodies: &["body"],
};

static RUST: Profile = Profile {
    definitions: &[
        function("function_item"),
        labelled("struct_item", "struct"),
        labelled("union_item", "union"),
        labelled("enum_item", "enum"),
        labelled("trait_item", "trait"),
        with_body("mod_item", "mod"),
        labelled("macro_definition", "macro"),
        definition("impl_item", "impl", Name::Impl),
    ],
    attributes: &["attribute_item"],
    comments: &["line_comment", "block_comment"],
    directive_starts: &["///", "//!", "/**", "/*!", "//@", "//~"],
    documentation: &["///", "//!", "/**", "/*!"],
    program: &["//@", "//~"],
    atoms: &["string_literal", "raw_string_literal", "char_literal"],
    token_trees: &["token_tree", "token_tree_pattern", "token_repetition", "token_repetition_pattern"],
    imports: &["use_declaration", "extern_crate_declaration"],
    controls: &[
        "if_expression",
        "else_clause",
        "for_expression",
        "while_expression",
        "loop_expression",
        "match_expression",
        "match_arm",
        "try_block",
        "unsafe_block",
        "async_block",
        "closure_expression",
    ],
    bodies: &["body", "consequence", "value"],
    ..EMPTY
};

static PYTHON: Profile = Profile {
    definitions: &[function("function_definition"), labelled("class_definition", "class")],
    wrappers: &["decorated_definition"],
    directives: &[
        "cython",
        "doctest:",
        "fmt:",
        "isort:",
        "mypy",
        "no cover",
        "no qa",
        "pylint",
        "pyre-",
        "# pyright",
        "#pyright",
        "pytype",
        "ruff:",
        "type:",
        "yapf:",
    ],
    directive_starts: &["# ///", "#:", "# MAGIC ", "# COMMAND ", "# DBTITLE "],
    program: &["cython", "distutils:", "doctest:", "# ///", "# magic ", "# command ", "# dbtitle "],
    atoms: &["string"],
    tabs_count: true,
    imports: &["import_statement", "import_from_statement", "future_import_statement"],
    controls: &[
        "if_statement",
        "elif_clause",
        "else_clause",
        "for_statement",
        "while_statement",
        "try_statement",
        "except_clause",
        "finally_clause",
        "with_statement",
        "match_statement",
        "case_clause",
    ],
    bodies: &["body", "consequence", "block"],
    ..EMPTY
};

static GO: Profile = Profile {
    definitions: &[
        function("function_declaration"),
        definition("method_declaration", "", Name::Receiver),
        labelled("type_spec", "type"),
        labelled("type_alias", "type"),
    ],
    wrappers: &["type_declaration"],
    directives: &["output:", "lint:", "#cgo", "#include", "+build"],
    directive_starts: &["//go:", "//export ", "//line ", "/*line ", "// +", "//sys"],
    program: &[
        "output:",
        "#cgo",
        "#include",
        "+build",
        "//go:",
        "//export ",
        "//line ",
        "/*line ",
        "// +",
        "//sys",
    ],
    // In a group it stands alone; comments above any other such string do no harm by being code.
    preamble: Some("\"C\""),
    atoms: &["interpreted_string_literal", "raw_string_literal", "rune_literal"],
    imports: &["import_declaration"],
    controls: &[
        "if_statement",
        "for_statement",
        "expression_switch_statement",
        "type_switch_statement",
        "select_statement",
        "expression_case",
        "type_case",
        "communication_case",
        "default_case",
        "func_literal",
    ],
    bodies: &["body", "consequence"],
    ..EMPTY
};

static JAVA: Profile = Profile {
    definitions: &[
        function("method_declaration"),
        function("constructor_declaration"),
        function("compact_constructor_declaration"),
        function("annotation_type_element_declaration"),
        labelled("class_declaration", "class"),
        labelled("interface_declaration", "interface"),
        labelled("enum_declaration", "enum"),
        labelled("record_declaration", "record"),
        labelled("annotation_type_declaration", "@interface"),
        definition("static_initializer", "static", Name::Label),
    ],
    comments: &["line_comment", "block_comment"],
    directives: &["checkstyle", "$non-nls", "spotless:", "@formatter", "spotbugs", "errorprone"],
    directive_starts: &["//$"],
    atoms: &["string_literal", "character_literal", "template_expression"],
    imports: &["import_declaration"],
    controls: &[
        "if_statement",
        "for_statement",
        "enhanced_for_statement",
        "while_statement",
        "do_statement",
        "switch_expression",
        "switch_block_statement_group",
        "switch_rule",
        "try_statement",
        "try_with_resources_statement",
        "catch_clause",
        "finally_clause",
        "synchronized_statement",
        "lambda_expression",
    ],
    bodies: &["body", "consequence", "block", "switch_block"],
    ..EMPTY
};

const C_DIRECTIVES: &[&str] = &[
    "clang-",
    "coverity",
    "cppcheck",
    "gcov_",
    "iwyu",
    "lcov_",
    "lint ",
    "lint -",
    "notreached",
    "uncrustify",
];
const C_ATOMS: &[&str] =
    &["string_literal", "raw_string_literal", "char_literal", "system_lib_string", "preproc_arg"];
const C_LINES: &[&str] = &["preproc_include", "preproc_def", "preproc_function_def", "preproc_call"];
const C_LINE_BOUND: &[&str] =
    &["preproc_if", "preproc_ifdef", "preproc_elif", "preproc_elifdef", "preproc_else"];

static C: Profile = Profile {
    definitions: &[
        definition("function_definition", "", Name::Declarator),
        with_body("struct_specifier", "struct"),
        with_body("union_specifier", "union"),
        with_body("enum_specifier", "enum"),
        definition("preproc_function_def", "macro", Name::Field("name")),
    ],
    wrappers: &["type_definition"],
    directives: C_DIRECTIVES,
    atoms: C_ATOMS,
    lines: C_LINES,
    line_bound: C_LINE_BOUND,
    imports: &["preproc_include"],
    controls: C_CONTROLS,
    bodies: &["body", "consequence", "compound_statement"],
    ..EMPTY
};

const C_CONTROLS: &[&str] = &[
    "if_statement",
    "else_clause",
    "for_statement",
    "for_range_loop",
    "while_statement",
    "do_statement",
    "switch_statement",
    "case_statement",
    "try_statement",
    "catch_clause",
    "preproc_if",
    "preproc_ifdef",
    "preproc_elif",
    "preproc_else",
];

static CPP: Profile = Profile {
    definitions: &[
        definition("function_definition", "", Name::Declarator),
        with_body("class_specifier", "class"),
        with_body("struct_specifier", "struct"),
        with_body("union_specifier", "union"),
        with_body("enum_specifier", "enum"),
        labelled("namespace_definition", "namespace"),
        labelled("concept_definition", "concept"),
        definition("preproc_function_def", "macro", Name::Field("name")),
    ],
    wrappers: &["template_declaration", "type_definition"],
    directives: C_DIRECTIVES,
    atoms: C_ATOMS,
    lines: C_LINES,
    line_bound: C_LINE_BOUND,
    imports: &["preproc_include", "using_declaration"],
    controls: C_CONTROLS,
    bodies: &["body", "consequence", "compound_statement"],
    ..EMPTY
};

static CSHARP: Profile = Profile {
    definitions: &[
        function("method_declaration"),
        function("constructor_declaration"),
        function("destructor_declaration"),
        function("local_function_statement"),
        function("property_declaration"),
        definition("operator_declaration", "operator", Name::Field("operator")),
        definition("indexer_declaration", "this", Name::Label),
        labelled("class_declaration", "class"),
        labelled("struct_declaration", "struct"),
        labelled("record_declaration", "record"),
        labelled("interface_declaration", "interface"),
        labelled("enum_declaration", "enum"),
        labelled("delegate_declaration", "delegate"),
        labelled("namespace_declaration", "namespace"),
    ],
    directives: &["resharper", "stylecop", "lang="],
    atoms: &[
        "string_literal",
        "verbatim_string_literal",
        "raw_string_literal",
        "interpolated_string_expression",
        "character_literal",
    ],
    lines: &[
        "preproc_region",
        "preproc_endregion",
        "preproc_line",
        "preproc_pragma",
        "preproc_nullable",
        "preproc_error",
        "preproc_warning",
        "preproc_define",
        "preproc_undef",
        "shebang_directive",
    ],
    line_bound: &["preproc_if", "preproc_elif", "preproc_else", "preproc_if_in_attribute_list"],
    imports: &["using_directive", "extern_alias_directive"],
    controls: &[
        "if_statement",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "switch_section",
        "switch_expression",
        "try_statement",
        "catch_clause",
        "finally_clause",
        "using_statement",
        "lock_statement",
        "unsafe_statement",
        "fixed_statement",
        "checked_statement",
        "lambda_expression",
        "preproc_if",
    ],
    bodies: &["body", "accessors", "value", "consequence", "block"],
    ..EMPTY
};

static RUBY: Profile = Profile {
    definitions: &[
        function("method"),
        definition("singleton_method", "self.", Name::Field("name")),
        labelled("class", "class"),
        labelled("module", "module"),
        definition("singleton_class", "class <<", Name::Field("value")),
    ],
    directives: &[
        "encoding",
        "frozen_string_literal",
        "nocov",
        "nodoc",
        "rubocop",
        "shareable_constant_value",
        "standard:",
        "steep:",
        "typed:",
        "warn_indent",
    ],
    directive_starts: &["#:", "# @"],
    program: &["encoding", "frozen_string_literal", "shareable_constant_value", "warn_indent"],
    atoms: &[
        "string",
        "bare_string",
        "bare_symbol",
        "string_array",
        "symbol_array",
        "delimited_symbol",
        "subshell",
        "regex",
        "heredoc_beginning",
        "heredoc_body",
        "character",
        "uninterpreted",
    ],
    controls: &[
        "if",
        "unless",
        "elsif",
        "else",
        "while",
        "until",
        "for",
        "case",
        "when",
        "case_match",
        "in_clause",
        "begin",
        "rescue",
        "ensure",
        "do_block",
    ],
    bodies: &["body", "consequence", "body_statement"],
    ..EMPTY
};

static PHP: Profile = Profile {
    definitions: &[
        function("function_definition"),
        function("method_declaration"),
        labelled("class_declaration", "class"),
        labelled("interface_declaration", "interface"),
        labelled("trait_declaration", "trait"),
        labelled("enum_declaration", "enum"),
        definition("assignment_expression", "", Name::Assigned("left", "right")),
    ],
    wrappers: &["expression_statement"],
    directives: &["phpcs", "phpstan", "psalm", "@codecoverage", "php-cs-fixer"],
    directive_starts: &["/**"],
    documentation: &["/**"],
    atoms: &["string", "encapsed_string", "heredoc", "nowdoc", "shell_command_expression", "text"],
    imports: &["namespace_use_declaration"],
    controls: &[
        "if_statement",
        "else_clause",
        "else_if_clause",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "case_statement",
        "default_statement",
        "match_expression",
        "try_statement",
        "catch_clause",
        "finally_clause",
    ],
    bodies: &["body"],
    ..EMPTY
};

const KOTLIN_NAMES: &[&str] = &["simple_identifier", "type_identifier"];

static KOTLIN: Profile = Profile {
    definitions: &[
        definition("function_declaration", "", Name::Child(KOTLIN_NAMES)),
        definition("class_declaration", "class", Name::Child(KOTLIN_NAMES)),
        definition("object_declaration", "object", Name::Child(KOTLIN_NAMES)),
        definition("companion_object", "companion object", Name::Label),
        definition("secondary_constructor", "constructor", Name::Label),
        definition("anonymous_initializer", "init", Name::Label),
    ],
    comments: &["line_comment", "multiline_comment"],
    directives: &["ktlint", "detekt", "@formatter", "@suppress"],
    atoms: &["string_literal", "character_literal"],
    // What is called, indexed or returned stands on the same line.
    line_bound: &["call_expression", "indexing_expression", "jump_expression"],
    imports: &["import_header"],
    controls: &[
        "if_expression",
        "for_statement",
        "while_statement",
        "do_while_statement",
        "when_expression",
        "when_entry",
        "try_expression",
        "catch_block",
        "finally_block",
        "lambda_literal",
    ],
    bodies: &["function_body", "class_body", "enum_class_body", "control_structure_body", "statements"],
    ..EMPTY
};

static BASH: Profile = Profile {
    definitions: &[function("function_definition")],
    directives: &["shellcheck", "bashate", "shfmt:", "chkconfig:", "init info", "required-", "default-st"],
    program: &[
        "#sbatch",
        "#pbs",
        "#bsub",
        "#msub",
        "#$",
        "#cobalt",
        "#flux",
        "#compdef",
        "#autoload",
        "chkconfig:",
        "default-st",
        "init info",
        "required-",
    ],
    directive_starts: &[
        "#SBATCH",
        "#PBS",
        "#BSUB",
        "#MSUB",
        "#$",
        "#COBALT",
        "#flux",
        "#compdef",
        "#autoload",
    ],
    atoms: &[
        "string",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "heredoc_redirect",
        "heredoc_body",
        "regex",
        "expansion",
        "concatenation",
        "test_command",
    ],
    carriage_return_counts: true,
    controls: &[
        "if_statement",
        "elif_clause",
        "else_clause",
        "for_statement",
        "c_style_for_statement",
        "while_statement",
        "case_statement",
        "case_item",
        "subshell",
    ],
    bodies: &["body", "do_group"],
    ..EMPTY
};
