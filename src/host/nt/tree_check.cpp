#include "host/nt/tree_check.hpp"

#include "host/nt/ea_calls.hpp"
#include "host/nt/extended_attributes.hpp"
#include "host/nt/journal.hpp"
#include "host/nt/store_file.hpp"
#include "lxcore/volfs/places.hpp"

namespace host::nt {

namespace {

using lxcore::TreeWork;

class TreeCheck {
public:
    TreeCheck(TreeWork work, lxcore::HostReport& report)
        : m_work(work), m_repair(work != TreeWork::Check), m_report(report) {}

    Result<void> run() {
        TRY(look_at_store());
        if (m_is_replaced && (m_work == TreeWork::List || (m_work == TreeWork::Adopt && !m_is_copied)))
            return refuse(Errno::EIO);
        if (m_repair)
            TRY(m_is_replaced ? begin_store() : reopen_store());
        check_leftovers();
        if (m_work == TreeWork::Check || m_work == TreeWork::Repair)
            TRY(check_names(m_repair, m_report));
        return m_is_replaced && m_repair ? replace_store() : Result<void>();
    }

private:
    void problem(std::string_view what, const Result<void>& outcome = {}, bool has_remedy = true) {
        m_report.tell({kHiddenFolder, what, true, has_remedy, outcome});
    }

    // Notes in m_is_replaced, m_is_copied what is to be done. Without repair, the log is in use from here on,
    // as it is.
    Result<void> look_at_store() {
        const NTSTATUS status = open_hidden(kStoreName, FILE_OPEN, m_log.receive(), kStoreReadAccess);
        if (status < 0 && status != STATUS_OBJECT_NAME_NOT_FOUND)
            return errno_of(status);
        const u64 length = status < 0 ? 0 : length_of(m_log.get());
        m_flags = files().escapes_case ? kStoreEscapesCase : 0;
        if (length == 0 && is_laid_out_by_wsl())
            return {}; // and not started yet
        if (length == 0) {
            m_is_replaced = true;
            m_why = kLostStore;
            return m_repair ? Result<void>() : refuse(Errno::ENOENT);
        }
        store_index().capacity = kStoreSlots;
        StoreFile file(m_log.get(), true);
        const u64 tree = tree_of_store(m_log.get());
        u32 flags = 0;
        SideStore store(file, store_index());
        Result<void> opened = open_log(store, length, flags, tree);
        if (opened.error() == Errno::ESTALE || opened.error() == Errno::EIO) {
            m_is_replaced = true;
            m_why = opened.error() == Errno::ESTALE ? kCopiedTree : kDamagedStore;
            m_is_copied = opened.error() == Errno::ESTALE;
            if (m_is_copied) // and with it, how names are spelled
                m_flags |= flags & kStoreEscapesCase;
            return m_repair ? Result<void>() : refuse(opened.error());
        }
        TRY(opened);
        if ((flags & kStoreIsUnused) && !ea::are_supported(m_log.get())) {
            problem(kNoAttributes, {}, false);
            return Errno::EOPNOTSUPP;
        }
        const u64 end = store_index().end.load();
        if (end < length) {
            base::FixedWriter<120> text;
            base::print(text, "the last {} bytes of the metadata store are no whole record", length - end);
            problem(text.view()); // whoever opens it next cuts them off
        }
        if (!m_repair) {
            files().escapes_case = (flags & kStoreEscapesCase) != 0;
            files().has_extended_attributes = (flags & kStoreIsUnused) != 0;
            use_store(m_log, tree);
        }
        return {};
    }

    Result<void> refuse(Errno error) {
        problem(m_why);
        return error;
    }

    static void forget_index() {
        __builtin_memset(static_cast<void*>(&store_index()), 0, SideStoreIndex::bytes(kStoreSlots));
        store_index().capacity = kStoreSlots;
    }

    Result<void> reopen_store() {
        NtClose(m_log.release());
        forget_index();
        open_store();
        return {};
    }

    // An empty store, beside the old one until all is done.
    Result<void> begin_store() {
        forget_index();
        if (const NTSTATUS status = open_hidden(kNewStoreName, FILE_OVERWRITE_IF, m_fresh.receive());
            status < 0)
            return errno_of(status);
        if (!m_is_copied && extended::can_hold(m_fresh.get()))
            m_flags |= kStoreIsUnused;
        files().escapes_case = (m_flags & kStoreEscapesCase) != 0;
        files().has_extended_attributes = (m_flags & kStoreIsUnused) != 0;
        const u64 tree = tree_of_store(m_fresh.get());
        StoreFile file(m_fresh.get());
        TRY(SideStore(file, store_index()).open(0, m_flags, tree));
        Object copy;
        if (open_hidden(kNewStoreName, FILE_OPEN, copy.receive()) < 0)
            return Errno::EIO;
        use_store(copy, tree);
        return {};
    }

