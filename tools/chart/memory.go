package chart

import "sync"

// maxRemembered bounds what a memory holds in each of its two halves, in bytes of the texts that are its keys.
const maxRemembered = 1 << 20

// memory keeps what was made of texts, the recent ones. It forgets by halves: what has not been asked for while
// one half filled goes with the next. It is for pure functions of texts that come again in most renderings.
type memory[V any] struct {
	mutex       sync.Mutex
	recent, old map[string]V
	size        int // of the keys of recent
}

func (m *memory[V]) get(text string) (V, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	value, ok := m.recent[text]
	if ok {
		return value, true
	}
	if value, ok = m.old[text]; ok {
		m.add(text, value)
	}
	return value, ok
}

func (m *memory[V]) put(text string, value V) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.add(text, value)
}

func (m *memory[V]) add(text string, value V) {
	if m.recent == nil || m.size > maxRemembered {
		m.old, m.recent, m.size = m.recent, map[string]V{}, 0
	}
	if _, ok := m.recent[text]; !ok {
		m.size += len(text)
	}
	m.recent[text] = value
}
