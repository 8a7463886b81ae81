#include "manager/registry.hpp"

#include "test_folder.hpp"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace lxss;

static RegistryEntry entry(const std::string& name) {
    return {name, "/somewhere/" + name, "", {}, true};
}

TEST(Registry, MissingFileIsEmpty) {
    TestFolder folder;
    Registry registry(folder / "registry.json");
    EXPECT_TRUE(registry.entries().empty());
    EXPECT_EQ(registry.default_entry(), nullptr);
    EXPECT_FALSE(std::filesystem::exists(folder / "registry.json"));
}

TEST(Registry, KeepsWhatIsPut) {
    TestFolder folder;
    {
        Registry registry(folder / "registry.json");
        registry.put(entry("first"));
        RegistryEntry second = entry("second");
        second.default_user = "me";
        second.made_folder = false;
        registry.put(second);
        registry.set_default("SECOND");
    }
    Registry registry(folder / "registry.json");
    ASSERT_EQ(registry.entries().size(), 2u);
    const RegistryEntry* second = registry.find("Second");
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(second->folder, "/somewhere/second");
    EXPECT_EQ(second->default_user, "me");
    EXPECT_FALSE(second->made_folder);
    EXPECT_EQ(registry.default_entry(), second);
}

TEST(Registry, FirstInstalledIsTheDefault) {
    TestFolder folder;
    Registry registry(folder / "registry.json");
    RegistryEntry first = entry("first");
    first.state = RegistryState::Installing;
    registry.put(first);
    EXPECT_EQ(registry.default_entry(), nullptr);
    registry.put(entry("second"));
    first.state = RegistryState::Installed;
    registry.put(first);
    EXPECT_EQ(registry.default_entry()->name, "second");
    registry.remove("second");
    EXPECT_EQ(registry.default_entry()->name, "first");
}

TEST(Registry, DamagedFileIsLeftAlone) {
    for (const char* text : {"", "{", "[]", R"({"version":2,"instances":[]})", R"({"version":1})",
                             R"({"version":1,"instances":[{"name":"../x","folder":"/x"}]})",
                             R"({"version":1,"instances":[{"name":"x","folder":"relative"}]})",
                             R"({"version":1,"instances":[{"name":"x","folder":"/x","state":"what"}]})"}) {
        TestFolder folder;
        std::ofstream(folder / "registry.json") << text;
        EXPECT_THROW(Registry(folder / "registry.json"), RegistryError) << text;
        EXPECT_EQ(file_text(folder / "registry.json"), text);
    }
}

// A full disk, as a file size limit shows it: the change fails whole.
TEST(Registry, FailedWriteChangesNothing) {
    TestFolder folder;
    Registry registry(folder / "registry.json");
    registry.put(entry("first"));
    const std::string before = file_text(folder / "registry.json");

    ::signal(SIGXFSZ, SIG_IGN);
    rlimit old_limit, limit;
    ::getrlimit(RLIMIT_FSIZE, &old_limit);
    limit = old_limit;
    limit.rlim_cur = before.size() + 10;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_THROW(registry.put(entry("second")), RegistryError);
    ::setrlimit(RLIMIT_FSIZE, &old_limit);

    EXPECT_EQ(registry.entries().size(), 1u);
    EXPECT_EQ(file_text(folder / "registry.json"), before);
    EXPECT_FALSE(std::filesystem::exists(folder / "registry.json.new"));
    registry.put(entry("second"));
    EXPECT_EQ(Registry(folder / "registry.json").entries().size(), 2u);
}

TEST(Registry, NameThatIsNotUtf8IsRefused) {
    TestFolder folder;
    Registry registry(folder / "registry.json");
    RegistryEntry strange = entry("first");
    strange.folder = "/some\xff";
    EXPECT_THROW(registry.put(strange), RegistryError);
    EXPECT_TRUE(registry.entries().empty());
}
