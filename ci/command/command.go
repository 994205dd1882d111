// Package command runs other programs to their end.
package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// tail is how many lines of a failed command's output stand in its error.
const tail = 20

// Cmd is a command to run, see exec.Cmd.
type Cmd struct {
	Dir string
	// Env is added to the environment of this process.
	Env []string
	// Stdin is what the command reads.
	Stdin []byte
}

// Run runs a program and returns what it writes to stdout, without the white space around it. An error names the command
// and ends with the last lines that it wrote. When ctx ends, the program is asked to end (SIGTERM), and killed 10 seconds
// later.
func Run(ctx context.Context, name string, args ...string) (string, error) {
	return Cmd{}.Run(ctx, name, args...)
}

// Run is like the function Run, with what c says.
func (c Cmd) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		lines := strings.Split(strings.TrimSpace(stdout.String()+"\n"+stderr.String()), "\n")
		if len(lines) > tail {
			lines = lines[len(lines)-tail:]
		}
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.Join(lines, "\n"))
	}
	return strings.TrimSpace(stdout.String()), nil
}
