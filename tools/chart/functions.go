package chart

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"

	"sigs.k8s.io/yaml"
)

// functions are those that templates have whatever is rendered: sprig's without the two that read the environment,
// Helm's conversions, and getHostByName that answers nothing, as in `helm template` without --enable-dns. Those
// that belong to a rendering (include, tpl, required, fail, lookup) are bound in scope.bind.
var functions = func() template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["getHostByName"] = func(string) string { return "" }
	maps.Copy(all, regexFunctions)
	all["indent"], all["nindent"] = indent, nindent
	all["toYaml"] = toYAML
	all["toYamlPretty"] = toYAMLPretty
	all["fromYaml"] = fromYAML
	all["fromYamlArray"] = fromYAMLArray
	all["toJson"] = toJSON
	all["fromJson"] = fromJSON
	all["fromJsonArray"] = fromJSONArray
	all["toToml"] = toTOML
	all["fromToml"] = fromTOML
	return all
}()

// indent and nindent are sprig's, which make the text anew twice.

func indent(columns int, text string) string { return indentAfter("", columns, text) }

func nindent(columns int, text string) string { return indentAfter("\n", columns, text) }

func indentAfter(before string, columns int, text string) string {
	blanks := strings.Repeat(" ", columns)
	var indented strings.Builder
	indented.Grow(len(before) + len(text) + (1+strings.Count(text, "\n"))*columns)
	indented.WriteString(before)
	for {
		indented.WriteString(blanks)
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 {
			indented.WriteString(text)
			return indented.String()
		}
		indented.WriteString(text[:end])
		text = text[end:]
	}
}

// The conversions hide their errors from the template as Helm's do: an empty text, a map with the key Error, a list
// with the message as its only element.

func toYAMLPretty(value any) string {
	var data bytes.Buffer
	encoder := goyaml.NewEncoder(&data)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		return ""
	}
	return strings.TrimSuffix(data.String(), "\n")
}

// parsedTexts are the maps of texts that fromYaml has parsed without an error.
var parsedTexts memory[map[string]any]

func fromYAML(text string) map[string]any {
	if known, ok := parsedTexts.get(text); ok {
		return copyTable(known)
	}
	table := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &table); err != nil {
		table["Error"] = err.Error()
	} else if table != nil {
		parsedTexts.put(text, copyTable(table))
	}
	return table
}

// parsedLists are the lists of texts that fromYamlArray has parsed without an error.
var parsedLists memory[[]any]

func fromYAMLArray(text string) []any {
	if known, ok := parsedLists.get(text); ok {
		return copyValue(known).([]any)
	}
	list := []any{}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		list = []any{err.Error()}
	} else if list != nil {
		parsedLists.put(text, copyValue(list).([]any))
	}
	return list
}

func toJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(data)
}

func fromJSON(text string) map[string]any {
	table := map[string]any{}
	if err := json.Unmarshal([]byte(text), &table); err != nil {
		table["Error"] = err.Error()
	}
	return table
}

func fromJSONArray(text string) []any {
	list := []any{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		list = []any{err.Error()}
	}
	return list
}

func toTOML(value any) string {
	var data bytes.Buffer
	if err := toml.NewEncoder(&data).Encode(value); err != nil {
		return err.Error()
	}
	return data.String()
}

func fromTOML(text string) map[string]any {
	table := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &table); err != nil {
		table["Error"] = err.Error()
	}
	return table
}
