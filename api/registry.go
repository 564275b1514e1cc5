package api

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"example.com/riffle/api/internal/admission"
	"example.com/riffle/internal/suggest"
)

// served is one model on offer: opened on first use, with its own workers and
// its own queue.
type served struct {
	Model
	task *task
	gate *admission.Gate

	statistics statistics

	mu    sync.Mutex // held while opening
	model *openModel // nil until it is open
}

// registry holds the models of a server. The first of a task is the task's
// default.
type registry struct {
	all    []*served
	byTask map[*task][]*served
	byName map[string]*served
}

// newRegistry checks the models of a server.
func newRegistry(models []Model) (*registry, error) {
	reg := &registry{byTask: map[*task][]*served{}, byName: map[string]*served{}}
	for i, m := range models {
		switch {
		case m.Name == "" || strings.ContainsAny(m.Name, "/?# ") || m.Name == "list":
			return nil, fmt.Errorf("model %d: %q cannot be a model's name: it stands in paths", i+1, m.Name)
		case m.Open == nil:
			return nil, fmt.Errorf("model %q: nothing to open it with", m.Name)
		case reg.byName[m.Name] != nil:
			return nil, fmt.Errorf("model %q is given twice", m.Name)
		case m.Workers < 0 || m.Threads < 0 || m.Queue < -1:
			return nil, fmt.Errorf("model %q: workers, threads and queue cannot be negative", m.Name)
		}
		m = m.withDefaults()
		s := &served{Model: m, task: m.Open.task(), gate: admission.NewGate(m.Workers, m.Queue, m.MaxWait)}
		reg.all = append(reg.all, s)
		reg.byTask[s.task] = append(reg.byTask[s.task], s)
		reg.byName[m.Name] = s
	}
	return reg, nil
}

// withDefaults fills in what is not set, and makes 0 of what stands for none.
func (m Model) withDefaults() Model {
	setDefault(&m.Threads, 1)
	setDefault(&m.Workers, max(1, runtime.GOMAXPROCS(0)/m.Threads))
	setDefault(&m.Queue, 16*m.Workers)
	m.Queue = max(m.Queue, 0)
	setDefault(&m.MaxWait, DefaultMaxWait)
	m.MaxWait = max(m.MaxWait, time.Duration(0))
	return m
}

// find is the model of a name for a task, the task's first one for the empty
// name.
func (reg *registry) find(t *task, name string) (*served, error) {
	models := reg.byTask[t]
	if len(models) == 0 {
		return nil, failf(kindUnknownModel, "this service offers no %s", t.noun)
	}
	if name == "" {
		return models[0], nil
	}
	m := reg.byName[name]
	switch {
	case m == nil:
		return nil, failf(kindUnknownModel, "no model %q here%s", clip(name), suggest.Hint(clip(name), reg.names(t)))
	case m.task != t:
		return nil, failf(kindUnknownModel, "model %q is a %s: use /%s", clip(name), m.task.noun, m.task.name)
	}
	return m, nil
}

// refusing is a model whose queue is full, if no request for a task that names
// this model ("" for none) can be let in; nil if one may be. It is asked before a
// body is read, which may name another model.
func (reg *registry) refusing(t *task, name string) *served {
	models := reg.byTask[t]
	if m := reg.byName[name]; m != nil && m.task == t {
		models = []*served{m}
	}
	for _, m := range models {
		if !m.gate.Full() {
			return nil
		}
	}
	if len(models) == 0 {
		return nil
	}
	return models[0]
}

// names are those of the models for a task.
func (reg *registry) names(t *task) []string {
	names := make([]string, len(reg.byTask[t]))
	for i, m := range reg.byTask[t] {
		names[i] = m.Name
	}
	return names
}

// first is the default of the first task that has models: a service is ready when
// it can be used.
func (reg *registry) first() *served {
	for _, t := range tasks {
		if models := reg.byTask[t]; len(models) > 0 {
			return models[0]
		}
	}
	return nil // of a server without models, which there is not
}

// allNames are those of all models.
func (reg *registry) allNames() []string {
	names := make([]string, len(reg.all))
	for i, m := range reg.all {
		names[i] = m.Name
	}
	return names
}

// open loads the model if it is not loaded yet. A failure is not kept: the next
// request tries again.
func (m *served) open() (*openModel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.model != nil {
		return m.model, nil
	}
	model, err := m.Open.open()
	if err != nil {
		return nil, &failure{kind: kindModelBroken, detail: fmt.Sprintf("model %q cannot be loaded", m.Name), cause: err}
	}
	model.labels = newLabelIndex(model.classes)
	m.model = model
	return model, nil
}

// loaded is the model if it is open, without waiting for one who opens it.
func (m *served) loaded() *openModel {
	if !m.mu.TryLock() {
		return nil
	}
	defer m.mu.Unlock()
	return m.model
}

// clip shortens what a stranger wrote to what fits an error line.
func clip(s string) string { return clipTo(s, 60) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
