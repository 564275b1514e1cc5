package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What Blue Iris and CodeProject.AI's own clients ask beside detection.
func TestCodeProjectStatus(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Version = "v1.2.3-4-gabcdef"; c.APIKeys = []string{"k"} })
	for _, path := range []string{
		"/v1/status/ping", "/v1/server/status/ping", "/v1/status/version", "/v1/server/status/version", "/v1/status/updateavailable",
		"/v1/server/status/updateavailable", "/v1/module/list", "/v1/module/list/installed", "/v1/status/analysis/list", "/v1/server/status/analysis/list",
	} {
		w := call(s, "GET", path, nil)
		var got struct {
			Success         bool
			Timestamp       string `json:"timestampUTC"`
			Version         *CodeProjectVersion
			UpdateAvailable *bool
			Modules         []CodeProjectModule
		}
		decodeAnswer(t, w, &got)
		if _, err := time.Parse(http.TimeFormat, got.Timestamp); w.Code != 200 || !got.Success || err != nil {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		switch {
		case strings.HasSuffix(path, "version") && *got.Version != CodeProjectVersion{1, 2, 3},
			strings.HasSuffix(path, "updateavailable") && (got.UpdateAvailable == nil || *got.UpdateAvailable),
			strings.Contains(path, "module") && (len(got.Modules) != 1 || got.Modules[0].Status != "Started"):
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

// Detections, lists and errors of DeepStack's routes tell the time, too.
func TestDeepStackAnswersTellTheTime(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	body, contentType := frigateForm(jpegOf(t, 80, 40))
	for path, r := range map[string]string{
		"detection": post(s, "/v1/vision/detection", body, "Content-Type", contentType).Body.String(),
		"list":      call(s, "GET", "/v1/vision/custom/list", nil).Body.String(),
		"error":     post(s, "/v1/vision/detection", nil).Body.String(),
	} {
		if !strings.Contains(r, `"timestampUTC":"`) {
			t.Errorf("%s: %s", path, r)
		}
	}
}

// Labels choose on DeepStack's routes, fields may stand in the query, what means
// nothing is named, and what looks misspelt is refused.
func TestDeepStackFields(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := string(jpegOf(t, 80, 40))
	for _, tt := range []struct {
		query  string
		fields []formPart
		want   string // labels, or the error
		status int
	}{
		{"", []formPart{{"labels", "", "car, dog:0.3"}}, "car dog", 200},
		{"", []formPart{{"labels", "", "dining_table:0.05"}}, "dining table", 200},
		{"?labels=person&min_confidence=0.1", nil, "person", 200},
		{"?min_confidence=0.5", nil, "person car", 200},
		{"?min_confidence=0.1", []formPart{{"min_confidence", "", "0,5"}}, "person car", 200},
		{"?max_detections=1", nil, "person", 200},
		{"", []formPart{{"labels", "", "cart"}}, `did you mean "car"`, 400},
		{"", []formPart{{"min_confidenc", "", "0.5"}}, `did you mean "min_confidence"`, 400},
		{"?label=car", nil, `did you mean "labels"`, 400},
		{"", []formPart{{"typedname", "", "front"}, {"admin_key", "", "x"}}, "person car", 200},
	} {
		form, contentType := formOf(t, append([]formPart{{"image", "a.jpg", photo}}, tt.fields...)...)
		w := post(s, "/v1/vision/detection"+tt.query, form.Bytes(), "Content-Type", contentType)
		var got DeepStackAnswer
		decodeAnswer(t, w, &got)
		var labels []string
		for _, p := range got.Predictions {
			if p.Confidence >= 0.45 || tt.query != "" || len(tt.fields) > 0 && tt.fields[0].field == "labels" {
				labels = append(labels, p.Label)
			}
		}
		said := strings.Join(labels, " ")
		if tt.status != 200 {
			said = w.Body.String()
		}
		if w.Code != tt.status || !strings.Contains(strings.ReplaceAll(said, `\"`, `"`), tt.want) || tt.status == 200 && said != tt.want {
			t.Errorf("%s %v: %d %s", tt.query, tt.fields, w.Code, w.Body)
		}
		if len(tt.fields) == 2 && strings.Join(got.Ignored, " ") != "admin_key typedname" {
			t.Errorf("ignored %v", got.Ignored)
		}
	}
}

// The API key of a form opens the list of models, too.
func TestListTakesTheKeyOfAForm(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.APIKeys = []string{"secret"} })
	right, contentType := formOf(t, formPart{"api_key", "", "secret"})
	wrong, wrongType := formOf(t, formPart{"api_key", "", "guess"})
	for _, tt := range []struct {
		body, contentType string
		status            int
	}{
		{right.String(), contentType, 200}, {wrong.String(), wrongType, 401}, {"", "", 401},
		{"api_key=secret", "application/x-www-form-urlencoded", 200}, {"api_key=x", "application/x-www-form-urlencoded", 401},
	} {
		w := post(s, "/v1/vision/custom/list", []byte(tt.body), "Content-Type", tt.contentType)
		if w.Code != tt.status {
			t.Errorf("%s: %d %s", tt.contentType, w.Code, w.Body)
		}
	}
}
