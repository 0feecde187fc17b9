// SPDX-License-Identifier: Apache-2.0

// Keeps 30 MiB and throws away ten times as much.
package main

import (
	"fmt"
	"runtime"
)

var kept [][]byte
var thrown []byte

func block() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = 1
	}
	return b
}

func main() {
	var stats runtime.MemStats
	for i := 0; i < 30; i++ {
		kept = append(kept, block())
		for k := 0; k < 10; k++ {
			thrown = block()
		}
	}
	runtime.ReadMemStats(&stats)
	fmt.Printf("has %dM after ~%d collections\n", len(kept), stats.NumGC)
}
