### compile-and-run
cat >hello.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char** argv) { printf("hello %d %s\n", argc, argv[1]); return atoi(argv[2]); }
END
gcc -O2 -Wall hello.c -o hello && ./hello one 41; echo $?; gcc -static hello.c -o static && ./static two 3; echo $?
### compile-errors
echo 'int main(void) { return x; }' >bad.c; gcc bad.c; echo $?; ls
### threads-and-libraries
mkdir lib; echo 'int twice(int x) { return 2 * x; }' >lib/l.c; gcc -shared -fPIC lib/l.c -o lib/libl.so
cat >m.c <<'END'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
int twice(int);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;
static __thread long own;
static void* work(void* n) {
    for (long i = 0; i < 20000; i++) { own += i; pthread_mutex_lock(&lock); sum += (long)n; pthread_mutex_unlock(&lock); }
    return (void*)own;
}
int main(void) {
    pthread_t t[8]; long total = 0;
    for (long i = 0; i < 8; i++) pthread_create(&t[i], 0, work, (void*)i);
    for (int i = 0; i < 8; i++) { void* r; pthread_join(t[i], &r); total += (long)r; }
    printf("%ld %ld %d %.6f\n", sum, total, twice(21), sqrt(2));
}
END
gcc -O1 m.c -Llib -ll -lm -pthread -o m && LD_LIBRARY_PATH=lib ./m; ./m 2>&1 | cut -d: -f2-
### fifty-files-with-make
mkdir src; for i in $(seq 50); do echo "int f$i(int x) { return x + $i; }" >src/f$i.c; done
{ for i in $(seq 50); do echo "int f$i(int);"; done; echo '#include <stdio.h>'; echo 'int main(void) { int s = 0;'; for i in $(seq 50); do echo "s = f$i(s);"; done; echo 'printf("%d\n", s); }'; } >src/main.c
cat >Makefile <<'END'
OBJECTS := $(patsubst src/%.c,out/%.o,$(wildcard src/*.c))
prog: $(OBJECTS)
	@gcc -o $@ $^
out/%.o: src/%.c | out
	@gcc -c -O1 -MMD -o $@ $<
out:
	@mkdir $@
-include $(OBJECTS:.o=.d)
END
make -j2; echo $?; ./prog; make; touch src/f7.c; make -n | grep -c 'gcc -c'; echo 'int x(' >src/f8.c; make -k -j2 2>/dev/null; echo $?
### make-jobserver-and-recursion
mkdir a b; for d in a b; do printf 'all: 1 2 3\n%%: ; @sleep 0.1; echo $(notdir $(CURDIR)) $@ >>log\n' >$d/Makefile; done; printf 'all: a b\na b: ; +@$(MAKE) --no-print-directory -s -C $@\n.PHONY: a b all\n' >Makefile; make -s -j4; sort a/log b/log; printf 'x: ; @exit 3\n' >f.mk; make -f f.mk 2>&1; echo $?
