// Command oracle says what Go's own parser and type checker make of a text: a line of JSON in, a line
// of JSON out.
//
// {"path", "text", "form"} is answered by {"form", "comments": [[tokens before, text]]} or {"error"}.
// The form is the syntax tree without positions and comments, but with the preamble of cgo: `whole` as
// it stands, `imports` with imports sorted, `sorted` with functions and types in order of their names,
// `alpha` with a number in place of each name that is declared inside a function.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"reflect"
	"sort"
	"strings"
)

type request struct {
	Path string `json:"path"`
	Text string `json:"text"`
	Form string `json:"form"`
}

type reply struct {
	Form     string   `json:"form,omitempty"`
	Comments [][2]any `json:"comments,omitempty"`
	Error    string   `json:"error,omitempty"`
}

type writer struct {
	out     strings.Builder
	numbers map[types.Object]int
	local   func(*ast.Ident) types.Object
}

// Positions that mean something by being there at all.
var meaningful = map[string]bool{"Ellipsis": true, "Assign": true}

func (w *writer) write(value reflect.Value) {
	switch value.Kind() {
	case reflect.Interface, reflect.Pointer:
		if value.IsNil() {
			w.out.WriteString("-\n")
			return
		}
		switch node := value.Interface().(type) {
		case *ast.Object, *ast.Scope:
			return
		case *ast.Ident:
			if w.local != nil {
				if object := w.local(node); object != nil {
					number, known := w.numbers[object]
					if !known {
						number = len(w.numbers)
						w.numbers[object] = number
					}
					fmt.Fprintf(&w.out, "#%d\n", number)
					return
				}
			}
			fmt.Fprintf(&w.out, "%s\n", node.Name)
			return
		}
		w.write(value.Elem())
	case reflect.Struct:
		fmt.Fprintf(&w.out, "%s(\n", value.Type().Name())
		for i := 0; i < value.NumField(); i++ {
			field := value.Type().Field(i)
			if field.Type == reflect.TypeOf(token.NoPos) {
				if meaningful[field.Name] {
					fmt.Fprintf(&w.out, "%t\n", value.Field(i).Int() != 0)
				}
				continue
			}
			if field.Type != reflect.TypeOf((*ast.CommentGroup)(nil)) {
				w.write(value.Field(i))
			}
		}
		w.out.WriteString(")\n")
	case reflect.Slice:
		w.out.WriteString("[\n")
		for i := 0; i < value.Len(); i++ {
			w.write(value.Index(i))
		}
		w.out.WriteString("]\n")
	default:
		fmt.Fprintf(&w.out, "%q\n", fmt.Sprint(value.Interface()))
	}
}

func declarationName(declaration ast.Decl) string {
	switch it := declaration.(type) {
	case *ast.FuncDecl:
		receiver := ""
		if it.Recv != nil && len(it.Recv.List) > 0 {
			receiver = types.ExprString(it.Recv.List[0].Type)
		}
		// Functions called init run in their order.
		if it.Recv == nil && (it.Name.Name == "init" || it.Name.Name == "_") {
			return ""
		}
		return "func " + receiver + "." + it.Name.Name
	case *ast.GenDecl:
		if it.Tok == token.TYPE && len(it.Specs) > 0 {
			return "type " + it.Specs[0].(*ast.TypeSpec).Name.Name
		}
	}
	return ""
}

func sorted(file *ast.File) {
	var fixed, movable []ast.Decl
	for _, declaration := range file.Decls {
		if declarationName(declaration) == "" {
			fixed = append(fixed, declaration)
		} else {
			movable = append(movable, declaration)
		}
	}
	sort.SliceStable(movable, func(i, j int) bool { return declarationName(movable[i]) < declarationName(movable[j]) })
	file.Decls = append(fixed, movable...)
}

// Imports as one declaration, in order of their paths.
func withSortedImports(file *ast.File) {
	imports := &ast.GenDecl{Tok: token.IMPORT}
	var rest []ast.Decl
	for _, declaration := range file.Decls {
		if it, ok := declaration.(*ast.GenDecl); ok && it.Tok == token.IMPORT {
			imports.Specs = append(imports.Specs, it.Specs...)
		} else {
			rest = append(rest, declaration)
		}
	}
	key := func(spec ast.Spec) string {
		it := spec.(*ast.ImportSpec)
		name := ""
		if it.Name != nil {
			name = it.Name.Name
		}
		return it.Path.Value + " " + name
	}
	sort.SliceStable(imports.Specs, func(i, j int) bool { return key(imports.Specs[i]) < key(imports.Specs[j]) })
	file.Decls = append([]ast.Decl{imports}, rest...)
}

type nowhere struct{}

func (nowhere) Import(string) (*types.Package, error) { return nil, errors.New("not here") }

// What is declared inside functions, as the type checker binds it.
func locals(files *token.FileSet, file *ast.File) func(*ast.Ident) types.Object {
	info := types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{},
	}
	config := types.Config{Importer: nowhere{}, Error: func(error) {}, FakeImportC: true}
	unit, _ := config.Check("oracle", files, []*ast.File{file}, &info)
	return func(name *ast.Ident) types.Object {
		object := info.Defs[name]
		if object == nil {
			object = info.Uses[name]
		}
		if object == nil || name.Name == "_" || object.Parent() == nil || object.Parent() == types.Universe {
			return nil
		}
		if object.Parent() == unit.Scope() || object.Parent().Parent() == unit.Scope() && isPackageName(object) {
			return nil
		}
		return object
	}
}

func isPackageName(object types.Object) bool {
	_, ok := object.(*types.PkgName)
	return ok
}

func comments(text string) [][2]any {
	var scan scanner.Scanner
	files := token.NewFileSet()
	scan.Init(files.AddFile("", files.Base(), len(text)), []byte(text), nil, scanner.ScanComments)
	found, count := [][2]any{}, 0
	for {
		_, kind, literal := scan.Scan()
		switch {
		case kind == token.EOF:
			return found
		case kind == token.COMMENT:
			found = append(found, [2]any{count, literal})
		case kind == token.SEMICOLON && literal == "\n":
		default:
			count++
		}
	}
}

func answer(request request) reply {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, request.Path, request.Text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return reply{Error: err.Error()}
	}
	w := writer{numbers: map[types.Object]int{}}
	for _, declaration := range file.Decls {
		if it, ok := declaration.(*ast.GenDecl); ok && it.Tok == token.IMPORT {
			for _, spec := range it.Specs {
				if path := spec.(*ast.ImportSpec); path.Path.Value == `"C"` {
					for _, group := range []*ast.CommentGroup{it.Doc, path.Doc} {
						if group != nil {
							fmt.Fprintf(&w.out, "cgo %q\n", group.Text())
						}
					}
				}
			}
		}
	}
	switch request.Form {
	case "sorted":
		sorted(file)
	case "imports":
		withSortedImports(file)
	case "alpha":
		w.local = locals(files, file)
	}
	file.Imports, file.Unresolved, file.Comments = nil, nil, nil
	w.write(reflect.ValueOf(file.Name))
	w.write(reflect.ValueOf(file.Decls))
	return reply{Form: w.out.String(), Comments: comments(request.Text)}
}

func main() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var it request
		if err := json.Unmarshal(line, &it); err != nil {
			output.Encode(reply{Error: err.Error()})
			continue
		}
		output.Encode(answer(it))
	}
}
