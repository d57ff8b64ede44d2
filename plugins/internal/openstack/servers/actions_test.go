package servers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// actionList parses actions, oldest first, each as `name@second`, with `!` in front where it
// failed. They take five seconds.
func actionList(text string) []Action {
	var actions []Action
	for i, one := range strings.Fields(text) {
		name, failed := strings.CutPrefix(one, "!")
		start := second(10 * (i + 1))
		actions = append(actions, Action{Name: name, Start: start, Finish: start.Add(5 * time.Second), Failed: failed})
	}
	return actions
}

func second(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC) }

// seconds returns a time as its second, - for the zero time.
func seconds(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint(int(t.Sub(second(0)) / time.Second))
}

func TestResizeMoment(t *testing.T) {
	for _, test := range []struct {
		actions, want string
		after         int
	}{
		{"create", "-", 0},
		{"create resize confirmResize", "30", 0},
		{"create resize confirmResize resize confirmResize", "50", 0},
		{"create resize confirmResize", "-", 30},
		{"create resize confirmResize migrate confirmResize", "30", 0},
		{"create migrate confirmResize", "-", 0},
		{"create resize confirmResize resize revertResize", "30", 0},
		{"create resize revertResize", "30", 0},
		{"create resize", "20", 0},
		{"create !resize", "-", 0},
		{"create resize !confirmResize confirmResize", "40", 0},
		{"confirmResize", "10", 0},
	} {
		if got := seconds(ResizeMoment(actionList(test.actions), second(test.after))); got != test.want {
			t.Errorf("%s: %s, want %s", test.actions, got, test.want)
		}
	}
}

func TestSleepIntervals(t *testing.T) {
	for _, test := range []struct {
		actions string
		asleep  bool
		want    string
	}{
		{"create stop start", false, ""},
		{"create suspend resume", false, "25-35"},
		{"create suspend", true, "25--"},
		{"create suspend", false, ""},
		{"create suspend resume", true, "25--"},
		{"create shelve shelveOffload unshelve", false, "25-45"},
		{"create shelve shelveOffload", true, "25--"},
		{"create suspend !resume resume !suspend", false, "25-45"},
		{"create suspend reboot suspend resume", false, "25-35 45-55"},
	} {
		var got []string
		for _, interval := range SleepIntervals(actionList(test.actions), test.asleep) {
			got = append(got, seconds(interval.From)+"-"+seconds(interval.To))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s, asleep %t: %v, want %s", test.actions, test.asleep, got, test.want)
		}
	}
}

func TestDeleteStart(t *testing.T) {
	for actions, want := range map[string]string{
		"create": "-", "create delete": "20", "create !delete delete": "30", "create softDelete forceDelete": "20",
		"create softDelete restore": "-", "create softDelete restore delete": "40", "create delete delete": "20",
	} {
		if got := seconds(DeleteStart(actionList(actions))); got != want {
			t.Errorf("%s: %s, want %s", actions, got, want)
		}
	}
}
