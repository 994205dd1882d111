package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	helmyaml "sigs.k8s.io/yaml"
)

// Parse reads the content of a values file. The name is used in errors, which all start with
// "name:line:" where the line is known. An empty file is an empty map. Windows line ends are
// taken, as are anchors, aliases and merge keys. Refused are a file that is no map, one of
// several documents, of which Helm would read only the first, and a key that stands twice, of
// which Helm would take the last.
func Parse(name string, data []byte) (*Value, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	p := parser{file: name, lines: strings.Split(string(data), "\n")}

	root := &Value{File: name, Line: 1, Default: map[string]any{}, Types: []string{"object"}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return root, nil
	} else if err != nil {
		return nil, p.yamlError(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, p.errorf(second.Line, "a second YAML document starts here, Helm reads only the first; join them into one map")
	} else if !errors.Is(err, io.EOF) {
		return nil, p.yamlError(err)
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return root, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, p.errorf(top.Line, "the values must be a map such as \"replicas: 1\", not a %s", kindName(top))
	}

	read, err := readAsHelm(data)
	if err != nil {
		return nil, p.yamlError(err)
	}
	root.Default = read
	if root.Children, err = p.children(top, read); err != nil {
		return nil, err
	}
	return root, nil
}

// readAsHelm gives the values that Helm reads: it takes YAML 1.1 (where yes is a boolean) by way
// of JSON. Numbers keep their text.
func readAsHelm(data []byte) (map[string]any, error) {
	asJSON, err := helmyaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	var values map[string]any
	return values, decoder.Decode(&values)
}

type parser struct {
	file  string
	lines []string
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, line, fmt.Sprintf(format, args...))
}

var yamlErrorLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:line (\d+): )?(.*)$`)

// yamlError moves the line that a YAML library reports to the front, where editors look for it.
func (p *parser) yamlError(err error) error {
	m := yamlErrorLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if m == nil {
		return fmt.Errorf("%s: no valid YAML: %w", p.file, err)
	}
	if m[1] == "" {
		return fmt.Errorf("%s: no valid YAML: %s", p.file, m[2])
	}
	line, _ := strconv.Atoi(m[1])
	return p.errorf(line, "no valid YAML: %s", m[2])
}

// children builds the values of a mapping. read is what Helm reads for it.
func (p *parser) children(mapping *yaml.Node, read map[string]any) ([]*Value, error) {
	taken := map[string]bool{}
	if err := p.claimKeys(mapping, taken); err != nil {
		return nil, err
	}
	merged, err := p.mergedKeys(mapping)
	if err != nil {
		return nil, err
	}
	var children []*Value
	err = p.eachKey(mapping, taken, true, func(key, node *yaml.Node) error {
		name := keyAsHelm(key)
		child, err := p.value(key, node, merged[name], read[name])
		children = append(children, child)
		return err
	})
	return children, err
}

// pair is a key of a mapping and its value.
type pair struct{ key, node *yaml.Node }

// mergedKeys lists what the mapping's merge keys bring in, also what own keys override.
func (p *parser) mergedKeys(mapping *yaml.Node) (map[string]*pair, error) {
	merged := map[string]*pair{}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Tag != "!!merge" {
			continue
		}
		for _, source := range mergeSources(mapping.Content[i+1]) {
			if err := p.eachKey(source, map[string]bool{}, false, func(key, node *yaml.Node) error {
				if name := keyAsHelm(key); merged[name] == nil {
					merged[name] = &pair{key, node}
				}
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	return merged, nil
}

// claimKeys notes the keys that stand in the mapping itself.
func (p *parser) claimKeys(mapping *yaml.Node, taken map[string]bool) error {
	lines := map[string]int{}
	for i := 0; i < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Tag == "!!merge" {
			continue
		}
		name := keyAsHelm(key)
		if line, twice := lines[name]; twice {
			return p.errorf(key.Line, "the key %q stands twice in this map, first in line %d; remove one", name, line)
		}
		lines[name] = key.Line
		taken[name] = true
	}
	return nil
}

// eachKey visits the keys of the mapping and, at the place of a merge key, those that it merges
// in. A key stands once: where it is an own key there, else where the first source has it. Which
// default wins is not decided here but by what Helm reads.
func (p *parser) eachKey(mapping *yaml.Node, taken map[string]bool, own bool, visit func(key, node *yaml.Node) error) error {
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		if key.Tag == "!!merge" {
			for _, source := range mergeSources(node) {
				if err := p.eachKey(source, taken, false, visit); err != nil {
					return err
				}
			}
			continue
		}
		if !own {
			if name := keyAsHelm(key); taken[name] {
				continue
			} else {
				taken[name] = true
			}
		}
		if err := visit(key, node); err != nil {
			return err
		}
	}
	return nil
}

// value builds one value. One without a comment that overrides a merged key takes that key's.
func (p *parser) value(key, node *yaml.Node, merged *pair, read any) (*Value, error) {
	v := &Value{Key: keyAsHelm(key), File: p.file, Line: key.Line, Default: read}
	var err error
	if v.Comment, err = p.comment(v.Key, key, node); err != nil {
		return nil, err
	}
	if merged != nil && v.Comment.empty() {
		if v.Comment, err = p.comment(v.Key, merged.key, merged.node); err != nil {
			return nil, err
		}
	}
	resolved := resolve(node)
	if v.Types, err = typesOf(v, resolved.Tag == "!!float"); err != nil {
		return nil, p.errorf(key.Line, "%s: %v", v.Key, err)
	}
	// In a merged mapping a key may have been overridden by another kind of value.
	if m, ok := read.(map[string]any); ok && resolved.Kind == yaml.MappingNode {
		if v.Children, err = p.children(resolved, m); err != nil {
			return nil, err
		}
	}
	if _, annotated := v.Schema["additionalProperties"]; annotated && v.FreeForm() {
		for _, child := range v.Children {
			if !child.Commented() {
				child.markExamples()
			}
		}
	}
	return v, nil
}

func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// mergeSources lists the mappings that the value of a merge key names, the strongest first.
func mergeSources(node *yaml.Node) []*yaml.Node {
	node = resolve(node)
	if node.Kind == yaml.MappingNode {
		return []*yaml.Node{node}
	}
	var sources []*yaml.Node
	for _, n := range node.Content {
		sources = append(sources, resolve(n))
	}
	return sources
}

// keyAsHelm gives the key's name after Helm's way through JSON, where a key such as 8080 or on
// becomes a string.
func keyAsHelm(key *yaml.Node) string {
	key = resolve(key)
	if key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return key.Value
	}
	read, err := readAsHelm([]byte(key.Value + ": 0"))
	if err != nil || len(read) != 1 {
		return key.Value
	}
	for name := range read {
		return name
	}
	return key.Value
}

func kindName(node *yaml.Node) string {
	if node.Kind == yaml.SequenceNode {
		return "list"
	}
	return "single " + strings.TrimPrefix(node.ShortTag(), "!!")
}
