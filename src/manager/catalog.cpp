#include "manager/catalog.hpp"

#include "manager/instance_name.hpp"
#include "manager/os/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace lxss {

static Distribution read_distribution(const nlohmann::json& item) {
    Distribution distribution;
    distribution.name = item.at("name");
    distribution.friendly_name = item.value("friendly_name", distribution.name);
    distribution.source = item.at("source");
    distribution.checksum = item.value("sha256", "");
    distribution.is_default = item.value("default", false);
    if (!valid_instance_name(distribution.name))
        throw CatalogError("'" + distribution.name + "' is no good name: " + kInstanceNameRule);
    for (char& digit : distribution.checksum)
        if (digit >= 'A' && digit <= 'F')
            digit = static_cast<char>(digit + 32);
    const bool is_checksum = distribution.checksum.size() == 64 &&
                             distribution.checksum.find_first_not_of("0123456789abcdef") == std::string::npos;
    const bool is_local = distribution.source.starts_with("apt:") || is_absolute_path(distribution.source);
    if (!is_local && distribution.source.find("://") == std::string::npos)
        throw CatalogError("the source of '" + distribution.name +
                           "' is neither apt:SUITE nor an address nor a whole file name");
    if (distribution.checksum.empty() ? !is_local : !is_checksum)
        throw CatalogError("'" + distribution.name + "' needs a sha256 of 64 hexadecimal digits");
    return distribution;
}

std::vector<Distribution> read_catalogs(const std::vector<std::string>& files) {
    std::vector<Distribution> distributions;
    for (const std::string& path : files) {
        if (path.empty())
            continue;
        std::ifstream file(path);
        if (!file)
            throw CatalogError("cannot read the catalog " + path + ": " + std::strerror(errno));
        try {
            const nlohmann::json document = nlohmann::json::parse(file);
            if (document.at("version") != 1)
                throw CatalogError("its version is not 1");
            for (const nlohmann::json& item : document.at("distributions")) {
                Distribution distribution = read_distribution(item);
                auto same = [&](const Distribution& other) {
                    return same_instance_name(other.name, distribution.name);
                };
                if (std::any_of(distributions.begin(), distributions.end(), same))
                    continue;
                if (distribution.is_default)
                    distribution.is_default =
                        std::none_of(distributions.begin(), distributions.end(),
                                     [](const Distribution& other) { return other.is_default; });
                distributions.push_back(std::move(distribution));
            }
        } catch (const std::exception& problem) {
            throw CatalogError("the catalog " + path + " is damaged: " + problem.what());
        }
    }
    return distributions;
}

} // namespace lxss
