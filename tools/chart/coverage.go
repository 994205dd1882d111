package chart

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template/parse"

	helmchart "helm.sh/helm/v3/pkg/chart"
)

// Kind is what a [Point] of a template is.
type Kind string

// The kinds of points. Those after KindAction are branches.
const (
	KindTemplate Kind = "template" // a file or a named template that is executed
	KindAction   Kind = "action"   // a value that is printed or set, a template that is called
	KindIf       Kind = "if"       // also else if
	KindWith     Kind = "with"
	KindRange    Kind = "range"
	KindAnd      Kind = "and"
	KindOr       Kind = "or"
	KindDefault  Kind = "default"
	KindTernary  Kind = "ternary"
)

// IsBranch is whether points of the kind are alternatives, of which a rendering takes one.
func (k Kind) IsBranch() bool { return k != KindTemplate && k != KindAction }

// Point is a place in a template that renderings reach or do not.
type Point struct {
	// File is the template's path in the chart: "charts/NAME/templates/x.yaml" of a subchart, whatever its alias.
	File string
	// Line and Column, of the place in File, start at 1. Columns count bytes.
	Line, Column int
	Kind         Kind
	// Text is the condition, the call, the action or the name of the template.
	Text string
	// Outcome tells the alternatives of a branch: "then" and "else" of if and with, "elements" and "empty" of range,
	// the operand that decides of and and or, "value" and "default", "true" and "false" of ternary.
	Outcome string

	offset int
	choice int
}

// Taken is how often renderings reached a point, and which did.
type Taken struct {
	Count int
	// By are the names of the renderings, sorted, without repetition.
	By []string
}

// Coverage records which points of a chart's templates renderings reach. It may be used concurrently.
type Coverage struct {
	chart  *Chart
	points []Point
	base   map[place]int // the first point of each place

	mutex   sync.Mutex
	taken   []Taken
	indexes map[*templateSet]map[parse.Node]int

	// news is told of points that a rendering is the first of its name to reach.
	news       func(points []Point, name string) error
	newsFailed error
}

// place is a node of a template's source.
type place struct {
	file   string
	offset int
	kind   Kind
}

// NewCoverage finds the points of a chart and of its subcharts, enabled or not. A template that cannot be parsed has
// none, and the chart cannot be rendered with it either.
func NewCoverage(c *Chart) *Coverage {
	v := &Coverage{chart: c, base: map[place]int{}, indexes: map[*templateSet]map[parse.Node]int{}}
	for _, file := range slices.Sorted(maps.Keys(c.sources)) {
		text := c.sources[file]
		trees := map[string]*parse.Tree{}
		tree := parse.New(file)
		tree.Mode = parse.SkipFuncCheck
		if _, err := tree.Parse(text, "", "", trees); err != nil {
			continue
		}
		// In the order of the file. A template without a definition has the file's name.
		named := slices.SortedFunc(maps.Values(trees), func(a, b *parse.Tree) int { return cmp.Compare(a.Root.Pos, b.Root.Pos) })
		for _, tree := range named {
			v.addTree(file, text, tree)
		}
	}
	v.taken = make([]Taken, len(v.points))
	return v
}

func (v *Coverage) addTree(file, text string, tree *parse.Tree) {
	if parse.IsEmptyTree(tree.Root) {
		return
	}
	visit(tree.Root, func(node parse.Node, kind Kind, text_ string, outcomes []string) {
		at := place{file, int(node.Position()), kind}
		if _, known := v.base[at]; known {
			return
		}
		if kind == KindTemplate {
			text_ = tree.Name
		}
		v.base[at] = len(v.points)
		before := text[:min(at.offset, len(text))]
		line := strings.Count(before, "\n") + 1
		column := at.offset - strings.LastIndexByte(before, '\n')
		for choice, outcome := range outcomes {
			v.points = append(v.points, Point{file, line, column, kind, text_, outcome, at.offset, choice})
		}
	})
}

// visit finds the points of a tree, in the order of the source. Nodes are told apart by their position and kind.
func visit(root *parse.ListNode, found func(node parse.Node, kind Kind, text string, outcomes []string)) {
	found(root, KindTemplate, "", []string{""})
	var walk func(parse.Node)
	pipe := func(node *parse.PipeNode) {
		if node != nil {
			walk(node)
		}
	}
	branch := func(of parse.Node, kind Kind, node *parse.BranchNode, outcomes ...string) {
		found(of, kind, string(kind)+" "+node.Pipe.String(), outcomes)
		pipe(node.Pipe)
		walk(node.List)
		if node.ElseList != nil {
			walk(node.ElseList)
		}
	}
	walk = func(node parse.Node) {
		switch node := node.(type) {
		case *parse.ListNode:
			if node == nil {
				return
			}
			for _, node := range node.Nodes {
				walk(node)
			}
		case *parse.ActionNode:
			found(node, KindAction, node.Pipe.String(), []string{""})
			pipe(node.Pipe)
		case *parse.TemplateNode:
			found(node, KindAction, "template "+node.Name, []string{""})
			pipe(node.Pipe)
		case *parse.IfNode:
			branch(node, KindIf, &node.BranchNode, "then", "else")
		case *parse.WithNode:
			branch(node, KindWith, &node.BranchNode, "then", "else")
		case *parse.RangeNode:
			if isNeverEmpty(node.Pipe) {
				branch(node, KindRange, &node.BranchNode, "elements")
			} else {
				branch(node, KindRange, &node.BranchNode, "elements", "empty")
			}
		case *parse.PipeNode:
			for i, command := range node.Cmds {
				choice(command, i > 0, found)
				for _, arg := range command.Args {
					walk(arg)
				}
			}
		case *parse.ChainNode:
			walk(node.Node)
		}
	}
	walk(root)
}

