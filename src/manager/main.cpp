// lxssd: started by lxss when it is needed, ends by itself. See README.md in this folder.
#include "manager/folder_helper.hpp"
#include "manager/manager.hpp"
#include "manager/os/files.hpp"
#include "manager/os/self.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <string>

using namespace lxss;

static std::optional<std::chrono::milliseconds> seconds_from_environment(const char* name) {
    const char* text = std::getenv(name);
    if (!text)
        return std::nullopt;
    char* end = nullptr;
    const double seconds = std::strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds < 1e9))
        return std::nullopt;
    return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

static std::string from_environment(const char* name, std::string fallback) {
    const char* text = std::getenv(name);
    return text && *text ? text : fallback;
}

// Serves until there is nothing left to do. The launcher is told "ok", "running" (another manager serves
// already) or a problem.
static int serve(Starter& starter) {
    std::string error;
    ManagerOptions options;
    options.data_folder = data_folder();
    if (options.data_folder.empty() || !is_absolute_path(options.data_folder)) {
        starter.tell(kNoHomeText);
        return 1;
    }
    if (!make_folders(options.data_folder + "/log")) {
        starter.tell("cannot make " + options.data_folder + "/log: " + std::strerror(errno));
        return 1;
    }
    RuntimeFolder runtime;
    if (!runtime.open(error)) {
        starter.tell(error);
        return 1;
    }
    // Exclusive while a manager lives. One that is about to end gets a moment to do so; all its time, when
    // the service manager has taken the socket's name since: it hears of no client any more.
    const UniqueFd lock = runtime.lock(kLockName, runtime.is_activated() ? -1 : 1000, error);
    if (!lock) {
        starter.tell(error.empty() ? "running" : error);
        return 0;
    }
    options.kernel = from_environment("LXSS_KERNEL", program_file(kKernelProgram));
    options.engine_options = from_environment("LXSS_ENGINE_OPTIONS", "");
    options.guest_dir = from_environment("LXSS_GUEST_DIR", guest_programs_folder());
    options.catalog = from_environment("LXSS_CATALOG", shared_file("catalog.json"));
    options.configuration_file = configuration_file();
    options.grace = seconds_from_environment("LXSS_GRACE");
    options.idle = seconds_from_environment("LXSS_IDLE");
    try {
        auto logger = spdlog::basic_logger_mt("lxssd", options.data_folder + "/log/lxssd.log");
        logger->flush_on(spdlog::level::info);
        spdlog::set_default_logger(logger);
    } catch (const spdlog::spdlog_ex& problem) {
        starter.tell(problem.what());
        return 1;
    }
    try {
        Manager manager(options, runtime);
        spdlog::info("lxssd {} serves {} as process {}", LXSS_VERSION, options.data_folder, own_process_id());
        starter.tell("ok");
        manager.run();
    } catch (const std::exception& problem) {
        spdlog::error("{}", problem.what());
        starter.tell(problem.what());
        return 1;
    }
    return 0;
}

int main(int argc, char** argv) {
    prepare_process();
    const std::vector<std::string> words = own_arguments(argc, argv);
    // What the manager runs for itself: work on an instance's folder, which may take long.
    if (const std::optional<int> code = run_folder_helper(words))
        return *code;
    Starter starter;
    for (const std::string& word : words) {
        if (!starter.accept(word)) {
            starter.tell("it is started by lxss; unknown argument '" + word + "'");
            return 2;
        }
    }
    return serve(starter);
}
