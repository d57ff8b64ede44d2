package cloudrecords

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/cache"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

const (
	// maxSharedServers is the number of servers that a list of all projects may have: it is in
	// memory for the whole run.
	maxSharedServers = 20_000
	// serversPerProject is the number of servers of all projects of the cloud, for each project of
	// the run, from which on it costs less to list each project: nova's largest page has as many.
	serversPerProject = 1000
)

// sharedSpans returns the ages of changes from which the lists of all projects begin, a little more
// than what runs every hour, six hours and day need with the overlap. Projects whose last list is
// older are listed alone, so that the list of the others stays short.
func sharedSpans() []time.Duration {
	return []time.Duration{150 * time.Minute, 8 * time.Hour, 26 * time.Hour}
}

// allProjects reads lists that serve all projects of a run, each once for a region. It is safe for
// concurrent use. The zero value is empty.
type allProjects struct {
	clocks    sync.Map // region: *servers.Client
	turns     sync.Map // region: *turn
	listers   sync.Map // region: *lister
	refused   sync.Map // refusal: bool
	changes   cache.Cache[*sharedChanges]
	addresses cache.Cache[*sharedAddresses]
	// read counts the servers that were read, for signs of progress.
	read atomic.Int64
}

// lister is a session whose user nova allows to list all projects.
type lister struct {
	session *auth.Session
	client  *servers.Client
}

// refusal is what nova's policies depend on.
type refusal struct{ region, roles string }

// sharedChanges are the servers that changed since a time. It does not change.
type sharedChanges struct {
	// since and made are by the cloud's clock, began by the host's.
	since, made, began time.Time
	// unusable is set where the list could not be read; each project is then listed alone.
	unusable bool
	// byProject has the servers of the projects of the run.
	byProject map[string][]servers.Server
	// unreadable has the projects with servers that could not be read.
	unreadable map[string]bool
}

// projectChanges are the servers of one project that changed.
type projectChanges struct {
	made    time.Time
	servers []servers.Server
}

// lister returns the session that may list all projects of a region; nil where none is known.
func (a *allProjects) lister(region string) *lister {
	if one, ok := a.listers.Load(region); ok {
		return one.(*lister)
	}
	return nil
}

// now returns the time by the clock of the cloud.
func (a *allProjects) now(ctx context.Context, nova *novaClient) (time.Time, error) {
	if known, ok := a.clocks.Load(nova.scope.Region); ok {
		return known.(*servers.Client).Now(), nil
	}
	client, err := nova.open(ctx)
	if err != nil {
		return time.Time{}, err
	}
	a.clocks.Store(nova.scope.Region, client)
	return client.Now(), nil
}

// turn is for the first project of a region that tries to list all projects. The others wait for
// the outcome, because they need no tokens if it succeeds.
type turn struct {
	taken chan struct{} // holds one item while a project has the turn
	over  chan struct{} // closed after the first attempt
	once  sync.Once
}

