package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

func TestPreviewRefusesWhatItCannotDoAndSaysWhy(t *testing.T) {
	notTelemetry := filepath.Join(t.TempDir(), "not.jsonl")
	require.NoError(t, os.WriteFile(notTelemetry, []byte("{}\n"), 0o600))
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no region":             {nil, "region: eu-central-1"},
		"a misspelt key":        {[]string{"-f", quickstart(), "--set", "global.aws.regoin=x"}, "at '/global/aws/regoin'"},
		"no values file":        {[]string{"-f", "gone.yaml"}, "gone.yaml"},
		"no chart":              {[]string{"-f", quickstart(), "--chart", "gone"}, "no chart at gone"},
		"no input":              {[]string{"-f", quickstart(), "--input", "gone.jsonl"}, "gone.jsonl"},
		"input of another kind": {[]string{"-f", quickstart(), "--input", notTelemetry}, notTelemetry + ":1: has none of resourceSpans"},
		"unknown format":        {[]string{"-f", quickstart(), "--format", "xml"}, "want text or json"},
		"unknown output":        {[]string{"-f", quickstart(), "-o", "xml"}, "want manifests, configmap or config"},
		"unknown flag":          {[]string{"--frm"}, "unknown flag: --frm"},
		"an argument":           {[]string{"values.yaml"}, "values.yaml"},
		"no time":               {[]string{"-f", quickstart(), "--timeout", "0s"}, "--timeout 0s"},
		"a page nowhere":        {[]string{"-f", quickstart(), "--html", "gone/page.html"}, "mkdir -p gone"},
		"a bad release name":    {[]string{"-f", quickstart(), "--release", "No_Name"}, "No_Name"},
		"nothing to send": {[]string{"-f", quickstart(), "--set", "pipelines.enabled=false"},
			"Kyma would send nothing: set pipelines.enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCommand(t, append([]string{"preview"}, test.args...)...)
			assert.Equal(t, 1, c.exitCode(t))
			assert.Contains(t, c.stderr.String(), test.want)
			assert.Empty(t, c.stdout.String())
			assert.Empty(t, c.files(t))
			c.requireNothingLeft(t)
		})
	}
}

func TestPreviewPrintsWhatItWouldRunWithoutACollector(t *testing.T) {
	print := func(what string) string {
		c := newCommand(t, "preview", "-f", quickstart(), "-o", what)
		c.Env = append(c.Env, otelcol.EnvBinary+"=gone")
		require.Zero(t, c.exitCode(t), &c.stderr)
		assert.Empty(t, c.stderr.String())
		c.requireNothingLeft(t)
		return c.stdout.String()
	}

	var config struct {
		Service struct{ Pipelines map[string]any }
	}
	text := print("config")
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	assert.Contains(t, config.Service.Pipelines, "traces/aws")
	assert.NotContains(t, text, "127.0.0.1:0", "the addresses are the pod's own")
	assert.Contains(t, text, "127.0.0.1:5317")

	var configMap struct {
		Kind string
		Data map[string]string
	}
	require.NoError(t, yaml.Unmarshal([]byte(print("configmap")), &configMap))
	assert.Equal(t, "ConfigMap", configMap.Kind)
	assert.YAMLEq(t, text, configMap.Data["config.yaml"])

	manifests := print("manifests")
	for _, kind := range []string{"StatefulSet", "ConfigMap", "Service", "TracePipeline", "MetricPipeline", "LogPipeline"} {
		assert.Contains(t, manifests, "\nkind: "+kind+"\n")
	}
}

// members lists the paths of a decoded JSON value in the manner of the golden file of tools/preview.
func members(t *testing.T, value any, path string, into map[string]bool) {
	t.Helper()
	switch v := value.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case map[string]any:
		free := strings.HasSuffix(path, ".errors") && strings.HasPrefix(path, "requests") || strings.HasSuffix(path, ".dimensions")
		for key, member := range v {
			if free {
				members(t, member, path+"{}", into)
			} else {
				members(t, member, strings.TrimPrefix(path+"."+key, "."), into)
			}
		}
	case []any:
		for _, item := range v {
			members(t, item, path+"[]", into)
		}
	default:
		into[path] = true
	}
}

