#include "lxcore/fs/generated_tree.hpp"

#include "abi/dirent.hpp"
#include "abi/prctl.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

constexpr usize kFirstPages = 1, kMostPages = 4096;
constexpr usize kWriteLimit = base::kPageSize;

// Calls print(writer) with growing room until the text fits. `pages` of memory at the end; the caller frees them.
template <typename Print>
Result<usize> print_growing(char*& text, usize& pages, Print&& print) {
    for (pages = kFirstPages;;) {
        text = static_cast<char*>(allocate_pages(pages));
        if (!text)
            return Errno::ENOMEM;
        base::Writer writer(text, pages * base::kPageSize);
        Result<void> printed = print(writer);
        if (printed.is_ok() && !writer.is_truncated())
            return writer.length();
        const usize wanted = base::page_ceil(writer.wanted() + writer.wanted() / 4) / base::kPageSize;
        release_pages(text, pages);
        text = nullptr;
        if (printed.is_error())
            return printed.error();
        if (wanted > kMostPages)
            return Errno::EFBIG;
        pages = wanted;
    }
}

bool starts_with(const char* text, std::string_view prefix) {
    for (char character : prefix)
        if (*text++ != character)
            return false;
    return true;
}

// The part of a row's path that names an entry of the directory with this prefix; empty when it is not below it.
std::string_view entry_name(const GeneratedRow& row, std::string_view prefix, bool& is_implied) {
    if (!starts_with(row.path, prefix))
        return {};
    const char* start = row.path + prefix.size();
    usize length = 0;
    while (start[length] && start[length] != '/')
        ++length;
    is_implied = start[length] == '/';
    return {start, length};
}

// Whether the row before shows the same name in this directory: rows of one directory stand together.
bool is_repeated(const GeneratedTable& table, usize index, std::string_view prefix, std::string_view name) {
    bool is_implied = false;
    return index > 0 && entry_name(table.rows[index - 1], prefix, is_implied) == name;
}

u8 entry_type(u32 mode) { return static_cast<u8>((mode & abi::S_IFMT) >> 12); }

// "0" or a number without leading zeros; -1 for others.
i32 entry_number(std::string_view name) {
    if (name.empty() || name.size() > 9 || (name[0] == '0' && name.size() > 1))
        return -1;
    i32 number = 0;
    for (char digit : name) {
        if (digit < '0' || digit > '9')
            return -1;
        number = number * 10 + (digit - '0');
    }
    return number;
}

class GeneratedDirectory final : public File {
public:
    explicit GeneratedDirectory(RefPtr<GeneratedNode> node) : m_node(std::move(node)) {}
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64 offset, i32 whence) override {
        LockGuard guard(position_lock);
        if (whence == static_cast<i32>(abi::SEEK_CUR))
            offset += static_cast<i64>(position);
        else if (whence != static_cast<i32>(abi::SEEK_SET))
            return Errno::EINVAL;
        if (offset < 0)
            return Errno::EINVAL;
        position = static_cast<u64>(offset);
        return position;
    }
    // Positions: 0 ".", 1 "..", 2 + i row i, kNumbers + n number n.
    Result<void> read_directory(DirectoryVisitor& visitor) override {
        constexpr u64 kNumbers = 1 << 16;
        const GeneratedNode& node = *m_node;
        const GeneratedTable& table = *node.table;
        if (node.process && !is_alive(*node.process))
            return Errno::ENOENT;
        if (position == 0) {
            if (!visitor.visit(".", node.number, abi::DT_DIR, 1))
                return {};
            position = 1;
        }
        if (position == 1) {
            const RefPtr<Dentry> parent = dentry_parent(*path.dentry);
            if (!visitor.visit("..", parent ? parent->inode->number : node.number, abi::DT_DIR, 2))
                return {};
            position = 2;
        }
        for (; position < 2 + table.count; ++position) {
            const usize index = position - 2;
            const GeneratedRow& row = table.rows[index];
            bool is_implied = false;
            const std::string_view name = entry_name(row, node.prefix, is_implied);
            if (name.empty() || (is_implied && is_repeated(table, index, node.prefix, name)))
                continue;
            const u64 number = node.child_number(row, is_implied ? node.prefix.size() + name.size() + 1 : 0);
            if (!visitor.visit(name, number, is_implied ? abi::DT_DIR : entry_type(row.mode), position + 1))
                return {};
        }
        if (!table.numbered || !node.prefix.empty())
            return {};
        if (position < kNumbers)
            position = kNumbers;
        for (;;) {
            const i32 next = table.numbered->next(node, static_cast<i32>(position - kNumbers));
            if (next < 0)
                return {};
            base::FixedWriter<32> name;
            base::print(name, "{}{}", table.numbered->stem, next);
            const auto child = node.make_numbered(next);
            if (child.is_ok()) {
                const u64 after = kNumbers + static_cast<u64>(next) + 1;
                if (!visitor.visit(name.view(), child.value()->number, entry_type(child.value()->mode), after))
                    return {};
            }
            position = kNumbers + static_cast<u64>(next) + 1;
        }
    }
    static bool is_alive(const Process& process) { return process.state != ProcessState::Dead; }

