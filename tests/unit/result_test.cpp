#include "kernel_test.hpp"

#include "base/result.hpp"

#include "base/ref_ptr.hpp"

using base::Errno;
using base::Result;

namespace {

Result<int> half(int number) {
    if (number % 2 != 0)
        return Errno::EINVAL;
    return number / 2;
}
Result<int> quarter(int number) {
    const int first = TRY(half(number));
    return TRY(half(first));
}
Result<void> check(int number) {
    TRY(half(number));
    return {};
}

struct Counted : base::RefCounted {
    explicit Counted(int& ends) : m_ends(ends) {}
    void destroy() override {
        ++m_ends;
        delete this;
    }
    int& m_ends;
};

} // namespace

TEST(Result, ValuesAndErrors) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(8).error(), Errno::OK);
    EXPECT_EQ(quarter(6).error(), Errno::EINVAL);
    EXPECT_TRUE(quarter(6).is_error());
    EXPECT_TRUE(check(2).is_ok());
    EXPECT_EQ(check(3).error(), Errno::EINVAL);
}

TEST(Result, OwnsItsValue) {
    auto shared = std::make_shared<int>(7);
    {
        Result<std::shared_ptr<int>> result(shared);
        Result<std::shared_ptr<int>> moved(std::move(result));
        EXPECT_EQ(shared.use_count(), 2);
        EXPECT_EQ(*moved.value(), 7);
        EXPECT_EQ(*moved.release_value(), 7);
    }
    EXPECT_EQ(shared.use_count(), 1);
    Result<std::unique_ptr<int>> error(Errno::ENOMEM); // nothing to destroy
    EXPECT_EQ(error.error(), Errno::ENOMEM);
}

TEST(RefPtr, LastOneDestroys) {
    int ends = 0;
    {
        auto first = base::RefPtr<Counted>::adopt(new Counted(ends));
        EXPECT_EQ(first->reference_count(), 1u);
        base::RefPtr<Counted> second = first;
        EXPECT_TRUE(first->try_ref());
        EXPECT_EQ(first->reference_count(), 3u);
        first->unref();
        first = second;
        first.reset();
        EXPECT_EQ(ends, 0);
        base::RefPtr<Counted> third(std::move(second));
        EXPECT_FALSE(second);
        Counted* leaked = third.leak();
        EXPECT_EQ(ends, 0);
        third = base::RefPtr<Counted>::adopt(leaked);
    }
    EXPECT_EQ(ends, 1);
}