// isNeverEmpty is whether a pipeline is a list or a map that is written out.
func isNeverEmpty(pipe *parse.PipeNode) bool {
	if len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) < 2 {
		return false
	}
	name, ok := pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
	return ok && (name.Ident == "list" || name.Ident == "tuple" || name.Ident == "dict")
}

// choice finds the alternatives of a call. A call with one operand has none.
func choice(command *parse.CommandNode, piped bool, found func(node parse.Node, kind Kind, text string, outcomes []string)) {
	name, ok := command.Args[0].(*parse.IdentifierNode)
	if !ok {
		return
	}
	text := command.String()
	switch given := operands(command.Args[1:], piped); {
	case (name.Ident == "and" || name.Ident == "or") && given > 1:
		var outcomes []string
		for _, arg := range command.Args[1:] {
			outcomes = append(outcomes, arg.String())
		}
		if piped {
			outcomes = append(outcomes, "the value before |")
		}
		found(name, Kind(name.Ident), text, outcomes)
	case name.Ident == "default" && given > 1:
		found(name, KindDefault, text, []string{"value", "default"})
	case name.Ident == "ternary" && given == 3:
		found(name, KindTernary, text, []string{"true", "false"})
	}
}

// Render renders as [Chart.Render] does and records what is reached, also if it ends in an error, under a name: that of
// a test or of a values file.
func (v *Coverage) Render(values map[string]any, release Release, name string) (*Rendered, error) {
	return v.chart.render(values, release, func(variant *variant) *recorder {
		return &recorder{coverage: v, name: name, index: v.index(variant), hits: make([]int, len(v.points))}
	})
}

// index finds the points of the nodes that a set of templates was parsed into.
func (v *Coverage) index(variant *variant) map[parse.Node]int {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	set := variant.templates
	if known := v.indexes[set]; known != nil {
		return known
	}
	index := map[parse.Node]int{}
	for _, template := range set.parsed.Templates() {
		if template.Tree == nil || template.Root == nil {
			continue
		}
		file := variant.sources[template.ParseName]
		visit(template.Root, func(node parse.Node, kind Kind, _ string, _ []string) {
			if base, ok := v.base[place{file, int(node.Position()), kind}]; ok {
				index[node] = base
			}
		})
	}
	if len(v.indexes) >= maxVariants {
		clear(v.indexes)
	}
	v.indexes[set] = index
	return index
}

// Points returns the points in the order of files and of places in them, with who took them.
func (v *Coverage) Points() ([]Point, []Taken) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	taken := slices.Clone(v.taken)
	for i := range taken {
		taken[i].By = slices.Clone(taken[i].By)
	}
	return slices.Clone(v.points), taken
}

// Source returns the text of a template by the File of its points.
func (v *Coverage) Source(file string) string { return v.chart.sources[file] }

func (v *Coverage) add(hits []int, name string) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	var news []Point
	for i, count := range hits {
		if count == 0 {
			continue
		}
		taken := &v.taken[i]
		taken.Count += count
		if at, known := slices.BinarySearch(taken.By, name); !known {
			taken.By = slices.Insert(taken.By, at, name)
			news = append(news, v.points[i])
		}
	}
	if v.news != nil && len(news) > 0 && v.newsFailed == nil {
		v.newsFailed = v.news(news, name)
	}
}

func (v *Coverage) newsError() error {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.newsFailed
}

// recorder counts what one rendering reaches. A nil one does not.
type recorder struct {
	coverage *Coverage
	name     string
	index    map[parse.Node]int
	hits     []int
}

func (r *recorder) take(node parse.Node, choice int) {
	if r == nil {
		return
	}
	if base, ok := r.index[node]; ok {
		r.hits[base+choice]++
	}
}

// takeChoice records which value the call of default or ternary chose.
func (r *recorder) takeChoice(node parse.Node, args []any, name string) {
	chosen := 0
	switch {
	case name == "ternary" && !args[2].(bool):
		chosen = 1
	case name == "default" && len(args) < 2:
		return
	case name == "default" && callable["empty"].invoke(args[1:2]).(bool):
		chosen = 1
	}
	r.take(node, chosen)
}

func (r *recorder) done() {
	if r != nil {
		r.coverage.add(r.hits, r.name)
	}
}

// sourcesOf returns the texts of the templates of a chart tree by their paths, and the paths by the files.
func sourcesOf(c *helmchart.Chart, folder string, texts map[string]string, paths map[*helmchart.File]string) {
	for _, file := range c.Templates {
		if isRendered(c, file) {
			paths[file] = path.Join(folder, file.Name)
			texts[paths[file]] = string(file.Data)
		}
	}
	for _, subchart := range c.Dependencies() {
		sourcesOf(subchart, path.Join(folder, "charts", subchart.Name()), texts, paths)
	}
}
