// Goes through a VolFs tree and tells what is wrong with it.
#pragma once

#include <functional>
#include <string>

namespace lxss {

struct TreeCheck {
    bool repair = false;
    // Called for each thing that is wrong: the path within the tree, what it is, and whether it was put right.
    std::function<void(const std::string& path, const std::string& problem, bool repaired)> report;
    // Figures of the walk.
    unsigned long files = 0, found = 0, repaired = 0;

    // `root`: an open descriptor of the tree's root folder. False, with errno set, when the tree cannot be read.
    bool run(int root);

private:
    bool check_folder(int folder, const std::string& path);
    void empty_staging(int root);
    void problem(const std::string& path, const std::string& what, bool was_repaired);
};

} // namespace lxss
