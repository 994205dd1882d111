package chart

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chartutil"
)

// function is a function that templates can call.
type function struct {
	value    any
	reflect  reflect.Value
	in       []reflect.Type
	variadic bool
}

func newFunction(value any) *function {
	f := &function{value: value, reflect: reflect.ValueOf(value)}
	f.variadic = f.reflect.Type().IsVariadic()
	for i := range f.reflect.Type().NumIn() {
		f.in = append(f.in, f.reflect.Type().In(i))
	}
	return f
}

// parameter returns the type of an argument.
func (f *function) parameter(i int) reflect.Type {
	if f.variadic && i >= len(f.in)-1 {
		return f.in[len(f.in)-1].Elem()
	}
	return f.in[i]
}

var callable = func() map[string]*function {
	all := map[string]*function{}
	for name, value := range functions {
		all[name] = newFunction(value)
	}
	return all
}()

// function evaluates a call. Functions of a rendering and of text/template that are not in callable are done here.
func (m *machine) function(dot any, node *parse.IdentifierNode, args []parse.Node, final any) any {
	name := node.Ident
	switch name {
	case "include":
		if _, alone := final.(absent); alone && len(args) == 2 {
			return m.include(m.text(dot, args[0]), m.argument(dot, args[1]))
		} else if !alone && len(args) == 1 {
			return m.include(m.text(dot, args[0]), final)
		}
		giveUp()
	case "dict":
		if _, alone := final.(absent); alone && len(args)%2 == 0 {
			table := make(map[string]any, len(args)/2)
			for i := 0; i < len(args); i += 2 {
				key := m.text(dot, args[i])
				table[key] = m.argument(dot, args[i+1])
			}
			return table
		}
	case "tpl":
		if given := m.arguments(dot, args, final); len(given) == 2 {
			if source, ok := given[0].(string); ok {
				return m.tpl(source, given[1])
			}
		}
		giveUp()
	}
	if f := callable[name]; f != nil {
		value := m.call(f, dot, args, final)
		if m.cover != nil && (name == "default" || name == "ternary") {
			m.cover.takeChoice(node, m.last, name)
		}
		return value
	}
	switch name {
	case "required":
		if given := m.arguments(dot, args, final); len(given) == 2 {
			if warning, ok := given[0].(string); ok {
				value, err := m.renderer.required(warning, given[1])
				if err == nil {
					return value
				}
			}
		}
		giveUp()
	case "fail", "lookup":
		return m.call(newFunction(m.scope.functions()[name]), dot, args, final)
	case "and", "or":
		var value any
		for i, arg := range args {
			value = m.argument(dot, arg)
			if isTrue(value) == (name == "or") {
				m.cover.take(node, i)
				return value
			}
		}
		_, alone := final.(absent)
		m.cover.take(node, operands(args, !alone)-1)
		if !alone {
			value = final
		} else if len(args) == 0 {
			giveUp()
		}
		return value
	}
	return builtin(name, m.arguments(dot, args, final))
}

// operands is how many values a function is given.
func operands(args []parse.Node, piped bool) int {
	if piped {
		return len(args) + 1
	}
	return len(args)
}

// arguments evaluates arguments whose types are not asked for.
func (m *machine) arguments(dot any, args []parse.Node, final any) []any {
	values := make([]any, 0, len(args)+1)
	for _, arg := range args {
		values = append(values, m.argument(dot, arg))
	}
	if _, alone := final.(absent); !alone {
		values = append(values, final)
	}
	return values
}

func (m *machine) include(name string, data any) string {
	includes := m.renderer.includes
	if includes[name] > maxIncludes {
		giveUp()
	}
	includes[name]++
	text := m.execute(name, data)
	includes[name]--
	return text
}

func (m *machine) tpl(source string, data any) string {
	text, err := m.scope.text(source)
	if err != nil {
		giveUp()
	}
	if text == nil {
		return withoutNoValue(source)
	}
	return withoutNoValue(m.run(text.scope, text.template, data))
}

