package awssm_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

const rounds = 10

// Two processes write on the same versions, ten times over, through sockets and
// with settings from the environment: each time one of them wins.
func TestTwoProcessesRace(t *testing.T) {
	if os.Getenv("TOKENWARDEN_RACER") != "" {
		race(t)
		return
	}
	isolate(t)
	server := &awstest.Server{AccessKeys: []string{"AKIDPROCESS"}}
	web := httptest.NewServer(server)
	defer web.Close()

	type racer struct {
		cmd *exec.Cmd
		in  *bufio.Writer
		out *bufio.Scanner
	}
	var racers []racer
	for i := range 2 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesRace$")
		cmd.Env = append(os.Environ(), fmt.Sprint("TOKENWARDEN_RACER=", i), "AWS_REGION="+awstest.DefaultRegion, "AWS_ENDPOINT_URL="+web.URL,
			"AWS_ACCESS_KEY_ID=AKIDPROCESS", "AWS_SECRET_ACCESS_KEY=secret")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		racers = append(racers, racer{cmd, bufio.NewWriter(in), bufio.NewScanner(out)})
	}
	for round := range rounds {
		for _, r := range racers { // both have read before either writes
			if !r.out.Scan() || r.out.Text() != "read" {
				t.Fatalf("round %d: a racer says %q", round, r.out.Text())
			}
		}
		for _, r := range racers {
			_, _ = r.in.WriteString("go\n")
			_ = r.in.Flush()
		}
		won := 0
		for i, r := range racers {
			if !r.out.Scan() {
				t.Fatalf("round %d: racer %d is gone", round, i)
			}
			switch said := r.out.Text(); said {
			case "won":
				won++
				if got, want := server.Value("race", "AWSCURRENT"), fmt.Sprintf(`{"token":"%s-%d-%d"}`, token, i, round); got != want {
					t.Errorf("round %d: holds %s, want %s", round, got, want)
				}
			case "lost":
			default:
				t.Errorf("round %d: racer %d says %q", round, i, said)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d racers won", round, won)
		}
	}
	for _, r := range racers {
		if err := r.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// race is one of the processes.
func race(t *testing.T) {
	store, at := awssm.New(awssm.Config{}), secrets.Ref{Scheme: secrets.AWS, Path: "race", Field: "token"}
	in := bufio.NewScanner(os.Stdin)
	for round := range rounds {
		seen, err := store.Read(t.Context(), at)
		if err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			return
		}
		fmt.Println("read")
		in.Scan()
		value := fmt.Sprintf("%s-%s-%d", token, os.Getenv("TOKENWARDEN_RACER"), round)
		_, err = store.Write(t.Context(), at, secrets.Write{Value: secrets.NewValue(value), Expect: seen.Version, Key: value[len(token):]})
		switch {
		case err == nil:
			fmt.Println("won")
		case errors.Is(err, secrets.ErrConflict):
			fmt.Println("lost")
		default:
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			return
		}
	}
}
