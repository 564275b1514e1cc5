package api

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"riffle/internal/nearest"
)

// served is one model on offer: opened on first use, with its own workers and
// its own queue.
type served struct {
	Model
	gate *gate

	mu       sync.Mutex // held while opening
	detector Detector
	info     Info
	labels   *labelIndex
}

// registry holds the models by name; the first is the default.
type registry struct {
	models []*served
	byName map[string]*served
}

func newRegistry(models []Model) (*registry, error) {
	reg := &registry{byName: map[string]*served{}}
	for i, m := range models {
		switch {
		case m.Name == "" || strings.ContainsAny(m.Name, "/?# ") || m.Name == "list":
			return nil, fmt.Errorf("model %d: %q cannot be a model's name: it stands in paths", i+1, m.Name)
		case m.Open == nil:
			return nil, fmt.Errorf("model %q: nothing to open it with", m.Name)
		case reg.byName[m.Name] != nil:
			return nil, fmt.Errorf("model %q is given twice", m.Name)
		case m.Workers < 0 || m.Threads < 0 || m.Queue < -1 || m.MaxWait < 0:
			return nil, fmt.Errorf("model %q: workers, threads, queue and wait cannot be negative", m.Name)
		}
		if m.Threads == 0 {
			m.Threads = 1
		}
		if m.Workers == 0 {
			m.Workers = max(1, runtime.GOMAXPROCS(0)/m.Threads)
		}
		switch m.Queue {
		case 0:
			m.Queue = 16 * m.Workers
		case -1:
			m.Queue = 0
		}
		s := &served{Model: m, gate: newGate(m.Workers, m.Queue, m.MaxWait)}
		reg.models = append(reg.models, s)
		reg.byName[m.Name] = s
	}
	return reg, nil
}

// find is the model of a name, the first one for the empty name.
func (reg *registry) find(name string) (*served, error) {
	if name == "" {
		return reg.models[0], nil
	}
	if m := reg.byName[name]; m != nil {
		return m, nil
	}
	return nil, failf(kindUnknownModel, "no model %q here%s", clip(name), nearest.Hint(clip(name), reg.names()))
}

// refusing is a model whose queue is full, if no request that names this model
// ("" for none) can be let in; nil if one may be. It is asked before a body is
// read, which may name another model.
func (reg *registry) refusing(name string) *served {
	if m := reg.byName[name]; m != nil {
		if m.gate.full() {
			return m
		}
		return nil
	}
	for _, m := range reg.models {
		if !m.gate.full() {
			return nil
		}
	}
	return reg.models[0]
}

func (reg *registry) names() []string {
	names := make([]string, len(reg.models))
	for i, m := range reg.models {
		names[i] = m.Name
	}
	return names
}

// open loads the model if it is not loaded yet. A failure is not kept: the next
// request tries again.
func (m *served) open() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.detector != nil {
		return nil
	}
	d, err := m.Open()
	if err != nil {
		return &failure{kind: kindModelBroken, detail: fmt.Sprintf("model %q cannot be loaded", m.Name), cause: err}
	}
	m.info = d.Info()
	m.labels = newLabelIndex(m.info.Classes)
	m.detector = d
	return nil
}

// loaded tells whether the model is open, without waiting for one who opens it.
func (m *served) loaded() bool {
	if !m.mu.TryLock() {
		return false
	}
	defer m.mu.Unlock()
	return m.detector != nil
}

// clip shortens what a stranger wrote to what fits an error line.
func clip(s string) string { return clipTo(s, 60) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
