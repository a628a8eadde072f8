#include "operator/resources/node.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::kube_operator::resources {
namespace {

// FNV-1a over texts with a separator that no text of an object contains.
class Hash {
 public:
    void add(std::string_view text) {
        for (const char c : text) {
            add_byte(static_cast<unsigned char>(c));
        }
        add_byte(0);
    }
    std::string digits() const { return fmt::format("{:016x}", x_value); }

 private:
    void add_byte(unsigned char byte) { x_value = (x_value ^ byte) * 0x100000001b3ULL; }

    std::uint64_t x_value = 0xcbf29ce484222325ULL;
};

// As java.util.Properties reads it back: blanks end a key and are dropped before a value, '#' and '!' begin a comment.
std::string escaped(std::string_view text, bool is_key) {
    std::string out;
    for (const char c : text) {
        const bool blank_counts = c == ' ' && (is_key || out.empty());
        const bool ends_key = is_key && (c == '=' || c == ':' || c == '#' || c == '!');
        if (c == '\\' || blank_counts || ends_key) {
            out.push_back('\\');
        }
        switch (c) {
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\f':
                out += "\\f";
                break;
            default:
                out.push_back(c);
        }
    }
    return out;
}

}  // namespace

std::string_view name_of(Role role) {
    switch (role) {
        case Role::coordinator:
            return "coordinator";
        case Role::broker:
            return "broker";
    }
    UNREACHABLE();
}

std::string Node::name() const {
    return role == Role::coordinator ? fmt::format("{}-coordinator-{}", cluster, id)
                                     : fmt::format("{}-{}-{}", cluster, pool, id);
}

std::map<std::string, std::string> Node::labels() const {
    std::map<std::string, std::string> labels{
        {"app.kubernetes.io/name", "millrace"},
        {"app.kubernetes.io/instance", cluster},
        {"app.kubernetes.io/component", std::string(name_of(role))},
        {"app.kubernetes.io/managed-by", "millrace-operator"},
        {std::string(kLabelCluster), cluster},
        {std::string(kLabelRole), std::string(name_of(role))},
        {std::string(kLabelNodeId), std::to_string(id)},
    };
    if (!pool.empty()) {
        labels[std::string(kLabelPool)] = pool;
    }
    return labels;
}

std::string Node::settings_hash() const {
    Hash hash;
    hash.add(image);
    hash.add(resources);
    hash.add(storage.type);
    for (const auto& [name, content] : files) {
        hash.add(name);
        hash.add(content);
    }
    for (const std::string& argument : arguments) {
        hash.add(argument);
    }
    for (const Port& port : ports) {
        hash.add(port.name);
        hash.add(std::to_string(port.number));
    }
    return hash.digits();
}

std::string node_selector(std::string_view cluster, Role role, std::string_view pool) {
    std::string selector =
        fmt::format("{}={},{}={}", kLabelCluster, cluster, kLabelRole, name_of(role));
    if (!pool.empty()) {
        selector += fmt::format(",{}={}", kLabelPool, pool);
    }
    return selector;
}

std::string nodes_service(std::string_view cluster, Role role) {
    return fmt::format("{}-{}s", cluster, name_of(role));
}

std::string properties_text(const std::map<std::string, std::string>& entries) {
    std::string text;
    for (const auto& [key, value] : entries) {
        text += escaped(key, true) + "=" + escaped(value, false) + "\n";
    }
    return text;
}

}  // namespace millrace::kube_operator::resources
