package render

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

func TestModeSecretRefersToTheExistingSecret(t *testing.T) {
	r := render(t, "")
	env := r.env(t)
	assert.Equal(t, "Secret aws-credentials AWS_ACCESS_KEY_ID", env["AWS_ACCESS_KEY_ID"])
	assert.Equal(t, "Secret aws-credentials AWS_SECRET_ACCESS_KEY", env["AWS_SECRET_ACCESS_KEY"])
	assert.NotContains(t, env, "AWS_SESSION_TOKEN")
	assert.NotContains(t, env, "AWS_ROLE_ARN")
	assert.Equal(t, "true", env["AWS_EC2_METADATA_DISABLED"], "or the role of the node would stand in for a missing key")
	assert.Zero(t, r.kinds()["Secret"])
}

func TestAnAccessKeyInValuesBecomesASecretOfTheRelease(t *testing.T) {
	r := render(t, ownKeys)
	secret := typed[corev1.Secret](t, r, "Secret")
	assert.Equal(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush"}, secret.StringData)
	assert.Equal(t, "Secret "+secret.Name+" AWS_ACCESS_KEY_ID", r.env(t)["AWS_ACCESS_KEY_ID"])
	assert.Equal(t, "Secret "+secret.Name+" AWS_SECRET_ACCESS_KEY", r.env(t)["AWS_SECRET_ACCESS_KEY"])

	rotated := render(t, ownKeys+"\n---\n"+nest("global.aws.auth.secret.secretAccessKey", "psst"))
	assert.NotEqual(t, r.podTemplate(t).Annotations, rotated.podTemplate(t).Annotations, "a rotated key has to restart the pods, whose environment it is")
}

func TestASessionTokenOfTheValuesReachesTheCollector(t *testing.T) {
	r := render(t, ownKeys+"\n---\n"+nest("global.aws.auth.secret.sessionToken", "token"))
	secret := typed[corev1.Secret](t, r, "Secret")
	assert.Equal(t, "token", secret.StringData["AWS_SESSION_TOKEN"])
	assert.Equal(t, "Secret "+secret.Name+" AWS_SESSION_TOKEN", r.env(t)["AWS_SESSION_TOKEN"])
}

func TestModeWebIdentityExchangesTheServiceAccountsToken(t *testing.T) {
	r := render(t, tokenKeys)
	env := r.env(t)
	assert.Equal(t, "arn:aws:iam::123456789012:role/kyma", env["AWS_ROLE_ARN"])
	assert.NotContains(t, env, "AWS_ACCESS_KEY_ID")
	assert.Equal(t, "true", env["AWS_EC2_METADATA_DISABLED"])
	assert.Zero(t, r.kinds()["Secret"])

	spec := r.podTemplate(t).Spec
	volume := spec.Volumes[slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })]
	mount := spec.Containers[0].VolumeMounts[slices.IndexFunc(spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name })]
	token := volume.Projected.Sources[0].ServiceAccountToken
	assert.Equal(t, "sts.amazonaws.com", token.Audience)
	assert.Equal(t, env["AWS_WEB_IDENTITY_TOKEN_FILE"], mount.MountPath+"/"+token.Path)
	assert.True(t, mount.ReadOnly)
	assert.False(t, *spec.AutomountServiceAccountToken, "the token for the Kubernetes API is not needed")
	assert.Equal(t, typed[corev1.ServiceAccount](t, r, "ServiceAccount").Name, spec.ServiceAccountName)
}

func TestModeAmbientLeavesTheSearchToTheAWSSDK(t *testing.T) {
	r := renderOver(t, noSecret, "global: {aws: {auth: {mode: ambient}}}")
	env := r.env(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED"} {
		assert.NotContains(t, env, name)
	}
	var blocks []string
	for _, rule := range typed[networkingv1.NetworkPolicy](t, r, "NetworkPolicy").Spec.Egress {
		for _, peer := range rule.To {
			blocks = append(blocks, peer.IPBlock.CIDR)
		}
	}
	assert.Contains(t, blocks, "169.254.169.254/32", "the node's metadata service")
}

func TestARoleIsAssumedByEveryExporterInEveryMode(t *testing.T) {
	const role, externalID = "arn:aws:iam::210987654321:role/kyma", "partner"
	assume := "global: {aws: {auth: {roleArn: '" + role + "', externalId: " + externalID + "}}}"
	otlp := "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}"
	for mode, credentials := range map[string]string{
		"secret":      "global: {aws: {auth: {secret: {name: aws-credentials}}}}",
		"webIdentity": tokenKeys,
		"ambient":     "global: {aws: {auth: {mode: ambient}}}",
	} {
		for _, exporters := range []string{"", otlp} {
			config := renderOver(t, noSecret, credentials+"\n---\n"+assume+"\n---\n"+exporters).collectorConfig(t)
			assumed := 0
			for name, exporter := range at(config, "exporters").(object) {
				if strings.HasPrefix(name, "aws") {
					assert.Equal(t, role, at(exporter, "role_arn"), "%s in mode %s", name, mode)
					assert.Equal(t, externalID, at(exporter, "external_id"), "%s in mode %s", name, mode)
					assumed++
				}
			}
			for name, extension := range at(config, "extensions").(object) {
				if strings.HasPrefix(name, "sigv4auth") {
					assert.Equal(t, role, at(extension, "assume_role", "arn"), "%s in mode %s", name, mode)
					assert.Equal(t, externalID, at(extension, "assume_role", "external_id"), "%s in mode %s", name, mode)
					assumed++
				}
			}
			assert.GreaterOrEqual(t, assumed, 3, "one for each signal")
		}
	}
	custom := at(render(t, assume+"\n---\n"+fluentbit).only(t, "LogPipeline"), "spec", "output", "custom")
	assert.Contains(t, custom, "role_arn "+role)
	assert.Contains(t, custom, "external_id "+externalID)
}

