package standin

import (
	"math/rand/v2"
	"time"
)

// lifeCycle is the history of a generated server.
type lifeCycle struct {
	name string
	live func(*Server, *cycleInput)
}

// cycleInput is the input of a life cycle.
type cycleInput struct {
	*generator
	images projectImages
}

func (m *cycleInput) ago(d time.Duration) time.Time { return m.now.Add(-d) }

const (
	hour = time.Hour
	day  = 24 * time.Hour
	// boot is the time from creation to launch.
	boot = 25 * time.Second
)

// create sets the times of creation and launch, without later changes.
func (m *cycleInput) create(s *Server, age time.Duration) {
	s.Created = m.ago(age)
	s.Launched = s.Created.Add(boot)
	s.Status = "ACTIVE"
}

// changeStatus changes the status at a time in the past.
func (m *cycleInput) changeStatus(s *Server, status, action string, age time.Duration) {
	s.Status = status
	s.Updated = m.ago(age)
	s.Actions = append([]Action{{Name: action, Start: s.Updated, Updated: s.Updated}}, s.actions()...)
}

// delete deletes a server at a time in the past. The deletion takes four seconds; the row changes
// again three minutes later, as by nova's periodic tasks.
func (m *cycleInput) delete(s *Server, age time.Duration) {
	s.Status = "DELETED"
	s.Deleted = m.ago(age)
	s.Terminated = s.Deleted.Add(4 * time.Second)
	s.Updated = s.Deleted.Add(3 * time.Minute)
	s.Addresses = nil
}

