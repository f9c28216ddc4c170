package monitoring_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/needs"
)

// zabbixServer is Zabbix's own server with its web interface, over a database of
// its own.
type zabbixServer struct {
	zabbix
	url, token string
	host       string // the id of the one that it watches
}

// newZabbixServer watches a host with the template of its page, by its agent.
func newZabbixServer(t *testing.T) *zabbixServer {
	t.Helper()
	const share = "/usr/share/zabbix-server-pgsql"
	server, php := needs.Program(t, "zabbix_server", "zabbix-server-pgsql"), needs.Program(t, "php", "php-cli php-pgsql")
	if _, err := os.Stat("/usr/share/zabbix/api_jsonrpc.php"); err != nil {
		needs.Missing(t, "Zabbix's web interface is missing: apt-get install zabbix-frontend-php")
	}
	agent, _ := newZabbix(t)
	s := &zabbixServer{zabbix: agent}
	db := s.database()
	s.fill(db, filepath.Join(share, "schema.sql.gz"), nil)
	s.fill(db, filepath.Join(share, "data.sql.gz"), first)

	_, port, _ := strings.Cut(address(t), ":")
	s.runs(server, "-f", "-c", write(t, filepath.Join(s.dir, "zabbix_server.conf"), fmt.Sprintf(`ListenIP=127.0.0.1
ListenPort=%s
DBHost=%s
DBName=postgres
DBUser=zabbix
LogType=console
PidFile=%[3]s/server.pid
SocketDir=%[3]s
AllowRoot=1
CacheUpdateFrequency=1
StartPollers=1
StartPreprocessors=1
StartDiscoverers=0
StartPingers=0
`, port, db, s.dir), 0o644))
	s.url = "http://" + s.serves(php, db) + "/api_jsonrpc.php"
	s.watches()
	return s
}

// database runs a new PostgreSQL, which needs not survive anything, and gives the
// folder of its socket.
func (s *zabbixServer) database() string {
	s.t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		needs.Missing(s.t, "PostgreSQL is missing: apt-get install postgresql")
	}
	dir := shortDir(s.t)
	as := []string{}
	if os.Getuid() == 0 { // whom it refuses
		as = []string{needs.Program(s.t, "setpriv", "util-linux"), "--reuid=postgres", "--regid=postgres", "--clear-groups"}
		if out, err := exec.Command("chown", "postgres:", dir).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
	}
	initdb := append(as, filepath.Join(filepath.Dir(found[0]), "initdb"), "-D", dir+"/data", "-U", "zabbix", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if code, out := exitOf(s.t, exec.Command(initdb[0], initdb[1:]...)); code != 0 {
		s.t.Fatalf("%v: %s", initdb, out)
	}
	run := append(as, found[0], "-D", dir+"/data", "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off")
	postgres := s.runs(run[0], run[1:]...)
	s.t.Cleanup(func() { // its own processes, which are in groups of their own, end with it
		_ = postgres.Process.Signal(syscall.SIGQUIT)
		_ = postgres.Wait()
	})
	eventually(s.t, "the database answers", func() bool {
		return exec.Command("psql", "-h", dir, "-U", "zabbix", "-c", "", "postgres").Run() == nil
	})
	return dir
}

// first is what a database has to have at first: who may log in, and what is
// looked up. The templates that come with Zabbix are a hundred thousand rows more.
var first = regexp.MustCompile(`^(INSERT INTO (role|role_rule|users|usrgrp|users_groups|config|config_autoreg_tls|hstgrp|regexps|expressions) |START|COMMIT)`)

// fill puts the statements of a packed file into a database; with lines, of those
// only.
func (s *zabbixServer) fill(db, file string, lines *regexp.Regexp) {
	s.t.Helper()
	packed, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer packed.Close()
	text, err := gzip.NewReader(packed)
	if err != nil {
		s.t.Fatal(err)
	}
	var sql bytes.Buffer
	for r := bufio.NewReader(text); err == nil; {
		var line []byte
		if line, err = r.ReadBytes('\n'); lines == nil || lines.Match(line) {
			sql.Write(line)
		}
	}
	if err != io.EOF {
		s.t.Fatal(err)
	}
	psql := exec.Command("psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", db, "-U", "zabbix", "postgres")
	psql.Stdin = &sql
	if out, err := psql.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", file, err, out)
	}
}