func TestPreviewWritesAJSONReportAndAPageAndEndsWith0(t *testing.T) {
	c := newCommand(t, "preview", "-f", quickstart(), "--format", "json", "--html", "page.html", "--collector-log", "collector.log")

	require.Zero(t, c.exitCode(t), &c.stderr)

	c.requireNothingLeft(t)
	assert.ElementsMatch(t, []string{"page.html", "collector.log"}, c.files(t))
	page, err := os.ReadFile(filepath.Join(c.dir, "page.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "Everything that Kyma sent is accounted for")
	assert.Contains(t, c.stderr.String(), "starting the collector of StatefulSet/kyma-cloudwatch-collector")
	assert.Contains(t, c.stderr.String(), "Page written to page.html")

	var report struct {
		Version   int
		Accounted bool
		Signals   map[string]struct{ Sent, Arrived, Lost, Duplicated int }
	}
	require.NoError(t, json.Unmarshal(c.stdout.Bytes(), &report), "standard output is one JSON value")
	assert.Equal(t, 1, report.Version)
	assert.True(t, report.Accounted)
	require.Len(t, report.Signals, 3)
	for name, signal := range report.Signals {
		assert.NotZero(t, signal.Sent, name)
		assert.Equal(t, signal.Sent, signal.Arrived, name)
		assert.Zero(t, signal.Lost, name)
		assert.Zero(t, signal.Duplicated, name)
	}

	golden, err := os.ReadFile(filepath.Join(repository, "tools", "preview", "testdata", "report-members.txt"))
	require.NoError(t, err)
	stable := strings.Fields(string(golden))
	var all any
	require.NoError(t, json.Unmarshal(c.stdout.Bytes(), &all))
	found := map[string]bool{}
	members(t, all, "", found)
	for path := range found {
		assert.True(t, slices.Contains(stable, path), "%s is no documented member", path)
	}
	assert.Greater(t, len(found), len(stable)*3/4, "a real report has nearly all of them")
}

func TestPreviewWithLossesWritesItsReportAndEndsWith1(t *testing.T) {
	t.Parallel()
	c := newCommand(t, "preview", "-f", quickstart(), "--set", "global.metrics.dimensions={k8s.namespace.name}", "--html", "page.html")

	assert.Equal(t, 1, c.exitCode(t))

	assert.Contains(t, c.stdout.String(), "add k8s.pod.name to the dimensions")
	assert.Contains(t, c.stdout.String(), "✗ Lost: 0 spans,")
	assert.Contains(t, c.stderr.String(), "kcw: not everything arrived: 0 spans, ")
	assert.Equal(t, []string{"page.html"}, c.files(t))
	c.requireNothingLeft(t)
}

// stuck are flags of a preview that does not end by itself for some time: AWS refuses its spans, again and again.
func stuck() []string {
	return []string{"preview", "-f", quickstart(), "--set", "collector.config.exporters.awsxray.region=us-west-2", "--html", "page.html"}
}

func TestAnInterruptedPreviewLeavesNothingBehind(t *testing.T) {
	for name, test := range map[string]struct {
		signal syscall.Signal
		stage  string
	}{
		"Ctrl-C while the collector starts": {syscall.SIGINT, "starting the collector"},
		"Ctrl-C while it sends":             {syscall.SIGINT, "sending"},
		"Ctrl-C while it waits":             {syscall.SIGINT, "stored in AWS"},
		"SIGTERM while it waits":            {syscall.SIGTERM, "stored in AWS"},
		"a terminal that closes, meanwhile": {syscall.SIGHUP, "stored in AWS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCommand(t, stuck()...)
			c.Stderr = nil
			progress, err := c.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, c.Start())
			lines := bufio.NewScanner(progress)
			for lines.Scan() && !strings.Contains(lines.Text(), test.stage) {
			}
			if test.stage != "starting the collector" {
				assert.Len(t, c.processes(t), 1, "the collector runs")
			}

			require.NoError(t, c.Process.Signal(test.signal))

			_, _ = io.Copy(io.Discard, progress)
			assert.Equal(t, 1, exitCode(t, c.Wait()))
			assert.Empty(t, c.stdout.String(), "no half report")
			assert.Empty(t, c.files(t))
			c.requireNothingLeft(t)
		})
	}
}

func TestAPreviewWhoseReaderGoesAwayLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := newCommand(t, append(stuck(), "--timeout", "5s")...)
	c.Stderr = nil
	progress, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	require.True(t, bufio.NewScanner(progress).Scan())
	require.NoError(t, progress.Close()) // as `kcw preview 2>&1 | head -1`

	assert.Equal(t, 1, exitCode(t, c.Wait()))
	c.requireNothingLeft(t)
}

// commandBlock is a block of shell commands in Markdown, inlineCommand a kcw command within a text.
var (
	commandBlock  = regexp.MustCompile("(?ms)^```bash\n(.*?)^```")
	inlineCommand = regexp.MustCompile("`(bin/kcw preview [^`]*)`")
)

func TestTheCommandsOfTheDocumentationWork(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "docs", "preview.md"))
	require.NoError(t, err)
	var script strings.Builder
	commands := 0
	for _, block := range commandBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			if strings.HasPrefix(line, "make ") {
				continue
			}
			script.WriteString(line)
			commands++
		}
	}
	for _, match := range inlineCommand.FindAllStringSubmatch(string(text), -1) {
		script.WriteString(match[1] + "\n")
		commands++
	}
	require.GreaterOrEqual(t, commands, 6)

	c := newCommand(t)
	// A checkout in which commands can write, with this test as bin/kcw.
	for _, folder := range []string{"examples", "charts"} {
		require.NoError(t, os.Symlink(filepath.Join(repository, folder), filepath.Join(c.dir, folder)))
	}
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "bin"), 0o755))
	require.NoError(t, os.Symlink(c.Path, filepath.Join(c.dir, "bin", "kcw")))
	c.Path, c.Args = "/bin/sh", []string{"sh", "-euxc", script.String()}

	assert.Zero(t, c.exitCode(t), &c.stderr)
	c.requireNothingLeft(t)
	assert.Subset(t, c.files(t), []string{"preview.html", "report.json", "my-capture.jsonl"})
}

func TestPreviewOfTheQuickstartTellsItsVerdictInPlainText(t *testing.T) {
	c := newCommand(t, "preview", "-f", quickstart())
	started := time.Now()
	require.Zero(t, c.exitCode(t), &c.stderr)
	t.Logf("the quickstart took %.1f s", time.Since(started).Seconds()) // a figure for people: machines differ
	assert.Contains(t, c.stdout.String(), "✓ Everything that Kyma sent is accounted for.")
	assert.NotContains(t, c.stdout.String(), "\x1b[", "no colours where no terminal is")
}
