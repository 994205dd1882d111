package kubeschema

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Problem is one place where an object does not fit its schema.
type Problem struct {
	// Object is what the problem is in, as "apps/v1 StatefulSet collector".
	Object string
	// Path is the place within the object, as "/spec/replicas"; empty for the object as a whole.
	Path string
	// Message says what is wrong there.
	Message string
}

// String is the problem in one line.
func (p Problem) String() string {
	return strings.TrimSpace(p.Object+" "+p.Path) + ": " + p.Message
}

// Validator checks manifests against the API of one Kubernetes release. It may be used by several
// goroutines at once.
type Validator struct {
	conform validator.Validator
}

// Options are what New needs.
type Options struct {
	// Version is the Kubernetes release, one of Versions or another that the module proxy serves.
	Version string
	// CRDs are manifests of CustomResourceDefinitions whose objects are to be checked too: their
	// structure, not their CEL rules.
	CRDs [][]byte
	// Progress gets a line when schemas have to be made; may be nil.
	Progress io.Writer
}

// New returns a Validator, making the schemas of the release first when they are not cached.
func New(ctx context.Context, options Options) (*Validator, error) {
	dir, err := Dir(ctx, options.Version, options.Progress)
	if err != nil {
		return nil, err
	}
	locations := []string{filepath.Join(dir, fileTemplate)}
	if len(options.CRDs) > 0 {
		crds, err := crdDir(dir, options.CRDs)
		if err != nil {
			return nil, err
		}
		locations = append(locations, filepath.Join(crds, fileTemplate))
	}
	conform, err := validator.New(locations, validator.Opts{Strict: true, KubernetesVersion: strings.TrimPrefix(options.Version, "v")})
	if err != nil {
		return nil, err
	}
	return &Validator{conform: conform}, nil
}

// Validate returns what is wrong with the objects of a YAML stream, in their order; nothing when all
// fit. An object of a kind that the release and the CRDs do not have is a problem. It is stricter
// than the API server in one thing: null in place of an optional field is a problem too, since a
// chart that renders one has an empty value somewhere.
func (v *Validator) Validate(manifests []byte) []Problem {
	var problems []Problem
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return problems
		}
		if err != nil {
			return append(problems, Problem{Message: err.Error()})
		}
		one := resource.Resource{Bytes: document}
		for _, item := range one.Resources() {
			problems = append(problems, v.validate(item)...)
		}
	}
}

func (v *Validator) validate(object resource.Resource) []Problem {
	result := v.conform.ValidateResource(object)
	name := ""
	if sig, err := result.Resource.Signature(); err == nil {
		name = strings.TrimSpace(sig.Version + " " + sig.Kind + " " + sig.Name)
	}
	switch result.Status {
	case validator.Valid, validator.Empty:
		return nil
	case validator.Invalid:
		problems := make([]Problem, 0, len(result.ValidationErrors))
		for _, e := range result.ValidationErrors {
			problems = append(problems, Problem{Object: name, Path: e.Path, Message: e.Msg})
		}
		if len(problems) > 0 {
			return problems
		}
	}
	return []Problem{{Object: name, Message: fmt.Sprint(result.Err)}}
}

// crdDir writes the schemas of the CRDs into a folder of the cache that is named by their content.
func crdDir(kubeDir string, crds [][]byte) (string, error) {
	meta, err := readObjectMeta(kubeDir)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(kubeDir), "crds-"+filepath.Base(kubeDir)+"-"+digest(crds))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	work, err := os.MkdirTemp(filepath.Dir(kubeDir), ".making-crds-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for _, crd := range crds {
		if err := writeCRDSchemas(crd, meta, work); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(work, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return dir, nil
		}
		return "", err
	}
	return dir, nil
}
