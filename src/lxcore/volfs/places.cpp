#include "lxcore/volfs/places.hpp"

#include "abi/limits.hpp"
#include "base/format.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

namespace {

// Lines of a number and a path, each with a NUL at its end, between these two, the first with what the store belongs to.
constexpr std::string_view kFirst = "lxss places, version 2, of ", kLast = "end";
constexpr usize kPages = 16; // of what is written at once

class Output {
public:
    explicit Output(host::Handle file) : m_file(file), m_page(kPages) {}
    Result<void> put(std::string_view text) {
        if (!m_page)
            return Errno::ENOMEM;
        while (!text.empty()) {
            if (m_length == m_page.size())
                TRY(flush());
            const usize part = base::min(text.size(), m_page.size() - m_length);
            __builtin_memcpy(m_page.data() + m_length, text.data(), part);
            m_length += part;
            text.remove_prefix(part);
        }
        return {};
    }
    Result<void> put_line(std::string_view text) {
        TRY(put(text));
        return put({"", 1});
    }
    Result<void> flush() {
        const abi::iovec vector{reinterpret_cast<u64>(m_page.data()), m_length};
        if (TRY(host::write_at(m_file, &vector, 1, m_offset)) != m_length)
            return Errno::ENOSPC;
        m_offset += m_length;
        m_length = 0;
        return {};
    }

private:
    host::Handle m_file;
    PageBuffer m_page;
    usize m_length = 0;
    u64 m_offset = 0;
};

// A way through the tree: folders that are still to be read stand in a stack of paths, each with its length
// behind it.
class PlaceWriter {
public:
    PlaceWriter(host::Handle root, VolfsAttributes& attributes, host::Handle file)
        : m_root(root), m_attributes(attributes), m_output(file) {}
    Result<void> run() {
        base::FixedWriter<64> first;
        base::print(first, "{}{:x}", kFirst, m_attributes.tree());
        TRY(m_output.put_line(first.view()));
        if (m_attributes.knows(TRY(host::file_info(m_root)).inode))
            TRY(put_place(TRY(host::file_info(m_root)).inode, {}));
        TRY(push({}, {}));
        while (m_folders.size() != 0) {
            TRY(pop());
            const host::Handle folder = TRY(open_path());
            m_error = Errno::OK;
            Result<void> read = host::read_directory(
                folder,
                [](void* self, const host::DirectoryEntry& entry) {
                    return static_cast<PlaceWriter*>(self)->take(entry);
                },
                this);
            host::close(folder);
            TRY(read);
            if (m_error != Errno::OK)
                return m_error;
        }
        TRY(m_output.put_line(kLast));
        return m_output.flush();
    }

private:
    std::string_view path() const { return {m_path.data(), m_path.size()}; }

    Result<void> push(std::string_view folder, std::string_view name) {
        const usize start = m_folders.size(), length = folder.size() + (folder.empty() ? 0 : 1) + name.size();
        const auto stored = static_cast<u32>(length);
        TRY(m_folders.grow(start + length + sizeof(stored)));
        char* at = m_folders.data() + start;
        __builtin_memcpy(at, folder.data(), folder.size());
        if (!folder.empty())
            at[folder.size()] = '/';
        __builtin_memcpy(at + length - name.size(), name.data(), name.size());
        __builtin_memcpy(at + length, &stored, sizeof(stored));
        return {};
    }
    Result<void> pop() {
        u32 length;
        __builtin_memcpy(&length, m_folders.data() + m_folders.size() - sizeof(length), sizeof(length));
        TRY(m_path.resize(length));
        __builtin_memcpy(m_path.data(), m_folders.data() + m_folders.size() - sizeof(length) - length,
                         length);
        return m_folders.resize(m_folders.size() - sizeof(length) - length);
    }
    Result<host::Handle> open_path();

    bool take(const host::DirectoryEntry& entry) {
        if (entry.name == "." || entry.name == ".." || (m_path.size() == 0 && is_reserved_name(entry.name)))
            return true;
        Result<void> done;
        if (entry.type == host::FileType::Directory)
            done = push(path(), entry.name);
        if (done.is_ok() && m_attributes.knows(entry.inode))
            done = put_place(entry.inode, entry.name);
        m_error = done.error();
        return done.is_ok();
    }
    Result<void> put_place(u64 number, std::string_view name) {
        base::FixedWriter<24> text;
        base::print(text, "{:x} ", number);
        TRY(m_output.put(text.view()));
        TRY(m_output.put(path()));
        if (m_path.size() != 0)
            TRY(m_output.put("/"));
        return m_output.put_line(name);
    }

