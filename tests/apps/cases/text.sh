### grep-basics
printf 'apple\nBanana\ncherry\n' >f; grep an f; grep -i b f; grep -v a f; grep -c . f; grep -n rr f; grep -q zzz f; echo $?; grep x missing; echo $?; grep -o 'a.' f; grep -E '^(a|c)' f; grep -P '\w+y$' f; grep -F . f; echo $?
### grep-recursive
mkdir -p d/e; echo needle >d/a; echo hay >d/b; echo needle >d/e/c; printf 'bin\0needle\n' >d/e/bin; grep -r needle d | sort; grep -rl needle d | sort; grep -rL needle d; grep -A1 -B1 3 <(seq 5); grep -m1 1 <(seq 20); grep -f <(echo hay) d/b
### sed-basics
seq 10 | sed -n '2,4p;$p'; echo 'one two' | sed 's/\(.*\) \(.*\)/\2 \1/'; seq 5 | sed '2d;4i\inserted' ; echo aaa | sed 's/a/b/2g'; seq 6 | sed -n '/2/,/4/{s/^/x/;p}'; echo hello | sed 'y/el/ip/'; seq 3 | sed '1!G;h;$!d'
### sed-in-place
seq 5 >f; ln f hard; chmod 640 f; sed -i.bak 's/3/three/' f; cat f; stat -c '%a %h' f; cat f.bak | wc -l; sed -i '/2/w out' f; cat out; sed -n 'R f' /dev/null; sed --posix -E 's/(.)/<\1>/' <<<xy; sed q5 f >/dev/null; echo $?; sed 's/x' f; echo $?
### awk-basics
printf 'a 1\nb 2\nc 3\n' >f; awk '{ s += $2 } END { print s, NR }' f; awk -F: '$3 == 0 { print $1 }' /etc/passwd; awk 'BEGIN { printf "%.3f %s %d\n", 22/7, substr("hello", 2, 3), length("abc") }'; awk '{ c[$1]++ } END { for (k in c) n++; print n }' f
### awk-pipes
awk 'BEGIN { "echo sub" | getline x; print x; print "b\na" | "sort"; close("sort"); while (("seq 3" | getline l) > 0) t += l; print t; r = system("exit 3"); print r; print "to file" >"out"; close("out"); getline y <"out"; print y }'; awk 'BEGIN { print ENVIRON["HOME"]; exit 4 }'; echo $?
### awk-large
seq 100000 | awk '{ a[$1 % 1000] += $1 } END { for (i = 0; i < 1000; i++) s += a[i] * i; print s }'
### diff-and-cmp
seq 10 >a; seq 10 | sed 's/5/five/;8d' >b; diff a b; echo $?; diff -u a b | tail -n +3; cmp a b; echo $?; cmp a a; echo $?; mkdir x y; echo 1 >x/f; echo 2 >y/f; touch x/only; diff -r x y; diff -q a b; sdiff -w 20 <(seq 2) <(seq 2) ; diff3 a a b | head -n 2
### perl-basics
perl -e 'print join(",", map { $_ * 2 } grep { $_ % 2 } 1..9), "\n"; my %h = (a => 1, b => 2); print "$_=$h{$_}\n" for sort keys %h; print "match $1\n" if "foo42" =~ /(\d+)/'; perl -ne 'print if /3/' <(seq 13); seq 3 >f; perl -pi -e 's/2/two/' f; cat f
### perl-processes
perl -e '$| = 1; my $pid = fork; if (!$pid) { print "child\n"; exit 3 } waitpid $pid, 0; print $? >> 8, "\n"; print `echo backticks`; open my $p, "-|", "seq 3" or die; print while <$p>; close $p; $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 3; pipe my $r, my $w; print $w "x"; close $w; print <$r>, "\n"; kill "TERM", $$'; echo $?
### perl-files
perl -e 'mkdir "d", 0755; open F, ">", "d/f"; print F "text"; close F; my @s = stat "d/f"; printf "%o %d\n", $s[2], $s[7]; rename "d/f", "d/g"; symlink "g", "d/l"; print readlink("d/l"), "\n"; opendir D, "d"; print join(" ", sort readdir D), "\n"; utime 5, 6, "d/g"; print((stat "d/g")[9], "\n"); unlink "d/g" or die; print -e "d/g" ? "there" : "gone", "\n"; open F, "<", "none" or print "$!\n"'
### perl-sockets
perl -MIO::Socket -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!; if (!fork) { my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $s->sockport) or die $!; print $c "hello\n"; print scalar <$c>; exit } my $c = $s->accept; my $l = <$c>; print $c uc $l; close $c; wait; socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, 0 or die; syswrite $a, "pair\n"; sysread $b, my $x, 10; print $x'
### script-on-a-terminal
script -qec 'tty | grep -c pts; stty size; test -t 1 && echo terminal' /dev/null </dev/null | tr -d '\r'
