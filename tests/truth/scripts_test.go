package truth

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// lib is what every hook is: it asks the world's folder W what to do.
const lib = `W=%s
key=$PKG_NAME-$PKG_VERSION point=$PKG_HOOK$PKG_HEALTH_PHASE
if [ "$(cat $W/block-$PKG_NAME 2>/dev/null)" = "$point" ]; then
	echo here >$W/at-$PKG_NAME
	read -r _ <$W/go-$PKG_NAME
fi
[ "$(cat $W/fail-$PKG_NAME 2>/dev/null)" != "$point" ] || exit 3
note() { grep -qx "$1" $PKG_DATA/trail 2>/dev/null || echo "$1" >>$PKG_DATA/trail; }
health() {
	case $1 in
	active) ctl set-health active ;;
	waiting) ctl set-health waiting --code=is-starting Soon ;;
	maintenance) ctl set-health maintenance --code=is-migrating Soon ;;
	blocked) ctl set-health blocked --code=needs-key Help ;;
	error) ctl set-health error --code=went-bad Broken ;;
	silent) ;;
	fail) exit 3 ;;
	failwaiting) ctl set-health waiting --code=is-starting Soon; exit 3 ;;
	check) ctl add-check disk fail Full ;;
	esac
}
case $PKG_HOOK in
install) note i$PKG_VERSION; ctl set installed=$PKG_VERSION ;;
pre-refresh) note q$PKG_VERSION ;;
post-refresh) note p$PKG_VERSION; ctl set refreshed=$PKG_VERSION ;;
check-health)
	say=$(cat $W/say-$key)
	if [ -e $W/back-$key ] && [ $PKG_HEALTH_PHASE != before ]; then say=$(cat $W/back-$key); fi
	if [ $PKG_HEALTH_PHASE = after ]; then
		n=$(($(cat $W/n-$key 2>/dev/null || echo 0) + 1)) i=0
		echo $n >$W/n-$key
		up=$W/up-$PKG_NAME-$PKG_REVISION
		if [ $n = 2 ] && [ -e $W/flap-$key ] && [ -e $up ]; then
			pid=$(cat $up)
			kill $pid
			while [ "$(cat $up)" = $pid ]; do sleep 0.01; done
		fi
		for a in $(cat $W/first-$key 2>/dev/null); do i=$((i + 1)); [ $i != $n ] || say=$a; done
	fi
	health $say ;;
esac
exit 0
`

const serve = `#!/bin/sh
[ ! -e %[1]s/down-$PKG_NAME-$PKG_VERSION ] || exit 1
grep -qx s$PKG_VERSION $PKG_DATA/trail 2>/dev/null || echo s$PKG_VERSION >>$PKG_DATA/trail
echo $$ >%[1]s/up-$PKG_NAME-$PKG_REVISION.new
mv %[1]s/up-$PKG_NAME-$PKG_REVISION.new %[1]s/up-$PKG_NAME-$PKG_REVISION
while read -r words <%[1]s/app-$PKG_NAME; do
	ctl $words
	echo $? >%[1]s/said-$PKG_NAME
done
`

const ready = `#!/bin/sh
kill -0 $(cat %[1]s/up-$PKG_NAME-$PKG_REVISION)
`

// tree writes the content v of a package.
func tree(world, name string, v int) (dir string, err error) {
	c := contents[v]
	dir = filepath.Join(world, "trees", name+strconv.Itoa(v))
	manifest := fmt.Sprintf("name: %s\nversion: %q\nsummary: For tests\nconfinement: none\n", name, strconv.Itoa(v))
	settle, bake := "0s", "0s"
	if c.long {
		settle = "5m"
	}
	if c.bake {
		bake = "20ms"
	}
	manifest += fmt.Sprintf("health: {settle: %s, bake: %s", settle, bake)
	if c.keep {
		manifest += ", on-regression: keep"
	}
	if c.revertOnBlocked {
		manifest += ", revert-on: [error, blocked]"
	}
	manifest += "}\n"
	if name == "hub" {
		manifest += "data: {versioned: false}\n"
	}
	if c.service {
		manifest += "services:\n  serve: {command: bin/serve, restart: \"" + map[bool]string{false: "no", true: "always"}[c.again] + "\", ready: {exec: bin/ready, timeout: 1m}}\n"
	}
	files := map[string]string{"meta/pkg.yaml": manifest, "bin/serve": fmt.Sprintf(serve, world), "bin/ready": fmt.Sprintf(ready, world)}
	hooks := []string{"install", "configure", "pre-refresh", "post-refresh", "remove"}
	if c.hook {
		hooks = append(hooks, "check-health")
	}
	for _, hook := range hooks {
		files["meta/hooks/"+hook] = "#!/bin/sh\n. " + world + "/lib.sh\n"
	}
	for path, text := range files {
		if err := write(filepath.Join(dir, path), text); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o755)
}