private:
    RefPtr<GeneratedNode> m_node;
};

class GeneratedSuperBlock final : public SuperBlock {
public:
    // One instance of each is enough for all mounts of it, but each mount(2) makes its own here.
    bool may_cache_names() const override { return true; }
};

} // namespace

GeneratedFile::GeneratedFile(RefPtr<GeneratedNode> node) : m_node(std::move(node)) {}
GeneratedFile::~GeneratedFile() { drop_text(); }

Result<usize> GeneratedFile::read(IoBuffer& buffer, i64 offset) {
    return at_position(offset, [&](u64 at) { return read_at(buffer, at); });
}

Result<usize> GeneratedFile::write(IoBuffer& buffer, i64) {
    const GeneratedRow& row = *m_node->row;
    if (!row.write)
        return m_node->process ? Errno::EINVAL : Errno::EIO;
    if (m_node->process && !GeneratedDirectory::is_alive(*m_node->process))
        return Errno::ESRCH;
    if (buffer.left() > kWriteLimit)
        return Errno::EINVAL;
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    const usize length = TRY(buffer.copy_out(page.data(), kWriteLimit));
    std::string_view text{page.data(), length};
    if (!text.empty() && text.back() == '\n')
        text.remove_suffix(1);
    TRY(row.write(text, *m_node));
    return length;
}

Result<usize> GeneratedFile::read_at(IoBuffer& buffer, u64 offset) {
    if (m_node->process && !GeneratedDirectory::is_alive(*m_node->process))
        return Errno::ESRCH;
    LockGuard guard(m_lock);
    // A new start sees the present state; what follows is consistent with it.
    if (!m_text || offset == 0) {
        drop_text();
        m_length = TRY(print_growing(m_text, m_pages, [&](base::Writer& writer) -> Result<void> {
            return m_node->row->print ? m_node->row->print(writer, *m_node) : Result<void>();
        }));
    }
    if (offset >= m_length)
        return usize{0};
    return buffer.copy_in(m_text + offset, base::min<usize>(buffer.left(), m_length - offset));
}

void GeneratedFile::drop_text() {
    if (char* text = std::exchange(m_text, nullptr))
        release_pages(text, m_pages);
}

namespace {

u64 mix(u64 value) {
    value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
    value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
    return value ^ (value >> 31);
}

u64 hash_number(u64 key, const GeneratedNode& node) {
    u64 hash = mix(key);
    hash = mix(hash + (static_cast<u64>(node.process ? node.process->pid : 0) << 32 | static_cast<u32>(node.thread)));
    hash = mix(hash + static_cast<u32>(node.entry));
    return (hash >> 16) | (u64{1} << 32); // above what is given out in sequence elsewhere
}

} // namespace

u64 GeneratedNode::child_number(const GeneratedRow& at, usize implied) const {
    return hash_number(reinterpret_cast<u64>(&at) + implied, *this);
}

Result<RefPtr<GeneratedNode>> GeneratedNode::make_child(const GeneratedRow& at, usize implied) const {
    RefPtr<GeneratedNode> child = TRY(make_ref<GeneratedNode>());
    child->super_block = super_block;
    child->process = process;
    child->thread = thread;
    child->entry = entry;
    child->accessed = child->modified = child->changed = changed;
    if (implied) {
        child->mode = abi::S_IFDIR | 0555;
        child->table = table;
        child->prefix = {at.path, implied};
    } else {
        child->row = &at;
        child->mode = at.mode;
        child->table = at.table;
    }
    child->number = child_number(at, implied);
    if (child->is_directory())
        child->links = 2;
    return child;
}

