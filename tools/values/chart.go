package values

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	helmyaml "sigs.k8s.io/yaml"
)

// globalKey is the section that Helm hands to every subchart.
const globalKey = "global"

// Chart is a chart's folder with the documented values of the chart and its subcharts.
type Chart struct {
	// Dir is the folder as it was given to Load, or a folder below it.
	Dir string
	// Metadata is the content of Chart.yaml.
	Metadata *chart.Metadata
	// Root holds the values, with the subcharts' sections embedded: as Helm does, the subchart's
	// values.yaml gives the defaults and this chart's overrides them.
	Root *Value
	// Subcharts are the charts in folders below charts/ that belong to this chart, in the order
	// of their folders' names. Packaged or vendored ones are not among them.
	Subcharts []*Chart
	// Parent is the chart in whose charts/ folder this one stands, nil if there is none.
	Parent *chart.Metadata
}

// Load reads a chart's folder. Chart.yaml is needed, values.yaml is not. Errors name the file and
// what to change in it.
func Load(dir string) (*Chart, error) {
	parent, err := parentOf(dir)
	if err != nil {
		return nil, err
	}
	return load(dir, parent)
}

// All lists the chart and those below it, parents first.
func (c *Chart) All() []*Chart {
	all := []*Chart{c}
	for _, sub := range c.Subcharts {
		all = append(all, sub.All()...)
	}
	return all
}

// parentOf reads the Chart.yaml of the chart in whose charts/ folder dir stands.
func parentOf(dir string) (*chart.Metadata, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if filepath.Base(filepath.Dir(abs)) != "charts" {
		return nil, nil
	}
	parent, err := readMetadata(filepath.Dir(filepath.Dir(abs)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return parent, err
}

func readMetadata(dir string) (*chart.Metadata, error) {
	file := filepath.Join(dir, "Chart.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	metadata := &chart.Metadata{}
	if err := helmyaml.Unmarshal(data, metadata); err != nil {
		return nil, fmt.Errorf("%s: no valid YAML: %w", file, err)
	}
	if metadata.Name == "" {
		return nil, fmt.Errorf("%s: the chart has no name; add \"name: %s\"", file, filepath.Base(dir))
	}
	// Charts of Helm 2 list their dependencies in a file of their own.
	if data, err := os.ReadFile(filepath.Join(dir, "requirements.yaml")); err == nil && metadata.APIVersion != chart.APIVersionV2 {
		if err := helmyaml.Unmarshal(data, metadata); err != nil {
			return nil, fmt.Errorf("%s: no valid YAML: %w", filepath.Join(dir, "requirements.yaml"), err)
		}
	}
	return metadata, nil
}

func load(dir string, parent *chart.Metadata) (*Chart, error) {
	metadata, err := readMetadata(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no chart: it has no Chart.yaml; give the folder of a chart", dir)
	} else if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "values.yaml")
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := &Chart{Dir: dir, Metadata: metadata, Parent: parent}
	if c.Root, err = Parse(file, data); err != nil {
		return nil, err
	}
	c.Root.Description = metadata.Description
	if err := c.loadSubcharts(); err != nil {
		return nil, err
	}
	if err := c.embedSubcharts(); err != nil {
		return nil, err
	}
	c.declareConditions()
	return c, nil
}

// loadSubcharts reads the folders below charts/ as Helm does, which skips names that start with
// a dot or an underscore. A folder that stands there for a remote dependency is vendored: it is
// its author's to document.
func (c *Chart) loadSubcharts() error {
	entries, err := os.ReadDir(filepath.Join(c.Dir, "charts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		dir := filepath.Join(c.Dir, "charts", entry.Name())
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !info.IsDir() || strings.ContainsAny(entry.Name()[:1], "._") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "Chart.yaml")); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		sub, err := load(dir, c.Metadata)
		if err != nil {
			return err
		}
		vendored := slices.ContainsFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool {
			return d.Name == sub.Metadata.Name && strings.Contains(d.Repository, "://") && !strings.HasPrefix(d.Repository, "file://")
		})
		if !vendored {
			c.Subcharts = append(c.Subcharts, sub)
		}
	}
	return nil
}

