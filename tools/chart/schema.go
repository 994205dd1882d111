package chart

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// schemaLocation is where Helm says that a schema is; relative references start there.
const schemaLocation = "file:///values.schema.json"

// schemas are the values schemas of a chart tree, compiled at their first use.
type schemas struct {
	mutex    sync.Mutex
	compiled map[*byte]*jsonschema.Schema // by where the schema's text starts, as it is never changed
}

// validate is chartutil.ValidateAgainstSchema.
func (s *schemas) validate(c *helmchart.Chart, values map[string]any) error {
	var refused strings.Builder
	if c.Schema != nil {
		if err := s.validateOne(c.Schema, values); err != nil {
			fmt.Fprintf(&refused, "%s:\n%s", c.Name(), err)
		}
	}
	for _, subchart := range c.Dependencies() {
		value := values[subchart.Name()]
		if value == nil {
			continue
		}
		table, ok := value.(map[string]any)
		if !ok {
			fmt.Fprintf(&refused, "%s:\ninvalid type for values: expected object (map), got %T\n", subchart.Name(), value)
			continue
		}
		if err := s.validate(subchart, table); err != nil {
			refused.WriteString(err.Error())
		}
	}
	if refused.Len() > 0 {
		return errors.New(refused.String())
	}
	return nil
}

func (s *schemas) validateOne(text []byte, values map[string]any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unable to validate schema: %s", r)
		}
	}()
	schema, err := s.compile(text)
	if err != nil {
		return err
	}
	err = schema.Validate(values)
	var refused *jsonschema.ValidationError
	if errors.As(err, &refused) {
		sortCauses(refused)
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "jsonschema validation failed with '"+schemaLocation+"#'\n") + "\n")
	}
	return nil
}

// compile keeps no error, so that a reference into the network that failed is tried again, as Helm does.
func (s *schemas) compile(text []byte) (*jsonschema.Schema, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if schema := s.compiled[unsafe.SliceData(text)]; schema != nil {
		return schema, nil
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	web := chartutil.HTTPURLLoader(http.Client{
		Timeout:   15 * time.Second,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{}},
	})
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(jsonschema.SchemeURLLoader{"file": jsonschema.FileLoader{}, "http": &web, "https": &web, "urn": urns{}})
	if err := compiler.AddResource(schemaLocation, parsed); err != nil {
		return nil, err
	}
	schema, err := compiler.Compile(schemaLocation)
	if err != nil {
		return nil, err
	}
	if s.compiled == nil {
		s.compiled = map[*byte]*jsonschema.Schema{}
	}
	s.compiled[unsafe.SliceData(text)] = schema
	return schema, nil
}

// urns resolves urn: references as Helm does: by its hook, or else to a schema that allows everything.
type urns struct{}

func (urns) Load(url string) (any, error) {
	if schema, err := chartutil.URNResolver(url); err == nil && schema != nil {
		return schema, nil
	}
	log.Printf("WARNING: unresolved URN reference ignored; using permissive schema: %s", url)
	return true, nil
}

// sortCauses puts what is wrong in the order of the keys. The validator goes through maps, so that Helm prints it in
// another order each time.
func sortCauses(e *jsonschema.ValidationError) {
	if extra, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		slices.Sort(extra.Properties)
	}
	for _, cause := range e.Causes {
		sortCauses(cause)
	}
	depth := len(e.InstanceLocation)
	for start := 0; start < len(e.Causes); {
		end := start
		for end < len(e.Causes) && len(e.Causes[end].InstanceLocation) > depth {
			end++
		}
		slices.SortStableFunc(e.Causes[start:end], func(a, b *jsonschema.ValidationError) int {
			return compareKeys(a.InstanceLocation[depth], b.InstanceLocation[depth])
		})
		start = end + 1
	}
}

// compareKeys compares indexes of a list as numbers.
func compareKeys(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(i, j)
	}
	return cmp.Compare(a, b)
}
