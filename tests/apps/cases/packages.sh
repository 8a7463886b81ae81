### dpkg-list
dpkg -l | awk '/^ii/ { print $2, $3 }' | md5sum; dpkg -s bash | grep -E '^(Package|Status)'; dpkg -L bash | sort | md5sum; dpkg -S /bin/ls; dpkg -S none; echo $?; dpkg-query -W -f '${Package}\n' 'lib*' | wc -l; dpkg --print-architecture
### dpkg-verify
dpkg --verify bash dash coreutils libc6 dpkg perl-base | grep -v /usr/share; dpkg --audit; echo $?; dpkg --compare-versions 1.10 gt 1.9; echo $?
### dpkg-build-install-remove
mkdir -p p/DEBIAN p/usr/bin p/etc; cat >p/DEBIAN/control <<END
Package: lxss-tiny
Version: 1.0
Architecture: all
Maintainer: Test <test@example.org>
Description: a tiny package
END
printf '#!/bin/sh\necho tiny\n' >p/usr/bin/lxss-tiny; chmod 755 p/usr/bin/lxss-tiny; echo setting=1 >p/etc/lxss-tiny.conf; echo /etc/lxss-tiny.conf >p/DEBIAN/conffiles
printf '#!/bin/sh\necho "postinst $1"\n' >p/DEBIAN/postinst; printf '#!/bin/sh\necho "prerm $1"\n' >p/DEBIAN/prerm; chmod 755 p/DEBIAN/p*
dpkg-deb --root-owner-group -b p tiny.deb; dpkg-deb -c tiny.deb | awk '{ print $1, $2, $6 }'; dpkg-deb -f tiny.deb Package; export DEBIAN_FRONTEND=noninteractive
dpkg -i tiny.deb 2>&1 | sed 's/([^)]*)/(N)/' ; lxss-tiny; dpkg -L lxss-tiny; dpkg --verify lxss-tiny; dpkg -r lxss-tiny 2>&1 | sed 's/([^)]*)/(N)/'; ls /etc/lxss-tiny.conf; dpkg -P lxss-tiny >/dev/null; ls /etc/lxss-tiny.conf; lxss-tiny; echo $?
### apt-offline
apt-cache policy bash 2>/dev/null | head -n 2; apt-mark showmanual >/dev/null; echo $?; apt-config dump | grep -c . >/dev/null; echo $?; apt-get --version | head -n 1
### update-alternatives
echo 1 >one; echo 2 >two; d=$PWD; u="update-alternatives --quiet --altdir $d/alt --admindir $d/adm --log $d/log"; mkdir alt adm; $u --install $d/link name $d/one 10; $u --install $d/link name $d/two 20; cat link; $u --set name $d/one; cat link; $u --list name | sed 's|.*/||' ; $u --remove-all name; ls -A alt
### debconf-and-ldconfig
ldconfig -p | grep -c libc.so.6; ldconfig -C ./cache; stat -c %F cache; ldd /bin/ls | awk '{ print $1 }' | sort; getent passwd root; getent hosts localhost | awk '{ print $NF }'; getent services ssh
