package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// textKeywords take the rest of their part as text: a pattern or a sentence is no YAML.
var textKeywords = []string{"pattern", "format", "title", "description", "$comment"}

// draft07Keywords are the keywords of JSON schema draft-07 that an annotation may hold.
// "deprecated" is newer; validators of draft-07 skip it and editors strike the key through.
var draft07Keywords = []string{
	"type", "enum", "const", "pattern", "format", "title", "description", "$comment", "default", "examples",
	"deprecated", "readOnly", "writeOnly", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "contains", "items",
	"additionalItems", "minProperties", "maxProperties", "properties", "patternProperties",
	"additionalProperties", "propertyNames", "dependencies", "required",
	"if", "then", "else", "allOf", "anyOf", "oneOf", "not",
}

// ownKeywords are those that stand for others: the item shorthands and skipProperties of
// helm-values-schema-json, and dependentRequired, which draft-07 calls dependencies.
var ownKeywords = []string{"item", "itemEnum", "itemProperties", "skipProperties", "dependentRequired"}

// annotation gathers the "@schema" lines and blocks of one comment.
type annotation struct {
	*parser
	keywords map[string]any
	comment  *Comment
}

// line reads "key:value;key:value".
func (a *annotation) line(text string, line int) error {
	for _, part := range splitParts(text) {
		key, value, ok := strings.Cut(part, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return a.errorf(line, "@schema: %q is no key:value; write for example # @schema type:integer;minimum:1", strings.TrimSpace(part))
		}
		if slices.Contains(textKeywords, key) {
			if err := a.set(key, unquote(value), line); err != nil {
				return err
			}
			continue
		}
		read, err := fragment(value)
		if err != nil {
			return a.errorf(line, "@schema: %s: %q is no YAML (%v); quote it, or balance its brackets", key, value, err)
		}
		if err := a.set(key, read, line); err != nil {
			return err
		}
	}
	return a.check(line)
}

// block reads the YAML between two lines "# @schema".
func (a *annotation) block(lines []textLine, line int) error {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	read, err := fragment(strings.Join(texts, "\n"))
	if err != nil {
		return a.errorf(line, "@schema: the block is no YAML: %v", err)
	}
	if read == nil {
		return nil
	}
	keywords, ok := read.(map[string]any)
	if !ok {
		return a.errorf(line, "@schema: the block is no map; write one \"key: value\" a line")
	}
	for _, key := range slices.Sorted(maps.Keys(keywords)) {
		if err := a.set(key, keywords[key], line); err != nil {
			return err
		}
	}
	return a.check(line)
}

func (a *annotation) set(key string, value any, line int) error {
	if known := slices.Concat(draft07Keywords, ownKeywords); !slices.Contains(known, key) {
		hint := "known are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
		switch near := nearest(key, known); {
		case key == "$ref" || key == "ref":
			hint = "references are not followed; write the rules out, for example # @schema type:object;additionalProperties:true"
		case near != "":
			hint = "write " + near
		}
		return a.errorf(line, "@schema: unknown key %q; %s", key, hint)
	}
	switch key {
	case "required":
		if required, ok := value.(bool); ok {
			a.comment.Required = required
			return nil
		}
	case "skipProperties":
		skip, ok := value.(bool)
		if !ok {
			return a.errorf(line, "@schema: skipProperties: %v is no boolean; write skipProperties:true", value)
		}
		a.comment.SkipProperties = skip
		return nil
	case "items", "item":
		key = "items"
		if types, ok := value.(string); ok {
			value = map[string]any{"type": types}
		} else if types, ok := value.([]any); ok {
			value = map[string]any{"type": types}
		}
	case "itemEnum", "itemProperties":
		items, _ := a.keywords["items"].(map[string]any)
		merged := map[string]any{}
		for k, v := range items {
			merged[k] = v
		}
		if key == "itemEnum" {
			merged["enum"] = value
		} else {
			merged["type"], merged["properties"] = "object", value
		}
		a.keywords["items"] = merged
		return nil
	case "dependentRequired":
		key = "dependencies"
	case "enum":
		if _, ok := value.([]any); !ok {
			return a.errorf(line, "@schema: enum: %v is no list; write enum:[one, other]", value)
		}
	}
	if _, twice := a.keywords[key]; twice {
		return a.errorf(line, "@schema: %s is given twice; remove one", key)
	}
	a.keywords[key] = value
	return nil
}

