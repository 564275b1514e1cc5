package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Routes that CodeProject.AI has beside DeepStack's: its status, since 2.4 below
// /v1/server, and its modules. Clients: Blue Iris, its own dashboard's API.

// CodeProjectStatus is the answer to the routes of CodeProject.AI's status.
type CodeProjectStatus struct {
	Success bool                `json:"success" doc:"true"`
	Message string              `json:"message" doc:"in words"`
	Version *CodeProjectVersion `json:"version,omitempty" doc:"of riffle; 0.0.0 if this build has none"`
	Update  *bool               `json:"updateAvailable,omitempty" doc:"false: riffle does not look for updates"`
	Code    int                 `json:"code" doc:"200"`
	DeepStackTime
}

// CodeProjectVersion is a version in parts.
type CodeProjectVersion struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Patch int `json:"patch"`
}

// CodeProjectModules is the answer to /v1/module/list.
type CodeProjectModules struct {
	Success bool                `json:"success" doc:"true"`
	Modules []CodeProjectModule `json:"modules" doc:"one: riffle"`
	Code    int                 `json:"code" doc:"200"`
	DeepStackTime
}

// CodeProjectModule describes riffle as a module.
type CodeProjectModule struct {
	ModuleID string `json:"moduleId" doc:"riffle"`
	Name     string `json:"name" doc:"riffle"`
	Version  string `json:"version"`
	Status   string `json:"status" doc:"Started"`
	Queue    string `json:"queue" doc:"objectdetection_queue, as CodeProject.AI calls the one of its detectors"`
}

// CodeProjectServices is the answer to /v1/status/analysis/list.
type CodeProjectServices struct {
	Success  bool                 `json:"success" doc:"true"`
	Statuses []CodeProjectService `json:"statuses" doc:"one: riffle"`
	Code     int                  `json:"code" doc:"200"`
	DeepStackTime
}

// CodeProjectService is the status of a module.
type CodeProjectService struct {
	ModuleID string `json:"moduleId" doc:"riffle"`
	Name     string `json:"name" doc:"riffle"`
	Status   string `json:"status" doc:"Started"`
}

func (s *Server) codeProjectRoutes(r chi.Router, handle func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) {
	answer := func(make func() any) http.HandlerFunc {
		return handle(func(w http.ResponseWriter, r *http.Request) error {
			writeJSON(w, r, http.StatusOK, "application/json", make())
			return nil
		})
	}
	for _, prefix := range []string{"/status", "/server/status"} {
		r.Get(prefix+"/ping", answer(func() any { return s.codeProjectStatus("riffle " + s.cfg.Version) }))
		r.Get(prefix+"/version", answer(func() any {
			a := s.codeProjectStatus(s.cfg.Version)
			a.Version = codeProjectVersion(s.cfg.Version)
			return a
		}))
		r.Get(prefix+"/updateavailable", answer(func() any {
			a := s.codeProjectStatus("riffle does not look for updates")
			a.Version, a.Update = codeProjectVersion(s.cfg.Version), new(bool)
			return a
		}))
		r.Get(prefix+"/analysis/list", answer(func() any {
			return CodeProjectServices{true, []CodeProjectService{{"riffle", "riffle", "Started"}}, http.StatusOK, deepStackTime()}
		}))
	}
	modules := answer(func() any {
		return CodeProjectModules{true, []CodeProjectModule{{"riffle", "riffle", s.cfg.Version, "Started", "objectdetection_queue"}}, http.StatusOK, deepStackTime()}
	})
	r.Get("/module/list", modules)
	r.Get("/module/list/installed", modules)
}

func (s *Server) codeProjectStatus(message string) CodeProjectStatus {
	return CodeProjectStatus{Success: true, Message: message, Code: http.StatusOK, DeepStackTime: deepStackTime()}
}

// codeProjectVersion takes a version such as v1.2.3-4-gabc apart.
func codeProjectVersion(version string) *CodeProjectVersion {
	v := &CodeProjectVersion{}
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.SplitN(core, ".", 3)
	for i, part := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if i < len(parts) {
			*part, _ = strconv.Atoi(parts[i])
		}
	}
	return v
}
