package pluginhost

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	sdk "github.com/caso-project/caso/internal/oldsdk"
)

// passedOn is all of the host's environment that a plugin sees: what is needed to find programs, to write
// texts and times, and to reach the outside through TLS and proxies. Credentials (OS_PASSWORD and its
// kind) never are in it.
func passedOn() []string {
	return []string{
		"PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR",
		"SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
}

// lifelineFD is the number that the first of exec.Cmd's ExtraFiles has in the plugin.
const lifelineFD = 3

func environment(host []string, level hclog.Level) []string {
	var env []string
	for _, variable := range host {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(passedOn(), name) || strings.HasPrefix(name, "LC_") {
			env = append(env, variable)
		}
	}
	return append(env,
		sdk.LogLevelEnv+"="+level.String(),
		sdk.LifelineEnv+"="+strconv.Itoa(lifelineFD))
}
