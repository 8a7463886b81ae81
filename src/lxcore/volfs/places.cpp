#include "lxcore/volfs/places.hpp"

#include "abi/limits.hpp"
#include "base/format.hpp"
#include "base/nt_names.hpp"
#include "lxcore/volfs/folder_stack.hpp"
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
        TRY(m_folders.start());
        while (m_folders.pop()) {
            const host::Handle folder = TRY(open_folder(m_root, m_folders.path()));
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
        if (!m_folders.is_empty())
            return Errno::ENOMEM;
        TRY(m_output.put_line(kLast));
        return m_output.flush();
    }

private:
    bool take(const host::DirectoryEntry& entry) {
        if (entry.name == "." || entry.name == ".." || (m_folders.path().empty() && is_reserved_name(entry.name)))
            return true;
        Result<void> done;
        if (entry.type == host::FileType::Directory)
            done = m_folders.push(entry.name);
        if (done.is_ok() && m_attributes.knows(entry.inode))
            done = put_place(entry.inode, entry.name);
        m_error = done.error();
        return done.is_ok();
    }
    Result<void> put_place(u64 number, std::string_view name) {
        base::FixedWriter<24> text;
        base::print(text, "{:x} ", number);
        TRY(m_output.put(text.view()));
        TRY(m_output.put(m_folders.path()));
        if (!m_folders.path().empty())
            TRY(m_output.put("/"));
        return m_output.put_line(name);
    }

    host::Handle m_root;
    VolfsAttributes& m_attributes;
    Output m_output;
    FolderStack m_folders;
    Errno m_error = Errno::OK;
};

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

bool has_places(host::Handle root, u64 tree) {
    Vector<char> list;
    std::string_view rest;
    return read_list(root, tree, list, rest).is_ok();
}

Result<void> forget_places(host::Handle root) {
    const Result<void> gone = host::unlink_at(root, kPlacesName);
    return gone.error() == Errno::ENOENT ? Result<void>() : gone;
}

Result<AdoptedFiles> adopt_by_places(host::Handle root, u64 tree, PlaceTaker& taker, PathSpelling spelling) {
    Vector<char> list;
    std::string_view rest;
    TRY(read_list(root, tree, list, rest));
    AdoptedFiles adopted;
    while (!rest.empty()) {
        std::string_view line = take_line(rest);
        const u64 number = take_number(line);
        std::string_view path = line.substr(base::min<usize>(1, line.size()));
        if (spelling == PathSpelling::Nt) {
            char* text = list.data() + (path.data() - list.data());
            path = {text, base::decode_nt_name(path, text)};
        }
        std::string_view name;
        const Result<host::Handle> folder = open_parent(root, path, name);
        if (folder.is_error()) {
            ++adopted.missing;
            continue;
        }
        const Result<host::FileInfo> info =
            name.empty() ? host::file_info(folder.value()) : host::file_info_at(folder.value(), name);
        Result<void> taken;
        if (info.is_ok())
            taken = taker.take(number, {folder.value(), name, info.value()});
        host::close(folder.value());
        TRY(taken);
        ++(info.is_ok() ? adopted.found : adopted.missing);
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