// builtin does the functions of text/template itself for the types that are compared and indexed in charts.
func builtin(name string, args []any) any {
	switch name {
	case "not":
		if len(args) == 1 {
			return !isTrue(args[0])
		}
	case "eq":
		if len(args) > 1 {
			for _, arg := range args[1:] {
				if isEqual(args[0], arg) {
					return true
				}
			}
			return false
		}
	case "ne":
		if len(args) == 2 {
			return !isEqual(args[0], args[1])
		}
	case "lt", "le", "gt", "ge":
		if len(args) == 2 {
			order := compareBasic(args[0], args[1])
			switch name {
			case "lt":
				return order < 0
			case "le":
				return order <= 0
			case "gt":
				return order > 0
			}
			return order >= 0
		}
	case "len":
		if len(args) == 1 {
			switch value := args[0].(type) {
			case string:
				return len(value)
			case map[string]any:
				return len(value)
			case chartutil.Values:
				return len(value)
			case []any:
				return len(value)
			case []string:
				return len(value)
			}
		}
	case "index":
		if len(args) > 0 {
			value := args[0]
			for _, index := range args[1:] {
				value = element(value, index)
			}
			if value != nil || len(args) > 1 {
				return value
			}
		}
	case "print":
		return fmt.Sprint(args...)
	case "println":
		return fmt.Sprintln(args...)
	case "printf":
		if len(args) > 0 {
			if format, ok := args[0].(string); ok {
				return fmt.Sprintf(format, args[1:]...)
			}
		}
	case "html":
		return template.HTMLEscaper(args...)
	case "js":
		return template.JSEscaper(args...)
	case "urlquery":
		return template.URLQueryEscaper(args...)
	}
	giveUp()
	return nil
}

func element(value, index any) any {
	if table, ok := tableOf(value); ok {
		if key, ok := index.(string); ok {
			return table[key]
		}
		giveUp()
	}
	list, ok := value.([]any)
	at := -1
	switch index := index.(type) {
	case int:
		at = index
	case int64:
		at = int(index)
	}
	if !ok || at < 0 || at >= len(list) {
		giveUp()
	}
	return list[at]
}

func isEqual(a, b any) bool {
	if a == nil || b == nil {
		other := a
		if a == nil {
			other = b
		}
		switch other.(type) {
		case string, bool, int, int64, float64:
			return false
		}
		giveUp()
	}
	if a, ok := a.(bool); ok {
		b, ok := b.(bool)
		if !ok {
			giveUp()
		}
		return a == b
	}
	// Two floats that are no numbers are not equal.
	if a, ok := a.(float64); ok {
		if b, ok := b.(float64); ok {
			return a == b
		}
	}
	return compareBasic(a, b) == 0
}

func compareBasic(a, b any) int {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok && !math.IsNaN(a) && !math.IsNaN(b) {
			return cmp.Compare(a, b)
		}
	case int, int64:
		switch b.(type) {
		case int, int64:
			return cmp.Compare(reflect.ValueOf(a).Int(), reflect.ValueOf(b).Int())
		}
	}
	giveUp()
	return 0
}

// text evaluates an argument that is to be a text.
func (m *machine) text(dot any, node parse.Node) string {
	if constant, ok := node.(*parse.StringNode); ok {
		return constant.Text
	}
	text, ok := m.argument(dot, node).(string)
	if !ok {
		giveUp()
	}
	return text
}

// table evaluates an argument that is to be a map.
func (m *machine) table(dot any, node parse.Node) map[string]any {
	value := m.argument(dot, node)
	table, ok := tableOf(value)
	if !ok && value != nil {
		giveUp()
	}
	return table
}

// callDirectly calls the functions that charts call most without a list of arguments.
func (m *machine) callDirectly(f *function, dot any, args []parse.Node) (any, bool) {
	switch call := f.value.(type) {
	case func(string, any) bool: // kindIs
		text := m.text(dot, args[0])
		return call(text, m.argument(dot, args[1])), true
	case func(map[string]any, string) any: // get
		table := m.table(dot, args[0])
		return call(table, m.text(dot, args[1])), true
	case func(map[string]any, string) bool: // hasKey
		table := m.table(dot, args[0])
		return call(table, m.text(dot, args[1])), true
	case func(map[string]any, string, any) map[string]any: // set
		table := m.table(dot, args[0])
		text := m.text(dot, args[1])
		return call(table, text, m.argument(dot, args[2])), true
	case func(string, string) bool: // hasPrefix, contains, regexMatch
		text := m.text(dot, args[0])
		return call(text, m.text(dot, args[1])), true
	}
	return nil, false
}

