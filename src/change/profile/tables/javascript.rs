//! The tables of JavaScript and TypeScript, which share most of them.

use super::{EMPTY, Name, Profile, definition, function, labelled};

const JS_COMMENTS: &[&str] = &["comment", "html_comment"];
// Before `(`, `[`, an operator or a template the grammars read on over any line break.
const JS_LINE_ENDERS: &[&str] = &["return", "throw", "yield", "break", "continue", "async"];
const TS_LINE_ENDERS: &[&str] = &[
    "return",
    "throw",
    "yield",
    "break",
    "continue",
    "async",
    "abstract",
    "accessor",
    "asserts",
    "declare",
    "global",
    "interface",
    "module",
    "namespace",
    "override",
    "private",
    "protected",
    "public",
    "readonly",
    "type",
];
const JS_DIRECTIVES: &[&str] = &[
    "@ts-",
    "@type",
    "@jsx",
    "@flow",
    "@internal",
    "@jest-",
    "@param {",
    "@returns {",
    "@return {",
    "@satisfies",
    "@template",
    "@vite",
    "@vitest-",
    "__pure__",
    "__no_side_effects__",
    "c8 ",
    "deno-",
    "eslint",
    "exported ",
    "global ",
    "globals ",
    "istanbul",
    "jshint",
    "jslint",
    "oxlint",
    "prettier-",
    "sourcemappingurl",
    "tslint:",
    "turbopack",
    "v8 ignore",
    "webpack",
    "$flow",
];
const JS_STARTS: &[&str] = &["///", "//#", "//@", "//="];
const JS_PROGRAM: &[&str] = &[
    "///",
    "//#",
    "//=",
    "//@",
    "@internal",
    "@jest-",
    "@jsx",
    "@license",
    "@preserve",
    "@vite",
    "__no_side_effects__",
    "__pure__",
    "deno-types",
    "sourcemappingurl",
    "turbopack",
    "webpack",
];
const JS_ATOMS: &[&str] = &["string", "template_string", "template_literal_type", "regex", "jsx_text"];
const JS_CONTROLS: &[&str] = &[
    "if_statement",
    "else_clause",
    "for_statement",
    "for_in_statement",
    "while_statement",
    "do_statement",
    "switch_statement",
    "switch_case",
    "switch_default",
    "try_statement",
    "catch_clause",
    "finally_clause",
    "with_statement",
];
const JS_BODIES: &[&str] = &["body", "consequence", "statement_block", "switch_body", "class_body"];

pub(super) static JAVASCRIPT: Profile = Profile {
    definitions: &[
        function("function_declaration"),
        function("generator_function_declaration"),
        function("method_definition"),
        labelled("class_declaration", "class"),
        definition("variable_declarator", "", Name::Assigned("name", "value")),
        definition("assignment_expression", "", Name::Assigned("left", "right")),
        definition("field_definition", "", Name::Assigned("property", "value")),
        definition("pair", "", Name::Assigned("key", "value")),
    ],
    wrappers: &["export_statement", "lexical_declaration", "variable_declaration", "expression_statement"],
    line_enders: JS_LINE_ENDERS,
    imports: &["import_statement"],
    ..BOTH
};

pub(super) static TYPESCRIPT: Profile = Profile {
    definitions: &[
        function("function_declaration"),
        function("generator_function_declaration"),
        function("function_signature"),
        function("method_definition"),
        function("abstract_method_signature"),
        labelled("class_declaration", "class"),
        labelled("abstract_class_declaration", "class"),
        labelled("interface_declaration", "interface"),
        labelled("enum_declaration", "enum"),
        labelled("type_alias_declaration", "type"),
        labelled("internal_module", "namespace"),
        labelled("module", "module"),
        definition("variable_declarator", "", Name::Assigned("name", "value")),
        definition("assignment_expression", "", Name::Assigned("left", "right")),
        definition("public_field_definition", "", Name::Assigned("name", "value")),
        definition("pair", "", Name::Assigned("key", "value")),
    ],
    wrappers: &[
        "export_statement",
        "ambient_declaration",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
    ],
    line_enders: TS_LINE_ENDERS,
    imports: &["import_statement", "import_alias"],
    ..BOTH
};

/// What both languages have; a `static` cannot be named by another.
const BOTH: Profile = Profile {
    attributes: &["decorator"],
    comments: JS_COMMENTS,
    directives: JS_DIRECTIVES,
    directive_starts: JS_STARTS,
    program: JS_PROGRAM,
    atoms: JS_ATOMS,
    controls: JS_CONTROLS,
    bodies: JS_BODIES,
    ..EMPTY
};
