#include "operator/local/address_pool.h"

#include "lib/base/check.h"

namespace millrace::kube_operator::local {
namespace {

constexpr std::uint32_t kFirst = (127u << 24) | (64u << 16);
constexpr std::uint32_t kCount = 1u << 22;

// FNV-1a: the same address in every run and on every machine.
std::uint32_t hash_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::string dotted(std::uint32_t address) {
    return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                       address & 255);
}

bool usable(std::uint32_t address) {
    return (address & 255) != 0 && (address & 255) != 255;
}

}  // namespace

std::string AddressPool::address_of(const std::string& name_space, const std::string& pod) {
    const std::string key = name_space + "/" + pod;
    if (auto found = x_by_pod.find(key); found != x_by_pod.end()) {
        return found->second;
    }
    CHECK(x_by_pod.size() < kCount / 2, "far more pods than one machine can run");
    for (std::uint32_t at = hash_of(x_salt + "//" + key) % kCount;; at = (at + 1) % kCount) {
        const std::string address = dotted(kFirst + at);
        if (usable(kFirst + at) && x_by_address.emplace(address, key).second) {
            x_by_pod.emplace(key, address);
            return address;
        }
    }
}

void AddressPool::restore(const std::string& name_space, const std::string& pod,
                          const std::string& address) {
    const std::string key = name_space + "/" + pod;
    if (!x_by_pod.contains(key) && x_by_address.emplace(address, key).second) {
        x_by_pod.emplace(key, address);
    }
}

}  // namespace millrace::kube_operator::local
