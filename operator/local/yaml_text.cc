#include "operator/local/yaml_text.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 128;
constexpr std::size_t kNodesMax = 200'000;

// Plain scalars by the rules of YAML 1.2's core schema.
Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") {
        return text;  // quoted
    }
    if (text.empty() || text == "null" || text == "~") {
        return nullptr;
    }
    if (text == "true" || text == "false") {
        return text == "true";
    }
    const char* last = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), last, whole);
        read.ec == std::errc() && read.ptr == last) {
        return whole;
    }
    double real = 0;
    const bool numeric = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
    if (const auto read = std::from_chars(text.data(), last, real);
        numeric && read.ec == std::errc() && read.ptr == last) {
        return real;
    }
    return text;
}

class Converter {
 public:
    Result<Json> convert(const YAML::Node& node, int depth) {
        if (depth > kDepthMax || ++x_nodes > kNodesMax) {
            return fail(Errc::malformed,
                        "the YAML document is nested too deeply or has too many nodes");
        }
        if (node.IsMap()) {
            Json out = Json::object();
            for (const auto& entry : node) {
                out[entry.first.Scalar()] = TRY(convert(entry.second, depth + 1));
            }
            return out;
        }
        if (node.IsSequence()) {
            Json out = Json::array();
            for (const YAML::Node& item : node) {
                out.push_back(TRY(convert(item, depth + 1)));
            }
            return out;
        }
        return node.IsScalar() ? scalar(node) : Json(nullptr);
    }

 private:
    std::size_t x_nodes = 0;
};

}  // namespace

Result<nlohmann::json> parse_yaml(const std::string& text) {
    try {
        return Converter().convert(YAML::Load(text), 0);
    } catch (const YAML::Exception& error) {
        return fail(Errc::malformed,
                    fmt::format("not YAML at line {}: {}", error.mark.line + 1, error.msg));
    }
}

}  // namespace millrace::kube_operator::local
