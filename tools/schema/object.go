package schema

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object that keeps the order of its members: properties stand in the order of
// values.yaml, which is the order in which an editor offers them.
type object []member

type member struct {
	key   string
	value any
}

func (o object) keys() []string {
	keys := make([]string, len(o))
	for i, m := range o {
		keys[i] = m.key
	}
	return keys
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := encoder.Encode(m.key); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// maxLine is the length of a line, without its indent, up to which a whole object or array stands
// on it: a simple value is one line of the schema and of its diffs.
const maxLine = 120

// render writes JSON with an indent of two spaces.
func render(value any) ([]byte, error) {
	text, err := compactJSON(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := renderIndented(&out, text, "", ""); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func compactJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// renderIndented writes compact JSON after a key that already stands on the line.
func renderIndented(out *bytes.Buffer, text json.RawMessage, key, indent string) error {
	out.WriteString(key)
	if text[0] != '{' && text[0] != '[' || len(key)+len(text) <= maxLine {
		out.Write(text)
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	out.WriteByte(text[0])
	for first := true; decoder.More(); first = false {
		name := ""
		if text[0] == '{' {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			quoted, err := compactJSON(token)
			if err != nil {
				return err
			}
			name = string(quoted) + ": "
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if !first {
			out.WriteByte(',')
		}
		out.WriteString("\n  " + indent)
		if err := renderIndented(out, value, name, indent+"  "); err != nil {
			return err
		}
	}
	out.WriteString("\n" + indent)
	out.WriteByte(text[len(text)-1])
	return nil
}
