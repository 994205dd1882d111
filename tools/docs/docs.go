// Package docs writes the tables of a chart's values into its README, between two markers.
package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

// The markers between which the tables stand. What is outside of them is the author's.
const (
	Begin = "<!-- values: begin -->"
	End   = "<!-- values: end -->"
)

// maxDefault is the length in characters from which a default is cut short.
const maxDefault = 80

// Readme returns the chart's README with the tables of its values put between the markers. A nil
// or empty readme gives a minimal one. A README without the markers, or with the markers in
// disorder, is an error that says which lines to add; file is its name in errors. Windows line
// ends are kept.
func Readme(c *values.Chart, file string, readme []byte) ([]byte, error) {
	tables := Tables(c)
	if len(bytes.TrimSpace(readme)) == 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "# %s\n\n", c.Metadata.Name)
		if c.Metadata.Description != "" {
			fmt.Fprintf(&b, "%s\n\n", c.Metadata.Description)
		}
		fmt.Fprintf(&b, "## Values\n\n%s\n%s\n", Begin, End)
		readme = []byte(b.String())
	}
	text := strings.ReplaceAll(string(readme), "\r\n", "\n")
	if strings.Count(text, Begin) != 1 || strings.Count(text, End) != 1 || strings.Index(text, Begin) > strings.Index(text, End) {
		return nil, fmt.Errorf("%s: the place of the values is not marked; put these two lines, once and in this order, where the tables shall stand:\n%s\n%s", file, Begin, End)
	}
	before, rest, _ := strings.Cut(text, Begin)
	_, after, _ := strings.Cut(rest, End)
	text = before + Begin + "\n" + tables + End + after
	if bytes.Contains(readme, []byte("\r\n")) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return []byte(text), nil
}

// Marked tells whether a README has a place for the tables.
func Marked(readme []byte) bool {
	return bytes.Contains(readme, []byte(Begin))
}

// row is one documented value.
type row struct {
	key, kind, byDefault, description string
	required                          bool
}

type section struct {
	title, intro string
	rows         []row
}

// Tables renders one Markdown table for each section, in the order in which the sections first
// appear. The values of a subchart stand in sections of their own, under the subchart's name. A
// map is a row of its own if it has a comment, and its keys follow it if one of them has a comment
// or the map has none. So do the properties that an annotation describes.
func Tables(c *values.Chart) string {
	w := &writer{}
	w.children(c.Root, nil, place{})

	var out strings.Builder
	for i, s := range w.sections {
		if len(s.rows) == 0 && s.intro == "" {
			continue
		}
		if s.title != "" || i > 0 {
			title := s.title
			if title == "" {
				title = "Other values"
			}
			fmt.Fprintf(&out, "\n### %s\n", title)
		}
		if s.intro != "" {
			fmt.Fprintf(&out, "\n%s\n", s.intro)
		}
		if len(s.rows) == 0 {
			continue
		}
		required := slices.ContainsFunc(s.rows, func(r row) bool { return r.required })
		if required {
			out.WriteString("\n| Key | Type | Default | Required | Description |\n|---|---|---|---|---|\n")
		} else {
			out.WriteString("\n| Key | Type | Default | Description |\n|---|---|---|---|\n")
		}
		for _, r := range s.rows {
			cells := []string{r.key, r.kind, r.byDefault}
			if required {
				cells = append(cells, map[bool]string{true: "yes", false: ""}[r.required])
			}
			fmt.Fprintf(&out, "| %s |\n", strings.Join(append(cells, r.description), " | "))
		}
	}
	if out.Len() == 0 {
		return "\nThe chart has no values.\n\n"
	}
	out.WriteString("\n")
	return out.String()
}

// place is where in the document a value's row goes.
type place struct {
	// chart is the prefix of the subchart's sections, section the section that the value inherits.
	chart, section string
}

type writer struct {
	sections []*section
}

func (w *writer) section(at place) *section {
	title := at.section
	if at.chart != "" {
		title = strings.TrimSuffix(at.chart+": "+at.section, ": ")
	}
	for _, s := range w.sections {
		if s.title == title {
			return s
		}
	}
	s := &section{title: title}
	w.sections = append(w.sections, s)
	return s
}

func (w *writer) children(v *values.Value, path values.Path, at place) {
	for _, child := range v.Children {
		w.value(child, path.Join(child.Key), at)
	}
}

func (w *writer) value(v *values.Value, path values.Path, at place) {
	if v.Ignored {
		return
	}
	if v.Section != "" {
		at.section = v.Section
	}
	if v.Chart != nil {
		inner := place{chart: path.String()}
		s := w.section(inner)
		s.intro = v.Description
		w.subchart(v, path, inner)
		return
	}
	keysFollow := len(v.Children) > 0 && (v.Description == "" || documented(v))
	if v.Description != "" || !keysFollow {
		r := row{
			key:         code(path.String()),
			kind:        kind(v),
			byDefault:   byDefault(v, keysFollow),
			description: describe(v),
			required:    v.Required,
		}
		s := w.section(at)
		s.rows = append(s.rows, r)
		s.rows = append(s.rows, itemRows(path, v.Schema["items"])...)
		if len(v.Children) == 0 {
			s.rows = append(s.rows, propertyRows(path.String(), v.Schema)...)
		}
	}
	if keysFollow {
		w.children(v, path, at)
	}
}

