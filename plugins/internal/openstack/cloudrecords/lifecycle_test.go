package cloudrecords

import (
	"math"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// at parses a time of the tests; an empty text is the zero time.
func at(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

const (
	created  = "2026-03-10 10:00:00"
	launched = "2026-03-10 10:00:30"
	changed  = "2026-03-20 12:00:00"
	from     = "2026-03-20 00:00:00"
	to       = "2026-03-21 00:00:00"
)

// TestStates has a case for every status of a server, as of the end of a window of one day.
func TestStates(t *testing.T) {
	started, completed := pluginv1.CloudStatus_CLOUD_STATUS_STARTED, pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
	suspended, stopped := pluginv1.CloudStatus_CLOUD_STATUS_SUSPENDED, pluginv1.CloudStatus_CLOUD_STATUS_STOPPED
	unknown, broken := pluginv1.CloudStatus_CLOUD_STATUS_UNKNOWN, pluginv1.CloudStatus_CLOUD_STATUS_ERROR
	type life struct{ status, created, updated, launched, terminated, deleting string }
	live := func(status string) life { return life{status, created, changed, launched, "", ""} }
	for _, test := range []struct {
		name   string
		life   life
		absent bool
		status pluginv1.CloudStatus
		end    string
	}{
		{name: "active", life: live("ACTIVE"), status: started},
		{name: "rebuild", life: live("REBUILD"), status: started},
		{name: "resize", life: live("RESIZE"), status: started},
		{name: "verify resize", life: live("VERIFY_RESIZE"), status: started},
		{name: "revert resize", life: live("REVERT_RESIZE"), status: started},
		{name: "migrating", life: live("MIGRATING"), status: started},
		{name: "reboot", life: live("REBOOT"), status: started},
		{name: "hard reboot", life: live("HARD_REBOOT"), status: started},
		{name: "password", life: live("PASSWORD"), status: started},
		{name: "rescue", life: live("RESCUE"), status: started},
		{name: "saving", life: live("SAVING"), status: started},
		{name: "shut off", life: live("SHUTOFF"), status: stopped},
		{name: "stopped", life: live("STOPPED"), status: stopped},
		{name: "paused", life: live("PAUSED"), status: pluginv1.CloudStatus_CLOUD_STATUS_PAUSED},
		{name: "suspended", life: live("SUSPENDED"), status: suspended},
		{name: "shelved", life: live("SHELVED"), status: suspended},
		{name: "shelved offloaded", life: live("SHELVED_OFFLOADED"), status: suspended},
		{name: "error after it ran", life: live("ERROR"), status: broken},
		{name: "unknown", life: live("UNKNOWN"), status: unknown},
		{name: "a state of the future", life: live("FLOATING"), status: unknown},
		{name: "stuck in BUILD", life: life{"BUILD", created, changed, "", "", ""}, status: started},
		{name: "in ERROR, never launched", life: life{"ERROR", "2026-03-20 10:00:00", changed, "", "", ""},
			status: completed, end: "2026-03-20 10:00:00"},
		{name: "in ERROR, never launched, made before the window", life: life{"ERROR", created, changed, "", "", ""}, absent: true},
		{name: "deleted, never launched", life: life{"DELETED", "2026-03-20 10:00:00", changed, "", "2026-03-20 11:00:00", ""},
			status: completed, end: "2026-03-20 10:00:00"},
		{name: "deleted in the window", life: life{"DELETED", created, changed, launched, "2026-03-20 11:00:00", ""},
			status: completed, end: "2026-03-20 11:00:00"},
		{name: "deleted at the window's first second", life: life{"DELETED", created, changed, launched, from, ""},
			status: completed, end: from},
		{name: "deleted a second before the window", life: life{"DELETED", created, changed, launched, "2026-03-19 23:59:59", ""}, absent: true},
		{name: "deleted at the window's last second", life: life{"DELETED", created, changed, launched, "2026-03-20 23:59:59", ""},
			status: completed, end: "2026-03-20 23:59:59"},
		{name: "deleted at the window's end", life: life{"DELETED", created, changed, launched, to, ""}, status: started},
		{name: "deleted after the window", life: life{"DELETED", created, "2026-04-01 00:00:00", launched, "2026-04-01 00:00:00", ""}, status: started},
		{name: "deleted without an end, action known", life: life{"DELETED", created, changed, launched, "", "2026-03-20 08:00:00"},
			status: completed, end: "2026-03-20 08:00:00"},
		{name: "deleted without an end, action unknown", life: life{"DELETED", created, changed, launched, "", ""},
			status: completed, end: changed},
		{name: "soft-deleted, action known", life: life{"SOFT_DELETED", created, changed, launched, "", "2026-03-20 09:00:00"},
			status: completed, end: "2026-03-20 09:00:00"},
		{name: "soft-deleted, action unknown", life: life{"SOFT_DELETED", created, changed, launched, "", ""},
			status: completed, end: changed},
		{name: "soft-deleted before the window", life: life{"SOFT_DELETED", created, changed, launched, "", "2026-03-18 09:00:00"}, absent: true},
		{name: "rebuilt: launched later", life: life{"ACTIVE", created, changed, changed, "", ""}, status: started},
		{name: "created after the window", life: life{"ACTIVE", "2026-03-21 00:00:00", "2026-03-21 00:00:00", "", "", ""}, absent: true},
		{name: "created at the window's last second", life: life{"ACTIVE", "2026-03-20 23:59:59", "2026-03-20 23:59:59", "", "", ""}, status: started},
		{name: "stopped after the window", life: life{"SHUTOFF", created, "2026-03-25 00:00:00", launched, "", ""}, status: started},
		{name: "ended before it was created", life: life{"DELETED", "2026-03-20 10:00:00", changed, launched, "2026-03-20 09:59:58", ""},
			status: completed, end: "2026-03-20 10:00:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			life := lifecycle{status: test.life.status, created: at(test.life.created), updated: at(test.life.updated),
				launched: at(test.life.launched), terminated: at(test.life.terminated), deleteStarted: at(test.life.deleting)}
			months := sdk.Months(sdk.Window{From: at(from), To: at(to)})
			if len(months) != 1 {
				t.Fatalf("a day has %d months", len(months))
			}
			figures, ok := life.figuresIn(months[0], false)
			if ok == test.absent {
				t.Fatalf("reported: %t, want %t", ok, !test.absent)
			}
			if test.absent {
				return
			}
			if figures.status != test.status || !figures.end.Equal(at(test.end)) {
				t.Errorf("%v, ended %v; want %v, ended %q", figures.status, figures.end, test.status, test.end)
			}
			until := at(to)
			if test.end != "" {
				until = at(test.end)
			}
			if want := until.Sub(life.created); figures.wall != want {
				t.Errorf("wall %v, want %v", figures.wall, want)
			}
			if !figures.asOf.Equal(at(to)) {
				t.Errorf("as of %v, want %s", figures.asOf, to)
			}
		})
	}
}

