// What each call says of a path: missing and wrong parts, lengths, loops, odd names, and what is there already.
#include "posix_calls.h"

// ---- the path

TEST(prefix_is_not_a_directory) {
    SCRATCH();
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "file/name", "below a file", ENOTDIR);
        EXPECT_CALL(call, "file/..", "above a file", ENOTDIR);
        EXPECT_CALL(call, "file/.", "at a file's dot", ENOTDIR);
    }
    ASSERT_OK(mkfifo("fifo", 0644));
    ASSERT_OK(symlink("file", "to-file"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "fifo/name", "below a FIFO", ENOTDIR);
        EXPECT_CALL(call, "to-file/name", "below a link to a file", ENOTDIR);
    }
}

TEST(prefix_is_missing) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("nowhere", "dangling"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "missing/name", "below a missing directory", ENOENT);
        EXPECT_CALL(call, "missing/../source", "above a missing directory", ENOENT);
        EXPECT_CALL(call, "dangling/name", "below a dangling link", ENOENT);
    }
}

TEST(file_is_missing) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("nowhere", "dangling"));
    FOR_CALLS(call) {
        if ((call->flags & kCreates) || same_call(call, do_rename_to))
            continue;
        EXPECT_CALL(call, "missing", "of a missing file", ENOENT);
        if (call->flags & kFollows)
            EXPECT_CALL(call, "dangling", "of a dangling link", ENOENT);
    }
}

TEST(empty_path) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call)
    if (!same_call(call, do_bind)) // an empty name binds to an automatic one
        EXPECT_CALL(call, "", "of an empty path", ENOENT);
}

TEST(bad_address) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        // Null is futimens for utimensat, and the rest of the calls treat it as any other bad address.
        EXPECT_CALL(call, (const char*)8, "at a bad address", EFAULT);
        EXPECT_CALL(call, (const char*)0x7fffffffffff0000, "beyond user memory", EFAULT);
    }
}

TEST(component_too_long) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        EXPECT_CALL(call, repeated("", 'n', 256, ""), "of a name of 256 bytes", ENAMETOOLONG);
        EXPECT_CALL(call, repeated("", 'n', 256, "/name"), "below a name of 256 bytes", ENAMETOOLONG);
        // What does not exist is found out first.
        EXPECT_CALL(call, repeated("missing/", 'n', 256, ""), "of a long name in a missing directory",
                    ENOENT);
    }
}

TEST(longest_component) {
    SCRATCH();
    FOR_CALLS(call) {
        if (same_call(call, do_bind) || (call->flags & kNeedsRoot))
            continue;
        const char* name = repeated("", 'n', 255, "");
        ASSERT_OK(put_file("source", ""));
        if (call->flags & kCreates) {
            EXPECT_CALL(call, name, "of a name of 255 bytes", 0);
            EXPECT_TRUE(unlink(name) == 0 || rmdir(name) == 0);
        } else {
            EXPECT_CALL(call, name, "of a missing name of 255 bytes",
                        same_call(call, do_rename_to) ? 0 : ENOENT);
            unlink(name);
        }
    }
}

TEST(path_too_long) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(mkdir("d", 0755));
    // 4,095 bytes and a terminator are the most.
    char longest[PATH_MAX + 1];
    memset(longest, '/', sizeof longest);
    memcpy(longest, "./", 2);
    strcpy(longest + PATH_MAX - 1 - 6, "source");
    ASSERT_EQ(strlen(longest), PATH_MAX - 1);
    EXPECT_OK(do_stat(longest));
    memset(longest + 2, '/', PATH_MAX);
    strcpy(longest + PATH_MAX - 6, "source");
    ASSERT_EQ(strlen(longest), PATH_MAX);
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        EXPECT_CALL(call, longest, "of a path of 4,096 bytes", ENAMETOOLONG);
        EXPECT_CALL(call, repeated("", 'n', PATH_MAX + 200, ""), "of a path without an end", ENAMETOOLONG);
    }
}

TEST(loops_of_links) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("loop2", "loop1"));
    ASSERT_OK(symlink("loop1", "loop2"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "loop1/name", "below a loop", ELOOP);
        if (call->flags & kFollows)
            EXPECT_CALL(call, "loop1", "of a loop", ELOOP);
    }
    // Forty links are followed, forty-one are not.
    ASSERT_OK(symlink("source", "l1"));
    for (int i = 2; i <= 41; i++) {
        char from[8], to[8];
        snprintf(to, sizeof to, "l%d", i - 1);
        snprintf(from, sizeof from, "l%d", i);
        ASSERT_OK(symlink(to, from));
    }
    EXPECT_OK(do_stat("l40"));
    EXPECT_ERRNO(do_stat("l41"), ELOOP);
}

