package values

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
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

	// foreign holds the values of the charts in charts/ that are not among the Subcharts, by name.
	foreign map[string]map[string]any
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
	c.declareImports()
	return c, nil
}

// loadSubcharts reads charts/ as Helm does, which skips names that start with a dot or an
// underscore. A packaged chart, and a folder that stands there for a remote dependency, is its
// author's to document: only its values are read.
func (c *Chart) loadSubcharts() error {
	entries, err := os.ReadDir(filepath.Join(c.Dir, "charts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.foreign = map[string]map[string]any{}
	for _, entry := range entries {
		path := filepath.Join(c.Dir, "charts", entry.Name())
		if strings.ContainsAny(entry.Name()[:1], "._") {
			continue
		}
		if filepath.Ext(path) == ".tgz" {
			packaged, err := loader.LoadFile(path)
			if err != nil {
				return fmt.Errorf("%s: no packaged chart: %w", path, err)
			}
			c.foreign[packaged.Name()] = packaged.Values
			continue
		}
		metadata, err := readMetadata(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue // a file, or a folder that is no chart
		} else if err != nil {
			return err
		}
		if c.vendored(metadata.Name) {
			vendored, err := loader.LoadDir(path)
			if err != nil {
				return fmt.Errorf("%s: no chart: %w", path, err)
			}
			c.foreign[metadata.Name] = vendored.Values
			continue
		}
		sub, err := load(path, c.Metadata)
		if err != nil {
			return err
		}
		c.Subcharts = append(c.Subcharts, sub)
	}
	return nil
}

// vendored tells whether the chart of that name comes from a repository.
func (c *Chart) vendored(name string) bool {
	return slices.ContainsFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool {
		return d.Name == name && strings.Contains(d.Repository, "://") && !strings.HasPrefix(d.Repository, "file://")
	})
}

// embedSubcharts gives every subchart a section under its name, or under its aliases. Helm also
// loads charts that Chart.yaml does not list.
func (c *Chart) embedSubcharts() error {
	listed := map[string]bool{}
	for _, dependency := range c.Metadata.Dependencies {
		listed[dependency.Name] = true
		if err := c.embed(sectionOf(dependency), c.subchart(dependency.Name)); err != nil {
			return err
		}
		c.Root.Child(sectionOf(dependency)).Switchable = dependency.Condition != "" || len(dependency.Tags) > 0
	}
	for _, sub := range c.Subcharts {
		if !listed[sub.Metadata.Name] {
			if err := c.embed(sub.Metadata.Name, sub); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.foreign)) {
		if !listed[name] {
			if err := c.embed(name, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// sectionOf names the section of the values that configures a dependency.
func sectionOf(dependency *chart.Dependency) string {
	if dependency.Alias != "" {
		return dependency.Alias
	}
	return dependency.Name
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
		for _, child := range own.Children {
			child.markExamples()
		}
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
			own.Children = append(own.Children, g.optional())
		case o != nil && o.IsMap() && g.IsMap():
			share(o, g)
		}
	}
}

// overlay puts a parent's values over a subchart's: the parent's defaults win, and so do its
// comments where it has some. The subchart's types stay, as its own schema judges the values.
func overlay(sub, parent *Value, at Path, owner *Chart) error {
	if sub.Chart != nil {
		owner = sub.Chart
	}
	for _, p := range parent.Children {
		s := sub.Child(p.Key)
		if s == nil {
			switch {
			case (sub.Key == "" || sub.Chart != nil) && (p.Key == globalKey || p.Key == "enabled" && !p.IsMap()):
				sub.Children = append(sub.Children, p.clone())
			case !sub.FreeForm():
				return fmt.Errorf("%s:%d: %s is no value of the subchart %s, whose schema will refuse it; declare it in %s, or remove it here",
					p.File, p.Line, at.Join(p.Key), owner.Metadata.Name, filepath.Join(owner.Dir, "values.yaml"))
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
			if dependency.Name == c.Metadata.Name && condition[0] == sectionOf(dependency) && len(condition) > 1 {
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

// declareImports adds the values that Helm copies from a subchart by "import-values".
func (c *Chart) declareImports() {
	for _, dependency := range c.Metadata.Dependencies {
		for _, imported := range dependency.ImportValues {
			from, to := Path{}, Path{}
			switch imported := imported.(type) {
			case string:
				from = append(Path{"exports"}, strings.Split(imported, ".")...)
			case map[string]any:
				from = strings.Split(fmt.Sprint(imported["child"]), ".")
				if parent := fmt.Sprint(imported["parent"]); parent != "." {
					to = strings.Split(parent, ".")
				}
			}
			source := c.foreignValue(dependency.Name)
			if sub := c.subchart(dependency.Name); sub != nil {
				source = sub.Root
			}
			for _, key := range from {
				if source = source.Child(key); source == nil {
					break
				}
			}
			if source == nil {
				continue // Helm warns and goes on.
			}
			at := c.Root
			for _, key := range to {
				child := at.Child(key)
				if child == nil {
					child = &Value{Key: key, File: source.File, Default: map[string]any{}, Types: []string{"object"}}
					at.Children = append(at.Children, child)
				}
				at = child
			}
			merge(at, source)
		}
	}
}

// merge adds what is missing. A value that a chart gets from another need not be in its own.
func merge(into, from *Value) {
	if !into.IsMap() || len(into.Children) == 0 && into.Line > 0 && into.Key != "" {
		return
	}
	for _, f := range from.Children {
		if own := into.Child(f.Key); own != nil {
			merge(own, f)
			continue
		}
		into.Children = append(into.Children, f.optional())
	}
}

// foreignValue makes a tree of the values of a chart that is not this one's to document. Their
// types are not known for certain.
func (c *Chart) foreignValue(name string) *Value {
	var tree func(key string, read any) *Value
	tree = func(key string, read any) *Value {
		v := &Value{Key: key, Default: read, Foreign: true}
		m, _ := read.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v.Children = append(v.Children, tree(k, m[k]))
		}
		return v
	}
	return tree("", c.foreign[name])
}