// subchart documents the section of a subchart. Its globals stand under the chart's own "global".
func (w *writer) subchart(v *values.Value, path values.Path, at place) {
	for _, child := range v.Children {
		if child.Key != "global" {
			w.value(child, path.Join(child.Key), at)
		}
	}
}

func documented(v *values.Value) bool {
	return slices.ContainsFunc(v.Children, func(c *values.Value) bool {
		return !c.Ignored && (c.Description != "" || documented(c))
	})
}

// itemRows documents the properties of a list's items, as the annotation describes them.
func itemRows(path values.Path, items any) []row {
	fragment, _ := items.(map[string]any)
	return propertyRows(path.String()+"[]", fragment)
}

// propertyRows documents the properties of a schema annotation if it describes one of them; others
// are well known, such as the fields of a Kubernetes object.
func propertyRows(prefix string, fragment map[string]any) []row {
	if !describesProperty(fragment) {
		return nil
	}
	properties, _ := fragment["properties"].(map[string]any)
	required, _ := fragment["required"].([]any)
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, _ := properties[name].(map[string]any)
		v := values.Value{Comment: values.Comment{Schema: property, Required: slices.Contains(required, any(name))}}
		switch t := property["type"].(type) {
		case string:
			v.Types = []string{t}
		case []any:
			for _, one := range t {
				v.Types = append(v.Types, fmt.Sprint(one))
			}
		}
		v.Description, _ = property["description"].(string)
		key := prefix + "." + values.Path{name}.String()
		r := row{key: code(key), kind: kind(&v), description: describe(&v), required: v.Required}
		if given, ok := property["default"]; ok {
			v.Default = given
			r.byDefault = byDefault(&v, false)
		}
		rows = append(rows, r)
		items, _ := property["items"].(map[string]any)
		rows = append(rows, propertyRows(key+"[]", items)...)
		rows = append(rows, propertyRows(key, property)...)
	}
	return rows
}

func describesProperty(fragment map[string]any) bool {
	properties, _ := fragment["properties"].(map[string]any)
	for _, property := range properties {
		p, _ := property.(map[string]any)
		items, _ := p["items"].(map[string]any)
		if p["description"] != nil || describesProperty(p) || describesProperty(items) {
			return true
		}
	}
	return false
}

// kind names the types of a value.
func kind(v *values.Value) string {
	switch {
	case v.DocType != "":
		return escape(v.DocType)
	case len(v.Types) == 0:
		return alternatives(v.Schema)
	case len(v.Types) == 1 && v.Types[0] == "array":
		items, _ := v.Schema["items"].(map[string]any)
		if t, ok := items["type"].(string); ok {
			return "array of " + t
		}
	}
	return strings.Join(v.Types, " or ")
}

// alternatives names the types of a value that may have one of several forms.
func alternatives(schema map[string]any) string {
	branches, _ := schema["oneOf"].([]any)
	if branches == nil {
		branches, _ = schema["anyOf"].([]any)
	}
	var types []string
	for _, branch := range branches {
		b, _ := branch.(map[string]any)
		name, ok := b["type"].(string)
		if !ok {
			return "any"
		}
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	if len(types) == 0 {
		return "any"
	}
	return strings.Join(types, " or ")
}

// byDefault renders the default. That of a map whose keys follow stands with the keys.
func byDefault(v *values.Value, keysFollow bool) string {
	if v.DocDefault != "" {
		return escape(v.DocDefault)
	}
	if keysFollow {
		return ""
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v.Default); err != nil {
		return ""
	}
	short := []rune(strings.TrimSuffix(text.String(), "\n"))
	if len(short) > maxDefault {
		short = append(short[:maxDefault-1], '…')
	}
	return code(string(short))
}

// describe renders the description with what the schema asks beyond the type.
func describe(v *values.Value) string {
	text := []string{}
	if v.Schema["deprecated"] == true {
		text = append(text, "**Deprecated.**")
	}
	if v.Description != "" {
		text = append(text, escape(v.Description))
	}
	if list, ok := v.Schema["enum"].([]any); ok {
		names, told := make([]string, 0, len(list)), true
		for _, one := range list {
			name := code(plain(one))
			names = append(names, name)
			told = told && (one == "" || strings.Contains(v.Description, name))
		}
		if !told {
			text = append(text, "One of "+strings.Join(names, ", ")+".")
		}
	}
	low, hasLow := v.Schema["minimum"]
	high, hasHigh := v.Schema["maximum"]
	switch {
	case hasLow && hasHigh:
		text = append(text, fmt.Sprintf("From %v to %v.", low, high))
	case hasLow:
		text = append(text, fmt.Sprintf("At least %v.", low))
	case hasHigh:
		text = append(text, fmt.Sprintf("At most %v.", high))
	}
	return strings.Join(text, " ")
}

func plain(value any) string {
	if text, ok := value.(string); ok && text != "" {
		return text
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// code renders a code span that may stand in a cell: a pipe must be escaped there even in code,
// and a text with a backtick needs a longer fence.
func code(text string) string {
	text = strings.ReplaceAll(text, "|", `\|`)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// escape renders Markdown text that may stand in a cell. A pipe that the author has escaped stays.
func escape(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\|`, "|"), "|", `\|`)
	text = strings.ReplaceAll(text, "\n\n", "<br><br>")
	return strings.ReplaceAll(text, "\n", "<br>")
}
