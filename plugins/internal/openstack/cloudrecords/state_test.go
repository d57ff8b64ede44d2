package cloudrecords

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

// exampleState has every kind of entry.
func exampleState() state {
	small := &servers.Flavor{Name: "small", VCPUs: 1, MemoryMB: 1024, DiskGB: 10}
	large := &servers.Flavor{Name: "large", VCPUs: 8, MemoryMB: 8192, DiskGB: 80,
		ExtraSpecs: map[string]string{"accounting:benchmark_type": "HEPscore23", "accounting:benchmark_value": "11"}}
	s := newState()
	s.to, s.knownFrom = at(to), at(from)
	s.lists = listState{listed: at(to), full: at(from), hasExcess: true, excess: servers.Used{Instances: 1}}
	resized := &knownServer{Server: servers.Server{ID: "b", Name: "naïve\n%%", UserID: "u", ProjectID: "p", ImageID: "i",
		Status: "SUSPENDED", Created: at(created), Updated: at(changed), Launched: at(launched), Flavor: large, FloatingIPs: 2},
		open: true}
	resized.sizes = []size{{small, at(created)}, {large, at(changed)}}
	resized.sleeps = []servers.Interval{{From: at(launched), To: at(from)}, {From: at(changed)}}
	s.servers["b"] = resized
	plain := &knownServer{Server: servers.Server{ID: "a", UserID: "u", ProjectID: "p", Status: "ACTIVE", Created: at(created)}, open: true}
	plain.sizes = []size{{nil, at(created)}}
	s.servers["a"] = plain
	gone := &knownServer{Server: servers.Server{ID: "c", Status: "DELETED", Created: at(created), Terminated: at(changed), Flavor: small}, endReported: at(changed)}
	gone.sizes, gone.sizesLost = []size{{small, at(created)}}, true
	s.ended["c"] = gone
	s.unreadable["d"] = at(from)
	s.images["i"], s.users["u"] = "https://appdb/i", "user"
	s.measurer = []byte("\n\x00\xffmeasured 7\n")
	return s
}

func mustEncode(t testing.TB, s state) []byte {
	t.Helper()
	encoded, err := s.encode("nova")
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestStateRoundTrip(t *testing.T) {
	s := exampleState()
	encoded := mustEncode(t, s)
	again, err := parseState("nova", encoded)
	if err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("%v\n%+v\n%+v", err, again, s)
	}
	if !bytes.Equal(mustEncode(t, again), encoded) {
		t.Error("equal states have different bytes")
	}
}

// TestStateDamaged: a state of another extractor or version, a cut one and one with a wrong byte
// are errors, and nothing of them is used.
func TestStateDamaged(t *testing.T) {
	encoded := mustEncode(t, exampleState())
	for name, damaged := range map[string][]byte{
		"another extractor": bytes.Replace(encoded, []byte("-nova "), []byte("-other "), 1),
		"another version":   bytes.Replace(encoded, []byte(" 3\n"), []byte(" 2\n"), 1),
		"cut":               encoded[:len(encoded)-1],
		"only a header":     []byte(stateHeader("nova")),
	} {
		if s, err := parseState("nova", damaged); err == nil || s.exists() || len(s.servers) > 0 {
			t.Errorf("%s: %v %+v", name, err, s)
		}
	}
	for i := range encoded {
		damaged := bytes.Clone(encoded)
		damaged[i] ^= 1
		if s, err := parseState("nova", damaged); err == nil && !reflect.DeepEqual(s, exampleState()) {
			t.Errorf("byte %d: a damaged state was parsed", i)
		}
	}
}

// TestStateSize: the state of 100,000 servers, of which a tenth were resized, is well inside the
// limit, and is parsed and encoded in a moment.
func TestStateSize(t *testing.T) {
	const count = 100_000
	random := rand.New(rand.NewPCG(1, 2))
	uuid := func() string {
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", random.Uint32(), random.IntN(1<<16), random.IntN(1<<12), random.IntN(1<<12), random.Uint64()>>16)
	}
	s := newState()
	s.to, s.knownFrom = at(to), at(from)
	s.lists = listState{listed: at(to), full: at(from)}
	var flavors []*servers.Flavor
	for i := range 50 {
		flavors = append(flavors, &servers.Flavor{Name: fmt.Sprintf("m1.%d", i), VCPUs: int64(i), MemoryMB: 1024, DiskGB: 10})
	}
	var users, images []string
	for range 300 {
		users, images = append(users, strings.ReplaceAll(uuid(), "-", "")), append(images, uuid())
	}
	for i := range count {
		one := &knownServer{Server: servers.Server{ID: uuid(), Name: fmt.Sprintf("worker-%d.example.org", random.IntN(1e6)),
			UserID: users[random.IntN(300)], ProjectID: "p", ImageID: images[random.IntN(300)], Status: "ACTIVE",
			Created: at(created).Add(-time.Duration(random.IntN(1e7)) * time.Second), Updated: at(created).Add(time.Duration(random.IntN(1e5)) * time.Second),
			Launched: at(launched).Add(time.Duration(random.IntN(1e5)) * time.Second), Flavor: flavors[random.IntN(50)]}, open: true}
		one.history = newHistory(one.Server)
		if i%10 == 0 {
			one.addSize(flavors[random.IntN(50)], at(changed), at(changed))
			one.sleeps = []servers.Interval{{From: at(launched), To: at(changed)}}
		}
		s.servers[one.ID] = one
	}
	began := time.Now()
	encoded := mustEncode(t, s)
	again, err := parseState("nova", encoded)
	t.Logf("%d servers: %d bytes, encoded and parsed in %v", count, len(encoded), time.Since(began))
	if err != nil || len(again.servers) != count {
		t.Errorf("%d servers, %v", len(again.servers), err)
	}
	if len(encoded) > sdk.MaxStateBytes/2 {
		t.Errorf("%d bytes, more than half of %d", len(encoded), sdk.MaxStateBytes)
	}
}

// FuzzParseState: a state that can be parsed is encoded as it was.
func FuzzParseState(f *testing.F) {
	f.Add(mustEncode(f, exampleState()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		s, err := parseState("nova", encoded)
		if err != nil {
			if s.exists() || len(s.servers)+len(s.ended)+len(s.measurer) > 0 {
				t.Error("an error with a part of the state")
			}
			return
		}
		if !s.exists() {
			return
		}
		again, err := parseState("nova", mustEncode(t, s))
		if err != nil || !bytes.Equal(mustEncode(t, again), mustEncode(t, s)) {
			t.Errorf("%v", err)
		}
	})
}
