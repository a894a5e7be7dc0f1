// What the TypeScript compiler makes of a text: a line of JSON in, a line of JSON out.
//
//     node typescript.js NODE_MODULES
//
// {"path", "text", "form"} is answered by {"form", "comments": [[tokens before, text]]} or {"error"}.
// The form is the concrete tree with every token and without layout: `whole` as it stands, `imports`
// with runs of imports sorted, `sorted` with hoisted definitions and methods in order of their names,
// `alpha` with a number in place of each name that only this file can see, as the checker binds it.
"use strict";

const ts = require(`${process.argv[2]}/typescript`);

function textOfJsx(text) {
  const lines = text.split(/\r\n|\n|\r/);
  const kept = lines.map((line, at) => {
    if (at > 0) line = line.replace(/^[ \t]+/, "");
    return at < lines.length - 1 ? line.replace(/[ \t]+$/, "") : line;
  });
  return kept.filter((line) => line !== "").join(" ");
}

function parse(path, text, wantsChecker) {
  const name = "/" + path.split("/").pop();
  const options = { target: ts.ScriptTarget.ESNext, allowJs: true, noLib: true, noResolve: true, jsx: ts.JsxEmit.Preserve };
  if (!wantsChecker) {
    return { source: ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true), checker: null };
  }
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true);
  const host = {
    getSourceFile: (file) => (file === name ? source : undefined),
    getDefaultLibFileName: () => "lib.d.ts",
    writeFile: () => {},
    getCurrentDirectory: () => "/",
    getCanonicalFileName: (file) => file,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    fileExists: (file) => file === name,
    readFile: () => undefined,
  };
  const program = ts.createProgram([name], options, host);
  return { source, checker: program.getTypeChecker() };
}

function isPrivate(symbol, source) {
  const declarations = symbol.declarations || [];
  return (
    declarations.length > 0 &&
    declarations.every((it) => {
      const isBinding =
        ts.isVariableDeclaration(it) || ts.isParameter(it) || ts.isBindingElement(it) || ts.isFunctionDeclaration(it) ||
        ts.isTypeParameterDeclaration(it) || ts.isImportSpecifier(it) || ts.isImportClause(it) || ts.isNamespaceImport(it);
      if (!isBinding || it.getSourceFile() !== source) return false;
      if (ts.getCombinedModifierFlags(it) & (ts.ModifierFlags.Export | ts.ModifierFlags.ParameterPropertyModifier)) return false;
      const isInner = ts.findAncestor(it.parent, (around) => ts.isFunctionLike(around));
      return isInner || ts.isExternalModule(source);
    })
  );
}

function nameOf(node) {
  const name = node.name;
  return name ? name.getText() : "";
}

const isHoisted = (node) =>
  (ts.isFunctionDeclaration(node) && node.body !== undefined) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
const isMethod = (node) => ts.isMethodDeclaration(node) && node.body !== undefined && !ts.isComputedPropertyName(node.name);
const isImport = (node) => ts.isImportDeclaration(node) && node.importClause !== undefined;

function write({ source, checker }, form) {
  const out = [];
  const comments = new Map();
  const numbers = new Map();
  let tokens = 0;

  const number = (symbol) => {
    if (!numbers.has(symbol)) numbers.set(symbol, `#${numbers.size}`);
    return numbers.get(symbol);
  };
  const identifier = (node) => {
    const text = node.getText(source);
    if (!checker) return text;
    const parent = node.parent;
    if (ts.isShorthandPropertyAssignment(parent) && parent.name === node) {
      const value = checker.getShorthandAssignmentValueSymbol(parent);
      return `${text}:${value && isPrivate(value, source) ? number(value) : text}`;
    }
    const symbol = checker.getSymbolAtLocation(node);
    if (!symbol || !isPrivate(symbol, source)) return text;
    const isShort = ts.isBindingElement(parent) && parent.name === node && !parent.propertyName && ts.isObjectBindingPattern(parent.parent) && !parent.dotDotDotToken;
    const isSpecifier = ts.isImportSpecifier(parent) && parent.name === node && !parent.propertyName;
    return isShort || isSpecifier ? `${text}:${number(symbol)}` : number(symbol);
  };
  const sorted = (children) => {
    if (form === "sorted") {
      const isMovable = (node) => isHoisted(node) || isMethod(node);
      const movable = children.filter(isMovable).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
      return [...children.filter((node) => !isMovable(node)), ...movable];
    }
    if (form === "imports") {
      const result = [];
      let run = [];
      const flush = () => {
        result.push(...run.sort((a, b) => (a.getText(source) < b.getText(source) ? -1 : 1)));
        run = [];
      };
      for (const child of children) {
        if (isImport(child)) run.push(child);
        else {
          flush();
          result.push(child);
        }
      }
      flush();
      return result;
    }
    return children;
  };
  const comment = (position) => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(source.text, position) || []),
      ...(ts.getTrailingCommentRanges(source.text, position) || []),
    ];
    for (const range of ranges) {
      if (!comments.has(range.pos)) comments.set(range.pos, [tokens, source.text.slice(range.pos, range.end)]);
    }
  };
  const visit = (node) => {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) return;
    const children = node.getChildren(source);
    if (node.kind !== ts.SyntaxKind.JsxText && children.length === 0) {
      comment(node.pos);
      if (node.kind === ts.SyntaxKind.EndOfFileToken || (node.kind === ts.SyntaxKind.SyntaxList && node.pos === node.end)) return;
    }
    if (node.kind === ts.SyntaxKind.JsxText) {
      const text = textOfJsx(source.text.slice(node.pos, node.end));
      if (text !== "") out.push(`jsx ${JSON.stringify(text)}`);
      tokens += text !== "" ? 1 : 0;
    } else if (children.length === 0) {
      const text = ts.isIdentifier(node) ? identifier(node) : node.getText(source);
      out.push(`${node.kind} ${JSON.stringify(text)}`);
      tokens += 1;
    } else {
      out.push(`${ts.SyntaxKind[node.kind]}(`);
      sorted(children).forEach(visit);
      out.push(")");
    }
  };
  visit(source);
  const inOrder = [...comments.keys()].sort((a, b) => a - b).map((position) => comments.get(position));
  return { form: out.join("\n"), comments: inOrder };
}

function answer(request) {
  const parsed = parse(request.path, request.text, request.form === "alpha");
  const [diagnostic] = parsed.source.parseDiagnostics;
  if (diagnostic) return { error: ts.flattenDiagnosticMessageText(diagnostic.messageText, " ") };
  return write(parsed, request.form);
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    let reply;
    try {
      reply = answer(JSON.parse(line));
    } catch (error) {
      reply = { error: String(error) };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
  });
