package nova

import (
	"fmt"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// TestNames: names of users and images are requested once a run for all projects, and again with
// the next full list only, also those of users and images that were deleted or cannot be shown.
func TestNames(t *testing.T) {
	for _, options := range []standin.Options{{}, {ForbidUserList: true}, {ForbidUserList: true, ForbidUserGet: true}} {
		r := newProjectRuns(t, options, "reader", 5, 0, nil)
		alice := r.cloud.AddUser(standin.User{Name: "alice"})
		r.cloud.AddImage(standin.Image{ID: "image-1", Name: "cirros", Visibility: "public",
			Properties: map[string]string{"vmcatcher_event_ad_mpuri": "https://market.example.org/1"}})
		for i, project := range r.projects {
			for j, user := range []string{alice, "deleted"} {
				one := server(project, fmt.Sprintf("s%d-%d", i, j), now.AddDate(0, 0, -2))
				one.UserID, one.ImageID = user, []string{"image-1", "deleted-image"}[j]
				r.cloud.AddServer(one)
			}
		}
		named := "alice"
		if options.ForbidUserGet {
			named = ""
		}
		check := func(answers map[string]answer, user, image string) {
			t.Helper()
			for i, project := range r.projects {
				one, other := answers[project].last()[fmt.Sprintf("s%d-0", i)], answers[project].last()[fmt.Sprintf("s%d-1", i)]
				if one.GetGlobalUserName() != user || one.GetImageId() != image ||
					other.GlobalUserName != nil || other.GetImageId() != "deleted-image" {
					t.Errorf("%+v: %v, %v", options, one, other)
				}
			}
		}
		check(r.mustUntil(now), named, "https://market.example.org/1")
		if users := r.requested("/users"); users > 3 {
			t.Errorf("%+v: %d requests for users", options, users)
		}
		r.cloud.DeleteImage("image-1")
		check(r.mustUntil(now.Add(time.Hour)), named, "https://market.example.org/1")
		if n := r.requested("/users") + r.requested("/image"); n != 0 {
			t.Errorf("%+v: %d requests for users and images in a quiet hour", options, n)
		}
		r.cloud.DeleteUser(alice)
		check(r.mustUntil(now.Add(25*time.Hour)), named, "https://market.example.org/1")
		r.cloud.AddImage(standin.Image{ID: "image-1", Name: "cirros", Visibility: "public"})
		check(r.mustUntil(now.Add(50*time.Hour)), named, "image-1")
	}
}

// TestNamesLater: names that could not be read because keystone failed are read in the next run.
func TestNamesLater(t *testing.T) {
	r := newRuns(t, standin.Options{}, nil)
	one := server(r.project, "s0", now.AddDate(0, 0, -2))
	one.UserID = r.cloud.AddUser(standin.User{Name: "alice"})
	r.cloud.AddServer(one)
	r.cloud.Fault(standin.Fault{Match: path("/users"), Status: 500})
	if name := r.mustUntil(now).last()["s0"].GlobalUserName; name != nil {
		t.Errorf("%s", *name)
	}
	r.cloud.ClearFaults()
	if name := r.mustUntil(now.Add(time.Hour)).last()["s0"].GetGlobalUserName(); name != "alice" {
		t.Errorf("%q", name)
	}
}
