#include "cli/arguments.hpp"

#include <gtest/gtest.h>

using namespace lxss;
using Words = std::vector<std::string>;

TEST(Arguments, NothingIsALoginShell) {
    const Arguments arguments = parse_arguments({});
    EXPECT_EQ(arguments.verb, Verb::Run);
    EXPECT_EQ(arguments.mode, RunMode::Login);
}

TEST(Arguments, WordsAfterTheFirstPlainOneAreNotInterpreted) {
    const Arguments arguments = parse_arguments({"-d", "debian", "ls", "-l", "--shutdown", "--", "-e"});
    EXPECT_EQ(arguments.instance, "debian");
    EXPECT_EQ(arguments.mode, RunMode::Shell);
    EXPECT_EQ(arguments.words, (Words{"ls", "-l", "--shutdown", "--", "-e"}));
}

TEST(Arguments, ExecTakesTheRest) {
    const Arguments arguments = parse_arguments({"-u", "me", "--cd", "/tmp", "-e", "--version", "-d"});
    EXPECT_EQ(arguments.verb, Verb::Run);
    EXPECT_EQ(arguments.mode, RunMode::Exec);
    EXPECT_EQ(arguments.user, "me");
    EXPECT_EQ(arguments.folder, "/tmp");
    EXPECT_EQ(arguments.words, (Words{"--version", "-d"}));
}

TEST(Arguments, DashDashTakesTheRestForTheShell) {
    EXPECT_EQ(parse_arguments({"--", "-x"}).mode, RunMode::Shell);
    EXPECT_EQ(parse_arguments({"--", "-x"}).words, Words{"-x"});
    EXPECT_EQ(parse_arguments({"--"}).mode, RunMode::Login);
}

TEST(Arguments, EmptyWordsAreKept) {
    EXPECT_EQ(parse_arguments({"-e", "echo", "", "x"}).words, (Words{"echo", "", "x"}));
    EXPECT_EQ(parse_arguments({""}).words, Words{""});
}

TEST(Arguments, TildeIsTheHome) {
    EXPECT_EQ(parse_arguments({"~"}).folder, "~");
    EXPECT_EQ(parse_arguments({"~"}).mode, RunMode::Login);
    EXPECT_EQ(parse_arguments({"--cd", "~/x", "ls"}).folder, "~/x");
}

TEST(Arguments, Trace) {
    EXPECT_TRUE(parse_arguments({"--trace", "ls"}).trace);
    EXPECT_FALSE(parse_arguments({"--trace", "ls"}).trace_summary);
    EXPECT_TRUE(parse_arguments({"--trace=summary", "ls"}).trace_summary);
    EXPECT_TRUE(parse_arguments({"--trace-file=out", "ls"}).trace);
    EXPECT_EQ(parse_arguments({"--trace-file=out", "ls"}).trace_file, "out");
    EXPECT_THROW(parse_arguments({"--trace=all", "ls"}), UsageError);
}

TEST(Arguments, Verbs) {
    const Arguments import = parse_arguments({"--import", "a", "folder", "file.tar"});
    EXPECT_EQ(import.verb, Verb::Import);
    EXPECT_EQ(import.instance, "a");
    EXPECT_EQ(import.folder, "folder");
    EXPECT_EQ(import.file, "file.tar");
    EXPECT_EQ(parse_arguments({"--export", "a", "-"}).file, "-");
    EXPECT_TRUE(parse_arguments({"-l", "-v"}).list_verbose);
    EXPECT_TRUE(parse_arguments({"--list", "--quiet"}).list_quiet);
    EXPECT_EQ(parse_arguments({"-s", "a"}).verb, Verb::SetDefault);
    EXPECT_EQ(parse_arguments({"-t", "a"}).verb, Verb::Terminate);
    EXPECT_EQ(parse_arguments({"--unregister", "a"}).verb, Verb::Unregister);
    EXPECT_EQ(parse_arguments({"--shutdown"}).verb, Verb::Shutdown);
    EXPECT_EQ(parse_arguments({"--manage", "a", "--set-default-user", "me"}).user, "me");
    EXPECT_EQ(parse_arguments({"--check", "a"}).verb, Verb::Check);
    EXPECT_FALSE(parse_arguments({"--check", "a"}).repair);
    EXPECT_TRUE(parse_arguments({"--check", "a", "--repair"}).repair);
    EXPECT_THROW(parse_arguments({"--check"}), UsageError);
    EXPECT_THROW(parse_arguments({"--check", "a", "--repair", "b"}), UsageError);
    EXPECT_EQ(parse_arguments({"--manage", "a", "--move", "there"}).folder, "there");
    EXPECT_EQ(parse_arguments({"--import", "a", "b", "c", "--version", "1"}).file, "c");
    EXPECT_THROW(parse_arguments({"--import", "a", "b", "c", "--version", "2"}), UsageError);
    EXPECT_EQ(parse_arguments({"--manage", "a", "--rename", "b"}).name, "b");
    EXPECT_EQ(parse_arguments({"--list", "--online"}).verb, Verb::ListOnline);
    EXPECT_EQ(parse_arguments({"--import-in-place", "a", "folder"}).verb, Verb::ImportInPlace);
    EXPECT_EQ(parse_arguments({"--export", "a", "x", "--format", "tar.gz"}).format, "gzip");
    EXPECT_TRUE(parse_arguments({"--shutdown", "--force"}).force);
    EXPECT_EQ(parse_arguments({"--status"}).verb, Verb::Status);
}

