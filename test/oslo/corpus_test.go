package oslo

// corpus returns hand-written files: one per rule, and cases that a generator does not produce.
func corpus() [][]string {
	single := []string{
		"", "\n\n", "[DEFAULT]", "[DEFAULT]\nsite_name = x", "\ufeff[DEFAULT]\nsite_name = x", "site_name = x\n", "# c\n\n\nsite_name = x\n\n",
		"[DEFAULT]\nsite_name = x\n  y\n", "[DEFAULT]\nsite_name =\n y\n", "[DEFAULT]\nsite_name = \"a\n b\"\n", "[DEFAULT]\nsite_name = \"a\"\n b\n",
		"[DEFAULT]\n site_name = v\n", "[DEFAULT]\nsite_name = x\n#\n y\n", "[DEFAULT]\nsite_name = x\n\n y\n", "[DEFAULT]\nsite_name = x\n # y\n", "[DEFAULT]\nsite_name = x\n [s]\n j = y",
		"[DEFAULT]\nsite_name = a\\\nservice_name = b\n", "[DEFAULT]\nsite_name = x\rservice_name = y\r\r z", "[DEFAULT]\nsite_name = x\u2028y\u0085z\n", "[DEFAULT]\nsite_name = \xff\n", "# \xff\n", "[DEFAULT]\nsite_name = \xed\xa0\x80\n",
		"[DEFAULT]\nsite_name = a\x00b\n", "[DEFAULT]\x1c\nsite_name\x1d=\x1ex\x1f\n", "\x1c[DEFAULT]\n", "[default]\nsite_name = x\n", "[Default]\nsite_name\n",
		"[LOGSTASH]\nhost = a\n[logstash]\nport = 1\n[LogStash]\nhost = b\n", "[lOGſtash]\nhost = a", "[eKtractor]\nuser = x", "[ssm.x]\nmax_size = 1\n",
		"[logstash]\nport = x\nport = 1\n", "[logstash]\nport = 1\nport =\n", "[extractor]\ntimeout = 1\ntimeout =\n", "[extractor]\ntimeout = \"  \"\n", "[nova]\nk = $x\n[DEFAULT]\nk = ${nope}\n",
		"[DEFAULT]\ntenants = a\nprojects = b\n", "[DEFAULT]\nprojects = b\ntenants = a\n", "[extractor]\nmapping_file = /x\n", "[extractor]\nmapping_file = $user\nuser = u\n", "[extractor]\nmapping_file = $site_name\n[DEFAULT]\nsite_name = s\n",
		"[DEFAULT]\nprojects = \"a\", b c;d,,\n", "[DEFAULT]\nprojects = ,\n", "[DEFAULT]\nprojects = a,,b\n", "[DEFAULT]\nprojects = 'a','b'\n", "[DEFAULT]\nprojects = a, ,\n", "[DEFAULT]\nprojects =\n a,\n b\n", "[DEFAULT]\nprojects = $site_name\nsite_name = a,b\n",
		"[DEFAULT]\ndry_run = \" no\"\n", "[DEFAULT]\ndry_run =\n no\n", "[DEFAULT]\ndry_run =\n", "[DEFAULT]\ndry_run = f\n", "[DEFAULT]\ndry_run = falſe\n", "[DEFAULT]\ndry_run = $site_name\nsite_name = oN\n",
		"[ssm]\nmax_size = -0_07\n", "[ssm]\nmax_size =\n  7\n", "[ssm]\nmax_size = $logstash.port\n", "[ssm]\nmax_size = 99999999999999999999\n", "[ssm]\nmax_size = \"\"\n",
		"[DEFAULT]\nsite_name = $$ \\$ $9 $- ${ ${a b} a$\n", "[DEFAULT]\nsite_name = \\\\$$\n", "[DEFAULT]\nservice_name = <$site_name>\n", "[DEFAULT]\nsite_name = x$site_name\n", "[DEFAULT]\nsite_name = $service_name\n",
		"[extractor]\nuser = x$user\n", "[extractor]\nuser = $ssm\n", "[extractor]\nuser = $extractor\n", "[extractor]\nuser = $host\n", "[logstash]\nhost = $port/${port}.eu/$dry_run\n", "[extractor]\nuser = $dry_run $timeout|$insecure\n", "[DEFAULT]\nservice_name = $projects\n", "[DEFAULT]\nservice_name = $tenants\n",
		"[ssm]\nformat = v03\n", "[ssm]\nformat = 'v02'\n", "[messenger_ssm]\nrecord_types = cloud, ip\n", "[messenger_ssm]\nrecord_types = cloud, vm\n", "[ s]\n", "[s] ; t]\n", "[[ssm]]\n", "[ssm]]\n",
		"[logstash]\nport = 0\n", "[logstash]\nport = 99999\n", "[extractor]\ntimeout = -1\n", "[DEFAULT]\nsite_name = $a.\n", "[DEFAULT]\nsite_name = $ssm.\n", "[DEFAULT]\nsite_name = ${ssm.max_size}0\n",
	}
	cases := make([][]string, 0, len(single)+8)
	for _, text := range single {
		cases = append(cases, []string{text})
	}
	return append(cases,
		[]string{"[DEFAULT]\nprojects = new\n", "[DEFAULT]\ntenants = old\n"},
		[]string{"[DEFAULT]\ntenants = old\n", "[DEFAULT]\nprojects = new\n"},
		[]string{"[DEFAULT]\nmapping_file = a\n", "[EXTRACTOR]\nmapping_file = b\n"},
		[]string{"[DEFAULT]\nprojects = a,b\n", "[DEFAULT]\nprojects = c\n"},
		[]string{"[logstash]\nport = x\n", "[logstash]\nport = 1\n"},
		[]string{"[logstash]\nport = 1\n", "[logstash]\nport = x\n"},
		[]string{"[DEFAULT]\nsite_name = a\n", "[DEFAULT]\nsite_name =\n"},
		[]string{"[DEFAULT]\nservice_name = $site_name.\n", "[DEFAULT]\nservice_name = ${site_name}.\nsite_name = x"},
	)
}
