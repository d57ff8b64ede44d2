package cloudrecords

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/caso-project/caso/plugins/internal/openstack/servers"
)

// state is what one window needs of those before: see docs/decisions/0012-server-state.md. It is
// encoded as the opaque state of the contract.
type state struct {
	// to is the end of the last window; the zero time where there is no previous state.
	to time.Time
	// knownFrom is the start of the first window of this state: ends before it are unknown.
	knownFrom time.Time
	// lists is what is known about nova's lists; the zero value where there was none.
	lists listState
	// servers are those that nova has and those whose end is in a later window, by ID.
	servers map[string]*knownServer
	// ended are servers whose end was reported: while nova may list them again, and as long as
	// republished windows need their history.
	ended map[string]*knownServer
	// unreadable are servers that could not be read in the last window, by ID: the time since when
	// changed servers have to be listed to find their last change.
	unreadable map[string]time.Time
	// images and users are names by ID.
	images, users map[string]string
	// measurer is the state of the measurer.
	measurer []byte
}

// listState is what is known about nova's lists. Times are by the cloud's clock.
type listState struct {
	// listed and full are the times of the last list and of the last full list.
	listed, full time.Time
	// hasExcess is set where nova counted what the project occupies when the last full list was
	// made; excess is how much more that was than the listed servers have.
	hasExcess bool
	excess    servers.Used
}

// exist reports whether there was a list before.
func (l listState) exist() bool { return !l.listed.IsZero() }

// knownServer is a server as of the last list that had it.
type knownServer struct {
	servers.Server
	history
	// open is set where the server was reported as not ended. Its end is reported also where it
	// lies before the next window: the deletion began before and was recorded after, or the clock
	// of a host is behind.
	open bool
	// endReported is the end that was reported; zero for none. nova sets another end when it
	// reclaims a soft-deleted server, which must not be reported again.
	endReported time.Time
}

// stateHeader returns the first line of an extractor's state, with the version of its format. JSON
// in a zstd frame follows.
func stateHeader(extractor string) string { return "caso-extractor-" + extractor + " 3\n" }

const (
	// keepHistory is the time after their end for which servers with a history stay in the state,
	// and soft-deleted ones that are not reclaimed.
	keepHistory = 400 * 24 * time.Hour
	// maxStateMemory limits the size of a decompressed state.
	maxStateMemory = 1 << 30
)

var errState = errors.New("the previous state is not readable by this version")

func newState() state {
	return state{servers: map[string]*knownServer{},
		ended: map[string]*knownServer{}, unreadable: map[string]time.Time{},
		images: map[string]string{}, users: map[string]string{}}
}

// exists reports whether there was a window before.
func (s state) exists() bool { return !s.to.IsZero() }

// knownServer returns what is known of a server; nil for nothing.
func (s state) knownServer(id string) *knownServer {
	if known := s.servers[id]; known != nil {
		return known
	}
	return s.ended[id]
}

// wasOpen reports whether the last window reported a server as not ended, or could not read it.
func (s state) wasOpen(id string) bool {
	if known := s.servers[id]; known != nil {
		return known.open
	}
	_, unreadable := s.unreadable[id]
	return unreadable
}

// endWasReported reports whether the end of a server that is deleted was reported before: when it
// was soft-deleted and nova has reclaimed it since, or in the window before. It has no more records
// then.
func (s state) endWasReported(one server) bool {
	known := s.knownServer(one.ID)
	return known != nil && !known.endReported.IsZero() && one.Status == "DELETED"
}

