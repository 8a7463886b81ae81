# The programs, simplest first: the order in which a kernel comes up.
add_freestanding_program(freestanding/hello.c)
add_freestanding_program(freestanding/startup.c)
add_freestanding_program(freestanding/registers.c)
add_freestanding_program(freestanding/fsbase.c)

add_guest_program(fs/readwrite.c)
add_guest_program(fs/open.c)
add_guest_program(fs/stat.c)
add_guest_program(fs/names.c)
add_guest_program(fs/descriptors.c)
add_guest_program(mm/mmap.c)
add_guest_program(ipc/pipe.c)
add_guest_program(process/fork.c)
