"""What CPython itself makes of a text: `ast` for meaning, `compile` for renamed variables, `tokenize`
for comments. It needs no process: the checkers are Python."""

import ast
import dis
import io
import tokenize
import types

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
NAMES_OF_CELLS = {"MAKE_CELL", "LOAD_CLOSURE", "COPY_FREE_VARS"}


def bodies(tree):
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                yield node, field, body


def with_sorted_imports(tree):
    """Each run of imports with one name a statement, in order."""
    for node, field, body in list(bodies(tree)):
        result, run = [], []
        for statement in [*body, None]:
            if isinstance(statement, ast.Import):
                run += [ast.Import([alias]) for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
                run += [ast.ImportFrom(statement.module, [it], statement.level) for it in statement.names]
            else:
                result += sorted(run, key=ast.dump)
                run = []
                result += [statement] if statement is not None else []
        setattr(node, field, result)


def sort_definitions(tree):
    """Functions and classes by name after everything else; those of one name keep their order."""
    for node, field, body in list(bodies(tree)):
        if isinstance(node, (ast.Module, ast.ClassDef)) and field == "body":
            movable = [it for it in body if isinstance(it, DEFINITIONS)]
            fixed = [it for it in body if not isinstance(it, DEFINITIONS)]
            setattr(node, field, fixed + sorted(movable, key=lambda it: it.name))


def instructions(code, numbers):
    """The code of a function with numbers for its variables, parameters excepted: they can be named
    by callers. `numbers` maps the variables of functions around this one."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    arguments = set(code.co_varnames[:count])
    numbers = {name: numbers.get(name, name) for name in code.co_freevars}
    numbers.update((name, name) for name in arguments)

    def variable(name):
        return numbers.setdefault(name, f"#{len(numbers)}")

    lines, cells = [], []
    for it in dis.get_instructions(code):
        if it.opname in NAMES_OF_CELLS:
            # Cells are sorted by name, which means nothing.
            cells.append(f"{it.opname} {variable(it.argval) if it.opname != 'COPY_FREE_VARS' else it.argval}")
            continue
        lines += sorted(cells)
        cells = []
        if it.opcode in dis.haslocal or it.opcode in dis.hasfree:
            value = variable(it.argval)
        elif isinstance(it.argval, types.CodeType):
            value = describe(it.argval, numbers)
        else:
            value = f"{type(it.argval).__name__} {it.argval!r}"
        lines.append(f"{it.opname} {value}")
    return lines + sorted(cells), arguments


def describe(code, numbers):
    lines, _ = instructions(code, numbers)
    head = [code.co_name, code.co_varnames[: code.co_argcount + code.co_kwonlyargcount], code.co_flags]
    head += [code.co_posonlyargcount, code.co_consts[:1] if isinstance((*code.co_consts, None)[0], str) else ()]
    return "\n  ".join([repr(head), *lines])


def form_of(text, form):
    tree = ast.parse(text)
    if form == "alpha":
        return describe(compile(tree, "", "exec"), {})
    if form == "imports":
        with_sorted_imports(tree)
    if form == "sorted":
        sort_definitions(tree)
    return "\n".join(ast.dump(statement) for statement in tree.body)


def comments_of(text):
    found, count = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            found.append([count, token.string])
        elif token.type not in LAYOUT:
            count += 1
    return found


def answer(text, form):
    try:
        return {"form": form_of(text, form), "comments": comments_of(text)}
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError) as error:
        return {"error": str(error)}
