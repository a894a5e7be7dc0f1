// What javac makes of a text: requests on standard input, answers on standard output.
//
//     java Oracle.java
//
// A request is three lines, the name of the form, and the base64 of the path and of the text; the
// answer is one line, "ok " or "error " and base64. The form is javac's tree without layout and
// comments: `whole` as it stands, `imports` with imports sorted, `sorted` with types and methods in
// order of their names and all fields in theirs, `alpha` with a number for each local variable,
// `used` without the imports whose names nothing in the file says.

import com.sun.source.tree.*;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreeScanner;
import java.io.*;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.stream.*;
import javax.tools.*;

public class Oracle {
    static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

    static class Text extends SimpleJavaFileObject {
        final String text;

        Text(String name, String text) {
            super(URI.create("string:///" + name), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    static class Writer extends TreeScanner<Void, Void> {
        final String form;
        StringBuilder out = new StringBuilder();
        final Deque<Map<String, String>> scopes = new ArrayDeque<>();
        int numbers = 0;

        Writer(String form) {
            this.form = form;
        }

        void word(Object word) {
            out.append(String.valueOf(word).replace("\\", "\\\\").replace("\n", "\\n")).append('\n');
        }

        String local(String name) {
            for (Map<String, String> scope : scopes) {
                if (scope.containsKey(name)) return scope.get(name);
            }
            return name;
        }

        String apart(Runnable write) {
            StringBuilder around = out;
            out = new StringBuilder();
            write.run();
            String result = out.toString();
            out = around;
            return result;
        }

        @Override
        public Void scan(Tree tree, Void unused) {
            if (tree == null) {
                word("-");
                return null;
            }
            boolean isScope = form.equals("alpha") && (tree instanceof BlockTree || tree instanceof MethodTree
                || tree instanceof LambdaExpressionTree || tree instanceof ForLoopTree || tree instanceof EnhancedForLoopTree
                || tree instanceof CatchTree || tree instanceof TryTree || tree instanceof CaseTree || tree instanceof ClassTree);
            if (isScope) scopes.push(new HashMap<>());
            out.append(tree.getKind()).append("(\n");
            super.scan(tree, unused);
            out.append(")\n");
            if (isScope) scopes.pop();
            return null;
        }

        @Override
        public Void scan(Iterable<? extends Tree> trees, Void unused) {
            out.append("[\n");
            if (trees != null) {
                List<Tree> list = new ArrayList<>();
                trees.forEach(list::add);
                for (Tree tree : ordered(list)) scan(tree, unused);
            }
            out.append("]\n");
            return null;
        }

        List<Tree> ordered(List<Tree> trees) {
            if (form.equals("sorted")) {
                List<Tree> fixed = new ArrayList<>(), movable = new ArrayList<>();
                for (Tree tree : trees) (tree instanceof MethodTree || tree instanceof ClassTree ? movable : fixed).add(tree);
                movable.sort(Comparator.comparing(tree -> apart(() -> scan(tree, null))));
                fixed.addAll(movable);
                return fixed;
            }
            if (form.equals("used")) trees.removeIf(tree -> tree instanceof ImportTree it && isUnused(it));
            if (form.equals("imports") && trees.stream().anyMatch(tree -> tree instanceof ImportTree)) {
                return trees.stream().sorted(Comparator.comparing(Tree::toString)).collect(Collectors.toList());
            }
            return trees;
        }

        final Set<String> names = new HashSet<>();

        boolean isUnused(ImportTree tree) {
            String path = tree.getQualifiedIdentifier().toString();
            return !tree.isStatic() && !path.endsWith("*") && !names.contains(path.substring(path.lastIndexOf('.') + 1));
        }

        @Override
        public Void visitVariable(VariableTree tree, Void unused) {
            boolean isLocal = !scopes.isEmpty() && !isField;
            boolean wasField = isField;
            isField = false;
            scan(tree.getModifiers(), unused);
            scan(tree.getType(), unused);
            scan(tree.getNameExpression(), unused);
            if (isLocal) {
                String number = "#" + numbers++;
                // A variable is in scope in its own initializer.
                scopes.peek().put(tree.getName().toString(), number);
                word(number);
            } else {
                if (!scopes.isEmpty()) scopes.peek().put(tree.getName().toString(), tree.getName().toString());
                word(tree.getName());
            }
            scan(tree.getInitializer(), unused);
            isField = wasField;
            return null;
        }

        boolean isField = false;

        @Override
        public Void visitClass(ClassTree tree, Void unused) {
            word(tree.getSimpleName());
            scan(tree.getModifiers(), unused);
            scan(tree.getTypeParameters(), unused);
            scan(tree.getExtendsClause(), unused);
            scan(tree.getImplementsClause(), unused);
            scan(tree.getPermitsClause(), unused);
            // Fields hide the variables around their class.
            for (Tree member : tree.getMembers()) {
                if (member instanceof VariableTree field && !scopes.isEmpty()) {
                    scopes.peek().put(field.getName().toString(), field.getName().toString());
                }
            }
            out.append("[\n");
            for (Tree member : ordered(new ArrayList<>(tree.getMembers()))) {
                boolean wasField = isField;
                isField = member instanceof VariableTree;
                scan(member, unused);
                isField = wasField;
            }
            out.append("]\n");
            return null;
        }

        @Override
        public Void visitMethod(MethodTree tree, Void unused) {
            word(tree.getName());
            boolean wasField = isField;
            isField = false;
            super.visitMethod(tree, unused);
            isField = wasField;
            return null;
        }

        @Override
        public Void visitBlock(BlockTree tree, Void unused) {
            word(tree.isStatic());
            return super.visitBlock(tree, unused);
        }

        @Override
        public Void visitIdentifier(IdentifierTree tree, Void unused) {
            word(local(tree.getName().toString()));
            return null;
        }

        @Override
        public Void visitMethodInvocation(MethodInvocationTree tree, Void unused) {
            // The name of a method is never that of a variable.
            scan(tree.getTypeArguments(), unused);
            if (tree.getMethodSelect() instanceof IdentifierTree name) word(name.getName());
            else scan(tree.getMethodSelect(), unused);
            scan(tree.getArguments(), unused);
            return null;
        }

        @Override
        public Void visitMemberSelect(MemberSelectTree tree, Void unused) {
            word(tree.getIdentifier());
            return super.visitMemberSelect(tree, unused);
        }

        @Override
        public Void visitMemberReference(MemberReferenceTree tree, Void unused) {
            word(tree.getMode() + " " + tree.getName());
            return super.visitMemberReference(tree, unused);
        }

        @Override
        public Void visitLiteral(LiteralTree tree, Void unused) {
            word(tree.getValue());
            return null;
        }

        @Override
        public Void visitPrimitiveType(PrimitiveTypeTree tree, Void unused) {
            word(tree.getPrimitiveTypeKind());
            return null;
        }

        @Override
        public Void visitModifiers(ModifiersTree tree, Void unused) {
            word(tree.getFlags());
            return super.visitModifiers(tree, unused);
        }

        @Override
        public Void visitTypeParameter(TypeParameterTree tree, Void unused) {
            word(tree.getName());
            return super.visitTypeParameter(tree, unused);
        }

        @Override
        public Void visitBreak(BreakTree tree, Void unused) {
            word(tree.getLabel());
            return super.visitBreak(tree, unused);
        }

        @Override
        public Void visitContinue(ContinueTree tree, Void unused) {
            word(tree.getLabel());
            return super.visitContinue(tree, unused);
        }

        @Override
        public Void visitLabeledStatement(LabeledStatementTree tree, Void unused) {
            word(tree.getLabel());
            return super.visitLabeledStatement(tree, unused);
        }

        @Override
        public Void visitImport(ImportTree tree, Void unused) {
            word(tree.isStatic());
            return super.visitImport(tree, unused);
        }

        @Override
        public Void visitCase(CaseTree tree, Void unused) {
            word(tree.getCaseKind());
            return super.visitCase(tree, unused);
        }

        @Override
        public Void visitLambdaExpression(LambdaExpressionTree tree, Void unused) {
            // The tree holds parameters first, which is where their scope begins.
            scan(tree.getParameters(), unused);
            scan(tree.getBody(), unused);
            return null;
        }

        @Override
        public Void visitModule(ModuleTree tree, Void unused) {
            word(tree.toString());
            return null;
        }
    }

    static String answer(String form, String path, String text) throws Exception {
        DiagnosticCollector<JavaFileObject> errors = new DiagnosticCollector<>();
        String name = path.substring(path.lastIndexOf('/') + 1);
        JavacTask task = (JavacTask) COMPILER.getTask(null, null, errors, List.of("-proc:none"), null, List.of(new Text(name, text)));
        CompilationUnitTree unit = task.parse().iterator().next();
        for (Diagnostic<?> error : errors.getDiagnostics()) {
            if (error.getKind() == Diagnostic.Kind.ERROR) throw new IOException(error.getMessage(Locale.ROOT));
        }
        Writer writer = new Writer(form);
        TreeScanner<Void, Void> names = new TreeScanner<>() {
            @Override
            public Void visitIdentifier(IdentifierTree tree, Void unused) {
                writer.names.add(tree.getName().toString());
                return null;
            }
        };
        names.scan(unit.getPackage(), null);
        names.scan(unit.getTypeDecls(), null);
        writer.scan(unit, null);
        return writer.out.toString();
    }

    public static void main(String[] args) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream output = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.US_ASCII);
        for (String form; (form = input.readLine()) != null; ) {
            String path = new String(Base64.getDecoder().decode(input.readLine()), StandardCharsets.UTF_8);
            String text = new String(Base64.getDecoder().decode(input.readLine()), StandardCharsets.UTF_8);
            String status = "ok ", result;
            try {
                result = answer(form, path, text);
            } catch (Throwable error) {
                status = "error ";
                result = String.valueOf(error.getMessage());
            }
            output.print(status + Base64.getEncoder().encodeToString(result.getBytes(StandardCharsets.UTF_8)) + "\n");
            output.flush();
        }
    }
}
