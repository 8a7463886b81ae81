// The state of one path resolution; private to namei.cpp and open.cpp.
#pragma once

#include "lxcore/fs/namei.hpp"

namespace lxcore {

class Walker {
public:
    explicit Walker(u32 flags) : m_flags(flags) {}
    LXSS_NO_COPY(Walker);
    ~Walker();
    // Where the path begins. ENOENT for an empty one.
    Result<void> start(i32 dirfd, std::string_view path);
    // Walks what is left; with `parent`, up to the directory of the last name.
    Result<void> run(ParentName* parent);
    // Goes on with the target of `link`, which lies in the present directory.
    Result<void> follow(Dentry& link);
    // The mounts on top of the present place.
    Result<void> enter_mounts();
    bool is_finished() const { return m_rest.empty(); }
    Path& at() { return m_at; }
    Path take() { return std::move(m_at); }
    // With kTrustLast: the last name was not asked for, since opening the file will show whether it still has that name.
    bool has_trusted() const { return m_has_trusted; }

private:
    bool is_at_root();
    Result<void> step_up();
    RefPtr<Dentry> trusted_child(std::string_view name);

    static constexpr usize kTextPages = 3;
    Path m_at;
    Path m_root; // where ".." ends; found when needed
    std::string_view m_rest;
    char* m_text = nullptr; // the path, rewritten with the targets of symbolic links
    u32 m_flags;
    u32 m_links = 0;
    bool m_has_trusted = false;
};

} // namespace lxcore
