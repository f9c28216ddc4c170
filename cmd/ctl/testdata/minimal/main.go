// Command minimal is the smallest Go client that makes one request on a unix
// socket and reads the answer: what ctl is measured against.
package main

import "syscall"

const body = `{"cookie":"c","args":["set-health","active"]}`

const request = "POST /v1/ctl HTTP/1.0\r\nHost: pkgd\r\nContent-Length: 45\r\n\r\n" + body

func main() {
	socket, _ := syscall.Getenv("PKGD_CTL_SOCKET")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		syscall.Exit(3)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		syscall.Exit(3)
	}
	if _, err := syscall.Write(fd, []byte(request)); err != nil {
		syscall.Exit(3)
	}
	answer := make([]byte, 4096)
	if n, err := syscall.Read(fd, answer); err != nil || n == 0 {
		syscall.Exit(3)
	}
}
