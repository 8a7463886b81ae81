#include "lxcore/volfs/portable_tree.hpp"

#include "lxcore/volfs/format.hpp"

namespace lxcore {

namespace {

class Taker final : public ArenaObject, public PlaceTaker {
public:
    Result<void> take(u64 before, const Place& place) override {
        const bool is_directory = place.info.type == host::FileType::Directory;
        if (!is_directory && place.info.type != host::FileType::Regular)
            return {}; // no copy of a portable tree's files
        const host::Handle file = TRY(host::open_at(place.folder, place.name,
                                                    is_directory ? host::kOpenRead | host::kOpenDirectory : u32{host::kOpenRead}, 0));
        const Result<void> done = m_copier.copy(store, before, m_host, file, place.info.inode);
        host::close(file);
        return done;
    }
    VolfsAttributes store;

private:
    VolfsAttributes m_host;
    AttributeCopier m_copier;
};

} // namespace

bool is_portable_tree(host::Handle root) {
    const Result<VolfsStorage> storage = read_storage(root);
    return storage.is_ok() && storage.value().is_portable;
}

std::string_view objection_to_portable_tree(host::Handle root) {
    VolfsAttributes store;
    if (store.open_copied(root, kSideStoreName).is_error())
        return "it is a portable tree of a Linux host, and its side store, .lxss-attributes, is missing or damaged: copy it again";
    if (!has_places(root, store.tree()))
        return "it is a portable tree of a Linux host, and has no whole list of its files (.lxss-places): it was copied while the instance "
               "ran, or after a crash. Start and end the instance there, and copy it again";
    return {};
}

Result<AdoptedFiles> adopt_portable_files(host::Handle root) {
    Taker* taker = TRY(make<Taker>());
    const Result<AdoptedFiles> adopted = [&]() -> Result<AdoptedFiles> {
        TRY(taker->store.open_copied(root, kSideStoreName));
        return adopt_by_places(root, taker->store.tree(), *taker, PathSpelling::Nt);
    }();
    delete taker;
    return adopted;
}

Result<void> finish_portable_tree(host::Handle root) {
    VolfsStorage storage;
    storage.are_specials_marked = TRY(read_storage(root)).are_specials_marked;
    TRY(record_storage(root, storage));
    TRY(host::rename_at(root, kSideStoreName, root, kBrokenSideStoreName, 0));
    return forget_places(root);
}

} // namespace lxcore