func TestNeedsDeleteStart(t *testing.T) {
	for _, test := range []struct {
		name string
		life lifecycle
		want bool
	}{
		{"live", lifecycle{status: "ACTIVE", launched: at(launched)}, false},
		{"deleted with an end", lifecycle{status: "DELETED", launched: at(launched), terminated: at(changed)}, false},
		{"deleted without", lifecycle{status: "DELETED", launched: at(launched)}, true},
		{"soft-deleted", lifecycle{status: "SOFT_DELETED", launched: at(launched)}, true},
		{"never launched", lifecycle{status: "DELETED"}, false},
	} {
		if got := test.life.needsDeleteStart(); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

// TestLateEnd: an end that lies before the window, but was not reported then, is reported now.
func TestLateEnd(t *testing.T) {
	life := lifecycle{status: "DELETED", created: at(created), launched: at(launched), deleteStarted: at("2026-03-19 23:59:30")}
	month := sdk.Months(sdk.Window{From: at(from), To: at(to)})[0]
	if _, ok := life.figuresIn(month, false); ok {
		t.Error("reported although its end was in an earlier window")
	}
	figures, ok := life.figuresIn(month, true)
	if !ok || !figures.end.Equal(at("2026-03-19 23:59:30")) {
		t.Errorf("the late end is not reported: %v %t", figures, ok)
	}
}

func TestCPUSeconds(t *testing.T) {
	for _, test := range []struct {
		wall  time.Duration
		vcpus int64
		want  int64
	}{
		{90 * time.Second, 4, 360},
		{time.Second, 0, 0},
		{0, 4, 0},
		{3 * 365 * 24 * time.Hour, 256, 24219648000}, // more than a time.Duration holds
		{time.Hour, 9e18, math.MaxInt64},             // more than any record may have
	} {
		if got := allocatedSeconds(test.wall, test.vcpus); got != test.want {
			t.Errorf("%d CPUs for %v: %d s, want %d", test.vcpus, test.wall, got, test.want)
		}
	}
}
