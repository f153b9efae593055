package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const successName = "tokenwarden_last_success_timestamp_seconds"

// WriteFile replaces the file at path, which must end in .prom because
// node_exporter reads no other, in one step: a reader sees the old file or the
// new one, also when the process is killed in between. That can leave a
// PATH<number> behind, which node_exporter does not read.
func WriteFile(path string, r Run) error {
	if !strings.HasSuffix(path, ".prom") {
		return fmt.Errorf("%s does not end in .prom, and node_exporter reads no other file", path)
	}
	last := r.Finished
	if !r.Success {
		var err error
		if last, err = lastSuccess(path); err != nil {
			// A file that cannot be read says nothing about the last success;
			// that is no reason to keep quiet about this run.
			last = time.Time{}
		}
	}
	reg, err := r.collect(last)
	if err != nil {
		return fmt.Errorf("collecting the metrics: %w", err)
	}
	if err := prometheus.WriteToTextfile(path, reg); err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	return nil
}

// lastSuccess reads the time of the last success from the file of an earlier
// run; zero: there was none.
func lastSuccess(path string) (time.Time, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = file.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(file)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range families[successName].GetMetric() {
		return time.UnixMilli(int64(m.GetGauge().GetValue() * 1000)), nil
	}
	return time.Time{}, nil
}