Result<RefPtr<GeneratedNode>> GeneratedNode::make_numbered(i32 wanted) const {
    const NumberedEntries& numbered = *table->numbered;
    RefPtr<GeneratedNode> child = TRY(make_child(numbered.row, 0));
    TRY(numbered.enter(*this, wanted, *child));
    child->number = hash_number(reinterpret_cast<u64>(&numbered), *child);
    child->refresh_owner();
    return child;
}

Result<RefPtr<Inode>> GeneratedNode::lookup(std::string_view name) {
    if (!table)
        return Errno::ENOTDIR;
    if (process && !GeneratedDirectory::is_alive(*process))
        return Errno::ESRCH;
    for (usize i = 0; i < table->count; ++i) {
        const GeneratedRow& candidate = table->rows[i];
        bool is_implied = false;
        const std::string_view shown = entry_name(candidate, prefix, is_implied);
        if (shown.empty() || shown != name)
            continue;
        RefPtr<GeneratedNode> child =
            TRY(make_child(candidate, is_implied ? prefix.size() + name.size() + 1 : 0));
        child->refresh_owner();
        return RefPtr<Inode>(std::move(child));
    }
    if (table->numbered && prefix.empty()) {
        const std::string_view stem = table->numbered->stem;
        const i32 wanted = name.starts_with(stem) ? entry_number(name.substr(stem.size())) : -1;
        if (wanted >= 0)
            return RefPtr<Inode>(TRY(make_numbered(wanted)));
    }
    return Errno::ENOENT;
}

Result<RefPtr<File>> GeneratedNode::open(const Path&, u32 flags) {
    if (process && !GeneratedDirectory::is_alive(*process))
        return is_directory() ? Errno::ENOENT : Errno::ESRCH;
    if (is_directory())
        return RefPtr<File>(TRY(make_ref<GeneratedDirectory>(RefPtr<GeneratedNode>(this))));
    TRY(check_private());
    if (row->open)
        return row->open(*this, flags);
    return RefPtr<File>(TRY(make_ref<GeneratedFile>(RefPtr<GeneratedNode>(this))));
}

Result<usize> GeneratedNode::read_link(char* buffer, usize capacity) {
    if (!is_symlink())
        return Errno::EINVAL;
    TRY(check_private());
    if (row->print) {
        base::Writer writer(buffer, capacity);
        TRY(row->print(writer, *this));
        return writer.length();
    }
    const Path target = TRY(row->follow(*this));
    // A link names what it leads to even where the reader's root does not reach it; getcwd(2) alone says so. (The C library
    // insists on a / at the start of /proc/self/exe.)
    static constexpr std::string_view kUnreachable = "(unreachable)";
    const usize length = TRY(print_path(target, current_root(), buffer, capacity));
    if (!std::string_view(buffer, length).starts_with(kUnreachable))
        return length;
    __builtin_memmove(buffer, buffer + kUnreachable.size(), length - kUnreachable.size());
    return length - kUnreachable.size();
}

Result<Path> GeneratedNode::follow_magic_link() {
    if (!row || !row->follow)
        return Errno::EINVAL;
    TRY(check_private());
    return row->follow(*this);
}

Result<void> GeneratedNode::refresh() {
    refresh_owner();
    if (is_directory() && table) {
        links = 2; // and one for each directory in it
        for (usize i = 0; i < table->count; ++i) {
            bool is_implied = false;
            const std::string_view name = entry_name(table->rows[i], prefix, is_implied);
            if (name.empty() || is_repeated(*table, i, prefix, name))
                continue;
            links += is_implied || (table->rows[i].mode & abi::S_IFMT) == abi::S_IFDIR;
        }
        if (table->numbered && prefix.empty() && (table->numbered->row.mode & abi::S_IFMT) == abi::S_IFDIR)
            for (i32 at = table->numbered->next(*this, 0); at >= 0; at = table->numbered->next(*this, at + 1))
                ++links;
    }
    return {};
}

void GeneratedNode::refresh_owner() {
    if (!process)
        return;
    if (!process->is_dumpable && current().process != process.get()) {
        uid = gid = 0;
    } else if (const RefPtr<Credentials> credentials = credentials_of(*process)) {
        uid = credentials->euid;
        gid = credentials->egid;
    }
}

