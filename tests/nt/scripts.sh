### busybox-pipes
busybox sh -c 'seq 1 2000 | grep 7 | sed "s/7/x/" | sort -r | head -n 5; echo "one two three" | while read a b c; do echo "$c $b $a"; done; yes | head -n 3 | wc -l; cat /etc/passwd >/dev/null | cat; echo ${?}'
### busybox-subshells
busybox sh -c 'x=1; (x=2; echo inner $x; (exit 4); echo $?); echo outer $x; y=$(echo $(echo deep; exit 3)); echo "$y $?"; { echo a; echo b; } | (read l; echo "<$l>"; cat); ( ( ( echo nested ) ) )'
### busybox-background-jobs
busybox sh -c 'exec 2>/dev/null; for i in 3 1 2; do (sleep 0.$i; echo $i >out.$i) & done; wait; cat out.1 out.2 out.3; sleep 30 & p=$!; kill $p; wait $p; echo $?; (exit 5) & wait $!; echo $?; trap "echo caught" USR1; (kill -USR1 $$) & wait; wait; echo end'
### busybox-redirections
busybox sh -c 'exec 3>f; echo three >&3; exec 3>&-; cat <f; cat <<X
here $((6*7))
X
echo err >&2 2>g; (echo to; echo nowhere >&2) 2>/dev/null | tr a-z A-Z; echo more >>f; wc -l <f; mkfifo p; (cat <p >q) & echo through >p; wait; cat q'
### busybox-functions
busybox sh -c 'fib() { if [ $1 -lt 2 ]; then echo $1; else echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); fi; }; fib 7; f() { local a=$1; shift; for w; do echo "$a:$w"; done; }; f x 1 "2 3"; case abc in a*c) echo match;; esac; set -- a b c; echo $# $*; printf "%05d|%-4s|%x\n" 42 ab 255'
### bash-script
declare -A n; while read -r w; do (( ++n[$w] )); done < <(printf '%s\n' b a b c a b); for k in "${!n[@]}"; do echo "$k=${n[$k]}"; done | sort
mapfile -t lines < <(seq 5); echo "${lines[@]:1:3}" "${#lines[@]}"; [[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}-${BASH_REMATCH[1]}"
coproc C { while read -r l; do echo "got $l"; done; }; echo x >&${C[1]}; read -r r <&${C[0]}; echo "$r"; kill $C_PID; wait $C_PID; echo $?
trap 'echo on exit' EXIT; (trap 'echo sub' EXIT); diff <(seq 3) <(seq 2 4); echo "${PIPESTATUS[@]}"; false | true | false; echo "${PIPESTATUS[*]}"
### coreutils-script
mkdir -p a/b/c; seq 100 | split -l 30 - part.; wc -l part.*; cat part.* | sha256sum; cp -r a copy; ln -s a/b link; readlink -f link | sed 's,.*/case/,,'; touch -d 2001-02-03T04:05:06 t; stat -c '%y %s %a %F' t; chmod 2750 a; stat -c %A a
seq 20 | shuf --random-source=/dev/zero | sort -n | tail -n 2; paste -d, <(seq 3) <(seq 4 6); join <(printf '1 a\n2 b\n') <(printf '1 x\n2 y\n'); expr 6 \* 7; factor 360; printf 'b\na\n' | sort | uniq -c; ls -R | sort; du -a --apparent-size part.aa | cut -f2; basename /x/y.z .z; df . >/dev/null; echo $?; tac <(seq 3); nl <(echo x); od -An -tx1 <(printf 'A\n\377'); base64 <<<hello; comm -12 <(seq 3) <(seq 2 4); timeout 0.2 sleep 5; echo $?
### perl-script
perl -e 'use strict; use warnings; my %h; while (my $l = <STDIN>) { $h{$_}++ for split /\W+/, lc $l } print map { "$_ $h{$_}\n" } sort keys %h; my $pid = fork; if (!$pid) { print "child\n"; exit 3 } waitpid $pid, 0; print $? >> 8, "\n"; pipe my $r, my $w; if (!fork) { close $r; print $w "x" x 100000; exit } close $w; local $/; print length(<$r>), "\n"; wait; local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; sleep 10 }; print $@; open my $f, "+>", "f" or die; print $f "a\nb\n"; seek $f, 0, 0; my @l = <$f>; print @l; printf "%s %.3f\n", join(",", map { $_ * $_ } 1 .. 5), sqrt 2; print `echo sub`, -s "f", "\n"; rename "f", "g"; print join(",", glob "*"), "\n"; socketpair my $a, my $b, 1, 1, 0 or die; syswrite $a, "over"; sysread $b, my $got, 10; print "$got\n"' <<<'The cat and the dog. The end'
### python3-script
python3 - <<'X'
import collections, hashlib, json, os, re, signal, subprocess, sys, tempfile, threading, time
print(json.dumps({"a": [1, 2.5, None], "b": "ü"}, sort_keys=True), hashlib.sha256(b"x" * 100000).hexdigest())
print(collections.Counter(re.findall(r"\w", "hello world")).most_common(2), sum(i * i for i in range(100000)))
total, lock = 0, threading.Lock()
def add():
    global total
    for _ in range(1000):
        with lock:
            total += 1
threads = [threading.Thread(target=add) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total, flush=True)
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
done = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 2"], input=b"in" * 50000, capture_output=True)
print(done.returncode, len(done.stdout), done.stderr)
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.3)
with tempfile.TemporaryDirectory() as folder:
    for name in ("A", "a", "x:y"):
        open(os.path.join(folder, name), "w").write(name)
    print(sorted(os.listdir(folder)), os.stat(os.path.join(folder, "x:y")).st_size)
try:
    open("/none")
except OSError as error:
    print(error)
X
### byte-exact-pipes
head -c 3000000 /dev/zero | tr '\0' 'x' | cat | dd bs=777 status=none | md5sum; seq 100000 | tee >(md5sum >a) | md5sum >b; sleep 0.5; cmp a b; echo $?
