// The filter of a directory's names: never says that a name is missing that is there.
#include "kernel_test.hpp"

#include "lxcore/volfs/name_filter.hpp"

using namespace lxcore;

namespace {

std::string name(int number) {
    return "name-" + std::to_string(number);
}

// Of the names from `first` on that were never added, how many are thought to be there.
int false_alarms(const NameFilter& filter, int first, int count) {
    int found = 0;
    for (int i = first; i < first + count; ++i)
        found += filter.may_have(name(i));
    return found;
}

} // namespace

TEST(NameFilter, KnowsNothingAtFirst) {
    NameFilter filter;
    EXPECT_FALSE(filter.is_known());
    EXPECT_TRUE(filter.may_have("anything"));
    filter.add("something");
    EXPECT_FALSE(filter.is_known());
    EXPECT_TRUE(filter.may_have("anything"));
}

TEST(NameFilter, HasWhatWasAdded) {
    NameFilter filter;
    filter.start();
    EXPECT_FALSE(filter.may_have(name(0)));
    for (int i = 0; i < 20000; ++i) {
        filter.add(name(i));
        filter.add(name(i / 2)); // some of them again
        for (int k = i % 997 == 0 ? 0 : i; k <= i; ++k) {
            ASSERT_TRUE(filter.may_have(name(k))) << k << " of " << i;
        }
    }
    EXPECT_TRUE(filter.is_known());
    EXPECT_LT(false_alarms(filter, 20000, 20000), 20);
}

TEST(NameFilter, GivesUpBeyondItsBound) {
    NameFilter filter;
    filter.start();
    int added = 0;
    while (filter.is_known() && added < 1'000'000)
        filter.add(name(added++));
    EXPECT_GT(added, 90'000);
    EXPECT_LT(added, 1'000'000);
    EXPECT_TRUE(filter.may_have("never added"));
    filter.start();
    EXPECT_FALSE(filter.may_have(name(1)));
}

TEST(NameFilter, TakesAnother) {
    NameFilter complete, filter;
    complete.start();
    complete.add("one");
    filter.take(complete);
    EXPECT_TRUE(filter.is_known() && filter.may_have("one") && !filter.may_have("two"));
    NameFilter unknown;
    filter.take(unknown);
    EXPECT_TRUE(!filter.is_known() && filter.may_have("two"));
}
