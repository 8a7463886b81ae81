### find-predicates
mkdir -p a/b .h; echo x >a/f; truncate -s 5k a/b/g; ln -s f a/l; mkfifo a/p; chmod 600 a/f; touch -d '3 days ago' a/b/g; find . | sort; for t in f d l p; do find . -type $t | sort | tr '\n' ' '; echo; done; find . -size +2k; find . -name '*.g' -o -name g; find a -perm 600; find . -mtime +1; find . -empty | sort; find . -newer a/b/g -type f; find -L a -type l; find a -maxdepth 1 -mindepth 1 | sort
### find-printf
umask 022; mkdir d; printf abc >d/f; touch -d @86400 d/f; ln d/f d/g; find d -type f -printf '%p %s %m %n %T@ %u %y\n' | sort; find d -samefile d/f | sort; find d -links 2 | wc -l; find . -path ./d -prune -o -print; find d -user root -group root | wc -l; find none; echo $?
### find-exec
touch a b c; find . -type f -exec echo one {} \; | sort; find . -type f -exec echo all {} + | wc -w; find . -name b -delete; ls; find . -name c -ok rm {} \; </dev/null 2>/dev/null; ls; find . -type f -execdir basename {} \; | sort; find . -name a -exec false \; -print; find . -name a -quit; find . -exec sh -c 'exit 1' \; ; echo $?
### xargs
seq 5 | xargs; seq 6 | xargs -n 2 echo; printf 'a b\0c\0' | xargs -0 -n 1 echo; seq 3 | xargs -I{} echo '<{}>'; echo | xargs -r echo never; seq 3 | xargs false; echo $?; echo 1 | xargs sh -c 'exit 255'; echo $?; seq 100000 | xargs -s 20000 echo | wc -w; echo x | xargs missing; echo $?
### xargs-parallel
seq 40 | xargs -P 4 -n 1 sh -c 'echo $(($0 * $0))' | sort -n | md5sum; SECONDS=0; seq 8 | xargs -P 8 -I{} sleep 2; echo $((SECONDS < 15))
### find-usr
find /usr/bin -maxdepth 1 -type l -printf '%f %l\n' | sort | md5sum; find /etc -type f -newermt 2100-01-01 | wc -l; find /usr/share/zoneinfo -name 'UTC' 2>/dev/null | wc -l; find /usr/lib/x86_64-linux-gnu -name '*.so*' -type f -printf '%f %s %m\n' | sort | md5sum
