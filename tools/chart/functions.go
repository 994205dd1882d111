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

func fromYAMLArray(text string) []any {
	list := []any{}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		list = []any{err.Error()}
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
