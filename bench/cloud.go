package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// cloud is a stand-in OpenStack that serves on the loopback interface, in the driver's process.
type cloud struct {
	*standin.Cloud
	url string
}

func startCloud(options standin.Options) (*cloud, func(), error) {
	c := &cloud{Cloud: standin.New(options)}
	url, stop, err := c.Listen("127.0.0.1:0")
	c.url = url
	return c, stop, err
}

// newSite returns a site with extractor nova and messenger ssm.
func (c *cloud) newSite(p programs, dir string) (*site, error) {
	return newSite(p, dir, "extractor = nova\nmessengers = ssm", fmt.Sprintf(`[keystone_auth]
auth_type = password
auth_url = %s/v3
username = %s
password = %s
user_domain_name = Default
project_domain_name = Default
`, c.url, standin.AccountingUser, standin.AccountingPassword))
}

// bareRequests sends the same requests again, one after another over one connection, and reads the
// answers without decoding them. It signs in once for each project.
func (c *cloud) bareRequests(ctx context.Context, requests []standin.Request) (time.Duration, error) {
	begun := time.Now()
	tokens := map[string]string{}
	project := ""
	for _, request := range requests {
		if request.Method != http.MethodGet {
			continue // signed in below, with the project of the next request
		}
		if request.ProjectID != project || tokens[project] == "" {
			project = request.ProjectID
			if tokens[project] == "" {
				token, err := c.signIn(ctx, project)
				if err != nil {
					return 0, err
				}
				tokens[project] = token
			}
		}
		target := c.url + request.Path
		if len(request.Query) > 0 {
			target += "?" + request.Query.Encode()
		}
		headers := http.Header{"X-Auth-Token": {tokens[project]}, "X-Openstack-Nova-Api-Version": {request.Microversion}}
		if _, err := c.send(ctx, http.MethodGet, target, headers, nil, request.Status); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}

func (c *cloud) signIn(ctx context.Context, project string) (string, error) {
	auth := map[string]any{"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{
		"name": standin.AccountingUser, "password": standin.AccountingPassword, "domain": map[string]string{"id": standin.DefaultDomainID}}}}}
	auth["scope"] = map[string]any{"system": map[string]bool{"all": true}}
	if project != "" {
		auth["scope"] = map[string]any{"project": map[string]string{"id": project}}
	}
	body, err := json.Marshal(map[string]any{"auth": auth})
	if err != nil {
		return "", err
	}
	answer, err := c.send(ctx, http.MethodPost, c.url+"/v3/auth/tokens", http.Header{"Content-Type": {"application/json"}}, body, http.StatusCreated)
	return answer.Get("X-Subject-Token"), err
}

func (*cloud) send(ctx context.Context, method, target string, headers http.Header, body []byte, status int) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = headers
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != status && status != 0 {
		return nil, fmt.Errorf("%s %s: status %d instead of %d", method, target, response.StatusCode, status)
	}
	return response.Header, nil
}

// cloudFigures are the figures of one kind of run, one for each round.
type cloudFigures struct {
	wall, bare, largest, requests, compute series
	peaks                                  peakFigures
}

// measureRun measures a run up to a time, and its requests sent bare.
func (f *cloudFigures) measureRun(ctx context.Context, c *cloud, s *site, to time.Time) error {
	c.SetNow(to)
	c.ResetRequests()
	used, err := s.extract(ctx, "--extract-to", to.Format(time.RFC3339))
	if err != nil {
		return err
	}
	requests := c.Requests()
	bare, err := c.bareRequests(ctx, requests)
	if err != nil {
		return err
	}
	compute := 0
	for _, request := range requests {
		if strings.HasPrefix(request.Path, "/compute") {
			compute++
		}
	}
	f.wall.addMilliseconds(used.wall)
	f.bare.addMilliseconds(bare)
	f.largest.addMegabytes(used.largest())
	f.requests.add(float64(len(requests)))
	f.compute.add(float64(compute))
	f.peaks.add(used.peaks)
	return nil
}

func (f *cloudFigures) times() string {
	return fmt.Sprintf("run %s ms, bare requests %s ms, %s requests, %s of them to nova", f.wall.format("%.0f"), f.bare.format("%.0f"),
		f.requests.format("%.0f"), f.compute.format("%.0f"))
}

// measureHours measures the first run and the next hour, in which nothing changes, of a cloud.
func (b *bench) measureHours(ctx context.Context, options standin.Options) (initial, quiet cloudFigures, err error) {
	// Both windows lie in the month of the cloud's data.
	to := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	options.Seed, options.Now = 1, to.Add(-time.Hour)
	c, stop, err := startCloud(options)
	if err != nil {
		return initial, quiet, err
	}
	defer stop()
	s, err := c.newSite(b.programs, filepath.Join(b.dir, "cloud"))
	if err != nil {
		return initial, quiet, err
	}
	for range b.rounds {
		if err := s.empty(); err != nil {
			return initial, quiet, err
		}
		if err := initial.measureRun(ctx, c, s, to.Add(-time.Hour)); err != nil {
			return initial, quiet, err
		}
		if err := quiet.measureRun(ctx, c, s, to); err != nil {
			return initial, quiet, err
		}
	}
	return initial, quiet, nil
}

// benchCloud measures one project with many servers.
func (b *bench) benchCloud(ctx context.Context) ([]row, error) {
	servers := b.scaled(20_000)
	initial, quiet, err := b.measureHours(ctx, standin.Options{Projects: 1, ServersPerProject: servers})
	if err != nil {
		return nil, err
	}
	return []row{
		{fmt.Sprintf("first run, %d servers in one project: time / bare requests", servers), "1.1 on a real nova",
			ratios(initial.wall, initial.bare).format("%.2f"), initial.times()},
		{"largest process of this run", "120 MB", initial.largest.format("%.0f MB"), initial.peaks.String()},
		{fmt.Sprintf("hour without changes, %d servers: requests to nova", servers), "4", quiet.compute.format("%.0f"), quiet.times()},
		{"time of this hour above 1.2 x the bare requests", "1500 ms", quiet.aboveBare().format("%.0f ms"), quiet.peaks.String()},
	}, nil
}

// aboveBare returns the time of the runs above 1.2 times that of their requests.
func (f *cloudFigures) aboveBare() series {
	above := make(series, len(f.wall))
	for i := range f.wall {
		above[i] = f.wall[i] - 1.2*f.bare[i]
	}
	return above
}

// benchProjects measures many projects with few servers each.
func (b *bench) benchProjects(ctx context.Context) ([]row, error) {
	projects := max(10, b.scaled(1_000_000)/1000)
	initial, quiet, err := b.measureHours(ctx, standin.Options{Projects: projects, ServersPerProject: 20})
	if err != nil {
		return nil, err
	}
	perProject := make(series, len(quiet.requests))
	for i, requests := range quiet.requests {
		perProject[i] = requests / float64(projects)
	}
	return []row{
		{fmt.Sprintf("first run, %d projects of 20 servers: time / bare requests", projects), "-",
			ratios(initial.wall, initial.bare).format("%.2f"), initial.times() + "; " + initial.peaks.String()},
		{fmt.Sprintf("hour without changes, %d projects: requests for each project", projects), "3.1, or 12 in all",
			perProject.format("%.2f"), quiet.times()},
		{"this hour: time / bare requests", "-", ratios(quiet.wall, quiet.bare).format("%.2f"), quiet.peaks.String()},
	}, nil
}
