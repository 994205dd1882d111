package preview

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// How each signal gets to AWS, with the requests that only this way makes.
var (
	traceWays = map[string]string{"xray": "xray PutTraceSegments", "otlp": "xray OTLP traces"}
	// EMF events come by the same operation as logs: the custom metrics tell.
	metricWays = []string{"emf", "otlp"}
	logWays    = []string{"cloudwatchlogs", "otlp", "fluentbit"}
)

func signalFlags(traces, metrics, logs string) []string {
	set := []string{"global.traces.exporter=" + traces, "global.metrics.exporter=" + metrics}
	if logs == "fluentbit" {
		return append(set, "global.logs.via=fluentbit")
	}
	return append(set, "global.logs.exporter="+logs)
}

func TestThroughEveryCombinationOfExportersAllThatIsSentArrives(t *testing.T) {
	for traces := range traceWays {
		for _, metrics := range metricWays {
			for _, logs := range logWays {
				t.Run(fmt.Sprintf("traces=%s metrics=%s logs=%s", traces, metrics, logs), func(t *testing.T) {
					t.Parallel()
					report := previewed(t, chartPath, valuesOf(t, []string{quickstart}, signalFlags(traces, metrics, logs)...))
					requireAllArrived(t, report)

					called := calls(report)
					for way, call := range traceWays {
						assert.Equal(t, way == traces, called[call] > 0, "%s: %v", call, called)
					}
					assert.Equal(t, metrics == "otlp", called["monitoring OTLP metrics"] > 0, called)
					assert.Equal(t, metrics == "otlp", report.Signals.Metrics.OTLPSeries > 0)
					assert.Equal(t, metrics == "emf", report.Signals.Metrics.CustomMetrics > 0)
					assert.Equal(t, logs == "otlp", called["logs OTLP logs"] > 0, called)
					assert.Zero(t, called["sts AssumeRole"])
				})
			}
		}
	}
}

func TestWithEveryDeliveryAllThatIsSentArrives(t *testing.T) {
	for name, set := range map[string][]string{
		"acknowledged": {"collector.delivery=acknowledged"}, "acknowledged by OTLP": append(signalFlags("otlp", "otlp", "otlp"), "collector.delivery=acknowledged"),
		"traces acknowledged": {"global.traces.delivery=acknowledged"}, "metrics acknowledged": {"global.metrics.delivery=acknowledged"},
		"logs acknowledged by OTLP": append(signalFlags("xray", "emf", "otlp"), "global.logs.delivery=acknowledged"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireAllArrived(t, previewed(t, chartPath, valuesOf(t, []string{quickstart}, set...)))
		})
	}
}

func TestWithEveryKindOfCredentialsAllThatIsSentArrives(t *testing.T) {
	const (
		podRole = "arn:aws:iam::123456789012:role/kyma-cloudwatch"
		role    = "arn:aws:iam::210987654321:role/kyma-cloudwatch"
	)
	webIdentity := []string{"global.aws.auth.mode=webIdentity", "global.aws.auth.secret.name=", "global.aws.auth.webIdentity.roleArn=" + podRole}
	ambient := []string{"global.aws.auth.mode=ambient", "global.aws.auth.secret.name="}
	assumed := []string{"global.aws.auth.roleArn=" + role, "global.aws.auth.externalId=kyma"}
	given := []string{"global.aws.auth.secret.name=", "global.aws.auth.secret.accessKeyId=AKIAIOSFODNN7EXAMPLE", "global.aws.auth.secret.secretAccessKey=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	for name, auth := range map[string]struct {
		set []string
		// web and role are whether the collector has to exchange its token, and to assume the role.
		web, role bool
		logWays   []string
	}{
		"secret made from values":  {given, false, false, logWays},
		"webIdentity":              {webIdentity, true, false, logWays[:2]},
		"ambient":                  {ambient, false, false, logWays[:2]},
		"secret and role":          {assumed, false, true, logWays},
		"webIdentity and role":     {append(webIdentity[:3:3], assumed...), true, true, logWays[:2]},
		"ambient and role":         {append(ambient[:2:2], assumed...), false, true, logWays[:2]},
		"role without external id": {assumed[:1], false, true, logWays[:1]},
	} {
		for _, logs := range auth.logWays {
			// The AWS exporters have credentials of their own, and sigv4auth those of the OTLP exporters: one run for each.
			traces, metrics := "xray", "emf"
			if logs == "otlp" {
				traces, metrics = "otlp", "otlp"
			}
			t.Run(name+" logs="+logs, func(t *testing.T) {
				t.Parallel()
				report := previewed(t, chartPath, valuesOf(t, []string{quickstart}, append(signalFlags(traces, metrics, logs), auth.set...)...))
				requireAllArrived(t, report)
				called := calls(report)
				assert.Equal(t, auth.web, called["sts AssumeRoleWithWebIdentity"] > 0, called)
				assert.Equal(t, auth.role, called["sts AssumeRole"] > 0, called)
			})
		}
	}
}
