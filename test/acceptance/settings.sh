# Settings of the acceptance test: addresses, directories and credentials of the cloud. The shell
# scripts source it; the Python programs read it as environment variables.
#
# Everything is on the loopback and on ports of its own, and only ACC_STATE and ACC_LOG are written,
# so that another OpenStack on the same machine is not affected. The passwords protect nothing.
ACC_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ACC_IP=127.0.0.1
ACC_STATE=/var/lib/caso-acceptance   # configuration, databases, pid files, seeds
ACC_LOG=/var/log/caso-acceptance     # a log per service, an access log per API
ACC_REGION=AcceptanceOne
ACC_COMPUTES="acceptance-1 acceptance-2"   # fake hypervisors
ACC_DB_USER=acceptance
ACC_DB_PASSWORD=acceptance-database
ACC_SERVICE_PASSWORD=acceptance-service
ACC_ADMIN_PASSWORD=acceptance-admin
ACC_USER_PASSWORD=acceptance-user
# The password of caso's user, with characters that configuration readers treat specially.
ACC_READER_PASSWORD='two words; #1 = 100% "$ure"'
# Below the kernel's range of ports for outgoing connections.
ACC_PORT_KEYSTONE=25000 ACC_PORT_PLACEMENT=28778 ACC_PORT_NOVA=28774 ACC_PORT_GLANCE=29292
ACC_PORT_NEUTRON=29696 ACC_PORT_CINDER=28776 ACC_PORT_GNOCCHI=28041
ACC_PORT_MYSQL=23306 ACC_PORT_MEMCACHED=21211
ACC_PORT_RABBIT=25675 ACC_PORT_RABBIT_DIST=25676 ACC_PORT_EPMD=24369
export ${!ACC_@}
# Requests to the loopback must bypass proxies.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
# Python must not write bytecode into the source tree.
export PYTHONDONTWRITEBYTECODE=1

log() { printf '[%s] %s\n' "$(date +%T)" "$*"; }
