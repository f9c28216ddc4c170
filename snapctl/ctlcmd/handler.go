package ctlcmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

// Limits of one request, beside its size in bytes ([snapctl.MaxRequest]).
const (
	maxArgs  = 1024
	bodyTime = 10 * time.Second // in which a request must have arrived
	sendTime = 30 * time.Second // in which the caller must have read the answer
)

// Handler serves POST /v1/ctl. Every answer, of whatever status, is an
// [api.CtlResponse]: 200 for a command that was run or refused, 4xx and 5xx for
// a request that is not one. The server must have [ConnContext].
type Handler struct {
	contexts *hookrunner.Contexts
	backend  Backend
	log      *slog.Logger
	gates    *gates
}

// NewHandler makes a handler of the calls of those who hold a cookie of contexts.
func NewHandler(contexts *hookrunner.Contexts, backend Backend, log *slog.Logger) *Handler {
	return &Handler{contexts: contexts, backend: backend, log: log, gates: newGates()}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/ctl" {
		send(w, http.StatusNotFound, refusal("there is nothing at "+strconv.Quote(r.URL.Path)+": use POST /v1/ctl"))
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		send(w, http.StatusMethodNotAllowed, refusal("method "+strconv.Quote(r.Method)+" is not served: use POST"))
		return
	}
	uid, ok := r.Context().Value(peerKey{}).(uint32)
	if !ok {
		send(w, http.StatusInternalServerError, refusal("internal error: the caller's user is not known"))
		return
	}
	req, status, err := read(w, r)
	if err != nil {
		send(w, status, refusal(err.Error()))
		return
	}
	send(w, http.StatusOK, h.answer(r.Context(), uid, req))
}

// read takes the request off the wire, within its limits.
func read(w http.ResponseWriter, r *http.Request) (req api.CtlRequest, status int, err error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, snapctl.MaxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return req, http.StatusRequestEntityTooLarge, errTooLarge
	}
	if err != nil {
		return req, http.StatusBadRequest, errors.New("cannot read the request: it did not arrive whole in time")
	}
	// Left in place, the deadline would end a call that takes its time.
	_ = rc.SetReadDeadline(time.Time{})
	return req, http.StatusBadRequest, decode(body, &req)
}

var errTooLarge = errors.New("the request is larger than " + strconv.Itoa(snapctl.MaxRequest>>10) + " KiB: send less at once")

func decode(body []byte, req *api.CtlRequest) error {
	// Checked before decoding: encoding/json would replace what is not UTF-8,
	// and the caller would never know.
	if !utf8.Valid(body) {
		return errors.New("the request is not valid UTF-8: encode other data (base64) first")
	}
	if err := json.Unmarshal(body, req); err != nil {
		return errors.New(`the request is not {"cookie": TEXT, "args": [TEXT, …]}: ` + err.Error())
	}
	if len(req.Args) > maxArgs {
		return errors.New("the request has more than " + strconv.Itoa(maxArgs) + " arguments: send fewer at once")
	}
	return nil
}

// answer finds who speaks and runs the command. Words come first: what is wrong
// with them can be said to anybody.
func (h *Handler) answer(ctx context.Context, uid uint32, req api.CtlRequest) api.CtlResponse {
	if text, asked := snapctl.Help(req.Args); asked {
		return api.CtlResponse{Stdout: text}
	}
	l, err := parse(req.Args)
	if err != nil {
		return failure(err)
	}
	if l.command.Name == "help" {
		text, _ := snapctl.Help(append([]string{"help"}, l.args...))
		return api.CtlResponse{Stdout: text}
	}
	hctx, err := h.contexts.Lookup(req.Cookie, uid)
	if err != nil {
		h.log.Debug("ctl call refused", "uid", uid, "reason", err.Error())
		return failure(hint(err))
	}
	leave, err := h.gates.enter(ctx, gate(hctx, l))
	if err != nil {
		return failure(err)
	}
	defer leave()
	return h.run(ctx, hctx, l)
}

func (h *Handler) run(ctx context.Context, hctx *hookrunner.Context, l line) api.CtlResponse {
	c := &call{ctx: ctx, hctx: hctx, backend: h.backend, line: l}
	err := c.run()
	h.log.Debug("ctl call", "package", hctx.Package(), "hook", hctx.Hook(), "app", hctx.App(),
		"command", l.command.Name, "error", text(err))
	if err != nil {
		return failure(err)
	}
	return api.CtlResponse{Stdout: c.stdout.String(), Stderr: c.stderr.String()}
}

// hint adds what to do about a cookie that is not accepted.
func hint(err error) error {
	switch {
	case errors.Is(err, hookrunner.ErrNoCookie):
		return errors.New(err.Error() + "; in a terminal, use pkgd")
	case errors.Is(err, hookrunner.ErrForeignUID):
		return errors.New(err.Error() + "; call ctl as the user that the hook or service runs as")
	}
	return err
}

func send(w http.ResponseWriter, status int, resp api.CtlResponse) {
	body, err := json.Marshal(resp)
	if err != nil {
		panic("internal error: a response did not marshal: " + err.Error())
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may be gone: nobody to tell
}
