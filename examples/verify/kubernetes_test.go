package verify_test

import (
	"strings"
	"testing"
	"time"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/robfig/cron/v3"
)

// manifest is what the file has, decoded as strictly as an API server does with
// --validate=strict.
type manifest struct {
	account core.ServiceAccount
	config  core.ConfigMap
	cron    batch.CronJob
}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	for _, document := range strings.Split(read(t, "kubernetes/tokenwarden.yaml"), "\n---\n") {
		var header struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &header); err != nil {
			t.Fatal(err)
		}
		into, known := map[string]any{
			"v1 ServiceAccount": &m.account, "v1 ConfigMap": &m.config, "batch/v1 CronJob": &m.cron,
		}[header.APIVersion+" "+header.Kind]
		if !known {
			t.Fatalf("unexpected %s %s", header.APIVersion, header.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%s: %v", header.Kind, err)
		}
	}
	return m
}

func TestCronJob(t *testing.T) {
	m := readManifest(t)
	spec, job := m.cron.Spec, m.cron.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	if _, err := cron.ParseStandard(spec.Schedule); err != nil {
		t.Error(err)
	}
	if spec.TimeZone == nil {
		t.Error("no time zone: the schedule means whatever the control plane's clock does")
	} else if _, err := time.LoadLocation(*spec.TimeZone); err != nil {
		t.Error(err)
	}
	if spec.ConcurrencyPolicy != batch.ForbidConcurrent {
		t.Errorf("concurrencyPolicy is %q", spec.ConcurrencyPolicy)
	}
	if job.BackoffLimit == nil || *job.BackoffLimit != 0 || pod.RestartPolicy != core.RestartPolicyNever {
		t.Error("a run that failed is repeated at once")
	}
	limit := timeout(t, pod.Containers[0].Args)
	if job.ActiveDeadlineSeconds == nil || seconds(*job.ActiveDeadlineSeconds) < limit+5*time.Minute {
		t.Errorf("activeDeadlineSeconds leaves no time for the image and the end of a run of %s", limit)
	}
	if pod.TerminationGracePeriodSeconds == nil || seconds(*pod.TerminationGracePeriodSeconds) < uncut {
		t.Error("terminationGracePeriodSeconds is too short for what must not be cut")
	}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func TestPodIsRestricted(t *testing.T) {
	m := readManifest(t)
	template := m.cron.Spec.JobTemplate.Spec.Template
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	restricted := func() policy.AggregateCheckResult {
		return policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	}
	if result := restricted(); !result.Allowed {
		t.Errorf("a namespace that enforces Pod Security \"restricted\" refuses the pod: %s", result.ForbiddenDetail())
	}
	container := &template.Spec.Containers[0]
	if root := container.SecurityContext.ReadOnlyRootFilesystem; root == nil || !*root {
		t.Error("the root file system can be written")
	}
	for _, mount := range container.VolumeMounts {
		if !mount.ReadOnly {
			t.Errorf("%s can be written", mount.MountPath)
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom != nil {
			t.Errorf("%s: a secret in the environment, where it should be a file", variable.Name)
		}
	}
	for _, automount := range []*bool{m.account.AutomountServiceAccountToken, template.Spec.AutomountServiceAccountToken} {
		if automount == nil || *automount {
			t.Error("a token for the API server is mounted, and nothing needs it")
		}
	}

	container.SecurityContext.AllowPrivilegeEscalation = nil // it would be noticed
	if restricted().Allowed {
		t.Error("Pod Security does not mind what it should")
	}
}

// Names within the file fit each other.
func TestManifestNames(t *testing.T) {
	m := readManifest(t)
	pod := m.cron.Spec.JobTemplate.Spec.Template.Spec
	if pod.ServiceAccountName != m.account.Name {
		t.Errorf("there is no service account %s", pod.ServiceAccountName)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil && v.ConfigMap.Name != m.config.Name {
			t.Errorf("there is no ConfigMap %s", v.ConfigMap.Name)
		}
		if v.Secret != nil && v.Secret.DefaultMode != nil && *v.Secret.DefaultMode&0o007 != 0 {
			t.Error("everybody may read the secrets")
		}
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("there is no volume %s", mount.Name)
		}
		delete(volumes, mount.Name)
	}
	if len(volumes) != 0 {
		t.Errorf("these volumes are not mounted: %v", volumes)
	}
}
