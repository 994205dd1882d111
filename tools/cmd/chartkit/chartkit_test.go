package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the generated files in testdata")

// shop is a chart with a subchart whose generated files are the goldens of these tests.
const shop = "testdata/shop"

// generated lists the files that the commands write for the shop.
var generated = map[string][]string{
	"schema": {"values.schema.json", "charts/db/values.schema.json"},
	"docs":   {"README.md"},
}

// run runs chartkit and returns what it printed.
func run(args ...string) (string, error) {
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

// shopCopy copies the shop to a folder of its own.
func shopCopy(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	require.NoError(t, os.CopyFS(dir, os.DirFS(shop)))
	return dir
}

// files reads all files below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = string(content)
		return err
	}))
	return all
}

func change(t *testing.T, path, old, wanted string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), old, wanted, 1)), 0o644))
}

func TestTheCommandsWriteTheGoldenFiles(t *testing.T) {
	for command, names := range generated {
		t.Run(command, func(t *testing.T) {
			if *update {
				_, err := run(command, shop)
				require.NoError(t, err)
			}
			dir := shopCopy(t)
			wrote := ""
			for _, name := range names {
				path := filepath.Join(dir, name)
				wrote += "wrote " + path + "\n"
				if command == "docs" {
					change(t, path, "| Key |", "| Old |")
					continue
				}
				require.NoError(t, os.Remove(path))
			}
			out, err := run(command, dir)
			require.NoError(t, err)
			assert.Equal(t, wrote, out)
			for _, name := range names {
				want, err := os.ReadFile(filepath.Join(shop, name))
				require.NoError(t, err)
				got, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				assert.Equal(t, string(want), string(got), "%s; rewrite the goldens with -update if this is wanted", name)
			}
			assert.Len(t, files(t, dir), len(files(t, shop)), "no other file is left")
		})
	}
}

func TestASecondRunTouchesNothing(t *testing.T) {
	for command, names := range generated {
		dir := shopCopy(t)
		for _, name := range names {
			require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o400))
		}
		out, err := run(command, dir)
		require.NoError(t, err)
		assert.Empty(t, out)
	}
}

func TestTheModeOfAFileIsKept(t *testing.T) {
	dir := shopCopy(t)
	path := filepath.Join(dir, "values.schema.json")
	require.NoError(t, os.Chmod(path, 0o600))
	change(t, filepath.Join(dir, "values.yaml"), "replicas: 2", "replicas: 3")
	_, err := run("schema", dir)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
}

func TestCheckPassesOnFilesThatAreUpToDate(t *testing.T) {
	for command := range generated {
		out, err := run(command, shop, "--check")
		require.NoError(t, err)
		assert.Empty(t, out)
	}
}

func TestCheckPassesOnWindowsLineEnds(t *testing.T) {
	dir := shopCopy(t)
	for path, content := range files(t, dir) {
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(content, "\n", "\r\n")), 0o644))
	}
	for command := range generated {
		_, err := run(command, dir, "--check")
		require.NoError(t, err)
	}
}

func TestCheckShowsWhatIsStaleAndTheCommandAndWritesNothing(t *testing.T) {
	dir := shopCopy(t)
	change(t, filepath.Join(dir, "values.yaml"), "# -- Number of pods.", "# -- Pods.")
	change(t, filepath.Join(dir, "charts/db/values.yaml"), "size: 1", "size: 2")
	require.NoError(t, os.Remove(filepath.Join(dir, "charts/db/values.schema.json")))
	before := files(t, dir)

	out, err := run("schema", dir, "--check")
	assert.Empty(t, out)
	assert.EqualError(t, err, filepath.Join(dir, "values.schema.json")+` is not up to date:
@@ -26,3 +26,3 @@
     },
-    "replicas": {"description":"Number of pods.","type":"integer","default":2,"maximum":10,"minimum":1},
+    "replicas": {"description":"Pods.","type":"integer","default":2,"maximum":10,"minimum":1},
     "port": {"description":"Port or its name.","type":["integer","string"],"default":80},
`+filepath.Join(dir, "charts/db/values.schema.json")+` is missing
run: chartkit schema `+dir)

	out, err = run("docs", dir, "--check")
	assert.Empty(t, out)
	assert.EqualError(t, err, filepath.Join(dir, "README.md")+` is not up to date:
@@ -11,3 +11,3 @@
 | `+"`global.storageClass` | string | `\"\"`"+` | Storage class of all volumes. |
-| `+"`replicas` | integer | `2`"+` | Number of pods. From 1 to 10. |
+| `+"`replicas` | integer | `2`"+` | Pods. From 1 to 10. |
 | `+"`port` | integer or string | `80`"+` | Port or its name. |
run: chartkit docs `+dir)

	assert.Equal(t, before, files(t, dir))
}

func TestALongDifferenceIsCutShort(t *testing.T) {
	dir := shopCopy(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "values.yaml"), nil, 0o644))
	_, err := run("schema", dir, "--check")
	require.ErrorContains(t, err, " more lines\nrun: chartkit schema "+dir)
	assert.Less(t, strings.Count(err.Error(), "\n"), 20)
}

func TestAMistakeInAnyValuesFileWritesNothing(t *testing.T) {
	for command := range generated {
		dir := shopCopy(t)
		change(t, filepath.Join(dir, "values.yaml"), "replicas: 2", "replicas: 3")
		change(t, filepath.Join(dir, "charts/db/values.yaml"), "minimum:1", "mimimum:1")
		before := files(t, dir)
		out, err := run(command, dir)
		assert.EqualError(t, err, filepath.Join(dir, "charts/db/values.yaml")+`:6: @schema: unknown key "mimimum"; write minimum`)
		assert.Empty(t, out)
		assert.Equal(t, before, files(t, dir))
	}
}

func TestAFileThatCannotBeReplacedLeavesTheOthersAsTheyWere(t *testing.T) {
	dir := shopCopy(t)
	change(t, filepath.Join(dir, "values.yaml"), "replicas: 2", "replicas: 3")
	path := filepath.Join(dir, "charts/db/values.schema.json")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o755))
	before := files(t, dir)
	_, err := run("schema", dir)
	require.ErrorContains(t, err, path)
	assert.Equal(t, before, files(t, dir))
}

func TestAReadmeIsMadeWhereNoneIs(t *testing.T) {
	dir := shopCopy(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "README.md")))
	_, err := run("docs", dir, "--check")
	require.ErrorContains(t, err, "README.md is missing\nrun: chartkit docs "+dir)
	_, err = run("docs", dir)
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(readme), "# shop\n\nSells things.\n\n## Values\n\n<!-- values: begin -->\n\n| Key |"), string(readme))
	assert.NoFileExists(t, filepath.Join(dir, "charts/db/README.md"))
}

func TestAMarkedReadmeOfASubchartIsWrittenToo(t *testing.T) {
	dir := shopCopy(t)
	path := filepath.Join(dir, "charts/db/README.md")
	require.NoError(t, os.WriteFile(path, []byte("<!-- values: begin -->\n<!-- values: end -->\n"), 0o644))
	_, err := run("docs", dir)
	require.NoError(t, err)
	readme, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(readme), "| `size` | integer | `1` | Size of the volume in GiB. At least 1. |")
}

func TestAFolderThatIsNoChartIsAClearError(t *testing.T) {
	dir := t.TempDir()
	for command := range generated {
		_, err := run(command, dir)
		require.EqualError(t, err, dir+" is no chart: it has no Chart.yaml; give the folder of a chart")
		_, err = run(command)
		require.EqualError(t, err, "accepts 1 arg(s), received 0")
	}
}
