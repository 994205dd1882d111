// Command netcheck serves TCP and UDP ports, or says whether one can be reached.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

// within is how long an answer may take. A packet that is dropped is sent again after one second.
const within = 3 * time.Second

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "serve":
		for _, address := range os.Args[2:] {
			must(serve(address))
		}
		select {}
	case len(os.Args) == 4 && os.Args[1] == "dial":
		must(dial(os.Args[2], os.Args[3]))
	default:
		must(fmt.Errorf("usage: netcheck serve :PORT... | netcheck dial tcp|udp ADDRESS"))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers whatever connects to an address with "ok".
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			must(err)
			_, _ = connection.Write([]byte("ok"))
			connection.Close()
		}
	}()
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	go func() {
		buffer := make([]byte, 16)
		for {
			_, from, err := packets.ReadFrom(buffer)
			must(err)
			_, _ = packets.WriteTo([]byte("ok"), from)
		}
	}()
	return nil
}

// dial fails unless the address answers "ok".
func dial(network, address string) error {
	connection, err := net.DialTimeout(network, address, within)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if network == "udp" {
		if _, err := connection.Write([]byte("?")); err != nil {
			return err
		}
	}
	answer := make([]byte, 2)
	if _, err := connection.Read(answer); err != nil {
		return err
	}
	if string(answer) != "ok" {
		return fmt.Errorf("%s answers %q", address, answer)
	}
	return nil
}
