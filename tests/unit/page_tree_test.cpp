#include "kernel_test.hpp"

#include "lxcore/tmpfs/page_tree.hpp"

#include "kernel_doubles.hpp"

using lxcore::PageTree;

namespace {

char* new_page() {
    return static_cast<char*>(lxcore::allocate_pages(1));
}

} // namespace

TEST(PageTree, AgreesWithAMap) {
    const usize before = live_allocations();
    {
        PageTree tree;
        std::map<u64, char*> model;
        std::mt19937_64 random(1);
        // Dense and sparse places, near table edges and at the far end.
        const u64 places[] = {0, 500, 511 * 512, u64{1} << 27, PageTree::kIndexLimit - 600};
        for (int step = 0; step < 4000; ++step) {
            const u64 index = places[random() % 5] + random() % 600;
            if (random() % 8 != 0) {
                if (model.contains(index))
                    continue;
                char* page = new_page();
                ASSERT_TRUE(tree.insert(index, page).is_ok());
                model[index] = page;
            } else {
                const u64 last = index + random() % 40;
                const auto begin = model.lower_bound(index), end = model.lower_bound(last);
                const auto expected = static_cast<u64>(std::distance(begin, end));
                model.erase(begin, end);
                ASSERT_EQ(tree.release_range(index, last), expected);
            }
            const u64 probe = places[random() % 5] + random() % 600;
            const auto found = model.find(probe);
            ASSERT_EQ(tree.find(probe), found == model.end() ? nullptr : found->second);
            const auto next = model.lower_bound(probe);
            ASSERT_EQ(tree.next_present(probe), next == model.end() ? PageTree::kIndexLimit : next->first);
            u64 absent = probe;
            while (model.contains(absent))
                ++absent;
            ASSERT_EQ(tree.next_absent(probe), absent);
            ASSERT_EQ(tree.count(), model.size());
        }
        ASSERT_EQ(tree.release_from(600),
                  model.size() - static_cast<usize>(std::distance(model.begin(), model.lower_bound(600))));
    }
    EXPECT_EQ(live_allocations(), before);
}

TEST(PageTree, OutOfMemoryLeavesItWhole) {
    const usize before = live_allocations();
    {
        PageTree tree;
        ASSERT_TRUE(tree.insert(3, new_page()).is_ok());
        for (isize allowed = 0; allowed < 3; ++allowed) {
            char* page = new_page();
            limit_allocations(allowed);
            const auto result = tree.insert(u64{1} << 30, page);
            limit_allocations(-1);
            ASSERT_TRUE(result.is_error());
            lxcore::release_pages(page, 1);
            EXPECT_NE(tree.find(3), nullptr);
            EXPECT_EQ(tree.find(u64{1} << 30), nullptr);
            EXPECT_EQ(tree.count(), 1u);
        }
    }
    EXPECT_EQ(live_allocations(), before);
}
