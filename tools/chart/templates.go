package chart

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// templateSet holds the parsed templates of a chart tree with one set of enabled subcharts. As all share one space
// of names and a later `define` replaces an earlier one, another set of subcharts is another templateSet.
type templateSet struct {
	names     []string // in the order of parsing and executing
	parsed    *template.Template
	err       error // of parsing, as Helm words it
	renderers [2]sync.Pool

	// known and unknown count renderings that the machine did, and that it gave up though they succeeded.
	known, unknown atomic.Int64
}

// rootName is what Helm calls the template that all others are associated with. It can be seen in error messages.
const rootName = "gotpl"

// newTemplateSet parses as Helm does: those in deep folders first, so that a chart's own come after its subcharts'.
func newTemplateSet(texts map[string]string) *templateSet {
	set := &templateSet{parsed: template.New(rootName).Funcs(functions)}
	set.parsed.Funcs(newScope(&renderer{}, set.parsed).functions())
	for name := range texts {
		set.names = append(set.names, name)
	}
	slices.SortFunc(set.names, func(a, b string) int {
		if depth := strings.Count(b, "/") - strings.Count(a, "/"); depth != 0 {
			return depth
		}
		return strings.Compare(b, a)
	})
	for _, name := range set.names {
		if err := set.parse(name, texts[name]); err != nil {
			set.err = err
			break
		}
	}
	return set
}

func (s *templateSet) parse(name, text string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rendering template failed: %v", r)
		}
	}()
	_, err = s.parsed.New(name).Parse(text)
	if err == nil {
		return nil
	}
	tokens := strings.Split(err.Error(), ": ")
	if len(tokens) == 1 {
		return fmt.Errorf("parse error in (%s): %s", name, err)
	}
	return fmt.Errorf("parse error at (%s): %s", tokens[1], tokens[len(tokens)-1])
}

// renderer executes the templates of a set, one rendering at a time. It is kept for the next one, as binding the
// functions and parsing the texts given to tpl again would be most of the work.
type renderer struct {
	scope  *scope
	strict bool

	// What follows belongs to one rendering.
	lint     bool
	lookup   func(apiVersion, kind, namespace, name string) (map[string]any, error)
	includes map[string]int

	buffers []*bytes.Buffer // free ones; as many as includes have been nested
}

// buffer returns a buffer to execute a template into. textOf takes it back.
func (r *renderer) buffer() *bytes.Buffer {
	if last := len(r.buffers) - 1; last >= 0 {
		buffer := r.buffers[last]
		r.buffers = r.buffers[:last]
		return buffer
	}
	return &bytes.Buffer{}
}

func (r *renderer) textOf(buffer *bytes.Buffer) string {
	text := buffer.String()
	buffer.Reset()
	r.buffers = append(r.buffers, buffer)
	return text
}

func (s *templateSet) renderer(strict bool) (*renderer, error) {
	if kept, ok := s.pool(strict).Get().(*renderer); ok {
		return kept, nil
	}
	r := &renderer{strict: strict, includes: map[string]int{}}
	// Not Clone: it would replace a template that a chart calls "gotpl" by the nameless root.
	root := template.New(rootName)
	for _, parsed := range s.parsed.Templates() {
		if _, err := root.New(parsed.Name()).AddParseTree(parsed.Name(), parsed.Tree); err != nil {
			return nil, err
		}
	}
	root.Funcs(functions)
	r.scope = newScope(r, root)
	return r, nil
}

func (s *templateSet) pool(strict bool) *sync.Pool {
	if strict {
		return &s.renderers[1]
	}
	return &s.renderers[0]
}

// execute renders every template that is not a partial and returns what they wrote. The data of a rendering is made
// by the function, as templates may change it and the rendering may have to be started again. It sets Template in the
// data, which the templates of one chart share.
func (s *templateSet) execute(newData func() map[string]*templateData, release Release, cover *recorder) (map[string]string, error) {
	if s.err != nil {
		return nil, s.err
	}
	r, err := s.renderer(release.Strict)
	if err != nil {
		return nil, err
	}
	clear(r.includes)
	r.lint, r.lookup = release.Lint, lookupIn(release.Cluster)
	if r.lint {
		r.lookup = lookupIn(nil)
	}
	if cover != nil || s.unknown.Load() <= s.known.Load()+maxUnknown {
		rendered, ok := s.executeByMachine(r, newData(), cover)
		cover.done()
		if ok {
			s.known.Add(1)
			s.pool(release.Strict).Put(r)
			return rendered, nil
		}
		clear(r.includes)
	}
	rendered, reusable, err := s.executeByTemplate(r, newData())
	if reusable {
		s.pool(release.Strict).Put(r)
	}
	if err == nil {
		s.unknown.Add(1)
	}
	return rendered, err
}