// check compiles what has been read so far, so that a mistake is reported where it stands.
func (a *annotation) check(line int) error {
	if _, err := annotatedTypes(a.keywords); err != nil {
		return a.errorf(line, "@schema: %v", err)
	}
	for keyword, value := range a.keywords {
		if err := noReferences(value); err != nil {
			return a.errorf(line, "@schema: %s: %v", keyword, err)
		}
	}
	asJSON, err := json.Marshal(withNullTypes(a.keywords))
	if err != nil {
		return a.errorf(line, "@schema: %v", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return a.errorf(line, "@schema: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("file:///annotation", document); err != nil {
		return a.errorf(line, "@schema: %v", err)
	}
	if _, err := compiler.Compile("file:///annotation"); err != nil {
		return a.errorf(line, "@schema: not valid in JSON schema draft-07: %s", schemaMistake(err))
	}
	return nil
}

// noReferences refuses references anywhere in a keyword's value: an embedded subchart's
// annotation would point into another document, and a remote one would make Helm go online.
func noReferences(value any) error {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			if text, ok := v.(string); ok && key == "$ref" {
				return fmt.Errorf("the reference %q is not followed; write the rules out", text)
			}
			if err := noReferences(v); err != nil {
				return err
			}
		}
	case []any:
		for _, v := range value {
			if err := noReferences(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemaMistake shortens the compiler's message to the innermost mistake: the alternatives of
// draft-07, such as a schema or a list of them, would all be listed.
func schemaMistake(err error) string {
	var invalid *jsonschema.SchemaValidationError
	var found *jsonschema.ValidationError
	if !errors.As(err, &invalid) || !errors.As(invalid.Err, &found) {
		return strings.ReplaceAll(err.Error(), "file:///annotation#", "")
	}
	innermost := found
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && (len(innermost.Causes) > 0 || len(e.InstanceLocation) > len(innermost.InstanceLocation)) {
			innermost = e
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(found)
	lines := strings.Split(strings.TrimSpace(innermost.Error()), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "- ")
}

// withNullTypes writes the YAML null of "type: [string, null]" as the type's name.
func withNullTypes(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range value {
			types, isList := v.([]any)
			if k == "type" && isList {
				named := make([]any, len(types))
				for i, t := range types {
					if named[i] = t; t == nil {
						named[i] = "null"
					}
				}
				out[k] = named
				continue
			}
			if k == "const" || k == "enum" || k == "default" || k == "examples" {
				out[k] = v
				continue
			}
			out[k] = withNullTypes(v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = withNullTypes(v)
		}
		return out
	}
	return value
}

var nextPart = regexp.MustCompile(`^\s*([$A-Za-z]+)\s*:`)

// splitParts cuts an annotation at the semicolons that no quote or bracket holds. Text may hold a
// semicolon: there only one that a known key follows ends the part.
func splitParts(text string) []string {
	var parts []string
	start, depth, quote := 0, 0, byte(0)
	inText := func(end int) bool {
		key, _, _ := strings.Cut(text[start:end], ":")
		return slices.Contains(textKeywords, strings.TrimSpace(key))
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ';' && inText(i):
			m := nextPart.FindStringSubmatch(text[i+1:])
			if m != nil && !slices.Contains(draft07Keywords, m[1]) && !slices.Contains(ownKeywords, m[1]) || m == nil && strings.TrimSpace(text[i+1:]) != "" {
				continue
			}
			parts, start, depth, quote = append(parts, text[start:i]), i+1, 0, 0
		case inText(i + 1):
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && opensQuote(text[:i]):
			quote = c
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ';' && depth <= 0:
			parts, start, depth = append(parts, text[start:i]), i+1, 0
		}
	}
	if strings.TrimSpace(text[start:]) != "" {
		parts = append(parts, text[start:])
	}
	return parts
}

// opensQuote tells a quote that starts a YAML scalar from an apostrophe.
func opensQuote(before string) bool {
	before = strings.TrimRight(before, " ")
	return before == "" || strings.ContainsRune(":[{,", rune(before[len(before)-1]))
}

func unquote(text string) string {
	if len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return text
}

// fragment reads a piece of YAML into the types of JSON.
func fragment(text string) (any, error) {
	var document yaml.Node
	var read any
	err := yaml.Unmarshal([]byte(text), &document)
	if err == nil {
		datesAsText(&document)
		err = document.Decode(&read)
	}
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	return jsonTypes(read)
}

// datesAsText keeps dates as they are written: JSON has no type for them.
func datesAsText(node *yaml.Node) {
	if node.Tag == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, inner := range node.Content {
		datesAsText(inner)
	}
}

func jsonTypes(value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		for k, v := range value {
			read, err := jsonTypes(v)
			if err != nil {
				return nil, err
			}
			value[k] = read
		}
		return value, nil
	case []any:
		for i, v := range value {
			read, err := jsonTypes(v)
			if err != nil {
				return nil, err
			}
			value[i] = read
		}
		return value, nil
	case map[any]any:
		return nil, errors.New("a map's key is no string; quote it")
	case int:
		return json.Number(fmt.Sprint(value)), nil
	case float64:
		asJSON, err := json.Marshal(value)
		return json.Number(asJSON), err
	case int64, uint64:
		return json.Number(fmt.Sprint(value)), nil
	}
	return value, nil
}

// nearest finds the word that is at most two edits away, or "".
func nearest(word string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j]+1, row[j-1]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