// The encoded state. Times are epoch seconds. Texts and flavors that many servers share are in
// tables, and servers refer to them by index.
type (
	storedState struct {
		To         int64              `json:"to"`
		KnownFrom  int64              `json:"from"`
		Listed     int64              `json:"listed,omitempty"`
		Full       int64              `json:"full,omitempty"`
		Excess     *servers.Used      `json:"excess,omitempty"`
		Texts      []string           `json:"texts,omitempty"`
		Flavors    []storedFlavor     `json:"flavors,omitempty"`
		Servers    []storedServer     `json:"servers,omitempty"`
		Ended      []storedServer     `json:"ended,omitempty"`
		Unreadable []storedUnreadable `json:"unreadable,omitempty"`
		Images     map[string]string  `json:"images,omitempty"`
		Users      map[string]string  `json:"users,omitempty"`
		Measurer   []byte             `json:"measurer,omitempty"`
	}
	storedFlavor struct {
		Name       string            `json:"name,omitempty"`
		VCPUs      int64             `json:"vcpus"`
		MemoryMB   int64             `json:"memory"`
		DiskGB     int64             `json:"disk"`
		ExtraSpecs map[string]string `json:"specs,omitempty"`
	}
	storedServer struct {
		ID          string        `json:"id"`
		Name        string        `json:"n,omitempty"`
		User        int           `json:"u,omitempty"`
		Project     int           `json:"p,omitempty"`
		Image       int           `json:"i,omitempty"`
		Status      int           `json:"s,omitempty"`
		Created     int64         `json:"c"`
		Updated     int64         `json:"m,omitempty"`
		Launched    int64         `json:"l,omitempty"`
		Terminated  int64         `json:"t,omitempty"`
		Flavor      int           `json:"f"` // 0: none
		FloatingIPs int64         `json:"a,omitempty"`
		Sizes       []storedSize  `json:"z,omitempty"` // where the listed flavor is not the only size
		Sleeps      []storedSleep `json:"w,omitempty"`
		SizesLost   bool          `json:"x,omitempty"`
		Open        bool          `json:"o,omitempty"`
		EndReported int64         `json:"e,omitempty"`
	}
	storedSize struct {
		Flavor int   `json:"f"`
		Since  int64 `json:"s"`
	}
	storedSleep struct {
		From int64 `json:"f"`
		To   int64 `json:"t,omitempty"`
	}
	storedUnreadable struct {
		ID    string `json:"id"`
		Since int64  `json:"since"`
	}
)

func epochSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// timeOf returns the time of epoch seconds, the zero time for 0.
func timeOf(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// stateEncoder builds the tables.
type stateEncoder struct {
	stored   storedState
	texts    map[string]int
	pointers map[*servers.Flavor]int
	flavors  map[string]int
}

// encode encodes a state. Equal states have equal bytes.
func (s state) encode(extractor string) ([]byte, error) {
	e := stateEncoder{texts: map[string]int{"": 0}, pointers: map[*servers.Flavor]int{nil: 0},
		flavors: map[string]int{}}
	e.stored = storedState{To: epochSeconds(s.to), KnownFrom: s.knownFrom.Unix(), Texts: []string{""},
		Listed: epochSeconds(s.lists.listed), Full: epochSeconds(s.lists.full),
		Images: s.images, Users: s.users, Measurer: s.measurer}
	if s.lists.hasExcess {
		e.stored.Excess = &s.lists.excess
	}
	for _, id := range slices.Sorted(maps.Keys(s.servers)) {
		e.stored.Servers = append(e.stored.Servers, e.server(s.servers[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(s.ended)) {
		e.stored.Ended = append(e.stored.Ended, e.server(s.ended[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(s.unreadable)) {
		e.stored.Unreadable = append(e.stored.Unreadable,
			storedUnreadable{ID: id, Since: s.unreadable[id].Unix()})
	}
	body, err := json.Marshal(e.stored)
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	// One goroutine, so that equal states have equal bytes.
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	return compressor.EncodeAll(body, []byte(stateHeader(extractor))), nil
}

func (e *stateEncoder) textIndex(text string) int {
	index, known := e.texts[text]
	if !known {
		index = len(e.stored.Texts)
		e.texts[text] = index
		e.stored.Texts = append(e.stored.Texts, text)
	}
	return index
}

// flavorIndex returns the index of a flavor plus 1, 0 for none.
func (e *stateEncoder) flavorIndex(flavor *servers.Flavor) int {
	if index, known := e.pointers[flavor]; known {
		return index
	}
	key := flavorKey(flavor)
	index, known := e.flavors[key]
	if !known {
		e.stored.Flavors = append(e.stored.Flavors, storedFlavor{Name: flavor.Name, VCPUs: flavor.VCPUs,
			MemoryMB: flavor.MemoryMB, DiskGB: flavor.DiskGB, ExtraSpecs: flavor.ExtraSpecs})
		index = len(e.stored.Flavors)
		e.flavors[key] = index
	}
	e.pointers[flavor] = index
	return index
}

// flavorKey returns a text that is equal for equal flavors.
func flavorKey(flavor *servers.Flavor) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%q %d %d %d", flavor.Name, flavor.VCPUs, flavor.MemoryMB, flavor.DiskGB)
	for _, name := range slices.Sorted(maps.Keys(flavor.ExtraSpecs)) {
		fmt.Fprintf(&key, " %q=%q", name, flavor.ExtraSpecs[name])
	}
	return key.String()
}

func (e *stateEncoder) server(s *knownServer) storedServer {
	stored := storedServer{ID: s.ID, Name: s.Name, User: e.textIndex(s.UserID), Project: e.textIndex(s.ProjectID),
		Image: e.textIndex(s.ImageID), Status: e.textIndex(s.Status),
		Created: s.Created.Unix(), Updated: epochSeconds(s.Updated), Launched: epochSeconds(s.Launched),
		Terminated: epochSeconds(s.Terminated), Flavor: e.flavorIndex(s.Flavor), FloatingIPs: s.FloatingIPs,
		SizesLost: s.sizesLost, Open: s.open, EndReported: epochSeconds(s.endReported)}
	if len(s.sizes) > 1 || e.flavorIndex(s.lastFlavor()) != stored.Flavor {
		for _, one := range s.sizes {
			stored.Sizes = append(stored.Sizes, storedSize{e.flavorIndex(one.flavor), one.since.Unix()})
		}
	}
	for _, sleep := range s.sleeps {
		stored.Sleeps = append(stored.Sleeps, storedSleep{sleep.From.Unix(), epochSeconds(sleep.To)})
	}
	return stored
}

// parseState parses a state; no bytes are an empty state. It returns an empty state with an error.
func parseState(extractor string, encoded []byte) (state, error) {
	if len(encoded) == 0 {
		return newState(), nil
	}
	frame, ok := bytes.CutPrefix(encoded, []byte(stateHeader(extractor)))
	if !ok {
		return newState(), errState
	}
	decompressor, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxStateMemory))
	if err != nil {
		return newState(), fmt.Errorf("reading the previous state: %w", err)
	}
	defer decompressor.Close()
	body, err := decompressor.DecodeAll(frame, nil)
	if err != nil {
		return newState(), fmt.Errorf("%w: %w", errState, err)
	}
	var stored storedState
	if err := json.Unmarshal(body, &stored); err != nil {
		return newState(), fmt.Errorf("%w: %w", errState, err)
	}
	s, err := stored.state()
	if err != nil {
		return newState(), err
	}
	return s, nil
}

// state returns the decoded state. An index outside its table is an error.
func (stored storedState) state() (state, error) {
	s := newState()
	if stored.To <= 0 {
		return s, errState
	}
	s.to, s.knownFrom, s.measurer = timeOf(stored.To), time.Unix(stored.KnownFrom, 0).UTC(), stored.Measurer
	s.lists = listState{listed: timeOf(stored.Listed), full: timeOf(stored.Full)}
	if stored.Excess != nil {
		s.lists.hasExcess, s.lists.excess = true, *stored.Excess
	}
	flavors := make([]*servers.Flavor, 1, len(stored.Flavors)+1)
	for _, f := range stored.Flavors {
		flavors = append(flavors, &servers.Flavor{Name: f.Name, VCPUs: f.VCPUs, MemoryMB: f.MemoryMB,
			DiskGB: f.DiskGB, ExtraSpecs: f.ExtraSpecs})
	}
	for _, list := range []struct {
		stored []storedServer
		into   map[string]*knownServer
	}{{stored.Servers, s.servers}, {stored.Ended, s.ended}} {
		for _, one := range list.stored {
			known, err := one.server(stored.Texts, flavors)
			if err != nil {
				return s, err
			}
			list.into[one.ID] = known
		}
	}
	for _, one := range stored.Unreadable {
		s.unreadable[one.ID] = time.Unix(one.Since, 0).UTC()
	}
	maps.Copy(s.images, stored.Images)
	maps.Copy(s.users, stored.Users)
	return s, nil
}

func (stored storedServer) server(texts []string, flavors []*servers.Flavor) (*knownServer, error) {
	for _, index := range []int{stored.User, stored.Project, stored.Image, stored.Status} {
		if index < 0 || index >= len(texts) {
			return nil, errState
		}
	}
	if stored.Flavor < 0 || stored.Flavor >= len(flavors) || stored.ID == "" {
		return nil, errState
	}
	s := &knownServer{Server: servers.Server{ID: stored.ID, Name: stored.Name, UserID: texts[stored.User],
		ProjectID: texts[stored.Project], ImageID: texts[stored.Image], Status: texts[stored.Status],
		Created: time.Unix(stored.Created, 0).UTC(), Updated: timeOf(stored.Updated),
		Launched: timeOf(stored.Launched), Terminated: timeOf(stored.Terminated),
		Flavor: flavors[stored.Flavor], FloatingIPs: stored.FloatingIPs},
		open: stored.Open, endReported: timeOf(stored.EndReported)}
	s.sizesLost = stored.SizesLost
	s.sizes = []size{{s.Flavor, s.Created}}
	for i, one := range stored.Sizes {
		if one.Flavor < 0 || one.Flavor >= len(flavors) {
			return nil, errState
		}
		if i == 0 {
			s.sizes = s.sizes[:0]
		}
		s.sizes = append(s.sizes, size{flavors[one.Flavor], time.Unix(one.Since, 0).UTC()})
	}
	for _, one := range stored.Sleeps {
		s.sleeps = append(s.sleeps, servers.Interval{From: time.Unix(one.From, 0).UTC(), To: timeOf(one.To)})
	}
	return s, nil
}

// next returns the state for the window that follows on a window. It lacks the measurer's state and
// the names.
func (s state) next(found []server, list *serverList, from, to time.Time) state {
	after := newState()
	after.to, after.knownFrom = to, s.knownFrom
	if !s.exists() || from.Before(s.knownFrom) || from.After(s.to) {
		// Ends before a gap may not have been reported.
		after.knownFrom = from
	}
	after.lists = list.nextState(s.lists)
	for _, one := range list.unreadable {
		after.addUnreadable(s, one.ID, list.since)
	}
	for _, one := range found {
		after.addFound(s, one, to)
	}
	oldest := after.oldestListed()
	for id, known := range s.ended {
		if after.knownServer(id) == nil && known.keepUntil(oldest, to) {
			after.ended[id] = known
		}
	}
	maps.DeleteFunc(after.ended, func(_ string, known *knownServer) bool { return !known.keepUntil(oldest, to) })
	return after
}

// addFound adds a server as it is at the end of a window.
func (s state) addFound(previous state, one server, to time.Time) {
	known := &knownServer{Server: one.Server, history: one.history}
	end, ended := one.life.end()
	ended = ended && end.Before(to)
	before := previous.knownServer(one.ID)
	switch {
	case previous.endWasReported(one):
		known.endReported = before.endReported
		s.ended[one.ID] = known
	case !ended:
		known.open = true
		s.servers[one.ID] = known
	case one.Status == "DELETED":
		known.endReported = end
		s.ended[one.ID] = known
	case one.Status != "SOFT_DELETED" || to.Sub(end) < keepHistory:
		known.endReported = end
		s.servers[one.ID] = known
	}
}

// keepUntil reports whether a server whose end was reported is still needed: nova may list it
// again, or republished windows need its history.
func (k *knownServer) keepUntil(oldestListed, to time.Time) bool {
	return !latestTime(k.endReported, k.Updated, k.Terminated).Before(oldestListed) || !k.isTrivial() && to.Sub(k.endReported) < keepHistory
}

// oldestListed returns the earliest change that the next lists may have.
func (s state) oldestListed() time.Time {
	oldest := s.to
	if s.lists.exist() {
		oldest = earliestTime(oldest, s.lists.listed, s.lists.full)
	}
	for _, since := range s.unreadable {
		oldest = earliestTime(oldest, since)
	}
	return oldest.Add(-overlap)
}

// addUnreadable adds a server that a list since a time has and that could not be read. What is
// known of it stays.
func (s state) addUnreadable(previous state, id string, since time.Time) {
	if id == "" {
		return
	}
	if before, again := previous.unreadable[id]; again {
		since = earliestTime(before, since)
	}
	s.unreadable[id] = since
	if known := previous.servers[id]; known != nil {
		s.servers[id] = known
	}
}

// keepOpen treats servers that could not be reported like those that could not be read: their
// figures are not kept, and they are listed again.
func (s state) keepOpen(previous state, invalid []server, list *serverList) {
	for _, one := range invalid {
		delete(s.servers, one.ID)
		delete(s.ended, one.ID)
		s.addUnreadable(previous, one.ID, list.since)
	}
}

// compareServers orders servers by creation time and ID.
func compareServers(a, b server) int {
	return cmp.Or(a.life.created.Compare(b.life.created), strings.Compare(a.ID, b.ID))
}