TEST(Arguments, Install) {
    const Arguments plain = parse_arguments({"--install"});
    EXPECT_EQ(plain.verb, Verb::Install);
    EXPECT_EQ(plain.instance, "");
    const Arguments named =
        parse_arguments({"--install", "Debian", "--name", "mine", "--location", "/there", "--no-launch"});
    EXPECT_EQ(named.instance, "Debian");
    EXPECT_EQ(named.name, "mine");
    EXPECT_EQ(named.folder, "/there");
    EXPECT_TRUE(named.no_launch);
    EXPECT_EQ(parse_arguments({"--install", "-d", "Debian"}).instance, "Debian");
    EXPECT_EQ(parse_arguments({"--install", "--from-file", "x.tar"}).file, "x.tar");
    EXPECT_THROW(parse_arguments({"--install", "Debian", "--from-file", "x.tar"}), UsageError);
}

TEST(Arguments, VerbsOfAnInstanceTakeDistribution) {
    const Arguments mount = parse_arguments({"-d", "a", "--mount", "/srv", "--name", "s", "--options", "ro"});
    EXPECT_EQ(mount.verb, Verb::Mount);
    EXPECT_EQ(mount.instance, "a");
    EXPECT_EQ(mount.folder, "/srv");
    EXPECT_EQ(mount.name, "s");
    EXPECT_EQ(mount.options, "ro");
    EXPECT_EQ(parse_arguments({"--unmount", "-d", "a"}).instance, "a");
    EXPECT_EQ(parse_arguments({"-d", "a", "--debug-shell"}).verb, Verb::DebugShell);
    EXPECT_THROW(parse_arguments({"--mount", "/srv", "--name", "../x"}), UsageError);
}

TEST(Arguments, ShellType) {
    EXPECT_EQ(parse_arguments({"--shell-type", "login", "ls"}).mode, RunMode::LoginShell);
    EXPECT_EQ(parse_arguments({"--shell-type=none", "ls", "-l"}).mode, RunMode::Exec);
    EXPECT_EQ(parse_arguments({"--shell-type", "standard", "--", "ls"}).mode, RunMode::Shell);
    EXPECT_EQ(parse_arguments({"--shell-type", "login"}).mode, RunMode::Login);
    EXPECT_THROW(parse_arguments({"--shell-type", "odd"}), UsageError);
}

TEST(Arguments, MistakesAreSaid) {
    for (const Words& words : {Words{"-e"},
                               Words{"--nosuch"},
                               Words{"-d"},
                               Words{"-d", "../x"},
                               Words{"--import", "a", "b"},
                               Words{"--import", "a", "b", "c", "d"},
                               Words{"--shutdown", "now"},
                               Words{"-d", "a", "--shutdown"},
                               Words{"--cd", "relative", "ls"},
                               Words{"--user=", "ls"},
                               Words{"--user", "a:b", "ls"},
                               Words{"--list", "what"},
                               Words{"--unregister", "-x"},
                               Words{"--manage", "a", "--resize", "x"},
                               Words{"--list=x"},
                               Words{"--list", "-q", "-v"},
                               Words{"--list", "--all", "--running"},
                               Words{"--list", "-v", "--online"},
                               Words{"--import-in-place", "a"},
                               Words{"--manage", "a"},
                               Words{"--set-version", "a", "2"},
                               Words{"-d", "a", "--import", "b", "c", "d"}})
        EXPECT_THROW(parse_arguments(words), UsageError) << words[0];
}
