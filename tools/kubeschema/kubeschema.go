// Package kubeschema checks Kubernetes objects against the API of chosen Kubernetes releases
// without a cluster: unknown fields, missing fields, wrong types, malformed quantities.
//
// The schemas are made from Kubernetes' own OpenAPI document, which is part of the Go module
// k8s.io/kubernetes, so they come by the way of every other dependency. What only the API server's
// own code knows (enumerations, immutable fields, relations between fields) is not checked.
package kubeschema

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Versions are the Kubernetes releases that the chart is checked against, oldest first, as versions
// of the module k8s.io/kubernetes.
var Versions = []string{"v1.34.0", "v1.35.0", "v1.36.3"}

// revision is part of the cache's key: raise it when writeSchemas writes something else.
const revision = "r1"

// Dir returns the folder with the JSON schemas of a Kubernetes release ("v1.36.3"), one file for a
// kind, named as kubeconform looks them up. It makes the folder when it is not in the user's cache
// yet, which downloads about 20 MB from the Go module proxy; progress (may be nil) then gets a line.
//
// Several processes may call it at once. It fails when the module proxy does not serve the version.
func Dir(ctx context.Context, version string, progress io.Writer) (string, error) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the Kubernetes schemas: %w", err)
	}
	return dirIn(ctx, filepath.Join(caches, "kyma-cloudwatch", "kubeschema"), version, progress)
}

func dirIn(ctx context.Context, root, version string, progress io.Writer) (string, error) {
	dir := filepath.Join(root, version+"-"+revision)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // it appears by a rename, so it is whole
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	// Beside the result and not in the system's temporary folder: that one may be memory, and a
	// rename must not cross file systems.
	work, err := os.MkdirTemp(root, ".making-"+version+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)

	if progress != nil {
		fmt.Fprintf(progress, "kubeschema: making the schemas of Kubernetes %s (once)\n", version)
	}
	module, err := download(ctx, version, work)
	if err != nil {
		return "", err
	}
	made := filepath.Join(work, "schemas")
	if err := os.Mkdir(made, 0o755); err != nil {
		return "", err
	}
	kinds, err := writeSchemas(filepath.Join(module, "api", "openapi-spec", "swagger.json"), made)
	if err != nil {
		return "", fmt.Errorf("the schemas of Kubernetes %s: %w", version, err)
	}
	if err := os.Rename(made, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return dir, nil // another process was faster
		}
		return "", err
	}
	if progress != nil {
		fmt.Fprintf(progress, "kubeschema: %d kinds of Kubernetes %s in %s\n", kinds, version, dir)
	}
	return dir, nil
}

// download extracts the module k8s.io/kubernetes into work and returns its folder. The module cache
// of its own goes away with work: nothing but one file of the 115 MB is of use later.
func download(ctx context.Context, version, work string) (string, error) {
	proxy, err := proxies(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "k8s.io/kubernetes@"+version)
	cmd.Dir = work
	cmd.Env = append(os.Environ(),
		"GOMODCACHE="+filepath.Join(work, "modules"),
		"GOFLAGS=-modcacherw", // without it the folder cannot be removed
		"GOWORK=off",
		"GOPROXY="+proxy,
	)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var module struct{ Dir, Error string }
	// On a failure go prints the same JSON, with Error set.
	decodeErr := json.Unmarshal(stdout.Bytes(), &module)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case module.Error != "":
		return "", fmt.Errorf("go mod download k8s.io/kubernetes@%s: %s", version, module.Error)
	case runErr != nil:
		return "", fmt.Errorf("go mod download k8s.io/kubernetes@%s: %w: %s", version, runErr, strings.TrimSpace(stderr.String()))
	case decodeErr != nil:
		return "", fmt.Errorf("go mod download k8s.io/kubernetes@%s: %w", version, decodeErr)
	}
	return module.Dir, nil
}

// proxies is the user's GOPROXY without "direct", which would clone the Kubernetes repository, more
// than a gigabyte, where a proxy answers that it has no such version.
func proxies(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOPROXY")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go env GOPROXY: %w", err)
	}
	list := strings.TrimSpace(string(out))
	for _, separator := range []string{",", "|"} {
		list = strings.TrimSuffix(list, separator+"direct")
	}
	if list == "" || list == "direct" {
		return "", errors.New("GOPROXY names no module proxy, and the Kubernetes schemas come from one: unset GOPROXY, or run \"go env -u GOPROXY\", for the one that Go takes by default")
	}
	return list, nil
}

// readObjectMeta returns the schema of metadata from a folder that Dir made.
func readObjectMeta(dir string) (jsonSchema, error) {
	data, err := fs.ReadFile(os.DirFS(dir), objectMetaFile)
	if err != nil {
		return nil, err
	}
	var schema jsonSchema
	if err := json.Unmarshal(data, &schema); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, objectMetaFile), err)
	}
	return schema, nil
}
