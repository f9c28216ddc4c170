package api

// CtlRequest is what ctl sends: POST /v1/ctl on the ctl socket. Args must be
// valid UTF-8; the client refuses others before it encodes them.
type CtlRequest struct {
	Cookie string   `json:"cookie"`
	Args   []string `json:"args"`
	Stdin  []byte   `json:"stdin,omitempty"`
}

// CtlResponse is what ctl prints, and how it exits: 0 done, 1 refused, 2 wrong
// usage. (3, daemon not reachable, only the client can know.)
type CtlResponse struct {
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
	ExitCode int    `json:"exit-code"`
}
