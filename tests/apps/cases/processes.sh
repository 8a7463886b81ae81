### ps-own-processes
sleep 30 & p=$!; ps -o comm=,args= -p $p; ps -o ppid= -p $p | tr -d ' ' | grep -qx $$; echo $?; ps -o stat= -p $p | cut -c1; kill $p; wait $p; ps -p $p | wc -l
### ps-all
ps -e -o pid= | awk '$1 == 1 { print "init" }'; ps -ef >list; head -n 1 list | tr -s ' '; ps aux | head -n 1 | tr -s ' '; ps -eo pid,comm --no-headers | awk -v p=$$ '$1 == p { print $2 }'; ps -o pid=,pgid=,sid= -p $$ | awk '{ print NF }'; ps -L -o lwp= -p $$ | tr -d ' ' | grep -cx $$
### kill
kill -l 9; kill -l TERM; sleep 30 & kill -0 $!; echo $?; kill -HUP $!; wait $!; echo $?; kill -9 99999999; echo $?; trap 'echo caught' TERM; /bin/kill -TERM $$ & wait $!; kill $$; (sleep 30; true) & kill $!; wait $!; echo $?
### pgrep-and-pkill
cp /bin/sleep ./lxss-napper; ./lxss-napper 30 & p=$!; ./lxss-napper 31 & while [ $(pgrep -c -x lxss-napper) != 2 ]; do sleep 0.05; done; pgrep -f '^./lxss-napper 30' | grep -cx $p; pgrep -a -P $$ -x lxss-napper | cut -d' ' -f2-; pkill -x lxss-napper; wait $p; echo $?; wait; pgrep -x lxss-napper; echo $?; pidof bash | tr ' ' '\n' | grep -cx $$
### proc-files
cat /proc/self/comm; tr '\0' ' ' </proc/self/cmdline; echo; readlink /proc/self/cwd | sed 's|.*/case/||'; readlink /proc/self/exe; grep -E '^(Name|State|Uid|Threads):' /proc/self/status; ls /proc/self/fd; grep -c . /proc/self/maps >/dev/null; echo $?; awk '{ print $3 }' /proc/self/stat; head -c 12 /proc/version; echo; grep -E -c '^(MemTotal|MemFree):' /proc/meminfo; cat /proc/sys/kernel/ostype; awk '{ print NF }' /proc/loadavg /proc/uptime
### proc-of-a-child
X=visible sleep 30 & p=$!; while [ "$(cat /proc/$p/comm)" != sleep ]; do sleep 0.05; done; tr '\0' '\n' </proc/$p/environ | grep ^X=; awk '/^PPid/ { print $2 }' /proc/$p/status | grep -cx $$; readlink /proc/$p/exe; ls -d /proc/$p/task/$p >/dev/null; echo $?; kill $p; wait $p; ls /proc/$p 2>/dev/null; echo $?
### mounts
awk '$2 == "/proc" { print $3 }' /proc/mounts; awk '$2 == "/" { n++ } END { print n > 0 }' /proc/self/mounts; grep -q ' / ' /proc/self/mountinfo; echo $?; stat -f -c %T /proc /dev/shm; mountpoint -q /proc; echo $?; mountpoint -q /etc; echo $?
### su
su -c 'id -un; pwd' daemon -s /bin/sh 2>&1 | head -n 1; su nobody -s /bin/bash -c 'id -u; echo $HOME; touch /etc/x; echo $?'; su - root -c 'pwd; echo $USER $HOME $0'; su missing -c true; echo $?; su nobody -c true; echo $?
### runuser-and-setpriv
runuser -u nobody -- id; setpriv --reuid=1234 --regid=5678 --clear-groups id; setpriv --reuid=1234 --regid=5678 --groups=9,10 bash -c 'echo $UID ${GROUPS[@]}; kill -0 1; echo $?'; runuser -u nobody -- bash -c 'chown 0 /tmp; echo $?; nice -n -5 true; echo $?'; setpriv --no-new-privs grep NoNewPrivs /proc/self/status
### permissions
chmod 755 .; echo s >secret; chmod 600 secret; mkdir -m 711 d; echo i >d/in; chmod 644 d/in; mkdir -m 1777 sticky; touch sticky/root; runuser -u nobody -- bash -c 'cat secret; echo $?; ls d; echo $?; cat d/in; touch x; echo $?; rm -f sticky/root; echo $?; echo mine >sticky/m; rm sticky/m; echo $?; chmod 777 d; echo $?; test -r secret; echo $?'
### group-permissions
chmod 755 .; echo g >f; chgrp 50 f; chmod 640 f; setpriv --reuid=1000 --regid=1000 --groups=50 cat f; setpriv --reuid=1000 --regid=50 --clear-groups cat f; setpriv --reuid=1000 --regid=1000 --clear-groups cat f; echo $?; chmod 604 f; setpriv --reuid=1000 --regid=50 --clear-groups cat f; echo $?
### set-user-id
chmod 755 .; cp /usr/bin/id ./id; chown 77:88 id; chmod 6755 id; runuser -u nobody -- ./id; runuser -u nobody -- ./id -ru; chmod 755 id; runuser -u nobody -- ./id -u; echo x >>id; stat -c %a id
### set-group-id-directory
mkdir d; chgrp 60 d; chmod 2770 d; touch d/f; mkdir d/e; stat -c '%g %a' d/f; stat -c '%g %A' d/e
### users
useradd -m -s /bin/bash lxsstest; id lxsstest | sed 's/[0-9]\{4,\}/N/g'; su - lxsstest -c 'echo $USER $HOME; pwd; umask; touch f; stat -c %U f; ls -A | sort | head -n 3'; groupadd lxssgroup; usermod -aG lxssgroup lxsstest; id -Gn lxsstest; echo 'lxsstest:secret' | chpasswd; grep -c '^lxsstest:\$y\$' /etc/shadow; passwd -S lxsstest | cut -d' ' -f1,2; userdel -r lxsstest; groupdel lxssgroup; ls -d /home/lxsstest; echo $?
### login-shell
bash -lc 'echo $-; shopt -q login_shell; echo $?; echo $PATH'; sh -lc 'echo $0'; bash -ic 'echo interactive: $-' 2>/dev/null | grep -c i
### zombie-is-reaped
bash -c 'sleep 0 & exec sleep 30' & p=$!; until ps -o stat= --ppid $p | grep -q ^Z; do sleep 0.05; done; echo zombie; kill $p; wait $p 2>/dev/null; echo $?; o=$(bash -c 'sleep 0.2 >/dev/null & echo $!'); while kill -0 $o; do sleep 0.05; done 2>/dev/null; echo reaped
### orphan-has-init
r=$(bash -c '(sleep 5; true) >/dev/null & echo $!'); sleep 0.1; ps -o ppid= -p $r | tr -d ' '; kill $r
### process-groups
set -m; (sleep 30; true) & p=$!; [ $(ps -o pgid= -p $p) = $p ]; echo $?; kill -TERM -$p; wait $p; echo $?; while pgrep -g $p >/dev/null; do sleep 0.05; done; pgrep -g $p; echo $?; setsid bash -c 'ps -o pgid=,sid= -p $$ | awk "{ print (\$1 == \$2) }"'
### resource-limits-and-scheduling
prlimit --nofile=100:200 bash -c 'ulimit -Sn; ulimit -Hn'; ulimit -v 500000; ulimit -v; chrt -p $$ | sed 's/[0-9]*.s current/current/' | head -n 2; taskset -pc $$ >/dev/null; echo $?; renice -n 3 -p $$ >/dev/null; nice; ionice -p $$ >/dev/null; echo $?
### memory-limit
bash -c 'ulimit -v 200000; perl -e "\$x = q(x) x 400_000_000; print 1"' 2>&1 | grep -c -i memory; (ulimit -t 1; exec bash -c 'while :; do :; done'); echo $?
### core-and-faults
perl -e 'kill "SEGV", $$'; echo $?; bash -c 'kill -ABRT $$'; echo $?; bash -c 'ulimit -s 256; f() { f; }; f' 2>/dev/null; echo $?
### signals-blocked-and-pending
perl -MPOSIX -e '$SIG{USR1} = sub { print "usr1\n" }; my $s = POSIX::SigSet->new(SIGUSR1); sigprocmask(SIG_BLOCK, $s); kill USR1 => $$; kill USR1 => $$; my $p = POSIX::SigSet->new; sigpending($p); print $p->ismember(SIGUSR1), "\n"; sigprocmask(SIG_UNBLOCK, $s); print "end\n"; sigaction(SIGALRM, POSIX::SigAction->new(sub { print "alarm\n" })); alarm 1; pause; print "after\n"'
### hostname-and-uname
uname -s; uname -m; hostname >/dev/null; echo $?; [ "$(hostname)" = "$(cat /proc/sys/kernel/hostname)" ]; echo $?; uname -r | grep -c '^[0-9]*\.[0-9]'
### sysv-and-posix-ipc
ipcmk -M 4096 >id; i=$(awk '{ print $NF }' id); ipcs -m -i $i | awk '/bytes=/ { print $1 }'; ipcrm -m $i; echo $?; ipcmk -S 2 >id; ipcrm -s $(awk '{ print $NF }' id); echo $?; ipcmk -Q >id; ipcrm -q $(awk '{ print $NF }' id); echo $?; echo x >/dev/shm/lxss-case; cat /dev/shm/lxss-case; rm /dev/shm/lxss-case
### busy-processes
for i in 1 2 3 4; do (n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); done; echo done $n) & done; wait
### fork-storm
i=0; while [ $i -lt 200 ]; do /bin/true & i=$((i + 1)); done; wait; echo $i; for i in $(seq 100); do (:); done; echo end
### unshare-and-namespaces
ls -1 /proc/self/ns 2>/dev/null | grep -c '^pid$'; readlink /proc/self/ns/uts | cut -d: -f1
### network-tools
ip -o link show lo | grep -c LOOPBACK; ip -4 -o addr show lo | awk '{ print $4 }'; getent ahosts 127.0.0.1 | head -n 1
