### ls-long
umask 022; mkdir d; echo text >f; ln f hard; ln -s f soft; mkfifo p; mknod null c 1 3; touch -d '2001-02-03 04:05:06 UTC' f d p null; touch -h -d @1000000000 soft; chmod 4755 f; chmod 1777 d; ls -ln --time-style=full-iso . | awk '/^d/ { $5 = "SIZE" } $1 != "total"'; ls -1F; ls -d d/
### ls-sorting
touch -d @100 a; touch -d @300 b; touch -d @200 c; head -c 3000 /dev/zero >c; touch -d @200 c; ls -t; ls -S; ls -rX; ls -aU | sort; ls -Q
### ls-recursive
mkdir -p x/y/z; touch x/1 x/y/2 x/y/z/3; ls -R x
### cp-archive
mkdir src; echo a >src/a; chmod 640 src/a; chown 12:34 src/a; ln src/a src/b; ln -s a src/l; mkfifo src/p; touch -d @111111111 src/a src/p; cp -a src dst; stat -c '%n %a %u:%g %h %Y %F' dst/a dst/b dst/p; readlink dst/l; [ dst/a -ef dst/b ]; echo $?
### cp-modes
echo one >a; cp a b; cp -p a c; cp -l a d; cp -s a e; cp --backup=numbered a b; cp -n a b; echo new >a; touch -d @5 a; cp -u a b; ls; cat b; touch a; touch -d @6 b; cp -u a b; cat b; cp a a; echo $?; cp missing x; echo $?; mkdir dir; cp dir x; echo $?
### cp-sparse
truncate -s 10M hole; printf end >>hole; cp --sparse=always hole copy; cmp hole copy; echo $? $(stat -c %s copy); cp --reflink=auto hole again; cmp hole again; echo $?
### mv
mkdir a b; touch a/f; mv a/f b/g; ls a b; mv b a; ls a; mv -n a c; mv c/b .; ls; echo x >one; echo y >two; mv -f one two; cat two; mv -T two c; echo $?; mv missing x; echo $?; mv b b/in; echo $?
### mv-across-file-systems
mkdir -p tree/sub; echo data >tree/sub/f; chmod 600 tree/sub/f; ln -s sub/f tree/l; rm -rf /dev/shm/moved; mv tree /dev/shm/moved; ls; stat -c %a /dev/shm/moved/sub/f; cat /dev/shm/moved/l; rm -r /dev/shm/moved
### ln
echo a >a; ln a b; ln -s a c; ln -sf b c; readlink c; ln -sr /usr/bin here; readlink -f here; ln a b; echo $?; ln -T a d; stat -c %h a; ln / x; echo $?; ln -s loop loop; cat loop; echo $?; readlink -e none; echo $?; realpath -m x/../y/./z | sed 's|.*/case/||'
### stat
printf 12345 >f; chmod 0644 f; stat -c '%n %s %A %a %F %h %U %G' f; truncate -s 8192 f; mkdir d; stat -c '%F %h %a' d /dev/null; stat -c '%t:%T' /dev/zero; touch -d '1999-12-31 23:59:59.123456789 UTC' f; stat -c '%y' f; stat missing; echo $?
### stat-times
touch f; a=$(stat -c %Z f); sleep 1.1; chmod 600 f; [ $(stat -c %Z f) -gt $a ]; echo $?; m=$(stat -c %Y f); mv f g; [ $(stat -c %Y g) = $m ]; echo $?
### du
mkdir d; head -c 100000 /dev/zero >d/a; ln d/a d/b; truncate -s 1M d/hole; du -b --apparent-size d/a d/hole; du -s --apparent-size -B1 d/hole; du --inodes -s d; [ $(du -k d/hole | cut -f1) -lt 64 ]; echo $?
### df
df --output=target / | tail -n 1; df -P . | awk 'NR == 2 { print NF, ($2 > 0), ($4 <= $2) }'; df --output=fstype /proc /dev/shm; df missing; echo $?
### sort
printf '%s\n' 10 9 2 33 1 | sort -n; printf 'b 2\na 10\nc 1\n' | sort -k2,2n; printf 'B\na\nC\nA\n' | sort -f; printf '1.2.10\n1.2.9\n' | sort -V; printf 'x\ny\nx\n' | sort -u; printf '1K\n2M\n3\n' | sort -hr; seq 5 | sort -R --random-source=/dev/zero | wc -l; echo b >u; echo a >>u; sort -c u; echo $?
### sort-large
seq 200000 | sort -S 1M -T . -r | md5sum; seq 100000 | sort --parallel=2 -n | tail -n 1
### uniq
printf 'a\na\nb\nc\nc\nc\n' | uniq -c; printf 'a\na\nb\n' | uniq -d; printf 'a\na\nb\n' | uniq -u; printf '1 x\n2 x\n3 y\n' | uniq -f 1
### join-comm-paste
printf '1 a\n2 b\n3 c\n' >l; printf '1 x\n3 y\n4 z\n' >r; join l r; join -a 1 -e none -o 0,1.2,2.2 l r; comm <(cut -d' ' -f1 l) <(cut -d' ' -f1 r); paste -d, l r; paste -s l
### cut-tr-rev-fold
echo 'a:b:c:d' | cut -d: -f2,4; echo abcdef | cut -c2-4; echo hello | tr a-y b-z; echo 'aabbcc' | tr -s a-c; echo 'a1b2' | tr -d 0-9; echo abc | rev; echo 'a long line of text' | fold -sw 8; echo -e 'a\tb' | expand -t4; seq 12 | pr -3 -t -w 30; seq 3 | tac; seq 3 | nl -ba
### split-csplit
seq 100 >n; split -l 30 -d n part.; wc -l part.* | tail -n 1; cat part.* | cmp - n; echo $?; split -n 3 n c.; ls -1 c.*; split -b 100 --filter='wc -c' n; csplit -s n 11 51; wc -l xx*
### dd
dd if=/dev/zero of=f bs=4k count=3 status=none; stat -c %s f; printf ABC | dd of=f bs=1 seek=5 conv=notrunc status=none; dd if=f bs=1 skip=4 count=5 status=none | od -c; seq 1000 | dd bs=100 count=2 iflag=fullblock 2>&1 >/dev/null | head -n 2; printf 'abcd' | dd conv=ucase,swab status=none; echo; dd if=missing; echo $?; dd if=/dev/zero of=g bs=1M count=4 conv=fsync status=none; stat -c %s g
### truncate
truncate -s 1G big; stat -c %s big; truncate -s -1K big; stat -c %s big; truncate -s 5 f; od -c f; truncate -r f big; stat -c %s big; truncate -s %7 f; stat -c %s f
### mktemp
d=$(mktemp -d); stat -c '%a %F' $d; rmdir $d; f=$(mktemp -p . x.XXXXXX.txt); stat -c %a $f; ls | wc -l; mktemp nox; echo $?
### install
echo x >f; install -m 750 -o 5 -g 6 -D f a/b/c; stat -c '%a %u %g' a/b/c; install -d -m 700 z/y; stat -c %a z/y; install -C f f2; install -t z f; ls z
### mkfifo
mkfifo p; (echo through >p &) ; cat p; cat p & echo again >p; wait; (cat p; echo reader ended) & exec 3>p; echo one >&3; echo two >&3; exec 3>&-; wait
### timeout
timeout 0.3 sleep 30; echo $?; timeout 20 true; echo $?; timeout -s KILL 0.3 sleep 30; echo $?; timeout -k 0.3 0.3 bash -c 'trap "" TERM; while :; do sleep 0.1; done'; echo $?; timeout --preserve-status 0.3 sleep 30; echo $?; timeout 1 missing; echo $?
### nice
nice; nice -n 5 nice; nice -n 5 nice -n 7 nice; nice -n 30 nice; nice -n 3 bash -c 'ps -o ni= -p $$' | tr -d ' '
### nohup
nohup bash -c 'kill -HUP $$; echo survived' 2>/dev/null </dev/null; setsid bash -c 'echo $?'; setsid -w bash -c '[ $(ps -o sid= -p $$) = $$ ]'; echo $?
### env
env -i X=1 env; env -u HOME bash -c 'echo ${HOME-unset}'; env -C / pwd; env missing; echo $?; env -S 'printf %s\n a b'; printenv PATH
### id-and-groups
id; id -un; id -G daemon; id nobody; id missing; echo $?; groups; whoami; logname 2>&1 | head -c 7; echo
### tee
echo x | tee a b; cat a b; echo y | tee -a a >/dev/null; cat a; echo z | tee /missing/x; echo $?
### tail-follow
touch log; (for i in 1 2 3 4 5; do sleep 0.15; echo line $i >>log; done) & timeout 3 tail -f log | head -n 5; timeout 5 tail -f --pid=$! log | tail -n 1; seq 100 | tail -n +98; seq 100 | tail -c 8; seq 20 >s; tail -n 2 s s | head -n 3
### tail-follow-name
echo old >log; (sleep 0.5; mv log log.1; echo new >log; sleep 1.5) & timeout 3 tail -q -F -n 1 log 2>/dev/null; wait
### head
seq 100 | head -n 2; seq 10 | head -n -8; head -c 5 <<<abcdefgh; echo; { head -n 1; cat; } < <(seq 3) | wc -l >/dev/null; seq 5 >f; { head -n 2 >/dev/null; cat; } <f
### checksums
seq 1000 >f; md5sum f; sha1sum f; sha256sum f; sha512sum f | cut -c1-40; cksum f; b2sum f | cut -c1-40; sum f; sha256sum f >s; sha256sum -c s; echo x >>f; sha256sum -c s; echo $?
### od-and-base64
printf 'ABC\001\377' | od -An -tx1 -c; seq 5 | od -A d -t u2; printf 'hello world' | base64; echo aGVsbG8= | base64 -d; echo; seq 3 | base32; od -j 4 -N 4 -c <<<abcdefghij
### seq-factor-numfmt-expr
seq -w 8 11; seq 0 0.25 1; seq -s, 5; factor 1234567890 97 18446744073709551557; numfmt --to=iec 1048576 1500; numfmt --from=si 2K; expr 7 \* 6; expr abc : 'a\(.*\)'; expr 0; echo $?
### shuf
seq 10 | shuf --random-source=<(yes) | tr '\n' ' '; echo; shuf -i 1-1000 -n 1000 | sort -n | md5sum; shuf -e a b c | sort | tr -d '\n'; echo
### test-operators
touch f; mkdir d; ln -s f l; mkfifo p; ln -s none dangling; for t in -e -f -d -L -p -s -r -w -x -O -G -S -b -c -u -g -k -h; do printf '%s ' $t; for n in f d l p dangling; do test $t $n; printf %s $?; done; echo; done; test -t 0; echo $?; [ a \< b ]; echo $?; test 1 -eq x; echo $?
### chmod
touch f; for m in 0 7777 u=rwx,go=rx g-x o=u a+t u+s,g+s =; do chmod $m f; stat -c '%a %A' f; done; mkdir d; touch d/x; chmod -R go-rwx d; stat -c %a d d/x; chmod 4711 d; stat -c %a d; touch g; chmod g+s g; chown 5 g; stat -c %a g; chmod 6755 f; chown 1:1 f; stat -c %a f
### chown
touch f; chown 1000:2000 f; stat -c %u:%g f; chown :daemon f; stat -c %G f; ln -s f l; chown -h 7 l; stat -c %u l f; chown missing f; echo $?; chgrp 44 f; stat -c %g f; chown 4294967294 f; stat -c %u f; chown --from=0 1 f; stat -c %u f
### touch
touch -d '2020-01-01 12:00 UTC' f; stat -c '%X %Y' f; touch -a -d @5 f; touch -m -d @6.5 f; stat -c '%X %Y %.2Y' f; touch -r f g; stat -c %Y g; touch -c none; ls; touch -d @-1 f; stat -c %Y f; touch -d @4294967296 f; stat -c %Y f; touch no/such; echo $?
### rm-and-rmdir
mkdir -p a/b/c; touch a/b/f; rmdir a/b; echo $?; rmdir a/b/c; rm -r a; ls; rm missing; echo $?; rm -f missing; echo $?; mkdir -p x/y; rmdir -p x/y; ls; touch ./-dash; rm -- -dash; mkdir d; rm d; echo $?; touch r; chmod 0 r; rm -f r; ls; rmdir d; echo $?
### deep-tree
p=.; for i in $(seq 60); do p=$p/directory-number-$i; done; mkdir -p $p; echo deep >$p/f; cat $p/f; find . -type d | wc -l; rm -r directory-number-1; ls | wc -l
### long-names
n=$(printf 'n%.0s' $(seq 255)); touch $n; ls | wc -c; touch ${n}x; echo $?; mkdir "$(printf 'new\nline')"; ls -b; touch $'\xff\xfe'; ls -b | LC_ALL=C sort | tail -n 1; touch 'a:b' 'a|b' 'a\b' 'a?b' 'CON' 'trailing.' 'trailing '; ls -Q | LC_ALL=C sort | tail -n 7
### many-files
mkdir d; (cd d; seq 3000 | xargs touch); ls d | wc -l; ls -U d | sort -n | md5sum; rm d/*7; ls d | wc -l; rm -r d; echo $?
### removed-while-open
echo keep >f; exec 3<f; rm f; cat <&3; ls; exec 4>g; rm g; echo more >&4; stat -L -c %h /dev/fd/4; ls -l /proc/self/fd/4 | sed 's/.*-> .*\//...\//'
### removed-working-directory
mkdir d; cd d; rmdir ../d; pwd -P; echo $?; touch x; echo $?; ls; echo $?; cd ..; ls
### wc-and-friends
seq 100 | wc; printf 'a b\nc' | wc -lwcm; echo one two | wc -w; printf 'longest line\nx\n' | wc -L; yes | head -n 2; basename /a/b.c .c; dirname /a/b/c; pathchk -p 'a b'; echo $?; nproc >/dev/null; echo $?; tsort <<<'a b b c'; date -u -d @1000000000 '+%F %T'; arch; uname -so
### sync-and-fallocate
echo x >f; sync f; sync; echo $?; fallocate -l 1M g; stat -c %s g; fallocate -n -l 2M g; stat -c %s g; fallocate -p -o 0 -l 4096 g; echo $?; flock f echo locked; flock -n f bash -c 'flock -n f true; echo $?'
### sleep-and-date
a=$(date +%s%N); sleep 0.25; b=$(date +%s%N); d=$(((b - a) / 1000000)); [ $d -ge 250 ] && [ $d -lt 5000 ]; echo $?; TZ=UTC0 date -d '2024-02-29 +1 year' +%F; TZ=America/New_York date -d @0 +%H 2>/dev/null | wc -l
### stdbuf-and-tty
tty; echo $?; stdbuf -oL echo x; stty -a; echo $?; echo input | (read -r x; echo $x)
