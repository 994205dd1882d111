package kubeschema

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func digest(parts [][]byte) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d\n", len(part)) // so that a cut elsewhere is another digest
		hash.Write(part)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// writeCRDSchemas writes a strict JSON schema into dir for each served version of each CRD in the
// YAML stream.
func writeCRDSchemas(manifests []byte, meta jsonSchema, dir string) error {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var crd apiextensions.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(document, &crd); err != nil {
			return fmt.Errorf("a CustomResourceDefinition is malformed: %w", err)
		}
		if crd.Kind == "" && crd.Name == "" {
			continue // only comments
		}
		if crd.Kind != "CustomResourceDefinition" {
			return fmt.Errorf("%s %s is no CustomResourceDefinition", crd.Kind, crd.Name)
		}
		for _, version := range crd.Spec.Versions {
			if !version.Served {
				continue
			}
			if version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
				return fmt.Errorf("%s has no schema for %s", crd.Name, version.Name)
			}
			schema, err := strictCRDSchema(version.Schema.OpenAPIV3Schema)
			if err != nil {
				return fmt.Errorf("%s %s: %w", crd.Name, version.Name, err)
			}
			properties, ok := schema["properties"].(jsonSchema)
			if !ok {
				return fmt.Errorf("%s %s: its schema has no properties", crd.Name, version.Name)
			}
			properties["metadata"] = meta
			kind := groupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			requireIdentity(schema, kind)
			if err := writeJSON(filepath.Join(dir, kind.file()), schema); err != nil {
				return err
			}
		}
	}
}

// strictCRDSchema is a structural schema as JSON Schema of draft 4, which refuses the fields that
// the API server would prune.
func strictCRDSchema(props *apiextensions.JSONSchemaProps) (jsonSchema, error) {
	data, err := json.Marshal(props)
	if err != nil {
		return nil, err
	}
	var schema jsonSchema
	if err := json.Unmarshal(data, &schema); err != nil {
		return nil, err
	}
	closeCRDSchema(schema)
	return schema, nil
}

// closeCRDSchema walks the places of a structural schema where fields are defined; under allOf and
// its like a structural schema defines none.
func closeCRDSchema(schema jsonSchema) {
	if schema["x-kubernetes-int-or-string"] == true {
		delete(schema, "anyOf")
		schema["type"] = []string{"integer", "string"}
	}
	if schema["nullable"] == true {
		if name, ok := schema["type"].(string); ok {
			schema["type"] = []string{name, "null"}
		}
	}
	maps.DeleteFunc(schema, func(key string, _ any) bool {
		return key == "nullable" || key == "description" || key == "default" ||
			strings.HasPrefix(key, "x-kubernetes-") && key != "x-kubernetes-preserve-unknown-fields"
	})
	if items, ok := schema["items"].(jsonSchema); ok {
		closeCRDSchema(items)
	}
	if values, ok := schema["additionalProperties"].(jsonSchema); ok {
		closeCRDSchema(values)
	}
	properties, ok := schema["properties"].(jsonSchema)
	for _, property := range properties {
		if sub, ok := property.(jsonSchema); ok {
			closeCRDSchema(sub)
		}
	}
	_, open := schema["additionalProperties"]
	if ok && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
}
