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

	mu         sync.Mutex // held while opening
	detector   Detector   // of a detector's model
	classifier Classifier // of a classifier's
	info       Info
	labels     *labelIndex
}

// registry holds the models of one kind by name; the first is the default.
type registry struct {
	models []*served
	byName map[string]*served
	noun   string    // what they are
	other  *registry // the models of the other kind
	route  string    // what answers with them
}

// newRegistries checks the models of a server.
func newRegistries(detectors, classifiers []Model) (d, c *registry, err error) {
	d, c = &registry{noun: "detector", route: "/detect"}, &registry{noun: "classifier", route: "/classify"}
	d.other, c.other = c, d
	if err := d.fill(detectors); err != nil {
		return nil, nil, err
	}
	return d, c, c.fill(classifiers)
}

// holds tells that a model is of this registry's kind.
func (reg *registry) holds(m Model) bool {
	if reg.noun == "classifier" {
		return m.OpenClassifier != nil && m.Open == nil
	}
	return m.Open != nil && m.OpenClassifier == nil
}

func (reg *registry) fill(models []Model) error {
	reg.byName = map[string]*served{}
	for i, m := range models {
		switch {
		case m.Name == "" || strings.ContainsAny(m.Name, "/?# ") || m.Name == "list":
			return fmt.Errorf("model %d: %q cannot be a model's name: it stands in paths", i+1, m.Name)
		case !reg.holds(m):
			return fmt.Errorf("model %q: nothing to open it with as a %s", m.Name, reg.noun)
		case reg.byName[m.Name] != nil || reg.other.byName[m.Name] != nil:
			return fmt.Errorf("model %q is given twice", m.Name)
		case m.Workers < 0 || m.Threads < 0 || m.Queue < -1 || m.MaxWait < 0:
			return fmt.Errorf("model %q: workers, threads, queue and wait cannot be negative", m.Name)
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
	return nil
}

// find is the model of a name, the first one for the empty name.
func (reg *registry) find(name string) (*served, error) {
	if len(reg.models) == 0 {
		return nil, failf(kindUnknownModel, "this service offers no %s", reg.noun)
	}
	if name == "" {
		return reg.models[0], nil
	}
	if m := reg.byName[name]; m != nil {
		return m, nil
	}
	if reg.other.byName[name] != nil {
		return nil, failf(kindUnknownModel, "model %q is a %s: use %s", clip(name), reg.other.noun, reg.other.route)
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
	if m.opened() {
		return nil
	}
	var d Detector
	var c Classifier
	var err error
	if m.OpenClassifier != nil {
		c, err = m.OpenClassifier()
	} else {
		d, err = m.Open()
	}
	if err != nil {
		return &failure{kind: kindModelBroken, detail: fmt.Sprintf("model %q cannot be loaded", m.Name), cause: err}
	}
	if c != nil {
		m.info = c.Info()
	} else {
		m.info = d.Info()
	}
	m.labels = newLabelIndex(m.info.Classes)
	m.detector, m.classifier = d, c
	return nil
}

// opened is for who holds m.mu.
func (m *served) opened() bool { return m.detector != nil || m.classifier != nil }

// loaded tells whether the model is open, without waiting for one who opens it.
func (m *served) loaded() bool {
	if !m.mu.TryLock() {
		return false
	}
	defer m.mu.Unlock()
	return m.opened()
}

// clip shortens what a stranger wrote to what fits an error line.
func clip(s string) string { return clipTo(s, 60) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
