package mcp

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tracecar/collector"
)

func TestJSONAPI(t *testing.T) {
	stub := newStub()
	stub.start = func(r *stubRun) {
		if r.script.Source == "bad" {
			r.finish(collector.StatusFailed,
				collector.Diagnostic{Severity: "warning", Message: "never mind"},
				collector.Diagnostic{Severity: "error", Message: "syntax error", Hint: "did you mean good?"})
			return
		}
		r.finish(collector.StatusCompleted)
	}
	base := listen(t, stubServer(t, stub))
	for _, tt := range []struct {
		body   string
		status int
		err    string // of the answer
		data   string // the status in its data
	}{
		{`{"method":"execute_bpftrace_script","params":{"script":"x"}}`, 200, "", "completed"},
		{`{"method":"execute_bpftrace_script","params":{"script":"bad"}}`, 400, "syntax error (did you mean good?)", "failed"},
		{`{"method":"execute_bpftrace_script","params":{"script":"x","timeout":-5}}`, 400, `argument "timeout": must be more than 0, got -5`, ""},
		{`{"method":"execute_bpftrace_script","params":[]}`, 400, "must be a JSON object", ""},
		{`{"method":"nope"}`, 400, `unknown method "nope"; there are execute_bpftrace_script, get_bpftrace_info`, ""},
		{`{"params":{}}`, 400, `unknown method ""`, ""},
		{`[]`, 400, "the body must be a JSON object", ""},
		{``, 400, "the body must be a JSON object", ""},
		{`{"method":"get_bpftrace_info"}`, 200, "", ""},
		{`{"method":"list_runs","params":null}`, 200, "", ""},
	} {
		for _, path := range []string{"/api/mcp", "/api/mcp/request"} {
			res, err := http.Post(base+path, "application/json", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Success *bool          `json:"success"`
				Error   string         `json:"error"`
				Data    map[string]any `json:"data"`
			}
			err = json.NewDecoder(res.Body).Decode(&got)
			res.Body.Close()
			if err != nil || got.Success == nil || *got.Success != (tt.status == 200) || res.StatusCode != tt.status {
				t.Errorf("%s %s: %s %+v, %v", path, tt.body, res.Status, got, err)
				continue
			}
			if !strings.Contains(got.Error, tt.err) || (tt.err == "") != (got.Error == "") {
				t.Errorf("%s: error %q", tt.body, got.Error)
			}
			if tt.data != "" && got.Data["status"] != tt.data {
				t.Errorf("%s: data %v", tt.body, got.Data)
			}
			if tt.status == 200 && got.Data == nil {
				t.Errorf("%s: no data", tt.body)
			}
		}
	}
	if got := stub.runs[0].script.Trigger; got != "http" {
		t.Errorf("trigger %q", got)
	}
}

func getJSON(t *testing.T, url string) (int, map[string]any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, m
}

func TestAPITools(t *testing.T) {
	status, m := getJSON(t, listen(t, stubServer(t, newStub()))+"/api/tools")
	tools := m["tools"].([]any)
	if status != 200 || len(tools) != 9 {
		t.Fatalf("%d, %d tools", status, len(tools))
	}
	first := tools[0].(map[string]any)
	if first["name"] != "execute_bpftrace_script" || first["inputSchema"] == nil || first["outputSchema"] == nil {
		t.Errorf("first is %v", first["name"])
	}
}

func TestHealth(t *testing.T) {
	stub := newStub()
	s := stubServer(t, stub)
	base := listen(t, s)
	if status, m := getJSON(t, base+"/healthz"); status != 200 || m["status"] != "ok" {
		t.Errorf("healthz %d %v", status, m)
	}
	if status, m := getJSON(t, base+"/readyz"); status != 200 || m["status"] != "ready" {
		t.Errorf("readyz %d %v", status, m)
	}
	forget := func() { s.ready = readiness{} }
	forget()
	stub.info = &collector.Info{Available: true, Problems: []collector.HostProblem{{What: "not mounted", Fix: "mount it", Fatal: true}}}
	if status, m := getJSON(t, base+"/readyz"); status != 503 || m["status"] != "not ready" {
		t.Errorf("readyz with a problem: %d %v", status, m)
	}
	forget()
	stub.info = &collector.Info{}
	if status, _ := getJSON(t, base+"/readyz"); status != 503 {
		t.Errorf("readyz without bpftrace: %d", status)
	}
}
