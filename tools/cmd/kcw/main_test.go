package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// asCommand makes the test binary be kcw, so that tests have a real process without a build of their own.
const asCommand = "KCW_TEST_AS_COMMAND"

// window is long enough for a loaded machine, and ends a test that waits in vain.
const window = 60 * time.Second

// repository is the root of the repository, absolute.
var repository string

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	binary, err := otelcol.Find(context.Background(), os.Stderr)
	if err == nil {
		repository, err = filepath.Abs("../../..")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv(otelcol.EnvBinary, binary)
	os.Exit(m.Run())
}

func quickstart() string { return filepath.Join(repository, "examples", "quickstart", "values.yaml") }

// command is a kcw that is run.
type command struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	// temporary is its folder for temporary files, dir its working directory.
	temporary, dir string
}

// newCommand makes a kcw in an empty folder, with a folder of its own for temporary files.
func newCommand(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), window)
	t.Cleanup(cancel)
	self, err := os.Executable()
	require.NoError(t, err)
	c := &command{Cmd: exec.CommandContext(ctx, self, args...), temporary: t.TempDir(), dir: t.TempDir()}
	c.Dir = c.dir
	c.Env = append(os.Environ(), asCommand+"=1", "TMPDIR="+c.temporary)
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}

// exitCode runs the command to its end.
func (c *command) exitCode(t *testing.T) int {
	t.Helper()
	return exitCode(t, c.Run())
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// requireNothingLeft fails the test when a process of the command, or a temporary file, is still there.
func (c *command) requireNothingLeft(t *testing.T) {
	t.Helper()
	for pid, line := range c.processes(t) {
		t.Errorf("process %d is left: %s", pid, line)
		_ = syscall.Kill(pid, syscall.SIGKILL) // no other test shall suffer
	}
	left, err := os.ReadDir(c.temporary)
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files that are left")
}

// processes are the command lines, by process, that name the command's folder for temporary files: its collectors. Their
// ports end with them.
func (c *command) processes(t *testing.T) map[int]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no /proc: processes cannot be listed here")
	}
	found := map[int]string{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), c.temporary) {
			continue // of something else, or ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		require.NoError(t, err)
		found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
	}
	return found
}

// files are the names in the command's working directory.
func (c *command) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestCollectorPrintsThePathOfTheCollector(t *testing.T) {
	c := newCommand(t, "collector")
	require.Zero(t, c.exitCode(t), &c.stderr)
	assert.Equal(t, os.Getenv(otelcol.EnvBinary)+"\n", c.stdout.String())

	c = newCommand(t, "collector")
	c.Env = append(c.Env, otelcol.EnvBinary+"="+filepath.Join(c.dir, "gone"))
	assert.Equal(t, 1, c.exitCode(t))
	assert.Empty(t, c.stdout.String())
	assert.Contains(t, c.stderr.String(), otelcol.EnvBinary+" names a collector that cannot be run")
}

func TestOutsideOfACheckoutTheMendIsSaid(t *testing.T) {
	c := newCommand(t, "collector")
	c.Env = append(c.Env, otelcol.EnvBinary+"=")
	assert.Equal(t, 1, c.exitCode(t))
	assert.Contains(t, c.stderr.String(), "make build")
}
