package nova

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// apelMonths is the part of the APEL server that decides what is billed: it keeps the last record
// that arrives for a server and month, and a month's usage is its figures less those of the last
// month before it (APEL 2.5.0, the VMUsage summaries).
type apelMonths map[int]apelFigures

// apelFigures are cumulative, in seconds. CPU is negative where the record has none.
type apelFigures struct{ wall, suspended, cpu int64 }

func monthNumber(t time.Time) int { return t.UTC().Year()*12 + int(t.UTC().Month()) }

func (a apelMonths) receive(r *pluginv1.CloudRecord) {
	key := monthNumber(r.GetRecordCreateTime().AsTime())
	if r.GetEndTime() != nil {
		key = monthNumber(r.GetEndTime().AsTime())
	}
	figures := apelFigures{r.GetWallDuration().GetSeconds(), r.GetSuspendDuration().GetSeconds(), -1}
	if r.GetCpuDuration() != nil {
		figures.cpu = r.GetCpuDuration().GetSeconds()
	}
	a[key] = figures
}

// usage returns what is billed for each month. A month without processor time is not billed any.
func (a apelMonths) usage() map[int]apelFigures {
	usage := map[int]apelFigures{}
	var before apelFigures
	for _, key := range slices.Sorted(maps.Keys(a)) {
		now := a[key]
		billed := apelFigures{now.wall - before.wall, now.suspended - before.suspended, 0}
		if now.cpu >= 0 {
			billed.cpu = now.cpu - before.cpu
			before.cpu = now.cpu
		}
		before.wall, before.suspended = now.wall, now.suspended
		usage[key] = billed
	}
	return usage
}

// changeSimulator has the true history of one server.
type changeSimulator struct {
	t     *rapid.T
	cloud *standin.Cloud

	created, end time.Time
	// confirmed are the times at which sizes began; vcpus are the sizes.
	confirmed []time.Time
	vcpus     []int64
	sleeps    [][2]time.Time // a zero end has not come yet
	events    []simulatedEvent
}

type simulatedEvent struct {
	at    time.Time
	apply func()
}

const settling = 5 * time.Second // of an action in the stand-in

// draw draws the history and the events in the cloud that make it.
func (s *changeSimulator) draw(base time.Time) {
	sizes := map[string]int64{"c1": 1, "c2": 2, "c4": 4, "c8": 8}
	names := slices.Sorted(maps.Keys(sizes))
	at := base.Add(time.Duration(rapid.IntRange(0, 40*24*3600).Draw(s.t, "created")) * time.Second)
	s.created, s.confirmed, s.vcpus = at, []time.Time{at}, []int64{1}
	drawFlavor := func() string {
		// nova refuses a resize to the flavor that a server has.
		return rapid.SampledFrom(slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return sizes[name] == s.vcpus[len(s.vcpus)-1]
		})).Draw(s.t, "flavor")
	}
	add := func(apply func(time.Time)) time.Time {
		when := at
		s.events = append(s.events, simulatedEvent{when, func() { apply(when) }})
		return when
	}
	for range rapid.IntRange(0, 8).Draw(s.t, "changes") {
		pause := func(label string) {
			at = at.Add(time.Duration(rapid.IntRange(15, 20*24*3600).Draw(s.t, label)) * time.Second)
		}
		pause("pause")
		switch rapid.SampledFrom([]string{"resize", "revert", "migrate", "suspend", "shelve", "failed"}).Draw(s.t, "change") {
		case "resize":
			flavor := drawFlavor()
			add(func(t time.Time) { s.cloud.ResizeServer("vm", flavor, t) })
			pause("until it is confirmed")
			when := add(func(t time.Time) { s.cloud.ConfirmResize("vm", t) })
			s.confirmed, s.vcpus = append(s.confirmed, when), append(s.vcpus, sizes[flavor])
		case "revert":
			flavor := drawFlavor()
			add(func(t time.Time) { s.cloud.ResizeServer("vm", flavor, t) })
			pause("until it is reverted")
			add(func(t time.Time) { s.cloud.RevertResize("vm", t) })
		case "migrate":
			add(func(t time.Time) { s.cloud.MigrateServer("vm", t) })
			pause("until it is confirmed")
			add(func(t time.Time) { s.cloud.ConfirmResize("vm", t) })
		case "suspend":
			begin := add(func(t time.Time) { s.cloud.SuspendServer("vm", t) })
			pause("until it is resumed")
			s.sleeps = append(s.sleeps, [2]time.Time{begin.Add(settling), add(func(t time.Time) { s.cloud.ResumeServer("vm", t) }).Add(settling)})
		case "shelve":
			begin := add(func(t time.Time) { s.cloud.ShelveServer("vm", t) })
			pause("until it is unshelved")
			s.sleeps = append(s.sleeps, [2]time.Time{begin.Add(settling), add(func(t time.Time) { s.cloud.UnshelveServer("vm", t) }).Add(settling)})
		case "failed":
			add(func(t time.Time) {
				s.cloud.FailAction("vm", rapid.SampledFrom([]string{"resize", "suspend", "shelve", "confirmResize"}).Draw(s.t, "action"), t)
			})
		}
	}
	if rapid.Bool().Draw(s.t, "is deleted") {
		at = at.Add(time.Duration(rapid.IntRange(15, 20*24*3600).Draw(s.t, "deleted")) * time.Second)
		s.end = add(func(t time.Time) { s.cloud.DeleteServer("vm", t) })
	}
}

