package chart

import (
	"fmt"
	"log"
	"strings"
	"sync"

	"github.com/mitchellh/copystructure"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// What is in this file follows Helm's chartutil (coalesce.go and dependencies.go of v3.22), warnings included. It is
// written anew because Helm copies values by reflection, several times in a rendering, which is most of the time of
// a small chart; and because the set of subcharts that values enable has to be known before Helm's own code, which
// changes the chart it is given, is asked to do the rest once per such set.

// copyValue copies maps and slices as they come out of YAML; everything else that is not a scalar as Helm does.
func copyValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if value == nil {
			return value
		}
		return copyTable(value)
	case []any:
		if value == nil {
			return value
		}
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = copyValue(element)
		}
		return list
	case nil, string, bool, float64, int, int64, uint64:
		return value
	}
	duplicate, err := copystructure.Copy(value)
	if err != nil {
		return value
	}
	return duplicate
}

func copyTable(table map[string]any) map[string]any {
	duplicate := make(map[string]any, len(table))
	for key, value := range table {
		duplicate[key] = copyValue(value)
	}
	return duplicate
}

func isTable(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

func joinPath(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// coalesceValues is chartutil.CoalesceValues.
func coalesceValues(c *helmchart.Chart, values map[string]any) (chartutil.Values, error) {
	return coalesce(c, copyTable(values), "")
}

func coalesce(c *helmchart.Chart, values map[string]any, prefix string) (map[string]any, error) {
	path := joinPath(prefix, c.Metadata.Name)
	coalesceDefaults(c, values, path)
	for _, subchart := range c.Dependencies() {
		name := subchart.Name()
		value, ok := values[name]
		if !ok {
			value = map[string]any{}
		}
		table, ok := value.(map[string]any)
		if !ok {
			return values, fmt.Errorf("type mismatch on %s: %t", name, value)
		}
		values[name] = table
		coalesceGlobals(table, values, path)
		if _, err := coalesce(subchart, table, path); err != nil {
			return values, err
		}
	}
	return values, nil
}

// coalesceDefaults adds a chart's own values to those that it is given; null removes.
func coalesceDefaults(c *helmchart.Chart, values map[string]any, path string) {
	for key, standard := range c.Values {
		value, given := values[key]
		if !given {
			values[key] = copyValue(standard)
			continue
		}
		if value == nil {
			delete(values, key)
			continue
		}
		table, ok := value.(map[string]any)
		if !ok {
			continue
		}
		standardTable, ok := standard.(map[string]any)
		if !ok {
			if standard != nil {
				log.Printf("warning: skipped value for %s.%s: Not a table.", path, key)
			}
			continue
		}
		coalesceTables(table, copyTable(standardTable), joinPath(path, key), isSubchart(c, key))
	}
}

func isSubchart(c *helmchart.Chart, name string) bool {
	for _, subchart := range c.Dependencies() {
		if subchart.Name() == name {
			return true
		}
	}
	return false
}

// coalesceGlobals hands the globals of a chart to a subchart. Tables are merged, the parent's keys win, and what is
// below their first level is shared by parent and subchart, as with Helm: a template that changes one sees it in the
// other.
func coalesceGlobals(subchart, parent map[string]any, path string) {
	to, from := map[string]any{}, map[string]any{}
	if value, ok := subchart[chartutil.GlobalKey]; ok {
		if to, ok = value.(map[string]any); !ok {
			log.Printf("warning: skipping globals because destination %s is not a table.", chartutil.GlobalKey)
			return
		}
	}
	if value, ok := parent[chartutil.GlobalKey]; ok {
		if from, ok = value.(map[string]any); !ok {
			log.Printf("warning: skipping globals because source %s is not a table.", chartutil.GlobalKey)
			return
		}
	}
	for key, value := range from {
		own, given := to[key]
		table, ok := value.(map[string]any)
		if !ok {
			if given && isTable(own) {
				log.Printf("key %s is table. Skipping", key)
				continue
			}
			to[key] = value
			continue
		}
		merged := make(map[string]any, len(table))
		for key, value := range table {
			merged[key] = value
		}
		if given {
			ownTable, ok := own.(map[string]any)
			if !ok {
				log.Printf("Conflict: cannot merge map onto non-map for %q. Skipping.", key)
				continue
			}
			coalesceTables(merged, ownTable, joinPath(path, key), true)
		}
		to[key] = merged
	}
	subchart[chartutil.GlobalKey] = to
}

// coalesceTables merges table from, which it changes, into table to, whose keys win. With merge, null values stay.
func coalesceTables(to, from map[string]any, path string, merge bool) {
	if from == nil || to == nil {
		return
	}
	// Which keys a null of table to removes has to be known before the nulls are copied to table from.
	var removed map[string]bool
	for key, value := range to {
		if value != nil {
			continue
		}
		if from[key] != nil {
			if removed == nil {
				removed = map[string]bool{}
			}
			removed[key] = true
		}
		from[key] = nil
	}
	for key, value := range from {
		own, given := to[key]
		switch {
		case given && !merge && own == nil && removed[key]:
			delete(to, key)
		case !given:
			to[key] = value
		case isTable(value):
			if table, ok := own.(map[string]any); ok {
				coalesceTables(table, value.(map[string]any), joinPath(path, key), merge)
			} else {
				log.Printf("warning: cannot overwrite table with non table for %s (%v)", joinPath(path, key), value)
			}
		case isTable(own) && value != nil:
			log.Printf("warning: destination for %s is a table. Ignoring non-table value (%v)", joinPath(path, key), value)
		}
	}
}

// enableDependencies removes from a chart tree, which it changes, the subcharts that values disable, and gives those
// with an alias their name, as the first half of chartutil.ProcessDependenciesWithMerge does.
func enableDependencies(c *helmchart.Chart, values map[string]any, path string) error {
	if c.Metadata.Dependencies == nil {
		return nil
	}
	var subcharts []*helmchart.Chart
	for _, subchart := range c.Dependencies() {
		if !declared(c, subchart) {
			subcharts = append(subcharts, subchart)
		}
	}
	for _, dependency := range c.Metadata.Dependencies {
		if dependency == nil {
			continue
		}
		if subchart := findDependency(c.Dependencies(), dependency); subchart != nil {
			subcharts = append(subcharts, subchart)
		}
		if dependency.Alias != "" {
			dependency.Name = dependency.Alias
		}
	}
	c.SetDependencies(subcharts...)
	for _, dependency := range c.Metadata.Dependencies {
		dependency.Enabled = true
	}
	coalesced, err := coalesceValues(c, values)
	if err != nil {
		return err
	}
	applyTags(c.Metadata.Dependencies, coalesced)
	applyConditions(c.Metadata.Dependencies, coalesced, path)

	disabled := map[string]bool{}
	for _, dependency := range c.Metadata.Dependencies {
		if !dependency.Enabled {
			disabled[dependency.Name] = true
		}
	}
	subcharts = subcharts[:0:0]
	for _, subchart := range c.Dependencies() {
		if !disabled[subchart.Metadata.Name] {
			subcharts = append(subcharts, subchart)
		}
	}
	var dependencies []*helmchart.Dependency
	for _, dependency := range c.Metadata.Dependencies {
		if !disabled[dependency.Name] {
			dependencies = append(dependencies, dependency)
		}
	}
	for _, subchart := range subcharts {
		if err := enableDependencies(subchart, coalesced, path+subchart.Metadata.Name+"."); err != nil {
			return err
		}
	}
	c.Metadata.Dependencies = dependencies
	c.SetDependencies(subcharts...)
	return nil
}

func declared(c, subchart *helmchart.Chart) bool {
	for _, dependency := range c.Metadata.Dependencies {
		if subchart.Name() == dependency.Name && isCompatible(dependency.Version, subchart.Metadata.Version) {
			return true
		}
	}
	return false
}

func findDependency(subcharts []*helmchart.Chart, dependency *helmchart.Dependency) *helmchart.Chart {
	for _, subchart := range subcharts {
		if subchart == nil || subchart.Name() != dependency.Name || !isCompatible(dependency.Version, subchart.Metadata.Version) {
			continue
		}
		named, metadata := *subchart, *subchart.Metadata
		named.Metadata = &metadata
		if dependency.Alias != "" {
			metadata.Name = dependency.Alias
		}
		return &named
	}
	return nil
}

func applyTags(dependencies []*helmchart.Dependency, values chartutil.Values) {
	tags, err := values.Table("tags")
	if err != nil {
		return
	}
	for _, dependency := range dependencies {
		var wanted, unwanted bool
		for _, tag := range dependency.Tags {
			value, ok := tags[tag]
			if !ok {
				continue
			}
			on, ok := value.(bool)
			if !ok {
				log.Printf("Warning: Tag '%s' for chart %s returned non-bool value", tag, dependency.Name)
				continue
			}
			wanted, unwanted = wanted || on, unwanted || !on
		}
		dependency.Enabled = wanted || !unwanted
	}
}

func applyConditions(dependencies []*helmchart.Dependency, values chartutil.Values, path string) {
	for _, dependency := range dependencies {
		for _, condition := range strings.Split(strings.TrimSpace(dependency.Condition), ",") {
			if condition == "" {
				continue
			}
			value, err := values.PathValue(path + condition)
			if err != nil {
				if _, missing := err.(chartutil.ErrNoValue); !missing {
					log.Printf("Warning: PathValue returned error %v", err)
				}
				continue
			}
			if on, ok := value.(bool); ok {
				dependency.Enabled = on
				break
			}
			log.Printf("Warning: Condition path '%s' for chart %s returned non-bool value", condition, dependency.Name)
		}
	}
}

// compatible remembers what chartutil.IsCompatibleRange said: the versions are those in charts, the ranges too.
var compatible sync.Map

func isCompatible(constraint, version string) bool {
	key := [2]string{constraint, version}
	if known, ok := compatible.Load(key); ok {
		return known.(bool)
	}
	is := chartutil.IsCompatibleRange(constraint, version)
	compatible.Store(key, is)
	return is
}
