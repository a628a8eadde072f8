#include "operator/kube/json_text.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::kube {
namespace {

constexpr int kDepthMax = 128;

const nlohmann::json& null_value() {
    static const nlohmann::json null;
    return null;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
    bool too_deep = false;
    auto check_depth = [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        too_deep = too_deep || depth > kDepthMax;
        return !too_deep;
    };
    try {
        nlohmann::json value = nlohmann::json::parse(text, check_depth);
        if (too_deep) {
            return fail(Errc::malformed,
                        fmt::format("JSON is nested deeper than {} levels", kDepthMax));
        }
        return value;
    } catch (const nlohmann::json::parse_error& error) {
        return fail(Errc::malformed, fmt::format("not JSON at byte {}", error.byte));
    } catch (const nlohmann::json::exception&) {
        return fail(Errc::malformed, "not JSON: a number is out of range");
    }
}

std::string to_text(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const nlohmann::json& value_at(const nlohmann::json& object,
                               std::initializer_list<std::string_view> path) {
    const nlohmann::json* at = &object;
    for (std::string_view key : path) {
        if (!at->is_object()) {
            return null_value();
        }
        auto found = at->find(key);
        if (found == at->end()) {
            return null_value();
        }
        at = &*found;
    }
    return *at;
}

std::string text_at(const nlohmann::json& object, std::initializer_list<std::string_view> path) {
    const nlohmann::json& value = value_at(object, path);
    return value.is_string() ? value.get<std::string>() : std::string();
}

bool flag_at(const nlohmann::json& object, std::initializer_list<std::string_view> path) {
    return value_at(object, path) == nlohmann::json(true);
}

std::int64_t number_at(const nlohmann::json& object, std::initializer_list<std::string_view> path,
                       std::int64_t fallback) {
    const nlohmann::json& value = value_at(object, path);
    return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

ObjectName name_of(const nlohmann::json& object) {
    return {text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"})};
}

}  // namespace millrace::kube_operator::kube
