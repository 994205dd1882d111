// Package localstack is AWS for a cluster on this machine, at one address: LocalStack for CloudWatch Logs, CloudWatch and
// IAM, moto for X-Ray, and the project's own awslocal for STS and for what neither has: the OTLP endpoints and the metrics
// of EMF events.
package localstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// What clients have to be told, besides the endpoint.
const (
	Region          = "eu-central-1"
	AccountID       = "000000000000"
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// AWS is LocalStack and its companions, running.
type AWS struct {
	// Endpoint is the URL for clients of all services.
	Endpoint string
	// AWSLocalEndpoint is the URL of awslocal alone. What is written to CloudWatch Logs and X-Ray by Endpoint is there
	// too, the metrics of EMF events only there, and what comes in by OTLP only there.
	AWSLocalEndpoint string
	// AWSLocal is the same, for tests in this process.
	AWSLocal *awslocal.Server

	dir       string
	processes []*process
	handler   http.Handler
	address   string
	own       *http.Server

	mu     sync.Mutex
	server *http.Server // nil while paused
}

// Start starts AWS. host is the address of this machine to listen on, port that of Endpoint, 0 for a free one. Everything is
// kept in memory, so each start is an empty account. It takes about three seconds, besides what Install takes with an empty
// cache. AWS runs until Close.
func Start(ctx context.Context, host string, port int, log *progress.Log) (*AWS, error) {
	dir, err := os.MkdirTemp("", "localstack-")
	if err != nil {
		return nil, err
	}
	a := &AWS{dir: dir}
	if err := a.start(ctx, host, port, log); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *AWS) start(ctx context.Context, host string, port int, log *progress.Log) error {
	bins, err := install(ctx, log)
	if err != nil {
		return err
	}
	urls := make([]*url.URL, len(servers))
	a.processes = make([]*process, len(servers))
	err = log.Step("Starting LocalStack and moto", func() error {
		group, ctx := errgroup.WithContext(ctx)
		for i, server := range servers {
			group.Go(func() error {
				port, err := freePort()
				if err != nil {
					return err
				}
				urls[i] = &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
				env, command := server.fromImage(port)
				if bins != nil {
					env, command = server.fromPackage(bins[i], filepath.Join(a.dir, server.name), port)
				}
				a.processes[i], err = startProcess(ctx, server.name, filepath.Join(a.dir, server.name+".log"), urls[i].String()+server.health, env, command)
				return err
			})
		}
		return group.Wait()
	})
	if err != nil {
		return err
	}
	localStack, moto := urls[0], urls[1]
	a.AWSLocal, err = awslocal.New(awslocal.Config{
		Region: Region, AccountID: AccountID, TransactionSearch: true,
		Credentials: []awslocal.Credential{{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey}},
	})
	if err != nil {
		return err
	}
	own, listening, err := serve(net.JoinHostPort(host, "0"), a.AWSLocal)
	if err != nil {
		return err
	}
	a.own, a.AWSLocalEndpoint = own, "http://"+listening
	a.address = net.JoinHostPort(host, fmt.Sprint(port))
	a.handler = newRouter(localStack, moto, a.AWSLocal)
	if err := a.Resume(); err != nil {
		return err
	}
	a.Endpoint = "http://" + a.address
	return nil
}

// serve starts a server and returns the address that it listens on.
func serve(address string, handler http.Handler) (*http.Server, string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("AWS cannot listen on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	return server, listener.Addr().String(), nil
}

// Pause makes AWS unreachable at Endpoint, as an outage does; what is in it stays.
func (a *AWS) Pause() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server == nil {
		return nil
	}
	err := a.server.Close()
	a.server = nil
	return err
}

// Resume ends what Pause began.
func (a *AWS) Resume() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return nil
	}
	var err error
	a.server, a.address, err = serve(a.address, a.handler)
	return err
}

// Close ends everything that Start started and removes its files.
func (a *AWS) Close() error {
	errs := []error{a.Pause()}
	if a.own != nil {
		errs = append(errs, a.own.Close())
	}
	var group sync.WaitGroup
	for _, p := range a.processes {
		if p != nil {
			group.Go(p.stop)
		}
	}
	group.Wait()
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}
