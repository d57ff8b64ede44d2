package counters

import (
	"math"
	"testing"
)

// oneSecond returns a sample of one second.
func oneSecond(at int64, value float64) Sample { return Sample{From: at, To: at + 1, Value: value} }

// mean returns an averaged sample of five minutes.
func mean(at int64, value, rise float64) Sample {
	return Sample{From: at, To: at + 300, Value: value, Averaged: true, Rise: rise}
}

func TestTrack(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		name    string
		samples []Sample
		want    float64
	}{
		{"nothing", nil, 0},
		{"the first counts in full", []Sample{oneSecond(10, 500)}, 500},
		{"rises", []Sample{oneSecond(10, 5), oneSecond(20, 7), oneSecond(30, 7), oneSecond(40, 20)}, 20},
		{"begins again", []Sample{oneSecond(10, 100), oneSecond(20, 30), oneSecond(30, 50)}, 150},
		{"begins again twice", []Sample{oneSecond(10, 100), oneSecond(20, 30), oneSecond(30, 20), oneSecond(40, 0)}, 150},
		{"doubled", []Sample{oneSecond(10, 100), oneSecond(10, 100), oneSecond(20, 110), oneSecond(20, 110)}, 110},
		{"doubled with different values", []Sample{oneSecond(10, 100), oneSecond(20, 90), oneSecond(20, 110), oneSecond(30, 120)}, 220},
		{"late", []Sample{oneSecond(20, 100), oneSecond(10, 50), oneSecond(30, 120)}, 120},
		{"gap", []Sample{oneSecond(10, 100), oneSecond(100000, 4000)}, 4000},
		{"gap over a new beginning", []Sample{oneSecond(10, 100), oneSecond(100000, 40)}, 140},
		{"not a number", []Sample{oneSecond(10, 100), oneSecond(20, nan), oneSecond(30, -1), oneSecond(40, math.Inf(1)), oneSecond(50, 110)}, 110},
		{"no time", []Sample{{From: 10, To: 10, Value: 5}}, 0},
		{"means of one reading each", []Sample{mean(0, 100, nan), mean(300, 200, 100), mean(600, 50, -150), mean(900, 20, -30)}, 270},
		{"a mean of before and after", []Sample{mean(0, 1000, nan), mean(300, 505, -247.5), mean(600, 30, 5)}, 1030},
		{"a mean of before and after is last", []Sample{mean(0, 1000, nan), mean(300, 505, -247.5)}, 1000},
		{"a mean of before and after, which stood still", []Sample{mean(0, 1000, nan), mean(300, 500, -500), mean(600, 30, 5)}, 1030},
		{"a mean that may be one", []Sample{mean(0, 1000, nan), mean(300, 505, nan), mean(600, 600, nan)}, 1600},
		{"the piece is not over", []Sample{mean(0, 100, nan), mean(0, 120, nan), mean(300, 200, nan)}, 200},
		{"a late reading lowers a mean", []Sample{mean(0, 100, nan), mean(0, 95, nan), mean(300, 200, nan)}, 200},
		{"a finer grain from now on", []Sample{{From: 0, To: 3600, Value: 100}, {From: 1800, To: 2100, Value: 90}, {From: 2100, To: 2400, Value: 130}, {From: 3600, To: 3900, Value: 150}}, 150},
		{"a coarser grain from now on", []Sample{{From: 3300, To: 3600, Value: 100}, {From: 3600, To: 7200, Value: 400}}, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			var track Track
			for _, s := range test.samples {
				track.Add(s)
			}
			if got := track.Total(); got != test.want || track.Known() != (test.want > 0) {
				t.Errorf("%v, want %v: %+v", got, test.want, track)
			}
		})
	}
}

// TestFollower: totals are as of the cutoffs, and samples after the settled time are read again in
// the next window.
func TestFollower(t *testing.T) {
	start := Track{From: 0, To: 1, Value: 10}
	r := Follow(State{Settled: start, Latest: start}, []int64{100, 200, 300}, 150)
	for _, s := range []Sample{oneSecond(50, 20), oneSecond(100, 30), oneSecond(199, 5), oneSecond(250, 8)} {
		r.Add(s, s.To)
	}
	for i, want := range []float64{20, 35, 38} {
		if got, known := r.TotalAt(i); got != want || !known {
			t.Errorf("as of moment %d: %v %t, want %v", i, got, known, want)
		}
	}
	if state := r.State(); state.Settled.Total() != 30 || state.Settled.To != 101 || state.Latest.Total() != 38 {
		t.Errorf("%+v", state)
	}
	none := Follow(State{}, []int64{100}, 50)
	if _, known := none.TotalAt(0); known || none.State().Known() {
		t.Error("a total without a sample")
	}
	later := Follow(State{}, []int64{100, 200}, 50)
	later.Add(oneSecond(150, 5), 151)
	if _, known := later.TotalAt(0); known {
		t.Error("a total before the first sample")
	}
	if got, known := later.TotalAt(1); got != 5 || !known {
		t.Errorf("%v %t", got, known)
	}
}

// TestLeftArchive: samples after the settled time that have left the archive since still count.
func TestLeftArchive(t *testing.T) {
	first := Follow(State{}, []int64{400}, 150)
	for _, s := range []Sample{oneSecond(100, 10), oneSecond(200, 20), oneSecond(300, 5)} {
		first.Add(s, s.To)
	}
	second := Follow(first.State(), []int64{10_000}, 9_000)
	second.Add(oneSecond(9_500, 3), 9_501)
	if got, _ := second.TotalAt(0); got != 28 {
		t.Errorf("%v, want 28: %+v", got, first.State())
	}
	if state := second.State(); state.Settled.Total() != 25 || state.Latest.Total() != 28 {
		t.Errorf("%+v", state)
	}
}