func TestCredentialsStandNowhereButInASecret(t *testing.T) {
	const id, key, token = "AKIAVERYVISIBLE", "veryVisibleSecretKey", "veryVisibleToken"
	keys := "global: {aws: {auth: {secret: {name: '', accessKeyId: " + id + ", secretAccessKey: " + key + "}}}}"
	withToken := "global: {aws: {auth: {secret: {sessionToken: " + token + "}}}}"
	for _, values := range []string{
		keys + "\n---\n" + withToken,
		keys + "\n---\n" + withToken + "\n---\n" + deployment,
		keys + "\n---\n" + withToken + "\n---\nglobal: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}",
		keys + "\n---\n" + fluentbit,
	} {
		r := render(t, values)
		require.Contains(t, mustYAML(t, r.only(t, "Secret")), key, "or this test looks for nothing")
		for name, candidate := range r.objects {
			if strings.HasPrefix(name, "Secret/") {
				continue
			}
			text := mustYAML(t, candidate)
			for _, credential := range []string{id, key, token} {
				assert.NotContains(t, text, credential, name)
				assert.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte(credential)), name)
			}
		}
		for _, credential := range []string{id, key, token} {
			assert.NotContains(t, notesOf(t, values), credential)
		}
	}
}

func TestASecretIsNamedWhereItIsReadFrom(t *testing.T) {
	r := render(t, fluentbit)
	for _, variable := range at(r.only(t, "LogPipeline"), "spec", "variables").([]any) {
		assert.Equal(t, "aws-credentials", at(variable, "valueFrom", "secretKeyRef", "name"))
		assert.Equal(t, namespace, at(variable, "valueFrom", "secretKeyRef", "namespace"), "Fluent Bit runs in another namespace")
	}
}

func mustYAML(t *testing.T, value any) string {
	t.Helper()
	data, err := yaml.Marshal(value)
	require.NoError(t, err)
	return string(data)
}

// notesOf returns the notes of a release with the values added to minimal. helm template does not
// print them, so Helm's SDK does.
func notesOf(t *testing.T, values string) string {
	t.Helper()
	return notesOver(t, minimal, values)
}

func notesOver(t *testing.T, base, values string) string {
	t.Helper()
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	merged, err := chart.Values(valuesFiles(t, base+"\n---\n"+values), nil)
	require.NoError(t, err)
	rendered, err := loaded.Render(merged, chart.Release{Name: releaseName, Namespace: namespace})
	require.NoError(t, err)
	return rendered.Notes
}

func TestNotesWarnOfAnAccessKeyInValues(t *testing.T) {
	assert.Contains(t, notesOf(t, ownKeys), "WARNING: the access key was given in values")
	assert.NotContains(t, notesOf(t, ""), "WARNING")
}

func TestEndpointsFollowTheRegionsPartition(t *testing.T) {
	for region, suffix := range map[string]string{
		"eu-central-1":   ".eu-central-1.amazonaws.com",
		"us-gov-west-1":  ".us-gov-west-1.amazonaws.com",
		"cn-north-1":     ".cn-north-1.amazonaws.com.cn",
		"eusc-de-east-1": ".eusc-de-east-1.amazonaws.eu",
		"us-iso-east-1":  ".us-iso-east-1.c2s.ic.gov",
		"us-isob-east-1": ".us-isob-east-1.sc2s.sgov.gov",
		"eu-isoe-west-1": ".eu-isoe-west-1.cloud.adc-e.uk",
		"us-isof-east-1": ".us-isof-east-1.csp.hci.ic.gov",
	} {
		config := render(t, "global: {aws: {region: "+region+"}, traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}").collectorConfig(t)
		got := map[string]string{}
		for _, exporter := range at(config, "exporters").(object) {
			for key, value := range exporter.(object) {
				if strings.HasSuffix(key, "_endpoint") {
					got[key], _ = value.(string)
				}
			}
		}
		assert.Equal(t, map[string]string{
			"traces_endpoint":  "https://xray" + suffix + "/v1/traces",
			"metrics_endpoint": "https://monitoring" + suffix + "/v1/metrics",
			"logs_endpoint":    "https://logs" + suffix + "/v1/logs",
		}, got)
		services := map[string]string{}
		for name, extension := range at(config, "extensions").(object) {
			if strings.HasPrefix(name, "sigv4auth") {
				services[name] = at(extension, "service").(string)
				assert.Equal(t, region, at(extension, "region"))
			}
		}
		assert.Equal(t, []string{"logs", "monitoring", "xray"}, slices.Sorted(maps.Values(services)))
	}
}

func TestACustomEndpointReplacesEveryAddressOfAWS(t *testing.T) {
	const endpoint = "http://localstack.aws:4566"
	for _, exporters := range []string{"", "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}"} {
		r := render(t, "global: {aws: {endpoint: '"+endpoint+"'}}\n---\n"+exporters)
		assert.NotContains(t, mustYAML(t, r.collectorConfig(t)), "amazonaws.com")
		assert.Equal(t, endpoint, r.env(t)["AWS_ENDPOINT_URL_STS"])
		for name, exporter := range at(r.collectorConfig(t), "exporters").(object) {
			if strings.HasPrefix(name, "aws") {
				assert.Equal(t, endpoint, at(exporter, "endpoint"), name)
			}
		}
	}
	custom := at(render(t, "global: {aws: {endpoint: '"+endpoint+"'}}\n---\n"+fluentbit).only(t, "LogPipeline"), "spec", "output", "custom")
	for _, line := range []string{"endpoint localstack.aws", "port 4566", "tls Off"} {
		assert.Contains(t, custom, line)
	}
}
