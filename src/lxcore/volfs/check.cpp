// The check's way through the tree.
#include "lxcore/volfs/checker.hpp"
#include "lxcore/volfs/nt_tree.hpp"

namespace lxcore {

namespace {

// A name or path as one line of text.
void print_quoted(base::Writer& out, std::string_view text) {
    for (char character : text) {
        const auto code = static_cast<u8>(character);
        if (code < 0x20 || code == 0x7f || code == '\\')
            base::print(out, "\\{:03o}", code);
        else
            out.put(character);
    }
}

} // namespace

i32 check_volfs(host::Handle root, TreeWork work, void (*print)(std::string_view line), HostCheck host_check) {
    Result<Checker*> checker = [&]() -> Result<Checker*> {
        void* memory = allocate(sizeof(Checker));
        if (!memory)
            return Errno::ENOMEM;
        return new (memory) Checker(root, work, print, host_check);
    }();
    if (checker.is_error())
        return kCheckFailed;
    const i32 status = checker.value()->run();
    checker.value()->~Checker();
    release(checker.value(), sizeof(Checker));
    return status;
}

i32 Checker::run() {
    Result<void> done = [&]() -> Result<void> {
        if (m_host_check)
            TRY(m_host_check(m_work, *this));
        TRY(check_record());
        TRY(open_attributes());
        if (m_work == TreeWork::List || m_work == TreeWork::Adopt)
            return m_attributes.tree() != 0 ? record_places(m_root, m_attributes) : Result<void>();
        TRY(check_leftovers());
        TRY(walk());
        check_links();
        // Every directory has been looked at, so that from now on the marks can be believed.
        if (m_repair && m_failures == 0 && (!m_has_record || !m_storage.are_specials_marked)) {
            m_storage.are_specials_marked = true;
            TRY(record_storage(m_root, m_storage));
        }
        if (m_repair && m_attributes.tree() != 0)
            TRY(record_places(m_root, m_attributes));
        return {};
    }();
    if (done.is_error())
        failure("the check cannot go on", done.error());
    if (m_work == TreeWork::List || m_work == TreeWork::Adopt)
        return done.is_ok() ? kCheckClean : kCheckFailed;
    base::FixedWriter<200> line;
    const u64 left = m_found - m_repaired;
    base::print(line, "{} files, {} problems, {} repaired", m_files, m_found, m_repaired);
    if (m_failures != 0)
        base::print(line, ", {} files that could not be looked at", m_failures);
    if (left != 0 && !m_repair)
        line.put("; --repair repairs what can be");
    m_print(line.view());
    if (m_failures != 0)
        return kCheckFailed;
    if (left != 0)
        return kCheckLeft;
    return m_found != 0 ? kCheckRepaired : kCheckClean;
}

void Checker::tell(const HostFinding& finding) {
    m_path.clear();
    if (m_path.grow(finding.path.size()).is_ok())
        __builtin_memcpy(m_path.data(), finding.path.data(), finding.path.size());
    if (finding.is_problem)
        report(finding.what, finding.outcome, finding.has_remedy);
    else
        say(finding.what);
    m_path.clear();
}

void Checker::say(std::string_view text) {
    PageBuffer page(2);
    if (!page)
        return;
    base::Writer line(page.data(), page.size());
    line.put('/');
    print_quoted(line, path());
    line.put(": ");
    line.put(text);
    m_print(line.view());
}

void Checker::report(std::string_view what, const Result<void>& outcome, bool has_remedy) {
    ++m_found;
    base::FixedWriter<320> text;
    text.put(what);
    if (m_repair && has_remedy) {
        if (outcome.is_ok())
            ++m_repaired;
        base::print(text, outcome.is_ok() ? " (repaired)" : " (not repaired: {})",
                    abi::errno_text(outcome.error()));
    }
    say(text.view());
}

void Checker::failure(std::string_view what, Errno error) {
    ++m_failures;
    base::FixedWriter<320> text;
    base::print(text, "{}: {}", what, abi::errno_text(error));
    say(text.view());
}

Result<void> Checker::check_record() {
    if (is_kept_by_nt_host(m_root))
        TRY(adopt_nt_tree());
    Result<VolfsStorage> recorded = read_storage(m_root);
    if (recorded.is_ok()) {
        m_storage = recorded.value();
        m_has_record = true;
        return {};
    }
    if (recorded.error() != Errno::ENOENT && recorded.error() != Errno::EINVAL)
        return recorded.error();
    // Nothing is tried, since a check without repair changes nothing.
    const bool has_side_store = host::file_info_at(m_root, kSideStoreName).is_ok();
    m_storage = TRY(guess_storage(m_root, HostAbilities{!has_side_store, false, false, true}));
    if (recorded.error() == Errno::EINVAL)
        problem("the record of how the tree is kept, .lxss-storage, is damaged", [&] {
            m_storage.are_specials_marked = false; // until the end
            return record_storage(m_root, m_storage);
        });
    return {};
}

// A tree of the NT host's becomes one of this host's.
Result<void> Checker::adopt_nt_tree() {
    const std::string_view objection = objection_to_nt_tree(m_root);
    if (!objection.empty()) {
        problem_without_remedy(objection);
        return Errno::EINVAL;
    }
    AdoptedFiles adopted;
    Result<void> done = Errno::EINVAL;
    problem(kKeptByNtHost, [&]() -> Result<void> {
        if (m_work != TreeWork::Repair)
            return done;
        done = lxcore::adopt_nt_tree(m_root, adopted);
        return done;
    });
    TRY(done);
    base::FixedWriter<240> line;
    describe(line, &adopted);
    say(line.view());
    return {};
}

Result<void> Checker::open_attributes() {
    const Result<void> opened = m_attributes.open(m_root, m_storage, !m_repair);
    if (opened.is_ok())
        return {};
    const bool can_be_replaced = opened.error() == Errno::ESTALE || opened.error() == Errno::EIO;
    base::FixedWriter<300> text;
    base::print(text, "the tree cannot be used: {}", VolfsAttributes::objection(opened.error()));
    bool is_new = false;
    problem(text.view(), [&]() -> Result<void> {
        if (!can_be_replaced || m_work == TreeWork::List)
            return opened;
        m_attributes.close();
        // A kill before the last step leaves the tree as it was.
        TRY(m_attributes.open_fresh(m_root));
        if (opened.error() == Errno::ESTALE)
            TRY(adopt_copy());
        else if (m_work == TreeWork::Adopt)
            return opened;
        TRY(VolfsAttributes::replace_copied(m_root));
        TRY(forget_places(m_root));
        is_new = true;
        return {};
    });
    return is_new ? Result<void>() : opened;
}

// The files of a copied tree get back what their originals had, as far as it is known where those were.
Result<void> Checker::adopt_copy() {
    struct Before final : ArenaObject, PlaceTaker {
        explicit Before(VolfsAttributes& fresh) : now(fresh) {}
        Result<void> take(u64 before, const Place& place) override {
            return attributes.copy(before, now, place.info.inode);
        }
        VolfsAttributes attributes;
        VolfsAttributes& now;
    };
    Before* before = TRY(make<Before>(m_attributes));
    const Result<AdoptedFiles> adopted = [&]() -> Result<AdoptedFiles> {
        TRY(before->attributes.open_copied(m_root, kSideStoreName));
        return adopt_by_places(m_root, before->attributes.tree(), *before);
    }();
    delete before;
    if (adopted.is_error() && (adopted.error() != Errno::ENOENT || m_work == TreeWork::Adopt))
        return adopted.error();
    TRY(m_attributes.flush());
    base::FixedWriter<240> line;
    describe(line, adopted.is_ok() ? &adopted.value() : nullptr);
    say(line.view());
    return {};
}

Result<void> Checker::check_leftovers() {
    for (std::string_view name : {std::string_view(".lxss-storage.new"), std::string_view(".lxss-trial"), kNewSideStoreName,
                                  kNewPlacesName, kStagingName}) {
        Result<host::FileInfo> info = host::file_info_at(m_root, name);
        if (info.is_error())
            continue;
        if (info.value().type != host::FileType::Directory) {
            problem("an unfinished file of VolFs' own is left",
                    [&] { return host::unlink_at(m_root, name); });
            continue;
        }
        const host::Handle folder =
            TRY(host::open_at(m_root, name, host::kOpenRead | host::kOpenDirectory, 0));
        Result<u64> whiteouts = finish_whiteouts(m_root, folder, true);
        if (whiteouts.is_ok() && whiteouts.value() != 0)
            problem("interrupted renames have not left their whiteouts yet", [&]() -> Result<void> {
                TRY(finish_whiteouts(m_root, folder));
                return {};
            });
        host::rewind_directory(folder);
        u64 count = 0;
        Result<void> read = host::read_directory(
            folder,
            [](void* context, const host::DirectoryEntry& entry) {
                if (entry.name != "." && entry.name != "..")
                    ++*static_cast<u64*>(context);
                return true;
            },
            &count);
        // The staging folder itself stays.
        if (read.is_ok() && (count != 0 || name != kStagingName)) {
            base::FixedWriter<100> text;
            base::print(text, "{} unfinished files of interrupted operations are left in {}", count, name);
            problem(text.view(), [&]() -> Result<void> {
                TRY(remove_entries(folder));
                return name == kStagingName ? Result<void>() : host::remove_directory_at(m_root, name);
            });
        }
        host::close(folder);
        if (read.is_error())
            return read.error();
    }
    return {};
}

Result<void> Checker::enter(host::Handle handle, u64 number, const Seen& seen) {
    Frame frame{handle, number, m_path.size(), m_names.size(), m_names.size(), 0, seen.is_marked, false};
    struct Context {
        Vector<char>& names;
        Errno error;
    } context{m_names, Errno::OK};
    // All names first: a repair changes the directory.
    TRY(host::read_directory(
        handle,
        [](void* opaque, const host::DirectoryEntry& entry) {
            auto& into = *static_cast<Context*>(opaque);
            if (entry.name == "." || entry.name == "..")
                return true;
            const usize at = into.names.size();
            const auto length = static_cast<u16>(entry.name.size());
            Result<void> grown = into.names.grow(at + sizeof(length) + length);
            into.error = grown.error();
            if (grown.is_error())
                return false;
            __builtin_memcpy(into.names.data() + at, &length, sizeof(length));
            __builtin_memcpy(into.names.data() + at + sizeof(length), entry.name.data(), length);
            return true;
        },
        &context));
    if (context.error != Errno::OK)
        return context.error;
    frame.names_end = m_names.size();
    return m_frames.push_back(frame);
}

Result<void> Checker::leave() {
    Frame& frame = m_frames[m_frames.size() - 1];
    TRY(m_path.resize(frame.path_length));
    if (frame.has_specials && !frame.is_marked && (m_repair || m_storage.are_specials_marked)) {
        const auto mark = [&] { return m_attributes.set(frame.handle, frame.number, kSpecialsName, "1", 1); };
        if (m_storage.are_specials_marked)
            problem("a directory with links, devices, pipes or sockets is not marked as one", mark);
        else
            TRY(mark()); // nobody has promised marks: this is how the tree gets them
    }
    TRY(m_names.resize(frame.names));
    if (frame.handle != m_root)
        host::close(frame.handle);
    return m_frames.resize(m_frames.size() - 1);
}

Result<void> Checker::walk() {
    host::FileInfo info = TRY(host::file_info(m_root));
    const Seen seen = TRY(check_attributes(m_root, info));
    host::rewind_directory(m_root);
    TRY(enter(m_root, info.inode, seen));
    while (m_frames.size() != 0) {
        Frame& frame = m_frames[m_frames.size() - 1];
        TRY(m_path.resize(frame.path_length));
        if (frame.next >= frame.names_end) {
            TRY(leave());
            continue;
        }
        u16 length;
        __builtin_memcpy(&length, m_names.data() + frame.next, sizeof(length));
        char name[kMaxHostName + 1]; // m_names moves when it grows
        if (length > sizeof(name))
            return Errno::ENAMETOOLONG;
        __builtin_memcpy(name, m_names.data() + frame.next + sizeof(length), length);
        frame.next += sizeof(length) + length;
        const std::string_view view(name, length);
        if (m_frames.size() == 1 && is_reserved_name(view))
            continue;
        const usize at = m_path.size();
        TRY(m_path.grow(at + length + (at == 0 ? 0 : 1)));
        if (at != 0)
            m_path[at] = '/';
        __builtin_memcpy(m_path.data() + m_path.size() - length, name, length);
        ++m_files;
        Result<void> checked = check_entry(frame, view);
        if (checked.is_error()) {
            if (checked.error() == Errno::ENOMEM)
                return checked;
            failure("cannot be looked at", checked.error());
        }
    }
    return {};
}

Result<bool> Checker::check_name(Frame& frame, std::string_view name) {
    const NameRule rule = m_storage.names;
    if (is_host_name(rule, name)) {
        char decoded[kMaxHostName + 1];
        if (decode_host_name(rule, name, decoded) > 255)
            problem_without_remedy("the name is longer than a Linux program can give");
        return true;
    }
    bool is_renamed = false;
    problem("the name cannot be reached: the tree's names are kept by Windows' rules", [&]() -> Result<void> {
        char escaped[kMaxHostName];
        const usize length = TRY(encode_host_name(rule, name, escaped, sizeof(escaped)));
        TRY(host::rename_at(frame.handle, name, frame.handle, {escaped, length}, abi::RENAME_NOREPLACE));
        is_renamed = true;
        return {};
    });
    if (is_renamed)
        --m_files; // looked at under its new name, which is now added
    return !is_renamed;
}

Result<void> Checker::check_entry(Frame& frame, std::string_view name) {
    char escaped[kMaxHostName];
    if (!TRY(check_name(frame, name))) {
        name = {escaped, TRY(encode_host_name(m_storage.names, name, escaped, sizeof(escaped)))};
        ++m_files;
    }
    host::FileInfo info = TRY(host::file_info_at(frame.handle, name));
    switch (info.type) {
    case host::FileType::Symlink:
        if (info.links > 1)
            TRY(m_links.add(info, path()));
        return {};
    case host::FileType::Regular:
    case host::FileType::Directory:
        break;
    default:
        if (m_repair && !frame.is_marked) { // what takes its place will need it
            TRY(m_attributes.set(frame.handle, frame.number, kSpecialsName, "1", 1));
            frame.is_marked = true;
        }
        return convert_special(frame.handle, name, info);
    }
    Result<host::Handle> opened = open_entry(frame.handle, name, info);
    if (opened.is_error())
        return opened.error() == Errno::EALREADY ? Result<void>() : Result<void>(opened.error());
    Result<Seen> seen = check_attributes(opened.value(), info);
    if (seen.is_ok() && info.type == host::FileType::Directory)
        return enter(opened.value(), info.inode, seen.value()); // `frame` may have moved
    host::close(opened.value());
    if (seen.is_error())
        return seen.error();
    if (is_special(seen.value().mode))
        frame.has_specials = true;
    if (info.links > 1)
        TRY(m_links.add(info, path()));
    return {};
}

void Checker::check_links() {
    for (const LinkTable::File& file : m_links.files()) {
        if (file.names == file.links)
            continue;
        m_path.clear();
        const std::string_view path = m_links.path_of(file);
        if (m_path.grow(path.size()).is_ok())
            __builtin_memcpy(m_path.data(), path.data(), path.size());
        base::FixedWriter<160> text;
        base::print(text,
                    "the file has {} names, of which {} are in the tree: it can be changed from outside",
                    file.links, file.names);
        problem_without_remedy(text.view());
    }
    m_path.clear();
}

Result<void> LinkTable::rehash() {
    Vector<u32> slots;
    TRY(slots.resize(m_slots.size() ? m_slots.size() * 2 : 1024));
    m_slots = std::move(slots);
    for (usize i = 0; i < m_files.size(); ++i) {
        usize slot = slot_of(m_files[i].inode);
        while (m_slots[slot] != 0)
            slot = (slot + 1) & (m_slots.size() - 1);
        m_slots[slot] = static_cast<u32>(i + 1);
    }
    return {};
}

Result<void> LinkTable::add(const host::FileInfo& info, std::string_view path) {
    if (m_files.size() * 2 >= m_slots.size())
        TRY(rehash());
    usize slot = slot_of(info.inode);
    for (; m_slots[slot] != 0; slot = (slot + 1) & (m_slots.size() - 1)) {
        File& file = m_files[m_slots[slot] - 1];
        if (file.inode == info.inode && file.device == info.device) {
            ++file.names;
            return {};
        }
    }
    const usize at = m_paths.size();
    TRY(m_paths.grow(at + path.size()));
    __builtin_memcpy(m_paths.data() + at, path.data(), path.size());
    TRY(m_files.push_back({info.device, info.inode, info.links, 1, at, path.size()}));
    m_slots[slot] = static_cast<u32>(m_files.size());
    return {};
}

} // namespace lxcore
