package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// awsLocalOptions are the flags of kcw awslocal.
type awsLocalOptions struct {
	listen          string
	region          string
	accountID       string
	accessKeyID     string
	secretAccessKey string
	logGroups       []string
	roles           []string
	noSearch        bool
}

func newAWSLocalCommand() *cobra.Command {
	var o awsLocalOptions
	cmd := &cobra.Command{
		Use:   "awslocal",
		Short: "Run a local stand-in for CloudWatch Logs, CloudWatch, X-Ray, STS and the OTLP endpoints",
		Long: `Run a local stand-in for CloudWatch Logs, CloudWatch, X-Ray, STS and their OTLP endpoints.

It speaks the real protocols on one port, verifies signatures, and enforces AWS's limits with AWS's answers, so that AWS
SDKs, the AWS CLI and OpenTelemetry Collectors can be its clients. Everything is kept in memory until Ctrl-C, which prints
what arrived and what AWS would have refused or dropped.`,
		Example: `  kcw awslocal
  kcw awslocal --listen 127.0.0.1:0 --region eu-west-1 --log-group /kyma/logs=otlp --role arn:aws:iam::123456789012:role/kyma=my-external-id`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "address to listen on; port 0 takes a free one")
	f.StringVar(&o.region, "region", "us-east-1", "region that requests must be signed for")
	f.StringVar(&o.accountID, "account-id", "000000000000", "account number in ARNs")
	f.StringVar(&o.accessKeyID, "access-key-id", "AKIAIOSFODNN7EXAMPLE", "access key ID that is accepted")
	f.StringVar(&o.secretAccessKey, "secret-access-key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret access key that is accepted")
	f.StringArrayVar(&o.logGroups, "log-group", nil, "log group to create at the start, as GROUP or GROUP=STREAM; can be repeated")
	f.StringArrayVar(&o.roles, "role", nil, "role that can be assumed, as ARN or ARN=EXTERNAL-ID; can be repeated; without it any role can")
	f.BoolVar(&o.noSearch, "no-transaction-search", false, "answer OTLP traces with 400, as an account without Transaction Search does")
	return cmd
}

func (o *awsLocalOptions) config() awslocal.Config {
	config := awslocal.Config{
		Region: o.region, AccountID: o.accountID, TransactionSearch: !o.noSearch,
		Credentials: []awslocal.Credential{{AccessKeyID: o.accessKeyID, SecretAccessKey: o.secretAccessKey}},
	}
	for _, flag := range o.logGroups {
		group, stream, _ := strings.Cut(flag, "=")
		config.LogDestinations = append(config.LogDestinations, awslocal.LogDestination{Group: group, Stream: stream})
	}
	for _, flag := range o.roles {
		arn, externalID, _ := strings.Cut(flag, "=")
		config.Roles = append(config.Roles, awslocal.Role{ARN: arn, ExternalID: externalID})
	}
	return config
}

// run serves until ctx ends, and then prints what arrived.
func (o *awsLocalOptions) run(ctx context.Context, out io.Writer) error {
	server, err := awslocal.New(o.config())
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another address with --listen 127.0.0.1:0", o.listen, err)
	}
	o.printUsage(out, "http://"+listener.Addr().String())

	httpServer := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// Requests under way are let finish, so that the summary counts them; those that hang are cut.
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := httpServer.Shutdown(shutdown); err != nil {
		_ = httpServer.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return printAWSSummary(out, server.Snapshot())
}

func (o *awsLocalOptions) printUsage(out io.Writer, endpoint string) {
	fmt.Fprintf(out, `AWS for region %[2]s is at %[1]s. Ctrl-C ends it and prints what arrived.

For the AWS CLI, SDKs and the collector's awsxray, awsemf and awscloudwatchlogs exporters (or write "endpoint: %[1]s"
in their configuration):
  export AWS_ENDPOINT_URL=%[1]s
  export AWS_ENDPOINT_URL_STS=%[1]s    # SDKs for Go need it apart for web identity
  export AWS_REGION=%[2]s
  export AWS_ACCESS_KEY_ID=%[3]s
  export AWS_SECRET_ACCESS_KEY=%[4]s
  export AWS_EC2_METADATA_DISABLED=true

For the collector's otlp_http exporter with the sigv4auth extension of the same service:
  traces_endpoint:  %[1]s/v1/traces    # service: xray
  logs_endpoint:    %[1]s/v1/logs      # service: logs, headers x-aws-log-group and x-aws-log-stream
  metrics_endpoint: %[1]s/v1/metrics   # service: monitoring

Read back:
  aws logs describe-log-groups
  aws cloudwatch list-metrics
  aws xray get-trace-summaries --start-time $(date -d -1hour +%%s) --end-time $(date +%%s)
`, endpoint, o.region, o.accessKeyID, o.secretAccessKey)
}

func printAWSSummary(out io.Writer, s awslocal.Snapshot) error {
	traces, events, streams, datapoints := map[string]bool{}, 0, 0, 0
	for _, span := range s.Spans {
		traces[span.TraceID] = true
	}
	for _, g := range s.LogGroups {
		streams += len(g.Streams)
		for _, st := range g.Streams {
			events += len(st.Events)
		}
	}
	for _, m := range s.Metrics {
		datapoints += len(m.Datapoints)
	}
	fmt.Fprintf(out, "\nArrived: %d spans in %d traces; %d log events in %d streams of %d groups; %d metrics with %d datapoints.\n",
		len(s.Spans), len(traces), events, streams, len(s.LogGroups), len(s.Metrics), datapoints)

	if len(s.Requests) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nSERVICE\tOPERATION\tCALLS\tBYTES SENT\tUNCOMPRESSED\tFAILED")
		for _, r := range s.Requests {
			failed := 0
			for _, n := range r.Errors {
				failed += n
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", r.Service, r.Operation, r.Calls, r.WireBytes, r.Bytes, failed)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(s.Rejections) > 0 {
		fmt.Fprintln(out, "\nRefused or dropped:")
		for _, r := range s.Rejections {
			told := ""
			if r.Silent {
				told = " (the client is not told)"
			}
			fmt.Fprintf(out, "  %d × %s %s: %s: %s%s\n", r.Count, r.Service, cmp.Or(r.Operation, "?"), r.Code, r.Reason, told)
		}
	}
	return nil
}
