package guard

import "time"

// Usage is what was used between two instants.
type Usage struct {
	// Over is the time between them.
	Over time.Duration
	// Kernel, Runs and CPU are what Sample's grew by.
	Kernel, CPU time.Duration
	Runs        uint64
	// RSS is Sample's at the later instant, in bytes.
	RSS int64
}

// Percent is the share of one CPU that was used; on n CPUs it can be up to n × 100.
func (u Usage) Percent() float64 { return percent(u.Kernel+u.CPU, u.Over) }

func percent(used, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return 100 * float64(used) / float64(over)
}

// window keeps the samples of the last length, and the newest one before them.
type window struct {
	length  time.Duration
	samples []Sample
}

// maxSamples bounds a window; when it is full every second sample goes.
const maxSamples = 128

// add takes the next sample and returns what was used in the trailing window.
// It is never less than length, so what was used before the first full window
// is measured against a whole one.
func (w *window) add(s Sample) Usage {
	if n := len(w.samples); n > 0 && s.At <= w.samples[n-1].At {
		return w.usage() // not a later one
	}
	w.samples = append(w.samples, s)
	old := 0
	for old+1 < len(w.samples) && w.samples[old+1].At <= s.At-w.length {
		old++
	}
	w.samples = append(w.samples[:0], w.samples[old:]...)
	if len(w.samples) > maxSamples {
		thin := w.samples[:1]
		for i := 2; i < len(w.samples); i += 2 {
			thin = append(thin, w.samples[i])
		}
		w.samples = thin
	}
	return w.usage()
}

func (w *window) usage() Usage {
	if len(w.samples) == 0 {
		return Usage{Over: w.length}
	}
	first, last := w.samples[0], w.samples[len(w.samples)-1]
	u := Usage{
		Over:   max(last.At-first.At, w.length),
		Kernel: max(last.Kernel-first.Kernel, 0),
		CPU:    max(last.CPU-first.CPU, 0),
		RSS:    last.RSS,
	}
	if last.Runs > first.Runs {
		u.Runs = last.Runs - first.Runs
	}
	return u
}
