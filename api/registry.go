package api

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"example.com/riffle/internal/suggest"
)

// served is one model on offer: opened on first use, with its own workers and
// its own queue.
type served struct {
	Model
	gate *gate

	mu         sync.Mutex // held while opening
	detector   Detector   // of a detector's model
	classifier Classifier // of a classifier's
	segmenter  Segmenter  // of a segmenter's
	info       Info
	labels     *labelIndex
}

// registry holds the models of one kind by name; the first is the default.
type registry struct {
	models []*served
	byName map[string]*served
	noun   string      // what they are
	task   string      // what they do: the route that answers with them
	others []*registry // the models of the other kinds
}

// registries are the models of a server by what they do.
type registries struct {
	models, classifiers, segmenters *registry // models are the detectors
}

// newRegistries checks the models of a server.
func newRegistries(c *Config) (registries, error) {
	r := registries{
		&registry{noun: "detector", task: "detect"},
		&registry{noun: "classifier", task: "classify"},
		&registry{noun: "segmenter", task: "segment"},
	}
	all := r.all()
	for i, models := range [][]Model{c.Models, c.Classifiers, c.Segmenters} {
		reg := all[i]
		reg.others = append(slices.Clone(all[:i]), all[i+1:]...)
		if err := reg.fill(models); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *registries) all() []*registry {
	return []*registry{r.models, r.classifiers, r.segmenters}
}

// holds tells that a model is of this registry's kind, and of no other.
func (reg *registry) holds(m Model) bool {
	return (m.Open != nil) == (reg.task == "detect") &&
		(m.OpenClassifier != nil) == (reg.task == "classify") &&
		(m.OpenSegmenter != nil) == (reg.task == "segment")
}

// elsewhere is the registry of another kind that has a model of the name.
func (reg *registry) elsewhere(name string) *registry {
	for _, other := range reg.others {
		if other.byName[name] != nil {
			return other
		}
	}
	return nil
}

func (reg *registry) fill(models []Model) error {
	reg.byName = map[string]*served{}
	for i, m := range models {
		switch {
		case m.Name == "" || strings.ContainsAny(m.Name, "/?# ") || m.Name == "list":
			return fmt.Errorf("model %d: %q cannot be a model's name: it stands in paths", i+1, m.Name)
		case !reg.holds(m):
			return fmt.Errorf("model %q: nothing to open it with as a %s", m.Name, reg.noun)
		case reg.byName[m.Name] != nil || reg.elsewhere(m.Name) != nil:
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
	if other := reg.elsewhere(name); other != nil {
		return nil, failf(kindUnknownModel, "model %q is a %s: use /%s", clip(name), other.noun, other.task)
	}
	return nil, failf(kindUnknownModel, "no model %q here%s", clip(name), suggest.Hint(clip(name), reg.names()))
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
	var opened interface{ Info() Info }
	var err error
	switch {
	case m.OpenClassifier != nil:
		m.classifier, err = m.OpenClassifier()
		opened = m.classifier
	case m.OpenSegmenter != nil:
		m.segmenter, err = m.OpenSegmenter()
		opened = m.segmenter
	default:
		m.detector, err = m.Open()
		opened = m.detector
	}
	if err != nil {
		m.classifier, m.segmenter, m.detector = nil, nil, nil
		return &failure{kind: kindModelBroken, detail: fmt.Sprintf("model %q cannot be loaded", m.Name), cause: err}
	}
	m.info = opened.Info()
	m.labels = newLabelIndex(m.info.Classes)
	return nil
}

// opened is for who holds m.mu.
func (m *served) opened() bool { return m.detector != nil || m.classifier != nil || m.segmenter != nil }

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
