package charttest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Differences names the fields in which two values parsed from YAML differ, as "StatefulSet/x.spec.replicas: 1 became
// 2". Text of several lines that is YAML is compared as such: a configuration in a ConfigMap differs in a field, too.
// Equal values have none.
func Differences(want, got any) []string { return differences("", want, got) }

func differences(path string, want, got any) []string {
	if reflect.DeepEqual(want, got) {
		return nil
	}
	switch want := want.(type) {
	case map[string]map[string]any:
		if got, ok := got.(map[string]map[string]any); ok {
			return mapDifferences(path, want, got)
		}
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return mapDifferences(path, want, got)
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var found []string
			for i := range want {
				found = append(found, differences(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])...)
			}
			return found
		}
	case string:
		if got, ok := got.(string); ok && strings.Contains(want, "\n") && strings.Contains(got, "\n") {
			var wantParsed, gotParsed map[string]any
			if yaml.Unmarshal([]byte(want), &wantParsed) == nil && yaml.Unmarshal([]byte(got), &gotParsed) == nil {
				if found := mapDifferences(path, wantParsed, gotParsed); len(found) > 0 {
					return found
				}
			}
		}
	}
	return []string{fmt.Sprintf("%s: %s became %s", path, inline(want), inline(got))}
}

func mapDifferences[V any](path string, want, got map[string]V) []string {
	keys := slices.Collect(maps.Keys(want))
	for key := range got {
		if _, ok := want[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var found []string
	for _, key := range keys {
		at := strings.TrimPrefix(path+"."+key, ".")
		w, inWant := want[key]
		g, inGot := got[key]
		switch {
		case !inGot:
			found = append(found, fmt.Sprintf("%s: %s went away", at, inline(w)))
		case !inWant:
			found = append(found, fmt.Sprintf("%s: %s is new", at, inline(g)))
		default:
			found = append(found, differences(at, w, g)...)
		}
	}
	return found
}

// inline is a value in one line, cut where it is long.
func inline(value any) string {
	data, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	text := []rune(strings.Join(strings.Fields(string(data)), " "))
	if len(text) > 120 {
		text = append(text[:120], '…')
	}
	return string(text)
}
