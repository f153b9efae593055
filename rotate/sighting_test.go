package rotate

import (
	"testing"
	"time"
)

// Moves of last_used count together only if they lie as far apart as our probes.
func TestSightings(t *testing.T) {
	const ms = time.Millisecond
	probe := func(sent, took, used time.Duration) sighting {
		return sighting{sent: noon.Add(sent), took: took, used: noon.Add(used), date: noon.Add(sent + took).Truncate(time.Second)}
	}
	for name, c := range map[string]struct {
		seen   []sighting
		enough bool
	}{
		"three that fit":      {[]sighting{probe(0, 40*ms, 20*ms), probe(1700*ms, 40*ms, 1730*ms), probe(4100*ms, 60*ms, 4110*ms)}, true},
		"two are too few":     {[]sighting{probe(0, 40*ms, 20*ms), probe(1700*ms, 40*ms, 1730*ms)}, false},
		"every two seconds":   {[]sighting{probe(0, 40*ms, 20*ms), probe(1700*ms, 40*ms, 2020*ms), probe(4100*ms, 60*ms, 4020*ms)}, false},
		"one does not fit":    {[]sighting{probe(0, 40*ms, 700*ms), probe(1700*ms, 40*ms, 1730*ms), probe(4100*ms, 60*ms, 4110*ms)}, false},
		"three after another": {[]sighting{probe(0, 40*ms, 700*ms), probe(1700*ms, 40*ms, 1730*ms), probe(4100*ms, 60*ms, 4110*ms), probe(6000*ms, 40*ms, 6020*ms)}, true},
		"whole seconds":       {[]sighting{probe(900*ms, 40*ms, 0), probe(2100*ms, 40*ms, 2000*ms), probe(3900*ms, 60*ms, 3000*ms)}, true},
		"three, slowly":       {[]sighting{probe(0, 400*ms, 200*ms), probe(1700*ms, 400*ms, 1900*ms), probe(4100*ms, 400*ms, 4300*ms)}, false},
		"a clock that runs faster": {[]sighting{
			{sent: noon, used: noon, date: noon},
			{sent: noon.Add(2 * time.Second), used: noon.Add(time.Minute), date: noon.Add(time.Minute)},
			{sent: noon.Add(4 * time.Second), used: noon.Add(2 * time.Minute), date: noon.Add(2 * time.Minute)},
		}, true},
		"five, slowly": {[]sighting{
			probe(0, 400*ms, 200*ms), probe(1700*ms, 400*ms, 2000*ms), probe(4100*ms, 400*ms, 4200*ms), probe(6000*ms, 300*ms, 6100*ms), probe(7900*ms, 400*ms, 8200*ms),
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var seen sightings
			for _, s := range c.seen {
				seen.add(s)
			}
			if seen.enough() != c.enough {
				t.Errorf("enough: %v", seen.enough())
			}
		})
	}
}
