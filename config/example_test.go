package config_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"tracecar/config"
)

func Example() {
	c, err := config.Load("testdata/good/issue.yaml", os.Environ(), map[string]any{"listen": "127.0.0.1:9000"})
	if err != nil {
		log.Fatal(err) // one line for each mistake: file:line:column: key: what is wrong
	}
	for _, p := range c.Probes {
		fmt.Println(p.Name, p.Periodic())
	}
	// Output:
	// syscalls false
	// block-io false
	// slow-opens true
}

func ExampleConfig_Watch() {
	c, err := config.Load("tracecar.yaml", os.Environ(), nil)
	if err != nil {
		log.Fatal(err)
	}
	current := c
	err = c.Watch(context.Background(), func(c *config.Config, err error) {
		if err != nil {
			log.Print("the old configuration stays in force: ", err)
			return
		}
		changes := config.Diff(current, c)
		log.Print("restart ", changes.Changed, ", stop ", changes.Removed, ", start ", changes.Added)
		current = c
	})
	log.Print(err)
}
