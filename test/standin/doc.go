// Package standin is an OpenStack that fits in a test: one http.Handler that answers as
// keystone (v3 and v2.0), nova, glance, neutron's floating IPs and, where Options.Telemetry says
// so, Gnocchi's aggregates and Ceilometer's own samples do.
//
// It exists for the demo, for tests and for benchmarks, so it does four things: it answers
// with the bodies, headers and errors of the real services (a test compares it with answers
// recorded from an OpenStack Zed), it makes a believable cloud from a seed, it lets a test say
// exactly what exists and change that while it serves, and it misbehaves on request (see
// Fault). It also keeps a log of what it was asked (see Cloud.Requests).
//
//	cloud := standin.New(standin.Options{Seed: 1})
//	server := httptest.NewServer(cloud)
//	authURL := server.URL + "/identity/v3"
//
// It knows nothing of accounting: what a server was billed for is the business of whoever
// asks, and Cloud.Servers says what there is to be billed.
//
// Everything hangs below one address: /identity (also at the root, as keystone on port 5000
// is), /compute, /image, /network, /metric and /metering; the service catalogue names them. Further regions have
// their own /region/NAME/compute and so on.
package standin
