// Package render holds the tests of what the chart renders, by the real helm command.
package render

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/helmcli"
)

// The ways to the repository's root and to the chart from this folder, which is where tests run.
const (
	repository = "../.."
	chartPath  = repository + "/charts/kyma-cloudwatch"
)

// helm3 and helm4 are the releases that the chart has to render alike in.
var helm3, helm4 helmcli.Helm

// helmEnvironment keeps both away from the user's settings.
var helmEnvironment map[string]string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx := context.Background()
	var err error
	if helm3, err = helmcli.V3(ctx, os.Stderr); err == nil {
		helm4, err = helmcli.V4(ctx, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// terratest starts "helm" and lets nobody say which.
	os.Setenv("PATH", filepath.Dir(helm3.Path)+string(os.PathListSeparator)+os.Getenv("PATH"))

	home, err := os.MkdirTemp("", "render-helm-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(home)
	helmEnvironment = helmcli.Environment(home)
	return runCovered(m.Run)
}
