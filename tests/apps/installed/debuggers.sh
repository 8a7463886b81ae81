### breakpoints-and-backtrace
printf '#include <stdio.h>\nstatic int total;\nint add(int a, int b) { total += a; return a + b; }\nint main(void) { int s = 0;\n  for (int i = 0; i < 3; i++)\n    s = add(s, i);\n  printf("%%d %%d\\n", s, total);\n  return 0; }\n' >t.c; gcc -g -O0 -o t t.c
gdb -q -nx -batch -ex 'set debuginfod enabled off' -ex 'set can-use-hw-watchpoints 0' -ex 'break add if b == 1' -ex run -ex 'info args' -ex 'backtrace' -ex 'print a + b * 10' -ex finish -ex 'next' -ex 'print s' -ex 'set variable s = 40' -ex 'delete' -ex 'continue' ./t 2>&1 | grep -v -i -e libthread -e 'Thread debugging' -e 'Function .* not defined' | sed 's/0x[0-9a-f]*/ADDRESS/g; s/process [0-9]*/process PID/'
### threads
printf '#include <pthread.h>\n#include <stdio.h>\nint seen;\nvoid here(int n) { seen += n; }\nvoid *work(void *p) { here((int)(long)p); return p; }\nint main(void) { pthread_t t[3]; for (long i = 1; i < 4; i++) { pthread_create(&t[i - 1], 0, work, (void *)i); pthread_join(t[i - 1], 0); } printf("%%d\\n", seen); return 0; }\n' >t.c; gcc -g -O0 -pthread -o t t.c
printf 'set debuginfod enabled off\nbreak here\ncommands\nsilent\nprint n\ncontinue\nend\nrun\n' >script; gdb -q -nx -batch -x script ./t 2>&1 | grep -e '^\$' -e '^6' -e exited.normally | sed 's/process [0-9]*/process PID/'
### attach
sleep 30 & pid=$!; sleep 0.3
gdb -q -nx -batch -p $pid -ex 'set debuginfod enabled off' -ex 'info inferiors' -ex 'print $_siginfo' -ex detach 2>&1 | grep -c -e "process $pid" ; grep -e TracerPid -e State /proc/$pid/status; kill $pid
### a-signal-stops-the-program
printf '#include <signal.h>\nint main(void) { raise(SIGUSR1); int *p = 0; return *p; }\n' >t.c; gcc -g -O0 -o t t.c
gdb -q -nx -batch -ex 'set debuginfod enabled off' -ex 'handle SIGUSR1 nostop print nopass' -ex run -ex 'print $_siginfo.si_signo' -ex 'print $_siginfo._sifields._sigfault.si_addr' ./t 2>&1 | grep -e SIG -e '^\$' | sed 's/Thread 0x[^ ]* .LWP [0-9]*. //'
### machine-interface
printf 'int main(void) { return 3; }\n' >t.c; gcc -g -O0 -o t t.c
printf '%s\n' '-gdb-set debuginfod enabled off' '-break-insert main' '-exec-run' '-gdb-exit' | { while read -r l; do echo "$l"; sleep 0.5; done; sleep 1; } | gdb -q -nx --interpreter=mi2 ./t 2>&1 | grep -o -e '^\^[a-z]*' -e 'reason="[a-z-]*"' -e 'func="main"' | sort | uniq -c
### strace-follows-children
strace -f -qq -e trace=execve,exit_group -e signal=none -o log sh -c '/bin/true; /bin/false; exit 4'; echo $?; sed 's/^[0-9]* *//; s/0x[0-9a-f]* .*vars.*\*\//ENV/; s/ = [0-9]*$//' log | grep -c execve; grep -o 'exit_group([0-9])' log | sort
### strace-shows-arguments
echo content >f; strace -qq -e trace=openat,read,close -e signal=none -P f cat f 2>&1 | sed 's/= [0-9]*$/= N/'
### strace-counts
strace -c -o log true; grep -c execve log; tail -1 log | awk '{ print $NF }'
