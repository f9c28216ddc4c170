package cli

var Ago, In, Seconds, Size = ago, in, seconds, size
