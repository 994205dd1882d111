package chart

import "k8s.io/apimachinery/pkg/runtime/schema"

// lookupIn answers the template function lookup from objects, as a cluster that holds just these would. Without any
// it answers with an empty map whatever is asked, as `helm template` does.
func lookupIn(objects []Object) func(apiVersion, kind, namespace, name string) (map[string]any, error) {
	return func(apiVersion, kind, namespace, name string) (map[string]any, error) {
		if len(objects) == 0 {
			return map[string]any{}, nil
		}
		items := []any{}
		for _, object := range objects {
			version, _ := object["apiVersion"].(string)
			metadata, _ := object["metadata"].(map[string]any)
			within, _ := metadata["namespace"].(string)
			if version != apiVersion || object.Kind() != kind || name != "" && object.Name() != name {
				continue
			}
			// An object without a namespace is taken as one that has none, whatever namespace is asked for.
			if within != "" && within != namespace && (namespace != "" || name != "") {
				continue
			}
			if name != "" {
				return copyTable(object), nil
			}
			items = append(items, copyTable(object))
		}
		if name != "" {
			return map[string]any{}, nil
		}
		return map[string]any{
			"apiVersion": schema.FromAPIVersionAndKind(apiVersion, kind).GroupVersion().String(),
			"kind":       kind + "List",
			"metadata":   map[string]any{"resourceVersion": ""},
			"items":      items,
		}, nil
	}
}
