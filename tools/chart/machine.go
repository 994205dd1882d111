package chart

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chartutil"
)

// machine executes parsed templates as text/template does, several times faster: values are plain Go values instead
// of reflected ones, and the functions that templates call most are called directly.
//
// It knows how to do what succeeds. Whatever is an error, or is not known to it, it gives up (see giveUp), and the
// rendering is done again by text/template itself, which words the error. So it has no messages of its own, and each
// doubt is solved by giving up.
type machine struct {
	renderer *renderer
	cover    *recorder // nil unless the rendering is recorded
	frame
	variables []variable // of all frames
	stack     []any      // arguments of the calls under way
	last      []any      // arguments of the call that ended last, if the rendering is recorded
}

// frame is the execution of one template.
type frame struct {
	scope *scope
	out   *bytes.Buffer
	base  int // its first variable
	depth int
}

type variable struct {
	name  string
	value any
}

// gaveUp is what a machine panics with.
type gaveUp struct{}

func giveUp() { panic(gaveUp{}) }

// maxNested bounds nested templates. Deeper ones are left to text/template, which has bounds with messages.
const maxNested = 3000

// execute runs a template of the scope and returns what it writes.
func (m *machine) execute(name string, data any) string {
	return m.run(m.scope, m.scope.templates.Lookup(name), data)
}

func (m *machine) run(s *scope, found *template.Template, data any) string {
	buffer := m.renderer.buffer()
	m.enter(s, buffer, found, data)
	return m.renderer.textOf(buffer)
}

// enter executes a template in a frame of its own: no variables of the one that calls it are seen.
func (m *machine) enter(s *scope, out *bytes.Buffer, found *template.Template, data any) {
	if found == nil || found.Tree == nil || found.Root == nil || m.depth > maxNested {
		giveUp()
	}
	outer := m.frame
	m.frame = frame{scope: s, out: out, base: len(m.variables), depth: outer.depth + 1}
	m.variables = append(m.variables, variable{"$", data})
	m.cover.take(found.Root, 0)
	m.walk(data, found.Root)
	m.variables = m.variables[:m.base]
	m.frame = outer
}

// flow is how a node ended: a break or a continue ends the lists around it up to their range.
type flow int

const (
	goesOn flow = iota
	breaks
	continues
)

func (m *machine) walk(dot any, node parse.Node) flow {
	switch node := node.(type) {
	case *parse.TextNode:
		m.out.Write(node.Text)
	case *parse.ActionNode:
		m.cover.take(node, 0)
		value := m.pipeline(dot, node.Pipe)
		if len(node.Pipe.Decl) == 0 {
			m.print(value)
		}
	case *parse.ListNode:
		for _, node := range node.Nodes {
			if flow := m.walk(dot, node); flow != goesOn {
				return flow
			}
		}
	case *parse.IfNode:
		return m.branch(dot, node, &node.BranchNode, false)
	case *parse.WithNode:
		return m.branch(dot, node, &node.BranchNode, true)
	case *parse.RangeNode:
		return m.loop(dot, node)
	case *parse.TemplateNode:
		m.template(dot, node)
	case *parse.CommentNode:
	case *parse.BreakNode:
		return breaks
	case *parse.ContinueNode:
		return continues
	default:
		giveUp()
	}
	return goesOn
}

func (m *machine) branch(dot any, of parse.Node, node *parse.BranchNode, with bool) flow {
	mark := len(m.variables)
	value := m.pipeline(dot, node.Pipe)
	flow := goesOn
	if isTrue(value) {
		m.cover.take(of, 0)
		if with {
			dot = value
		}
		flow = m.walk(dot, node.List)
	} else {
		m.cover.take(of, 1)
		if node.ElseList != nil {
			flow = m.walk(dot, node.ElseList)
		}
	}
	m.variables = m.variables[:mark]
	return flow
}

func (m *machine) loop(dot any, node *parse.RangeNode) flow {
	outer := len(m.variables)
	value := m.pipeline(dot, node.Pipe)
	mark := len(m.variables)
	declared := node.Pipe.Decl
	ran := false
	// once runs the body and returns whether to go on.
	once := func(index, element any) bool {
		if !ran {
			m.cover.take(node, 0)
		}
		ran = true
		switch {
		case len(declared) == 0:
		case node.Pipe.IsAssign && len(declared) == 1:
			m.assign(declared[0].Ident[0], element)
		case node.Pipe.IsAssign:
			m.assign(declared[0].Ident[0], index)
			m.assign(declared[1].Ident[0], element)
		default:
			m.variables[mark-1].value = element
			if len(declared) > 1 {
				m.variables[mark-2].value = index
			}
		}
		flow := m.walk(element, node.List)
		m.variables = m.variables[:mark]
		return flow != breaks
	}
	m.iterate(value, len(declared), once)
	flow := goesOn
	if !ran {
		m.cover.take(node, 1)
		if node.ElseList != nil {
			flow = m.walk(dot, node.ElseList)
		}
	}
	m.variables = m.variables[:outer]
	return flow
}

