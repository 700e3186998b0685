#!/bin/sh
# Becomes the first process of a lab machine, in the namespaces that machine.py has made: this machine's own
# files under an overlay, so that nothing the lab does is kept, and a systemd with no unit but the lab's.
# Arguments: an empty directory, the host name, the directory of fault scripts, tmpfs size.
set -eu
base=$1 name=$2 faults=$3 size=$4
root=$base/root

mount --make-rprivate /
mount -t tmpfs -o "size=$size" lab "$base"
mkdir "$base/upper" "$base/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$root"
mkdir -p "$root/opt/memory" "$root/old_root"
cp -r "$faults" "$root/opt/faults"
[ -e /sys/fs/cgroup/cgroup.procs ] && groups=/sys/fs/cgroup || groups=/sys/fs/cgroup/memory
mount --rbind "$groups" "$root/opt/memory"

cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 none sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mount --bind proc/sys proc/sys # the machine's own sysctls stay as they are, but for those of the network
mount -o remount,ro,bind proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,rw,bind proc/sys/net
mount -t tmpfs -o mode=755 none dev
for node in null zero full random urandom tty kmsg fuse; do
    [ -e "/dev/$node" ] || continue
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts
ln -s /proc/self/fd dev/fd
for directory in run tmp var/log etc/systemd/system etc/logrotate.d; do
    mkdir -p "$directory"
    mount -t tmpfs -o "mode=755,size=$size" none "$directory"
done
chmod 1777 tmp
mkdir var/log/journal
echo "$name" >etc/hostname
echo "$name" | md5sum | cut -c 1-32 >etc/machine-id
: >etc/fstab
: >etc/resolv.conf
rm -rf var/lib/logrotate etc/cron.d etc/cron.daily .dockerenv
for target in default sysinit basic; do
    printf '[Unit]\nDescription=lab\nDefaultDependencies=no\nAfter=systemd-journald.socket\n' \
        >"etc/systemd/system/$target.target"
done
printf 'Requires=systemd-journald.service\nAfter=systemd-journald.service\n' >>etc/systemd/system/default.target

pivot_root . old_root
umount -l /old_root
ip link set lo up
hostname "$name"
exec env -i container=lab PATH="$PATH" /usr/lib/systemd/systemd --show-status=no --log-target=null
