package values

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

var schemaTypes = []string{"string", "integer", "number", "boolean", "array", "object", "null"}

// docTypes maps the types of helm-docs comments to those of JSON schema.
var docTypes = map[string]string{
	"string": "string", "int": "integer", "integer": "integer", "float": "number", "number": "number",
	"bool": "boolean", "boolean": "boolean", "list": "array", "array": "array", "object": "object",
	"map": "object", "dict": "object", "tpl/string": "string", "tpl/array": "array", "tpl/object": "object",
}

// typesOf derives the schema types of a value. A float that Helm reads as a whole number (1.0)
// still takes fractions.
func typesOf(v *Value, float bool) ([]string, error) {
	own := typeOf(v.Default)
	if float && own == "integer" {
		own = "number"
	}
	explicit, err := annotatedTypes(v.Schema)
	if err != nil {
		return nil, err
	}
	switch {
	case len(explicit) > 0:
		if v.Default == nil {
			// A null default stands for "not set"; only a required value must then be set.
			if !v.Required && !slices.Contains(explicit, "null") {
				explicit = append(explicit, "null")
			}
			return explicit, nil
		}
		fits := slices.Contains(explicit, own) || own == "integer" && slices.Contains(explicit, "number") ||
			own == "number" && slices.Contains(explicit, "integer") && typeOf(v.Default) == "integer"
		if !fits {
			return nil, fmt.Errorf("the default %s is of type %s, the annotation says %s; write # @schema type:[%s], or change the default",
				asJSON(v.Default), own, strings.Join(explicit, " or "), strings.Join(append(explicit, own), ", "))
		}
		return explicit, nil
	case statesTypes(v.Schema):
		return nil, nil
	case v.Default == nil:
		documented, ok := docTypes[v.DocType]
		if !ok {
			return nil, nil
		}
		if v.Required {
			return []string{documented}, nil
		}
		return []string{documented, "null"}, nil
	}
	return []string{own}, nil
}

func annotatedTypes(schema map[string]any) ([]string, error) {
	var types []string
	switch t := schema["type"].(type) {
	case nil:
		return nil, nil
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			name, ok := one.(string)
			if one == nil {
				name, ok = "null", true // [string, null] is a YAML null
			}
			if !ok {
				return nil, fmt.Errorf("type: %v is no type; write one or more of %s", one, strings.Join(schemaTypes, ", "))
			}
			types = append(types, name)
		}
	default:
		return nil, fmt.Errorf("type: %v is no type; write one or more of %s", t, strings.Join(schemaTypes, ", "))
	}
	for _, t := range types {
		if !slices.Contains(schemaTypes, t) {
			return nil, fmt.Errorf("type: %q is no type; write one or more of %s", t, strings.Join(schemaTypes, ", "))
		}
	}
	return types, nil
}

// statesTypes tells whether alternatives of the annotation say the types, so that the type of the
// default must not narrow them.
func statesTypes(schema map[string]any) bool {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		branches, _ := schema[keyword].([]any)
		for _, branch := range branches {
			if m, ok := branch.(map[string]any); ok && (m["type"] != nil || m["const"] != nil || m["enum"] != nil) {
				return true
			}
		}
	}
	return false
}

// typeOf names the schema type of a value that Helm read.
func typeOf(value any) string {
	switch value := value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

func asJSON(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}
