package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/cluster"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/localstack"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/helmcli"
)

// Names of what a person plays with.
const (
	namespace  = "kyma-cloudwatch"
	release    = "kyma-cloudwatch"
	secretName = "aws-credentials" // that of the examples
)

// create makes the cluster with all that an example's values expect, and says how to use it.
func create(ctx context.Context, options cluster.Options) (err error) {
	dir, err := cluster.Dir(options.Name)
	if err != nil {
		return err
	}
	_, missing := os.Stat(filepath.Join(dir, "kubeconfig"))
	var c *cluster.Cluster
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c, err = cluster.Create(groupCtx, options)
		return err
	})
	group.Go(func() error { return localstack.Install(groupCtx, options.Progress) })
	if err := group.Wait(); err != nil {
		if c != nil && missing != nil {
			err = errors.Join(err, cluster.Delete(context.WithoutCancel(ctx), c.Name, options.Progress))
		}
		return err
	}
	defer func() {
		if err != nil && missing != nil { // and not what was there before
			log := options.Progress
			err = errors.Join(err, stopAWS(c.Name, log), cluster.Delete(context.WithoutCancel(ctx), c.Name, log))
		}
	}()
	aws, err := startAWS(ctx, c, options.Progress)
	if err != nil {
		return err
	}
	if err := c.CreateNamespace(ctx, namespace); err != nil {
		return err
	}
	secret := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": %q, "namespace": %q},
 "data": {"AWS_ACCESS_KEY_ID": %q, "AWS_SECRET_ACCESS_KEY": %q}}`, secretName, namespace,
		base64.StdEncoding.EncodeToString([]byte(localstack.AccessKeyID)), base64.StdEncoding.EncodeToString([]byte(localstack.SecretAccessKey)))
	if err := c.Apply(ctx, []byte(secret)); err != nil {
		return err
	}
	fmt.Printf(`
The cluster %[1]s runs.
  export KUBECONFIG=%[2]s
  make install                                 # the chart with examples/quickstart; others: make install EXAMPLE=otlp-native
  make uninstall
  make cluster-delete

AWS is at %[3]s for pods and for this machine:
  export AWS_ENDPOINT_URL=%[3]s AWS_REGION=%[5]s AWS_ACCESS_KEY_ID=%[6]s AWS_SECRET_ACCESS_KEY=%[7]s
  aws logs describe-log-groups
What came by OTLP, and metrics, are at %[4]s.
`, c.Name, c.Kubeconfig, aws.Endpoint, aws.AWSLocalEndpoint, localstack.Region, localstack.AccessKeyID, localstack.SecretAccessKey)
	return nil
}

// helm runs the project's release of Helm 3 for a cluster.
func helm(ctx context.Context, clusterName string, log *progress.Log, args ...string) error {
	dir, err := cluster.Dir(clusterName)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if _, err := os.Stat(kubeconfig); err != nil {
		return fmt.Errorf("there is no cluster %s; make it with: make cluster", clusterName)
	}
	cli, err := helmcli.V3(ctx, log)
	if err != nil {
		return err
	}
	env := helmcli.Environment(filepath.Join(dir, "helm"))
	env["KUBECONFIG"] = kubeconfig
	out, err := cli.Run(ctx, env, append(args, "--namespace", namespace)...)
	if err == nil {
		fmt.Print(out)
	}
	return err
}

// install installs or upgrades the chart with a values file, and with the cluster's AWS instead of the real one.
func install(ctx context.Context, clusterName, valuesFile string, log *progress.Log) error {
	dir, err := cluster.Dir(clusterName)
	if err != nil {
		return err
	}
	aws, err := readAWS(dir)
	if err != nil {
		return err
	}
	if aws.PID == 0 {
		return errors.New("AWS does not run for this cluster; start it with: make cluster")
	}
	return log.Step("Installing the chart with "+valuesFile, func() error {
		return helm(ctx, clusterName, log, "upgrade", "--install", release, "charts/kyma-cloudwatch", "--values", valuesFile,
			"--set", "global.aws.endpoint="+aws.Endpoint, "--set", "global.aws.region="+localstack.Region,
			"--wait", "--timeout", "3m")
	})
}

func uninstall(ctx context.Context, clusterName string, log *progress.Log) error {
	return helm(ctx, clusterName, log, "uninstall", release, "--wait")
}