Result<RefPtr<Inode>> GeneratedNode::create(std::string_view, u32 wanted, u32, u32, u64) {
    return (wanted & abi::S_IFMT) == abi::S_IFREG ? Errno::EACCES : Errno::EPERM;
}

Result<void> GeneratedNode::set_attributes(const AttributeChange& change) {
    // Truncation (by the shell's ">") means nothing here.
    if (process && (change.valid & (kChangeMode | kChangeUid | kChangeGid)))
        return Errno::EPERM;
    AttributeChange rest = change;
    rest.valid &= ~kChangeSize;
    return Inode::set_attributes(rest);
}

bool GeneratedNode::may_cache_name(const Inode* found) const {
    // What belongs to processes comes and goes.
    if (process)
        return false;
    if (!found)
        return !table || !table->numbered;
    return !static_cast<const GeneratedNode*>(found)->process;
}

bool GeneratedNode::is_same_file(const Inode& other) const {
    const auto& node = static_cast<const GeneratedNode&>(other);
    return number == node.number && row == node.row && process == node.process && thread == node.thread &&
           entry == node.entry && mode == node.mode;
}

Result<void> GeneratedNode::check_private() const {
    if (!process || !row || !row->is_private)
        return {};
    return may_inspect(*process);
}

Result<RefPtr<SuperBlock>> create_generated(const char* type_name, u32 magic, const GeneratedTable& table) {
    RefPtr<GeneratedSuperBlock> super_block = TRY(make_ref<GeneratedSuperBlock>());
    super_block->device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    super_block->magic = magic;
    super_block->type_name = type_name;
    RefPtr<GeneratedNode> root = TRY(make_ref<GeneratedNode>());
    root->super_block = RefPtr<SuperBlock>(super_block);
    root->number = 1;
    root->mode = abi::S_IFDIR | 0555;
    root->links = 2;
    root->table = &table;
    now_realtime(root->changed);
    root->accessed = root->modified = root->changed;
    super_block->root = TRY(make_root_dentry(*super_block, RefPtr<Inode>(std::move(root))));
    return RefPtr<SuperBlock>(std::move(super_block));
}

Result<void> may_inspect(Process& process) {
    Task& me = current();
    if (me.process == &process)
        return {};
    const Credentials& mine = *me.credentials;
    if (mine.has_capability(abi::CAP_SYS_PTRACE))
        return {};
    const RefPtr<Credentials> its = credentials_of(process);
    if (!its)
        return {};
    const bool is_same_user = mine.fsuid == its->uid && mine.fsuid == its->euid && mine.fsuid == its->suid &&
                              mine.fsgid == its->gid && mine.fsgid == its->egid && mine.fsgid == its->sgid;
    if (!is_same_user || !process.is_dumpable || (its->permitted & ~mine.permitted))
        return Errno::EACCES;
    return {};
}

Result<void> print_constant(base::Writer& writer, const GeneratedNode& node) {
    writer.put(node.row->argument);
    return {};
}

bool put_host_page(base::Writer& writer, std::string_view page) {
    for (usize pages = 4;; pages *= 4) {
        PageBuffer buffer(pages);
        if (!buffer)
            return false;
        const usize length = host::host_information(page, buffer.data(), buffer.size());
        if (length == buffer.size() && pages < 1024)
            continue;
        writer.put({buffer.data(), length});
        return length != 0;
    }
}

Result<void> print_host_page(base::Writer& writer, const GeneratedNode& node) {
    (void)put_host_page(writer, node.row->argument);
    return {};
}

Result<i64> parse_integer(std::string_view text) {
    const auto is_space = [](char character) { return character == ' ' || character == '\t' || character == '\n'; };
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && (is_space(text.back()) || text.back() == 0))
        text.remove_suffix(1);
    const bool negative = !text.empty() && text.front() == '-';
    if (negative)
        text.remove_prefix(1);
    if (text.empty() || text.size() > 18)
        return Errno::EINVAL;
    i64 value = 0;
    for (char digit : text) {
        if (digit < '0' || digit > '9')
            return Errno::EINVAL;
        value = value * 10 + (digit - '0');
    }
    return negative ? -value : value;
}

} // namespace lxcore
