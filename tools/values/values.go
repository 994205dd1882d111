// Package values reads a chart's values.yaml once into a tree of documented values: each key
// with its default as Helm reads it, the comment that documents it and its schema annotation.
// The schema and the documentation of a chart are two views of this tree.
package values

import (
	"slices"
	"strings"
)

// Value is one key of a values file, or the whole file (the root, whose Key is empty).
type Value struct {
	// Key is the key as it stands in the file; a dotted key is one key.
	Key string
	// File and Line tell where the key stands; Line is 0 for a value that no file declares
	// (see Implied).
	File string
	Line int
	// Default is the value as Helm reads it: nil, bool, json.Number, string, []any or
	// map[string]any.
	Default any
	// Types are the JSON schema types that the value may have, from its annotation or else from
	// its default; none means any.
	Types []string
	// Children are the keys of a map, in the order of the file.
	Children []*Value
	// Example marks a key without a comment below a map that takes any key: its default shows what
	// may stand there and binds nobody.
	Example bool
	// Implied marks a key that no values file declares but that Helm itself reads: the condition
	// of a dependency or a tag.
	Implied bool
	// Chart is the subchart that this section configures, nil for any other value.
	Chart *Chart
	// Switchable marks the section of a subchart that a condition or a tag may switch off.
	Switchable bool
	// Foreign marks the section of a dependency whose values are not in reach, such as a packaged
	// one; only its own schema can judge it.
	Foreign bool

	Comment
}

// Comment is what the comment of a value says.
type Comment struct {
	// Description is the text after "# --", or else the free comment. Paragraphs are parted by
	// an empty line.
	Description string
	// DocType is the type that "# -- (type) text" names, for the documentation only unless the
	// default is null.
	DocType string
	// DocDefault replaces the default in the documentation ("# @default -- text").
	DocDefault string
	// Section is the section of the documentation ("# @section -- name").
	Section string
	// Ignored leaves the value out of the documentation ("# @ignored").
	Ignored bool
	// Schema holds the keywords of the schema annotation, in terms of JSON schema draft-07.
	Schema map[string]any
	// Required says that the key must be present after Helm merged the defaults.
	Required bool
	// SkipProperties leaves the children out of the schema: the whole subtree is free-form.
	SkipProperties bool
}

// Child returns the child of that key, or nil.
func (v *Value) Child(key string) *Value {
	for _, c := range v.Children {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// IsMap tells whether the default is a map.
func (v *Value) IsMap() bool {
	_, ok := v.Default.(map[string]any)
	return ok
}

// FreeForm tells whether the schema takes any key below the value: its default is an empty map
// without declared properties, or its annotation opens the subtree.
func (v *Value) FreeForm() bool {
	if v.SkipProperties || v.Foreign || v.Example {
		return true
	}
	if open, ok := v.Schema["additionalProperties"]; ok {
		return open != false
	}
	if _, ok := v.Schema["properties"]; ok || v.Chart != nil {
		return false
	}
	return len(v.Children) == 0
}

// Commented tells whether the value or one below it has a description or an annotation.
func (v *Value) Commented() bool {
	return v.Description != "" || v.Schema != nil || v.Required || v.SkipProperties ||
		slices.ContainsFunc(v.Children, (*Value).Commented)
}

// markExamples marks the value and all below it.
func (v *Value) markExamples() {
	v.Example = true
	for _, child := range v.Children {
		child.markExamples()
	}
}

// clone copies the tree; defaults and annotations are shared, as nothing changes them in place.
func (v *Value) clone() *Value {
	c := *v
	c.Children = make([]*Value, len(v.Children))
	for i, child := range v.Children {
		c.Children[i] = child.clone()
	}
	return &c
}

// optional copies the tree without what it requires: the default may come from another chart.
func (v *Value) optional() *Value {
	c := v.clone()
	c.Required = false
	for i, child := range c.Children {
		c.Children[i] = child.optional()
	}
	return c
}

// Path is the way from the root of a values file to a value.
type Path []string

// String renders the path as one writes it in templates and --set; a key that itself holds a dot
// or another special character is quoted.
func (p Path) String() string {
	keys := make([]string, len(p))
	for i, k := range p {
		if k == "" || strings.ContainsAny(k, ". \"'\t") {
			k = `"` + strings.ReplaceAll(k, `"`, `\"`) + `"`
		}
		keys[i] = k
	}
	return strings.Join(keys, ".")
}

// Join returns the path of a child. The receiver is not changed.
func (p Path) Join(key string) Path {
	return append(slices.Clip(slices.Clone(p)), key)
}
