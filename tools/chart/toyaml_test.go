package chart

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

func helmsYAML(value any) string {
	data, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

// isHelmsYAML is whether Helm may write a value so. The order of keys such as a9, a10 and a1b is no order, as each is
// less than the next, and Helm's answer another each time.
func isHelmsYAML(value any, text string) bool {
	for range 50 {
		if helmsYAML(value) == text {
			return true
		}
	}
	return false
}

// words are what texts are made of in which YAML's writer has to decide how to write them.
var words = []string{
	"a", "text", "yes", "No", "ON", "null", "~", "true", "1", "01", "1.5", "-1", "1e3", ".5", "0x1", "1_0", "1:20", "2001-01-01", ":", ": ",
	" ", "  ", "#", " #", "-", "- ", "?", "? ", "'", "\"", "\\", "\n", "\n\n", "\t", "|", ">", "&", "*", "!", "%", "@", "`", "{", "}", "[", "]",
	",", "=", "<<", "---", "...", "é", "😀", "\u0085", "\u2028", "\ufeff", "\u0001", "\x7f", "\xff", "<no value>", "${env:X}", "/path", "_", ".",
	"a.b/c-d", "averyveryveryverylongwordofmanyletters", "set(attributes[\"x\"], 1) where y == 'z'", "one two three four five six",
}

func randomText(random *rand.Rand) string {
	var text strings.Builder
	for range random.IntN(12) {
		text.WriteString(words[random.IntN(len(words))])
		if random.IntN(3) == 0 {
			text.WriteByte(' ')
		}
	}
	return text.String()
}

func randomValue(random *rand.Rand, depth int) any {
	kind := random.IntN(12)
	if depth > 5 {
		kind = 4 + random.IntN(8)
	}
	switch kind {
	case 0, 1:
		table := map[string]any{}
		for range random.IntN(5) {
			if random.IntN(2) == 0 {
				table[words[random.IntN(len(words))]] = randomValue(random, depth+1)
			} else {
				table[randomText(random)] = randomValue(random, depth+1)
			}
		}
		return table
	case 2, 3:
		list := []any{}
		for range random.IntN(4) {
			list = append(list, randomValue(random, depth+1))
		}
		return list
	case 4:
		return []any{nil, true, false, 0.0, 1.0, -7.0, 0.5, 1e6, 1e15, 1e16, 1e21, 9007199254740993.0, 1e-7, int64(3), int(4), int64(1) << 60,
			map[string]any(nil), []any(nil), []string{"a"}, map[string]string{"a": "b"}, uint64(1 << 63)}[random.IntN(21)]
	case 5:
		return words[random.IntN(len(words))]
	}
	return randomText(random)
}

func TestToYAMLWritesAsHelm(t *testing.T) {
	straight := 0
	const values = 100_000
	for seed := range uint64(values) {
		value := randomValue(rand.New(rand.NewPCG(seed, 1)), 0)
		w := yamlWriter{}
		if w.root(value) {
			straight++
		}
		if got := toYAML(value); !isHelmsYAML(value, got) {
			t.Fatalf("seed %d:\nHelm %q\nours %q\nof   %#v", seed, helmsYAML(value), got, value)
		}
	}
	t.Logf("%d of %d values were written straight", straight, values)
	assert.Greater(t, straight, values/5)

	loop := map[string]any{}
	loop["loop"] = loop
	assert.Empty(t, toYAML(loop))
}

func FuzzToYAML(f *testing.F) {
	text, err := os.ReadFile("../../charts/kyma-cloudwatch/values.yaml")
	require.NoError(f, err)
	f.Add(string(text))
	f.Add("a: [1, {b: \"c d\"}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Skip()
		}
		if got := toYAML(value); !isHelmsYAML(value, got) {
			t.Fatalf("Helm %q\nours %q", helmsYAML(value), got)
		}
		// A text that is itself a value.
		value = map[string]any{"k": []any{text, map[string]any{"longer-key": text}}}
		if got, want := toYAML(value), helmsYAML(value); got != want {
			t.Fatalf("Helm %q\nours %q", want, got)
		}
	})
}

func helmsDocuments(text string) []string {
	var documents []string
	split := releaseutil.SplitManifests(text)
	for i := range len(split) {
		documents = append(documents, split["manifest-"+strconv.Itoa(i)])
	}
	return documents
}

func TestDocumentsAreSplitAsByHelm(t *testing.T) {
	pieces := []string{"---", "-", "\n", " ", "\t", "\r", "\f", "\v", "a", "# c", "--- a", "\u00a0", "\u0085", "----", "\n---\n"}
	for seed := range uint64(100_000) {
		random := rand.New(rand.NewPCG(seed, 2))
		var text strings.Builder
		for range random.IntN(12) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		require.Equal(t, helmsDocuments(text.String()), splitDocuments(text.String()), "%q", text.String())
	}
}

func FuzzSplitDocuments(f *testing.F) {
	f.Add("a\n---\nb")
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, helmsDocuments(text), splitDocuments(text))
	})
}
