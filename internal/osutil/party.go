package osutil

import "net/netip"

// PartyOf is who counts as one where what each may take is bounded: an address, of
// IPv6 the network that a host has to itself.
func PartyOf(ip netip.Addr) string {
	ip = ip.Unmap()
	if ip.Is6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
