// execve(2), the part that may fail: finding the program, its interpreters, arguments and credentials.
#include "lxcore/task/exec.hpp"

#include "abi/fcntl.hpp"
#include "abi/limits.hpp"
#include "abi/mount.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/task/exec_image.hpp"

namespace lxcore {

namespace {

constexpr u32 kMaxRewrites = 5; // nested #! lines
constexpr u64 kMaxArgumentBytes = 6 << 20;
constexpr usize kLineBytes = abi::BINPRM_BUF_SIZE;

u64 argument_limit() {
    const u64 quarter = current().process->limits[abi::RLIMIT_STACK].rlim_cur / 4;
    return base::max<u64>(base::min(quarter, kMaxArgumentBytes), abi::ARG_MAX);
}

// The last component, cut to fit.
void set_name(ExecImage& image, std::string_view path) {
    if (const usize slash = path.rfind('/'); slash != path.npos)
        path.remove_prefix(slash + 1);
    const usize length = base::min(path.size(), sizeof(image.name) - 1);
    __builtin_memset(image.name, 0, sizeof(image.name));
    __builtin_memcpy(image.name, path.data(), length);
}

// A first line "#!interpreter argument", taken apart as Linux does.
struct ScriptLine {
    std::string_view interpreter, argument;
};
// What runs a program in the format of Windows: the host does, if it can, through the same door as any of its programs. WSL
// has this as an entry of binfmt_misc.
constexpr ScriptLine kHostProgramLine{"/run/lxss/bin/lxss-run", {}};

// A PE image. Portable executables that are shell scripts as well ("MZqFpD=") are left to the shell.
bool is_host_program(const char* line) {
    return line[0] == 'M' && line[1] == 'Z' && __builtin_memcmp(line + 2, "qFpD=", 5) != 0;
}

bool is_blank(char character) { return character == ' ' || character == '\t'; }

// `line` is zero-padded to kLineBytes. ENOEXEC.
Result<ScriptLine> parse_script_line(const char* line) {
    usize end = 2;
    while (end < kLineBytes && line[end] != '\n' && line[end] != 0)
        ++end;
    const bool is_cut = end == kLineBytes; // the line goes on beyond what is looked at
    if (is_cut)
        --end;
    usize start = 2;
    while (start < end && is_blank(line[start]))
        ++start;
    while (end > start && is_blank(line[end - 1]))
        --end;
    if (start == end)
        return Errno::ENOEXEC;
    usize name_end = start;
    while (name_end < end && !is_blank(line[name_end]))
        ++name_end;
    // A name that may have been cut off could name another program.
    if (is_cut && name_end == end)
        return Errno::ENOEXEC;
    usize argument = name_end;
    while (argument < end && is_blank(line[argument]))
        ++argument;
    return ScriptLine{{line + start, name_end - start}, {line + argument, end - argument}};
}

Result<void> prepend(ExecImage& image, std::string_view text) {
    if (!image.prefix) {
        image.prefix = static_cast<char*>(allocate_pages(ExecImage::kPrefixPages));
        if (!image.prefix)
            return Errno::ENOMEM;
    }
    if (text.size() + 1 > image.prefix_offset)
        return Errno::E2BIG;
    TRY(image.strings.charge(text.size() + 1 + sizeof(u64)));
    image.prefix_offset -= static_cast<u32>(text.size() + 1);
    __builtin_memcpy(image.prefix + image.prefix_offset, text.data(), text.size());
    image.prefix[image.prefix_offset + text.size()] = 0;
    ++image.prefix_count;
    return {};
}

// argv[0] gives way to the interpreter, its argument and the script's name.
Result<void> apply_script(ExecImage& image, const ScriptLine& line, std::string_view script) {
    if (image.prefix_count) {
        image.prefix_offset += static_cast<u32>(__builtin_strlen(image.prefix + image.prefix_offset) + 1);
        --image.prefix_count;
    } else {
        image.argument_offset = image.strings.skip(0);
        --image.argument_count;
    }
    TRY(prepend(image, script));
    if (!line.argument.empty())
        TRY(prepend(image, line.argument));
    return prepend(image, line.interpreter);
}

// Follows #! lines until there is a binary, and checks that one and its PT_INTERP.
Result<void> load_headers(ExecImage& image, RefPtr<File> file, bool is_hidden_by_exec) {
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    char* const line = page.data();
    String script_name = TRY(String::create(image.display_name.view()));
    for (u32 rewrites = 0;; ++rewrites) {
        __builtin_memset(line, 0, kLineBytes);
        TRY(read_kernel(*file, line, kLineBytes, 0));
        const bool is_script = line[0] == '#' && line[1] == '!';
        if (!is_script && !is_host_program(line))
            break;
        if (rewrites == kMaxRewrites)
            return Errno::ELOOP;
        // The interpreter could not open a descriptor that exec closes.
        if (is_hidden_by_exec)
            return Errno::ENOENT;
        const ScriptLine parsed = is_script ? TRY(parse_script_line(line)) : kHostProgramLine;
        TRY(apply_script(image, parsed, script_name.view()));
        script_name = TRY(String::create(parsed.interpreter));
        auto path = resolve(abi::AT_FDCWD, script_name.view(), kFollowLast);
        if (path.is_error())
            return is_script ? path.error() : Errno::ENOEXEC;
        file = TRY(open_executable(path.value()));
    }
    TRY(parse_elf(file, false, image.program));
    TRY(prepare_credentials(image, *file));
    if (image.program.interpreter.length()) {
        const Path path = TRY(resolve(abi::AT_FDCWD, image.program.interpreter.view(), kFollowLast));
        RefPtr<File> interpreter = TRY(open_executable(path));
        TRY(parse_elf(std::move(interpreter), true, image.interpreter));
    }
    return {};
}

struct ImageOwner {
    ExecImage* image;
    ~ImageOwner() { discard_exec(image); }
    ExecImage* release() { return std::exchange(image, nullptr); }
};

// /dev/fd/N or /dev/fd/N/path: how a program started by descriptor is named.
Result<String> descriptor_name(i32 fd, std::string_view path) {
    PageBuffer page(2);
    if (!page)
        return Errno::ENOMEM;
    base::Writer writer(page.data(), page.size());
    print(writer, "/dev/fd/{}", fd);
    if (!path.empty())
        print(writer, "/{}", path);
    return String::create(writer.view());
}

} // namespace

ExecImage::~ExecImage() {
    if (prefix)
        release_pages(prefix, kPrefixPages);
}

void discard_exec(ExecImage* image) { delete image; }

Result<RefPtr<File>> open_executable(const Path& path) {
    Inode& inode = path.inode();
    TRY(inode.refresh_rights());
    const u64 mount_flags = path.mount ? path.mount->flags | path.mount->super_block->flags : 0;
    if (!inode.is_regular() || (mount_flags & abi::MS_NOEXEC))
        return Errno::EACCES;
    TRY(check_permission(inode, abi::X_OK));
    // CAP_DAC_OVERRIDE does not make a file executable that nobody may execute.
    if (!(inode.mode & (abi::S_IXUSR | abi::S_IXGRP | abi::S_IXOTH)))
        return Errno::EACCES;
    if (inode.write_access.load(std::memory_order_acquire) > 0)
        return Errno::ETXTBSY;
    if (check_permission(inode, abi::R_OK).is_ok())
        return open_path(path, abi::O_RDONLY);
    // Execute permission is enough to run a program; open(2) would want read permission.
    RefPtr<File> file = TRY(inode.open(path, abi::O_RDONLY));
    if (!file->path)
        file->path = path;
    file->flags.store(abi::O_RDONLY, std::memory_order_relaxed);
    return file;
}

Result<ExecImage*> prepare_exec(const Path* known_path, i32 dirfd, std::string_view path, UserPtr<u64> argv,
                                UserPtr<u64> envp, u32 flags) {
    if (flags & ~(abi::AT_EMPTY_PATH | abi::AT_SYMLINK_NOFOLLOW))
        return Errno::EINVAL;
    Path place;
    if (known_path) {
        place = *known_path;
    } else {
        u32 how = flags & abi::AT_SYMLINK_NOFOLLOW ? 0u : u32{kFollowLast};
        if (flags & abi::AT_EMPTY_PATH)
            how |= kAllowEmpty;
        place = TRY(resolve(dirfd, path, how));
        if (place.inode().is_symlink())
            return Errno::ELOOP;
    }
    RefPtr<File> file = TRY(open_executable(place));

    ImageOwner owner{TRY(make<ExecImage>())};
    ExecImage& image = *owner.image;
    const bool by_descriptor = !known_path && dirfd != abi::AT_FDCWD && (path.empty() || path[0] != '/');
    bool is_hidden = false;
    if (by_descriptor) {
        image.display_name = TRY(descriptor_name(dirfd, path));
        const auto closes = current().files->close_on_exec(dirfd);
        is_hidden = closes.is_ok() && closes.value();
        set_name(image, place.dentry->name.view());
    } else {
        image.display_name = TRY(String::create(path));
        set_name(image, path);
    }
    image.strings.set_limit(argument_limit());
    TRY(image.strings.charge(image.display_name.length() + 1));
    image.argument_count = TRY(image.strings.append_user(argv));
    if (image.argument_count == 0) {
        // Programs rely on argv[0].
        TRY(image.strings.append("", 1, 1));
        image.argument_count = 1;
    }
    image.environment_offset = image.strings.length();
    image.environment_count = TRY(image.strings.append_user(envp));
    TRY(load_headers(image, std::move(file), is_hidden));
    return owner.release();
}

Result<ExecImage*> prepare_exec_kernel(const Path& program, std::string_view display_name, std::string_view strings,
                                       u32 argument_count, u32 environment_count) {
    ImageOwner owner{TRY(make<ExecImage>())};
    ExecImage& image = *owner.image;
    image.display_name = TRY(String::create(display_name));
    set_name(image, display_name);
    TRY(image.strings.append(strings.data(), strings.size(), argument_count + environment_count));
    image.argument_count = argument_count;
    image.environment_count = environment_count;
    if (argument_count == 0 || (!strings.empty() && strings.back() != 0))
        return Errno::EINVAL;
    for (u32 i = 0; i < argument_count; ++i)
        image.environment_offset = image.strings.skip(image.environment_offset);
    TRY(load_headers(image, TRY(open_executable(program)), false));
    return owner.release();
}

} // namespace lxcore
