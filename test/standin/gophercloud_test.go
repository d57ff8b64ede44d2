package standin_test

import (
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"

	"github.com/caso-project/caso/test/standin"
)

// TestGophercloud checks that a client library for the real services works with every spelling of
// the identity address.
func TestGophercloud(t *testing.T) {
	_, v3 := serve(t, standin.Options{Seed: 1, MaxLimit: 10, FloatingIPLimit: 2, ImageLimit: 2, UserPage: 2})
	_, v2 := serve(t, standin.Options{Seed: 1, MaxLimit: 10, FloatingIPLimit: 2, ImageLimit: 2, Identity: standin.IdentityV2})
	for _, path := range []string{"", "/v3", "/identity", "/identity/v3/"} {
		t.Run("v3 at "+path, func(t *testing.T) { useGophercloud(t, v3.url+path, "Default") })
	}
	for _, path := range []string{"/", "/v2.0", "/identity", "/identity/v2.0/"} {
		t.Run("v2 at "+path, func(t *testing.T) { useGophercloud(t, v2.url+path, "") })
	}
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{IdentityEndpoint: v3.url,
		Username: standin.AccountingUser, Password: standin.AccountingPassword, DomainName: "Default",
		Scope: &gophercloud.AuthScope{System: true}})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := users.List(identity, nil).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all, err := users.ExtractUsers(pages); err != nil || len(all) != 8 {
		t.Errorf("%d users, %v", len(all), err)
	}
}

func useGophercloud(t *testing.T, endpoint, domain string) {
	ctx := t.Context()
	auth := gophercloud.AuthOptions{IdentityEndpoint: endpoint, TenantName: "vo-biomed",
		Username: standin.AccountingUser, Password: standin.AccountingPassword, DomainName: domain}
	provider, err := openstack.AuthenticatedClient(ctx, auth)
	if err != nil {
		t.Fatal(err)
	}
	region := gophercloud.EndpointOpts{Region: "RegionOne"}
	compute, err := openstack.NewComputeV2(provider, region)
	if err != nil {
		t.Fatal(err)
	}
	compute.Microversion = "2.93"
	serverPages, err := servers.List(compute, servers.ListOpts{ChangesSince: "1970-01-01T00:00:00Z"}).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := servers.ExtractServers(serverPages); err != nil || len(all) < 40 {
		t.Errorf("%d servers, %v", len(all), err)
	}
	image, err := openstack.NewImageV2(provider, region)
	if err != nil {
		t.Fatal(err)
	}
	imagePages, err := images.List(image, nil).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := images.ExtractImages(imagePages); err != nil || len(all) != 3 {
		t.Errorf("%d images, %v", len(all), err)
	}
	network, err := openstack.NewNetworkV2(provider, region)
	if err != nil {
		t.Fatal(err)
	}
	ipPages, err := floatingips.List(network, floatingips.ListOpts{Limit: 2}).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := floatingips.ExtractFloatingIPs(ipPages); err != nil || len(all) != 5 {
		t.Errorf("%d floating IPs, %v", len(all), err)
	}
}
