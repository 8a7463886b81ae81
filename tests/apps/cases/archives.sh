### tar-create-extract
umask 022; mkdir -p t/d; echo a >t/a; chmod 640 t/a; ln t/a t/hard; ln -s a t/soft; mkfifo t/p; mknod t/dev c 1 3; chown 3:4 t/d; chmod 2775 t/d; find t -exec touch -h -d @1000000000 {} +; tar -cf t.tar --sort=name t; md5sum t.tar; mkdir x; tar -xpf t.tar -C x; tar --numeric-owner -tvf t.tar; find x -mindepth 1 -printf '%P %m %n %U %T@ %y\n' | sort; [ x/t/a -ef x/t/hard ]; echo $?
### tar-sparse
truncate -s 8M s; printf middle | dd of=s bs=1 seek=4000000 conv=notrunc status=none; tar -cSf s.tar s; [ $(stat -c %s s.tar) -lt 1000000 ]; echo $?; mkdir x; tar -xf s.tar -C x; cmp s x/s; echo $?; stat -c %s x/s
### tar-xattrs
perl -e 'exit' ; echo x >f; tar --xattrs -cf a.tar f; echo $?; tar --xattrs -xf a.tar; echo $?
### tar-compressed
mkdir d; seq 5000 >d/n; tar -czf d.tgz d; tar -tzf d.tgz; tar -xzf d.tgz --to-stdout d/n | md5sum; tar -cf - d | (mkdir y; tar -xf - -C y); cmp d/n y/d/n; echo $?; tar -rf new.tar d/n; tar --delete -f new.tar d/n; tar -tf new.tar; tar -xf none.tar; echo $?
### tar-exclude-and-transform
mkdir -p p/.git p/src; touch p/.git/c p/src/m.c p/src/m.o; tar -c --exclude=.git --exclude='*.o' p | tar -t | sort; tar -c --transform 's,^p,q,' p | tar -t | sort; cd p; tar -cf ../o.tar .; tar -C / -xf ../o.tar --wildcards '*.none'; echo $?
### tar-incremental-update
mkdir d; echo 1 >d/a; touch -d @1000 d/a; tar -cf t.tar d; echo 2 >d/b; tar -uf t.tar d; tar -tf t.tar | sort | uniq -c | awk '{ print $2 }'; tar -df t.tar; echo 3 >d/a; tar -df t.tar 2>&1 | grep -c differs
### gzip
seq 10000 >f; gzip -k f; gzip -l f.gz | awk 'NR == 2 { print $2 }'; gzip -t f.gz; echo $?; zcat f.gz | cmp - f; echo $?; rm f; gunzip f.gz; ls; gzip -9n <f | gzip -d | md5sum; printf junk | gzip -d; echo $?; zgrep -c 99 f
### dpkg-deb-compression
mkdir -p p/DEBIAN p/opt; printf 'Package: c\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: d\n' >p/DEBIAN/control; seq 50000 >p/opt/n; for z in gzip xz zstd none; do dpkg-deb -Z$z -b p $z.deb >/dev/null; dpkg-deb --fsys-tarfile $z.deb | tar -xO ./opt/n | md5sum; done
