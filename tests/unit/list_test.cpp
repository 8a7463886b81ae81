#include "kernel_test.hpp"

#include "base/list.hpp"

namespace {

struct Item {
    explicit Item(char item_name) : name(item_name) {}
    virtual ~Item() = default; // not standard layout, as kernel objects are not
    char name;
    base::ListNode node;
};
using ItemList = base::List<Item, &Item::node>;

std::string names(const ItemList& list) {
    std::string text;
    for (Item& item : list)
        text += item.name;
    return text;
}

struct ListTest : testing::Test {
    Item a{'a'}, b{'b'}, c{'c'}, d{'d'};
    ItemList list;
};

} // namespace

TEST_F(ListTest, Order) {
    EXPECT_TRUE(list.is_empty());
    EXPECT_EQ(list.first(), nullptr);
    EXPECT_EQ(list.last(), nullptr);
    EXPECT_EQ(list.pop_front(), nullptr);
    list.push_back(b);
    list.push_back(d);
    list.push_front(a);
    list.insert_before(d, c);
    EXPECT_EQ(names(list), "abcd");
    EXPECT_EQ(list.count(), 4u);
    EXPECT_EQ(list.first(), &a);
    EXPECT_EQ(list.last(), &d);
    EXPECT_EQ(list.next(a), &b);
    EXPECT_EQ(list.next(d), nullptr);
    EXPECT_EQ(list.previous(a), nullptr);
    EXPECT_EQ(list.previous(d), &c);
}

TEST_F(ListTest, Removal) {
    for (Item* item : {&a, &b, &c, &d})
        list.push_back(*item);
    ItemList::remove(b);
    EXPECT_FALSE(b.node.is_linked());
    ItemList::remove(b); // does nothing
    EXPECT_EQ(names(list), "acd");
    EXPECT_EQ(list.pop_front(), &a);
    ItemList::remove(d);
    EXPECT_EQ(names(list), "c");
    list.push_back(a);
    EXPECT_EQ(names(list), "ca");
}

TEST_F(ListTest, IterationToleratesRemovalOfTheElementItStandsOn) {
    for (Item* item : {&a, &b, &c, &d})
        list.push_back(*item);
    std::string seen;
    for (Item& item : list) {
        seen += item.name;
        if (item.name == 'b' || item.name == 'd')
            ItemList::remove(item);
    }
    EXPECT_EQ(seen, "abcd");
    EXPECT_EQ(names(list), "ac");
}
