package snapctl

func Encode(r Request) []byte          { return appendRequest(nil, r) }
func Decode(b []byte) (Response, bool) { return parseResponse(b) }
func Body(b []byte) (body []byte, ok bool) {
	body, whole, ok := parseMessage(b, true)
	return body, whole && ok
}