// maxUnknown is how much more often the machine may have given up what text/template can do than it has not, before
// it is no longer asked.
const maxUnknown = 10

func (s *templateSet) executeByMachine(r *renderer, data map[string]*templateData, cover *recorder) (rendered map[string]string, ok bool) {
	// Whatever a function panics with, text/template makes it an error.
	defer func() {
		if recover() != nil {
			rendered, ok = nil, false
		}
	}()
	m := machine{renderer: r, cover: cover, frame: frame{scope: r.scope}}
	rendered = make(map[string]string, len(s.names))
	for _, name := range s.names {
		if values, ok := data[name].start(name); ok {
			rendered[name] = withoutNoValue(m.execute(name, values))
		}
	}
	return rendered, true
}

func (s *templateSet) executeByTemplate(r *renderer, data map[string]*templateData) (rendered map[string]string, reusable bool, err error) {
	// After a panic the renderer's state is unknown.
	defer func() {
		if p := recover(); p != nil {
			rendered, reusable, err = nil, false, fmt.Errorf("rendering template failed: %v", p)
		}
	}()
	rendered = make(map[string]string, len(s.names))
	for _, name := range s.names {
		values, ok := data[name].start(name)
		if !ok {
			continue
		}
		buffer := r.buffer()
		err := r.scope.templates.ExecuteTemplate(buffer, name, values)
		text := r.textOf(buffer)
		if err != nil {
			return nil, true, executionError(name, err)
		}
		rendered[name] = withoutNoValue(text)
	}
	return rendered, true, nil
}

// start returns what to execute a template with, unless it is a partial.
func (d *templateData) start(name string) (chartutil.Values, bool) {
	if strings.HasPrefix(path.Base(name), "_") {
		return nil, false
	}
	d.values["Template"] = chartutil.Values{"Name": name, "BasePath": d.basePath}
	return d.values, true
}

// Helm marks the messages of required and fail with these, to find them again in what text/template wraps them into.
const messageStart, messageEnd = "HELM_ERR_START", "HELM_ERR_END"

var message = regexp.MustCompile(messageStart + `((?s).*)` + messageEnd)

func executionError(name string, err error) error {
	if _, ok := err.(template.ExecError); !ok {
		return err
	}
	tokens := strings.SplitN(err.Error(), ": ", 3)
	if len(tokens) != 3 {
		return fmt.Errorf("execution error in (%s): %s", name, err)
	}
	if parts := message.FindStringSubmatch(tokens[2]); parts != nil {
		return fmt.Errorf("execution error at (%s): %s", tokens[1], parts[1])
	}
	return err
}

// maxIncludes is how often Helm lets a template be included within itself.
const maxIncludes = 1000

// maxTexts bounds the parsed texts that a scope keeps.
const maxTexts = 64

// scope is what include and tpl see: the templates of the charts or, in a text given to tpl, these and what the text
// defines.
type scope struct {
	renderer  *renderer
	templates *template.Template
	texts     map[string]*text
}

// text is a text given to tpl, parsed.
type text struct {
	scope    *scope
	template *template.Template
}

// newScope binds the functions of a rendering to a set of templates of its own.
func newScope(r *renderer, templates *template.Template) *scope {
	s := &scope{renderer: r, templates: templates}
	// The option goes lost in a copy, as in Helm's.
	if r.strict {
		templates.Option("missingkey=error")
	} else {
		templates.Option("missingkey=zero")
	}
	templates.Funcs(s.functions())
	return s
}

func (s *scope) functions() template.FuncMap {
	return template.FuncMap{
		"include":  s.include,
		"tpl":      s.tpl,
		"required": s.renderer.required,
		"fail":     s.renderer.fail,
		"lookup": func(apiVersion, kind, namespace, name string) (map[string]any, error) {
			return s.renderer.lookup(apiVersion, kind, namespace, name)
		},
	}
}

func (s *scope) include(name string, data any) (string, error) {
	includes := s.renderer.includes
	if includes[name] > maxIncludes {
		return "", fmt.Errorf("rendering template has a nested reference name: %s: unable to execute template", name)
	}
	includes[name]++
	text := s.renderer.buffer()
	err := s.templates.ExecuteTemplate(text, name, data)
	includes[name]--
	return s.renderer.textOf(text), err
}

