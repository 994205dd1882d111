// Package kyma checks pipelines of Kyma Telemetry as an API server with Kyma's
// CustomResourceDefinitions would, without one: unknown fields, types, and the CEL rules.
package kyma

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	structuralcel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var files embed.FS

// CRDs returns the manifests of the project's own compact CustomResourceDefinitions of LogPipeline,
// TracePipeline and MetricPipeline (telemetry.kyma-project.io/v1beta1), one document each.
func CRDs() [][]byte {
	own, err := readCRDs(files, "crds")
	if err != nil {
		panic(err) // they are compiled in
	}
	return own
}

// UpstreamCRDs returns the CustomResourceDefinitions that Kyma itself installs, where a copy of them
// lies beside the repository, in ../shared/kyma-crds, and nothing elsewhere. repository is the path
// of the repository's root.
func UpstreamCRDs(repository string) ([][]byte, error) {
	upstream, err := readCRDs(os.DirFS(path.Join(repository, "..")), "shared/kyma-crds")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return upstream, err
}

func readCRDs(from fs.FS, dir string) ([][]byte, error) {
	entries, err := fs.ReadDir(from, dir)
	if err != nil {
		return nil, err
	}
	var crds [][]byte
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".yaml" {
			continue
		}
		crd, err := fs.ReadFile(from, path.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// Problem is a reason for which an API server would refuse an object.
type Problem struct {
	// Path is the field, as "spec.output.otlp"; empty for the object as a whole.
	Path string
	// Message says what is wrong there.
	Message string
}

// String is the problem in one line.
func (p Problem) String() string {
	return strings.TrimPrefix(p.Path+": "+p.Message, ": ")
}

// API is a set of kinds that objects can be checked against. It may be used by several goroutines.
type API struct {
	kinds map[schema.GroupVersionKind]*kind
}

type kind struct {
	clusterScoped bool
	structural    *structuralschema.Structural
	values        validation.SchemaValidator
	rules         *structuralcel.Validator
}

// NewAPI returns the API that the manifests of CustomResourceDefinitions define.
func NewAPI(crds [][]byte) (*API, error) {
	api := &API{kinds: map[schema.GroupVersionKind]*kind{}}
	for _, manifest := range crds {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(manifest, &crd); err != nil {
			return nil, fmt.Errorf("a CustomResourceDefinition is malformed: %w", err)
		}
		for _, version := range crd.Spec.Versions {
			if !version.Served {
				continue
			}
			k, err := newKind(version)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", crd.Name, version.Name, err)
			}
			k.clusterScoped = crd.Spec.Scope == apiextensionsv1.ClusterScoped
			api.kinds[schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}] = k
		}
	}
	return api, nil
}

func newKind(version apiextensionsv1.CustomResourceDefinitionVersion) (*kind, error) {
	if version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
		return nil, errors.New("it has no schema")
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	values, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	return &kind{
		structural: structural,
		values:     values,
		rules:      structuralcel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// Create returns the reasons for which the API server would refuse to create the object in the
// manifest, with field validation Strict; nothing when it would not.
func (a *API) Create(manifest []byte) []Problem {
	object, k, problems := a.decode(manifest)
	if len(problems) > 0 {
		return problems
	}
	if errs := validation.ValidateCustomResource(nil, object.Object, k.values); len(errs) > 0 {
		return fromErrors(errs) // the rules are only looked at when the values fit the schema
	}
	return k.applyRules(object.Object, nil)
}

// Update returns the reasons for which the API server would refuse to replace the object of the one
// manifest by that of the other.
func (a *API) Update(from, to []byte) []Problem {
	before, _, problems := a.decode(from)
	if len(problems) > 0 {
		return problems
	}
	after, k, problems := a.decode(to)
	if len(problems) > 0 {
		return problems
	}
	if errs := validation.ValidateCustomResourceUpdate(nil, after.Object, before.Object, k.values); len(errs) > 0 {
		return fromErrors(errs)
	}
	return k.applyRules(after.Object, before.Object)
}

func (k *kind) applyRules(object, before map[string]any) []Problem {
	if k.rules == nil {
		return nil
	}
	// An untyped nil, since the rules that compare with the old object ask for one.
	var old any
	if before != nil {
		old = before
	}
	errs, _ := k.rules.Validate(context.Background(), nil, k.structural, object, old, celconfig.RuntimeCELCostBudget)
	return fromErrors(errs)
}

// decode does what the API server does before it validates: strict decoding and defaults.
func (a *API) decode(manifest []byte) (*unstructured.Unstructured, *kind, []Problem) {
	var object unstructured.Unstructured
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(manifest), &object.Object); err != nil {
		return nil, nil, []Problem{{Message: err.Error()}}
	}
	k := a.kinds[object.GroupVersionKind()]
	if k == nil {
		return nil, nil, []Problem{{Message: fmt.Sprintf("no CustomResourceDefinition has the kind %s %s", object.GetAPIVersion(), object.GetKind())}}
	}

	var problems []Problem
	unknown := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, fieldPath := range pruning.PruneWithOptions(object.Object, k.structural, true, unknown) {
		problems = append(problems, Problem{Path: fieldPath, Message: "unknown field"})
	}
	// The schema says nothing about metadata: the API server decodes it into its own type.
	_, _, unknownMeta, err := objectmeta.GetObjectMetaWithOptions(object.Object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, nil, append(problems, Problem{Path: "metadata", Message: err.Error()})
	}
	for _, fieldPath := range unknownMeta {
		problems = append(problems, Problem{Path: fieldPath, Message: "unknown field"})
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, k.structural)
	defaulting.Default(object.Object, k.structural)
	meta := apivalidation.ValidateObjectMetaAccessor(&object, !k.clusterScoped, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	return &object, k, append(problems, fromErrors(meta)...)
}

func fromErrors(errs field.ErrorList) []Problem {
	var problems []Problem
	for _, err := range errs {
		fieldPath := err.Field
		if fieldPath == "<nil>" { // what a nil *field.Path prints
			fieldPath = ""
		}
		problems = append(problems, Problem{Path: fieldPath, Message: err.ErrorBody()})
	}
	return problems
}
