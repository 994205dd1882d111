package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// dockerDaemon is a dockerd of our own, for a machine where none answers. What it keeps is in one folder.
type dockerDaemon struct{ dir string }

func (d dockerDaemon) socket() string  { return "unix://" + filepath.Join(d.dir, "docker.sock") }
func (d dockerDaemon) pidFile() string { return filepath.Join(d.dir, "dockerd.pid") }
func (d dockerDaemon) logFile() string { return filepath.Join(d.dir, "dockerd.log") }

// dockerAnswers says whether the docker command reaches a daemon.
func dockerAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := command.Run(ctx, "docker", "version", "--format", "{{.Server.Version}}")
	return err == nil
}

// use has this process, and kind in it, talk to the daemon.
func (d dockerDaemon) use() error { return os.Setenv("DOCKER_HOST", d.socket()) }

// running returns the process of the daemon, 0 when there is none.
func (d dockerDaemon) running() int {
	content, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	// The number may be another process's by now.
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(arguments), d.dir) {
		return 0
	}
	return pid
}

// start starts the daemon, which outlives this process, and waits until it answers. It leaves the host's packet filter and
// its forwarding alone: nodes reach each other and the host on their bridge, and nothing else.
func (d dockerDaemon) start(ctx context.Context, log *progress.Log) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	args := []string{
		"--host", d.socket(), "--pidfile", d.pidFile(),
		"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--iptables=false", "--ip-masq=false", "--ip-forward=false",
	}
	// A daemon without a default bridge removes that of another one.
	if _, err := os.Stat("/sys/class/net/docker0"); err != nil {
		args = append(args, "--bridge=none")
	}
	if !hasSysResource() {
		wrapper, err := writeRuncWrapper(d.dir)
		if err != nil {
			return err
		}
		args = append(args, "--add-runtime", "no-sys-resource="+wrapper, "--default-runtime", "no-sys-resource")
	}
	output, err := os.Create(d.logFile())
	if err != nil {
		return err
	}
	defer output.Close()
	return log.Step("Starting dockerd", func() error {
		cmd := exec.Command("dockerd", args...)
		cmd.Stdout, cmd.Stderr = output, output
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("dockerd does not start: %w", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if err := d.use(); err != nil {
			return err
		}
		for {
			if dockerAnswers(ctx) {
				return nil
			}
			select {
			case err := <-ended:
				content, _ := os.ReadFile(d.logFile())
				lines := strings.Split(strings.TrimSpace(string(content)), "\n")
				return fmt.Errorf("dockerd ended (%v):\n%s", err, strings.Join(lines[max(0, len(lines)-10):], "\n"))
			case <-ctx.Done():
				_ = cmd.Process.Signal(syscall.SIGTERM)
				<-ended
				return context.Cause(ctx)
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
}

// stop ends the daemon and waits until it is gone.
func (d dockerDaemon) stop(ctx context.Context) error {
	pid := d.running()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	deadline := time.After(60 * time.Second)
	for d.running() != 0 {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("dockerd (process %d) does not end; its log is %s", pid, d.logFile())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hasSysResource says whether containers can be given CAP_SYS_RESOURCE, which "privileged" of docker asks for.
func hasSysResource() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(status), "CapBnd:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return true
	}
	mask, err := strconv.ParseUint(fields[0], 16, 64)
	const capSysResource = 24 // linux/capability.h
	return err != nil || mask&(1<<capSysResource) != 0
}

// writeRuncWrapper writes an OCI runtime that takes CAP_SYS_RESOURCE out of what docker asks for, and then is runc.
func writeRuncWrapper(dir string) (string, error) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return "", fmt.Errorf("docker needs runc: %w", err)
	}
	path := filepath.Join(dir, "runc-no-sys-resource")
	script := `#!/bin/sh
file= previous=
for argument; do
  case $previous in
    --bundle | -b) file=$argument/config.json ;;
    --process | -p) file=$argument ;;
  esac
  previous=$argument
done
if [ -f "$file" ]; then
  sed -i -e 's/"CAP_SYS_RESOURCE",//g' -e 's/,"CAP_SYS_RESOURCE"//g' "$file"
fi
exec ` + runc + ` "$@"
`
	return path, os.WriteFile(path, []byte(script), 0o755)
}

// installPackages installs packages of Debian, if there are any to install.
func installPackages(ctx context.Context, log *progress.Log, packages ...string) error {
	if len(packages) == 0 {
		return nil
	}
	list := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || runtime.GOOS != "linux" {
		return fmt.Errorf("this machine lacks what Debian's packages %s hold; install that", list)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("packages are missing, and only root can install them: sudo apt-get install --no-install-recommends %s", list)
	}
	return log.Step("Installing "+list, func() error {
		// Without starting what they hold, where there is an init that would.
		apt := command.Cmd{Env: []string{"DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"}}
		install := append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...)
		if _, err := apt.Run(ctx, "apt-get", install...); err == nil || ctx.Err() != nil {
			return err
		}
		if _, err := apt.Run(ctx, "apt-get", "update", "-q"); err != nil {
			return err
		}
		_, err := apt.Run(ctx, "apt-get", install...)
		return err
	})
}

// ensureDocker sees to it that the docker command works: with the daemon that there is, with ours when it runs, or with
// ours started now.
func ensureDocker(ctx context.Context, own dockerDaemon, log *progress.Log) error {
	if own.running() != 0 {
		if err := own.use(); err != nil {
			return err
		}
		if !dockerAnswers(ctx) {
			return fmt.Errorf("dockerd runs but does not answer; its log is %s", own.logFile())
		}
		return nil
	}
	if dockerAnswers(ctx) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("no docker daemon answers, and only root on Linux can start one: start docker (sudo systemctl start docker, or Docker Desktop), or set DOCKER_HOST to one that runs")
	}
	var missing []string
	for program, pkg := range map[string]string{"dockerd": "docker.io", "ip": "iproute2"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if err := installPackages(ctx, log, missing...); err != nil {
		return err
	}
	if dockerAnswers(ctx) { // the package has started it
		return nil
	}
	return own.start(ctx, log)
}
