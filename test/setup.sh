#!/bin/sh
# Installs the clients that the interop suites drive. Does so as root on Debian or Ubuntu; elsewhere it names what is
# missing and leaves the machine alone, and the suites that need it say so in their turn.
set -eu

packages="
openssh-client        # sftp and scp; ssh, which sshfs and lftp run
openssh-server        # sshd: the peer the suites are held against, and the one the benchmark compares with
sshfs                 # mounts a server
fuse3                 # fusermount3, to unmount what sshfs mounted
rclone                # SFTP by pkg/sftp, with exec probes
lftp                  # SFTP v3 to v6, asks for v6
putty-tools           # psftp; puttygen, to make it a key
curl                  # SFTP by libssh2 or libssh
fail2ban              # fail2ban-regex, which reads the filter in docs
python3               # runs the two below
python3-paramiko      # SFTP v3
python3-asyncssh      # SFTP v3 to v6
zbar-tools            # zbarimg, to read the QR code of an enrolment
ruby                  # runs the three below
ruby-net-sftp         # SFTP v1 to v6, asks for v6
ruby-ed25519          # Ed25519 keys for net-ssh
ruby-bcrypt-pbkdf     # private keys in OpenSSH's format for net-ssh
slapd                 # OpenLDAP: users in a directory
ldap-utils            # ldapmodify, to change what is in it
samba-ad-dc           # Active Directory's other implementation
samba-ad-provision    # what a new domain is made from
clamav-daemon         # clamd, which scans what a recipe sends it
strace                # makes calls of the kernel fail
xfsprogs              # mkfs.xfs: files that can share their content
"
names=$(printf '%s' "$packages" | sed 's/#.*//')

missing() {
  for name in $names; do
    case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true) in
      *' installed') ;;
      *) printf ' %s' "$name" ;;
    esac
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: not Debian or Ubuntu; nothing is installed. Wanted are:" $names
  exit 0
fi

wanted=$(missing)
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "setup: not root; nothing is installed. Missing are:$wanted"
  echo "setup: to run every suite: sudo apt-get install --no-install-recommends$wanted"
  exit 0
fi

# A package that brings a service starts it when installed. Nothing here wants an sshd on port 22.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

echo "setup: installing$wanted"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends $wanted </dev/null
