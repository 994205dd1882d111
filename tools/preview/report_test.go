package preview

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// update makes the test of the report's keys write its golden file: go test ./tools/preview -update
var update = flag.Bool("update", false, "write golden files")

// jsonPaths lists the members of a type's JSON form, as "signals.traces.services[].name". The keys of maps are any: "{}".
func jsonPaths(of reflect.Type, prefix string) []string {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return []string{prefix}
	case of.Kind() == reflect.Pointer:
		return jsonPaths(of.Elem(), prefix)
	case of.Kind() == reflect.Slice:
		return jsonPaths(of.Elem(), prefix+"[]")
	case of.Kind() == reflect.Map:
		return jsonPaths(of.Elem(), prefix+"{}")
	case of.Kind() != reflect.Struct:
		return []string{prefix}
	}
	var paths []string
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			paths = append(paths, jsonPaths(field.Type, prefix)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		paths = append(paths, jsonPaths(field.Type, strings.TrimPrefix(prefix+"."+name, "."))...)
	}
	return paths
}

func reportPaths() []string {
	paths := jsonPaths(reflect.TypeFor[Report](), "")
	slices.Sort(paths)
	return paths
}

// Scripts read these members: one that goes or changes its name needs a new ReportVersion, and a line in docs/preview.md.
func TestTheMembersOfTheJSONReportAreTheStableOnes(t *testing.T) {
	const golden = "testdata/report-members.txt"
	got := strings.Join(reportPaths(), "\n") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
	assert.Equal(t, 1, ReportVersion)
}

// memberCell is the first cell of a row of the tables, and memberName a name in it: a path, or what follows the last dot of
// the path before it.
var (
	memberCell = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|")
	memberName = regexp.MustCompile("`([^`]+)`")
)

func TestTheDocumentationDescribesEveryMemberOfTheReport(t *testing.T) {
	text, err := os.ReadFile("../../docs/preview.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "## The JSON report")
	require.True(t, found)
	var documented []string
	for _, cell := range memberCell.FindAllStringSubmatch(section, -1) {
		path := ""
		for _, name := range memberName.FindAllStringSubmatch(cell[1], -1) {
			if strings.HasPrefix(name[1], ".") {
				path = path[:strings.LastIndexByte(path, '.')] + name[1]
			} else {
				path = name[1]
			}
			documented = append(documented, path)
		}
	}

	common := jsonPaths(reflect.TypeFor[Account](), "")
	var want []string
	for _, path := range reportPaths() {
		// What the three signals have in common is described once.
		if parts := strings.SplitN(path, ".", 3); parts[0] == "signals" && slices.Contains(common, parts[2]) {
			path = "signals.*." + parts[2]
		}
		// Lists and maps of plain values are named without what marks them.
		want = append(want, strings.TrimRight(path, "[]{}"))
	}
	slices.Sort(want)
	slices.Sort(documented)
	assert.Equal(t, slices.Compact(want), documented)
}

func TestTheJSONReportHasEmptyListsAndNoNull(t *testing.T) {
	r := &Report{Version: ReportVersion}
	drawTraces(&r.Signals.Traces, nil)
	drawMetrics(&r.Signals.Metrics, nil)
	drawLogs(&r.Signals.Logs, awslocal.Snapshot{})
	r.fillEmpty()
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "null")
}
