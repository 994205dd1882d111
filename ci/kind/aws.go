package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/cluster"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/localstack"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// awsPort is where AWS is for a cluster that a person plays with.
const awsPort = 4566

// awsFile, in the cluster's folder, says where its AWS is. It is there from when AWS is ready until it ends.
const awsFile = "aws.json"

type awsState struct {
	PID                        int
	Endpoint, AWSLocalEndpoint string
}

// serveAWS runs AWS until ctx ends. Its last line on stdout before that is its state, as JSON.
func serveAWS(ctx context.Context, host string, port int, log *progress.Log) error {
	aws, err := localstack.Start(ctx, host, port, log)
	if err != nil {
		return err
	}
	state := awsState{PID: os.Getpid(), Endpoint: aws.Endpoint, AWSLocalEndpoint: aws.AWSLocalEndpoint}
	if err := json.NewEncoder(os.Stdout).Encode(state); err != nil {
		return errors.Join(err, aws.Close())
	}
	<-ctx.Done()
	return aws.Close()
}

// startAWS has a process of its own run AWS for a cluster, unless there is one.
func startAWS(ctx context.Context, c *cluster.Cluster, log *progress.Log) (awsState, error) {
	dir, err := cluster.Dir(c.Name)
	if err != nil {
		return awsState{}, err
	}
	if state, err := readAWS(dir); err != nil || state.PID != 0 {
		return state, err
	}
	self, err := os.Executable()
	if err != nil {
		return awsState{}, err
	}
	progressFile, err := os.Create(filepath.Join(dir, "aws.log"))
	if err != nil {
		return awsState{}, err
	}
	defer progressFile.Close()
	stateFile, err := os.Create(filepath.Join(dir, awsFile))
	if err != nil {
		return awsState{}, err
	}
	defer stateFile.Close()

	var state awsState
	err = log.Step("Starting AWS: LocalStack, moto and awslocal", func() error {
		cmd := exec.Command(self, "aws", "--host", c.Gateway.String(), "--port", fmt.Sprint(awsPort))
		cmd.Stdout, cmd.Stderr = stateFile, progressFile
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives this process, and Ctrl-C is not for it
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for {
			// A line that is half written is no JSON.
			content, err := os.ReadFile(stateFile.Name())
			if err == nil && json.Unmarshal(content, &state) == nil {
				return nil
			}
			select {
			case <-ended:
				content, _ := os.ReadFile(progressFile.Name())
				return errors.Join(fmt.Errorf("AWS has ended:\n%s", strings.TrimSpace(string(content))), os.Remove(stateFile.Name()))
			case <-ctx.Done():
				_ = cmd.Process.Signal(syscall.SIGTERM)
				<-ended
				return errors.Join(context.Cause(ctx), os.Remove(stateFile.Name()))
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return state, err
}

// readAWS returns the state of a cluster's AWS, a zero one when none runs.
func readAWS(dir string) (awsState, error) {
	content, err := os.ReadFile(filepath.Join(dir, awsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return awsState{}, nil
	}
	if err != nil {
		return awsState{}, err
	}
	var state awsState
	if json.Unmarshal(content, &state) != nil {
		return awsState{}, nil // of a start that was cut off
	}
	// The number may be another process's by now.
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", state.PID))
	if err == nil && !strings.Contains(string(arguments), "\x00aws\x00") || errors.Is(err, fs.ErrNotExist) {
		return awsState{}, nil
	}
	return state, nil
}

// stopAWS ends a cluster's AWS and waits until it is gone.
func stopAWS(clusterName string, log *progress.Log) error {
	dir, err := cluster.Dir(clusterName)
	if err != nil {
		return err
	}
	state, err := readAWS(dir)
	if err != nil || state.PID == 0 {
		return err
	}
	return log.Step("Ending AWS", func() error {
		if err := syscall.Kill(state.PID, syscall.SIGTERM); err != nil {
			return err
		}
		deadline := time.After(30 * time.Second)
		for syscall.Kill(state.PID, 0) == nil {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-deadline:
				return fmt.Errorf("AWS (process %d) does not end", state.PID)
			}
		}
		return os.Remove(filepath.Join(dir, awsFile))
	})
}