// embedSubcharts gives every subchart a section under its name, or under its aliases.
func (c *Chart) embedSubcharts() error {
	listed := map[string]bool{}
	for _, dependency := range c.Metadata.Dependencies {
		name := dependency.Name
		if dependency.Alias != "" {
			name = dependency.Alias
		}
		sub := c.subchart(dependency.Name)
		listed[dependency.Name] = true
		if err := c.embed(name, sub); err != nil {
			return err
		}
		c.Root.Child(name).Switchable = dependency.Condition != "" || len(dependency.Tags) > 0
	}
	for _, sub := range c.Subcharts {
		if !listed[sub.Metadata.Name] {
			if err := c.embed(sub.Metadata.Name, sub); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Chart) subchart(name string) *Chart {
	for _, sub := range c.Subcharts {
		if sub.Metadata.Name == name {
			return sub
		}
	}
	return nil
}

// embed puts the subchart's values below the chart's section of that name. A nil sub is a
// dependency whose values are not in reach.
func (c *Chart) embed(name string, sub *Chart) error {
	own := c.Root.Child(name)
	if own == nil {
		own = &Value{Key: name, File: filepath.Join(c.Dir, "Chart.yaml"), Default: map[string]any{}, Types: []string{"object"}, Implied: true}
		c.Root.Children = append(c.Root.Children, own)
	}
	if !own.IsMap() {
		return fmt.Errorf("%s:%d: %s configures the subchart of that name and must be a map, not %s; write \"%s: {}\"",
			own.File, own.Line, name, asJSON(own.Default), name)
	}
	if sub == nil {
		own.Foreign = true
		return nil
	}
	section := sub.Root.clone()
	if err := overlay(section, own, Path{name}, sub); err != nil {
		return err
	}
	if globals := sub.Root.Child(globalKey); globals != nil {
		c.shareGlobals(globals)
	}
	own.Chart, own.Implied = sub, false
	own.Children = section.Children
	if own.Description == "" {
		own.Description = sub.Root.Description
	}
	return nil
}

// shareGlobals declares the globals that a subchart reads in the chart's own global section, from
// where Helm hands them down.
func (c *Chart) shareGlobals(globals *Value) {
	own := c.Root.Child(globalKey)
	if own == nil {
		own = &Value{Key: globalKey, File: globals.File, Default: map[string]any{}, Types: []string{"object"}, Implied: true}
		c.Root.Children = append(c.Root.Children, own)
	}
	share(own, globals)
}

func share(own, globals *Value) {
	for _, g := range globals.Children {
		switch o := own.Child(g.Key); {
		case o == nil && (own.Implied || !own.FreeForm()):
			shared := g.clone()
			shared.Required = false // The default stays in the subchart.
			own.Children = append(own.Children, shared)
		case o != nil && o.IsMap() && g.IsMap():
			share(o, g)
		}
	}
}

// overlay puts a parent's values over a subchart's: the parent's defaults win, and so do its
// comments where it has some. The subchart's types stay, as its own schema judges the values.
func overlay(sub, parent *Value, at Path, owner *Chart) error {
	for _, p := range parent.Children {
		s := sub.Child(p.Key)
		if s == nil {
			switch {
			case len(at) == 1 && (p.Key == globalKey || p.Key == "enabled" && !p.IsMap()):
				sub.Children = append(sub.Children, p.clone())
			case !sub.FreeForm():
				return fmt.Errorf("%s:%d: %s is no value of the subchart %s, whose schema will refuse it; declare it in %s, or remove it here",
					p.File, p.Line, at.Join(p.Key), owner.Metadata.Name, sub.File)
			}
			continue
		}
		s.Implied = s.Implied && p.Implied
		if p.Description != "" {
			s.Description, s.DocType, s.DocDefault = p.Description, p.DocType, p.DocDefault
		}
		if p.Section != "" {
			s.Section = p.Section
		}
		s.Ignored = s.Ignored || p.Ignored
		if s.IsMap() && p.IsMap() {
			if err := overlay(s, p, at.Join(p.Key), owner); err != nil {
				return err
			}
			if len(s.Children) == 0 {
				s.Default = p.Default
			}
			continue
		}
		s.Default, s.File, s.Line = p.Default, p.File, p.Line
	}
	return nil
}

// declareConditions adds the keys that Helm reads by Chart.yaml: the conditions and tags of the
// dependencies, and the conditions that the parent's Chart.yaml sets on this chart.
func (c *Chart) declareConditions() {
	for _, dependency := range c.Metadata.Dependencies {
		for _, condition := range conditions(dependency) {
			c.declare(condition, false, "Whether to install the subchart "+dependency.Name+".")
		}
		for _, tag := range dependency.Tags {
			c.declare(Path{"tags", tag}, false, "Whether to install the subcharts tagged "+tag+".")
		}
	}
	if c.Parent == nil {
		return
	}
	for _, dependency := range c.Parent.Dependencies {
		for _, condition := range conditions(dependency) {
			own := dependency.Name
			if dependency.Alias != "" {
				own = dependency.Alias
			}
			if dependency.Name == c.Metadata.Name && condition[0] == own && len(condition) > 1 {
				c.declare(condition[1:], true, "Whether to install the subchart "+dependency.Name+".")
			}
		}
	}
}

// conditions lists the values that switch a dependency: Helm takes the first that is there.
func conditions(dependency *chart.Dependency) []Path {
	var paths []Path
	for _, condition := range strings.Split(dependency.Condition, ",") {
		if condition = strings.TrimSpace(condition); condition != "" {
			paths = append(paths, strings.Split(condition, "."))
		}
	}
	return paths
}

// declare adds a boolean, true by default as for Helm, at the path unless a value or free-form subtree is there;
// first puts it before the other values.
func (c *Chart) declare(path Path, first bool, description string) {
	at := c.Root
	for i, key := range path {
		if child := at.Child(key); child != nil {
			at = child
			continue
		}
		if i > 0 && at.FreeForm() && !at.Implied || !at.IsMap() {
			return
		}
		child := &Value{Key: key, File: filepath.Join(c.Dir, "Chart.yaml"), Implied: true, Default: map[string]any{}, Types: []string{"object"}}
		if i == len(path)-1 {
			child.Default, child.Types, child.Description = true, []string{"boolean"}, description
		}
		if first {
			at.Children = slices.Insert(at.Children, 0, child)
		} else {
			at.Children = append(at.Children, child)
		}
		at = child
	}
}
