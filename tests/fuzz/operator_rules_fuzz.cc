// What rules, selectors and columns of the API server are made of. The first byte chooses: a CEL rule with the object it is about,
// a selector, a JSONPath, a quantity; the second text stands behind a line "===".
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/kube/json_text.h"
#include "operator/local/cel_evaluator.h"
#include "operator/local/json_path.h"
#include "operator/local/quantity.h"
#include "operator/local/request_path.h"
#include "operator/local/selectors.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::kube_operator {
namespace {

using Json = nlohmann::json;
using Parts = std::vector<std::string_view>;

std::string_view part(const Parts& parts, std::size_t at) {
    return at < parts.size() ? parts[at] : std::string_view();
}

// Null where the text is no JSON.
Json json_of(std::string_view text) {
    Result<Json> value = kube::parse_json(text);
    return value ? std::move(*value) : Json();
}

void check_cel(const Parts& parts) {
    const Result<local::CelNodePtr> rule = local::parse_cel(part(parts, 0));
    if (!rule || !local::check_cel(**rule, {})) {
        return;
    }
    local::CelEvaluator evaluator(10'000);
    const Json object = json_of(part(parts, 1));
    evaluator.bind("self", local::cel_json(object));
    evaluator.bind("oldSelf", local::cel_json(object));
    const fuzz::MemoryMeter meter;
    const local::CelValue value = evaluator.evaluate(**rule);
    meter.check(part(parts, 0).size() + part(parts, 1).size() + (4 << 20), 16);
    CHECK(local::equal_cel(value, value) || local::failed(value) ||
          local::json_of(value) != nullptr);
}

void check_selectors(const Parts& parts) {
    const Json object = json_of(part(parts, 1));
    if (const auto labels = local::LabelSelector::parse(part(parts, 0))) {
        (void)labels->matches(object);
    }
    if (const auto fields = local::FieldSelector::parse(part(parts, 0))) {
        (void)fields->matches(object);
    }
    (void)local::parse_resource_path(part(parts, 0));
    (void)local::choose_form(part(parts, 0));
    (void)local::body_form(part(parts, 0));
}

void check_path(const Parts& parts) {
    Json object = json_of(part(parts, 1));
    (void)local::find_path(object, part(parts, 0));
    if (local::set_path(object, part(parts, 0), 7)) {
        const auto found = local::find_path(object, part(parts, 0));
        CHECK(found.size() == 1 && *found[0] == 7);
    }
}

void check_quantity(const Parts& parts) {
    const auto one = local::Quantity::parse(part(parts, 0));
    const auto other = local::Quantity::parse(part(parts, 1));
    if (one && other) {
        CHECK(*one + *other == *other + *one);
        CHECK((*one < *other) == (*other > *one));
        (void)one->as_integer();
        (void)(one->as_double() + one->sign());
    }
}

void check_input(fuzz::Input& input) {
    constexpr std::array kChecks{check_cel, check_selectors, check_path, check_quantity};
    const std::size_t choice = input.choice(kChecks.size());
    kChecks[choice](input.parts());
}

}  // namespace
}  // namespace millrace::kube_operator

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    millrace::kube_operator::check_input(input);
    return 0;
}
