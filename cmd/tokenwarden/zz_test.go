package main
import ("testing";"bytes";"fmt";"time")
func TestMeasure(t *testing.T) {
	var b bytes.Buffer
	a := newApp(environment{stderr: &b, stderrTerminal: true})
	p := a.progress("rotating", -1)
	p.say("token 5: create")
	time.Sleep(100*time.Millisecond)
	p.say("token 5: store")
	time.Sleep(100*time.Millisecond)
	p.stop()
	fmt.Printf("%q\n", b.String())
	time.Sleep(300*time.Millisecond);fmt.Printf("%q\n", b.String());b.Reset()
	p = a.progress("accounts", 3)
	time.Sleep(100*time.Millisecond)
	p.to(1)
	time.Sleep(100*time.Millisecond)
	p.to(3)
	p.stop()
	fmt.Printf("%q\n", b.String())
}