    host::Handle m_root;
    VolfsAttributes& m_attributes;
    Output m_output;
    Vector<char> m_folders, m_path;
    Errno m_error = Errno::OK;
};

// What a path in the tree refers to, without following links; the tree's root for an empty one.
Result<host::Handle> open_folder(host::Handle root, std::string_view path) {
    host::Handle folder = TRY(host::open_at(root, {}, host::kOpenRead | host::kOpenDirectory, 0));
    while (!path.empty()) {
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(base::min(name.size() + 1, path.size()));
        Result<host::Handle> next = host::open_at(folder, name, host::kOpenRead | host::kOpenDirectory, 0);
        host::close(folder);
        folder = TRY(next);
    }
    return folder;
}

Result<host::Handle> PlaceWriter::open_path() {
    return open_folder(m_root, path());
}

Result<u64> number_at(host::Handle root, std::string_view path) {
    const usize slash = path.rfind('/');
    const bool is_top = slash == std::string_view::npos;
    const host::Handle folder = TRY(open_folder(root, is_top ? std::string_view() : path.substr(0, slash)));
    const Result<host::FileInfo> info =
        path.empty() ? host::file_info(folder)
                     : host::file_info_at(folder, is_top ? path : path.substr(slash + 1));
    host::close(folder);
    return info.is_ok() ? Result<u64>(info.value().inode) : info.error();
}

// A hexadecimal number at the beginning of a line, and what follows it.
u64 take_number(std::string_view& line) {
    u64 number = 0;
    while (!line.empty() && line[0] != ' ') {
        number = number << 4 | static_cast<u64>(line[0] >= 'a' ? line[0] - 'a' + 10 : line[0] - '0');
        line.remove_prefix(1);
    }
    return number;
}

std::string_view take_line(std::string_view& rest) {
    const std::string_view line = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(line.size() + 1);
    return line;
}

// The list, whole, as text, `lines` without its first and its last.
Result<void> read_list(host::Handle root, u64 tree, Vector<char>& text, std::string_view& lines) {
    const host::Handle file = TRY(host::open_at(root, kPlacesName, host::kOpenRead, 0));
    const Result<void> done = [&]() -> Result<void> {
        const u64 length = TRY(host::file_info(file)).size;
        TRY(text.resize(length));
        for (usize at = 0; at < length;) {
            const abi::iovec vector{reinterpret_cast<u64>(text.data()) + at, length - at};
            const usize got = TRY(host::read_at(file, &vector, 1, at));
            if (got == 0)
                return Errno::ENOENT;
            at += got;
        }
        lines = {text.data(), length};
        const bool is_whole = lines.starts_with(kFirst) && lines.size() > kFirst.size() + kLast.size() + 3 && lines.back() == 0 &&
                              lines[lines.size() - kLast.size() - 2] == 0 &&
                              lines.substr(lines.size() - kLast.size() - 1, kLast.size()) == kLast;
        if (!is_whole)
            return Errno::ENOENT;
        lines.remove_suffix(kLast.size() + 1);
        std::string_view first = take_line(lines).substr(kFirst.size());
        // Of another store, the numbers would lead astray.
        return take_number(first) == tree ? Result<void>() : Result<void>(Errno::ENOENT);
    }();
    host::close(file);
    return done;
}

} // namespace

Result<void> record_places(host::Handle root, VolfsAttributes& attributes) {
    const u32 mode = host::kOpenWrite | host::kOpenCreate | host::kOpenTruncate;
    const host::Handle file = TRY(host::open_at(root, kNewPlacesName, mode, 0600));
    Result<void> written = PlaceWriter(root, attributes, file).run();
    if (written.is_ok())
        written = host::sync(file, false);
    host::close(file);
    if (written.is_ok())
        written = host::rename_at(root, kNewPlacesName, root, kPlacesName, 0);
    if (written.is_error())
        (void)host::unlink_at(root, kNewPlacesName);
    return written;
}

Result<void> forget_places(host::Handle root) {
    const Result<void> gone = host::unlink_at(root, kPlacesName);
    return gone.error() == Errno::ENOENT ? Result<void>() : gone;
}

Result<AdoptedFiles> adopt_by_places(host::Handle root, u64 tree, PlaceTaker& taker) {
    Vector<char> list;
    std::string_view rest;
    TRY(read_list(root, tree, list, rest));
    AdoptedFiles adopted;
    while (!rest.empty()) {
        std::string_view line = take_line(rest);
        const u64 number = take_number(line);
        const Result<u64> here = number_at(root, line.substr(base::min<usize>(1, line.size())));
        if (here.is_error()) {
            ++adopted.missing;
            continue;
        }
        TRY(taker.take(number, here.value()));
        ++adopted.found;
    }
    return adopted;
}

void describe(base::Writer& out, const AdoptedFiles* adopted) {
    if (adopted)
        base::print(out, "{} files of the copy have their owners and modes again, {} of its list are not there", adopted->found,
                    adopted->missing);
    else
        base::print(out,
                    "the copy has no whole list of its files ({}): it was made while the instance ran, or after a crash. "
                    "All of them are root's now, and links plain files",
                    kPlacesName);
}

} // namespace lxcore
