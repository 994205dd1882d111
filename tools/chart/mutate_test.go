package chart_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"sigs.k8s.io/yaml"
)

// mutator changes values at random: it removes, nulls, retypes, moves and adds.
type mutator struct {
	*rand.Rand
}

// odd are values that a file may hold where something else is expected. What templates make of a text that is itself
// a template, of numbers at the edges of their types and of what only looks like a number is known to differ easily.
var odd = []string{
	"null", "true", "false", `""`, "x", "0", "1", "-1", "7", "80", "0.5", "1e6", "1000000", "1e21", "9007199254740993",
	"12345678901234567890", "-0.0", "1.0", "0x1F", `"0x1F"`, "017", `"1e6"`, `"true"`, `"null"`, `"~"`, "yes", "no", `"yes"`,
	"2001-01-01", "1:20", `" "`, `"a: b"`, `"a\nb"`, `"a\nb\n"`, `"\n"`, `"\t"`, `"---"`, `"---\na: 1"`, `"{{ .Release.Name }}"`,
	`"{{ .Values.no.such }}"`, `"{{ fail \"x\" }}"`, `"{{ define \"name\" }}d{{ end }}{{ include \"name\" . }}"`, `"{{"`, `"{{ if }}"`,
	`"<no value>"`, `"é😀"`, `"#"`, `"%"`, `"%s"`, `"("`, "[]", "{}", "[1, a, null]", "[{a: 1}, {b: [2]}]", "{a: 1}", "{a: {b: null}}",
	`{"a.b": 1, "1": 2, "": 3}`, "[[]]", "deep", "fail", "required", "empty", "field", "nil", "index", "call", "range", "rangeint",
	"template", "args", "type", "set", "cmp", "eq", "regex", "mustregex", "yaml", "files", "release", "chart", "capabilities",
	"percent", "nilrange", "action", "define", "override", "nested", "broken", "undefined", "fails", "blank", "self", "loop",
	`"- a"`, `"----"`, "Service", "Secret", "test", "test-success", "pre-upgrade", "post-install", "name", "only",
}

func (m mutator) odd() any {
	var value any
	text := odd[m.IntN(len(odd))]
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return value
}

var keys = []string{"a", "enabled", "global", "tags", "name", "a.b", "exports", "sub", "nope", "1", "x y", "image", "extra"}

// mutate changes a tree of values in place, at one to four spots.
func (m mutator) mutate(values map[string]any) {
	for range 1 + m.IntN(4) {
		m.once(values)
	}
}

func (m mutator) once(values map[string]any) {
	table := values
	// Descending with 3 of 4 at each level reaches the leaves of charts, and their first level often enough.
	for m.IntN(4) > 0 {
		inner := m.innerOf(table)
		if inner == nil {
			break
		}
		table = inner
	}
	keysOf := slices.Sorted(maps.Keys(table))
	if len(keysOf) == 0 || m.IntN(6) == 0 {
		table[keys[m.IntN(len(keys))]] = m.odd()
		return
	}
	key := keysOf[m.IntN(len(keysOf))]
	switch m.IntN(8) {
	case 0:
		delete(table, key)
	case 1:
		table[key] = nil
	case 2: // another part of the values
		text, err := yaml.Marshal(values[slices.Sorted(maps.Keys(values))[m.IntN(len(values))]])
		if err != nil {
			panic(err)
		}
		var part any
		if err := yaml.Unmarshal(text, &part); err != nil {
			panic(err)
		}
		table[key] = part
	case 3:
		switch value := table[key].(type) {
		case bool:
			table[key] = !value
		case float64:
			table[key] = value*10 + 1
		case string:
			table[key] = value + "x"
		case []any:
			table[key] = append(slices.Clone(value), m.odd())
		case map[string]any:
			changed := maps.Clone(value)
			changed[keys[m.IntN(len(keys))]] = m.odd()
			table[key] = changed
		default:
			table[key] = m.odd()
		}
	default:
		table[key] = m.odd()
	}
}

func (m mutator) innerOf(table map[string]any) map[string]any {
	var inner []map[string]any
	for _, key := range slices.Sorted(maps.Keys(table)) {
		switch value := table[key].(type) {
		case map[string]any:
			inner = append(inner, value)
		case []any:
			for _, element := range value {
				if element, ok := element.(map[string]any); ok {
					inner = append(inner, element)
				}
			}
		}
	}
	if len(inner) == 0 {
		return nil
	}
	return inner[m.IntN(len(inner))]
}

// parse reads values as Helm reads a values file. Two readings share nothing.
func parse(text []byte) (map[string]any, error) {
	values := map[string]any{}
	err := yaml.Unmarshal(text, &values)
	return values, err
}

// generate returns a values file: a base with some of its values changed, or nothing but some changes to it.
func (m mutator) generate(bases [][]byte) ([]byte, error) {
	base := bases[m.IntN(len(bases))]
	values, err := parse(base)
	if err != nil {
		return nil, err
	}
	if values == nil {
		values = map[string]any{}
	}
	m.mutate(values)
	return yaml.Marshal(values)
}
