# What the parts of the acceptance test share: where the cloud lives and how to sign in. Sourced by the shell
# scripts and, as environment variables, read by the Python programs.
#
# Everything is on the loopback and on ports of its own, and nothing outside ACC_STATE and ACC_LOG is written, so
# that another OpenStack on the same machine is not disturbed. The passwords protect nothing.
ACC_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ACC_IP=127.0.0.1
ACC_STATE=/var/lib/caso-acceptance   # configuration, databases, pid files, what was seeded
ACC_LOG=/var/log/caso-acceptance     # one log a service, one access log an API
ACC_REGION=AcceptanceOne
ACC_COMPUTES="acceptance-1 acceptance-2"   # fake hypervisors
ACC_DB_USER=acceptance
ACC_DB_PASSWORD=acceptance-database
ACC_SERVICE_PASSWORD=acceptance-service
ACC_ADMIN_PASSWORD=acceptance-admin
ACC_USER_PASSWORD=acceptance-user
# The user caso signs in as has a password that a configuration file can get wrong.
ACC_READER_PASSWORD='two words; #1 = 100% "$ure"'
# Below the range from which the kernel takes ports for outgoing connections.
ACC_PORT_KEYSTONE=25000 ACC_PORT_PLACEMENT=28778 ACC_PORT_NOVA=28774 ACC_PORT_GLANCE=29292
ACC_PORT_NEUTRON=29696 ACC_PORT_CINDER=28776 ACC_PORT_GNOCCHI=28041
ACC_PORT_MYSQL=23306 ACC_PORT_MEMCACHED=21211
ACC_PORT_RABBIT=25675 ACC_PORT_RABBIT_DIST=25676 ACC_PORT_EPMD=24369
export ${!ACC_@}
# A proxy must never be asked for the loopback.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
# Python must leave nothing in the source tree.
export PYTHONDONTWRITEBYTECODE=1

say() { printf '[%s] %s\n' "$(date +%T)" "$*"; }
