package kubeschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
	quantity   = "io.k8s.apimachinery.pkg.api.resource.Quantity"

	// quantityPattern is the grammar in the documentation of resource.Quantity
	// (k8s.io/apimachinery/pkg/api/resource): a signed number and a suffix.
	quantityPattern = `^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$`

	// base64Pattern is standard base64 with padding, which encoding/json needs for a []byte field
	// such as the values of Secret.data.
	base64Pattern = `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`

	// objectMetaFile holds ObjectMeta alone, for the schemas that are made from CRDs.
	objectMetaFile = "objectmeta.json"
)

// definition is the part of an OpenAPI v2 schema object that Kubernetes publishes and that JSON
// Schema can use. Descriptions and list types are left out: they are most of the document.
type definition struct {
	Ref                  string                 `json:"$ref"`
	Type                 string                 `json:"type"`
	Format               string                 `json:"format"`
	Properties           map[string]*definition `json:"properties"`
	AdditionalProperties *definition            `json:"additionalProperties"`
	Items                *definition            `json:"items"`
	Required             []string               `json:"required"`
	Kinds                []groupVersionKind     `json:"x-kubernetes-group-version-kind"`
}

type groupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

func (k groupVersionKind) apiVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// file is the name that fileTemplate gives for the kind.
func (k groupVersionKind) file() string {
	name := strings.ToLower(k.Kind)
	if k.Group != "" {
		group, _, _ := strings.Cut(k.Group, ".")
		name += "-" + group
	}
	return name + "-" + k.Version + ".json"
}

// fileTemplate is kubeconform's name for the schema of a kind. Only the first label of the API
// group goes into it, as in the folders that kubeconform's authors publish.
const fileTemplate = "{{ .ResourceKind }}{{ .KindSuffix }}.json"

type jsonSchema = map[string]any

// writeSchemas writes one strict JSON schema into dir for each kind of the OpenAPI v2 document at
// swagger.json that can be applied as an object, and returns how many.
//
// References are written out in place, since a validator names the path of a problem only down to
// the nearest reference; what refers to itself (the schema in a CustomResourceDefinition) stays a
// reference.
func writeSchemas(swagger, dir string) (int, error) {
	file, err := os.Open(swagger)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var document struct {
		Definitions map[string]*definition `json:"definitions"`
	}
	if err := json.NewDecoder(file).Decode(&document); err != nil {
		return 0, fmt.Errorf("%s: %w", swagger, err)
	}

	kinds := 0
	for _, name := range slices.Sorted(maps.Keys(document.Definitions)) {
		def := document.Definitions[name]
		if len(def.Kinds) != 1 || def.Properties["metadata"] == nil || def.Properties["metadata"].target() != objectMeta {
			continue // a list, or a request body such as DeleteOptions
		}
		kind := def.Kinds[0]
		e := expansion{from: document.Definitions}
		schema, err := e.named(name)
		if err != nil {
			return 0, err
		}
		requireIdentity(schema, kind)
		if len(e.shared) > 0 {
			schema["definitions"] = e.shared
		}
		if err := writeJSON(filepath.Join(dir, kind.file()), schema); err != nil {
			return 0, err
		}
		kinds++
	}
	if kinds == 0 {
		return 0, fmt.Errorf("%s: it defines no kinds", swagger)
	}

	e := expansion{from: document.Definitions}
	meta, err := e.named(objectMeta)
	if err != nil {
		return 0, err
	}
	return kinds, writeJSON(filepath.Join(dir, objectMetaFile), meta)
}

// requireIdentity pins apiVersion and kind, since the file of a kind is found by its lower-cased
// name: `kind: deployment` would otherwise pass.
func requireIdentity(schema jsonSchema, kind groupVersionKind) {
	properties := schema["properties"].(jsonSchema)
	properties["apiVersion"] = jsonSchema{"type": "string", "enum": []string{kind.apiVersion()}}
	properties["kind"] = jsonSchema{"type": "string", "enum": []string{kind.Kind}}
	required := []string{"apiVersion", "kind", "metadata"}
	switch names := schema["required"].(type) {
	case []string:
		required = append(required, names...)
	case []any: // decoded from JSON
		for _, name := range names {
			required = append(required, fmt.Sprint(name))
		}
	}
	slices.Sort(required)
	schema["required"] = slices.Compact(required) // draft 4 wants each name once
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (d *definition) target() string {
	return strings.TrimPrefix(d.Ref, "#/definitions/")
}

// expansion writes definitions out in place.
type expansion struct {
	from   map[string]*definition
	within []string // the definitions being written out, outermost first
	shared jsonSchema
}

func (e *expansion) named(name string) (jsonSchema, error) {
	if name == quantity {
		// The document says string; the API server takes a number as well (Quantity.UnmarshalJSON).
		return jsonSchema{"type": []string{"string", "number"}, "pattern": quantityPattern}, nil
	}
	def := e.from[name]
	if def == nil {
		return nil, fmt.Errorf("the OpenAPI document refers to %s and does not define it", name)
	}
	if slices.Contains(e.within, name) {
		if _, written := e.shared[name]; !written {
			if e.shared == nil {
				e.shared = jsonSchema{}
			}
			e.shared[name] = nil // before the expansion, which comes by here again
			alone := expansion{from: e.from, shared: e.shared}
			schema, err := alone.named(name)
			if err != nil {
				return nil, err
			}
			e.shared[name] = schema
		}
		return jsonSchema{"$ref": "#/definitions/" + name}, nil
	}
	e.within = append(e.within, name)
	defer func() { e.within = e.within[:len(e.within)-1] }()
	return e.schema(def)
}

func (e *expansion) schema(def *definition) (jsonSchema, error) {
	if def.Ref != "" {
		return e.named(def.target())
	}
	schema := jsonSchema{}
	if def.Type != "" {
		schema["type"] = def.Type
	}
	applyFormat(schema, def.Format)
	if len(def.Required) > 0 {
		schema["required"] = def.Required
	}
	if def.Items != nil {
		items, err := e.schema(def.Items)
		if err != nil {
			return nil, err
		}
		schema["items"] = items
	}
	if def.AdditionalProperties != nil {
		values, err := e.schema(def.AdditionalProperties)
		if err != nil {
			return nil, err
		}
		schema["additionalProperties"] = values
	}
	if def.Properties != nil {
		properties := jsonSchema{}
		for name, property := range def.Properties {
			sub, err := e.schema(property)
			if err != nil {
				return nil, err
			}
			properties[name] = sub
		}
		schema["properties"] = properties
		if def.AdditionalProperties == nil {
			schema["additionalProperties"] = false
		}
	}
	return schema, nil
}

// applyFormat turns the formats that Kubernetes defines into what JSON Schema can check.
func applyFormat(schema jsonSchema, format string) {
	switch format {
	case "int-or-string":
		schema["type"] = []string{"integer", "string"}
	case "int32":
		schema["minimum"], schema["maximum"] = -1<<31, 1<<31-1
	case "byte":
		schema["pattern"] = base64Pattern
	case "date-time":
		schema["format"] = format
	}
}
