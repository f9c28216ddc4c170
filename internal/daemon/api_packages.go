package daemon

import (
	"net/http"

	"pkgd.io/pkgd/internal/api"
)

func getPackages(d *Daemon, _ http.ResponseWriter, _ *http.Request) (answer, error) {
	return answer{result: d.o.Packages.List()}, nil
}

func postPackages(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.PackageRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	return d.do(r, req)
}

func postPackage(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.PackageRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	if len(req.Targets) > 0 {
		return answer{}, badRequest("field \"targets\": the package is named by the path")
	}
	req.Targets = []string{r.PathValue("name")}
	return d.do(r, req)
}

func (d *Daemon) do(r *http.Request, req api.PackageRequest) (answer, error) {
	do := func() (answer, error) {
		change, res, err := d.o.Packages.Do(r.Context(), req)
		return answer{result: res, change: change}, err
	}
	if req.DryRun { // only looks
		return do()
	}
	return d.lasting(r, do)
}

func getPackage(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	info, err := d.o.Packages.Info(r.PathValue("name"))
	return answer{result: info}, err
}

func getWhy(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	why, err := d.o.Packages.Why(r.PathValue("name"))
	if !d.isAdmin(r) {
		why = withoutOutput(why)
	}
	return answer{result: why}, err
}

// withoutOutput takes from a story what a hook printed: it may hold secrets,
// which a status and its message are not meant to.
func withoutOutput(why api.Why) api.Why {
	why.HookOutput, why.Error = "", ""
	return why
}

func getData(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	items, err := d.o.Packages.Data(r.PathValue("name"))
	return answer{result: items}, err
}

func postData(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.DataRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	do := func() (answer, error) {
		return answer{}, d.o.Packages.DataAction(r.Context(), r.PathValue("name"), req)
	}
	if req.Action == "drop" { // may be what makes room on a full disk
		return do()
	}
	return d.lasting(r, do)
}

func postExec(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.ExecRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	x, err := d.o.Packages.Exec(req)
	return answer{result: x}, err
}