// advance lets time pass in the cloud.
func (s *changeSimulator) advance(now time.Time) {
	s.cloud.SetNow(now)
	for len(s.events) > 0 && !s.events[0].at.Add(2*settling).After(now) {
		s.events[0].apply()
		s.events = s.events[1:]
	}
}

// figures returns the true figures as of a time.
func (s *changeSimulator) figures(t time.Time, countsSleeps bool) apelFigures {
	if !s.end.IsZero() && s.end.Before(t) {
		t = s.end
	}
	between := func(a, b time.Time) int64 {
		if b.After(t) {
			b = t
		}
		return max(0, int64(b.Sub(a)/time.Second))
	}
	slept := func(a, b time.Time) (sum int64) {
		for _, sleep := range s.sleeps {
			from, to := sleep[0], sleep[1]
			if from.Before(a) {
				from = a
			}
			if to.After(b) {
				to = b
			}
			if countsSleeps {
				sum += between(from, to)
			}
		}
		return sum
	}
	far := t.AddDate(10, 0, 0)
	all := apelFigures{suspended: slept(s.created, far)}
	all.wall = between(s.created, far) - all.suspended
	for i, vcpus := range s.vcpus {
		end := far
		if i+1 < len(s.confirmed) {
			end = s.confirmed[i+1]
		}
		all.cpu += vcpus * (between(s.confirmed[i], end) - slept(s.confirmed[i], end))
	}
	return all
}

