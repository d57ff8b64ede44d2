// Package standin implements an OpenStack cloud for tests: one http.Handler that answers like
// keystone (v3 and v2.0), nova, glance, neutron's floating IPs and, with Options.Telemetry,
// Gnocchi's aggregates and Ceilometer's samples.
//
// It serves the demo, tests and benchmarks. It answers with the bodies, headers and errors of the
// real services (a test compares it with answers recorded from an OpenStack Zed), generates a
// realistic cloud from a seed, lets a test define and change exactly what exists, injects faults
// (see Fault), and logs the requests that it gets (see Cloud.Requests).
//
//	cloud := standin.New(standin.Options{Seed: 1})
//	server := httptest.NewServer(cloud)
//	authURL := server.URL + "/identity/v3"
//
// It computes no accounting: Cloud.Servers returns the servers with all their times.
//
// All services have one address: /identity (also the root, like keystone on port 5000), /compute,
// /image, /network, /metric and /metering, as in the service catalogue. Further regions have
// /region/NAME/compute and so on.
package standin