    // A kill before the last step leaves the tree as it was.
    Result<void> replace_store() {
        base::FixedWriter<240> text;
        bool has_list = false;
        if (m_is_copied) {
            const Result<lxcore::AdoptedFiles> adopted = adopt_files();
            has_list = adopted.is_ok();
            if (!has_list && (adopted.error() != Errno::ENOENT || m_work == TreeWork::Adopt))
                return adopted.error();
            lxcore::describe(text, has_list ? &adopted.value() : nullptr);
        }
        TRY(flush_store());
        if (m_log.get()) {
            (void)rename_hidden(m_log.get(), kBrokenStoreName,
                                FileLinkInformation); // not all file systems have links
            NtClose(m_log.release());                 // the host replaces no open file
        }
        Result<void> replaced = void_result(rename_hidden(m_fresh.get(), kStoreName));
        problem(m_why, replaced);
        TRY(replaced);
        if (m_is_copied)
            m_report.tell({{}, text.view(), false, false, {}});
        return lxcore::forget_places(files().root);
    }

    Result<lxcore::AdoptedFiles> adopt_files() {
        struct Taker final : lxcore::PlaceTaker {
            Taker(HANDLE log, SideStoreIndex& index) : file(log, true), before(file, index) {}
            Result<void> take(u64 number, const lxcore::Place& place) override {
                StoreFile fresh(object_of(files().store));
                SideStore store(fresh, store_index());
                return before.copy(number, store, place.info.inode);
            }
            StoreFile file;
            SideStore before;
        };
        void* memory = nullptr;
        SIZE_T bytes = SideStoreIndex::bytes(kStoreSlots);
        if (NtAllocateVirtualMemory(this_process(), &memory, 0, &bytes, MEM_RESERVE | MEM_COMMIT,
                                    PAGE_READWRITE) < 0)
            return Errno::ENOMEM;
        auto& index = *static_cast<SideStoreIndex*>(memory);
        index.capacity = kStoreSlots;
        Taker taker(m_log.get(), index);
        u32 flags = 0;
        const Result<lxcore::AdoptedFiles> adopted = [&]() -> Result<lxcore::AdoptedFiles> {
            TRY(taker.before.open(length_of(m_log.get()), flags));
            return lxcore::adopt_by_places(files().root, TRY(SideStore::recorded_tree(taker.file)), taker);
        }();
        bytes = 0;
        NtFreeVirtualMemory(this_process(), &memory, &bytes, MEM_RELEASE);
        return adopted;
    }

    // What the next start would clean up as well.
    void check_leftovers() {
        const auto count = [](char kind) {
            u64 found = 0;
            visit_hidden_folder(
                kind,
                [](void* context, u64) {
                    ++*static_cast<u64*>(context);
                    return false;
                },
                &found);
            return found;
        };
        const auto check = [&](char kind, std::string_view what, void (*mend)()) {
            const u64 found = count(kind);
            if (found == 0)
                return;
            if (m_repair)
                mend();
            base::FixedWriter<120> text;
            base::print(text, "{} {}", found, what);
            problem(text.view(), m_repair && count(kind) != 0 ? Result<void>(Errno::EIO) : Result<void>());
        };
        check('j', "renames were cut short", finish_all_renames);
        check('d', "files are left that had lost their names while they were open", empty_hidden_folder);
        Object unfinished;
        if (m_is_replaced ||
            open_hidden(kNewStoreName, FILE_OPEN, unfinished.receive(), kAttributeAccess | DELETE) < 0)
            return;
        FILE_DISPOSITION_INFORMATION request{TRUE};
        IO_STATUS_BLOCK io{};
        const NTSTATUS removed = m_repair ? NtSetInformationFile(unfinished.get(), &io, &request,
                                                                 sizeof(request), FileDispositionInformation)
                                          : 0;
        problem("an unfinished metadata store is left", void_result(removed));
    }

    TreeWork m_work;
    bool m_repair;
    lxcore::HostReport& m_report;
    Object m_log, m_fresh;
    u32 m_flags = 0;
    std::string_view m_why; // a new store takes the old one's place
    bool m_is_replaced = false, m_is_copied = false;
};

} // namespace

Result<void> check_tree(TreeWork work, lxcore::HostReport& report) {
    if (files().hidden == kNoHandle && files().has_extended_attributes)
        return check_names(false, report); // WSL's
    if (files().hidden == kNoHandle) {
        report.tell({{}, kForeignTree, true, false, {}});
        return Errno::EINVAL;
    }
    return TreeCheck(work, report).run();
}

} // namespace host::nt
