package ctlcmd

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

// AtOnce gives the whole answer to a request that a process of user uid has sent,
// or nil where [Handler.ServeHTTP] must answer. It is for what nearly every run of
// a hook says, its health, in ctl's own form of a request: that only notes
// something in memory. Whatever may wait, is somebody else's or is wrong in any
// way goes the other way.
func (h *Handler) AtOnce(uid uint32, request []byte) (answer []byte) {
	body, ok := snapctl.WholeRequest(request)
	if !ok {
		return nil
	}
	var req api.CtlRequest
	if decode(body, &req) != nil {
		return nil
	}
	l, err := parse(req.Args)
	if err != nil || l.command.Name != "set-health" && l.command.Name != "add-check" {
		return nil
	}
	hctx, err := h.contexts.Lookup(req.Cookie, uid)
	if err != nil || !hctx.Ephemeral() {
		return nil
	}
	return message(h.run(context.Background(), hctx, l))
}

// message is what the server sends to a client of HTTP/1.0.
func message(resp api.CtlResponse) []byte {
	body, err := json.Marshal(resp)
	if err != nil {
		panic("internal error: a response did not marshal: " + err.Error())
	}
	b := make([]byte, 0, len(body)+160)
	b = append(b, "HTTP/1.0 200 OK\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)+1), 10)
	b = append(b, "\r\nContent-Type: application/json\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n\r\n"...)
	return append(append(b, body...), '\n')
}
