# fish completion for lxss(1)

function __lxss_instances
    lxss --list --quiet 2>/dev/null
end
function __lxss_distributions
    lxss --list --online 2>/dev/null | awk 'found { print $1 } $1 == "NAME" { found = 1 }'
end
function __lxss_first
    test (count (commandline -opc)) -eq 1
end
function __lxss_verb
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

complete -c lxss -f
complete -c lxss -n 'not __lxss_verb --install' -s d -l distribution -x -a '(__lxss_instances)' -d 'the instance to use'
complete -c lxss -s u -l user -x -d 'run as this user'
complete -c lxss -l cd -x -d 'start in this folder'
complete -c lxss -s e -l exec -d 'run without a shell'
complete -c lxss -l shell-type -x -a 'standard login none' -d 'how the command is run'
complete -c lxss -l trace -d 'write system calls'
complete -c lxss -l engine -x -a 'direct translate' -d 'how the instance runs programs'
complete -c lxss -l trace-file -r -F -d 'write them to a file'
complete -c lxss -n __lxss_first -l install -x -a '(__lxss_distributions)' -d 'make an instance of a distribution'
complete -c lxss -n __lxss_first -s l -l list -d 'list the instances'
complete -c lxss -n __lxss_first -l import -x -d 'make an instance from an archive'
complete -c lxss -n __lxss_first -l import-in-place -x -d 'register a folder that holds an instance'
complete -c lxss -n __lxss_first -l export -x -a '(__lxss_instances)' -d 'write an instance to an archive'
complete -c lxss -n __lxss_first -l manage -x -a '(__lxss_instances)' -d 'move, rename, or set the default user'
complete -c lxss -n __lxss_first -l mount -r -F -d 'make a host folder visible'
complete -c lxss -n __lxss_first -l unmount -d 'take it away again'
complete -c lxss -n __lxss_first -s s -l set-default -x -a '(__lxss_instances)' -d 'choose the default instance'
complete -c lxss -n __lxss_first -s t -l terminate -x -a '(__lxss_instances)' -d 'end an instance'
complete -c lxss -n __lxss_first -l shutdown -d 'end everything'
complete -c lxss -n __lxss_first -l check -x -a '(__lxss_instances)' -d 'look for damage'
complete -c lxss -n '__lxss_verb --check' -l repair -d 'put it right'
complete -c lxss -n __lxss_first -l unregister -x -a '(__lxss_instances)' -d 'remove an instance and its files'
complete -c lxss -n __lxss_first -l status -d 'what is set'
complete -c lxss -n __lxss_first -l system-info -d 'what runs'
complete -c lxss -n __lxss_first -l debug-shell -d 'a root shell that needs no settings'
complete -c lxss -n __lxss_first -s v -l version -d 'print the version'
complete -c lxss -n __lxss_first -s h -l help -d 'print the usage'
complete -c lxss -n '__lxss_verb --list -l' -l all -l running -s q -l quiet -s v -l verbose -s o -l online
complete -c lxss -n '__lxss_verb --install' -l name -x -d 'name of the instance'
complete -c lxss -n '__lxss_verb --install' -l location -r -F -d 'its folder'
complete -c lxss -n '__lxss_verb --install' -l from-file -r -F -d 'an archive instead'
complete -c lxss -n '__lxss_verb --install' -l no-launch -d 'do not open it'
complete -c lxss -n '__lxss_verb --install --import' -l portable -d 'so that it can be copied to Windows'
complete -c lxss -n '__lxss_verb --import --import-in-place --export' -F
complete -c lxss -n '__lxss_verb --export' -l format -x -a 'tar tar.gz tar.xz tar.zst tar.bz2'
complete -c lxss -n '__lxss_verb --manage' -l move -r -F -d 'to another folder'
complete -c lxss -n '__lxss_verb --manage' -l rename -x -d 'give it another name'
complete -c lxss -n '__lxss_verb --manage' -l set-default-user -x -d 'who runs commands'
complete -c lxss -n '__lxss_verb --mount' -l name -x -d 'name in /mnt'
complete -c lxss -n '__lxss_verb --mount' -l options -x -d 'of the file system'
complete -c lxss -n '__lxss_verb --shutdown' -l force -d 'without SIGTERM first'
