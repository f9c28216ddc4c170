package service

// DetectOn is Detect on a host that is none.
func DetectOn(booted string, uid int, root string) (kind, why string) {
	return host{booted, uid}.detect(root)
}
