package cloudrecords

import (
	"context"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
)

// novaClient is a client for nova with a token of the project, which is requested when the client
// is first needed: a project without changes may need none. It is not safe for concurrent use.
type novaClient struct {
	scope    openstack.Scope
	versions *servers.Versions
	opened   *servers.Client
}

// open returns the client.
func (n *novaClient) open(ctx context.Context) (*servers.Client, error) {
	if n.opened != nil {
		return n.opened, nil
	}
	session, err := n.scope.Session(ctx)
	if err != nil {
		return nil, err
	}
	n.opened, err = servers.NewClient(ctx, session.Service("compute", n.scope.Region), n.versions)
	return n.opened, err
}