// iterate goes through a map in the order of its keys, as they are when it starts; through a list as it is then.
func (m *machine) iterate(value any, variables int, once func(index, element any) bool) {
	if table, ok := tableOf(value); ok {
		keys := make([]string, 0, len(table))
		for key := range table {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		elements := make([]any, len(keys))
		for i, key := range keys {
			elements[i] = table[key]
		}
		for i, key := range keys {
			if !once(key, elements[i]) {
				return
			}
		}
		return
	}
	switch value := value.(type) {
	case nil:
		return
	case []any:
		for i := 0; i < len(value); i++ {
			if !once(i, value[i]) {
				return
			}
		}
		return
	case []string:
		for i := 0; i < len(value); i++ {
			if !once(i, value[i]) {
				return
			}
		}
		return
	}
	reflected := reflect.ValueOf(value)
	switch reflected.Kind() {
	case reflect.Int, reflect.Int64:
		if variables > 1 {
			giveUp()
		}
		for element := range reflected.Seq() {
			if !once(nil, element.Interface()) {
				return
			}
		}
	case reflect.Slice:
		for i := 0; i < reflected.Len(); i++ {
			if kind := reflected.Index(i).Kind(); kind == reflect.Struct {
				giveUp() // can be addressed, which a copy cannot
			}
			if !once(i, reflected.Index(i).Interface()) {
				return
			}
		}
	case reflect.Map:
		if reflected.Type().Key().Kind() != reflect.String || reflected.Type().Key() != reflect.TypeFor[string]() {
			giveUp()
		}
		keys := make([]string, 0, reflected.Len())
		for _, key := range reflected.MapKeys() {
			keys = append(keys, key.String())
		}
		slices.Sort(keys)
		elements := make([]any, len(keys))
		for i, key := range keys {
			elements[i] = reflected.MapIndex(reflect.ValueOf(key)).Interface()
		}
		for i, key := range keys {
			if !once(key, elements[i]) {
				return
			}
		}
	default:
		giveUp()
	}
}

func (m *machine) template(dot any, node *parse.TemplateNode) {
	m.cover.take(node, 0)
	// Variables that its pipeline declares persist.
	data := m.pipeline(dot, node.Pipe)
	m.enter(m.scope, m.out, m.scope.templates.Lookup(node.Name), data)
}

func (m *machine) assign(name string, value any) {
	for i := len(m.variables) - 1; i >= m.base; i-- {
		if m.variables[i].name == name {
			m.variables[i].value = value
			return
		}
	}
	giveUp()
}

func (m *machine) variable(name string) any {
	for i := len(m.variables) - 1; i >= m.base; i-- {
		if m.variables[i].name == name {
			return m.variables[i].value
		}
	}
	giveUp()
	return nil
}

func (m *machine) print(value any) {
	switch value := value.(type) {
	case string:
		m.out.WriteString(value)
		return
	case nil:
		m.out.WriteString("<no value>")
		return
	case int, int64, float64, bool, map[string]any, chartutil.Values, []any, []string:
		fmt.Fprint(m.out, value)
		return
	}
	switch reflect.TypeOf(value).Kind() {
	case reflect.Pointer, reflect.Chan, reflect.Func:
		giveUp()
	}
	fmt.Fprint(m.out, value)
}

func isTrue(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case map[string]any:
		return len(value) > 0
	case []any:
		return len(value) > 0
	case int:
		return value != 0
	case float64:
		return value != 0
	}
	truth, ok := template.IsTrue(value)
	if !ok {
		giveUp()
	}
	return truth
}

// absent stands for the value that the first command of a pipeline does not get.
type absent struct{}

func (m *machine) pipeline(dot any, pipe *parse.PipeNode) any {
	if pipe == nil {
		return nil
	}
	var value any = absent{}
	for _, command := range pipe.Cmds {
		value = m.command(dot, command, value)
	}
	for _, declared := range pipe.Decl {
		if pipe.IsAssign {
			m.assign(declared.Ident[0], value)
		} else {
			m.variables = append(m.variables, variable{declared.Ident[0], value})
		}
	}
	return value
}

func (m *machine) command(dot any, command *parse.CommandNode, final any) any {
	_, alone := final.(absent)
	switch node := command.Args[0].(type) {
	case *parse.FieldNode:
		return m.fields(dot, dot, node.Ident, command.Args[1:], final)
	case *parse.ChainNode:
		return m.fields(dot, m.argument(dot, node.Node), node.Field, command.Args[1:], final)
	case *parse.VariableNode:
		value := m.variable(node.Ident[0])
		if len(node.Ident) > 1 {
			return m.fields(dot, value, node.Ident[1:], command.Args[1:], final)
		}
		if len(command.Args) > 1 || !alone {
			giveUp()
		}
		return value
	case *parse.IdentifierNode:
		return m.function(dot, node, command.Args[1:], final)
	}
	if len(command.Args) > 1 || !alone {
		giveUp()
	}
	if pipe, ok := command.Args[0].(*parse.PipeNode); ok {
		return m.pipeline(dot, pipe)
	}
	if _, ok := command.Args[0].(*parse.NilNode); ok {
		giveUp()
	}
	return m.argument(dot, command.Args[0])
}

