#include "operator/local/json_path.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

struct Step {
    enum class Kind { field, index, all, filter };
    Kind kind = Kind::field;
    std::string field;  // of a filter: the field compared
    std::string value;  // of a filter
    std::int64_t index = 0;
};

std::string_view unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
                        text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<Step> bracket_step(std::string_view inside) {
    Step step;
    if (inside == "*") {
        step.kind = Step::Kind::all;
        return step;
    }
    if (inside.starts_with("?(") && inside.ends_with(')')) {
        inside = inside.substr(2, inside.size() - 3);
        const std::size_t equals = inside.find("==");
        std::string_view left = trimmed(inside.substr(0, equals));
        if (equals == std::string_view::npos || !left.starts_with("@.")) {
            return std::nullopt;
        }
        step.kind = Step::Kind::filter;
        step.field = left.substr(2);
        step.value = unquoted(trimmed(inside.substr(equals + 2)));
        return step;
    }
    if (inside.starts_with('\'') || inside.starts_with('"')) {
        step.field = unquoted(inside);
        return step;
    }
    step.kind = Step::Kind::index;
    const auto read = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
    return read.ec == std::errc() ? std::optional(step) : std::nullopt;
}

std::optional<std::vector<Step>> parse(std::string_view path) {
    std::vector<Step> steps;
    if (path.starts_with('{') && path.ends_with('}')) {
        path = path.substr(1, path.size() - 2);
    }
    while (!path.empty()) {
        if (path.front() == '[') {
            const bool filter = path.starts_with("[?(");
            const std::size_t end = filter ? path.find(")]") : path.find(']');
            if (end == std::string_view::npos) {
                return std::nullopt;
            }
            const std::optional<Step> step = bracket_step(path.substr(1, filter ? end : end - 1));
            if (!step) {
                return std::nullopt;
            }
            steps.push_back(*step);
            path.remove_prefix(filter ? end + 2 : end + 1);
            continue;
        }
        if (path.front() == '.') {
            path.remove_prefix(1);
        }
        std::string name;
        while (!path.empty() && path.front() != '.' && path.front() != '[') {
            const bool escaped = path.front() == '\\' && path.size() > 1;
            name += path[escaped ? 1 : 0];
            path.remove_prefix(escaped ? 2 : 1);
        }
        if (!name.empty()) {
            Step step;
            step.kind = name == "*" ? Step::Kind::all : Step::Kind::field;
            step.field = std::move(name);
            steps.push_back(std::move(step));
        }
    }
    return steps;
}

void follow(const Json& value, const Step& step, std::vector<const Json*>& out) {
    switch (step.kind) {
        case Step::Kind::field:
            if (value.is_object() && value.contains(step.field)) {
                out.push_back(&value[step.field]);
            }
            return;
        case Step::Kind::index: {
            if (!value.is_array()) {
                return;
            }
            const auto size = static_cast<std::int64_t>(value.size());
            const std::int64_t at = step.index < 0 ? size + step.index : step.index;
            if (at >= 0 && at < size) {
                out.push_back(&value[static_cast<std::size_t>(at)]);
            }
            return;
        }
        case Step::Kind::all:
        case Step::Kind::filter:
            if (!value.is_structured()) {
                return;
            }
            for (const Json& item : value) {
                const Json& compared = kube::value_at(item, {step.field});
                const std::string text =
                    compared.is_string() ? compared.get<std::string>() : compared.dump();
                if (step.kind == Step::Kind::all || text == step.value) {
                    out.push_back(&item);
                }
            }
            return;
    }
}

}  // namespace

std::vector<const nlohmann::json*> find_path(const nlohmann::json& object, std::string_view path) {
    const std::optional<std::vector<Step>> steps = parse(path);
    if (!steps) {
        return {};
    }
    std::vector<const Json*> values = {&object};
    for (const Step& step : *steps) {
        std::vector<const Json*> below;
        for (const Json* value : values) {
            follow(*value, step, below);
        }
        values = std::move(below);
    }
    return values;
}

bool set_path(nlohmann::json& object, std::string_view path, nlohmann::json value) {
    const std::optional<std::vector<Step>> steps = parse(path);
    if (!steps || steps->empty()) {
        return false;
    }
    Json* at = &object;
    for (const Step& step : *steps) {
        if (step.kind != Step::Kind::field || (!at->is_object() && !at->is_null())) {
            return false;
        }
        at = &(*at)[step.field];
    }
    *at = std::move(value);
    return true;
}

}  // namespace millrace::kube_operator::local