// serves runs the web interface, from a copy that looks for its configuration in
// the test's own folder, and gives where.
func (s *zabbixServer) serves(php, db string) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, "web")
	if err := os.CopyFS(dir, os.DirFS("/usr/share/zabbix")); err != nil {
		s.t.Fatal(err)
	}
	config := write(s.t, filepath.Join(s.dir, "zabbix.conf.php"),
		fmt.Sprintf("<?php\n$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '%s', 'PORT' => '0', 'DATABASE' => 'postgres', 'USER' => 'zabbix', 'PASSWORD' => ''];\n", db), 0o644)
	file := filepath.Join(dir, "include/classes/core/CConfigFile.php")
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	text = regexp.MustCompile(`(CONFIG_FILE_PATH = )'.*'`).ReplaceAll(text, []byte("${1}'"+config+"'"))
	write(s.t, file, string(text), 0o644)
	at := address(s.t)
	s.runs(php, "-d", "memory_limit=256M", "-S", at, "-t", dir)
	eventually(s.t, "the web interface answers", func() bool { return status("http://"+at+"/api_jsonrpc.php") != 0 })
	return at
}

// asks calls Zabbix's API and gives the result.
func asks[T any](s *zabbixServer, method string, params any) (result T) {
	s.t.Helper()
	call := map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
	if s.token != "" {
		call["auth"] = s.token
	}
	body, err := json.Marshal(call)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: limit}).Post(s.url, "application/json-rpc", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Result T
		Error  any
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Error != nil {
		s.t.Fatalf("%s: %v: %s", method, err, text)
	}
	return answer.Result
}

// watches does what the page says is to be done in Zabbix.
func (s *zabbixServer) watches() {
	s.t.Helper()
	s.token = asks[string](s, "user.login", map[string]string{"username": "Admin", "password": "zabbix"})
	create := map[string]bool{"createMissing": true}
	rules := map[string]any{"groups": create, "templates": create, "items": create, "triggers": create, "discoveryRules": create}
	if !asks[bool](s, "configuration.import", map[string]any{"format": "yaml", "rules": rules, "source": s.here(read(s.t, templateFile))}) {
		s.t.Fatal("the template is not imported")
	}
	type found []struct{ Templateid, Groupid string }
	template := asks[found](s, "template.get", map[string]any{"filter": map[string]string{"host": "pkgd by Zabbix agent"}})
	group := asks[found](s, "hostgroup.get", map[string]any{"filter": map[string]string{"name": "Linux servers"}})
	_, port, _ := strings.Cut(s.at, ":")
	s.host = asks[struct{ Hostids []string }](s, "host.create", map[string]any{
		"host":       "harbour",
		"groups":     []any{map[string]string{"groupid": group[0].Groupid}},
		"templates":  []any{map[string]string{"templateid": template[0].Templateid}},
		"interfaces": []any{map[string]any{"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": port}},
	}).Hostids[0]
}

// looks has the server look at everything now, as its button "Execute now" does,
// instead of in a minute.
func (s *zabbixServer) looks() {
	s.t.Helper()
	var tasks []any
	for _, i := range asks[[]struct{ Itemid string }](s, "item.get", map[string]any{"hostids": s.host, "filter": map[string]int{"type": 0}}) {
		tasks = append(tasks, map[string]any{"type": 6, "request": map[string]string{"itemid": i.Itemid}})
	}
	asks[any](s, "task.create", tasks)
}

// problems has the server look until it says so many items as it should and just
// these problems.
func (s *zabbixServer) problems(items int, want ...string) {
	s.t.Helper()
	var got []string
	for deadline := time.Now().Add(2 * limit); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		s.looks()
		got = nil
		for _, p := range asks[[]struct{ Name string }](s, "problem.get", map[string]any{"hostids": s.host}) {
			got = append(got, p.Name)
		}
		slices.Sort(got)
		if slices.Equal(got, want) && s.supported() == items {
			return
		}
	}
	s.t.Fatalf("%d items are supported, want %d; problems: %s", s.supported(), items, cmp.Diff(want, got))
}

// supported counts the items that have a value.
func (s *zabbixServer) supported() (n int) {
	s.t.Helper()
	type item struct{ State, Lastclock string }
	for _, i := range asks[[]item](s, "item.get", map[string]any{"hostids": s.host, "output": []string{"state", "lastclock"}}) {
		if i.State == "0" && i.Lastclock != "0" {
			n++
		}
	}
	return n
}

func TestZabbixTellsOfABrokenPackageAndThatItIsWellAgain(t *testing.T) {
	t.Parallel()
	s := newZabbixServer(t)
	s.has("web", "db")
	const items = 6 // without pkgd.health itself, of which no history is kept
	s.problems(items)
	s.says("web", broken)
	s.problems(items, "A package is broken or blocked", "Package web is error")
	s.says("web", well)
	s.problems(items)
}
