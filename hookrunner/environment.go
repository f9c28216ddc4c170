package hookrunner

import (
	"path/filepath"
	"strconv"
)

// systemPath is where a hook finds programs after ctl's and its package's own.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environment is the whole environment of a hook, or with hook and phase empty of
// a service or an app (design §6): nothing is inherited. HOME is the revision's
// data. Without a cookie there are no variables for it: whoever starts a service
// adds them. A service's or app's TMPDIR is not the hooks', which is emptied
// between runs; it is made here, for users of all kinds, as /tmp is.
func (r *Runner) Environment(p Package, cookie, hook string, phase Phase) []string {
	p = r.complete(p)
	if hook == "" {
		if err := makeAppTmp(p); err != nil {
			r.log.Warn("a service has no TMPDIR", "package", p.Name, "error", err)
		}
		return r.environment(p, cookie, "", "", appTmp(p))
	}
	return r.environment(p, cookie, hook, phase, hookTmp(p, nil))
}

func (r *Runner) environment(p Package, cookie, hook string, phase Phase, tmp string) []string {
	rev := strconv.Itoa(p.Revision)
	env := make([]string, 0, 28)
	env = append(env,
		"PATH="+r.dirs.RunBin()+":"+filepath.Join(p.Root, "bin")+":"+systemPath,
		"HOME="+p.Data,
		"TMPDIR="+tmp,
		"LANG=C.UTF-8",
		"PKG="+p.Root,
		"PKG_NAME="+p.Name,
		"PKG_REVISION="+rev,
		"PKG_VERSION="+p.Version,
		"PKG_DATA="+p.Data,
		"PKG_COMMON="+p.Common,
		"PKGD_CTL_SOCKET="+r.dirs.CtlSocket(),
		"SNAP="+p.Root,
		"SNAP_NAME="+p.Name,
		"SNAP_INSTANCE_NAME="+p.Name,
		"SNAP_REVISION="+rev,
		"SNAP_VERSION="+p.Version,
		"SNAP_DATA="+p.Data,
		"SNAP_COMMON="+p.Common,
	)
	if cookie != "" {
		env = append(env, "PKG_COOKIE="+cookie, "SNAP_COOKIE="+cookie, "SNAP_CONTEXT="+cookie)
	}
	if hook != "" {
		env = append(env, "PKG_HOOK="+hook)
	}
	if phase != "" {
		env = append(env, "PKG_HEALTH_PHASE="+string(phase))
	}
	return env
}

func (r *Runner) complete(p Package) Package {
	if p.Tmp == "" {
		p.Tmp = r.dirs.Tmp(p.Name)
	}
	return p
}
