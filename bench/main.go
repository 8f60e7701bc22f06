package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "origin":
			exit(runOrigin(os.Args[2]))
		case "bare":
			exit(runBare(os.Args[2], os.Args[3]))
		}
	}
	binary := flag.String("tollgate", "", "the tollgate binary to measure")
	requests := flag.Int("requests", 60_000, "requests of one measurement")
	rounds := flag.Int("rounds", 3, "rounds; medians are given with the spread")
	flag.Parse()
	if *binary == "" {
		fmt.Fprintln(os.Stderr, "bench: give -tollgate BINARY; build one with: go build -o /tmp/tollgate ./cmd/tollgate")
		os.Exit(2)
	}
	exit(compare(*binary, *requests, *rounds))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// compare measures every case on the bare proxy and on tollgate, interleaved,
// and prints the ratios. Both get the same bytes, so that both read as much.
func compare(binary string, requests, rounds int) error {
	stage, err := setUp(binary)
	if err != nil {
		return err
	}
	defer stage.close()
	ratios := map[string][]float64{}
	for round := range rounds {
		for _, c := range stage.cases() {
			bare, err := measure(stage.bare, c, requests)
			if err != nil {
				return fmt.Errorf("%s on the bare proxy: %w", c.name, err)
			}
			ours, err := measure(stage.tollgate, c, requests)
			if err != nil {
				return fmt.Errorf("%s on tollgate: %w", c.name, err)
			}
			ratios[c.name] = append(ratios[c.name], float64(ours)/float64(bare))
			fmt.Printf("round %d  %-34s bare %6s  tollgate %6s a request\n", round+1, c.name, bare.Round(10*time.Nanosecond), ours.Round(10*time.Nanosecond))
		}
	}
	fmt.Printf("\nCPU a request, as a ratio to the bare fasthttp proxy of the same round\n")
	for _, c := range stage.cases() {
		r := ratios[c.name]
		slices.Sort(r)
		fmt.Printf("%-34s %.2f  (%.2f to %.2f)\n", c.name, r[len(r)/2], r[0], r[len(r)-1])
	}
	return nil
}
