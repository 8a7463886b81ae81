#include "lxcore/volfs/places.hpp"

#include "abi/limits.hpp"
#include "base/format.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

namespace {

// Lines of a number and a path, each with a NUL at its end, between these two.
constexpr std::string_view kFirst = "lxss places, version 1", kLast = "end";
constexpr usize kPages = 16; // of what is written or read at once, and of one value

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
        TRY(m_output.put_line(kFirst));
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

Result<void> copy_attributes(VolfsAttributes& from, u64 from_number, VolfsAttributes& to, u64 to_number) {
    PageBuffer names(kPages), value(kPages);
    if (!names || !value)
        return Errno::ENOMEM;
    const usize length = TRY(from.list(host::kNoHandle, from_number, names.data(), names.size()));
    for (usize at = 0; at < length;) {
        const char* name = names.data() + at;
        at += std::string_view(name).size() + 1;
        const usize bytes = TRY(from.get(host::kNoHandle, from_number, name, value.data(), value.size()));
        TRY(to.set(host::kNoHandle, to_number, name, value.data(), bytes));
    }
    return {};
}

// The list, whole, as text.
Result<void> read_list(host::Handle root, Vector<char>& text) {
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
        const std::string_view all(text.data(), length);
        const bool is_whole = all.starts_with(kFirst) && all.size() > kFirst.size() + kLast.size() + 2 &&
                              all[kFirst.size()] == 0 && all[all.size() - kLast.size() - 2] == 0 &&
                              all.substr(all.size() - kLast.size() - 1, kLast.size()) == kLast &&
                              all.back() == 0;
        return is_whole ? Result<void>() : Result<void>(Errno::ENOENT);
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

Result<AdoptedFiles> adopt_by_places(host::Handle root, VolfsAttributes& before, VolfsAttributes& now) {
    Vector<char> list;
    TRY(read_list(root, list));
    AdoptedFiles adopted;
    std::string_view rest(list.data() + kFirst.size() + 1, list.size() - kFirst.size() - kLast.size() - 2);
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(line.size() + 1);
        u64 number = 0;
        usize at = 0;
        for (; at < line.size() && line[at] != ' '; ++at)
            number = number << 4 | static_cast<u64>(line[at] >= 'a' ? line[at] - 'a' + 10 : line[at] - '0');
        const Result<u64> here = number_at(root, line.substr(base::min(at + 1, line.size())));
        if (here.is_error()) {
            ++adopted.missing;
            continue;
        }
        TRY(copy_attributes(before, number, now, here.value()));
        ++adopted.found;
    }
    TRY(now.flush());
    return adopted;
}

} // namespace lxcore