// call evaluates the arguments for a function's parameters and calls it.
func (m *machine) call(f *function, dot any, args []parse.Node, final any) any {
	given := len(args)
	_, alone := final.(absent)
	if !alone {
		given++
	}
	if given != len(f.in) && !(f.variadic && given >= len(f.in)-1) {
		giveUp()
	}
	if alone && !f.variadic {
		if value, ok := m.callDirectly(f, dot, args); ok {
			return value
		}
	}
	if f.variadic {
		// Not on the stack, as list returns what it is given.
		values := make([]any, 0, given)
		for i, arg := range args {
			values = append(values, m.typed(dot, arg, f.parameter(i)))
		}
		if !alone {
			values = append(values, assignable(final, f.parameter(given-1)))
		}
		value := f.invoke(values)
		if m.cover != nil {
			m.last = values
		}
		return value
	}
	mark := len(m.stack)
	for i, arg := range args {
		value := m.typed(dot, arg, f.in[i])
		m.stack = append(m.stack, value)
	}
	if !alone {
		m.stack = append(m.stack, assignable(final, f.in[given-1]))
	}
	value := f.invoke(m.stack[mark:])
	if m.cover != nil {
		m.last = m.stack[mark:]
	}
	m.stack = m.stack[:mark]
	return value
}

var anyType = reflect.TypeFor[any]()

// typed evaluates an argument for a parameter. A constant takes the parameter's type.
func (m *machine) typed(dot any, node parse.Node, parameter reflect.Type) any {
	if parameter == anyType {
		return m.argument(dot, node)
	}
	if number, ok := node.(*parse.NumberNode); ok {
		switch parameter.Kind() {
		case reflect.Int, reflect.Int64, reflect.Int32:
			if number.IsInt {
				return reflect.ValueOf(number.Int64).Convert(parameter).Interface()
			}
		case reflect.Float64:
			if number.IsFloat {
				return number.Float64
			}
		}
		giveUp()
	}
	return assignable(m.argument(dot, node), parameter)
}

// assignable returns a value as a parameter takes it.
func assignable(value any, parameter reflect.Type) any {
	if parameter == anyType {
		return value
	}
	if value == nil {
		switch parameter.Kind() {
		case reflect.Interface, reflect.Map, reflect.Slice, reflect.Pointer, reflect.Func:
			return reflect.Zero(parameter).Interface()
		}
		giveUp()
	}
	switch value := value.(type) {
	case string:
		if parameter.Kind() != reflect.String {
			giveUp()
		}
	case chartutil.Values:
		if parameter == reflect.TypeFor[map[string]any]() {
			return map[string]any(value)
		}
	}
	if actual := reflect.TypeOf(value); actual != parameter && !actual.AssignableTo(parameter) {
		giveUp()
	}
	return value
}

// invoke calls a function directly if it is of one of the types that most are of.
func (f *function) invoke(args []any) any {
	switch call := f.value.(type) {
	case func(any) string:
		return call(args[0])
	case func(any) any:
		return call(args[0])
	case func(any) bool:
		return call(args[0])
	case func(any) int:
		return call(args[0])
	case func(any) int64:
		return call(args[0])
	case func(any) float64:
		return call(args[0])
	case func(any) []string:
		return call(args[0])
	case func(string) string:
		return call(args[0].(string))
	case func(string) map[string]any:
		return call(args[0].(string))
	case func(string, string) string:
		return call(args[0].(string), args[1].(string))
	case func(string, string) bool:
		return call(args[0].(string), args[1].(string))
	case func(string, string, string) string:
		return call(args[0].(string), args[1].(string), args[2].(string))
	case func(string, any) bool:
		return call(args[0].(string), args[1])
	case func(string, any) string:
		return call(args[0].(string), args[1])
	case func(int, string) string:
		return call(args[0].(int), args[1].(string))
	case func(any, any) bool:
		return call(args[0], args[1])
	case func(any, any) int64:
		return call(args[0], args[1])
	case func(any, any, bool) any:
		return call(args[0], args[1], args[2].(bool))
	case func(map[string]any, string) any:
		return call(args[0].(map[string]any), args[1].(string))
	case func(map[string]any, string) bool:
		return call(args[0].(map[string]any), args[1].(string))
	case func(map[string]any, string) map[string]any:
		return call(args[0].(map[string]any), args[1].(string))
	case func(map[string]any, string, any) map[string]any:
		return call(args[0].(map[string]any), args[1].(string), args[2])
	case func(...any) string:
		return call(args...)
	case func(...any) []any:
		return call(args...)
	case func(...any) map[string]any:
		return call(args...)
	case func(...any) int64:
		return call(args...)
	case func(...any) any:
		return call(args...)
	case func(any, ...any) any:
		return call(args[0], args[1:]...)
	case func(any, ...any) int64:
		return call(args[0], args[1:]...)
	}
	in := make([]reflect.Value, len(args))
	for i, arg := range args {
		if arg == nil {
			in[i] = reflect.Zero(f.parameter(i))
		} else {
			in[i] = reflect.ValueOf(arg)
		}
	}
	out := f.reflect.Call(in)
	if len(out) == 2 && !out[1].IsNil() {
		giveUp()
	}
	return out[0].Interface()
}