// waitForTurn returns when the project may try to list all projects, with a function that ends its
// turn. Tried is whether it did try.
func (a *allProjects) waitForTurn(
	ctx context.Context, region string, out sdk.Output,
) (end func(tried bool), err error) {
	value, _ := a.turns.LoadOrStore(region, &turn{taken: make(chan struct{}, 1), over: make(chan struct{})})
	one := value.(*turn)
	end = func(bool) {}
	err = a.wait(ctx, out, func() error {
		select {
		case <-one.over:
		case one.taken <- struct{}{}:
			var ended sync.Once
			end = func(tried bool) {
				ended.Do(func() {
					if tried {
						one.once.Do(func() { close(one.over) })
					}
					<-one.taken
				})
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	})
	return end, err
}

// changesOf returns the servers of a project that changed since a time, from the list of all
// projects. It returns false where the project has to be listed alone.
func (a *allProjects) changesOf(
	ctx context.Context, nova *novaClient, since, now time.Time, out sdk.Output,
) (projectChanges, bool, error) {
	scope := nova.scope
	span := spanFor(now.Sub(since))
	if span == 0 || len(scope.Projects) < 2 {
		return projectChanges{}, false, nil
	}
	candidate, err := a.candidate(ctx, nova)
	if err != nil || candidate == nil {
		return projectChanges{}, false, err
	}
	var changes *sharedChanges
	err = a.wait(ctx, out, func() (err error) {
		changes, err = a.changes.Get(ctx, scope.Region+"\n"+span.String(),
			func(ctx context.Context) (*sharedChanges, error) {
				return a.readChanges(ctx, scope, *candidate, span)
			})
		return err
	})
	if errors.Is(err, servers.ErrForbidden) {
		return projectChanges{}, false, nil
	}
	if err != nil {
		return projectChanges{}, false, err
	}
	project := scope.Project.GetId()
	// Without the last condition changes between the list and the window's end would be missing.
	if changes.unusable || changes.unreadable[project] || since.Before(changes.since) ||
		scope.Window.To.After(changes.began) {
		return projectChanges{}, false, nil
	}
	found := projectChanges{made: changes.made}
	for _, one := range changes.byProject[project] {
		// The list of the project alone has these.
		if !one.Updated.Before(since) {
			found.servers = append(found.servers, one)
		}
	}
	return found, true, nil
}

// spanFor returns the shortest span that covers an age, 0 for none.
func spanFor(age time.Duration) time.Duration {
	for _, span := range sharedSpans() {
		if age <= span {
			return span
		}
	}
	return 0
}

// candidate returns the session to list all projects with: one that nova allows it, else the one of
// the project, unless nova refused it to a user with the same roles.
func (a *allProjects) candidate(ctx context.Context, nova *novaClient) (*lister, error) {
	if known := a.lister(nova.scope.Region); known != nil {
		return known, nil
	}
	client, err := nova.open(ctx)
	if err != nil {
		return nil, err
	}
	session, err := nova.scope.Session(ctx)
	if err != nil {
		return nil, err
	}
	if _, refused := a.refused.Load(refusalOf(nova.scope, session)); refused || !client.MayListAllProjects() {
		return nil, nil
	}
	return &lister{session: session, client: client}, nil
}

func refusalOf(scope openstack.Scope, session *auth.Session) refusal {
	return refusal{scope.Region, strings.Join(session.Roles, "\n")}
}

// progressInterval is the time between two signs of progress of a project that needs the list which
// is read for all.
const progressInterval = 5 * time.Second

// wait calls a function and reports progress while other projects read the list of all.
func (a *allProjects) wait(ctx context.Context, out sdk.Output, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for reported := a.read.Load(); ; {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			if read := a.read.Load(); read != reported && ctx.Err() == nil {
				reported = read
				out.Progress("changed servers of all projects", read)
			}
		}
	}
}

// errUnusable ends a list that cannot serve all projects.
var errUnusable = errors.New("the list of all projects is not usable")

// readChanges reads the list. Another failure than a refusal makes it unusable: each project is
// then listed alone, because the cause may be a project that is not reported.
func (a *allProjects) readChanges(
	ctx context.Context, scope openstack.Scope, by lister, span time.Duration,
) (*sharedChanges, error) {
	changes := &sharedChanges{began: time.Now(), made: by.client.Now(),
		byProject: map[string][]servers.Server{}, unreadable: map[string]bool{}}
	changes.since = changes.made.Add(-span)
	wanted := make(map[string]bool, len(scope.Projects))
	for _, project := range scope.Projects {
		wanted[project] = true
	}
	index := map[string]int{} // into the servers of the project, by ID
	count := 0
	err := by.client.EachChange(ctx, changes.since, func(one servers.Server, err error) error {
		count++
		a.read.Add(1)
		switch {
		case one.ProjectID == "" || count > serversPerProject*len(wanted):
			return errUnusable
		case !wanted[one.ProjectID]:
			return nil
		case err != nil:
			changes.unreadable[one.ProjectID] = true
			return nil //nolint:nilerr // the project of the server is listed alone, and has the error then
		}
		list := changes.byProject[one.ProjectID]
		if at, again := index[one.ID]; again {
			list[at] = one
			return nil
		}
		if len(index) == maxSharedServers {
			return errUnusable
		}
		index[one.ID] = len(list)
		changes.byProject[one.ProjectID] = append(list, one)
		return nil
	})
	switch {
	case errors.Is(err, servers.ErrForbidden):
		a.refused.Store(refusalOf(scope, by.session), true)
		return nil, err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return &sharedChanges{unusable: true}, nil //nolint:nilerr // each project is listed alone instead
	}
	a.listers.Store(scope.Region, &by)
	return changes, nil
}
