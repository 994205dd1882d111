// Package schema makes the values.schema.json of a chart from its documented values.
//
// The schema is strict: a map with declared keys takes no other key. It is one self-contained
// document of JSON schema draft-07 without references, as Helm before 3.18.5 knows no newer
// draft, and no Helm resolves a relative file reference or should go online for a remote one.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

// maxDefault is the length in bytes of the longest default that is copied into the schema.
const maxDefault = 200

// Generate returns the content of the chart's values.schema.json. It holds the schemas of the
// subcharts as well, since Helm validates a chart's schema against the values that it has
// coalesced with the subcharts' defaults.
//
// Beside the declared values, every chart takes "global", which Helm hands down from its parents,
// and a boolean "enabled", which is the usual condition of a parent.
func Generate(c *values.Chart) ([]byte, error) {
	g := generator{subchart: c.Parent != nil}
	root := object{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", c.Metadata.Name}}
	root = append(root, g.root(c.Root)...)

	content, err := render(root)
	if err != nil {
		return nil, err
	}
	return content, compile(c, content)
}

// compile makes sure that Helm's validator takes the schema.
func compile(c *values.Chart, schema []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("file:///values.schema.json", document); err != nil {
		return err
	}
	if _, err = compiler.Compile("file:///values.schema.json"); err != nil {
		return fmt.Errorf("%s: its annotations make no valid schema: %w", c.Root.File, err)
	}
	return nil
}

// generator holds how the part of the tree in hand is judged.
type generator struct {
	// subchart is set when the chart gets the globals of a parent, which may hold more than it knows.
	subchart bool
	// open takes any key at any depth.
	open bool
	// switchable is set inside the section of a subchart that may be switched off. Helm then does
	// not merge the subchart's defaults, so a rule about keys that are not there would refuse a
	// good file. Nothing is lost: when it is on, Helm applies the subchart's own schema too.
	switchable bool
}

// root gives the schema of a whole values file, of the chart itself or of a subchart's section.
func (g generator) root(v *values.Value) object {
	properties := object{}
	for _, child := range v.Children {
		if child.Key == "global" {
			properties = append(properties, member{child.Key, g.global(child)})
			continue
		}
		properties = append(properties, member{child.Key, g.value(child)})
	}
	for _, implied := range []member{
		{"global", object{{"description", "Values that parent and subcharts share."}, {"type", "object"}}},
		{"enabled", object{{"description", "Read by a parent chart that makes this chart optional."}, {"type", "boolean"}}},
	} {
		if v.Child(implied.key) == nil {
			properties = append(properties, implied)
		}
	}
	s := object{}
	if v.Description != "" {
		s = append(s, member{"description", v.Description})
	}
	s = append(s, member{"type", "object"})
	s = append(s, g.keywords(v)...)
	s = append(s, member{"properties", properties})
	if v.Foreign {
		s = append(s, member{"additionalProperties", true})
	} else {
		s = append(s, member{"additionalProperties", noOther(properties.keys())})
	}
	return append(s, g.required(v)...)
}

func (g generator) global(v *values.Value) object {
	g.open = g.subchart || v.Implied
	return g.value(v)
}

func (g generator) value(v *values.Value) object {
	s := object{}
	if v.Description != "" {
		s = append(s, member{"description", v.Description})
	}
	if v.Chart != nil {
		g.subchart = true
		g.switchable = g.switchable || v.Switchable
		return g.root(v)
	}
	switch len(v.Types) {
	case 0:
	case 1:
		s = append(s, member{"type", v.Types[0]})
	default:
		s = append(s, member{"type", v.Types})
	}
	if _, stated := v.Schema["default"]; !stated && !v.IsMap() && v.Default != nil {
		if text, err := json.Marshal(v.Default); err == nil && len(text) <= maxDefault && !isFilledList(v.Default) {
			s = append(s, member{"default", v.Default})
		}
	}
	s = append(s, g.keywords(v)...)
	if v.Schema["items"] == nil {
		if items := itemType(v.Default); items != "" && slices.Equal(v.Types, []string{"array"}) {
			s = append(s, member{"items", object{{"type", items}}})
		}
	}
	return append(s, g.object(v)...)
}

// object gives the keywords of a map.
func (g generator) object(v *values.Value) object {
	declared, _ := v.Schema["properties"].(map[string]any)
	if !v.IsMap() && declared == nil || v.SkipProperties {
		return nil
	}
	properties := object{}
	for _, child := range v.Children {
		if !child.Example {
			properties = append(properties, member{child.Key, g.value(child)})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		if v.Child(key) == nil {
			properties = append(properties, member{key, closed(declared[key])})
		}
	}
	s := object{}
	if len(properties) > 0 {
		s = append(s, member{"properties", properties})
	}
	switch open, annotated := v.Schema["additionalProperties"]; {
	case g.open:
	case annotated && open != true:
		s = append(s, member{"additionalProperties", closed(open)})
	case !v.FreeForm():
		s = append(s, member{"additionalProperties", noOther(properties.keys())})
	}
	return append(s, g.required(v)...)
}

func (g generator) required(v *values.Value) object {
	if g.switchable {
		return nil
	}
	var required []string
	for _, child := range v.Children {
		if child.Required {
			required = append(required, child.Key)
		}
	}
	listed, _ := v.Schema["required"].([]any)
	for _, key := range listed {
		if key, ok := key.(string); ok && !slices.Contains(required, key) {
			required = append(required, key)
		}
	}
	if len(required) == 0 {
		return nil
	}
	return object{{"required", required}}
}

// Rules that look at whether a key is there, or at several keys at once.
var applicators = []string{"if", "then", "else", "allOf", "anyOf", "oneOf", "not", "dependencies", "minProperties"}

// keywords copies those of the annotation that need no other treatment.
func (g generator) keywords(v *values.Value) object {
	s := object{}
	for _, key := range slices.Sorted(maps.Keys(v.Schema)) {
		value := v.Schema[key]
		switch {
		case key == "type" || key == "properties" || key == "additionalProperties" || key == "required":
			continue
		case slices.Contains(applicators, key):
			if g.switchable && v.IsMap() {
				continue
			}
		case key == "enum":
			unset := slices.Contains(v.Types, "null") || len(v.Types) == 0 && v.Default == nil && !v.Required
			if list, ok := value.([]any); ok && unset && !slices.Contains(list, nil) {
				value = append(slices.Clone(list), nil)
			}
		case key == "items" || key == "patternProperties":
			value = closed(value)
		}
		s = append(s, member{key, value})
	}
	return s
}

// noOther refuses every key that an object does not declare. Helm prints, for `additionalProperties: false`,
// only that a key is not allowed; of a constant it prints the constant, and the key's own path. So the constant
// is the sentence that mends: no values file holds it.
func noOther(keys []string) any {
	if len(keys) == 0 {
		return false
	}
	return object{{"const", "absent: the keys here are " + strings.Join(keys, ", ")}}
}

// closed makes the objects of an annotation strict where they declare properties and do not say
// otherwise, as the values' own maps are.
func closed(fragment any) any {
	switch fragment := fragment.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range fragment {
			switch key {
			case "properties", "patternProperties":
				named, ok := value.(map[string]any)
				if !ok {
					break
				}
				all := map[string]any{}
				for name, one := range named {
					all[name] = closed(one)
				}
				value = all
			case "items", "additionalProperties":
				value = closed(value)
			}
			out[key] = value
		}
		declared, declares := out["properties"].(map[string]any)
		_, says := fragment["additionalProperties"]
		if declares && !says {
			out["additionalProperties"] = noOther(slices.Sorted(maps.Keys(declared)))
		}
		return out
	case []any:
		out := make([]any, len(fragment))
		for i, one := range fragment {
			out[i] = closed(one)
		}
		return out
	}
	return fragment
}

func isFilledList(value any) bool {
	list, ok := value.([]any)
	return ok && len(list) > 0
}

// itemType names the type that all items of a default list of strings, numbers or booleans have.
func itemType(value any) string {
	list, _ := value.([]any)
	common := ""
	for _, item := range list {
		var t string
		switch item := item.(type) {
		case string:
			t = "string"
		case bool:
			t = "boolean"
		case json.Number:
			t = "integer"
			if strings.ContainsAny(item.String(), ".eE") {
				t = "number"
			}
		default:
			return ""
		}
		if common != "" && common != t {
			return ""
		}
		common = t
	}
	return common
}