func (s *scope) tpl(source string, data any) (string, error) {
	parsed, err := s.text(source)
	if err != nil {
		return "", err
	}
	if parsed == nil {
		return withoutNoValue(source), nil
	}
	buffer := s.renderer.buffer()
	err = parsed.template.Execute(buffer, data)
	text := s.renderer.textOf(buffer)
	if err != nil {
		return "", fmt.Errorf("error during tpl function execution for %q: %w", source, err)
	}
	return withoutNoValue(text), nil
}

// withoutNoValue removes what text/template prints for a value that is not there.
func withoutNoValue(text string) string {
	return strings.ReplaceAll(text, "<no value>", "")
}

// text returns the parsed text, or nil for one without an action, which is its own result.
//
// It makes the text's own copy of the templates, so that what it defines is seen by it and by what it includes
// only. The text takes the name of the root, as Helm has it, and can be seen in its error messages.
func (s *scope) text(source string) (*text, error) {
	if !strings.Contains(source, "{{") {
		return nil, nil
	}
	if known := s.texts[source]; known != nil {
		return known, nil
	}
	templates, err := s.templates.Clone()
	if err != nil {
		return nil, fmt.Errorf("cannot clone template: %w", err)
	}
	own := newScope(s.renderer, templates)
	root, err := templates.New(s.templates.Name()).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("cannot parse template %q: %w", source, err)
	}
	if s.texts == nil || len(s.texts) >= maxTexts {
		s.texts = map[string]*text{}
	}
	s.texts[source] = &text{own, root}
	return s.texts[source], nil
}

func (r *renderer) required(warning string, value any) (any, error) {
	if text, ok := value.(string); value != nil && (!ok || text != "") {
		return value, nil
	}
	if r.lint {
		log.Printf("[INFO] Missing required value: %s", warning)
		return "", nil
	}
	return value, errors.New(messageStart + warning + messageEnd)
}

func (r *renderer) fail(text string) (string, error) {
	if r.lint {
		log.Printf("[INFO] Fail: %s", text)
		return "", nil
	}
	return "", errors.New(messageStart + text + messageEnd)
}

// templateData is what a template is executed with.
type templateData struct {
	values   chartutil.Values
	basePath string
}

// gather adds the templates of a chart and of its subcharts, with the values of their scope, and returns the chart's
// own data.
func gather(c *helmchart.Chart, files map[*helmchart.Chart]any, outer chartutil.Values, into map[string]*templateData) map[string]any {
	subcharts := map[string]any{}
	data := map[string]any{
		"Chart": struct {
			helmchart.Metadata
			IsRoot bool
		}{*copyMetadata(c.Metadata), c.IsRoot()},
		"Files":        files[c],
		"Release":      outer["Release"],
		"Capabilities": outer["Capabilities"],
		"Values":       make(chartutil.Values),
		"Subcharts":    subcharts,
	}
	if c.IsRoot() {
		data["Values"] = outer["Values"]
	} else if values, err := outer.Table("Values." + c.Name()); err == nil {
		data["Values"] = values
	}
	for _, subchart := range c.Dependencies() {
		subcharts[subchart.Name()] = gather(subchart, files, data, into)
	}
	folder := c.ChartFullPath()
	for _, file := range c.Templates {
		if isRendered(c, file) {
			into[path.Join(folder, file.Name)] = &templateData{data, path.Join(folder, "templates")}
		}
	}
	return data
}

// isRendered tells the templates from nothing, and from those of a library chart that are not partials.
func isRendered(c *helmchart.Chart, file *helmchart.File) bool {
	return file != nil && (!strings.EqualFold(c.Metadata.Type, "library") || strings.HasPrefix(filepath.Base(file.Name), "_"))
}

// templateTexts returns the texts of the templates of a chart tree by the names that Helm gives them, and their paths.
func (c *Chart) templateTexts(tree *helmchart.Chart, texts, paths map[string]string) {
	for _, subchart := range tree.Dependencies() {
		c.templateTexts(subchart, texts, paths)
	}
	folder := tree.ChartFullPath()
	for _, file := range tree.Templates {
		if isRendered(tree, file) {
			name := path.Join(folder, file.Name)
			texts[name], paths[name] = string(file.Data), c.paths[file]
		}
	}
}