// monthStart returns the beginning of the current month.
func (m *cycleInput) monthStart() time.Time {
	return time.Date(m.now.Year(), m.now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// statusCycle returns a life cycle whose status changed half the server's life ago.
func statusCycle(name, status, action string, age time.Duration) lifeCycle {
	return lifeCycle{name, func(s *Server, m *cycleInput) {
		m.create(s, age)
		if status != "ACTIVE" {
			m.changeStatus(s, status, action, age/2)
		}
	}}
}

func runningCycle(name string, age time.Duration) lifeCycle {
	return statusCycle(name, "ACTIVE", "", age)
}

// lifeCycles returns one of each kind.
func lifeCycles() []lifeCycle {
	list := []lifeCycle{
		runningCycle("web-01", 400*day),
		runningCycle("web-02", 45*day),
		runningCycle("brand-new", 20*time.Minute),
		statusCycle("stopped", "SHUTOFF", "stop", 15*day),
		statusCycle("paused", "PAUSED", "pause", 12*day),
		statusCycle("suspended", "SUSPENDED", "suspend", 13*day),
		statusCycle("shelved", "SHELVED", "shelve", 14*day),
		statusCycle("shelved-offloaded", "SHELVED_OFFLOADED", "shelve", 16*day),
		statusCycle("in-error", "ERROR", "reboot", 9*day),
	}
	list = append(list, changedCycles()...)
	list = append(list, unlaunchedCycles()...)
	list = append(list, deletedCycles()...)
	return append(list, unusualCycles()...)
}

// changedCycles returns servers that were launched again after their creation.
func changedCycles() []lifeCycle {
	again := func(name, status, action string, age time.Duration) lifeCycle {
		return lifeCycle{name, func(s *Server, m *cycleInput) {
			m.create(s, age)
			m.changeStatus(s, status, action, age/3)
			s.Launched = s.Updated
		}}
	}
	return []lifeCycle{
		again("rescued", "RESCUE", "rescue", 3*day),
		again("verify-resize", "VERIFY_RESIZE", "resize", 2*day),
		again("rebuilt", "ACTIVE", "rebuild", 30*day),
		again("resized", "ACTIVE", "confirmResize", 20*day),
		again("resize-reverted", "ACTIVE", "revertResize", 21*day),
		again("unshelved", "ACTIVE", "unshelve", 50*day),
	}
}

// unlaunchedCycles returns servers that never ran.
func unlaunchedCycles() []lifeCycle {
	return []lifeCycle{
		{"never-scheduled", func(s *Server, m *cycleInput) {
			s.Created, s.Status, s.Host = m.ago(6*hour), "ERROR", ""
			s.Updated, s.Addresses = s.Created.Add(2*time.Second), nil
			s.FlavorID, s.Fault = m.flavor["m1.impossible"], "No valid host was found. "
		}},
		{"stuck-building", func(s *Server, m *cycleInput) {
			s.Created, s.Status, s.TaskState = m.ago(day), "BUILD", "spawning"
		}},
		{"never-scheduled-deleted", func(s *Server, m *cycleInput) {
			s.Created, s.Host = m.ago(7*hour), ""
			m.delete(s, 6*hour)
		}},
	}
}

func deletedCycles() []lifeCycle {
	deleted := func(name string, age, end time.Duration) lifeCycle {
		return lifeCycle{name, func(s *Server, m *cycleInput) { m.create(s, age); m.delete(s, end) }}
	}
	return []lifeCycle{
		deleted("deleted-recently", 5*day, 90*time.Minute),
		deleted("deleted-yesterday", 6*day, day),
		deleted("deleted-long-ago", 150*day, 100*day),
		deleted("deleted-after-40s", 2*day, 2*day-40*time.Second),
		{"deleted-across-months", func(s *Server, m *cycleInput) {
			m.create(s, m.now.Sub(m.monthStart())+8*day)
			m.delete(s, m.now.Sub(m.monthStart())/2)
		}},
		{"deleted-at-months-end", func(s *Server, m *cycleInput) {
			m.create(s, m.now.Sub(m.monthStart())+3*day)
			m.delete(s, m.now.Sub(m.monthStart())+5*time.Second)
		}},
		{"deleted-without-end", func(s *Server, m *cycleInput) {
			m.create(s, 30*day)
			m.delete(s, 20*day)
			s.Terminated = time.Time{}
		}},
		{"stuck-deleting", func(s *Server, m *cycleInput) {
			m.create(s, 11*day)
			s.TaskState, s.Updated = "deleting", m.ago(5*hour)
			s.Actions = append([]Action{{Name: "delete", Start: s.Updated, Updated: s.Updated}}, s.actions()...)
		}},
		{"soft-deleted", func(s *Server, m *cycleInput) {
			m.create(s, 30*day)
			m.changeStatus(s, "SOFT_DELETED", "softDelete", 3*hour)
		}},
	}
}

// unusualCycles returns servers with ordinary lives and unusual data.
func unusualCycles() []lifeCycle {
	with := func(name string, age time.Duration, change func(*Server, *cycleInput)) lifeCycle {
		return lifeCycle{name, func(s *Server, m *cycleInput) { m.create(s, age); change(s, m) }}
	}
	flavor := func(name, flavor string, age time.Duration) lifeCycle {
		return with(name, age, func(s *Server, m *cycleInput) { s.FlavorID = m.flavor[flavor] })
	}
	return []lifeCycle{
		with("boot-from-volume", 33*day, func(s *Server, m *cycleInput) {
			s.ImageID, s.FlavorID = "", m.flavor["vol.small"]
			s.Volumes = []Volume{{ID: uuid("volume", s.ID)}}
		}),
		flavor("gpu-train-1", "gpu.a100", 40*day),
		with("gpu-train-2", 20*day, func(s *Server, m *cycleInput) {
			s.FlavorID = m.flavor["gpu.a100"]
			m.delete(s, 2*day)
		}),
		flavor("ephemeral", "eph.medium", 5*day),
		flavor("no-benchmark", "m1.tiny", 7*day),
		flavor("half-a-benchmark", "half.bench", 8*day),
		flavor("odd-benchmark", "odd.bench", 8*day),
		flavor("private-flavor", "private.special", 4*day),
		flavor("flavor-gone", "m1.retired", 70*day),
		with("image-gone", 60*day, func(s *Server, m *cycleInput) { s.ImageID = m.images.gone }),
		with("image-hidden", 61*day, func(s *Server, m *cycleInput) { s.ImageID = m.images.hidden }),
		with("user-gone", 62*day, func(s *Server, m *cycleInput) { s.UserID = m.goneUser }),
		runningCycle("naïve-café-josé", 10*day),
		runningCycle("服务器 ☃", 11*day),
		runningCycle("%%", 4*day),
		runningCycle("100%: done; key: value, a=b", 3*day),
		runningCycle(`quote ' " back\nslash <tag> & {json}`, 2*day),
		with("with metadata", 17*day, func(s *Server, _ *cycleInput) {
			s.Metadata, s.Tags = map[string]string{"role": "web", "note": "ñandú"}, []string{"production"}
			s.KeyName, s.Description = "laptop", "the one behind the proxy"
		}),
	}
}

// ordinaryCycle returns a typical server: running, stopped or deleted, some weeks old.
func ordinaryCycle(random *rand.Rand) lifeCycle {
	age := time.Duration(1+random.Int64N(int64(60*day/time.Second))) * time.Second
	end := time.Duration(random.Int64N(int64(age/time.Second))) * time.Second
	switch n := random.IntN(100); {
	case n < 70:
		return runningCycle("worker", age)
	case n < 78:
		return statusCycle("desktop", "SHUTOFF", "stop", age)
	case n < 80:
		return statusCycle("reserve", "SHELVED_OFFLOADED", "shelve", age)
	default:
		return lifeCycle{"job", func(s *Server, m *cycleInput) { m.create(s, age); m.delete(s, end) }}
	}
}
