package charttest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/charttest"
)

func TestDifferencesNameTheField(t *testing.T) {
	parse := func(text string) any {
		var value map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &value))
		return value
	}
	config := func(namespace string) string {
		return "kind: ConfigMap\ndata:\n  config.yaml: |\n    exporters:\n      awsemf: {namespace: " + namespace + "}\n    service: {}\n"
	}
	for name, c := range map[string]struct {
		want, got string
		found     []string
	}{
		"nothing":                   {"a: {b: [1, 2]}", "a:\n  b:\n  - 1\n  - 2\n", nil},
		"a value":                   {"a: {b: [1, 2]}", "a: {b: [1, 3]}", []string{"a.b[1]: 2 became 3"}},
		"a type":                    {"a: 1", "a: '1'", []string{`a: 1 became "1"`}},
		"a list's length":           {"a: [1]", "a: [1, 2]", []string{"a: - 1 became - 1 - 2"}},
		"a field less":              {"a: 1\nb: 2", "a: 1", []string{"b: 2 went away"}},
		"a field more":              {"a: 1", "a: 1\nb: {c: 2}", []string{"b: c: 2 is new"}},
		"a null instead of a field": {"a: 1\nb:", "a: 1", []string{"b: null went away"}},
		"a configuration in text":   {config("x"), config("y1"), []string{"data.config.yaml.exporters.awsemf.namespace: x became y1"}},
	} {
		assert.Equal(t, c.found, charttest.Differences(parse(c.want), parse(c.got)), name)
	}
}

func TestDifferencesSeeAChangeOfTextThatParsesAlike(t *testing.T) {
	assert.Len(t, charttest.Differences("a: 1\nb: 2\n", "b: 2\na: 1\n"), 1)
}