// argument evaluates a node whose type is not asked for.
func (m *machine) argument(dot any, node parse.Node) any {
	switch node := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.NilNode:
		return nil
	case *parse.FieldNode:
		return m.fields(dot, dot, node.Ident, nil, absent{})
	case *parse.VariableNode:
		value := m.variable(node.Ident[0])
		if len(node.Ident) > 1 {
			return m.fields(dot, value, node.Ident[1:], nil, absent{})
		}
		return value
	case *parse.PipeNode:
		return m.pipeline(dot, node)
	case *parse.IdentifierNode:
		return m.function(dot, node, nil, absent{})
	case *parse.ChainNode:
		return m.fields(dot, m.argument(dot, node.Node), node.Field, nil, absent{})
	case *parse.StringNode:
		return node.Text
	case *parse.BoolNode:
		return node.True
	case *parse.NumberNode:
		return number(node)
	}
	giveUp()
	return nil
}

// number is a constant where any type will do: its spelling decides.
func number(node *parse.NumberNode) any {
	isHex := len(node.Text) > 2 && node.Text[0] == '0' && (node.Text[1] == 'x' || node.Text[1] == 'X')
	if node.IsComplex || isHex || node.Text[0] == '\'' {
		giveUp()
	}
	if node.IsFloat && strings.ContainsAny(node.Text, ".eEpP") {
		return node.Float64
	}
	if !node.IsInt || node.Int64 > math.MaxInt || node.Int64 < math.MinInt {
		giveUp()
	}
	return int(node.Int64)
}

// fields follows .A.B.C from a receiver; the last may be a method that takes arguments.
func (m *machine) fields(dot, receiver any, names []string, args []parse.Node, final any) any {
	_, alone := final.(absent)
	for i, name := range names {
		switch table := receiver.(type) {
		case map[string]any:
			if i == len(names)-1 && (len(args) > 0 || !alone) {
				giveUp()
			}
			receiver = m.entry(table, name)
			continue
		case chartutil.Values:
			switch name {
			case "YAML", "Table", "AsMap", "Encode", "PathValue": // its methods
				giveUp()
			}
			if i == len(names)-1 && (len(args) > 0 || !alone) {
				giveUp()
			}
			receiver = m.entry(table, name)
			continue
		case nil:
			giveUp() // an error or not, depending on where it comes from
		}
		return m.reflectedFields(dot, reflect.ValueOf(receiver), names[i:], args, final)
	}
	return receiver
}

func (m *machine) entry(table map[string]any, name string) any {
	value, ok := table[name]
	if !ok && m.renderer.strict {
		giveUp()
	}
	return value
}

// reflectedFields is fields for what is no map of values: .Chart, .Capabilities, .Files, results of functions.
func (m *machine) reflectedFields(dot any, receiver reflect.Value, names []string, args []parse.Node, final any) any {
	_, alone := final.(absent)
	for i, name := range names {
		last := i == len(names)-1
		if receiver.Kind() == reflect.Interface {
			receiver = receiver.Elem()
		}
		if !receiver.IsValid() || receiver.Kind() == reflect.Pointer && receiver.IsNil() {
			giveUp()
		}
		if table, ok := receiver.Interface().(map[string]any); ok {
			return m.fields(dot, table, names[i:], args, final)
		}
		methods := receiver
		if methods.Kind() != reflect.Pointer && methods.CanAddr() {
			methods = methods.Addr()
		}
		if method := methods.MethodByName(name); method.IsValid() {
			f := newFunction(method.Interface())
			if last {
				return m.call(f, dot, args, final)
			}
			receiver = reflect.ValueOf(m.call(f, dot, nil, absent{}))
			continue
		}
		if last && (len(args) > 0 || !alone) {
			giveUp()
		}
		if receiver.Kind() == reflect.Pointer {
			receiver = receiver.Elem()
		}
		switch receiver.Kind() {
		case reflect.Struct:
			field, ok := receiver.Type().FieldByName(name)
			if !ok || !field.IsExported() {
				giveUp()
			}
			receiver = receiver.FieldByIndex(field.Index)
		case reflect.Map:
			if receiver.Type().Key() != reflect.TypeFor[string]() {
				giveUp()
			}
			value := receiver.MapIndex(reflect.ValueOf(name))
			if !value.IsValid() {
				if m.renderer.strict {
					giveUp()
				}
				value = reflect.Zero(receiver.Type().Elem())
			}
			receiver = value
		default:
			giveUp()
		}
	}
	if receiver.Kind() == reflect.Interface {
		receiver = receiver.Elem()
		if !receiver.IsValid() {
			return nil
		}
	}
	if receiver.Kind() == reflect.Struct && receiver.CanAddr() {
		giveUp() // its address may have methods, such as String, that a copy does not have
	}
	return receiver.Interface()
}