// TestBilledWithChanges: over any changes of a server and any windows, with republished windows,
// gaps, checkpoints that are moved back, states that are not readable and outboxes that are lost,
// nothing that APEL bills for a month is negative. As long as every run saw at most one new size,
// and nothing was lost, every month is exact.
func TestBilledWithChanges(t *testing.T) {
	var cloud *standin.Cloud
	// One address for the clouds of all checks.
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cloud.ServeHTTP(w, r) }))
	defer web.Close()
	rapid.Check(t, func(rt *rapid.T) {
		mode := rapid.SampledFrom([]string{"none", "actions"}).Draw(rt, "suspend_duration")
		settings := map[string]string{"DEFAULT.suspend_duration": mode,
			"nova.full_list_interval": rapid.SampledFrom([]string{"0", "86400", "8640000"}).Draw(rt, "full_list_interval")}
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		cloud = standin.New(standin.Options{DateOfNow: true, Now: base, Empty: true})
		b := &bench{t: t, cloud: cloud, url: web.URL}
		project := addSmallProject(cloud)
		for name, vcpus := range map[string]int{"c1": 1, "c2": 2, "c4": 4, "c8": 8} {
			b.cloud.AddFlavor(standin.Flavor{ID: name, Name: name, VCPUs: vcpus, RAM: 1024 * vcpus, Disk: 10})
		}
		truth := &changeSimulator{t: rt, cloud: b.cloud}
		truth.draw(base)
		cuts := []time.Time{base}
		for range rapid.IntRange(1, 10).Draw(rt, "windows") {
			last := cuts[len(cuts)-1]
			cuts = append(cuts, last.Add(time.Duration(rapid.IntRange(60, 30*24*3600).Draw(rt, "window"))*time.Second))
		}
		apel, state, exact := apelMonths{}, []byte(nil), true
		from, seen, sighted := beginning, 1, false
		exists := false
		extract := func(request sdk.ExtractRequest) []byte {
			extractor, _ := configured(t, settingsFor(b, settings))
			a := (&bench{t: t, cloud: b.cloud, extractor: extractor}).run(request, project)
			if a.err != nil {
				rt.Fatalf("extracting %v: %v", request.Window, a.err)
			}
			for _, record := range a.records {
				apel.receive(record.GetCloud())
			}
			return a.state
		}
		check := func(until time.Time) {
			for month, billed := range apel.usage() {
				if billed.wall < 0 || billed.suspended < 0 && exact || billed.cpu < 0 {
					rt.Fatalf("month %d is billed %+v (%v)", month, billed, apel)
				}
				if !exact {
					continue
				}
				last := time.Date(0, time.Month(month+1), 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
				if until.Before(last) {
					last = until
				}
				if want := truth.figures(last, mode == "actions"); apel[month] != want {
					rt.Fatalf("as of %v %+v is reported, want %+v", last, apel[month], want)
				}
			}
		}
		for _, to := range cuts {
			now := to.Add(time.Duration(rapid.IntRange(10, 60).Draw(rt, "late")) * time.Second)
			if !exists && truth.created.Before(now) {
				one := server(project, "vm", truth.created)
				one.FlavorID = "c1"
				b.cloud.AddServer(one)
				exists = true
			}
			truth.advance(now)
			fresh := 0
			for _, confirmed := range truth.confirmed[seen:] {
				if !confirmed.Add(2 * settling).After(now) {
					fresh++
				}
			}
			seen += fresh
			firstSight := !sighted && truth.created.Before(to)
			sighted = sighted || firstSight
			// A first list sees the present size only. Later, of several new sizes the last one is seen;
			// and none of them if another resize is not confirmed yet.
			one, _ := b.cloud.Server("vm")
			shown := one.Flavor != nil && int64(one.Flavor.VCPUs) == truth.vcpus[seen-1]
			if firstSight && (seen > 1 || !shown) || fresh > 1 || fresh == 1 && (!sighted || !shown) {
				exact = false
			}
			switch rapid.SampledFrom([]string{"", "", "", "", "", "republish", "back", "gap", "unreadable", "lost"}).Draw(rt, "fault") {
			case "republish":
				if i := rapid.IntRange(0, len(cuts)-1).Draw(rt, "republished from"); cuts[i].Before(from) {
					extract(sdk.ExtractRequest{Window: sdk.Window{From: cuts[i], To: from}, State: state, Republish: true})
					check(from)
				}
			case "back":
				if i := rapid.IntRange(0, len(cuts)-1).Draw(rt, "back to"); cuts[i].Before(from) {
					from = cuts[i]
				}
			case "gap":
				if from.After(beginning) {
					from, exact = from.Add(to.Sub(from)/2).Truncate(time.Second), false
				}
			case "unreadable":
				if state != nil {
					state, exact = append(slices.Clone(state), 'x'), false
				}
			case "lost":
				if state != nil {
					from, state, exact = beginning, nil, false
				}
			}
			state = extract(sdk.ExtractRequest{Window: sdk.Window{From: from, To: to}, State: state})
			from = to
			check(to)
		}
	})
}

// settingsFor returns the settings to sign in to the cloud of a bench, and others.
func settingsFor(b *bench, settings map[string]string) map[string]string {
	all := map[string]string{"extractor.user": standin.AccountingUser, "extractor.password": standin.AccountingPassword,
		"extractor.endpoint": b.url + "/identity/v3"}
	maps.Copy(all, settings)
	return all
}
