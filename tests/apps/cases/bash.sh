### hello
echo hello
### exit-code
exit 37
### command-not-found
no-such-command; echo $?
### not-executable
touch plain; ./plain; echo $?; ./; echo $?
### killed-by-signal
bash -c 'kill -TERM $$'; echo $?; bash -c 'kill -KILL $$' ; echo $?
### ends-by-its-own-signal
kill -USR1 $$
### arrays
a=(one two "three four"); a+=(five); echo "${#a[@]}" "${a[2]}" "${a[@]:1:2}"; unset 'a[1]'; echo "${!a[@]}"
### associative-arrays
declare -A m=([x]=1 [y]=2); m[z]=3; for k in $(printf '%s\n' "${!m[@]}" | sort); do echo "$k=${m[$k]}"; done
### here-document
cat <<END; cat <<'RAW'; tr a-z A-Z <<<'a here string'
sum: $((2 + 3))
END
$not expanded `here`
RAW
### large-here-document
text=$(seq 20000); wc -c <<<"$text"; md5sum <<<"$text"
### process-substitution
diff <(seq 1 5) <(seq 1 2 5); echo $?; cat <(echo a) <(echo b)
### process-substitution-output
seq 5 > >(sort -r >partial; mv partial sorted); until [ -e sorted ]; do sleep 0.05; done; cat sorted
### trap-exit
trap 'echo leaving with $?' EXIT; (exit 3); exit 4
### trap-signals
trap 'echo usr1' USR1; trap 'echo usr2' USR2; kill -USR1 $$; kill -USR2 $$; trap - USR1; trap
### trap-int-ignored-by-child
trap '' INT; bash -c 'kill -INT $$; echo still here'
### trap-during-wait
trap 'echo got it' USR1; sleep 30 & s=$!; (sleep 0.3; kill -USR1 $$) & wait $s; echo $?; kill $s; wait $s 2>/dev/null; echo $?
### trap-chld
set -m; trap 'echo chld' CHLD; sleep 1 & wait; trap - CHLD; echo end
### trap-err-debug
trap 'echo "err $?"' ERR; false; true; (exit 9); trap - ERR; false; echo done
### job-control-in-script
set -m; sleep 30 & jobs -r | sed 's/ *&$//'; kill %1; wait %1; echo $?; jobs
### stop-and-continue
set -m; sleep 30 & p=$!; kill -STOP %1; while [ "$(ps -o stat= -p $p | cut -c1)" != T ]; do sleep 0.05; done
jobs -s >jobs.txt; grep -c Stopped jobs.txt; kill -CONT %1; kill %1; wait %1; echo $?
### wait-any
sleep 0.6 & (exit 5) & wait -n; echo $?; wait; echo $?
### many-background-jobs
for i in $(seq 30); do (exit $i) & p[i]=$!; done; t=0; for i in $(seq 30); do wait ${p[i]}; t=$((t + $?)); done; echo $t
### coprocess
coproc C { while read -r l; do echo "<$l>"; done; }; echo one >&${C[1]}; read -r l <&${C[0]}; echo $l; echo two >&${C[1]}
read -r l <&${C[0]}; echo $l; eval "exec ${C[1]}>&-"; wait $C_PID; echo $?
### subshells
x=1; (x=2; echo $x; (x=3; echo $x)); echo $x; echo $BASH_SUBSHELL $(echo $BASH_SUBSHELL)
### pipe-status
true | false | (exit 7) | true; echo "${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?
### long-pipeline
seq 1000 | cat | cat | cat | cat | cat | cat | cat | cat | tail -n 1
### broken-pipe
yes | head -n 3; echo "${PIPESTATUS[@]}"
### broken-pipe-ignored
trap '' PIPE; (sleep 0.2; echo text; echo $? >&2) 2>status | true; cat status
### pipe-of-a-megabyte
head -c 1000000 /dev/zero | tr '\0' x | md5sum
### last-pipe
shopt -s lastpipe; echo value | read -r v; echo $v
### redirections
echo out >f; echo more >>f; echo err >&2 2>e; cat f; { echo a; echo b >&2; } >both 2>&1; cat both; cat <f >g 2>&1; cmp f g; echo $?
### descriptors
exec 5>five; echo x >&5; exec 6<five; read -r v <&6; exec 5>&- 6<&-; echo $v; echo y >&5
### descriptor-move
exec 7>seven; echo moved 8>&7- >&8; cat seven; exec {fd}>named; echo n >&$fd; exec {fd}>&-; cat named
### read-write-redirection
printf 'abcdef' >f; exec 3<>f; read -r -n 2 -u 3; printf XX >&3; exec 3>&-; cat f; echo
### noclobber
set -C; echo a >f; echo b >f; echo $?; echo c >|f; cat f
### redirect-errors
cat <missing; echo $?; echo x >/no/such/folder/file; echo $?; echo x >/; echo $?
### dev-files
echo lost >/dev/null; head -c 4 /dev/zero | od -An -tx1; echo full >/dev/full; echo $?; head -c 8 /dev/urandom | wc -c
### dev-fd
echo text | cat /dev/stdin; echo to >/dev/stdout; echo e 2>&1 >/dev/stderr; exec 4<<<four; cat /dev/fd/4; ls /dev/fd/4
### printf
printf '%5d|%-5s|%05.1f|%x|%q|%b\n' 42 ab 3.14159 255 "a b'c" 'x\ty'; printf '%(%Y-%m-%d)T\n' 86400; printf -v v '%s-' a b c; echo $v
### read
printf 'a b c\nx:y:z\nlast' | { read -r p q; echo "$p/$q"; IFS=: read -r a b c; echo "$a $b $c"; read -r l; echo "$? $l"; }
printf 'n\0m\0' | while IFS= read -r -d '' w; do echo "[$w]"; done; read -r -t 0.2 v < <(sleep 2); echo $(( $? > 128 ))
mapfile -t lines < <(seq 5); echo ${#lines[@]} ${lines[4]}
### arithmetic
echo $((7 / 2)) $((-7 % 3)) $((2 ** 40)) $((0x1f + 017 + 2#101)) $((1 << 62)) $((9223372036854775807 + 1)) $((5 > 3 ? 10 : 20)); ((0)); echo $?; echo $((1 / 0)); echo not reached
### globbing
touch a.txt b.txt .hidden 'with space.txt' z; echo *.txt; echo [ab].*; shopt -s dotglob nullglob; echo * ; echo nothing*; mkdir -p d/e/f; touch d/e/f/g.txt; shopt -s globstar; echo **/*.txt; shopt -s extglob
echo !(*.txt)
### brace-and-parameter-expansion
echo {a,b}{1..3} {05..10..2}; v=/usr/lib/file.tar.gz; echo ${v##*/} ${v%%.*} ${v%.*} ${v/lib/share} ${v^^} ${#v} ${v:5:3} ${none:-default} ${v//[aeiou]/_}; echo ${none:?is unset}; echo not reached
### functions-and-locals
f() { local x=$1; ((x <= 1)) && { echo 1; return; }; echo $((x * $(f $((x - 1))))); }; f 8; g() { return 300; }; g; echo $?
### case-and-select
for w in apple 42 '' x.c; do case $w in [0-9]*) echo number;; *.c) echo C;; '') echo empty;; a*) echo a;;& *e) echo e;; esac; done; select s in one two; do echo chose $s; break; done <<<2
### conditionals
[[ abc == a* && abc =~ ^(a)(b) ]] && echo "${BASH_REMATCH[@]}"; [[ 10 -gt 9 ]] && echo gt; touch old; sleep 0.02; touch new; [[ new -nt old ]] && echo newer; ln old hard; [[ old -ef hard ]] && echo same
### eval-and-indirection
n=target; target=value; echo ${!n}; eval "echo \$$n"; declare -n ref=target; ref=changed; echo $target
### exec-replaces
echo $$ >before; exec bash -c 'echo $$ >after; cmp before after && echo same pid'
### ulimit
ulimit -n 64; ulimit -n; bash -c 'ulimit -Hn'; ulimit -f 4; ulimit -f; head -c 100000 /dev/zero >big; echo $?; stat -c %s big
### umask
umask 027; umask; umask -S; touch f; mkdir d; stat -c '%a %n' f d
### environment
env -i A=1 B='two words' bash -c 'echo $A/$B/$HOME'; export X=exported; bash -c 'echo $X'; Y=only-here bash -c 'echo $Y'; echo [$Y]
### cd-and-pwd
mkdir -p a/b; ln -s a/b link; cd link; pwd | sed 's|.*/case/||'; pwd -P | sed 's|.*/case/||'; cd ..; ls; cd -P link/..; ls; cd /missing; echo $?
### source-and-getopts
cat >lib.sh <<'END'
parse() { local o; while getopts ab:c o; do echo "$o ${OPTARG-}"; done; shift $((OPTIND - 1)); echo "rest: $*"; }
END
. ./lib.sh; parse -a -b value -c one two; . ./lib.sh; parse -x
### shell-script-file
printf '#!/bin/bash\necho "$0 $# $1"\nexit 6\n' >s.sh; chmod +x s.sh; ./s.sh 'a b'; echo $?; printf 'echo no interpreter line $1\n' >t; chmod +x t; ./t x
printf '#!/usr/bin/env -S awk -f\nBEGIN { print "awk", ARGV[1] }\n' >w; chmod +x w; ./w arg; printf '#!/no/such/interpreter\n' >bad; chmod +x bad; ./bad; echo $?
### argument-list
printf '%s\n' $(seq 30000) | md5sum; /bin/echo $(seq 20000) | wc -c; /bin/echo "$(head -c 200000 /dev/zero | tr '\0' x)"; echo $?
### deep-recursion
f() { [ $1 = 0 ] || f $(($1 - 1)); }; f 1500; echo done; bash -c 'g() { g; }; g' 2>/dev/null; echo $?
### nested-shells
bash -c 'bash -c "bash -c \"sh -c \\\"exit 11\\\"\""'; echo $?
### loopback-connection
exec 2>&1; (exec 3<>/dev/tcp/127.0.0.1/1) || echo refused
### time-and-times
{ TIMEFORMAT=%R; time sleep 0.3; } 2>&1 | awk '{ print ($1 >= 0.3 && $1 < 5) }'; SECONDS=10; echo $SECONDS; [ $EPOCHSECONDS -gt 1700000000 ]; echo $?
### history-expansion-off-and-set-e
set -e; if false; then :; fi; false || true; echo before; false; echo not reached
### dash
dash -c 'i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done; trap "echo bye" EXIT; exit 2'; echo $?
### disown-and-background-output
(sleep 0.2; echo late) & disown; sleep 0.6; echo end