TEST(any_byte_in_a_name) {
    SCRATCH();
    char name[256];
    for (int first = 1; first < 256; first++) {
        if (first == '/')
            continue;
        name[0] = (char)first;
        name[1] = 'x';
        name[2] = 0;
        EXPECT_OK(put_file(name, "x"));
        struct stat info;
        EXPECT_OK(stat(name, &info));
    }
    for (int first = 1; first < 256; first++)
        if (first != '/') {
            name[0] = (char)first;
            EXPECT_OK(unlink(name));
        }
    // All of them in one name of 255 bytes.
    int length = 0;
    for (int first = 1; first < 256; first++)
        if (first != '/')
            name[length++] = (char)first;
    name[length++] = '!';
    name[length] = 0;
    EXPECT_EQ(length, 255);
    EXPECT_OK(mkdir(name, 0755));
    EXPECT_ERRNO(mkdir(name, 0755), EEXIST);
    EXPECT_OK(rename(name, "plain"));
    EXPECT_OK(rename("plain", name));
    EXPECT_OK(rmdir(name));
}

// ---- what is there already

TEST(existing_names) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(mkdir("directory", 0755));
    ASSERT_OK(mkfifo("fifo", 0644));
    ASSERT_OK(symlink("file", "link"));
    ASSERT_OK(symlink("nowhere", "dangling"));
    ASSERT_OK(do_bind("socket"));
    static const char* const kExisting[] = {"file",   "directory", "fifo", "link",        "dangling",
                                            "socket", ".",         "..",   "directory/.", "directory/.."};
    FOR_CALLS(call)
    if ((call->flags & kCreates) && !((call->flags & kNeedsRoot) && geteuid() != 0))
        for (size_t i = 0; i < sizeof kExisting / sizeof kExisting[0]; i++)
            EXPECT_CALL(call, kExisting[i], kExisting[i], EEXIST);
}

TEST(trailing_slashes) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(symlink("file", "link"));
    FOR_CALLS(call) {
        if (call->flags & kCreates) {
            // Only a directory may be made with a slash behind it.
            const int want = same_call(call, do_open_create) ? EISDIR
                             : same_call(call, do_noreplace) ? ENOTDIR
                                                             : ENOENT;
            if (!same_call(call, do_mkdir) && !((call->flags & kNeedsRoot) && geteuid() != 0))
                EXPECT_CALL(call, "fresh/", "with a slash behind", want);
        } else if (!same_call(call, do_rename_to)) {
            EXPECT_CALL(call, "file/", "of a file with a slash behind", ENOTDIR);
            EXPECT_CALL(call, "link/", "of a link to a file with a slash behind", ENOTDIR);
        }
    }
    EXPECT_OK(mkdir("fresh/", 0755));
    EXPECT_OK(rmdir("fresh///"));
}

TEST(on_directories) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(mkdir("d", 0755));
    FOR_CALLS(call)
    if (call->flags & kNotOnDirectory)
        EXPECT_CALL(call, "d", "of a directory", EISDIR);
    EXPECT_ERRNO(do_link_from("d"), EPERM);
    EXPECT_ERRNO(do_rename_to("d"), EISDIR);
    EXPECT_ERRNO(do_execve("d"), EACCES);
    EXPECT_ERRNO(rename("d", "source"), ENOTDIR);
    EXPECT_ERRNO(rename("d", "d/inner"), EINVAL);
    ASSERT_OK(mkdir("d/inner", 0755));
    EXPECT_ERRNO(rename("d", "d/inner/deeper"), EINVAL);
    EXPECT_ERRNO(rename("d/inner", "d"), ENOTEMPTY);
    ASSERT_OK(mkdir("empty", 0755));
    EXPECT_ERRNO(rename("empty", "d"), ENOTEMPTY);
    EXPECT_OK(rename("empty", "d/inner"));
    EXPECT_ERRNO(rename("d/.", "other"), EBUSY);
    EXPECT_ERRNO(rename("d/..", "other"), EBUSY);
    EXPECT_ERRNO(rename("d", "d/inner/.."), EBUSY);
    EXPECT_ERRNO(rmdir("d/."), EINVAL);
    EXPECT_ERRNO(rmdir("d/inner/.."), ENOTEMPTY);
    EXPECT_ERRNO(rmdir("source"), ENOTDIR);
    FOR_CALLS(call)
    if (call->flags & kDirectory)
        EXPECT_CALL(call, "source", "of a file", ENOTDIR);
}
