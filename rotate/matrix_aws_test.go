package rotate_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// awsServer is an AWS account in which the runs may do what docs/stores/aws.md
// says suffices.
type awsServer struct {
	*awstest.Server
	w *cellWorld
}

func newAWS(w *cellWorld) *awsServer {
	a := &awsServer{Server: &awstest.Server{}, w: w}
	if err := a.Attach(awsPolicy(w.t)); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func awsPolicy(t *testing.T) []byte {
	page, err := os.ReadFile("../docs/stores/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/stores/aws.md has no policy")
	}
	return block[1]
}

// withoutAWSSettings keeps the AWS settings of whoever runs the tests out of them.
func withoutAWSSettings(t *testing.T) {
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func (a *awsServer) furnish(ref secrets.Ref) {
	if ref.Field != "" {
		a.Server.Set(ref.Path, `{"host":"airflow.internal","port":5432}`)
	} else {
		a.Create(ref.Path)
	}
	a.SetTag(ref.Path, "team", "data")
	a.SetTag(ref.Path, "aws:cloudformation:stack-name", "airflow")
	a.Alter(ref.Path, func(p *awstest.Properties) {
		p.Description, p.KmsKeyID, p.ResourcePolicy = "of Airflow", "alias/airflow", `{"Version":"2012-10-17"}`
	})
}

func (a *awsServer) set(ref secrets.Ref, value string) {
	if ref.Field == "" {
		a.Server.Set(ref.Path, value)
		return
	}
	keys := keysOf(a.Value(ref.Path, "AWSCURRENT"))
	keys[ref.Field] = json.RawMessage(inOneLine(value))
	a.Server.Set(ref.Path, inOneLine(keys))
}

// keysOf takes a secret that is a JSON object apart.
func keysOf(text string) map[string]json.RawMessage {
	keys := map[string]json.RawMessage{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &keys); err != nil {
			panic(err)
		}
	}
	return keys
}

func (a *awsServer) mark(ref secrets.Ref, set secrets.Labels) {
	for fp, l := range set {
		a.SetTag(ref.Path, fp.Key(), l.Encode())
	}
}

func (a *awsServer) remove(ref secrets.Ref) {
	if a.Has(ref.Path) {
		a.Server.Delete(ref.Path)
	}
}

func (a *awsServer) look(ref secrets.Ref) seen {
	if !a.Has(ref.Path) {
		return a.seen(awstest.Change{Name: ref.Path}, awstest.Properties{}, nil)
	}
	c := awstest.Change{Name: ref.Path, Current: a.Value(ref.Path, "AWSCURRENT"), Tags: a.Tags(ref.Path)}
	versions := map[string]string{}
	for id, stages := range a.Stages(ref.Path) {
		for _, stage := range stages {
			switch stage {
			case "AWSCURRENT":
				c.Version, versions[id] = id, c.Current
			case "AWSPREVIOUS":
				versions[id] = a.Value(ref.Path, stage)
			}
		}
	}
	return a.seen(c, a.Properties(ref.Path), versions)
}

func (a *awsServer) observe(tell func(seen)) {
	a.Observe = func(c awstest.Change) { tell(a.seen(c, awstest.Properties{}, nil)) }
}

// seen tells what is ours in a secret from what is not.
func (a *awsServer) seen(c awstest.Change, properties awstest.Properties, versions map[string]string) seen {
	now := seen{version: c.Version, values: map[secrets.Ref]secrets.Value{}, labels: secrets.Labels{}, versions: versions}
	keys, tags := map[string]json.RawMessage{}, map[string]string{}
	for _, r := range a.w.refs {
		if r.Scheme != secrets.AWS || r.Path != c.Name {
			continue
		}
		now.object = r.Object()
		if r.Field == "" {
			now.values[r] = secrets.NewValue(c.Current)
			continue
		}
		if len(now.values) == 0 {
			keys = keysOf(c.Current)
		}
		var value string
		_ = json.Unmarshal(keys[r.Field], &value) // none is no value
		now.values[r] = secrets.NewValue(value)
		delete(keys, r.Field)
	}
	for key, text := range c.Tags {
		fp, ours := secrets.FingerprintOfKey(key)
		if label, err := secrets.ParseLabel(text); ours && err == nil {
			now.labels[fp] = label
		} else {
			tags[key] = text
		}
	}
	now.others = inOneLine([]any{keys, tags, properties})
	return now
}

func (a *awsServer) store(p *process) secrets.Store {
	return awssm.New(awssm.Config{
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret access key", ""),
		Transport:   wire{p, onAWS, awsCall, a.Server},
		Rand:        rand.NewChaCha8([32]byte{byte(p.seed), 1}),
	})
}

// awsCall names a request to AWS.
func awsCall(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
}
